"""The search of layers for prices of the supply, of places with a limit and of rows of the network: prices down, answers up.

A row stands beside the limits of places in the bundle of theory 3.5, for the hours of a plan as for one interval: homes are asked
for plans, or their curves for what they take. What is found is proven.
"""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import Proposals, Quotes, quote
from gridagora.core.limits import Bounds
from gridagora.core.place import Places, lift_kw
from gridagora.core.session import (
    Costed,
    LayerMessages,
    Opening,
    PeerMessages,
    Topology,
    site_of,
)
from gridagora.core.tables import Col, Index
from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import Answer, Coordination, coordinating
from gridagora.kernels.curves.curve import Curves
from gridagora.mechanisms.layer_bundle import (
    find_branches,
    find_reach_kw,
    relay_plans,
    spread_rows,
    stack_rows,
)
from gridagora.mechanisms.layer_rows import count_crossing, find_owners
from gridagora.mechanisms.network_interval import answer_on_curves, group_alike
from gridagora.mechanisms.network_limits import RowPath, RowTable, add_rows

Ask = Callable[[Quotes], Generator[Any, Any, Proposals]]


class RowSearch(NamedTuple):
    """What a search over n homes, m places and k rows begins from, and who answers a quote to the homes in it."""

    bounds: Bounds  # of places, over h steps
    table: RowTable
    group: Index  # (n,) whose answers are mixed together
    premium_per_kwh: Col  # (m, h)
    rows_per_kwh: Col  # (k, h) as they stand in the table
    seeds: tuple[Answer, ...]  # answers of an earlier search
    ask: Ask


class RowsFound(NamedTuple):
    """What such a search found: the coordination, powers of homes, premiums of places, prices of places, homes and rows."""

    found: Coordination
    p_kw: Col  # (n, h)
    premium_per_kwh: Col  # (m, h)
    place_per_kwh: Col  # (m, h)
    home_per_kwh: Col  # (n, h)
    rows: RowPath


def search_rows(
    opening: Opening, search: RowSearch, rounds_max: int, gap: float
) -> Generator[Any, Any, RowsFound]:
    """Find prices of the supply, of limited places and of rows at which homes keep all of them at least cost.

    Prices go down the layers and answers come up, until what is found is proven to be within `gap` of its least cost.
    """
    site, supply, bounds, table = site_of(opening), opening.supply, search.bounds, search.table
    tree, shape = site.tree, search.premium_per_kwh.shape
    limited = np.flatnonzero((tree.parent >= 0) & np.isfinite(bounds.high_kw).any(1))
    root = int(np.flatnonzero(tree.parent < 0)[0])
    places = (1 + len(limited)) * shape[1]
    start = (
        search.premium_per_kwh[root] + supply.import_per_kwh,
        search.premium_per_kwh[limited].ravel(),
        search.rows_per_kwh.ravel(),
    )
    own = stack_rows(supply, bounds, root, limited, find_reach_kw(len(opening.party)))
    asked = coordinating(
        stack_network(own, table),
        search.group,
        np.concatenate(start),
        homes=max(1, len(opening.party)),
        rounds_max=rounds_max,
        tolerance=gap,
        by_kw=np.concatenate([mark_homes(tree, site.place, limited), table.by_kw]),
        seeds=search.seeds,
    )
    every, crossing = np.arange(shape[0]), _count_rows(site, table, shape[1])

    def price_all(price_per_kwh: Col) -> tuple[Col, Col, Col]:
        premium = spread_rows(price_per_kwh[:places], supply, root, limited, shape)
        by_place = supply.import_per_kwh + sum_down(tree, premium)
        rows = price_per_kwh[places:].reshape(-1, shape[1])
        return premium, by_place, by_place[site.place] + table.by_kw.T @ rows

    price = next(asked)
    while True:
        _, by_place, by_home = price_all(price)
        heard = yield from search.ask(quote(opening.product, opening.party, by_home))
        q_kw = lift_kw(tree, site.place, heard.p_kw)
        up = relay_plans(opening, site, q_kw, heard, limited)
        yield LayerMessages(up, quote(opening.product, every, by_place))
        yield crossing
        try:
            price = asked.send(Answer(heard.p_kw, heard.own_usd, heard.bound_usd))
        except StopIteration as end:
            found: Coordination = end.value
            break
    mixed_kw = np.einsum(
        "kn,knh->nh",
        found.weight[:, found.group],
        np.array([each.p_kw for each in found.answers]),
    )
    of_rows = found.price_per_kwh[places:].reshape(-1, shape[1]) / table.unit_per_kw[:, None]
    product = opening.product
    rows = RowPath(product.start_s, product.duration_s, table.name, of_rows)
    return RowsFound(found, mixed_kw, *price_all(found.price_per_kwh), rows)


