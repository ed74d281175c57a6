"""Files of GridLAB-D's players: a time and a value a line, the value held until the next one."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col
from gridagora.files.text_table import read_text

STAMP = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2}) +(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d*)?))?(?: *([A-Z]{1,5}))?"
)
STEP = re.compile(r"\+ *(\d+)([smhd])")
STEP_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
STAMPS = "a time as 2000-01-31 13:00:00, or as +10m after the line before"
EPOCH = datetime(1970, 1, 1)  # times of a player are those of the clock on the wall
MANY = 10_000_000  # lines that a file stands for with its passes


class PlayerSteps(NamedTuple):
    """n values in the order of time, each held until the next."""

    second: Col  # (n,) from the start of 1970 by the clock of the model [s]
    text: tuple[str, ...]  # (n,) as it is written
    back: tuple[int, ...]  # lines whose time is before that of the line before


class _Row(NamedTuple):
    """One line: its time, or the seconds after the line before, nan where it is the other."""

    second: float
    step_s: float
    text: str
    line: int


def read_player(path: Path, passes: int, until_s: float, zones: frozenset[str]) -> PlayerSteps:
    """Read a player's file.

    Parameters
    ----------
    path
        The file.
    passes
        How often it is played; only lines with a step from the line before move in a further pass, as in GridLAB-D.
    until_s
        No further pass begins after it, from the start of 1970 [s].
    zones
        Marks that may stand behind a time; it is that of the model's own clock.

    Returns
    -------
    PlayerSteps
        A time before that of the line before is that of the line before, as in GridLAB-D.

    Raises
    ------
    InputError
        A file without lines, a line without a value, a time of another form or zone: all at once.

    References
    ----------
    GridLAB-D, "Player", gridlab-d.shoutwiki.com/wiki/Player
    """
    rows: list[_Row] = []
    problems: list[Problem] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        said = line.partition("#")[0].strip().strip(",").strip()
        if not said:
            continue
        row = _row(said, zones, number, is_first=not rows)
        if isinstance(row, _Row):
            rows.append(row)
        else:
            problems.append(Problem(f"{path.name} line {number}", *row))
    if not rows and not problems:
        problems.append(Problem(path.name, "no line", "a time and a value a line"))
    if problems:
        raise InputError(problems)
    return _play(rows, passes, until_s)


def _row(said: str, zones: frozenset[str], line: int, *, is_first: bool) -> _Row | tuple[str, str]:
    """Return a line, or what it is and what is expected of it."""
    stamp, _, text = said.partition(",")
    stamp, text = stamp.strip().strip("\"'"), text.strip().strip("\"'")
    if not text:
        return f"'{said}'", "a time and a value"
    step = STEP.fullmatch(stamp)
    if step is not None:
        if is_first:
            return f"'{stamp}' in the first line", "a time as 2000-01-31 13:00:00"
        return _Row(np.nan, float(step[1]) * STEP_S[step[2]], text, line)
    found = STAMP.fullmatch(stamp)
    if found is None:
        return f"'{stamp}'", STAMPS
    if found[7] is not None and found[7] not in zones:
        return f"zone {found[7]}", f"the zone of the model's clock ({', '.join(sorted(zones))})"
    try:
        day = datetime(*(int(found[at]) for at in range(1, 6)))  # type: ignore[arg-type]
    except ValueError:
        return f"'{stamp}'", STAMPS
    second = (day - EPOCH + timedelta(seconds=float(found[6] or 0.0))).total_seconds()
    return _Row(second, np.nan, text, line)


def _play(rows: list[_Row], passes: int, until_s: float) -> PlayerSteps:
    """Return the values with their times; a time before that of the line before is passed at once, as in GridLAB-D."""
    seconds: list[float] = []
    texts: list[str] = []
    back: list[int] = []
    now_s = -np.inf
    moving = [row for row in rows if np.isfinite(row.step_s)]
    for number in range(passes):
        if number and (not moving or now_s >= until_s or len(seconds) > MANY):
            break
        for row in moving if number else rows:
            if row.second < now_s:
                back.append(row.line)
            now_s = now_s + row.step_s if np.isfinite(row.step_s) else max(now_s, row.second)
            seconds.append(now_s)
            texts.append(row.text)
    return PlayerSteps(np.array(seconds), tuple(texts), tuple(back))
