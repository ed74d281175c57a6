"""Loads of an OpenDSS model: one for each meter where its rows are a wye or a delta of three phases, else one for each row."""

from collections.abc import Container, Iterator, Sequence

import numpy as np

from gridagora.core.components import GROUND
from gridagora.core.feeder import Feeder
from gridagora.core.voltage_dependence import is_constant
from gridagora.population.customers import customers_of
from gridagora.report.opendss_model.load_models import HELD, spell_model
from gridagora.report.opendss_model.names import NodePlaces

PHASES = 3


def write_loads(feeder: Feeder, names: Sequence[str], places: NodePlaces) -> Iterator[str]:
    """Yield the loads of a feeder; `names` are of its j meters."""
    rows: list[list[int]] = [[] for _ in names]
    for row, meter in enumerate(feeder.loads.meter.tolist()):
        rows[meter].append(row)
    homes = customers_of(feeder)
    models = _models(feeder)
    for meter, own in enumerate(rows):
        number = int(homes[meter])
        count = f" numcust={number}" if number > 0 else ""
        parts = _parts(feeder, own)
        for at, (conn, part) in enumerate(parts, 1):
            name = names[meter] if len(parts) == 1 else f"{names[meter]}_{at}"
            model = models.get(part[0]) or HELD
            yield f"{_load(feeder, name, conn, part, places, models)} {model}{count}"


def _parts(feeder: Feeder, own: list[int]) -> list[tuple[str, list[int]]]:
    """Return the rows of a meter as loads of several rows or one each."""
    start, end = feeder.loads.from_node[own], feeder.loads.to_node[own]
    kw, kvar = feeder.loads.p_kw[own], feeder.loads.q_kvar[own]
    alike = np.ptp(kw) == 0 and np.ptp(kvar) == 0 and _move_alike(feeder, own)
    at_one_bus = len(set(feeder.nodes.bus[start])) == 1
    if len(own) == PHASES and alike and at_one_bus and len(set(start.tolist())) == PHASES:
        if (end == end[0]).all():
            return [("wye", own)]
        if (end == np.roll(start, -1)).all():
            return [("delta", own)]
    return [("wye", [row]) for row in own]


def _move_alike(feeder: Feeder, own: list[int]) -> bool:
    """Whether rows do the same with voltage."""
    columns = feeder.loads.dependence
    return not len(columns.base_v) or all(
        bool((column[own] == column[own[0]]).all()) for column in columns
    )


def _load(
    feeder: Feeder,
    name: str,
    conn: str,
    part: list[int],
    places: NodePlaces,
    moving: Container[int],
) -> str:
    loads, base_v = feeder.loads, feeder.nodes.base_v
    start, end = loads.from_node[part], loads.to_node[part]
    phase_v = float(base_v[start[0]])
    if len(part) == PHASES:
        nodes = [*start.tolist(), *([int(end[0])] if conn == "wye" else [])]
        kv = np.sqrt(3.0) * phase_v / 1e3
        star = np.sqrt(3.0) if conn == "wye" else 1.0
    else:
        star = 1.0
        nodes = [int(start[0]), int(end[0])]
        v = feeder.nodes.v_no_load
        across = abs(v[start[0]] - (v[end[0]] if end[0] != GROUND else 0.0)) / abs(v[start[0]])
        kv = phase_v * _nearest_ratio(float(across)) / 1e3
    if part[0] in moving:
        kv = 1e-3 * star * float(loads.dependence.base_v[part[0]])
    kw, kvar = float(loads.p_kw[part].sum()), float(loads.q_kvar[part].sum())
    return (
        f"New Load.{name} phases={len(part)} bus1={places.spell(nodes)} conn={conn} "
        f"kv={float(kv)!r} kw={kw!r} kvar={kvar!r}"
    )


def count_held(feeder: Feeder) -> int:
    """Return the number of rows that move with voltage as no load of OpenDSS does, so that they are of constant power."""
    return sum(model is None for model in _models(feeder).values())


def _models(feeder: Feeder) -> dict[int, str | None]:
    """Return what the rows that move with voltage are in OpenDSS, None for what it has not."""
    columns = feeder.loads.dependence
    moving = np.flatnonzero(~is_constant(columns)).tolist()
    return {row: spell_model(columns, row) for row in moving}


def _nearest_ratio(across: float) -> float:
    """Return the rated voltage between two nodes over that to earth: of one phase, between phases, or of two legs."""
    rated = np.array([1.0, np.sqrt(3.0), 2.0])
    return float(rated[np.argmin(np.abs(rated - across))])
