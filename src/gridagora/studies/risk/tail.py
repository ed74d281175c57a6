"""What the bad end of many draws costs: value at risk, expected shortfall and who bears it. Values are losses, more is worse."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Index
from gridagora.kernels.statistics.resample import resampled_tails, weighted_tail
from gridagora.studies.risk.distribution_free import quantile_interval
from gridagora.studies.risk.intervals import CONFIDENCE, NAN, Estimate
from gridagora.studies.risk.resamples import canonical_order, index_blocks

LEVEL = 0.95  # of the tail


class Tail(NamedTuple):
    """Value at risk and expected shortfall of one loss, each with its interval [unit of the loss]."""

    at_risk: Estimate
    shortfall: Estimate


def value_at_risk(losses: Col, level: float = LEVEL) -> float:
    """Return the least loss that a share `level` of draws (n,) [their unit] does not exceed.

    References
    ----------
    P. Artzner et al., Coherent measures of risk, Mathematical Finance 9, 1999, doi 10.1111/1467-9965.00068.
    """
    return quantile_interval(losses, level).value


def expected_shortfall(losses: Col, level: float = LEVEL) -> float:
    """Return the mean of the worst share 1 - `level` of draws (n,) [their unit], also called conditional value at risk.

    The draw at the quantile counts with the part of it that lies in the tail, so that the figure is coherent for any number of
    draws: it moves with a constant, scales with a factor, and that of a sum never exceeds the sum of those.

    References
    ----------
    R. T. Rockafellar, S. Uryasev, Conditional value-at-risk for general loss distributions, Journal of Banking and Finance 26,
    2002, doi 10.1016/S0378-4266(02)00271-6.
    """
    ordered = np.sort(losses)
    every = np.ones(len(ordered), dtype=np.int64)
    return float(weighted_tail(ordered, _rising(ordered), every, level)[1])


def shortfall_interval(
    losses: Col, level: float = LEVEL, confidence: float = CONFIDENCE
) -> Estimate:
    """Return the expected shortfall of draws (n,) [their unit] with its interval; an end that the draws do not fix is nan.

    A studentised bootstrap: of 95 % intervals it covered 93 to 94 % where 4 to 10 draws lay in the tail of a normal, exponential
    or lognormal loss, where percentiles of the bootstrap covered 68 to 87 %.

    References
    ----------
    P. Hall, Theoretical comparison of bootstrap confidence intervals, Annals of Statistics 16, 1988,
    doi 10.1214/aos/1176350933.
    """
    return shortfall_difference(losses, np.zeros(len(losses)), level, confidence)


def shortfall_difference(
    first: Col, second: Col, level: float = LEVEL, confidence: float = CONFIDENCE
) -> Estimate:
    """Return how much the expected shortfall of `first` exceeds that of `second`, (n,) each, paired by draw [their unit].

    The interval is that of `shortfall_interval`.
    """
    if len(first) < 2:
        return Estimate(NAN, NAN, NAN)
    order = canonical_order(np.stack([first, second], axis=1))
    one, two = first[order], second[order]
    ranks = _rising(one), _rising(two)
    whole = np.arange(len(one), dtype=np.int32)[None, :]
    found = resampled_tails(one, ranks[0], two, ranks[1], whole, level)
    gap, error = float(found[0][0]), float(found[1][0])
    if error == 0.0:
        return Estimate(gap, gap, gap)
    pivots = []
    for index in index_blocks(len(one)):
        gaps, errors = resampled_tails(one, ranks[0], two, ranks[1], index, level)
        off = gaps - gap
        # a resample without spread is infinitely far, unless it hits the figure itself
        far = np.where(off == 0.0, 0.0, np.copysign(np.inf, off))
        pivots.append(np.divide(off, errors, out=far, where=errors > 0))
    ends = np.sort(np.concatenate(pivots))
    missed = (1.0 - confidence) / 2.0
    least = ends[int(missed * (len(ends) - 1))]
    most = ends[int(np.ceil((1.0 - missed) * (len(ends) - 1)))]
    return Estimate(gap, _finite(gap - most * error), _finite(gap - least * error))


def tail_of(losses: Col, level: float = LEVEL, confidence: float = CONFIDENCE) -> Tail:
    """Return value at risk and expected shortfall of draws (n,) [their unit] with their intervals."""
    return Tail(
        quantile_interval(losses, level, confidence), shortfall_interval(losses, level, confidence)
    )


def tail_weights(losses: Col, level: float = LEVEL) -> Col:
    """Return how much of each draw (n,) [unit of the losses] lies in the tail, as shares (n,) that sum to one.

    Draws equal to the value at risk share alike what the draws beyond it leave.
    """
    n = len(losses)
    edge = value_at_risk(losses, level)
    beyond, at = losses > edge, losses == edge
    size = n * (1.0 - level)
    left = max(size - float(beyond.sum()), 0.0)
    found: Col = (beyond + at * (left / float(at.sum()))) / (float(beyond.sum()) + left)
    return found


def tail_contributions(losses: Col, parts: Col, level: float = LEVEL) -> Col:
    """Return the mean (k,) of each part (n, k) in the worst draws of `losses` (n,) [one unit].

    Where the parts of each draw sum to its loss, these sum to the expected shortfall: D. Tasche, Expected shortfall and beyond,
    Journal of Banking and Finance 26, 2002, doi 10.1016/S0378-4266(02)00272-8.
    """
    order = canonical_order(np.column_stack([losses, parts]))
    found: Col = tail_weights(losses[order], level) @ parts[order]
    return found


def _rising(values: Col) -> Index:
    return np.argsort(values, kind="stable").astype(np.int64)


def _finite(value: float) -> float:
    return float(value) if np.isfinite(value) else NAN
