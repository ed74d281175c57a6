"""ERCOT prices: local layouts survive a round trip, and every fault is told with its local date and hour."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import InputError
from gridagora.core.tables import LEAD_H, TAIL_H
from gridagora.files.ercot_table import to_local, to_utc
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


def day_ahead_layout(series: prices.Series, point: str) -> pd.DataFrame:
    """Return a series in ERCOT's day-ahead columns: hour ending local prevailing, the repeated hour told by the flag."""
    date, hour, repeated = to_local(series.start_s)
    ending = np.array([f"{h:02d}:00" for h in hour])
    columns = {"DeliveryDate": american(date), "HourEnding": ending, "SettlementPoint": point}
    return pd.DataFrame(
        {
            **columns,
            "SettlementPointPrice": series.price_per_mwh,
            "DSTFlag": np.where(repeated, "Y", "N"),
        }
    )


def real_time_layout(series: prices.Series, point: str) -> pd.DataFrame:
    """Return a series in ERCOT's real-time columns: delivery hour 1-24 and interval 1-4, the repeated hour told by the flag."""
    date, hour, repeated = to_local(series.start_s)
    interval = series.start_s % 3600 // 900 + 1
    flag = np.where(repeated, "Y", "N")
    columns = {
        "DeliveryDate": american(date),
        "DeliveryHour": hour,
        "DeliveryInterval": interval,
        "RepeatedHourFlag": flag,
    }
    return pd.DataFrame(
        {**columns, "SettlementPointName": point, "SettlementPointPrice": series.price_per_mwh}
    )


def american(date: np.ndarray) -> np.ndarray:
    return np.array([f"{d[5:7]}/{d[8:10]}/{d[:4]}" for d in date])


def twice(table: pd.DataFrame, kind: str = "LZ") -> pd.DataFrame:
    """Return a real-time table as ERCOT writes load zones: every interval twice under one name, the second weighted by energy."""
    weighted = table.assign(
        SettlementPointType=f"{kind}EW", SettlementPointPrice=table["SettlementPointPrice"] + 0.37
    )
    return pd.concat([table.assign(SettlementPointType=kind), weighted]).sort_index(kind="stable")


@given(hours=st.integers(0, 8700), count=st.integers(1, 120), quarter=st.booleans())
@settings(max_examples=40, deadline=None)
def test_local_fields_round_trip_through_the_year(hours: int, count: int, quarter: bool) -> None:
    step = 900 if quarter else 3600
    start = _utc("2024-01-01T06:00Z") + 3600 * hours + step * np.arange(count)
    date, ending, repeated = to_local(start)
    back = to_utc(date, ending, repeated) + start % 3600
    assert np.array_equal(back, start)


@pytest.mark.parametrize(("date", "hours"), [(SPRING, 23), (AUTUMN, 25), ("2024-07-15", 24)])
@pytest.mark.parametrize("kind", ["day ahead", "real time"])
def test_files_round_trip_on_short_and_long_days(
    tmp_path: Path, date: str, hours: int, kind: str
) -> None:
    hour = _day(date)
    assert len(hour) == hours
    start = hour if kind == "day ahead" else (hour[:, None] + 900 * np.arange(4)).ravel()
    series = _series(start)
    layout, read = {
        "day ahead": (day_ahead_layout, prices.read_day_ahead),
        "real time": (real_time_layout, prices.read_real_time),
    }[kind]
    path = tmp_path / "ercot.csv"
    layout(series, "HB_SOUTH").sample(frac=1.0, random_state=1).to_csv(path, index=False)
    back = read(path, "HB_SOUTH")
    assert np.array_equal(back.start_s, series.start_s)
    assert np.array_equal(back.price_per_mwh, series.price_per_mwh)


def test_autumn_layout_flags_only_the_second_hour() -> None:
    table = day_ahead_layout(_series(_day(AUTUMN)), "HB_SOUTH")
    flagged = table[table["DSTFlag"] == "Y"]
    assert flagged["HourEnding"].tolist() == ["02:00"]
    assert (table["HourEnding"] == "02:00").sum() == 2
    assert table["DeliveryDate"].unique().tolist() == ["11/03/2024"]


