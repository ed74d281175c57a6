"""Loads of a circuit as the engine holds them, and what else injects power: left out or kept, and named either way."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.tables import Col
from gridagora.sources.opendss.load_models import NAMES, Q_WITHOUT_MULTIPLIER, LoadModel
from gridagora.sources.opendss.state import some

# Elements that inject power or stand in for a converter: none of them is a linear admittance.
LEFT_OUT = (
    "pvsystem", "storage", "generator", "indmach012", "windgen", "vccs", "upfc", "gicline", "gicsource", "vsconverter",
    "generic5",
)  # fmt: skip
KEPT_SOURCES = ("isource", "fault")
STEERING = (
    "invcontrol",
    "expcontrol",
    "storagecontroller",
    "upfccontrol",
    "gendispatcher",
    "espvlcontrol",
)
CONSTANT_POWER = 1
VARIABLE = 0  # of Loads.Status
INSIDE = 1e-9  # pu
DAY_H = 24


class LoadElement(NamedTuple):
    """One load element as the engine draws it now; `pairs` are node numbers, and only those of closed conductors."""

    name: str
    bus: str
    phases: int
    delta: bool
    pairs: tuple[tuple[int, int], ...]
    p_kw: float
    q_kvar: float
    model: LoadModel
    customers: int
    shape: str


def loads(circuit: Any) -> tuple[list[LoadElement], list[str]]:
    """Return the loads that are switched on, at the load multiplier and growth of the script, and notes on those cut."""
    found, off, cut = [], [], []
    for element in circuit.Loads:
        terminal = circuit.ActiveCktElement
        if not terminal.Enabled:
            continue
        conductors = int(terminal.NumConductors)
        cuts = [terminal.IsOpen(1, at + 1) for at in range(conductors)]
        whole = _pairs(terminal.NodeOrder, int(element.Phases), delta=bool(element.IsDelta))
        ends = _pairs(range(conductors), int(element.Phases), delta=bool(element.IsDelta))
        grounded = not bool(element.IsDelta)
        pairs = tuple(
            pair
            for pair, (a, b) in zip(whole, ends, strict=True)
            if not cuts[a] and (grounded or not cuts[b])
        )
        if not pairs:
            off.append(element.Name)
        elif len(pairs) < len(whole):
            cut.append(element.Name)
        closed = len(pairs) / len(whole)
        part = closed * _multiplier(circuit, int(element.Status))
        of_q = closed if int(element.Model) in Q_WITHOUT_MULTIPLIER else part
        found.append(
            LoadElement(
                element.Name, terminal.BusNames[0].split(".")[0].lower(), int(element.Phases), bool(element.IsDelta),
                pairs or tuple(whole),
                element.kW * part, element.kvar * of_q, _model(circuit, element), max(int(element.NumCust), 0),
                element.Yearly or element.daily,
            )
        )  # fmt: skip
    notes = [f"Open in the script, so without load: {some(off)}."] if off else []
    if cut:
        notes.append(
            f"A conductor is open in the script; the closed ones keep their part (OpenDSS may differ by a few %): {some(cut)}."
        )
    factor = _multiplier(circuit, VARIABLE)
    if factor != 1:
        notes.append(f"Loads are multiplied by {factor:g}, the script's LoadMult and growth.")
    return found, notes


def _model(circuit: Any, element: Any) -> LoadModel:
    """Return what the engine's active load does with voltage."""
    single = int(element.Phases) == 1 or bool(element.IsDelta)
    return LoadModel(
        number=int(element.Model),
        base_v=1e3 * float(element.kV) / (1.0 if single else np.sqrt(3.0)),
        v_min_pu=float(element.Vminpu),
        v_max_pu=float(element.Vmaxpu),
        v_low_pu=float(circuit.ActiveDSSElement.Properties("vlowpu").Val),
        cvr_watts=float(element.CVRwatts),
        cvr_vars=float(element.CVRvars),
        zipv=tuple(float(share) for share in np.atleast_1d(element.ZIPV)),
    )


def _multiplier(circuit: Any, status: int) -> float:
    solution = circuit.Solution
    growth = (1 + solution.pctGrowth / 100) ** max(int(solution.Year) - 1, 0)
    return float(growth * (solution.LoadMult if status == VARIABLE else 1.0))


def _pairs(nodes: Iterable[int], phases: int, *, delta: bool) -> list[tuple[int, int]]:
    """Return the conductors between which a load draws its power in equal parts."""
    order = [int(node) for node in nodes]
    if delta:
        return [(order[i], order[(i + 1) % len(order)]) for i in range(phases)]
    neutral = order[phases] if len(order) > phases else 0
    return [(node, neutral) for node in order[:phases]]


