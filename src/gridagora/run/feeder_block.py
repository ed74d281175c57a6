"""The homes of some feeders that are worked out together: their devices and state, their curves of an interval, their account.

A shard is many such blocks, each small enough for the cache. What a block says is one row a feeder and does not depend on which
feeders are in it. Its tables hold the present hour alone: they are made of those of the patterns every hour.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gridagora.core.device import Moment
from gridagora.core.errors import PartError
from gridagora.core.exchange import quanta_uw
from gridagora.core.session import BehindTheMeter
from gridagora.core.tables import Col, Homes, Index, Quality
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.groups import gather
from gridagora.mechanisms.home_bid import share_inside
from gridagora.mechanisms.layers import Lifted, descend, lift_space, published
from gridagora.population import fleet as homes_at
from gridagora.population.archetypes import (
    DrawnHomes,
    list_devices,
    load_of_homes,
    take_devices,
    take_drawn,
    take_quality,
)
from gridagora.run.area import AreaCase, AreaTerms
from gridagora.run.area_tree import ShardPlace, place_shard
from gridagora.run.shard_messages import FeederPrices, ShardTotals

DAY_H = 24
AIR = "t_air_degc"


class Taking(NamedTuple):
    """Devices of one kind that take part in an hour, d of them."""

    row: Index  # (d,) in their group
    home: Index  # (d,)
    pattern_row: Index  # (d,) of the device of the pattern that they are alike to
    x0: Col  # (d,) what they store now [unit of their store]


@dataclass
class FeederBlock:
    """n homes in progress; every call changes them."""

    terms: AreaTerms
    where: ShardPlace
    archetypes: Homes  # shared by all
    drawn: DrawnHomes  # (n,)
    names: tuple[str, ...]
    quality: Quality
    devices: Mapping[
        str, tuple[Index, Index]
    ]  # by kind, (d,) row in the table of the patterns, and home
    sample: Index  # (s,) rows of the homes of which every interval is kept
    bill_usd: Col  # (n,)
    import_kwh: Col  # (n,)
    sample_kw: Col  # (s, t)
    sample_degc: Col  # (s, t)
    position_kw: Col  # (n, 24) agreed for the hours of the day
    position_per_kwh: Col  # (c, 24)
    load_kw: Col  # (n,) of the hour
    fleet: homes_at.Fleet | None = None
    plan: homes_at.FleetPlan | None = None
    curves: Curves | None = None  # of devices, in the interval that is open
    owner: Index | None = None  # (r,) home of each
    lifted: Lifted | None = None

    def open_hour(self, patterns: Homes, hour: int, mean_per_kwh: float) -> tuple[Taking, ...]:
        """Make the tables of an hour of those of the patterns at it, and return the devices that take part, by group."""
        terms = self.terms
        owned = {
            kind: take_devices(table, *self.devices[kind]) for kind, table in patterns.owned.items()
        }
        homes = Homes(self.names, np.zeros((len(self.names), 1)), self.quality, owned)
        fresh = fleet_of(terms, homes, terms.local_hour[hour : hour + 1], self.where.place)
        self.fleet = fresh if self.fleet is None else keep_state(self.fleet, fresh)
        self.load_kw = load_of_homes(self.archetypes, self.drawn, slice(None), np.array([hour]))[
            :, 0
        ]
        believed, rows = homes_at.beliefs(self.fleet, 0, 1, mean_per_kwh)
        found = []
        for group, each, row in zip(self.fleet.groups, believed, rows, strict=True):
            device, home = self.devices[group.about.kind]
            found.append(Taking(row, home[row], device[row], each.stores.x0))
        return tuple(found)

    def tender(
        self, interval: int, now: Moment, least_per_kwh: float, most_per_kwh: float
    ) -> Curves:
        """Return the curve of every feeder for an interval, c rows; prices are held within what can clear.

        Raises
        ------
        PartError
            The hour was not planned.
        """
        if self.plan is None or self.fleet is None:
            raise PartError("a shard is asked for curves before its hour was planned")
        del interval
        load_kw, tree = self.load_kw, self.where.tree
        self.curves = homes_at.tender(self.fleet, self.plan, 0, now.end_share, now.now_s)
        self.owner = self.plan.home
        bids = gather(self.curves, self.owner, len(load_kw), load_kw)
        bids = bids._replace(price_per_kwh=np.clip(bids.price_per_kwh, least_per_kwh, most_per_kwh))
        is_feeder = tree.parent < 0
        limit = np.where(is_feeder, np.inf, self.terms.transformer_kw)
        # the homes of a transformer have fewer breakpoints than blocks would
        blocks = np.where(is_feeder, self.terms.blocks, 0)
        over = self.terms.wholesale.over_per_kwh
        self.lifted = lift_space(bids, self.where.place, tree, limit, -limit, over, blocks)
        return published(self.lifted)

    def deliver(self, interval: int, hour: int, now: Moment, prices: FeederPrices) -> ShardTotals:
        """Pass price and power down to homes, dispatch their devices, step the physics and keep account.

        Raises
        ------
        PartError
            The block did not tender.
        """
        if self.lifted is None or self.curves is None or self.owner is None:
            raise PartError("a shard is told a price before it tendered")
        assert self.fleet is not None
        assert self.plan is not None
        fleet, load_kw = self.fleet, self.load_kw
        found = descend(self.lifted, prices.price_per_kwh, prices.share, prices.p_kw)
        price = found.price_per_kwh[self.where.place]
        inside = BehindTheMeter(self.curves, self.owner, load_kw)
        power = share_inside(inside, found.p_kw, price)
        orders = homes_at.by_group(fleet, power, self.plan.rows)
        got = homes_at.step_groups(fleet, orders, 0, now.now_s, load_kw, curtails=True)
        home_kw: Col = load_kw + got.kind_kw.sum(0)
        self.keep_account(interval, hour, home_kw, price, got.series)
        kinds = [group.about.kind for group in fleet.groups]
        home_uw, award_uw = quanta_uw(home_kw), quanta_uw(found.p_kw)
        self.lifted = self.curves = self.owner = None
        return ShardTotals(
            int(home_uw.sum()),
            int(award_uw.sum()),
            int(np.abs(home_uw - award_uw).sum()),
            {kind: int(quanta_uw(kw).sum()) for kind, kw in zip(kinds, got.kind_kw, strict=True)},
        )

    def keep_account(
        self, interval: int, hour: int, home_kw: Col, price: Col, series: Mapping[str, Col]
    ) -> None:
        """Add an interval to bills and energy of homes, given their power (n,) [kW] and price (n,) [$/kWh].

        Those of the sample are written; `series` are what devices tell, by name, which ends in the [unit].
        """
        assert self.fleet is not None
        dt_h = self.terms.dt_h
        held_kw = self.position_kw[:, hour % DAY_H]
        agreed = self.position_per_kwh[self.where.feeder, hour % DAY_H]
        self.bill_usd += (agreed * held_kw + price * (home_kw - held_kw)) * dt_h
        self.import_kwh += home_kw.clip(min=0) * dt_h
        if not len(self.sample):
            return
        self.sample_kw[:, interval] = home_kw[self.sample]
        for group in self.fleet.groups:
            if AIR in group.about.series:
                air = np.full(len(home_kw), np.nan)
                air[group.home] = series[AIR]
                self.sample_degc[:, interval] = air[self.sample]


def open_block(
    area: AreaCase, feeders: tuple[int, int], patterns: Homes, pattern: Index
) -> FeederBlock:
    """Return the homes of feeders first to last - 1 at the start of a run, given the patterns and that of each home (n,)."""
    terms, where = area.terms, place_shard(area.shape, feeders)
    n, t = len(where.place), DAY_H * terms.days * round(1 / terms.dt_h)
    step = max(1, area.shape.homes // terms.sample) if terms.sample else 0
    row = where.first_home + np.arange(n)
    sample = np.flatnonzero(row % step == 0) if step else np.zeros(0, np.int64)
    count, k = feeders[1] - feeders[0], len(patterns.home_id)
    return FeederBlock(
        terms,
        where,
        area.archetypes,
        take_drawn(area.drawn, where.first_home, where.first_home + n),
        tuple(f"home-{each + 1:07d}" for each in row),
        take_quality(patterns.quality, pattern),
        {kind: list_devices(table.home, pattern, k) for kind, table in patterns.owned.items()},
        sample,
        np.zeros(n),
        np.zeros(n),
        np.zeros((len(sample), t)),
        np.full((len(sample), t), np.nan),
        np.zeros((n, DAY_H)),
        np.zeros((count, DAY_H)),
        np.zeros(n),
    )


def fleet_of(
    terms: AreaTerms, homes: Homes, local_hour: Index, group: Index | None = None
) -> homes_at.Fleet:
    """Return the devices of homes at rest; `group` (n,) is the transformer of each, None where they never step.

    Raises
    ------
    PartError
        A kind of device whose rows are not those of its table, or which keeps it under another name than `table`.
    """
    found = homes_at.make_fleet(
        homes,
        local_hour,
        terms.comfort_per_k2_h,
        terms.reference_per_kwh,
        terms.dt_h,
        rule=terms.rule,
        draws_known=terms.wholesale.draws_known,
        rest_min=terms.rest_min,
        group=group,
    )
    for each in found.groups:
        kind = each.about.kind
        if not hasattr(each, "table") or not np.array_equal(each.home, homes.owned[kind].home):
            raise PartError(
                f"device '{kind}' in an area: expected a group with a row for each row that homes own, and a field 'table' "
                "that holds all of it that time does not change"
            )
    return found


def keep_state(fleet: homes_at.Fleet, fresh: homes_at.Fleet) -> homes_at.Fleet:
    """Return a fleet as it is, with the tables of another hour; what groups work out once an hour is made anew."""
    groups = [
        replace(own, table=new.table)  # type: ignore[type-var,attr-defined]
        for own, new in zip(fleet.groups, fresh.groups, strict=True)
    ]
    return replace(fleet, groups=tuple(groups))
