"""What a source from outside the package is asked for: `@register("source", "prices.source=my_prices")` on a function of it."""

from typing import NamedTuple

from gridagora.core.tables import Weather


class Request(NamedTuple):
    """The run that a table is for, and what the scenario says beside the name of the source.

    Every hourly series of the answer has `hours` rows from `start_s`; prices begin `core.tables.LEAD_H` hours before. Paths are
    absolute, and empty where the scenario has none.
    """

    seed: int  # of `core.rng.stream`: equal seeds give equal tables
    start_s: int  # first second of the run [s UTC]
    days: int
    hours: int
    utc_offset_s: int  # local time less UTC [s]
    file: str
    folder: str
    home_count: int | None = (
        None  # homes asked for; for a feeder None where the scenario does not say
    )
    weather: Weather | None = None  # of the run, for homes
