"""A feeder as tables of pandapower: impedances are those of the script, loads stand on their phases, the rest is refused."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.report.pandapower_file import net_text, write_pandapower
from gridagora.report.pandapower_tables import mean_sequence, network_tables
from gridagora.sources import opendss

STREET = """Clear
New Circuit.street bus1=src basekv=11 pu=1.05 r1=0.2 x1=2 r0=0.3 x0=3
New Transformer.t windings=2 buses=[src low] conns=[{0} wye] kvs=[11 0.416] kvas=[250 250] %Rs=[.5 .7] xhl=4 taps=[1 1.025]
New Line.main bus1=low bus2=mid phases=3 r1=.32 x1=.08 r0=1.1 x0=.3 c1=300 c0=200 length=.4 units=km normamps=200
New Line.drop bus1=mid.2 bus2=end.2 phases=1 r1=.9 x1=.1 r0=.9 x0=.1 c1=0 c0=0 length=.03 units=km
New Load.house bus1=end.2 phases=1 kv=0.24 kw=6 pf=.95
New Load.shop bus1=mid phases=3 kv=0.416 kw=30 pf=.9
Set VoltageBases=[11 0.416]
CalcVoltageBases
"""


def feeder_of(folder, text):
    path = folder / "m.dss"
    path.write_text(text)
    return opendss.read(path)


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    feeder = feeder_of(tmp_path_factory.mktemp("street"), STREET.format("delta"))
    made = network_tables(feeder, np.array([6.0, 30.0]), np.array([2.0, 12.0]))
    return SimpleNamespace(feeder=feeder, notes=made.notes, **made.tables)


def test_lines_have_the_sequence_impedances_of_the_script(street):
    main = street.line.set_index("name").loc["main"]
    told = main[["r_ohm_per_km", "x_ohm_per_km", "r0_ohm_per_km", "x0_ohm_per_km"]]
    assert told.tolist() == pytest.approx([0.32, 0.08, 1.1, 0.3], rel=1e-6)
    assert main[["c_nf_per_km", "c0_nf_per_km"]].tolist() == pytest.approx([360, 240], rel=1e-4)
    assert main["length_km"] == pytest.approx(0.4)
    assert main["max_i_ka"] == pytest.approx(0.2)


def test_a_line_of_one_phase_has_that_impedance_in_every_sequence(street):
    drop = street.line.set_index("name").loc["drop"]
    assert drop["r_ohm_per_km"] == pytest.approx(drop["r0_ohm_per_km"]) == pytest.approx(0.9)
    assert any("of one or two phases: 1" in note for note in street.notes)


def test_the_transformer_has_its_group_shift_and_tap(street):
    unit = street.trafo.iloc[0]
    assert (unit["vector_group"], unit["shift_degree"]) == ("Dyn", 30.0)
    assert unit["vkr_percent"] == pytest.approx(1.2)
    assert unit["vk_percent"] == pytest.approx(np.hypot(1.2, 4.0))
    assert unit["vn_lv_kv"] == pytest.approx(0.416 * 1.025)


def test_the_source_stands_behind_its_impedance(street):
    behind = street.line.iloc[-1]
    assert behind["from_bus"] == street.ext_grid["bus"][0] == len(street.bus) - 1
    assert street.ext_grid["vm_pu"][0] == pytest.approx(1.05)
    told = behind[["r_ohm_per_km", "x_ohm_per_km", "r0_ohm_per_km", "x0_ohm_per_km"]]
    assert told.tolist() == pytest.approx([0.2, 2.0, 0.3, 3.0], rel=1e-4)


def test_loads_stand_on_their_phases_and_add_up(street):
    loads = street.asymmetric_load.set_index("name")
    p, q = loads[["p_a_mw", "p_b_mw", "p_c_mw"]], loads[["q_a_mvar", "q_b_mvar", "q_c_mvar"]]
    assert p.loc["house"].tolist() == pytest.approx([0, 0.006, 0])
    assert p.loc["shop"].tolist() == pytest.approx([0.01] * 3)
    assert q.to_numpy().sum() == pytest.approx(0.014)


def test_phases_that_differ_are_written_as_their_mean():
    own = np.array([[3.0, 1, 1], [1, 3, 1], [1, 1, 3]], complex)
    assert mean_sequence(own)[:2] == (2, 5)
    assert mean_sequence(own).apart_share == 0
    own[0, 1] = own[1, 0] = 1.3
    assert mean_sequence(own).apart_share == pytest.approx(0.2 / 3)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("New Capacitor.bank bus1=mid phases=3 kv=.416 kvar=20", "capacitors: bank"),
        ("New Load.across bus1=mid.1.2 phases=1 kv=.416 kw=2", "loads between two phases: across"),
        (
            "New Transformer.tap windings=3 phases=1 buses=[mid.1 a.1.0 a.0.2] kvs=[.24 .12 .12] "
            "kvas=[25 25 25] xhl=2 xht=2 xlt=1\nNew Load.leg bus1=a.1 phases=1 kv=.12 kw=1",
            "centre tap or three windings: tap",
        ),
    ],
)
def test_what_pandapower_has_no_table_for_is_refused_by_name(tmp_path, more, told):
    text = STREET.format("wye").replace("Set Volt", f"{more}\nSet Volt")
    feeder = feeder_of(tmp_path, text)
    nothing = np.zeros(len(feeder.meters.name))
    with pytest.raises(InputError, match=told):
        network_tables(feeder, nothing, nothing)


def test_a_busbar_has_no_network(tmp_path):
    bus = "Clear\nNew Circuit.one bus1=src basekv=.416 pu=1\nNew Load.a bus1=src phases=3 kv=.416 kw=3\n"
    feeder = feeder_of(tmp_path, f"{bus}Set VoltageBases=[.416]\nCalcVoltageBases\n")
    with pytest.raises(InputError, match="a single bus"):
        network_tables(feeder, np.zeros(1), np.zeros(1))


def test_a_network_is_the_json_of_pandapower(street):
    tables = {"bus": street.bus, "line": street.line, "ext_grid": street.ext_grid}
    made = json.loads(net_text("a street", tables))
    assert (made["_module"], made["_class"]) == ("pandapower.auxiliary", "pandapowerNet")
    held = made["_object"]
    assert held["name"] == "a street"
    rows = json.loads(held["line"]["_object"])
    assert rows["columns"] == list(street.line.columns)
    first = dict(zip(rows["columns"], rows["data"][0], strict=True))
    assert (first["name"], first["from_bus"]) == ("main", 1)
    assert first["length_km"] == pytest.approx(0.4)
    assert json.loads(held["bus"]["_object"])["data"][-1][-1] is None
    assert held["line"]["dtype"]["from_bus"] == "int64"
    assert held["bus"]["dtype"]["name"] == "object"


def test_a_result_that_did_not_keep_the_power_of_homes_is_refused(result, tmp_path):
    keys = SimpleNamespace(reactive=SimpleNamespace(power_factor=None))
    scene = SimpleNamespace(scenario=keys)
    with pytest.raises(InputError, match=r"results.keep.*bills.*device_power"):
        write_pandapower(result, scene, tmp_path / "n.json")
    with pytest.raises(InputError, match=r"--design.*'flt'.*flat"):
        write_pandapower(result, scene, tmp_path / "n.json", "flt")
    keys.reactive.power_factor = 0.97
    with pytest.raises(InputError, match="power factor"):
        write_pandapower(result, scene, tmp_path / "n.json")
    assert not (tmp_path / "n.json").exists()
