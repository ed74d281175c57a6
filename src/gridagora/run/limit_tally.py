"""Counts of the limits that a design posts to homes, hour by hour, so that a run can say how tight they were."""

from dataclasses import dataclass

import numpy as np

from gridagora.core.tables import Col
from gridagora.results.posted_limits import PostedLimits, PostedSide, closed_share, is_limited

OFTEN_SHARE = 0.01  # of the hours of homes
NOTHING_KW = 1e-3  # up to which a limit leaves a home nothing
IMPORT, EXPORT = 0, 1


@dataclass
class LimitTally:
    """What n homes were posted so far, import and export one behind the other; a step changes it in place."""

    limited_h: Col  # (2, n) hours with a limit [h]
    sum_kw: Col  # (2, n) of these limits
    least_kw: Col  # (2, n)
    closed_h: Col  # (2, n) of these hours, with a limit of nothing [h]
    beyond_kwh: Col  # (n,)

    def add_hour(self, side: int, limit_kw: Col) -> None:
        """Count the limits of an hour in one direction, (n,) [kW], inf where there is none."""
        has = np.isfinite(limit_kw)
        self.limited_h[side] += has
        self.sum_kw[side] += np.where(has, limit_kw, 0.0)
        self.least_kw[side] = np.minimum(self.least_kw[side], limit_kw)
        self.closed_h[side] += has & (limit_kw <= NOTHING_KW)

    def found(self, rows: slice) -> PostedLimits | None:
        """Return what some of the homes were posted; None where none had a limit."""
        sides = [self._side(side, rows) for side in (IMPORT, EXPORT)]
        whole = PostedLimits(sides[IMPORT], sides[EXPORT], self.beyond_kwh[rows].copy())
        return whole if is_limited(whole) else None

    def _side(self, side: int, rows: slice) -> PostedSide:
        limited_h = self.limited_h[side, rows].copy()
        has = limited_h > 0
        mean_kw = np.full(len(limited_h), np.nan)
        np.divide(self.sum_kw[side, rows], limited_h, out=mean_kw, where=has)
        least_kw = np.where(has, self.least_kw[side, rows], np.nan)
        return PostedSide(limited_h, mean_kw, least_kw, self.closed_h[side, rows].copy())


def open_tally(homes: int) -> LimitTally:
    """Return counts of homes that were posted nothing yet."""
    zero = np.zeros((2, homes))
    return LimitTally(zero, zero.copy(), np.full((2, homes), np.inf), zero.copy(), np.zeros(homes))


def warn_of_closed(posted: PostedLimits | None) -> tuple[str, ...]:
    """Return a sentence where limits often left homes no import, none where they did not."""
    share = 0.0 if posted is None else closed_share(posted.imports)
    if share <= OFTEN_SHARE:
        return ()
    text = (
        f"homes had a limit of no import in {share:.0%} of their hours: every kWh that they draw then costs the price of what is "
        'beyond a limit. Shares by the "baseline" leave nothing where a home exports under flat; envelope = "equal" or '
        '"connection" of the design leaves nothing only where the feeder has none. The table home_limits has every home'
    )
    return (text,)
