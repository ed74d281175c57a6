"""Networks of pandapower: voltages of its own flow, a network that this program wrote, and files that no network can be."""

import json

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.grid.fixed_point import open_grid
from gridagora.report.pandapower_file import net_text
from gridagora.report.pandapower_tables import network_tables
from gridagora.scenario import build, describe
from gridagora.scenario.feeder_file import read_feeder_file
from gridagora.sources.opendss import read as read_script
from gridagora.sources.pandapower import read

LINE = {"length_km": 1.0, "r_ohm_per_km": 0.3, "x_ohm_per_km": 0.12, "c_nf_per_km": 250.0, "max_i_ka": 0.25}  # fmt: skip
UNIT = {
    "sn_mva": 0.63, "vn_hv_kv": 20.0, "vn_lv_kv": 0.4, "vk_percent": 6.0, "vkr_percent": 1.2, "pfe_kw": 1.1,
    "i0_percent": 0.3, "shift_degree": 150.0, "tap_side": "hv", "tap_neutral": 0, "tap_pos": 2, "tap_step_percent": 2.5,
    "tap_min": -2, "tap_max": 2,
}  # fmt: skip
BUSES = [(name, 20.0) for name in ("grid", "a", "b", "c", "d", "e")] + [
    (name, 0.4) for name in ("u", "v", "w", "x")
]
MESH = {
    "bus": [{"name": name, "vn_kv": kv} for name, kv in BUSES],
    "ext_grid": [{"bus": 0, "vm_pu": 1.02, "va_degree": 30.0}],
    "line": [
        {"name": "two", "from_bus": 0, "to_bus": 1, "parallel": 2, **LINE},
        {"name": "leaky", "from_bus": 1, "to_bus": 2, "g_us_per_km": 3.0, **LINE},
        {"name": "open", "from_bus": 2, "to_bus": 4, **LINE, "length_km": 7.0},
        {"name": "gone", "from_bus": 0, "to_bus": 4, "in_service": False, **LINE},
    ],
    "trafo": [
        {"name": "symmetrical", "hv_bus": 1, "lv_bus": 6, "tap_changer_type": "Symmetrical", "tap_step_degree": 30.0, **UNIT},
        {"name": "ratio", "hv_bus": 3, "lv_bus": 7, "parallel": 2, "tap_changer_type": "Ratio", **UNIT, "tap_side": "lv"},
        {"name": "ideal", "hv_bus": 2, "lv_bus": 8, "tap_changer_type": "Ideal", **UNIT},
        {"name": "table", "hv_bus": 2, "lv_bus": 9, "tap_changer_type": "Tabular", "tap_dependency_table": True,
         "id_characteristic_table": 4, **UNIT},
    ],
    "trafo_characteristic_table": [
        {"id_characteristic": 4, "step": 2, "voltage_ratio": 0.93, "angle_deg": 1.0, "vk_percent": 5.0, "vkr_percent": 1.0},
        {"id_characteristic": 4, "step": 1, "voltage_ratio": 0.5, "angle_deg": 9.0, "vk_percent": 9.0, "vkr_percent": 1.0},
    ],
    "switch": [
        {"bus": 2, "element": 3, "et": "b", "closed": True, "z_ohm": 0.0},
        {"bus": 3, "element": 5, "et": "b", "closed": True, "z_ohm": 0.4},
        {"bus": 4, "element": 2, "et": "l", "closed": False, "z_ohm": 0.0},
    ],
    "load": [
        {"name": "p", "bus": 6, "p_mw": 0.2, "q_mvar": 0.05, "scaling": 1.1},
        {"name": "zip", "bus": 7, "p_mw": 0.5, "q_mvar": 0.2, "const_z_p_percent": 30.0, "const_i_p_percent": 20.0,
         "const_z_q_percent": 50.0, "const_i_q_percent": 10.0},
        {"name": "delta", "bus": 8, "p_mw": 0.3, "q_mvar": 0.1, "type": "delta"},
        {"name": "behind", "bus": 5, "p_mw": 1.2, "q_mvar": 0.3},
        {"name": "tabled", "bus": 9, "p_mw": 0.2, "q_mvar": 0.1},
        {"name": "idle", "bus": 9, "p_mw": 9.0, "q_mvar": 0.1, "in_service": False},
    ],
    "motor": [{"name": "m", "bus": 9, "pn_mech_mw": 0.1, "cos_phi": 0.8, "efficiency_percent": 90.0, "loading_percent": 70.0}],
    "shunt": [{"name": "bank", "bus": 7, "p_mw": 0.001, "q_mvar": -0.05, "step": 2, "vn_kv": 0.4}],
}  # fmt: skip
# of pandapower 3.5.6, runpp(calculate_voltage_angles=True, tolerance_mva=1e-11) on the same file [pu]
PANDAPOWER_PU = {
    "grid": 1.02, "a": 1.01899545, "b": 1.01715411, "e": 1.015965574, "u": 0.966488401, "v": 1.057501186, "w": 1.00171729,
    "x": 1.077984378,
}  # fmt: skip
STREET = """
Clear
New Circuit.street basekv=20 pu=1.02 mvasc3=500 mvasc1=400
New Linecode.cable nphases=3 r1=0.3 x1=0.1 r0=1.2 x0=0.35 c1=0 c0=0 units=km
New Transformer.t phases=3 windings=2 buses=(sourcebus, low) conns=(delta, wye) kvs=(20, 0.4) kvas=(250, 250) xhl=4 %loadloss=1.2
New Line.l1 bus1=low bus2=h1 linecode=cable length=0.3 units=km
New Line.l2 bus1=h1 bus2=h2 linecode=cable length=0.2 units=km
New Load.one phases=1 bus1=h1.1 kv=0.23 kw=8 kvar=2
New Load.two phases=1 bus1=h2.2 kv=0.23 kw=5 kvar=1
New Load.all phases=3 bus1=h2 kv=0.4 kw=24 kvar=6
Set VoltageBases=[20, 0.4]
CalcVoltageBases
Solve
"""
DEFAULTS = {
    "bus": {"in_service": True},
    "ext_grid": {"in_service": True},
    "line": {"in_service": True, "parallel": 1, "df": 1.0, "g_us_per_km": 0.0, "std_type": None, "type": None},
    "trafo": {
        "in_service": True, "parallel": 1, "df": 1.0, "tap_step_degree": 0.0, "tap_dependency_table": False,
        "id_characteristic_table": None, "std_type": None,
    },
    "load": {
        "in_service": True, "scaling": 1.0, "const_z_p_percent": 0.0, "const_i_p_percent": 0.0, "const_z_q_percent": 0.0,
        "const_i_q_percent": 0.0, "sn_mva": None, "type": None,
    },
    "motor": {"in_service": True, "scaling": 1.0, "cos_phi_n": None, "efficiency_n_percent": None, "lrc_pu": None,
        "rx": None, "vn_kv": None},
    "shunt": {"in_service": True, "max_step": 2, "step_dependency_table": False},
    "switch": {"type": None, "name": None, "in_ka": None},
}  # fmt: skip


