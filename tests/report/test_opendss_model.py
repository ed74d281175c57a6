"""A feeder written as an OpenDSS model: OpenDSS finds the voltages of our own flow on it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gridagora.core.components import Others, block_of, stack_blocks, with_block
from gridagora.core.errors import InputError
from gridagora.core.feeder import Feeder
from gridagora.core.voltage_dependence import constant_power
from gridagora.grid.flow import solve
from gridagora.report.feeder_tables import feeder_tables
from gridagora.report.opendss_model import write_opendss
from gridagora.report.opendss_model.names import make_safe, place_nodes
from gridagora.report.opendss_model.proof import compare_read_back
from gridagora.sources import gridlabd, opendss, synthetic_feeder

dss = pytest.importorskip("dss")

FEEDERS = {
    "13": "ieee/13Bus/IEEE13Nodeckt.dss",  # regulators, a bank, a switch
    "34": "ieee/34Bus/ieee34Mod1.dss",
    "37": "ieee/37Bus/ieee37.dss",  # open delta, nothing earthed
    "123": "ieee/123Bus/IEEE123Master.dss",
    "european": "ieee/LVTestCase/Master.dss",
    "ckt5": "epri_ckt5/Master_ckt5.dss",  # centre taps
}


def engine_voltages(feeder: Feeder, master: Path) -> np.ndarray:
    """Return what OpenDSS finds for every node of a feeder, taps held as the feeder has them [pu]."""
    engine = dss.DSS.NewContext()
    engine.AllowChangeDir = False
    engine.Text.Command = f'compile "{master}"'
    engine.Text.Command = "Set ControlMode=Off"
    circuit = engine.ActiveCircuit
    for row, name in enumerate(make_safe(feeder.regulators.name)):
        if feeder.regulators.transformer[row] >= 0:
            circuit.RegControls.Name = name
            circuit.RegControls.TapNumber = int(feeder.regulators.tap_number[row])
    engine.Text.Command = "Solve"
    assert circuit.Solution.Converged
    found = dict(zip(circuit.AllNodeNames, circuit.AllBusVmagPu, strict=True))
    places = place_nodes(feeder)
    return np.array([found[places.spell([row])] for row in range(len(feeder.nodes.name))])


def own_voltages(feeder: Feeder) -> np.ndarray:
    meters = len(feeder.meters.name)
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar, meters)
    return solve(feeder, feeder.meters.p_kw[None], q_kvar[None]).v_pu[0]


@pytest.mark.parametrize("name", FEEDERS)
def test_voltages_are_those_of_the_feeder(name: str, data_dir: Path, tmp_path: Path) -> None:
    feeder = opendss.read(data_dir / "feeders" / FEEDERS[name])
    made = write_opendss(feeder, tmp_path)
    theirs = engine_voltages(feeder, made.path)
    assert np.abs(theirs - own_voltages(feeder)).max() < 1e-6
    assert not made.notes
    text = (tmp_path / "Transformers.dss").read_text()
    assert text.count("New Transformer.") == len(feeder.transformers.name)
    assert "Reactor" not in text


CONTROLLED = """Clear
New Circuit.tiny basekv=12.47 bus1=head
New Transformer.t phases=1 windings=2 buses=[head.1 mid.1] kvs=[7.2 7.2] kvas=[500 500] xhl=1
New Line.one bus1=mid.1 bus2=tail.1 phases=1 length=1 units=km
New Capacitor.bank bus1=tail.1 phases=1 kv=7.2 numsteps=2 kvar=[100 200] states=[0 0]
New CapControl.of_bank element=Line.one terminal=1 capacitor=bank type=kvar onsetting=900
~ offsetting=-900 voltoverride=yes vmin=110 vmax=130 ptratio=60 delay=20 deadtime=200
New RegControl.of_tap transformer=t winding=2 vreg=121 band=3 ptratio=60 ctprim=100 R=2 X=3
~ reversible=yes revvreg=118 revthreshold=50 vlimit=127 maxtapchange=1 bus=tail.1 remoteptratio=61
New Load.house bus1=tail.1 phases=1 kV=7.2 kW=100 pf=0.95
Set voltagebases=[12.47]
Calcvoltagebases
Solve
"""


def test_controls_keep_their_settings(tmp_path: Path) -> None:
    script = tmp_path / "own.dss"
    script.write_text(CONTROLLED)
    feeder = opendss.read(script)
    again = opendss.read(write_opendss(feeder, tmp_path / "out").path)
    assert again.capacitors.steps_on.tolist() == feeder.capacitors.steps_on.tolist() == [0]
    for kind in ("regulators", "capacitor_controls", "capacitors"):
        theirs = feeder_tables(again)[kind]
        assert feeder_tables(feeder)[kind].equals(theirs), kind


MODELS = (
    "model=1 vminpu=0.9 vlowpu=0.5 vmaxpu=1.05",
    "model=2",
    "model=3 vminpu=0.97",
    "model=4 cvrwatts=0.8 cvrvars=3",
    "model=5",
    "model=6 vminpu=0.98",
    "model=7 vminpu=0.98",
    "model=8 zipv=[0.2 0.3 0.5 0.6 0.3 0.1 0.4]",
)
ENDS = ("bus1=tail.1 phases=1 kV=7.2", "bus1=tail.1.2 phases=1 kV=12.47", "bus1=tail phases=3 kV=12.47",
        "bus1=tail phases=3 kV=12.47 conn=delta")  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_loads_move_with_voltage_as_in_the_feeder(model: str, tmp_path: Path) -> None:
    """Each model of OpenDSS at each connection is written so that OpenDSS reads the same columns and finds our voltages."""
    loads = [
        f"New Load.l{at} {ends} kW={200 + 90 * at} kvar={60 + 40 * at} {model}"
        for at, ends in enumerate(ENDS)
    ]
    script = tmp_path / "own.dss"
    script.write_text(
        "\n".join(
            [
                "Clear",
                "New Circuit.tiny basekv=12.47 bus1=head pu=0.99",
                "New Line.one bus1=head bus2=tail length=4 units=km r1=0.6 x1=0.7 r0=1 x0=2",
                *loads,
                "Set voltagebases=[12.47]",
                "Calcvoltagebases",
                "Solve",
            ]
        )
    )
    feeder = opendss.read(script)
    made = write_opendss(feeder, tmp_path / "out")
    again = opendss.read(made.path)
    for before, after in zip(feeder.loads.dependence, again.loads.dependence, strict=True):
        assert np.allclose(before, after, rtol=1e-12)
    assert np.abs(engine_voltages(feeder, made.path) - own_voltages(feeder)).max() < 1e-7
    assert compare_read_back(feeder, made.path) < 1e-7
    assert not made.notes


def test_a_load_that_opendss_has_not_is_told(tmp_path: Path) -> None:
    """A share with an exponent beside one of impedance is no model of OpenDSS."""
    feeder = synthetic_feeder.make(2, 4)
    rows = constant_power(feeder.nodes.base_v[feeder.loads.from_node])
    rows.p_share[0] = (0.5, 0.0, 0.5)
    rows.p_exponent[0] = 0.7
    odd = replace(feeder, loads=feeder.loads._replace(dependence=rows))
    made = write_opendss(odd, tmp_path)
    assert made.notes == (
        "1 rows of loads move with voltage as no load of OpenDSS does, and are of constant power in the model.",
    )


def test_a_feeder_made_by_chance_keeps_its_voltages(tmp_path: Path) -> None:
    feeder = synthetic_feeder.make(2, 12)
    made = write_opendss(feeder, tmp_path)
    assert np.abs(engine_voltages(feeder, made.path) - own_voltages(feeder)).max() < 1e-6


SPLIT_PHASE = """
module powerflow { solver_method NR; };
object node { name head; phases ABCN; bustype SWING; nominal_voltage 7200;
  voltage_A 7200; voltage_B -3600-6235.4j; voltage_C -3590+6200j; }
