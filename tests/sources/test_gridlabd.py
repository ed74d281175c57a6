"""GridLAB-D models: closed forms of lines, transformers, regulators, capacitors and loads, and every gap by name and line."""

import cmath
import re

import numpy as np
import pytest

from gridagora.core.components import block_of, series_ohm
from gridagora.core.errors import InputError
from gridagora.core.feeder import hold_taps
from gridagora.grid.controlled_flow import solve_controlled
from gridagora.grid.flow import solve
from gridagora.report.opendss_model import write_opendss
from gridagora.sources.gridlabd import describe_classes, read
from gridagora.sources.gridlabd.model import Model
from gridagora.sources.gridlabd.properties import NOTHING, READ

MILE_FT = 5280
HEAD = """
module powerflow { solver_method NR; line_capacitance %s; };
object node { name s; phases ABCN; bustype SWING; nominal_voltage 7200; }
object line_configuration { name lz; z11 1+1j; z12 0.1+0.2j; z13 0.1+0.2j; z21 0.1+0.2j; z22 1+1j;
  z23 0.1+0.2j; z31 0.1+0.2j; z32 0.1+0.2j; z33 1+1j; c11 10; c22 10; c33 10; }
"""
LINE = (
    "object overhead_line { name l1; phases ABC; from s; to n; length 1 mile; configuration lz; }\n"
)
NODE = "object node { name n; phases ABCN; nominal_voltage 7200; }\n"
LOAD = (
    "object load { name c; parent n; phases ABCN; constant_power_A 3000; nominal_voltage 7200; }\n"
)
SMALL = HEAD % "FALSE" + LINE + NODE


@pytest.fixture
def feeder(tmp_path):
    def made(text, *, strict=False):
        path = tmp_path / "m.glm"
        path.write_text(text, encoding="utf-8")
        return read(path, strict=strict)

    return made


def no_load(feeder, node):
    return feeder.nodes.v_no_load[feeder.nodes.name.index(node)]


def drawn(feeder):
    """Power of each meter at its nominal voltage [kVA]."""
    total = np.zeros(len(feeder.meters.name), complex)
    np.add.at(total, feeder.loads.meter, feeder.loads.p_kw + 1j * feeder.loads.q_kvar)
    return dict(zip(feeder.meters.name, total, strict=True))


def test_a_matrix_is_scaled_by_length_in_any_unit(feeder):
    expected = np.full((3, 3), 0.1 + 0.2j) + np.eye(3) * (0.9 + 0.8j)
    for length in ("5280", "5280 ft", "1 mile", "1.609344 km", "1609.344m"):
        found = feeder(SMALL.replace("1 mile", length) + LOAD)
        assert np.allclose(series_ohm(found.lines, 0), expected, rtol=1e-9)
        assert found.lines.length_m[0] == pytest.approx(1609.344)
    assert not found.notes


@pytest.mark.parametrize(("said", "farad"), [("FALSE", 0.0), ("TRUE", 10e-9)])
def test_capacitance_counts_where_the_model_asks_for_it(feeder, said, farad):
    found = feeder(HEAD % said + LINE + NODE + LOAD)
    _, y = block_of(found.lines.blocks, 0)
    assert (y[:3, :3] + y[:3, 3:])[0, 0] == pytest.approx(1j * 2 * np.pi * 60 * farad / 2)


CONDUCTORS = """
object overhead_line_conductor { name big; geometric_mean_radius 0.0313; diameter 0.927; resistance 0.1859; }
object overhead_line_conductor { name low; geometric_mean_radius 0.00814; diameter 0.56; resistance 0.592; }
object underground_line_conductor { name cn; outer_diameter 1.29; conductor_gmr 0.0171; conductor_diameter 0.567;
  conductor_resistance 0.41; neutral_gmr 0.00208; neutral_resistance 14.8722; neutral_diameter 0.0640837; neutral_strands 13; }
object line_spacing { name s500; distance_AB 2.5; distance_AC 4.5; distance_BC 7; distance_AN 4.272002;
  distance_BN 5.656854; distance_CN 5; distance_AE 28; distance_BE 28; distance_CE 28; distance_NE 24; }
object line_spacing { name s515; distance_AB 6 in; distance_BC 0.5; distance_AC 1; }
object line_configuration { name c601; conductor_A big; conductor_B big; conductor_C big; conductor_N low; spacing s500; }
object line_configuration { name c606; conductor_A cn; conductor_B cn; conductor_C cn; spacing s515; }
"""
# configurations 601 and 606 of the IEEE 13 node feeder, doi 10.1109/PESW.2001.916993 [ohm/mile]
IEEE_601 = [
    [0.3465 + 1.0179j, 0.1560 + 0.5017j, 0.1580 + 0.4236j],
    [0.1560 + 0.5017j, 0.3375 + 1.0478j, 0.1535 + 0.3849j],
    [0.1580 + 0.4236j, 0.1535 + 0.3849j, 0.3414 + 1.0348j],
]
IEEE_606 = [
    [0.7982 + 0.4463j, 0.3192 + 0.0328j, 0.2849 - 0.0143j],
    [0.3192 + 0.0328j, 0.7891 + 0.4041j, 0.3192 + 0.0328j],
    [0.2849 - 0.0143j, 0.3192 + 0.0328j, 0.7982 + 0.4463j],
]


