"""Metered loads: units and steps, and every fault by home and hour."""

import numpy as np
import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.scenario.metered_loads import read_metered
from gridagora.sources.loads import read_loads

START_S = 1721001600  # 15 July 2024, 00:00 UTC


def wide(tmp_path, columns, step="1h", days=2, ending="csv"):
    count = round(days * pd.Timedelta("1D") / pd.Timedelta(step))
    table = pd.DataFrame({"time": pd.date_range("2024-07-15", periods=count, freq=step)})
    for name, make in columns.items():
        table[name] = make(np.arange(count))
    path = tmp_path / f"loads.{ending}"
    {"csv": table.to_csv, "xlsx": table.to_excel}[ending](path, index=False)
    return path


def one(at):
    return 1.0 + at % 24


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_column_is_a_home(tmp_path, ending):
    path = wide(tmp_path, {"Ada": one, "house 2": lambda at: 2 * one(at)}, ending=ending)
    found = read_loads(path, START_S, "UTC")
    assert found.home_id == ("Ada", "house 2")
    assert found.start_s == START_S
    assert found.load_kw == pytest.approx(np.outer([1, 2], one(np.arange(48))))


@pytest.mark.parametrize(
    ("heading", "unit", "factor"),
    [
        ("Ada (kW)", "", 1.0),
        ("Ada [W]", "", 1000.0),
        ("Ada (kWh)", "", 0.25),
        ("Ada", "Wh", 250.0),
        ("Ada", "kW", 1.0),
    ],
)
def test_power_and_energy_of_a_row_are_told_by_the_unit(tmp_path, heading, unit, factor):
    path = wide(tmp_path, {heading: lambda at: factor * (1.0 + at // 4 % 24)}, step="15min")
    found = read_loads(path, START_S, "UTC", unit)
    assert found.home_id == ("Ada",)
    assert found.load_kw[0] == pytest.approx(one(np.arange(48)))


TIMES = pd.date_range("2024-07-15", periods=48, freq="1h")
SERIAL = (TIMES - pd.Timestamp("1899-12-30")) / pd.Timedelta("1D")


def as_written(form):
    """Return hours as people and their programs write them."""
    return {
        "day first": [f"{each:%d.%m.%Y %H:%M}" for each in TIMES],
        "twelve hours": [f"{each:%m/%d/%Y %I:%M %p}" for each in TIMES],
        "spreadsheet": [repr(float(each)) for each in SERIAL],
    }[form]


@pytest.mark.parametrize("form", ["day first", "twelve hours", "spreadsheet"])
@pytest.mark.parametrize("is_long", [False, True])
def test_times_of_spreadsheets_are_read_wide_and_long(tmp_path, form, is_long):
    rows = [
        (time, f"{1 + at % 24:.1f}".replace(".", ",")) for at, time in enumerate(as_written(form))
    ]
    text = "time;Ada (kW)\n" + "".join(f"{time};{load}\n" for time, load in rows)
    if is_long:
        body = (f"{name};{time};{load}\n" for name in ("Bob", "Ada") for time, load in rows)
        text = "Meter;Timestamp;Load (kW)\n" + "".join(body)
    (tmp_path / "l.csv").write_text(text)
    found = read_metered(tmp_path / "l.csv", START_S, "UTC")
    assert found.home_id == (("Ada", "Bob") if is_long else ("Ada",))
    assert (found.start_s, found.load_kw.shape[1]) == (START_S, 48)
    assert found.load_kw[0] == pytest.approx(one(np.arange(48)))


def test_an_export_of_a_utility_is_the_load_of_its_file(tmp_path):
    rows = "".join(
        f"Electric usage,{each:%Y-%m-%d},{each:%H:%M},{each + pd.Timedelta('59min'):%H:%M},0.38,$0.08,\n"
        for each in TIMES
    )
    head = 'Name,JANE DOE\nAddress,"1 MAIN ST, X"\nService,Service 1\n\n'
    text = f"{head}TYPE,DATE,START TIME,END TIME,USAGE (kWh),COST,NOTES\n{rows}"
    (tmp_path / "north.csv").write_text(text)
    found = read_metered(tmp_path / "north.csv", START_S, "UTC")
    assert found.home_id == ("north",)
    assert found.load_kw == pytest.approx(0.38)
    said = " ".join(found.notes)
    assert "not read: TYPE, COST, NOTES" in said
    assert "the 4 lines above the heading" in said
    (tmp_path / "north.csv").write_text(text.replace("Electric usage", "Electric generation", 1))
    with pytest.raises(InputError, match="rows of 'Electric generation' and of 'Electric usage'"):
        read_metered(tmp_path / "north.csv", START_S, "UTC")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: [*rows, rows[-1]], "row 98: got '2024-07-16 23:00' of the home of row 97"),
        (lambda rows: rows[:-1], "'Bob', 2024-07-16T23:00:00 UTC: got no number"),
        (lambda rows: [rows[0].replace(",1", ",x"), *rows[1:]], "row 2: got 'x' in 'load'"),
        (lambda rows: [rows[0].replace("Ada", ""), *rows[1:]], "row 2: got no name in 'home'"),
        (lambda rows: [rows[0].replace("2024", "MMXX"), *rows[1:]], "row 2: got 'MMXX-07-15"),
    ],
)
def test_faults_of_rows_are_told_by_row_or_hour(tmp_path, change, said):
    rows = [f"{name},{each:%Y-%m-%d %H:%M},1" for name in ("Ada", "Bob") for each in TIMES]
    (tmp_path / "l.csv").write_text("\n".join(["home,time,load", *change(rows)]))
    with pytest.raises(InputError, match=said):
        read_metered(tmp_path / "l.csv", START_S, "UTC")


def test_the_hour_that_clocks_show_twice_is_two_hours_of_each_home(tmp_path):
    hours = pd.date_range("2024-10-27", periods=25, freq="1h", tz="Europe/Berlin")
    rows = [
        f"{name},{each:%Y-%m-%d %H:%M},{25 - at}"
        for name in ("Ada", "Bob")
        for at, each in enumerate(hours)
    ]
    (tmp_path / "l.csv").write_text("\n".join(["home,time,load", *rows]))
    found = read_metered(tmp_path / "l.csv", START_S, "Europe/Berlin")
    assert found.load_kw.tolist() == [list(range(25, 0, -1))] * 2


@pytest.mark.parametrize(
    ("columns", "step", "said"),
    [
        (
            {"Ada": lambda at: one(at) - 5},
            "1h",
            "'Ada', 2024-07-15T00:00:00 UTC: got a load below 0",
        ),
        ({"Ada": lambda at: 1000 * one(at)}, "1h", "a load above 96 kW"),
        ({"Ada": lambda at: one(at) / 1e4}, "1h", "loads of 0.0013 kW in the mean"),
        ({"Ada": lambda at: np.where(at == 5, np.nan, 1.0)}, "1h", "T05:00:00 UTC: got no number"),
        ({"Ada": one}, "15min", "rows of 15 minutes without a unit"),
        ({"Ada (MW)": one}, "1h", "the unit 'mw'"),
        ({"Ada": one, "Total": one}, "1h", "a column 'Total' among those of homes"),
        ({"Ada": lambda at: at / 10}, "1h", "a load that rises.*Take the difference"),
        ({"Ada": lambda at: ["\u22120,3"] * len(at)}, "1h", "a load below 0"),
    ],
)
def test_what_is_no_load_of_a_home_is_refused(tmp_path, columns, step, said):
    with pytest.raises(InputError, match=said):
        read_loads(wide(tmp_path, columns, step), START_S, "UTC")
