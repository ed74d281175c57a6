"""Keys that are set while nothing reads them: what stands there would be the user's name for figures of another input."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gridagora.core.errors import Problem
from gridagora.scenario.key_checks import Got
from gridagora.scenario.key_sentences import shown
from gridagora.scenario.schema import LIMIT_KEYS, HomeColumns, from_outside
from gridagora.scenario.table_model import Table

OWN_FILES = ("epw", "tmy3", "nsrdb")
PRICE_FILES = ("ercot_files",)
FEEDER_FILES = ("opendss", "gridlabd", "pandapower")
WITH_UNITS = ("evipro", "sessions")  # sessions whose unit a key says
IN_FILES = ("travis", "profiles")  # homes that a file holds


class Readers(NamedTuple):
    """Keys of a table that are read only where the key `by`, of a table, is one of `values`."""

    table: str
    keys: tuple[str, ...]
    by: str
    values: tuple[str, ...]


READERS = (
    Readers(
        "feeder",
        ("file", "strict", "other_peak_share", "load_models"),
        "feeder.source",
        FEEDER_FILES,
    ),
    Readers("feeder", ("seed",), "feeder.source", ("synthetic",)),
    Readers("weather", ("file",), "weather.source", (*OWN_FILES, "table")),
    Readers("weather", ("latitude_deg", "longitude_deg"), "weather.source", ("table",)),
    Readers("weather", ("folder",), "weather.source", ("travis",)),
    Readers("prices", ("file",), "prices.source", ("ercot_zone", "table")),
    Readers(
        "prices",
        ("day_ahead_file", "real_time_file", "point", "point_type"),
        "prices.source",
        PRICE_FILES,
    ),
    Readers(
        "prices",
        ("folder",),
        "prices.source",
        ("ercot_hub_average", "ercot_zone", "ercot_hb_south_2016"),
    ),
    Readers("prices", ("unit",), "prices.source", ("ercot_zone", "ercot_files", "table")),
    Readers(
        "homes",
        ("file", "time_names", "step_minutes", "load_max_kw"),
        "homes.source",
        ("profiles",),
    ),
    Readers("homes", ("weather_source", "weather_folder"), "homes.source", ("profiles",)),
    Readers(
        "homes",
        ("ev_source", "folder", "first", "fit_r2_least"),
        "homes.source",
        IN_FILES,
    ),
    Readers("homes", ("weather_file",), "homes.weather_source", OWN_FILES),
    Readers("homes", ("on",), "feeder.source", FEEDER_FILES),
    Readers("homes.columns", tuple(HomeColumns.model_fields), "homes.source", ("profiles",)),
    Readers(
        "homes.units", ("load", "heat", "hot_water", "temperature"), "homes.source", ("profiles",)
    ),
    Readers("homes.units", ("ev",), "homes.source", IN_FILES),
    Readers("homes.units", ("ev",), "homes.ev_source", WITH_UNITS),
)


# What a file of metered loads reads, whatever the source of houses.
OF_LOADS = frozenset({("homes", "first"), ("homes", "load_max_kw"), ("homes.units", "load")})
OF_SESSIONS = frozenset({("homes", "ev_source"), ("homes.units", "ev")})  # the same of sessions


def read_beside(homes: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return table and name of the keys that files of loads or of charging sessions read, whatever the source of houses."""
    used = OF_LOADS if homes["loads"] else frozenset[tuple[str, str]]()
    if not homes["ev_file"]:
        return used
    return used | OF_SESSIONS - (
        frozenset() if homes["ev_source"] in WITH_UNITS else {("homes.units", "ev")}
    )


def check(tables: Mapping[str, Table], parts: Mapping[str, Any], got: Got) -> list[Problem]:
    """Return the problem of each key that is set, to something else than its default, while nothing reads it."""
    found: dict[tuple[str, str], Problem] = {}
    used = read_beside(vars(tables["homes"]))
    for each in READERS:
        outer, _, name = each.by.rpartition(".")
        value = vars(tables[outer])[name]
        if value in each.values:
            continue
        for key in each.keys:
            read = _plugin_reads(each.by, value, key) or (each.table, key) in used
            if _set(tables[each.table], key) and not read:
                found.setdefault((each.table, key), _unread(each, key, tables, got))
    return [*found.values(), *_without_a_use(tables, parts, got)]