@pytest.mark.parametrize(
    ("kind", "name", "ohm"),
    [("overhead_line", "c601", IEEE_601), ("underground_line", "c606", IEEE_606)],
)
def test_geometry_gives_the_published_impedance(feeder, kind, name, ohm):
    line = LINE.replace("overhead_line", kind).replace("lz", name).replace("ABC", "ABCN")
    found = feeder(HEAD % "TRUE" + CONDUCTORS + line + NODE + LOAD)
    assert np.abs(series_ohm(found.lines, 0) - ohm).max() < 2e-4
    if name == "c601":  # published 6.2998 and -1.9958 microsiemens a mile
        _, y = block_of(found.lines.blocks, 0)
        shunt = 2e6 * (y[:3, :3] + y[:3, 3:])
        assert shunt[0, 0] == pytest.approx(6.2998j, abs=1e-3)
        assert shunt[0, 1] == pytest.approx(-1.9958j, abs=1e-3)


TRIPLEX = """
object triplex_line_conductor { name tc; resistance 0.97; geometric_mean_radius 0.01111; }
object triplex_line_configuration { name tl; conductor_1 tc; conductor_2 tc; conductor_N tc;
  insulation_thickness 0.08; diameter 0.368; }
object triplex_node { name t; phases BS; nominal_voltage 120; }
object triplex_line { name tx; from t; to h; phases BS; length 100; configuration tl; }
object triplex_meter { name h; phases BS; nominal_voltage 120; }
object transformer { name x; phases BS; from n; to t; configuration xc; }
object transformer_configuration { name xc; connect_type SINGLE_PHASE_CENTER_TAPPED; primary_voltage 7200; secondary_voltage 120;
  powerB_rating 25; power_rating 25; %s }
object triplex_node { name d; parent h; phases BS; nominal_voltage 120; %s }
"""
ONE, THREE = (
    "resistance 0.01; reactance 0.02;",
    "resistance 0.005; reactance 0.016; impedance1 0.01+0.008j;",
)


@pytest.mark.parametrize("written", [ONE, THREE])
def test_a_centre_tap_splits_one_impedance_and_takes_three_as_they_stand(feeder, written):
    """A load between the legs sees both legs in series, and the primary turned by 2."""
    found = feeder(SMALL + TRIPLEX % (written, "power_12 10000"))
    assert no_load(found, "t.1") == pytest.approx(cmath.rect(120, -2 * np.pi / 3), rel=1e-6)
    assert no_load(found, "t.2") == pytest.approx(-no_load(found, "t.1"), rel=1e-6)
    at = found.transformers.name.index("x")
    _, y = block_of(found.transformers.blocks, at)
    z = np.linalg.inv(y[1:, 1:])  # primary shorted
    across = np.array([1, -1])
    base = 120**2 / 25e3
    own = (2 * (0.01 + 0.008j) + 4 * (0.005 + 0.016j)) * base
    assert across @ z @ across == pytest.approx(own, rel=1e-9)


def test_triplex_reduces_its_neutral(feeder):
    found = feeder(SMALL + TRIPLEX % (ONE, "power_12 10000"))
    ohm = series_ohm(found.lines, found.lines.name.index("tx")) * MILE_FT / 100
    self_ohm = (
        0.97
        + 0.00158836 * 60
        + 0.00202237j * 60 * (np.log(1 / 0.01111) + 7.6786 + np.log(100 / 60) / 2)
    )
    far = 0.00158836 * 60 + 0.00202237j * 60 * (np.log(12 / 0.448) + 7.6786 + np.log(100 / 60) / 2)
    assert ohm[0, 0] == pytest.approx(self_ohm - far**2 / self_ohm, rel=1e-9)
    assert ohm[0, 1] == pytest.approx(ohm[1, 0], rel=1e-12)


def three_phase(connection, volts, rest=""):
    return (
        "object node { name p; phases ABCN; nominal_voltage 277; }\n"
        "object transformer { name x; phases ABCN; from n; to p; configuration xc; }\n"
        f"object transformer_configuration {{ name xc; connect_type {connection}; primary_voltage {volts[0]}; "
        f"secondary_voltage {volts[1]}; power_rating 300; resistance 0.01; reactance 0.05; {rest} }}\n"
        "object load { name c; parent p; phases ABCN; constant_power_A 10000; constant_power_B 10000; constant_power_C 10000; }\n"
    )


