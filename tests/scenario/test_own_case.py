"""A scenario written for files at hand: it is read back, covers days that the files share, and says what is wrong with them."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import gridagora
from gridagora.cli import app
from gridagora.core.errors import InputError
from gridagora.scenario import read
from gridagora.scenario.own_case import (
    OwnCase,
    OwnFiles,
    find_span,
    find_weather_source,
    write_case,
)

CASE = OwnCase("a case", "Etc/GMT+6")
COMMUNITY = Path(__file__).parents[2] / "examples" / "community" / "members.csv"


def series(path, name, first, hours, value=0.03):
    time = pd.date_range(first, periods=hours, freq="1h")
    pd.DataFrame({"time": time, name: value}).to_csv(path, index=False)
    return path


def test_a_spreadsheet_of_members_is_a_case_that_runs(tmp_path):
    file = tmp_path / "my_street.toml"
    made = CliRunner().invoke(app, ["new", str(file), "--homes", str(COMMUNITY)])
    assert made.exit_code == 0, made.stderr
    scene = gridagora.load(file, ["scenario.days=1"])
    assert scene.feeder.name == "busbar of 12 homes"
    assert scene.home_class[-1] == "shop"
    found = gridagora.compare(scene, ["flat", "layered"])
    assert found.table().loc["E2", "layered"] > 0


@pytest.mark.parametrize(
    ("loads", "prices", "span"),
    [
        (("2024-07-15", 72), ("2024-07-01", 24 * 40), (date(2024, 7, 15), 3)),
        (("2024-07-15 06:00", 24 * 20), ("2024-07-01", 24 * 40), (date(2024, 7, 16), 7)),
        (("2024-07-15", 24 * 20), ("2024-07-18", 24 * 40), (date(2024, 7, 18), 7)),
        (None, ("2024-02-01", 24 * 5), (date(2024, 2, 1), 5)),
        (None, None, (date(2024, 7, 15), 7)),
    ],
)
def test_a_run_covers_days_that_loads_and_prices_share(tmp_path, loads, prices, span):
    files = OwnFiles(
        loads=loads and series(tmp_path / "l.csv", "Ada", *loads, value=1.0),
        prices=prices and series(tmp_path / "p.csv", "price ($/kWh)", *prices),
    )
    assert find_span(files, CASE) == span


def test_what_is_written_is_read_back(tmp_path):
    series(tmp_path / "l.csv", "Ada", "2024-07-15", 72, value=1.0)
    series(tmp_path / "p.csv", "price ($/kWh)", "2024-07-13", 24 * 6)
    files = OwnFiles(loads=tmp_path / "l.csv", prices=tmp_path / "p.csv")
    text = write_case(files, tmp_path, CASE)
    (tmp_path / "s.toml").write_text(text)
    scene = gridagora.load(tmp_path / "s.toml", ["homes.battery_share=1"])
    assert scene.homes.home_id == ("Ada",)
    assert scene.days == 3
    assert scene.prices.real_time_per_kwh == pytest.approx(0.03)


def test_a_row_a_home_and_hour_serves_as_well_as_a_column_a_home(tmp_path):
    series(tmp_path / "l.csv", "Ada", "2024-07-15", 72, value=1.0)
    table = pd.read_csv(tmp_path / "l.csv").melt("time", var_name="home", value_name="load")
    table.to_csv(tmp_path / "l.csv", index=False)
    text = write_case(OwnFiles(loads=tmp_path / "l.csv"), tmp_path, CASE)
    (tmp_path / "s.toml").write_text(text)
    scene = gridagora.load(tmp_path / "s.toml", ["homes.battery_share=1"])
    assert (scene.homes.home_id, scene.days) == (("Ada",), 3)


@pytest.mark.parametrize(
    ("name", "text", "source"),
    [
        ("a.epw", "", "epw"),
        ("a.csv", "Source,Location ID,City\nNSRDB,1,-\n", "nsrdb"),
        ("a.csv", "722540,AUSTIN,TX,-6.0,30.2,-97.7,150\nDate (MM/DD/YYYY),Time\n", "tmy3"),
        ("a.csv", "time,temperature (C),ghi\n", "table"),
        ("a.xlsx", "", "table"),
    ],
)
def test_a_file_of_weather_is_known_by_how_it_begins(tmp_path, name, text, source):
    (tmp_path / name).write_text(text)
    assert find_weather_source(tmp_path / name) == source
    said = write_case(OwnFiles(weather=tmp_path / name), tmp_path, CASE)
    assert f'[weather]\nsource = "{source}"\nfile = "{name}"' in said
    assert ("# latitude_deg" in said) == (source == "table")


def test_what_is_wrong_with_the_files_is_told_before_anything_is_written(tmp_path):
    (tmp_path / "m.csv").write_text("home,pv_kw\na,x\n")
    files = OwnFiles(
        homes=tmp_path / "m.csv",
        loads=series(tmp_path / "l.csv", "Ada", "2024-07-15", 72, value=1.0),
        prices=series(tmp_path / "p.csv", "price ($/kWh)", "2024-08-15", 72),
    )
    with pytest.raises(InputError, match="'x' in 'pv_kw'") as caught:
        write_case(files, tmp_path, CASE)
    assert "at least one local day in both" in str(caught.value)
    with pytest.raises(InputError, match=r"--feeder.*a file that exists"):
        write_case(OwnFiles(feeder=tmp_path / "no.dss"), tmp_path, CASE)
    bad = CliRunner().invoke(app, ["new", str(tmp_path / "s.toml"), "--homes", "nowhere.csv"])
    assert bad.exit_code == 2
    assert not (tmp_path / "s.toml").exists()


def test_a_tariff_is_a_design_of_its_own(tmp_path):
    tariff = tmp_path / "own.toml"
    tariff.write_text('name = "own"\n[[energy]]\nper_kwh = 0.2\n')
    text = write_case(OwnFiles(tariff=tariff), tmp_path, CASE)
    (tmp_path / "s.toml").write_text(text)
    keys = read.load(tmp_path / "s.toml")
    assert "retail_tariff" in keys.compared
    assert keys.keys_of("retail_tariff") == {"file": str(tariff), "export": "net_metering"}
    prices = series(tmp_path / "p.csv", "price (EUR/MWh)", "2024-07-15", 72)
    tariff.write_text('currency = "GBP"\n[[energy]]\nper_kwh = 0.2\n')
    with pytest.raises(InputError, match="a tariff in GBP beside prices in EUR"):
        write_case(OwnFiles(prices=prices, tariff=tariff), tmp_path, CASE)
    assert 'currency = "GBP"' in write_case(OwnFiles(tariff=tariff), tmp_path, CASE)
    tariff.write_text("[[energy]]\nper_kwh = 20\n")
    with pytest.raises(InputError, match="12 cents are"):
        write_case(OwnFiles(tariff=tariff), tmp_path, CASE)
