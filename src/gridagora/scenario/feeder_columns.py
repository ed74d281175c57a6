"""A feeder made in code: each column an array of its kind and length whose rows point at what is there, or a problem by name."""

from dataclasses import replace
from typing import Any

import numpy as np

from gridagora.core.errors import Problem, shown
from gridagora.core.feeder import GROUND, Feeder, Phasors
from gridagora.core.tables import Col, Flag, Index
from gridagora.scenario.columns import array

LENGTHS = {  # what there is one of for each: nodes, entries of the matrix, load rows, meters, buses, lines
    "node": ("node_name", "node_bus", "node_base_v", "source_i", "v_no_load"),
    "entry of the matrix": ("y_data", "y_indices", "source_y"),
    "load row": ("load_name", "load_from", "load_to", "load_kw", "load_kvar", "load_meter"),
    "meter": ("meter_name", "meter_bus", "meter_kw", "meter_is_home"),
    "bus": ("bus_name", "bus_x", "bus_y"),
    "line": ("line_from_bus", "line_to_bus", "line_kind", "line_kva"),
}
NAMES = (
    "node_name",
    "load_name",
    "meter_name",
    "bus_name",
    "line_kind",
    "notes",
    "held_taps",
    "meter_stays",
)
KINDS: dict[str, Any] = {
    **dict.fromkeys(("y_data", "source_i", "source_y", "v_no_load"), Phasors),
    **dict.fromkeys(
        ("node_base_v", "load_kw", "load_kvar", "meter_kw", "bus_x", "bus_y", "line_kva"), Col
    ),
    **dict.fromkeys(
        ("node_bus", "y_indices", "y_indptr", "load_from", "load_to", "load_meter", "meter_bus"),
        Index,
    ),
    **dict.fromkeys(
        ("line_from_bus", "line_to_bus", "meter_customers", "leg_pairs", "meter_shape"), Index
    ),
    "meter_is_home": Flag,
}
MAY_BE_NAN = ("bus_x", "bus_y", "line_kva")
POINTS = {  # columns of rows of something else, and the least that they may hold
    "node_bus": ("bus", 0),
    "y_indices": ("node", 0),
    "load_from": ("node", 0),
    "load_to": ("node", GROUND),
    "load_meter": ("meter", 0),
    "line_from_bus": ("bus", 0),
    "line_to_bus": ("bus", 0),
    "leg_pairs": ("meter", 0),
}


def feeder(network: Any, where: str, problems: list[Problem]) -> Feeder | None:
    """Return a feeder whose columns are arrays of their kinds, None where that cannot be.

    Parameters
    ----------
    network
        What a caller gave.
    where
        The feeder by name.
    problems
        Grows by the problem of each column that is none, of another length, with a number that is none, or that points nowhere.
    """
    if not isinstance(network, Feeder):
        hint = "gridagora.read_feeder reads one, gridagora.extend.make_feeder makes one."
        problems.append(Problem(where, shown(network), "a gridagora.Feeder", hint))
        return None
    found: list[Problem] = []
    columns = {
        name: array(vars(network)[name], kind, f"{where}.{name}", found)
        for name, kind in KINDS.items()
    }
    found += [
        Problem(f"{where}.{name}", shown(vars(network)[name]), "a tuple of names")
        for name in NAMES
        if not isinstance(vars(network)[name], tuple)
        or not all(isinstance(each, str) for each in vars(network)[name])
    ]
    if not found:
        found += _lengths({**vars(network), **columns}, where) or _numbers(
            {**vars(network), **columns}, where
        )
    problems += found
    changed = {
        name: column for name, column in columns.items() if column is not vars(network)[name]
    }
    return None if found else replace(network, **changed) if changed else network


def _lengths(columns: dict[str, Any], where: str) -> list[Problem]:
    found = []
    for thing, names in LENGTHS.items():
        count = len(columns[names[0]])
        for name in names[1:]:
            if np.shape(columns[name]) != (count,):
                got = f"shape {np.shape(columns[name])}"
                found.append(
                    Problem(
                        f"{where}.{name}",
                        got,
                        f"shape {(count,)}, one for each {thing} as in {names[0]}",
                    )
                )
    ends, entries = len(columns["node_name"]) + 1, len(columns["y_data"])
    start = columns["y_indptr"]
    if start.shape != (ends,) or (
        start.size and (start[0] != 0 or start[-1] != entries or (np.diff(start) < 0).any())
    ):
        found.append(
            Problem(
                f"{where}.y_indptr",
                f"shape {start.shape}",
                f"{ends} rising ends of columns, 0 to {entries}",
            )
        )
    return found


def _numbers(columns: dict[str, Any], where: str) -> list[Problem]:
    found = []
    for name, kind in KINDS.items():
        if (
            kind in (Col, Phasors)
            and name not in MAY_BE_NAN
            and not np.isfinite(columns[name]).all()
        ):
            row = int(np.flatnonzero(~np.isfinite(columns[name]))[0])
            found.append(
                Problem(f"{where}.{name}", f"{columns[name][row]} in row {row}", "a finite number")
            )
    for name, (thing, least) in POINTS.items():
        count, values = len(columns[LENGTHS[thing][0]]), columns[name]
        bad = values[(values < least) | (values >= count)]
        if bad.size:
            found.append(
                Problem(
                    f"{where}.{name}",
                    f"{thing} {bad[0]}",
                    f"a {thing} that exists, {least} to {count - 1}",
                )
            )
    return found
