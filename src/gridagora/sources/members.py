"""The members of a community as a table: a row a home, what it owns in columns; what it does not say is drawn."""

import difflib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col
from gridagora.files.sheet import (
    TOTALS,
    Heading,
    Sheet,
    parse_number,
    parse_yes,
    read_sheet,
    split_heading,
    unit_of,
)

M2_PER_SQFT = 0.09290304
SHOWN = 5  # rows named of one fault before the rest is counted


TWO_READINGS = re.compile(r"^\D*[+-]?\d{1,3},\d{3}\D*$")
TWO_WAYS = "It may be a thousand or a decimal; write it with a point, or without a mark."
NOTHING = frozenset({"-", "–", "none", "no"})  # as empty: a size that is not there


class MemberColumn(NamedTuple):
    """What a column holds: names it may have, the unit of its numbers, '' of text and of yes or no, and its range."""

    names: tuple[str, ...]
    unit: str = ""
    least: float = -math.inf
    most: float = math.inf
    is_yes_no: bool = False


# By role; the first name is ours. Where one name belongs to two roles, such as battery, its unit says which.
COLUMNS: Mapping[str, MemberColumn] = MappingProxyType(
    {
        "home": MemberColumn(
            ("home", "home_id", "member", "member_id", "name", "household", "customer", "id")
        ),
        "meter": MemberColumn(("meter", "meter_id", "load", "load_name", "meter_point", "mpan")),
        "class": MemberColumn(("class", "customer_class", "rate_class", "group", "type")),
        "pv": MemberColumn(("pv", "solar", "has_pv", "panels"), is_yes_no=True),
        "pv_kw": MemberColumn(
            ("pv_kw", "pv", "solar", "pv_size", "pv_kwp", "solar_kw", "panels", "pv_power"),
            "kw",
            0.0,
            1000.0,
        ),
        "tilt_deg": MemberColumn(("tilt_deg", "tilt", "pv_tilt", "slope"), "deg", 0.0, 90.0),
        "azimuth_deg": MemberColumn(
            ("azimuth_deg", "azimuth", "pv_azimuth", "orientation", "facing"), "deg", 0.0, 360.0
        ),
        "battery": MemberColumn(("battery", "storage", "has_battery"), is_yes_no=True),
        "battery_kwh": MemberColumn(
            ("battery_kwh", "battery", "storage", "battery_size", "storage_kwh"), "kwh", 0.0, 1000.0
        ),
        "battery_kw": MemberColumn(
            ("battery_kw", "battery", "battery_power", "storage_kw", "storage"), "kw", 0.0, 1000.0
        ),
        "ev": MemberColumn(
            ("ev", "car", "electric_car", "electric_vehicle", "has_ev", "cars", "evs"),
            is_yes_no=True,
        ),
        "ev_kw": MemberColumn(
            ("ev_kw", "charger_kw", "charger", "wallbox", "wallbox_kw", "ev_charger", "ev", "car"),
            "kw",
            0.0,
            1000.0,
        ),
        "water_heater": MemberColumn(
            ("water_heater", "electric_water_heater", "boiler", "hot_water"), is_yes_no=True
        ),
        "tank_l": MemberColumn(("tank_l", "tank", "boiler_l", "tank_size"), "l", 0.0, 2000.0),
        "tank_kw": MemberColumn(("tank_kw", "tank_power", "element_kw"), "kw", 0.0, 1000.0),
        "floor_m2": MemberColumn(
            ("floor_m2", "floor_area", "floor", "area", "house_size"), "m2", 10.0, 2000.0
        ),
        "ua_kw_k": MemberColumn(("ua_kw_k",), "kw_k", 0.001, 10.0),
        "hm_kw_k": MemberColumn(("hm_kw_k",), "kw_k", 0.01, 100.0),
        "air_kwh_k": MemberColumn(("air_kwh_k",), "kwh_k", 0.01, 100.0),
        "mass_kwh_k": MemberColumn(("mass_kwh_k",), "kwh_k", 0.01, 1000.0),
        "aperture_m2": MemberColumn(("aperture_m2",), "m2", 0.0, 500.0),
        "cool_kw": MemberColumn(("cool_kw",), "kw", 0.0, 1000.0),
        "heat_kw": MemberColumn(("heat_kw",), "kw", 0.0, 1000.0),
        "cool_cop": MemberColumn(("cool_cop",), "1", 0.5, 20.0),
        "heat_cop": MemberColumn(("heat_cop",), "1", 0.5, 20.0),
        "cool_set_degc": MemberColumn(("cool_set_degc",), "degc", 10.0, 45.0),
        "heat_set_degc": MemberColumn(("heat_set_degc",), "degc", 0.0, 40.0),
    }
)
# What of a synthetic house a table may say; the rest is drawn.
HOUSE = (
    "floor_m2", "ua_kw_k", "hm_kw_k", "air_kwh_k", "mass_kwh_k", "aperture_m2", "cool_kw", "heat_kw", "cool_cop", "heat_cop",
    "cool_set_degc", "heat_set_degc",
)  # fmt: skip
# Factor to the unit of the column, by what may stand in a heading or behind a number.
UNITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "kw": {"": 1, "kw": 1, "kwp": 1, "kva": 1, "w": 1e-3, "wp": 1e-3, "kw_dc": 1, "kwdc": 1},
        "kwh": {"": 1, "kwh": 1, "wh": 1e-3},
        "deg": {"": 1, "deg": 1, "degrees": 1, "°": 1},
        "kw_k": {"": 1},
        "kwh_k": {"": 1},
        "degc": {"": 1, "degc": 1, "°c": 1},
        "1": {"": 1},
        "l": {"": 1, "l": 1, "litre": 1, "litres": 1, "liter": 1, "liters": 1, "gal": 3.785412},
        "m2": {"": 1, "m2": 1, "m²": 1, "sqm": 1}
        | dict.fromkeys(("sqft", "ft2", "ft²", "sq ft", "sf"), M2_PER_SQFT),
    }
)
COMPASS: Mapping[str, float] = MappingProxyType(
    {word: 45.0 * at for at, word in enumerate(("n", "ne", "e", "se", "s", "sw", "w", "nw"))}
    | {"north": 0.0, "east": 90.0, "south": 180.0, "west": 270.0}
)


