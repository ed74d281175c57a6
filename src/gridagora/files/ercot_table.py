"""ERCOT's reports of settlement point prices, as csv or workbook: local hours become UTC, faults are told by row."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.tables import Col, Index
from gridagora.files.text_table import doubled, read_csv, read_workbook

ZONE = "US/Central"
HOUR_S = 3600
SHOWN = 20  # problems of one kind listed at most
PRICE_MAX = 10_000.0  # $/MWh; the offer cap was 9 000 until 2021 and is 5 000 since, congestion may add to it
PRICE_LEAST = 1.0  # $/MWh; a file whose dearest hour is below is not in $/MWh
MEDIAN_LEAST = 5.0  # $/MWh; the lowest month of hubs and zones in 2016 and 2024 has a median of 10.7, in ct/kWh a tenth of it
PER_MWH = {"": 1.0, "$/MWh": 1.0, "$/kWh": 1000.0, "ct/kWh": 10.0}
YES, NO = ("Y", "TRUE"), ("N", "FALSE")
FLAGS = ("repeatedhourflag", "dstflag")
CAP = "Is the file in $/MWh?"
UNIT = 'Say it: [prices] unit = "$/kWh" or "ct/kWh"; or "$/MWh" where they are so low.'
LAYOUT = (
    "These are the columns of ERCOT's reports NP4-190-CD (day ahead) and NP6-905-CD (real time)."
)
SKIPPED = "Files in standard time all year are not ERCOT's layout."


class Series(NamedTuple):
    """Settlement point prices in the order of time: start of each interval [s UTC] and price [$/MWh], shape (r,)."""

    start_s: Index
    price_per_mwh: Col


def read(
    path: Path,
    names: dict[str, str],
    step_s: int,
    point: str | None,
    point_type: str | None,
    unit: str = "",
) -> Series:
    """Read the series of one settlement point.

    Parameters
    ----------
    path
        csv or workbook; headings are matched by their letters and digits alone.
    names
        By our name (date, hour, point, price, and interval where there is one): ERCOT's heading, in small letters.
    step_s
        Length of an interval [s].
    point, point_type
        As [prices] names them; case does not matter.
    unit
        Of the prices; empty: $/MWh, which is then checked.

    Raises
    ------
    InputError
        Columns, points, hours and figures that are wrong, by row of the file.
    """
    table = _at_point(path, _table(path, names), point, point_type)
    whole_hour = pd.Series(np.ones(len(table)), index=table.index)
    interval = (
        pd.to_numeric(table["interval"], errors="coerce") if "interval" in names else whole_hour
    )
    return _series(path, table, interval, step_s, unit)


def unlikely(where: str, price: Col, unit: str) -> list[Problem]:
    """Return the problem of prices (n,) that look as if they were in another unit than [$/MWh]; none where `unit` says it."""
    size = np.abs(price[np.isfinite(price)])
    if unit or not size.any():
        return []
    if size.max() < PRICE_LEAST:
        return [
            Problem(
                where,
                f"no price above {size.max():g}",
                "prices in $/MWh",
                f"They look like $/kWh. {UNIT}",
            )
        ]
    if np.median(size) < MEDIAN_LEAST:
        got = f"a median price of {np.median(size):g}"
        return [
            Problem(
                where, got, f"prices in $/MWh, whose median is seldom below {MEDIAN_LEAST:g}", UNIT
            )
        ]
    return []


def to_local(start_s: Index) -> tuple[NDArray[np.str_], Index, NDArray[np.bool_]]:
    """Return local date (ISO), hour ending 1-24 and repeated-hour flag of interval starts [s UTC], shape (n,) each."""
    wall, earlier = _wall(start_s), _wall(start_s - HOUR_S)
    repeated = np.asarray(wall == earlier)
    return wall.strftime("%Y-%m-%d").to_numpy(str), wall.hour.to_numpy(np.int64) + 1, repeated


def _wall(start_s: Index) -> pd.DatetimeIndex:
    return (
        pd.DatetimeIndex(pd.to_datetime(start_s, unit="s", utc=True))
        .tz_convert(ZONE)
        .tz_localize(None)
    )


def to_utc(
    date: NDArray[np.str_], hour_ending: NDArray[np.integer], repeated: NDArray[np.bool_]
) -> Index:
    """Return the start of local hours [s UTC], shape (n,) each; -1 where the hour does not exist (the spring day has 23)."""
    wall = pd.to_datetime(pd.Series(date)) + pd.to_timedelta(np.asarray(hour_ending) - 1, unit="h")
    stamps = wall.dt.tz_localize(ZONE, ambiguous=~np.asarray(repeated), nonexistent="NaT")
    utc = stamps.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[s]")
    return np.where(stamps.isna(), -1, utc.to_numpy().astype(np.int64))


def _plain(name: object) -> str:
    return "".join(letter for letter in str(name).lower() if letter.isalnum())


def _table(path: Path, wanted: dict[str, str]) -> pd.DataFrame:
    """Read a csv or all sheets of a workbook, and give its columns our names; the index is the row of the file less two."""
    if not Path(path).is_file():
        raise InputError([Problem(str(path), "no such file", "a price file of ERCOT")])
    workbook = Path(path).suffix.lower() in {".xlsx", ".xlsm"}
    table = read_workbook(path) if workbook else read_csv(path)
    place = (
        table.pop("place") if workbook and "place" in table else pd.Series("", index=table.index)
    )
    have = {_plain(name): name for name in table.columns}
    # yearly workbooks name the point column "Settlement Point" where the daily csv says "SettlementPointName"
    alike = {"settlementpoint": "settlementpointname", "settlementpointname": "settlementpoint"}
    found = {
        ours: have.get(theirs, have.get(alike.get(theirs, ""))) for ours, theirs in wanted.items()
    }
    found["flag"] = next((have[flag] for flag in FLAGS if flag in have), None)
    twice = doubled(path, table, (column for column in found.values() if column is not None))
    if twice:
        raise InputError(twice)
    absent = [name for name, column in found.items() if column is None]
    if absent:
        expected = {**wanted, "flag": "RepeatedHourFlag or DSTFlag"}
        missed = ", ".join(f"'{expected[name]}'" for name in absent)
        raise InputError(
            [
                Problem(
                    f"{path}, line 1",
                    f"columns {list(table.columns)}",
                    f"columns like {missed}",
                    LAYOUT,
                )
            ]
        )
    named = table[list(found.values())].set_axis(list(found), axis=1)
    kind = have.get("settlementpointtype")
    return named.assign(type="" if kind is None else table[kind].map(str).str.strip(), place=place)


def _at_point(
    path: Path, table: pd.DataFrame, point: str | None, point_type: str | None
) -> pd.DataFrame:
    """Return the rows of one settlement point of one type, whatever the case of their names."""
    name = table["point"].map(str).str.strip().str.upper()
    points = sorted(name.unique())
    asked = point.strip().upper() if point else None
    if (
        not points
        or (asked is None and len(points) > 1)
        or (asked is not None and asked not in points)
    ):
        got = "no settlement point chosen" if asked is None else f"'{point}'"
        some = ", ".join(points[:SHOWN]) + (
            f" and {len(points) - SHOWN} more" if len(points) > SHOWN else ""
        )
        hint = nearest(asked, points) if asked and points else "Name one by [prices] point."
        raise InputError(
            [
                Problem(
                    f"{path}, settlement point",
                    got,
                    f"one of {some or 'those of a file with rows'}",
                    hint,
                )
            ]
        )
    rows = table[name == (asked or points[0])]
    kind = rows["type"].str.upper()
    types = sorted(kind.unique())
    plain = [
        each for each in types if not each.endswith("EW")
    ]  # weighted by energy: settlement of load zones uses it not
    chosen = (
        [point_type.strip().upper()]
        if point_type and kind.any()
        else plain
        if len(types) > 1
        else types
    )
    if len(chosen) != 1 or chosen[0] not in types:
        got = f"type '{point_type}'" if point_type else f"types {', '.join(types)}"
        hint = "Set [prices] point_type."
        raise InputError(
            [
                Problem(
                    f"{path}, settlement point '{name[rows.index[0]]}'",
                    got,
                    f"one of {', '.join(types)}",
                    hint,
                )
            ]
        )
    return rows[kind == chosen[0]]


def _dates(text: pd.Series) -> pd.Series:
    """Return days written month first, as ERCOT does, or year first; NaT for any other."""
    if pd.api.types.is_datetime64_any_dtype(text):
        days: pd.Series = text.dt.normalize()
        return days
    plain = text.astype(str).str.strip().str.replace(r"[T ]00:00(:00(\.0+)?)?$", "", regex=True)
    month_first = pd.to_datetime(plain, format="%m/%d/%Y", errors="coerce")
    return month_first.fillna(pd.to_datetime(plain, format="%Y-%m-%d", errors="coerce"))


def _series(path: Path, table: pd.DataFrame, interval: pd.Series, step_s: int, unit: str) -> Series:
    """Turn local hours into UTC, in the order of time."""
    hours = pd.to_numeric(table["hour"].astype(str).str.split(":").str[0], errors="coerce")
    dates, flag = _dates(table["date"]), table["flag"].astype(str).str.strip().str.upper()
    per = HOUR_S // step_s
    whole = (hours % 1 == 0) & (interval % 1 == 0)
    unread = (dates.isna() | ~hours.between(1, 24) | ~interval.between(1, per) | ~whole).to_numpy()
    written = (
        table[[name for name in ("date", "hour", "interval") if name in table]]
        .map(str)
        .agg(", ".join, axis=1)
    )
    expected = "a date month/day/year or year-month-day, an hour 1-24" + (
        " and an interval 1-4" if per > 1 else ""
    )
    unflagged = ~flag.isin([*YES, *NO]).to_numpy()
    flagged = table["flag"].map(
        lambda text: f"the flag of the repeated hour '{'' if pd.isna(text) else text}'"
    )
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
    price = pd.to_numeric(table["price"], errors="coerce").to_numpy(float) * PER_MWH[unit]
    doubled = pd.Series(start).duplicated().to_numpy() & ~skipped
    at = ": " + pd.Series(date, index=table.index) + [f" hour ending {h:02d}:00" for h in hour]
    shown = table["price"].map(lambda text: "no price" if pd.isna(text) else f"'{text}'")
    again = "each once, the repeated hour of autumn flagged Y"
    most = f"at most {PRICE_MAX:,.0f} $/MWh either way"
    problems = [
        *_problems(
            path,
            table,
            skipped,
            "an hour that the clock skips",
            "the 23 hours of that day",
            SKIPPED,
            at,
        ),
        *_problems(path, table, doubled, "the same interval again", again, "", at),
        *_problems(path, table, ~np.isfinite(price), shown, "a number", "", at),
        *_problems(path, table, np.abs(price) > PRICE_MAX, shown, most, CAP, at),
    ]
    problems += unlikely(f"{path}, SettlementPointPrice", price, unit)
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
        found.append(
            Problem(str(path), f"{len(rows) - SHOWN} more rows of this kind", expected, hint)
        )
    return found
