"""Settings with which a control cannot rest and transformers that do not fit: told by name, refused strictly."""

from pathlib import Path

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.flow import HUNTING
from gridagora.grid.fixed_point import open_grid
from gridagora.scenario.feeder_file import read_feeder_file
from gridagora.sources import opendss
from gridagora.sources.opendss.engine_grid import open_engine_grid

LINE = "phases=3 r1=.3 x1=.6 r0=.6 x0=1.8 c1=3 c0=2 length=2 units=km"
HEAD = f"""Clear
New Circuit.t basekv=12.47 pu=1 bus1=s mvasc3=200 mvasc1=210
New Line.l1 bus1=s bus2=a {LINE}
"""
BASES = "Set VoltageBases=[12.47 4.16]\nCalcVoltageBases\nSolve\n"
LOAD = f"New Load.p bus1=c phases=3 kv=12.47 kw=600 kvar=200\n{BASES}"
UNIT = "New Transformer.r phases=3 xhl=1 kvas=[5000 5000] buses=[a b] kvs=[12.47 12.47]\n"
BEHIND = f"New Line.l2 bus1=b bus2=c {LINE}\n"
REGULATOR = f"{HEAD}{UNIT}New RegControl.rc transformer=r winding=2 ptratio=60 %s\n{BEHIND}{LOAD}"
BANK = (
    f"{HEAD}New Line.l2 bus1=a bus2=c {LINE}\nNew Capacitor.k bus1=a phases=3 kv=12.47 kvar=900\n"
    f"New CapControl.cc capacitor=k element=Line.l1 ptratio=60 delay=10 deadtime=0 %s\n{LOAD}"
)
BESIDE = (
    f"{HEAD}New Transformer.t1 phases=3 xhl=6 kvas=[1000 1000] buses=[a c] kvs=[12.47 4.16] conns=[%s wye]\n"
    "New Transformer.t2 phases=3 xhl=6 kvas=[1000 1000] buses=[a c] kvs=[12.47 %s]\n"
    f"New Load.p bus1=c phases=3 kv=4.16 kw=600 kvar=200\n{BASES}"
)
SCRIPTS = {
    "band below a tap": (
        REGULATOR % "vreg=122 band=.5",
        "Regulator rc: got a band of 30.0 V for taps of 45.0 V",
    ),
    "set voltage in volts of the line": (
        REGULATOR % "vreg=7200 band=2",
        "Regulator rc: got 432,000 V to hold",
    ),
    "phase that another bus has not": (
        REGULATOR % "vreg=122 band=2 bus=c.3 ptphase=3",
        "Regulator rc: got phase 3 to measure",
    ),
    "bank by voltage, turned round": (
        BANK % "type=voltage onsetting=125 offsetting=119",
        "control cc: got on at 125",
    ),
    "bank by kvar, turned round": (
        BANK % "type=kvar onsetting=-50 offsetting=50",
        "control cc: got on at -50",
    ),
    "bank too large for its band": (
        BANK % "type=kvar onsetting=100 offsetting=50",
        "move without end: Capacitor k",
    ),
    "groups of another angle": (BESIDE % ("delta", 4.16), "Transformer t1: got"),
    "another ratio": (BESIDE % ("wye", 0.48), "Transformer t2: got"),
}
EACH_PHASE = "".join(
    f"New Transformer.r{at} phases=1 xhl=1 kvas=[500 500] buses=[a.{at} b.{at}] kvs=[7.2 7.2]\n"
    for at in (1, 2, 3)
)
CAPACITIVE = "New Capacitor.k bus1=c phases=3 kv=12.47 kvar=600\n"
SOUND = (
    f"{HEAD}{EACH_PHASE}{BEHIND}{CAPACITIVE}{LOAD}",  # 40 % of each unit without load, and no way beside the bank
    REGULATOR % "vreg=122 band=2",
    BANK % "type=kvar onsetting=500 offsetting=-600",
    BESIDE % ("wye", 4.16),
)
GLM = """module powerflow { solver_method NR; };
object overhead_line_conductor { name c; geometric_mean_radius 0.0244; resistance 0.306; }
object line_spacing { name sp; distance_AB 2.5; distance_BC 4.5; distance_AC 7; distance_AN 5.6; distance_BN 4.2; distance_CN 5; }
object line_configuration { name lc; conductor_A c; conductor_B c; conductor_C c; conductor_N c; spacing sp; }
object meter { name src; bustype SWING; phases ABCN; nominal_voltage 7200; }
object node { name n1; phases ABCN; nominal_voltage 7200; }
object overhead_line { name l1; phases ABCN; from src; to n1; length 2000 ft; configuration lc; }
object load { name ld; phases ABCN; parent n1; nominal_voltage 7200; constant_power_A 100000; constant_power_B 90000; }
"""
GLM_REGULATOR = """object regulator_configuration { name rc; connect_type 1; band_center %s; band_width %s; raise_taps 16;
 lower_taps 16; regulation 0.10; Control OUTPUT_VOLTAGE; tap_pos_A 0; tap_pos_B 0; tap_pos_C 0; }
object node { name r1; phases ABCN; nominal_voltage 7200; }
object regulator { name rg; phases ABCN; from n1; to r1; configuration rc; }
"""
GLM_UNITS = """object transformer_configuration { name tc; connect_type DELTA_GWYE; power_rating 1000; primary_voltage 12470;
 secondary_voltage 4160; resistance 0.01; reactance 0.06; }
object transformer_configuration { name td; connect_type WYE_WYE; power_rating 1000; primary_voltage 12470;
 secondary_voltage 4160; resistance 0.01; reactance 0.06; }
object node { name n3; phases ABCN; nominal_voltage 2400; }
object transformer { name t1; phases ABCN; from n1; to n3; configuration tc; }
object transformer { name t2; phases ABCN; from n1; to n3; configuration %s; }
"""
GLM_END = """object node { name n5; phases AN; nominal_voltage 7200; }
object overhead_line { name l5; phases %s; from n1; to n5; length 100 ft; configuration lc; }
"""
MODELS = {
    "a band below a tap": (GLM_REGULATOR % (7300, 1), "line 12, regulator rg", "a band of 1.0 V"),
    "a band of 120 V": (GLM_REGULATOR % (123.3, 2), "line 12, regulator rg", "123 V to hold"),
    "groups of another angle": (GLM_UNITS % "tc", "", ""),
    "groups beside each other": (GLM_UNITS % "td", "line 14, transformer t1", "of its rating"),
    "a phase that an end has not": (GLM_END % "ABN", "line 10, overhead_line l5", "phase B, which node n5"),
    "phases that both have": (GLM_END % "AN", "", ""),
}  # fmt: skip


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_cannot_rest_is_told_by_name_and_refused_strictly(tmp_path: Path, name: str) -> None:
    text, told = SCRIPTS[name]
    path = written(tmp_path, "it.dss", text)
    assert any(told in note for note in read_feeder_file(path).notes)
    with pytest.raises(InputError, match=told.partition(":")[0]):
        read_feeder_file(path, strict=True)