def table(rows):
    keys = list(dict.fromkeys(key for row in rows for key in row))
    data = [[row.get(key) for key in keys] for row in rows]
    split = {"columns": keys, "index": list(range(len(rows))), "data": data}
    kinds = {bool: "bool", int: "int64", float: "float64"}
    dtype = {}
    for key, column in zip(keys, zip(*data, strict=True), strict=True):
        known = {type(value) for value in column if value is not None}
        whole = len(known) == 1 and None not in column
        dtype[key] = kinds.get(known.pop(), "object") if whole else "object"
    return {
        "_module": "pandas.core.frame",
        "_class": "DataFrame",
        "_object": json.dumps(split),
        "orient": "split",
        "dtype": dtype,
        "is_multiindex": False,
        "is_multicolumn": False,
    }


def write(path, tables, **more):
    held = {
        name: table([DEFAULTS.get(name, {}) | row for row in rows]) for name, rows in tables.items()
    }
    plain = {"name": "mesh", "f_hz": 50.0, "sn_mva": 1.0, "version": "3.0.0", "format_version": "3.0.0"}  # fmt: skip
    net = {"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": plain | held | more}  # fmt: skip
    path.write_text(json.dumps(net), encoding="utf-8")
    return path


@pytest.fixture
def made(tmp_path):
    return lambda tables, **more: write(tmp_path / "net.json", tables, **more)


def rated_voltages(feeder):
    flow = open_grid(feeder).flow(feeder.meters.p_kw[None], reactive(feeder)[None])
    assert flow.converged.all()
    return dict(zip(feeder.nodes.name, flow.v_pu[0], strict=True))


def reactive(feeder):
    return np.bincount(feeder.loads.meter, feeder.loads.q_kvar, len(feeder.meters.name))


def changed(table_name, row, **values):
    rows = [dict(each) for each in MESH[table_name]]
    rows[row] |= values
    return MESH | {table_name: rows}


def test_voltages_are_those_of_pandapower(made):
    found = rated_voltages(read(made(MESH)))
    for bus, pu in PANDAPOWER_PU.items():
        for phase in (1, 2, 3):
            assert found[f"{bus}.{phase}"] == pytest.approx(pu, abs=2e-9), bus


def test_a_switch_joins_buses_and_one_that_is_open_leaves_the_charging_of_its_line(made):
    feeder = read(made(MESH))
    assert "c" not in feeder.buses.name  # it is bus b
    assert "d" not in feeder.buses.name  # behind the open end
    at = feeder.lines.name.index("open")
    assert (feeder.lines.from_bus[at] < 0) != (feeder.lines.to_bus[at] < 0)
    closed = changed("switch", 2, closed=True)
    assert "d" in read(made(closed)).buses.name


