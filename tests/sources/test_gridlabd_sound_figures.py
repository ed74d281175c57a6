"""Figures of a GridLAB-D model that no equipment has, and faults that leave nothing of it: told where they stand."""

import re

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.sources.gridlabd import describe_classes, read
from gridagora.sources.gridlabd.sound_figures import SOUND

MODEL = """module powerflow { solver_method NR; }
object node { name s; phases ABCN; bustype SWING; nominal_voltage 7200; }
object line_configuration { name lc; z11 1+1j; z22 1+1j; z33 1+1j; }
object overhead_line { name l1; phases ABC; from s; to n; length 1 kft; configuration lc; }
object node { name n; phases ABCN; nominal_voltage 7200; }
object load { name c; parent n; phases ABCN; constant_power_A 3000; nominal_voltage 7200; }
"""
TOLD = {
    "load": ("load { name w; parent n; phases A; base_power_A 1000; %s; }", "power_pf_A 9"),
    "a part": ("load { name w; parent n; phases A; base_power_A 1000; %s; }", "power_fraction_A 1.5"),
    "an impedance": ("load { name w; parent n; phases A; nominal_voltage 7200; %s; }", "constant_impedance_A -100+5j"),
    "a nominal voltage": ("load { name w; parent n; phases A; constant_power_A 1; %s; }", "nominal_voltage -7200"),
    "line_configuration": ("line_configuration { name w; z22 1+1j; %s; }", "z11 -0.4+1j"),
    "capacitance": ("line_configuration { name w; z11 1+1j; %s; }", "c11 -3"),
    "a conductor": ("overhead_line_conductor { name w; %s; }", "rating.summer.continuous -5"),
    "switch": ("switch { name w; phases A; from s; to n; %s; }", "current_limit -5"),
    "line_spacing": ("line_spacing { name w; %s; }", "distance_AE -28"),
    "capacitor": ("capacitor { name w; parent n; phases A; capacitor_B 1; %s; }", "capacitor_A -50000"),
    "a delay": ("capacitor { name w; parent n; phases A; capacitor_A 1; switchA OPEN; %s; }", "dwell_time -5"),
    "transformer_configuration": ("transformer_configuration { name w; %s; }", "reactance 1.8"),
    "an impedance of a leg": ("transformer_configuration { name w; %s; }", "impedance1 1.2+1j"),
    "a loss": ("transformer_configuration { name w; %s; }", "no_load_loss -0.1"),
    "a rating": ("transformer_configuration { name w; %s; }", "powerA_rating -25"),
    "regulator_configuration": ("regulator_configuration { name w; %s; }", "tap_pos_A 3.5"),
    "taps": ("regulator_configuration { name w; %s; }", "raise_taps -16"),
    "a regulation": ("regulator_configuration { name w; %s; }", "regulation 10"),
    "a band": ("regulator_configuration { name w; %s; }", "band_width -120"),
    "a regulator": ("regulator { name w; phases A; from s; to n; %s; }", "tap_A 0.5"),
}  # fmt: skip


@pytest.fixture
def feeder(tmp_path):
    def made(text, *, strict=False):
        path = tmp_path / "m.glm"
        path.write_text(text, encoding="utf-8")
        return read(path, strict=strict)

    return made


@pytest.mark.parametrize("case", TOLD)
def test_a_figure_that_no_equipment_has_is_told_and_refused_strictly(feeder, case):
    text, figure = TOLD[case]
    key, said = figure.split()
    found = feeder(MODEL + f"object {text % figure}")
    where = f"m.glm line 7, {text.partition(' ')[0]} w: got {key.lower()} {said}, expected"
    (note,) = (one for one in found.notes if one.startswith(where))
    assert re.search(r"\. It .*\.$|\. Its .*\.$", note), note
    with pytest.raises(InputError, match=re.escape(where)):
        feeder(MODEL + f"object {text % figure}", strict=True)


def test_every_class_with_sound_figures_has_a_case():
    """A class that is added to the table is tried here too; loads and contacts are alike among themselves."""
    tried = {text.partition(" ")[0] for text, _ in TOLD.values()}
    alike = {of: SOUND[of] for of in tried}
    assert all(SOUND[kind] in alike.values() for kind in SOUND)


def test_a_power_factor_beyond_one_does_not_multiply_a_load(feeder):
    found = feeder(MODEL + f"object {TOLD['load'][0] % 'power_pf_A 9'}")
    assert found.loads.p_kw[found.loads.name.index("w")] == pytest.approx(1)


def test_a_tap_has_its_whole_part(feeder):
    """GridLAB-D 6.0.0 stands at tap 3 where 3.7 is written: 7337.6 V behind a type B of 7200 V."""
    text = (
        "object regulator_configuration { name rc; connect_type WYE_WYE; Control MANUAL; regulation 0.1; tap_pos_A 3.7; }\n"
        "object regulator { name r; phases ABC; from n; to q; configuration rc; }\n"
        "object node { name q; phases ABCN; nominal_voltage 7200; }\n"
    )
    found = feeder(MODEL + text)
    volts = abs(found.nodes.v_no_load[found.nodes.name.index("q.1")])
    assert volts == pytest.approx(7200 / (1 - 3 * 0.1 / 16), rel=1e-6)


