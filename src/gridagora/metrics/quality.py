"""Delivery metrics D1 (theory 8.5): how far homes deliver other than awarded, alone and together; nan without awards."""

from collections.abc import Callable

import numpy as np

from gridagora.core.measure import Metric, Yardstick
from gridagora.core.outcome import Outcome
from gridagora.core.quality import deviation_kwh, energy_share, mean_kw, together
from gridagora.core.registry import register
from gridagora.core.tables import Col

HOUR_H = 1.0
Measure = Callable[[Outcome, Yardstick], float]


def mean_of_homes(window_h: float) -> Measure:
    """Return the metric of the mean deviation of a home, windows of that length."""

    def compute(outcome: Outcome, _: Yardstick) -> float:
        deviation = deviation_kwh(outcome.home_kw, outcome.award_kw, outcome.dt_h, window_h)
        each_kw = mean_kw(deviation, outcome.award_kw, outcome.dt_h)
        held = each_kw[np.isfinite(each_kw)]
        return float(held.mean()) if held.size else float("nan")

    return compute


def share_of_homes(window_h: float) -> Measure:
    """Return the metric of the deviations of all homes, each by itself, over the energy of all."""

    def compute(outcome: Outcome, _: Yardstick) -> float:
        return _share(outcome.home_kw, outcome.award_kw, outcome.dt_h, window_h)

    return compute


def share_together(window_h: float) -> Measure:
    """Return the metric of the deviation of the sum of all homes over its energy."""

    def compute(outcome: Outcome, _: Yardstick) -> float:
        return _share(*together(outcome.home_kw, outcome.award_kw), outcome.dt_h, window_h)

    return compute


def charge(outcome: Outcome, _: Yardstick) -> float:
    """Mean charge of a home for delivering other than awarded."""
    book = outcome.ledger
    return float(book.amount_uusd[book.item == "deviation charge"].sum() / 1e6 / len(outcome.bill_usd))


def _share(home_kw: Col, award_kw: Col, dt_h: float, window_h: float) -> float:
    deviation = deviation_kwh(home_kw, award_kw, dt_h, window_h)
    return float(energy_share(*(column.reshape(1, -1) for column in (deviation, home_kw, award_kw)), dt_h)[0])


METRICS = (
    Metric("D1", "deviation of a home from its awards, by the hour", "kW", "down", mean_of_homes(HOUR_H)),
    Metric("D1i", "deviation of a home from its awards, by the interval", "kW", "down", mean_of_homes(0.0)),
    Metric("D1s", "deviation of homes over energy, by the hour", "share", "down", share_of_homes(HOUR_H)),
    Metric("D1si", "deviation of homes over energy, by the interval", "share", "down", share_of_homes(0.0)),
    Metric("D1t", "deviation of all homes together over energy, by the hour", "share", "down", share_together(HOUR_H)),
    Metric("D1ti", "deviation of all homes together over energy, by the interval", "share", "down", share_together(0.0)),
    Metric("D1u", "deviation charge", "$/home", "down", charge),
)
for _metric in METRICS:
    register("metric", _metric.id)(_metric)
