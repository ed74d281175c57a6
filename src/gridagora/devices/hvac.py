"""Heating and cooling: the true two-state house with its on/off unit, and the one-state belief that plans and bids.

Theory 1.3, 1.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from gridagora.core.device import (
    DISCOMFORT_K_H,
    REFERENCE_PER_KWH,
    STARTS,
    THERMAL,
    Beside,
    Blocks,
    BoundPart,
    DearWindows,
    DeviceKind,
    DeviceOutcome,
    DeviceRecord,
    GroupBelief,
    Item,
    LastHour,
    Metered,
    Moment,
    Setting,
    Window,
    held_kw,
    spread,
    total_by_home,
)
from gridagora.core.forecast_error import ForecastError
from gridagora.core.records import Derived, RunColumn, row_blocks
from gridagora.core.registry import register
from gridagora.core.tables import Col, Flag, Homes, Index
from gridagora.kernels.coordination.dual import Answer
from gridagora.kernels.physics.control import TwoStateHouses as ControlledHouses
from gridagora.kernels.physics.control import discretise, steer
from gridagora.kernels.physics.etp import modes, step_coefficients
from gridagora.kernels.physics.fleet import (
    Control,
    Hours,
    HouseStates,
    HouseStep,
    house_step,
    houses,
)
from gridagora.kernels.physics.tcl import ACCOUNT, CONTINUOUS, PRIORITY, THERMOSTAT
from gridagora.kernels.stores.value import Stores, stores
from gridagora.population.acting_hour import ActingHour, goal_of, make_acting_hour
from gridagora.population.by_hand import set_back
from gridagora.population.comfort import ComfortDeviation, felt_in_quarters_k2_h, in_intervals
from gridagora.population.heat_pump import COLUMNS, HeatPumps, describe
from gridagora.population.house_belief import Belief, HourBelief
from gridagora.population.quality import comfort_ratio

T_REF_DEGC = 24.0  # the stored coolth or warmth is counted from here
FAST_PRESENT = 0.5  # share of the fast mode that a five-minute bid takes as it is now; the rest has settled (theory 1.4)
REACH_K = 40.0  # the belief knows no tighter bounds: comfort alone holds the house
END_SHARE = (
    0.5  # energy left in the house at the end of the window is worth this share of the mean price
)
DEFAULT_K = 0.05  # $/(K2 h)
MASS_ABOVE_AIR_K = 0.5  # the run starts at the set point, the mass a little warmer while cooling, cooler while heating
BAND_K = 1.0  # discomfort counts beyond this distance from the set point
CHUNK = 1024  # houses of a bound answered at a time: their blocks take memory
DISPATCH = MappingProxyType(
    {"thermostat": THERMOSTAT, "account": ACCOUNT, "continuous": CONTINUOUS, "priority": PRIORITY}
)


@dataclass(frozen=True)
class Hvac:
    """n units: comfort value, set point and bliss temperature, heat flows, capacity and power by hour, and both beliefs."""

    home: Index  # (n,) row of the home
    comfort_per_k2_h: Col  # (n,) k of k/2 (T - bliss)^2 [$/(K2 h)]
    set_degc: Col  # (n, H)
    best_degc: Col  # (n, H) bliss temperature
    heating: Flag  # (n, H)
    q_air_kw: Col  # (n, H)
    q_mass_kw: Col  # (n, H)
    unit_kw: Col  # (n, H) heat to the air when on, negative while cooling
    rated_kw: Col  # (n, H) electric power when on
    cop: Col  # (n, H)
    ua_kw_k: Col  # (n,)
    hm_kw_k: Col  # (n,)
    ca_kwh_k: Col  # (n,)
    cm_kwh_k: Col  # (n,)
    coef: Col  # (n, 12) of a one-minute step, as `kernels.physics.house` orders them [1], [K/kW]
    slow_air: Col  # (n,) weight of the air in the slow part of the air [1]
    slow_mass: Col  # (n,) weight of the mass there [1]
    settled_k: Col  # (n, H) fast part of the air without power, in the sense of x
    hourly: Belief
    short: Belief
    short_h: float  # length of a real-time interval
    resting: Stores  # what does not change from bid to bid, one short step


def of(
    homes: Homes,
    comfort_per_k2_h: float | Col = DEFAULT_K,
    reference_per_kwh: float = REFERENCE_PER_KWH,
    short_h: float = 1 / 12,
) -> Hvac:
    """Units that homes own; at the bliss temperature an optimised home takes the thermostat's energy at the reference price.

    Parameters
    ----------
    homes
        n homes over H hours, of which some own a unit.
    comfort_per_k2_h
        k of the disutility k/2 (T - bliss)^2 of a standard home, one value or (n,) [$/(K2 h)]; slider and tier multiply it.
    reference_per_kwh
        Price r at which the set point was chosen: bliss = set point -+ r ua / (cop k), lower while cooling [$/kWh].
    short_h
        Length of a real-time interval [h].
    """
    owned: HeatPumps = homes.owned["hvac"]
    n = len(owned.home)
    k = (np.asarray(comfort_per_k2_h, float) * comfort_ratio(homes))[owned.home]
    side = np.where(owned.heating, 1.0, -1.0)
    shift = reference_per_kwh * owned.ua_kw_k[:, None] / (owned.cop * k[:, None])
    best = owned.t_set_degc + side * shift
    capacity = np.where(owned.heating, owned.heat_kw[:, None], owned.cool_kw[:, None])
    shell = (owned.ua_kw_k, owned.hm_kw_k, owned.ca_kwh_k, owned.cm_kwh_k)
    mode = modes(*shell)
    hourly, settled = _belief(owned, best, side, 1.0)
    short, _ = _belief(owned, best, side, short_h)
    return Hvac(
        home=owned.home,
        comfort_per_k2_h=k,
        set_degc=owned.t_set_degc,
        best_degc=best,
        heating=owned.heating,
        q_air_kw=owned.q_air_kw,
        q_mass_kw=owned.q_mass_kw,
        unit_kw=side * capacity,
        rated_kw=capacity / owned.cop,
        cop=owned.cop,
        ua_kw_k=owned.ua_kw_k,
        hm_kw_k=owned.hm_kw_k,
        ca_kwh_k=owned.ca_kwh_k,
        cm_kwh_k=owned.cm_kwh_k,
        coef=step_coefficients(*shell, 1 / 60),
        slow_air=mode.air_share,
        slow_mass=mode.mass_share,
        settled_k=settled,
        hourly=hourly,
        short=short,
        short_h=short_h,
        resting=stores(
            np.zeros(n),
            [short_h],
            leak=short.leak[:, None],
            x_min=-REACH_K,
            x_max=REACH_K,
            k_c=k[:, None] / (1 - FAST_PRESENT),
            c_x=short.c_x[:, None],
            end_x=(-REACH_K, REACH_K),
        ),
    )


def _belief(owned: HeatPumps, best: Col, side: Col, step_h: float) -> tuple[Belief, Col]:
    """Belief over steps of one length, and the settled fast part of the air without power."""
    mode = modes(owned.ua_kw_k, owned.hm_kw_k, owned.ca_kwh_k, owned.cm_kwh_k)
    leak = np.exp(mode.slow_per_h * step_h)
    ca, cm = owned.ca_kwh_k[:, None], owned.cm_kwh_k[:, None]
    slow_air, slow_mass = mode.air_share[:, None], mode.mass_share[:, None]
    slow_h = (np.expm1(mode.slow_per_h * step_h) / mode.slow_per_h)[:, None]
    fast_h = (-1 / mode.fast_per_h)[:, None]
    heat_air = (
        owned.q_air_kw - owned.ua_kw_k[:, None] * T_REF_DEGC
    ) / ca  # K/h, about the reference temperature
    heat_mass = owned.q_mass_kw / cm
    gain = slow_h * slow_air * owned.cop / ca
    drift = side * slow_h * (slow_air * heat_air + slow_mass * heat_mass)
    settled = side * fast_h * ((1 - slow_air) * heat_air - slow_mass * heat_mass)
    c_p = fast_h * (1 - slow_air) * owned.cop / ca + gain / 2
    c_0 = side * (T_REF_DEGC - best) + settled + drift / 2
    return Belief(leak, gain, drift, (1 + leak) / 2, c_p, c_0), settled


def take(table: Hvac, rows: Index | slice) -> Hvac:
    """Return the units of some rows (k,)."""
    picked = {f.name: getattr(table, f.name) for f in fields(table)}
    for name, value in picked.items():
        if isinstance(value, Belief):
            picked[name] = Belief(*(column[rows] for column in value))
        elif isinstance(value, Stores):
            picked[name] = Stores(
                *(
                    column if key == "dt_h" else column[rows]
                    for key, column in value._asdict().items()
                )
            )
        elif isinstance(value, np.ndarray):
            picked[name] = value[rows]
    return Hvac(**picked)


def stored_k(table: Hvac, state: HouseStates, hour: int) -> Col:
    """State x of the belief now, shape (n,) [K]: the slow part of the air against 24 degC, in the sense of the hour's mode."""
    slow = table.slow_air * (state.t_air_degc - T_REF_DEGC) + table.slow_mass * (
        state.t_mass_degc - T_REF_DEGC
    )
    return np.where(table.heating[:, hour], slow, -slow)


