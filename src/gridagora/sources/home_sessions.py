"""Charging sessions of a user's own cars, home by home: when each was plugged in and out, and what its charger gave."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.tables import Col, Flag, Index
from gridagora.files.sheet import Sheet, parse_number, read_sheet, split_heading, unit_of
from gridagora.files.time_table import read_times

HOUR_S = 3600
SHOWN = 5  # rows named of one fault before the rest is counted
ENERGY_MAX_KWH = 250.0  # the largest battery of a passenger car stores about 210 kWh
POWER_MAX_KW = 38.4  # twice what level 2 of SAE J1772 gives
STAY_MAX_H = 30 * 24.0
SLACK = 1.001  # energies are rounded in such files
KNOWN = {
    "home": ("home", "home_id", "household", "customer", "member", "meter", "name", "evse_id"),
    "arrive": (
        "arrive",
        "arrival",
        "start",
        "start_datetime",
        "start_time",
        "plug_in",
        "plugged_in",
    ),
    "depart": (
        "depart",
        "departure",
        "end",
        "stop",
        "end_datetime",
        "stop_datetime",
        "end_time",
        "stop_time",
        "plug_out",
        "unplugged",
    ),
    "energy": ("energy", "energy_kwh", "kwh", "charge", "total_charge", "energy_delivered"),
    "power": ("power", "power_kw", "kw", "charger_kw", "charger", "avg_power_kw", "max_power_kw"),
}
KILO = {"": 1.0, "kwh": 1.0, "kw": 1.0, "wh": 1e-3, "w": 1e-3}


class HomeSessions(NamedTuple):
    """m sessions in the order of the file, each of a home by name."""

    path: Path
    home_id: tuple[str, ...]  # (m,)
    arrive_s: Index  # (m,) [s UTC]
    depart_s: Index  # (m,) [s UTC]
    energy_kwh: Col  # (m,) that the charger gave, at its meter
    power_kw: Col  # (m,) of the charger, nan where the file does not say
    row: Index  # (m,) of the file
    notes: tuple[str, ...]


@register("source", "homes.ev_source=by_home")
def read_home_sessions(path: Path, timezone: str) -> HomeSessions:
    """Read charging sessions by home.

    Parameters
    ----------
    path
        CSV, workbook or Parquet: columns of home, arrival, departure, energy of the charger and, where known, its power, under
        names as `home`, `arrival`, `start_datetime`, `energy_kwh`, `power (W)`. Left out, energy is kWh and power kW.
    timezone
        IANA name of the zone of time stamps without an offset.

    Raises
    ------
    InputError
        All faults of the file at once, by row: absent columns, no time or number, a departure that is not after the arrival,
        sessions of a home that overlap, more energy than the charger gives in the stay.
    """
    sheet = read_sheet(Path(path))
    found = _find(sheet)
    problems: list[Problem] = []
    arrive_s, said = read_times(sheet, found["arrive"], timezone, None, problems)
    depart_s, _ = read_times(sheet, found["depart"], timezone, None, problems)
    energy_kwh = _numbers(sheet, found["energy"], problems)
    power_kw = np.full(len(sheet.row), np.nan)
    if "power" in found:
        power_kw = _numbers(sheet, found["power"], problems, may_lack=True)
    home_id = sheet.cells[found["home"]]
    problems += [
        Problem(sheet.at(row), f"no name in '{found['home']}'", "the home of the session")
        for row, name in enumerate(home_id)
        if not name
    ][:SHOWN]
    if problems:
        raise InputError(problems)
    stay_h = (depart_s - arrive_s) / HOUR_S
    problems = _check(sheet, stay_h, energy_kwh, power_kw) or _overlaps(
        sheet, home_id, arrive_s, depart_s
    )
    if problems:
        raise InputError(problems)
    read = ", ".join(f"{role} of '{name}'" for role, name in found.items())
    notes = (*sheet.notes, f"{sheet.path.name}: {len(home_id)} sessions; read: {read}; {said}")
    return HomeSessions(
        sheet.path, home_id, arrive_s, depart_s, energy_kwh, power_kw, np.array(sheet.row), notes
    )


def find_home_column(path: Path) -> str:
    """Return the heading of the column that names the home of a session, "" where none does."""
    slugs = {split_heading(written).name: written for written in read_sheet(path).cells}
    return next((slugs[name] for name in KNOWN["home"] if name in slugs), "")


def _find(sheet: Sheet) -> dict[str, str]:
    """Return the heading of each role."""
    slugs = {split_heading(written).name: written for written in sheet.cells}
    found, problems = {}, []
    for role, names in KNOWN.items():
        fits = [slugs[name] for name in names if name in slugs]
        if fits:
            found[role] = fits[0]
        elif role != "power":
            got = "the columns " + ", ".join(f"'{name}'" for name in sheet.cells)
            hint = "Sessions without a home are drawn from: ev_source = 'sessions'."
            more = hint if role == "home" else ""
            problems.append(Problem(str(sheet.path), got, f"a column '{role}'", more))
    if problems:
        raise InputError(problems)
    return found


def _numbers(sheet: Sheet, written: str, problems: list[Problem], *, may_lack: bool = False) -> Col:
    """Return the numbers of a column in kWh or kW, by the unit of its heading, of its name or behind the number."""
    heading = split_heading(written)
    values = np.full(len(sheet.row), np.nan)
    wrong: list[Problem] = []
    for row, cell in enumerate(sheet.cells[written]):
        if not cell and may_lack:
            continue
        number, unit = parse_number(cell), unit_of(cell) or heading.unit
        if number is None or unit not in KILO:
            expected = "a number in kWh, Wh, kW or W"
            wrong.append(Problem(sheet.at(row), f"'{cell}' in '{written}'", expected))
        else:
            values[row] = number * KILO[unit]
    problems += wrong[:SHOWN]
    return values


def _check(sheet: Sheet, stay_h: Col, energy_kwh: Col, power_kw: Col) -> list[Problem]:
    """Return what no session of a car is; a power that is not known is nan."""
    most = np.where(np.isfinite(power_kw), power_kw, POWER_MAX_KW) * stay_h * SLACK
    kinds: tuple[tuple[Flag, str, Col, str], ...] = (
        (stay_h <= 0, "a stay of {:.2f} h", stay_h, "a departure after the arrival"),
        (stay_h > STAY_MAX_H, "a stay of {:.0f} h", stay_h, f"at most {STAY_MAX_H:g} h"),
        (
            (energy_kwh < 0) | (energy_kwh > ENERGY_MAX_KWH),
            "an energy of {:g} kWh",
            energy_kwh,
            f"0 to {ENERGY_MAX_KWH:g} kWh",
        ),
        (
            (power_kw <= 0) | (power_kw > POWER_MAX_KW),
            "a charger of {:g} kW",
            power_kw,
            f"above 0 to {POWER_MAX_KW:g} kW",
        ),
        (
            (energy_kwh > most) & (stay_h > 0),
            "an energy of {:.2f} kWh, more than the charger gives in the stay",
            energy_kwh,
            "energy that fits between arrival and departure",
        ),
    )
    problems = []
    for mask, got, values, expected in kinds:
        rows = np.flatnonzero(mask)
        more = f"So in {rows.size} rows." if rows.size > 1 else ""
        problems += [
            Problem(sheet.at(int(row)), got.format(values[row]), expected, more if at == 0 else "")
            for at, row in enumerate(rows[:SHOWN])
        ]
    return problems


def _overlaps(
    sheet: Sheet, home_id: tuple[str, ...], arrive_s: Index, depart_s: Index
) -> list[Problem]:
    """Return the sessions of a home that begin before its last one ends."""
    _, home = np.unique([name.lower() for name in home_id], return_inverse=True)
    order = np.lexsort((arrive_s, home))
    same = home[order][1:] == home[order][:-1]
    early = np.flatnonzero(same & (arrive_s[order][1:] < depart_s[order][:-1]))
    more = f"So {early.size} times." if early.size > 1 else ""
    problems = []
    for at in early[:SHOWN]:
        before, row = int(order[at]), int(order[at + 1])
        got = (
            f"a session of '{home_id[row]}' that begins before that of row {sheet.row[before]} ends"
        )
        expected = "one session at a time in a home"
        problems.append(Problem(sheet.at(row), got, expected, more if at == early[0] else ""))
    return problems
