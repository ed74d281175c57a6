"""Controls of capacitor banks of a GridLAB-D model as the columns of a feeder."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.components import GROUND
from gridagora.core.controls import (
    ALL_PHASES,
    HIGHEST_PHASE,
    LOWEST_PHASE,
    PHASES,
    CapacitorControls,
    Component,
    SwitchedBy,
)
from gridagora.sources.gridlabd.capacitors import BankControl, ControlledBank
from gridagora.sources.gridlabd.elements import Node
from gridagora.sources.gridlabd.network import Elements


class _End(NamedTuple):
    """One end of a component, at which its voltages are measured."""

    component: Component
    row: int
    terminal: int
    nodes: tuple[Node, ...]


class _Watched(NamedTuple):
    """The control of a bank and the end at which it measures."""

    bank: int
    control: BankControl
    end: _End

    def phase(self) -> int:
        """Return the phase of the end that it measures, from 0; of several the one that asks most for closing."""
        if len(self.control.nodes) > 1:
            return LOWEST_PHASE if self.control.kind == SwitchedBy.VOLTAGE else HIGHEST_PHASE
        return self.end.nodes.index(self.control.nodes[0])


def bank_control_columns(
    banks: Sequence[ControlledBank], elements: Elements, row: Mapping[Node, int]
) -> CapacitorControls:
    """Return the controls of fed banks; each measures at an end of a component that has its nodes.

    `row` is that of each node that is fed; a control whose nodes are not is left out.
    """
    place = {each.name: at for at, each in enumerate(elements.capacitors)}
    first: dict[tuple[Node, ...], _End] = {}
    for end in _ends(elements):
        for nodes in (*((node,) for node in end.nodes), end.nodes):
            first.setdefault(nodes, end)
    links = dict(_link_ends(elements))
    own = []
    for bank in banks:
        control = bank.control
        if control is None or bank.element.name not in place:
            continue
        found = links.get(control.link) if control.link else first.get(control.nodes)
        if found is not None and set(control.nodes) <= set(found.nodes) & set(row):
            own.append(_Watched(place[bank.element.name], control, found))
    return _columns(own, elements, row)


def _columns(
    own: Sequence[_Watched], elements: Elements, row: Mapping[Node, int]
) -> CapacitorControls:
    count = len(own)
    nodes = np.full((count, PHASES), GROUND)
    for at, one in enumerate(own):
        found = [row.get(node, GROUND) for node in one.end.nodes[:PHASES]]
        nodes[at, : len(found)] = found
    none, ones = np.zeros(count), np.ones(count)
    terminal = np.array([one.end.terminal for one in own], np.int64)
    phase = np.array([one.phase() for one in own], np.int64)
    by_power = [one.control.kind == SwitchedBy.REACTIVE_POWER for one in own]
    delay_s = np.array([one.control.delay_s for one in own], np.float64)
    return CapacitorControls(
        name=tuple(elements.capacitors[one.bank].name for one in own),
        bank=np.array([one.bank for one in own], np.int64),
        kind=np.array([int(one.control.kind) for one in own], np.int64),
        component=np.array([int(one.end.component) for one in own], np.int64),
        row=np.array([one.end.row for one in own], np.int64),
        terminal=terminal,
        node=nodes,
        current_terminal=terminal.copy(),
        current_node=nodes.copy(),
        voltage_phase=phase,
        current_phase=phase.copy(),
        phases=np.array([len(one.end.nodes) for one in own], np.int64),
        voltage_ratio=ones,
        current_ratio=ones.copy(),
        on_setting=np.array([one.control.on for one in own], np.float64),
        off_setting=np.array([one.control.off for one in own], np.float64),
        delay_s=delay_s,
        off_delay_s=delay_s.copy(),
        dead_s=none,
        is_override=np.zeros(count, np.bool_),
        low_v=none.copy(),
        high_v=none.copy(),
        override_node=nodes.copy(),
        least_share=none.copy(),
        power_phase=np.where(by_power, phase, ALL_PHASES).astype(np.int64),
    )


def _link_ends(elements: Elements) -> Iterator[tuple[str, _End]]:
    """Yield the first end of each line and transformer by its name."""
    for at, line in enumerate(elements.lines):
        nodes = tuple((line.ends[0], phase) for phase in line.phases)
        yield line.name, _End(Component.LINES, at, 0, nodes)
    for at, unit in enumerate(elements.transformers):
        ended = zip(unit.nodes, unit.terminals, strict=True)
        nodes = tuple(node for node, terminal in ended if terminal == 0)
        yield unit.name, _End(Component.TRANSFORMERS, at, 0, nodes)


def _ends(elements: Elements) -> Iterator[_End]:
    """Yield the ends of lines, then the banks: lines first, since a bank that is off has no conductors to measure."""
    for at, line in enumerate(elements.lines):
        for end, bus in enumerate(line.ends):
            nodes = tuple((bus, phase) for phase in line.phases)
            yield _End(Component.LINES, at, end, nodes)
    for at, bank in enumerate(elements.capacitors):
        yield _End(Component.CAPACITORS, at, 0, bank.nodes)
