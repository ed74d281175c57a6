"""Feeders by the ending of their file or the source of `[feeder]`; a strict reading refuses assumptions."""

import pytest

from gridagora.core.errors import InputError
from gridagora.scenario import build, describe
from gridagora.scenario.feeder_file import read_feeder_file

GLM = """object node { name s; phases ABCN; bustype SWING; nominal_voltage 7200; }
object transformer { name x; phases AS; from s; to t; configuration c; }
object transformer_configuration { name c; connect_type SINGLE_PHASE_CENTER_TAPPED; primary_voltage 7200; secondary_voltage 120;
  powerA_rating 50; power_rating 50; resistance 0.01; reactance 0.02; }
object triplex_meter { name t; phases AS; nominal_voltage 120; }
object triplex_node { name h1; parent t; phases AS; nominal_voltage 120; power_12 4000+500j; }
object triplex_node { name h2; parent t; phases AS; nominal_voltage 120; power_12 5000; }
"""
SOLAR = "object solar { parent t; }\n"
SCENARIO = (
    "[scenario]\ndays = 1\n[feeder]\nsource = 'gridlabd'\nfile = 'm.glm'\n{}[homes]\ncount = 2\n"
)


@pytest.fixture
def made(tmp_path):
    def write(model, keys=""):
        (tmp_path / "m.glm").write_text(model, encoding="utf-8")
        scenario = tmp_path / "s.toml"
        scenario.write_text(SCENARIO.format(keys), encoding="utf-8")
        return scenario

    return write


def test_a_scenario_runs_on_a_gridlabd_model(made):
    scene = build.load(made(GLM))
    assert scene.feeder.meters.name == ("h1", "h2")
    assert sorted(scene.home_meter) == [0, 1]


def test_a_strict_reading_refuses_what_is_left_out_by_line(made, tmp_path):
    build.load(made(GLM, "strict = true\n"))
    scene = build.load(made(GLM + SOLAR))
    assert any("Panels come from the scenario" in note for note in scene.feeder.notes)
    for refused in (
        lambda: build.load(made(GLM + SOLAR, "strict = true\n")),
        lambda: read_feeder_file(tmp_path / "m.glm", strict=True),
        lambda: describe.understand(tmp_path / "m.glm", strict=True),
    ):
        with pytest.raises(
            InputError, match=r"m.glm line 8, solar solar:1: got an object of class"
        ):
            refused()


def test_a_check_of_a_model_tells_its_classes(made, tmp_path):
    made(GLM + SOLAR)
    lines = describe.check(tmp_path / "m.glm")
    assert lines["class triplex_node"] == "2 read, 2 converted"
    assert lines["class solar"].startswith("1 read, left out")
