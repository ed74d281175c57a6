"""The controls of a feeder for the flow that moves them: where they act on the matrix, and what they measure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from gridagora.core.components import (
    GROUND,
    Phasors,
    PrimitiveBlocks,
    Windings,
    block_of,
    floating_part,
    stack_blocks,
    tapped,
    terminals_of,
)
from gridagora.core.controls import ALL_PHASES, PHASES, Component
from gridagora.core.feeder import Feeder, hold_controls, moving_units
from gridagora.core.tables import Col, Index
from gridagora.grid.flow import Factors, factor
from gridagora.kernels.flow.capacitor_switches import BankSwitches
from gridagora.kernels.flow.controlled import ControlRange
from gridagora.kernels.flow.fixed_point import Rows, Triangles
from gridagora.kernels.flow.refactor import PrimitiveParts, Sites, factor_again, fill_pattern
from gridagora.kernels.flow.tap_changers import TapChangers

V_PER_KV, W_PER_KW = 1e3, 1e3
NOWHERE = -1  # a conductor or part that there is none of
SAME = 1e-9  # of a step


class ControlledGrid(NamedTuple):
    """A feeder whose controls move, factored once with all steps of its controlled banks on."""

    factors: Factors
    sites: Sites
    parts: PrimitiveParts
    changers: TapChangers
    switches: BankSwitches
    behind: ControlRange


class _Moved(NamedTuple):
    """One component that controls change or measure."""

    node: Index  # (c,)
    terminal: Index  # (c,)
    held: Phasors  # (c,) against floating
    y: Phasors  # (c, c)
    by: Index  # (c,) regulator
    bank: int

    @property
    def changes(self) -> bool:
        return self.bank >= 0 or bool((self.by >= 0).any())


def moves(feeder: Feeder) -> bool:
    """Whether a feeder has a regulator or a capacitor bank that the flow moves."""
    return len(moving_units(feeder)) > 0 or len(feeder.capacitor_controls.name) > 0


def stand(feeder: Feeder, tap: Sequence[int], steps_on: Sequence[int]) -> Feeder:
    """Return the feeder with its controls in a state: k taps and the steps of c banks; it holds them there."""
    units, own, banks = feeder.transformers, feeder.regulators, feeder.capacitors
    windings = _windings(feeder, own.winding)
    for row in np.flatnonzero(own.transformer >= 0).tolist():
        more = (int(tap[row]) - int(own.tap_number[row])) * _rise(
            units.windings, int(windings[row])
        )
        unit, winding = int(own.transformer[row]), int(own.winding[row])
        if more:
            turns = float(units.windings.tap[windings[row]]) + more
            units = tapped(units, unit, winding, turns)
    share = _on_share(feeder)[np.arange(len(banks.name)), list(steps_on)]
    blocks = _with_banks(feeder, share).capacitors.blocks
    taps, on = np.array(tap, np.int64), np.array(steps_on, np.int64)
    return hold_controls(
        replace(
            feeder,
            transformers=units,
            regulators=own._replace(tap_number=taps),
            capacitors=banks._replace(blocks=blocks, steps_on=on),
        )
    )


def _rise(windings: Windings, row: int) -> float:
    """Return the turns that a step of a tap adds, over rated turns."""
    span = float(windings.tap_max[row] - windings.tap_min[row])
    return span / int(windings.tap_steps[row])


def factor_controls(feeder: Feeder) -> ControlledGrid:
    """Return the tables of the kernel that moves the controls of a feeder, and the matrix that they start from.

    Raises
    ------
    PartError
        The matrix is singular: a part of the network has no path to the source or to earth.
    """
    parts, at = _parts(feeder)
    factors = _with_room(
        factor(_with_banks(feeder, np.ones(len(feeder.capacitors.name)))),
        [one for one in parts if one.changes],
    )
    own, banks = feeder.regulators, feeder.capacitor_controls
    seen = [one.node for one in parts]
    seen += [column.ravel() for column in (own.from_node, own.to_node, own.remote_node)]
    seen += [column.ravel() for column in (own.remote_to_node, banks.node, banks.override_node)]
    nodes = np.unique(np.concatenate(seen))
    nodes = nodes[nodes != GROUND]
    site = np.full(len(feeder.nodes.name) + 1, GROUND)  # the last is earth
    site[nodes] = np.arange(len(nodes))
    triangles = factors.triangles
    places = triangles.col_at[nodes], triangles.row_at[nodes]
    return ControlledGrid(
        factors,
        Sites(*places, factors.network.v_no_load[nodes]),
        _table(parts, site, factors),
        _changers(feeder, parts, at, site),
        _switches(feeder, parts, at, site),
        ControlRange(_turns(feeder), _on_share(feeder)),
    )


def _parts(feeder: Feeder) -> tuple[list[_Moved], dict[tuple[int, int], int]]:
    """Return what controls change or measure, and the place of each by its table and row there."""
    own, banks = feeder.regulators, feeder.capacitor_controls
    units = [int(row) for row in own.transformer if row >= 0]
    wanted = [(int(Component.TRANSFORMERS), row) for row in units]
    wanted += [(int(Component.CAPACITORS), int(row)) for row in banks.bank]
    wanted += list(zip(banks.component.tolist(), banks.row.tolist(), strict=True))
    at = {key: place for place, key in enumerate(dict.fromkeys(wanted))}
    return [_part(feeder, *key) for key in at], at


def _part(feeder: Feeder, component: int, row: int) -> _Moved:
    controlled = component == Component.CAPACITORS and row in feeder.capacitor_controls.bank
    blocks = _blocks(feeder, component)
    blocks = feeder.capacitors.full if controlled else blocks
    node, y = block_of(blocks, row)
    terminal, own = terminals_of(blocks, row), feeder.regulators
    by = np.full(len(node), NOWHERE)
    if component == Component.TRANSFORMERS:
        for regulator in np.flatnonzero(own.transformer == row):
            by[terminal == own.winding[regulator]] = regulator
    is_unit = component == Component.TRANSFORMERS
    held = floating_part(y, terminal) if is_unit else np.zeros(len(node), np.complex128)
    return _Moved(node, terminal, held, y, by, row if controlled else NOWHERE)


def _blocks(feeder: Feeder, component: int) -> PrimitiveBlocks:
    tables: dict[int, PrimitiveBlocks] = {
        Component.SOURCES: feeder.sources.blocks,
        Component.LINES: feeder.lines.blocks,
        Component.TRANSFORMERS: feeder.transformers.blocks,
        Component.CAPACITORS: feeder.capacitors.blocks,
        Component.OTHERS: feeder.others.blocks,
    }
    return tables[component]


def _with_banks(feeder: Feeder, share: Col) -> Feeder:
    """Return the feeder with so much of its controlled banks on, of shares (c,) of their ratings [1]."""
    banks = feeder.capacitors
    rows = []
    for row in range(len(banks.name)):
        controlled = row in feeder.capacitor_controls.bank
        blocks, part = (banks.full, share[row]) if controlled else (banks.blocks, 1.0)
        node, y = block_of(blocks, row)
        rows.append((node, terminals_of(blocks, row), part * y))
    blocks = stack_blocks(rows, banks.blocks.order.tolist())
    return replace(feeder, capacitors=banks._replace(blocks=blocks))


def _with_room(factors: Factors, changing: Sequence[_Moved]) -> Factors:
    """Return factors in a pattern that holds every entry which controls can change, whatever cancels now."""
    triangles, rows = factors.triangles, factors.rows
    m = len(rows.ptr) - 1
    row = [np.repeat(np.arange(m), np.diff(rows.ptr))]
    column, data = [rows.col], [rows.re + 1j * rows.im]
    for part in changing:
        count = len(part.node)
        row.append(np.repeat(triangles.row_at[part.node], count))
        column.append(np.tile(triangles.col_at[part.node], count))
        data.append(np.zeros(count * count, np.complex128))
    whole = csr_array(
        (np.concatenate(data), (np.concatenate(row), np.concatenate(column))), shape=(m, m)
    )
    whole.sort_indices()
    ptr, col = whole.indptr.astype(np.int64), whole.indices.astype(np.int64)
    rows = Rows(ptr, col, whole.data.real.copy(), whole.data.imag.copy())
    l_ptr, l_col, u_ptr, u_col = fill_pattern(ptr, col)
    new = Triangles(
        l_ptr, l_col, np.zeros(len(l_col)), np.zeros(len(l_col)),
        u_ptr, u_col, np.zeros(len(u_col)), np.zeros(len(u_col)),
        np.zeros(m), np.zeros(m), triangles.row_at, triangles.col_at,
    )  # fmt: skip
    factor_again(new, rows, np.ones(m, np.bool_))
    return factors._replace(triangles=new, rows=rows)


def _table(parts: Sequence[_Moved], site: Index, factors: Factors) -> PrimitiveParts:
    rows, triangles = factors.rows, factors.triangles
    entries, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for part in parts:
        count = len(part.node)
        row = np.repeat(triangles.row_at[part.node], count)
        column = np.tile(triangles.col_at[part.node], count)
        keys = row * (len(rows.ptr) - 1) + column
        at = np.searchsorted(_keys(rows), keys)
        entries.append(at.astype(np.int64) if part.changes else np.full(count * count, NOWHERE))
        places.append(row)
    sizes = np.array([len(part.node) for part in parts], np.int64)
    return PrimitiveParts(
        start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        site=site[np.concatenate([np.zeros(0, np.int64), *(part.node for part in parts)])],
        by=np.concatenate([np.zeros(0, np.int64), *(part.by for part in parts)]),
        bank=np.array([part.bank for part in parts], np.int64),
        y_start=np.concatenate([[0], np.cumsum(sizes**2)]).astype(np.int64),
        held=np.concatenate([np.zeros(0, np.complex128), *(part.held for part in parts)]),
        y=np.concatenate([np.zeros(0, np.complex128), *(part.y.ravel() for part in parts)]),
        entry=np.concatenate(entries),
        row=np.concatenate(places),
    )


def _keys(rows: Rows) -> Index:
    """Return a rising number of every entry of the rows, by row and column."""
    m = len(rows.ptr) - 1
    keys: Index = np.repeat(np.arange(m), np.diff(rows.ptr)) * m + rows.col
    return keys


def _windings(feeder: Feeder, winding: Index) -> Index:
    """Return the row of a winding of each regulator, (k,); 0 where it is not fed."""
    first = np.searchsorted(feeder.transformers.windings.transformer, feeder.regulators.transformer)
    return np.where(feeder.regulators.transformer >= 0, first + winding, 0)


def _turns(feeder: Feeder) -> Col:
    """Return the turns of each regulator's winding in the feeder as it is, (k,) [1]."""
    if not feeder.regulators.name:
        return np.zeros(0)
    turns: Col = feeder.transformers.windings.tap[_windings(feeder, feeder.regulators.winding)]
    return turns


