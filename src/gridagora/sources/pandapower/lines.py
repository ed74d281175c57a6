"""Lines, cables and switches with impedance of a pandapower network."""

import numpy as np

from gridagora.core.components import NO_BUS, Lines, Phasors
from gridagora.core.errors import Problem
from gridagora.core.tables import Col, Flag, Index
from gridagora.sources.pandapower.buses import SWITCH_RX, BusRows, bus_ends, open_ends
from gridagora.sources.pandapower.parts import JoinedPhases, stack_branches
from gridagora.sources.pandapower.sequences import open_end, phase_blocks, pi_ends
from gridagora.sources.pandapower.tables import Net, NetTable

NANO, KILO = 1e-9, 1e3
ZERO = ("r0_ohm_per_km", "x0_ohm_per_km")


def read_lines(net: Net, buses: BusRows) -> JoinedPhases:
    """Return the lines in service; one that stands open at one end keeps its charging, at both ends it is left out."""
    table = net.table("line")
    km = table.real("length_km", least=0.0)
    parallel = table.real("parallel", 1.0, least=1e-9)
    positive = _pi(net, table, km, parallel, "")
    zero = _zero(net, table, km, parallel, positive)
    _refuse_shorts(table, positive)
    ends = np.stack([buses.of(table, "from_bus"), buses.of(table, "to_bus")], axis=1)
    is_open = np.stack(
        [open_ends(net, "l", table, buses, key) for key in ("from_bus", "to_bus")], axis=1
    )
    return join_ends(table, ends, is_open, (zero, positive, positive))


def _pi(net: Net, table: NetTable, km: Col, parallel: Col, kind: str) -> Phasors:
    """Return the admittance of one sequence over both ends, shape (k, 2, 2) [S]."""
    least = 0.0 if kind else None
    r = table.real(f"r{kind}_ohm_per_km", least)
    x = table.real(f"x{kind}_ohm_per_km", least)
    c = table.real(f"c{kind}_nf_per_km", 0.0)
    g = table.real(f"g{kind}_us_per_km", 0.0)
    ohm = (r + 1j * x) * km / parallel
    shunt = np.asarray((1e-6 * g + 2j * np.pi * net.f_hz * NANO * c) * km * parallel, np.complex128)
    series = np.divide(1, ohm, out=np.zeros_like(ohm), where=ohm != 0)
    return pi_ends(series, shunt / 2, shunt / 2)


def _zero(net: Net, table: NetTable, km: Col, parallel: Col, positive: Phasors) -> Phasors:
    """Return the zero sequence, that of the positive where the file states none."""
    stated = np.ones(len(table), np.bool_)
    for key in ZERO:
        stated &= np.isfinite(table.real(key, np.nan))
    lacking = [name for name, known in zip(table.names(), stated, strict=True) if not known]
    net.tell(
        [f"line {name}" for name in lacking],
        "no zero-sequence impedance",
        "That of the positive sequence is taken; voltages are right where the phases draw alike.",
    )
    own = _pi(net, table, km, parallel, "0")
    return np.asarray(np.where(stated[:, None, None], own, positive), np.complex128)


def _refuse_shorts(table: NetTable, positive: Phasors) -> None:
    used = table.flag("in_service", default=True)
    for row in np.flatnonzero((positive[:, 0, 1] == 0) & used & np.isfinite(positive[:, 0, 1])):
        expected = "r_ohm_per_km or x_ohm_per_km other than 0, and a length_km above 0"
        table.problems.append(Problem(table.label(int(row)), "no impedance", expected))


def join_ends(
    table: NetTable, ends: Index, is_open: Flag, sequences: tuple[Phasors, Phasors, Phasors]
) -> JoinedPhases:
    """Return the elements in service with at least one end closed.

    Parameters
    ----------
    table
        Of k elements.
    ends, is_open
        Buses and whether the element stands open there, shape (k, 2).
    sequences
        Zero, positive and negative sequence over both ends, shape (k, 2, 2) each [S].
    """
    used = table.flag("in_service", default=True) & ~is_open.all(1)
    rows = np.flatnonzero(used)
    whole = phase_blocks(*sequences)
    part = [phase_blocks(*(open_end(each, end) for each in sequences)) for end in (0, 1)]
    blocks = tuple(
        whole[row] if not is_open[row].any() else part[int(np.argmax(is_open[row]))][row]
        for row in rows
    )
    return JoinedPhases(rows, np.where(is_open, NO_BUS, ends)[rows], blocks)


def read_switches(net: Net, buses: BusRows) -> JoinedPhases:
    """Return the closed switches between buses that have an impedance."""
    table = net.table("switch")
    start, end = bus_ends(table, buses)
    ohm = table.real("z_ohm", 0.0)
    rows = np.flatnonzero((start != NO_BUS) & (end != NO_BUS) & (ohm > 0))
    z = ohm[rows] * (SWITCH_RX + 1j) / np.sqrt(SWITCH_RX**2 + 1)
    none = np.zeros(len(rows), np.complex128)
    y = pi_ends(1 / z, none, none)
    return JoinedPhases(rows, np.stack([start, end], axis=1)[rows], tuple(phase_blocks(y, y, y)))


def line_columns(net: Net, lines: JoinedPhases, switches: JoinedPhases, place: Index) -> Lines:
    """Return lines and switches as columns; `place` (g,) is the row of each bus among those that are fed."""
    table, contacts = net.table("line"), net.table("switch")
    own = lines.row
    beside = table.real("df", 1.0) * table.real("parallel", 1.0)
    rating = KILO * table.real("max_i_ka", np.nan) * beside
    count = len(switches.row)
    unknown = np.full(count, np.nan)
    names, switch_names = table.names(), contacts.names()
    both = JoinedPhases(
        np.concatenate([own, switches.row]),
        np.concatenate([lines.ends, switches.ends]),
        (*lines.y, *switches.y),
    )
    buses = np.where(both.ends == NO_BUS, NO_BUS, place[both.ends])
    return Lines(
        name=(*(names[row] for row in own), *(switch_names[row] for row in switches.row)),
        from_bus=buses[:, 0].copy(),
        to_bus=buses[:, 1].copy(),
        phases=np.full(len(both.row), 3),
        length_m=np.concatenate([KILO * table.real("length_km", np.nan)[own], unknown]),
        rating_a=np.concatenate([rating[own], unknown]),
        emergency_a=np.concatenate([rating[own], unknown]),
        is_switch=np.arange(len(both.row)) >= len(own),
        blocks=stack_branches(both, place),
    )
