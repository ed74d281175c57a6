"""Networks of pandapower (.json): buses, lines, transformers, switches and loads as stated, read without pandapower.

What is not converted is told by name with the consequence, and refused where a reading is strict.
"""

import re
from pathlib import Path

import numpy as np

from gridagora.core.components import NO_BUS, Nodes
from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder
from gridagora.core.registry import register
from gridagora.core.tables import Flag
from gridagora.files.path import require_path
from gridagora.grid.admittance import injected, sum_blocks, unloaded
from gridagora.population.customers import classify_meters
from gridagora.sources.pandapower.buses import BusRows, bus_columns, find_live, read_buses
from gridagora.sources.pandapower.feeding import read_sources, source_columns
from gridagora.sources.pandapower.lines import line_columns, read_lines, read_switches
from gridagora.sources.pandapower.loads import keep_fed, load_columns, read_loads
from gridagora.sources.pandapower.others import read_shunts, shunt_columns, tell_left_out
from gridagora.sources.pandapower.parts import keep_fed_branches
from gridagora.sources.pandapower.sequences import PHASES
from gridagora.sources.pandapower.tables import LEFT, Net, read_net
from gridagora.sources.pandapower.transformers import read_transformers, transformer_columns

COMMERCIAL = re.compile("commercial|industrial|agricultural")
RESIDENTIAL = re.compile("residential|household")


@register("source", "feeder.source=pandapower")
def read(path: str | Path) -> Feeder:
    """Read a feeder from a network file of pandapower 2 or 3.

    Parameters
    ----------
    path
        The file that `pandapower.to_json` wrote.

    Raises
    ------
    InputError
        A missing file, one of another kind, values that no element can have, a network without a source or without a load that
        is fed: all at once.

    References
    ----------
    L. Thurner et al., pandapower: an open-source Python tool for convenient modeling, analysis, and optimization of electric
    power systems, IEEE Trans. Power Systems 33, 2018, doi 10.1109/TPWRS.2018.2829021
    """
    expected = "the path of a pandapower network (.json)"
    require_path(path, "read_pandapower", expected)
    if not Path(path).is_file():
        raise InputError([Problem(str(path), "no file", expected)])
    return _feeder(read_net(Path(path)))


def _feeder(net: Net) -> Feeder:
    with np.errstate(divide="ignore", invalid="ignore"):  # of values that are refused below
        buses = read_buses(net)
        feeds = read_sources(net, buses)
        lines, switches = read_lines(net, buses), read_switches(net, buses)
        units = read_transformers(net, buses)
        loads, shunts = read_loads(net, buses), read_shunts(net, buses)
        tell_left_out(net)
    _refuse(net)
    pairs = [(part.ends[:, 0], part.ends[:, 1]) for part in (lines, switches, units)]
    live = find_live(len(buses.base_v), pairs, feeds.bus)
    _tell_dead(net, buses, live)
    place = np.where(live, np.cumsum(live) - 1, NO_BUS)
    loads = keep_fed(net, loads, live)
    if not loads.name:
        expected = "at least one, since homes take the places of loads"
        net.problems.append(Problem(str(net.path), "no load that is fed", expected))
    _refuse(net)
    lines, switches, units = (keep_fed_branches(part, live) for part in (lines, switches, units))
    bus = bus_columns(net, buses, live)
    sources = source_columns(feeds, place, bus.base_v)
    line_table, unit_table = (
        line_columns(net, lines, switches, place),
        transformer_columns(net, units, place),
    )
    others = shunt_columns(shunts, live, place)
    of_node = np.repeat(np.arange(len(bus.name)), PHASES)
    blocks = [table.blocks for table in (sources, line_table, unit_table, others)]
    count = len(of_node)
    v = unloaded(sum_blocks(blocks, count), injected(sources, count))
    tables = load_columns(loads, place, bus.base_v)
    feeder = Feeder(
        name=net.name,
        buses=bus,
        nodes=Nodes(_node_names(bus.name), of_node, bus.base_v[of_node], v),
        sources=sources,
        lines=line_table,
        transformers=unit_table,
        others=others,
        loads=tables.loads,
        meters=tables.meters,
        notes=tuple(net.notes),
    )
    commercial, residential = (
        np.array([pattern.search(word) is not None for word in tables.words], np.bool_)
        for pattern in (COMMERCIAL, RESIDENTIAL)
    )
    stated = np.zeros(len(tables.words), np.int64)
    return classify_meters(feeder, stated, tables.phases, commercial, residential)


def _node_names(buses: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}.{phase}" for name in buses for phase in range(1, PHASES + 1))


def _refuse(net: Net) -> None:
    if net.problems:
        raise InputError(list(dict.fromkeys(net.problems)))


def _tell_dead(net: Net, buses: BusRows, live: Flag) -> None:
    """Tell of buses in service that nothing feeds."""
    used = buses.row != NO_BUS
    dead = used & ~live[buses.row]
    names = buses.table.names()
    net.tell([f"bus {names[row]}" for row in np.flatnonzero(dead)], "no source feeds it", LEFT)
