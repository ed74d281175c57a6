"""Bills, series and designs of a result as frames, with times and names; what is absent is a sentence."""

import numpy as np
import pandas as pd
import pytest

import gridagora
from gridagora import InputError
from gridagora.core.brief import LINES

DESIGNS, HOMES = ("rtp", "flat"), ("b", "a")
STEPS = 1_721_023_200 + 300 * np.arange(3)


def long(columns):
    """Return a table of designs, homes and times; `columns` are functions of the row of each."""
    rows = [
        {"architecture": design, "home_id": home, "start_s": start_s}
        | {name: make(d, h, t) for name, make in columns.items()}
        for d, design in enumerate(DESIGNS)
        for h, home in enumerate(HOMES)
        for t, start_s in enumerate(STEPS)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def result():
    homes = pd.DataFrame(
        {
            "architecture": np.repeat(DESIGNS, 2),
            "home_id": np.tile(HOMES, 2),
            "bill_usd": [1.0, 2, 3, 4],
        }
    )
    intervals = pd.DataFrame(
        {
            "architecture": np.repeat(DESIGNS, 3),
            "start_s": np.tile(STEPS, 2),
            "load_kw": np.arange(6.0),
        }
    )
    tables = {
        "homes": homes,
        "intervals": intervals,
        "meters": long({"net_kw": lambda d, h, t: 100.0 * d + 10 * h + t}),
        "device_power": long({"pv_kw": lambda d, h, t: np.nan if h else -1.0 * t}),
    }
    metric = {"name": "mean bill", "unit": "$/home", "better": "lower", "value": 1.5}
    entry = {"metrics": {"E5": metric}, "warnings": ["mind"], "certificates": {"bound_usd": 1.0}}
    summary = {
        "architectures": dict.fromkeys(DESIGNS, entry),
        "manifest": {"title": "Two", "timezone": "Europe/Berlin"},
    }
    return gridagora.Result(summary, tables, "")


def test_bills_are_a_row_a_home_and_a_column_a_design(result):
    assert list(result.bills.index) == list(HOMES)
    assert list(result.bills.columns) == ["flat", "rtp"]
    assert result.bills.loc["a", "rtp"] == 2
    assert list(result.designs["flat"].bills) == [3, 4]


def test_a_series_joins_what_is_kept_of_a_home(result):
    series = result.series("b")
    assert series.index[0] == pd.Timestamp("2024-07-15 08:00", tz="Europe/Berlin")
    assert list(series["flat"].columns) == ["net_kw", "pv_kw"]
    assert list(series["flat"]["net_kw"]) == [100, 101, 102]
    assert list(result.series("a").columns) == [("flat", "net_kw"), ("rtp", "net_kw")]
    pd.testing.assert_frame_equal(result.designs["rtp"].series("b"), series["rtp"])


def test_a_design_by_itself(result):
    flat = result.designs["flat"]
    assert flat.metrics["E5"] == 1.5 and flat.warnings == ["mind"]
    assert flat.certificates == {"bound_usd": 1.0}
    assert list(flat.intervals["load_kw"]) == [3, 4, 5]


def test_a_table_with_times_is_a_data_set(result):
    pytest.importorskip("xarray", reason="pip install 'gridagora[xarray]'")
    meters = result.xarray("meters")
    assert meters["net_kw"].dims == ("design", "home_id", "time")
    assert float(meters["net_kw"].sel(design="flat", home_id="a")[2]) == 112
    assert result.xarray()["load_kw"].attrs["units"] == "kW"


def test_a_prompt_shows_a_screen(result):
    for part in (result, result.designs["flat"]):
        assert 1 < len(repr(part).splitlines()) <= LINES
    assert "<table" in result._repr_html_()
    assert repr(gridagora.Result({"study": "claims"}, {}, "")).startswith("Result of the study")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda r: r.series("c"), r"series\('c'\)"),
        (lambda r: r.series(3), "The first is 'b'"),
        (lambda r: r.designs["flats"], "Did you mean 'flat'"),
        (lambda r: r.xarray("homes"), "a row for each time"),
        (lambda r: r.xarray(3), "a row for each time"),
        (lambda r: gridagora.Result(r.summary, {}, "").bills, "without the table 'homes'"),
        (
            lambda r: gridagora.Result(r.summary, {"homes": r.tables["homes"]}, "").series("a"),
            r"keep = \[\"bills\"",
        ),
        (lambda r: gridagora.Result({"study": "claims"}, {}, "").bills, "a study"),
        (lambda r: gridagora.Result({"study": "claims"}, {}, "").designs["flat"], "none"),
    ],
)
def test_what_is_not_there_is_a_sentence(result, call, said):
    with pytest.raises(InputError, match=said):
        call(result)
