"""A table of members: columns as people name them, units, what a row owns, and every fault by row and column."""

import math

import pytest

from gridagora.core.errors import InputError
from gridagora.sources.members import COLUMNS, DEVICES, UNITS, read_members


def members(tmp_path, text):
    path = tmp_path / "members.csv"
    path.write_text(text, encoding="utf-8")
    return read_members(path)


@pytest.mark.parametrize(
    ("heading", "cell", "kind", "key", "value"),
    [
        ("pv_kw", "5", "pv", "kw", 5.0),
        ("PV (kWp)", "5.5", "pv", "kw", 5.5),
        ("Solar [W]", "5500", "pv", "kw", 5.5),
        ("PV size kWp", "4", "pv", "kw", 4.0),
        ("pv", "5.5", "pv", "kw", 5.5),
        ("pv", "5500 W", "pv", "kw", 5.5),
        ("Battery (kWh)", "10", "battery", "kwh", 10.0),
        ("battery", "13.5", "battery", "kwh", 13.5),
        ("storage", "13.5 kWh", "battery", "kwh", 13.5),
        ("Charger kW", "11", "ev", "kw", 11.0),
        ("wallbox", "7,4", "ev", "kw", 7.4),
        ("tank_l", "200", "water_heater", "volume_l", 200.0),
        ("Boiler L", "200", "water_heater", "volume_l", 200.0),
        ("tank (gal)", "50", "water_heater", "volume_l", 189.2706),
    ],
)
def test_a_size_is_read_by_its_heading_and_unit(tmp_path, heading, cell, kind, key, value):
    found = members(tmp_path, f"home;{heading}\na;{cell}\nb;\n")
    assert found.owned[kind][0] == {key: pytest.approx(value)}
    assert found.owned[kind][1] is None
    assert list(found.owned) == [kind]


@pytest.mark.parametrize(("heading", "kind"), [(kind, kind) for kind in DEVICES])
def test_yes_without_a_size_leaves_the_size_to_the_scenario(tmp_path, heading, kind):
    found = members(tmp_path, f"home,{heading}\na,yes\nb,no\nc,\n")
    assert found.owned[kind] == ({}, None, None)


def test_directions_are_degrees_or_words(tmp_path):
    found = members(tmp_path, "home,pv_kw,azimuth,tilt\na,5,SW,0\nb,5,180,30\nc,5,,\n")
    assert found.owned["pv"][0] == {"kw": 5.0, "azimuth_deg": 225.0, "tilt_deg": 0.0}
    assert found.owned["pv"][1]["azimuth_deg"] == 180.0
    assert found.owned["pv"][2] == {"kw": 5.0}


def test_floor_areas_are_square_metres(tmp_path):
    found = members(tmp_path, "home,Floor area (sqft)\na,1000\nb,\n")
    assert found.house["floor_m2"][0] == pytest.approx(92.90304)
    assert math.isnan(found.house["floor_m2"][1])


def test_what_was_read_and_left_out_is_said(tmp_path):
    found = members(tmp_path, "Name,Email,PV (kWp)\nAda,a@b,3\n")
    assert found.home_id == ("Ada",)
    assert found.notes == (
        "members.csv: 1 homes; read: home of 'Name', pv_kw of 'PV (kWp)'; left out: Email",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pv_kw\n5\n", "no column 'home', but 'pv_kw'"),
        ("home\n\na\na\n", "'a', the name of row 3"),
        ("home,pv_kw\n,5\n", "row 2: got no name"),
        ("home,pv_kw\na,-1\n", "row 2: got '-1' in 'pv_kw', expected a number from 0 to 1000 kW"),
        ("home,pv_kw\na,five\n", "'five' in 'pv_kw'"),
        ("home,pv_kw\na,$5\n", "'\\$5' in 'pv_kw'"),
        ("home;pv_kw\na;1,500\n", "a thousand or a decimal"),
        ("home,PV (MW)\na,1\n", "the unit 'mw' of the column 'PV \\(MW\\)'"),
        ("home,pv_kw\na,5 kWh\n", "'5 kWh' in 'pv_kw'"),
        ("home,batery_kwh\na,5\n", "Did you mean 'battery_kwh'"),
        ("home,pv_kww\na,5\n", "Did you mean 'pv_kw'"),
        ("home,pv_kw,solar_kw\na,5,6\n", "one column of pv_kw"),
        ("home,cars\na,2\n", "'2' in 'cars', expected yes or no. One device of a kind"),
        ("home,ev,ev_kw\na,no,11\n", "'ev' says no, ev_kw is 11"),
        ("home,pv,pv_kw\na,yes,0\n", "'pv' says yes, pv_kw is 0"),
        ("home,tilt,pv_kw\na,95,5\n", "0 to 90 deg"),
        ("home,class\na,house\nb,\n", "row 3: got none, expected a class"),
        ("home,azimuth,pv_kw\na,400,5\n", "0 to 360 deg"),
        ("home,pv_kw\nAda,5\nada ,6\n", "'ada', the name of row 2"),
        ("home,pv_kw\na,5\nb,7\nTotal,12\n", "a row 'Total' among those of homes"),
        ("home,pv_kw\na,5\n* as of March,\n", "a row '\\* as of March' among"),
        ("home,pv_kw,battery_kwh\na,5,4\nb,7,1\nstreet,12,5\n", "row 4: got the sum of all"),
        ("home,ev\na,2\nb,1\n", "'2' in 'ev', expected yes or no"),
        ("home,battery_kwh,battery_kw\na,10,5\nb,,5\n", "battery_kw of 5 and no battery_kwh"),
        ("home,pv_kw\na,ca. 5\n", "'ca. 5' in 'pv_kw'"),
        ("home,pv_kw\na,\u22125\n", "expected a number from 0"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_row_and_column(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        members(tmp_path, text)


def test_all_faults_are_told_at_once(tmp_path):
    with pytest.raises(InputError) as caught:
        members(tmp_path, "home,pv_kw,battery_kwh\na,x,y\na,1,-2\n")
    assert len(caught.value.problems) == 4


def test_every_name_of_a_column_means_one_role_or_is_told_apart_by_its_unit():
    for name in {name for column in COLUMNS.values() for name in column.names}:
        roles = [column for column in COLUMNS.values() if name in column.names]
        units = [column.unit for column in roles if column.unit]
        assert len(units) == len(set(units))
        assert sum(column.is_yes_no for column in roles) <= 1
    assert {column.unit for column in COLUMNS.values()} - {""} == set(UNITS)
