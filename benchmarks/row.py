"""One line of the table: two programs on the same work in one run, with what they agree on beside how fast they are."""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

SCHEMA = 1
SHOWN = 4  # significant digits of CPU seconds


class Row(NamedTuple):
    """A ratio with its conditions; without `pairs` the peer was not there, and `missing` says why."""

    benchmark: str
    case: str
    peer: str  # name and version
    unit: str  # of work, such as home-steps
    ours: float = 0.0  # work of ours in each repeat [unit]
    theirs: float = 0.0  # work of the peer in each repeat [unit]
    pairs: tuple[
        tuple[float, float], ...
    ] = ()  # CPU seconds of ours and of the peer, repeat by repeat
    asked: float | None = None  # least ratio that is asked for
    accuracy: str = ""
    conditions: str = ""
    missing: str = ""


def ratios(row: Row) -> list[float]:
    """Return how many times as much work ours does in a CPU second, repeat by repeat, in rising order.

    Raises
    ------
    ValueError
        A repeat took no time or no work was done: there is no ratio.
    """
    if min((row.ours, row.theirs, *(second for pair in row.pairs for second in pair))) <= 0:
        raise ValueError(
            f"{row.benchmark}, {row.case}: work and CPU seconds must be above zero, got {row}"
        )
    return sorted(row.ours / ours_s * theirs_s / row.theirs for ours_s, theirs_s in row.pairs)


def ratio(row: Row) -> float | None:
    """Return the median ratio, or None where the peer was not there."""
    return statistics.median(ratios(row)) if row.pairs else None


def cpu_seconds(work: Callable[[], Any], times: int = 1) -> float:
    """Return the CPU seconds of one call, the mean over `times` calls; all threads of this process count."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def alternate(
    ours: Callable[[], float], theirs: Callable[[], float], repeats: int
) -> tuple[tuple[float, float], ...]:
    """Return CPU seconds of both sides, taken in turn, so that a machine that slows down slows both."""
    return tuple((ours(), theirs()) for _ in range(repeats))


def record(row: Row) -> dict[str, Any]:
    """Return a row as it is written to JSON, its ratios with it."""
    found = ratios(row) if row.pairs else []
    middle = statistics.median(found) if found else None
    return {
        **row._asdict(),
        "pairs": [list(pair) for pair in row.pairs],
        "ratio": middle,
        "ratio_low": found[0] if found else None,
        "ratio_high": found[-1] if found else None,
    }


def to_json(rows: Sequence[Row], machine: Mapping[str, Any], notes: Sequence[str] = ()) -> str:
    """Return the whole run as JSON text: schema number, machine, notes, rows."""
    whole = {"schema": SCHEMA, "machine": dict(machine), "notes": list(notes)}
    return json.dumps({**whole, "rows": [record(row) for row in rows]}, indent=1) + "\n"


def times(value: float) -> str:
    """Return a ratio with as many digits as it deserves."""
    return f"{value:,.0f}x" if value >= 10 else f"{value:.2g}x"


def seconds(value: float) -> str:
    """Return CPU seconds with a unit that suits them."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def cells(row: Row) -> tuple[str, ...]:
    """Return the cells of a row: case, peer, CPU time of a unit of work on both sides, ratio, asked, accuracy."""
    asked = "" if row.asked is None else times(row.asked)
    if not row.pairs:
        return row.case, row.peer, "", "", f"not run: {row.missing}", asked, ""
    ours = statistics.median(pair[0] for pair in row.pairs) / row.ours
    theirs = statistics.median(pair[1] for pair in row.pairs) / row.theirs
    found = ratios(row)
    middle = f"{times(statistics.median(found))} ({times(found[0])} to {times(found[-1])})"
    return row.case, row.peer, seconds(ours), seconds(theirs), middle, asked, row.accuracy


HEADS = ("case", "against", "ours, CPU of one", "theirs", "ratio", "asked", "accuracy")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table, which also reads as text, with the conditions of each benchmark below it."""
    lines = ["| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    lines += [
        "| " + " | ".join(cell.replace("|", "/") for cell in cells(row)) + " |" for row in rows
    ]
    said: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        if row.conditions:
            said.setdefault((row.benchmark, row.conditions), {})[row.unit] = None
    lines.append("")
    lines += [
        f"- **{name}**, CPU of one {' or '.join(units)}: {text}."
        for (name, text), units in said.items()
    ]
    return "\n".join(lines) + "\n"
