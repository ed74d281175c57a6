"""Which draws make the bad worlds: how the drivers of the worst worlds differ from those of the rest."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from gridagora.core.tables import Col
from gridagora.studies.risk.intervals import CONFIDENCE, NAN, Estimate
from gridagora.studies.risk.resamples import canonical_order
from gridagora.studies.risk.tail import LEVEL, tail_weights

LEAST_FOR_RANKS = 4


class DriverEffect(NamedTuple):
    """How one driver goes with a loss: its means, their distance in standard deviations, and the correlation of ranks."""

    tail_mean: float
    rest_mean: float
    distance: float
    chance: float  # a distance this large has 1 - confidence of all drivers that have nothing to do with the loss
    rank_correlation: Estimate


def driver_effect(
    losses: Col, driver: Col, level: float = LEVEL, confidence: float = CONFIDENCE
) -> DriverEffect:
    """Return how a driver (n,) [its unit] differs in the worst draws of `losses` (n,) [their unit] from the rest.

    The distance is that of the means over the standard deviation of all draws. A driver that never varies has none.
    """
    order = canonical_order(np.column_stack([losses, driver]))
    loss, drawn = losses[order], driver[order]
    inside = tail_weights(loss, level)
    size = len(loss) * (1.0 - level)
    outside = (1.0 - inside * size) / (len(loss) - size)
    tail, rest = float(inside @ drawn), float(outside @ drawn)
    spread = float(drawn.std(ddof=1)) if len(drawn) > 1 and np.ptp(drawn) > 0 else NAN
    chance = float(ndtri((1.0 + confidence) / 2.0))
    chance *= math.sqrt(1.0 / max(size, 1.0) + 1.0 / (len(loss) - size))
    return DriverEffect(
        tail, rest, (tail - rest) / spread, chance, rank_correlation(loss, drawn, confidence)
    )


def rank_correlation(first: Col, second: Col, confidence: float = CONFIDENCE) -> Estimate:
    """Return Spearman's correlation of two columns (n,) [any units], with its interval; nan where one of them never varies.

    References
    ----------
    D. G. Bonett, T. A. Wright, Sample size requirements for estimating Pearson, Kendall and Spearman correlations,
    Psychometrika 65, 2000, doi 10.1007/BF02294183.
    """
    n = len(first)
    if n < LEAST_FOR_RANKS or np.ptp(first) == 0 or np.ptp(second) == 0:
        return Estimate(NAN, NAN, NAN)
    one, two = ranks(first) - (n + 1) / 2.0, ranks(second) - (n + 1) / 2.0
    found = float(one @ two) / math.sqrt(float(one @ one) * float(two @ two))
    found = min(max(found, -1.0), 1.0)
    if abs(found) == 1.0:
        return Estimate(found, found, found)
    half = float(ndtri((1.0 + confidence) / 2.0)) * math.sqrt((1.0 + found**2 / 2.0) / (n - 3))
    return Estimate(found, math.tanh(math.atanh(found) - half), math.tanh(math.atanh(found) + half))


def ranks(values: Col) -> Col:
    """Return the rank (n,) of each of the values (n,) [any unit] from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    found: Col = (last - (count - 1) / 2.0)[place]
    return found
