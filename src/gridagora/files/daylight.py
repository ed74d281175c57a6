"""Whether a year of hourly light and the sun of its place agree: no light at night, none beyond the sun's, clear days on time."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Flag, Index
from gridagora.population import sun

HOUR_S, DAY_H, SAMPLES = 3600, 24, 4
LOW = 0.01  # sine of the least height of the sun that is looked at
SOLAR_W_M2 = 1361.0  # solar constant, G. Kopp and J. Lean 2011, doi 10.1029/2010GL045777
NIGHT_DEG = 100.0  # at this zenith in mid hour the sun is down all hour
NIGHT_W_M2 = 20.0  # above the offset of a pyranometer at night
BEYOND_RATIO, BEYOND_W_M2 = 1.2, 30.0  # an hour's light over what reaches the top of the atmosphere
DAY_WH_M2 = 300.0  # least light of a day that is looked at
LATE_H = 0.6  # stamps at either end of an hour move the light by half an hour; a wrong hour by one
CLEAR_RESIDUAL, DIRECT_RESIDUAL = (
    0.006,
    0.015,
)  # share of a day's squared light that the shape of a clear day leaves
CLEAR_RATIO = (0.7, 1.4)  # a clear day's light over the model's
CLEAR_DAYS = 3  # of a month, before it is judged
TELLING = 4.0  # the day's shape must fit so many times worse on time than shifted


class Daylight(NamedTuple):
    """What was found: rows with light at night, rows with more light than the sun sends, and how late each month is."""

    night: Flag  # (t,)
    beyond: Flag  # (t,)
    late_h: Col  # (12,) of the clear days of a month; nan where it cannot be told


def check(
    start_s: Index,
    month: Index,
    latitude_deg: float,
    longitude_deg: float,
    ghi_w_m2: Col,
    dni_w_m2: Col | None = None,
) -> Daylight:
    """Compare a year of light with the sun; only clear days say how late it is, so cloudy mornings do no harm.

    Parameters
    ----------
    start_s
        Start of every hour, shape (t,), whole days, hours in order [s UTC].
    month
        Month of every row, shape (t,), 1 to 12.
    latitude_deg, longitude_deg
        Place, north and east positive.
    ghi_w_m2
        Global horizontal irradiance, mean of the hour, shape (t,) [W/m2].
    dni_w_m2
        Direct normal irradiance, shape (t,) [W/m2], where global light was made with the sun: direct light then tells lateness.

    References
    ----------
    B. Haurwitz, Insolation in relation to cloudiness and cloud density, J. Meteorology 2, 1945: light of a clear sky.
    """
    fine_s = start_s[:, None] + HOUR_S // SAMPLES * np.arange(SAMPLES) + HOUR_S // SAMPLES // 2
    height = np.cos(np.radians(sun.position(fine_s, latitude_deg, longitude_deg).zenith_deg))
    middle = np.cos(
        np.radians(sun.position(start_s + HOUR_S // 2, latitude_deg, longitude_deg).zenith_deg)
    )
    night = (middle < np.cos(np.radians(NIGHT_DEG))) & (ghi_w_m2 > NIGHT_W_M2)
    turn = _solar_midnight(start_s, longitude_deg)
    top = SOLAR_W_M2 * np.clip(height, 0.0, None).mean(axis=1)
    beyond = ghi_w_m2 > BEYOND_RATIO * top + BEYOND_W_M2
    months = _days(month.astype(float), turn)[:, DAY_H // 2]
    clear = _clear(height)
    if dni_w_m2 is None:
        late_h = _late_by_month(_days(ghi_w_m2, turn), clear, turn, months, CLEAR_RESIDUAL)
    else:
        direct = clear / np.clip(height, LOW, None)
        late_h = _late_by_month(_days(dni_w_m2, turn), direct, turn, months, DIRECT_RESIDUAL)
    return Daylight(night, beyond, late_h)


def _solar_midnight(start_s: Index, longitude_deg: float) -> int:
    """Return by how many rows to roll so that every day of 24 rows begins near the sun's midnight."""
    hour = (int(start_s[0]) / HOUR_S + longitude_deg / 15.0) % DAY_H
    return round(hour) % DAY_H


def _days(values: Col, turn: int) -> Col:
    return np.roll(values, turn).reshape(-1, DAY_H)


def _clear(height: Col) -> Col:
    """Light of a clear sky, shape of the sines of the sun's height [W/m2]."""
    up = np.clip(height, LOW, None)
    return np.where(height > LOW, 1098.0 * up * np.exp(-0.057 / up), 0.0)


def _late_by_month(light: Col, clear: Col, turn: int, months: Col, worst: float) -> Col:
    """How much later than the sun the clear days of a month are [h]: the median of the shifts that fit them best."""
    steps = np.arange(-DAY_H // 2 * SAMPLES, DAY_H // 2 * SAMPLES)
    power = np.maximum((light**2).sum(axis=1), 1e-9)
    residual, ratio = np.empty((2, len(steps), len(light)))
    for row, step in enumerate(steps):
        shape = _days(np.roll(clear.ravel(), step).reshape(-1, SAMPLES).mean(axis=1), turn)
        both, own = (light * shape).sum(axis=1), np.maximum((shape**2).sum(axis=1), 1e-9)
        ratio[row] = both / own
        residual[row] = 1.0 - both**2 / (own * power)
    best, day = residual.argmin(axis=0), np.arange(len(light))
    least, on_time = residual[best, day], residual[len(steps) // 2]
    fits = (
        (least < worst) & (ratio[best, day] > CLEAR_RATIO[0]) & (ratio[best, day] < CLEAR_RATIO[1])
    )
    fits &= light.sum(axis=1) > DAY_WH_M2
    shift = np.where(on_time > TELLING * least, steps[best] / SAMPLES, 0.0)
    found = [shift[fits & (months == month)] for month in range(1, 13)]
    return np.array([np.median(each) if len(each) >= CLEAR_DAYS else np.nan for each in found])
