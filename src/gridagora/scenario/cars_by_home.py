"""Cars whose sessions a file names home by home: in the days of the run, as the file has them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.registry import find, names
from gridagora.core.tables import Homes
from gridagora.population.charging import (
    DAY_S,
    EFFICIENCY,
    FEASIBLE,
    STEP_S,
    ChargingSessions,
)
from gridagora.population.charging import check as check_sessions
from gridagora.scenario.schema import Scenario
from gridagora.sources.home_sessions import HomeSessions, read_home_sessions
from gridagora.sources.members import Members

BY_HOME = "by_home"
HOUR_S = 3600.0
NAMES_SHOWN = 3


class OwnCars(NamedTuple):
    """Homes without a word of cars, for those that a file of sessions gives them, and its sessions."""

    sessions: HomeSessions
    kind: str  # of device
    members: Members | None
    keys: Mapping[str, Mapping[str, Any]]  # of every kind of device; no share of cars
    said: tuple[Mapping[str, float] | None, ...]  # what a table of members says of each car, ()


def read_own_cars(
    scenario: Scenario, members: Members | None, keys: Mapping[str, Mapping[str, Any]]
) -> OwnCars | None:
    """Return the cars that a file names home by home, None where the scenario names no such file.

    Raises
    ------
    InputError
        What is wrong with the file.
    """
    if scenario.homes.ev_source != BY_HOME or not scenario.homes.ev_file:
        return None
    kind = next(
        each for each in names("device") if find("device", each).about.table is ChargingSessions
    )
    found = read_home_sessions(Path(scenario.homes.ev_file), scenario.scenario.timezone)
    without = {**keys, kind: {**keys.get(kind, {}), "share": 0.0}}
    if members is None or kind not in members.owned:
        return OwnCars(found, kind, members, without, ())
    left = {each: rows for each, rows in members.owned.items() if each != kind}
    return OwnCars(found, kind, members._replace(owned=left), without, members.owned[kind])


def give_cars(
    homes: Homes, cars: OwnCars, scenario: Scenario, start_s: int
) -> tuple[Homes, tuple[str, ...]]:
    """Return the homes with the sessions of their cars in the run from `start_s` [s UTC], and what was left out, in words.

    Times are taken to the nearest five minutes. A stay that goes on when the run ends is cut there; one that has begun before
    the run is left out.

    Raises
    ------
    InputError
        Homes of the file of whom the scenario knows none, no session in the days of the run, sessions of a home whose row in a
        table of members says that it has no car, energy that the charger of `[homes]` does not give in the stay.
    """
    found, path = cars.sessions, cars.sessions.path
    row_of = {name.lower(): row for row, name in enumerate(homes.home_id)}
    home = np.array([row_of.get(name.lower(), -1) for name in found.home_id])
    if (home < 0).all():
        got = f"sessions of '{found.home_id[0]}' and others, none of them a home of the scenario"
        hint = nearest(found.home_id[0], homes.home_id)
        raise InputError([Problem(str(path), got, "names of homes", hint)])
    problems = [
        Problem(
            f"{path}, row {found.row[np.flatnonzero(home == row)[0]]}",
            f"a session of '{homes.home_id[row]}', which has no car in the table of homes",
            "sessions of homes with a car",
        )
        for row, said in enumerate(cars.said)
        if said is None and (home == row).any()
    ]
    arrive_s, depart_s = (
        (each - start_s + STEP_S // 2) // STEP_S * STEP_S
        for each in (found.arrive_s, found.depart_s)
    )
    end_s = DAY_S * scenario.scenario.days
    depart_s = np.minimum(depart_s, end_s)
    inside = (arrive_s >= 0) & (arrive_s < end_s) & (home >= 0) & (depart_s > arrive_s)
    if not inside.any() and not problems:
        first, last = (
            np.datetime64(int(each), "s").astype("datetime64[D]")
            for each in (found.arrive_s.min(), found.depart_s.max())
        )
        got = f"sessions of {first} to {last}, none in the days of the run"
        hint = "Set [scenario] start to a day of the file."
        raise InputError([Problem(str(path), got, "sessions of its homes in the run", hint)])
    if problems:
        raise InputError(problems)
    rows = np.flatnonzero(inside)
    rows = rows[np.lexsort((arrive_s[rows], home[rows]))]
    rated = np.array([float((said or {}).get("kw", np.nan)) for said in cars.said] or [np.nan])
    own_kw = rated[home[rows]] if cars.said else np.full(rows.size, np.nan)
    usual_kw = float(cars.keys[cars.kind].get("kw", scenario.homes.ev_kw))
    charger_kw = np.where(np.isfinite(own_kw), own_kw, usual_kw)
    power_kw = np.where(np.isfinite(found.power_kw[rows]), found.power_kw[rows], charger_kw)
    stay_h = (depart_s[rows] - arrive_s[rows]) / HOUR_S
    asked_kwh = EFFICIENCY * found.energy_kwh[rows]
    need_kwh = np.minimum(asked_kwh, FEASIBLE * EFFICIENCY * power_kw * stay_h)
    table = ChargingSessions(
        home[rows], arrive_s[rows], depart_s[rows], need_kwh, power_kw, asked_kwh
    )
    if problems := check_sessions(table, homes.home_id, str(path)):
        raise InputError(problems)
    owned = {**homes.owned, cars.kind: table}
    return homes._replace(owned=owned), (*found.notes, *_spell(cars, home, inside, rows))


def _spell(cars: OwnCars, home: Any, inside: Any, rows: Any) -> list[str]:
    """Say how many sessions are in the run, and what of the file is not."""
    found = cars.sessions
    lines = [
        f"{rows.size} sessions of {np.unique(home[rows]).size} homes in the run; energy is that of the charger, of which the car "
        f"stores {EFFICIENCY:g}"
    ]
    unknown = sorted({found.home_id[at] for at in np.flatnonzero(home < 0)})
    if unknown:
        shown = ", ".join(unknown[:NAMES_SHOWN]) + (
            " and others" if len(unknown) > NAMES_SHOWN else ""
        )
        lines.append(f"sessions of {len(unknown)} names that are no homes are left out: {shown}")
    if outside := int(np.count_nonzero(~inside & (home >= 0))):
        lines.append(f"{outside} sessions that begin before the run or after it are left out")
    without = sum(
        said is not None and not (home[rows] == row).any() for row, said in enumerate(cars.said)
    )
    if without:
        lines.append(f"{without} cars of the table of homes do not plug in during the run")
    return lines
