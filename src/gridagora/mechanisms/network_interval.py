"""Clearing one interval from curves where rows of a network have a price each, beside that of energy.

    maximise  sum_i U_i(p_i) - G(q) - sum_r over_r (y_r beyond),    q = base + sum p,   y = c + A p

U_i is the area below the curve of a party. Prices of energy and of rows are found as those of a plan are, by a bundle
(`kernels.coordination.dual`): every party answers on its own curve at its own price, so that what it is worth to all of them
together is known at every price, and the answers are mixed at the end. The mix is what parties are awarded.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Index
from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import (
    Answer,
    Coordination,
    alike,
    coordinate,
    price_parties,
)
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.internal_price import power_at_own
from gridagora.mechanisms.network_limits import RowTable, add_rows

SEEDS = 12  # answers that the next search of the same curves begins from, at most
AGREED_SHARE = 0.01  # how well rows and exact flow agree in an interval, as in `LimitTerms`
GROUPS = 8  # of parties that move rows alike, whose answers are mixed apart


class IntervalTerms(NamedTuple):
    """Prices that are tried at most, and the certified share of the value at which the search ends earlier."""

    rounds: int = 40
    gap_share: float = 1e-6


class ClearedRows(NamedTuple):
    """How an interval clears: awards of n parties, prices of energy and of rows, their certified gap, and the answers."""

    p_kw: Col  # (n,)
    price_per_kwh: Col  # (1 + k,) of energy, and of rows as they are in the table
    gap_usd_per_h: float
    value_usd_per_h: float
    answers: tuple[Answer, ...]


def clear_with_rows(
    curves: Curves,
    supply: SupplyCost,
    rows: RowTable,
    start_per_kwh: Col,
    terms: IntervalTerms,
    seeds: Sequence[Answer] = (),
) -> ClearedRows:
    """Clear one interval so that soft rows and supply cost least.

    Parameters
    ----------
    curves
        Demand of n parties.
    supply
        Of the interval, every field of shape (1,), without the parties' power.
    rows
        k rows over the parties, of one step.
    start_per_kwh
        First prices, shape (1 + k,) [$/kWh].
    terms
        When the search ends.
    seeds
        Answers of an earlier search of the same curves.
    """
    found = coordinate(
        lambda price: answer_on_curves(curves, price_parties(price, rows.by_kw)[:, 0]),
        add_rows(supply, rows),
        group_alike(rows.by_kw.T),
        start_per_kwh,
        homes=max(1, len(curves.offset) - 1),
        rounds_max=terms.rounds,
        tolerance=terms.gap_share,
        by_kw=rows.by_kw,
        seeds=seeds,
    )
    share = found.weight[:, found.group]
    powers = np.array([answer.p_kw[:, 0] for answer in found.answers])
    mixed_kw = (share * powers).sum(0)
    return ClearedRows(
        mixed_kw, found.price_per_kwh, found.gap_usd, -found.high_usd, keep_heaviest(found)
    )


def answer_on_curves(curves: Curves, own_per_kwh: Col) -> Answer:
    """Return what each of n curves takes at its own price, (n,) [$/kWh], and what that costs its party, for one hour."""
    own = np.ascontiguousarray(own_per_kwh)
    p_kw = power_at_own(curves, own, np.zeros(len(own)))
    cost_usd = -find_worth(curves, p_kw)
    return Answer(p_kw[:, None], cost_usd, cost_usd + own * p_kw)


def keep_heaviest(found: Coordination) -> tuple[Answer, ...]:
    """Return the answers that weigh most in a result, from which the next search of the same curves begins."""
    heaviest = np.argsort(-found.weight.sum(1), kind="stable")[:SEEDS]
    return tuple(found.answers[each] for each in heaviest.tolist() if found.weight[each].any())


def find_worth(curves: Curves, p_kw: Col) -> Col:
    """Return the area below each curve from its least power to p, shape (n,) [$/h], of powers (n,) [kW] within it."""
    first, last = curves.offset[:-1], curves.offset[1:]
    row = np.repeat(np.arange(len(first)), last - first - 1)
    inner = np.ones(len(curves.p_kw), np.bool_)
    inner[last - 1] = False
    at = np.flatnonzero(inner)
    span = curves.p_kw[at + 1] - curves.p_kw[at]
    part = (p_kw[row] - curves.p_kw[at]).clip(min=0)
    part = np.minimum(part, span)
    slope = np.divide(
        curves.price_per_kwh[at + 1] - curves.price_per_kwh[at],
        span,
        out=np.zeros(len(span)),
        where=span > 0,
    )
    area = part * (curves.price_per_kwh[at] + 0.5 * slope * part)
    worth: Col = np.bincount(row, area, minlength=len(first)).astype(np.float64)
    return worth


def group_alike(moves: Col) -> Index:
    """Return the group of each of n parties, (n,): those that move k rows alike, (n, k) [1]."""
    n = len(moves)
    return alike(moves, np.zeros(n, np.int64), min(GROUPS, n))
