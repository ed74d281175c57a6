"""ERCOT prices: the Parquet files of the data folder, and ERCOT's own CSV and workbook layouts, as UTC series."""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.tables import LEAD_H, TAIL_H, Col, Index, Prices

ZONE = "US/Central"
HOUR_S, QUARTER_S = 3600, 900
SHOWN = 20  # problems of one kind listed at most
HINT = "Set GRIDAGORA_DATA to the data folder."
WANTED = "one price for every interval of the run, two days before it and a day after"
SKIPPED = "Files in standard time all year are not ERCOT's layout."


class Series(NamedTuple):
    """Settlement point prices in the order of time: start of each interval [s UTC] and price [$/MWh], shape (r,)."""

    start_s: Index
    price_per_mwh: Col


@register("source", "ercot_hubavg")
def ercot(folder: Path, start_s: int, days: int) -> Prices:
    """Read hub-average prices of 2024, day-ahead hourly and real-time every 15 minutes, around a run.

    Parameters
    ----------
    folder
        Folder with `dam_hourly.parquet` and `rtm_15min.parquet`, stamped at UTC interval starts.
    start_s
        Start of the run [s UTC]. The weeks of the prototype start at local *standard* midnight, 06:00 UTC, all year.
    days
        Length of the run.

    Raises
    ------
    InputError
        A file that is absent, an interval that is missing, doubled or without a figure; the sentence gives local date and hour.
    """
    hourly = _parquet(Path(folder) / "dam_hourly.parquet")
    quarter = _parquet(Path(folder) / "rtm_15min.parquet")
    return prices(hourly, quarter, start_s, days, str(folder))


@register("source", "ercot_austin_zone")
def austin_zone(folder: Path, start_s: int, days: int) -> Prices:
    """Read the Austin Energy load zone of 2024: hourly both day-ahead and in real time (the hourly mean, four times).

    The file lacks 10-17 March and the repeated hour of November: a run that needs them is refused.

    Raises
    ------
    InputError
        As `ercot`.
    """
    table = _table(Path(folder) / "lz_aen_2024_hourly.parquet")
    local = table["hour_start_local"]
    stamps = to_utc(local.dt.strftime("%Y-%m-%d").to_numpy(str), local.dt.hour.to_numpy() + 1, np.zeros(len(local), bool))
    hourly = Series(stamps, table["dam_usd_mwh"].to_numpy(float))
    mean = Series(stamps, table["rtm_usd_mwh_hourly_mean"].to_numpy(float))
    return prices(hourly, quarters(mean), start_s, days, str(folder))


@register("source", "ercot_hb_south_2016")
def hb_south(folder: Path, start_s: int, days: int) -> Prices:
    """Read the South hub of 2016; real-time prices end on 31 August and a run that needs later ones is refused.

    The file is local prevailing time on a five-minute grid. The hour that the clock skips on 13 March is filled with the price
    before it and left out here; of the first 01:00 hour of 6 November only the day-ahead price is there.

    Raises
    ------
    InputError
        As `ercot`.
    """
    table = _table(Path(folder) / "hb_south_2016_5min.parquet")
    local = table["interval_start_local"]
    repeated = local.duplicated().to_numpy()
    date, hour = local.dt.strftime("%Y-%m-%d").to_numpy(str), local.dt.hour.to_numpy() + 1
    stamps = to_utc(date, hour, repeated) + (local.dt.minute * 60).to_numpy(np.int64)
    full, every = local.dt.minute.to_numpy() == 0, local.dt.minute.to_numpy() % 15 == 0
    hourly = Series(stamps[full], table["dam_usd_mwh"].to_numpy(float)[full])
    quarter = Series(stamps[every], table["rtm_usd_mwh"].to_numpy(float)[every])
    return prices(hourly, quarter, start_s, days, str(folder))


def prices(day_ahead: Series, real_time: Series, start_s: int, days: int, where: str = "prices") -> Prices:
    """Cut two series to a run, from `LEAD_H` hours before to `TAIL_H` hours after; negative prices are kept.

    Raises
    ------
    InputError
        Missing, doubled or empty intervals of either series, together.
    """
    hours = LEAD_H + 24 * days + TAIL_H
    first = start_s - LEAD_H * HOUR_S
    problems: list[Problem] = []
    hourly = _cut(day_ahead, first, HOUR_S, hours, f"{where}, day-ahead prices", problems)
    quarter = _cut(real_time, first, QUARTER_S, 4 * hours, f"{where}, real-time prices", problems)
    if problems:
        raise InputError(problems)
    return Prices(start_s, hourly / 1000.0, quarter / 1000.0)


def quarters(hourly: Series) -> Series:
    """Repeat an hourly series every 15 minutes."""
    start = (hourly.start_s[:, None] + QUARTER_S * np.arange(4)).ravel()
    return Series(start, np.repeat(hourly.price_per_mwh, 4))


