"""The central market: from all specifications an operator finds prices that keep the feeder within its limit at least cost.

Theory 3.4.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, NoReturn

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import Status, Transactions, quote
from gridagora.core.limits import Limits, keep_reserve
from gridagora.core.product import Horizon
from gridagora.core.registry import register
from gridagora.core.rules import Bidder, Disclosure, LookAhead, Pricing, Rulebook
from gridagora.core.session import (
    Baseline,
    Clearing,
    Commitment,
    GateOpen,
    HourPlan,
    Opening,
    Planning,
    Posted,
    PricePath,
    Session,
    SpecRequest,
    limits_of,
    shift_path,
    supply_curve,
)
from gridagora.core.session import SupplyOffer as Tendered
from gridagora.core.spec import Spec
from gridagora.core.tables import Col
from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import Answer, Coordination, coordinate, recover
from gridagora.kernels.curves.curve import Curves, clear, power_at
from gridagora.kernels.stores.value import best_response

THREADS = 2  # for rows of one kind; results do not depend on it
FILLED = int(Status.FILLED)
OPERATOR = -1  # the counterparty of every transaction
REACH_KW = 1e4  # per resource: above the power of any
DAY_H = 24
Specs = tuple[Spec, ...]  # one table for each kind of device


class Schedule(NamedTuple):
    """A day ahead: power of every resource p_kw (r, h) [kW], its price (h,) [$/kWh], and the relative gap that both certify."""

    p_kw: Col
    price_per_kwh: Col
    gap_share: float


@register("market", "central")
@dataclass(frozen=True)
class Central:
    """An operator that knows every device plans all homes for the most welfare, as wholesale markets do, then clears intervals.

    reserve_share keeps that share of the limit free for on/off units that cannot follow exactly (theory 3.4); rounds_max
    bounds the prices the operator tries each hour, rounds_day_ahead those of midnight, on which positions settle; gap is the
    certified relative gap at which it stops earlier.
    """

    rules: ClassVar[Rulebook] = Rulebook(
        strategies=("look_ahead",),
        bidder=Bidder.DEVICE,
        discloses=Disclosure.SPECS,
        look_ahead=LookAhead.OPTIMISED,
        pricing=Pricing.UNIFORM,
        commits=(Horizon.DAY_AHEAD,),
        sees_limit=True,
    )

    # share of the limit that is kept free for on/off units, which cannot follow exactly
    reserve_share: float = 0.03
    rounds_max: int = 6  # prices that the operator tries in an hour, at most
    # prices that it tries at midnight, at most, on which positions settle
    rounds_day_ahead: int = 20
    gap: float = 1e-4  # distance to the least cost at which it stops earlier, of that cost [share]
    strategy: str = "look_ahead"  # how homes act under it, one of the strategies that fit it

    def __post_init__(self) -> None:
        """Refuse parameters outside their range."""
        rules = (
            ("reserve_share", 0 <= self.reserve_share < 1, "a share in [0, 1)"),
            ("rounds_max", self.rounds_max >= 1, "one price an hour or more"),
            ("rounds_day_ahead", self.rounds_day_ahead >= 1, "one price a day or more"),
            ("gap", self.gap >= 0, "a share of the cost of 0 or more"),
        )
        broken = [
            Problem(f"market.central.{key}", str(getattr(self, key)), rule)
            for key, good, rule in rules
            if not good
        ]
        if broken:
            raise InputError(broken)

    def start(self, baseline: Baseline) -> None:
        """Return no state: prices start from the supply cost."""
        del baseline

    def plan(self, opening: Opening, state: PricePath | None) -> Planning[PricePath | None]:
        """Ask for every spec, find the prices of the window, and at the gate of the day ahead the power they bind."""
        specs = (yield SpecRequest(opening.product)) or _refuse("specs")
        path = self.prices(opening, specs, state)
        # the certificate is valid only at the price it was found with: positions and plans use that price
        found = self.schedule(opening, specs, path) if opening.binds else None
        path = path if found is None else found.price_per_kwh
        yield Posted(quote(opening.product, opening.party, path))
        after = PricePath(opening.product.start_s, path)
        if found is None:
            return HourPlan(path, after)
        by_home = np.zeros((len(opening.party), len(path)))
        np.add.at(by_home, np.concatenate([spec.party for spec in specs]), found.p_kw)
        bound = Commitment(opening.product, DAY_H, by_home, path - opening.supply.import_per_kwh)
        return HourPlan(path, after, commitments=(bound,), gap_share=found.gap_share)

    def prices(self, opening: Opening, specs: Specs, before: PricePath | None) -> Col:
        """Return the price of every step of the window, shape (h,) [$/kWh]: cost where nothing binds, else coordinated.

        Parameters
        ----------
        opening
            `supply` holds the forecast cost and base load, the first of the limits is the substation's.
        specs
            The belief of every device over the h steps.
        before
            Prices of the opening before.

        References
        ----------
        Price decomposition with a certified gap: `kernels.coordination.dual`.
        """
        supply, limits = opening.supply, self.available_limits(opening)
        cost = supply.import_per_kwh
        answer = find_responses(specs, cost)
        q = supply.base_kw + answer.p_kw.sum(0)
        if (q <= limits.high[0]).all() and q.min() >= 0:
            return cost
        least = supply.export_per_kwh - limits.over_per_kwh[0]
        last = np.full_like(cost, np.nan) if before is None else shift_path(before, opening)
        start = np.where(np.isfinite(last), np.maximum(last, least), cost)
        found = self.coordinated(opening, specs, start, self.rounds_max, hard=False)
        return found.price_per_kwh

    def schedule(self, opening: Opening, specs: Specs, price_per_kwh: Col) -> Schedule:
        """Return the day-ahead power and price of every resource: responses, combined where a single one exceeds the limit.

        `price_per_kwh` (h,) [$/kWh] is where the search begins. The gap is certified: no schedule of the specs costs less than
        the bound that the answers to the returned price prove.
        """
        found = self.coordinated(opening, specs, price_per_kwh, self.rounds_day_ahead, hard=True)
        gain_in = np.concatenate([spec.stores.gain_in for spec in specs])
        gain_out = np.concatenate([spec.stores.gain_out for spec in specs])
        share = max(0.0, found.gap_usd) / max(1e-9, abs(found.high_usd))
        return Schedule(recover(found, gain_in, gain_out), found.price_per_kwh, share)

    def coordinated(
        self, opening: Opening, specs: Specs, start_per_kwh: Col, rounds: int, *, hard: bool
    ) -> Coordination:
        """Return what the coordinator finds from a first price (h,) [$/kWh]; each kind of resource is a group of similar rows."""
        group = np.repeat(np.arange(len(specs)), [len(spec.party) for spec in specs])
        return coordinate(
            lambda price: find_responses(specs, price),
            make_supply_row(opening.supply, self.available_limits(opening), len(group)),
            group,
            start_per_kwh,
            homes=max(1, len(group)),
            rounds_max=rounds,
            tolerance=self.gap,
            hard=hard,
        )

    def clear(self, opening: Opening, state: PricePath | None) -> Session:
        """Receive every curve, clear once at the substation, and award each device its power on its own curve."""
        del state
        supply = opening.supply
        tenders = (yield GateOpen(opening.product)) or _refuse("tenders")
        curves = Curves(tenders.offset, tenders.p_kw, tenders.price_per_kwh)
        cleared = clear(
            curves, float(supply.base_kw[0]), *supply_curve(supply, self.available_limits(opening))
        )
        power = power_at(curves, cleared.price_per_kwh, cleared.share)[:, None]
        n = len(opening.party)
        price, filled = np.full((n, 1), cleared.price_per_kwh), np.full(n, FILLED)
        return Clearing(
            Transactions(opening.product, opening.party, np.full(n, OPERATOR), power, price, filled)
        )

    def available_limits(self, opening: Opening) -> Limits:
        """Return the limits less the reserve."""
        return keep_reserve(limits_of(opening), self.reserve_share)


def make_supply_row(s: Tendered, limits: Limits, devices: int) -> SupplyCost:
    """Return the supply and the substation limit as input of the coordinator of this number of devices."""
    h = len(s.base_kw)
    reach = REACH_KW * (1 + devices)
    return SupplyCost(
        np.ones(h),
        s.base_kw,
        s.import_per_kwh,
        s.export_per_kwh,
        limits.low[0].clip(min=-reach),
        limits.high[0].clip(max=reach),
        np.full(h, limits.over_per_kwh[0]),
        np.zeros(h),
        np.full(h, -reach),
        np.full(h, reach),
    )


def _refuse(what: str) -> NoReturn:
    raise InputError(
        [Problem("market.central", f"no {what}", "a strategy that tenders, such as 'look_ahead'")]
    )


def find_responses(specs: Specs, price_per_kwh: Col) -> Answer:
    """Return the best response of every spec to a price (h,) [$/kWh], as computed by the operator from the specifications."""
    found = [
        best_response(spec.stores, price_per_kwh, price_per_kwh, threads=THREADS) for spec in specs
    ]
    p_kw = np.concatenate([r.p_kw for r in found])
    cost = np.concatenate([r.cost_usd for r in found])
    bound = np.concatenate([r.bound_usd for r in found])
    return Answer(p_kw, cost - p_kw @ price_per_kwh, bound)