@pytest.mark.parametrize("length", ["-5000 ft", "5 furlong", "long"])
def test_a_line_of_no_length_that_can_be_is_left_out(feeder, length):
    """A closed switch in its place would give voltages that look right."""
    text = "object node { name q; phases ABCN; nominal_voltage 7200; }\n"
    text += f"object overhead_line {{ name y; phases A; from n; to q; length {length}; configuration lc; }}"
    found = feeder(MODEL + text)
    assert found.lines.name == ("l1",)
    assert any(f"overhead_line y: got length {length}" in note for note in found.notes)


def test_a_thousand_feet_are_read_as_gridlabd_reads_them(feeder):
    """GridLAB-D 6.0.0 takes 5 kft for 5000 ft, to the last digit of every voltage."""
    assert feeder(MODEL, strict=True).lines.length_m[0] == pytest.approx(304.8)


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("module", '#include "lines.glm"\nmodule', "m.glm line 1: got #include lines.glm"),
        ("configuration lc; }", "configuration lx; }", "l1: got configuration 'lx' (Did you mean 'lc'?)"),
        ("z33 1+1j; }", "z33 1+1j;", "line 3: got 'object line_configuration' without its end"),
        ("z33 1+1j", "z33 1+1k", "lc: got z33 1+1k, expected z33 as a number [Ohm/mile]. It is taken as 0"),
        ("bustype SWING", "bustype SWNG", "node s: got bustype SWNG, expected bustype of PQ, SWING"),
        ("BCN; bustype SWING; nominal_voltage 7200", "BCN; bustype SWING", "node s: got no nominal_voltage"),
    ],
)  # fmt: skip
def test_a_model_of_which_nothing_is_left_says_why(feeder, old, new, cause):
    """What is refused names the line to mend, and not only what follows from it."""
    text = MODEL.replace(old, new, 1)
    if "include" in new:
        text = text.replace(
            "object line_configuration { name lc; z11 1+1j; z22 1+1j; z33 1+1j; }\n", ""
        )
    with pytest.raises(InputError) as told:
        feeder(text)
    said = str(told.value)
    assert "no load that is fed" in said or "no swing bus" in said
    assert cause in said
    assert "no source that feeds it" not in said


def test_a_load_that_nothing_feeds_is_told_once(feeder):
    text = "object load { name w; phases A; constant_power_A 1; nominal_voltage 7200; }"
    (note,) = feeder(MODEL + text).notes
    assert "load w: got no source that feeds it" in note


def test_a_load_of_which_a_part_is_fed_is_not_counted_as_left_out(feeder, tmp_path):
    text = MODEL.replace("phases ABC;", "phases AB;").replace("parent n; ", "")
    text = text.replace("to n;", "to c;").replace("3000;", "3000; constant_power_C 9;")
    (note,) = (one for one in feeder(text).notes if "load c" in one)
    assert "1 of 2 of its pairs" in note and "on the others is left out" in note
    assert describe_classes(tmp_path / "m.glm")["class load"] == "1 read, 1 converted"


def test_a_loop_in_which_power_circles_is_told_once_by_each_of_its_transformers(feeder):
    unit = "object transformer { name %s; phases ABCN; from n; to p; configuration %s; }\n"
    rating = (
        "object transformer_configuration { name %s; connect_type WYE_WYE; power_rating 500; primary_voltage 12470;\n"
        " secondary_voltage %s; resistance 0.01; reactance 0.06; }\n"
    )
    text = rating % ("ca", 480) + rating % ("cb", 460)
    text += "object node { name p; phases ABCN; nominal_voltage 277; }\n"
    text += "object node { name q; phases ABCN; nominal_voltage 277; }\n"
    text += "object switch { name t; phases ABC; from p; to q; }\n"
    text += unit % ("ta", "ca") + unit.replace("to p", "to q") % ("tb", "cb")
    (note,) = feeder(MODEL + text).notes
    assert "2 transformer" in note and "of its rating without any load" in note


def test_a_schedule_is_told_by_what_follows_it_alone(feeder, tmp_path):
    text = "schedule sch { * 0-11 * * * 5; weekend { * * * * 0,6 10; } }\n"
    assert not feeder(MODEL + text, strict=True).notes
    (note,) = feeder(text + MODEL.replace("A 3000", "A 3000; constant_power_B sch*9")).notes
    assert "constant_power_b sch*9, expected" in note and "It is taken as 0 VA." in note
    assert describe_classes(tmp_path / "m.glm")["beside objects"] == "left out: 1 schedule"


def test_a_swing_bus_far_off_its_nominal_voltage_is_told(feeder):
    (note,) = feeder(MODEL.replace("BCN; bus", "BCN; voltage_A 720; bus")).notes
    assert "node s: got 720 V, 7200 V, 7200 V to hold" in note
    assert np.isfinite(feeder(MODEL).nodes.v_no_load).all()
