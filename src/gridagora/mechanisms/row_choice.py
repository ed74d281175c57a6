"""Which rows of a network a search holds: those that its last result breaks, few at a time and unlike each other.

Of hundreds of rows near their limit a handful have a price in the end, and rows of neighbours are nearly the same. A search that
holds the worst first, and others only once its result breaks them, ends at the prices of all rows: one that it does not hold is
kept, so that its price is nil.

References
----------
Row generation (cutting planes): J. E. Kelley, The cutting-plane method for solving convex programs, J. SIAM 8 (1960),
doi 10.1137/0108053.
"""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

import numpy as np

from gridagora.core.tables import Col, Flag
from gridagora.mechanisms.network_limits import NetworkPlan, RowTable, find_spans, priced_rows

Found = TypeVar("Found")

# what counts as kept: of half the band of a row, or of its limit, in a plan; of the party that moves it most, in an interval
KEPT_SHARE = 1e-3
KEPT_KW = 1e-6
FIRST, FIRST_OF_PLAN = 4, 32  # rows added the first time, at most; twice as many each time after
ALIKE = 0.99  # cosine of what moves two rows: above it, one speaks for both at first


def widen_choice(chosen: Flag, beyond_kw: Col, by_kw: Col, at_most: int) -> Flag:
    """Return which of k rows are held next, (k,): those held and the worst of the others that are broken, none alike.

    Parameters
    ----------
    chosen
        Rows that are held, shape (k,).
    beyond_kw
        What is beyond the limit of each, at the worst time, less what still counts as kept, shape (k,) [kW].
    by_kw
        What a kW of each of n parties does to a row, shape (k, n) [1].
    at_most
        Rows to add.
    """
    missing = np.flatnonzero((beyond_kw > 0) & ~chosen)
    order = missing[np.argsort(-beyond_kw[missing], kind="stable")]
    wider, length = chosen.copy(), np.maximum(np.linalg.norm(by_kw, axis=1), 1e-12)
    added: list[int] = []
    for row in order.tolist():
        if len(added) == at_most:
            break
        cosine = by_kw[added] @ by_kw[row] / (length[added] * length[row])
        if (np.abs(cosine) < ALIKE).all():
            added.append(row)
    wider[added] = True
    return wider


def plan_with_few(
    rows: RowTable,
    before: NetworkPlan[Found],
    plan_rows: Callable[[RowTable, NetworkPlan[Found]], Generator[Any, Any, NetworkPlan[Found]]],
) -> Generator[Any, Any, NetworkPlan[Found]]:
    """Plan with rows that the plan before breaks or prices, and with more until none of k rows is broken that is not held.

    `plan_rows` plans with the rows it is given, from a plan before. The k rows hold in h steps.
    """
    priced = set(priced_rows(before.rows))
    chosen = np.array([name in priced for name in rows.name], np.bool_)
    plan, kept_kw = before, find_kept_kw(rows)
    at_most = FIRST if plan.p_kw.shape[1] == 1 else FIRST_OF_PLAN
    while True:
        beyond = (find_beyond_kw(rows, plan.p_kw) - kept_kw).max(1, initial=0.0)
        wider = widen_choice(chosen, beyond, rows.by_kw, at_most)
        if (wider == chosen).all() and (plan is not before or not wider.any()):
            return plan
        chosen, at_most = wider, 2 * at_most
        plan = yield from plan_rows(take_rows(rows, chosen), plan)


def find_kept_kw(rows: RowTable) -> Col:
    """Return how far beyond its limits each of k rows still counts as kept in h steps, (k, h) [kW]."""
    if rows.base_kw.shape[1] == 1:
        return np.full(rows.base_kw.shape, KEPT_KW)
    span = find_spans(rows.low_kw, rows.high_kw)
    return np.asarray(KEPT_SHARE * np.where(np.isfinite(span), span, 0.0) + KEPT_KW)


def find_beyond_kw(rows: RowTable, p_kw: Col) -> Col:
    """Return what is beyond the limits of k rows where n parties take p (n, h) [kW], (k, h) [kW]; nil where they are kept."""
    load = rows.base_kw + rows.by_kw @ p_kw
    return np.asarray(np.maximum(load - rows.high_kw, rows.low_kw - load).clip(min=0))


def take_rows(rows: RowTable, chosen: Flag) -> RowTable:
    """Return the rows that are chosen, (k,)."""
    name = tuple(name for name, held in zip(rows.name, chosen.tolist(), strict=True) if held)
    return RowTable(name, *(each[chosen] for each in rows[1:]))
