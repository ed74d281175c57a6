"""Best responses of many stores that differ in their state alone, summed by group: one walk back serves all of a pattern.

The value of ending a step in a state does not depend on where the store starts, so stores with the same parameters and prices
share the walk from the last step to the first (theory 2.2); each then rolls out from its own state, and stores in the same state
roll out alike. Sums are whole micro-units, so they do not depend on the order of stores or on how many are summed at a time.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types

from gridagora.kernels.curves.merge import list_members
from gridagora.kernels.stores.bellman import copy_pair, copy_row
from gridagora.kernels.stores.polyline import JIT
from gridagora.kernels.stores.table import (
    COLUMNS,
    INDEX,
    READ1,
    READ2,
    Floats,
    Ints,
    Stores,
    compile_entry,
)
from gridagora.kernels.stores.value import roll_out, scratch, walk_back

UW, UUSD = 1e9, 1e6  # micro-watts of a kW, micro-dollars of a dollar


class PatternUnits(NamedTuple):
    """u stores of k patterns on g price rows; those of one pattern and price row stand side by side.

    Pair j = price row * k + pattern owns the stores first[j] to first[j + 1] - 1.
    """

    first: Ints  # (g k + 1,)
    x0: Floats  # (u,) state [unit of x of the pattern]
    group: Ints  # (u,) group that a store is summed in
    home: Ints  # (u,) row of its home in `p_kw`


class SharedSums(NamedTuple):
    """What all stores of a group take and what that costs, c groups: whole micro-watts and micro-dollars, added to in place."""

    p_uw: Ints  # (c, h)
    own_uusd: Ints  # (c,) beside the energy
    bound_uusd: Ints  # (c,) the least that both together can cost


@njit(**JIT)
def _respond(  # type: ignore[no-untyped-def]
    columns, dt, price, end_x, end_mu, first, x0, group, home, p_uw, own_uusd, bound_uusd, share, p_kw
):  # fmt: skip
    """Answer every store; add to the sums of its group, and share times its plan to its home where there are shares."""
    h, patterns = dt.shape[0], end_x.shape[0]
    f, work = np.empty((h, len(columns))), scratch(h, end_x.shape[1])
    own_x, own_mu, own_price = np.empty(end_x.shape[1]), np.empty(end_x.shape[1]), np.empty(h)
    p, path = np.empty(h), np.empty(h + 1)
    whole, own, bound, fresh = np.empty(h, np.int64), np.int64(0), np.int64(0), True
    for j in range(first.shape[0] - 1):
        if first[j] == first[j + 1]:
            continue
        i, r = j % patterns, j // patterns
        copy_row(columns, i, f, fresh)
        fresh = False
        copy_pair(price, price, r, own_price, own_price)
        copy_pair(end_x, end_mu, i, own_x, own_mu)
        work, hulled, _, _ = walk_back(
            f, dt, own_price, own_price, own_x, own_mu, x0[first[j]], work
        )
        before = np.nan
        for u in range(first[j], first[j + 1]):
            if x0[u] != before:
                before = x0[u]
                cost, least, _ = roll_out(
                    f, dt, own_price, own_price, own_x, own_mu, before, work, hulled, p, path
                )
                paid = 0.0
                for t in range(h):
                    whole[t] = np.int64(np.rint(p[t] * UW))
                    paid += p[t] * own_price[t]
                own, bound = (
                    np.int64(np.rint((cost - paid) * UUSD)),
                    np.int64(np.rint(least * UUSD)),
                )
            g = group[u]
            if share.shape[0] > 0:
                for t in range(p_kw.shape[1]):
                    p_kw[home[u], t] += share[g] * p[t]
                continue
            for t in range(h):
                p_uw[g, t] += whole[t]
            own_uusd[g] += own
            bound_uusd[g] += bound


_WRITE_SUM = types.Array(types.int64, 2, "C")
_WRITE_INT = types.Array(types.int64, 1, "C")
_WRITE = types.Array(types.float64, 2, "C")


def _run(
    table: Stores, price: Floats, units: PatternUnits, sums: SharedSums, share: Floats, p_kw: Floats
) -> None:
    entry = compile_entry(
        _respond,
        COLUMNS,
        READ1,
        READ2,
        *(READ2,) * 2,
        INDEX,
        READ1,
        *(INDEX,) * 2,
        _WRITE_SUM,
        *(_WRITE_INT,) * 2,
        READ1,
        _WRITE,
    )
    entry(
        tuple(table[2:21]), table.dt_h, price, table.end_x, table.end_mu, *units, *sums, share, p_kw
    )


def add_responses(
    table: Stores, price_per_kwh: Floats, units: PatternUnits, sums: SharedSums
) -> None:
    """Add to the sums what every store takes at its prices.

    Parameters
    ----------
    table
        The k patterns over h steps; their own x0 is not read.
    price_per_kwh
        The g distinct price paths, shape (g, h) [$/kWh].
    units
        The stores, those of a pair of pattern and price side by side.
    sums
        What groups take so far; changed in place.
    """
    _run(table, price_per_kwh, units, sums, np.zeros(0), np.zeros((0, 0)))


def add_shares(
    table: Stores, price_per_kwh: Floats, units: PatternUnits, share: Floats, p_kw: Floats
) -> None:
    """Add to the power of every home a share of what its stores take at their prices.

    Parameters
    ----------
    table, price_per_kwh, units
        As for `add_responses`.
    share
        Share of the plan of the stores of each group, (c,), 0..1.
    p_kw
        Power of the homes in the first steps, shape (n, t) [kW]; changed in place.
    """
    none = SharedSums(np.zeros((0, 0), np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
    _run(table, price_per_kwh, units, none, share, p_kw)


@njit(**JIT)
def _order(pair, first):  # type: ignore[no-untyped-def]
    unit = np.empty(pair.shape[0], np.int64)
    list_members(pair, first, unit)
    return unit


def order_units(pair: Ints, count: int) -> tuple[Ints, Ints]:
    """Return where the stores of each of `count` pairs begin and the stores pair by pair, given the pair of each store (u,)."""
    first = np.zeros(count + 1, np.int64)
    entry = compile_entry(_order, INDEX, _WRITE_INT)
    return first, entry(pair, first)