class DeviceColumns(NamedTuple):
    """Which columns say of a kind of device: that a home owns one, and keys of the kind by column; the first is its size."""

    owned: str
    keys: Mapping[str, str]


DEVICES: Mapping[str, DeviceColumns] = MappingProxyType(
    {
        "pv": DeviceColumns(
            "pv", {"pv_kw": "kw", "tilt_deg": "tilt_deg", "azimuth_deg": "azimuth_deg"}
        ),
        "battery": DeviceColumns("battery", {"battery_kwh": "kwh", "battery_kw": "kw"}),
        "ev": DeviceColumns("ev", {"ev_kw": "kw"}),
        "water_heater": DeviceColumns("water_heater", {"tank_l": "volume_l", "tank_kw": "kw"}),
    }
)


class Members(NamedTuple):
    """n homes of a table, in its order.

    `owned` holds, for every kind of device that the table says something of, which homes own one, (n,), and the keys of that
    home; kinds that are not in it are left to the scenario.
    """

    path: Path
    home_id: tuple[str, ...]
    meter: tuple[str, ...]  # '' where the table names none
    home_class: tuple[str, ...]  # '' where it has none
    house: Mapping[str, Col]  # (n,) each [unit of its name], nan where the table says nothing
    owned: Mapping[str, tuple[Mapping[str, float] | None, ...]]
    row: tuple[int, ...]  # of the file
    notes: tuple[str, ...]


def read_members(path: Path) -> Members:
    """Read a table of members.

    Parameters
    ----------
    path
        CSV, workbook or Parquet, one row a home. Needed is a column `home`; known besides are meter, class, pv_kw, tilt_deg,
        azimuth_deg, battery_kwh, battery_kw, ev, ev_kw, water_heater, tank_l, tank_kw, floor_m2 and others of a house
        (`HOUSE`), and names that people give them, with units in the heading, such as "PV (kWp)". An empty cell is no such
        device.

    Raises
    ------
    InputError
        All faults of the table at once, by row and column.
    """
    sheet = read_sheet(Path(path))
    problems: list[Problem] = []
    roles = _assign_roles(sheet, problems)
    if problems:
        raise InputError(problems)
    home_id = sheet.cells[roles["home"]]
    _check_names(sheet, roles, problems)
    numbers = {
        role: _read_numbers(sheet, role, roles[role], problems)
        for role, column in COLUMNS.items()
        if role in roles and column.unit
    }
    words = {
        role: _read_yes(sheet, roles[role], problems)
        for role, column in COLUMNS.items()
        if role in roles and column.is_yes_no
    }
    owned = {
        kind: found
        for kind, columns in DEVICES.items()
        if (found := _own(sheet, columns, numbers, words, problems))
    }
    problems += _find_sum(sheet, numbers)
    if problems:
        raise InputError(problems)
    none = ("",) * len(home_id)
    return Members(
        sheet.path,
        home_id,
        sheet.cells[roles["meter"]] if "meter" in roles else none,
        sheet.cells[roles["class"]] if "class" in roles else none,
        MappingProxyType({name: numbers[name] for name in HOUSE if name in numbers}),
        MappingProxyType(owned),
        sheet.row,
        (*sheet.notes, *_say_columns(sheet, roles)),
    )


