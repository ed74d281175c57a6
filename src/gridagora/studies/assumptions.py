"""What an ensemble assumes of forecasts where its scenario says nothing: published errors of a day ahead, each with its source.

Plans that know the future exactly make the tail of a design look better than it is, so that worlds have errors unless a scenario
sets them, to nil if it so wishes. Hot water to come is not among them: plans under 'persistence' know no draws anyway.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gridagora.scenario.schema import Scenario


class Assumption(NamedTuple):
    """The value of a key [unit at the end of its name] and where it is from, in words."""

    value: float
    source: str


FORECAST: Mapping[str, Assumption] = MappingProxyType(
    {
        "load_error_share": Assumption(
            0.45,
            "mean absolute error of a single home of 920, 1 % of all together: A. Apolo Penaloza, R. Chouhy Leborgne, "
            "A. Balbinot, Engineering Proceedings 18(1) 29, 2022, doi 10.3390/engproc2022018029",
        ),
        "sun_error_share": Assumption(
            0.3,
            "6.4 to 9.2 % of rated power, root mean square up to 48 h ahead, over the root mean square of what an array gives "
            "in a Texan summer, 0.25 of its rating: "
            "S. Pelland, G. Galanis, G. Kallos, Progress in Photovoltaics 21, 2013, doi 10.1002/pip.1180",
        ),
        "temperature_error_k": Assumption(
            2.1,
            "root mean square of 3.8 F of the Weather Service 12 to 24 h ahead at Oklahoma City: H. Brooks, C. Doswell, "
            "Weather and Forecasting 11, 1996, doi 10.1175/1520-0434(1996)011<0288:ACOMOA>2.0.CO;2",
        ),
    }
)


def assume_errors(keys: Scenario) -> dict[str, Assumption]:
    """Return the keys `forecast.NAME` that a scenario leaves open, with what is assumed; none where its plans are perfect."""
    if keys.market.forecast == "perfect":
        return {}
    said = keys.forecast.model_fields_set
    return {f"forecast.{name}": each for name, each in FORECAST.items() if name not in said}