@pytest.mark.parametrize(
    ("connection", "volts", "turn"),
    [
        ("WYE_WYE", (12470.77, 480), 0),
        ("DELTA_GWYE", (12470.77, 480), -30),
        ("DELTA_GWYE", (480, 12470.77), 30),
        ("DELTA_DELTA", (12470.77, 480), 0),
    ],
)
def test_three_phases_are_turned_by_their_connection(feeder, connection, volts, turn):
    found = feeder(SMALL + three_phase(connection, volts))
    v = no_load(found, "p.1")
    assert abs(v) == pytest.approx(7200 * volts[1] / volts[0], rel=1e-5)
    assert np.angle(v, deg=True) == pytest.approx(turn, abs=1e-3)
    # a balanced load sees its share of the rating behind the line
    at = found.transformers.name.index("x")
    assert found.transformers.x_share[at, 0] == pytest.approx(0.05)
    _, y = block_of(found.transformers.blocks, at)
    turns = np.exp(-2j * np.pi / 3 * np.arange(3))
    assert turns.conj() @ y[3:, 3:] @ turns / 3 * volts[1] ** 2 / 300e3 == pytest.approx(
        1 / (0.01 + 0.05j), rel=1e-4
    )


def test_the_core_draws_what_its_shunt_says(feeder):
    found = feeder(SMALL + three_phase("WYE_WYE", (12470.77, 480), "shunt_impedance 200+50j;"))
    none = np.zeros((1, len(found.meters.name)))
    flow = solve(found, none, none)
    assert flow.losses_kw[0] == pytest.approx(300 / 200, rel=0.01)


REGULATOR = """
object node { name r; phases ABCN; nominal_voltage 7200; }
object regulator { name reg; phases ABC; from n; to r; configuration rc; }
object regulator_configuration { name rc; raise_taps 16; lower_taps 16; regulation 0.10; %s }
object load { name c; parent r; phases ABCN; constant_power_A 1; constant_power_B 1; constant_power_C 1; }
"""


@pytest.mark.parametrize(
    ("kind", "tap", "ratio"),
    [
        ("Type A;", 16, 1.1),
        ("Type A;", -16, 0.9),
        ("", 16, 1 / 0.9),
        ("Type B;", -16, 1 / 1.1),
        ("", 4, 1 / 0.975),
    ],
)
def test_taps_turn_by_the_type_of_the_regulator(feeder, kind, tap, ratio):
    found = feeder(SMALL + REGULATOR % f"{kind} Control MANUAL; tap_pos_B {tap};")
    assert abs(no_load(found, "r.2") / no_load(found, "n.2")) == pytest.approx(ratio, rel=1e-9)
    assert abs(no_load(found, "r.1") / no_load(found, "n.1")) == pytest.approx(1.0, rel=1e-9)
    held = found.regulators
    back = hold_taps(found, dict.fromkeys(held.name, 0))
    assert set(back.transformers.windings.tap) == {1.0}
    again = hold_taps(back, dict(zip(held.name, held.tap_number.tolist(), strict=True)))
    assert np.allclose(again.transformers.blocks.y_siemens, found.transformers.blocks.y_siemens)
    assert not held.at_once.any()


def test_settings_of_a_regulator_are_columns(feeder):
    told = (
        "Control LINE_DROP_COMP; band_center 122; band_width 2; time_delay 30; power_transducer_ratio 20;"
        "current_transducer_ratio 700; compensator_r_setting_A 3; compensator_x_setting_A 9;"
    )
    held = feeder(SMALL + REGULATOR % told).regulators
    at = held.name.index("reg.a")
    figures = [held.set_v, held.band_v, held.voltage_ratio, held.current_a, held.r_v, held.x_v]
    assert [float(each[at]) for each in figures] == [122, 2, 20, 700, 3, 9]
    assert held.at_once[at] == 1


def test_a_regulator_measures_at_the_node_that_it_senses(feeder):
    told = "Control REMOTE_NODE; band_center 7300; band_width 60; time_delay 30;"
    far = "object overhead_line { name l2; phases ABC; from r; to far; length 1 mile; configuration lz; }\n"
    far += "object node { name far; phases ABCN; nominal_voltage 7200; }\n"
    text = SMALL + REGULATOR % told + far
    held = feeder(text.replace("from n; to r;", "from n; to r; sense_node far;"))
    seen = [held.nodes.name[at] for at in held.regulators.remote_node]
    assert seen == ["far.1", "far.2", "far.3"]
    lost = feeder(text.replace("from n; to r;", "from n; to r; sense_node fra;"))
    assert set(lost.regulators.remote_node) == {-1}
    assert any("sense_node 'fra'" in note and "at its output" in note for note in lost.notes)


BANK = """
object capacitor { name k; parent n; phases ABCN; phases_connected ABC; cap_nominal_voltage 7200;
  capacitor_A 0.1 MVAr; capacitor_B 100 kVAr; capacitor_C 100000; %s }
"""


WATCHED = """control VOLT; voltage_set_low 7150; voltage_set_high 7300; dwell_time 60; time_delay 30;
  switchA OPEN; switchB OPEN; switchC OPEN; """
