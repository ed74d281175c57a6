"""One price an interval for many resources, found by a proximal bundle, with a gap that every party can check (theory 3.4).

    minimise  sum_i f_i(p_i) + sum_t dt G_t(q_t),   q = base + sum_i p_i

A round publishes a price and hears one summed answer and cost from each group of similar resources. For any price
    low  = sum_i min { f_i + dt price p_i } + dt price base + sum_t dt min_q { G_t(q) - price q }
is a bound, and high - low of any feasible schedule is the sum of what the parties and the supply could still gain at that
price.

Rows of a network may stand beside the net power, each a weighted sum of powers with a soft price beyond its limits:

    y_rt = c_rt + sum_i a_ri p_it,    cost  over_r ((y - high)+ + (low - y)+)

They are further entries of the supply, behind its h steps, and further prices; a party then sees that of the supply and the
weighted sum of the rows' (`price_parties`).
"""

from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.kernels.coordination.bundle_master import SupplyCost, mix, supply_bound, supply_cost

Col = NDArray[np.float64]
Index = NDArray[np.int64]

SERIOUS, GOOD = (
    0.1,
    0.5,
)  # share of the promised gain at which the centre moves, and at which the step grows
STEP = 50.0  # kW an average home may at first be out of balance for each $/kWh of distance from the centre
IDLE_MAX = 6  # rounds a column may stay without weight
THIN_STEP = 1e-3  # likewise, where rows stand beside the supply and no imbalance should be forgiven
ROWS = 4096  # resources whose powers are mixed at a time


class Answer(NamedTuple):
    """Best responses to a price: p_kw (n, h), own_usd (n,) the cost f_i of p, bound_usd (n,) <= least f_i + dt price p_i."""

    p_kw: Col
    own_usd: Col
    bound_usd: Col


Keep = Callable[[Answer], Answer]


def kept_whole(answer: Answer) -> Answer:
    """Return an answer as it is."""
    return answer


class Coordination(NamedTuple):
    """What a coordinator found.

    price_per_kwh (h,) best price, that of answers[best]; low_usd, high_usd certified bounds of the optimum of the mixed
    (convex) problem; gap = high - low; rounds; weight (rounds, g) share of every round in the mix of a group; group (n,);
    answers of the rounds; q_kw (h,) net power of the mix (`recover` gives powers that can be played); trace (rounds, 2) of
    low and high.
    """

    price_per_kwh: Col
    low_usd: float
    high_usd: float
    gap_usd: float
    rounds: int
    weight: Col
    group: Index
    answers: tuple[Answer, ...]
    best: int
    q_kw: Col
    trace: Col


class DualCertificate(NamedTuple):
    """Proof of a schedule at a price: low, high, gap = regret of every party (n,) summed + supply regret [$]."""

    low_usd: float
    high_usd: float
    gap_usd: float
    regret_usd: Col
    supply_regret_usd: float


def coordinate(
    ask: Callable[[Col], Answer],
    supply: SupplyCost,
    group: Index,
    price0_per_kwh: Col,
    *,
    homes: int,
    rounds_max: int = 40,
    tolerance: float = 1e-5,
    step: float = STEP,
    hard: bool = True,
    keep: Keep = kept_whole,
    by_kw: Col | None = None,
    seeds: Sequence[Answer] = (),
) -> Coordination:
    """Find the price at which answers and supply meet.

    Parameters
    ----------
    ask
        Best response of n resources to a price (h,), or (h + k h,) with k rows.
    supply
        Cost of net power and base load; every field (h,), or (h + k h,): behind the steps those of each row [any unit], which
        is free within its limits.
    group
        Group of each resource, shape (n,), any whole numbers; similar resources together need fewer rounds.
    price0_per_kwh
        First price, shape (h,): the cost, or the answer of the hour before, shifted.
    homes
        Scale of the problem.
    rounds_max, tolerance
        Ends at this many answers or when high - low <= tolerance |high|.
    step
        Imbalance of an average home that the first master forgives for each $/kWh of distance from the centre [kW per $/kWh]:
        large where the first price is good.
    hard
        False ends with the last answer, without the master that only sharpens `high`: for forecasts, where the price is all
        that counts.
    keep
        What is kept of an answer once its sums are filed; powers that are sliced by rows on demand may stand in for the array.
    by_kw
        Weights of the powers in k rows, shape (k, n) [unit of the row/kW]; none where it is left out.
    seeds
        Answers of an earlier search, whose powers and own costs still hold: they may be mixed as those of this one. They come
        first among the answers that are returned.

    References
    ----------
    K. C. Kiwiel, Proximity control in bundle methods, Math. Program. 46 (1990), doi 10.1007/BF01585731;
    C. Lemarechal, C. Sagastizabal, doi 10.1007/BF02614384.
    """
    search = coordinating(
        supply,
        group,
        price0_per_kwh,
        homes=homes,
        rounds_max=rounds_max,
        tolerance=tolerance,
        step=step,
        hard=hard,
        keep=keep,
        by_kw=by_kw,
        seeds=seeds,
    )
    price = next(search)
    while True:
        try:
            price = search.send(ask(price))
        except StopIteration as end:
            found: Coordination = end.value
            return found


