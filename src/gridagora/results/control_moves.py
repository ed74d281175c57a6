"""How line regulators and capacitor banks moved over a run."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Index

REGULATOR, CAPACITOR = "regulator", "capacitor"


class ControlMoves(NamedTuple):
    """Movements of r controls in e events. Positions are taps from the middle, or the steps of a bank that are on."""

    name: tuple[str, ...]  # (r,)
    kind: tuple[str, ...]  # (r,) REGULATOR or CAPACITOR
    control: Index  # (e,) row of the control
    interval: Index  # (e,)
    position_before: Index  # (e,)
    position_after: Index  # (e,)
    hunting: int  # intervals in which controls never came to rest, and were left as they stood


def count_moves(moves: ControlMoves, kind: str) -> Index:
    """Return the taps or steps that each control of a kind moved, up and down, shape (r,); 0 of the other kind."""
    steps = np.abs(moves.position_after - moves.position_before)
    total: Index = np.bincount(moves.control, steps, len(moves.name)).astype(np.int64)
    return np.where(np.array([each == kind for each in moves.kind], np.bool_), total, 0)


def find_moves(
    names: tuple[str, ...], kinds: tuple[str, ...], position: Index, start: Index, hunting: int
) -> ControlMoves:
    """Return the movements out of positions at the end of each interval, shape (t, r), and at the start of the run, (r,)."""
    before = np.concatenate([start[None], position[:-1]])
    interval, control = np.nonzero(position != before)
    found = before[interval, control], position[interval, control]
    return ControlMoves(names, kinds, control, interval, *found, hunting)