HEAVY = """object load { name c; parent n; phases ABCN; nominal_voltage 7200; constant_power_A 1 MVA;
  constant_power_B 1 MVA; constant_power_C 1 MVA; }
"""


@pytest.mark.parametrize(
    ("said", "closed"),
    [
        ("control_level INDIVIDUAL; pt_phase B;", {"k.b"}),
        ("control_level INDIVIDUAL; pt_phase ABCN;", {"k.a", "k.b", "k.c"}),
        ("control_level BANK; pt_phase B;", {"k"}),
        ("pt_phase C; remote_sense s;", set()),  # 7200 V at the source
        ("pt_phase C; remote_sense l;", {"k.c"}),
    ],
)
def test_banks_switch_by_the_voltage_that_they_measure(feeder, tmp_path, said, closed):
    """GridLAB-D 6.0.0 does so with the same model: each phase of pt_phase its own capacitor, or one of them all."""
    at_load = "object node { name l; parent n; phases ABCN; nominal_voltage 7200; }\n"
    found = feeder(SMALL + HEAVY + at_load + BANK % (WATCHED + said))
    assert not found.notes
    own = found.capacitor_controls
    assert set(own.delay_s) == set(own.off_delay_s) == {90.0}
    q_kvar = np.zeros((1, len(found.meters.name)))
    flow = solve_controlled(found, found.meters.p_kw[None], q_kvar, 900.0)
    names = np.array(found.capacitors.name)
    assert set(names[flow.steps_on[-1] > 0]) == closed
    dss = pytest.importorskip("dss")  # OpenDSS switches those of the written model alike
    engine = dss.DSS.NewContext()
    engine.AllowChangeDir = False
    engine.Text.Command = f'redirect "{write_opendss(found, tmp_path / "out").path}"'
    on = {bank.Name for bank in engine.ActiveCircuit.Capacitors if any(bank.States)}
    assert on == {name.replace(".", "_") for name in closed}


BY_FLOW = "time_delay 90; remote_sense l1; pt_phase %s; control_level %s; control %s; "
VAR, AMPERE = (
    "VAR; VAr_set_low 200 kVAr; VAr_set_high 600000",
    "CURRENT; current_set_low 100; current_set_high 150",
)
OPEN, SHUT = (f"switchA {said}; switchB {said}; switchC {said};" for said in ("OPEN", "CLOSED"))
BIG = "".join(f"capacitor_{letter} 300000; " for letter in "ABC")
KVAR_AT = {"h": 800, "m": 400, "l": 100}  # at the load, of a bank that stands open
AMP_AT = {"h": 2000, "m": 900, "l": 500}  # in kW


@pytest.mark.parametrize(
    ("control", "level", "phases", "drawn", "before", "closed"),
    [
        (VAR, "INDIVIDUAL", "ABC", "hlm", OPEN, {"k.a"}),
        (VAR, "INDIVIDUAL", "ABC", "hlm", SHUT, {"k.a", "k.c"}),
        (VAR, "INDIVIDUAL", "B", "hhh", OPEN, {"k.b"}),
        (VAR, "BANK", "B", "hmm", OPEN, set()),
        (VAR, "BANK", "B", "mhm", OPEN, {"k"}),
        (VAR, "BANK", "B", "hlh", SHUT, set()),
        (AMPERE, "INDIVIDUAL", "ABC", "hlm", OPEN, {"k.a"}),
        (AMPERE, "INDIVIDUAL", "ABC", "hlm", SHUT, {"k.a", "k.c"}),
        (AMPERE, "BANK", "ABC", "lhl", OPEN, {"k"}),
        (AMPERE, "BANK", "ABC", "mmm", OPEN, set()),
        (AMPERE, "BANK", "ABC", "llm", SHUT, {"k"}),
        (AMPERE, "BANK", "ABC", "lll", SHUT, set()),
    ],
)
def test_banks_switch_by_what_flows_into_a_line(
    feeder, control, level, phases, drawn, before, closed
):
    """GridLAB-D 6.0.0 ends with the same switches: each phase its own, or all once one asks to close or all ask to open."""
    shut_kvar = 300 if before == SHUT else 0
    powers = [
        f"{AMP_AT[at]}e3" if "CURRENT" in control else f"1e6+{KVAR_AT[at] + shut_kvar}e3j"
        for at in drawn
    ]
    load = "".join(f"constant_power_{p} {power}; " for p, power in zip("ABC", powers, strict=True))
    heavy = f"object load {{ name c; parent n; phases ABCN; nominal_voltage 7200; {load} }}\n"
    said = BIG * ("VAR" in control) + BY_FLOW % (phases, level, control) + before
    found = feeder(SMALL + heavy + BANK.replace("100 kVAr", "100000") % said)
    assert not found.notes
    assert set(found.capacitor_controls.delay_s) == {90.0}
    total = drawn_kvar(found)
    flow = solve_controlled(found, found.meters.p_kw[None], total, 900.0)
    names = np.array(found.capacitors.name)
    assert set(names[flow.steps_on[-1] > 0]) == closed