def _plugin_reads(by: str, value: object, key: str) -> bool:
    """Return whether a source of a plugin is told a key: the paths of its table; its feeder is one like that of a file."""
    return from_outside(by, value) and (key in {"file", "folder"} or by == "feeder.source")


def _set(table: Table, key: str) -> bool:
    return bool(vars(table)[key] != type(table).model_fields[key].default)


def _unread(each: Readers, key: str, tables: Mapping[str, Table], got: Got) -> Problem:
    outer, _, name = each.by.rpartition(".")
    by = name if outer == each.table else each.by
    noun = "file" if key.endswith("file") else "key"
    readers = " or ".join(f"'{value}'" for value in each.values)
    value = vars(tables[each.table])[key]
    what = shown(f"{value}" if noun == "file" else value)
    return Problem(
        got.where(each.table, key),
        f"{what}, which {by} = '{vars(tables[outer])[name]}' does not read",
        f"a {noun} only beside {by} {readers}",
        f"Set {by} to one that does, or leave the {noun} out.",
    )


def _without_a_use(
    tables: Mapping[str, Table], parts: Mapping[str, Any], got: Got
) -> list[Problem]:
    """Return keys that another one of the scenario must give a use."""
    homes, weather = vars(tables["homes"]), vars(tables["weather"])
    graph = parts.get("peer", {}).get("graph")
    limit, errors = vars(tables["substation"]), vars(tables["forecast"])
    rules = (
        (
            ("homes", "start"),
            homes["source"] == "synthetic"
            and weather["source"] == "synthetic"
            and not homes["loads"],
            "homes and weather of no file",
            "a day of a file of homes or of weather",
        ),
        (
            ("homes", "loads_hold"),
            not homes["loads"],
            "no file of loads",
            "a word only beside [homes] loads",
        ),
        (
            ("layers", "partners_file"),
            graph != "file",
            "no design that reads it",
            "a file only beside graph = 'file' in [market.peer]",
        ),
        (
            ("reactive", "cap_per_kvarh"),
            vars(tables["reactive"])["power_factor"] is None,
            "no power_factor agreed",
            "a price only where power_factor is agreed",
        ),
        (
            ("reactive", "against"),
            vars(tables["reactive"])["market"] != "nodal",
            "no market at every meter",
            "a word only beside market = 'nodal' in [reactive]",
        ),
        (
            ("reactive", "priority"),
            vars(tables["reactive"])["market"] != "nodal",
            "no market at every meter",
            "a word only beside market = 'nodal' in [reactive]",
        ),
        (
            ("reactive", "day_ahead"),
            vars(tables["reactive"])["market"] != "nodal",
            "no market at every meter",
            "true only beside market = 'nodal' in [reactive]",
        ),
        *(
            (
                ("forecast", f"{what}_common_share"),
                not errors[f"{what}_error_share"],
                f"no {what}_error_share",
                "a share only of an error",
            )
            for what in ("load", "sun")
        ),
        *(
            (
                ("area", key),
                vars(tables["area"])["homes"] is None,
                "no homes of an area",
                "a value only beside [area] homes",
            )
            for key in ("shards", "blocks", "sample")
        ),
        (
            ("links", "outage_hours"),
            not vars(tables["links"])["outages_per_day"],
            "no outages_per_day",
            "a time only of outages",
        ),
        (
            ("forecast", "correlation_hours"),
            not any(value for key, value in errors.items() if "_error_" in key),
            "no error",
            "a time only of an error",
        ),
        (
            ("substation", "also_without_limit"),
            not any(limit[key] for key in LIMIT_KEYS),
            "no limit",
            "true only beside a limit",
        ),
    )
    return [
        Problem(
            got.where(*path),
            f"{shown(vars(tables[path[0]])[path[1]])} with {lacks}",
            expected,
            "Leave it out.",
        )
        for path, broken, lacks, expected in rules
        if broken and _set(tables[path[0]], path[1])
    ]
