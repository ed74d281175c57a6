"""Homes of a table of members: each on the meter that it names, with what its row says, whatever the others have."""

import numpy as np
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.scenario import build, read

TABLE = """home,class,pv_kw,battery_kwh,ev,water_heater
ada,house,5,10,yes,yes
bob,flat,,,no,no
cid,house,3,,no,yes
dee,flat,,5,yes,no
"""
SCRIPT = """Clear
New Circuit.c basekv=12.47 bus1=src phases=3
New Line.head bus1=src bus2=b phases=3 r1=.1 x1=.1 r0=.1 x0=.1 c1=0 c0=0 length=1
{loads}
Set VoltageBases=[12.47]
CalcVoltageBases
Solve
"""
LOAD = "New Load.{name} bus1=b.1 phases=1 kv=7.2 kw=5 kvar=1"


def scene(tmp_path, table=TABLE, keys="", **files):
    (tmp_path / "members.csv").write_text(table)
    for name, text in files.items():
        (tmp_path / name.replace("_", ".")).write_text(text)
    path = tmp_path / "s.toml"
    path.write_text(f'[scenario]\ndays = 1\n[homes]\ntable = "members.csv"\n{keys}')
    return gridagora.load(path)


def owners(scene, kind):
    return [scene.homes.home_id[row] for row in scene.homes.owned[kind].home]


def test_a_row_is_a_home_with_what_it_owns(tmp_path):
    found = scene(tmp_path, keys="ev_daily_share = 1.0\n")
    assert found.homes.home_id == ("ada", "bob", "cid", "dee")
    assert owners(found, "pv") == ["ada", "cid"]
    assert owners(found, "battery") == ["ada", "dee"]
    assert list(found.homes.owned["battery"].cap_kwh) == [10.0, 5.0]
    assert set(owners(found, "ev")) == {"ada", "dee"}
    assert owners(found, "water_heater") == ["ada", "cid"]
    peak_kw = found.homes.owned["pv"].available_kw.max(1)
    assert peak_kw[0] / peak_kw[1] == pytest.approx(5 / 3)
    assert found.home_class == ("house", "flat", "house", "flat")


def test_a_kind_without_a_column_is_drawn_as_the_scenario_says(tmp_path):
    found = scene(tmp_path, "home\na\nb\nc\nd\n", keys="pv_share = 0.5\nbattery_share = 1.0\n")
    assert len(owners(found, "pv")) == 2
    assert len(owners(found, "battery")) == 4


def test_a_home_does_not_depend_on_the_others(tmp_path):
    whole = scene(tmp_path, keys="ev_daily_share = 1.0\n")
    rows = TABLE.splitlines()
    turned = scene(
        tmp_path, "\n".join([rows[0], rows[4], rows[1], rows[3]]), "ev_daily_share = 1.0\n"
    )
    for home in ("ada", "cid", "dee"):
        a, b = (each.homes.home_id.index(home) for each in (whole, turned))
        assert (whole.homes.load_kw[a] == turned.homes.load_kw[b]).all()
        for kind, table in whole.homes.owned.items():
            other = turned.homes.owned[kind]
            for name, column in vars(table).items():
                if name != "home" and isinstance(column, np.ndarray):
                    mine, theirs = column[table.home == a], getattr(other, name)[other.home == b]
                    assert np.array_equal(mine, theirs, equal_nan=mine.dtype == float)


def test_floor_areas_scale_the_house(tmp_path):
    found = scene(tmp_path, "home,floor_m2\na,60\nb,240\n")
    house = found.homes.owned["hvac"]
    assert 2 < house.ca_kwh_k[1] / house.ca_kwh_k[0] < 6
    drawn = scene(tmp_path, "home,floor_m2\na,60\nb,\n").homes.owned["hvac"]
    assert (drawn.ca_kwh_k[0] == house.ca_kwh_k[0]) & (drawn.ca_kwh_k[1] != house.ca_kwh_k[1])


