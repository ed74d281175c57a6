"""Metered loads of Green Button files: what flows in less what flows out, at each usage point, hour by hour."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col, Index
from gridagora.files.espi import ASK, FEED, IntervalReadings, read_espi
from gridagora.files.time_table import STEPS_MIN, TimeTable, mean_over
from gridagora.population.metered import MeteredLoads, check_loads
from gridagora.population.profiles import LOAD_MAX_KW

HOUR_S = 3600
SUFFIX = ".xml"
WATT_HOURS = "72"
UNITS = MappingProxyType(  # of the standard, by number
    {
        "29": "volts",
        "38": "watts",
        "42": "cubic metres",
        "61": "volt amperes",
        "63": "volt amperes reactive",
        "73": "reactive volt ampere hours",
        "119": "cubic feet",
        "132": "British thermal units",
        "169": "therms",
    }
)
DELTA = ("", "0", "4")  # accumulation: energy of the interval; others are registers or means
INWARD, OUTWARD = ("", "0", "1", "4"), "19"  # flow: none said, forward or net; reverse
TENS = range(-12, 13)
NAMES_SHOWN = 4


class _Series(NamedTuple):
    """Mean power by hour of one usage point [kW], and how it was read, in words."""

    start_s: Index  # (t,) [s UTC]
    load_kw: Col  # (t,)
    step_s: int
    said: tuple[str, ...]


def is_green_button(path: Path) -> bool:
    """Return whether a path is a Green Button file by its name, or a folder."""
    return path.is_dir() or path.suffix.lower() == SUFFIX


def read_green_button(path: Path, load_max_kw: float = LOAD_MAX_KW) -> MeteredLoads:
    """Read the loads of a Green Button file or of all of a folder, hour by hour, over the hours that all homes have.

    A home is named after its usage point; of a file with one usage point whose title another file has too, or that has none,
    after the file. Energy that flows out is subtracted.

    Parameters
    ----------
    path
        A file (`.xml`), or a folder of such files.
    load_max_kw
        Largest hourly load of a home that is believed [kW].

    Raises
    ------
    InputError
        All faults of all files: those of `read_espi`, other units than watt hours, registers in place of energy, readings that
        leave gaps, overlap or are longer than an hour, two homes of one name, homes that share no day.

    References
    ----------
    NAESB REQ.21, Energy Services Provider Interface: `uom` 72 is Wh, `flowDirection` 19 is energy that a customer delivers.
    """
    files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    problems: list[Problem] = []
    if not files:
        problems.append(Problem(str(path), "a folder without .xml files", FEED))
    feeds: dict[Path, tuple[IntervalReadings, ...]] = {}
    for file in files:
        try:
            feeds[file] = read_espi(file)
        except InputError as fault:
            problems += fault.problems
    found: list[tuple[Path, str, _Series]] = []
    for file, feed in feeds.items():
        for point in dict.fromkeys(each.point for each in feed):
            mine = [each for each in feed if each.point == point]
            title = mine[0].usage_point
            where = f"{file}, usage point '{title}'"
            if (series := _hourly(where, mine, problems)) is not None:
                found.append((file, title, series))
    if problems:
        raise InputError(problems)
    return _put_together(path, found, load_max_kw)


def _put_together(
    path: Path, found: Sequence[tuple[Path, str, _Series]], load_max_kw: float
) -> MeteredLoads:
    names = _names(found)
    twice = [name for name, many in Counter(map(str.lower, names)).items() if many > 1]
    if twice:
        got = f"two homes '{twice[0]}'"
        hint = "Put each usage point in a file of its own, with its name."
        raise InputError([Problem(str(path), got, "a name for each", hint)])
    first = max(int(each.start_s[0]) for _, _, each in found)
    end = min(int(each.start_s[-1]) + HOUR_S for _, _, each in found)
    if end - first < 24 * HOUR_S:
        got = f"{len(found)} homes that share {max(end - first, 0) // HOUR_S} hours"
        raise InputError([Problem(str(path), got, "a day that all homes have, at least", ASK)])
    load_kw = np.array(
        [each.load_kw[(each.start_s >= first) & (each.start_s < end)] for _, _, each in found]
    )
    if problems := check_loads(str(path), names, load_kw, first, load_max_kw):
        raise InputError(problems)
    said = dict.fromkeys(note for _, _, each in found for note in each.said)
    return MeteredLoads(names, first, load_kw, tuple(_spell(path, found, names, said)))


def _names(found: Sequence[tuple[Path, str, _Series]]) -> tuple[str, ...]:
    """Return the name of each home: the title of its usage point, else that of its file."""
    often = Counter(title.lower() for _, title, _ in found)
    of_file = Counter(file for file, _, _ in found)
    return tuple(
        file.stem if of_file[file] == 1 and (not title or often[title.lower()] > 1) else title
        for file, title, _ in found
    )


def _spell(
    path: Path,
    found: Sequence[tuple[Path, str, _Series]],
    names: Sequence[str],
    said: Mapping[str, None],
) -> list[str]:
    minutes = sorted({each.step_s // 60 for _, _, each in found})
    shown = ", ".join(names[:NAMES_SHOWN]) + (" and others" if len(names) > NAMES_SHOWN else "")
    titled = sum(name == title for name, (_, title, _) in zip(names, found, strict=True))
    by = (
        "usage points"
        if titled == len(names)
        else "files"
        if not titled
        else "usage points and files"
    )
    steps = " and ".join(map(str, minutes))
    lines = [
        f"{path.name}: Green Button, {len(names)} homes named after their {by} ({shown}), readings of {steps} minutes in UTC"
    ]
    if len({(int(each.start_s[0]), each.start_s.size) for _, _, each in found}) > 1:
        lines.append("homes have readings of different days: those that all have are taken")
    return lines + list(said)


def _hourly(
    where: str, streams: Sequence[IntervalReadings], problems: list[Problem]
) -> _Series | None:
    """Return what a usage point draws, in less out, by hour; None where its readings are faulty."""
    before = len(problems)
    for each in streams:
        problems += _faults_of(where, each.kind)
    inward = [each for each in streams if _flow(each) in INWARD]
    outward = [each for each in streams if _flow(each) == OUTWARD]
    if not inward and len(problems) == before:
        got = "readings of energy that flows out alone"
        problems.append(Problem(where, got, "what flows in as well: flowDirection 1"))
    if len(problems) > before:
        return None
    chosen = min(inward, key=lambda each: float(np.median(each.duration_s)))
    taken = _even(where, chosen, problems)
    back = [_even(where, each, problems) for each in outward]
    if taken is None or any(each is None for each in back):
        return None
    start_s, load_kw = taken.start_s, taken.load_kw
    said = list(taken.said)
    if any(each.has_cost for each in streams):
        said.append("costs in the files are not read")
    if len(inward) > 1:
        said.append("of several readings of one usage point the finest are taken")
    for given in back:
        if given is None:
            continue
        at = np.searchsorted(given.start_s, start_s).clip(max=given.start_s.size - 1)
        lacks = np.flatnonzero(given.start_s[at] != start_s)
        if lacks.size:
            got = f"no reading of what flows out at {_spell_time(start_s[lacks[0]])}"
            more = f"So in {lacks.size} hours."
            problems.append(Problem(where, got, "one for each of what flows in", more))
            return None
        load_kw = load_kw - given.load_kw[at]
        said.append("energy that flows out (flowDirection 19) is subtracted")
    return _Series(start_s, load_kw, taken.step_s, tuple(said))


def _faults_of(where: str, kind: Mapping[str, str]) -> list[Problem]:
    """Return what readings of a type are that energy of an interval is not."""
    uom, tens = kind.get("uom", ""), kind.get("powerOfTenMultiplier", "") or "0"
    found = []
    if uom != WATT_HOURS:
        got = f"readings in {UNITS.get(uom, 'another unit')} (uom {uom or 'left out'})"
        hint = "Ask for electric energy alone, or leave the file out."
        found.append(Problem(where, got, "watt hours (uom 72)", hint))
    if kind.get("accumulationBehaviour", "") not in DELTA:
        got = f"accumulationBehaviour {kind['accumulationBehaviour']}, no energy of an interval"
        found.append(Problem(where, got, "4, delta data", ASK))
    if kind.get("flowDirection", "") not in (*INWARD, OUTWARD):
        got = f"flowDirection {kind['flowDirection']}"
        found.append(Problem(where, got, "1 in, 19 out or 4, the net of both"))
    if not tens.lstrip("-").isdecimal() or int(tens) not in TENS:
        expected = f"{TENS[0]} to {TENS[-1]}"
        found.append(Problem(where, f"powerOfTenMultiplier '{tens}'", expected))
    return found


def _flow(readings: IntervalReadings) -> str:
    return readings.kind.get("flowDirection", "")


def _even(where: str, readings: IntervalReadings, problems: list[Problem]) -> _Series | None:
    """Return mean power by hour of readings that follow each other, each as long as the others."""
    rows = np.unique(np.stack([readings.start_s, readings.duration_s, readings.value]), axis=1)
    start_s, duration_s, value = rows
    repeated = len(readings.start_s) - len(start_s)
    lengths_s, often = np.unique(duration_s, return_counts=True)
    step_s = int(lengths_s[often.argmax()]) if lengths_s.size else 0
    if not start_s.size:
        problems.append(Problem(where, "no readings", "interval readings", ASK))
        return None
    odd = np.flatnonzero(duration_s != step_s)
    apart = np.diff(start_s)
    fault = ""
    if step_s not in {60 * each for each in STEPS_MIN}:
        fault = f"readings of {step_s / 60:g} minutes"
    elif odd.size:
        fault = f"a reading of {duration_s[odd[0]]} s at {_spell_time(start_s[odd[0]])} among others of {step_s} s"
    elif (apart < step_s).any():
        fault = f"two readings that overlap at {_spell_time(start_s[1:][apart < step_s][0])}"
    elif (apart > step_s).any():
        gaps = apart > step_s
        lacks_h = float(apart[gaps][0] - step_s) / HOUR_S
        fault = f"a gap of {lacks_h:g} hours behind {_spell_time(start_s[:-1][gaps][0])}, {gaps.sum()} in all"
    elif start_s[0] % step_s:
        fault = f"a reading off the full {step_s // 60} minutes at {_spell_time(start_s[0])}"
    if fault:
        lengths = ", ".join(map(str, STEPS_MIN))
        expected = f"readings of one length, {lengths} minutes, without gaps"
        problems.append(Problem(where, fault, expected))
        return None
    said = ("readings that come twice with the same value count once",) if repeated else ()
    tens = int(readings.kind.get("powerOfTenMultiplier", "") or 0)
    kw = value * 10.0**tens / 1000.0 * HOUR_S / step_s
    table = TimeTable(Path(), start_s, step_s, MappingProxyType({}), start_s, ())
    hours, load_kw = mean_over(table, kw, HOUR_S)
    whole = np.isfinite(load_kw)
    return _Series(hours[whole], load_kw[whole], step_s, said)


def _spell_time(time_s: int) -> str:
    return f"{np.datetime64(int(time_s), 's')} UTC"
