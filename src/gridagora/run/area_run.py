"""A run of an area, day ahead and interval by interval: sums over all homes, homes as counts, and every interval of a sample."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gridagora.core.exchange import UW_PER_KW
from gridagora.core.session import MessageCount
from gridagora.core.tables import Col
from gridagora.markets.layered import Layered
from gridagora.run.area import AreaCase
from gridagora.run.area_market import DAY_H, AreaMarket, ShardHost
from gridagora.run.shard_messages import ShardResult, ShardTotals


class AreaResult(NamedTuple):
    """What a run of an area did, by interval (t,): sums over homes, price at the substation, and homes as counts."""

    load_kw: Col
    award_kw: Col
    missed_kw: Col
    price_per_kwh: Col
    kind_kw: Mapping[str, Col]
    shards: tuple[ShardResult, ...]
    traffic: MessageCount  # between the feeders and what is above them
    rounds: int  # of searches for a day ahead
    points: int  # of the curves of all feeders in the last interval
    cpu_s: Mapping[str, float]  # of this process by layer


def run_area(
    area: AreaCase,
    host: ShardHost,
    market: Layered | None = None,
    progress: Callable[[int, int], None] | None = None,
    hours: int | None = None,
) -> AreaResult:
    """Run the layered design over an area, day ahead and interval by interval.

    Parameters
    ----------
    area
        Homes and feeders.
    host
        Where their shards are.
    market
        The layered design; its `blocks` are those of the area.
    progress
        Told (hours done, hours in all).
    hours
        To run, all days of the area where left out.

    Notes
    -----
    Limits of zones and of the area hold in the plan and in real time, those of service transformers in real time alone.
    """
    terms = area.terms
    design = Layered() if market is None else market
    layers = AreaMarket(area, replace(design, blocks=terms.blocks), host)
    most, per = DAY_H * terms.days if hours is None else hours, round(1 / terms.dt_h)
    price = np.zeros(most * per)
    totals: list[list[ShardTotals]] = []
    for hour in range(most):
        layers.plan_hour(hour)
        for interval in range(hour * per, (hour + 1) * per):
            price[interval], told = layers.clear_interval(interval)
            totals.append(told)
        if progress is not None:
            progress(hour + 1, most)
    found = host.call("finish", [()] * len(host.feeders))
    load, award, missed = (
        np.array([sum(getattr(each, name) for each in told) for told in totals]) / UW_PER_KW
        for name in ("load_uw", "award_uw", "missed_uw")
    )
    kinds = sorted({kind for told in totals[:1] for each in told for kind in each.kind_uw})
    by_kind = {
        kind: np.array([sum(each.kind_uw.get(kind, 0) for each in told) for told in totals])
        / UW_PER_KW
        for kind in kinds
    }
    return AreaResult(
        load,
        award,
        missed,
        price,
        by_kind,
        tuple(found),
        layers.traffic,
        layers.rounds,
        layers.points,
        layers.cpu_s,
    )


def quantiles(counts: Sequence[Mapping[int, int]], shares: Sequence[float]) -> list[int]:
    """Return the values below which shares of all homes lie, of homes counted by value in several tables."""
    total: dict[int, int] = {}
    for each in counts:
        for value, homes in each.items():
            total[value] = total.get(value, 0) + homes
    values = sorted(total)
    below = np.cumsum([total[each] for each in values])
    return [values[int(np.searchsorted(below, share * below[-1]))] for share in shares]
