"""Bilateral consensus: parties with private curves agree on every trade of a graph, offer by offer, by ADMM (theory 3.6).

Each pair of partners holds one trade and one price. In a round every party answers all of its partners at once: it takes what
its own curve is worth, close to the trade last agreed, at the price of each partner and its own cost of trading with it; then
both ends move the trade to the middle of their two answers and the price up where they want more than they give. A party hears
only its partners; every few rounds each pair balances its own penalty, and all learn the largest residuals, to know when to stop.
A party may also buy and sell outside at fixed prices, a supplier that stands ready: its price is posted and needs no rounds.

The answer of a party is exact. With marginal worth mu it trades (mu - u)/rho where mu exceeds the price u at which it begins to
take more from a partner, (mu - d)/rho where mu is below the price d at which it begins to give, nothing between; rho is the
penalty of the pair. Their sum is a rising polyline of mu and meets the party's falling curve once: the partners in play are
guessed from the round before and confirmed, else found by bisection over the u and d, and a line then meets the curve between
two of its own points.

References
----------
Sorin, Bobo, Pinson, Consensus-based approach to peer-to-peer electricity markets with product differentiation, IEEE Trans.
Power Systems 34 (2019), arXiv 1804.03521. Over-relaxation and residual balancing: Boyd and others, Distributed optimization and
statistical learning via the alternating direction method of multipliers (2011), 3.4.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import ArrayLike, NDArray

from gridagora.kernels.curves.curve import Curves, _range
from gridagora.kernels.stores.polyline import JIT, LEAF
from gridagora.kernels.stores.table import INDEX, READ1, compile_entry

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
QUANTA = (
    1e11  # per kW: sums over partners are of integers, so that no order of partners changes a bit
)
GUESSES = 4  # of the partners in play, before bisection
CHECK_EVERY = (
    5  # rounds between looks at the residuals: of all pairs to stop, of each to change its penalty
)
PULL_LEAST, PULL_MOST = 1e-4, 1e2  # penalties [$/kWh per kW]
CHANGE, FADES = (
    2.0,
    0.95,
)  # most that a penalty changes by at the first look, and how that shrinks: fixed penalties converge
SETTLED = 0.3  # of the tolerances, below which a pair keeps its penalty


class TradeLinks(NamedTuple):
    """A trade graph of n parties and e pairs as 2e ends: offset[i]:offset[i+1] are the partners of party i, rising."""

    offset: Ints  # (n + 1,)
    peer: Ints  # (2e,)
    twin: Ints  # (2e,) the same pair at its other end


class ConsensusRule(NamedTuple):
    """When a session ends, and how hard trades are pulled together."""

    tolerance_kw: float = (
        1e-4  # largest difference between what two partners hold their trade to be
    )
    tolerance_per_kwh: float = 1e-5  # largest step of a trade in the last round, as a price: how far partners' worths differ
    rounds_max: int = 300
    penalty: float = 0.03  # [$/kWh per kW]
    relaxation: float = 1.6
    adapts: bool = True


class ConsensusResult(NamedTuple):
    """What H sessions ended with; trades by end of pair, positive where the party buys."""

    trade_kw: Floats  # (H, 2e) what both ends offered
    price_per_kwh: Floats  # (H, 2e)
    p_kw: Floats  # (H, n) on the party's own curve, given its trades
    worth_per_kwh: Floats  # (H, n) marginal worth at p_kw
    outside_kw: (
        Floats  # (H, n) bought outside; what trades leave unserved where a party has nobody outside
    )
    rounds: Ints  # (H,)
    primal_kw: Floats  # (H,)
    dual_per_kwh: Floats  # (H,)
    converged: NDArray[np.bool_]  # (H,)


class FixedTrades(NamedTuple):
    """What parties take once trades are fixed, (n,) each, as in `Agreed`."""

    p_kw: Floats
    worth_per_kwh: Floats
    outside_kw: Floats


@register_jitable(**LEAF)
def _meet(p_kw, price, start, stop, weight, total):  # type: ignore[no-untyped-def]
    """Return the price at which the line weight mu - total meets a falling curve."""
    lo, hi = start, stop  # first point at which the line is at or below the curve
    while lo < hi:
        mid = (lo + hi) // 2
        if weight * price[mid] - total > p_kw[mid]:
            lo = mid + 1
        else:
            hi = mid
    if lo in (start, stop):
        end = p_kw[min(lo, stop - 1)]
        if weight > 0.0:
            return (end + total) / weight
        return np.inf if lo == start else -np.inf
    above = weight * price[lo - 1] - total - p_kw[lo - 1]
    below = weight * price[lo] - total - p_kw[lo]
    return price[lo - 1] + (price[lo] - price[lo - 1]) * (above / (above - below))


@register_jitable(**LEAF)
def _quanta(x):  # type: ignore[no-untyped-def]
    return np.int64(np.rint(x * QUANTA))


@register_jitable(**LEAF)
def _in_play(takes, gives, pull, start, stop, mu):  # type: ignore[no-untyped-def]
    """Return the line of a party's trades at mu: its slope, and how far it is below nothing at a price of zero [quanta]."""
    weight, total = np.int64(0), np.int64(0)
    for h in range(start, stop):
        if mu > takes[h]:
            weight, total = weight + _quanta(1.0 / pull[h]), total + _quanta(takes[h] / pull[h])
        elif mu < gives[h]:
            weight, total = weight + _quanta(1.0 / pull[h]), total + _quanta(gives[h] / pull[h])
    return weight, total


