"""A ratio over worlds is one of sums: the mean of break-even prices would hang on the worlds in which nearly nothing differs."""

import math

import pandas as pd
import pytest

from gridagora.studies.world_means import mean_values, spell_means

GAIN_USD = {1: 10.0, 2: 12.0, 3: 11.0}  # without the overload term, over the first design
MORE_KWH = {1: 100.0, 2: -1.0, 3: 1.0}


@pytest.fixture
def worlds(tmp_path):
    rows = []
    for seed, gain in GAIN_USD.items():
        for design, value, over in (
            ("flat", math.nan, 50.0),
            ("rtp", gain / MORE_KWH[seed], 50.0 + MORE_KWH[seed]),
        ):
            rows += [(seed, 0, design, "E1o", value), (seed, 0, design, "P5", over)]
    path = tmp_path / "worlds.parquet"
    columns = ["seed", "variation", "design", "metric", "value"]
    pd.DataFrame(rows, columns=columns).to_parquet(path)
    return path


def test_a_ratio_is_one_of_sums_and_has_no_interval(worlds):
    means = mean_values(worlds).set_index(["metric", "design"])
    row = means.loc[("E1o", "rtp")]
    assert row["mean"] == pytest.approx(33.0 / 100.0)
    assert math.isnan(row["low"])
    assert row["worlds"] == 3
    assert math.isnan(means.loc[("E1o", "flat"), "mean"])
    assert means.loc[("P5", "rtp"), "mean"] == pytest.approx(50.0 + 100.0 / 3)


def test_it_is_shown_without_an_interval(worlds):
    told = spell_means(mean_values(worlds), {})
    column = next(name for name in told if "break-even" in name)
    assert told.set_index("design")[column]["rtp"] == "0.33"