@pytest.mark.parametrize("text", SOUND)
def test_settings_that_fit_are_not_told(tmp_path: Path, text: str) -> None:
    notes = opendss.read(written(tmp_path, "it.dss", text)).notes
    assert not [note for note in notes if "expected" in note or "without end" in note]


@pytest.mark.parametrize("case", MODELS)
def test_what_does_not_fit_in_a_model_is_told_by_its_line(tmp_path: Path, case: str) -> None:
    text, where, told = MODELS[case]
    path = written(tmp_path, "it.glm", GLM + text)
    notes = read_feeder_file(path).notes
    if not told:
        assert not notes
        return
    name = where.rpartition(" ")[2]
    assert any(f"{name} " in note.replace(":", " ") and told in note for note in notes), notes
    with pytest.raises(InputError, match=f"it.glm {where}: got .*{told}"):
        read_feeder_file(path, strict=True)


def test_a_step_of_controls_that_hunt_ends_alike_under_both_engines(tmp_path: Path) -> None:
    """OpenDSS stops with an error then; the steps after it are solved all the same."""
    path = written(tmp_path, "it.dss", SCRIPTS["bank too large for its band"][0])
    feeder = opendss.read(path)
    own = open_grid(feeder, moves_controls=True, step_s=900.0)
    p_kw = np.array([[600.0], [600.0], [-4000.0], [600.0]])
    q_kvar = np.array([[200.0], [200.0], [-1500.0], [200.0]])
    ours, theirs = own.flow(p_kw, q_kvar), open_engine_grid(own, path).flow(p_kw, q_kvar)
    assert (ours.actions >= HUNTING).tolist() == [True, True, False, True]
    assert np.array_equal(ours.actions, theirs.actions)
    assert np.array_equal(ours.steps_on, theirs.steps_on)
    assert np.abs(ours.v - theirs.v).max() < 1e-6 * 7200
