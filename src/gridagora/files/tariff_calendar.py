"""When a rate applies, as people write it: months, days of the week, hours of day."""

from typing import Any, NamedTuple

from gridagora.core.errors import Problem, shown
from gridagora.core.retail_tariff import HOURS, MONTHS, WINDOWS

NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
HOUR_MIN = 60
DAYS = {"all": (True, True), "weekdays": (True, False), "weekends": (False, True)}


class When(NamedTuple):
    """Months from 0, hours of day, and whether weekdays and weekends belong to it."""

    months: frozenset[int]
    hours: frozenset[int]
    on_weekdays: bool
    on_weekends: bool

    def holds(self, month: int, hour: int, *, weekend: bool) -> bool:
        """Return whether an hour of a month belongs to it."""
        is_day = self.on_weekends if weekend else self.on_weekdays
        return is_day and month in self.months and hour in self.hours


def read_when(row: dict[str, Any], where: str, problems: list[Problem]) -> When:
    """Return when the rate of a row applies; a key that is left out leaves nothing out. Problems are added to the list.

    `months` are numbers or names, or spans of them with both ends, as "6-9" or "nov-feb"; `hours` spans of hours of day without
    their end, as "16-21" or "22-6"; each may be a list. `days` is "all", "weekdays" or "weekends".
    """
    months = _read_spans(row.get("months", "1-12"), _month, MONTHS, closed=True)
    hours = _read_spans(row.get("hours", "0-24"), _hour, HOURS, closed=False)
    days = DAYS.get(str(row.get("days", "all")).strip().lower())
    if months is None:
        expected = 'months as [6, 7, 8, 9], "6-9" or "jun-sep"'
        problems.append(Problem(f"{where} months", shown(row["months"]), expected))
    if hours is None:
        expected = 'hours of day as "16-21", which ends at 21:00, or ["7-9", "17-20"]'
        problems.append(Problem(f"{where} hours", shown(row["hours"]), expected))
    if days is None:
        expected = "one of " + ", ".join(DAYS)
        problems.append(Problem(f"{where} days", shown(row["days"]), expected))
    every = frozenset(range(MONTHS)), frozenset(range(HOURS)), (True, True)  # of what is told
    return When(months or every[0], hours or every[1], *(days or every[2]))


def read_window(minutes: float | None, where: str, problems: list[Problem]) -> int:
    """Return over how many minutes demand is a mean, an hour where nothing says; others are added to the problems."""
    if minutes is None:
        return HOUR_MIN
    if minutes in WINDOWS:
        return int(minutes)
    expected = "one of " + ", ".join(map(str, WINDOWS))
    problems.append(Problem(where, f"a mean over {minutes:g} minutes", expected))
    return HOUR_MIN


def _read_spans(value: Any, number: Any, size: int, *, closed: bool) -> frozenset[int] | None:
    """Return the numbers from 0 of one span, or of a list or commas of spans; None where one cannot be read."""
    items = value if isinstance(value, list) else str(value).split(",")
    found: set[int] = set()
    for item in items:
        first, mark, last = str(item).partition("-")
        start, stop = number(first), number(last if mark else first)
        if start is None or stop is None or isinstance(item, bool):
            return None
        if mark and not closed and start == stop:
            return None
        if not mark or closed:
            stop += 1
        length = (stop - start) % size or size
        if start >= size or stop > size:
            return None
        found |= {(start + step) % size for step in range(length)}
    return frozenset(found) or None


def _month(text: str) -> int | None:
    word = text.strip().lower()
    if word[:3] in NAMES and word.isalpha():
        return NAMES.index(word[:3])
    return int(word) - 1 if word.isdigit() and 1 <= int(word) <= MONTHS else None


def _hour(text: str) -> int | None:
    word = text.strip().removesuffix(":00")
    return int(word) if word.isdigit() and int(word) <= HOURS else None
