"""What feeds a pandapower network: external grids and generators that hold the voltage of the slack bus.

As in the unbalanced flow of pandapower, the positive sequence of an external grid holds its voltage, the negative and zero
sequence are behind its short-circuit impedance where the file states that.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.components import NO_BUS, Phasors, Sources, stack_blocks
from gridagora.core.errors import Problem
from gridagora.core.tables import Col, Flag, Index
from gridagora.sources.pandapower.buses import BusRows
from gridagora.sources.pandapower.parts import nodes_of
from gridagora.sources.pandapower.sequences import PHASES, phase_blocks
from gridagora.sources.pandapower.tables import Net, NetTable

SOURCE_OHM_PER_V = 1e-11  # of the positive sequence: its voltage sinks by less than a billionth
VOLTAGE_FACTOR = 1.1  # c of IEC 60909, which the short-circuit power of an external grid includes
TURNS = np.exp(-2j * np.pi * np.arange(PHASES) / PHASES)


class Feeds(NamedTuple):
    """s sources of voltage."""

    name: tuple[str, ...]  # (s,)
    bus: Index  # (s,) group of buses
    pu: Col  # (s,) [pu]
    degree: Col  # (s,) angle of phase A [degree]
    y: Phasors  # (s, 3, 3) [S]


def read_sources(net: Net, buses: BusRows) -> Feeds:
    """Return the sources in service; a network without one is a problem."""
    grids, generators = net.table("ext_grid"), net.table("gen")
    slack = generators.flag("slack", default=False)
    parts = [_feeds(grids, buses, np.ones(len(grids), np.bool_)), _feeds(generators, buses, slack)]
    found = Feeds(
        tuple(name for part in parts for name in part.name),
        *(np.concatenate([part[at] for part in parts]) for at in range(1, 5)),
    )
    if not found.name:
        expected = "an external grid in service, on a bus in service"
        net.problems.append(Problem(net.path.name, "no source of voltage", expected))
    return found


def _feeds(table: NetTable, buses: BusRows, holds: Flag) -> Feeds:
    bus = buses.of(table, "bus")
    rows = np.flatnonzero(table.flag("in_service", default=True) & holds & (bus != NO_BUS))
    names = table.names()
    pu, degree = table.real("vm_pu", 1.0, least=1e-3), table.real("va_degree", 0.0)
    base = buses.base_v[bus[rows]]
    stiff = np.asarray(1 / (SOURCE_OHM_PER_V * base), np.complex128)
    zero, negative = _behind(table, np.sqrt(3) * base, rows, stiff)
    y = phase_blocks(*(each[:, None, None] for each in (zero, stiff, negative)))
    return Feeds(tuple(names[row] for row in rows), bus[rows], pu[rows], degree[rows], y)


def _behind(table: NetTable, line_v: Col, rows: Index, stiff: Phasors) -> tuple[Phasors, Phasors]:
    """Return the admittance of the zero and the negative sequence, (s,) each [S]: stiff where nothing is stated."""
    power, rx = (table.real(key, np.nan)[rows] for key in ("s_sc_max_mva", "rx_max"))
    x0x, r0x0 = (table.real(key, np.nan)[rows] for key in ("x0x_max", "r0x0_max"))
    known = np.isfinite(power * rx * x0x * r0x0) & (power > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ohm = VOLTAGE_FACTOR * line_v**2 / (1e6 * power)
        x = ohm / np.sqrt(1 + rx**2)
        negative = 1 / (x * (rx + 1j))
        zero = 1 / (x * x0x * (r0x0 + 1j))
    found = [np.where(known, each, stiff) for each in (zero, negative)]
    return found[0].astype(np.complex128), found[1].astype(np.complex128)


def source_columns(feeds: Feeds, place: Index, base_v: Col) -> Sources:
    """Return the sources as columns; `place` (g,) is the row of each bus among those that are fed, `base_v` (b,) [V]."""
    bus = place[feeds.bus]
    v = feeds.pu * base_v[bus] * np.exp(1j * np.radians(feeds.degree))
    currents = np.einsum("sij,sj->si", feeds.y, v[:, None] * TURNS)
    blocks = stack_blocks(
        [
            (nodes_of(np.array([of]), place), np.zeros(PHASES, np.int64), y)
            for of, y in zip(feeds.bus, feeds.y, strict=True)
        ]
    )
    return Sources(feeds.name, bus, feeds.pu, blocks, currents.ravel())
