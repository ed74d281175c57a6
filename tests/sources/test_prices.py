"""ERCOT prices: local layouts survive a round trip, and every fault is told with its local date and hour."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import InputError
from gridagora.core.tables import LEAD_H, TAIL_H
from gridagora.sources import prices

SPRING, AUTUMN = "2024-03-10", "2024-11-03"  # 23 and 25 hours in US/Central


def _utc(text: str) -> int:
    return int(pd.Timestamp(text).timestamp())


def _day(date: str) -> np.ndarray:
    """Hour starts of one local day."""
    first = pd.Timestamp(date, tz=prices.ZONE)
    return np.arange(int(first.timestamp()), int((first + pd.DateOffset(days=1)).timestamp()), 3600)


def _series(start_s: np.ndarray) -> prices.Series:
    return prices.Series(start_s, np.arange(len(start_s)) * 1.25 - 30.0)


def _around(days: int, step_s: int, first: int) -> prices.Series:
    return _series(np.arange(first - LEAD_H * 3600, first + (24 * days + TAIL_H) * 3600, step_s))


@given(hours=st.integers(0, 8700), count=st.integers(1, 120), quarter=st.booleans())
@settings(max_examples=40, deadline=None)
def test_local_fields_round_trip_through_the_year(hours: int, count: int, quarter: bool) -> None:
    step = 900 if quarter else 3600
    start = _utc("2024-01-01T06:00Z") + 3600 * hours + step * np.arange(count)
    date, ending, repeated = prices.to_local(start)
    back = prices.to_utc(date, ending, repeated) + start % 3600
    assert np.array_equal(back, start)


@pytest.mark.parametrize(("date", "hours"), [(SPRING, 23), (AUTUMN, 25), ("2024-07-15", 24)])
@pytest.mark.parametrize("kind", ["day ahead", "real time"])
def test_files_round_trip_on_short_and_long_days(tmp_path: Path, date: str, hours: int, kind: str) -> None:
    hour = _day(date)
    assert len(hour) == hours
    start = hour if kind == "day ahead" else (hour[:, None] + 900 * np.arange(4)).ravel()
    series = _series(start)
    layout, read = {
        "day ahead": (prices.day_ahead_layout, prices.read_day_ahead),
        "real time": (prices.real_time_layout, prices.read_real_time),
    }[kind]
    path = tmp_path / "ercot.csv"
    layout(series, "HB_SOUTH").sample(frac=1.0, random_state=1).to_csv(path, index=False)
    back = read(path, "HB_SOUTH")
    assert np.array_equal(back.start_s, series.start_s)
    assert np.array_equal(back.price_per_mwh, series.price_per_mwh)


def test_autumn_layout_flags_only_the_second_hour() -> None:
    table = prices.day_ahead_layout(_series(_day(AUTUMN)), "HB_SOUTH")
    flagged = table[table["DSTFlag"] == "Y"]
    assert flagged["HourEnding"].tolist() == ["02:00"]
    assert (table["HourEnding"] == "02:00").sum() == 2
    assert table["DeliveryDate"].unique().tolist() == ["11/03/2024"]


def test_spring_layout_has_no_third_hour() -> None:
    table = prices.day_ahead_layout(_series(_day(SPRING)), "HB_SOUTH")
    assert "03:00" not in table["HourEnding"].tolist()


def test_the_skipped_hour_is_refused(tmp_path: Path) -> None:
    table = prices.day_ahead_layout(_series(_day("2024-03-09")), "HB_SOUTH").assign(DeliveryDate="03/10/2024")
    table.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InputError, match=r"2024-03-10 hour ending 03:00.*clock skips"):
        prices.read_day_ahead(tmp_path / "x.csv")


def test_an_unflagged_repeated_hour_is_refused(tmp_path: Path) -> None:
    table = prices.day_ahead_layout(_series(_day(AUTUMN)), "HB_SOUTH").assign(DSTFlag="N")
    table.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InputError, match=r"2024-11-03 hour ending 02:00.*flagged Y"):
        prices.read_day_ahead(tmp_path / "x.csv")


def test_a_missing_column_and_an_unknown_point_are_named(tmp_path: Path) -> None:
    table = prices.day_ahead_layout(_series(_day("2024-07-15")), "HB_SOUTH")
    table.drop(columns=["DSTFlag", "HourEnding"]).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InputError) as caught:
        prices.read_day_ahead(tmp_path / "x.csv")
    assert len(caught.value.problems) == 2
    table.to_csv(tmp_path / "y.csv", index=False)
    with pytest.raises(InputError, match=r"'LZ_AEN'.*HB_SOUTH"):
        prices.read_day_ahead(tmp_path / "y.csv", "LZ_AEN")


def test_unreadable_rows_and_absent_files_are_told(tmp_path: Path) -> None:
    table = prices.real_time_layout(_series(_day("2024-07-15")), "HB_SOUTH").astype({"DeliveryInterval": object})
    table.loc[3, "DeliveryInterval"] = 5
    table.loc[4, "DeliveryDate"] = "the fifteenth"
    table.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InputError) as caught:
        prices.read_real_time(tmp_path / "x.csv")
    text = str(caught.value)
    assert "row 5: got 07/15/2024, 4, 5, expected" in text
    assert "row 6: got the fifteenth" in text
    with pytest.raises(InputError, match="no such file"):
        prices.read_real_time(tmp_path / "y.csv")


def test_workbooks_are_read_sheet_by_sheet_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "year.xlsx"
    if find_spec("openpyxl") is None:
        path.write_bytes(b"")
        with pytest.raises(InputError, match="Save it as csv, or install openpyxl"):
            prices.read_day_ahead(path)
        return
    series = _series(np.concatenate([_day("2024-01-31"), _day("2024-02-01")]))
    table = prices.day_ahead_layout(series, "HB_SOUTH").rename(columns={"SettlementPoint": "Settlement Point"})
    with pd.ExcelWriter(path) as book:
        table.iloc[:24].to_excel(book, sheet_name="Jan", index=False)
        table.iloc[24:].to_excel(book, sheet_name="Feb", index=False)
    assert np.array_equal(prices.read_day_ahead(path).price_per_mwh, series.price_per_mwh)


def test_window_has_the_promised_shape_and_keeps_negative_prices() -> None:
    start = _utc("2024-07-15T06:00Z")
    table = prices.prices(_around(2, 3600, start), _around(2, 900, start), start, 2)
    hours = LEAD_H + 48 + TAIL_H
    assert table.day_ahead_per_kwh.shape == (hours,)
    assert table.real_time_per_kwh.shape == (4 * hours,)
    assert table.day_ahead_per_kwh[0] == pytest.approx(-0.030)


def test_gap_doubled_row_and_empty_price_are_all_told() -> None:
    start = _utc("2024-07-15T05:00Z")
    hourly, quarter = _around(1, 3600, start), _around(1, 900, start)
    hole = prices.Series(np.delete(hourly.start_s, [50, 51]), np.delete(hourly.price_per_mwh, [50, 51]))
    value = quarter.price_per_mwh.copy()
    value[200] = np.nan
    doubled = prices.Series(np.append(quarter.start_s, quarter.start_s[300]), np.append(value, 1.0))
    with pytest.raises(InputError) as caught:
        prices.prices(hole, doubled, start, 1)
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    assert "day-ahead prices, 2024-07-15 02:00 local time to 2024-07-15 04:00 local time: got no row" in text
    assert "real-time prices, 2024-07-15 02:00 local time: got an empty price" in text
    assert "real-time prices, 2024-07-16 03:00 local time: got more than one row" in text


@pytest.mark.parametrize("clock", ["2024-03-09T06:00Z", "2024-11-02T05:00Z"])
def test_a_run_across_a_clock_change_is_whole(tmp_path: Path, clock: str) -> None:
    start = _utc(clock)
    hourly, quarter = _around(3, 3600, start), _around(3, 900, start)
    prices.day_ahead_layout(hourly, "LZ_AEN").to_csv(tmp_path / "da.csv", index=False)
    prices.real_time_layout(quarter, "LZ_AEN").to_csv(tmp_path / "rt.csv", index=False)
    table = prices.prices(prices.read_day_ahead(tmp_path / "da.csv"), prices.read_real_time(tmp_path / "rt.csv"), start, 3)
    assert np.allclose(table.day_ahead_per_kwh, hourly.price_per_mwh / 1000.0, atol=1e-12)
    assert np.allclose(table.real_time_per_kwh, quarter.price_per_mwh / 1000.0, atol=1e-12)


def test_absent_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        prices.ercot(tmp_path, 0, 1)


def test_hub_average_of_the_reference_weeks(data_dir: Path) -> None:
    folder = data_dir / "prices" / "ercot_hb_hubavg_2024"
    raw = pd.read_parquet(folder / "rtm_15min.parquet").set_index("interval_start_utc")["price_usd_per_mwh"]
    start = _utc("2024-08-19T06:00Z")
    table = prices.ercot(folder, start, 7)
    first = 4 * LEAD_H
    assert table.real_time_per_kwh[first] == pytest.approx(raw[pd.Timestamp("2024-08-19T06:00Z")] / 1000.0)
    assert table.real_time_per_kwh[first : first + 672].max() == pytest.approx(4.9, abs=0.1)  # the 4.9 $/kWh of that week
    peaks = prices.ercot(folder, _utc("2024-08-05T06:00Z"), 7).real_time_per_kwh[first : first + 672]
    assert peaks.max() == pytest.approx(0.85, abs=0.05)


def test_a_run_past_the_end_of_the_file_is_refused(data_dir: Path) -> None:
    with pytest.raises(InputError, match=r"2025-01-01 00:00 local time .*no row"):
        prices.ercot(data_dir / "prices" / "ercot_hb_hubavg_2024", _utc("2024-12-27T06:00Z"), 7)


def test_austin_zone_names_its_gap(data_dir: Path) -> None:
    folder = data_dir / "prices" / "ercot_lz_aen_2024"
    table = prices.austin_zone(folder, _utc("2024-07-15T05:00Z"), 7)
    assert np.array_equal(table.real_time_per_kwh[::4], table.real_time_per_kwh[3::4])
    with pytest.raises(InputError, match=r"2024-03-10 01:00 local time to 2024-03-15 01:00 local time"):
        prices.austin_zone(folder, _utc("2024-03-12T05:00Z"), 2)


def test_south_hub_of_2016_and_its_missing_autumn(data_dir: Path) -> None:
    folder = data_dir / "prices" / "ercot_hb_south_2016"
    table = prices.hb_south(folder, _utc("2016-07-11T05:00Z"), 7)
    assert 0.0 < table.day_ahead_per_kwh.mean() < 0.1
    with pytest.raises(InputError, match=r"real-time prices, 2016-10-.*empty price"):
        prices.hb_south(folder, _utc("2016-10-10T05:00Z"), 2)
    with pytest.raises(InputError) as caught:  # day-ahead prices are whole across the repeated hour
        prices.hb_south(folder, _utc("2016-11-05T05:00Z"), 2)
    assert all("real-time" in problem.where for problem in caught.value.problems)
