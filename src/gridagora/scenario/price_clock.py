"""Whether prices of Texas stand beside a clock on which its evening is an evening."""

from zoneinfo import ZoneInfoNotFoundError

from gridagora.core.errors import Problem
from gridagora.scenario.calendar import standard_offset_s
from gridagora.scenario.key_checks import Got
from gridagora.scenario.money import IN_DOLLARS
from gridagora.scenario.schema import PricesKeys, ScenarioKeys

HOUR_S = 3600
AMERICAS_H = (-10.0, -2.0)  # standard time against UTC, from Hawaii to Fernando de Noronha


def check_price_clock(case: ScenarioKeys, prices: PricesKeys, got: Got) -> list[Problem]:
    """Return the problem of prices of Texas in a scenario whose clock is of another part of the world.

    Prices keep the instants at which they were posted, so the evening of Texas would be the middle of the night in Europe. A time
    zone that is none is a problem of its own and none here.
    """
    if prices.source not in IN_DOLLARS:
        return []
    try:
        offset_h = standard_offset_s(case.start.year, case.timezone) / HOUR_S
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return []
    if AMERICAS_H[0] <= offset_h <= AMERICAS_H[1]:
        return []
    where = got.where("prices", "source")
    value = f"'{prices.source}', prices of Texas, in the time zone '{case.timezone}'"
    expected = 'a zone of the Americas such as timezone = "Etc/GMT+6", standard time in Texas'
    hint = (
        'For homes elsewhere give prices of your own: source = "table", a file of time and price.'
    )
    return [Problem(where, value, expected, hint)]