@register_jitable(**LEAF)
def _inside(takes, gives, start, stop, lo, hi):  # type: ignore[no-untyped-def]
    """Return how many of the prices at which partners come into play lie inside (lo, hi), their least and their largest."""
    count, low, high = 0, np.inf, -np.inf
    for h in range(start, stop):
        for at in (takes[h], gives[h]):
            if lo < at < hi:
                count, low, high = count + 1, min(low, at), max(high, at)
    return count, low, high


@register_jitable(**LEAF)
def _bisect(p_kw, price, a, b, takes, gives, pull, start, stop):  # type: ignore[no-untyped-def]
    """Return the worth of one party by bisection over the prices at which partners come into play."""
    lo, hi = -np.inf, np.inf
    while True:
        count, low, high = _inside(takes, gives, start, stop, lo, hi)
        if count == 0:
            inner = hi - 1.0 if lo == -np.inf else (lo + 1.0 if hi == np.inf else 0.5 * (lo + hi))
            k, total = _in_play(takes, gives, pull, start, stop, inner)
            return min(max(_meet(p_kw, price, a, b, k / QUANTA, total / QUANTA), lo), hi)
        split = 0.5 * (low + high)
        pivot = low  # the largest at or below the middle of what is left
        for h in range(start, stop):
            for at in (takes[h], gives[h]):
                if pivot < at <= split:
                    pivot = at
        k, total = _in_play(takes, gives, pull, start, stop, pivot)
        found = _meet(p_kw, price, a, b, k / QUANTA, total / QUANTA)
        if found == pivot:
            return pivot
        if found > pivot:
            lo = pivot
        else:
            hi = pivot


@register_jitable(**LEAF)
def _worth(p_kw, price, a, b, takes, gives, pull, start, stop, dear, cheap, guess):  # type: ignore[no-untyped-def]
    """Return the marginal worth at which a party's trades and its curve meet, never outside what the supplier asks and pays."""
    k, total = _in_play(takes, gives, pull, start, stop, guess)
    for _ in range(GUESSES):
        mu = min(max(_meet(p_kw, price, a, b, k / QUANTA, total / QUANTA), cheap), dear)
        again, same = _in_play(takes, gives, pull, start, stop, mu)
        if again == k and same == total and np.isfinite(mu):
            return mu
        k, total = again, same
    return min(max(_bisect(p_kw, price, a, b, takes, gives, pull, start, stop), cheap), dear)


