"""Comfort metrics C1 to C3 (theory 8.4): what homes felt."""

from gridagora.core.measure import Metric
from gridagora.core.registry import register

METRICS = (
    Metric("C1", "discomfort outside the band", "K h/home", "down", lambda o, _: float(o.felt["discomfort_k_h"].mean())),
    Metric("C1v", "value of discomfort", "$/home", "down", lambda o, _: float(o.device_usd["comfort"].mean())),
    Metric("C2", "hot-water shortfall", "K h/home", "down", lambda o, _: float(o.felt["hot_water_k_h"].mean())),
    Metric("C2e", "EV charge missing at departure", "kWh", "down", lambda o, _: float(o.felt["ev_unmet_kwh"].sum())),
    Metric(
        "C3", "HVAC starts", "1/day", "down", lambda o, _: float(o.felt["hvac_starts"].mean() / (len(o.start_s) * o.dt_h / 24))
    ),
)
for _metric in METRICS:
    register("metric", _metric.id)(_metric)
