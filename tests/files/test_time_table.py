"""Series by time: stamps as people and exports write them, columns of numbers, and tables that have gaps or two readings."""

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.files.time_table import mean_over, read_time_table

MIDNIGHT_S = 1721001600  # 15 July 2024, 00:00 UTC


def read(tmp_path, text, zone="UTC", first_s=None):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_time_table(path, zone, first_s)


def rows(stamps, heading="time"):
    return f"{heading};x\n" + "".join(f"{stamp};{at}\n" for at, stamp in enumerate(stamps))


@pytest.mark.parametrize(
    ("stamps", "heading", "zone"),
    [
        (("2024-07-15 00:00", "2024-07-15 01:00"), "time", "UTC"),
        (("2024-07-15T00:00:00Z", "2024-07-15T01:00:00Z"), "Timestamp", "America/Chicago"),
        (("2024-07-15 02:00+02:00", "2024-07-15 03:00+02:00"), "time", "UTC"),
        (("15.07.2024 00:00", "15.07.2024 01:00"), "Datum", "UTC"),
        (("15/07/2024 00:00", "15/07/2024 01:00"), "date", "UTC"),
        (("07/15/2024 00:00", "07/15/2024 01:00"), "date", "UTC"),
        (("2024-07-14 18:00", "2024-07-14 19:00"), "time", "Etc/GMT+6"),
        (("2024-07-15 00:00", "2024-07-15 01:00"), "time (UTC)", "America/Chicago"),
        (("15.07.2024 02:00 - 15.07.2024 03:00", "15.07.2024 03:00 - 15.07.2024 04:00"),
         "MTU (CET/CEST)", "UTC"),
    ],
)  # fmt: skip
def test_stamps_are_read_as_they_are_written(tmp_path, stamps, heading, zone):
    found = read(tmp_path, rows(stamps, heading), zone)
    assert list(found.start_s) == [MIDNIGHT_S, MIDNIGHT_S + 3600]
    assert found.step_s == 3600
    assert list(found.columns["x"].values) == [0.0, 1.0]


def test_numbered_hours_begin_with_the_first(tmp_path):
    found = read(tmp_path, rows(("1", "2", "3"), "hour"), first_s=MIDNIGHT_S)
    assert list(found.start_s - MIDNIGHT_S) == [0, 3600, 7200]


def test_an_hour_that_the_clock_shows_twice_is_two_hours(tmp_path):
    stamps = [f"2024-10-27 {hour}" for hour in ("01:00", "02:00", "02:00", "03:00")]
    found = read(tmp_path, rows(stamps), "Europe/Berlin")
    assert list(np.diff(found.start_s)) == [3600, 3600, 3600]


def test_rows_may_stand_in_any_order_and_cells_may_be_empty(tmp_path):
    text = "time,Load (kW),b\n2024-07-15 00:15,2,\n2024-07-15 00:00,1,n/e\n2024-07-15 00:30,3,7\n"
    found = read(tmp_path, text)
    assert list(found.columns["load"].values) == [1.0, 2.0, 3.0]
    assert found.columns["load"].unit == "kw"
    assert np.isnan(found.columns["b"].values[:2]).all()
    assert list(found.row) == [3, 2, 4]


def test_means_and_parts_keep_the_energy(tmp_path):
    quarters = [
        f"2024-07-15 {hour:02d}:{minute:02d}" for hour in range(3) for minute in (0, 15, 30, 45)
    ]
    found = read(tmp_path, rows(quarters))
    start_s, mean = mean_over(found, found.columns["x"].values, 3600)
    assert list(mean) == [1.5, 5.5, 9.5]
    assert list(start_s) == [MIDNIGHT_S, MIDNIGHT_S + 3600, MIDNIGHT_S + 7200]
    start_s, parts = mean_over(found, found.columns["x"].values, 300)
    assert list(parts[:6]) == [0, 0, 0, 1, 1, 1]
    assert list(np.diff(start_s)) == [300] * 35
    gap = np.where(np.arange(12) == 5, np.nan, found.columns["x"].values)
    assert np.isnan(mean_over(found, gap, 3600)[1][1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rows(("05/07/2024 00:00", "05/07/2024 01:00")), "no day above 12 in any row"),
        (rows(("2024-07-15 00:00", "soon")), "row 3: got 'soon' in 'time'"),
        (rows(("2024-07-15 00:00", "2024-07-15 00:00")), "row 3: got the time of row 2 again"),
        (rows([f"2024-07-15 {h:02d}:00" for h in (0, 1, 2, 5, 6)]), "row 4: got a gap of 2 hours"),
        (rows(("2024-07-15 00:00", "2024-07-15 00:07")), "rows 7 minutes apart"),
        (rows(("2024-07-15 00:05", "2024-07-15 01:05")), "off the full 60 minutes"),
        (rows(("2024-07-15 00:00Z", "2024-07-15 01:00")), "an offset in all"),
        (rows(("0", "1")), "numbers in 'time'"),
        ("a;b\n1;2\n", "a column 'time'"),
        ("time;date;x\n2024-07-15;2024-07-15;1\n", "one column 'time'"),
        ("time\n2024-07-15 00:00\n", "no column beside"),
        ("time;x\n2024-07-15 00:00;five\n", "'five' in 'x'"),
        ("time;x\n2024-07-15 00:00;1,500\n", "'1,500' in 'x'"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_row(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        read(tmp_path, text)


def test_an_hour_that_no_clock_shows_is_refused(tmp_path):
    with pytest.raises(InputError, match="an hour no clock shows"):
        read(tmp_path, rows(("2024-03-10 02:00", "2024-03-10 03:00")), "America/Chicago")
