"""What may go wrong in a world: comfort lost, the limit broken, a home outside its range of voltage."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Flag
from gridagora.studies.risk.worlds import WorldSample

SEEN = 1e-6  # of a unit of the metric: less is rounding


class Event(NamedTuple):
    """What counts as an event: a metric above a threshold [its unit], for every day of the run where `is_per_day`."""

    name: str
    words: str
    metric: str
    above: float = SEEN
    is_per_day: bool = False


EVENTS = (
    Event(
        "comfort lost",
        "the mean home is more than 1 K beyond its band of 1 K for an hour a day, or more",
        "C1",
        1.0,
        is_per_day=True,
    ),
    Event("cold water", "water in some home falls below its least temperature", "C2"),
    Event("charge missing", "some car leaves with less charge than it asked for", "C2e"),
    Event("limit broken", "the load at the substation exceeds its limit at some time", "P5"),
    Event(
        "outside range A",
        "some home leaves range A of ANSI C84.1, 95 to 105 % of nominal voltage, at some time",
        "V4",
    ),
)


def happened(sample: WorldSample, design: str, event: Event, days: float) -> Flag | None:
    """Return in which worlds (n,) an event came about under a design; None where its metric says nothing.

    Worlds without a figure are left out, so that n may be less than that of the sample.
    """
    if event.metric not in sample.metrics:
        return None
    held = sample.column(design, event.metric)
    known = held[np.isfinite(held)]
    return known > event.above * (days if event.is_per_day else 1.0) if len(known) else None
