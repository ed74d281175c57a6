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


def say_unsteady(feeder: Feeder) -> list[str]:
    """Return `find_unsteady` as sentences."""
    return [
        f"{one.kind.capitalize()} {one.name}: got {one.got}, expected {one.expected}. {one.consequence}"
        for one in find_unsteady(feeder)
    ]


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
    """Whether the ends of a transformer are joined without it."""
    pairs = [np.zeros((0, 2), np.int64)]
    for blocks, left_out in (
        (feeder.lines.blocks, -1),
        (feeder.transformers.blocks, unit),
        (feeder.others.blocks, -1),
    ):
        pairs.append(_joined(blocks, left_out))
    a, b = np.concatenate(pairs).T
    m = len(feeder.nodes.name)
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(m, m))
    _, part = connected_components(graph, directed=False)
    node, end = block_of(feeder.transformers.blocks, unit)[0], terminals_of(feeder.transformers.blocks, unit)  # fmt: skip
    live = node != GROUND
    return bool(set(part[node[live & (end == 0)]]) & set(part[node[live & (end > 0)]]))


def _joined(blocks: PrimitiveBlocks, left_out: int) -> np.ndarray:
    """Return pairs of nodes that an element joins, (e, 2); one row is left out."""
    found = [np.zeros((0, 2), np.int64)]
    for row in range(len(blocks.start) - 1):
        node = block_of(blocks, row)[0]
        node = node[node != GROUND]
        if row != left_out and len(node) > 1:
            found.append(np.stack([np.full(len(node) - 1, node[0]), node[1:]], axis=1))
    return np.concatenate(found)
