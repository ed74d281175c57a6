"""What layers remember of the rows of the network between plans: their prices by hour, and what a kW of each home does to them.

Between the gates of the day ahead a row is not negotiated: once an hour its price moves by how far plans are beyond it, as the
premium of a place does, and back where there is room.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.limits import Coefficients
from gridagora.core.network_operator import NetworkState
from gridagora.core.product import Product
from gridagora.core.session import PricePath
from gridagora.core.tables import Col
from gridagora.mechanisms.layer_rows import read_coefficients, spare_least
from gridagora.mechanisms.network_limits import RowPath, RowTable, begin_rows, make_rows


class NetworkMemory(NamedTuple):
    """What the layered market carries from one opening to the next where it knows the network."""

    premium: PricePath  # (m, h) of m places
    rows: RowPath
    name: tuple[str, ...]  # (k,) of rows that a kW of each home is known to move
    by_kw: Col  # (k, n) [unit of the row/kW]
    cleared: RowPath | None = None  # of the interval before


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


def remember_rows(
    premium: PricePath, rows: RowPath, table: RowTable, cleared: RowPath | None = None
) -> NetworkMemory:
    """Return a memory of premiums of places, of prices of rows with what moves them, and of those of the interval before."""
    by_kw = table.by_kw * table.unit_per_kw[:, None]
    return NetworkMemory(premium, rows, table.name, by_kw, cleared)


def keep_cleared(
    known: NetworkMemory | PricePath | None, cleared: RowPath, homes: int
) -> NetworkMemory | None:
    """Return what is remembered after an interval of so many homes: what was known, and the prices of rows there."""
    if isinstance(known, PricePath):
        nothing = RowPath(cleared.start_s, cleared.step_s, (), np.zeros((0, 1)))
        return NetworkMemory(known, nothing, (), np.zeros((0, homes)), cleared)
    return known if known is None else known._replace(cleared=cleared)


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


def _write_coefficients(dense: Col) -> Coefficients:
    k, n = dense.shape
    return Coefficients(n * np.arange(k + 1), np.tile(np.arange(n), k), dense.ravel())