def spec(
    table: Hvac, state: HouseStates, hour: int, hours: int = 24, value_per_kwh: float | Col = 0.0
) -> Stores:
    """Hourly belief of n units over a window of h hours, for a plan.

    Parameters
    ----------
    table, state
        The units and their true temperatures.
    hour, hours
        First hour of the window and its length.
    value_per_kwh
        Mean of the forecast price, one or (n,) [$/kWh]; half of it values the energy left in the house at the end.

    Notes
    -----
    x after an hour is coolth or warmth by the mode of that hour. Where the mode changes, leak and c_x of the first hour in the
    new mode are negative: coolth left by the night is warmth that the morning lacks. An hour without a unit for its mode has no
    power and no comfort term, and as the last one of the window it leaves nothing of worth.
    """
    t, b = slice(hour, hour + hours), table.hourly
    heating, served = table.heating[:, t], table.rated_kw[:, t] > 0
    turns = np.diff(heating, axis=1, prepend=heating[:, :1])
    way = np.where(turns, -1.0, 1.0) if turns.any() else np.ones((1, 1))
    end = (
        END_SHARE
        * np.maximum(value_per_kwh, 0.0)
        * served[:, -1]
        / b.gain_k_kw[:, hour + hours - 1]
    )
    return stores(
        stored_k(table, state, hour),
        np.ones(hours),
        leak=way * b.leak[:, None],
        inflow=b.drift_k[:, t],
        p_max_kw=table.rated_kw[:, t],
        x_min=-REACH_K,
        x_max=REACH_K,
        gain_in=b.gain_k_kw[:, t],
        k_c=np.where(served, table.comfort_per_k2_h[:, None], 0.0),
        c_x=way * b.c_x[:, None],
        c_p=b.c_p[:, t],
        c_0=b.c_0[:, t],
        end_x=(-REACH_K, REACH_K),
        end_mu=end[:, None],
    )