def coordinating(
    supply: SupplyCost,
    group: Index,
    price0_per_kwh: Col,
    *,
    homes: int,
    rounds_max: int = 40,
    tolerance: float = 1e-5,
    step: float = STEP,
    hard: bool = True,
    keep: Keep = kept_whole,
    by_kw: Col | None = None,
    seeds: Sequence[Answer] = (),
) -> Generator[Col, Answer, Coordination]:
    """Find the price (h,) [$/kWh] at which answers and supply meet: yields each price to try, and is sent the answers to it.

    For parameters and source see `coordinate`, which asks a function instead.
    """
    supply = SupplyCost(
        *(
            np.ascontiguousarray(np.broadcast_to(field, price0_per_kwh.shape), float)
            for field in supply
        )
    )
    group = np.unique(group, return_inverse=True)[1]  # a kind without resources leaves no hole
    order = np.argsort(group, kind="stable")
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    rows = np.zeros((0, len(group))) if by_kw is None else by_kw[:, order]
    steps = len(price0_per_kwh) // (1 + len(rows))
    table = _Columns([], [], [], len(first), rows, steps)
    centre, low, high, step = price0_per_kwh, -np.inf, np.inf, step * homes
    answers: list[Answer] = []
    for seed in seeds:
        answers.append(keep(seed))
        _file(table, seed, order, first)
    sown, last = len(answers), len(answers) + rounds_max
    trace: list[tuple[float, float]] = []
    price, promise, top, proof = centre, np.inf, centre, sown
    best = np.ones((1, len(first)))
    while True:
        answer = yield price
        answers.append(keep(answer))
        _file(table, answer, order, first)
        value = dual_value(answer, supply, price)
        del answer
        gain = value - low
        opened = len(answers) == sown + 1
        if gain >= SERIOUS * promise or opened:
            step *= 0.5 if gain >= GOOD * promise and not opened else 1.0
            centre = price
        else:
            step *= 1.25
        if value > low:
            low, top, proof = value, price, len(answers) - 1
        if not hard and len(answers) >= last and (not len(rows) or np.isfinite(high)):
            trace.append((low, high))
            break
        near = high - low <= 100.0 * tolerance * abs(high)
        weight, price, model, value = _master(table, supply, centre, step, homes)
        candidates = [(value, weight)]
        if near or len(answers) >= last:
            rigid = _master(table, supply, centre, 0.0, homes)
            candidates.append((rigid[3], rigid[0]))
        high, best = min((high, best), *candidates, key=lambda mixed: mixed[0])
        promise = max(model - low, 1e-12 * abs(model))
        trace.append((low, high))
        if high - low <= tolerance * abs(high) or len(answers) >= last:
            break
    share = np.pad(best, ((0, len(answers) - len(best)), (0, 0)))
    q = supply.base_kw + np.einsum("kg,kgh->h", share, np.array(table.powers))
    return Coordination(
        top,
        low,
        high,
        high - low,
        len(answers) - sown,
        share,
        group,
        tuple(answers),
        proof,
        q,
        np.array(trace),
    )


