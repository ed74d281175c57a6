"""The home side of some neighbouring feeders: devices, beliefs, plans and curves that never leave, and what feeders say of them.

A shard answers five calls in the order of a run. What it returns is one row a feeder, in whole micro-units, and does not depend
on which other feeders are in its shard: a run is the same to the last bit for any number of shards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gridagora.core.agents import Believed, proposals
from gridagora.core.device import GroupBelief, Moment, moment_at
from gridagora.core.errors import PartError
from gridagora.core.exchange import Quotes, quanta_uw
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import BehindTheMeter
from gridagora.core.tables import Col, Index
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.groups import gather
from gridagora.mechanisms.home_bid import share_inside
from gridagora.mechanisms.layers import Lifted, descend, lift_space, published
from gridagora.population import fleet as homes_at
from gridagora.run.area import AreaCase, AreaTerms, homes_of_shard
from gridagora.run.area_tree import ShardPlace, place_shard
from gridagora.run.forecast import energy_per_kwh
from gridagora.run.shard_messages import UUSD, FeederPlans, FeederPrices, ShardResult, ShardTotals

HOUR_S = 3600
DAY_H = 24
CENTS = 100
AIR = "t_air_degc"


@dataclass
class Shard:
    """Homes in progress; every call changes them."""

    terms: AreaTerms
    where: ShardPlace
    fleet: homes_at.Fleet
    names: tuple[str, ...]
    load_kw: Col  # (H, n)
    start: Index  # (c,) first home of each feeder
    sample: Index  # (s,) rows of the homes of which every interval is kept
    bill_usd: Col  # (n,)
    import_kwh: Col  # (n,)
    sample_kw: Col  # (s, t)
    sample_degc: Col  # (s, t)
    position_kw: Col  # (n, 24) agreed for the hours of the day
    position_per_kwh: Col  # (c, 24)
    specs: tuple[GroupBelief, ...] = ()
    believed: Believed | None = None
    rounds_kw: list[Col] = field(default_factory=list)  # plans of the rounds of a search, (n, h)
    plan: homes_at.FleetPlan | None = None
    curves: Curves | None = None  # of devices, in the interval that is open
    owner: Index | None = None  # (r,) home of each
    lifted: Lifted | None = None

    def open_hour(self, hour: int) -> None:
        """Let homes form their belief of the window that begins with an hour."""
        terms = self.terms
        energy = energy_per_kwh(terms.wholesale, hour, terms.window_h)
        mean_per_kwh = float(energy.mean()) + terms.wholesale.delivery_per_kwh
        self.specs, rows = homes_at.beliefs(self.fleet, hour, terms.window_h, mean_per_kwh)
        self.believed = Believed(
            self.load_kw[hour : hour + terms.window_h].T,
            homes_at.disclosed_specs(self.specs),
            homes_at.homes_of(self.fleet, rows),
            homes_at.prosumers(self.fleet),
            homes_at.THREADS,
        )
        self.rounds_kw.clear()

    def answer(self, path_per_kwh: Col, keep: bool) -> FeederPlans:  # noqa: FBT001  # it crosses processes by place
        """Return what homes would take at the prices of their feeder, shape (c, h) [$/kWh]; `keep` the plans of a search.

        Raises
        ------
        PartError
            The hour was not opened.
        """
        if self.believed is None:
            raise PartError("a shard is asked for plans before its hour was opened")
        price = path_per_kwh[self.where.feeder]
        n = len(price)
        product = Product(Commodity.P, self.terms.start_s, HOUR_S, Horizon.DAY_AHEAD)
        found = proposals(Quotes(product, np.arange(n), price, price, price), self.believed)
        if keep:
            self.rounds_kw.append(found.p_kw)
        return FeederPlans(
            np.add.reduceat(quanta_uw(found.p_kw), self.start),
            np.add.reduceat(_uusd(found.own_usd), self.start),
            np.add.reduceat(_uusd(found.bound_usd), self.start),
        )

    def close_hour(
        self, path_per_kwh: Col, position_per_kwh: Col | None, round_share: Col | None
    ) -> None:
        """Value stored energy against the prices of the feeders (c, h) [$/kWh]; bind plans where the day ahead closes.

        Parameters
        ----------
        position_per_kwh
            Price of what is bound by the hour, shape (c, 24) [$/kWh]; None where nothing binds.
        round_share
            Share of each plan of the search, shape (c, r); None: no search was made.
        """
        if position_per_kwh is not None and round_share is not None:
            self.position_kw = np.zeros_like(self.position_kw)
            for share, p_kw in zip(round_share.T, self.rounds_kw, strict=True):
                self.position_kw += share[self.where.feeder, None] * p_kw[:, :DAY_H]
            self.position_per_kwh = position_per_kwh
        self.plan = homes_at.plan(self.fleet, self.specs, path_per_kwh[self.where.feeder])
        self.rounds_kw.clear()
        self.specs, self.believed = (), None

    def tender(self, interval: int, least_per_kwh: float, most_per_kwh: float) -> Curves:
        """Return the curve of every feeder for an interval, c rows; prices are held within what can clear.

        Raises
        ------
        PartError
            The hour was not planned.
        """
        now = moment_at(interval, self.terms.dt_h)
        if self.plan is None:
            raise PartError("a shard is asked for curves before its hour was planned")
        fleet, load_kw, m = self.fleet, self.load_kw[now.hour], len(self.where.tree.parent)
        self.curves = homes_at.tender(fleet, self.plan, now.hour, now.end_share, now.now_s)
        self.owner = self.plan.home
        bids = gather(self.curves, self.owner, len(load_kw), load_kw)
        bids = bids._replace(price_per_kwh=np.clip(bids.price_per_kwh, least_per_kwh, most_per_kwh))
        limit = np.full(m, np.inf)
        limit[self.where.tree.parent >= 0] = self.terms.transformer_kw
        over = self.terms.wholesale.over_per_kwh
        self.lifted = lift_space(
            bids, self.where.place, self.where.tree, limit, -limit, over, self.terms.blocks
        )
        return published(self.lifted)

    def deliver(self, interval: int, prices: FeederPrices) -> ShardTotals:
        """Pass price and power down to homes, dispatch their devices, step the physics and keep account.

        Raises
        ------
        PartError
            The shard did not tender.
        """
        now, fleet = moment_at(interval, self.terms.dt_h), self.fleet
        if self.lifted is None or self.curves is None or self.owner is None or self.plan is None:
            raise PartError("a shard is told a price before it tendered")
        load_kw = self.load_kw[now.hour]
        found = descend(self.lifted, prices.price_per_kwh, prices.share, prices.p_kw)
        price = found.price_per_kwh[self.where.place]
        inside = BehindTheMeter(self.curves, self.owner, load_kw)
        power = share_inside(inside, found.p_kw, price)
        orders = homes_at.by_group(fleet, power, self.plan.rows)
        got = homes_at.step_groups(fleet, orders, now.hour, now.now_s, load_kw, curtails=True)
        home_kw: Col = load_kw + got.kind_kw.sum(0)
        self.keep_account(interval, now, home_kw, price, got.series)
        kinds = [group.about.kind for group in fleet.groups]
        return ShardTotals(
            int(quanta_uw(home_kw).sum()),
            int(quanta_uw(found.p_kw).sum()),
            int(np.abs(quanta_uw(home_kw) - quanta_uw(found.p_kw)).sum()),
            {kind: int(quanta_uw(kw).sum()) for kind, kw in zip(kinds, got.kind_kw, strict=True)},
        )

    def keep_account(
        self, interval: int, now: Moment, home_kw: Col, price: Col, series: Mapping[str, Col]
    ) -> None:
        """Add an interval to bills and energy of homes, given their power (n,) [kW] and price (n,) [$/kWh].

        Those of the sample are written; `series` are what devices tell, by name, which ends in the [unit].
        """
        dt_h, hour = self.terms.dt_h, now.hour % DAY_H
        held_kw = self.position_kw[:, hour]
        agreed = self.position_per_kwh[self.where.feeder, hour]
        self.bill_usd += (agreed * held_kw + price * (home_kw - held_kw)) * dt_h
        self.import_kwh += home_kw.clip(min=0) * dt_h
        self.sample_kw[:, interval] = home_kw[self.sample]
        for group in self.fleet.groups:
            if AIR in group.about.series:
                air = np.full(len(home_kw), np.nan)
                air[group.home] = series[AIR]
                self.sample_degc[:, interval] = air[self.sample]

    def finish(self) -> ShardResult:
        """Return what homes had of the run."""
        return ShardResult(
            len(self.bill_usd),
            _count(np.rint(self.bill_usd * CENTS)),
            _count(np.rint(self.import_kwh * 10)),
            int(_uusd(self.bill_usd).sum()),
            tuple(self.names[row] for row in self.sample),
            self.sample_kw,
            self.sample_degc,
        )


def open_shard(area: AreaCase, feeders: tuple[int, int]) -> Shard:
    """Return the homes of feeders first to last - 1 at the start of a run."""
    terms, where = area.terms, place_shard(area.shape, feeders)
    homes = homes_of_shard(area, where)
    n, t = len(homes.home_id), DAY_H * terms.days * round(1 / terms.dt_h)
    fleet = homes_at.make_fleet(
        homes,
        terms.local_hour,
        terms.comfort_per_k2_h,
        terms.reference_per_kwh,
        terms.dt_h,
        rule=terms.rule,
        draws_known=terms.wholesale.draws_known,
        rest_min=terms.rest_min,
        group=where.place,
    )
    feeders_here = int(where.feeder[-1]) + 1
    step = max(1, area.shape.homes // terms.sample) if terms.sample else 0
    row = where.first_home + np.arange(n)
    sample = np.flatnonzero(row % step == 0) if step else np.zeros(0, np.int64)
    return Shard(
        terms,
        where,
        fleet,
        homes.home_id,
        homes.load_kw.T.copy(),
        np.searchsorted(where.feeder, np.arange(feeders_here)),
        sample,
        np.zeros(n),
        np.zeros(n),
        np.zeros((len(sample), t)),
        np.full((len(sample), t), np.nan),
        np.zeros((n, DAY_H)),
        np.zeros((feeders_here, DAY_H)),
    )


def _uusd(usd: Col) -> Index:
    return np.rint(usd * UUSD).astype(np.int64)


def _count(values: Col) -> dict[int, int]:
    value, homes = np.unique(values.astype(np.int64), return_counts=True)
    return dict(zip(value.tolist(), homes.tolist(), strict=True))
