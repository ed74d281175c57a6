"""Homes as a table of members names them: each with the devices that its row says, on the meter that it names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gridagora.core.device import People
from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.feeder import Feeder
from gridagora.core.tables import Homes, Index
from gridagora.population.archetypes import take_homes
from gridagora.population.customers import customers_of
from gridagora.population.join_homes import join_homes
from gridagora.population.profiles import Profiles
from gridagora.scenario import populate as draw
from gridagora.scenario.schema import Scenario
from gridagora.scenario.short_keys import SHORT
from gridagora.sources.members import Members, read_members

MADE = frozenset({"synthetic", "busbar"})  # sources of feeders that are made for the homes
BUSBAR = "busbar"
MANY = 2000  # meters, beyond which none is proposed


def members_of(scenario: Scenario) -> Members | None:
    """Return the members of a scenario, None where it names no table.

    Raises
    ------
    InputError
        What is wrong with the table, and shares of owners beside columns that name them.
    """
    if not scenario.homes.table:
        return None
    members = read_members(Path(scenario.homes.table))
    written = scenario.homes.model_fields_set
    problems = [
        Problem(
            f"{scenario.file or 'scene'}: [homes] {name}",
            f"{vars(scenario.homes)[name]} beside a table that says who owns a {kind.replace('_', ' ')}",
            "one of them",
            f"Leave {name} out, or the column.",
        )
        for name, (kind, own) in SHORT.items()
        if own == "share" and name in written and kind in members.owned
    ]
    if problems:
        raise InputError(problems)
    return members


def count_homes(scenario: Scenario, home_id: Sequence[str] | None) -> Scenario:
    """Return the scenario with a home for every name, as it is without names."""
    if home_id is None:
        return scenario
    homes = scenario.homes.model_copy(update={"count": len(home_id)})
    return scenario.model_copy(update={"homes": homes})


def give_devices(members: Members, keys: Mapping[str, Mapping[str, Any]], people: People) -> Homes:
    """Return the homes of members with their devices: what the table says, home by home, and by the scenario the kinds it lacks.

    Homes with the same devices are drawn together; a draw is keyed by the home, so that it does not depend on the others.

    Raises
    ------
    InputError
        Sizes that a kind of device refuses.
    """
    shared = {kind: values for kind, values in keys.items() if kind not in members.owned}
    homes = draw.devices(shared, people)
    alike: dict[tuple[Any, ...], list[int]] = {}
    for row in range(len(members.home_id)):
        own = tuple((kind, _frozen(rows[row])) for kind, rows in members.owned.items())
        alike.setdefault(own, []).append(row)
    parts, problems = [], []
    for own, rows in alike.items():
        values = {kind: _keys_of(keys.get(kind, {}), said) for kind, said in own}
        some = people._replace(homes=take_homes(homes, np.array(rows)))
        try:
            parts.append(draw.devices(values, some))
        except InputError as fault:
            where = f"{members.path}, row {members.row[rows[0]]}"
            problems += [
                Problem(f"{where}: {each.where}", each.got, each.expected, each.hint)
                for each in fault.problems
            ]
    if problems:
        raise InputError(problems)
    order = np.argsort(np.concatenate([np.array(rows) for rows in alike.values()]), kind="stable")
    return take_homes(join_homes(parts), order)


def find_meters(members: Members, feeder: Feeder) -> Index | None:
    """Return the meter of each member, shape (n,), None where the table names none: then homes stand as those of any source.

    Raises
    ------
    InputError
        A meter that the feeder does not have, has no room for a home or has fewer customers than members name it; a row
        without a meter.
    """
    if not any(members.meter):
        return None
    row_of = {name.lower(): row for row, name in enumerate(feeder.meters.name)}
    free = customers_of(feeder).copy()
    problems: list[Problem] = []
    found = np.zeros(len(members.home_id), np.int64)
    for row, name in enumerate(members.meter):
        where = f"{members.path}, row {members.row[row]}"
        meter = row_of.get(name.lower(), -1)
        if not name:
            problems.append(Problem(where, f"no meter of '{members.home_id[row]}'", "one a home"))
        elif meter < 0:
            hint = nearest(name, feeder.meters.name) if len(row_of) <= MANY else ""
            got = f"the meter '{name}'"
            problems.append(Problem(where, got, f"a load of the feeder '{feeder.name}'", hint))
        elif free[meter] < 1:
            problems.append(_no_room(members, row, meter, feeder, found[:row]))
        else:
            free[meter] -= 1
            found[row] = meter
    if problems:
        raise InputError(problems)
    return found


def profiles_of(members: Members, profiles: Profiles, scenario: Scenario) -> Profiles:
    """Return the profiles that members live: of a file of their own those of their names, else as they come.

    Raises
    ------
    InputError
        Members without a profile of their name, sizes of houses that the file already has.
    """
    problems = []
    said = [name for name, column in members.house.items() if np.isfinite(column).any()]
    if said:
        hint = "Leave the column out, or take homes of source 'synthetic'."
        got, expected = f"{', '.join(said)} of houses", "none: houses of a file are as they are"
        problems.append(Problem(str(members.path), got, expected, hint))
    named = scenario.homes.source == "profiles"
    rows, unknown = find_rows(members, profiles.home_id, "the file of homes") if named else ([], [])
    problems += unknown
    if problems:
        raise InputError(problems)
    if not named:
        return profiles
    columns = (column[rows] for column in profiles[2:])
    return Profiles(profiles.start_s, members.home_id, *columns)


def find_rows(
    members: Members, home_id: Sequence[str], what: str
) -> tuple[list[int], list[Problem]]:
    """Return the row of each member among the homes of a file, `what` in words, and the problem of each that is none of them."""
    row_of = {name.lower(): row for row, name in enumerate(home_id)}
    problems = [
        Problem(
            f"{members.path}, row {members.row[at]}",
            f"'{name}', of whom {what} says nothing",
            "the name of a home there",
            nearest(name, home_id) if len(row_of) <= MANY else "",
        )
        for at, name in enumerate(members.home_id)
        if name.lower() not in row_of
    ]
    return [row_of.get(name.lower(), -1) for name in members.home_id], problems


def say_places(
    members: Members | None, home_meter: Index, feeder: Feeder, scenario: Scenario
) -> tuple[str, ...]:
    """Return how many homes stand on the meter of their name, where the table names no meters; a lot deals the others.

    `home_meter` is the meter of each home, shape (n,).
    """
    made = scenario.feeder.source in MADE  # for these homes, with meters of no name
    if members is not None and any(members.meter) and scenario.feeder.source == BUSBAR:
        return (
            "meters of the table are not looked up: no network is known, all homes stand on one bus",
        )
    if members is None or any(members.meter) or made:
        return ()
    names = [feeder.meters.name[meter].lower() for meter in home_meter]
    own = sum(a.lower() == b for a, b in zip(members.home_id, names, strict=True))
    if own == len(names):
        return ()
    return (
        f"{own} of {len(names)} members have the name of a meter and stand on it, the others where a lot of the seed puts them; "
        "a column 'meter' says where",
    )


def _frozen(said: Mapping[str, float] | None) -> tuple[tuple[str, float], ...] | None:
    return None if said is None else tuple(sorted(said.items()))


def _keys_of(shared: Mapping[str, Any], said: Sequence[tuple[str, float]] | None) -> dict[str, Any]:
    """Return the keys of a kind for homes of one row: what the row says over what the scenario says of all."""
    if said is None:
        return {**shared, "share": 0.0}
    return {**shared, **dict(said), "share": 1.0}


def _no_room(members: Members, row: int, meter: int, feeder: Feeder, before: Index) -> Problem:
    where, name = f"{members.path}, row {members.row[row]}", feeder.meters.name[meter]
    others = [members.row[at] for at in np.flatnonzero(before == meter) if members.meter[at]]
    if others:
        got = f"the meter '{name}', on which row {others[0]} stands"
        return Problem(where, got, "a meter of its own, or one of several customers")
    hint = 'Set on = "all" in [homes] to put a home on every load.'
    return Problem(
        where, f"the meter '{name}', which is no place for a home", "a residential load", hint
    )
