"""What a script says is what is read: its controls, multipliers, switches, files and words, each held against OpenDSS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.feeder import Feeder, held_taps
from gridagora.grid import flow
from gridagora.grid.admittance import assemble
from gridagora.sources import opendss
from gridagora.sources.opendss import opened, state

HEAD = (
    "Clear\nNew Circuit.t basekv=12.47 pu=1.02 phases=3 bus1=src MVAsc3=200 MVAsc1=210\n"
    "New Line.l1 bus1=src bus2=a phases=3 r1=0.3 x1=0.6 r0=0.6 x0=1.8 c1=0 c0=0 length=3\n"
)
LOAD = "New Load.x bus1=a phases=3 kv=12.47 kw=900 pf=0.9\n"
BASES = "Set VoltageBases=[12.47 0.208 0.415692]\nCalcVoltageBases\n"
TAIL = BASES + "Solve\n"
TOLERANCE = 1e-4  # of the engine, unless a script sets another
REGULATOR = (
    "New Transformer.r1 phases=3 xhl=1 kvas=[5000 5000] buses=[a b] kvs=[12.47 12.47] wdg=2 tap=1.05\n"
    "New RegControl.c1 transformer=r1 winding=2 vreg=118 band=2 ptratio=60\n"
    "New Load.x bus1=b phases=3 kv=12.47 kw=3000 pf=0.9\n"
)


def write(folder: Path, text: str | bytes, files: Mapping[str, str] | None = None) -> Path:
    for name, inner in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(inner)
    path = folder / "Master.dss"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def told(feeder: Feeder) -> str:
    return " ".join(feeder.notes)


def substation_kw(feeder: Feeder) -> float:
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar)
    return float(
        flow.solve(feeder, feeder.meters.p_kw[None], q_kvar[None], 1e-10).substation_p_kw[0]
    )


def engine(path: Path) -> Any:
    from dss import DSS

    own = DSS.NewContext()
    own.AllowChangeDir = False
    own.Text.Command = f'Redirect "{path}"'
    return own


def fault(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        opendss.read(path, **options)
    return str(caught.value)


def test_controls_that_the_script_stops_leave_its_own_tap_and_capacitor(tmp_path: Path) -> None:
    bank = "New Capacitor.c bus1=b phases=3 kv=12.47 kvar=600\n"
    bank += (
        "New CapControl.cc capacitor=c element=Line.l1 type=kvar onsetting=9000 offsetting=8000\n"
    )
    path = write(tmp_path, HEAD + REGULATOR + bank + "Set ControlMode=OFF\n" + TAIL)
    feeder = opendss.read(path)
    assert held_taps(feeder) == ("c1 8",)
    assert "c1 8" in told(feeder)
    assert "c on" in told(feeder)
    assert substation_kw(feeder) == pytest.approx(
        -engine(path).ActiveCircuit.TotalPower[0], rel=TOLERANCE
    )


def test_controls_that_act_leave_what_the_scripts_own_solution_left(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + REGULATOR + TAIL)
    theirs = engine(path).ActiveCircuit
    assert theirs.RegControls.First == 1
    assert held_taps(opendss.read(path)) == (f"c1 {theirs.RegControls.TapNumber}",)
    assert theirs.RegControls.TapNumber != 8


def test_a_script_that_does_not_solve_is_solved_and_a_cut_one_is_iterated_on(
    tmp_path: Path,
) -> None:
    settled = held_taps(opendss.read(write(tmp_path, HEAD + REGULATOR + TAIL)))
    slow = "RegControl.c1.maxtapchange=1\nSet MaxControlIter=2\n"
    assert held_taps(opendss.read(write(tmp_path, HEAD + REGULATOR + BASES))) == settled
    assert held_taps(opendss.read(write(tmp_path, HEAD + REGULATOR + slow + TAIL))) == settled
    assert (
        held_taps(opendss.read(write(tmp_path, HEAD + REGULATOR + "Set MaxIterations=2\n" + TAIL)))
        == settled
    )


def test_a_first_solution_that_never_converges_is_refused(tmp_path: Path) -> None:
    weak = "New Load.x bus1=a phases=3 kv=12.47 kw=90000 pf=0.9 vminpu=.1 vlowpu=.05\n"
    assert "does not converge" in fault(write(tmp_path, HEAD + weak + TAIL))


def test_a_tap_beyond_the_range_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + REGULATOR + TAIL)
    assert "-16 to 16" in fault(path, taps={"c1": 17})
    assert held_taps(opendss.read(path, taps={"c1": 16})) == ("c1 16",)


@pytest.mark.parametrize(
    ("extra", "kw", "word"),
    [
        ("Set LoadMult=0.5\n", 450.0, "0.5"),
        ("Load.x.status=fixed\nSet LoadMult=0.5\n", 900.0, ""),
        ("Set Year=3\n", 900.0 * 1.025**2, "growth"),
        ("Open Load.x 1\n", 0.0, "without load: x"),
        ("Open Load.x 1 2\n", 600.0, "conductor"),
        ("New Load.y like=x bus1=a kw=50\n", 950.0, ""),
    ],
)
def test_multipliers_and_open_loads_are_those_of_the_engine(
    tmp_path: Path, extra: str, kw: float, word: str
) -> None:
    """Where one conductor is open, OpenDSS 14.5 itself draws 305.3 and 299.4 kW at the closed ones, not 300: 1 % there."""
    path = write(tmp_path, HEAD + LOAD + extra + TAIL)
    feeder = opendss.read(path)
    assert feeder.meters.p_kw.sum() == pytest.approx(kw, rel=1e-12)
    near = 1e-2 if word == "conductor" else TOLERANCE
    assert substation_kw(feeder) == pytest.approx(
        -engine(path).ActiveCircuit.TotalPower[0], rel=near, abs=1e-3
    )
    assert word in told(feeder)


def test_earth_named_first_is_the_other_leg(tmp_path: Path) -> None:
    """A load of 5 kW on s.0.2 draws 5 kW: the engine takes any order of its two nodes."""
    service = (
        "New Transformer.t phases=1 windings=3 "
        "buses=[a.1 s.1.0 s.0.2] kvs=[7.2 .12 .12] kvas=[25 25 25] xhl=2 xht=2 xlt=1\n"
    )
    path = write(
        tmp_path, HEAD + service + "New Load.h1 bus1=s.0.2 phases=1 kv=.12 kw=5 pf=0.97\n" + TAIL
    )
    feeder = opendss.read(path)
    assert feeder.nodes.name[feeder.loads.from_node[0]] == "s.2"
    assert substation_kw(feeder) == pytest.approx(
        -engine(path).ActiveCircuit.TotalPower[0], rel=TOLERANCE
    )


def test_files_are_found_as_the_engine_finds_them(tmp_path: Path) -> None:
    files = {
        "sub/my loads.dss": LOAD + "Redirect deeper/more.dss\n",
        "sub/deeper/more.dss": "New Load.y bus1=a kv=12.47 kw=10\n",
        "win/loads.dss": "New Load.z bus1=a kv=12.47 kw=20\n",
    }
    text = (
        HEAD
        + 'Redirect "sub/my loads.dss"\nRedirect win/loads\n/* old version\nRedirect gone.dss\n*/\n'
        + TAIL
    )
    assert opendss.read(write(tmp_path, text, files)).meters.p_kw.tolist() == [900.0, 10.0, 20.0]


def test_a_source_without_voltage_is_refused(tmp_path: Path) -> None:
    text = HEAD.replace("pu=1.02", "pu=0") + LOAD + BASES
    assert "no node that a source feeds" in fault(write(tmp_path, text))


def test_a_path_is_taken_from_the_folder_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, HEAD + LOAD + TAIL)
    monkeypatch.chdir(tmp_path)
    assert opendss.read("Master.dss").meters.name == ("x",)
    assert Path.cwd() == tmp_path


def test_the_folder_of_the_caller_stays_wherever_engines_were_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert opendss.read(write(tmp_path, HEAD + LOAD + TAIL)).meters.name == ("x",)
        assert Path.cwd() == tmp_path / name


def test_an_element_defined_twice_is_edited_as_in_eprs_engine(tmp_path: Path) -> None:
    second = "New Load.x bus1=a phases=3 kw=500\n"
    feeder = opendss.read(write(tmp_path, HEAD + LOAD + second + TAIL))
    assert feeder.meters.p_kw.tolist() == [500.0]
    assert "load.x is defined more than once" in told(feeder)
    apart = opendss.read(
        write(tmp_path, HEAD + LOAD + "Redirect sub/b.dss\n" + TAIL, {"sub/b.dss": "\n" + second})
    )
    assert apart.meters.p_kw.tolist() == [500.0]
    assert "lime" in fault(write(tmp_path, HEAD + LOAD + second + "New Lime.x\n" + TAIL)).lower()


def test_names_in_latin_1_are_read(tmp_path: Path) -> None:
    text = (
        HEAD
        + "New Line.m\u00fchle bus1=a bus2=stra\u00dfe phases=3 length=1\nNew Load.k\u00fche bus1=stra\u00dfe kv=12.47 kw=7\n"
        + TAIL
    )
    for encoding in ("latin-1", "utf-8"):
        feeder = opendss.read(write(tmp_path, text.encode(encoding)))
        assert feeder.meters.name == ("k\u00fche",)
        assert "stra\u00dfe.1" in feeder.nodes.name


OUTPUT = "Show Voltages LN Nodes\nExport Voltages\nExport Currents my.csv\nSave Circuit\nSave Circuit dir=saved\nPlot Profile\n"


@pytest.mark.parametrize("after", ["", "New Lime.x\n"])
def test_no_file_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    path = write(
        tmp_path, "Compile sub/m.dss\n" + OUTPUT + after, {"sub/m.dss": HEAD + LOAD + TAIL + OUTPUT}
    )
    before = sorted(tmp_path.rglob("*"))
    if after:
        fault(path)
    else:
        opendss.read(path)
    assert sorted(tmp_path.rglob("*")) == before
    assert Path.cwd() == work


def test_loads_outside_their_voltage_limits_are_said_with_what_the_engine_draws(
    tmp_path: Path,
) -> None:
    far = "New Line.l2 bus1=a bus2=b phases=3 r1=0.3 x1=0.6 r0=0.6 x0=1.8 length=10\nNew Load.x bus1=b kv=12.47 kw=3500 pf=0.9\n"
    path = write(tmp_path, HEAD + far + TAIL)
    notes = told(opendss.read(path))
    source_kw = -engine(path).ActiveCircuit.TotalPower[0]
    assert "1 of 1 loads see a voltage outside their vminpu to vmaxpu" in notes
    assert f"its source gives {source_kw:,.0f} kW" in notes
    assert "their rating is 3,500 kW" in notes
    assert substation_kw(opendss.read(path)) == pytest.approx(source_kw, rel=TOLERANCE)


@pytest.mark.parametrize(
    "element",
    [
        "IndMach012.m bus1=a phases=3 kv=12.47 kw=300 conn=delta",
        "Generator.m bus1=a kv=12.47 kw=10",
        "Storage.m bus1=a kv=12.47 kwrated=10",
        "PVSystem.m bus1=a kv=12.47 kva=10 pmpp=10",
        "VCCS.m bus1=a phases=1 prated=100 vrated=7200 ppct=80",
    ],
)
def test_what_injects_is_left_out_of_the_matrix_and_named(tmp_path: Path, element: str) -> None:
    plain = opendss.read(write(tmp_path, HEAD + LOAD + TAIL))
    feeder = opendss.read(write(tmp_path, HEAD + LOAD + f"New {element}\n" + TAIL))
    assert element.split(maxsplit=1)[0].lower() in told(feeder).lower()
    assert np.array_equal(assemble(feeder).y.data, assemble(plain).y.data)


def test_a_load_below_zero_feeds_in_and_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + LOAD + "New Load.roof bus1=a kv=12.47 kw=-100 pf=1\n" + TAIL)
    feeder = opendss.read(path)
    assert feeder.meters.p_kw.tolist() == [900.0, -100.0]
    assert substation_kw(feeder) == pytest.approx(
        -engine(path).ActiveCircuit.TotalPower[0], rel=TOLERANCE
    )
    assert "roof" in told(feeder)


@pytest.mark.parametrize(
    "switch", ["Open Line.s 1\nOpen Line.s 2\n", "Open Line.s 2\n", "Line.s.enabled=no\n"]
)
def test_a_dead_section_is_left_out_with_its_name(tmp_path: Path, switch: str) -> None:
    section = "New Line.s bus1=a bus2=far phases=3 switch=y\nNew Line.t bus1=far bus2=end phases=3 c1=0 c0=0 length=1\n"
    text = HEAD + LOAD + section + "New Load.z bus1=end kv=12.47 kw=10\n" + switch + TAIL
    feeder = opendss.read(write(tmp_path, text))
    assert feeder.meters.name == ("x",)
    assert "end" in told(feeder)
    assert "1 loads without voltage are left out: z" in told(feeder)
    assert not any(node.startswith("end") for node in feeder.nodes.name)


def test_a_load_that_stands_open_draws_nothing_while_the_script_solves(tmp_path: Path) -> None:
    """OpenDSS 14.5 takes the current of an open load from memory that it never set: what follows it must not move a control."""
    heavy = "New Load.y bus1=b phases=3 conn=delta kv=12.47 kw=900 vminpu=.3 vmaxpu=.6 vlowpu=.2\n"
    off = opendss.read(write(tmp_path, HEAD + REGULATOR + heavy + "Load.y.enabled=no\n" + TAIL))
    for text in (
        "Open Load.y 1\n" + TAIL,
        "Open 'Load.y' 1\n" + BASES + "Set Number=1\nSolve\nOpen Load.y 1\n",
    ):
        feeder = opendss.read(write(tmp_path, HEAD + REGULATOR + heavy + text))
        assert held_taps(feeder) == held_taps(off)
        assert "Open in the script, so without load: y" in told(feeder)
        assert feeder.meters.p_kw.tolist() == [3000.0, 0.0]
    again = opendss.read(
        write(
            tmp_path,
            HEAD + REGULATOR + heavy + "Open Load.y 1\n" + TAIL + "Close Load.y 1\nSolve\n",
        )
    )
    assert again.meters.p_kw.tolist() == [3000.0, 900.0]
    assert held_taps(again) != held_taps(off)
    assert "line 11" in fault(
        write(tmp_path, HEAD + LOAD + "Open Load.x 1\n" + TAIL + "\n\nNew Lime.x\n")
    )


def test_every_solution_of_a_script_runs_without_its_open_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off: list[list[str]] = []
    real = opened.switch_off_open

    def seen(circuit: Any) -> list[str]:
        off.append(real(circuit))
        return off[-1]

    monkeypatch.setattr(opened, "switch_off_open", seen)
    inner = {"sub/a.dss": "Open Load.x 1\nSolve\n"}
    opendss.read(write(tmp_path, HEAD + LOAD + "Solve\nRedirect sub/a.dss\n" + TAIL, inner))
    assert off == [[], ["x"], ["x"]]


def test_a_voltage_that_is_no_number_is_no_solution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state.np, "isfinite", lambda _: np.array([False]))
    assert "does not converge" in fault(write(tmp_path, HEAD + LOAD + TAIL))


def test_a_bus_with_an_open_phase_has_the_base_of_the_others(tmp_path: Path) -> None:
    """`CalcVoltageBases` looks at the first node, which is dead: 120 V where the line has 7,200 V."""
    line = "New Line.l2 bus1=a bus2=b phases=3 r1=.3 x1=.6 r0=.6 x0=1.8 c1=0 c0=0 length=1\nOpen Line.l2 1 1\n"
    bank = "New Capacitor.c bus1=b phases=3 kv=12.47 kvar=60\n"
    feeder = opendss.read(
        write(tmp_path, HEAD + line + bank + "New Load.x bus1=b.2 phases=1 kv=7.2 kw=90\n" + TAIL)
    )
    assert feeder.nodes.base_v == pytest.approx(np.full(len(feeder.nodes.name), 12470 / 3**0.5))
    assert (
        "Base voltages that OpenDSS took from an open phase are those of the other phases: b 7,200 V"
        in told(feeder)
    )


SERVICE = "New Transformer.t phases=3 buses=[a s] kvs=[12.47 .208] kvas=[75 75] xhl=4\nNew Load.x bus1=s phases=3 kv=.208 kw=9\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            HEAD.replace("12.47", "12470") + LOAD + TAIL,
            "bus a: got 7,343,549 V to earth without load at a base of 7,200 V",
        ),
        (
            HEAD + SERVICE.replace(".208]", "208]") + TAIL,
            "bus s: got 122,491 V to earth without load at a base of 7,200 V",
        ),
        (HEAD + SERVICE.replace("[12.47", "[12470") + TAIL, "no load that is fed"),
        (
            HEAD + SERVICE + "Set VoltageBases=[12.47]\nCalcVoltageBases\nSolve\n",
            "at a base of 7,200 V",
        ),
    ],
)
def test_volts_typed_as_kilovolts_are_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in fault(write(tmp_path, text))


def test_without_opendss_a_script_is_refused_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridagora.sources.opendss.engine.find_spec", lambda _: None)
    with pytest.raises(InputError) as told_:
        opendss.read(write(tmp_path, HEAD + LOAD + TAIL))
    (problem,) = told_.value.problems
    assert problem.where == str(tmp_path / "Master.dss")
    assert "pip install 'gridagora[opendss]'" in problem.hint
