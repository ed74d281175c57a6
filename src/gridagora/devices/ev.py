"""Electric-vehicle sessions: arrival, departure, energy needed; missing energy at departure is paid for (theory 1.7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gridagora.core.device import (
    CHARGE_KWH,
    MOBILITY,
    Beside,
    Blocks,
    BoundPart,
    Column,
    DearWindows,
    DeviceKind,
    DeviceOutcome,
    DeviceRecord,
    GroupBelief,
    Item,
    LastHour,
    Metered,
    Moment,
    People,
    Setting,
    Window,
    check_above_zero,
    check_share,
    own,
    refuse,
    total_by_home,
)
from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.coordination.dual import Answer
from gridagora.kernels.physics.fleet import car_step, share_of_step
from gridagora.kernels.stores.value import Stores, stores
from gridagora.population import charging
from gridagora.population.charging import ChargingSessions, owners
from gridagora.population.quality import denied_ratio

EV_VALUE_PER_KWH = 1.0  # worth of each kWh stored by departure [$/kWh]
EV_EFFICIENCY = charging.EFFICIENCY
HOUR_S = 3600.0


@dataclass(frozen=True)
class EvKeys:
    """`[homes.ev]`: electric vehicles, whose sessions are drawn from those that the scenario names."""

    share: float = 0.3  # share of homes with a car
    kw: float = 7.2  # rating of the charger at the meter
    daily_share: float | None = (
        None  # chance that a car plugs in on a day; left out: that of the sessions drawn from
    )

    def __post_init__(self) -> None:
        """Refuse shares outside 0 to 1, a charger that is not above zero."""
        refuse(
            check_share("homes.ev.share", self.share),
            check_above_zero("homes.ev.kw", self.kw),
            check_share("homes.ev.daily_share", self.daily_share or 0.0),
        )


@dataclass(frozen=True)
class Ev:
    """m sessions of a run; times in seconds after its start."""

    home: Index  # (m,) row of the home
    arrive_s: Index  # (m,)
    depart_s: Index  # (m,)
    need_kwh: Col  # (m,) energy to store between the two
    rated_kw: Col  # (m,) at the meter
    efficiency: float
    missing_per_kwh: Col  # (m,)
    short_h: float  # length of a real-time interval
    resting: Stores  # what does not change from bid to bid, one short step


def draw(keys: EvKeys, people: People) -> Homes:
    """Return the homes with the sessions of the cars that some of them own, draws of the seed keyed by the home.

    Raises
    ------
    InputError
        No sessions to draw from, or one that cannot be served.
    """
    homes, observed = people.homes, people.observed.get("ev")
    if observed is None:
        hint = "Give the scene a table ChargingSessions, or leave out [homes.ev]."
        raise InputError(
            [
                Problem(
                    "[homes.ev]",
                    "no charging sessions to draw from",
                    "homes of a source that names some",
                    hint,
                )
            ]
        )
    rows = owners(people.seed, "ev owner", homes.home_id, keys.share)
    daily, days = (
        (observed.daily_share if keys.daily_share is None else keys.daily_share),
        len(people.weather.t_out_degc) // 24 - 1,
    )
    table = charging.place(
        observed, homes.home_id, rows, days, people.seed, daily_share=daily, charger_kw=keys.kw
    )
    if problems := charging.check(table, homes.home_id):
        raise InputError(problems)
    return own(homes, "ev", table if observed.is_measured else replace(table, asked_kwh=None))


def check(table: ChargingSessions, home_id: Sequence[str], where: str) -> list[Problem]:
    """Return every session that no charging can serve."""
    return charging.check(table, home_id, where)


def describe(table: ChargingSessions, hours: int) -> str:
    """Return how many sessions there are, and how many were cut to what their stay allows, in words."""
    del hours
    said, asked = f"{len(table.home)} charging sessions", table.asked_kwh
    if asked is None or not (less := table.need_kwh < asked - 1e-9).any():
        return said
    lost_kwh = float((asked - table.need_kwh).sum())
    return (
        f"{said}, of which {int(less.sum())} ask for less than their file says, by {lost_kwh:,.0f} of {asked.sum():,.0f} kWh: "
        f"no more than 95 % of what the charger gives before the car leaves or the run ends"
    )


def of(
    homes: Homes,
    efficiency: float = EV_EFFICIENCY,
    missing_per_kwh: float = EV_VALUE_PER_KWH,
    short_h: float = 1 / 12,
) -> Ev:
    """Sessions of the homes, which own some; `missing_per_kwh` is that of a standard home, the tier of a home multiplies it."""
    owned: ChargingSessions = homes.owned["ev"]
    need = owned.need_kwh
    missing = missing_per_kwh * denied_ratio(homes)[owned.home]
    resting = _stores(need, efficiency, missing, np.zeros_like(need), [short_h], 0.0)
    return Ev(
        owned.home,
        owned.arrive_s,
        owned.depart_s,
        need,
        owned.rated_kw,
        efficiency,
        missing,
        short_h,
        resting,
    )


def take(table: Ev, rows: Index) -> Ev:
    """Return some sessions (k,)."""
    own = ("home", "arrive_s", "depart_s", "need_kwh", "rated_kw", "missing_per_kwh")
    return replace(
        table,
        **{name: getattr(table, name)[rows] for name in own},
        resting=_rows(table.resting, rows),
    )


def _rows(table: Stores, rows: Index) -> Stores:
    """Return some sessions of a table; what is the same for all is not gathered."""
    shared = slice(0, len(rows))
    return Stores(
        table.x0[rows],
        table.dt_h,
        *(column[rows if column.strides[0] else shared] for column in table[2:]),
    )


def plugged_share(table: Ev, from_s: float, step_s: float, steps: int = 1) -> Col:
    """Return the share of each step that a session is plugged in, shape (m, steps)."""
    begin = from_s + step_s * np.arange(steps)
    overlap = np.minimum(table.depart_s[:, None], begin + step_s) - np.maximum(
        table.arrive_s[:, None], begin
    )
    share: Col = np.clip(overlap / step_s, 0.0, 1.0)
    return share


def active(table: Ev, e_kwh: Col, from_s: float, step_s: float) -> Index:
    """Return the rows of the sessions plugged in for some of a step and not yet full, (k,), by what they hold (m,) [kWh]."""
    here = (
        (table.arrive_s < from_s + step_s)
        & (table.depart_s > from_s)
        & (e_kwh < table.need_kwh - 1e-9)
    )
    return np.flatnonzero(here)


def spec(
    table: Ev, e_kwh: Col, from_s: float, hours: int = 24, *, plugged_now: bool = True
) -> Stores:
    """Return the hourly belief of m sessions from a time on; state x is the energy stored since arrival, (m,) [kWh].

    The power of an hour is the charger's times the share of the hour plugged in. With `plugged_now` a session of the first hour
    counts as plugged in from its start, which is what a bid inside the hour has to know. Missing energy costs
    `missing_per_kwh` at the end.
    """
    share = plugged_share(table, from_s, HOUR_S, hours)
    if plugged_now:
        left = np.clip((table.depart_s - from_s) / HOUR_S, 0.0, 1.0)
        share[:, 0] = np.where(table.arrive_s < from_s + HOUR_S, left, share[:, 0])
    power = table.rated_kw[:, None] * share
    return _stores(
        table.need_kwh, table.efficiency, table.missing_per_kwh, e_kwh, np.ones(hours), power
    )


class SessionsNow(NamedTuple):
    """Some sessions (k,) that bid, and what does not change from bid to bid."""

    arrive_s: Index
    depart_s: Index
    need_kwh: Col
    rated_kw: Col
    resting: Stores


def sessions_now(table: Ev, rows: Index) -> SessionsNow:
    """Return some sessions (k,) for their bids."""
    resting = _rows(table.resting, rows)._replace(end_mu=np.zeros((len(rows), 2)))
    stay = table.arrive_s[rows], table.depart_s[rows]
    return SessionsNow(*stay, table.need_kwh[rows], table.rated_kw[rows], resting)


def spec_now(
    table: Ev, e_kwh: Col, from_s: float, rows: Index, chosen: SessionsNow | None = None
) -> Stores:
    """Return the belief of the next real-time interval of some sessions (k,) (see `active`), for a bid.

    They hold e_kwh (m,) [kWh]; the end value is the plan's: nil here. `chosen` are these sessions, where the caller has them.
    """
    some = sessions_now(table, rows) if chosen is None else chosen
    share = share_of_step(some.arrive_s, some.depart_s, from_s, table.short_h * HOUR_S)
    power, x0 = some.rated_kw * share, np.minimum(e_kwh[rows], some.need_kwh)
    return some.resting._replace(x0=x0, p_max_kw=power[:, None])


def _stores(
    need_kwh: Col,
    efficiency: float,
    missing_per_kwh: Col,
    e_kwh: Col,
    dt_h: ArrayLike,
    p_max_kw: ArrayLike,
) -> Stores:
    return stores(
        np.minimum(e_kwh, need_kwh),
        dt_h,
        p_max_kw=p_max_kw,
        x_max=need_kwh[:, None],
        gain_in=efficiency,
        end_x=np.stack([np.zeros_like(need_kwh), need_kwh], 1),
        end_mu=np.stack([missing_per_kwh, missing_per_kwh], 1),
    )


def plug_in_and_charge(table: Ev, e_kwh: Col) -> Col:
    """Full power until the need is met, shape (m,) [kW]; `step` cuts it to the stay."""
    return np.where(e_kwh < table.need_kwh, table.rated_kw, 0.0)


def charge_by_hand(table: Ev, e_kwh: Col, now: Moment, dear: DearWindows | None) -> Col:
    """Return what cars take that nothing controls, shape (m,) [kW]: full power, but none in a dear window.

    Who sees that the whole charge would not fit between the end of the window and the departure does not wait for that end.
    """
    full_kw = plug_in_and_charge(table, e_kwh)
    if dear is None:
        return full_kw
    end_h = dear.end_of(table.home, now.hour)
    most_kwh = table.rated_kw * table.efficiency * (table.depart_s / HOUR_S - end_h)
    waits = (end_h > now.hour) & (most_kwh >= table.need_kwh)
    return np.where(waits, 0.0, full_kw)


def step(
    table: Ev,
    e_kwh: Col,
    from_s: float,
    p_target_kw: Col,
    step_h: float = 1 / 12,
    out: Col | None = None,
) -> Col:
    """Charge the cars and return the mean power at the meter, shape (m,) [kW]; `e_kwh` is changed in place."""
    share = share_of_step(table.arrive_s, table.depart_s, from_s, step_h * HOUR_S)
    return car_step(
        e_kwh, table.need_kwh, table.rated_kw, share, table.efficiency, p_target_kw, step_h, out
    )


@register("device", "ev")
@dataclass(frozen=True)
class EvGroup:
    """Electric vehicles; without orders a car charges at full power, from its arrival or by hand later."""

    about: ClassVar[DeviceKind] = DeviceKind(
        "ev",
        "Electric vehicles",
        "#aa4499",
        "cars",
        rank=3,
        is_prosumer=True,
        keys=EvKeys,
        draw=draw,
        family=MOBILITY,
        table=ChargingSessions,
        columns=(
            Column("arrive_s"),
            Column("depart_s"),
            Column("need_kwh", (), 0.0),
            Column("rated_kw", (), 0.0, is_open=True),
        ),
        check=check,
        describe=describe,
        items=(Item("ev unmet", "Vehicle charge missing", "#aa4499"),),
        measures={"ev_unmet_kwh": CHARGE_KWH},
    )
    table: Ev
    e_kwh: Col  # (m,) stored since arrival
    dear: DearWindows | None = None  # in which people who act by hand do not charge
    chosen: LastHour[SessionsNow] = field(default_factory=LastHour, init=False, compare=False)

    @classmethod
    def of(cls, setting: Setting) -> "EvGroup | None":
        """Return the sessions, nothing stored yet."""
        if "ev" not in setting.homes.owned:
            return None
        table = of(setting.homes, short_h=setting.dt_h)
        return cls(table, np.zeros(len(table.home)), setting.dear)

    @property
    def home(self) -> Index:
        """Home of every session, shape (m,)."""
        return self.table.home

    def believe(self, window: Window) -> GroupBelief:
        """Return the sessions plugged in within the first hour and not yet full, and what they believe of a window."""
        rows = active(self.table, self.e_kwh, HOUR_S * window.hour, HOUR_S)
        return GroupBelief(
            rows, spec(take(self.table, rows), self.e_kwh[rows], HOUR_S * window.hour, window.hours)
        )

    def planned_kw(self, window: Window, price_per_kwh: Col) -> Col:
        """Return no power: when a car charges is up to the plan."""
        return np.zeros((len(self.believe(window).rows), window.hours))

    def tender(self, now: Moment, rows: Index) -> Stores:
        """Return what some sessions believe of the next interval."""
        chosen = self.chosen.of(now.hour, lambda _: sessions_now(self.table, rows), rows)
        return spec_now(self.table, self.e_kwh, now.now_s, rows, chosen)

    def step(self, p_target_kw: Col | None, now: Moment, beside: Beside) -> Metered:
        """Charge the cars."""
        del beside
        asked = np.full_like(self.e_kwh, np.nan) if p_target_kw is None else p_target_kw
        if (free := np.isnan(asked)).any():
            alone = charge_by_hand(self.table, self.e_kwh, now, self.dear)
            asked = np.where(free, alone, asked)
        p_kw = step(self.table, self.e_kwh, now.now_s, asked, now.dt_h)
        return Metered(p_kw, p_kw * self.table.efficiency * now.dt_h)

    def observe(self, now: Moment) -> Mapping[str, Col]:
        """Return what a car still needs and how long it stays; nil while it is not plugged in, for nobody knows of it yet."""
        t, here = self.table, plugged_share(self.table, now.now_s, 1.0)[:, 0] > 0
        left_kwh, stay_h = (
            np.maximum(t.need_kwh - self.e_kwh, 0.0),
            (t.depart_s - now.now_s) / HOUR_S,
        )
        return {"need_kwh": np.where(here, left_kwh, 0.0), "stay_h": np.where(here, stay_h, 0.0)}

    def rated_kva(self) -> Col:
        """Return zeros: there is no inverter."""
        return np.zeros(len(self.home))

    def stored_kwh(self) -> Col:
        """Return the energy stored in every session, shape (m,)."""
        return self.e_kwh.copy()

    def feel(self, lived: DeviceRecord) -> DeviceOutcome:
        """Return the charge that was missing at departure; at the end of a run that of cars still plugged in too."""
        n, elapsed_s = len(lived.home_kw), lived.home_kw.shape[1] * lived.dt_h * HOUR_S
        is_due = lived.is_over | (self.table.depart_s <= elapsed_s)
        missing = np.maximum(self.table.need_kwh - self.e_kwh, 0) * is_due
        return DeviceOutcome(
            np.zeros(n),
            {"ev unmet": total_by_home(missing * self.table.missing_per_kwh, self.home, n)},
            {"ev_unmet_kwh": total_by_home(missing, self.home, n)},
        )

    def bound(self, blocks: Blocks) -> BoundPart:
        """Return the sessions that begin before the end: any energy while plugged in, none dearer than it is worth."""
        t, b, block_s = self.table, len(blocks.hour), round(HOUR_S / blocks.blocks_h)
        rows, dt = self._begun(b * block_s), 1.0 / blocks.blocks_h
        most = plugged_share(t, 0.0, block_s, b)[rows] * t.rated_kw[rows, None]
        need, worth = (
            (t.need_kwh - self.e_kwh)[rows] / t.efficiency,
            t.missing_per_kwh[rows] * t.efficiency,
        )

        def answer(price: Col, threads: int) -> Answer:
            del threads
            return charge(most, need, worth, price, dt)

        first, ones = (t.arrive_s[rows] // block_s).astype(float), np.ones(len(rows))
        # within a block a car draws its whole charger, which the mean of the block cannot reach
        reach = np.where(most > 0.0, t.rated_kw[rows, None], 0.0).sum(0)
        return BoundPart(answer, np.zeros(b), most.sum(0), reach, first, 6, ones, ones)

    def orders_kw(self, block_kw: Col, steps: int, dt_h: float) -> Col:
        """Return the power of every session whose mean over a block is as asked, while it is plugged in."""
        rows, in_block = self._begun(HOUR_S * dt_h * steps), steps // block_kw.shape[1]
        share = plugged_share(self.table, 0.0, HOUR_S * dt_h, steps)[rows]
        whole = share.reshape(len(share), -1, in_block).mean(2) if len(share) else block_kw
        rate = np.divide(block_kw, whole, out=np.zeros_like(block_kw), where=whole > 0.0)
        orders = np.zeros((len(self.home), steps))
        orders[rows] = np.repeat(rate, in_block, axis=1) * share
        return orders

    def _begun(self, end_s: float) -> Index:
        return np.flatnonzero(self.table.arrive_s < end_s)


def charge(
    most_kw: Col, need_kwh: Col, worth_per_kwh: Col, price_per_kwh: Col, dt_h: float
) -> Answer:
    """Return the cheapest charging of known sessions at a price (b,) [$/kWh]: cheapest first, none dearer than it is worth.

    Parameters
    ----------
    most_kw
        Most mean power of each block, shape (m, b) [kW].
    need_kwh, worth_per_kwh
        Energy at the meter that each asks for [kWh] and what it is worth [$/kWh], (m,); what is not delivered costs that.
    """
    order = np.argsort(price_per_kwh, kind="stable")
    room = most_kw[:, order] * dt_h * (price_per_kwh[order] <= worth_per_kwh[:, None])
    filled = np.minimum(np.cumsum(room, axis=1), need_kwh[:, None])
    kwh = np.empty_like(room)
    kwh[:, order] = np.diff(filled, axis=1, prepend=0.0)
    unmet = (need_kwh - filled[:, -1]) * worth_per_kwh
    return Answer(kwh / dt_h, unmet, unmet + kwh @ price_per_kwh)
