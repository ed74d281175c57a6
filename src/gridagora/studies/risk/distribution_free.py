"""Intervals of a quantile and of a proportion that hold whatever the distribution of the draws."""

import math

import numpy as np
from scipy.special import bdtr, betaincinv, ndtri

from gridagora.core.tables import Col
from gridagora.studies.risk.intervals import CONFIDENCE, NAN, Estimate


def least_draws(level: float, confidence: float = CONFIDENCE) -> int:
    """Return the least number of draws whose largest lies beyond the quantile at `level` as surely as an interval asks for.

    With fewer the interval of order statistics has no upper end: 1 - level**n must be at least (1 + confidence) / 2. At 95 % and
    95 % that is 72; one-sided, 59.

    References
    ----------
    S. S. Wilks, Determination of sample sizes for setting tolerance limits, Annals of Mathematical Statistics 12, 1941,
    doi 10.1214/aoms/1177731788.
    """
    missed = (1.0 - confidence) / 2.0
    guess = max(math.ceil(math.log(missed) / math.log(level)) - 1, 1)
    while level**guess > missed:
        guess += 1
    return guess


def quantile_interval(values: Col, level: float, confidence: float = CONFIDENCE) -> Estimate:
    """Return the quantile at `level` of draws (n,) [their unit], between two of them whatever their distribution.

    The quantile is the least draw that a share `level` of all does not exceed. An end for which there are too few draws is nan.

    References
    ----------
    H. A. David, H. N. Nagaraja, Order Statistics, 3rd edition, 2003, doi 10.1002/0471722162, section 7.1.
    """
    n = len(values)
    if n == 0:
        return Estimate(NAN, NAN, NAN)
    ordered = np.sort(values)
    missed = (1.0 - confidence) / 2.0
    # bdtr(k, n, level): k or fewer of n draws lie at or below the quantile
    at_most = bdtr(np.arange(n), n, level)
    low = int(np.searchsorted(at_most, missed, side="right"))
    high = int(np.searchsorted(at_most, 1.0 - missed, side="left"))
    return Estimate(
        float(ordered[max(math.ceil(level * n - 1e-9 * n), 1) - 1]),
        float(ordered[low - 1]) if low > 0 else NAN,
        float(ordered[high]) if high < n else NAN,
    )


def proportion_interval(hits: float, count: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return a proportion with the score interval; half a hit is allowed, as for a tie.

    References
    ----------
    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927,
    doi 10.1080/01621459.1927.10502953.
    """
    if count == 0:
        return Estimate(NAN, NAN, NAN)
    z2 = float(ndtri((1.0 + confidence) / 2.0)) ** 2
    share = hits / count
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = math.sqrt(z2 * (share * (1 - share) / count + z2 / (4 * count**2))) / (1 + z2 / count)
    low = 0.0 if hits == 0 else max(middle - half, 0.0)
    high = 1.0 if hits == count else min(middle + half, 1.0)
    return Estimate(share, low, high)


def exact_proportion_interval(hits: int, count: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return a proportion with the interval that never covers less often than promised, wider than that of scores.

    References
    ----------
    C. J. Clopper, E. S. Pearson, The use of confidence or fiducial limits, Biometrika 26, 1934, doi 10.1093/biomet/26.4.404.
    """
    if count == 0:
        return Estimate(NAN, NAN, NAN)
    missed = (1.0 - confidence) / 2.0
    low = float(betaincinv(hits, count - hits + 1, missed)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, count - hits, 1.0 - missed)) if hits < count else 1.0
    return Estimate(hits / count, low, high)
