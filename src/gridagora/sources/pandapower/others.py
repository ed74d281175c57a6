"""Shunts of a pandapower network, and what of it is not converted."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gridagora.core.components import NO_BUS, Others, Phasors, stack_blocks
from gridagora.core.tables import Flag, Index
from gridagora.sources.pandapower.buses import BusRows
from gridagora.sources.pandapower.parts import nodes_of
from gridagora.sources.pandapower.sequences import PHASES
from gridagora.sources.pandapower.tables import LEFT, Net

OWN = "Left out, since the scenario's homes bring their own PV and storage."
CUT = "What is behind it is fed only by other ways."
ABSENT: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "sgen": ("feeds power in", OWN),
        "asymmetric_sgen": ("feeds power in", OWN),
        "gen": ("feeds power in and holds a voltage", OWN),
        "storage": ("stores energy", OWN),
        "trafo3w": ("a transformer of three windings", CUT),
        "impedance": ("an impedance between buses", CUT),
        "tcsc": ("a controlled series capacitor", CUT),
        "dcline": ("a line of direct current", LEFT),
        "line_dc": ("a line of direct current", LEFT),
        "vsc": ("a converter", LEFT),
        "ssc": ("a static compensator", LEFT),
        "svc": ("a controlled shunt", LEFT),
        "ward": ("the equivalent of another network", LEFT),
        "xward": ("the equivalent of another network", LEFT),
        "controller": ("a controller", "Taps and set points stay as the file states them."),
    }
)
KNOWN_SWITCHES = {"", "b", "l", "t", "t3"}


class Shunts(NamedTuple):
    """k shunts, alike on three phases to earth."""

    name: tuple[str, ...]  # (k,)
    bus: Index  # (k,) group of buses
    siemens: Phasors  # (k,) of each phase


def read_shunts(net: Net, buses: BusRows) -> Shunts:
    """Return the shunts in service, with as many steps as are on."""
    table = net.table("shunt")
    by_table = table.flag("step_dependency_table", default=False)
    names, bus = table.names(), buses.of(table, "bus")
    net.tell(
        [f"shunt {names[row]}" for row in np.flatnonzero(by_table)],
        "steps of its own table",
        "They are taken as equal steps of p_mw and q_mvar.",
    )
    step = table.real("step", 1.0)
    own = table.real("vn_kv", np.nan, least=1e-6)
    volts = 1e3 * np.where(
        np.isfinite(own), own, np.sqrt(3) * np.append(buses.base_v, np.nan)[bus] / 1e3
    )
    power = 1e6 * step * (table.real("p_mw", 0.0) - 1j * table.real("q_mvar", 0.0))
    rows = np.flatnonzero(table.flag("in_service", default=True) & (bus != NO_BUS) & (power != 0))
    siemens = np.asarray(power[rows] / volts[rows] ** 2, np.complex128)
    return Shunts(tuple(names[row] for row in rows), bus[rows], siemens)


def shunt_columns(shunts: Shunts, live: Flag, place: Index) -> Others:
    """Return the shunts that are fed; `live` (g,) is True of buses that are, `place` (g,) their row among those."""
    rows = np.flatnonzero(live[shunts.bus])
    ground = np.zeros(PHASES, np.int64)
    blocks = stack_blocks(
        [
            (nodes_of(shunts.bus[[row]], place), ground, shunts.siemens[row] * np.eye(PHASES))
            for row in rows
        ]
    )
    return Others(tuple(shunts.name[row] for row in rows), ("shunt",) * len(rows), blocks)


def tell_left_out(net: Net) -> None:
    """Tell of the elements in service that are not converted, by table."""
    for name, (what, consequence) in ABSENT.items():
        table = net.table(name)
        used = table.flag("in_service", default=True)
        if name == "gen":
            used &= ~table.flag("slack", default=False)
        names = table.names()
        net.tell([f"{name} {names[row]}" for row in np.flatnonzero(used)], what, consequence)
    kinds = sorted(set(net.table("switch").text("et")) - KNOWN_SWITCHES)
    net.tell([f"switches of type {kind}" for kind in kinds], "not of b, l or t", LEFT)