def misjudge(table: Hvac, believed: Stores, warmer_k: Col, hour: int) -> Stores:
    """Return the belief of a window that expects the outdoors to be warmer than it will be by (n, h) [K].

    The heat that so comes through the shell acts on the air as that of the unit does when it draws `like_kw`, so that drift and
    departure move by what that power moves them by. What the unit draws for its heat is taken as known.
    """
    t, b = slice(hour, hour + warmer_k.shape[1]), table.hourly
    side = np.where(table.heating[:, t], 1.0, -1.0)
    like_kw = side * table.ua_kw_k[:, None] * warmer_k / table.cop[:, t]
    return believed._replace(
        inflow=believed.inflow + b.gain_k_kw[:, t] * like_kw,
        c_0=believed.c_0 + b.c_p[:, t] * like_kw,
    )


def spec_now(
    table: Hvac, state: HouseStates, hour: int, believed: HourBelief | None = None
) -> Stores:
    """Belief of the next real-time interval, for a bid: half of the fast mode is present, half has settled.

    With f = `FAST_PRESENT` and s the settled response of the fast mode to a kW, the departure from bliss that follows is
    c_x x + c_0 + f (fast part now less its settled value without power) + (1 - f) s p, and a kW counts with its full
    effect s. The gradient k s (...) is that of a row with k_c = k / (1 - f) and c_p = (1 - f) s. The end value is the plan's:
    nil here. `believed` is what bids of the hour have in common, where the caller has it.
    """
    held = belief_of(table, hour) if believed is None else believed
    air, mass = state.t_air_degc - T_REF_DEGC, state.t_mass_degc - T_REF_DEGC
    x = held.side * (table.slow_air * air + table.slow_mass * mass)
    fast = held.side * air - x
    c_0 = held.c_0 + FAST_PRESENT * (fast - held.settled_k)
    return table.resting._replace(x0=x, c_0=c_0[:, None], **held.columns)


