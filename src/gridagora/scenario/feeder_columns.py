"""A feeder made in code: each column an array of its kind and length whose rows point at what is there, or a problem by name."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple, cast, get_type_hints

import numpy as np

from gridagora.core.components import (
    GROUND,
    NO_BUS,
    Buses,
    Capacitors,
    Lines,
    LoadRows,
    Meters,
    Nodes,
    Others,
    Phasors,
    PrimitiveBlocks,
    Regulators,
    Sources,
    Transformers,
    Windings,
)
from gridagora.core.controls import CapacitorControls, ReverseSettings
from gridagora.core.errors import Problem, shown
from gridagora.core.feeder import Feeder
from gridagora.core.tables import Col, Index
from gridagora.core.voltage_dependence import VoltageDependence, check_dependence
from gridagora.scenario.columns import array

TABLES: dict[str, type[NamedTuple]] = {
    "buses": Buses,
    "nodes": Nodes,
    "sources": Sources,
    "lines": Lines,
    "transformers": Transformers,
    "regulators": Regulators,
    "capacitors": Capacitors,
    "capacitor_controls": CapacitorControls,
    "others": Others,
    "loads": LoadRows,
    "meters": Meters,
}
INSIDE: dict[str, type[NamedTuple]] = {
    "blocks": PrimitiveBlocks,
    "full": PrimitiveBlocks,
    "windings": Windings,
    "reverse": ReverseSettings,
    "dependence": VoltageDependence,
}
NAMES = tuple[str, ...]
MAY_BE_NAN = {
    "buses.x_m",
    "buses.y_m",
    "sources.pu",
    "lines.length_m",
    "lines.rating_a",
    "lines.emergency_a",
    "transformers.x_share",
    "loads.dependence.v_max_pu",  # inf: no upper end
}
MAY_BE_EMPTY = {"meters.customers", "meters.stays", "meters.shape"}
OF_CONDUCTORS = {"sources.current_a"}  # as long as its blocks have conductors
POINTS = {  # columns of rows of something else, and the least that they may hold
    "nodes.bus": ("buses", 0),
    "sources.bus": ("buses", NO_BUS),
    "lines.from_bus": ("buses", NO_BUS),
    "lines.to_bus": ("buses", NO_BUS),
    "transformers.windings.bus": ("buses", NO_BUS),
    "transformers.windings.transformer": ("transformers", 0),
    "regulators.transformer": ("transformers", -1),
    "regulators.from_node": ("nodes", GROUND),
    "regulators.to_node": ("nodes", GROUND),
    "regulators.remote_node": ("nodes", GROUND),
    "regulators.remote_to_node": ("nodes", GROUND),
    "capacitors.bus": ("buses", NO_BUS),
    "capacitor_controls.bank": ("capacitors", 0),
    "capacitor_controls.node": ("nodes", GROUND),
    "capacitor_controls.current_node": ("nodes", GROUND),
    "capacitor_controls.override_node": ("nodes", GROUND),
    "loads.from_node": ("nodes", 0),
    "loads.to_node": ("nodes", GROUND),
    "loads.meter": ("meters", 0),
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
    tables = {
        name: _table(vars(network)[name], kind, f"{where}.{name}", found)
        for name, kind in TABLES.items()
    }
    pairs = array(network.leg_pairs, Index, f"{where}.leg_pairs", found)
    if not found:
        found += _lengths(tables, where) or _numbers(tables, where)
        of = tables["loads"]
        found += check_dependence(of.dependence, len(of.name), f"{where}.loads.dependence")
    problems += found
    if found:
        return None
    changed = {name: table for name, table in tables.items() if table is not vars(network)[name]}
    if pairs is not network.leg_pairs:
        changed["leg_pairs"] = pairs
    return replace(network, **changed) if changed else network


def _table(table: Any, kind: type[NamedTuple], where: str, found: list[Problem]) -> Any:
    """Return a table whose columns are of their kinds; the same where nothing had to be converted."""
    if not isinstance(table, kind):
        expected = f"a table {kind.__name__} of gridagora.core.components"
        found.append(Problem(where, shown(table), expected))
        return table
    changed = {}
    for name, hint in get_type_hints(kind).items():
        column, place = cast("Any", table)._asdict()[name], f"{where}.{name}"
        new = column
        if name in INSIDE:
            new = _table(column, INSIDE[name], place, found)
        elif hint == NAMES:
            if not isinstance(column, tuple) or not all(isinstance(one, str) for one in column):
                found.append(Problem(place, shown(column), "a tuple of names"))
        else:
            new = array(column, hint, place, found)
        if new is not column:
            changed[name] = new
    return cast("Any", table)._replace(**changed) if changed else table


def _columns(tables: dict[str, Any]) -> Iterator[tuple[str, Any, Any, Any]]:
    """Yield every column by name, with its kind and the table it stands in."""
    for name, table in tables.items():
        parts = [(name, table)]
        parts += [(f"{name}.{k}", v) for k, v in table._asdict().items() if k in INSIDE]
        for place, part in parts:
            for column, hint in get_type_hints(type(part)).items():
                if column not in INSIDE:
                    yield f"{place}.{column}", part._asdict()[column], hint, part


def _lengths(tables: dict[str, Any], where: str) -> list[Problem]:
    found = []
    for place, column, _, table in _columns(tables):
        if isinstance(table, PrimitiveBlocks):
            continue
        first = table._fields[0]
        count = len(table[0])
        if place in OF_CONDUCTORS:
            first, count = "blocks.node", len(table.blocks.node)
        if place in MAY_BE_EMPTY and not len(column):
            continue
        if np.shape(column)[:1] != (count,):
            expected = f"shape {(count,)}, as many as {first} has"
            found.append(Problem(f"{where}.{place}", f"shape {np.shape(column)}", expected))
    for name, table in tables.items():
        for part in {"blocks", "full"} & set(table._fields):
            found += _blocks(getattr(table, part), len(table[0]), f"{where}.{name}.{part}")
    return found


def _blocks(blocks: PrimitiveBlocks, count: int, where: str) -> list[Problem]:
    start = blocks.start
    if start.shape != (count + 1,) or start[0] != 0 or (np.diff(start) < 0).any():
        expected = f"{count + 1} rising ends of components, from 0"
        return [Problem(f"{where}.start", f"shape {start.shape}", expected)]
    conductors, entries = int(start[-1]), int((np.diff(start) ** 2).sum())
    sizes = {"node": conductors, "terminal": conductors, "y_siemens": entries, "order": count}
    return [
        Problem(f"{where}.{name}", f"shape {column.shape}", f"shape {(sizes[name],)}")
        for name, column in blocks._asdict().items()
        if name in sizes and column.shape != (sizes[name],)
    ]


def _numbers(tables: dict[str, Any], where: str) -> list[Problem]:
    found = []
    for place, column, hint, table in _columns(tables):
        if hint in (Col, Phasors) and place not in MAY_BE_NAN and not np.isfinite(column).all():
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            said = f"{column.ravel()[row]} in row {row}"
            found.append(Problem(f"{where}.{place}", said, "a finite number"))
        to = POINTS.get(place)
        if isinstance(table, PrimitiveBlocks) and place.endswith(".node"):
            to = ("nodes", 0)
        if to is None:
            continue
        thing, least = to
        count = len(tables[thing].name)
        bad = column[(column < least) | (column >= count)]
        if bad.size:
            expected = f"one that exists, {least} to {count - 1}"
            found.append(Problem(f"{where}.{place}", f"row {bad[0]} of {thing}", expected))
    return found