def price_parties(price_per_kwh: Col, by_kw: Col) -> Col:
    """Return what each party pays, shape (n, h) [$/kWh]: the price of the supply, and of k rows times their weights (k, n).

    `price_per_kwh` (h + k h,) [$/kWh], of rows in [$/h] for one unit of each.
    """
    k = len(by_kw)
    table = price_per_kwh.reshape(1 + k, -1)
    return np.asarray(table[0] + by_kw.T @ table[1:])


class _Columns(NamedTuple):
    """Summed answers by round: powers (g, h), own costs (g,) and the number of rounds each stayed without weight."""

    powers: list[Col]
    costs: list[Col]
    idle: list[Index]
    groups: int
    by_kw: Col  # (k, n) weights of the resources in rows, in the order of groups
    steps: int


def _file(c: _Columns, answer: Answer, order: Index, first: Index) -> None:
    """File the sums of an answer by group; `order` (n,) sorts the resources by group, `first` (g,) is where each begins."""
    p_kw = answer.p_kw[order]
    powers = np.add.reduceat(p_kw, first, axis=0)
    if len(c.by_kw):
        ends = np.append(first[1:], len(p_kw))
        moved = [
            (c.by_kw[:, i:j] @ p_kw[i:j]).ravel()
            for i, j in zip(first.tolist(), ends.tolist(), strict=True)
        ]
        powers = np.concatenate([powers, np.array(moved)], axis=1)
    c.powers.append(powers)
    c.costs.append(np.add.reduceat(answer.own_usd[order], first))
    c.idle.append(np.zeros(len(first), np.int64))


def _master(
    c: _Columns, supply: SupplyCost, centre: Col, step: float, homes: int
) -> tuple[Col, Col, float, float]:
    """Solve one master. Returns weight (rounds, g), price, the model's value there and the value of the mix."""
    idle = np.array(c.idle)
    g, k = np.nonzero((idle <= IDLE_MAX).T)
    powers, costs = np.array(c.powers)[k, g], np.array(c.costs)[k, g]
    start = np.flatnonzero(np.diff(g, prepend=-1))
    near, aside = _binding(powers, start, supply, c.steps)
    costs_all = costs + powers[:, ~near] @ (supply.dt_h * aside)[~near]
    rest = SupplyCost(*(field[near] for field in supply))
    share, own = _cheapest(costs_all, start), np.zeros(0)
    if near.any():
        thin = len(c.by_kw) > 0
        least = THIN_STEP * homes if thin else 0.0
        found = mix(
            powers[:, near],
            costs_all,
            start,
            rest,
            centre[near],
            max(step, least),
            float(homes),
            thin=thin,
        )
        share, own = found.weight, found.price_per_kwh
    weight = np.zeros(idle.shape)
    weight[k, g] = share
    if step > 0.0:
        for turn, used in enumerate(weight > 1e-7):
            c.idle[turn] = np.where(used, 0, c.idle[turn] + 1)
    price = aside
    price[near] = own
    price[c.steps :] = price[c.steps :].clip(
        -supply.over_per_kwh[c.steps :], supply.over_per_kwh[c.steps :]
    )
    reduced = np.minimum.reduceat(costs + powers @ (supply.dt_h * price), start)
    model = (
        float(reduced.sum() + (supply.dt_h * price) @ supply.base_kw)
        + supply_bound(supply, price)[0]
    )
    return (
        weight,
        price,
        model,
        float(share @ costs) + supply_cost(supply, supply.base_kw + share @ powers),
    )


def _cheapest(cost_usd: Col, start: Index) -> Col:
    """Return all weight on the first of the cheapest columns of each group, shape (m,)."""
    least = np.repeat(
        np.minimum.reduceat(cost_usd, start), np.diff(np.append(start, len(cost_usd)))
    )
    rank = np.where(cost_usd <= least, np.arange(len(cost_usd)), len(cost_usd))
    share = np.zeros(len(cost_usd))
    share[np.minimum.reduceat(rank, start)] = 1.0
    return share


