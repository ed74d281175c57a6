"""Files of homes and cars with random damage: they are read, or refused in sentences; nothing else comes out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.sources import ev
from gridagora.sources.profiles import read_profiles

CELLS = (
    *(
        "",
        "nan",
        "inf",
        "1e400",
        "-1",
        "1,5",
        "abc",
        "2018-13-45",
        "12:00",
        "1e9",
        "None",
        '"',
        ";",
        "2018-07-01 25:00",
        "\x00",
    ),
    *(
        "07/01/2018 1:00 PM",
        "9999-12-31 23:00",
        "1677-01-01",
        "-99999",
        "2018-07-01T00:00:00+14:00",
        "2018-07-01T05:00:00Z",
        "é",
    ),
)
ROWS = {
    "evipro": ("start_time,duration,total_charge,avg_power_kw", "1080,600,12,7.2"),
    "sessions": ("home,arrive,depart,energy_kwh,kw", "a,2024-07-15 18:00,2024-07-16 06:00,12,7.2"),
    "evwatts": ("vehicle_id,start_datetime,stop_datetime", "1,2022-01-01 18:00,2022-01-01 22:00"),
}
READERS = {
    "evipro": ev.evipro,
    "sessions": ev.sessions,
    "evwatts": ev.evwatts,
    "homes": lambda path: read_profiles(path, 1514786400),
}


def whole(kind: str) -> list[str]:
    if kind in ROWS:
        return [ROWS[kind][0], *[ROWS[kind][1]] * 10]
    times = pd.date_range("2018-07-01", periods=24, freq="h").astype(str)
    return [
        "home,time,load,t_in,cool",
        *(f"{home},{time},1.5,22.5,{0.5 + len(home)}" for home in ("a", "bb") for time in times),
    ]


def spoil(lines: list[str], rng: np.random.Generator) -> list[str]:
    lines, row = list(lines), int(rng.integers(len(lines)))
    cells = lines[row].split(",")
    cells[int(rng.integers(len(cells)))] = str(rng.choice(CELLS))
    at = int(rng.integers(len(lines[row]) + 1))
    choice = int(rng.integers(8))
    changed = (
        ",".join(cells),
        "",
        lines[row] + ",x",
        lines[row][:at] + '"' + lines[row][at:],
        lines[row] + ",",
    )
    if choice < len(changed):
        lines[row] = changed[choice]
        return lines
    return {
        5: lines[:row] + lines[row + 1 :],
        6: lines[:row] + lines[row : row + 1] * 2 + lines[row + 1 :],
        7: lines[:row],
    }[choice]


def try_many(kind: str, folder: Path, many: int, seed: int) -> tuple[int, int]:
    rng = np.random.default_rng(seed)
    read, refused = 0, 0
    for _ in range(many):
        lines = whole(kind)
        for _ in range(int(rng.choice([1, 1, 2, 4]))):
            lines = spoil(lines, rng) or [""]
        path = folder / "f.csv"
        path.write_bytes("\n".join(lines).encode(str(rng.choice(["utf-8", "latin-1"])), "replace"))
        try:
            READERS[kind](path)
            read += 1
        except InputError as fault:
            refused += 1
            assert all(each.where and each.got and each.expected for each in fault.problems)
    return read, refused


@pytest.mark.parametrize("kind", READERS)
def test_a_spoilt_file_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    READERS[kind](Path(write(tmp_path, kind)))
    assert min(try_many(kind, tmp_path, 40, 1)) > 0


@pytest.mark.long
@pytest.mark.parametrize("kind", READERS)
def test_a_spoilt_file_is_read_or_refused_long(tmp_path: Path, kind: str) -> None:
    assert min(try_many(kind, tmp_path, 800, 2)) > 0


def write(folder: Path, kind: str) -> str:
    path = folder / "whole.csv"
    path.write_text("\n".join(whole(kind)))
    return str(path)


@pytest.mark.parametrize("value", [None, np.inf, "x", pd.Timestamp("2018-07-01"), b"x", [1]])
@pytest.mark.parametrize("column", ["home", "time", "load"])
def test_a_spoilt_cell_of_parquet_is_refused(tmp_path: Path, value: object, column: str) -> None:
    table = pd.DataFrame(
        {
            "home": "a",
            "time": pd.date_range("2018-07-01", periods=24, freq="h").astype(str),
            "load": 1.0,
        }
    ).astype(object)
    table.at[5, column] = value
    try:
        table.to_parquet(tmp_path / "h.parquet")
    except (ValueError, TypeError):  # no column of Parquet holds such a mixture
        table.astype(str).to_parquet(tmp_path / "h.parquet")
    with pytest.raises(InputError):
        read_profiles(tmp_path / "h.parquet", 1514786400)
