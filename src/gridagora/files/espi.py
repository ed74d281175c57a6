"""Green Button files: an Atom feed of usage points, meter readings, their types and blocks of interval readings (ESPI).

Entries of a feed are told apart by what they hold and joined by their links. Where a feed has no links, what stands in it once
belongs to all.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as Xml

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Index

FEED = "a Green Button file: usage points and their interval readings (ESPI)"
KINDS = ("UsagePoint", "MeterReading", "ReadingType", "IntervalBlock")
ASK = "Ask the utility for interval data, or take the other file of the download."


class IntervalReadings(NamedTuple):
    """Readings of one type at one usage point, in the order of the file, shape (r,) each.

    `kind` is what the type says, by the names of the standard: `uom`, `flowDirection`, `powerOfTenMultiplier` and others.
    """

    point: int  # its place among the usage points of the file
    usage_point: str  # its title, else the last part of its link, else ''
    kind: Mapping[str, str]
    start_s: Index  # (r,) [s UTC]
    duration_s: Index  # (r,) [s]
    value: Index  # (r,) [10^powerOfTenMultiplier of the unit]
    has_cost: bool


class _Entry(NamedTuple):
    """An entry of a feed: what it holds, its title and links, plain fields, and the numbers of its readings."""

    holds: str
    title: str
    own: str
    up: str
    related: tuple[str, ...]
    fields: Mapping[str, str]
    rows: tuple[tuple[int, int, int], ...]
    has_cost: bool


def read_espi(path: Path) -> tuple[IntervalReadings, ...]:
    """Read a Green Button file.

    Raises
    ------
    InputError
        What is no XML or no such feed, a feed or a usage point without readings, numbers that are none, readings that belong to
        no usage point or to no type.

    References
    ----------
    NAESB REQ.21, Energy Services Provider Interface; schema `espi.xsd` of the Green Button Alliance.
    """
    entries = _entries(path)
    by_kind = {kind: [each for each in entries if each.holds == kind] for kind in KINDS}
    points, blocks = by_kind["UsagePoint"], by_kind["IntervalBlock"]
    if not points:
        raise InputError([Problem(str(path), "no usage point", FEED, ASK)])
    if not any(block.rows for block in blocks):
        got = f"{len(points)} usage points without a reading"
        raise InputError([Problem(str(path), got, "interval readings", ASK)])
    problems: list[Problem] = []
    found: dict[tuple[int, int], list[_Entry]] = {}
    meters, types = by_kind["MeterReading"], by_kind["ReadingType"]
    for block in blocks:
        meter = _parent(block, meters)
        chain = meters[meter] if meter is not None else block
        point, kind = _parent(chain, points), _type_of(chain, types)
        if point is None or kind is None:
            lacks = "usage point" if point is None else "reading type"
            got = f"readings without a link to a {lacks}, of {len(points)} usage points and {len(types)} types"
            problems.append(Problem(str(path), got, f"a link to the {lacks} of each block"))
            break
        found.setdefault((point, kind), []).append(block)
    read = {point for point, _ in found}
    problems += [
        Problem(f"{path}, usage point '{_title(each)}'", "no readings", "interval readings", ASK)
        for at, each in enumerate(points)
        if at not in read and not problems
    ]
    if problems:
        raise InputError(problems)
    return tuple(
        _join(point, _title(points[point]), types[kind].fields, some)
        for (point, kind), some in found.items()
    )


def _entries(path: Path) -> list[_Entry]:
    """Return the entries of a feed, one in memory at a time."""
    found: list[_Entry] = []
    problems: list[Problem] = []
    try:
        for _, element in Xml.iterparse(path):
            if _local(element.tag) != "entry":
                continue
            found += _read_entry(path, element, problems)
            element.clear()
    except Xml.ParseError as fault:
        raise InputError([Problem(str(path), f"no XML ({fault})", FEED)]) from fault
    if problems:
        raise InputError(problems)
    return found


def _read_entry(path: Path, entry: Xml.Element, problems: list[Problem]) -> Iterator[_Entry]:
    links: dict[str, list[str]] = {}
    for link in entry:
        if _local(link.tag) == "link":
            links.setdefault(link.get("rel", ""), []).append(link.get("href", "").rstrip("/"))
    title = next((each.text or "" for each in entry if _local(each.tag) == "title"), "").strip()
    own, up = (links.get(rel, [""])[0] for rel in ("self", "up"))
    for held in (part for each in entry if _local(each.tag) == "content" for part in each):
        holds = _local(held.tag)
        if holds not in KINDS:
            continue
        fields = {_local(each.tag): (each.text or "").strip() for each in held}
        rows = _rows(path, held, problems) if holds == "IntervalBlock" else ()
        cost = any(_local(each.tag) == "cost" for each in held.iter())
        related = tuple(links.get("related", ()))
        yield _Entry(holds, title, own, up, related, fields, rows, cost)


def _rows(
    path: Path, block: Xml.Element, problems: list[Problem]
) -> tuple[tuple[int, int, int], ...]:
    """Return start, duration and value of the readings of a block; those without a time follow each other from its start."""
    span = _numbers_in(next((each for each in block if _local(each.tag) == "interval"), None))
    readings = [each for each in block if _local(each.tag) == "IntervalReading"]
    rows: list[tuple[int, int, int]] = []
    free_s = span.get("start")
    for number, reading in enumerate(readings, 1):
        period = next((each for each in reading if _local(each.tag) == "timePeriod"), None)
        if period is None and span.get("duration") and readings:
            own = {"start": free_s, "duration": int(span["duration"] or 0) // len(readings)}
        else:
            own = _numbers_in(period)
        start, duration = own.get("start"), own.get("duration")
        value = _numbers_in(reading).get("value")
        if start is None or not duration or duration < 0 or value is None:
            lacks = "value" if value is None else "start and duration"
            where = f"{path}, reading {number} of the block from {span.get('start', 'no time')}"
            hint = f"So in one of {len(readings)} readings."
            problems.append(Problem(where, f"no whole number as its {lacks}", "one [s, UTC]", hint))
            return ()
        rows.append((start, duration, value))
        free_s = start + duration
    return tuple(rows)


def _numbers_in(element: Xml.Element | None) -> dict[str, int | None]:
    """Return the whole numbers of the parts of an element by name, None where one is none."""
    found: dict[str, int | None] = {}
    for each in element if element is not None else ():
        text = (each.text or "").strip()
        found[_local(each.tag)] = int(text) if text.lstrip("-").isdecimal() else None
    return found


def _parent(child: _Entry, parents: Sequence[_Entry]) -> int | None:
    """Return which entry links to another, or is linked from it; the only one where nothing says."""
    for at, each in enumerate(parents):
        if {child.own, child.up} & set(each.related) - {""}:
            return at
    above = [
        at
        for at, each in enumerate(parents)
        if each.own and f"{child.up}/".startswith(f"{each.own}/")
    ]
    if above:
        return max(above, key=lambda at: len(parents[at].own))
    return 0 if len(parents) == 1 else None


def _type_of(meter: _Entry, types: Sequence[_Entry]) -> int | None:
    for at, each in enumerate(types):
        if {each.own, each.up} & set(meter.related) - {""}:
            return at
    return 0 if len(types) == 1 else None


def _title(point: _Entry) -> str:
    return point.title or point.own.rpartition("/")[2]


def _join(
    point: int, title: str, kind: Mapping[str, str], blocks: Sequence[_Entry]
) -> IntervalReadings:
    rows = np.array([row for block in blocks for row in block.rows], np.int64).reshape(-1, 3)
    cost = any(block.has_cost for block in blocks)
    return IntervalReadings(point, title, kind, rows[:, 0], rows[:, 1], rows[:, 2], cost)


def _local(tag: str) -> str:
    """Return the name of a tag without its namespace."""
    return tag.rpartition("}")[2]
