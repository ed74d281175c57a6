"""Electric-vehicle sessions: arrival, departure, energy needed; missing energy at departure is paid for (theory 1.7)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from gridagora.core.device import (
    Beside,
    Blocks,
    BoundPart,
    DeviceKind,
    DeviceOutcome,
    DeviceRecord,
    GroupBelief,
    Metered,
    Moment,
    Setting,
    Window,
    total_by_home,
)
from gridagora.core.errors import Problem
from gridagora.core.registry import register
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.coordination.dual import Answer
from gridagora.kernels.physics.fleet import car_step
from gridagora.kernels.stores.value import Stores, stores
from gridagora.population.quality import denied_ratio

EV_VALUE_PER_KWH = 1.0  # worth of each kWh stored by departure [$/kWh]
EV_EFFICIENCY = 0.9
HOUR_S = 3600.0
MINUTE_S = 60.0


@dataclass(frozen=True)
class Ev:
    """m sessions; times in seconds after the start of the run."""

    home: Index  # (m,) row of the home
    arrive_s: Index  # (m,)
    depart_s: Index  # (m,)
    need_kwh: Col  # (m,) energy to store between the two
    rated_kw: Col  # (m,) at the meter
    efficiency: float
    missing_per_kwh: Col  # (m,)
    short_h: float  # length of a real-time interval
    resting: Stores  # what does not change from bid to bid, one short step


def of(
    homes: Homes,
    efficiency: float = EV_EFFICIENCY,
    missing_per_kwh: float = EV_VALUE_PER_KWH,
    short_h: float = 1 / 12,
) -> Ev:
    """Sessions of all homes; `missing_per_kwh` is that of a standard home, the tier of a home multiplies it."""
    need = homes.ev_need_kwh
    missing = missing_per_kwh * denied_ratio(homes)[homes.ev_home]
    resting = _stores(need, efficiency, missing, np.zeros_like(need), [short_h], 0.0)
    return Ev(
        homes.ev_home,
        homes.ev_arrive_s,
        homes.ev_depart_s,
        need,
        homes.ev_kw,
        efficiency,
        missing,
        short_h,
        resting,
    )


def check(table: Ev, home_id: tuple[str, ...]) -> list[Problem]:
    """Every session that no charging can serve, as a sentence; empty where all are feasible.

    A session is infeasible when it leaves before it arrives, needs more than its charger can store, or begins before the
    home's previous session has ended.
    """
    found = []
    stay_h = (table.depart_s - table.arrive_s) / HOUR_S
    most = np.maximum(stay_h, 0) * table.rated_kw * table.efficiency
    last: dict[int, tuple[int, int]] = {}
    for j, home in enumerate(table.home.tolist()):
        where = f"session {j + 1} of the car of home '{home_id[home]}'"
        if stay_h[j] <= 0:
            found.append(
                Problem(
                    where,
                    f"a departure {-stay_h[j]:.2f} h before its arrival",
                    "a departure after the arrival",
                )
            )
        elif table.need_kwh[j] > most[j] * (1 + 1e-9):
            got = f"{table.need_kwh[j]:.1f} kWh needed in a stay of {stay_h[j]:.2f} h"
            charger = f"what a charger of {table.rated_kw[j]:g} kW stores at efficiency {table.efficiency:g}"
            expected = f"at most {most[j]:.1f} kWh, {charger}"
            found.append(
                Problem(
                    where,
                    got,
                    expected,
                    "Let it leave later, need less, or give it a larger charger.",
                )
            )
        if home in last and table.arrive_s[j] < last[home][1]:
            early_min = (last[home][1] - table.arrive_s[j]) / MINUTE_S
            got = f"an arrival {early_min:.0f} min before session {last[home][0] + 1} has left"
            found.append(Problem(where, got, "sessions of one car that do not overlap"))
        last[home] = (j, int(table.depart_s[j]))
    return found


def take(table: Ev, rows: Index) -> Ev:
    """Return some sessions (k,)."""
    own = ("home", "arrive_s", "depart_s", "need_kwh", "rated_kw", "missing_per_kwh")
    return replace(
        table,
        **{name: getattr(table, name)[rows] for name in own},
        resting=_rows(table.resting, rows),
    )


def _rows(table: Stores, rows: Index) -> Stores:
    return Stores(
        *(column if name == "dt_h" else column[rows] for name, column in table._asdict().items())
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


def spec_now(table: Ev, e_kwh: Col, from_s: float, rows: Index) -> Stores:
    """Return the belief of the next real-time interval of some sessions (k,) (see `active`), for a bid.

    They hold e_kwh (m,) [kWh]; the end value is the plan's: nil here.
    """
    begin, length = from_s, table.short_h * HOUR_S
    overlap = np.minimum(table.depart_s[rows], begin + length) - np.maximum(
        table.arrive_s[rows], begin
    )
    power = table.rated_kw[rows] * np.clip(overlap / length, 0.0, 1.0)
    x0, nil = np.minimum(e_kwh[rows], table.need_kwh[rows]), np.zeros((len(rows), 2))
    return _rows(table.resting, rows)._replace(x0=x0, p_max_kw=power[:, None], end_mu=nil)


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


def step(
    table: Ev,
    e_kwh: Col,
    from_s: float,
    p_target_kw: Col,
    step_h: float = 1 / 12,
    out: Col | None = None,
) -> Col:
    """Charge the cars and return the mean power at the meter, shape (m,) [kW]; `e_kwh` is changed in place."""
    share = plugged_share(table, from_s, step_h * HOUR_S)[:, 0]
    return car_step(
        e_kwh, table.need_kwh, table.rated_kw, share, table.efficiency, p_target_kw, step_h, out
    )


@register("device", "ev")
@dataclass(frozen=True)
class EvGroup:
    """The charging sessions of a run; without orders a car charges at full power from its arrival."""

    about: ClassVar[DeviceKind] = DeviceKind(
        "ev", "Electric vehicles", "#aa4499", "cars", rank=3, is_prosumer=True
    )
    table: Ev
    e_kwh: Col  # (m,) stored since arrival

    @classmethod
    def of(cls, setting: Setting) -> "EvGroup":
        """Return the sessions, nothing stored yet."""
        table = of(setting.homes, short_h=setting.dt_h)
        return cls(table, np.zeros(len(table.home)))

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
        return spec_now(self.table, self.e_kwh, now.now_s, rows)

    def step(self, p_target_kw: Col | None, now: Moment, beside: Beside) -> Metered:
        """Charge the cars."""
        del beside
        asked = plug_in_and_charge(self.table, self.e_kwh)
        if p_target_kw is not None:
            asked = np.where(np.isnan(p_target_kw), asked, p_target_kw)
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
        """Return the charge that was missing at departure."""
        n = len(lived.home_kw)
        missing = np.maximum(self.table.need_kwh - self.e_kwh, 0)
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