def drawn_kvar(feeder):
    q_kvar = np.zeros((1, len(feeder.meters.name)))
    np.add.at(q_kvar[0], feeder.loads.meter, feeder.loads.q_kvar)
    return q_kvar


def test_what_flows_is_measured_where_it_enters_the_line(feeder):
    """590 kvar at the load are 617 at the source: GridLAB-D 6.0.0 closes at 600. Turned round the line carries less than nil."""
    load = "".join(f"constant_power_{letter} 1e6+590e3j; " for letter in "ABC")
    heavy = f"object load {{ name c; parent n; phases ABCN; nominal_voltage 7200; {load} }}\n"
    said = BIG + BY_FLOW % ("ABC", "INDIVIDUAL", VAR) + OPEN
    for turned, on in ((False, 3), (True, 0)):
        text = SMALL + heavy + BANK % said
        text = text.replace("from s; to n;", "from n; to s;") if turned else text
        found = feeder(text)
        flow = solve_controlled(found, found.meters.p_kw[None], drawn_kvar(found), 900.0)
        assert flow.steps_on[-1].sum() == on


def test_a_bank_by_voltage_closes_at_its_lowest_phase_and_opens_at_its_lowest(feeder):
    """GridLAB-D 6.0.0: one phase at the low setting closes all, all phases at the high one open them."""
    watched = "control VOLT; voltage_set_low 7000; voltage_set_high 7150; control_level BANK; pt_phase ABC; "
    for kw, before, on in (
        ((3000, 0, 0), OPEN, 1),
        ((1000, 1000, 1000), OPEN, 0),
        ((1000, 0, 0), SHUT, 1),
        ((0, 0, 0), SHUT, 0),
    ):
        load = "".join(
            f"constant_power_{p} {1e3 * size + 1}; " for p, size in zip("ABC", kw, strict=True)
        )
        heavy = f"object load {{ name c; parent n; phases ABCN; nominal_voltage 7200; {load} }}\n"
        small = (
            BANK.replace("0.1 MVAr", "1 kVAr")
            .replace("100 kVAr", "1 kVAr")
            .replace("100000", "1000")
        )
        found = feeder(SMALL + heavy + small % (watched + before))
        flow = solve_controlled(found, found.meters.p_kw[None], drawn_kvar(found), 900.0)
        assert flow.steps_on[-1].tolist() == [on], kw


def test_a_model_for_opendss_says_which_control_it_cannot_hold(feeder, tmp_path):
    text = SMALL + HEAVY + BANK % (BIG + BY_FLOW % ("A", "BANK", VAR) + OPEN)
    assert "power of one phase: k" in " ".join(write_opendss(feeder(text), tmp_path / "out").notes)
    text = text.replace(VAR, AMPERE)
    assert not write_opendss(feeder(text), tmp_path / "next").notes


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("control VARVOLT; pt_phase A;", "control VARVOLT"),
        ("control VAR; VAr_set_low 1; VAr_set_high 2; pt_phase A;", "remote_sense ''"),
        (
            "control CURRENT; current_set_low 1; current_set_high 2; pt_phase A; remote_sense n;",
            "remote_sense 'n'",
        ),
        ("control VAR; VAr_set_low 3; VAr_set_high 2; pt_phase A; remote_sense l1;", "var_set_low"),
        ("control CURRENT; pt_phase A; remote_sense l1;", "current_set_low"),
        (BY_FLOW % ("ABC", "BANK", VAR), "pt_phase 'ABC'"),
        (WATCHED, "pt_phase ''"),
        (WATCHED + "control_level BANK; pt_phase AB;", "pt_phase 'AB' of several"),
        (WATCHED + "pt_phase A; voltage_set_low 7400;", "voltage_set_low 7400 and"),
        (WATCHED + "pt_phase A; remote_sense nowhere;", "remote_sense 'nowhere'"),
        (WATCHED + "pt_phase A; lockout_time 60;", "lockout_time"),
    ],
)
def test_controls_of_banks_that_are_not_taken_are_told_by_name(feeder, said, told):
    text = SMALL + LOAD + BANK % ("switchA OPEN; switchB OPEN; switchC OPEN;" + said)
    found = feeder(text)
    assert any(told in note and "capacitor k" in note for note in found.notes), found.notes
    assert bool(len(found.capacitor_controls.name)) == ("lockout" in told)
    with pytest.raises(InputError):
        feeder(text, strict=True)


