"""What a component is beside the element that OpenDSS has for it, as reactors between its conductors and to earth."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gridagora.core.components import Phasors, PrimitiveBlocks
from gridagora.core.tables import Col, Index
from gridagora.report.opendss_model.names import NodePlaces

LEAST_VA = 1e-2  # an admittance that takes less at rated voltage is not written
ROUNDING = 1e-12  # of the entries beside it


class WrittenElement(NamedTuple):
    """An element as a line of OpenDSS, and the admittance (c, c) that OpenDSS makes of it over the conductors of a block [S]."""

    line: str
    y_siemens: Phasors


class Block(NamedTuple):
    """One component: its conductors and its admittance over them."""

    node: Index  # (c,)
    terminal: Index  # (c,)
    y_siemens: Phasors  # (c, c)
    volts: Col  # (c,) rated, line to neutral [V]


def each_block(blocks: PrimitiveBlocks, base_v: Col) -> Iterator[Block]:
    """Yield the blocks of a table, a component each; `base_v` is of the nodes, shape (m,) [V]."""
    entry = 0
    for first, last in zip(blocks.start[:-1].tolist(), blocks.start[1:].tolist(), strict=True):
        node, count = blocks.node[first:last], last - first
        y = blocks.y_siemens[entry : entry + count**2].reshape(count, count)
        entry += count**2
        yield Block(node, blocks.terminal[first:last], y, base_v[node])


def beyond(block: Block, y_siemens: Phasors) -> Phasors:
    """Return what a block is beside an admittance, shape (c, c) [S]; what is too small to matter is nil."""
    rest = block.y_siemens - y_siemens
    size = np.abs(rest) * np.outer(block.volts, block.volts)
    own = np.sqrt(np.abs(np.diag(block.y_siemens)))
    rest = np.where(size < LEAST_VA, 0.0, rest)
    return np.where(np.abs(rest) < ROUNDING * np.outer(own, own), 0.0, rest)


def crosses(block: Block, rest: Phasors) -> bool:
    """Whether a rest (c, c) joins two ends of its component, so that shunts cannot say it [S]."""
    return bool((np.abs(rest) > 0)[block.terminal[:, None] != block.terminal].any())


def is_symmetric(rest: Phasors) -> bool:
    """Whether current in one conductor for voltage at another is the same the other way round, of a rest (c, c) [S]."""
    return bool((np.abs(rest - rest.T) <= 1e-9 * np.abs(rest).max(initial=0.0)).all())


def write_rest(name: str, places: NodePlaces, block: Block, rest: Phasors) -> Iterator[str]:
    """Yield a rest as reactors, one between each pair of conductors and one to earth at each.

    Parameters
    ----------
    name
        Of the component; the reactors have it with their number.
    rest
        Shape (c, c), symmetric [S].
    """
    merged, node = _merged(block.node, rest)
    volts = np.zeros(len(node))
    volts[np.searchsorted(node, block.node)] = block.volts
    to_earth = merged.sum(axis=1)
    scale = np.abs(np.diag(merged))
    count = 0
    for i in range(len(node)):
        ends = [(j, -complex(merged[i, j])) for j in range(i + 1, len(node))]
        if abs(to_earth[i]) > 1e-12 * scale[i]:
            ends.append((-1, complex(to_earth[i])))
        for j, y in ends:
            if abs(y) * volts[i] * (volts[j] if j >= 0 else volts[i]) < LEAST_VA:
                continue
            count += 1
            z = 1 / y
            first = places.spell([int(node[i])])
            other = f" bus2={places.spell([int(node[j])])}" if j >= 0 else ""
            yield (
                f"New Reactor.{name}_{count} phases=1 bus1={first}{other} R={z.real!r} X={z.imag!r}"
            )


def _merged(node: Index, y: Phasors) -> tuple[Phasors, Index]:
    """Return the admittance over nodes that are each named once, in rising order."""
    own, at = np.unique(node, return_inverse=True)
    total = np.zeros((len(own), len(own)), np.complex128)
    np.add.at(total, (at[:, None], at[None]), y)
    return total, own