@register("source", "ercot_day_ahead_file")
def read_day_ahead(path: Path, point: str | None = None) -> Series:
    """Read ERCOT's day-ahead settlement point prices: DeliveryDate, HourEnding, SettlementPoint, SettlementPointPrice, DSTFlag.

    Spaced and camel-case headings, csv and workbook (one sheet a month) are understood.

    Raises
    ------
    InputError
        A column, the settlement point or an hour that does not exist; doubled or empty rows.

    References
    ----------
    ERCOT report NP4-190-CD (DAM Settlement Point Prices).
    """
    names = {"date": "deliverydate", "hour": "hourending", "point": "settlementpoint", "price": "settlementpointprice"}
    table = _ercot_table(path, names, point)
    return _series(path, table, pd.Series(np.ones(len(table))), HOUR_S)


@register("source", "ercot_real_time_file")
def read_real_time(path: Path, point: str | None = None) -> Series:
    """Read ERCOT's real-time settlement point prices: as `read_day_ahead`, with DeliveryHour and DeliveryInterval 1-4.

    Raises
    ------
    InputError
        As `read_day_ahead`.

    References
    ----------
    ERCOT report NP6-905-CD (Settlement Point Prices at Resource Nodes, Hubs and Load Zones).
    """
    names = {"date": "deliverydate", "hour": "deliveryhour", "interval": "deliveryinterval"}
    table = _ercot_table(path, {**names, "point": "settlementpointname", "price": "settlementpointprice"}, point)
    return _series(path, table, pd.to_numeric(table["interval"], errors="coerce"), QUARTER_S)


def day_ahead_layout(series: Series, point: str) -> pd.DataFrame:
    """Return a series in ERCOT's day-ahead columns: hour ending local prevailing, the repeated hour told by the flag."""
    date, hour, repeated = to_local(series.start_s)
    ending = np.array([f"{h:02d}:00" for h in hour])
    columns = {"DeliveryDate": _american(date), "HourEnding": ending, "SettlementPoint": point}
    return pd.DataFrame({**columns, "SettlementPointPrice": series.price_per_mwh, "DSTFlag": np.where(repeated, "Y", "N")})


def real_time_layout(series: Series, point: str) -> pd.DataFrame:
    """Return a series in ERCOT's real-time columns: delivery hour 1-24 and interval 1-4, the repeated hour told by the flag."""
    date, hour, repeated = to_local(series.start_s)
    interval = series.start_s % HOUR_S // QUARTER_S + 1
    flag = np.where(repeated, "Y", "N")
    columns = {"DeliveryDate": _american(date), "DeliveryHour": hour, "DeliveryInterval": interval, "RepeatedHourFlag": flag}
    return pd.DataFrame({**columns, "SettlementPointName": point, "SettlementPointPrice": series.price_per_mwh})


def to_local(start_s: Index) -> tuple[NDArray[np.str_], Index, NDArray[np.bool_]]:
    """Return local date (ISO), hour ending 1-24 and repeated-hour flag of interval starts [s UTC]."""
    wall, earlier = _wall(start_s), _wall(start_s - HOUR_S)
    repeated = np.asarray(wall == earlier)
    return wall.strftime("%Y-%m-%d").to_numpy(str), wall.hour.to_numpy(np.int64) + 1, repeated


def _wall(start_s: Index) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(start_s, unit="s", utc=True)).tz_convert(ZONE).tz_localize(None)


def to_utc(date: NDArray[np.str_], hour_ending: NDArray[np.integer], repeated: NDArray[np.bool_]) -> Index:
    """Return the start of local hours [s UTC]; -1 where the hour does not exist (the spring day has 23)."""
    wall = pd.to_datetime(pd.Series(date)) + pd.to_timedelta(np.asarray(hour_ending) - 1, unit="h")
    stamps = wall.dt.tz_localize(ZONE, ambiguous=~np.asarray(repeated), nonexistent="NaT")
    utc = stamps.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[s]")
    return np.where(stamps.isna(), -1, utc.to_numpy().astype(np.int64))


def _american(date: NDArray[np.str_]) -> NDArray[np.str_]:
    return np.array([f"{d[5:7]}/{d[8:10]}/{d[:4]}" for d in date])


def _local(start_s: int) -> str:
    date, hour, repeated = to_local(np.array([start_s]))
    minute = start_s % HOUR_S // 60
    return f"{date[0]} {hour[0] - 1:02d}:{minute:02d} local time{' (repeated hour)' if repeated[0] else ''}"


