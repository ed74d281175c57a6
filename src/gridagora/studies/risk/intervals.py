"""Intervals of a mean from independent draws, and the correction for many comparisons."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from gridagora.core.tables import Col
from gridagora.kernels.statistics.resample import resampled_means
from gridagora.studies.risk.resamples import canonical_order, index_blocks

CONFIDENCE = 0.95
NAN = float("nan")


class Estimate(NamedTuple):
    """A figure with the interval that covers it, in the unit of what was given."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the width of the interval."""
        return (self.high - self.low) / 2.0


def mean_interval(values: Col, confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean of draws (n,) [their unit] with the interval of Student's t; nan ends where there are fewer than two.

    For paired draws hand over their differences. The order of the draws changes nothing.

    References
    ----------
    Student, The probable error of a mean, Biometrika 6, 1908, doi 10.1093/biomet/6.1.1.
    """
    n = len(values)
    if n == 0:
        return Estimate(NAN, NAN, NAN)
    ordered = np.sort(values)
    mean = float(ordered.mean())
    if n == 1:
        return Estimate(mean, NAN, NAN)
    if ordered[0] == ordered[-1]:  # a mean of equal numbers is that number
        return Estimate(*(3 * (float(ordered[0]),)))
    half = float(stdtrit(n - 1, (1.0 + confidence) / 2.0)) * float(ordered.std(ddof=1)) / n**0.5
    return Estimate(mean, mean - half, mean + half)


def widen_by(draws: int, confidence: float = CONFIDENCE) -> float:
    """Return how many times wider the interval of a mean is from so few draws, two or more, than where their spread is known [1].

    It is Student's t over the normal quantile: 6.5 with two draws, 1.2 with eight.
    """
    at = (1.0 + confidence) / 2.0
    return float(stdtrit(draws - 1, at)) / float(ndtri(at))


def p_value(values: Col) -> float:
    """Return how likely a mean of draws (n,) [any unit] this far from zero is where the true mean is zero: two-sided t test.

    One where all draws are zero, zero where all are one other number, nan with fewer than two draws.
    """
    n = len(values)
    if n < 2:
        return NAN
    ordered = np.sort(values)
    if ordered[0] == ordered[-1]:
        return 1.0 if ordered[0] == 0.0 else 0.0
    t = abs(float(ordered.mean())) * n**0.5 / float(ordered.std(ddof=1))
    return float(2.0 * stdtr(n - 1, -t))


def adjust_holm(p: Col) -> Col:
    """Return p values (k,) [1] corrected for their number, so that any false one among k is as rare as promised; nan stays nan.

    References
    ----------
    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979, pages 65-70.
    """
    found = np.full(len(p), NAN)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    raised = p[order] * np.arange(len(order), 0, -1)
    found[order] = np.minimum(np.maximum.accumulate(raised), 1.0) if len(order) else raised
    return found


def bootstrap_mean_intervals(values: Col, confidence: float = CONFIDENCE) -> Col:
    """Return low and high ends (2, k) of the means of columns (n, k) [their unit]: bias-corrected accelerated bootstrap.

    All columns are resampled by the same rows. Values are complete; the order of rows changes nothing.

    References
    ----------
    B. Efron, Better bootstrap confidence intervals, JASA 82, 1987, doi 10.1080/01621459.1987.10478410.
    """
    rows = np.ascontiguousarray(values[canonical_order(values)])
    drawn = np.concatenate([resampled_means(rows, index) for index in index_blocks(len(rows))])
    mean = rows.mean(axis=0)
    off = rows - mean
    squares = (off**2).sum(axis=0)
    cubes = (off**3).sum(axis=0)
    speed = np.divide(cubes, 6.0 * squares**1.5, out=np.zeros_like(cubes), where=squares > 0)
    below = ((drawn < mean).mean(axis=0) + (drawn <= mean).mean(axis=0)) / 2.0
    bias = ndtri(np.clip(below, 1.0 / len(drawn), 1.0 - 1.0 / len(drawn)))
    drawn.sort(axis=0)
    return np.stack(
        [_bca_end(drawn, bias, speed, (1.0 + side * confidence) / 2.0) for side in (-1.0, 1.0)]
    )


def _bca_end(drawn: Col, bias: Col, speed: Col, at: float) -> Col:
    """Return the corrected quantile of every column of sorted resamples (b, k)."""
    z = bias + float(ndtri(at))
    corrected = ndtr(bias + z / (1.0 - speed * z))
    place = np.clip(corrected, 0.0, 1.0) * (len(drawn) - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, len(drawn) - 1)
    column = np.arange(drawn.shape[1])
    part = place - below
    found: Col = (1.0 - part) * drawn[below, column] + part * drawn[above, column]
    return found
