"""What may go wrong in a world: comfort lost, the limit broken, a home outside its range of voltage."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Flag
from gridagora.studies.risk.worlds import WorldSample

# K h a day of hot water below 43 degC: ten minutes, about a shower, at the 105 F (40.6 degC) below which water mixed at the tap
# counts as not served in OCHRE (M. Blonsky et al., Applied Energy 290, 116732, 2021, doi 10.1016/j.apenergy.2021.116732)
COLD_K_H = (43.0 - 40.6) * 10 / 60
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
    Event(
        "cold water",
        "water of the mean home falls short as much as by ten minutes a day, or more, at 40.6 °C (105 °F) in place of 43 °C",
        "C2",
        COLD_K_H,
        is_per_day=True,
    ),
    Event("charge missing", "some car leaves with less charge than it asked for", "C2e"),
    Event("limit broken", "the load at the substation exceeds its limit at some time", "P5"),
    Event(
        "outside range A",
        "some home leaves range A of ANSI C84.1, 95 to 105 % of nominal voltage, at some time",
        "V4",
    ),
    Event("outside EN 50160", "some home does not keep the voltage limits of EN 50160", "V5"),
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
