"""Home battery: one-way efficiency, power and energy limits, wear per kWh through the port (theory 1.6)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from gridagora.core.brief import brief
from gridagora.core.device import (
    RENEWABLE,
    STORAGE,
    Beside,
    Blocks,
    BoundPart,
    Column,
    DeviceKind,
    DeviceOutcome,
    DeviceRecord,
    GroupBelief,
    Item,
    Metered,
    Moment,
    People,
    Setting,
    Turn,
    Window,
    check_above_zero,
    check_not_below_zero,
    check_share,
    held_kw,
    homes_of_family,
    own,
    refuse,
    total_by_home,
)
from gridagora.core.records import RunColumn, by_rows
from gridagora.core.registry import register
from gridagora.core.tables import Col, Flag, Homes, Index
from gridagora.kernels.coordination.dual import Answer
from gridagora.kernels.physics.fleet import battery_step
from gridagora.kernels.stores.value import Stores, best_response, stores
from gridagora.population.charging import owners

WEAR_PER_KWH = 0.01
END_UPPER_SHARE = (
    0.8  # the upper half of a battery at the end of a window is worth this share of the lower half
)


@dataclass(frozen=True)
class BatteryKeys:
    """`[homes.battery]`: batteries, all of one size; some homes may own several."""

    share: float = 0.15  # share of homes with any
    each: int = 1  # how many such a home has
    kwh: float = 13.5  # usable energy of one
    kw: float = 5.0  # rating of one, both ways
    efficiency: float = 0.95  # energy out over energy in, one way
    wear_per_kwh: float = WEAR_PER_KWH  # wear by the energy through its port

    def __post_init__(self) -> None:
        """Refuse a share or efficiency outside 0 to 1, a wear below zero, none of something while any home has one."""
        some = (("each", self.each), ("kwh", self.kwh), ("kw", self.kw)) if self.share != 0 else ()
        refuse(
            check_share("homes.battery.share", self.share),
            *(check_above_zero(f"homes.battery.{name}", value) for name, value in some),
            check_share("homes.battery.efficiency", self.efficiency),
            check_above_zero("homes.battery.efficiency", self.efficiency),
            check_not_below_zero("homes.battery.wear_per_kwh", self.wear_per_kwh),
        )


@dataclass(frozen=True)
class Batteries:
    """n batteries; a home may have several."""

    home: Index  # (n,) row of the home
    cap_kwh: Col  # (n,) usable energy
    rated_kw: Col  # (n,) both ways
    efficiency: Col  # (n,) one way
    wear_per_kwh: float = WEAR_PER_KWH  # of energy through the port

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


@dataclass(frozen=True)
class Battery:
    """n batteries of a run."""

    home: Index  # (n,) row of the home
    cap_kwh: Col  # (n,)
    rated_kw: Col  # (n,)
    efficiency: Col  # (n,) one way
    wear_per_kwh: float
    short_h: float  # length of a real-time interval
    resting: Stores  # what does not change from bid to bid, one short step


def draw(keys: BatteryKeys, people: People) -> Homes:
    """Return the homes with the batteries that some of them own, a draw of the seed keyed by the home."""
    homes = people.homes
    rows = np.repeat(owners(people.seed, "battery", homes.home_id, keys.share), keys.each)
    cap, rated, efficiency = (
        np.full(len(rows), value) for value in (keys.kwh, keys.kw, keys.efficiency)
    )
    return own(homes, "battery", Batteries(rows, cap, rated, efficiency, keys.wear_per_kwh))


def of(owned: Batteries, short_h: float = 1 / 12) -> Battery:
    """Batteries of a run whose real-time intervals are so long."""
    columns = (owned.cap_kwh, owned.rated_kw, owned.efficiency)
    full = np.stack([np.zeros(len(owned.home)), owned.cap_kwh], 1)
    resting = _stores(*columns, owned.wear_per_kwh, full[:, 0], [short_h], full, (0.0, 0.0))
    return Battery(owned.home, *columns, owned.wear_per_kwh, short_h, resting)


def threshold_per_kwh(efficiency: float, wear_per_kwh: float) -> float:
    """Price below which charging and discharging at once would pay: -wear (1 + eff^2) / (1 - eff^2) [$/kWh].

    Above it the two-variable relaxation of a battery is exact; below it the two have to be kept apart.
    """
    square = efficiency * efficiency
    return -np.inf if square >= 1 else -wear_per_kwh * (1 + square) / (1 - square)


def take(table: Battery, rows: Index) -> Battery:
    """Return the batteries of some rows (k,)."""
    own = {
        name: getattr(table, name)[rows] for name in ("home", "cap_kwh", "rated_kw", "efficiency")
    }
    resting = Stores(
        *(
            column if name == "dt_h" else column[rows]
            for name, column in table.resting._asdict().items()
        )
    )
    return replace(table, **own, resting=resting)


def start(table: Battery) -> Col:
    """Half-full batteries, shape (n,) [kWh]."""
    return table.cap_kwh / 2


def spec(table: Battery, e_kwh: Col, hours: int = 24, value_per_kwh: float | Col = 0.0) -> Stores:
    """Return the hourly belief of n batteries over a window, from what they hold (n,) [kWh].

    What is left at the end is worth the mean forecast price, one or (n,) [$/kWh], less when full.
    """
    half, full = table.cap_kwh / 2, table.cap_kwh
    value = np.atleast_1d(np.maximum(value_per_kwh, 0.0))[:, None]
    worth = value * np.array([1.0, 1.0, END_UPPER_SHARE, END_UPPER_SHARE])
    end_x = np.stack([np.zeros_like(full), half, half, full], 1)
    columns = (table.cap_kwh, table.rated_kw, table.efficiency)
    return _stores(*columns, table.wear_per_kwh, e_kwh, np.ones(hours), end_x, worth)


def spec_now(table: Battery, e_kwh: Col) -> Stores:
    """Return the belief of the next interval from what batteries hold (n,) [kWh]; the end value is the plan's: nil here."""
    return table.resting._replace(x0=e_kwh.copy())


