"""Days of small feeders with controls: under OpenDSS in control mode STATIC, step after step, and in our flow."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.feeder import Feeder
from gridagora.core.flow import Flow
from gridagora.grid.controlled_flow import solve_controlled
from gridagora.grid.flow import held_state

LINE = "phases=3 r1=.3 x1=.6 r0=.6 x0=1.8 c1=3 c0=2 length=3 units=km"
HEAD = f"""Clear
New Circuit.t basekv=12.47 pu=1.02 bus1=src mvasc3=200 mvasc1=210
New Line.l1 bus1=src bus2=a {LINE}
"""
TAIL = f"""New Line.l2 bus1=r bus2=b {LINE}
New Line.l3 bus1=b bus2=c {LINE}
New Load.p1 bus1=b.1 phases=1 kv=7.2 kw=500 kvar=180
New Load.p2 bus1=b.2 phases=1 kv=7.2 kw=350 kvar=150
New Load.p3 bus1=c.3 phases=1 kv=7.2 kw=420 kvar=90
New Load.d bus1=c phases=3 conn=delta kv=12.47 kw=600 kvar=250
"""
DELTA_TAIL = f"""New Line.l2 bus1=r bus2=b {LINE}
New Load.p1 bus1=b.1.2 phases=1 kv=12.47 kw=700 kvar=280
New Load.p2 bus1=b.2.3 phases=1 kv=12.47 kw=450 kvar=150
New Load.p3 bus1=r.3.1 phases=1 kv=12.47 kw=420 kvar=90
New Load.d bus1=b phases=3 conn=delta kv=12.47 kw=600 kvar=250
"""
BASES = """BatchEdit Load..* vminpu=.1 vmaxpu=9 vlowpu=.01
Set VoltageBases=[12.47]
CalcVoltageBases
Set MaxControlIter=90
Solve
"""
WYE = "New Transformer.reg phases=3 xhl=1 kvas=[5000 5000] buses=[a r] kvs=[12.47 12.47] %loadloss=.1\n"


class Day(NamedTuple):
    """How controls stand at the end of each of t steps, and the voltages by name of node."""

    tap: Any  # (t, k)
    on: Any  # (t, c)
    v: Any  # (t, m) [V]
    nodes: tuple[str, ...]


def powers(steps: int, *, low: float = 0.1, high: float = 1.3, seed: int = 3) -> Any:
    """Return what each of four loads draws of its rating, shape (t, 4) each for active and reactive power."""
    dice = np.random.default_rng(seed)
    along = np.linspace(0, 2 * np.pi, steps)[:, None]
    wave = 0.5 - 0.5 * np.cos(along + np.array([0, 0.4, -0.3, 0.2]))
    p = low + (high - low) * wave + 0.05 * dice.standard_normal((steps, 4))
    return p, 0.4 + 0.8 * wave + 0.05 * dice.standard_normal((steps, 4))


def engine_day(script: str, p: Any, q: Any, minutes: int) -> Day:
    """Return the day under OpenDSS; loads are of constant power at any voltage."""
    from dss import DSS

    engine = DSS.NewContext()
    engine.AllowForms = False
    for line in script.splitlines():
        engine.Text.Command = line
    circuit = engine.ActiveCircuit
    rated = [(load.Name, load.kW, load.kvar) for load in circuit.Loads]
    for command in (
        f"Set mode=daily stepsize={minutes}m number=1 tolerance=1e-11 maxiterations=500",
        "Set controlmode=static hour=0 sec=0",
    ):
        engine.Text.Command = command
    taps, on, volts = [], [], []
    for step in range(len(p)):
        for at, (name, kw, kvar) in enumerate(rated):
            engine.Text.Command = f"Load.{name}.kw={kw * p[step, at]:.12g}"
            engine.Text.Command = f"Load.{name}.kvar={kvar * q[step, at]:.12g}"
        circuit.Solution.Solve()
        assert circuit.Solution.Converged
        taps.append([one.TapNumber for one in circuit.RegControls])
        on.append([sum(one.States) for one in circuit.Capacitors])
        volts.append(np.array(circuit.AllBusVolts, float).view(complex))
    nodes = tuple(name.lower() for name in circuit.AllNodeNames)
    return Day(np.array(taps), np.array(on), np.array(volts), nodes)


def our_day(feeder: Feeder, p: Any, q: Any, minutes: int, tolerance: float = 1e-9) -> Flow:
    """Return the same day in our flow; the engine's first step ends one step after midnight."""
    rated = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    step_s = 60.0 * minutes
    before = held_state(feeder)._replace(time_s=step_s)
    return solve_controlled(
        feeder, p * feeder.meters.p_kw, q * rated, step_s, tolerance, before=before
    )


def written(folder: Path, middle: str, after: str = "", tail: str = TAIL) -> Path:
    """Return the path of a script with a part between its first line and the others, and one behind them."""
    path = folder / "day.dss"
    path.write_text(HEAD + middle + tail + after + BASES)
    return path
