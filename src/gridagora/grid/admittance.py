"""The admittance matrix of a feeder: the sum of the primitive admittances of its components, and its voltages without load."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from gridagora.core.components import Phasors, PrimitiveBlocks, Sources
from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder
from gridagora.core.tables import Index


class Network(NamedTuple):
    """What components together are to the flow: everything but the loads, the admittance of the sources included."""

    y: csc_matrix  # (m, m) [S]
    source_y: csc_matrix  # (m, m) that of the sources alone [S]
    source_i: Phasors  # (m,) their Norton current [A]
    v_no_load: Phasors  # (m,) [V]


def assemble(feeder: Feeder) -> Network:
    """Return the network of a feeder; its components are summed one after another, in the order of their blocks.

    Raises
    ------
    PartError
        The matrix is singular: a part of the network has no path to the source or to earth.
    """
    m = len(feeder.nodes.name)
    tables = (feeder.lines, feeder.transformers, feeder.capacitors, feeder.others)
    y = sum_blocks([feeder.sources.blocks, *(table.blocks for table in tables)], m)
    source_i = injected(feeder.sources, m)
    try:
        v = unloaded(y, source_i)
    except RuntimeError as fault:
        raise PartError(
            f"feeder {feeder.name}: the admittance matrix is singular, so part of it floats ({fault})"
        ) from fault
    return Network(y, sum_blocks([feeder.sources.blocks], m), source_i, v)


def sum_blocks(tables: Sequence[PrimitiveBlocks], m: int) -> csc_matrix:
    """Return the sum of the blocks of all components over m nodes, rows sorted within each column, without zeros [S]."""
    pairs = [_entries(blocks) for blocks in tables]
    order = np.argsort(
        np.concatenate([np.repeat(one.order, np.diff(one.start) ** 2) for one in tables]),
        kind="stable",
    )
    row, column = (np.concatenate([pair[side] for pair in pairs])[order] for side in (0, 1))
    entry = np.concatenate([blocks.y_siemens for blocks in tables])[order]
    at, inverse = np.unique(column * m + row, return_inverse=True)
    total = np.zeros(len(at), np.complex128)
    np.add.at(total, inverse, entry)  # one after another, as the order says
    kept = total != 0
    start = np.concatenate([[0], np.cumsum(np.bincount(at[kept] // m, minlength=m))])
    return csc_matrix((total[kept], at[kept] % m, start), shape=(m, m))


def injected(sources: Sources, m: int) -> Phasors:
    """Return the current that sources drive into each of m nodes, shape (m,) [A]."""
    total = np.zeros(m, np.complex128)
    np.add.at(total, sources.blocks.node, sources.current_a)
    return total


def unloaded(y: csc_matrix, source_i: Phasors) -> Phasors:
    """Return the voltages without load, shape (m,) [V].

    Raises
    ------
    RuntimeError
        The matrix is singular.
    """
    lu = splu(y)
    v: Phasors = lu.solve(source_i)
    # one step of refinement: source admittances are a million times those of the lines
    v += lu.solve(source_i - y @ v)
    return v


def _entries(blocks: PrimitiveBlocks) -> tuple[Index, Index]:
    """Return the row and the column of every entry of the blocks."""
    size = np.diff(blocks.start)
    first, wide = np.repeat(blocks.start[:-1], size**2), np.repeat(size, size**2)
    inside = np.arange(len(blocks.y_siemens)) - np.repeat(np.cumsum(size**2) - size**2, size**2)
    return blocks.node[first + inside // wide], blocks.node[first + inside % wide]
