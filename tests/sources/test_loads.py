"""Metered loads: units and steps, and every fault by home and hour."""

import numpy as np
import pandas as pd
import pytest

from gridagora.core.errors import InputError
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
    ],
)
def test_what_is_no_load_of_a_home_is_refused(tmp_path, columns, step, said):
    with pytest.raises(InputError, match=said):
        read_loads(wide(tmp_path, columns, step), START_S, "UTC")
