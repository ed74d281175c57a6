"""Exchange metrics I1 to I3 (theory 8.6): what crossed the seam between homes and market, and what it took to compute."""

from gridagora.core.measure import Metric
from gridagora.core.registry import register

METRICS = (
    Metric("I1", "messages", "count", "down", lambda o, _: float(o.exchange.messages)),
    Metric("I1b", "bytes", "MB", "down", lambda o, _: o.exchange.bytes / 1e6),
    Metric(
        "I1r", "rounds per interval, each waiting for the last", "count", "down", lambda o, _: o.exchange.rounds / len(o.start_s)
    ),
    Metric("I2", "numbers disclosed about one home", "count", "down", lambda o, _: float(o.exchange.disclosed)),
    Metric("I3", "wall time", "s", "down", lambda o, _: o.wall_s),
)
for _metric in METRICS:
    register("metric", _metric.id)(_metric)
