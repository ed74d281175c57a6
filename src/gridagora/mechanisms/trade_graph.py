"""Who may trade with whom: trade graphs on a tree of places, places between two homes, and checks of a graph."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.place import Level, Places, ancestor, depth
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.coordination.consensus import (
    TradeLinks,
    find_components,
    make_links,
    party_of_end,
)

LEAST_PER_KWH = 1e-9  # costs below this count as zero
EVERYONE = "one that ties every home in"


class Costs(NamedTuple):
    """Cost of each end of a pair for a kWh it buys and for one it sells, (2e,) each [$/kWh], in addition to the price."""

    buys_per_kwh: Col
    sells_per_kwh: Col


def complete(n: int) -> TradeLinks:
    """Return the graph in which all n homes trade with each other; its pairs grow as n^2 / 2."""
    return make_links(n, *np.triu_indices(n, 1))


def nearest(tree: Places, place: Index, k: int, far: int = 0) -> TradeLinks:
    """Return the graph in which every home trades with about k others: the nearest on the feeder and, where asked, some far.

    `place` (n,) is the place right above each home.

    Distance is the number of places on the path, then the number of homes between in a traversal of the feeder. Of the k
    partners, `far` are chosen 2, 4, 8, ... homes further on in the traversal, and as many choose this home: offers then cross
    the feeder in a few hops. Without them a thousand homes form a line hundreds of hops long, and consensus needs as many
    rounds. Separate clusters are joined by homes that follow each other in the traversal: the graph is connected.

    Raises
    ------
    ValueError
        `far` leaves no near partner.
    """
    if k - 2 * far < 1 or far < 0:
        raise ValueError(
            f"nearest: got {k} partners with {far} far, expected two or more partners above twice the far ones"
        )
    path, row = _paths(tree, place), _walk(tree, place)
    n, reach = len(row), min(k - 2 * far, len(row) - 1)
    shift = np.concatenate([np.arange(1, reach + 1), -np.arange(1, reach + 1)])
    at = np.arange(n)[:, None] + shift
    real = (at >= 0) & (at < n)
    other = row[np.where(real, at, 0)]
    away = np.where(
        real,
        _hops(path, np.broadcast_to(row[:, None], other.shape), other),
        np.iinfo(np.int64).max // n - 1,
    )
    chosen = np.argsort(away * n + np.abs(shift), axis=1, kind="stable")[:, :reach]
    first, second = [np.repeat(row, reach)], [np.take_along_axis(other, chosen, 1).ravel()]
    turn, span = np.arange(n), max(1, int(np.log2(max(2, n))) - 1)
    for f in range(far if n > 2 else 0):
        first.append(row)
        second.append(row[(turn + 2 ** (1 + turn * (f + 1) % span)) % n])
    return _joined(np.concatenate(first), np.concatenate(second), row)


def find_near(x: Col, y: Col, k: int) -> TradeLinks:
    """Return the graph in which every home trades with its k nearest by coordinates (n,) [m], clusters joined west to east."""
    at, n = np.column_stack([x, y]), len(x)
    reach = min(k, n - 1)
    chosen = np.empty((n, reach), np.int64)
    for i in range(n):
        far = np.square(at - at[i]).sum(1)
        far[i] = np.inf
        chosen[i] = np.argsort(far, kind="stable")[:reach]
    return _joined(np.repeat(np.arange(n), reach), chosen.ravel(), np.lexsort((y, x)))


def within(group: Index, tree: Places, place: Index) -> TradeLinks:
    """Return the graph in which homes of one group, such as a zone, all trade, and each with one home of the next group.

    `group` and `place`, (n,) each, are the group of every home and the place right above it.

    Groups, and homes within them, are ordered as in a traversal of the feeder. A single pair between groups would have to carry
    their whole exchange, for which consensus needs hundreds of rounds.
    """
    row = _walk(tree, place)
    _, rank, label = np.unique(np.asarray(group)[row], return_index=True, return_inverse=True)
    members = [row[label == g] for g in np.argsort(rank)]
    first, second = [], []
    for m in members:
        pairs = np.triu_indices(len(m), 1)
        first.append(m[pairs[0]])
        second.append(m[pairs[1]])
    for m, after in pairwise(members):
        turn = np.arange(max(len(m), len(after)))
        first.append(m[turn % len(m)])
        second.append(after[turn % len(after)])
    return make_links(len(row), np.concatenate(first), np.concatenate(second))


def zones(tree: Places, place: Index) -> Index:
    """Return the zone of every home (n,), a row of the tree; the topmost place where there are no zones."""
    zone = ancestor(tree, Level.ZONE)[place]
    return np.where(zone >= 0, zone, _paths(tree, place)[0])


def hops(tree: Places, place: Index, graph: TradeLinks) -> Index:
    """Return the number of places on the path between the two ends of every pair, (2e,): 1 for homes at one transformer."""
    return _hops(_paths(tree, place), party_of_end(graph), graph.peer)


def preference_costs(
    graph: TradeLinks, non_green_per_kwh: Col, green: Flag, fee_per_kwh: Col | float = 0.0
) -> Costs:
    """Return the costs of homes that prefer green partners, with half of every network charge at each end.

    Parameters
    ----------
    non_green_per_kwh
        Premium of each home for a kWh from a green partner, shape (n,) [$/kWh]; with zero only the price counts.
    green
        Whether energy of a home counts as green, shape (n,).
    fee_per_kwh
        Network charge of the whole trade, broadcast to (2e,) [$/kWh], equal at both ends.
    """
    half = np.broadcast_to(np.asarray(fee_per_kwh, np.float64) / 2, graph.peer.shape)
    return Costs(
        half + np.where(green[graph.peer], 0.0, non_green_per_kwh[party_of_end(graph)]), half.copy()
    )


def check(graph: TradeLinks, costs: Costs | None = None, where: str = "graph") -> None:
    """Refuse a graph on which homes cannot agree.

    Raises
    ------
    InputError
        Homes without a partner, a graph in several parts, costs that pay a home for buying and selling back, or a round trip
        through several homes at negative cost; all reported at once.
    """
    degree, part = np.diff(graph.offset), find_components(graph)
    problems = []
    lonely = np.flatnonzero(degree == 0)
    if lonely.size:
        got = f"no partner of home {_listed(lonely)}"
        problems.append(
            Problem(
                where,
                got,
                "one or more for every home",
                "Add a pair for it, or leave the home out.",
            )
        )
    sizes = np.bincount(part)
    alone = np.flatnonzero(sizes == 1).size == lonely.size and lonely.size > 0
    if len(sizes) - (lonely.size if alone else 0) > 1:
        least = int(np.argmin(np.where(sizes > 1, sizes, len(part) + 1)))
        home = int(np.flatnonzero(part == least)[0])
        hint = f"Add a pair between home {home} and home {int(np.flatnonzero(part != least)[0])}."
        problems.append(
            Problem(
                where, f"{len(sizes)} parts, the smallest of {sizes[least]} homes", EVERYONE, hint
            )
        )
    if costs is not None:
        problems += _contradictions(graph, costs, where)
    if problems:
        raise InputError(problems)


def check_costs(graph: TradeLinks, costs: Costs, where: str = "graph") -> None:
    """Refuse costs on which homes cannot agree, on a graph that was checked.

    Raises
    ------
    InputError
        Costs that pay a home for buying and selling back, or a round trip through several homes at negative cost.
    """
    problems = _contradictions(graph, costs, where)
    if problems:
        raise InputError(problems)


def _contradictions(graph: TradeLinks, costs: Costs, where: str) -> list[Problem]:
    party, (buys, sells) = party_of_end(graph), costs
    bad = np.flatnonzero(buys + sells < -LEAST_PER_KWH)
    if bad.size:
        h = int(bad[0])
        got = f"costs of home {party[h]} with {graph.peer[h]}: {buys[h]:g} $/kWh to buy and {sells[h]:g} to sell"
        return [
            Problem(
                where,
                got,
                "a sum of 0 or more, or it would buy and sell for ever",
                "Raise one of the two.",
            )
        ]
    loop = _loop(graph, costs)
    if not loop:
        return []
    trip = ", ".join(str(home) for home in loop)
    hint = "Raise a cost on that way: preferences of its homes pay for moving energy in a circle."
    return [
        Problem(
            where,
            f"a round trip of energy through homes {trip} that costs less than nothing",
            "no such loop",
            hint,
        )
    ]


def _loop(graph: TradeLinks, costs: Costs) -> list[int]:
    """Return homes of a loop of negative cost (Bellman and Ford), none where there is none."""
    buyer, seller = party_of_end(graph), graph.peer
    weight = costs.buys_per_kwh + costs.sells_per_kwh[graph.twin]
    n = len(graph.offset) - 1
    if not (weight < -LEAST_PER_KWH).any():
        return []
    far, last = np.zeros(n), np.full(n, -1)
    for _ in range(n + 1):
        way = far[seller] + weight
        best = far.copy()
        np.minimum.at(best, buyer, way)
        moved = np.flatnonzero((way <= best[buyer]) & (way < far[buyer] - LEAST_PER_KWH))
        if not moved.size:
            return []
        far, last[buyer[moved]] = best, seller[moved]
    home = int(buyer[moved[0]])
    for _ in range(n):
        home = int(last[home])
    loop = [home]
    while int(last[loop[-1]]) not in loop:
        loop.append(int(last[loop[-1]]))
    return loop[::-1]


def _listed(rows: Index) -> str:
    tail = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return ", ".join(str(row) for row in rows[:3]) + tail


def _paths(tree: Places, place: Index) -> Index:
    """Return the place of every home at each depth, the root first, shape (levels, n); -1 below its own."""
    here = np.asarray(place)
    deep = depth(tree)[here]
    path = np.full((int(deep.max()) + 1, len(here)), -1)
    at, level = here.copy(), deep.copy()
    for _ in range(len(path)):
        rows = np.flatnonzero(level >= 0)
        path[level[rows], rows] = at[rows]
        at[rows], level[rows] = tree.parent[at[rows]], level[rows] - 1
    return path


def _walk(tree: Places, place: Index) -> Index:
    """Return the homes in the order of a traversal of the feeder: by their path from the root."""
    path = _paths(tree, place)
    return np.lexsort((np.arange(path.shape[1]), *path[::-1]))


def _hops(path: Index, a: Index, b: Index) -> Index:
    own = (path >= 0).sum(0)
    common = np.zeros(a.shape, np.int64)
    for level in path:
        common += (level[a] == level[b]) & (level[a] >= 0)
    return np.asarray(own[a] + own[b] - 2 * common + 1)


def _joined(first: Index, second: Index, row: Index) -> TradeLinks:
    graph = make_links(len(row), first, second)
    part = find_components(graph)[row]
    gap = np.flatnonzero(part[1:] != part[:-1])
    if not gap.size:
        return graph
    return make_links(
        len(row), np.concatenate([first, row[gap]]), np.concatenate([second, row[gap + 1]])
    )