FEEDER = '[feeder]\nsource = "opendss"\nfile = "m.dss"\n'


def feeder(*names):
    return SCRIPT.format(loads="\n".join(LOAD.format(name=name) for name in names))


def test_a_home_stands_on_the_meter_that_it_names(tmp_path):
    table = "home,meter\na,p3\nb,p1\n"
    found = scene(tmp_path, table, f'on = "all"\n{FEEDER}', m_dss=feeder("p1", "p2", "p3"))
    assert [found.feeder.meters.name[row] for row in found.home_meter] == ["p3", "p1"]
    assert list(found.feeder.meters.customers) == [1, 1, 1]
    assert (found.other_kw.max(0) > 0).tolist() == [False, True, False]


def test_a_home_with_the_name_of_a_meter_stands_on_it_and_a_lot_is_said(tmp_path):
    dss = feeder("p1", "p2", "p3")
    found = scene(tmp_path, "home\np3\nother\n", f'on = "all"\n{FEEDER}', m_dss=dss)
    assert found.feeder.meters.name[found.home_meter[0]] == "p3"
    assert "1 of 2 members have the name of a meter" in found.notes[-1]


@pytest.mark.parametrize(
    ("table", "keys", "said"),
    [
        ("home,meter\na,p3\nb,P3\n", 'on = "all"\n', "row 3: got the meter 'p3', on which row 2"),
        ("home,meter\na,q3\n", 'on = "all"\n', "the meter 'q3'.*Did you mean 'p3'"),
        ("home,meter\na,p3\nb,\n", 'on = "all"\n', "row 3: got no meter of 'b'"),
        ("home\na\nb\nc\nd\n", 'on = "all"\n', "expected at most 3, the places"),
    ],
)
def test_meters_that_cannot_be_are_refused_by_row(tmp_path, table, keys, said):
    with pytest.raises(InputError, match=said):
        scene(tmp_path, table, keys + FEEDER, m_dss=feeder("p1", "p2", "p3"))


def test_a_count_beside_the_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="count"):
        scene(tmp_path, keys="count = 3\n")


@pytest.mark.parametrize("key", ["pv_share = 0.5", "battery_share = 0.1", "water_heaters = false"])
def test_a_share_beside_a_column_of_owners_is_refused(tmp_path, key):
    with pytest.raises(InputError, match="beside a table that says who owns"):
        scene(tmp_path, keys=f"{key}\n")


def test_sizes_that_a_device_refuses_are_told_by_row(tmp_path):
    with pytest.raises(InputError, match=r"members.csv, row 2: homes.battery.kw"):
        scene(tmp_path, "home,battery_kwh,battery_kw\na,5,0\n")


def test_bills_are_told_with_the_class(tmp_path):
    found = gridagora.compare(scene(tmp_path), ["flat"])
    assert list(found.tables["homes"]["class"]) == ["house", "flat", "house", "flat"]


def test_a_table_in_memory_of_the_scenario_is_the_table_of_the_file(tmp_path):
    by_file = scene(tmp_path)
    keys = {"table": str(tmp_path / "members.csv")}
    made = build.build(read.parse(read.write({"homes": keys, "scenario": {"days": 1}}), "s.toml"))
    assert made.homes.home_id == by_file.homes.home_id


def test_without_a_network_meters_of_the_table_are_said_and_not_looked_up(tmp_path):
    table = "home,MPAN,pv_kw\nada,2100001234567,5\nbob,2100001234567,4\n"
    (tmp_path / "members.csv").write_text(table)
    keys = '[scenario]\ndays = 1\n[feeder]\nsource = "busbar"\n[homes]\ntable = "members.csv"\n'
    (tmp_path / "s.toml").write_text(keys)
    found = gridagora.load(tmp_path / "s.toml")
    assert sorted(found.home_meter) == [0, 1]
    assert any("meters of the table are not looked up" in note for note in found.notes)
