"""Tables of devices made in code: one number for all rows, what is wrong by name, and homes that own few kinds or none."""

from dataclasses import replace

import numpy as np
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.core.tables import Homes
from gridagora.devices import generator
from gridagora.sources import synthetic, synthetic_feeder

MONDAY_S = 1721023200
KEYS = {"scenario": {"days": 1}, "homes": {"count": 4}}


@pytest.fixture(scope="module")
def world():
    return synthetic.texas(3, MONDAY_S, 1, 4)


@pytest.fixture(scope="module")
def scene_of(world):
    """Return a function that makes a scene of some homes and tables of devices."""
    feeder = synthetic_feeder.make(seed=3, homes=4)

    def scene(*devices, homes=world.homes, **keys):
        scenario = gridagora.Scenario(**KEYS | keys)
        tables = (feeder, homes, world.weather, world.prices, scenario)
        return gridagora.assemble(*tables, devices=devices)

    return scene


def batteries(**changed):
    return gridagora.Batteries(
        **{"home": [0, 2], "cap_kwh": 10.0, "rated_kw": 5.0, "efficiency": 0.95} | changed
    )


def bare(homes):
    return Homes(homes.home_id, homes.load_kw)


def test_a_number_stands_for_all_rows_and_lists_for_arrays(scene_of):
    table = scene_of(batteries(rated_kw=[4, 6])).homes.owned["battery"]
    assert table.home.tolist() == [0, 2]
    assert table.home.dtype == np.int64
    assert table.cap_kwh.tolist() == [10.0, 10.0]
    assert table.rated_kw.tolist() == [4.0, 6.0]
    assert table.rated_kw.dtype == np.float64


def test_a_table_stands_beside_those_of_the_homes_or_in_their_place(scene_of, world):
    first = scene_of(batteries())
    assert set(first.homes.owned) == {"hvac", "water_heater", "battery"}
    more = scene_of(batteries(cap_kwh=20.0), homes=first.homes)
    assert more.homes.owned["battery"].cap_kwh.tolist() == [20.0, 20.0]
    assert more.homes.owned["hvac"] is world.homes.owned["hvac"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"cap_kwh": [10.0]}, "battery: got columns of different lengths"),
        ({"home": [0, 9]}, "battery, row 1: got home 9, expected a home, 0 to 3"),
        ({"efficiency": 95.0}, "battery.efficiency: got 95 for home .*, expected above 0 to 1"),
        ({"rated_kw": [5.0, np.nan]}, "battery.rated_kw: got nan for home 'home-0003'"),
        ({"rated_kw": ["a", "b"]}, "battery.rated_kw: got an array of .*, expected an array of numbers"),
        ({"home": [0.5, 1.0]}, "battery.home: got the number 0.5, expected an array of whole"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_table_is_told_by_kind_and_column(scene_of, changed, words):
    with pytest.raises(InputError, match=words):
        scene_of(batteries(**changed))


def test_tables_that_cannot_be_are_refused(scene_of, world):
    with pytest.raises(InputError, match=r"devices: got dict, expected a table of devices: Batt"):
        scene_of({"home": [0]})
    with pytest.raises(InputError, match=r"devices: got two tables Batteries, expected one"):
        scene_of(batteries(), batteries())
    with pytest.raises(InputError, match=r"a table Batteries beside \[homes.battery\]"):
        scene_of(batteries(), devices={"battery": {"share": 0.5}})
    wrong = world.homes._replace(owned={"battery": world.homes.owned["hvac"]})
    with pytest.raises(InputError, match=r"owned\['battery'\]: got HeatPumps, expected a table B"):
        scene_of(homes=wrong)
    unknown = world.homes._replace(owned={"kettle": batteries()})
    with pytest.raises(InputError, match="got Batteries, expected a kind of device: appliances"):
        scene_of(homes=unknown)


def test_keys_of_a_kind_draw_owners_for_homes_made_in_code(scene_of):
    owned = scene_of(devices={"pv": {"share": 0.5}, "water_heater": {"share": 0.25}}).homes.owned
    assert len(owned["pv"].home) == 2
    assert owned["pv"].available_kw[:, 12].min() > 0
    assert len(owned["water_heater"].home) == 1
    with pytest.raises(InputError, match=r"\[homes.ev\]: got no charging sessions to draw from"):
        scene_of(devices={"ev": {"share": 0.5}})


def some_heat_pumps(homes):
    """Return homes of which the first and the last heat and cool."""
    table, rows = homes.owned["hvac"], np.array([0, 3])
    few = {name: column[rows] for name, column in vars(table).items()}
    return homes._replace(owned={"hvac": replace(table, **few)})


def test_homes_without_any_device_are_refused(scene_of, world):
    with pytest.raises(InputError, match="homes: got no device, expected at least one that can"):
        scene_of(homes=bare(world.homes))


def test_homes_with_batteries_alone_run_and_are_reported(scene_of, world, tmp_path):
    """Under a flat rate load is all there is, and metrics of what nobody owns say nothing."""
    result = gridagora.compare(scene_of(batteries(), homes=bare(world.homes)), ["flat", "rtp"])
    assert "failed" not in result.summary
    rows = result.summary["architectures"]["rtp"]["metrics"]
    assert not {"C1", "C1v", "C2", "C2e", "C3", "P6", "P7"} & set(rows)
    flat = result.summary["architectures"]["flat"]["metrics"]
    assert flat["E4"]["value"] == pytest.approx(world.homes.load_kw[:, :24].sum() / 1000)
    assert result.report(tmp_path / "page.html").stat().st_size > 0


def test_kinds_may_be_owned_by_some_homes_alone(scene_of, world, tmp_path):
    fuel = generator.of(np.array([1]), np.array([6.0]), 0.05)
    scene = scene_of(batteries(), fuel, homes=some_heat_pumps(world.homes))
    result = gridagora.compare(scene, ["flat", "rtp", "central", "layered"])
    assert "failed" not in result.summary
    table = result.tables["homes"].query("architecture == 'central'")
    assert (table.hvac_starts.to_numpy()[[1, 2]] == 0).all()
    assert (table.comfort_usd.to_numpy()[[0, 3]] > 0).all()
    assert (table.wear_usd.to_numpy()[[1, 3]] == 0).all()
    for entry in result.summary["architectures"].values():
        assert {"C1", "C1v", "C3"} < set(entry["metrics"])
        assert entry["certificates"]["energy_balance_kwh"] <= 1e-9
        assert entry["certificates"]["below_bound_usd"] >= 0
    assert result.report(tmp_path / "page.html").stat().st_size > 0
