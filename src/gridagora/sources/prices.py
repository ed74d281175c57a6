"""ERCOT prices: the Parquet files of the data folder, and ERCOT's own CSV and workbook layouts, as UTC series."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridagora.core.errors import InputError, Problem, attempt
from gridagora.core.registry import register
from gridagora.core.tables import LEAD_H, TAIL_H, Col, Prices
from gridagora.files import ercot_table
from gridagora.files.ercot_table import (
    HOUR_S,
    PER_MWH,
    PRICE_MAX,
    SHOWN,
    ZONE,
    Series,
    to_local,
    to_utc,
)
from gridagora.files.parquet import read_parquet
from gridagora.files.text_table import doubled, read_csv

QUARTER_S = 900
HINT = "Set GRIDAGORA_DATA to the data folder."
WANTED = "one price for every interval of the run, two days before it and a day after"
LOCAL_HOUR = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.0+)?)?"  # what other words might mean is not guessed at
__all__ = [
    "ZONE",
    "Series",
    "ercot",
    "ercot_files",
    "hb_south",
    "prices",
    "read_day_ahead",
    "read_real_time",
    "to_utc",
    "zone",
]


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
def zone(path: Path, start_s: int, days: int, unit: str = "") -> Prices:
    """Read the hourly prices of a load zone, day-ahead and in real time (the hourly mean, four times).

    Parameters
    ----------
    path
        Parquet or csv file with `hour_start_local`, `dam_usd_mwh` and `rtm_usd_mwh_hourly_mean`, in local prevailing time, or
        a folder that holds one such Parquet file. Of a doubled hour the first is the earlier one.
    start_s, days
        As `ercot`.
    unit
        Of the prices: $/MWh, $/kWh or ct/kWh; empty: $/MWh, which is then checked.

    Raises
    ------
    InputError
        As `ercot`; a column that is absent; a folder with several files; a figure that is no price, by row.
    """
    path = _only_file(Path(path))
    names = ("hour_start_local", "dam_usd_mwh", "rtm_usd_mwh_hourly_mean")
    table = _named(path, names)
    local = table[names[0]]
    if not pd.api.types.is_datetime64_any_dtype(local):
        text = local.map(str).str.strip()
        local = pd.to_datetime(
            text.where(text.str.fullmatch(LOCAL_HOUR)), format="ISO8601", errors="coerce"
        )
    elif local.dt.tz is not None:
        local = local.dt.tz_convert(ZONE).dt.tz_localize(None)
    problems = _faulty(
        path, table, names[0], local.isna().to_numpy(), "a local date and hour as 2024-07-15 13:00"
    )
    series = []
    for name in names[1:]:
        price = pd.to_numeric(table[name], errors="coerce").to_numpy(float) * PER_MWH[unit]
        given = (
            table[name].notna().to_numpy()
        )  # an hour without a price is told where the run needs it
        problems += _faulty(path, table, name, given & ~np.isfinite(price), "a number")
        problems += _faulty(
            path,
            table,
            name,
            np.abs(price) > PRICE_MAX,
            f"at most {PRICE_MAX:,.0f} $/MWh either way",
        )
        problems += ercot_table.unlikely(f"{path}, {name}", price, unit)
        series.append(price)
    if problems:
        raise InputError(problems)
    stamps = to_utc(
        local.dt.strftime("%Y-%m-%d").to_numpy(str),
        local.dt.hour.to_numpy() + 1,
        local.duplicated().to_numpy(),
    )
    each = (stamps[:, None] + QUARTER_S * np.arange(4)).ravel()
    return prices(
        Series(stamps, series[0]), Series(each, np.repeat(series[1], 4)), start_s, days, str(path)
    )


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
    table = _named(
        Path(folder) / "hb_south_2016_5min.parquet",
        ("interval_start_local", "dam_usd_mwh", "rtm_usd_mwh"),
    )
    local = table["interval_start_local"]
    repeated = local.duplicated().to_numpy()
    date, hour = local.dt.strftime("%Y-%m-%d").to_numpy(str), local.dt.hour.to_numpy() + 1
    stamps = to_utc(date, hour, repeated) + (local.dt.minute * 60).to_numpy(np.int64)
    full, every = local.dt.minute.to_numpy() == 0, local.dt.minute.to_numpy() % 15 == 0
    hourly = Series(stamps[full], table["dam_usd_mwh"].to_numpy(float)[full])
    quarter = Series(stamps[every], table["rtm_usd_mwh"].to_numpy(float)[every])
    return prices(hourly, quarter, start_s, days, str(folder))


def prices(
    day_ahead: Series, real_time: Series, start_s: int, days: int, where: str = "prices"
) -> Prices:
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
    day_ahead: Path,
    real_time: Path,
    start_s: int,
    days: int,
    point: str | None = None,
    point_type: str | None = None,
    unit: str = "",
) -> Prices:
    """Read ERCOT's own files of day-ahead and real-time prices, as csv or workbook, around a run.

    Raises
    ------
    InputError
        As `read_day_ahead` and `read_real_time`, the faults of both files together.
    """
    problems: list[Problem] = []
    hourly = attempt(lambda: read_day_ahead(day_ahead, point, unit), problems)
    quarter = attempt(lambda: read_real_time(real_time, point, point_type, unit), problems)
    if hourly is None or quarter is None:
        raise InputError(problems)
    return prices(hourly, quarter, start_s, days, f"{day_ahead} and {real_time}")


def read_day_ahead(path: Path, point: str | None = None, unit: str = "") -> Series:
    """Read ERCOT's day-ahead settlement point prices: DeliveryDate, HourEnding, SettlementPoint, SettlementPointPrice, DSTFlag.

    Spaced and camel-case headings, csv and workbook (one sheet a month) are understood; so are names of points in any case.

    Raises
    ------
    InputError
        A column, the settlement point or an hour that does not exist; doubled or empty rows; by row of the file. Prices that
        look as if they were in another unit than $/MWh, where `unit` does not say it.

    References
    ----------
    ERCOT report NP4-190-CD (DAM Settlement Point Prices).
    """
    names = {
        "date": "deliverydate",
        "hour": "hourending",
        "point": "settlementpoint",
        "price": "settlementpointprice",
    }
    return ercot_table.read(path, names, HOUR_S, point, None, unit)


def read_real_time(
    path: Path, point: str | None = None, point_type: str | None = None, unit: str = ""
) -> Series:
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
    return ercot_table.read(path, names, QUARTER_S, point, point_type, unit)


def _local(start_s: int) -> str:
    date, hour, repeated = to_local(np.array([start_s]))
    minute = start_s % HOUR_S // 60
    return f"{date[0]} {hour[0] - 1:02d}:{minute:02d} local time{' (repeated hour)' if repeated[0] else ''}"


def _cut(
    series: Series, first_s: int, step_s: int, count: int, where: str, problems: list[Problem]
) -> Col:
    """Put the wanted intervals in order; every fault is added to `problems`."""
    row, rest = np.divmod(series.start_s - first_s, step_s)
    inside = (row >= 0) & (row < count)
    value, seen = np.full(count, np.nan), np.zeros(count, np.int64)
    value[row[inside]] = series.price_per_mwh[inside]
    np.add.at(seen, row[inside], 1)
    at = first_s + step_s * np.arange(count)
    if rest[inside].any():
        problems.append(
            Problem(where, "a start off the full interval", f"starts every {step_s // 60} minutes")
        )
    kinds = (
        (seen == 0, "no row", WANTED, "The series ends there or has a gap."),
        (
            seen > 1,
            "more than one row",
            "one price",
            "In autumn the repeated hour must carry its flag.",
        ),
        (
            (seen == 1) & ~np.isfinite(value),
            "an empty price",
            "a number",
            "Negative prices are fine, empty ones are not.",
        ),
    )
    for mask, got, expected, hint in kinds:
        for begin, end in _runs(mask)[:SHOWN]:
            span = _local(int(at[begin])) + (
                f" to {_local(int(at[end - 1]) + step_s)}" if end > begin + 1 else ""
            )
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
    raise InputError(
        [Problem(str(path), f"the zone files {names}", "one file *_hourly.parquet", hint)]
    )


def _named(path: Path, names: tuple[str, ...]) -> pd.DataFrame:
    """Return the named columns of a csv or Parquet file."""
    if not path.is_file():
        raise InputError([Problem(str(path), "no such file", "a file of prices", HINT)])
    words = path.suffix.lower() != ".parquet"
    table = read_csv(path) if words else read_parquet(path, "a Parquet file of prices")
    have = [str(name) for name in table.columns]
    absent = [
        Problem(str(path), f"columns {have}", f"a column '{name}'")
        for name in names
        if name not in have
    ]
    problems = absent + doubled(path, table, names)
    if problems:
        raise InputError(problems)
    table = table[list(names)]
    return table.set_axis(table.index + (2 if words else 1))  # the row of the file


def _faulty(
    path: Path, table: pd.DataFrame, name: str, wrong: NDArray[np.bool_], expected: str
) -> list[Problem]:
    """Return the problem of the first wrong row of a column, and how many there are."""
    rows = np.flatnonzero(wrong)
    more = f"So in {rows.size} rows." if rows.size > 1 else ""
    return [
        Problem(
            f"{path}, row {table.index[at]}, {name}", f"'{table[name].iloc[at]}'", expected, more
        )
        for at in rows[:1]
    ]


def _parquet(path: Path) -> Series:
    names = ("interval_start_utc", "price_usd_per_mwh")
    table = _named(path, names)
    start = pd.to_datetime(table[names[0]], errors="coerce", utc=True)
    problems = _faulty(path, table, names[0], start.isna().to_numpy(), "a time")
    price = pd.to_numeric(table[names[1]], errors="coerce").to_numpy(float)
    problems += _faulty(
        path,
        table,
        names[1],
        np.abs(price) > PRICE_MAX,
        f"at most {PRICE_MAX:,.0f} $/MWh either way",
    )
    if problems:
        raise InputError(problems)
    return Series(
        start.dt.tz_localize(None).astype("datetime64[s]").to_numpy().astype(np.int64), price
    )
