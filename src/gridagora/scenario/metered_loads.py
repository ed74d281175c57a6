"""Homes whose load was measured: the series of each in place of a drawn one, in the hours of the run."""

from pathlib import Path

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import TAIL_H, Homes
from gridagora.files.sheet import read_headings
from gridagora.population.metered import MeteredLoads
from gridagora.population.profiles import LOAD_MAX_KW
from gridagora.scenario.calendar import midnight_s
from gridagora.scenario.membership import find_rows
from gridagora.scenario.pairing import pair_start_s
from gridagora.scenario.schema import Scenario
from gridagora.sources.green_button import is_green_button, read_green_button
from gridagora.sources.loads import read_loads
from gridagora.sources.long_loads import find_long, read_long_loads
from gridagora.sources.members import Members

HOUR_S, DAY_H, YEAR_H = 3600, 24, 8760


def loads_of(scenario: Scenario, start_s: int) -> MeteredLoads | None:
    """Return the metered loads of a scenario, None where it names no file.

    Raises
    ------
    InputError
        What is wrong with the file.
    """
    keys = scenario.homes
    if not keys.loads:
        return None
    first = keys.first or scenario.scenario.start.replace(month=1, day=1)
    zone, path = scenario.scenario.timezone, Path(keys.loads)
    unit = scenario.home_units.load or ""
    if unit and is_green_button(path):
        where = f"{scenario.file or 'scene'}: [homes.units] load"
        got = f"'{unit}' beside Green Button files, which say their own"
        raise InputError([Problem(where, got, "no unit", "Leave it out.")])
    return read_metered(path, midnight_s(first, zone), zone, unit, keys.load_max_kw)


def read_metered(
    path: Path, origin_s: int, timezone: str, unit: str = "", load_max_kw: float = LOAD_MAX_KW
) -> MeteredLoads:
    """Read metered loads as they come: a column a home, a row a home and interval, or Green Button files.

    Parameters
    ----------
    path
        A table, a Green Button file or a folder of these.
    origin_s
        Start of hour 0 of numbered hours [s UTC].
    timezone
        IANA name of the zone of time stamps without an offset.
    unit
        kW, W, or kWh and Wh of a row; left out: that of the file.
    load_max_kw
        Largest hourly load of a home that is believed [kW].

    Raises
    ------
    InputError
        What is wrong with the file.
    """
    if is_green_button(path):
        return read_green_button(path, load_max_kw)
    if find_long(read_headings(path)) is not None:
        return read_long_loads(path, origin_s, timezone, unit, load_max_kw)
    return read_loads(path, origin_s, timezone, unit, load_max_kw)


def order_loads(loads: MeteredLoads, members: Members | None) -> MeteredLoads:
    """Return the loads of members, in their order; all of them where there is no table of members.

    Raises
    ------
    InputError
        Members whose load nobody measured.
    """
    if members is None:
        return loads
    rows, problems = find_rows(members, loads.home_id, "the file of loads")
    if problems:
        raise InputError(problems)
    left = len(loads.home_id) - len(rows)
    said = (f"{left} homes of the file of loads are no members and left out",) if left else ()
    return MeteredLoads(members.home_id, loads.start_s, loads.load_kw[rows], (*loads.notes, *said))


def put_loads(
    homes: Homes, loads: MeteredLoads, scenario: Scenario, start_s: int
) -> tuple[Homes, str]:
    """Return the homes with their metered loads, and which hours these are, in words.

    A load that holds all that a home draws leaves no heating, cooling or hot water beside it.

    Raises
    ------
    InputError
        Loads that do not cover the run.
    """
    hours = DAY_H * scenario.scenario.days
    from_s = pair_start_s(scenario, start_s, loads.start_s, loads.load_kw.shape[1])
    first = (from_s - loads.start_s) // HOUR_S
    at = first + np.arange(hours + TAIL_H)
    count = loads.load_kw.shape[1]
    beyond = at >= count
    if count >= YEAR_H:  # a year goes round
        beyond, at = np.zeros(len(at), np.bool_), at % count
    at[beyond] -= DAY_H * -(-(at[beyond] - count + 1) // DAY_H)
    day = np.datetime64(from_s, "s").astype("datetime64[D]")
    said = "" if from_s == start_s else f"loads from {day} on stand for the days of the run; "
    said += (
        "the day after the run is the last before it that the file has; " if beyond.any() else ""
    )
    if scenario.homes.loads_hold == "all":
        said += "metered loads hold all that a home draws: nothing of it is moved, devices of [homes] stand beside it"
        return homes._replace(load_kw=loads.load_kw[:, at], owned={}), said
    said += "heating, cooling and hot water are drawn beside metered loads, which hold the rest"
    return homes._replace(load_kw=loads.load_kw[:, at]), said