def belief_of(table: Hvac, hour: int) -> HourBelief:
    """Return what bids of an hour have in common."""
    b, gain = table.short, table.short.gain_k_kw[:, hour, None]
    columns = {
        "inflow": b.drift_k[:, hour, None],
        "p_max_kw": table.rated_kw[:, hour, None],
        "gain_in": gain / table.short_h,
        "c_p": (1 - FAST_PRESENT) * (b.c_p[:, hour, None] - gain / 2),
    }
    side = np.where(table.heating[:, hour], 1.0, -1.0)
    return HourBelief(side, b.c_0[:, hour], table.settled_k[:, hour], columns)


def hours_now(table: Hvac, hour: int, at_bliss: Flag | bool = False) -> Hours:  # noqa: FBT001, FBT002
    """What acts on the houses in an hour, fields (n,); the set point is the bliss temperature where units follow a target."""
    columns = (table.q_air_kw, table.q_mass_kw, table.unit_kw, table.rated_kw)
    goal = np.where(at_bliss, table.best_degc[:, hour], table.set_degc[:, hour])
    return Hours(
        *(
            np.ascontiguousarray(column)
            for column in (*(column[:, hour] for column in columns), goal)
        )
    )


def step(
    table: Hvac,
    state: HouseStates,
    now: Hours,
    p_target_kw: Col,
    rule: int,
    control: Control = Control(),
    minutes: int = 5,
    out: HouseStep | None = None,
    group: Index | None = None,
    order: Index | None = None,
) -> HouseStep:
    """Step the true houses by their orders (n,) [kW]; see `kernels.physics.fleet.house_step`. `state` is changed in place."""
    return house_step(
        state, table.coef, now, p_target_kw, rule, control, minutes, out, group, order
    )