def _on_share(feeder: Feeder) -> Col:
    """Return what so many steps of a bank are of all, shape (c, s + 1) [1]."""
    each = feeder.capacitors.step_share
    return np.concatenate([np.zeros((len(each), 1)), np.cumsum(each, axis=1)], axis=1)


def _changers(
    feeder: Feeder, parts: Sequence[_Moved], at: dict[tuple[int, int], int], site: Index
) -> TapChangers:
    own, windings, against = feeder.regulators, feeder.transformers.windings, feeder.regulators.reverse  # fmt: skip
    k, fed = len(own.name), own.transformer >= 0
    row, sensed = _windings(feeder, own.winding), _windings(feeder, own.sensed_winding)
    place = [at.get((int(Component.TRANSFORMERS), int(unit)), NOWHERE) for unit in own.transformer]
    ends = [_range(parts[p], int(w)) if p >= 0 else (0, 0) for p, w in zip(place, own.sensed_winding, strict=True)]  # fmt: skip
    drawn = [
        _conductors(parts[p], int(w), nodes) if p >= 0 else [NOWHERE] * PHASES
        for p, w, nodes in zip(place, own.sensed_winding, own.from_node, strict=True)
    ]
    none = np.zeros(k)
    rise = (windings.tap_max[row] - windings.tap_min[row]) / windings.tap_steps[row] if k else none
    middle = _turns(feeder) - own.tap_number * rise
    low = np.ceil((windings.tap_min[row] - middle) / rise - SAME) if k else none
    high = np.floor((windings.tap_max[row] - middle) / rise + SAME) if k else none
    phases = feeder.transformers.phases[np.where(fed, own.transformer, 0)] if k else none
    alone = (phases < 2) | windings.is_delta[sensed] if k else none > 0
    base_v = V_PER_KV * windings.kv[sensed] / np.where(alone, 1.0, np.sqrt(3)) if k else none
    return TapChangers(
        part=np.array(place, np.int64),
        middle=middle,
        rise=rise,
        lowest=low.astype(np.int64),
        highest=high.astype(np.int64),
        at_once=np.where(fed, own.at_once, 0),
        phases=phases.clip(max=PHASES).astype(np.int64),
        phase=own.sensed_phase,
        start=site[own.from_node],
        end=site[own.to_node],
        conductor=np.array(drawn, np.int64).reshape(-1, PHASES),
        conductors=np.array(ends, np.int64).reshape(-1, 2),
        remote=np.stack([site[own.remote_node], site[own.remote_to_node]], axis=1),
        is_opposite=own.winding != own.sensed_winding,
        has_drop=(own.r_v != 0) | (own.x_v != 0) | (own.z_v > 0),
        set_v=np.stack([own.set_v, against.set_v], axis=1),
        band_v=np.stack([own.band_v, against.band_v], axis=1),
        drop_v=np.stack([own.r_v + 1j * own.x_v, against.r_v + 1j * against.x_v], axis=1),
        z_v=np.stack([own.z_v, against.z_v], axis=1),
        limit_v=np.where(own.limit_v > 0, own.limit_v, np.inf),
        ratio=own.voltage_ratio,
        remote_ratio=own.remote_ratio,
        current_a=own.current_a,
        base_v=base_v,
        delay_s=own.delay_s,
        is_inverse=own.inverse_time,
        tap_delay_s=own.tap_delay_s,
        mode=against.mode,
        to_neutral=against.to_neutral,
        reverse_w=W_PER_KW * against.power_kw,
        reverse_delay_s=against.delay_s,
    )


