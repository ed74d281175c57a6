"""Homes of one's own in a scenario: the hours that were meant, the weather they lived in, the energy that cars ask for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.scenario import build, describe, read
from gridagora.scenario import validate as sound
from gridagora.scenario.build import Scene

TRAVIS = Path("loads") / "travis_county_tx_100homes_amy2018"
LOADS = """
[scenario]
days = 1
start = 2024-07-15
architectures = ["flat", "rtp"]
[homes]
source = "profiles"
file = "homes.csv"
pv_share = 0.0
battery_share = 0.0
ev_share = 0.0
count = 3
"""


def scene(folder: Path, text: str = LOADS, *sets: str) -> Scene:
    return build.build(read.parse(text, "s.toml", folder, sets))


def notes(of: Scene) -> str:
    return " ".join(describe.scene_lines(of).values())


def loads(first: str, days: int, minutes: int = 60) -> pd.DataFrame:
    """Three homes whose load tells the hour: day of the file plus hundredths of the hour."""
    rows = days * 1440 // minutes
    time = pd.date_range(first, periods=rows, freq=f"{minutes}min")
    load = (
        1.0
        + np.arange(rows) * minutes // 1440
        + (time.hour + time.minute / 60.0).to_numpy() / 100.0
    )
    return pd.DataFrame(
        {
            "home": np.repeat(["a", "b", "c"], rows),
            "time": np.tile(time.astype(str), 3),
            "load": np.tile(load, 3),
        }
    )


def test_a_spreadsheet_of_loads_needs_no_other_file(tmp_path: Path) -> None:
    loads("2024-07-13", 8, 15).to_csv(tmp_path / "homes.csv", index=False)
    found = scene(tmp_path, LOADS, "homes.units.load=kW")
    assert np.allclose(found.homes.load_kw[0, :24], 3.0 + (np.arange(24) + 0.375) / 100.0)
    units = found.homes.owned["hvac"]
    assert not units.cool_kw.any()
    assert not units.heat_kw.any()
    assert np.isnan(units.fit_error).all()
    assert not found.homes.owned["water_heater"].home.size
    assert "averaged to hours from 15 minutes" in notes(found)
    assert "no cooling, no heating, no electric water heater" in notes(
        found
    ) or "no cooling" in notes(found)


def test_every_column_of_a_home_without_devices_is_finite(tmp_path: Path) -> None:
    loads("2024-07-13", 8).to_csv(tmp_path / "homes.csv", index=False)
    found = scene(tmp_path)
    assert not sound.homes(found.homes, 1, "")
    for name, column in vars(found.homes.owned["hvac"]).items():
        assert name == "fit_error" or np.isfinite(np.asarray(column, float)).all(), name


def test_the_same_weekday_nearest_in_the_file_is_taken(tmp_path: Path) -> None:
    """15 July 2024 is a Monday; the file begins on Thursday 12 July 2018, so its Monday is 16 July, day 4."""
    loads("2018-07-12", 9).to_csv(tmp_path / "homes.csv", index=False)
    assert np.floor(scene(tmp_path).homes.load_kw[0, 0]) == 5.0
    assert np.floor(scene(tmp_path, LOADS, "homes.start=2018-07-14").homes.load_kw[0, 0]) == 3.0


def test_a_file_that_does_not_cover_the_run_is_refused(tmp_path: Path) -> None:
    loads("2018-07-12", 9).to_csv(tmp_path / "homes.csv", index=False)
    with pytest.raises(
        InputError,
        match=r"\[homes\] start: got no Monday near 15 July with 7 days .*12 July 2018 to 20 July 2018",
    ):
        scene(tmp_path, LOADS, "scenario.days=7")
    with pytest.raises(InputError, match="got no Monday near 15 January"):
        scene(tmp_path, LOADS, "scenario.start=2024-01-15")


def test_what_the_file_does_not_reach_is_taken_from_its_other_end_and_said(tmp_path: Path) -> None:
    loads("2024-07-13", 3).to_csv(tmp_path / "homes.csv", index=False)
    found = scene(tmp_path)
    assert np.allclose(found.homes.load_kw[0, 24:48], found.homes.load_kw[0, :24] - 2.0)
    assert "taken from its other end" in notes(found)


def test_numbered_hours_of_a_month_need_its_first_day(tmp_path: Path) -> None:
    table = loads("2018-07-01", 31).assign(time=np.tile(np.arange(744), 3))
    table.to_csv(tmp_path / "homes.csv", index=False)
    with pytest.raises(InputError, match="first to the day of hour 0"):
        scene(tmp_path)
    assert np.floor(scene(tmp_path, LOADS, "homes.first=2018-07-01").homes.load_kw[0, 0]) == 16.0


def test_columns_and_units_stand_in_the_scenario(tmp_path: Path) -> None:
    table = loads("2024-07-13", 8, 30).rename(columns={"load": "Wh in 30 min", "home": "customer"})
    table["Wh in 30 min"] *= 500.0
    table.to_csv(tmp_path / "homes.csv", index=False)
    with pytest.raises(InputError) as caught:
        scene(tmp_path)
    assert "[homes.columns] load" in str(caught.value)
    text = LOADS + '[homes.columns]\nload = "Wh in 30 min"\nhome = "customer"\n'
    with pytest.raises(InputError, match=r"\[homes.units\] load"):
        scene(tmp_path, text)
    found = scene(tmp_path, text + '[homes.units]\nload = "Wh"\n')
    assert np.floor(found.homes.load_kw[0, 0]) == 3.0
    again = read.parse(found.text, "again.toml", tmp_path)
    assert again.home_columns == found.scenario.home_columns
    assert (
        scene(tmp_path, text, "homes.units.load=Wh").homes.load_kw[0, 0]
        == found.homes.load_kw[0, 0]
    )
    with pytest.raises(
        InputError, match=r"--set homes.units.load=kilowatt: got 'kilowatt', expected 'kW'"
    ):
        scene(tmp_path, text, "homes.units.load=kilowatt")
    with pytest.raises(InputError, match=r"\[homes.columns\] laod: got an unknown key 'laod'"):
        scene(tmp_path, text + 'laod = "x"\n')


def test_homes_stand_on_the_meter_of_their_name(tmp_path: Path) -> None:
    names = scene(
        tmp_path,
        LOADS.replace('source = "profiles"', 'source = "synthetic"').replace(
            'file = "homes.csv"', ""
        ),
    ).feeder
    table = loads("2024-07-13", 8)
    table["home"] = table["home"].map(
        dict(zip("abc", (names.meters.name[2].upper(), names.meters.name[0], "x"), strict=True))
    )
    table.to_csv(tmp_path / "homes.csv", index=False)
    found = scene(tmp_path)
    stands = dict(zip(found.homes.home_id, found.home_meter, strict=True))
    assert stands[names.meters.name[2].upper()] == 2
    assert stands[names.meters.name[0]] == 0
    assert stands["x"] == 1
    assert "2 of them on the meter of their own name" in notes(found)


def test_faults_of_homes_cars_and_weather_are_told_together(tmp_path: Path) -> None:
    loads("2024-07-13", 8).drop(index=5).to_csv(tmp_path / "homes.csv", index=False)
    (tmp_path / "cars.csv").write_text("arrive,depart,energy_kwh\n18:00,06:00,x\n")
    with pytest.raises(InputError) as caught:
        scene(
            tmp_path,
            LOADS,
            "homes.ev_share=1",
            "homes.ev_source=sessions",
            "homes.ev_file=cars.csv",
        )
    assert "homes.csv, row 7" in str(caught.value)
    assert "cars.csv, row 2" in str(caught.value)


def test_cars_take_the_energy_of_their_file(tmp_path: Path) -> None:
    """A session of 20 kWh in ten hours at 7.2 kW fits and stays 20 kWh; one of 70 kWh is cut to .95 x 7.2 x .9 x 10 and said."""
    loads("2024-07-13", 8).to_csv(tmp_path / "homes.csv", index=False)
    (tmp_path / "cars.csv").write_text("arrive,depart,energy_kwh\n12:00,22:00,20\n")
    sets = (
        "homes.ev_share=1",
        "homes.ev_source=sessions",
        "homes.ev_file=cars.csv",
        "homes.ev_daily_share=1",
    )
    found = scene(tmp_path, LOADS, *sets)
    assert found.homes.owned["ev"].need_kwh.tolist() == [20.0] * 3
    assert "ask for less" not in notes(found)
    (tmp_path / "cars.csv").write_text("arrive,depart,energy_kwh\n12:00,22:00,70\n")
    found = scene(tmp_path, LOADS, *sets)
    assert np.allclose(found.homes.owned["ev"].need_kwh, 0.95 * 64.8)
    assert (
        "3 charging sessions, of which 3 ask for less than their file says, by 25 of 210 kWh"
        in notes(found)
    )


def test_no_file_of_cars_is_opened_without_cars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDAGORA_DATA", str(tmp_path / "absent"))
    loads("2024-07-13", 8).to_csv(tmp_path / "homes.csv", index=False)
    assert not scene(tmp_path).homes.owned["ev"].home.size
    with pytest.raises(InputError, match="no data folder"):
        scene(tmp_path, LOADS, "homes.ev_share=0.5")


@pytest.mark.parametrize("source", ["evipro", "evwatts"])
def test_every_source_of_sessions_is_a_key(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("GRIDAGORA_DATA", str(data_dir))
    loads("2024-07-13", 8).to_csv(tmp_path / "homes.csv", index=False)
    found = scene(
        tmp_path, LOADS, "homes.ev_share=1", f"homes.ev_source={source}", "homes.ev_daily_share=1"
    )
    assert found.homes.owned["ev"].home.size == 3


HOUSES = """
[scenario]
days = 7
start = 2024-07-15
[homes]
source = "profiles"
file = "homes.parquet"
ev_share = 0.0
count = 6
weather_source = "travis"
[weather]
source = "travis"
"""
NAMES = {
    "non_shiftable_load": "load",
    "indoor_dry_bulb_temperature": "t_in",
    "cooling_demand": "cool",
    "heating_demand": "heat",
    "occupant_count": "occupants",
    "dhw_demand": "hot_water",
}


@pytest.fixture(scope="module")
def six(data_dir: Path) -> pd.DataFrame:
    table = pd.read_parquet(data_dir / TRAVIS / "homes_hourly.parquet")
    table = table[table["home_id"].isin(sorted(table["home_id"].unique())[:6])]
    time = pd.Timestamp("2018-01-01") + pd.to_timedelta(table["t"], unit="h")
    return table.rename(columns=NAMES).assign(home=table["home_id"], time=time)[
        ["home", "time", *NAMES.values()]
    ]


@pytest.fixture(autouse=True)
def _data(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "six" in request.fixturenames:
        monkeypatch.setenv("GRIDAGORA_DATA", str(request.getfixturevalue("data_dir")))


@pytest.mark.parametrize("start", ["2024-01-15", "2024-04-15", "2024-07-15", "2024-10-14"])
def test_right_weather_passes_and_wrong_weather_is_refused(
    six: pd.DataFrame, tmp_path: Path, start: str
) -> None:
    """The same homes dated a week later, and half a year later, stand in weather that is not theirs."""
    six.to_parquet(tmp_path / "homes.parquet")
    assert (
        np.nanmedian(
            scene(tmp_path, HOUSES, f"scenario.start={start}").homes.owned["hvac"].fit_error
        )
        < 0.5
    )
    for hours in (168, 4380):
        moved = six.assign(
            time=pd.Timestamp("2018-01-01")
            + (six["time"] - pd.Timestamp("2018-01-01") + pd.Timedelta(hours=hours))
            % pd.Timedelta(hours=8760)
        )
        moved.to_parquet(tmp_path / "homes.parquet")
        with pytest.raises(
            InputError,
            match=r"houses that explain -?\d+%.*median r2 of 6 homes, \d below 80%; median energy error \d+%",
        ):
            scene(tmp_path, HOUSES, f"scenario.start={start}")


def test_weather_of_another_year_is_refused_by_its_dates_or_by_its_fit(
    six: pd.DataFrame, data_dir: Path, tmp_path: Path
) -> None:
    six.assign(time=six["time"] + pd.Timedelta(days=365)).to_parquet(tmp_path / "homes.parquet")
    with pytest.raises(
        InputError,
        match="homes of 01 January 2019 to 31 December 2019 and weather of 01 January 2018",
    ):
        scene(tmp_path, HOUSES)
    six.to_parquet(tmp_path / "homes.parquet")
    with pytest.raises(InputError, match="no weather that they were measured in"):
        scene(
            tmp_path,
            HOUSES.replace('weather_source = "travis"', "").replace(
                '[weather]\nsource = "travis"', ""
            ),
        )


def test_homes_may_run_in_another_weather_than_they_were_measured_in(
    six: pd.DataFrame, data_dir: Path, tmp_path: Path
) -> None:
    """Under a synthetic sky the fitted houses keep their size, but for the air that it blows in, and heat follows that sky."""
    six.to_parquet(tmp_path / "homes.parquet")
    own, other = scene(tmp_path, HOUSES), scene(tmp_path, HOUSES, "weather.source=synthetic")
    here, there = own.homes.owned["hvac"], other.homes.owned["hvac"]
    assert np.array_equal(here.hm_kw_k, there.hm_kw_k)
    assert np.array_equal(here.cm_kwh_k, there.cm_kwh_k)
    assert np.allclose(here.ua_kw_k, there.ua_kw_k, rtol=0.2)
    assert np.array_equal(own.homes.load_kw, other.homes.load_kw)
    assert not np.allclose(here.q_air_kw, there.q_air_kw)
    warmer = other.weather.t_out_degc.mean() - own.weather.t_out_degc.mean()
    assert abs(warmer) > 0.1
    assert np.isfinite(there.q_air_kw).all()


def test_homes_without_cooling_or_heating_are_built(six: pd.DataFrame, tmp_path: Path) -> None:
    ids = sorted(six["home"].unique())
    table = six.copy()
    table.loc[table["home"] == ids[0], ["cool", "heat"]] = 0.0
    table.loc[table["home"] == ids[1], "cool"] = 0.0
    table.loc[table["home"] == ids[2], "heat"] = 0.0
    table.to_parquet(tmp_path / "homes.parquet")
    for start in ("2024-07-15", "2024-01-15"):
        homes = scene(tmp_path, HOUSES, f"scenario.start={start}").homes.owned["hvac"]
        assert (homes.cool_kw[:2] == 0.0).all()
        assert homes.heat_kw[0] == homes.heat_kw[2] == 0.0
        assert (homes.cool_kw[2:] > 0).all()
        assert np.isnan(homes.fit_error[0])
        for name in ("ua_kw_k", "hm_kw_k", "cm_kwh_k", "q_air_kw", "q_mass_kw", "cop"):
            assert np.isfinite(getattr(homes, name)).all(), name
        assert (homes.hm_kw_k > 0).all()
        assert (homes.cop > 0).all()


def test_ratings_of_equipment_are_keys(tmp_path: Path) -> None:
    synthetic = LOADS.replace('source = "profiles"', 'source = "synthetic"').replace(
        'file = "homes.csv"', ""
    )
    plain = scene(tmp_path, synthetic, "homes.battery_share=1").homes.owned
    sets = (
        "homes.battery_share=1",
        "homes.tank_l=378",
        "homes.tank_kw=3",
        "homes.battery_efficiency=0.9",
        "homes.ev_share=1",
        "homes.ev_daily_share=1",
    )
    other = scene(tmp_path, synthetic, *sets).homes.owned
    assert np.allclose(other["water_heater"].cap_kwh_k, 2 * plain["water_heater"].cap_kwh_k)
    assert (other["water_heater"].rated_kw == 3.0).all()
    assert (other["battery"].efficiency == 0.9).all()
    assert len(other["battery"].home) == 3
    assert np.unique(other["ev"].home).size == 3
