"""Electric water heater: a one-node tank that pays for water below a least temperature (theory 1.5)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from gridagora.core.device import (
    HOT_WATER,
    HOT_WATER_K_H,
    Beside,
    Blocks,
    BoundPart,
    DeviceKind,
    DeviceOutcome,
    DeviceRecord,
    GroupBelief,
    Item,
    Metered,
    Moment,
    Setting,
    SomeRows,
    Window,
    held_kw,
    total_by_home,
)
from gridagora.core.forecast_error import ForecastError
from gridagora.core.records import RunColumn
from gridagora.core.registry import register
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.coordination.dual import Answer
from gridagora.kernels.physics.fleet import (
    CONTINUOUS,
    THERMOSTAT,
    TankControl,
    Tanks,
    TankStep,
    TankTable,
    tank_step,
)
from gridagora.kernels.stores.table import FIELDS
from gridagora.kernels.stores.value import Stores, best_response, rows, stores
from gridagora.population.hot_water import COLUMNS, WaterHeaterKeys, WaterHeaters, draw
from gridagora.population.quality import denied_ratio
from gridagora.population.tank_keeping import Keeping, held_share, keep

KWH_PER_GALLON_K = 3.785 * 4.183 / 3600
UA_KW_K_50_GALLON = 2.0 * 0.000293071 * 1.8  # 2 Btu/(h F)
DEFAULT_K = 0.01  # $/(K2 h)
FULL_ENOUGH_DEGC = 46.0  # at the end of a window heat above this is worth nothing
ABOVE_K = 1e3  # in the bound the taste is switched off above the least temperature: nobody pays for warm water
CHUNK = 128  # tanks of a bound answered at a time: their steps take memory
NEAR_K = 3.0  # water of a tank that may change its power every step, from that of one that holds it through a block
CLEAR_K = 1e-6  # water nearer to a bound may be kept by it
COLDEST_DEGC = 25.0  # the belief stops here: no price is put on colder water


@dataclass(frozen=True)
class WaterHeater:
    """n tanks of a run."""

    home: Index  # (n,) row of the home
    cap_kwh_k: Col  # (n,)
    ua_kw_k: Col  # (n,)
    rated_kw: Col  # (n,)
    set_degc: Col  # (n,)
    draw_kw: Col  # (n, H) heat really drawn
    draw_set_kwh: Col  # (n, S, 24) equally likely draws of each local hour of day
    local_hour: Index  # (H,) local hour of day
    likely_kw: Col  # (n, 24) mean of the likely draws
    discomfort_per_k2_h: Col  # (n,) k of k/2 (t_min - T)^2 [$/(K2 h)]
    control: TankControl
    short_h: float  # length of a real-time interval
    resting: Stores  # what does not change from bid to bid, one short step
    keeping: Keeping  # over a real-time interval


def of(
    homes: Homes,
    local_hour: Index,
    set_degc: float = 52.0,
    discomfort_per_k2_h: float = DEFAULT_K,
    control: TankControl = TankControl(),
    short_h: float = 1 / 12,
) -> WaterHeater:
    """Tanks of the homes, some of which own one; `local_hour` (H,) is the local hour of day of each hour of the homes.

    `discomfort_per_k2_h` is that of a standard home; the tier of a home multiplies it.
    """
    owned: WaterHeaters = homes.owned["water_heater"]
    per_k2_h = discomfort_per_k2_h * denied_ratio(homes)[owned.home]
    n, likely = len(owned.home), owned.draw_set_kwh
    size = (owned.cap_kwh_k, owned.ua_kw_k, owned.rated_kw)
    fields = _common(*size, per_k2_h, control, short_h)
    resting = stores(
        np.full(n, set_degc), [short_h], **fields, end_x=(COLDEST_DEGC, control.t_max_degc)
    )
    return WaterHeater(
        home=owned.home,
        cap_kwh_k=size[0],
        ua_kw_k=size[1],
        rated_kw=size[2],
        set_degc=np.full(n, set_degc),
        draw_kw=owned.draw_kwh,
        draw_set_kwh=likely,
        local_hour=np.asarray(local_hour, np.int64),
        likely_kw=likely.mean(1),
        discomfort_per_k2_h=per_k2_h,
        control=control,
        short_h=short_h,
        resting=resting,
        keeping=keep(size[0], size[1], control.t_room_degc, short_h),
    )


def size(gallons: float) -> tuple[float, float, float]:
    """Heat capacity [kWh/K], losses [kW/K] and element [kW] of a tank of some US gallons.

    References
    ----------
    GridLAB-D, residential/waterheater: 2 Btu/(h F) at 50 gal; elements of 3.2, 3.5 and 4.5 kW.
    """
    element = 4.5 if gallons >= 50 else 3.5 if gallons >= 30 else 3.2
    return gallons * KWH_PER_GALLON_K, UA_KW_K_50_GALLON * gallons / 50, element


def take(table: WaterHeater, rows: Index | slice) -> WaterHeater:
    """Return the tanks of some rows (k,)."""
    own = (
        "home",
        "cap_kwh_k",
        "ua_kw_k",
        "rated_kw",
        "set_degc",
        "draw_kw",
        "draw_set_kwh",
        "likely_kw",
        "discomfort_per_k2_h",
    )
    resting = Stores(
        *(
            column if name == "dt_h" else column[rows]
            for name, column in table.resting._asdict().items()
        )
    )
    keeping = Keeping(*(column[rows] for column in table.keeping))
    picked = {name: getattr(table, name)[rows] for name in own}
    return replace(table, **picked, resting=resting, keeping=keeping)


def start(table: WaterHeater) -> Tanks:
    """Tanks at their set point, elements off."""
    return Tanks(table.set_degc.copy(), np.zeros(len(table.home), np.bool_))


def _common(
    cap_kwh_k: Col,
    ua_kw_k: Col,
    rated_kw: Col,
    discomfort_per_k2_h: Col,
    control: TankControl,
    step_h: float,
) -> dict[str, ArrayLike]:
    low, high = control.t_min_degc, control.t_max_degc
    gain = held_share(cap_kwh_k, ua_kw_k, step_h) / cap_kwh_k
    return {
        "leak": np.exp(-ua_kw_k * step_h / cap_kwh_k)[:, None],
        "gain_in": gain[:, None],
        "p_max_kw": rated_kw[:, None],
        "x_min": COLDEST_DEGC,
        "x_max": high,
        "k_x": discomfort_per_k2_h[:, None],
        "x_set": (low + high) / 2,
        "dead": (high - low) / 2,
    }


def _inflow(table: WaterHeater, keeping: Keeping, draw_kw: Col, step_h: float) -> Col:
    """Rise of a step without power, from the room and the draw, shape of the draw (n, h) [K]."""
    lost = keeping.held[:, None] * draw_kw * step_h / table.cap_kwh_k[:, None]
    return keeping.from_room_k[:, None] - lost


def spec(
    table: WaterHeater,
    state: Tanks,
    hour: int,
    hours: int = 24,
    value_per_kwh: float | Col = 0.0,
    *,
    known_draws: bool = False,
    factor: Col | float = 1.0,
) -> Stores:
    """Hourly belief of n tanks over a window; state x is the water temperature [degC].

    With `known_draws` the true draws flow in, times `factor` (n, h) [1]; otherwise none do, and the plan must be given
    `draws(table, hour, hours)`, whose expectation it takes inside the recursion. Heat left below `FULL_ENOUGH_DEGC` is worth the
    mean forecast price, one or (n,) [$/kWh].
    """
    drawn = (
        table.draw_kw[:, hour : hour + hours] * factor
        if known_draws
        else np.zeros((len(table.home), hours))
    )
    size = (table.cap_kwh_k, table.ua_kw_k, table.rated_kw)
    value = np.maximum(value_per_kwh, 0.0) * table.cap_kwh_k
    worth = value[:, None] * np.array([1.0, 1.0, 0.0, 0.0])
    return stores(
        np.maximum(state.t_tank_degc, COLDEST_DEGC),
        np.ones(hours),
        inflow=_inflow(table, keep(*size[:2], table.control.t_room_degc, 1.0), drawn, 1.0),
        end_x=(COLDEST_DEGC, FULL_ENOUGH_DEGC, FULL_ENOUGH_DEGC, table.control.t_max_degc),
        end_mu=worth,
        **_common(*size, table.discomfort_per_k2_h, table.control, 1.0),
    )


def draws(table: WaterHeater, hour: int, hours: int = 24, rows: SomeRows = slice(None)) -> Col:
    """Equally likely extra inflows of each hour of a window, some tanks or all, shape (k, S, h) [K], negative."""
    clock, per_kwh = table.local_hour[hour : hour + hours], _rise_per_kwh(table)[rows]
    drawn = table.draw_set_kwh[rows].take(clock, axis=2)
    return np.asarray(-per_kwh[:, None, None] * drawn)


def _rise_per_kwh(table: WaterHeater) -> Col:
    """Rise of a tank by the heat of an hour, shape (n,) [K/kWh]."""
    return held_share(table.cap_kwh_k, table.ua_kw_k, 1.0) / table.cap_kwh_k


@dataclass(frozen=True)
class LikelyInflows:
    """`draws` of a window, made for some rows at a time: those of all tanks take many times the room of the tanks."""

    table: WaterHeater
    hour: int
    hours: int
    error: ForecastError | None = None

    def __getitem__(self, rows: SomeRows) -> Col:
        """Return the draws of some tanks, shape (k, S, h) [K]."""
        likely = draws(self.table, self.hour, self.hours, rows)
        if self.error is None:
            return likely
        home = self.table.home[rows]
        return likely * self.error.factor(home, self.hour, self.hour, self.hours)[:, None, :]

    def mean(self, axis: int) -> Col:
        """Return the mean of the draws of every tank, shape (n, h) [K]; axis 1."""
        del axis
        clock = self.table.local_hour[self.hour : self.hour + self.hours]
        likely: Col = -_rise_per_kwh(self.table)[:, None] * self.table.likely_kw[:, clock]
        if self.error is None:
            return likely
        return likely * self.error.factor(self.table.home, self.hour, self.hour, self.hours)


def spec_now(
    table: WaterHeater, state: Tanks, hour: int, *, share: float, known_draws: bool = False
) -> Stores:
    """Belief of the next real-time interval, for a bid; the end value is that of the plan: nil here.

    The interval ends at `share` of its hour. In the first one the mean of the likely draws flows out (the true one where known);
    later a tank has felt the draw of the hour, believes that it lasts, and heats for what is still to come above that mean,
    which the plan does not know of.
    """
    mean = table.likely_kw[:, table.local_hour[hour]]
    felt = known_draws or share > 1.5 * table.short_h
    drawn = table.draw_kw[:, hour] if felt else mean
    to_come = 0.0 if known_draws else (drawn - mean) * (1 - share)
    felt_kw = drawn + to_come / table.short_h
    inflow = _inflow(table, table.keeping, felt_kw[:, None], table.short_h)
    return table.resting._replace(x0=np.maximum(state.t_tank_degc, COLDEST_DEGC), inflow=inflow)


def tank_table(table: WaterHeater) -> TankTable:
    """Columns of the physics kernel."""
    return TankTable(table.cap_kwh_k, table.ua_kw_k, table.rated_kw, table.set_degc)


def step(
    table: WaterHeater,
    state: Tanks,
    hour: int,
    p_target_kw: Col,
    rule: int,
    minutes: int = 5,
    out: TankStep | None = None,
) -> TankStep:
    """Step the true tanks with the draws of an hour by their orders (n,) [kW]; see `kernels.physics.fleet.tank_step`.

    `state` is changed in place.
    """
    drawn = np.ascontiguousarray(table.draw_kw[:, hour])
    return tank_step(
        state, tank_table(table), drawn, p_target_kw, rule, table.control, minutes, out
    )


@register("device", "water_heater")
@dataclass(frozen=True)
class WaterHeaterGroup:
    """Electric hot-water tanks; without orders a thermostat switches the element."""

    about: ClassVar[DeviceKind] = DeviceKind(
        "water_heater",
        "Water heaters",
        "#cc6677",
        rank=1,
        keys=WaterHeaterKeys,
        draw=draw,
        family=HOT_WATER,
        table=WaterHeaters,
        columns=COLUMNS,
        items=(Item("hot water", "Hot water", "#e2a08f"),),
        measures={"hot_water_k_h": HOT_WATER_K_H},
    )
    table: WaterHeater
    tanks: Tanks
    short_k_h: Col  # (r,) shortfall below the least temperature so far [K h]
    short_k2_h: Col  # (r,) its square [K2 h]
    are_draws_known: bool
    error: ForecastError | None = None  # of the draws that plans believe in

    @classmethod
    def of(cls, setting: Setting) -> "WaterHeaterGroup | None":
        """Return tanks at their set point."""
        if "water_heater" not in setting.homes.owned:
            return None
        table = of(setting.homes, setting.local_hour, short_h=setting.dt_h)
        none = np.zeros((2, len(table.home)))
        known, error = setting.are_draws_known, setting.errors.draws
        return cls(table, start(table), none[0], none[1], known, error)

    @property
    def home(self) -> Index:
        """Home of every tank, shape (r,)."""
        return self.table.home

    def believe(self, window: Window) -> GroupBelief:
        """Return what the tanks believe of a window."""
        hour, hours, value = window.hour, window.hours, window.value_of(self.home)
        known, error = self.are_draws_known, self.error
        likely = None if known else LikelyInflows(self.table, hour, hours, error)
        factor = 1.0 if error is None else error.factor(self.home, hour, hour, hours)
        stores = spec(self.table, self.tanks, hour, hours, value, known_draws=known, factor=factor)
        return GroupBelief(np.arange(len(self.home)), stores, likely)

    def planned_kw(self, window: Window, price_per_kwh: Col) -> Col:
        """Return no power: when a tank heats is up to the plan."""
        return np.zeros((len(self.home), window.hours))

    def tender(self, now: Moment, rows: Index) -> Stores:
        """Return what the tanks believe of the next interval."""
        del rows
        return spec_now(
            self.table, self.tanks, now.hour, share=now.end_share, known_draws=self.are_draws_known
        )

    def step(self, p_target_kw: Col | None, now: Moment, beside: Beside) -> Metered:
        """Step the tanks and add up the shortfall."""
        del beside
        table = self.table
        asked = np.full_like(self.short_k_h, np.nan) if p_target_kw is None else p_target_kw
        got = step(
            table,
            self.tanks,
            now.hour,
            asked,
            THERMOSTAT if p_target_kw is None else CONTINUOUS,
            round(60 * now.dt_h),
        )
        np.add(self.short_k_h, got.short_k_h, out=self.short_k_h)
        np.add(self.short_k2_h, got.short_k2_h, out=self.short_k2_h)
        lost = (
            table.draw_kw[:, now.hour]
            + table.ua_kw_k * (got.t_mean_degc - table.control.t_room_degc)
        ) * now.dt_h
        return Metered(got.e_kwh / now.dt_h, got.e_kwh - lost)

    def observe(self, now: Moment) -> Mapping[str, Col]:
        """Return the temperature of the water."""
        del now
        return {"t_tank_degc": self.tanks.t_tank_degc.copy()}

    def rated_kva(self) -> Col:
        """Return zeros: there is no inverter."""
        return np.zeros(len(self.home))

    def stored_kwh(self) -> Col:
        """Return the heat in every tank above 0 degC, shape (r,)."""
        return self.table.cap_kwh_k * self.tanks.t_tank_degc

    def feel(self, lived: DeviceRecord) -> DeviceOutcome:
        """Return what cold water was worth, and the heat that is left."""
        n = len(lived.home_kw)
        cold = (
            total_by_home(self.table.discomfort_per_k2_h, self.home, n)
            / 2
            * total_by_home(self.short_k2_h, self.home, n)
        )
        return DeviceOutcome(
            total_by_home(self.stored_kwh(), self.home, n),
            {"hot water": cold},
            {"hot_water_k_h": total_by_home(self.short_k_h, self.home, n)},
        )

    def bound(self, blocks: Blocks) -> BoundPart:
        """Return the tanks step by step; power may change every step, so all that a run can do is among it."""
        table, tanks, n = (
            self.table,
            Tanks(self.tanks.t_tank_degc.copy(), self.tanks.on.copy()),
            len(self.home),
        )
        spans = [np.arange(at, min(at + CHUNK, n)) for at in range(0, n, CHUNK)]

        def answer(price: Col, threads: int) -> Answer:
            parts = []
            for own in spans:
                some = Tanks(tanks.t_tank_degc[own], tanks.on[own])
                parts.append(
                    heat(stepped(take(table, own), some, blocks), price, blocks.steps, threads)
                )
            return Answer(*(np.concatenate(column) for column in zip(*parts, strict=True)))

        ones, none = np.ones(n), np.zeros(len(blocks.hour))
        most = np.broadcast_to(table.rated_kw[:, None], (n, len(none))).sum(0)
        drift = [_risen(take(table, own), blocks).sum(1) for own in spans]
        return BoundPart(
            answer, none, most, most, np.concatenate(drift) if drift else np.zeros(0), 4, ones, ones
        )

    def orders_kw(self, block_kw: Col, steps: int, dt_h: float) -> RunColumn:
        """Return the power of each block."""
        del dt_h
        return held_kw(block_kw, steps)


def stepped(table: WaterHeater, state: Tanks, blocks: Blocks) -> Stores:
    """Return tanks as the bound sees them: constant heat and draw in a step, cold water paid for at its end.

    Their floor no schedule reaches, and water above the least temperature costs nothing.
    """
    control, first = table.control, state.t_tank_degc
    dt = 1.0 / (blocks.blocks_h * blocks.steps)
    capacity, loss = table.cap_kwh_k, table.ua_kw_k
    leak = np.exp(-loss / capacity * dt)[:, None]
    per_kwh = (held_share(capacity, loss, dt) / capacity)[:, None]
    inflow = _risen(table, blocks)
    # a thermostat may end the step in which it passes its band above the limit switch
    most = np.maximum(
        control.t_max_degc, first + control.half_band_k + table.rated_kw * dt * per_kwh[:, 0]
    )
    return stores(
        first.copy(),
        np.full(inflow.shape[1], dt),
        leak=leak,
        inflow=inflow,
        p_max_kw=table.rated_kw[:, None],
        x_min=(_unheated(first, leak[:, 0], inflow).min(1) - 1.0)[:, None],
        x_max=most[:, None],
        gain_in=per_kwh,
        k_x=table.discomfort_per_k2_h[:, None],
        x_set=control.t_min_degc + ABOVE_K,
        dead=ABOVE_K,
        end_mu=blocks.left_per_kwh * capacity[:, None] * np.ones(2),
    )


def _risen(table: WaterHeater, blocks: Blocks) -> Col:
    """Return the rise of every tank without power in each step of the bound, from the room and the draw, shape (n, h) [K]."""
    dt = 1.0 / (blocks.blocks_h * blocks.steps)
    capacity, loss = table.cap_kwh_k, table.ua_kw_k
    leak = np.exp(-loss / capacity * dt)[:, None]
    per_kwh = (held_share(capacity, loss, dt) / capacity)[:, None]
    drawn = np.repeat(table.draw_kw[:, blocks.hour], blocks.steps, axis=1)
    return np.asarray((1.0 - leak) * table.control.t_room_degc - per_kwh * drawn * dt)


def heat(area: Stores, price_per_kwh: Col, sub: int, threads: int = 1) -> Answer:
    """Return the best answer of every tank to a price (b,) [$/kWh] of blocks of `sub` steps.

    The problem is convex, so a schedule that keeps clear of a floor, or of any other bound, is best without it too. A tank
    that holds its power through a block is quick to answer, and its water near that of one that does not: bounds around it
    serve all tanks whose best water keeps clear of them, as a near floor does. The others answer again with a floor that no
    schedule reaches.
    """
    n = len(area.x0)
    spans = [np.arange(i, min(i + CHUNK, n)) for i in range(0, n, CHUNK)]
    parts = [_heat(rows(area, span), price_per_kwh, sub, threads) for span in spans]
    return Answer(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _heat(table: Stores, price_per_kwh: Col, sub: int, threads: int) -> Answer:
    price = np.repeat(price_per_kwh, sub)
    floor, most = np.maximum(table.x_min[:, :1], COLDEST_DEGC), table.x_max[:, :1]
    low, high = np.broadcast_to(floor, table.x_min.shape), table.x_max
    if sub > 1:
        slow = _held(table, floor, sub)
        held = best_response(slow, price_per_kwh, price_per_kwh, threads=threads)
        step = np.arange(1, len(price) + 1)
        near = np.array([np.interp(step, np.arange(0, len(price) + 1, sub), x) for x in held.x])
        low, high = np.maximum(floor, near - NEAR_K), np.minimum(most, near + NEAR_K)
    found = best_response(table._replace(x_min=low, x_max=high), price, price, threads=threads)
    p, cost, least = found.p_kw, found.cost_usd, found.bound_usd
    x = found.x[:, 1:]
    met = (x <= low + CLEAR_K) | (x >= high - CLEAR_K) & (high < most)
    deep = np.flatnonzero(met.any(1) | (found.missing > 0.0))
    if len(deep):
        again = best_response(rows(table, deep), price, price, threads=threads)
        p[deep], cost[deep], least[deep] = again.p_kw, again.cost_usd, again.bound_usd
    return Answer(p.reshape(len(p), -1, sub).mean(2), cost - p @ price * table.dt_h[0], least)


def _held(table: Stores, floor: Col, sub: int) -> Stores:
    """Return tanks that hold their power through blocks of `sub` steps, cold water paid for at the end of a block."""
    n, blocks = len(table.x0), table.inflow.shape[1] // sub
    leak, inflow = table.leak[:, 0], table.inflow.reshape(n, blocks, sub)
    later = leak[:, None] ** np.arange(sub - 1, -1, -1)  # (n, sub) what is left of each step's rise

    def wide(column: Col) -> Col:
        return np.broadcast_to(column, (n, blocks))

    held = {
        name: wide(column[:, :1])
        for name, column in table._asdict().items()
        if name in FIELDS and name not in {"leak", "inflow", "gain_in", "x_min"}
    }
    return table._replace(
        **held,
        dt_h=np.full(blocks, sub * table.dt_h[0]),
        leak=wide((leak**sub)[:, None]),
        inflow=np.einsum("rbs,rs->rb", inflow, later),
        gain_in=wide(table.gain_in[:, :1] * later.mean(1, keepdims=True)),
        x_min=wide(floor),
    )


def _unheated(start_degc: Col, leak: Col, inflow: Col) -> Col:
    """Temperature of tanks that are never heated, at the start and after every step, shape (n, steps + 1)."""
    x = np.empty((len(leak), inflow.shape[1] + 1))
    x[:, 0] = start_degc
    for t in range(inflow.shape[1]):
        x[:, t + 1] = leak * x[:, t] + inflow[:, t]
    return x
