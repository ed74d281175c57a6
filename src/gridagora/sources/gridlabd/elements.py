"""Elements of a network between the phases of its buses, before they are columns."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.components import Phasors, pi_block

Node = tuple[str, int]  # bus and phase: 1 to 3 for A to C, on a split phase 1 and 2 for its legs
LETTERS = "ABC"
SWITCH_OHM = 1e-4  # of switches, fuses and regulators that state none, as in GridLAB-D


class LineElement(NamedTuple):
    """A line, cable or switch."""

    name: str
    ends: tuple[str, str]
    phases: tuple[int, ...]
    length_m: float
    rating_a: float
    emergency_a: float
    is_switch: bool
    y: Phasors  # (2 p, 2 p) over both ends [S]


class Winding(NamedTuple):
    """One winding of a transformer, as in `core.components.Windings`."""

    bus: str
    kv: float
    kva: float
    is_delta: bool
    r_share: float
    tap: float = 1.0
    tap_min: float = 1.0
    tap_max: float = 1.0
    tap_steps: int = 1


class TransformerElement(NamedTuple):
    """A transformer or one phase of a regulator."""

    name: str
    phases: int
    kva: float
    x_share: tuple[float, float, float]
    core_share: float
    magnetising_share: float
    windings: tuple[Winding, ...]
    nodes: tuple[Node, ...]
    terminals: tuple[int, ...]
    y: Phasors  # (c, c) over the nodes [S]


class CapacitorElement(NamedTuple):
    """A bank of one or more phases that switch together."""

    name: str
    bus: str
    phases: int
    kv: float
    kvar: float
    is_delta: bool
    is_on: bool
    nodes: tuple[Node, ...]
    y: Phasors  # (c, c) [S]


class SourceElement(NamedTuple):
    """A swing bus: its voltage behind a small resistance."""

    name: str
    bus: str
    phases: tuple[int, ...]
    v: Phasors  # (p,) [V]
    base_v: float


class OtherElement(NamedTuple):
    """A linear element of another kind, between nodes or to earth."""

    name: str
    kind: str
    nodes: tuple[Node, ...]
    y: Phasors  # (c, c) [S]


def phase_numbers(phases: frozenset[str]) -> tuple[int, ...]:
    """Return the numbers of the phases, 1 and 2 for both legs of a split phase."""
    if "S" in phases:
        return (1, 2)
    return tuple(at for at, letter in enumerate(LETTERS, 1) if letter in phases)


def switch_y(count: int, ohm: float) -> Phasors:
    """Return the admittance of so many closed contacts over both their ends, shape (2 c, 2 c) [S]."""
    return pi_block(np.asarray(np.eye(count) * ohm, np.complex128))


def pair_y(pairs: Sequence[tuple[int, int]], count: int, siemens: Sequence[complex]) -> Phasors:
    """Return the admittance over so many nodes, shape (c, c) [S], of elements between pairs of their rows; -1 is earth."""
    y = np.zeros((count, count), complex)
    for (start, end), each in zip(pairs, siemens, strict=True):
        y[start, start] += each
        if end >= 0:
            y[end, end] += each
            y[start, end] -= each
            y[end, start] -= each
    return y