def test_capacitors_stand_open_unless_the_model_closes_them(feeder):
    shut = feeder(
        SMALL + LOAD + BANK % "control MANUAL; switchA CLOSED; switchB CLOSED; switchC CLOSED;"
    )
    bank = shut.capacitors
    assert (bank.kvar.tolist(), bank.steps_on.tolist()) == ([300.0], [1])
    _, y = block_of(bank.blocks, 0)
    assert y.sum() * 7200**2 == pytest.approx(300e3j)
    opened = feeder(SMALL + LOAD + BANK % "")
    assert opened.capacitors.steps_on.tolist() == [0]
    assert not len(opened.capacitors.blocks.y_siemens)
    assert any("taken as open" in note for note in opened.notes)
    mixed = feeder(SMALL + LOAD + BANK % "switchA OPEN; switchB CLOSED; switchC OPEN;")
    assert dict(zip(mixed.capacitors.name, mixed.capacitors.steps_on.tolist(), strict=True)) == {
        "k.a": 0,
        "k.b": 1,
        "k.c": 0,
    }


@pytest.mark.parametrize(
    ("written", "kva"),
    [
        ("constant_power_B 1000+500j;", 1 + 0.5j),
        ("constant_current_B -0.5-0.8660254j;", 7.2),
        ("constant_current_B 1;", 7.2 * cmath.rect(1, -2 * np.pi / 3)),
        ("constant_impedance_B 7200+0j;", 7.2),
        ("base_power_B 2000; power_pf_B 0.9; power_fraction_B 1;", 1.8 + 0.8717798j),
        ("base_power_B 2000; power_pf_B -0.9; power_fraction_B 1;", 1.8 - 0.8717798j),
        ("base_power_B 2000; power_fraction_B 0.2; impedance_fraction_B 0.3;", 2),
    ],
)
def test_loads_of_three_phases_by_their_conventions(feeder, written, kva):
    found = feeder(SMALL + f"object load {{ name c; parent n; phases ABCN; {written} }}")
    assert drawn(found) == {"c": pytest.approx(kva, rel=1e-6)}


@pytest.mark.parametrize(
    ("kind", "written", "kva"),
    [
        ("triplex_node", "power_12 5000+1000j;", 5 + 1j),
        ("triplex_node", "current_12 20;", 4.8 * cmath.rect(1, -2 * np.pi / 3)),
        ("triplex_load", "constant_power_12 5000+1000j;", 5 + 1j),
        ("triplex_load", "power_12 5000+1000j;", 5 + 1j),
        ("triplex_load", "constant_current_12 20;", 4.8),
        ("triplex_load", "constant_impedance_1 14.4;", 1),
        ("triplex_load", "base_power_12 2000; power_pf_12 0.9;", 1.8 + 0.8717798j),
    ],
)
def test_loads_of_a_split_phase_by_their_class(feeder, kind, written, kva):
    text = TRIPLEX.replace("object triplex_node { name d;", f"object {kind} {{ name d;")
    found = feeder(SMALL + text % (ONE, written))
    assert drawn(found) == {"d": pytest.approx(kva, rel=1e-6)}
    assert found.meters.is_home.all() == (kva.real > 0)  # a current against phase A feeds phase B


def test_parts_of_a_load_depend_on_voltage_by_their_kind(feeder):
    """Of 1 kW of power, 2 of current and 3 of impedance a voltage of 0.9 leaves 1 + 1.8 + 2.43."""
    parts = "base_power_A 6000; power_fraction_A 0.1666667; current_fraction_A 0.3333333; impedance_fraction_A 0.5;"
    text = SMALL.replace("bustype SWING;", "bustype SWING; voltage_A 6480;")
    found = feeder(text + f"object load {{ name c; parent n; phases ABCN; {parts} }}")
    flow = solve(found, found.meters.p_kw[None], np.zeros((1, 1)))
    assert flow.substation_p_kw[0] == pytest.approx(1 + 1.8 + 2.43, rel=1e-3)


def test_a_load_between_phases_draws_there_and_reactance_is_network(feeder):
    found = feeder(
        SMALL
        + "object load { name c; parent n; phases ABCD; constant_power_C 9000; constant_impedance_A 0-100j; }"
    )
    ends = [found.nodes.name[at[0]] for at in (found.loads.from_node, found.loads.to_node)]
    assert ends == ["n.3", "n.1"]
    assert found.others.kind == ("reactance",)
    nodes, y = block_of(found.others.blocks, 0)
    assert [found.nodes.name[at] for at in nodes] == ["n.1", "n.2"]
    assert y[0, 0] == pytest.approx(0.01j) and y[0, 1] == pytest.approx(-0.01j)


def test_a_load_whose_phases_differ_is_a_meter_for_each(feeder):
    text = "object load {{ name c; parent n; phases ABCN; constant_power_A 3000; constant_power_B {}; }}"
    assert feeder(SMALL + text.format(3000)).meters.name == ("c",)
    assert drawn(feeder(SMALL + text.format(4000))) == {"c.1": 3, "c.2": 4}


