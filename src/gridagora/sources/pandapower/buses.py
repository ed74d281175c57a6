"""Buses of a pandapower network: those that closed switches join are one, and those that no source feeds are left out."""

import json
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridagora.core.components import NO_BUS, Buses
from gridagora.core.errors import Problem
from gridagora.core.tables import Col, Flag, Index
from gridagora.sources.pandapower.tables import Net, NetTable

METRES_A_DEGREE = 111_195.0  # of a great circle of the mean radius of the Earth, 6 371 km
SWITCH_RX = 2.0  # resistance over reactance of a switch with impedance, as pandapower takes it


class BusRows(NamedTuple):
    """Which row each of the n buses of the file is, once joined; NO_BUS of those out of service."""

    table: NetTable
    row: Index  # (n,) of its group, NO_BUS where it is out of service
    base_v: Col  # (g,) line to neutral [V]
    first: Index  # (g,) row of the first bus of each group

    def of(self, table: NetTable, key: str) -> Index:
        """Return the group of the bus that a column names, shape (k,); an unknown bus is a problem."""
        named = table.whole(key)
        order = np.argsort(self.table.index)
        place = np.searchsorted(self.table.index, named, sorter=order).clip(
            max=max(len(order) - 1, 0)
        )
        at = order[place] if len(order) else np.full(len(named), -1)
        known = (self.table.index[at] == named) if len(order) else np.zeros(len(named), np.bool_)
        used = table.flag("in_service", default=True)
        for row in np.flatnonzero(~known & used):
            expected = "an index of table bus"
            table.problems.append(Problem(table.label(int(row)), f"{key} {named[row]}", expected))
        return np.where(known, self.row[at], NO_BUS) if len(order) else at


def read_buses(net: Net) -> BusRows:
    """Return the buses of a network, those that closed switches without impedance join as one."""
    table = net.table("bus")
    base_v = 1e3 * table.real("vn_kv", least=1e-6) / np.sqrt(3)
    live = table.flag("in_service", default=True)
    plain = BusRows(table, np.where(live, np.arange(len(table)), NO_BUS), base_v, table.index)
    switches = net.table("switch")
    a, b = _joined(switches, plain)
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(len(table), len(table)))
    _, group = connected_components(graph, directed=False)
    _, first, row = np.unique(group, return_index=True, return_inverse=True)
    for start, end in zip(a, b, strict=True):
        if not np.isclose(base_v[start], base_v[end], rtol=1e-3):
            got = f"vn_kv {np.sqrt(3) * base_v[end] / 1e3:g}"
            expected = f"{np.sqrt(3) * base_v[start] / 1e3:g}, since a closed switch joins the two"
            net.problems.append(Problem(table.label(int(end)), got, expected))
    return BusRows(table, np.where(live, row, NO_BUS), base_v[first], first)


def _joined(switches: NetTable, buses: BusRows) -> tuple[Index, Index]:
    """Return the pairs of buses that closed switches without impedance join, (s,) each."""
    start, end = bus_ends(switches, buses)
    plain = (start != NO_BUS) & (end != NO_BUS) & ~(switches.real("z_ohm", 0.0) > 0)
    return start[plain], end[plain]


def bus_ends(switches: NetTable, buses: BusRows) -> tuple[Index, Index]:
    """Return the buses at both ends of closed switches between buses, (n,) each; NO_BUS of all others."""
    closed = switches.flag("closed", default=True)
    between = np.array([kind == "b" for kind in switches.text("et")], np.bool_) & closed
    if not between.any():
        return np.full(len(switches), NO_BUS), np.full(len(switches), NO_BUS)
    start, end = buses.of(switches, "bus"), np.full(len(switches), NO_BUS)
    own = NetTable(
        switches.where,
        switches.name,
        switches.index[between],
        {"element": [switches.columns["element"][row] for row in np.flatnonzero(between).tolist()]},
        switches.problems,
    )
    end[between] = buses.of(own, "element")
    return np.where(between, start, NO_BUS), end


def open_ends(net: Net, kind: str, elements: NetTable, buses: BusRows, key: str) -> Flag:
    """Return which elements stand open at the bus of a column, by an open switch or a bus out of service, shape (k,)."""
    switches, bus = net.table("switch"), elements.whole(key)
    is_open = buses.of(elements, key) == NO_BUS
    of_kind = np.array([et == kind for et in switches.text("et")], np.bool_)
    opened = of_kind & ~switches.flag("closed", default=True)
    at = {
        (int(element), int(place))
        for element, place in zip(
            switches.whole("element")[opened], switches.whole("bus")[opened], strict=True
        )
    }
    switched = [(int(e), int(b)) in at for e, b in zip(elements.index, bus, strict=True)]
    return np.asarray(is_open | np.array(switched, np.bool_), np.bool_)


def find_live(count: int, pairs: list[tuple[Index, Index]], sources: Index) -> Flag:
    """Return which of so many buses have a path to a source, shape (count,); pairs (k,) of buses with NO_BUS are no path."""
    a, b = (
        np.concatenate([np.zeros(0, np.int64), *(pair[side] for pair in pairs)]) for side in (0, 1)
    )
    both = (a != NO_BUS) & (b != NO_BUS)
    graph = coo_array((np.ones(both.sum()), (a[both], b[both])), shape=(count, count))
    _, part = connected_components(graph, directed=False)
    return np.isin(part, part[sources])


def bus_columns(net: Net, buses: BusRows, kept: Flag) -> Buses:
    """Return the buses that are fed, `kept` (g,), with their place in metres around their middle where it is in degrees."""
    x, y = _places(net)
    first = buses.first[kept]
    names = buses.table.names()
    return Buses(tuple(names[row] for row in first), x[first], y[first], buses.base_v[kept])


def _places(net: Net) -> tuple[Col, Col]:
    """Return the place of every bus, (n,) each [m]; nan where the file has none."""
    table, older = net.table("bus"), net.table("bus_geodata")
    if not table.has("geo"):
        return _older_places(table, older)
    x, y = np.array([_read_point(text) for text in table.text("geo")]).T
    known = np.isfinite(x + y)
    if not known.any() or np.abs(x[known]).max() > 180 or np.abs(y[known]).max() > 90:
        return x, y
    middle = [(each[known].min() + each[known].max()) / 2 for each in (x, y)]
    wide = METRES_A_DEGREE * np.cos(np.radians(middle[1]))
    return wide * (x - middle[0]), METRES_A_DEGREE * (y - middle[1])


def _older_places(table: NetTable, older: NetTable) -> tuple[Col, Col]:
    """Return the place of every bus by the table of files from before version 3, (n,) each [m]."""
    place = np.full((len(table), 2), np.nan)
    row = {int(at): number for number, at in enumerate(table.index)}
    stated = zip(older.index, older.real("x", np.nan), older.real("y", np.nan), strict=True)
    for at, x, y in stated:
        if int(at) in row:
            place[row[int(at)]] = x, y
    return place[:, 0], place[:, 1]


def _read_point(text: str) -> tuple[float, float]:
    """Return the coordinates of a GeoJSON point (RFC 7946), nan where the text is none."""
    try:
        held: Any = json.loads(text) if text else {}
        x, y = held["coordinates"][:2]
        return float(x), float(y)
    except (ValueError, KeyError, TypeError):
        return np.nan, np.nan
