"""Every table of a scene as a frame and as a data set: the numbers of the scene under their names and times."""

import sys

import numpy as np
import pandas as pd
import pytest

from gridagora import InputError
from gridagora.core.brief import LINES


def test_every_table_has_a_frame_and_a_short_text(scene):
    assert {"homes", "loads", "other", "weather", "prices", *scene.homes.owned} <= set(scene.tables)
    for name, table in scene.tables.items():
        frame = table.frame()
        assert len(frame) in {len(table.rows), 0 if table.times is None else len(table.times)}
        assert repr(table).startswith(f"{name}: ") and "<table" in table._repr_html_()
    assert "homes (10)" in repr(scene.tables)


def test_homes_stand_where_the_scene_says(scene):
    homes = scene.tables.homes.frame()
    meters = scene.feeder.meters
    assert list(homes.index) == list(scene.homes.home_id)
    assert list(homes["meter"]) == [meters.name[row] for row in scene.home_meter]
    assert homes["battery_count"].sum() == len(scene.homes.owned["battery"].home)
    assert np.allclose(homes["load_mean_kw"], scene.homes.load_kw[:, :24].mean(1))


def test_times_are_those_of_the_scenario(scene):
    loads = scene.tables.loads.frame()
    assert loads.index[0] == pd.Timestamp("2024-07-15", tz="Etc/GMT+6")
    assert np.array_equal(loads.to_numpy(), scene.homes.load_kw.T)
    prices = scene.tables["prices"].frame()
    day_ahead = prices.loc["2024-07-15 00:45-06:00", "day_ahead_per_kwh"]
    assert day_ahead == scene.prices.day_ahead_per_kwh[48]


def test_devices_have_names_of_homes_and_columns_by_the_hour(scene):
    units = scene.homes.owned["hvac"]
    still, moving = scene.tables.hvac.frame(), scene.tables.hvac.frame("t_set_degc")
    assert np.array_equal(still["ua_kw_k"], units.ua_kw_k)
    assert list(moving.columns) == [scene.homes.home_id[row] for row in units.home]
    assert np.array_equal(moving.to_numpy(), units.t_set_degc.T)


def test_rows_of_the_feeder_are_names(scene):
    lines, feeder = scene.tables.lines.frame(), scene.feeder
    assert list(lines["from_bus"]) == [feeder.buses.name[row] for row in feeder.lines.from_bus]
    assert set(scene.tables.windings.frame()["transformer"]) == set(feeder.transformers.name)


def test_data_sets_have_units_and_utc_times(scene):
    pytest.importorskip("xarray", reason="pip install 'gridagora[xarray]'")
    hvac = scene.tables.hvac.xarray()
    assert hvac["ua_kw_k"].attrs["units"] == "kW/K"
    assert hvac["t_set_degc"].dims == ("home_id", "time")
    assert hvac["time"].to_numpy()[0] == np.datetime64(scene.start_s, "s")
    assert dict(scene.tables.weather.xarray().sizes) == {"time": len(scene.weather.t_out_degc)}


def test_what_is_not_there_is_a_sentence(scene):
    with pytest.raises(InputError, match="Did you mean 'homes'"):
        scene.tables["home"]
    with pytest.raises(AttributeError, match="Did you mean 'homes'"):
        _ = scene.tables.homme
    with pytest.raises(InputError, match="Did you mean 't_set_degc'"):
        scene.tables.hvac.frame("t_set")
    with pytest.raises(InputError, match="none has a time"):
        scene.tables.buses.frame("x_m")


def test_without_xarray_the_extra_is_named(scene, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(InputError, match=r"gridagora\[xarray\]"):
        scene.tables.weather.xarray()


def test_what_a_prompt_shows_is_short(scene):
    parts = (scene, scene.homes, scene.prices, scene.weather, scene.feeder, scene.feeder.lines)
    for part in (*parts, *scene.homes.owned.values()):
        assert 1 < len(repr(part).splitlines()) <= LINES
        assert "array(" not in repr(part)
