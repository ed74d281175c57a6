"""How many draws are enough: stop once the interval of a mean is as narrow as asked for."""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from gridagora.core.tables import Col
from gridagora.studies.risk.intervals import CONFIDENCE, NAN

LEAST = 10  # draws before a variance is trusted


class StoppingPoint(NamedTuple):
    """Where a sequence of draws may end: after how many, None where not yet; and how many it would take by its spread so far."""

    draws: int | None
    expected_draws: int


def half_widths(values: Col, confidence: float = CONFIDENCE) -> Col:
    """Return half the width (n,) of the interval of the mean after each of the draws (n,) [their unit]; nan for the first."""
    n = len(values)
    count = np.arange(1, n + 1)
    off = (
        values - values[0] if n else values
    )  # sums of squares of large numbers would lose the spread
    mean = np.cumsum(off) / count
    squares = np.maximum(np.cumsum(off**2) - count * mean**2, 0.0)
    found = np.full(n, NAN)
    if n > 1:
        degrees = count[1:] - 1
        quantile = stdtrit(degrees, (1.0 + confidence) / 2.0)
        found[1:] = quantile * np.sqrt(squares[1:] / degrees / count[1:])
    return found


def find_stop(
    values: Col, width: float, confidence: float = CONFIDENCE, least: int = LEAST
) -> StoppingPoint:
    """Return after how many draws (n,) [their unit], in their order, half the width of the interval of their mean is `width`.

    The rule of Chow and Robbins stops at the first n, not below `least`, where q**2 (s**2 + 1/n) / n <= 1 holds, s**2 being the
    variance so far in units of `width`; the addend keeps draws that happen to be alike from ending it at once. The quantile q
    is Student's in place of the normal one, which is wider. Coverage is as promised in the limit of narrow intervals, and
    somewhat less before. For differences of paired draws the rule is that of the comparison.

    References
    ----------
    Y. S. Chow, H. Robbins, On the asymptotic theory of fixed-width sequential confidence intervals for the mean, Annals of
    Mathematical Statistics 36, 1965, doi 10.1214/aoms/1177700156.
    """
    scaled = np.asarray(values, dtype=np.float64) / width
    half = half_widths(scaled, confidence)
    count = np.arange(1, len(scaled) + 1)
    quantile = stdtrit(np.maximum(count - 1, 1), (1.0 + confidence) / 2.0)
    wide = half**2 + quantile**2 / count**2
    met = np.flatnonzero((wide <= 1.0) & (count >= max(least, 2)))
    expected = draws_for(half[-1], 1.0, len(scaled), least) if len(scaled) > 1 else least
    return StoppingPoint(int(met[0]) + 1 if len(met) else None, expected)


def draws_for(half_width: float, width: float, count: int, least: int = LEAST) -> int:
    """Return how many draws narrow half a width that `count` draws gave to `width`: it falls with their square root."""
    if width <= 0.0 or not np.isfinite(half_width):
        return least
    return max(int(np.ceil(count * (half_width / width) ** 2)), least)
