"""Prices of a user's own table: units, steps, the days around a run, and numbers that are no wholesale prices."""

import numpy as np
import pandas as pd
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.core.tables import LEAD_H, TAIL_H
from gridagora.sources.price_table import read_price_table

START_S = 1721001600  # 15 July 2024, 00:00 UTC
HOURS = LEAD_H + 24 + TAIL_H


def write(tmp_path, columns, first="2024-07-13", hours=HOURS, step="1h", ending="csv"):
    count = hours * round(pd.Timedelta("1h") / pd.Timedelta(step))
    table = pd.DataFrame({"time": pd.date_range(first, periods=count, freq=step)})
    for name, make in columns.items():
        table[name] = make(np.arange(count))
    path = tmp_path / f"prices.{ending}"
    if ending == "xlsx":
        table.to_excel(path, index=False)
    elif ending == "parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path


def daily(at, per_hour=1):
    return 30.0 + (at // per_hour) % 24


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_one_column_is_both_prices(tmp_path, ending):
    path = write(tmp_path, {"price (EUR/MWh)": daily}, ending=ending)
    found = read_price_table(path, START_S, 1, "UTC")
    assert found.prices.start_s == START_S
    expected = daily(np.arange(HOURS)) / 1000
    assert found.prices.day_ahead_per_kwh == pytest.approx(expected)
    assert found.prices.real_time_per_kwh == pytest.approx(np.repeat(expected, 4))
    assert "both 'price (EUR/MWh)'" in found.notes[-1]


@pytest.mark.parametrize(
    ("heading", "unit", "factor"),
    [
        ("price ($/MWh)", "", 1e-3),
        ("price [ct/kWh]", "", 1e-2),
        ("price (€/kWh)", "", 1.0),
        ("price", "EUR/MWh", 1e-3),
        ("Day-ahead Price [EUR/MWh]", "", 1e-3),
        ("price (p/kWh)", "", 1e-2),
    ],
)
def test_units_are_those_of_the_heading_or_of_the_key(tmp_path, heading, unit, factor):
    path = write(tmp_path, {heading: lambda at: (0.03 + 0.0 * at) / factor})
    found = read_price_table(path, START_S, 1, "UTC", unit)
    assert found.prices.real_time_per_kwh == pytest.approx(np.full(4 * HOURS, 0.03))


def test_finer_rows_are_means_and_two_columns_are_told_apart(tmp_path):
    columns = {
        "real_time ($/MWh)": lambda at: 20.0 + at % 12,
        "day_ahead ($/MWh)": lambda at: 50.0 + at // 12 % 24,
    }
    found = read_price_table(write(tmp_path, columns, step="5min"), START_S, 1, "UTC").prices
    assert found.real_time_per_kwh[:4] == pytest.approx([0.021, 0.024, 0.027, 0.030])
    assert found.day_ahead_per_kwh == pytest.approx((50 + np.arange(HOURS) % 24) / 1000)


def test_days_around_the_run_that_are_lacking_are_the_nearest(tmp_path):
    path = write(tmp_path, {"price ($/MWh)": daily}, first="2024-07-15", hours=24)
    found = read_price_table(path, START_S, 1, "UTC")
    assert found.prices.day_ahead_per_kwh == pytest.approx(daily(np.arange(HOURS)) / 1000)
    assert "of its nearest day" in found.notes[-1]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"price": daily}, "prices with a unit"),
        ({"price (kr/MWh)": daily}, "the unit 'kr/mwh'"),
        ({"price ($/kWh)": daily}, "a mean of 41.* per kWh.*Are they in \\$/mwh, not \\$/kwh"),
        ({"price (ct/kWh)": lambda at: 0.04 + 0.0 * at}, "a mean of 0.0004 per kWh"),
        ({"price ($/kWh)": lambda at: 0.0 * at}, "All of them are 0"),
        ({"price ($/MWh)": lambda at: [f"{45 + a} ct" for a in at]}, "'45 ct' in 'price"),
        ({"price ($/MWh)": lambda at: [f"ca. {a}" for a in at]}, "'ca. 0' in 'price"),
        ({"load": daily}, "a column 'price'"),
        ({"price ($/MWh)": daily, "spot ($/MWh)": daily}, "one of them"),
    ],
)
def test_what_is_no_wholesale_price_is_refused(tmp_path, columns, said):
    with pytest.raises(InputError, match=said):
        read_price_table(write(tmp_path, columns), START_S, 1, "UTC")


def test_a_run_that_the_table_does_not_cover_is_refused(tmp_path):
    path = write(tmp_path, {"price ($/MWh)": daily}, first="2024-07-15", hours=30)
    with pytest.raises(InputError, match="prices of all 2 days of the run"):
        read_price_table(path, START_S, 2, "UTC")
    hole = write(tmp_path, {"price ($/MWh)": lambda at: np.where(at == 50, np.nan, daily(at))})
    with pytest.raises(InputError, match="none at 2024-07-15T02:00:00"):
        read_price_table(hole, START_S, 1, "UTC")


def test_a_scenario_reads_it(tmp_path):
    write(tmp_path, {"price (EUR/MWh)": daily})
    path = tmp_path / "s.toml"
    path.write_text(
        '[scenario]\ndays = 1\ntimezone = "UTC"\ncurrency = "EUR"\n[homes]\ncount = 2\n'
        '[prices]\nsource = "table"\nfile = "prices.csv"\n'
    )
    scene = gridagora.load(path)
    assert scene.prices.real_time_per_kwh[0] == pytest.approx(0.03)
    assert scene.price_notes