def test_spring_layout_has_no_third_hour() -> None:
    table = day_ahead_layout(_series(_day(SPRING)), "HB_SOUTH")
    assert "03:00" not in table["HourEnding"].tolist()


def test_the_skipped_hour_is_refused(tmp_path: Path) -> None:
    table = day_ahead_layout(_series(_day("2024-03-09")), "HB_SOUTH").assign(
        DeliveryDate="03/10/2024"
    )
    table.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InputError, match=r"2024-03-10 hour ending 03:00.*clock skips"):
        prices.read_day_ahead(tmp_path / "x.csv")


def test_an_unflagged_repeated_hour_is_refused(tmp_path: Path) -> None:
    table = day_ahead_layout(_series(_day(AUTUMN)), "HB_SOUTH").assign(DSTFlag="N")
    table.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InputError, match=r"2024-11-03 hour ending 02:00.*flagged Y"):
        prices.read_day_ahead(tmp_path / "x.csv")


def test_missing_columns_and_an_unknown_point_are_named(tmp_path: Path) -> None:
    table = day_ahead_layout(_series(_day("2024-07-15")), "HB_SOUTH")
    table.drop(columns=["DSTFlag", "HourEnding"]).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InputError, match=r"'hourending', 'RepeatedHourFlag or DSTFlag'") as caught:
        prices.read_day_ahead(tmp_path / "x.csv")
    assert len(caught.value.problems) == 1
    table.to_csv(tmp_path / "y.csv", index=False)
    with pytest.raises(InputError, match=r"'LZ_AEN'.*HB_SOUTH"):
        prices.read_day_ahead(tmp_path / "y.csv", "LZ_AEN")


def test_unreadable_rows_and_absent_files_are_told(tmp_path: Path) -> None:
    table = real_time_layout(_series(_day("2024-07-15")), "HB_SOUTH").astype(
        {"DeliveryInterval": object}
    )
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


def test_workbooks_are_read_sheet_by_sheet(tmp_path: Path) -> None:
    path = tmp_path / "year.xlsx"
    series = _series(np.concatenate([_day("2024-01-31"), _day("2024-02-01")]))
    table = day_ahead_layout(series, "HB_SOUTH").rename(
        columns={"SettlementPoint": "Settlement Point"}
    )
    with pd.ExcelWriter(path) as book:
        table.iloc[:24].to_excel(book, sheet_name="Jan", index=False)
        table.iloc[24:].to_excel(book, sheet_name="Feb", index=False)
    assert np.array_equal(prices.read_day_ahead(path).price_per_mwh, series.price_per_mwh)
    with pd.ExcelWriter(path) as book:
        table.iloc[:24].to_excel(book, sheet_name="Jan", index=False)
        table.iloc[24:].reset_index(drop=True).assign(SettlementPointPrice="n/a").to_excel(
            book, sheet_name="Feb", index=False
        )
    with pytest.raises(
        InputError,
        match=r"sheet 'Feb', row 2: 2024-02-01 hour ending 01:00: got 'n/a', expected a number",
    ):
        prices.read_day_ahead(path)
    path.write_bytes(b"no workbook at all")
    with pytest.raises(InputError, match="no workbook"):
        prices.read_day_ahead(path)


def test_a_load_zone_is_read_though_it_stands_twice(tmp_path: Path) -> None:
    """ERCOT lists a load zone as LZ and, weighted by energy, as LZEW under one name (report NP6-905-CD)."""
    hour = _day("2024-07-15")
    series = _series((hour[:, None] + 900 * np.arange(4)).ravel())
    twice(real_time_layout(series, "LZ_AEN")).to_csv(tmp_path / "rt.csv", index=False)
    assert np.array_equal(
        prices.read_real_time(tmp_path / "rt.csv", "LZ_AEN").price_per_mwh, series.price_per_mwh
    )
    weighted = prices.read_real_time(tmp_path / "rt.csv", "LZ_AEN", "LZEW").price_per_mwh
    assert np.allclose(weighted, series.price_per_mwh + 0.37)
    with pytest.raises(InputError, match=r"type 'HU', expected one of LZ, LZEW"):
        prices.read_real_time(tmp_path / "rt.csv", "LZ_AEN", "HU")
    twice(real_time_layout(series, "DC_E"), "LZ_DC").to_csv(tmp_path / "dc.csv", index=False)
    assert np.array_equal(
        prices.read_real_time(tmp_path / "dc.csv").price_per_mwh, series.price_per_mwh
    )


