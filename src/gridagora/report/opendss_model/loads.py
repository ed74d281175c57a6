"""Loads of an OpenDSS model: one for each meter where its rows are a wye or a delta of three phases, else one for each row."""

from collections.abc import Iterator, Sequence

import numpy as np

from gridagora.core.components import GROUND
from gridagora.core.feeder import Feeder
from gridagora.population.customers import customers_of
from gridagora.report.opendss_model.names import NodePlaces

HELD = "model=1 vminpu=0 vlowpu=0 vmaxpu=10"  # constant power at any voltage
PHASES = 3


def write_loads(feeder: Feeder, names: Sequence[str], places: NodePlaces) -> Iterator[str]:
    """Yield the loads of a feeder; `names` are of its j meters."""
    rows: list[list[int]] = [[] for _ in names]
    for row, meter in enumerate(feeder.loads.meter.tolist()):
        rows[meter].append(row)
    homes = customers_of(feeder)
    for meter, own in enumerate(rows):
        number = int(homes[meter])
        count = f" numcust={number}" if number > 0 else ""
        parts = _parts(feeder, own)
        for at, (conn, part) in enumerate(parts, 1):
            name = names[meter] if len(parts) == 1 else f"{names[meter]}_{at}"
            yield f"{_load(feeder, name, conn, part, places)}{count}"


def _parts(feeder: Feeder, own: list[int]) -> list[tuple[str, list[int]]]:
    """Return the rows of a meter as loads of several rows or one each."""
    start, end = feeder.loads.from_node[own], feeder.loads.to_node[own]
    kw, kvar = feeder.loads.p_kw[own], feeder.loads.q_kvar[own]
    alike = np.ptp(kw) == 0 and np.ptp(kvar) == 0 and len(set(feeder.loads.model[own])) == 1
    at_one_bus = len(set(feeder.nodes.bus[start])) == 1
    if len(own) == PHASES and alike and at_one_bus and len(set(start.tolist())) == PHASES:
        if (end == end[0]).all():
            return [("wye", own)]
        if (end == np.roll(start, -1)).all():
            return [("delta", own)]
    return [("wye", [row]) for row in own]


def _load(feeder: Feeder, name: str, conn: str, part: list[int], places: NodePlaces) -> str:
    loads, base_v = feeder.loads, feeder.nodes.base_v
    start, end = loads.from_node[part], loads.to_node[part]
    phase_v = float(base_v[start[0]])
    if len(part) == PHASES:
        nodes = [*start.tolist(), *([int(end[0])] if conn == "wye" else [])]
        kv = np.sqrt(3.0) * phase_v / 1e3
    else:
        nodes = [int(start[0]), int(end[0])]
        v = feeder.nodes.v_no_load
        across = abs(v[start[0]] - (v[end[0]] if end[0] != GROUND else 0.0)) / abs(v[start[0]])
        kv = phase_v * _nearest_ratio(float(across)) / 1e3
    kw, kvar = float(loads.p_kw[part].sum()), float(loads.q_kvar[part].sum())
    return (
        f"New Load.{name} phases={len(part)} bus1={places.spell(nodes)} conn={conn} "
        f"kv={float(kv)!r} kw={kw!r} kvar={kvar!r} {HELD}"
    )


def _nearest_ratio(across: float) -> float:
    """Return the rated voltage between two nodes over that to earth: of one phase, between phases, or of two legs."""
    rated = np.array([1.0, np.sqrt(3.0), 2.0])
    return float(rated[np.argmin(np.abs(rated - across))])
