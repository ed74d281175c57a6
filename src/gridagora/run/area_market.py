"""The market side of an area: the layered design over its feeders, whose homes are somewhere else.

It hears one curve, or one plan, of each feeder and passes price and power down; what a feeder is made of it never sees.
"""

from collections.abc import Sequence
from time import process_time
from typing import Any, Protocol

import numpy as np

from gridagora.core.exchange import UW_PER_KW, Plans, Proposals, Quotes
from gridagora.core.limits import (
    Limits,
    bounds_of,
    keep_reserve,
    limit_places,
    limit_substation,
    stack,
    steps_of,
)
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import (
    Costed,
    HourPlan,
    MessageCount,
    Opening,
    SupplyOffer,
    Topology,
    drive,
    supply_curve,
)
from gridagora.core.tables import LEAD_H, Col
from gridagora.kernels.curves.curve import clear, join_curves
from gridagora.markets.layered import Layered, LayeredState
from gridagora.mechanisms.layers import descend, lift_space, published
from gridagora.run.area import AreaCase
from gridagora.run.area_tree import homes_by_feeder, upper_tree
from gridagora.run.forecast import energy_per_kwh, offer_supply, real_time_per_kwh
from gridagora.run.shard_messages import UUSD, FeederPlans, FeederPrices, ShardTotals

HOUR_S = 3600
DAY_H = 24