def _switches(
    feeder: Feeder, parts: Sequence[_Moved], at: dict[tuple[int, int], int], site: Index
) -> BankSwitches:
    own, banks = feeder.capacitor_controls, feeder.capacitors
    place = [at[key] for key in zip(own.component.tolist(), own.row.tolist(), strict=True)]
    seen = zip(place, own.terminal.tolist(), own.power_phase.tolist(), strict=True)
    ends = [_range(parts[p], end, phase) for p, end, phase in seen]
    drawn = [
        _conductors(parts[p], int(end), nodes)
        for p, end, nodes in zip(place, own.current_terminal, own.current_node, strict=True)
    ]
    return BankSwitches(
        bank=own.bank,
        steps=banks.steps[own.bank],
        kvar=banks.kvar[own.bank],
        bank_phases=banks.phases[own.bank],
        is_delta=banks.is_delta[own.bank],
        kind=own.kind,
        part=np.array(place, np.int64),
        conductors=np.array(ends, np.int64).reshape(-1, 2),
        site=site[own.node],
        phases=own.phases,
        conductor=np.array(drawn, np.int64).reshape(-1, PHASES),
        voltage_phase=own.voltage_phase,
        current_phase=own.current_phase,
        voltage_ratio=own.voltage_ratio,
        current_ratio=own.current_ratio,
        on=own.on_setting,
        off=own.off_setting,
        on_delay_s=own.delay_s,
        off_delay_s=own.off_delay_s,
        dead_s=own.dead_s,
        is_override=own.is_override,
        low_v=own.low_v,
        high_v=own.high_v,
        override_site=site[own.override_node],
        least_share=own.least_share,
    )


def _range(part: _Moved, terminal: int, phase: int = ALL_PHASES) -> tuple[int, int]:
    """Return the first conductor of an end of a part and the one after its last, or those of one phase of it."""
    found = np.flatnonzero(part.terminal == terminal)
    found = found if phase == ALL_PHASES else found[phase : phase + 1]
    return (int(found[0]), int(found[-1]) + 1) if found.size else (0, 0)


def _conductors(part: _Moved, terminal: int, nodes: Index) -> list[int]:
    """Return the conductor of each of three phases at an end of a part, NOWHERE where it has none."""
    found = []
    for node in nodes:
        own = np.flatnonzero((part.terminal == terminal) & (part.node == node))
        found.append(int(own[0]) if own.size and node != GROUND else NOWHERE)
    return found