def _assign_roles(sheet: Sheet, problems: list[Problem]) -> dict[str, str]:
    """Return the heading of every role that the table has."""
    roles: dict[str, str] = {}
    for written, cells in sheet.cells.items():
        role = _find_role(sheet, written, cells, problems)
        if role and role in roles:
            got = f"the columns '{roles[role]}' and '{written}'"
            problems.append(Problem(str(sheet.path), got, f"one column of {role}"))
        elif role:
            roles[role] = written
    if "home" not in roles:
        got = "no column 'home', but " + ", ".join(f"'{name}'" for name in sheet.cells)
        hint = "Give each row a name; where that is the name of a meter, the home stands on it."
        problems.append(Problem(str(sheet.path), got, "a column 'home'", hint))
    return roles


def _find_role(
    sheet: Sheet, written: str, cells: tuple[str, ...], problems: list[Problem]
) -> str | None:
    """Return the role of a column by its heading, its unit and what stands in it; None where it has none."""
    name, unit = _split_known(written)
    found = [role for role, column in COLUMNS.items() if name in column.names]
    if not found:
        every = [known for column in COLUMNS.values() for known in column.names]
        near = difflib.get_close_matches(split_heading(written).name, every, n=1, cutoff=0.8)
        if near:
            hint = f"Did you mean '{near[0]}'? A column that is to be left out needs another name."
            problems.append(
                Problem(str(sheet.path), f"the column '{written}'", "a name known", hint)
            )
        return None
    of_cells = unit or next((seen for cell in cells if (seen := unit_of(cell))), "")
    is_said = all(parse_yes(cell) is not None for cell in cells)
    if not unit and (is_said or not any(parse_number(cell) is not None for cell in cells)):
        found = [role for role in found if COLUMNS[role].is_yes_no] or found
    elif not of_cells and "ev" in found:
        found = ["ev"]  # a number without a unit is as well one of cars
    elif len(found) > 1:
        found = [role for role in found if COLUMNS[role].unit] or found
        found = [role for role in found if of_cells in UNITS.get(COLUMNS[role].unit, ())] or found
    if unit and unit not in UNITS.get(COLUMNS[found[0]].unit, {unit: 1}):
        known = ", ".join(filter(None, UNITS[COLUMNS[found[0]].unit]))
        got = f"the unit '{unit}' of the column '{written}'"
        problems.append(Problem(str(sheet.path), got, f"one of {known}"))
    return found[0]


def _split_known(written: str) -> Heading:
    """Return a heading and its unit, which may also be its last word, as in "PV size kWp"."""
    heading = split_heading(written)
    stem, _, last = heading.name.rpartition("_")
    is_known = any(heading.name in column.names for column in COLUMNS.values())
    is_unit = any(last in known for known in UNITS.values())
    return Heading(stem, last) if is_unit and not is_known else heading


def _check_names(sheet: Sheet, roles: Mapping[str, str], problems: list[Problem]) -> None:
    """Refuse homes without a name, of one name, and without a class where others have one."""
    first: dict[str, int] = {}
    for row, name in enumerate(sheet.cells[roles["home"]]):
        if not name:
            problems.append(Problem(sheet.at(row), "no name", f"a name in '{roles['home']}'"))
        elif name.casefold() in first:
            got = f"'{name}', the name of row {sheet.row[first[name.casefold()]]}"
            problems.append(Problem(sheet.at(row), got, "a name of its own"))
        elif name.casefold().strip(": ") in TOTALS or name.startswith(("*", "#")):
            got = f"a row '{name}' among those of homes"
            problems.append(Problem(sheet.at(row), got, "homes alone", "Leave the row out."))
        first.setdefault(name.casefold(), row)
    if "class" in roles and any(cells := sheet.cells[roles["class"]]):
        for row in [row for row, cell in enumerate(cells) if not cell][:SHOWN]:
            expected = f"a class in '{roles['class']}', as the other homes have"
            problems.append(Problem(sheet.at(row), "none", expected))


