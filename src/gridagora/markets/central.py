"""The central market: an operator that is told every spec finds prices that keep the feeder within its limit at least cost.

Theory 3.4.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import Status, Transactions
from gridagora.core.registry import register
from gridagora.core.session import Call, Session, opening, steps
from gridagora.core.session import Supply as Tendered
from gridagora.core.tables import Col
from gridagora.kernels.curve import Curves, at, clear
from gridagora.kernels.dual import Answer, Coordination, coordinate, recover
from gridagora.kernels.master import Supply
from gridagora.kernels.value import respond

THREADS = 2  # for rows of one kind; results do not depend on it
OPERATOR = -1  # the counterparty of every transaction
REACH_KW = 1e4  # per resource: more than any can take


class Schedule(NamedTuple):
    """Day-ahead power of every resource, p_kw (r, h) [kW], and the certified relative gap of the plan it comes from."""

    p_kw: Col
    gap_share: float


@register("market", "central")
@dataclass(frozen=True)
class Central:
    """Today's wholesale market, brought to the home: multi-period welfare maximum by price, then one clearing an interval.

    reserve_share keeps that share of the limit free for on/off units that cannot follow exactly (theory 3.4); rounds_max
    bounds the prices the operator tries each hour, rounds_day_ahead those of midnight, on which positions settle; gap is the
    certified relative gap at which it stops earlier.
    """

    strategies: ClassVar[tuple[str, ...]] = ("look_ahead",)  # each resource is told, and tenders, by itself
    told_specs: ClassVar[bool] = True

    reserve_share: float = 0.03
    rounds_max: int = 6
    rounds_day_ahead: int = 20
    gap: float = 1e-4
    strategy: str = "look_ahead"

    def __post_init__(self) -> None:
        """Refuse a reserve that leaves nothing to sell."""
        if not 0 <= self.reserve_share < 1:
            raise InputError([Problem("market.central.reserve_share", str(self.reserve_share), "a share in [0, 1)")])

    def outlook(self, call: Call) -> Col:
        """Return the price of every step of the window, shape (h,) [$/kWh]: cost where nothing binds, else coordinated.

        Parameters
        ----------
        call
            `specs` hold the belief of every resource over the h steps; `supply` the forecast cost, base load and limit.

        References
        ----------
        Price decomposition with a certified gap: `kernels.dual`.
        """
        cost = call.supply.import_per_kwh
        answer = answers(call, cost)
        q = call.supply.base_kw + answer.p_kw.sum(0)
        if q.max() <= self.usable_kw(call.supply) and q.min() >= 0:
            return cost
        least = call.supply.export_per_kwh - call.supply.over_per_kwh
        start = np.where(np.isfinite(call.before_per_kwh), np.maximum(call.before_per_kwh, least), cost)
        found = self.coordinated(call, start, self.rounds_max, hard=False)
        return found.price_per_kwh

    def schedule(self, call: Call, price_per_kwh: Col) -> Schedule:
        """Return the power every resource is bound to day ahead: its answer to the price, mixed where answers alone overshoot.

        The gap is certified: no schedule of the specs costs less than the bound that the answers to the price prove.
        """
        found = self.coordinated(call, price_per_kwh, self.rounds_day_ahead, hard=True)
        specs = call.specs
        gain_in, gain_out = (np.concatenate([getattr(spec, name) for spec in specs]) for name in ("gain_in", "gain_out"))
        return Schedule(recover(found, gain_in, gain_out), max(0.0, found.gap_usd) / max(1e-9, abs(found.high_usd)))

    def coordinated(self, call: Call, start_per_kwh: Col, rounds: int, *, hard: bool) -> Coordination:
        """Return what the coordinator finds from a first price; each kind of resource is a group of similar rows."""
        group = np.repeat(np.arange(len(call.specs)), [len(spec.x0) for spec in call.specs])
        return coordinate(
            lambda price: answers(call, price),
            self.supply(call),
            group,
            start_per_kwh,
            homes=len(group),
            rounds_max=rounds,
            tolerance=self.gap,
            hard=hard,
        )

    def session(self, call: Call) -> Session:
        """Hear every curve, clear once at the substation, award each resource its own answer."""
        supply = call.supply
        tenders = yield opening(call)
        if tenders is None:
            raise InputError([Problem("market.central", "no tenders", "a strategy that tenders, such as 'look_ahead'")])
        curves = Curves(tenders.offset, tenders.p_kw, tenders.price_per_kwh)
        cleared = clear(curves, float(supply.base_kw[0]), *steps(supply._replace(limit_kw=self.usable_kw(supply))))
        power = at(curves, cleared.price_per_kwh, cleared.share)[:, None]
        n = len(call.party)
        price = np.full((n, 1), cleared.price_per_kwh)
        return Transactions(call.product, call.party, np.full(n, OPERATOR), power, price, np.full(n, Status.FILLED))

    def usable_kw(self, supply: Tendered) -> float:
        """Limit less the reserve [kW]."""
        return supply.limit_kw * (1 - self.reserve_share)

    def supply(self, call: Call) -> Supply:
        """Return the supply as the coordinator reads it."""
        h, s = len(call.supply.base_kw), call.supply
        reach = REACH_KW * (1 + sum(len(spec.x0) for spec in call.specs))
        limit = min(self.usable_kw(s), reach)
        return Supply(
            np.ones(h),
            s.base_kw,
            s.import_per_kwh,
            s.export_per_kwh,
            np.full(h, limit),
            np.full(h, s.over_per_kwh),
            np.zeros(h),
            np.full(h, -reach),
            np.full(h, reach),
        )


def answers(call: Call, price_per_kwh: Col) -> Answer:
    """Return the best response of every spec to a price, as the operator computes it from what it was told."""
    found = [respond(spec, price_per_kwh, price_per_kwh, threads=THREADS) for spec in call.specs]
    p_kw = np.concatenate([r.p_kw for r in found])
    cost, bound = (np.concatenate([getattr(r, name) for r in found]) for name in ("cost_usd", "bound_usd"))
    return Answer(p_kw, cost - p_kw @ price_per_kwh, bound)
