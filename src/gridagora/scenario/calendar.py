"""Local days as seconds UTC: the one place where a time zone is resolved."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

DAY_S = 86400


def midnight_s(day: date, timezone: str) -> int:
    """Return the start of a local day [s, UTC]."""
    return int(
        datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
        .astimezone(UTC)
        .timestamp()
    )


def standard_offset_s(year: int, timezone: str) -> int:
    """Return the standard time of a zone minus UTC [s]: the smaller offset of January and July."""
    return min(utc_offset_s(date(year, month, 1), timezone) for month in (1, 7))


def utc_offset_s(day: date, timezone: str) -> int:
    """Return local time minus UTC at the start of a local day [s]."""
    return midnight_s(day, "UTC") - midnight_s(day, timezone)
