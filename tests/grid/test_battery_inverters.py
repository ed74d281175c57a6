"""Inverters that keep their active power and follow volt-var, as those of batteries do: as OpenDSS has its storage, and laws."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.flow import Flow
from gridagora.core.inverters import STANDARDS, Infeed, InverterTable, given_kw_kvar
from gridagora.core.voltage_dependence import with_constant
from gridagora.grid.fixed_point import open_grid
from gridagora.sources import opendss

RULE = STANDARDS["ieee1547_b"]
RATED = np.array([1500.0, 500.0])
KV = (12.47, 12.47 / np.sqrt(3.0))
FEEDER = f"""Clear
New Circuit.t basekv=12.47 pu=%g bus1=src mvasc3=60 mvasc1=50
New Line.l1 bus1=src bus2=a phases=3 r1=.4 x1=.6 r0=.7 x0=1.8 c1=3 c0=2 length=6 units=km
New Line.l2 bus1=a bus2=b phases=3 r1=.6 x1=.5 r0=.9 x0=1.6 c1=3 c0=2 length=5 units=km
New Load.one bus1=b.1 phases=1 kv=7.2 kw=200 kvar=60
New Load.all bus1=b phases=3 kv=12.47 kw=600 kvar=150
New Load.battery0 bus1=b phases=3 kv={KV[0]} kw=1e-7 kvar=0
New Load.battery1 bus1=a.2 phases=1 kv={KV[1]:.12g} kw=1e-7 kvar=0
Set VoltageBases=[12.47]
BatchEdit Load..* vminpu=.1 vmaxpu=9 vlowpu=.01
CalcVoltageBases
Set MaxControlIter=4000
Solve
"""
# given [kW]: at rest, given in full, drawn, one of each; the last leaves almost nothing of a rating
POWERS = [(0.0, 0.0), (1480.0, 300.0), (-1480.0, -300.0), (700.0, -499.0)]


def engine(script: str, given_kw: tuple[float, ...]) -> tuple[np.ndarray, dict[str, complex]]:
    """Return what storage gives under OpenDSS (2, i) and voltages by node; its curves go on beyond their ends."""
    from dss import DSS

    opened = DSS.NewContext()
    opened.AllowForms = False
    at, share = (" ".join(map(str, column)) for column in RULE.volt_var)
    commands = [*script.splitlines(), f"New XYCurve.var npts=4 xarray=({at}) yarray=({share})"]
    for row, (bus, phases) in enumerate((("b", 3), ("a.2", 1))):
        kw, kva = given_kw[row], RATED[row]
        state = "idling" if kw == 0 else "discharging" if kw > 0 else "charging"
        commands.append(
            f"New Storage.s{row} bus1={bus} phases={phases} kv={KV[row]:.12g} kva={kva} kwrated={kva} kwhrated=1e6 kwhstored=5e5 "
            f"dispmode=external kvarmax={kva} kvarmaxabs={kva} %effcharge=100 %effdischarge=100 %idlingkw=0 %cutin=0 %cutout=0 "
            f"vminpu=.1 vmaxpu=9 wattpriority=yes pf=1 kw={kw} state={state}"
        )
        commands.append(
            f"New InvControl.c{row} derlist=[Storage.s{row}] mode=voltvar voltage_curvex_ref=rated vvc_curve1=var "
            "refreactivepower=varmax deltaq_factor=.2 voltagechangetolerance=1e-7 varchangetolerance=1e-7"
        )
    commands.append("Set mode=snapshot controlmode=static tolerance=1e-11 maxiterations=500")
    for command in (*commands, "Set MaxControlIter=4000", "Solve"):
        opened.Text.Command = command
    circuit = opened.ActiveCircuit
    assert circuit.Solution.Converged
    given = []
    for row in range(2):
        circuit.SetActiveElement(f"Storage.s{row}")
        power = np.array(circuit.ActiveCktElement.Powers)
        ends = 2 * circuit.ActiveCktElement.NumConductors
        given.append((-power[:ends:2].sum(), -power[1:ends:2].sum()))
    volts = np.array(circuit.AllBusVolts).view(complex)
    return np.array(given).T, dict(
        zip((each.lower() for each in circuit.AllNodeNames), volts, strict=True)
    )


def ours(path: Path, given_kw: np.ndarray) -> tuple[opendss.Feeder, Flow, Infeed]:
    """Return feeder and flow of powers (t, i) [kW] that batteries keep."""
    feeder = opendss.read(path)
    names = [name.lower() for name in feeder.meters.name]
    meter = np.array([names.index("battery0"), names.index("battery1")])
    plain = with_constant(feeder.loads.dependence, np.isin(feeder.loads.meter, meter))
    feeder = replace(feeder, loads=feeder.loads._replace(dependence=plain))
    table = InverterTable(meter, RATED, RATED, np.ones(2, np.bool_))
    own = Infeed(table, RULE, given_kw, np.ones(given_kw.shape, np.bool_))
    kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar, minlength=len(names))
    drawn = (np.tile(each, (len(given_kw), 1)) for each in (feeder.meters.p_kw, kvar))
    return feeder, open_grid(feeder).flow(*drawn, infeed=own), own


@pytest.mark.parametrize("pu", [0.97, 1.04])
def test_batteries_that_follow_volt_var_are_those_of_opendss(pu: float, tmp_path: Path) -> None:
    path = tmp_path / "t.dss"
    path.write_text(FEEDER % pu)
    feeder, got, _ = ours(path, np.array(POWERS))
    for step, given_kw in enumerate(POWERS):
        given, volts = engine(path.read_text(), given_kw)
        theirs = np.array([volts[name] for name in feeder.nodes.name])
        off = np.abs(np.abs(got.v[step]) - np.abs(theirs)) / feeder.nodes.base_v
        assert off.max() < 1e-6
        mine = np.array([got.given_kw[step], got.given_kvar[step]])
        assert (np.abs(mine - given) / RATED).max() < 1e-5
    assert np.abs(got.given_kvar).max() > 100.0


def test_active_power_is_kept_and_reactive_power_is_what_it_leaves(tmp_path: Path) -> None:
    path = tmp_path / "t.dss"
    path.write_text(FEEDER % 1.09)
    kept = np.array(POWERS)
    feeder, got, own = ours(path, kept)
    np.testing.assert_array_equal(got.given_kw, kept)  # volt-watt is not for them
    assert (np.hypot(got.given_kw, got.given_kvar) < RATED * (1 + 1e-9)).all()
    first = feeder.loads.from_node
    rows = [np.flatnonzero(feeder.loads.meter == meter) for meter in own.inverters.meter]
    at = np.array([got.v_pu[:, first[each]].mean(1) for each in rows]).T
    want = given_kw_kvar(own.inverters, RULE, at, kept, own.gives_var)
    np.testing.assert_allclose([got.given_kw, got.given_kvar], want, atol=1e-4)
    assert np.isclose(np.hypot(got.given_kw, got.given_kvar), RATED, rtol=1e-9).any()


def test_a_power_beyond_the_rating_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.dss"
    path.write_text(FEEDER % 1.0)
    with pytest.raises(
        InputError, match="got 501 in step 0, row 1, expected 500 either way at most"
    ):
        ours(path, np.array([[0.0, 501.0]]))