@register("device", "hvac")
@dataclass(frozen=True)
class HvacGroup:
    """Air conditioners and heat pumps, with the two temperatures of each house; without orders a thermostat switches them."""

    about: ClassVar[DeviceKind] = DeviceKind(
        "hvac",
        "Heating and cooling",
        "#6bb5dd",
        rank=0,
        series=("t_air_degc",),
        family=THERMAL,
        table=HeatPumps,
        columns=COLUMNS,
        describe=describe,
        items=(Item("comfort", "Discomfort", "#cc6677", is_by_home=True),),
        measures={"discomfort_k_h": DISCOMFORT_K_H, "hvac_starts": STARTS},
    )
    table: Hvac
    houses: HouseStates
    group: Index  # (n,) service transformer of the home, within which units are ranked
    starts: Col  # (n,) count of those of the unit so far
    rule: int
    control: Control
    error: ForecastError | None = None  # of the outdoor temperature that plans believe in
    dear: DearWindows | None = None  # in which people who act by hand set the thermostat back
    acting: LastHour[ActingHour] = field(default_factory=LastHour, init=False, compare=False)
    believed: LastHour[HourBelief] = field(default_factory=LastHour, init=False, compare=False)

    @classmethod
    def of(cls, setting: Setting) -> "HvacGroup | None":
        """Return units at rest, air at its set point."""
        if "hvac" not in setting.homes.owned:
            return None
        table = of(setting.homes, setting.comfort_per_k2_h, setting.reference_per_kwh, setting.dt_h)
        air = table.set_degc[:, 0]
        mass = air + np.where(table.heating[:, 0], -MASS_ABOVE_AIR_K, MASS_ABOVE_AIR_K)
        control = Control(hold_min=setting.rest_min)
        return cls(
            table,
            houses(air, mass),
            setting.group[table.home],
            np.zeros(len(air)),
            DISPATCH[setting.dispatch],
            control,
            setting.errors.outdoor,
            setting.dear,
        )

    @property
    def home(self) -> Index:
        """Home of every unit, shape (n,)."""
        return self.table.home

    def believe(self, window: Window) -> GroupBelief:
        """Return what the units believe of a window."""
        hour, hours, value = window.hour, window.hours, window.value_of(self.home)
        believed = spec(self.table, self.houses, hour, hours, value)
        if self.error is not None:
            warmer_k = self.error.offset(self.home, hour, hour, hours)
            believed = misjudge(self.table, believed, warmer_k, hour)
        return GroupBelief(np.arange(len(self.home)), believed)

    def planned_kw(self, window: Window, price_per_kwh: Col) -> Col:
        """Return no power: when a unit runs is up to the plan."""
        return np.zeros((len(self.home), window.hours))

    def tender(self, now: Moment, rows: Index) -> Stores:
        """Return what the units believe of the next interval."""
        del rows
        believed = self.believed.of(now.hour, lambda hour: belief_of(self.table, hour))
        return spec_now(self.table, self.houses, now.hour, believed)

    def step(self, p_target_kw: Col | None, now: Moment, beside: Beside) -> Metered:
        """Step the houses by the minute."""
        del beside
        acting = self.acting.of(now.hour, self._act)
        asked = np.full_like(self.starts, np.nan) if p_target_kw is None else p_target_kw
        got = step(
            self.table,
            self.houses,
            goal_of(acting, asked),
            asked,
            self.rule,
            self.control,
            round(60 * now.dt_h),
            group=self.group,
            order=acting.order,
        )
        np.add(self.starts, got.starts * acting.is_served, out=self.starts)
        drift = acting.gain_kw * now.dt_h - self.table.ua_kw_k * got.t_air_degc * now.dt_h
        return Metered(
            got.e_kwh / now.dt_h,
            drift + acting.heat_per_kwh * got.e_kwh,
            {"t_air_degc": got.t_air_degc},
        )

    def _act(self, hour: int) -> ActingHour:
        """Return what acts in an hour."""
        now = set_back(hours_now(self.table, hour), self.dear, self.home, hour)
        return make_acting_hour(now, self.table.best_degc[:, hour], self.group)

    def observe(self, now: Moment) -> Mapping[str, Col]:
        """Return the temperature of the air and its set point; that of the mass no one measures."""
        return {
            "t_air_degc": self.houses.t_air_degc.copy(),
            "t_set_degc": self.table.set_degc[:, now.hour].copy(),
        }

    def rated_kva(self) -> Col:
        """Return zeros: there is no inverter."""
        return np.zeros(len(self.home))

    def stored_kwh(self) -> Col:
        """Return the heat in every house above 0 degC, shape (n,)."""
        return (
            self.table.ca_kwh_k * self.houses.t_air_degc
            + self.table.cm_kwh_k * self.houses.t_mass_degc
        )

    def feel(self, lived: DeviceRecord) -> DeviceOutcome:
        """Return discomfort, starts, and the electricity that the heat or coolth left displaces.

        Without a unit for the mode of the hour, nothing that anybody does is felt.
        """
        t, air, dt = self.table, lived.series["t_air_degc"], lived.dt_h
        steps, away, felt_k2_h = air.shape[1], [], []
        hours = -(-steps // round(1 / dt))
        deviation = ComfortDeviation(air, t.best_degc[:, :hours], t.rated_kw[:, :hours] > 0, dt)
        for rows in row_blocks(air.shape):
            felt_k2_h.append(felt_in_quarters_k2_h(deviation.of(rows, slice(None)), dt))
            usual, served = (
                in_intervals(each[rows], dt)[:, :steps]
                for each in (t.set_degc[:, :hours], deviation.is_served)
            )
            away.append(((np.abs(air[rows] - usual) - BAND_K).clip(min=0) * served).sum(1) * dt)
        side = np.where(t.heating[:, hours - 1], 1.0, -1.0)
        n = len(lived.home_kw)

        def by_home(values: Col) -> Col:
            return total_by_home(values, self.home, n)

        felt = Derived((air.shape[0], air.shape[1]), deviation.of)
        return DeviceOutcome(
            by_home(side * self.stored_kwh() / t.cop[:, hours - 1]),
            {"comfort": by_home(t.comfort_per_k2_h / 2 * np.concatenate(felt_k2_h))},
            {"discomfort_k_h": by_home(np.concatenate(away)), "hvac_starts": by_home(self.starts)},
            {"comfort_dev_k": spread(felt, self.home, n)},
        )

    def bound(self, blocks: Blocks) -> BoundPart:
        """Return the houses with both temperatures, units that take any power each step."""
        t, state = self.table, _copied(self.houses, slice(None))
        dt, ones = 1.0 / blocks.blocks_h, np.ones(len(t.home))
        spans = [slice(at, at + CHUNK) for at in range(0, len(t.home), CHUNK)]

        def answer(price: Col, threads: int) -> Answer:
            found = []
            for rows in spans:
                some = _copied(state, rows)
                found.append(
                    steer(controlled(take(t, rows), some, blocks), price, dt, blocks.steps, threads)
                )
            return Answer(
                *(
                    np.concatenate(column)
                    for column in zip(*(each[:3] for each in found), strict=True)
                )
            )

        none, most = np.zeros(len(blocks.hour)), t.rated_kw[:, blocks.hour].sum(0)
        return BoundPart(answer, none, most, most, t.cm_kwh_k / t.hm_kw_k, 12, ones, ones)

    def orders_kw(self, block_kw: Col, steps: int, dt_h: float) -> RunColumn:
        """Return the power of each block."""
        del dt_h
        return held_kw(block_kw, steps)


def _copied(state: HouseStates, rows: slice) -> HouseStates:
    """Return a copy of the state of some houses."""
    temperatures = state.t_air_degc[rows].copy(), state.t_mass_degc[rows].copy()
    switch = state.on[rows].copy(), state.since_min[rows].copy()
    return HouseStates(*temperatures, *switch, state.owed_kwh[rows].copy())


def controlled(table: Hvac, state: HouseStates, blocks: Blocks) -> ControlledHouses:
    """Return houses as the bound sees them; an hour whose mode the home has no unit for costs no comfort, as in a run."""
    t, hour, last = table, blocks.hour, blocks.hour[-1]
    heat = t.unit_kw[:, hour]
    source = np.stack(
        [t.q_air_kw[:, hour] / t.ca_kwh_k[:, None], t.q_mass_kw[:, hour] / t.cm_kwh_k[:, None]],
        axis=2,
    )
    price_k = np.where(t.heating[:, last], -1.0, 1.0) * blocks.left_per_kwh / t.cop[:, last]
    return ControlledHouses(
        *discretise(
            t.ua_kw_k, t.hm_kw_k, t.ca_kwh_k, t.cm_kwh_k, 1.0 / (blocks.blocks_h * blocks.steps)
        ),
        np.stack([state.t_air_degc, state.t_mass_degc], axis=1),
        source,
        heat / t.ca_kwh_k[:, None],
        t.rated_kw[:, hour],
        t.best_degc[:, hour],
        t.comfort_per_k2_h[:, None] / blocks.blocks_h * (heat != 0.0),
        price_k[:, None] * np.stack([t.ca_kwh_k, t.cm_kwh_k], axis=1),
    )