def ask_plans(quoted: Quotes) -> Generator[Any, Any, Proposals]:
    """Return the plans of homes at a quote, with what they cost.

    Raises
    ------
    InputError
        No plans, or plans that do not say what they cost.
    """
    heard = yield Costed(quoted)
    if not isinstance(heard, Proposals):
        got = "no costs of plans" if heard else "no plans"
        expected = "a strategy that looks ahead and tenders, such as 'home'"
        raise InputError([Problem("market.layered", got, expected)])
    return heard


def ask_curves(curves: Curves, first_usd: Col, quoted: Quotes) -> Generator[Any, Any, Proposals]:
    """Return what n homes take at a quote by the curves that they tendered, and what it costs them; nobody is asked again.

    Costs count from what homes took at first, worth (n,) [$/h] to them: all of a curve may be worth a thousand times what is
    traded, where a car must leave full, and a share of that would prove nothing.
    """
    yield from ()
    found = answer_on_curves(curves, quoted.buy_per_kwh[:, 0])
    costs = found.own_usd + first_usd, found.bound_usd + first_usd
    return Proposals(quoted.product, quoted.party, found.p_kw, *costs)


def group_branches(tree: Places, place: Index, table: RowTable) -> Index:
    """Return the group of each of n homes by their place, (n,): branches that move rows alike; a home at the root is its own."""
    top = find_branches(tree)[place]
    alone = tree.parent[top] < 0
    branch = np.unique(
        np.where(alone, len(tree.parent) + np.arange(len(place)), top), return_inverse=True
    )[1]
    count = int(branch.max(initial=-1)) + 1
    moves = np.zeros((count, len(table.by_kw)))
    np.add.at(moves, branch, table.by_kw.T)
    return group_alike(moves)[branch]


def _count_rows(site: Topology, table: RowTable, steps: int) -> PeerMessages:
    """Return what crosses between layers in a round beside plans and prices, for rows."""
    moved = lift_kw(site.tree, site.place, (table.by_kw != 0).T.astype(np.float64)).T
    return count_crossing(site.tree, find_owners(site.tree, moved), moved, steps)


def stack_network(supply: SupplyCost, table: RowTable) -> SupplyCost:
    """Return a supply of any number of entries with those of the rows behind it."""
    h = table.base_kw.shape[1]
    rows = add_rows(SupplyCost(*(field[:h] for field in supply)), table)
    return SupplyCost(
        *(np.concatenate([own, each[h:]]) for own, each in zip(supply, rows, strict=True))
    )


def sum_down(tree: Places, premium_per_kwh: Col) -> Col:
    """Return the premiums (m, h) [$/kWh] summed from the root down to each place, shape (m, h)."""
    total = premium_per_kwh.copy()
    above = tree.parent.copy()
    while (above >= 0).any():
        total += np.where((above >= 0)[:, None], premium_per_kwh[above], 0.0)
        above = np.where(above >= 0, tree.parent[above], -1)
    return total


def take_premiums(tree: Places, price_per_kwh: Col, import_per_kwh: float) -> Col:
    """Return what each of m places adds to the price above it, (m,) [$/kWh], the root to that of import."""
    parent = tree.parent
    return price_per_kwh - np.where(parent >= 0, price_per_kwh[parent], import_per_kwh)


def mark_homes(tree: Places, place: Index, chosen: Index) -> Col:
    """Return ones for the homes (n,), by their place, that stand below each of some places (k,), else zeros, (k, n) [1]."""
    found, above = np.zeros((len(chosen), len(place))), np.asarray(place, np.int64).copy()
    while (above >= 0).any():
        found += chosen[:, None] == above
        above = np.where(above >= 0, tree.parent[above], -1)
    return found