def _find_sum(sheet: Sheet, numbers: Mapping[str, Col]) -> list[Problem]:
    """Return the problem of a last row that holds the sum of all others in several columns: no home, whatever its name."""
    table = np.array([np.nan_to_num(column) for column in numbers.values() if np.any(column > 0)])
    if len(table) < 2 or table.shape[1] < 3 or not (table[:, -1] > 0).all():
        return []
    if not np.allclose(table[:, :-1].sum(1), table[:, -1], rtol=1e-6):
        return []
    hint = "Leave the row out."
    return [Problem(sheet.at(-1), "the sum of all rows above", "homes alone", hint)]


def _read_numbers(sheet: Sheet, role: str, written: str, problems: list[Problem]) -> Col:
    """Return a column in its unit, (n,), nan where a cell is empty."""
    column, unit = COLUMNS[role], _split_known(written).unit
    factors, values = UNITS[column.unit], np.full(len(sheet.row), np.nan)
    wrong = 0
    for row, cell in enumerate(sheet.cells[written]):
        if not cell or cell.lower() in NOTHING:
            continue
        value = COMPASS.get(cell.lower()) if role == "azimuth_deg" else None
        if value is None:
            value, behind = parse_number(cell), unit_of(cell)
            factor = factors.get(behind or unit)
            value = None if value is None or factor is None else value * factor
        if value is None or not column.least <= value <= column.most:
            wrong += 1
            if wrong <= SHOWN:
                spelled = column.unit.replace("kw", "kW")
                expected = f"a number from {column.least:g} to {column.most:g} {spelled}"
                hint = TWO_WAYS if TWO_READINGS.match(cell) else ""
                problems.append(Problem(sheet.at(row), f"'{cell}' in '{written}'", expected, hint))
        else:
            values[row] = value
    return values


def _read_yes(sheet: Sheet, written: str, problems: list[Problem]) -> tuple[bool, ...]:
    said = [parse_yes(cell) for cell in sheet.cells[written]]
    for row in [row for row, word in enumerate(said) if word is None][:SHOWN]:
        got = f"'{sheet.cells[written][row]}' in '{written}'"
        hint = "One device of a kind a home; its size has a column of its own."
        problems.append(Problem(sheet.at(row), got, "yes or no", hint))
    return tuple(bool(word) for word in said)


def _own(
    sheet: Sheet,
    columns: DeviceColumns,
    numbers: Mapping[str, Col],
    words: Mapping[str, tuple[bool, ...]],
    problems: list[Problem],
) -> tuple[Mapping[str, float] | None, ...] | None:
    """Return the keys of a kind of device for every home, None for one without; None for a kind the table does not know."""
    size, said = next(iter(columns.keys)), words.get(columns.owned)
    if said is None and size not in numbers:
        return None
    found: list[Mapping[str, float] | None] = []
    for row in range(len(sheet.row)):
        keys = {
            key: float(numbers[column][row])
            for column, key in columns.keys.items()
            if column in numbers and np.isfinite(numbers[column][row])
        }
        of_size = keys.get(columns.keys[size])
        stray = next((name for name, key in columns.keys.items() if keys.get(key)), "")
        if said is None and stray and not of_size:
            got = f"{stray} of {keys[columns.keys[stray]]:g} and no {size}"
            problems.append(Problem(sheet.at(row), got, "both, or neither"))
        owns = bool(of_size) if said is None else said[row]
        if said is not None and of_size is not None and owns != (of_size > 0):
            got = f"'{columns.owned}' says {'yes' if owns else 'no'}, {size} is {of_size:g}"
            problems.append(Problem(sheet.at(row), got, "both to say the same"))
        found.append(keys if owns else None)
    return tuple(found)


def _say_columns(sheet: Sheet, roles: Mapping[str, str]) -> tuple[str, ...]:
    """Return how columns were understood, in words."""
    read = [
        role if role == written else f"{role} of '{written}'" for role, written in roles.items()
    ]
    left = [name for name in sheet.cells if name not in roles.values()]
    said = f"{sheet.path.name}: {len(sheet.row)} homes; read: {', '.join(read)}"
    return (said + (f"; left out: {', '.join(left)}" if left else ""),)