def _cut(series: Series, first_s: int, step_s: int, count: int, where: str, problems: list[Problem]) -> Col:
    """Put the wanted intervals in order; every fault is added to `problems`."""
    row, rest = np.divmod(series.start_s - first_s, step_s)
    inside = (row >= 0) & (row < count)
    value, seen = np.full(count, np.nan), np.zeros(count, np.int64)
    value[row[inside]] = series.price_per_mwh[inside]
    np.add.at(seen, row[inside], 1)
    at = first_s + step_s * np.arange(count)
    if rest[inside].any():
        problems.append(Problem(where, "a start off the full interval", f"starts every {step_s // 60} minutes"))
    kinds = (
        (seen == 0, "no row", WANTED, "The series ends there or has a gap."),
        (seen > 1, "more than one row", "one price", "In autumn the repeated hour must carry its flag."),
        ((seen == 1) & ~np.isfinite(value), "an empty price", "a number", "Negative prices are fine, empty ones are not."),
    )
    for mask, got, expected, hint in kinds:
        for begin, end in _runs(mask)[:SHOWN]:
            span = _local(int(at[begin])) + (f" to {_local(int(at[end - 1]) + step_s)}" if end > begin + 1 else "")
            problems.append(Problem(f"{where}, {span}", got, expected, hint))
    return value


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError([Problem(str(path), "no such file", "a Parquet file of prices", HINT)])
    return pd.read_parquet(path)


def _parquet(path: Path) -> Series:
    table = _table(path)
    start = table["interval_start_utc"].dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[s]")
    return Series(start.to_numpy().astype(np.int64), table["price_usd_per_mwh"].to_numpy(float))


def _plain(name: object) -> str:
    return "".join(letter for letter in str(name).lower() if letter.isalnum())


def _ercot_table(path: Path, wanted: dict[str, str], point: str | None) -> pd.DataFrame:
    """Read a csv or all sheets of a workbook, and give its columns our names."""
    if not Path(path).is_file():
        raise InputError([Problem(str(path), "no such file", "a price file of ERCOT")])
    if Path(path).suffix.lower() in {".xlsx", ".xls"}:
        if find_spec("openpyxl") is None:
            raise InputError([Problem(str(path), "a workbook", "a csv file", "Save it as csv, or install openpyxl.")])
        table = pd.concat(pd.read_excel(path, sheet_name=None).values(), ignore_index=True)
    else:
        table = pd.read_csv(path)
    flags = ("repeatedhourflag", "dstflag")
    # yearly workbooks name the point column "Settlement Point" where the daily csv says "SettlementPointName"
    alike = {"settlementpoint": "settlementpointname", "settlementpointname": "settlementpoint"}
    have = {_plain(name): name for name in table.columns}
    found = {ours: have.get(theirs, have.get(alike.get(theirs, ""))) for ours, theirs in wanted.items()}
    found["flag"] = next((have[flag] for flag in flags if flag in have), None)
    absent = [name for name, column in found.items() if column is None]
    if absent:
        expected = {**wanted, "flag": "RepeatedHourFlag or DSTFlag"}
        got = f"columns {list(table.columns)}"
        raise InputError(Problem(str(path), got, f"a column like '{expected[name]}'") for name in absent)
    table = table[list(found.values())].set_axis(list(found), axis=1)
    points = sorted(map(str, table["point"].unique()))
    if (point is None and len(points) > 1) or (point is not None and point not in points):
        raise InputError([Problem(f"{path}, settlement point", f"'{point}'", "one of " + ", ".join(points[:SHOWN]))])
    return table[table["point"] == (point or points[0])].reset_index(drop=True)


def _series(path: Path, table: pd.DataFrame, interval: pd.Series, step_s: int) -> Series:
    """Turn local hours into UTC, in the order of time."""
    hours = pd.to_numeric(table["hour"].astype(str).str.split(":").str[0], errors="coerce")
    dates = pd.to_datetime(table["date"], errors="coerce")
    unread = np.flatnonzero((dates.isna() | ~hours.between(1, 24) | ~interval.between(1, HOUR_S // step_s)).to_numpy())
    if len(unread):
        expected = "a date, an hour 1-24 and an interval 1-4"
        got = [", ".join(str(table[name].iloc[row]) for name in table if name in {"date", "hour", "interval"}) for row in unread]
        raise InputError(
            Problem(f"{path}, row {row + 2}", text, expected) for row, text in zip(unread[:SHOWN], got, strict=False)
        )
    hour, date = hours.to_numpy(np.int64), dates.dt.strftime("%Y-%m-%d").to_numpy(str)
    repeated = (table["flag"].astype(str).str.upper() == "Y").to_numpy()
    start = to_utc(date, hour, repeated)
    skipped = start < 0
    start = start + (interval.to_numpy(np.int64) - 1) * step_s
    price = pd.to_numeric(table["price"], errors="coerce").to_numpy(float)
    doubled = pd.Series(start).duplicated().to_numpy() & ~skipped
    kinds = (
        (skipped, "an hour that the clock skips", "the 23 hours of that day", SKIPPED),
        (doubled, "the same interval again", "each once, the repeated hour of autumn flagged Y", ""),
        (np.isnan(price), "no price", "a number", ""),
    )
    problems = [
        Problem(f"{path}, row {row + 2}: {date[row]} hour ending {hour[row]:02d}:00", got, expected, hint)
        for mask, got, expected, hint in kinds
        for row in np.flatnonzero(mask)[:SHOWN]
    ]
    if problems:
        raise InputError(problems)
    order = np.argsort(start, kind="stable")
    return Series(start[order], price[order])