@register_jitable(**LEAF)
def _answer(  # type: ignore[no-untyped-def]
    offset,
    p_kw,
    price,
    link,
    buys,
    sells,
    dear,
    cheap,
    pull,
    agreed,
    paid,
    worth,
    own,
    takes,
    gives,
):
    """Write the answer of every party to the trades and prices of the last round to `own`."""
    for i in range(link.shape[0] - 1):
        start, stop = link[i], link[i + 1]
        free, weight, total = True, np.int64(0), np.int64(0)
        for h in range(start, stop):
            middle = paid[h] - pull[h] * agreed[h]
            takes[h], gives[h] = middle + buys[h], middle - sells[h]
            free &= takes[h] == gives[h]
            weight += _quanta(1.0 / pull[h])
            total += _quanta(takes[h] / pull[h])
        a, b = offset[i], offset[i + 1]
        if free:  # all partners are in play
            mu = min(
                max(_meet(p_kw, price, a, b, weight / QUANTA, total / QUANTA), cheap[i]), dear[i]
            )
        else:
            mu = _worth(
                p_kw, price, a, b, takes, gives, pull, start, stop, dear[i], cheap[i], worth[i]
            )
        worth[i] = mu
        for h in range(start, stop):
            own[h] = (
                (mu - takes[h]) / pull[h]
                if mu > takes[h]
                else ((mu - gives[h]) / pull[h] if mu < gives[h] else 0.0)
            )


@register_jitable(**LEAF)
def _move(link, peer, twin, own, agreed, paid, pull, relax, tol_kw, tol_price, change):  # type: ignore[no-untyped-def]
    """Move every trade to the middle of its two answers and its price by their sum; return both residuals."""
    primal, dual = 0.0, 0.0
    for i in range(link.shape[0] - 1):
        for h in range(link[i], link[i + 1]):
            if peer[h] < i:
                continue
            t, rho = twin[h], pull[h]
            both = own[h] + own[t]
            new = relax * (0.5 * (own[h] - own[t])) + (1.0 - relax) * agreed[h]
            gap, step = abs(both), rho * abs(new - agreed[h])
            primal, dual = max(primal, gap), max(dual, step)
            paid[h] += rho * relax * (0.5 * both)
            paid[t] = paid[h]
            agreed[h], agreed[t] = new, -new
            if change > 1.0 and (gap > SETTLED * tol_kw or step > SETTLED * tol_price):
                ratio = np.sqrt((gap / tol_kw) / max(step / tol_price, 1e-9))
                pull[h] = min(
                    max(rho * min(max(ratio, 1.0 / change), change), PULL_LEAST), PULL_MOST
                )
                pull[t] = pull[h]
    return primal, dual


@njit(**JIT)
def _rounds(  # type: ignore[no-untyped-def]
    offset, p_kw, price, link, peer, twin, buys, sells, dear, cheap, rule, agreed, paid, worth, out
):
    """Run rounds until both residuals are small; see `agree`. `out` takes rounds, residuals and whether they were."""
    tol_kw, tol_price, rounds_max, relax, adapts = (
        rule[0],
        rule[1],
        int(rule[2]),
        rule[4],
        rule[5] > 0.0,
    )
    own, takes, gives, pull = (
        np.zeros(len(peer)),
        np.empty(len(peer)),
        np.empty(len(peer)),
        np.full(len(peer), rule[3]),
    )
    change = CHANGE
    for k in range(rounds_max):
        _answer(
            offset,
            p_kw,
            price,
            link,
            buys,
            sells,
            dear,
            cheap,
            pull,
            agreed,
            paid,
            worth,
            own,
            takes,
            gives,
        )
        now = adapts and (k + 1) % CHECK_EVERY == 0
        primal, dual = _move(
            link,
            peer,
            twin,
            own,
            agreed,
            paid,
            pull,
            relax,
            tol_kw,
            tol_price,
            change if now else 1.0,
        )
        if now:
            change = 1.0 + (change - 1.0) * FADES
        out[0], out[1], out[2] = k + 1.0, primal, dual
        if (k + 1) % CHECK_EVERY and k + 1 < rounds_max:
            continue
        if primal <= tol_kw and dual <= tol_price:
            out[3] = 1.0
            break
    for i in range(link.shape[0] - 1):
        for h in range(link[i], link[i + 1]):
            if peer[h] > i:
                own[h] = _common(own[h], own[twin[h]])
                own[twin[h]] = -own[h]
    agreed[:] = own