ALONE = "object node { name q; phases A; nominal_voltage 7200; }\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            "object overhead_line { name y; phases A; from n; to q; length 1; configuration lz; }",
            1,
            "to 'q'",
        ),
        (
            ALONE
            + "object overhead_line { name y; phases A; from n; to q; length 1; configuration nope; }",
            2,
            "configuration 'nope'",
        ),
        ("object node { name q; phases A; nominal_voltage 7200; }", 1, "no source that feeds it"),
        (
            ALONE + "object load { name w; parent q; phases A; constant_power_A 1; }",
            2,
            "a source that feeds none",
        ),
        (
            "object switch { name y; phases ABC; from s; to n; phase_B_state OPEN; }",
            1,
            "closed on 2 of 3 phases",
        ),
        (
            "object load { name w; parent n; phases A; constant_power_A many; }",
            1,
            "constant_power_a many",
        ),
        (
            "object load { name w; parent n; phases A;\n constant_power_A 5 furlong; }",
            2,
            "5 furlong",
        ),
        ("object load { name w; parent z; phases A; }", 1, "parent 'z'"),
        ("object node { name q; parent n; phases A;\n name n; }", 1, "a name that line 7 has"),
        ("object capacitor { name k; parent n; phases A; }", 1, "no capacitor_A"),
        (
            "object load { name w; parent n; phases A;\n constant_powr_A 5; }",
            2,
            "constant_powr_a 5",
        ),
        (
            "object load { name w; parent n; phases A;\n phase_loss_protection TRUE; }",
            2,
            "phase_loss_protection TRUE",
        ),
        (
            "object line_configuration { name lq; z11 1+1j;\n zz22 1+1j; }",
            2,
            "zz22 1+1j",
        ),
        (
            "object line_configuration { name lq; z11 1+1j; z12 0.2; z21 0.1; z22 1+1j; }\n"
            + ALONE
            + "object overhead_line { name y; phases AB; from n; to q; length 1; configuration lq; }",
            1,
            "a matrix that is not symmetric",
        ),
        (
            (REGULATOR % "Control OUTPUT_VOLTAGE;\n control_level BANK;").strip(),
            4,
            "control_level BANK",
        ),
    ],
)
def test_gaps_are_told_by_name_and_line(feeder, text, line, said):
    first = SMALL.count("\n") + LOAD.count("\n")
    found = feeder(SMALL + LOAD + text)
    assert any(said in note and f"line {first + line}" in note for note in found.notes) or (
        said.startswith("a name") and any(said in note for note in found.notes)
    ), found.notes
    with pytest.raises(InputError) as told:
        feeder(SMALL + LOAD + text, strict=True)
    assert any(said in problem.got for problem in told.value.problems)


def test_what_means_nothing_to_a_flow_passes_in_silence(feeder):
    told = "latitude 30; groupid homes; voltage_A 7200; measured_demand_timestep 60; name c;"
    found = feeder(SMALL + LOAD.replace("name c;", told))
    assert not found.notes
    (note,) = feeder(SMALL + LOAD.replace("name c;", "name c; nominal_volatge 7200;")).notes
    assert "'nominal_volatge' has no effect here. Did you mean nominal_voltage?" in note


def test_what_the_reader_asks_for_is_in_the_table_of_properties(feeder, monkeypatch):
    """No property that is read is told as one that has no effect."""
    asked = set()
    plain = Model.text

    def recording(self, each, key, default=""):
        asked.add((each.kind, key))
        return plain(self, each, key, default)

    monkeypatch.setattr(Model, "text", recording)
    split = TRIPLEX % (THREE, "power_12 10000") + CONDUCTORS
    geometry = LINE.replace("lz", "c601").replace("ABC", "ABCN").replace("l1", "l2")
    cables = geometry.replace("overhead", "underground").replace("c601", "c606").replace("l2", "l3")
    feeder(
        SMALL
        + LOAD
        + split
        + geometry
        + cables
        + (BANK % "control VOLT;")
        + three_phase("DELTA_GWYE", (12470.77, 480))
    )
    feeder(
        SMALL
        + REGULATOR % "Control REMOTE_NODE;"
        + "object switch { name y; phases A; from s; to n; }"
    )
    feeder(SMALL + LOAD + "object fuse { name y; phases A; from s; to n; }")
    feeder(
        SMALL
        + LOAD
        + "object triplex_load { name t; phases AS; nominal_voltage 120; base_power_1 5; }"
    )
    assert len(asked) > 200
    lost = [(kind, key) for kind, key in asked if not re.fullmatch(f"{READ[kind]}|{NOTHING}", key)]
    assert not lost


def test_check_says_of_which_transformers_the_core_counts(feeder, tmp_path):
    plain = three_phase("WYE_WYE", (12470.77, 480))
    feeder(SMALL + plain.replace("resistance", "shunt_resistance 400; resistance", 1))
    lines = describe_classes(tmp_path / "m.glm")
    assert "the core of 1 WYE_WYE counts" in lines["class transformer_configuration"]
    feeder(SMALL + plain)
    assert "core" not in describe_classes(tmp_path / "m.glm")["class transformer_configuration"]


