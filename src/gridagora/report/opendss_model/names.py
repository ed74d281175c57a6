"""Names that OpenDSS can hold: letters, digits, `_` and `-`, alike in capitals and small letters; nodes by number."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.feeder import Feeder
from gridagora.core.tables import Index

UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
LETTERS = {"a": 1, "b": 2, "c": 3, "n": 4, "s1": 1, "s2": 2}  # of nodes that are not numbered


class NodePlaces(NamedTuple):
    """Where the nodes of a feeder are in an OpenDSS model: a bus of a safe name and a number within it."""

    bus: tuple[str, ...]  # (b,) name of each bus
    of_node: Index  # (m,) row of the bus
    number: Index  # (m,) from 1

    def spell(self, nodes: Sequence[int]) -> str:
        """Return nodes of one bus as OpenDSS writes them, `bus.1.2.0`; below 0 is earth."""
        rows = [node for node in nodes if node >= 0]
        numbers = (str(int(self.number[node])) if node >= 0 else "0" for node in nodes)
        return ".".join((self.bus[int(self.of_node[rows[0]])], *numbers))


def make_safe(names: Iterable[str]) -> tuple[str, ...]:
    """Return names that OpenDSS can hold, each once: what it cannot hold becomes `_`, a second one gets a number."""
    taken: set[str] = set()
    found = []
    for name in names:
        plain = UNSAFE.sub("_", name.lower()) or "_"
        made, count = plain, 1
        while made in taken:
            count += 1
            made = f"{plain}_{count}"
        taken.add(made)
        found.append(made)
    return tuple(found)


def place_nodes(feeder: Feeder) -> NodePlaces:
    """Return where the nodes of a feeder are; those whose name ends in no number get one that is free at their bus."""
    bus = feeder.nodes.bus
    ends = [name.rpartition(".")[2].lower() for name in feeder.nodes.name]
    wanted = [int(end) if end.isdigit() else LETTERS.get(end, 0) for end in ends]
    taken: set[tuple[int, int]] = set()
    number = np.zeros(len(wanted), np.int64)
    for row, first in enumerate(wanted):
        place, at = int(bus[row]), first
        while at < 1 or (place, at) in taken:
            at += 1
        taken.add((place, at))
        number[row] = at
    return NodePlaces(make_safe(feeder.buses.name), bus, number)