def _binding(
    powers_kw: Col, start: Index, supply: SupplyCost, steps: int
) -> tuple[NDArray[np.bool_], Col]:
    """Return the entries (h + k h,) at which some mix of the columns leaves the block of the supply, and its price elsewhere.

    That block is the middle of the supply in its h steps, and the side of its limits that all mixes leave a row on.
    """
    low = supply.base_kw + np.minimum.reduceat(powers_kw, start).sum(0)
    high = supply.base_kw + np.maximum.reduceat(powers_kw, start).sum(0)
    bent = ((low < 0.0) & (supply.sell_per_kwh < supply.buy_per_kwh)) | (low < supply.low_kw)
    outside = bent | (high > supply.high_kw) | (supply.slope_per_kwh_kw > 0.0)
    above, below = low >= supply.high_kw, high <= supply.low_kw
    above[:steps], below[:steps] = False, False
    price = supply.buy_per_kwh + supply.over_per_kwh * (above.astype(float) - below)
    known: NDArray[np.bool_] = above | below
    return outside & ~known, price


def dual_value(answer: Answer, supply: SupplyCost, price_per_kwh: Col) -> float:
    """Lower bound [$] of the optimum that answers to a price (h,) prove."""
    parties = answer.bound_usd.sum() + np.sum(supply.dt_h * price_per_kwh * supply.base_kw)
    return float(parties) + supply_bound(supply, price_per_kwh)[0]


def recover(found: Coordination, gain_in: Col, gain_out: Col) -> Col:
    """Powers (n, h) [kW] that can be played: every resource averages the energy its answers store, not their power.

    States average exactly, so bounds hold; charging and discharging never mix; comfort is convex. `gain_in`, `gain_out`
    broadcast to (n, h).
    """
    n, h = found.answers[0].p_kw.shape
    into, out = (np.broadcast_to(gain, (n, h)) for gain in (gain_in, gain_out))
    p_kw = np.empty((n, h))
    for start in range(0, n, ROWS):  # the powers of all rounds may be held elsewhere than in memory
        at = slice(start, start + ROWS)
        stored = np.zeros_like(p_kw[at])
        for answer, weight in zip(found.answers, found.weight, strict=True):
            share = weight[found.group[at]][:, None]
            if share.any():
                p = answer.p_kw[at]
                stored += share * np.where(p >= 0.0, p * into[at], p / out[at])
        p_kw[at] = np.where(stored >= 0.0, stored / into[at], stored * out[at])
    return p_kw


def certify(
    p_kw: Col, own_usd: Col, answer: Answer, supply: SupplyCost, price_per_kwh: Col
) -> DualCertificate:
    """Prove a schedule (n, h) [kW] with own costs (n,) [$] by the answers to a price (h,) [$/kWh]: the gap sums regrets."""
    bought = supply.dt_h * price_per_kwh
    q = supply.base_kw + p_kw.sum(0)
    regret = own_usd + p_kw @ bought - answer.bound_usd
    supply_regret = (
        supply_cost(supply, q) - float(bought @ q) - supply_bound(supply, price_per_kwh)[0]
    )
    low = dual_value(answer, supply, price_per_kwh)
    high = float(own_usd.sum()) + supply_cost(supply, q)
    return DualCertificate(low, high, float(regret.sum()) + supply_regret, regret, supply_regret)


def alike(features: Col, kind: Index, count: int) -> Index:
    """Group resources by median splits of their widest feature, kinds apart. Returns the group (n,) of each, 0 .. groups - 1.

    features (n, f), any units; kind (n,); count: groups wanted (at least one a kind, at most n).
    """
    parts = [np.flatnonzero(kind == value) for value in np.unique(kind)]
    scales = [features[rows].std(0) + 1e-12 for rows in parts]
    while len(parts) < min(count, len(features)):
        widest = int(np.argmax([len(rows) for rows in parts]))
        rows, scale = parts.pop(widest), scales.pop(widest)
        column = int(np.argmax(np.where(scale > 1e-9, features[rows].std(0) / scale, 0.0)))
        sorted_rows = rows[np.argsort(features[rows, column], kind="stable")]
        parts += [sorted_rows[: len(rows) // 2], sorted_rows[len(rows) // 2 :]]
        scales += [scale, scale]
    group = np.empty(len(features), np.int64)
    for number, rows in enumerate(parts):
        group[rows] = number
    return group