object node { name out; phases ABCN; nominal_voltage 7200; }
object regulator { name r; phases ABCN; from head; to out; configuration rc; }
object regulator_configuration { name rc; connect_type WYE_WYE; Type B; Control MANUAL; regulation 0.1;
  raise_taps 16; lower_taps 16; tap_pos_A 5; tap_pos_B -3; tap_pos_C 0; }
object transformer { name pole; phases BS; from out; to legs; configuration core; }
object transformer_configuration { name core; connect_type SINGLE_PHASE_CENTER_TAPPED;
  primary_voltage 7200; secondary_voltage 120;
  powerB_rating 25; power_rating 25; resistance 0.01; reactance 0.02; shunt_impedance 300+200j; }
object transformer { name three; phases CS; from out; to others; configuration apart; }
object transformer_configuration { name apart; connect_type SINGLE_PHASE_CENTER_TAPPED;
  primary_voltage 7200; secondary_voltage 120;
  powerC_rating 50; power_rating 50; resistance 0.006; reactance 0.0136; impedance1 0.012+0.0102j; impedance2 0.014+0.0102j;
  shunt_impedance 400+300j; }
object triplex_node { name legs; phases BS; nominal_voltage 120; power_1 4000+1000j; power_2 2000; power_12 6000+3000j; }
object triplex_node { name others; phases CS; nominal_voltage 120; power_12 30000+9000j; }
"""


def test_split_phases_regulators_and_an_unequal_source_of_gridlabd(tmp_path: Path) -> None:
    """The core of a centre tap is at the star of its windings, a regulator is a resistance alone, phases of the source differ."""
    script = tmp_path / "split.glm"
    script.write_text(SPLIT_PHASE)
    feeder = gridlabd.read(script)
    made = write_opendss(feeder, tmp_path / "out")
    assert np.abs(engine_voltages(feeder, made.path) - own_voltages(feeder)).max() < 1e-7
    assert not made.notes
    assert len(feeder.transformers.name) == 5
    text = (tmp_path / "out" / "Transformers.dss").read_text()
    assert text.count("New Transformer.") == 5
    assert "Isource" not in (tmp_path / "out" / "Sources.dss").read_text()


@pytest.mark.parametrize("name", ["tesp/IEEE-123", "gridlabd_autotest/test_R5-12.47-2_NR"])
def test_voltages_are_those_of_a_feeder_of_gridlabd(
    name: str, data_dir: Path, tmp_path: Path
) -> None:
    feeder = gridlabd.read(data_dir / "feeders" / "taxonomy" / f"{name}.glm")
    made = write_opendss(feeder, tmp_path)
    assert np.abs(engine_voltages(feeder, made.path) - own_voltages(feeder)).max() < 1e-6


def test_names_that_opendss_cannot_hold_are_changed_and_told(tmp_path: Path) -> None:
    feeder = synthetic_feeder.make(2, 4)
    buses = tuple(f"Bus no. {row}" for row in range(len(feeder.buses.name)))
    odd = replace(feeder, buses=feeder.buses._replace(name=buses))
    made = write_opendss(odd, tmp_path)
    assert ("bus", "Bus no. 0", "bus_no__0") in made.renamed
    assert np.abs(engine_voltages(odd, made.path) - own_voltages(odd)).max() < 1e-6
    assert make_safe(["A b", "a.b", "a_b", ""]) == ("a_b", "a_b_2", "a_b_3", "_")


def test_what_no_element_is_like_becomes_reactors(tmp_path: Path) -> None:
    feeder = synthetic_feeder.make(2, 4)
    lines = feeder.lines
    _, y = block_of(lines.blocks, 0)
    longer = y.copy()
    longer[0, 1] += 0.01
    longer[1, 0] += 0.01
    coupled = replace(feeder, lines=lines._replace(blocks=with_block(lines.blocks, 0, longer)))
    made = write_opendss(coupled, tmp_path / "coupled")
    assert np.abs(engine_voltages(coupled, made.path) - own_voltages(coupled)).max() < 1e-6

    node = np.flatnonzero(feeder.nodes.bus == feeder.meters.bus[0])[:2]
    block = (node, np.zeros(2, np.int64), np.array([[0.02 - 0.01j, -0.01j], [-0.01j, 0.03 + 0j]]))
    beside = replace(feeder, others=Others(("odd",), ("reactor",), stack_blocks([block])))
    made = write_opendss(beside, tmp_path / "beside")
    assert np.abs(engine_voltages(beside, made.path) - own_voltages(beside)).max() < 1e-6


def test_a_turn_of_phase_that_no_coils_make_is_refused_by_name(tmp_path: Path) -> None:
    feeder = synthetic_feeder.make(2, 4)
    units = feeder.transformers
    _, y = block_of(units.blocks, 0)
    turned = y.copy()
    half = len(y) // 2
    turned[:half, half:] *= np.exp(0.1j)
    turned[half:, :half] *= np.exp(-0.1j)
    odd = replace(feeder, transformers=units._replace(blocks=with_block(units.blocks, 0, turned)))
    with pytest.raises(InputError, match=f"transformer {units.name[0]}: got a turn of phase"):
        write_opendss(odd, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tables_hold_the_feeder() -> None:
    feeder = synthetic_feeder.make(1, 6)
    tables = feeder_tables(feeder)
    assert list(tables["lines"]["name"]) == list(feeder.lines.name)
    assert tables["lines"]["from_bus"][0] == feeder.buses.name[feeder.lines.from_bus[0]]
    assert tables["loads"]["p_kw"].sum() == pytest.approx(feeder.meters.p_kw.sum())
    total = tables["primitive_admittance"].groupby("kind")["g_siemens"].sum()
    assert total["lines"] == pytest.approx(feeder.lines.blocks.y_siemens.real.sum(), abs=1e-9)