def test_a_loop_of_transformers_is_told(feeder):
    twice = three_phase("WYE_WYE", (12470.77, 480))
    second = (
        "object node { name q; phases ABCN; nominal_voltage 277; }\n"
        "object transformer { name x2; phases ABCN; from n; to q; configuration xc; }\n"
        "object switch { name tie; phases ABC; from p; to q; }\n"
    )
    assert not feeder(SMALL + twice).notes
    (note,) = feeder(SMALL + twice + second).notes
    assert "transformer x2" in note and "loop" in note


def test_a_base_voltage_comes_from_the_source_where_the_model_states_another(feeder):
    wrong = three_phase("WYE_WYE", (12470.77, 480)).replace(
        "nominal_voltage 277", "nominal_voltage 480"
    )
    found = feeder(SMALL + wrong)
    assert found.buses.base_v[found.buses.name.index("p")] == pytest.approx(277.13, rel=1e-4)
    (note,) = found.notes
    assert "nominal_voltage 480 V" in note and "277 V is taken" in note


def test_a_model_without_source_or_load_is_refused(feeder):
    for text, got in (
        (SMALL.replace("SWING", "PQ") + LOAD, "no swing bus"),
        (SMALL, "no load that is fed"),
    ):
        with pytest.raises(InputError) as told:
            feeder(text)
        assert [problem.got for problem in told.value.problems] == [got]
    with pytest.raises(InputError, match="no file"):
        read("nowhere.glm")


def test_a_cut_phase_carries_no_current(feeder):
    """An open phase of a line behind a switch is left out: the others keep their impedance."""
    text = SMALL.replace("from s; to n", "from w; to n") + LOAD
    text += "object node { name w; phases ABCN; nominal_voltage 7200; }\n"
    text += "object switch { name y; phases ABC; from s; to w; phase_C_state OPEN; }\n"
    found = feeder(text)
    at = found.lines.name.index("l1")
    assert found.lines.phases[at] == 2
    assert np.allclose(series_ohm(found.lines, at), [[1 + 1j, 0.1 + 0.2j], [0.1 + 0.2j, 1 + 1j]])


PLAIN = "object {} {{ name c; parent n; phases {}; nominal_voltage 7200; {} }}\n"


@pytest.mark.parametrize(
    ("kind", "phases", "said", "rows"),
    [
        ("node", "ABCN", "power_A 3000+600j; power_B 3000+600j;", {"c": 6 + 1.2j}),
        ("meter", "ABCN", "power_AB 3000;", {"c": 3}),
        ("node", "ABCD", "power_A 3000;", {"c": 3}),
        ("node", "ABCN", "current_A 10;", {"c": 72}),
        ("node", "ABCN", "current_B 10;", {"c": 72 * cmath.rect(1, -2 * np.pi / 3)}),
        ("node", "ABCN", "shunt_A 1e-3;", {"c": 51.84}),
        ("load", "ABCN", "constant_power_A 3000; power_A 2000;", {"c": 5}),
        ("load", "ABCN", "base_power_A 3000; power_fraction_A 1; power_A 2000;", {"c": 5}),
        ("load", "ABCN", "constant_current_A 10; current_A 20;", {"c": 216}),
    ],
)
def test_powers_and_currents_of_any_node_are_drawn(feeder, kind, phases, said, rows):
    """GridLAB-D 6.0.0 under NR measures these at the source of the same model."""
    found = feeder(SMALL + PLAIN.format(kind, phases, said), strict=True)
    assert drawn(found) == pytest.approx(rows)


@pytest.mark.parametrize(
    ("said", "kva"), [("current_12 10", -1.2 - 2.0785j), ("constant_current_12 10", 2.4)]
)
def test_a_current_of_a_split_phase_is_against_phase_a_unless_it_is_constant(feeder, said, kva):
    """On phase B, GridLAB-D 6.0.0 measures 2400 VA at -120 degrees of the first and 2400 W of the second."""
    text = TRIPLEX.replace("triplex_node { name d", "triplex_load { name d") % (ONE, said)
    assert drawn(feeder(SMALL + text))["d"] == pytest.approx(kva, rel=1e-3)


def test_base_power_stands_in_place_of_constant_parts(feeder):
    """GridLAB-D 6.0.0: of 3 kW of base power and 2 kW of constant power the base power is drawn."""
    said = "base_power_A 3000; power_fraction_A 1; constant_power_A 2000; constant_impedance_A 100;"
    found = feeder(SMALL + PLAIN.format("load", "ABCN", said))
    assert drawn(found)["c"] == pytest.approx(3)
    assert "constant parts of A beside base_power_A" in found.notes[0]


@pytest.mark.parametrize(
    ("said", "half"),
    [
        ("constant_power_A 72000; constant_current_A -10; constant_power_B 1;", "active"),
        ("constant_power_A 72000+72000j; constant_current_A 0+10j;", "reactive"),
    ],
)
def test_parts_that_cancel_at_nominal_voltage_are_told(feeder, said, half):
    found = feeder(SMALL + PLAIN.format("load", "ABCN", said) + LOAD.replace("name c", "name d"))
    assert any(f"parts of A whose {half} power is 0" in note for note in found.notes), found.notes
