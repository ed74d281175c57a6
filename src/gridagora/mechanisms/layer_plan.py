"""What layers remember of the rows of the network between plans: their prices by hour, and what a kW of each home does to them.

Between the gates of the day ahead a row is not negotiated: once an hour its price moves by how far plans are beyond it, as the
premium of a place does, and back where there is room.
"""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, NoReturn

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import Proposals, quote
from gridagora.core.limits import Coefficients
from gridagora.core.network_operator import NetworkState
from gridagora.core.place import Places, lift_kw
from gridagora.core.product import Product
from gridagora.core.session import Costed, LayerMessages, Opening, PricePath, site_of
from gridagora.core.tables import Col, Index
from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import Answer, Coordination, coordinating
from gridagora.mechanisms.layer_rows import (
    count_crossing,
    find_owners,
    read_coefficients,
    spare_least,
)
from gridagora.mechanisms.network_limits import RowPath, RowTable, add_rows, begin_rows, make_rows


class NetworkMemory(NamedTuple):
    """What the layered market carries from one opening to the next where it knows the network."""

    premium: PricePath  # (m, h) of m places
    rows: RowPath
    name: tuple[str, ...]  # (k,) of rows that a kW of each home is known to move
    by_kw: Col  # (k, n) [unit of the row/kW]


def add_row_prices(memory: NetworkMemory | None, product: Product, homes: int, steps: int) -> Col:
    """Return what rows add to the price of each of n homes over h steps from a product on, shape (n, h) [$/kWh]."""
    total = np.zeros((homes, steps))
    if memory is None or not memory.rows.name:
        return total
    path, row_of = memory.rows, {name: row for row, name in enumerate(memory.name)}
    known = [row for row, name in enumerate(path.name) if name in row_of]
    at = product.start_s + product.duration_s * np.arange(steps)
    step = (at - path.start_s) // path.step_s
    usable = (step >= 0) & (step < path.per_unit_h.shape[1])
    priced = path.per_unit_h[known][:, step[usable]]
    total[:, usable] = memory.by_kw[[row_of[path.name[row]] for row in known]].T @ priced
    return total


def table_rows(told: NetworkState, p_kw: Col) -> RowTable:
    """Return the rows of a state without the least of what moves each, around what n homes take in h steps, (n, h) [kW]."""
    limits = told.limits
    a, fixed = spare_least(read_coefficients(limits, len(p_kw)), limits.c, p_kw)
    return make_rows(limits._replace(a=_write_coefficients(a), c=fixed))


def remember_rows(premium: PricePath, rows: RowPath, table: RowTable) -> NetworkMemory:
    """Return a memory of premiums of places, and of prices of rows with what moves them."""
    return NetworkMemory(premium, rows, table.name, table.by_kw * table.unit_per_kw[:, None])


def learn_row_prices(
    table: RowTable, before: RowPath | None, product: Product, p_kw: Col, learning_per_kwh: float
) -> RowPath:
    """Return prices of rows after plans of n homes over h steps, (n, h) [kW]: moved by what is beyond, back where there is room.

    A kW that an average home is too much moves its own price by `learning_per_kwh`, however many rows tell it so.
    """
    price = begin_rows(before, table, product)
    load = table.base_kw + table.by_kw @ p_kw
    size = np.abs(table.by_kw)
    told = ((load > table.high_kw) | (load < table.low_kw) | (price != 0)).astype(np.float64)
    shared = (size @ size.T) @ told
    own = np.maximum((size**2).sum(1)[:, None], 1e-12)
    step = learning_per_kwh / np.maximum(shared, own)
    up, down = (
        np.where(
            np.isfinite(end), price + step * (load - np.where(np.isfinite(end), end, 0.0)), 0.0
        )
        for end in (table.high_kw, table.low_kw)
    )
    over = table.over_per_kwh[:, None]
    new = np.clip(np.where(up > 0, up, np.where(down < 0, down, 0.0)), -over, over)
    kept = (new != 0).any(1)
    names = tuple(name for name, stays in zip(table.name, kept, strict=True) if stays)
    own_price = (new / table.unit_per_kw[:, None])[kept]
    return RowPath(product.start_s, product.duration_s, names, own_price)


