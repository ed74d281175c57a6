"""Pre-heating is told from rebound: made loads before and after a dear window of 14 to 20 h, energies known by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gridagora.report.dear_hours import dear_spells, in_words, moved
from gridagora.report.findings import effects
from gridagora.report.guides import guide

START_S = 1_721_019_600
HOUR = np.arange(288) / 12


def intervals(name, load_kw, limit_kw, days=2):
    price = np.where((HOUR >= 14) & (HOUR < 20), 0.3, 0.1) if name == "tou" else np.full(288, 0.15)
    columns = {"load_kw": load_kw, "price_per_kwh": price, "limit_kw": limit_kw}
    rows = {key: np.tile(np.broadcast_to(value, 288), days) for key, value in columns.items()}
    return pd.DataFrame(
        {"architecture": name, "start_s": START_S + 300 * np.arange(288 * days), **rows}
    )


def made(result, before_kw, after_kw, limit_kw):
    """Flat takes 10 kW all day; time of use as much more in the hour before the window and in the first half hour after it."""
    load = 10 + before_kw * ((HOUR >= 13) & (HOUR < 14)) + after_kw * ((HOUR >= 20) & (HOUR < 20.5))
    load += 7.0 * (HOUR < 8)  # far from the window: moved out of nothing
    table = pd.concat(
        [intervals("flat", 10.0, limit_kw), intervals("tou", load, limit_kw)], ignore_index=True
    )
    shown = {name: result.summary["architectures"][name] for name in ("flat", "tou")}
    peaks = {"flat": 10.0, "tou": float(load.max())}
    shown = {
        name: each | {"metrics": each["metrics"] | {"P1": {"value": peaks[name]}}}
        for name, each in shown.items()
    }
    return replace(
        result,
        summary=result.summary | {"architectures": shown},
        tables=result.tables | {"intervals": table},
    )


@pytest.mark.parametrize(("limit_kw", "above_kw"), [(12.0, 2.0), (np.nan, 0.0)])
def test_energy_before_and_after_the_window(result, limit_kw, above_kw):
    """Two days, 60 kW for an hour before and 40 kW for half an hour after, less what lies below the limit; 50 kWh far off."""
    found = moved(made(result, 60.0, 40.0, limit_kw), "tou")
    assert found.before_kwh == pytest.approx(2 * (60.0 - above_kw))
    assert found.after_kwh == pytest.approx(2 * 0.5 * (40.0 - above_kw))


def test_the_sentence_names_the_larger_part_first(result):
    early, late = made(result, 60.0, 40.0, np.nan), made(result, 10.0, 60.0, np.nan)
    assert in_words(moved(early, "tou")).startswith(
        "75 % lies before them (pre-heating or pre-cooling), 25 % after"
    )
    assert in_words(moved(late, "tou")).startswith("75 % lies after them (rebound), 25 % before")
    assert (
        "Of its energy above the flat rate within three hours of dear ones, 75 % lies before"
        in effects(early)
    )
    assert "75 % lies after them (rebound)" in effects(late)
    assert "time-of-use pricing 120 kWh before and 40 kWh after" in guide(early, "average_day")


def test_a_price_that_never_changes_has_no_dear_hours(result):
    assert moved(made(result, 60.0, 40.0, 12.0), "flat") is None


def test_a_day_is_dear_by_its_own_prices():
    start_s = START_S + 300 * np.arange(576)
    price = np.concatenate(
        [np.where((HOUR >= 14) & (HOUR < 20), 0.3, 0.1), np.where(HOUR < 6, 0.05, 0.01)]
    )
    assert np.array_equal(
        np.flatnonzero(dear_spells(start_s, price)),
        np.concatenate([np.arange(168, 240), np.arange(288, 360)]),
    )
