"""Whether OpenDSS makes the same network of a written model: it solves the model at the rated loads, beside our own flow."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from gridagora.core.feeder import Feeder
from gridagora.core.tables import Col
from gridagora.grid.flow import solve
from gridagora.report.opendss_model.names import make_safe, place_nodes
from gridagora.sources.opendss.engine import compile_script, fault_type, running
from gridagora.sources.opendss.state import has_converged, set_controls


def compare_read_back(feeder: Feeder, master: Path) -> float | None:
    """Return the largest difference of any voltage in OpenDSS [pu]; None without OpenDSS, nan where a flow has no solution.

    Taps and capacitors stand as the feeder has them, loads follow their models in both.

    Raises
    ------
    InputError
        A model that OpenDSS refuses, which would be a fault of the writer.
    """
    if find_spec("dss") is None:
        return None
    with running() as engine:
        compile_script(engine, master.absolute())
        theirs = _voltages(engine, feeder)
    own = _at_rating(feeder)
    places = place_nodes(feeder)
    spelled = [places.spell([row]) for row in range(len(feeder.nodes.name))]
    here = np.array([name in theirs for name in spelled])
    found = np.array([theirs[name] for name in spelled if name in theirs])
    return float(np.abs(own[here] - found / feeder.nodes.base_v[here]).max())


def _voltages(engine: Any, feeder: Feeder) -> dict[str, float]:
    """Return what OpenDSS finds with taps and banks held as the feeder has them, by node [V]; nan without a solution."""
    circuit = engine.ActiveCircuit
    engine.Text.Command = "Set ControlMode=Off"
    own, banks = feeder.regulators, feeder.capacitors
    taps = dict(zip(make_safe(own.name), own.tap_number.tolist(), strict=True))
    steps = zip(banks.steps.tolist(), banks.steps_on.tolist(), strict=True)
    set_controls(circuit, taps, dict(zip(make_safe(banks.name), steps, strict=True)))
    try:
        circuit.Solution.Solve()
        converged = has_converged(circuit)
    except fault_type():
        converged = False
    names = [name.lower() for name in circuit.AllNodeNames]
    volts = circuit.AllBusVmag if converged else np.full(len(names), np.nan)
    return dict(zip(names, np.asarray(volts, float).tolist(), strict=True))


def _at_rating(feeder: Feeder) -> Col:
    """Return the voltages of all nodes at the rated loads, shape (m,) [pu]."""
    meters = len(feeder.meters.name)
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar, meters)
    rated = feeder.meters.p_kw[None], np.asarray(q_kvar, np.float64)[None]
    found: Col = solve(feeder, *rated).v_pu[0]
    return found
