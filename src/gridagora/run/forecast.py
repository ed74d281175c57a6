"""What is known of the supply at gate closure: the forecast of an hour, and the prices of an interval (theory 3.1)."""

from typing import NamedTuple

import numpy as np

from gridagora.core.forecast_error import ForecastError, ForecastErrors, draw_error, log_spread
from gridagora.core.rng import stream
from gridagora.core.session import SupplyOffer
from gridagora.core.tables import LEAD_H, Col, Prices
from gridagora.scenario.schema import ForecastKeys

DAY_AHEAD_OUT_H = 13  # tomorrow's day-ahead prices are known from this local hour
GAP_HOLD = 0.6  # of the last gap between real time and day ahead, an hour later (theory 3.1)
QUARTERS = 4


class WholesaleTerms(NamedTuple):
    """Prices of a run and the terms of the substation."""

    prices: Prices
    delivery_per_kwh: float
    export_credit_per_kwh: float
    limit_kw: float  # of the substation, import and export
    over_per_kwh: float  # beyond it, and beyond the limits of places
    perfect: bool  # prices to come are known
    draws_known: bool = False
    noise_per_kwh: float = 0.0
    seed: int = 0


def draw_errors(keys: ForecastKeys, seed: int, shape: tuple[int, ...]) -> ForecastErrors:
    """Return the errors of what plans believe, draws of the seed that all designs share; `shape` is of n homes by H hours."""
    n, hours = shape
    size, lasts_h = (n, hours), keys.correlation_hours

    def factor(purpose: str, share: float, common_share: float) -> ForecastError | None:
        spread = log_spread(share)
        return draw_error(seed, purpose, size, lasts_h, spread, common_share)

    return ForecastErrors(
        factor("load", keys.load_error_share, keys.load_common_share),
        factor("sun", keys.sun_error_share, keys.sun_common_share),
        factor("draws", keys.draws_error_share, 0.0),
        draw_error(seed, "outdoor", size, lasts_h, keys.temperature_error_k, 1.0),
    )


def believed_load_kw(
    load_kw: Col, error: ForecastError | None, issued_h: int, first_h: int, hours: int
) -> Col:
    """Return the load of homes as plans of an hour believe it, shape (hours, n) [kW], given the truth (H, n) [kW]."""
    truth_kw = load_kw[first_h : first_h + hours]
    if error is None:
        return truth_kw
    home = np.arange(load_kw.shape[1])
    return np.asarray(truth_kw * error.factor(home, issued_h, first_h, len(truth_kw)).T)


def real_time_per_kwh(w: WholesaleTerms, hours: int, dt_h: float) -> Col:
    """Real-time energy price of every interval of the run, shape (hours / dt_h,) [$/kWh]."""
    series = w.prices.real_time_per_kwh[QUARTERS * LEAD_H : QUARTERS * (LEAD_H + hours)]
    return np.repeat(series, round(1 / (QUARTERS * dt_h)))


def energy_per_kwh(w: WholesaleTerms, hour: int, hours: int) -> Col:
    """Forecast of the energy price of the window, shape (hours,) [$/kWh].

    Perfect: the mean of the real-time prices to come. Persistence: the day-ahead price where it is out, else that of the same
    hour a day before, plus the last gap between real time and day ahead, fading by `GAP_HOLD` an hour. Noise, where asked,
    is drawn anew by the seed at every hour of issue and falls on every hour but the present one.
    """
    known = _forecast(w, hour, hours)
    if not w.noise_per_kwh:
        return known
    noise = stream(w.seed, "price forecast", hour).normal(0.0, w.noise_per_kwh, hours)
    noise[0] = 0.0
    return known + noise


def _forecast(w: WholesaleTerms, hour: int, hours: int) -> Col:
    if w.perfect:
        start = QUARTERS * (LEAD_H + hour)
        ahead_per_kwh = w.prices.real_time_per_kwh[start : start + QUARTERS * hours]
        return np.asarray(ahead_per_kwh.reshape(-1, QUARTERS).mean(1))
    ahead = np.arange(hour, hour + hours)
    known = 24 * (hour // 24 + (2 if hour % 24 >= DAY_AHEAD_OUT_H else 1))
    day_ahead = w.prices.day_ahead_per_kwh[LEAD_H + np.where(ahead < known, ahead, ahead - 24)]
    last = (
        w.prices.real_time_per_kwh[QUARTERS * (LEAD_H + hour) - 1]
        - w.prices.day_ahead_per_kwh[LEAD_H + hour - 1]
    )
    return np.asarray(day_ahead + last * GAP_HOLD ** (ahead - hour + 1))


def offer_supply(w: WholesaleTerms, energy: Col, base_kw: Col) -> SupplyOffer:
    """Return the substation's tender over h hours: wholesale (h,) [$/kWh] plus delivery to import, plus credit to export.

    `base_kw` (h,) [kW] is the load of other customers.
    """
    buy = energy + w.delivery_per_kwh
    sell = np.minimum(energy + w.export_credit_per_kwh, buy)
    return SupplyOffer(buy, sell, base_kw, w.delivery_per_kwh)
