"""Houses of GridLAB-D models: walls and units as its release 6.0.0 builds them, and what a scenario makes of their table."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gridagora.cli import app
from gridagora.core.errors import InputError
from gridagora.kernels.physics.etp import KWH_PER_BTU
from gridagora.scenario import build
from gridagora.sources.gridlabd import describe_classes, read, read_homes
from gridagora.sources.gridlabd.house_shell import KW_K
from gridagora.sources.gridlabd.houses import M2_PER_FT2

HEAD = """module residential { implicit_enduses NONE; };
object node { name s; phases ABCN; bustype SWING; nominal_voltage 7200; }
object transformer { name x; phases AS; from s; to t; configuration xc; }
object transformer_configuration { name xc; connect_type SINGLE_PHASE_CENTER_TAPPED; primary_voltage 7200; secondary_voltage 120;
  powerA_rating 50; power_rating 50; resistance 0.01; reactance 0.02; }
object triplex_meter { name t; phases AS; nominal_voltage 120; }
"""
HOUSE = "object house { name h; parent t; %s }\n"
# what gridlabd 6.0.0 shows of such a house once it runs: UA, mass_heat_coeff [Btu/h F], air_heat_capacity, mass_heat_capacity
# [Btu/F], solar_heatgain_factor [sf], design_cooling_capacity [Btu/h]
PLAIN = (573.192, 9138.92, 1059.28, 4293.81, 98.4695, 48000)
SEEN = {
    "": PLAIN,
    "thermal_integrity_level VERY_LITTLE;": (2046.51, *PLAIN[1:5], 90000),
    "thermal_integrity_level LITTLE;": (1629.72, *PLAIN[1:5], 78000),
    "thermal_integrity_level 3;": (955.764, *PLAIN[1:5], 60000),
    "thermal_integrity_level ABOVE_NORMAL;": (809.925, *PLAIN[1:5], 54000),
    "thermal_integrity_level VERY_GOOD;": (454.536, *PLAIN[1:]),
    "thermal_integrity_level GOOD; Rwall 10;": (635.247, *PLAIN[1:5], 54000),
    "floor_area 1000;": (279.918, 4889.64, 423.713, 1717.52, 62.2776, 30000),
    "floor_area 92.90304 m^2;": (279.918, 4889.64, 423.713, 1717.52, 62.2776, 30000),
    "number_of_stories 2;": (552.655, 11459.7, *PLAIN[2:4], 139.257, 60000),
    "aspect_ratio 2;": (580.575, 9358.72, *PLAIN[2:4], 102.332, 48000),
    "ceiling_height 9;": (618.783, 9839.27, 1191.69, 4205.54, 110.778, 54000),
    "window_wall_ratio 0.2;": (607.27, 9019.71, *PLAIN[2:4], 131.293, 60000),
    "number_of_doors 2;": (567.445, 9195.86, *PLAIN[2:]),
    "interior_exterior_wall_ratio 2;": (573.192, 10331, *PLAIN[2:]),
    "exterior_wall_fraction 0.5;": (479.102, 9317.73, *PLAIN[2:4], 49.2347, 36000),
    "exterior_ceiling_fraction 0.5;": (531.526, *PLAIN[1:]),
    "exterior_floor_fraction 0.5;": (516.374, *PLAIN[1:]),
    "total_thermal_mass_per_floor_area 3;": (*PLAIN[:3], 6793.81, *PLAIN[4:]),
    "interior_surface_heat_transfer_coeff 2;": (573.192, 12519.1, *PLAIN[2:]),
    "window_exterior_transmission_coefficient 0.5;": (*PLAIN[:4], 82.0579, 48000),
    "envelope_UA 400;": (576.547, *PLAIN[1:]),
    "thermal_integrity_level GOOD; envelope_UA 100;": (276.547, *PLAIN[1:5], 42000),
    "UA 333;": (333, *PLAIN[1:5], 42000),
    "airchange_per_hour 0.7;": (643.811, *PLAIN[1:5], 54000),
    "cooling_design_temperature 100;": (*PLAIN[:5], 54000),
    "over_sizing_factor 0.2;": (*PLAIN[:5], 60000),
    "latent_load_fraction 0.1;": (*PLAIN[:5], 42000),
    "design_cooling_capacity 30000;": (*PLAIN[:5], 30000),
}


@pytest.fixture
def written(tmp_path):
    def write(text):
        (tmp_path / "m.glm").write_text(HEAD + text, encoding="utf-8")
        return tmp_path / "m.glm"

    return write


@pytest.mark.parametrize("said", SEEN)
def test_a_house_is_as_gridlabd_builds_it(written, said):
    (home,) = read_homes(written(HOUSE % said))
    ours = (
        home.ua_kw_k / KW_K,
        home.hm_kw_k / KW_K,
        home.air_kwh_k / KW_K,
        home.mass_kwh_k / KW_K,
        home.aperture_m2 / M2_PER_FT2,
        home.cool_kw / KWH_PER_BTU,
    )
    assert ours == pytest.approx(SEEN[said], rel=5e-6)
    assert home.heat_kw == pytest.approx(home.cool_kw)  # a heat pump heats with what it cools with


@pytest.mark.parametrize(
    ("said", "cool_btu_h", "heat_btu_h", "heat_cop"),
    [
        ("heating_system_type GAS;", 48000, 0, 1.0),
        ("heating_system_type RESISTANCE;", 48000, 50000, 1.0),
        ("heating_system_type RESISTANCE; heating_design_temperature 20;", 48000, 30000, 1.0),
        ("cooling_system_type NONE;", 0, 0, 2.5),
        ("heating_system_type NONE;", 48000, 50000, 1.0),
        ("heating_system_type NONE; auxiliary_system_type NONE;", 48000, 0, 1.0),
        ("cooling_system_type NONE; design_heating_capacity 30000;", 0, 30000, 2.5),
        ("heating_COP 3.2; design_heating_capacity 36000;", 48000, 36000, 3.2),
    ],
)
def test_units_by_their_kind(written, said, cool_btu_h, heat_btu_h, heat_cop):
    (home,) = read_homes(written(HOUSE % said))
    assert home.cool_kw == pytest.approx(cool_btu_h * KWH_PER_BTU)
    assert home.heat_kw == pytest.approx(heat_btu_h * KWH_PER_BTU)
    assert home.heat_cop == heat_cop


TANK = "object waterheater { tank_volume 40; heating_element_capacity 3 kW; %s };"


@pytest.mark.parametrize(
    ("inside", "implicit", "tank"),
    [
        (TANK % "", "NONE", ("yes", 151.416, 3.0)),
        ("object waterheater { tank_volume 40 gal; };", "NONE", ("yes", 151.416, 3.5)),
        (TANK % "heat_mode GASHEAT;", "NONE", ("no", None, None)),
        ("", "NONE", ("no", None, None)),
        ("", "LIGHTS|WATERHEATER", ("yes", None, None)),
        ("", "LIGHTS|PLUGS", ("no", None, None)),
    ],
)
def test_a_tank_is_the_one_in_the_house_or_an_implicit_one(written, inside, implicit, tank):
    path = written(HOUSE % inside)
    path.write_text(
        path.read_text().replace("implicit_enduses NONE", f"implicit_enduses {implicit}")
    )
    (home,) = read_homes(path)
    assert home.water_heater == tank[0]
    assert (home.tank_l, home.tank_kw) == (
        tank[1] if tank[1] is None else pytest.approx(tank[1], rel=1e-5),
        tank[2],
    )


def test_a_model_without_a_word_on_implicit_uses_has_tanks(written):
    path = written(HOUSE % "")
    path.write_text(path.read_text().replace("{ implicit_enduses NONE; }", ""))
    assert read_homes(path)[0].water_heater == "yes"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HOUSE % "cooling_setpoint summer*2+75;", r"cooling_setpoint summer\*2\+75, expected one"),
        (HOUSE % "cooling_setpoint 24;", "cooling_setpoint 24, expected one temperature of 35"),
        (HOUSE % "floor_area -3;", "floor_area -3, expected floor_area above 0"),
        (HOUSE % "thermal_integrity_level FINE;", "level FINE, expected one of VERY_LITTLE"),
        (HOUSE % "glass_type GLASS;", "glass_type GLASS, expected properties of a house"),
        ("object house { name h; parent s; }\n", "parent 's', expected a meter or node of a split"),
        (HOUSE % (TANK % "tank_setpoint 130;"), "tank_setpoint 130"),
        (HOUSE % (TANK % "" + TANK % ""), "a second tank of its house"),
        ("object waterheater { parent t; }\n" + HOUSE % "", "parent 't', expected a house"),
    ],
)
def test_what_is_not_carried_is_told_by_line(written, text, told):
    with pytest.raises(InputError, match=told):
        read(
            written(text + "object triplex_node { parent t; phases AS; power_12 1; }\n"),
            strict=True,
        )


def test_a_house_is_a_place_for_a_home_rated_at_its_units(written):
    feeder = read(written(HOUSE % ("heating_system_type GAS;" + TANK % "")))
    assert feeder.meters.name == ("h",)
    assert feeder.meters.is_home.all()
    assert feeder.meters.p_kw[0] == pytest.approx(48000 * KWH_PER_BTU / 3.5 + 3.0)
    assert "homes.csv" in " ".join(feeder.notes)


def test_a_conversion_writes_a_table_that_a_scenario_reads(written, tmp_path):
    """Houses of the table are those of the model to the digits that it holds; what the model leaves open is drawn."""
    path = written(
        HOUSE % ("floor_area 1500; cooling_setpoint 77; heating_COP 3; cooling_COP 4;" + TANK % "")
        + HOUSE.replace("name h", "name g") % "heating_system_type RESISTANCE;"
    )
    out = tmp_path / "out"
    told = CliRunner().invoke(app, ["convert", str(path), str(out), "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["converted"]["homes"].startswith("2 houses in homes.csv")
    assert pd.read_csv(out / "homes.csv")["home"].tolist() == ["h", "g"]
    scenario = out / "s.toml"
    scenario.write_text(
        "[scenario]\nstart = 2024-01-10\ndays = 1\n[feeder]\nsource = 'gridlabd'\nfile = '../m.glm'\n"
        "[homes]\ntable = 'homes.csv'\n"
    )
    assert CliRunner().invoke(app, ["check", str(scenario)]).exit_code == 0
    scene = build.load(scenario)
    homes = {each.home: each for each in read_homes(path)}
    units, tanks = (scene.homes.owned[kind] for kind in ("hvac", "water_heater"))
    for row, name in enumerate(scene.homes.home_id):
        own = homes[name]
        assert scene.feeder.meters.name[scene.home_meter[row]] == name
        assert units.ua_kw_k[row] == pytest.approx(own.ua_kw_k, rel=1e-8)
        assert units.hm_kw_k[row] == pytest.approx(own.hm_kw_k, rel=1e-8)
        assert units.ca_kwh_k[row] == pytest.approx(own.air_kwh_k, rel=1e-8)
        assert units.cm_kwh_k[row] == pytest.approx(own.mass_kwh_k, rel=1e-8)
        assert units.cool_kw[row] == pytest.approx(own.cool_kw, rel=1e-8)
        assert units.heat_kw[row] == pytest.approx(own.heat_kw, rel=1e-8)
    at = scene.homes.home_id.index("h")
    cooling = ~units.heating[at]
    assert np.allclose(units.t_set_degc[at][cooling], 25.0)
    assert tanks.home.tolist() == [
        at
    ]  # of `g` no tank is known, and the model says that none is implied
    assert tanks.rated_kw[0] == 3.0
    other = 1 - at
    heats = units.heating[other]
    assert heats.any() and np.allclose(units.cop[other][heats], 1.0)


BEHIND = "object triplex_meter {{ name u; parent t; phases AS; object inverter {{ {} object {} {{ {} }}; }}; }}\n"


@pytest.mark.parametrize(
    ("inverter", "kind", "said", "own"),
    [
        ("", "solar", "rated_power 7500;", {"pv_kw": 7.5}),
        ("", "solar", "area 300 sf; efficiency 0.2; rated_power 4000;", {"pv_kw": 5.57412}),
        ("", "solar", "area 100; panel_type MULTI_CRYSTAL_SILICON;", {"pv_kw": 1.39353}),
        (
            "",
            "solar",
            "rated_power 4 kW; orientation FIXED_AXIS; tilt_angle 30; orientation_azimuth 200;",
            {"pv_kw": 4, "tilt_deg": 30, "azimuth_deg": 200},
        ),
        (
            "max_discharge_rate 3000;",
            "battery",
            "battery_capacity 13.5 kWh;",
            {"battery_kwh": 13.5, "battery_kw": 3},
        ),
        (
            "rated_power 5000;",
            "battery",
            "battery_capacity 9000;",
            {"battery_kwh": 9, "battery_kw": 5},
        ),
    ],
)
def test_a_house_has_the_panels_and_the_battery_at_its_bus(written, inverter, kind, said, own):
    """Ratings are those that GridLAB-D 6.0.0 shows: 92.902 W a square foot times efficiency before what is stated."""
    path = written(HOUSE % "" + BEHIND.format(inverter, kind, said))
    (home,) = read_homes(path)
    names = ("pv_kw", "tilt_deg", "azimuth_deg", "battery_kwh", "battery_kw")
    found = {name: getattr(home, name) for name in names if getattr(home, name) is not None}
    assert found == pytest.approx(own)
    assert describe_classes(path)[f"class {kind}"] == "1 read, in houses"
    notes = " ".join(read(path).notes)
    assert "Its rating and its control are those of the scenario" in notes
    assert "come from the scenario" not in notes


@pytest.mark.parametrize(
    ("house", "kind", "said", "told"),
    [
        ("", "solar", "rated_power 7500;", "Panels come from the scenario"),
        (
            HOUSE % "" + HOUSE.replace("name h", "name g") % "",
            "solar",
            "rated_power 1;",
            "Panels come",
        ),
        (HOUSE % "", "solar", "efficiency 0.2;", "neither an area with its efficiency"),
        (
            HOUSE % "",
            "solar",
            "area 100; panel_type AMORPHOUS_SILICON;",
            "neither an area with its",
        ),
        (HOUSE % "", "battery", "state_of_charge 0.5;", "no battery_capacity"),
    ],
)
def test_generators_of_no_one_house_are_told(written, house, kind, said, told):
    load = "object triplex_node { parent t; phases AS; power_12 1; }\n"
    feeder = read(written(house + BEHIND.format("rated_power 5000;", kind, said) + load))
    assert told in " ".join(feeder.notes)
    assert "come from the scenario" in " ".join(feeder.notes)


def test_panels_of_a_table_are_those_of_a_scenario(written, tmp_path):
    """A house with panels and one without; no battery in the model leaves those to the scenario."""
    other = "object triplex_meter { name v; phases AS; nominal_voltage 120; }\n"
    other += (
        "object triplex_line { name w; phases AS; from t; to v; length 10; configuration z; }\n"
    )
    other += "object triplex_line_configuration { name z; z11 1+1j; z12 0.5+0.5j; z21 0.5+0.5j; z22 1+1j; }\n"
    text = HOUSE % "" + other + HOUSE.replace("name h; parent t", "name g; parent v") % ""
    path = written(text + BEHIND.format("", "solar", "rated_power 7500;"))
    told = CliRunner().invoke(app, ["convert", str(path), str(tmp_path / "out")])
    assert told.exit_code == 0, told.output
    scenario = tmp_path / "out" / "s.toml"
    scenario.write_text(
        "[scenario]\nstart = 2024-06-10\ndays = 1\n[feeder]\nsource = 'gridlabd'\nfile = '../m.glm'\n"
        "[homes]\ntable = 'homes.csv'\nbattery_share = 1\n"
    )
    owned = build.load(scenario).homes.owned
    assert len(owned["pv"].home) == 1
    assert len(owned["battery"].home) == 2


def test_thirty_public_houses_with_panels_are_homes(data_dir):
    """The feeder of the transactive energy challenge of NIST as TESP has it: each house with gas heating and 7.5 kW of panels."""
    path = data_dir / "published" / "tesp_te30" / "TE_Challenge.glm"
    homes, feeder = read_homes(path), read(path)
    assert len(homes) == 30
    assert {home.meter for home in homes} == set(
        np.array(feeder.meters.name)[feeder.meters.is_home]
    )
    assert {(home.pv_kw, home.heat_kw, home.water_heater) for home in homes} == {(7.5, 0.0, "no")}
    first = homes[0]
    assert first.home == "F1_house_B0"
    assert first.floor_m2 == pytest.approx(637.886 * M2_PER_FT2)
    assert first.cool_cop == 2.502


BARE = HOUSE % "heating_system_type NONE; auxiliary_system_type NONE; cooling_system_type NONE; %s"
ZIP = "object ZIPload { base_power 2; %s };"
REACTIVE = 2 * np.tan(np.arccos(0.9))


@pytest.mark.parametrize(
    ("said", "kva", "shares"),
    [
        ("", 2, None),
        ("power_pf 0.9;", 2 + 1j * REACTIVE, None),
        ("power_pf -0.9;", 2 - 1j * REACTIVE, None),
        ("power_fraction 0.5; current_fraction 0.3;", 1.6, (0, 0.375, 0.625)),
        ("power_fraction 0; current_fraction 0.5; impedance_fraction 0.5; current_pf 0.9;", 2 + 0.5j * REACTIVE, (0.5, 0.5, 0)),
    ],
)  # fmt: skip
def test_a_load_of_a_house_counts_in_its_rating_part_by_part(written, said, kva, shares):
    """GridLAB-D 6.0.0 measures 2000 W and 968.644 var of 2 kW at 0.9, -968.644 at -0.9, and 1.6 kW of parts that make 0.8."""
    feeder = read(written(BARE % (ZIP % said)))
    (p_kw,), (q_kvar,) = feeder.loads.p_kw, feeder.loads.q_kvar
    assert p_kw + 1j * q_kvar == pytest.approx(kva)
    if shares is not None:
        assert feeder.loads.dependence.p_share[0] == pytest.approx(shares)
    assert any("counts in the rating of its house" in note for note in feeder.notes)


@pytest.mark.parametrize(
    "said", ["base_power lights*2", "duty_cycle 0.5", "power_fraction pool.value", "power_pf 9"]
)
def test_a_load_of_a_house_that_moves_is_left_out_and_told(written, tmp_path, said):
    feeder = read(written(BARE % (ZIP.replace("%s", said + ";"))))
    assert feeder.loads.p_kw.tolist() == [1.0]  # a house without units
    assert any("an object of class ZIPload" in note for note in feeder.notes)
    assert (
        "1 left out" in describe_classes(tmp_path / "m.glm")["class ZIPload"]
        or "left out" in (describe_classes(tmp_path / "m.glm")["class ZIPload"])
    )


def test_two_loads_of_a_house_and_its_units_add_up(written):
    found = read(written(HOUSE % ("heating_system_type GAS;" + ZIP % "" + ZIP % "power_pf 1;")))
    assert found.meters.p_kw[0] == pytest.approx(48000 * KWH_PER_BTU / 3.5 + 4.0)


def test_the_loads_of_houses_are_counted_as_theirs(written, tmp_path):
    read(written(BARE % (ZIP % "")))
    assert describe_classes(tmp_path / "m.glm")["class ZIPload"] == "1 read, in houses"