@pytest.mark.parametrize("words", [("Y", "N"), ("true", "false"), ("True", "False"), ("y", "n")])
def test_the_flag_of_the_repeated_hour_in_every_form(
    tmp_path: Path, words: tuple[str, str]
) -> None:
    """ERCOT's public API writes true and false where its csv files write Y and N."""
    series = _series(_day(AUTUMN))
    table = day_ahead_layout(series, "HB_SOUTH")
    table["DSTFlag"] = np.where(table["DSTFlag"] == "Y", *words)
    table.to_csv(tmp_path / "x.csv", index=False)
    assert np.array_equal(prices.read_day_ahead(tmp_path / "x.csv").start_s, series.start_s)


def test_any_other_flag_is_refused_by_its_row(tmp_path: Path) -> None:
    table = day_ahead_layout(_series(_day(AUTUMN)), "HB_SOUTH")
    table.loc[3, "DSTFlag"] = "perhaps"
    table.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(
        InputError,
        match=r"row 5: got the flag of the repeated hour 'perhaps', expected Y, N, true or false",
    ):
        prices.read_day_ahead(tmp_path / "x.csv")


def test_rows_are_counted_as_the_file_has_them(tmp_path: Path) -> None:
    """Rows of other points, blank lines and the byte order mark do not shift the row that a fault is told with."""
    ours = day_ahead_layout(_series(_day("2024-07-15")), "HB_SOUTH").astype(
        {"SettlementPointPrice": object}
    )
    ours.loc[20, "SettlementPointPrice"] = ""
    other = ours.assign(SettlementPoint="HB_WEST", SettlementPointPrice="12")
    lines = pd.concat([other, ours]).to_csv(index=False).splitlines()
    text = "\n".join([*lines[:3], "", *lines[3:], "", ""])
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    row = next(i for i, line in enumerate(text.splitlines(), 1) if ",HB_SOUTH,," in line)
    assert row == 47
    with pytest.raises(InputError, match=rf"row {row}: 2024-07-15 hour ending 21:00: got no price"):
        prices.read_day_ahead(tmp_path / "x.csv", "HB_SOUTH")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no table"),
        ("time;price\n2024-07-15 00:00;25\n", "NP4-190-CD"),
        ("time,price\n2024-07-15 00:00,25\n", "NP4-190-CD"),
        ("a,b\n1,2,3\n1,2,3,4\n", "row 2: got 3 cells, expected 2 as in the heading"),
        (
            "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag\n",
            "settlement point",
        ),
    ],
)
def test_a_file_of_another_kind_is_one_sentence(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=match) as caught:
        prices.read_day_ahead(tmp_path / "x.csv")
    assert len(caught.value.problems) == 1


def test_prices_in_other_units_and_impossible_ones_are_refused(tmp_path: Path) -> None:
    table = day_ahead_layout(_series(_day("2024-07-15")), "HB_SOUTH")
    table.assign(SettlementPointPrice=np.linspace(0.02, 0.09, 24)).to_csv(
        tmp_path / "kwh.csv", index=False
    )
    with pytest.raises(
        InputError, match=r"no price above 0.09, expected prices in \$/MWh. They look like \$/kWh"
    ):
        prices.read_day_ahead(tmp_path / "kwh.csv")
    table.assign(SettlementPointPrice=25_000.0).to_csv(tmp_path / "high.csv", index=False)
    with pytest.raises(
        InputError, match=r"row 2: 2024-07-15 hour ending 01:00: got '25000\.0'"
    ) as caught:
        prices.read_day_ahead(tmp_path / "high.csv")
    assert len(caught.value.problems) == 21  # twenty rows, and how many more


