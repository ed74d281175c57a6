"""Economic metrics E1 to E10 (theory 8.1). Resource cost and transfers are kept apart: welfare holds no payment."""

import numpy as np

from gridagora.core.measure import Metric, Yardstick
from gridagora.core.outcome import Outcome, welfare_before_losses_usd, welfare_usd
from gridagora.core.registry import register

NOTHING = 1e-12  # of the bound: a gain that rounding makes


def captured(outcome: Outcome, yardstick: Yardstick) -> float:
    """Share of the attainable gain that the design captures: (W - W_flat) / (bound - W_flat)."""
    if yardstick.flat is None or yardstick.bound_usd is None:
        return float("nan")
    return _share(outcome, yardstick.flat, yardstick.bound_usd)


def captured_unlimited(_: Outcome, yardstick: Yardstick) -> float:
    """Captured value of the same design where the substation has no limit."""
    if yardstick.flat is None or yardstick.unlimited is None or yardstick.unlimited_bound_usd is None:
        return float("nan")
    return _share(yardstick.unlimited, yardstick.flat._replace(limit_kw=float("inf")), yardstick.unlimited_bound_usd)


def _share(outcome: Outcome, flat: Outcome, bound_usd: float) -> float:
    """Share of the gain from flat to the bound, both before losses; nan where the bound leaves nothing to gain."""
    start = welfare_before_losses_usd(flat)
    gain = bound_usd - start
    return (welfare_before_losses_usd(outcome) - start) / gain if gain > NOTHING * abs(bound_usd) else float("nan")


def average_price(outcome: Outcome, _: Yardstick) -> float:
    """Bills, credit for export taken off, over energy withdrawn; nan where homes withdraw nothing."""
    bought = outcome.home_kw.clip(min=0).sum() * outcome.dt_h
    return float(outcome.bill_usd.sum() / bought) if bought > 0 else float("nan")


def wholesale_cost(outcome: Outcome, _: Yardstick) -> float:
    """Energy bought at the substation times the real-time wholesale price."""
    return float((outcome.load_kw * outcome.wholesale_per_kwh).sum() * outcome.dt_h)


def surplus(outcome: Outcome, _: Yardstick) -> float:
    """Mean cost of a home with its comfort: bill, discomfort, hot water, wear and unmet charge."""
    burden = sum(outcome.device_usd.values(), outcome.bill_usd)
    return float(-burden.mean())


def flexible_energy(outcome: Outcome, _: Yardstick) -> float:
    """Energy moved by storage and electric vehicles plus PV output."""
    kw = outcome.device_kw
    moved = np.abs(kw["battery"]) + np.abs(kw["ev"]) - kw["pv"]
    return float(moved.sum() * outcome.dt_h)


def volatility(outcome: Outcome, _: Yardstick) -> float:
    """Standard deviation of the change of the price homes see, from interval to interval."""
    return float(np.diff(outcome.price_per_kwh).std())


METRICS = (
    Metric("E1", "social welfare", "$", "up", lambda o, _: welfare_usd(o)),
    Metric("E2", "captured value", "share", "up", captured),
    Metric("E2u", "captured value without the limit", "share", "up", captured_unlimited),
    Metric("E3", "wholesale purchase cost", "$", "down", wholesale_cost),
    Metric("E4", "wholesale energy", "MWh", "-", lambda o, _: float(o.load_kw.sum() * o.dt_h / 1000)),
    Metric("E5", "mean bill", "$/home", "down", lambda o, _: float(o.bill_usd.mean())),
    Metric("E5p", "average retail price", "$/kWh", "down", average_price),
    Metric("E6", "home surplus: minus bill and discomfort", "$/home", "up", surplus),
    Metric("E6m", "operator margin after wholesale and wires", "$", "-", lambda o, _: o.surplus_uusd / 1e6),
    Metric("E7", "PV, storage and EV energy", "kWh", "-", flexible_energy),
    Metric("E8", "budget imbalance", "$", "down", lambda o, _: abs(o.imbalance_uusd) / 1e6),
    Metric("E10", "price volatility", "$/kWh", "down", volatility),
)
for _metric in METRICS:
    register("metric", _metric.id)(_metric)
