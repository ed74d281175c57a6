"""Tables from the sources of plugins: each is asked with a `Request`, and what it returns is checked under its name."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from gridagora.core.errors import FAULTS, InputError, Problem, describe_error
from gridagora.core.feeder import Feeder
from gridagora.core.registry import find
from gridagora.core.request import Request
from gridagora.core.tables import Homes, Prices, Weather
from gridagora.population.charging import Sessions
from gridagora.scenario import columns, feeder_columns, plugins
from gridagora.scenario import validate as sound
from gridagora.scenario.calendar import utc_offset_s
from gridagora.scenario.schema import TRAVIS, Scenario, from_outside
from gridagora.scenario.sky import Sky

Made = TypeVar("Made")


def names_one(scenario: Scenario, table: str, key: str = "source") -> bool:
    """Return whether a key of a scenario names a source of a plugin."""
    return from_outside(f"{table}.{key}", vars(getattr(scenario, table))[key])


def feeder(scenario: Scenario, start_s: int) -> Feeder:
    """Return the network that a plugin makes.

    Raises
    ------
    InputError
        As for every function of this file: an error of the source, a table of another type, and each row that is unsound.
    """
    request = _request(scenario, "feeder", start_s)._replace(home_count=scenario.homes.count)
    return _call_plugin(scenario, "feeder", Feeder, request, sound.feeder)


def prices(scenario: Scenario, start_s: int) -> Prices:
    """Return the wholesale prices that a plugin gives."""
    days, request = scenario.scenario.days, _request(scenario, "prices", start_s)
    return _call_plugin(
        scenario,
        "prices",
        Prices,
        request,
        lambda found, where: sound.prices(found, start_s, days, where),
    )


def sky(scenario: Scenario, start_s: int) -> Sky:
    """Return the weather that a plugin gives, with the latitude of its place."""
    days, request = scenario.scenario.days, _request(scenario, "weather", start_s)

    def check(found: Sky, where: str) -> list[Problem]:
        inside: object = (
            found.weather
        )  # the annotation of a plugin's table is a promise that nobody has checked
        if not isinstance(inside, Weather):
            return [
                Problem(
                    where,
                    f"a sky of {type(inside).__name__}",
                    "a Sky whose weather is a table Weather",
                )
            ]
        if not isinstance(found.latitude_deg, int | float) or not abs(found.latitude_deg) <= 90.0:
            return [Problem(where, f"the latitude {found.latitude_deg}", "degrees, -90 to 90")]
        return sound.weather(found.weather, start_s, days, where)

    return _call_plugin(scenario, "weather", Sky, request, check)


def homes(scenario: Scenario, start_s: int, count: int, weather: Weather) -> Homes:
    """Return the population that a plugin gives, for the weather of the run."""
    days = scenario.scenario.days
    request = _request(scenario, "homes", start_s)._replace(home_count=count, weather=weather)

    def check(found: Homes, where: str) -> list[Problem]:
        if scenario.homes.count not in {None, len(found.home_id)}:
            return [
                Problem(
                    where,
                    f"{len(found.home_id)} homes",
                    f"{scenario.homes.count}, as [homes] count says",
                )
            ]
        return sound.homes(found, days, where)

    return _call_plugin(scenario, "homes", Homes, request, check)


def sessions(scenario: Scenario, start_s: int) -> Sessions:
    """Return the charging sessions that a plugin gives, to be drawn from."""
    request = _request(scenario, "homes", start_s)._replace(file=scenario.homes.ev_file, folder="")

    def check(found: Sessions, where: str) -> list[Problem]:
        columns = [np.asarray(column, dtype=float) for column in found[:3]]
        if (
            any(column.shape != columns[0].shape or column.ndim != 1 for column in columns)
            or not columns[0].size
        ):
            shapes = ", ".join(str(column.shape) for column in columns)
            return [
                Problem(
                    where, f"columns of shapes {shapes}", "columns of one length, a row or more"
                )
            ]
        rows = [
            name
            for name, column in zip(Sessions._fields[:3], columns, strict=True)
            if not (column >= 0).all()
        ]
        return [
            Problem(f"{where}: {name}", "a row below 0 or not a number", "numbers of at least 0")
            for name in rows
        ]

    return _call_plugin(scenario, "homes", Sessions, request, check, "ev_source")


def _request(scenario: Scenario, table: str, start_s: int) -> Request:
    case, keys = scenario.scenario, vars(getattr(scenario, table))
    folder = keys.get("folder", "")
    offset_s = utc_offset_s(case.start, case.timezone)
    folder = "" if folder == TRAVIS else folder  # the default, which the scenario did not write
    return Request(
        case.seed,
        start_s,
        case.days,
        sound.hours(case.days),
        offset_s,
        keys.get("file", ""),
        folder,
    )


def _call_plugin(
    scenario: Scenario,
    table: str,
    wanted: type[Made],
    request: Request,
    check: Callable[[Made, str], list[Problem]],
    key: str = "source",
) -> Made:
    word = f"{table}.{key}={vars(getattr(scenario, table))[key]}"
    plugins.use(scenario.outside)
    where = f"source '{word}'"
    found = _check_answer(word, request, where)
    if not isinstance(found, wanted):
        raise InputError(
            [
                Problem(
                    where,
                    f"{type(found).__name__}",
                    f"a table {wanted.__name__} of gridagora.extend",
                )
            ]
        )
    problems: list[Problem] = []
    settled: Made = _convert_table(found, where, problems)
    if problems:
        raise InputError(problems)
    try:
        problems = check(settled, where)
    except FAULTS as fault:  # columns of other types or shapes than a check can read
        problems = [
            Problem(
                where,
                f"columns that no check can read: {describe_error(fault)}",
                f"the columns of {wanted.__name__}",
            )
        ]
    if problems:
        raise InputError(problems)
    return settled


def _convert_table(found: Any, where: str, problems: list[Problem]) -> Any:
    """Return a table whose columns are arrays of their kinds; each that cannot be is a problem."""
    match found:
        case Feeder():
            return feeder_columns.feeder(found, where, problems)
        case Sky():
            inside: object = found.weather  # `check` says what else a plugin may have put there
            if not isinstance(inside, Weather):
                return found
            weather = columns.convert_table(found.weather, Weather, f"{where}: weather", problems)
            return found if weather is None else found._replace(weather=weather)
        case Homes():
            homes = columns.convert_table(found, Homes, f"{where}: homes", problems)
            return None if homes is None else columns.owning(homes, (), (), where, problems)
        case _:
            return columns.convert_table(found, type(found), where, problems)


def _check_answer(word: str, request: Request, where: str) -> Any:
    try:
        return find("source", word)(request)
    except InputError:
        raise
    except FAULTS as fault:
        raise InputError(
            [Problem(where, f"an error, {describe_error(fault)}", "a table")]
        ) from fault
