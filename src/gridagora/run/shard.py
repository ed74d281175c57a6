"""The home side of some neighbouring feeders: devices, beliefs, plans and curves that never leave, and what feeders say of them.

A shard answers five calls in the order of a run. What it returns is one row a feeder, in whole micro-units, and does not depend
on which other feeders are in its shard: a run is the same to the last bit for any number of shards.

Homes of one pattern (`population.archetypes`) differ in load, clock and state alone. The value of stored energy is a function of
what is stored, so a pattern has one for all its homes that hear one price path, and the plan of a home is a roll-out of it from
what the home has stored (`kernels.stores.pattern_response`).
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from gridagora.core.device import GroupBelief, Moment, moment_at
from gridagora.core.errors import PartError
from gridagora.core.exchange import UW_PER_KW, quanta_uw
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.curves.curve import Curves, join_curves
from gridagora.kernels.stores.pattern_response import (
    PatternUnits,
    SharedSums,
    add_responses,
    add_shares,
    order_units,
)
from gridagora.kernels.stores.value import MarginalValue, join_slopes
from gridagora.population import fleet as homes_at
from gridagora.population.archetypes import (
    at_hour,
    list_patterns,
    load_of_homes,
    make_homes,
    take_drawn,
)
from gridagora.run.area import AreaCase, AreaTerms
from gridagora.run.feeder_block import FeederBlock, Taking, fleet_of, open_block
from gridagora.run.forecast import energy_per_kwh
from gridagora.run.shard_messages import UUSD, FeederPlans, FeederPrices, ShardResult, ShardTotals

HOUR_S = 3600
DAY_H = 24
CENTS = 100
BLOCK_HOMES = 5_000  # about so many are worked out together


@dataclass
class Shard:
    """Homes in progress; every call changes them."""

    terms: AreaTerms
    patterns: Homes  # (k,)
    shared: homes_at.Fleet  # of the patterns; it never steps
    blocks: tuple[FeederBlock, ...]
    first_home: Index  # (b + 1,) of each block
    first_feeder: Index  # (b + 1,)
    load_uw: Index  # (c, H)
    hour: int = 0
    believed: tuple[GroupBelief, ...] = ()
    taking: tuple[Taking, ...] = ()  # by group, homes and feeders of the whole shard
    feeder: tuple[Index, ...] = ()  # (d,) of each device of `taking`, by group
    paths: list[Col] = field(default_factory=list)  # of the rounds of a search, (c, h) [$/kWh]

    def open_hour(self, hour: int) -> None:
        """Let homes form their belief of the window that begins with an hour."""
        terms = self.terms
        energy = energy_per_kwh(terms.wholesale, hour, terms.window_h)
        mean_per_kwh = float(energy.mean()) + terms.wholesale.delivery_per_kwh
        self.hour = hour
        self.believed, rows = homes_at.beliefs(self.shared, hour, terms.window_h, mean_per_kwh)
        now = at_hour(self.patterns, hour)
        told = [block.open_hour(now, hour, mean_per_kwh) for block in self.blocks]
        self.taking = tuple(
            self._join(each, row, len(group.home))
            for each, row, group in zip(
                zip(*told, strict=True), rows, self.shared.groups, strict=True
            )
        )
        by_home = np.concatenate(
            [
                block.where.feeder + first
                for block, first in zip(self.blocks, self.first_feeder, strict=False)
            ]
        )
        self.feeder = tuple(by_home[each.home] for each in self.taking)
        self.paths.clear()

    def _join(self, told: tuple[Taking, ...], believing: Index, patterns: int) -> Taking:
        """Return the devices of one kind of all blocks with the row of their belief, given which of the patterns have one."""
        place = np.full(patterns, -1)
        place[believing] = np.arange(len(believing))
        belief = [place[each.pattern_row] for each in told]
        found = Taking(
            np.concatenate([each.row for each in told]),
            np.concatenate(
                [each.home + first for each, first in zip(told, self.first_home, strict=False)]
            ),
            np.concatenate(belief),
            np.concatenate([each.x0 for each in told]),
        )
        if found.pattern_row.min(initial=0) < 0:
            raise PartError(
                "a device takes part in an hour in which one at rest would not: an area cannot share what it believes"
            )
        return found

    def answer(self, path_per_kwh: Col, keep: bool) -> FeederPlans:  # noqa: FBT001  # it crosses processes by place
        """Return what homes would take at the prices of their feeder, shape (c, h) [$/kWh]; `keep` the paths of a search.

        Raises
        ------
        PartError
            The hour was not opened.
        """
        if not self.believed:
            raise PartError("a shard is asked for plans before its hour was opened")
        if keep:
            self.paths.append(path_per_kwh)
        load_uw = self.load_uw[:, self.hour : self.hour + path_per_kwh.shape[1]]
        paid_usd = (load_uw / UW_PER_KW * path_per_kwh).sum(1)
        sums = SharedSums(load_uw.copy(), np.zeros(len(load_uw), np.int64), _uusd(paid_usd))
        distinct, path_of = list_paths(path_per_kwh)
        for kind, stores in enumerate(homes_at.disclosed_specs(self.believed)):
            add_responses(stores, distinct, self._units(kind, path_of), sums)
        return FeederPlans(*sums)

    def _units(self, kind: int, path_of: Index) -> PatternUnits:
        """Return the devices of a kind pair by pair of path and pattern, given the path that each feeder hears (c,)."""
        own, feeder, k = self.taking[kind], self.feeder[kind], len(self.believed[kind].rows)
        count = k * (int(path_of.max(initial=0)) + 1)
        first, unit = order_units(path_of[feeder] * k + own.pattern_row, count)
        return PatternUnits(first, own.x0[unit], feeder[unit], own.home[unit])

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
            self._bind(position_per_kwh, round_share)
        distinct, path_of = list_paths(path_per_kwh)
        plans = [homes_at.plan(self.shared, self.believed, path) for path in distinct]
        values: list[MarginalValue | None] = []
        of_value: list[Index] = []
        for kind, own in enumerate(self.taking):
            parts = [plan.values[kind] for plan in plans]
            values.append(
                join_slopes([each for each in parts if each is not None]) if parts[0] else None
            )
            k = len(self.believed[kind].rows)
            of_value.append(path_of[self.feeder[kind]] * k + own.pattern_row)
        for row, block in enumerate(self.blocks):
            homes = self.first_home[row], self.first_home[row + 1]
            cuts = [slice(*np.searchsorted(own.home, homes)) for own in self.taking]
            rows = tuple(own.row[cut] for own, cut in zip(self.taking, cuts, strict=True))
            mine = tuple(each[cut] for each, cut in zip(of_value, cuts, strict=True))
            owner = [own.home[cut] - homes[0] for own, cut in zip(self.taking, cuts, strict=True)]
            block.plan = homes_at.FleetPlan(
                tuple(values), rows, np.concatenate(owner), distinct, of_value=mine
            )
        self.believed = ()
        self.taking = self.feeder = ()
        self.paths.clear()

    def _bind(self, position_per_kwh: Col, round_share: Col) -> None:
        """Bind the mean of the plans of a search, worked out again from their paths: plans of all rounds take too much memory."""
        held_kw = np.zeros((int(self.first_home[-1]), DAY_H))
        for path, share in zip(self.paths, round_share.T, strict=True):
            if not share.any():
                continue
            distinct, path_of = list_paths(path)
            for kind, stores in enumerate(homes_at.disclosed_specs(self.believed)):
                units = self._units(kind, path_of)
                add_shares(stores, distinct, units, np.ascontiguousarray(share), held_kw)
        hours = self.hour + np.arange(DAY_H)
        for row, block in enumerate(self.blocks):
            load_kw = load_of_homes(block.archetypes, block.drawn, slice(None), hours)
            own = slice(self.first_home[row], self.first_home[row + 1])
            feeders = slice(self.first_feeder[row], self.first_feeder[row + 1])
            whole = round_share[feeders].sum(1)[block.where.feeder, None]
            block.position_kw = held_kw[own] + whole * load_kw
            block.position_per_kwh = position_per_kwh[feeders]

    def tender(self, interval: int, least_per_kwh: float, most_per_kwh: float) -> Curves:
        """Return the curve of every feeder for an interval, c rows; prices are held within what can clear.

        Raises
        ------
        PartError
            The hour was not planned.
        """
        now = self._moment(interval)
        return join_curves(
            [block.tender(interval, now, least_per_kwh, most_per_kwh) for block in self.blocks]
        )

    def _moment(self, interval: int) -> Moment:
        """Return the interval as blocks count it, from the start of the hour."""
        return moment_at(interval % round(1 / self.terms.dt_h), self.terms.dt_h)

    def deliver(self, interval: int, prices: FeederPrices) -> ShardTotals:
        """Pass price and power down to homes, dispatch their devices, step the physics and keep account.

        Raises
        ------
        PartError
            The shard did not tender.
        """
        hour, now, edges = (
            moment_at(interval, self.terms.dt_h).hour,
            self._moment(interval),
            self.first_feeder,
        )
        told = []
        for row, block in enumerate(self.blocks):
            own = FeederPrices(*(column[edges[row] : edges[row + 1]] for column in prices))
            told.append(block.deliver(interval, hour, now, own))
        return ShardTotals(
            sum(each.load_uw for each in told),
            sum(each.award_uw for each in told),
            sum(each.missed_uw for each in told),
            {kind: sum(each.kind_uw[kind] for each in told) for kind in told[0].kind_uw},
        )

    def finish(self) -> ShardResult:
        """Return what homes had of the run."""
        bill_usd = np.concatenate([block.bill_usd for block in self.blocks])
        import_kwh = np.concatenate([block.import_kwh for block in self.blocks])
        return ShardResult(
            len(bill_usd),
            _count(np.rint(bill_usd * CENTS)),
            _count(np.rint(import_kwh * 10)),
            int(_uusd(bill_usd).sum()),
            tuple(block.names[row] for block in self.blocks for row in block.sample),
            np.concatenate([block.sample_kw for block in self.blocks]),
            np.concatenate([block.sample_degc for block in self.blocks]),
        )


def open_shard(area: AreaCase, feeders: tuple[int, int]) -> Shard:
    """Return the homes of feeders first to last - 1 at the start of a run."""
    terms, first = area.terms, feeders[0] * area.shape.homes_per_feeder
    last = min(feeders[1] * area.shape.homes_per_feeder, area.shape.homes)
    found, pattern = list_patterns(take_drawn(area.drawn, first, last))
    patterns = make_homes(area.archetypes, found, 0, len(found.archetype))
    patterns = patterns._replace(load_kw=patterns.load_kw[:, :1])
    each = max(1, BLOCK_HOMES // area.shape.homes_per_feeder)
    starts = [*range(feeders[0], feeders[1], each), feeders[1]]
    blocks, load_uw = [], []
    edges = np.minimum(np.array(starts) * area.shape.homes_per_feeder, last) - first
    for part, own in zip(pairwise(starts), pairwise(edges), strict=True):
        block = open_block(area, part, patterns, pattern[own[0] : own[1]])
        hours = np.arange(area.archetypes.load_kw.shape[1])
        load_kw = load_of_homes(area.archetypes, block.drawn, slice(None), hours)
        start = np.searchsorted(block.where.feeder, np.arange(part[1] - part[0]))
        load_uw.append(np.add.reduceat(quanta_uw(load_kw), start))
        blocks.append(block)
    return Shard(
        terms,
        patterns,
        fleet_of(terms, patterns, terms.local_hour),
        tuple(blocks),
        edges,
        np.array(starts) - feeders[0],
        np.concatenate(load_uw),
    )


def list_paths(path_per_kwh: Col) -> tuple[Col, Index]:
    """Return the distinct rows of prices by feeder (c, h) [$/kWh], shape (g, h), and the one of each feeder, shape (c,)."""
    if (path_per_kwh == path_per_kwh[0]).all():
        return path_per_kwh[:1], np.zeros(len(path_per_kwh), np.int64)
    distinct, path_of = np.unique(path_per_kwh, axis=0, return_inverse=True)
    return distinct, path_of.reshape(-1)


def _uusd(usd: Col) -> Index:
    return np.rint(usd * UUSD).astype(np.int64)


def _count(values: Col) -> dict[int, int]:
    value, homes = np.unique(values.astype(np.int64), return_counts=True)
    return dict(zip(value.tolist(), homes.tolist(), strict=True))