@register_jitable(**LEAF)
def _common(mine, other):  # type: ignore[no-untyped-def]
    """Return the part of a trade that both ends offered."""
    if mine > 0.0 and other < 0.0:
        return min(mine, -other)
    if mine < 0.0 and other > 0.0:
        return max(mine, -other)
    return 0.0


@njit(**LEAF)
def _left(offset, p_kw, price, link, trade, dear, cheap, power, worth, outside):  # type: ignore[no-untyped-def]
    """Write what every party takes once its trades are fixed, its marginal worth there, and what it takes outside."""
    for i in range(link.shape[0] - 1):
        a, b = offset[i], offset[i + 1]
        quanta = np.int64(0)
        for h in range(link[i], link[i + 1]):
            quanta += _quanta(trade[h])
        got = quanta / QUANTA
        _, high = _range(p_kw, price, a, b, dear[i])
        _, low = _range(p_kw, price, a, b, cheap[i])
        if high >= got:
            power[i], worth[i] = high, dear[i]
        elif low <= got:
            power[i], worth[i] = low, cheap[i]
        else:
            power[i] = min(max(got, p_kw[a]), p_kw[b - 1])
            worth[i] = min(max(_meet(p_kw, price, a, b, 0.0, -power[i]), cheap[i]), dear[i])
        outside[i] = power[i] - got


@njit(**LEAF)
def _parts(link, peer, part, stack):  # type: ignore[no-untyped-def]
    """Number the connected parts of a graph in `part`, which starts at -1."""
    count = 0
    for root in range(link.shape[0] - 1):
        if part[root] >= 0:
            continue
        part[root], stack[0], n = count, root, 1
        while n > 0:
            n -= 1
            i = stack[n]
            for h in range(link[i], link[i + 1]):
                if part[peer[h]] < 0:
                    part[peer[h]], stack[n] = count, peer[h]
                    n += 1
        count += 1


_WRITE = types.Array(types.float64, 1, "C")
_WRITE_INT = types.Array(types.int64, 1, "C")
_CURVES: tuple[Any, ...] = (INDEX, READ1, READ1)
_KEEP: tuple[Any, ...] = (*_CURVES, INDEX, *(READ1,) * 3, *(_WRITE,) * 3)


def make_links(n: int, first: ArrayLike, second: ArrayLike) -> TradeLinks:
    """Return the graph of n parties with each pair (first[k], second[k]) once.

    Raises
    ------
    ValueError
        A pair that cannot be, by name.
    """
    a, b = np.asarray(first, np.int64), np.asarray(second, np.int64)
    bad = np.flatnonzero((a < 0) | (a >= n) | (b < 0) | (b >= n) | (a == b))
    if len(bad):
        raise ValueError(
            f"pair {bad[0]}: got parties {a[bad[0]]} and {b[bad[0]]}, expected two different ones of 0 to {n - 1}"
        )
    one = np.unique(np.minimum(a, b) * n + np.maximum(a, b))
    low, high = one // n, one % n
    ends, peer = np.concatenate([low, high]), np.concatenate([high, low])
    order = np.lexsort((peer, ends))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    offset = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n))])
    return TradeLinks(offset, peer[order], place[(order + len(one)) % max(1, len(order))])


def party_of_end(graph: TradeLinks) -> Ints:
    """Return the party at each end of a pair, (2e,)."""
    return np.repeat(np.arange(len(graph.offset) - 1), graph.offset[1:] - graph.offset[:-1])


def find_components(graph: TradeLinks) -> Ints:
    """Return the connected part that each party belongs to, (n,), numbered from 0 by their first party."""
    part = np.full(len(graph.offset) - 1, -1)
    compile_entry(_parts, INDEX, INDEX, _WRITE_INT, _WRITE_INT)(
        graph.offset, graph.peer, part, np.empty_like(part)
    )
    return part


