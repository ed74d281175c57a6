"""What forecasts get wrong: an error that is zero for what is measured, grows with the lead time, and is nil in the mean.

The truth departs from what could be foreseen by a stationary autoregression x of unit variance. A forecast issued in hour s for
hour t knows x up to s, so that it misses x_t - keep**(t - s) x_s, of variance 1 - keep**(2 (t - s)). Forecasts of one hour that
are issued one after the other so approach the truth without a jump back, as those of a service that updates them do.

References
----------
G. E. P. Box, G. M. Jenkins, G. C. Reinsel, G. M. Ljung, Time Series Analysis, 5th ed., 2015, section 5.1, ISBN 978-1-118-67502-1:
error of the best linear forecast of an autoregression at each lead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.rng import stream
from gridagora.core.tables import Col, Index


@dataclass(frozen=True)
class ForecastError:
    """Error of the forecast of one quantity for n homes over H hours: a part that all homes share, and one of each home.

    Spreads are the standard deviations far ahead, in the unit of an offset, or of the logarithm of a factor.
    """

    common: Col  # (w, H) autoregressions of unit variance, one for the homes of each run
    run: Index  # (n,) row of `common` of each home
    own: Col  # (n, H) one of each home; (n, 0) where homes have no part of their own
    keep_ratio: float  # correlation of an hour with the next
    common_ratio: float  # spread of the common part
    own_ratio: float  # spread of the part of a home

    def offset(self, home: Index, issued_h: int, first_h: int, hours: int) -> Col:
        """Return what forecasts of hours from `first_h` on, issued in the hour `issued_h`, add to the truth.

        Shape (k, hours) [unit of the spread], for homes (k,).
        """
        lead = np.arange(first_h - issued_h, first_h - issued_h + hours)
        fade = self.keep_ratio**lead
        t = slice(first_h, first_h + hours)
        shared = self.common[self.run[home]]
        missed = self.common_ratio * (shared[:, t] - fade * shared[:, issued_h, None])
        if not self.own_ratio:
            return missed
        own = self.own[home]
        return np.asarray(missed + self.own_ratio * (own[:, t] - fade * own[:, issued_h, None]))

    def factor(self, home: Index, issued_h: int, first_h: int, hours: int) -> Col:
        """Return what such forecasts multiply the truth with, shape (k, hours) [1]: above zero, one in the mean."""
        lead = np.arange(first_h - issued_h, first_h - issued_h + hours)
        variance = (self.common_ratio**2 + self.own_ratio**2) * (
            1.0 - self.keep_ratio ** (2 * lead)
        )
        return np.asarray(np.exp(self.offset(home, issued_h, first_h, hours) - variance / 2.0))


class ForecastErrors(NamedTuple):
    """Errors of what plans believe, None where they know it exactly.

    Factors of the load of homes, of the sun on panels and of hot-water draws, offset of the outdoor temperature [K].
    """

    load: ForecastError | None = None
    sun: ForecastError | None = None
    draws: ForecastError | None = None
    outdoor: ForecastError | None = None


NO_ERRORS = ForecastErrors()


def draw_error(
    seed: int,
    purpose: str,
    shape: tuple[int, int],
    correlation_h: float,
    spread: float,
    common_share: float,
) -> ForecastError | None:
    """Return the error of one quantity, a draw of the seed; None where its spread is nil.

    Parameters
    ----------
    seed, purpose
        Key of its streams.
    shape
        Homes n and hours H; more homes, or a longer run, begin with the same errors.
    correlation_h
        Time in which the correlation falls to 1/e [h].
    spread
        Standard deviation far ahead.
    common_share
        Share of its variance that all homes have in common [0..1].
    """
    if spread <= 0.0:
        return None
    n, hours = shape
    keep = float(np.exp(-1.0 / correlation_h))
    own_ratio = spread * (1.0 - common_share) ** 0.5
    common = stream(seed, "forecast error", purpose, "common").standard_normal(hours)
    own = np.zeros((n, 0))
    if own_ratio:
        drawn = [
            stream(seed, "forecast error", purpose, hour).standard_normal(n)
            for hour in range(hours)
        ]
        own = _autoregression(np.stack(drawn, axis=1), keep)
    return ForecastError(
        _autoregression(common, keep)[None],
        np.zeros(n, np.int64),
        own,
        keep,
        spread * common_share**0.5,
        own_ratio,
    )


def join_errors(errors: Sequence[ForecastErrors], homes: Sequence[int]) -> ForecastErrors:
    """Return the errors of several runs in step, whose homes follow each other; `homes` counts those of each run.

    Raises
    ------
    PartError
        Runs whose errors are not of one size and memory.
    """
    if len(errors) == 1:
        return errors[0]
    run = np.repeat(np.arange(len(homes)), homes)
    return ForecastErrors(*(_joined(each, run) for each in zip(*errors, strict=True)))


def _joined(parts: Sequence[ForecastError | None], run: Index) -> ForecastError | None:
    known = [each for each in parts if each is not None]
    if not known:
        return None
    sizes = {(each.keep_ratio, each.common_ratio, each.own_ratio) for each in known}
    if len(known) < len(parts) or len(sizes) > 1:
        raise PartError(
            "runs in step: errors of forecasts differ in size or memory, expected those of one [forecast] in all"
        )
    common = np.concatenate([each.common for each in known])
    own = np.concatenate([each.own for each in known])
    return replace(known[0], common=common, run=run, own=own)


def log_spread(share: float) -> float:
    """Return the standard deviation of the logarithm of a factor whose own is `share` of its mean, one.

    References
    ----------
    J. Aitchison, J. A. C. Brown, The Lognormal Distribution, 1957, section 2.3.
    """
    return float(np.sqrt(np.log1p(share**2)))


def _autoregression(noise: Col, keep: float) -> Col:
    """Return the stationary autoregression of unit variance that white noise (..., H) drives, same shape [1]."""
    course = np.empty_like(noise)
    course[..., 0] = noise[..., 0]
    fresh = np.sqrt(1.0 - keep**2)
    for hour in range(1, noise.shape[-1]):
        course[..., hour] = keep * course[..., hour - 1] + fresh * noise[..., hour]
    return course