class ShardHost(Protocol):
    """Where the shards of an area are: in this process, in others, or on other machines."""

    @property
    def feeders(self) -> Sequence[int]:
        """Number of feeders of each shard, in the order of feeders."""
        ...

    def call(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Call a method of every shard, each with its own arguments, and return what they return, in their order."""
        ...


class AreaMarket:
    """The run of the layers above the feeders."""

    def __init__(self, area: AreaCase, market: Layered, host: ShardHost) -> None:
        self.terms, self.market, self.host = area.terms, market, host
        tree, place = upper_tree(area.shape)
        self.site = Topology(tree, place)
        self.homes = homes_by_feeder(area.shape)
        self.edges = np.cumsum([0, *host.feeders])
        zone_kw = np.where(tree.parent < 0, np.inf, area.terms.zone_kw)
        hours = len(area.terms.local_hour)
        base = np.zeros((len(tree.parent), hours))
        over = area.terms.wholesale.over_per_kwh
        self.inner = limit_places(tree, place, zone_kw, base, over)
        self.wholesale = real_time_per_kwh(
            area.terms.wholesale, DAY_H * (area.terms.days + 1), area.terms.dt_h
        )
        self.state: LayeredState = None
        self.traffic = MessageCount()
        self.cpu_s = {"plan": 0.0, "tender": 0.0, "clear": 0.0, "deliver": 0.0}
        self.rounds = self.points = 0

    def split(self, column: Col) -> list[Col]:
        """Return a column of all feeders (k, ...) [any unit] shard by shard."""
        return np.split(column, self.edges[1:-1])

    def limits(self, offered: SupplyOffer, hour: int) -> Limits:
        """Return what the substation and the zones can carry from an hour on."""
        w = self.terms.wholesale
        top = limit_substation(len(self.site.place), offered.base_kw, w.limit_kw, w.over_per_kwh)
        return stack([top, steps_of(self.inner, hour, len(offered.base_kw))])

    def opening(self, product: Product, energy: Col, *, binds: bool) -> Opening:
        """Return the opening of a session over the feeders, at energy prices (h,) [$/kWh]."""
        offered = offer_supply(self.terms.wholesale, energy, np.zeros(len(energy)))
        hour = (product.start_s - self.terms.start_s) // HOUR_S
        every = np.arange(len(self.site.place))
        return Opening(
            product,
            every,
            offered,
            self.site,
            binds=binds,
            limits=self.limits(offered, hour),
            homes=self.homes,
        )

    def plan_hour(self, hour: int) -> None:
        """Let the layers agree on the prices of a window, and homes value their stores against them."""
        began, terms, w = process_time(), self.terms, self.terms.wholesale
        self.host.call("open_hour", [(hour,)] * len(self.host.feeders))
        energy = energy_per_kwh(w, hour, terms.window_h)
        product = Product(Commodity.P, terms.start_s + HOUR_S * hour, HOUR_S, Horizon.DAY_AHEAD)
        binds = int(terms.local_hour[hour]) == 0
        opening = self.opening(product, energy, binds=binds)
        plan, self.traffic = drive(self.market.plan(opening, self.state), self._ask, self.traffic)
        self.state = plan.state
        bound = self._position_per_kwh(plan, opening, hour) if binds else None
        shares = plan.round_share if binds else None
        paths = self.split(plan.price_per_kwh)
        none = [None] * len(paths)
        self.host.call(
            "close_hour",
            list(
                zip(
                    paths,
                    none if bound is None else self.split(bound),
                    none if shares is None else self.split(shares),
                    strict=True,
                )
            ),
        )
        self.cpu_s["plan"] += process_time() - began

    def _position_per_kwh(self, plan: HourPlan[Any], opening: Opening, hour: int) -> Col:
        """Return the price of what is bound, shape (k, 24): day ahead, delivery, and what limits add."""
        w = self.terms.wholesale
        ahead = w.prices.day_ahead_per_kwh[LEAD_H + hour : LEAD_H + hour + DAY_H]
        premium = plan.price_per_kwh - opening.supply.import_per_kwh
        return np.asarray(ahead + w.delivery_per_kwh + premium[:, :DAY_H])

    def _ask(self, message: Any) -> Plans | Proposals:
        costed = isinstance(message, Costed)
        quotes: Quotes = message.quotes if costed else message
        self.rounds += costed
        paths = self.split(quotes.buy_per_kwh)
        told: list[FeederPlans] = self.host.call("answer", [(path, costed) for path in paths])
        p_kw = np.concatenate([each.p_uw for each in told]) / UW_PER_KW
        if not costed:
            return Plans(quotes.product, quotes.party, p_kw)
        own, bound = (
            np.concatenate([getattr(each, name) for each in told]) / UUSD
            for name in ("own_uusd", "bound_uusd")
        )
        return Proposals(quotes.product, quotes.party, p_kw, own, bound)

    def clear_interval(self, interval: int) -> tuple[float, list[ShardTotals]]:
        """Clear an interval and deliver it; return the price at the substation and what every shard delivered."""
        began, terms, market = process_time(), self.terms, self.market
        length_s = round(HOUR_S * terms.dt_h)
        product = Product(
            Commodity.P, terms.start_s + length_s * interval, length_s, Horizon.REAL_TIME
        )
        opening = self.opening(product, self.wholesale[interval : interval + 1], binds=False)
        assert opening.limits is not None
        limits = keep_reserve(opening.limits, market.reserve_share)
        supply, over = opening.supply, float(limits.over_per_kwh[0])
        range_per_kwh = (
            (supply.export_per_kwh[0] - over, supply.import_per_kwh[0] + over)
            if market.blocks
            else (-np.inf, np.inf)
        )
        told = self.host.call("tender", [(interval, *range_per_kwh)] * len(self.host.feeders))
        curves = join_curves(told)
        tendered = process_time()
        site, bounds = self.site, bounds_of(limits, self.site.tree)
        root = site.tree.parent < 0
        lifted = lift_space(
            curves,
            site.place,
            site.tree,
            np.where(root, np.inf, bounds.high_kw[:, 0]),
            np.where(root, -np.inf, bounds.low_kw[:, 0]),
            bounds.over_per_kwh,
            market.blocks,
        )
        cleared = clear(published(lifted), 0.0, *supply_curve(supply, limits))
        found = descend(lifted, cleared.price_per_kwh, cleared.share)
        down = (found.price_per_kwh[site.place], found.share[site.place], found.p_kw)
        sent = [FeederPrices(*each) for each in zip(*map(self.split, down), strict=True)]
        settled = process_time()
        totals: list[ShardTotals] = self.host.call("deliver", [(interval, each) for each in sent])
        self.points = len(curves.p_kw)
        self.cpu_s["tender"] += tendered - began
        self.cpu_s["clear"] += settled - tendered
        self.cpu_s["deliver"] += process_time() - settled
        return float(found.price_per_kwh[-1]), totals
