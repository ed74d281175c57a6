"""The components of a feeder as power-grid-model has them: each admittance over three phases taken apart exactly, or refused.

A bus there has three phases. A line of fewer gets conductors without load or charge for the others, which carry no current.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gridagora.core.components import Phasors, PrimitiveBlocks
from gridagora.core.tables import Col, Index

PHASES = 3
CLOCK = np.pi / 6  # angle of an hour of a vector group
SAME = 1e-9  # of what is compared
ROUNDING = 1e-12  # of the largest admittance: what is left of terms that cancel
TURN = np.exp(2j * np.pi / 3)
SEQUENCES: Phasors = np.array([[1, 1, 1], [1, TURN**2, TURN], [1, TURN, TURN**2]])
ZERO, POSITIVE, NEGATIVE = range(PHASES)


class PhaseBlock(NamedTuple):
    """One component: its c conductors by bus and phase, and its admittance over them."""

    name: str
    row: int
    bus: Index  # (c,)
    phase: Index  # (c,) from 0
    terminal: Index  # (c,)
    y: Phasors  # (c, c) [S]


class PhaseLine(NamedTuple):
    """A line over three phases."""

    name: str
    buses: tuple[int, int]
    phases: tuple[int, ...]  # of the feeder; others are added
    ohm: Phasors  # (3, 3)
    charge_siemens: Col  # (3, 3) of both ends together


class PhaseUnit(NamedTuple):
    """An ideal transformer of three phases with its leakage; what it draws without load is in shunts."""

    buses: tuple[int, int]
    ratio: float  # volts of the first bus over those of the second
    ohm: complex  # seen from the second bus
    clock: int  # hours by which the second bus lags
    carries_zero: bool  # whether currents of zero sequence pass from one side to the other


class PhaseShunt(NamedTuple):
    """Admittance to earth of positive and zero sequence [S]."""

    bus: int
    positive: complex
    zero: complex


class Refusal(ValueError):
    """Raised with what a component is that the engine has no type for; it is told with others of its kind."""


def components(
    blocks: PrimitiveBlocks, names: tuple[str, ...], bus: Index, phase: Index
) -> Iterator[PhaseBlock]:
    """Yield the components of blocks that have conductors; `bus` and `phase` (m,) are those of nodes."""
    first = np.concatenate([[0], np.cumsum(np.diff(blocks.start) ** 2)])
    for row, name in enumerate(names):
        own = slice(blocks.start[row], blocks.start[row + 1])
        node = blocks.node[own]
        y = blocks.y_siemens[first[row] : first[row + 1]].reshape(len(node), len(node))
        if y.any():
            yield PhaseBlock(name, row, bus[node], phase[node], blocks.terminal[own], y)


def line(of: PhaseBlock) -> tuple[PhaseLine | None, list[PhaseShunt]]:
    """Return a line from its admittance, and shunts of what no capacitance between its ends has; none where they are not joined.

    Raises
    ------
    Refusal
        More ends than two; a conductor that stands open or changes its phase; leakage that differs from phase to phase.
    """
    ends = _ends(of)
    if len(ends) == 1 or not of.y[np.ix_(*ends)].any():
        return None, [shunt(_part(of, end)) for end in ends if of.y[np.ix_(end, end)].any()]
    first, second = ends
    phases = of.phase[first]
    across = of.y[np.ix_(first, second)] if len(first) == len(second) else np.zeros((1, 1))
    if not np.array_equal(phases, of.phase[second]) or not np.diag(across).all():
        raise Refusal("lines with a conductor that stands open or changes its phase")
    ohm = np.asarray(-np.linalg.inv(across), np.complex128)
    leakage = [
        of.y[np.ix_(end, end)] + of.y[np.ix_(end, other)]
        for end, other in ((first, second), (second, first))
    ]
    rounding = ROUNDING * np.abs(of.y).max()
    off = [leakage[0] - leakage[1], leakage[0].real, leakage[0] - leakage[0].T]
    is_charge = max(np.abs(each).max() for each in off) <= rounding
    siemens = (leakage[0] + leakage[1]).imag if is_charge else np.zeros(ohm.shape)
    siemens[np.abs(siemens) <= rounding] = 0.0
    shunts = (
        [] if is_charge else [shunt(_part(of, *each)) for each in zip(ends, leakage, strict=True)]
    )
    if np.abs(ohm - ohm.T).max() > SAME * np.abs(ohm).max():
        raise Refusal("lines whose two directions differ")
    wide = _widened(ohm, phases)
    return PhaseLine(
        of.name, _buses(of, ends), tuple(phases.tolist()), wide, _spread(siemens, phases)
    ), shunts


def unit(of: PhaseBlock, base_v: Col) -> tuple[PhaseUnit, list[PhaseShunt]]:
    """Return a transformer and what it draws without load from its admittance; `base_v` are bases of buses, (b,) [V].

    Raises
    ------
    Refusal
        Other windings than two of three phases; phases that are not alike; a zero sequence that passes by another impedance.
    """
    sizes = np.unique(of.terminal, return_counts=True)[1]
    if sizes.tolist() != [PHASES, PHASES]:
        raise Refusal("transformers of one or two phases, of three windings, or with a neutral")
    ends = _ends(of)
    buses = _buses(of, ends)
    volts = base_v[list(buses)]
    parts = {
        (a, b): _by_sequence(of.y[np.ix_(ends[a], ends[b])] * (volts[a] * volts[b]))
        for a in range(2)
        for b in range(2)
    }
    scale = max(np.abs(diagonal).max() for diagonal, _ in parts.values())
    there, back = parts[0, 1][0], parts[1, 0][0]
    uneven = [coupled for _, coupled in parts.values()]
    uneven += [np.abs(there[NEGATIVE] - back[POSITIVE]), np.abs(there[POSITIVE] - back[NEGATIVE])]
    uneven += [np.abs(there[ZERO] - back[ZERO])]
    uneven += [np.abs(parts[a, a][0][POSITIVE] - parts[a, a][0][NEGATIVE]) for a in range(2)]
    if max(uneven) > SAME * scale or not np.abs(there[POSITIVE]) > SAME * scale:
        raise Refusal("transformers whose phases are not alike")
    own = parts[0, 0][0], parts[1, 1][0]
    turns = float(np.sqrt(np.abs(own[1][POSITIVE] / own[0][POSITIVE])))
    leakage = complex(np.sqrt(there[POSITIVE] * back[POSITIVE]))
    leakage = -leakage if leakage.imag > 0 else leakage  # of the two roots that of an inductance
    hours = float(np.angle(-there[POSITIVE] / leakage)) / CLOCK
    clock = round(hours) % 12
    if abs(hours - round(hours)) > SAME:
        raise Refusal("transformers that turn by other than full hours")
    passes = np.abs(there[ZERO]) > SAME * scale
    sign = -1.0 if clock % 4 == 0 else 1.0
    if passes and (clock % 2 or np.abs(there[ZERO] - sign * leakage) > SAME * scale):
        raise Refusal("transformers whose zero sequence passes by another impedance")
    shunts = [
        PhaseShunt(
            buses[side],
            complex(own[side][POSITIVE] - leakage * seen) / volts[side] ** 2,
            complex(own[side][ZERO] - (leakage * seen if passes else 0.0)) / volts[side] ** 2,
        )
        for side, seen in enumerate((1 / turns, turns))
    ]
    ohm = complex(volts[1] ** 2 / (leakage * turns))
    return PhaseUnit(buses, turns * float(volts[0] / volts[1]), ohm, clock, bool(passes)), shunts


def shunt(of: PhaseBlock) -> PhaseShunt:
    """Return a shunt of three phases from its admittance.

    Raises
    ------
    Refusal
        Fewer phases, or phases that are not alike.
    """
    ends = _ends(of)
    if len(ends) != 1 or len(ends[0]) != PHASES:
        raise Refusal("shunts and leakage of one or two phases")
    diagonal, coupled = _by_sequence(of.y[np.ix_(ends[0], ends[0])])
    uneven = max(coupled, np.abs(diagonal[POSITIVE] - diagonal[NEGATIVE]))
    if uneven > SAME * np.abs(diagonal).max():
        raise Refusal("shunts and leakage whose phases are not alike")
    return PhaseShunt(int(of.bus[0]), complex(diagonal[POSITIVE]), complex(diagonal[ZERO]))


def _ends(of: PhaseBlock) -> list[Index]:
    """Return the conductors of each end by phase.

    Raises
    ------
    Refusal
        An end on two buses, two ends on one, or a phase that stands there twice.
    """
    found = []
    for terminal in np.unique(of.terminal).tolist():
        end = np.flatnonzero(of.terminal == terminal)
        end = end[np.argsort(of.phase[end])]
        if len(set(of.phase[end].tolist())) < len(end) or np.ptp(of.bus[end]):
            raise Refusal("components one end of which has a phase twice or is on two buses")
        found.append(end)
    if len({int(of.bus[end[0]]) for end in found}) < len(found):
        raise Refusal("components both ends of which are on one bus")
    if len(found) > 2:
        raise Refusal("components of more than two ends")
    return found


def _buses(of: PhaseBlock, ends: list[Index]) -> tuple[int, int]:
    return int(of.bus[ends[0][0]]), int(of.bus[ends[1][0]])


def _part(of: PhaseBlock, end: Index, y: Phasors | None = None) -> PhaseBlock:
    """Return one end of a component alone, with its own admittance or another (c, c) [S]."""
    own = of.y[np.ix_(end, end)] if y is None else y
    return of._replace(bus=of.bus[end], phase=of.phase[end], terminal=of.terminal[end], y=own)


def _by_sequence(y: Phasors) -> tuple[Phasors, float]:
    """Return the diagonal (3,) of an admittance (3, 3) in symmetrical components, and the largest entry beside it [S]."""
    found = np.linalg.inv(SEQUENCES) @ y @ SEQUENCES
    diagonal: Phasors = np.diag(found).copy()
    return diagonal, float(np.abs(found - np.diag(diagonal)).max())


def _widened(ohm: Phasors, phases: Index) -> Phasors:
    """Return an impedance (3, 3) in which phases that a line has not are conductors of their own [ohm]."""
    found = np.diag(np.full(PHASES, np.diag(ohm).mean()))
    found[np.ix_(phases, phases)] = ohm
    return found


def _spread(siemens: Col, phases: Index) -> Col:
    found = np.zeros((PHASES, PHASES))
    found[np.ix_(phases, phases)] = siemens
    return found