def describe_solution(circuit: Any, found: list[LoadElement]) -> list[str]:
    """Say which models loads follow, and what the engine's own solution draws where it is not their rating."""
    v = dict(
        zip(
            (n.lower() for n in circuit.YNodeOrder),
            np.asarray(circuit.YNodeVarray, float).view(complex),
            strict=True,
        )
    )
    kinds = Counter(load.model.number for load in found)
    outside = [load.name for load in found if not _within(load, v)]
    notes = []
    if set(kinds) - {CONSTANT_POWER}:
        said = ", ".join(f"{kinds[at]} of {NAMES.get(at, f'model {at}')}" for at in sorted(kinds))
        notes.append(f"Loads follow the models of the script: {said}.")
    if outside:
        notes.append(
            f"{len(outside)} of {len(found)} loads see a voltage outside their vminpu to vmaxpu in the script's own solution, "
            f"where they draw other than rated power: {some(outside)}."
        )
    if notes:
        engine_kw, rated_kw = _engine_kw(circuit), sum(load.p_kw for load in found)
        notes.append(
            f"OpenDSS draws {engine_kw:,.0f} kW at these loads, their rating is {rated_kw:,.0f} kW; its source gives "
            f"{-circuit.TotalPower[0]:,.0f} kW. Meters where homes of a scenario stand draw what those need at any voltage."
        )
    return notes


def _within(load: LoadElement, v: dict[str, complex]) -> bool:
    across = [
        abs(v.get(f"{load.bus}.{a}", 0j) - v.get(f"{load.bus}.{b}", 0j)) / load.model.base_v
        for a, b in load.pairs
    ]
    low, high = load.model.v_min_pu - INSIDE, load.model.v_max_pu + INSIDE
    return low <= min(across) and max(across) <= high


def _engine_kw(circuit: Any) -> float:
    total = 0.0
    for element in circuit.Loads:
        terminal = circuit.ActiveCktElement
        closed = [not terminal.IsOpen(1, at + 1) for at in range(int(terminal.NumConductors))]
        if terminal.Enabled and element.Name:
            total += float(np.asarray(terminal.Powers, float)[::2][closed].sum())
    return total


def leave_out(circuit: Any) -> list[str]:
    """Switch off what injects power and is not modelled, and name it; name current sources, which stay."""
    names = list(circuit.AllElementNames)
    kinds = [name.split(".")[0].lower() for name in names]
    gone = [
        name
        for name, kind in zip(names, kinds, strict=True)
        if kind in LEFT_OUT and _switch_off(circuit, name)
    ]
    steering = [name for name, kind in zip(names, kinds, strict=True) if kind in STEERING]
    kept = [name for name, kind in zip(names, kinds, strict=True) if kind in KEPT_SOURCES]
    notes = (
        [
            f"Left out, since the scenario's homes bring their own PV, storage and machines: {some(gone)}."
        ]
        if gone
        else []
    )
    if steering:
        notes.append(f"Without effect, since what it steers is left out: {some(steering)}.")
    if kept:
        notes.append(f"Kept as in the script, beside the homes: {some(kept)}.")
    return notes


def _switch_off(circuit: Any, name: str) -> bool:
    circuit.SetActiveElement(name)
    was = bool(circuit.ActiveCktElement.Enabled)
    circuit.ActiveCktElement.Enabled = False
    return was


def switch_off_loads(circuit: Any) -> None:
    """Switch off every load, so that the matrix holds the network alone."""
    for _ in circuit.Loads:
        circuit.ActiveCktElement.Enabled = False


def shapes(circuit: Any, names: set[str]) -> dict[str, Col]:
    """Return load shapes (h,) by hour, as a share of the rating: those of whole parts of an hour, and at least a day."""
    found: dict[str, Col] = {}
    for name in sorted(names):
        circuit.LoadShapes.Name = name
        step_h = float(circuit.LoadShapes.HrInterval)
        per = round(1 / step_h) if step_h > 0 else 0
        share = np.array(circuit.LoadShapes.Pmult, float)
        if per < 1 or abs(per * step_h - 1) > INSIDE or len(share) < DAY_H * per:
            continue
        share = share / np.abs(share).max() if circuit.LoadShapes.UseActual else share
        found[name] = share[: len(share) // per * per].reshape(-1, per).mean(1)
    return found