def test_days_first_are_refused(tmp_path: Path) -> None:
    table = day_ahead_layout(_series(_day("2024-07-15")), "HB_SOUTH").assign(
        DeliveryDate="15/07/2024"
    )
    table.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(
        InputError, match=r"row 2: got 15/07/2024, 01:00, expected a date month/day/year"
    ):
        prices.read_day_ahead(tmp_path / "x.csv")


FAULTS = {
    "none": None,
    "price": ("SettlementPointPrice", "abc"),
    "empty": ("SettlementPointPrice", ""),
    "infinite": ("SettlementPointPrice", "inf"),
    "huge": ("SettlementPointPrice", "1e9"),
    "hour": ("hour", "25"),
    "half": ("hour", "1.5"),
    "date": ("DeliveryDate", "32/01/2024"),
    "flag": ("DSTFlag", "?"),
}


def any_file(
    days: int, quarter: bool, fault: str, row: int, form: str
) -> tuple[bytes, prices.Series, int]:
    """Return a file of generated prices across a clock change, its series, and the row of the fault."""
    first = int(pd.Timestamp("2024-11-02", tz=prices.ZONE).timestamp())
    series = _series(np.arange(first, first + 86400 * days, 900 if quarter else 3600))
    table = real_time_layout(series, "LZ_AEN") if quarter else day_ahead_layout(series, "LZ_AEN")
    table = table.rename(columns={"RepeatedHourFlag": "DSTFlag"}).astype(object)
    at = row % len(table)
    if FAULTS[fault]:
        column, value = FAULTS[fault]
        column = {"hour": "DeliveryHour" if quarter else "HourEnding"}.get(column, column)
        table.loc[at, column] = value
    if quarter and fault == "none":
        table = twice(table)
    text = table.to_csv(index=False)
    raw = text.replace("\n", "\r\n").encode() if "crlf" in form else text.encode()
    raw = b"\xef\xbb\xbf" + raw if "mark" in form else raw
    return raw + (b"\n\n" if "tail" in form else b""), series, at + 2


def check_any_file(path: Path, days: int, quarter: bool, fault: str, row: int, form: str) -> None:
    raw, series, at = any_file(days, quarter, fault, row, form)
    path.write_bytes(raw)
    read = prices.read_real_time if quarter else prices.read_day_ahead
    if fault == "none":
        back = read(path, "LZ_AEN")
        assert np.array_equal(back.start_s, series.start_s)
        assert np.allclose(back.price_per_mwh, series.price_per_mwh)
        return
    with pytest.raises(InputError) as caught:
        read(path, "LZ_AEN")
    assert f"row {at}" in str(caught.value)


DRAWN = {
    "days": st.integers(1, 3),
    "quarter": st.booleans(),
    "fault": st.sampled_from(sorted(FAULTS)),
    "row": st.integers(0, 400),
    "form": st.sampled_from(["plain", "mark", "crlf", "tail", "mark crlf tail"]),
}


@given(**DRAWN)
@settings(max_examples=40, deadline=None)
def test_generated_files_are_read_right_or_refused_by_row(
    tmp_path_factory: pytest.TempPathFactory, **drawn: object
) -> None:
    check_any_file(tmp_path_factory.mktemp("prices") / "x.csv", **drawn)


@pytest.mark.long
@given(**DRAWN)
@settings(max_examples=1000, deadline=None)
def test_many_generated_files_are_read_right_or_refused_by_row(
    tmp_path_factory: pytest.TempPathFactory, **drawn: object
) -> None:
    check_any_file(tmp_path_factory.mktemp("prices") / "x.csv", **drawn)


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
    hole = prices.Series(
        np.delete(hourly.start_s, [50, 51]), np.delete(hourly.price_per_mwh, [50, 51])
    )
    value = quarter.price_per_mwh.copy()
    value[200] = np.nan
    doubled = prices.Series(np.append(quarter.start_s, quarter.start_s[300]), np.append(value, 1.0))
    with pytest.raises(InputError) as caught:
        prices.prices(hole, doubled, start, 1)
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    assert (
        "day-ahead prices, 2024-07-15 02:00 local time to 2024-07-15 04:00 local time: got no row"
        in text
    )
    assert "real-time prices, 2024-07-15 02:00 local time: got an empty price" in text
    assert "real-time prices, 2024-07-16 03:00 local time: got more than one row" in text


