"""Places of buses that have no coordinates: a tree, joints from its root to the right, leaves one below another."""

from collections.abc import Iterable

import numpy as np

from gridagora.core.tables import Col, Index


def lay_out_tree(count: int, from_bus: Index, to_bus: Index, root: int) -> tuple[Col, Col]:
    """Return joints from the root, and row of each bus, shape (b,) each [1]; buses that no way leads to stand as roots below.

    Parameters
    ----------
    count
        Buses, b of them.
    from_bus, to_bus
        Pairs that are joined, shape (l,) each.
    root
        Row of the bus at the source.
    """
    near: list[list[int]] = [[] for _ in range(count)]
    for a, b in zip(from_bus.tolist(), to_bus.tolist(), strict=True):
        near[a].append(b)
        near[b].append(a)
    depth, up, order = _walk(near, (root, *range(count)))
    row, below = np.zeros(count), np.zeros(count, np.int64)
    leaves = 0
    for bus in reversed(order):
        if below[bus]:
            row[bus] /= below[bus]
        else:
            row[bus], leaves = leaves, leaves + 1
        if up[bus] >= 0:
            row[up[bus]] += row[bus]
            below[up[bus]] += 1
    return depth.astype(np.float64), row


def _walk(near: list[list[int]], roots: Iterable[int]) -> tuple[Index, Index, list[int]]:
    """Return depth and parent of every bus, -1 of a root, and the order in which they were reached."""
    depth, up = np.full(len(near), -1), np.full(len(near), -1)
    order = list[int]()
    for root in roots:
        if depth[root] >= 0:
            continue
        depth[root], stack = 0, [root]
        while stack:
            bus = stack.pop()
            order.append(bus)
            for other in near[bus]:
                if depth[other] < 0:
                    depth[other], up[other] = depth[bus] + 1, bus
                    stack.append(other)
    return depth, up, order