def test_a_feeder_that_was_written_for_pandapower_is_read_back(tmp_path):
    script = tmp_path / "street.dss"
    script.write_text(STREET, encoding="utf-8")
    feeder = read_script(script)
    p_kw, q_kvar = feeder.meters.p_kw, reactive(feeder)
    written = network_tables(feeder, p_kw, q_kvar)
    path = tmp_path / "street.json"
    path.write_text(net_text("street", written.tables), encoding="utf-8")
    back = read(path)
    assert back.meters.p_kw.sum() == pytest.approx(p_kw.sum())
    before = open_grid(feeder).flow(p_kw[None], q_kvar[None])
    after = rated_voltages(back)
    for name, pu in zip(feeder.nodes.name, before.v_pu[0], strict=True):
        assert after[name] == pytest.approx(pu, abs=1e-5), name


def test_phases_that_differ_are_loads_of_their_own(made):
    by_phase = {"p_a_mw": 0.004, "q_a_mvar": 0.001, "p_c_mw": 0.002, "scaling": 0.5}
    one = {"name": "h", "bus": 6, "type": "wye", "in_service": True, **by_phase}
    feeder = read(made({**MESH, "load": [], "motor": [], "asymmetric_load": [one]}))
    assert feeder.meters.name == ("h.a", "h.c")
    assert feeder.meters.p_kw == pytest.approx([2.0, 1.0])
    assert feeder.meters.is_home.all()
    found = rated_voltages(feeder)
    assert found["u.1"] < found["u.3"] < found["u.2"]


def test_what_is_not_converted_is_told_and_a_strict_reading_refuses_it(made):
    path = made(MESH | {"sgen": [{"name": "sun", "bus": 6, "p_mw": 0.1, "in_service": True}]})
    notes = read(path).notes
    assert any(note.startswith("sgen sun: feeds power in") for note in notes)
    assert any("no vector_group" in note for note in notes)
    with pytest.raises(InputError, match="sgen sun"):
        read_feeder_file(path, strict=True)


def test_a_scenario_and_a_check_read_a_network(made, tmp_path):
    made(MESH)
    scenario = tmp_path / "s.toml"
    scenario.write_text(
        "[scenario]\ndays = 1\n[feeder]\nsource = 'pandapower'\nfile = 'net.json'\n"
        "[homes]\ncount = 3\non = 'all'\n",
        encoding="utf-8",
    )
    assert len(build.load(scenario).home_meter) == 3
    assert describe.check(tmp_path / "net.json")["loads"].startswith("6 meters")


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (changed("line", 0, from_bus=77), r"line 'two' \(index 0\).*from_bus 77"),
        (changed("line", 0, r_ohm_per_km=0.0, x_ohm_per_km=0.0), "line 'two'.*no impedance"),
        (changed("line", 1, length_km=-1.0), "line 'leaky'.*length_km -1.0"),
        (changed("line", 1, r_ohm_per_km=None), "line 'leaky'.*no r_ohm_per_km"),
        (changed("line", 1, x_ohm_per_km="wide"), "line 'leaky'.*x_ohm_per_km 'wide'"),
        (changed("trafo", 0, vk_percent=0.0), "trafo 'symmetrical'.*vk_percent 0"),
        (changed("trafo", 0, vkr_percent=7.0), "trafo 'symmetrical'.*vkr_percent 7"),
        (changed("trafo", 0, lv_bus=1), "trafo 'symmetrical'.*vn_lv_kv 0.4.*its bus, 20"),
        (changed("load", 1, const_z_p_percent=90.0), "load 'zip'.*const_z 90%.*of P"),
        (changed("load", 0, p_mw=1e30), "load 'p'.*p_mw 1e.30"),
        (changed("trafo", 3, tap_pos=-1), "trafo 'table'.*tap -1 of characteristic 4"),
        (changed("bus", 3, vn_kv=10.0), "bus 'c'.*vn_kv 10.*a closed switch joins"),
        (changed("ext_grid", 0, in_service=False), "no source of voltage"),
        (MESH | {"load": [], "motor": []}, "no load that is fed"),
    ],
)
def test_values_that_no_element_has_are_refused_by_name(made, tables, told):
    with pytest.raises(InputError, match=f"(?s){told}"):
        read(made(tables))


def test_all_that_is_wrong_is_told_at_once(made):
    tables = changed("line", 0, from_bus=77) | {"trafo": changed("trafo", 0, vk_percent=0.0)["trafo"]}  # fmt: skip
    with pytest.raises(InputError) as caught:
        read(made(tables))
    assert "from_bus 77" in str(caught.value)
    assert "vk_percent 0" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no JSON text"),
        ("[1, 2]", "another kind of JSON"),
        ('{"_class": "pandapowerNet", "_object": "c2VjcmV0"}', "not readable"),
        ('{"_class": "pandapowerNet", "_object": {"bus": {"_class": "DataFrame", "_object": "x"}}}', "bus: .*cannot be read"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_refused(tmp_path, text, told):
    path = tmp_path / "net.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        read(path)
