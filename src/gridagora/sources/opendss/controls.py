"""Controls of a circuit: the settings of its RegControls and CapControls, and the nodes at which they measure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.components import GROUND, Regulators, Transformers
from gridagora.core.controls import (
    ALL_PHASES,
    HIGHEST_PHASE,
    LOWEST_PHASE,
    MEAN_PHASE,
    PHASES,
    CapacitorControls,
    Component,
    ReverseMode,
    ReverseSettings,
    SwitchedBy,
    no_capacitor_controls,
)
from gridagora.core.tables import Col
from gridagora.sources.opendss.network import SOURCES, Element, PassiveNetwork

PHASE = {"max": HIGHEST_PHASE, "min": LOWEST_PHASE, "avg": MEAN_PHASE}
TYPES = {
    "current": SwitchedBy.CURRENT,
    "voltage": SwitchedBy.VOLTAGE,
    "kvar": SwitchedBy.REACTIVE_POWER,
    "time": SwitchedBy.TIME,
    "powerfactor": SwitchedBy.POWER_FACTOR,
}
TABLES = {
    **dict.fromkeys(SOURCES, Component.SOURCES),
    "line": Component.LINES,
    "transformer": Component.TRANSFORMERS,
    "capacitor": Component.CAPACITORS,
}
OF_TAPS = (
    "vreg", "band", "ptratio", "ctprim", "r", "x", "delay",
    "ldc_z", "vlimit", "tapdelay", "remoteptratio",
)  # fmt: skip
REVERSED = ("revthreshold", "revdelay", "revvreg", "revband", "revr", "revx", "rev_z")
OF_BANKS = (
    "ptratio", "ctratio", "onsetting", "offsetting", "delay", "delayoff", "deadtime",
    "vmin", "vmax", "pctminkvar",
)  # fmt: skip
LEADS = ("lead", "euro")  # of the property LeadLag
NOWHERE = (GROUND,) * PHASES
Words = Mapping[str, str]  # properties of an element by name
Ends = tuple[tuple[int, ...], tuple[int, ...]]  # nodes from and to, of each phase


class FoundControls(NamedTuple):
    """Controls of capacitor banks, and notes on those that are left out."""

    table: CapacitorControls
    notes: tuple[str, ...]


def regulators(
    circuit: Any, units: Transformers, net: PassiveNetwork, *, are_off: bool
) -> Regulators:
    """Return the regulators of a circuit; where its controls are off, all hold their taps."""
    row = {name: at for at, name in enumerate(units.name)}
    elements = {one.name: one for one in net.elements if one.kind == "transformer"}
    leads = {str(one.Name).lower(): of["leadlag"] in LEADS for one, of in _each(circuit, circuit.Transformers)}  # fmt: skip
    names, whole, numbers, against, ends = [], [], [], [], []
    for one, of in _each(circuit, circuit.RegControls):
        unit = of["transformer"].rpartition(".")[2]
        at, sensed = row.get(unit, -1), int(of["winding"]) - 1
        names.append(str(one.Name))
        taps = [at, int(of["tapwinding"]) - 1, int(one.TapNumber)]
        most = 0 if are_off else int(of["maxtapchange"])
        inverse = int(_is_yes(of, "inversetime"))
        whole.append([*taps, sensed, _phase(of["ptphase"]), most, inverse])
        numbers.append([float(of[name]) for name in OF_TAPS])
        modes = [float(_reverse_mode(of)), float(_is_yes(of, "revneutral"))]
        against.append([*modes, *(float(of[name]) for name in REVERSED)])
        pair, far = (NOWHERE, NOWHERE), _remote_ends(of["bus"], net)
        if at >= 0:
            turn = _turn(units, at, leads=leads[unit])
            delta = bool(_of_unit(units, at, units.windings.is_delta)[sensed])
            pair = _winding_ends(
                elements[unit], sensed, int(units.phases[at]), turn if delta else 0
            )
            far = far if delta else (far[0], GROUND)
        ends.append([*pair[0], *pair[1], *far])
    return _table_of_regulators(tuple(names), whole, numbers, against, ends)


def _table_of_regulators(
    names: tuple[str, ...],
    whole: list[list[int]],
    numbers: list[list[float]],
    against: list[list[float]],
    ends: list[list[int]],
) -> Regulators:
    unit, winding, tap, sensed, phase, most, inverse = _columns(whole, 7).astype(np.int64)
    set_v, band_v, ratio, current_a, r_v, x_v, delay_s, z_v, limit_v, tap_delay_s, remote_ratio = (
        _columns(numbers, len(OF_TAPS))
    )
    mode, neutral, *other_way = _columns(against, 2 + len(REVERSED))
    nodes = np.array(ends, np.int64).reshape(-1, 2 * PHASES + 2)
    return Regulators(
        names, unit, winding, tap, set_v, band_v, ratio, current_a, r_v, x_v, delay_s,
        sensed_winding=sensed,
        from_node=nodes[:, :PHASES].copy(),
        to_node=nodes[:, PHASES : 2 * PHASES].copy(),
        sensed_phase=phase,
        at_once=most,
        z_v=z_v,
        limit_v=limit_v,
        inverse_time=inverse > 0,
        tap_delay_s=tap_delay_s,
        remote_node=nodes[:, -2].copy(),
        remote_to_node=nodes[:, -1].copy(),
        remote_ratio=remote_ratio,
        reverse=ReverseSettings(mode.astype(np.int64), neutral > 0, *other_way),
    )  # fmt: skip


def capacitor_controls(circuit: Any, net: PassiveNetwork, *, are_off: bool) -> FoundControls:
    """Return the controls of capacitor banks; of those that are left out, what becomes of their bank."""
    if are_off:
        return FoundControls(no_capacitor_controls(), ())
    place = _places(net)
    element = {(one.kind, one.name): one for one in net.elements}
    rows, notes = list[_Bank](), list[str]()
    found = [(str(one.Name), of) for one, of in _each(circuit, circuit.CapControls)]
    for name, of in found:
        bank, (kind, _, seen) = of["capacitor"].rpartition(".")[2], of["element"].partition(".")
        if why := _left_out(of, place, bank, (kind, seen)):
            notes.append(f"CapControl {name} {why}: bank {bank} stays as it stands.")
            continue
        phases = [_phases(circuit, full) for full in (of["element"], f"capacitor.{bank}")]
        end = int(of["terminal"]) - 1
        own, measured = element[kind, seen], phases[0]
        by_current = _phase(of["ctphase"])
        current_end = end if by_current < 0 else 0  # a fixed phase is one of the first terminal
        rows.append(
            _Bank(
                name,
                [
                    place["capacitor", bank].row,
                    TYPES[of["type"]],
                    *place[kind, seen],
                    end,
                    current_end,
                    _phase(of["ptphase"]),
                    by_current,
                    measured,
                    _is_yes(of, "voltoverride"),
                ],
                [
                    *_nodes_of(own, end, measured),
                    *_nodes_of(own, current_end, phases[1] if by_current < 0 else measured),
                    *(_bus_nodes(of["vbus"], net) if of["vbus"] else _nodes_of(own, end, measured)),
                ],
                [float(of[name]) for name in OF_BANKS],
            )
        )
    return FoundControls(_table_of_banks(rows), tuple(notes))


class _Place(NamedTuple):
    component: int
    row: int


class _Bank(NamedTuple):
    name: str
    whole: list[int]
    nodes: list[int]  # of the voltage, of the current, of the override
    numbers: list[float]


def _table_of_banks(rows: list[_Bank]) -> CapacitorControls:
    bank, kind, component, row, end, current_end, by_voltage, by_current, phases, override = (
        _columns([one.whole for one in rows], 10).astype(np.int64)
    )
    voltage_ratio, current_ratio, on, off, delay, off_delay, dead, low, high, least = _columns(
        [one.numbers for one in rows], len(OF_BANKS)
    )
    nodes = np.array([one.nodes for one in rows], np.int64).reshape(-1, 3, PHASES)
    return CapacitorControls(
        name=tuple(one.name for one in rows),
        bank=bank,
        kind=kind,
        component=component,
        row=row,
        terminal=end,
        node=nodes[:, 0].copy(),
        current_terminal=current_end,
        current_node=nodes[:, 1].copy(),
        voltage_phase=by_voltage,
        current_phase=by_current,
        phases=phases,
        voltage_ratio=voltage_ratio,
        current_ratio=current_ratio,
        on_setting=on,
        off_setting=off,
        delay_s=delay,
        off_delay_s=off_delay,
        dead_s=dead,
        is_override=override > 0,
        low_v=low,
        high_v=high,
        override_node=nodes[:, 2].copy(),
        least_share=0.01 * least,
        power_phase=np.full(len(rows), ALL_PHASES),
    )


def _left_out(
    of: Words, place: Mapping[tuple[str, str], _Place], bank: str, seen: tuple[str, str]
) -> str:
    """Return why a control of a bank is left out, "" where it is not."""
    if of["usermodel"]:
        return "has a model of its own user, which cannot be read"
    if of["type"] not in TYPES:
        return f"is of type {of['type']}, which is left out"
    if seen not in place:
        return f"measures {'.'.join(seen)}, which is no fed part of the network"
    return "" if ("capacitor", bank) in place else "has a bank that is not fed"


def _each(circuit: Any, controls: Any) -> Iterator[tuple[Any, Words]]:
    """Yield every element of a class with its properties as words, in lower case."""
    for one in controls:
        element = circuit.ActiveCktElement
        names = element.AllPropertyNames
        yield one, {str(name).lower(): str(element.Properties(name).Val).strip().lower() for name in names}  # fmt: skip


def _places(net: PassiveNetwork) -> dict[tuple[str, str], _Place]:
    """Return the table and row of every element of the network."""
    found, count = dict[tuple[str, str], _Place](), dict[int, int]()
    for one in net.elements:
        table = int(TABLES.get(one.kind, Component.OTHERS))
        found[one.kind, one.name] = _Place(table, count.get(table, 0))
        count[table] = count.get(table, 0) + 1
    return found


def _phases(circuit: Any, full: str) -> int:
    circuit.SetActiveElement(full)
    return int(circuit.ActiveCktElement.NumPhases)


def _is_yes(of: Words, name: str) -> bool:
    return of[name].startswith(("y", "t"))


def _phase(word: str) -> int:
    return PHASE[word] if word in PHASE else int(word) - 1


def _reverse_mode(of: Words) -> ReverseMode:
    if _is_yes(of, "cogen"):
        return ReverseMode.COGENERATION
    return ReverseMode.REVERSE if _is_yes(of, "reversible") else ReverseMode.NONE


def _of_unit(units: Transformers, row: int, column: Any) -> Any:
    return column[units.windings.transformer == row]


def _turn(units: Transformers, row: int, *, leads: bool) -> int:
    """Return to which neighbour the coils of a delta go, 1 or -1: delta leads or lags by which side has the higher voltage."""
    delta = _of_unit(units, row, units.windings.is_delta)
    if delta[0] == delta[1]:
        return 1
    kv = _of_unit(units, row, units.windings.kv)
    return 1 if bool(delta[0 if kv[0] >= kv[1] else 1]) == leads else -1


def _winding_ends(element: Element, winding: int, phases: int, turn: int) -> Ends:
    """Return between which nodes each phase of a winding lies; `turn` is 0 of a wye."""
    node = element.node[element.terminal == winding].tolist()
    other = [phases] * phases if turn == 0 else [_next(i, turn, phases) for i in range(phases)]
    blank = (GROUND,) * (PHASES - phases)
    to = [node[at] if at < len(node) else GROUND for at in other]
    return (*node[:phases], *blank), (*to, *blank)


def _next(phase: int, turn: int, phases: int) -> int:
    """Return the conductor at the other end of a coil; two phases are an open delta with three conductors."""
    around = max(phases, PHASES) if phases > 1 else PHASES
    return (phase + turn) % around


def _remote_ends(bus: str, net: PassiveNetwork) -> tuple[int, int]:
    """Return the nodes across which a bus is measured, GROUND from where none is named."""
    name, *nodes = bus.split(".")
    if not name:
        return GROUND, GROUND
    at = {node: row for row, node in enumerate(net.nodes)}
    first = nodes[0] if nodes else "1"
    second = at.get(f"{name}.{nodes[1]}", GROUND) if len(nodes) > 1 else GROUND
    return at.get(f"{name}.{first}", GROUND), second


def _nodes_of(element: Element, end: int, count: int) -> list[int]:
    node = element.node[element.terminal == end].tolist()[:count]
    return [*node[:PHASES], *NOWHERE[len(node[:PHASES]) :]]


def _bus_nodes(bus: str, net: PassiveNetwork) -> list[int]:
    rows = [row for row, name in enumerate(net.nodes) if name.rpartition(".")[0] == bus]
    return [*rows[:PHASES], *NOWHERE[len(rows[:PHASES]) :]]


def _columns(rows: list[Any], count: int) -> Col:
    return np.array(rows, np.float64).reshape(-1, count).T
