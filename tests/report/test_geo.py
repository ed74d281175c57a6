"""A result as GeoJSON: everything with a place is there once, with its figures by design, and the system is not made up."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.report.geo import make_geojson, write_geojson


def of_kind(made, *kinds):
    return [each for each in made["features"] if each["properties"]["kind"] in kinds]


def test_all_that_has_a_place_is_there_with_the_figures_of_its_design(result, tmp_path):
    made = json.loads(write_geojson(result, tmp_path / "a" / "r.geojson").read_text("utf-8"))
    buses, homes = result.tables["buses"], result.tables["homes"]
    designs = buses["architecture"].nunique()
    assert len(of_kind(made, "bus")) == len(buses) // designs
    assert len(of_kind(made, "line", "transformer")) == len(result.tables["lines"])
    assert len(of_kind(made, "home")) == len(homes) // designs
    own = homes[homes["architecture"] == "layered"].set_index("home_id")["bill_usd"]
    for home in of_kind(made, "home"):
        told = home["properties"]
        assert told["bill_usd layered"] == pytest.approx(own[told["name"]])
        assert home["geometry"]["type"] == "Point"


def test_a_pair_of_buses_is_as_loaded_as_its_most_loaded_line(result):
    ends = result.tables["lines"].iloc[0]
    row = {"architecture": "flat", "from_bus": ends["to_bus"], "to_bus": ends["from_bus"]}
    rows = [
        row | {"loading_max_share": share, "loading_at_peak_share": 0.1, "over_rating_h": 0.0}
        for share in (0.4, 0.7)
    ]
    loaded = replace(result, tables={**result.tables, "loading": pd.DataFrame(rows)})
    told = of_kind(make_geojson(loaded), "line", "transformer")[0]["properties"]
    assert told["loading_max_share flat"] == 0.7


def test_no_system_of_coordinates_is_made_up(result):
    assert "no system" in make_geojson(result)["coordinates"]
    far = result.tables["buses"].assign(x=5e5)
    with pytest.raises(InputError, match=r"--lonlat.*500,000"):
        make_geojson(replace(result, tables={**result.tables, "buses": far}), lonlat=True)
    near = result.tables["buses"].assign(x=-97.7, y=30.3)
    made = make_geojson(replace(result, tables={**result.tables, "buses": near}), lonlat=True)
    assert "WGS84" in made["coordinates"]


def test_a_feeder_without_a_map_is_refused_and_buses_without_a_place_are_counted(result):
    buses = result.tables["buses"]
    with pytest.raises(InputError, match="no coordinates"):
        none = buses.assign(x=float("nan"))
        make_geojson(replace(result, tables={**result.tables, "buses": none}))
    lost = buses["bus"] == buses["bus"].iloc[-1]
    some = buses.assign(x=buses["x"].where(~lost))
    made = make_geojson(replace(result, tables={**result.tables, "buses": some}))
    assert made["left_out"] == 1
    assert buses["bus"].iloc[-1] not in [
        each["properties"].get("name") for each in of_kind(made, "bus")
    ]
