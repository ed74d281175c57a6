"""Homes of metered loads in a scenario: their own hours, what stands beside them, members and meters."""

import numpy as np
import pandas as pd
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.core.tables import TAIL_H


def load(tmp_path, keys="", table="", first="2024-07-15", days=2, names=("Ada", "Bob", "Cid")):
    hours = pd.date_range(first, periods=24 * days, freq="1h")
    series = {name: row + 1 + np.arange(len(hours)) % 24 for row, name in enumerate(names)}
    pd.DataFrame({"time": hours, **series}).to_csv(tmp_path / "loads.csv", index=False)
    if table:
        (tmp_path / "members.csv").write_text(table)
        keys += 'table = "members.csv"\n'
    path = tmp_path / "s.toml"
    path.write_text(f'[scenario]\ndays = 1\n[homes]\nloads = "loads.csv"\n{keys}')
    return gridagora.load(path)


DAY_KW = np.arange(24) + 1.0


def test_metered_loads_are_all_that_homes_draw_and_devices_stand_beside(tmp_path):
    scene = load(tmp_path, "battery_share = 1.0\n")
    assert scene.homes.home_id == ("Ada", "Bob", "Cid")
    assert (scene.homes.load_kw[0, :24] == DAY_KW).all()
    assert (scene.homes.load_kw[2, :24] == DAY_KW + 2).all()
    assert {"hvac", "water_heater"}.isdisjoint(scene.homes.owned)
    assert len(scene.homes.owned["battery"].home) == 3


def test_a_row_a_home_and_hour_is_the_same(tmp_path):
    by_column = load(tmp_path)
    table = pd.read_csv(tmp_path / "loads.csv").melt("time", var_name="home", value_name="load")
    table.to_csv(tmp_path / "loads.csv", index=False)
    by_row = gridagora.load(tmp_path / "s.toml")
    assert by_row.homes.home_id == by_column.homes.home_id
    assert (by_row.homes.load_kw == by_column.homes.load_kw).all()


def test_houses_are_drawn_beside_appliances(tmp_path):
    scene = load(tmp_path, 'loads_hold = "appliances"\n')
    assert {"hvac", "water_heater"} <= set(scene.homes.owned)
    assert (scene.homes.load_kw[0, :24] == DAY_KW).all()


def test_the_day_after_the_run_is_the_last_that_the_file_has(tmp_path):
    scene = load(tmp_path, days=1)
    assert (scene.homes.load_kw[0, 24:48] == DAY_KW).all()
    assert scene.homes.load_kw.shape[1] == 24 + TAIL_H
    assert any("the last before it that the file has" in note for note in scene.notes)


def test_another_year_is_met_on_the_same_weekday(tmp_path):
    scene = load(tmp_path, first="2023-07-10", days=14)
    assert any("2023-07-17 on stand for the days" in note for note in scene.notes)


def test_members_take_their_own_load_in_their_own_order(tmp_path):
    scene = load(tmp_path, table="home,battery_kwh\nCid,5\nAda,\n")
    assert scene.homes.home_id == ("Cid", "Ada")
    assert (scene.homes.load_kw[0, :24] == DAY_KW + 2).all()
    assert list(scene.homes.owned["battery"].home) == [0]
    assert any("1 homes of the file of loads are no members" in note for note in scene.notes)


@pytest.mark.parametrize(
    ("keys", "table", "more", "said"),
    [
        ("", "home\nAda\nEve\n", {}, "row 3: got 'Eve', of whom the file of loads says nothing"),
        ("count = 2\n", "", {}, "beside a file of loads"),
        ('source = "travis"\n', "", {}, "beside source 'travis'"),
        ("", "", {"first": "2024-01-01"}, "days of the file, 01 January 2024"),
        ("start = 2024-09-01\n", "", {}, "2024-09-01 and a run of 1 days"),
    ],
)
def test_what_does_not_meet_is_refused(tmp_path, keys, table, more, said):
    with pytest.raises(InputError, match=said):
        load(tmp_path, keys, table, **more)


def test_a_run_of_metered_loads_keeps_their_energy(tmp_path):
    scene = load(tmp_path, "pv_share = 0\nev_share = 0\nbattery_share = 0.4\n")
    found = gridagora.compare(scene, ["flat"])
    energy = found.tables["homes"].set_index("home_id")["energy_kwh"]
    assert energy["Bob"] == pytest.approx((DAY_KW + 1).sum(), rel=1e-6) or len(
        scene.homes.owned["battery"].home
    )
    assert found.tables["intervals"]["fixed_kw"].sum() / 12 == pytest.approx(
        3 * DAY_KW.sum() + 3 * 24, rel=1e-9
    )
