"""Controls that their own settings keep from coming to rest, and transformers that carry power in a circle without any load.

References
----------
W. H. Kersting, Distribution System Modeling and Analysis, 4th ed., CRC Press 2017, chapter 7: a band is wider than
one tap.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridagora.core.components import GROUND, PrimitiveBlocks, block_of, terminals_of
from gridagora.core.controls import SwitchedBy
from gridagora.core.feeder import Feeder
from gridagora.core.tables import Index

FAR_SHARE = 0.25  # of the rated voltage, beyond the range of every usual regulator
CIRCLING_SHARE = 0.2  # of a rating, above what a core draws
V_PER_KV = 1e3
REGULATOR, BANK_CONTROL, TRANSFORMER = "regulator", "capacitor control", "transformer"


class Doubt(NamedTuple):
    """What is wrong with one control or transformer, and what becomes of it."""

    kind: str
    name: str
    got: str
    expected: str
    consequence: str


def find_unsteady(feeder: Feeder) -> list[Doubt]:
    """Return controls that cannot come to rest where they are set to, and transformers in a loop that does not fit."""
    return [*_regulators(feeder), *_banks(feeder), *_circling(feeder)]


def _regulators(feeder: Feeder) -> Iterator[Doubt]:
    own, units = feeder.regulators, feeder.transformers
    windings = units.windings
    for row in np.flatnonzero((own.transformer >= 0) & (own.at_once > 0)).tolist():
        unit = int(own.transformer[row])
        first = int(np.searchsorted(windings.transformer, unit))
        seen, tapped = first + int(own.sensed_winding[row]), first + int(own.winding[row])
        alone = int(units.phases[unit]) < 2 or bool(windings.is_delta[seen])
        rated_v = V_PER_KV * float(windings.kv[seen]) / (1.0 if alone else np.sqrt(3))
        span = float(windings.tap_max[tapped] - windings.tap_min[tapped])
        a_tap_v = span / int(windings.tap_steps[tapped]) * rated_v
        ratio = float(own.voltage_ratio[row])
        if own.remote_node[row] != GROUND:
            if own.sensed_phase[row] > 0:
                got = f"phase {own.sensed_phase[row] + 1} to measure at the one node of another bus"
                told = "It measures that node; OpenDSS reads nothing there and goes to the end of its range."
                yield Doubt(REGULATOR, own.name[row], got, "phase 1", told)
            ratio, rated_v = float(own.remote_ratio[row]), _remote_v(feeder, row)
        set_v, band_v = ratio * float(own.set_v[row]), ratio * float(own.band_v[row])
        if abs(set_v - rated_v) > FAR_SHARE * rated_v:
            got = f"{set_v:,.0f} V to hold where {rated_v:,.0f} V are rated"
            told = "It stands at the end of its range, whatever the load."
            yield Doubt(REGULATOR, own.name[row], got, "a voltage that its taps reach", told)
        elif band_v < a_tap_v:
            got = f"a band of {band_v:,.1f} V for taps of {a_tap_v:,.1f} V"
            told = "It may hunt: no tap need lie within."
            yield Doubt(REGULATOR, own.name[row], got, "a band wider than one tap", told)


def _remote_v(feeder: Feeder, row: int) -> float:
    """Return the rated voltage where a regulator measures elsewhere [V]."""
    base_v = float(feeder.nodes.base_v[feeder.regulators.remote_node[row]])
    return base_v if feeder.regulators.remote_to_node[row] == GROUND else float(np.sqrt(3)) * base_v


def _banks(feeder: Feeder) -> Iterator[Doubt]:
    own = feeder.capacitor_controls
    for row, name in enumerate(own.name):
        on, off, kind = float(own.on_setting[row]), float(own.off_setting[row]), own.kind[row]
        got = f"on at {on:g} and off at {off:g}"
        told = "It hunts: each action brings about the next."
        if kind == SwitchedBy.VOLTAGE and on >= off:
            yield Doubt(BANK_CONTROL, name, got, "on at a lower voltage than off", told)
        elif kind in (SwitchedBy.CURRENT, SwitchedBy.REACTIVE_POWER) and on <= off:
            yield Doubt(BANK_CONTROL, name, got, "on at a higher figure than off", told)


def _circling(feeder: Feeder) -> Iterator[Doubt]:
    """Yield transformers with a way beside them that carry a part of their rating although nothing draws."""
    v = np.append(feeder.nodes.v_no_load, 0.0)  # earth is the last, and GROUND is -1
    blocks = feeder.transformers.blocks
    for row, name in enumerate(feeder.transformers.name):
        node, y = block_of(blocks, row)
        first = terminals_of(blocks, row) == 0
        kva = 1e-3 * abs(complex((v[node] * np.conj(y @ v[node]))[first].sum()))
        share = kva / float(feeder.transformers.kva[row])
        if share > CIRCLING_SHARE and _is_beside(feeder, row):
            got = f"{share:.0%} of its rating without any load"
            expected = "a ratio and a vector group as of the way beside it"
            told = "Power circles in this loop and its losses count."
            yield Doubt(TRANSFORMER, name, got, expected, told)


def _is_beside(feeder: Feeder, unit: int) -> bool:
    """Whether the ends of a transformer are joined without it and the other units of its bank."""
    units = feeder.transformers.blocks
    own = _ends(feeder, units, unit)
    mates = [row for row in range(len(units.start) - 1) if _ends(feeder, units, row) == own]
    nodes = set(block_of(units, unit)[0].tolist()) - {GROUND}
    if any(nodes <= set(block_of(units, row)[0].tolist()) for row in mates if row != unit):
        return True
    pairs = [np.zeros((0, 2), np.int64)]
    for blocks in (feeder.lines.blocks, units, feeder.others.blocks):
        left_out = mates if blocks is units else []
        rows = [row for row in range(len(blocks.start) - 1) if row not in left_out]
        pairs += [_joined(_ends(feeder, blocks, row)) for row in rows]
    a, b = np.concatenate(pairs).T
    count = len(feeder.buses.name)
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(count, count))
    _, part = connected_components(graph, directed=False)
    return len(own) > 1 and part[own[0]] == part[own[1]]


def _ends(feeder: Feeder, blocks: PrimitiveBlocks, row: int) -> tuple[int, ...]:
    """Return the buses of an element, in their order."""
    node = block_of(blocks, row)[0]
    return tuple(dict.fromkeys(feeder.nodes.bus[node[node != GROUND]].tolist()))


def _joined(buses: tuple[int, ...]) -> Index:
    """Return pairs of buses that an element joins, (e, 2)."""
    return np.array([(buses[0], other) for other in buses[1:]], np.int64).reshape(-1, 2)
