"""Upper bound of the welfare of a week: perfect information, true physics, one price for all, the substation limit priced.

Theory 5.1, 5.2.

For any price path the best answers of all homes plus what the supply could gain bound every schedule of every design from
above (weak duality), because each part of a run is among what its counterpart here minimises over:

* A house moves continuous power every minute; its answer brings its own proof (`kernels.physics.control`). A tank is stepped by
  the minute, as in the run (`bound.tanks`).
* Prices, limit and comfort hold over blocks of a quarter of an hour; a run clears and is charged every five minutes. The cost
  of the substation is convex in its load, so that of the mean load of a block is at most the mean of its costs (Jensen).
* A battery may turn within a block. What it stores is concave in its power and its wear convex, and the answer is that of the
  convex hull of a block (`kernels.stores.value`): any mix of powers within the block is in it.
* A car takes at most its charger's energy in the share of the block it is plugged in, whenever in the block that is.
* Panels give anything from nothing to what the sun allows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gridagora.core.device import Blocks, BoundPart
from gridagora.core.limits import limit_substation
from gridagora.core.tables import Col, Index, Prices
from gridagora.files.spill import Spill
from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import (
    Answer,
    Coordination,
    Keep,
    coordinate,
    dual_value,
    kept_whole,
    recover,
)
from gridagora.population.fleet import Fleet

BLOCK_S = 900  # prices, limit and comfort hold over blocks of a quarter of an hour
BLOCKS_H = 3600 // BLOCK_S
STEP_S = 60  # the physics of a run
ROWS_HELD = (
    2_000  # devices whose answers to all prices are held in memory; those of more wait in a file
)
STEP = (
    50.0  # kW an average home may first be out of balance for each $/kWh of distance from the cost
)
Schedule = tuple[
    Col, ...
]  # mean power of the rows of each group in every block, shape (k, 4 hours) [kW]
Play = Callable[[Schedule], float]


@dataclass(frozen=True)
class Worth:
    """What the supply of a week is scored by; what devices cost is theirs.

    Left over energy is worth the mean wholesale price plus delivery, times what it displaces.
    """

    delivery_per_kwh: float = 0.045
    export_credit_per_kwh: float = 0.0
    over_per_kwh: float = 1.0


class Bound(NamedTuple):
    """A number no schedule beats, and its proof.

    welfare_usd: the bound. price_per_kwh, load_kw (4 hours,) of its 15-minute blocks; device_usd: value by kind at that
    price; evaluations: prices tried. feasible_usd: welfare of a schedule that can be played, so that the best possible lies
    between it and the bound; gap_usd: the distance of the two; nan where nothing was played. mix: the schedule to play.
    """

    welfare_usd: float
    price_per_kwh: Col
    load_kw: Col
    device_usd: dict[str, float]
    gap_usd: float
    evaluations: int
    feasible_usd: float = np.nan
    mix: Schedule | None = None


class Area(NamedTuple):
    """The groups of a fleet as answering parts over b blocks, and the supply; slices: rows of an answer by group.

    credit_usd: what the convex supply asks too little, a constant, where export earns more than import costs.
    """

    supply: SupplyCost
    kinds: tuple[str, ...]
    parts: tuple[BoundPart, ...]
    slices: tuple[slice, ...]
    credit_usd: float


def bound(
    fleet: Fleet,
    load_kw: Col,
    prices: Prices,
    *,
    hours: int,
    limit_kw: float = np.inf,
    other_kw: Col | float = 0.0,
    worth: Worth | None = None,
    price0_per_kwh: Col | None = None,
    rounds_max: int = 20,
    tolerance: float = 1e-4,
    threads: int = 2,
    play: Play | None = None,
) -> Bound:
    """Bound the welfare of the first `hours` hours from above.

    Prices are searched on parts that hold their power through a block, which is quick and gives the schedule to play. Any price
    bounds, so one answer of the true parts to the best price found is the proof.

    Parameters
    ----------
    fleet, load_kw, prices
        The devices at the start of the run, the load of homes without them (n, H) [kW], and the prices (`LEAD_H` hours of
        history first).
    limit_kw
        Substation limit of import and export; inf where there is none.
    other_kw
        Load of other customers, shape (H,) or one number [kW].
    price0_per_kwh
        First price path, shape (4 hours,), for example the one at which a run with perfect forecast cleared; the cost where
        left out.
    rounds_max, tolerance
        Price paths tried at most, and the relative gap at which to stop before.
    play
        Welfare [$] that a schedule earns in the true physics: it is given the mix of all answers, for the gap.

    Returns
    -------
    Bound
        Valid whatever the number of rounds; more rounds bring it nearer.
    """
    worth = Worth() if worth is None else worth
    given = (fleet, load_kw, prices, hours, limit_kw, worth, other_kw)
    area = gather(*given, coarse=True)
    first = area.supply.buy_per_kwh if price0_per_kwh is None else price0_per_kwh
    over = area.supply.over_per_kwh * np.isfinite(limit_kw)
    first = np.clip(first, area.supply.sell_per_kwh - over, area.supply.buy_per_kwh + over)
    group = _groups(area)
    found = coordinate(
        answering(area, threads),
        area.supply,
        group,
        first,
        homes=len(load_kw),
        rounds_max=rounds_max,
        tolerance=tolerance,
        step=STEP,
        keep=_spilling(len(group)),
    )
    mix = mixed(area, found)
    del area  # before the parts of every minute are made
    found = found._replace(answers=())
    fine = gather(*given)
    top = _score(fine, found, answering(fine, threads)(found.price_per_kwh), mix)
    del fine, found, fleet, given  # a schedule that is played takes the room of a run
    if play is None:
        return top
    feasible = play(mix)
    return top._replace(feasible_usd=feasible, gap_usd=top.welfare_usd - feasible)


def gather(
    fleet: Fleet,
    load_kw: Col,
    prices: Prices,
    hours: int,
    limit_kw: float,
    worth: Worth,
    other_kw: Col | float = 0.0,
    *,
    coarse: bool = False,
) -> Area:
    """Turn devices and prices into parts that answer a price over 4 hours blocks; `coarse` ones hold power through a block.

    Load of homes without devices (n, H) [kW], other customers (H,) [kW], of an hour each.
    """
    b, lead = hours * BLOCKS_H, len(prices.real_time_per_kwh) - BLOCKS_H * load_kw.shape[1]
    wholesale = prices.real_time_per_kwh[lead : lead + b]
    left = float(wholesale.mean()) + worth.delivery_per_kwh
    hour = np.repeat(np.arange(hours), BLOCKS_H)
    blocks = Blocks(BLOCKS_H, hour, 1 if coarse else BLOCK_S // STEP_S, left)
    parts = tuple(group.bound(blocks) for group in fleet.groups)
    base = load_kw[:, hour].sum(0) + np.broadcast_to(other_kw, load_kw.shape[1:])[hour]
    least = sum((part.least_kw for part in parts), base)
    most = sum((part.most_kw for part in parts), base)
    reach = sum((part.reach_kw for part in parts), base)
    buy, sell, credit_usd = _trade(wholesale, least, reach, worth)
    row = limit_substation(len(load_kw), base, limit_kw, worth.over_per_kwh)
    supply = SupplyCost(
        np.full(b, 1.0 / BLOCKS_H),
        base,
        buy,
        sell,
        row.low[0],
        row.high[0],
        np.full(b, row.over_per_kwh[0]),
        np.zeros(b),
        least,
        most,
    )
    ends = np.cumsum([0, *(len(part.alike) for part in parts)]).tolist()
    kinds = tuple(group.about.kind for group in fleet.groups)
    return Area(supply, kinds, parts, tuple(slice(*span) for span in pairwise(ends)), credit_usd)


def _trade(wholesale: Col, least_kw: Col, most_kw: Col, worth: Worth) -> tuple[Col, Col, float]:
    """Prices of import and export of a cost of the load that is convex and nowhere above the true one, and a constant [$].

    Where a kWh exported earns more than one imported costs, the true cost bends down at zero: the chord over all loads
    within reach takes its place. It misses zero by the constant, which is zero or less.
    """
    buy, sell = wholesale + worth.delivery_per_kwh, wholesale + worth.export_credit_per_kwh
    if worth.export_credit_per_kwh <= worth.delivery_per_kwh:
        return buy, sell, 0.0
    low, high = np.minimum(least_kw, 0.0), np.maximum(most_kw, 0.0)
    chord = (buy * high - sell * low) / np.maximum(high - low, 1e-9)
    return chord, chord, float(np.sum((sell - chord) * low)) / BLOCKS_H


def answering(area: Area, threads: int) -> Callable[[Col], Answer]:
    """Return the function that answers a price path with the best schedule of every device."""

    def ask(price: Col) -> Answer:
        found = [part.answer(price, threads) for part in area.parts if len(part.alike)]
        return Answer(*(np.concatenate(column) for column in zip(*found, strict=True)))

    return ask


def _groups(area: Area) -> Index:
    """Return the mixture of every row: rows of one kind that are alike mix with less loss."""
    group, total = [], 0
    for part in area.parts:
        count = min(part.mixes_count, len(part.alike))
        if count:
            order = np.argsort(np.argsort(part.alike, kind="stable"), kind="stable")
            group.append(total + order * count // len(part.alike))
            total += count
    return np.concatenate(group)


def _score(area: Area, found: Coordination, proof: Answer, mix: Schedule) -> Bound:
    """Welfare bound, the value of each kind at the best price, and the load of the mix, which nobody has played yet."""
    top = -dual_value(proof, area.supply, found.price_per_kwh) - area.credit_usd
    value = {
        name: -float(proof.bound_usd[rows].sum())
        for name, rows in zip(area.kinds, area.slices, strict=True)
    }
    value["fixed load"] = -float(np.sum(found.price_per_kwh * area.supply.base_kw)) / BLOCKS_H
    value["limit and trade"] = top - sum(value.values())
    return Bound(top, found.price_per_kwh, found.q_kw, value, np.nan, found.rounds, np.nan, mix)


def _spilling(rows: int) -> Keep:
    """Return what keeps an answer of so many rows: in memory where they are few, else with its powers in a file."""
    if rows <= ROWS_HELD:
        return kept_whole
    spill = Spill()
    return lambda answer: answer._replace(p_kw=spill.write(answer.p_kw))  # type: ignore[arg-type]  # sliced by rows alone


def mixed(area: Area, found: Coordination) -> Schedule:
    """Return the best mix of all answers heard; what stores energy both ways mixes the energy stored."""
    gain = np.concatenate([part.gain_in for part in area.parts])[:, None]
    out = np.concatenate([part.gain_out for part in area.parts])[:, None]
    p_kw = recover(found, gain, out)
    return tuple(p_kw[rows] for rows in area.slices)