def mark_homes(tree: Places, place: Index, chosen: Index) -> Col:
    """Return ones for the homes (n,), by their place, that stand below each of some places (k,), else zeros, (k, n) [1]."""
    found, above = np.zeros((len(chosen), len(place))), np.asarray(place, np.int64).copy()
    while (above >= 0).any():
        found += chosen[:, None] == above
        above = np.where(above >= 0, tree.parent[above], -1)
    return found


def _write_coefficients(dense: Col) -> Coefficients:
    k, n = dense.shape
    return Coefficients(n * np.arange(k + 1), np.tile(np.arange(n), k), dense.ravel())


class RowSearch(NamedTuple):
    """What a search over plans of n homes begins from; `spread` turns prices of the supply into premiums of m places."""

    supply: SupplyCost  # of h steps, behind them k limited places and the rows
    members: Col  # (k, n) ones of homes below the limited places [1]
    table: RowTable
    group: Index  # (n,) whose plans are mixed together
    start_per_kwh: Col  # (h + k h + rows h,)
    seeds: tuple[Answer, ...]  # plans of an earlier search
    spread: Callable[[Col], Col]
    relay: Callable[
        [Proposals, Col], LayerMessages
    ]  # what layers pass of plans, and of a path of places (m, h) [$/kWh]


class RowPlan(NamedTuple):
    """What such a search found: the coordination, the premiums of m places, and the price path of n homes."""

    found: Coordination
    premium: Col  # (m, h) [$/kWh]
    path_per_kwh: Col  # (n, h)


def search_rows(
    opening: Opening, search: RowSearch, rounds_max: int, gap: float
) -> Generator[Any, Any, RowPlan]:
    """Find prices of the supply, of limited places and of rows on which plans of homes keep all of them at least cost.

    Raises
    ------
    InputError
        Homes that do not say what their plans cost.
    """
    site, supply, table = site_of(opening), opening.supply, search.table
    by_kw = np.concatenate([search.members, table.by_kw])
    places = len(search.start_per_kwh) - table.base_kw.size
    steps = table.base_kw.shape[1]
    moved = lift_kw(site.tree, site.place, (table.by_kw != 0).T.astype(np.float64)).T
    crossing = count_crossing(site.tree, find_owners(site.tree, moved), moved, ("w", "w"), steps)
    homes = len(opening.party)
    asked = coordinating(
        search.supply,
        search.group,
        search.start_per_kwh,
        homes=homes,
        rounds_max=rounds_max,
        tolerance=gap,
        by_kw=by_kw,
        seeds=search.seeds,
    )
    price = next(asked)
    while True:
        premium = search.spread(price[:places])
        by_place = supply.import_per_kwh + sum_down(site.tree, premium)
        rows = table.by_kw.T @ price[places:].reshape(len(table.by_kw), steps)
        quoted = quote(opening.product, opening.party, by_place[site.place] + rows)
        heard = yield Costed(quoted)
        if not isinstance(heard, Proposals):
            _refuse_no_costs()
        yield search.relay(heard, by_place)
        yield crossing
        try:
            price = asked.send(Answer(heard.p_kw, heard.own_usd, heard.bound_usd))
        except StopIteration as end:
            found: Coordination = end.value
            break
    premium = search.spread(found.price_per_kwh[:places])
    path = supply.import_per_kwh + sum_down(site.tree, premium)
    rows = table.by_kw.T @ found.price_per_kwh[places:].reshape(len(table.by_kw), steps)
    return RowPlan(found, premium, path[site.place] + rows)


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


def _refuse_no_costs() -> NoReturn:
    expected = "a strategy that looks ahead and tenders, such as 'home'"
    raise InputError([Problem("market.layered", "no costs of plans", expected)])
