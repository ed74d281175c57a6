"""Loads of a feeder as power-grid-model has them: constant impedance, current or power from a phase to earth."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from gridagora.core.components import GROUND
from gridagora.core.feeder import Feeder, row_share
from gridagora.core.tables import Col, Flag, Index
from gridagora.core.voltage_dependence import (
    CURRENT,
    IMPEDANCE,
    POWER,
    VoltageDependence,
    constant_power,
)

PHASES = 3
KINDS = (IMPEDANCE, CURRENT, POWER)  # by the exponent of voltage 2, 1, 0
EXPONENTS = {IMPEDANCE: 2.0, CURRENT: 1.0, POWER: 0.0}


class EarthedLoads(NamedTuple):
    """Loads of one kind at l buses: what each draws by phase at the rated voltage is a matrix times the power of j meters."""

    kind: int  # IMPEDANCE, CURRENT or POWER
    bus: Index  # (l,)
    p_share: csr_array  # (3 l, j)
    q_share: csr_array  # (3 l, j)


def phase_loads(feeder: Feeder, phase: Index) -> tuple[EarthedLoads, ...]:
    """Return the loads of a feeder that has no refused ones, given the phase of each node (m,), from 0."""
    rows, of = feeder.loads, _dependence(feeder)
    at = PHASES * feeder.nodes.bus[rows.from_node] + phase[rows.from_node]
    meters, own = len(feeder.meters.name), row_share(feeder)
    rated = feeder.nodes.base_v[rows.from_node] / of.base_v
    found = []
    for kind in KINDS:
        p, q = (
            own * rated ** EXPONENTS[kind] * _part(share, exponent, kind)
            for share, exponent in ((of.p_share, of.p_exponent), (of.q_share, of.q_exponent))
        )
        drawing = np.flatnonzero((p != 0) | (q != 0))
        if not drawing.size:
            continue
        bus, place = np.unique(at[drawing] // PHASES, return_inverse=True)
        row, shape = PHASES * place + at[drawing] % PHASES, (PHASES * len(bus), meters)
        columns = (row, rows.meter[drawing])
        shares = [csr_array((each[drawing], columns), shape=shape) for each in (p, q)]
        found.append(EarthedLoads(kind, bus, *shares))
    return tuple(found)


def refused_loads(feeder: Feeder) -> Iterator[tuple[str, str]]:
    """Yield what kind of load there is no type for, and the name of each, as often as it has rows."""
    rows, of = feeder.loads, _dependence(feeder)
    curved = [
        (np.abs(share[:, POWER]) > 0) & ~np.isin(exponent, list(EXPONENTS.values()))
        for share, exponent in ((of.p_share, of.p_exponent), (of.q_share, of.q_exponent))
    ]
    kinds: tuple[tuple[str, Flag], ...] = (
        ("loads between two phases", rows.to_node != GROUND),
        ("loads that follow voltage by another exponent than 0, 1 or 2", curved[0] | curved[1]),
        ("loads that change outside of a band of voltages", _banded(of)),
    )
    for kind, mask in kinds:
        yield from ((kind, rows.name[row]) for row in np.flatnonzero(mask).tolist())


def _dependence(feeder: Feeder) -> VoltageDependence:
    if len(feeder.loads.dependence.base_v):
        return feeder.loads.dependence
    return constant_power(feeder.nodes.base_v[feeder.loads.from_node])


def _part(share: Col, exponent: Col, kind: int) -> Col:
    """Return the part (k,) of a rating that is of one kind; the part of power counts by its exponent."""
    own: Col = np.where(exponent == EXPONENTS[kind], share[:, POWER], 0.0)
    return own if kind == POWER else own + share[:, kind]


def _banded(of: VoltageDependence) -> Flag:
    """Mask of the rows (k,) that draw by another rule below or above a voltage."""
    has_power = (of.p_share[:, POWER] != 0) | (of.q_share[:, POWER] != 0)
    other = has_power | (of.p_share[:, CURRENT] != 0) | (of.q_share[:, CURRENT] != 0)
    edges = has_power & ((of.v_min_pu > 0) | np.isfinite(of.v_max_pu))
    flag: Flag = edges | (other & (of.v_low_pu > 0)) | (of.v_off_pu > 0)
    return flag