@pytest.mark.parametrize("clock", ["2024-03-09T06:00Z", "2024-11-02T05:00Z"])
def test_a_run_across_a_clock_change_is_whole(tmp_path: Path, clock: str) -> None:
    start = _utc(clock)
    hourly, quarter = _around(3, 3600, start), _around(3, 900, start)
    day_ahead_layout(hourly, "LZ_AEN").to_csv(tmp_path / "da.csv", index=False)
    real_time_layout(quarter, "LZ_AEN").to_csv(tmp_path / "rt.csv", index=False)
    table = prices.prices(
        prices.read_day_ahead(tmp_path / "da.csv"),
        prices.read_real_time(tmp_path / "rt.csv"),
        start,
        3,
    )
    assert np.allclose(table.day_ahead_per_kwh, hourly.price_per_mwh / 1000.0, atol=1e-12)
    assert np.allclose(table.real_time_per_kwh, quarter.price_per_mwh / 1000.0, atol=1e-12)


def test_absent_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        prices.ercot(tmp_path, 0, 1)


def test_hub_average_of_the_reference_weeks(data_dir: Path) -> None:
    folder = data_dir / "prices" / "ercot_hb_hubavg_2024"
    raw = pd.read_parquet(folder / "rtm_15min.parquet").set_index("interval_start_utc")[
        "price_usd_per_mwh"
    ]
    start = _utc("2024-08-19T06:00Z")
    table = prices.ercot(folder, start, 7)
    first = 4 * LEAD_H
    assert table.real_time_per_kwh[first] == pytest.approx(
        raw[pd.Timestamp("2024-08-19T06:00Z")] / 1000.0
    )
    assert table.real_time_per_kwh[first : first + 672].max() == pytest.approx(
        4.9, abs=0.1
    )  # the 4.9 $/kWh of that week
    peaks = prices.ercot(folder, _utc("2024-08-05T06:00Z"), 7).real_time_per_kwh[
        first : first + 672
    ]
    assert peaks.max() == pytest.approx(0.85, abs=0.05)


def test_a_run_past_the_end_of_the_file_is_refused(data_dir: Path) -> None:
    with pytest.raises(InputError, match=r"2025-01-01 00:00 local time .*no row"):
        prices.ercot(data_dir / "prices" / "ercot_hb_hubavg_2024", _utc("2024-12-27T06:00Z"), 7)


def test_austin_zone_names_its_gap(data_dir: Path) -> None:
    folder = data_dir / "prices" / "ercot_lz_aen_2024"
    table = prices.zone(folder, _utc("2024-07-15T05:00Z"), 7)
    assert np.array_equal(table.real_time_per_kwh[::4], table.real_time_per_kwh[3::4])
    with pytest.raises(
        InputError, match=r"2024-03-10 01:00 local time to 2024-03-15 01:00 local time"
    ):
        prices.zone(folder / "lz_aen_2024_hourly.parquet", _utc("2024-03-12T05:00Z"), 2)


def test_south_hub_of_2016_and_its_missing_autumn(data_dir: Path) -> None:
    folder = data_dir / "prices" / "ercot_hb_south_2016"
    table = prices.hb_south(folder, _utc("2016-07-11T05:00Z"), 7)
    assert 0.0 < table.day_ahead_per_kwh.mean() < 0.1
    with pytest.raises(InputError, match=r"real-time prices, 2016-10-.*empty price"):
        prices.hb_south(folder, _utc("2016-10-10T05:00Z"), 2)
    with pytest.raises(InputError) as caught:  # day-ahead prices are whole across the repeated hour
        prices.hb_south(folder, _utc("2016-11-05T05:00Z"), 2)
    assert all("real-time" in problem.where for problem in caught.value.problems)
