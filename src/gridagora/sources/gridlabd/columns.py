"""Elements of a GridLAB-D model as the columns of a feeder."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.components import (
    GROUND,
    NO_BUS,
    Capacitors,
    Lines,
    LoadRows,
    Meters,
    Others,
    Regulators,
    Sources,
    Transformers,
    Windings,
    plain_regulators,
    stack_blocks,
)
from gridagora.core.controls import PHASES
from gridagora.core.tables import Col, Index
from gridagora.core.voltage_dependence import (
    ALL_POWER,
    VoltageDependence,
    constant_power,
    no_dependence,
)
from gridagora.sources.gridlabd.elements import (
    CapacitorElement,
    LineElement,
    Node,
    OtherElement,
    SourceElement,
    TransformerElement,
)
from gridagora.sources.gridlabd.loads import CustomerLoad, RowPart
from gridagora.sources.gridlabd.network import SOURCE_OHM_PER_V, stacked
from gridagora.sources.gridlabd.regulators import RegulatorControl

ALIKE = 1e-9  # of their size: rows of a load that draw the same
POWER, IMPEDANCE, CURRENT, ZIP = 1, 2, 5, 8  # of `LoadRows.model`


class RowsByName(NamedTuple):
    """RowsByName of buses and nodes by name."""

    bus: Mapping[str, int]
    node: Mapping[Node, int]


def source_columns(elements: Sequence[SourceElement], rows: RowsByName) -> Sources:
    """Return the swing buses as voltages behind a small resistance."""
    parts, currents = [], [np.zeros(0, complex)]
    for each in elements:
        at = np.array([rows.node[each.bus, phase] for phase in each.phases], np.int64)
        siemens = 1 / (SOURCE_OHM_PER_V * each.base_v)
        parts.append(
            (at, np.zeros(len(at), np.int64), np.asarray(np.eye(len(at)) * siemens, np.complex128))
        )
        currents.append(siemens * each.v)
    pu = np.array([np.abs(each.v).mean() / each.base_v for each in elements])
    bus = np.array([rows.bus[each.bus] for each in elements], np.int64)
    names = tuple(each.name for each in elements)
    return Sources(names, bus, pu, stack_blocks(parts), np.concatenate(currents))


def line_columns(elements: Sequence[LineElement], rows: RowsByName) -> Lines:
    """Return lines, cables and switches."""
    ends = [
        np.array([rows.bus.get(each.ends[end], NO_BUS) for each in elements], np.int64)
        for end in (0, 1)
    ]
    return Lines(
        name=tuple(each.name for each in elements),
        from_bus=ends[0],
        to_bus=ends[1],
        phases=np.array([len(each.phases) for each in elements], np.int64),
        length_m=np.array([each.length_m for each in elements], np.float64),
        rating_a=np.array([each.rating_a for each in elements], np.float64),
        emergency_a=np.array([each.emergency_a for each in elements], np.float64),
        is_switch=np.array([each.is_switch for each in elements], np.bool_),
        blocks=stacked(elements, rows.node),
    )


def transformer_columns(elements: Sequence[TransformerElement], rows: RowsByName) -> Transformers:
    """Return transformers and the units of regulators."""
    of = [(at, winding) for at, each in enumerate(elements) for winding in each.windings]
    figures = ("kv", "kva", "is_delta", "r_share", "tap", "tap_min", "tap_max", "tap_steps")
    table = {
        name: np.array([getattr(winding, name) for _, winding in of], np.float64)
        for name in figures  # columns of the same names
    }
    windings = Windings(
        transformer=np.array([at for at, _ in of], np.int64),
        bus=np.array([rows.bus.get(winding.bus, NO_BUS) for _, winding in of], np.int64),
        kv=table["kv"],
        kva=table["kva"],
        is_delta=table["is_delta"] > 0,
        r_share=table["r_share"],
        tap=table["tap"],
        tap_min=table["tap_min"],
        tap_max=table["tap_max"],
        tap_steps=table["tap_steps"].astype(np.int64),
    )
    return Transformers(
        name=tuple(each.name for each in elements),
        phases=np.array([each.phases for each in elements], np.int64),
        kva=np.array([each.kva for each in elements], np.float64),
        x_share=np.array([each.x_share for each in elements], np.float64).reshape(-1, 3),
        core_share=np.array([each.core_share for each in elements], np.float64),
        magnetising_share=np.array([each.magnetising_share for each in elements], np.float64),
        windings=windings,
        blocks=stacked(elements, rows.node),
    )


def regulator_columns(
    controls: Sequence[RegulatorControl], units: Sequence[TransformerElement], rows: RowsByName
) -> Regulators:
    """Return the controls of taps; they measure at the side away from the source, and a manual one holds its tap."""
    row = {unit.name: at for at, unit in enumerate(units)}
    kept = [control for control in controls if control.transformer in row]
    ends = np.full((len(kept), 2, PHASES), GROUND)
    for at, control in enumerate(kept):
        nodes = units[row[control.transformer]].nodes
        out = nodes[len(nodes) // 2 :]
        for side, node in enumerate(out):
            ends[at, side, 0] = rows.node.get(node, GROUND)

    def column(name: str) -> Col:
        return np.array([getattr(control, name) for control in kept], np.float64)

    found = plain_regulators(
        tuple(control.name for control in kept),
        np.array([row[control.transformer] for control in kept], np.int64),
        np.array([control.winding for control in kept], np.int64),
        np.array([control.tap for control in kept], np.int64),
        column("set_v"),
        column("band_v"),
        column("voltage_ratio"),
        column("current_a"),
        column("r_v"),
        column("x_v"),
        column("delay_s"),
        from_node=ends[:, 0].copy(),
        to_node=ends[:, 1].copy(),
    )
    steps = np.array([0 if control.is_manual else 1 for control in kept], np.int64)
    far = [GROUND if each.sense is None else rows.node.get(each.sense, GROUND) for each in kept]
    return found._replace(
        at_once=steps,
        sensed_winding=np.ones(len(kept), np.int64),
        remote_node=np.array(far, np.int64),
    )


def capacitor_columns(elements: Sequence[CapacitorElement], rows: RowsByName) -> Capacitors:
    """Return capacitor banks of one step."""
    count = len(elements)
    on = np.array([each.is_on for each in elements], np.bool_)
    blocks = [each if each.is_on else each._replace(nodes=(), y=np.zeros((0, 0), complex)) for each in elements]  # fmt: skip
    return Capacitors(
        name=tuple(each.name for each in elements),
        bus=np.array([rows.bus[each.bus] for each in elements], np.int64),
        phases=np.array([each.phases for each in elements], np.int64),
        kv=np.array([each.kv for each in elements], np.float64),
        kvar=np.array([each.kvar for each in elements], np.float64),
        is_delta=np.array([each.is_delta for each in elements], np.bool_),
        steps=np.ones(count, np.int64),
        steps_on=on.astype(np.int64),
        blocks=stacked(blocks, rows.node),
        step_share=np.ones((count, 1)),
        full=stacked(elements, rows.node),
    )


def other_columns(elements: Sequence[OtherElement], rows: RowsByName) -> Others:
    """Return linear elements of other kinds."""
    return Others(
        tuple(each.name for each in elements),
        tuple(each.kind for each in elements),
        stacked(elements, rows.node),
    )


class MeterPart(NamedTuple):
    """One meter: a load whose rows draw alike, or one of the rows of a load that does not."""

    name: str
    load: CustomerLoad
    rows: tuple[RowPart, ...]


def split_loads(loads: Iterable[CustomerLoad]) -> list[MeterPart]:
    """Return a meter for each load, or for each row where they differ: a meter draws in equal parts on its rows."""
    found = []
    for load in loads:
        first = load.rows[0]
        alike = all(_is_alike(row, first) for row in load.rows)
        if alike:
            found.append(MeterPart(load.name, load, load.rows))
            continue
        for row in load.rows:
            name = f"{load.name}.{''.join(str(at) for at in row.pair if at)}"
            found.append(MeterPart(name, load, (row,)))
    return found


def _is_alike(row: RowPart, other: RowPart) -> bool:
    near = ALIKE * max(abs(other.rated()), 1.0)
    pairs = zip(row[1:4], other[1:4], strict=True)
    return row.shape == other.shape and all(abs(own - of) <= near for own, of in pairs)


def load_columns(meters: Sequence[MeterPart], rows: RowsByName) -> LoadRows:
    """Return the rows of all meters at their ratings."""
    flat = [(at, meter, row) for at, meter in enumerate(meters) for row in meter.rows]
    ends = [
        np.array([_end(rows, meter, row.pair[side]) for _, meter, row in flat], np.int64)
        for side in (0, 1)
    ]
    rated = 1e-3 * np.array([row.rated() for _, _, row in flat], np.complex128)
    return LoadRows(
        name=tuple(meter.name for _, meter, _ in flat),
        meter=np.array([at for at, _, _ in flat], np.int64),
        from_node=ends[0],
        to_node=ends[1],
        p_kw=rated.real.copy(),
        q_kvar=rated.imag.copy(),
        model=np.array([_model(row) for _, _, row in flat], np.int64),
        dependence=_dependence([row for _, _, row in flat]),
    )


def _dependence(flat: Sequence[RowPart]) -> VoltageDependence:
    """Return how the rows depend on voltage: at any voltage by their parts, as GridLAB-D draws them."""
    if all(_model(row) == POWER for row in flat):
        return no_dependence()
    parts = np.array([[row.impedance, row.current, row.power] for row in flat], np.complex128)
    total = parts.sum(axis=1)
    shares = []
    for own, whole in ((parts.real, total.real), (parts.imag, total.imag)):
        sound = whole != 0
        share = np.where(sound[:, None], own / np.where(sound, whole, 1.0)[:, None], ALL_POWER)
        shares.append(share)
    plain = constant_power(np.array([max(row.across_v, 1.0) for row in flat]))
    return plain._replace(p_share=shares[0], q_share=shares[1])


def _end(rows: RowsByName, meter: MeterPart, phase: int) -> int:
    return rows.node[meter.load.bus, phase] if phase else GROUND


def _model(row: RowPart) -> int:
    """Return the number of the model of OpenDSS that a row is."""
    parts = {POWER: row.power, CURRENT: row.current, IMPEDANCE: row.impedance}
    used = [number for number, part in parts.items() if part]
    return used[0] if len(used) == 1 else ZIP


def meter_columns(meters: Sequence[MeterPart], rows: RowsByName) -> Meters:
    """Return the meters; which are homes is said later."""
    none: Index = np.zeros(0, np.int64)
    p_kw: Col = np.array([1e-3 * sum(row.rated() for row in each.rows).real for each in meters])
    return Meters(
        name=tuple(each.name for each in meters),
        bus=np.array([rows.bus[each.load.bus] for each in meters], np.int64),
        p_kw=p_kw,
        is_home=np.ones(len(meters), np.bool_),
        customers=none,
        stays=(),
        shape=np.array([each.rows[0].shape for each in meters], np.int64),
    )
