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


def utc_offset_s(day: date, timezone: str) -> int:
    """Return local time minus UTC at the start of a local day [s]."""
    return midnight_s(day, "UTC") - midnight_s(day, timezone)