def _stores(
    cap_kwh: Col,
    rated_kw: Col,
    efficiency: Col,
    wear_per_kwh: float,
    e_kwh: Col,
    dt_h: ArrayLike,
    end_x: Col,
    end_mu: ArrayLike,
) -> Stores:
    power, one_way = rated_kw[:, None], efficiency[:, None]
    return stores(
        e_kwh.copy(),
        dt_h,
        p_min_kw=-power,
        p_max_kw=power,
        x_max=cap_kwh[:, None],
        gain_in=one_way,
        gain_out=one_way,
        wear_per_kwh=wear_per_kwh,
        end_x=end_x,
        end_mu=end_mu,
    )


def step(
    table: Battery, e_kwh: Col, p_target_kw: Col, step_h: float = 1 / 12, out: Col | None = None
) -> Col:
    """Step the batteries and return the power at the meter, shape (n,) [kW]; `e_kwh` is changed in place."""
    return battery_step(
        e_kwh, table.cap_kwh, table.rated_kw, table.efficiency, p_target_kw, step_h, out
    )


@register("device", "battery")
@dataclass(frozen=True)
class BatteryGroup:
    """Batteries; without orders one stores what its home's panels exceed the load by, and covers the load from it."""

    about: ClassVar[DeviceKind] = DeviceKind(
        "battery",
        "Batteries",
        "#2f8f5b",
        rank=2,
        turn=Turn.LAST,
        is_prosumer=True,
        has_inverter=True,
        series=("each_battery_kw",),
        keys=BatteryKeys,
        draw=draw,
        family=STORAGE,
        table=Batteries,
        columns=(
            Column("cap_kwh", (), 0.0, is_open=True),
            Column("rated_kw", (), 0.0, is_open=True),
            Column("efficiency", (), 0.0, 1.0, is_open=True),
        ),
        items=(Item("wear", "Battery wear", "#2f8f5b", is_by_home=True),),
    )
    table: Battery
    e_kwh: Col  # (r,) stored
    has_own_energy: (
        Flag  # (r,) whether the home makes renewable energy, which the battery then follows
    )

    @classmethod
    def of(cls, setting: Setting) -> "BatteryGroup | None":
        """Return half-full batteries."""
        owned = setting.homes.owned.get("battery")
        if owned is None:
            return None
        table = of(owned, setting.dt_h)
        return cls(table, start(table), homes_of_family(setting.homes, RENEWABLE)[table.home])

    @property
    def home(self) -> Index:
        """Home of every battery, shape (r,)."""
        return self.table.home

    def believe(self, window: Window) -> GroupBelief:
        """Return what the batteries believe of a window."""
        return GroupBelief(
            np.arange(len(self.home)),
            spec(self.table, self.e_kwh, window.hours, window.value_of(self.home)),
        )

    def planned_kw(self, window: Window, price_per_kwh: Col) -> Col:
        """Return no power: what a battery takes is up to the plan."""
        return np.zeros((len(self.home), window.hours))

    def tender(self, now: Moment, rows: Index) -> Stores:
        """Return what the batteries believe of the next interval."""
        del now, rows
        return spec_now(self.table, self.e_kwh)

    def step(self, p_target_kw: Col | None, now: Moment, beside: Beside) -> Metered:
        """Step the batteries; where export earns less than import costs they keep the meter on the side that its home means.

        They keep it within a limit of export as far as they can.
        """
        if p_target_kw is None or beside.way is not None or np.isnan(p_target_kw).any():
            asked = self._keep_side(p_target_kw, beside)
        else:
            asked = p_target_kw
        if beside.least_kw is not None:
            alike = np.bincount(self.home, minlength=len(beside.meter_kw))[self.home]
            asked = np.maximum(asked, beside.least_kw[self.home] / alike)
        p_kw, eta = step(self.table, self.e_kwh, asked, now.dt_h), self.table.efficiency
        stored_kwh = np.where(p_kw > 0, p_kw * eta, p_kw / eta) * now.dt_h
        return Metered(p_kw, stored_kwh, {"each_battery_kw": p_kw})

    def _keep_side(self, p_target_kw: Col | None, beside: Beside) -> Col:
        """Return the orders (r,) [kW] that keep the meter on its side; who has none makes up for the home, if it makes energy."""
        alike = np.bincount(self.home, minlength=len(beside.meter_kw))[self.home]
        cover = (
            -beside.meter_kw[self.home] / alike
        )  # several batteries of a home share what is to be made up for
        following = np.where(self.has_own_energy, cover, 0.0)
        if p_target_kw is None:
            return following
        asked = p_target_kw
        if beside.way is not None:
            way, kept = beside.way[self.home], np.minimum(p_target_kw, cover)
            asked = np.where(
                way > 0, np.maximum(p_target_kw, cover), np.where(way < 0, kept, cover)
            )
        if beside.outside is not None:
            asked = np.where(beside.outside, p_target_kw, asked)
        return np.where(np.isnan(p_target_kw), following, asked)

    def observe(self, now: Moment) -> Mapping[str, Col]:
        """Return what is stored, as a share of the capacity."""
        del now
        return {"stored_share": self.e_kwh / self.table.cap_kwh}

    def rated_kva(self) -> Col:
        """Return the rating of every battery, shape (r,)."""
        return self.table.rated_kw

    def stored_kwh(self) -> Col:
        """Return the energy in every battery, shape (r,)."""
        return self.e_kwh.copy()

    def feel(self, lived: DeviceRecord) -> DeviceOutcome:
        """Return wear, and what discharging would give back of what is left."""
        n = len(lived.home_kw)
        each_kw = lived.series["each_battery_kw"]
        # summed interval by interval: in columns, whichever way the record lies
        moved = by_rows(lambda at: np.asfortranarray(np.abs(each_kw[at])).sum(1), each_kw.shape)
        wear = total_by_home(self.table.wear_per_kwh * (moved * lived.dt_h), self.home, n)
        return DeviceOutcome(
            total_by_home(self.table.efficiency * self.e_kwh, self.home, n), {"wear": wear}
        )

    def bound(self, blocks: Blocks) -> BoundPart:
        """Return the batteries as they are: what is stored is concave in power, so any mix of powers in a block is no better."""
        t, b = self.table, len(blocks.hour)
        dt, eta = 1.0 / blocks.blocks_h, self.table.efficiency[:, None]
        end_x, end_mu = np.array([0.0, 1.0]), blocks.left_per_kwh * eta * np.ones(2)
        whole = _stores(
            t.cap_kwh,
            t.rated_kw,
            t.efficiency,
            t.wear_per_kwh,
            self.e_kwh,
            np.full(b, dt),
            end_x,
            end_mu,
        )

        def answer(price: Col, threads: int) -> Answer:
            found = best_response(whole, price, price, threads=threads)
            return Answer(found.p_kw, found.cost_usd - found.p_kw @ price * dt, found.bound_usd)

        least, most = whole.p_min_kw.sum(0), whole.p_max_kw.sum(0)
        return BoundPart(answer, least, most, most, whole.x0, 1, t.efficiency, t.efficiency)

    def orders_kw(self, block_kw: Col, steps: int, dt_h: float) -> RunColumn:
        """Return the power of each block."""
        del dt_h
        return held_kw(block_kw, steps)
