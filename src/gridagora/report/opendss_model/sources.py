"""The sources of an OpenDSS model: a voltage behind sequence impedances, or a current beside what it stands behind."""

from typing import NamedTuple

import numpy as np

from gridagora.core.components import Phasors
from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder
from gridagora.core.tables import Index
from gridagora.report.opendss_model.names import NodePlaces
from gridagora.report.opendss_model.rest import Block, each_block, is_symmetric, write_rest

TURN = np.exp(2j * np.pi / 3)
SEQUENCES = np.array(
    [[1, 1, 1], [1, TURN**2, TURN], [1, TURN, TURN**2]]
)  # zero, positive, negative
SAME = 1e-9  # departure from a balanced voltage or impedance that counts as none
PHASES = 3


class NortonSource(NamedTuple):
    """All sources at the same nodes together."""

    name: str
    node: Index  # (c,)
    y_siemens: Phasors  # (c, c)
    current_a: Phasors  # (c,)


class WrittenSources(NamedTuple):
    """The properties of the circuit's own source, '' where none of the feeder is like it, and the other lines."""

    circuit: str
    lines: tuple[str, ...]


def write_sources(feeder: Feeder, places: NodePlaces) -> WrittenSources:
    """Return the sources of a feeder: the first voltage is that of the circuit, of three balanced phases or of one."""
    circuit, lines = "", list[str]()
    for at, source in enumerate(_joined(feeder)):
        balanced = _balanced(source, places)
        each = [balanced] if balanced else _by_phase(source, places)
        if not each:
            lines += _norton(f"source_{at + 1}", source, feeder, places)
        elif not circuit:
            circuit, *each = each
        lines += [
            f"New Vsource.source_{at + 1}_{number} {told}" for number, told in enumerate(each, 1)
        ]
    return WrittenSources(circuit, tuple(lines))


def _joined(feeder: Feeder) -> list[NortonSource]:
    """Return the sources, those over the same nodes as one."""
    found: dict[tuple[int, ...], NortonSource] = {}
    start = feeder.sources.blocks.start
    for row, block in enumerate(each_block(feeder.sources.blocks, feeder.nodes.base_v)):
        order = np.argsort(block.node)
        key = tuple(block.node[order].tolist())
        y = block.y_siemens[np.ix_(order, order)]
        amps = feeder.sources.current_a[start[row] : start[row + 1]][order]
        before = found.get(key)
        if before is not None:
            y, amps = y + before.y_siemens, amps + before.current_a
        name = feeder.sources.name[row] if before is None else before.name
        found[key] = NortonSource(name, block.node[order], y, amps)
    return [source for source in found.values() if source.node.size]


def _balanced(source: NortonSource, places: NodePlaces) -> str:
    """Return a source of three phases as OpenDSS reads it; '' for one that it cannot be."""
    if len(source.node) != PHASES or not np.abs(np.diag(source.y_siemens)).all():
        return ""
    ohm = np.linalg.inv(source.y_siemens)
    volts = ohm @ source.current_a
    positive = complex((volts * TURN ** np.arange(PHASES)).mean())
    if not abs(positive) or (
        np.abs(volts - positive * TURN ** -np.arange(PHASES)).max() > SAME * abs(positive)
    ):
        return ""
    sequence = np.linalg.inv(SEQUENCES) @ ohm @ SEQUENCES
    own = np.diag(sequence)
    if np.abs(sequence - np.diag(own)).max() > SAME * np.abs(own).max():
        return ""
    kv = float(np.abs(positive)) * np.sqrt(3.0) / 1e3
    ohms = [complex(one) for one in own]
    said = " ".join(f"Z{at}=[{ohms[at].real!r}, {ohms[at].imag!r}]" for at in (1, 0, 2))
    return (
        f"bus1={places.spell(source.node.tolist())} basekv={float(kv)!r} pu=1.0 "
        f"angle={float(np.degrees(np.angle(positive)))!r} phases=3 {said}"
    )


def _by_phase(source: NortonSource, places: NodePlaces) -> list[str]:
    """Return a source whose phases do not know each other, a voltage for each; nothing for one that is none."""
    own = np.diag(source.y_siemens)
    if np.count_nonzero(source.y_siemens) > len(own) or not own.all() or not source.current_a.all():
        return []
    told = []
    for node, siemens, amps in zip(source.node, own, source.current_a, strict=True):
        ohm, volts = complex(1 / siemens), complex(amps / siemens)
        z = f"[{ohm.real!r}, {ohm.imag!r}]"
        told.append(
            f"bus1={places.spell([int(node)])} basekv={abs(volts) / 1e3!r} pu=1.0 "
            f"angle={float(np.degrees(np.angle(volts)))!r} phases=1 Z1={z} Z0={z} Z2={z}"
        )
    return told


def _norton(name: str, source: NortonSource, feeder: Feeder, places: NodePlaces) -> list[str]:
    """Return a source as currents into its nodes beside reactors.

    Raises
    ------
    InputError
        An admittance that no reactors have.
    """
    if not is_symmetric(source.y_siemens):
        got = "a source whose negative and positive sequence differ, not of three balanced phases"
        raise InputError([Problem(f"source {source.name}", got, "a source that OpenDSS can hold")])
    volts = feeder.nodes.base_v[source.node]
    block = Block(source.node, np.zeros(len(source.node), np.int64), source.y_siemens, volts)
    lines = [
        f"New Isource.{name}_{at + 1} phases=1 bus1={places.spell([int(node)])} "
        f"amps={float(abs(amps))!r} angle={float(np.degrees(np.angle(amps)))!r}"
        for at, (node, amps) in enumerate(zip(source.node, source.current_a, strict=True))
        if abs(amps)
    ]
    return [*lines, *write_rest(f"{name}_rest", places, block, source.y_siemens)]
