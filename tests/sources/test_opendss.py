"""The OpenDSS reader: the same voltages as OpenDSS, and every fault as a sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.feeder import GROUND, Feeder, branches
from gridagora.core.registry import find
from gridagora.grid import flow, limits
from gridagora.sources import opendss

AUSTIN = "feeders/smartds_austin/substations/p1uhs23_1247/p1uhs23_1247--p1udt21301/Master.dss"
IEEE13, IEEE123 = "feeders/ieee/13Bus/IEEE13Nodeckt.dss", "feeders/ieee/123Bus/IEEE123Master.dss"
EUROPEAN = "feeders/ieee/LVTestCase/Master.dss"
TAPS13 = {"reg1": 10, "reg2": 8, "reg3": 11}
TAPS123 = {
    "creg1a": 7,
    "creg2a": -1,
    "creg3a": 0,
    "creg3c": -1,
    "creg4a": 8,
    "creg4b": 1,
    "creg4c": 5,
}
HEAD = "Clear\nNew Circuit.small bus1=src basekv=12.47 pu=1.0\n"
LINE = "New Line.a bus1=src bus2=mid phases=3 r1=.1 x1=.2 r0=.3 x0=.6 c1=0 c0=0 length=1\n"
TAIL = "Set VoltageBases=[12.47 0.208]\nCalcVoltageBases\n"


def referee(path: Path, taps: dict[str, int]) -> Any:
    """OpenDSS itself, controls stopped, loads of their own models."""
    from dss import DSS

    engine = DSS.NewContext()
    engine.AllowChangeDir = False
    engine.Text.Command = f'Compile "{path}"'
    circuit = engine.ActiveCircuit
    circuit.Solution.Mode, circuit.Solution.ControlMode = 0, 0
    circuit.Solution.Solve()
    circuit.Solution.ControlMode = -1
    for name, tap in taps.items():
        circuit.RegControls.Name = name
        circuit.RegControls.TapNumber = tap
    for command in (
        "Set Tolerance=1e-12",
        "Set MaxIterations=1000",
        "Solve",
    ):
        engine.Text.Command = command
    return circuit


def off_pu(feeder: Feeder, circuit: Any) -> float:
    """Largest difference of any node voltage, as phasors, at the rated loads."""
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    ours = flow.solve(feeder, feeder.meters.p_kw[None], q_kvar[None], 1e-11)
    theirs = dict(
        zip(
            (n.lower() for n in circuit.YNodeOrder),
            np.array(circuit.YNodeVarray).view(complex),
            strict=True,
        )
    )
    assert ours.converged.all()
    assert -circuit.TotalPower[0] == pytest.approx(ours.substation_p_kw[0], rel=1e-6)
    return float(
        (
            np.abs(ours.v[0] - [theirs[node] for node in feeder.nodes.name]) / feeder.nodes.base_v
        ).max()
    )


def write(folder: Path, text: str, name: str = "master.dss") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("master", "taps"),
    [(AUSTIN, {}), (IEEE13, TAPS13), (IEEE123, TAPS123), (IEEE123, {}), (EUROPEAN, {})],
)
def test_voltages_are_those_of_opendss(data_dir: Path, master: str, taps: dict[str, int]) -> None:
    feeder = opendss.read(data_dir / master, taps=taps)
    assert off_pu(feeder, referee(data_dir / master, taps)) < 1e-7


def test_austin_has_its_homes_places_and_legs(data_dir: Path) -> None:
    feeder = find("source", "feeder.source=opendss")(data_dir / AUSTIN)
    assert len(feeder.buses.name) == 476
    assert len(feeder.meters.name) == 188
    assert feeder.meters.is_home.sum() == 186
    assert np.isfinite(feeder.buses.x_m).all()
    assert np.isfinite(feeder.buses.y_m).all()
    assert feeder.buses.x_m.min() > 600_000
    assert len(feeder.loads.name) == 2 * 187 + 3
    assert (feeder.loads.to_node == GROUND).all()
    joins = branches(feeder)
    assert set(joins.kind) == {"line", "transformer"}
    assert set(joins.from_bus) | set(joins.to_bus) == set(range(476))
    assert feeder.notes == ()


def test_a_week_of_five_minutes_converges_with_a_certificate(data_dir: Path) -> None:
    feeder = opendss.read(data_dir / AUSTIN)
    p_kw = feeder.meters.p_kw * np.random.Generator(np.random.Philox(1)).uniform(
        0.05, 0.8, (2016, 188)
    )
    week = flow.solve(feeder, p_kw, 0.2 * p_kw)
    assert week.converged.all()
    assert week.mismatch_kva.max() < 1e-4
    band = limits.meter_band(feeder, week)
    assert 0.9 < band.v_min_pu.min() < band.v_max_pu.max() < 1.03


def test_notes_say_what_was_assumed(data_dir: Path) -> None:
    notes = " ".join(opendss.read(data_dir / IEEE13, taps=TAPS13).notes)
    assert "11 of constant power, 2 of constant impedance, 2 of constant current" in notes
    assert "reg1 10, reg2 8, reg3 11" in notes


CONNECTIONS = (
    "New Transformer.ct phases=1 windings=3 buses=[mid.2 lv.1.0 lv.0.2] conns=[wye wye wye] kvs=[7.2 .12 .12]"
    " kvas=[50 50 50] %rs=[.3 .6 .6] xhl=2.4 xht=2.4 xlt=1.6\n"
    "New Line.n bus1=mid.1.2.3.4 bus2=far.1.2.3.4 phases=4 rmatrix=(.2|.02 .2|.02 .02 .2|.02 .02 .02 .4)"
    " xmatrix=(.3|.1 .3|.1 .1 .3|.1 .1 .1 .5) cmatrix=(0|0 0|0 0 0|0 0 0 0) length=1\n"
    "New Reactor.earth bus1=mid.4 bus2=mid.0 phases=1 R=.5 X=0\n"
    "New Load.wye3 bus1=mid phases=3 kv=12.47 kw=300 kvar=90\n"
    "New Load.neutral bus1=far.1.2.3.4 phases=3 kv=12.47 kw=90 kvar=10\n"
    "New Load.single bus1=far.3.4 phases=1 kv=7.2 kw=80 kvar=10\n"
    "New Load.delta3 bus1=mid phases=3 conn=delta kv=12.47 kw=200 kvar=50\n"
    "New Load.delta2 bus1=mid.1.2.3 phases=2 conn=delta kv=12.47 kw=100 kvar=20\n"
    "New Load.delta1 bus1=mid.3.1 phases=1 conn=delta kv=12.47 kw=60 kvar=20\n"
    "New Load.leg bus1=lv.2 phases=1 kv=.12 kw=5 kvar=1\n"
    "New Load.legs bus1=lv.1.2 phases=1 kv=.24 kw=12 kvar=3\n"
    "New Load.split bus1=lv.1.2 phases=2 kv=.208 kw=10 kvar=2\n"
    "New PVSystem.sun bus1=mid.1 phases=1 kv=7.2 kva=50 pmpp=50 irradiance=1\n"
)
PAIRS = {
    "wye3": 3,
    "neutral": 3,
    "single": 1,
    "delta3": 3,
    "delta2": 2,
    "delta1": 1,
    "leg": 1,
    "legs": 1,
    "split": 2,
}


def test_every_connection_of_a_load_is_that_of_opendss(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + LINE + CONNECTIONS + TAIL)
    feeder = opendss.read(path)
    rows = np.bincount(feeder.loads.meter)
    assert {name: int(n) for name, n in zip(feeder.meters.name, rows, strict=True)} == PAIRS
    assert feeder.loads.p_kw.sum() == pytest.approx(feeder.meters.p_kw.sum())
    assert any("PVSystem.sun" in note for note in feeder.notes)
    circuit = referee(
        write(tmp_path, HEAD + LINE + CONNECTIONS.partition("New PVSystem")[0] + TAIL, "still.dss"),
        {},
    )
    assert off_pu(feeder, circuit) < 1e-7


def test_the_folder_of_the_process_stays(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted((data_dir / IEEE13).parent.iterdir())
    opendss.read(data_dir / IEEE13)
    with pytest.raises(InputError):
        opendss.read(write(tmp_path, HEAD + "New Line.a bus1=src bus2=b linecode=absent\n"))
    assert Path.cwd() == tmp_path
    assert sorted((data_dir / IEEE13).parent.iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["master.dss"]


def faults(path: Path, **options: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        opendss.read(path, **options)
    return [str(problem) for problem in caught.value.problems]


def test_missing_files_are_named_all_at_once(tmp_path: Path) -> None:
    write(tmp_path, "Redirect gone/third.dss\n", "second.dss")
    master = write(
        tmp_path,
        HEAD
        + "! Redirect comment.dss\nredirect second.dss\nRedirect first.dss\nBuscoords xy.csv\n",
    )
    told = faults(master)
    assert len(told) == 3
    assert all(
        any(name in line for line in told) for name in ("gone/third.dss", "first.dss", "xy.csv")
    )
    assert "line 1" in next(line for line in told if "third" in line)
    assert "no such file" in faults(tmp_path / "nothing.dss")[0]


def test_an_error_of_the_script_is_told_in_its_own_words(tmp_path: Path) -> None:
    told = faults(write(tmp_path, HEAD + "New Lime.a bus1=src bus2=b\n"))
    assert "an error of OpenDSS" in told[0]
    assert "lime" in told[0].lower()


def test_a_load_on_a_bus_that_nothing_feeds(tmp_path: Path) -> None:
    loads = (
        "New Load.good bus1=mid kv=12.47 kw=10\nNew Load.lost bus1=midd kv=12.47 kw=10\n"
        "New Load.also bus1=mid.7 phases=1 kv=7.2 kw=1\n"
    )
    told = faults(write(tmp_path, HEAD + LINE + loads + TAIL), taps={"nobody": 3})
    assert len(told) == 3
    assert any("Load.lost" in line and "midd" in line and "'mid'" in line for line in told)
    assert any("Load.also" in line and "mid.7" in line for line in told)
    assert any("nobody" in line for line in told)


def test_a_part_that_floats(tmp_path: Path) -> None:
    island = "New Line.b bus1=far bus2=end phases=3 r1=.1 x1=.2 r0=.3 x0=.6 c1=0 c0=0 length=1\n"
    told = faults(
        write(tmp_path, HEAD + LINE + island + "New Load.x bus1=end kv=12.47 kw=10\n" + TAIL)
    )
    assert any("far.1" in line or "end" in line for line in told)


def test_a_feeder_without_load_or_circuit_or_base_voltage(tmp_path: Path) -> None:
    assert "no load" in faults(write(tmp_path, HEAD + LINE + TAIL))[0]
    assert "no circuit" in faults(write(tmp_path, "Clear\n"))[0]
    assert (
        "VoltageBases"
        in faults(write(tmp_path, HEAD + LINE + "New Load.x bus1=mid kv=12.47 kw=10\n"))[0]
    )