def agree(
    curves: Sequence[Curves],
    graph: TradeLinks,
    start_per_kwh: ArrayLike,
    *,
    outside: tuple[ArrayLike, ArrayLike] = (np.inf, -np.inf),
    costs: tuple[ArrayLike, ArrayLike] = (0.0, 0.0),
    trade_kw: ArrayLike = 0.0,
    rule: ConsensusRule = ConsensusRule(),  # noqa: B008  # a tuple of numbers
    threads: int = 1,
) -> ConsensusResult:
    """Return the trades that parties agree on, for each of H products on its own, by a rule.

    Parameters
    ----------
    curves
        One table of n curves for each product.
    graph
        Who trades with whom.
    start_per_kwh, trade_kw
        Price and trade each pair starts from, anything that spreads to (H, 2e), ends of a pair alike (trades opposite).
    outside
        Price at which a party buys and at which it sells outside, anything that spreads to (H, n) [$/kWh]; infinite: never.
    costs
        What a party minds, beside the price, of a kWh it buys and of one it sells, anything that spreads to (2e,) [$/kWh]:
        network charges and preferences. Their sum at an end is never negative.
    threads
        Products at a time; results do not depend on it.

    Returns
    -------
    Agreed
        Where not `converged`, rounds were spent: trades are what both ends offered last, the rest is taken outside.

    Raises
    ------
    ValueError
        Naming a product without a curve for every party, or an end whose two costs add up to less than nothing.
    """
    n, ends, h = len(graph.offset) - 1, len(graph.peer), len(curves)
    for k, table in enumerate(curves):
        if len(table.offset) != n + 1:
            raise ValueError(
                f"product {k}: got {len(table.offset) - 1} curves, expected one for each of {n} parties"
            )
    buys, sells = (
        np.ascontiguousarray(np.broadcast_to(np.asarray(c, np.float64), ends)) for c in costs
    )
    bad = np.flatnonzero(~((buys + sells >= -1e-9) & (buys + sells < np.inf)))
    if len(bad):
        got = f"costs of {buys[bad[0]]} $/kWh to buy and {sells[bad[0]]} to sell"
        raise ValueError(
            f"party {party_of_end(graph)[bad[0]]} with {graph.peer[bad[0]]}: got {got}, expected a finite sum of 0 or more"
        )
    dear, cheap = (np.array(np.broadcast_to(np.asarray(c, np.float64), (h, n))) for c in outside)
    paid = np.array(np.broadcast_to(np.asarray(start_per_kwh, np.float64), (h, ends)))
    trade = np.array(np.broadcast_to(np.asarray(trade_kw, np.float64), (h, ends)))
    if not (np.isfinite(paid).all() and np.isfinite(trade).all()):
        raise ValueError(
            "a start price or trade is not finite: every pair needs a number to start from"
        )
    out, numbers = np.zeros((h, 4)), np.array([float(value) for value in rule])
    run = compile_entry(_rounds, *_CURVES, *(INDEX,) * 3, *(READ1,) * 5, *(_WRITE,) * 4)

    compile_entry(_left, *_KEEP)  # here, not on several threads at once

    def one(k: int) -> FixedTrades:
        worth = np.clip(
            np.append(paid[k], 0.0)[graph.offset[:-1]], cheap[k], dear[k]
        )  # only a guess to begin with
        run(
            *curves[k],
            *graph,
            buys,
            sells,
            dear[k],
            cheap[k],
            numbers,
            trade[k],
            paid[k],
            worth,
            out[k],
        )
        return fix_trades(curves[k], graph, trade[k], (dear[k], cheap[k]))

    if min(threads, h) > 1:
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(one, range(h)))
    else:  # a thread takes longer to start than one product to agree on
        found = [one(k) for k in range(h)]
    kept = [np.stack(column) for column in zip(*found, strict=True)]
    return ConsensusResult(
        trade,
        paid,
        kept[0],
        kept[1],
        kept[2],
        out[:, 0].astype(np.int64),
        out[:, 1],
        out[:, 2],
        out[:, 3] > 0,
    )


def fix_trades(
    curves: Curves, graph: TradeLinks, trade_kw: Floats, outside: tuple[Floats, Floats]
) -> FixedTrades:
    """Return what every party takes once its trades (2e,) are fixed and it may buy and sell outside at prices (n,) each."""
    kept = FixedTrades(*np.empty((3, len(graph.offset) - 1)))
    compile_entry(_left, *_KEEP)(*curves, graph.offset, trade_kw, *outside, *kept)
    return kept
