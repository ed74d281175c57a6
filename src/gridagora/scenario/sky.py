"""The weather of a run, and what goes with it."""

from typing import NamedTuple

from gridagora.core.tables import Weather


class Sky(NamedTuple):
    """Weather of a run, the latitude of its place, and in words which rows of a file it is."""

    weather: Weather
    latitude_deg: float
    note: str = ""
