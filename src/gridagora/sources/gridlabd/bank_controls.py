"""Controls of capacitor banks of a GridLAB-D model as the columns of a feeder."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.components import GROUND
from gridagora.core.controls import PHASES, CapacitorControls, Component, SwitchedBy
from gridagora.sources.gridlabd.capacitors import BankControl, ControlledBank
from gridagora.sources.gridlabd.elements import Node
from gridagora.sources.gridlabd.network import Elements


class _End(NamedTuple):
    """One end of a component, at which its voltages are measured."""

    component: Component
    row: int
    terminal: int
    nodes: tuple[Node, ...]


def bank_control_columns(
    banks: Sequence[ControlledBank], elements: Elements, row: Mapping[Node, int]
) -> CapacitorControls:
    """Return the controls of fed banks; each measures at an end of a component that has its node.

    `row` is that of each node that is fed; a control whose node is not is left out.
    """
    place = {each.name: at for at, each in enumerate(elements.capacitors)}
    kept: list[tuple[str, BankControl]] = [
        (bank.element.name, bank.control)
        for bank in banks
        if bank.control is not None and bank.element.name in place and bank.control.node in row
    ]
    wanted = {control.node for _, control in kept}
    ends: dict[Node, _End] = {}
    for end in _ends(elements):
        for node in wanted.intersection(end.nodes):
            ends.setdefault(node, end)
    own = [(name, control, ends[control.node]) for name, control in kept if control.node in ends]
    count = len(own)
    nodes = np.full((count, PHASES), GROUND)
    for at, (_, _, end) in enumerate(own):
        found = [row.get(node, GROUND) for node in end.nodes[:PHASES]]
        nodes[at, : len(found)] = found
    none, ones = np.zeros(count), np.ones(count)
    terminal = np.array([end.terminal for _, _, end in own], np.int64)
    phase = np.array([end.nodes.index(control.node) for _, control, end in own], np.int64)
    delay_s = np.array([control.delay_s for _, control, _ in own], np.float64)
    return CapacitorControls(
        name=tuple(name for name, _, _ in own),
        bank=np.array([place[name] for name, _, _ in own], np.int64),
        kind=np.full(count, int(SwitchedBy.VOLTAGE)),
        component=np.array([int(end.component) for _, _, end in own], np.int64),
        row=np.array([end.row for _, _, end in own], np.int64),
        terminal=terminal,
        node=nodes,
        current_terminal=terminal.copy(),
        current_node=nodes.copy(),
        voltage_phase=phase,
        current_phase=phase.copy(),
        phases=np.array([len(end.nodes) for _, _, end in own], np.int64),
        voltage_ratio=ones,
        current_ratio=ones.copy(),
        on_setting=np.array([control.low_v for _, control, _ in own], np.float64),
        off_setting=np.array([control.high_v for _, control, _ in own], np.float64),
        delay_s=delay_s,
        off_delay_s=delay_s.copy(),
        dead_s=none,
        is_override=np.zeros(count, np.bool_),
        low_v=none.copy(),
        high_v=none.copy(),
        override_node=nodes.copy(),
        least_share=none.copy(),
    )


def _ends(elements: Elements) -> Iterator[_End]:
    """Yield the ends of lines, then the banks: lines first, since a bank that is off has no conductors to measure."""
    for at, line in enumerate(elements.lines):
        for end, bus in enumerate(line.ends):
            nodes = tuple((bus, phase) for phase in line.phases)
            yield _End(Component.LINES, at, end, nodes)
    for at, bank in enumerate(elements.capacitors):
        yield _End(Component.CAPACITORS, at, 0, bank.nodes)
