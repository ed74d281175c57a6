"""ERCOT prices: the Parquet files of the data folder, and ERCOT's own CSV and workbook layouts, as UTC series."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.registry import register
from gridagora.core.tables import LEAD_H, TAIL_H, Col, Index, Prices
from gridagora.files.text_table import read_csv, read_workbook

ZONE = "US/Central"
HOUR_S, QUARTER_S = 3600, 900
SHOWN = 20  # problems of one kind listed at most
PRICE_MAX = 10_000.0  # $/MWh; the offer cap was 9 000 until 2021 and is 5 000 since, congestion may add to it
PRICE_LEAST = 1.0  # $/MWh; a file whose dearest hour is below is not in $/MWh
YES, NO = ("Y", "TRUE"), ("N", "FALSE")
FLAGS = ("repeatedhourflag", "dstflag")
CAP = "Is the file in $/MWh?"
LAYOUT = "These are the columns of ERCOT's reports NP4-190-CD (day ahead) and NP6-905-CD (real time)."
HINT = "Set GRIDAGORA_DATA to the data folder."
WANTED = "one price for every interval of the run, two days before it and a day after"
SKIPPED = "Files in standard time all year are not ERCOT's layout."


class Series(NamedTuple):
    """Settlement point prices in the order of time: start of each interval [s UTC] and price [$/MWh], shape (r,)."""

    start_s: Index
    price_per_mwh: Col


@register("source", "prices.source=ercot_hub_average")
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


@register("source", "prices.source=ercot_zone")
def zone(path: Path, start_s: int, days: int) -> Prices:
    """Read the hourly prices of a load zone, day-ahead and in real time (the hourly mean, four times).

    Parameters
    ----------
    path
        Parquet or csv file with `hour_start_local`, `dam_usd_mwh` and `rtm_usd_mwh_hourly_mean`, in local prevailing time, or
        a folder that holds one such Parquet file. Of a doubled hour the first is the earlier one.
    start_s, days
        As `ercot`.

    Raises
    ------
    InputError
        As `ercot`; a column that is absent; a folder with several files.
    """
    table = _table(_only_file(Path(path)))
    names = ("hour_start_local", "dam_usd_mwh", "rtm_usd_mwh_hourly_mean")
    absent = [name for name in names if name not in table]
    if absent:
        got = f"columns {list(table.columns)}"
        raise InputError(Problem(str(path), got, f"a column '{name}'") for name in absent)
    local = pd.to_datetime(table["hour_start_local"], errors="coerce")
    if local.isna().any():
        row = int(np.flatnonzero(local.isna())[0])
        got = f"'{table['hour_start_local'].iloc[row]}' and {int(local.isna().sum()) - 1} more"
        raise InputError([Problem(f"{path}, row {row + 2}, hour_start_local", got, "a local date and hour")])
    stamps = to_utc(local.dt.strftime("%Y-%m-%d").to_numpy(str), local.dt.hour.to_numpy() + 1, local.duplicated().to_numpy())
    hourly = Series(stamps, table["dam_usd_mwh"].to_numpy(float))
    each = (stamps[:, None] + QUARTER_S * np.arange(4)).ravel()
    mean = Series(each, np.repeat(table["rtm_usd_mwh_hourly_mean"].to_numpy(float), 4))
    return prices(hourly, mean, start_s, days, str(path))


@register("source", "prices.source=ercot_hb_south_2016")
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


@register("source", "prices.source=ercot_files")
def ercot_files(
    day_ahead: Path, real_time: Path, start_s: int, days: int, point: str | None = None, point_type: str | None = None
) -> Prices:
    """Read ERCOT's own files of day-ahead and real-time prices, as csv or workbook, around a run.

    Raises
    ------
    InputError
        As `read_day_ahead` and `read_real_time`, the faults of both files together.
    """
    problems: list[Problem] = []
    series: list[Series] = []
    for read in (lambda: read_day_ahead(day_ahead, point), lambda: read_real_time(real_time, point, point_type)):
        try:
            series.append(read())
        except InputError as fault:
            problems += fault.problems
    if problems:
        raise InputError(problems)
    return prices(series[0], series[1], start_s, days, f"{day_ahead} and {real_time}")


def read_day_ahead(path: Path, point: str | None = None) -> Series:
    """Read ERCOT's day-ahead settlement point prices: DeliveryDate, HourEnding, SettlementPoint, SettlementPointPrice, DSTFlag.

    Spaced and camel-case headings, csv and workbook (one sheet a month) are understood.

    Raises
    ------
    InputError
        A column, the settlement point or an hour that does not exist; doubled or empty rows; by row of the file.

    References
    ----------
    ERCOT report NP4-190-CD (DAM Settlement Point Prices).
    """
    names = {"date": "deliverydate", "hour": "hourending", "point": "settlementpoint", "price": "settlementpointprice"}
    table = _at_point(path, _ercot_table(path, names), point, None)
    return _series(path, table, pd.Series(np.ones(len(table)), index=table.index), HOUR_S)


def read_real_time(path: Path, point: str | None = None, point_type: str | None = None) -> Series:
    """Read ERCOT's real-time settlement point prices: as `read_day_ahead`, with DeliveryHour and DeliveryInterval 1-4.

    Every load zone and tie stands twice in these files under one name, with the types LZ and LZEW (LZ_DC and LZ_DCEW): the
    second is weighted by energy. `point_type` chooses; left out, it is the first.

    Raises
    ------
    InputError
        As `read_day_ahead`; a type that the point does not have.

    References
    ----------
    ERCOT report NP6-905-CD (Settlement Point Prices at Resource Nodes, Hubs and Load Zones).
    """
    names = {"date": "deliverydate", "hour": "deliveryhour", "interval": "deliveryinterval"}
    names |= {"point": "settlementpointname", "price": "settlementpointprice"}
    table = _at_point(path, _ercot_table(path, names), point, point_type)
    return _series(path, table, pd.to_numeric(table["interval"], errors="coerce"), QUARTER_S)


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


def _only_file(path: Path) -> Path:
    """Return the file, or the only zone file of a folder."""
    if not path.is_dir():
        return path
    found = sorted(path.glob("*_hourly.parquet"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in found) or "none"
    hint = "Name the file itself by [prices] file."
    raise InputError([Problem(str(path), f"the zone files {names}", "one file *_hourly.parquet", hint)])


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError([Problem(str(path), "no such file", "a file of prices", HINT)])
    if path.suffix.lower() == ".csv":
        return read_csv(path)
    try:
        return pd.read_parquet(path)
    except (pa.ArrowInvalid, OSError) as fault:
        raise InputError([Problem(str(path), f"a file that cannot be read ({fault})", "a Parquet file of prices")]) from fault


def _parquet(path: Path) -> Series:
    table = _table(path)
    start = table["interval_start_utc"].dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[s]")
    return Series(start.to_numpy().astype(np.int64), table["price_usd_per_mwh"].to_numpy(float))


def _plain(name: object) -> str:
    return "".join(letter for letter in str(name).lower() if letter.isalnum())


def _ercot_table(path: Path, wanted: dict[str, str]) -> pd.DataFrame:
    """Read a csv or all sheets of a workbook, and give its columns our names; the index is the row of the file less two."""
    if not Path(path).is_file():
        raise InputError([Problem(str(path), "no such file", "a price file of ERCOT")])
    workbook = Path(path).suffix.lower() in {".xlsx", ".xlsm"}
    table = read_workbook(path) if workbook else read_csv(path)
    place = table.pop("place") if workbook and "place" in table else pd.Series("", index=table.index)
    have = {_plain(name): name for name in table.columns}
    # yearly workbooks name the point column "Settlement Point" where the daily csv says "SettlementPointName"
    alike = {"settlementpoint": "settlementpointname", "settlementpointname": "settlementpoint"}
    found = {ours: have.get(theirs, have.get(alike.get(theirs, ""))) for ours, theirs in wanted.items()}
    found["flag"] = next((have[flag] for flag in FLAGS if flag in have), None)
    absent = [name for name, column in found.items() if column is None]
    if absent:
        expected = {**wanted, "flag": "RepeatedHourFlag or DSTFlag"}
        missed = ", ".join(f"'{expected[name]}'" for name in absent)
        raise InputError([Problem(f"{path}, line 1", f"columns {list(table.columns)}", f"columns like {missed}", LAYOUT)])
    named = table[list(found.values())].set_axis(list(found), axis=1)
    kind = have.get("settlementpointtype")
    return named.assign(type="" if kind is None else table[kind].map(str).str.strip(), place=place)


def _at_point(path: Path, table: pd.DataFrame, point: str | None, point_type: str | None) -> pd.DataFrame:
    """Return the rows of one settlement point of one type."""
    name = table["point"].map(str).str.strip()
    points = sorted(name.unique())
    if not points or (point is None and len(points) > 1) or (point is not None and point not in points):
        got = "no settlement point chosen" if point is None else f"'{point}'"
        some = ", ".join(points[:SHOWN]) + (f" and {len(points) - SHOWN} more" if len(points) > SHOWN else "")
        hint = nearest(point, points) if point and points else "Name one by [prices] point."
        raise InputError([Problem(f"{path}, settlement point", got, f"one of {some or 'those of a file with rows'}", hint)])
    rows = table[name == (point or points[0])]
    types = sorted(rows["type"].unique())
    plain = [kind for kind in types if not kind.endswith("EW")]  # weighted by energy: settlement of load zones uses it not
    chosen = [point_type] if point_type and rows["type"].any() else plain if len(types) > 1 else types
    if len(chosen) != 1 or chosen[0] not in types:
        got = f"type '{point_type}'" if point_type else f"types {', '.join(types)}"
        hint = "Set [prices] point_type."
        raise InputError([Problem(f"{path}, settlement point '{name[rows.index[0]]}'", got, f"one of {', '.join(types)}", hint)])
    return rows[rows["type"] == chosen[0]]


def _dates(text: pd.Series) -> pd.Series:
    """Return days written month first, as ERCOT does, or year first; NaT for any other."""
    if pd.api.types.is_datetime64_any_dtype(text):
        return text.dt.normalize()
    plain = text.astype(str).str.strip().str.replace(r"[T ]00:00(:00(\.0+)?)?$", "", regex=True)
    month_first = pd.to_datetime(plain, format="%m/%d/%Y", errors="coerce")
    return month_first.fillna(pd.to_datetime(plain, format="%Y-%m-%d", errors="coerce"))


def _series(path: Path, table: pd.DataFrame, interval: pd.Series, step_s: int) -> Series:
    """Turn local hours into UTC, in the order of time."""
    hours = pd.to_numeric(table["hour"].astype(str).str.split(":").str[0], errors="coerce")
    dates, flag = _dates(table["date"]), table["flag"].astype(str).str.strip().str.upper()
    per = HOUR_S // step_s
    whole = (hours % 1 == 0) & (interval % 1 == 0)
    unread = (dates.isna() | ~hours.between(1, 24) | ~interval.between(1, per) | ~whole).to_numpy()
    written = table[[name for name in ("date", "hour", "interval") if name in table]].map(str).agg(", ".join, axis=1)
    expected = "a date month/day/year or year-month-day, an hour 1-24" + (" and an interval 1-4" if per > 1 else "")
    unflagged = ~flag.isin([*YES, *NO]).to_numpy()
    flagged = table["flag"].map(lambda text: f"the flag of the repeated hour '{'' if pd.isna(text) else text}'")
    problems = [
        *_problems(path, table, unread, written, expected),
        *_problems(path, table, unflagged, flagged, "Y, N, true or false"),
    ]
    if problems:
        raise InputError(problems)
    hour, date = hours.to_numpy(np.int64), dates.dt.strftime("%Y-%m-%d").to_numpy(str)
    start = to_utc(date, hour, flag.isin(YES).to_numpy())
    skipped = start < 0
    start = start + (interval.to_numpy(np.int64) - 1) * step_s
    price = pd.to_numeric(table["price"], errors="coerce").to_numpy(float)
    doubled = pd.Series(start).duplicated().to_numpy() & ~skipped
    at = ": " + pd.Series(date, index=table.index) + [f" hour ending {h:02d}:00" for h in hour]
    shown = table["price"].map(lambda text: "no price" if pd.isna(text) else f"'{text}'")
    again = "each once, the repeated hour of autumn flagged Y"
    most = f"at most {PRICE_MAX:,.0f} $/MWh either way"
    problems = [
        *_problems(path, table, skipped, "an hour that the clock skips", "the 23 hours of that day", SKIPPED, at),
        *_problems(path, table, doubled, "the same interval again", again, "", at),
        *_problems(path, table, ~np.isfinite(price), shown, "a number", "", at),
        *_problems(path, table, np.abs(price) > PRICE_MAX, shown, most, CAP, at),
    ]
    if len(price) and 0 < np.nanmax(np.abs(price)) < PRICE_LEAST:
        got = f"no price above {np.nanmax(np.abs(price)):g}"
        problems.append(Problem(f"{path}, SettlementPointPrice", got, "prices in $/MWh", "They look like $/kWh."))
    if problems:
        raise InputError(problems)
    order = np.argsort(start, kind="stable")
    return Series(start[order], price[order])


def _problems(
    path: Path,
    table: pd.DataFrame,
    wrong: NDArray[np.bool_],
    got: pd.Series | str,
    expected: str,
    hint: str = "",
    at: pd.Series | None = None,
) -> list[Problem]:
    """Return a problem for each wrong row, by its row in the file; after `SHOWN` of them the rest is counted."""
    rows = np.flatnonzero(wrong)
    found = [
        Problem(
            f"{path}, {table['place'].iloc[row]}row {table.index[row] + 2}{'' if at is None else at.iloc[row]}",
            got if isinstance(got, str) else got.iloc[row],
            expected,
            hint,
        )
        for row in rows[:SHOWN]
    ]
    if len(rows) > SHOWN:
        found.append(Problem(str(path), f"{len(rows) - SHOWN} more rows of this kind", expected, hint))
    return found
