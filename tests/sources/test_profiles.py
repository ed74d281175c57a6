"""Files of homes: right values from every form of time, step and unit, or a sentence with file, row and home."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridagora.core.errors import InputError
from gridagora.sources.profiles import Layout, Read, read_profiles

ORIGIN_S = int(pd.Timestamp("2018-01-01T06:00Z").timestamp())  # midnight in Etc/GMT+6
QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MANY = settings(QUICK, max_examples=800)
COLUMNS = {
    "load": "load_kw",
    "t_in": "t_in_degc",
    "cool": "cool_kw",
    "heat": "heat_kw",
    "occupants": "occupants",
}
HOMES = ("a", "b", "c")


class Case(NamedTuple):
    """A generated file: its rows, how it is written, and the hourly truth by column of `Profiles`."""

    table: pd.DataFrame
    layout: Layout
    truth: dict[str, np.ndarray]
    start_s: int
    suffix: str


def write(table: pd.DataFrame, path: Path) -> Path:
    table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    return path


def read(case: Case, folder: Path) -> Read:
    return read_profiles(
        write(case.table, folder / f"h{case.suffix}"), ORIGIN_S, "Etc/GMT+6", case.layout
    )


def stamps(form: str, first: pd.Timestamp, minutes: int, rows: int) -> list:
    local = [first + pd.Timedelta(minutes=minutes * row) for row in range(rows)]
    match form:
        case "hours":
            return [(each - pd.Timestamp("2018-01-01")).total_seconds() / 3600 for each in local]
        case "naive":
            return [f"{each:%Y-%m-%d %H:%M}" for each in local]
        case "iso":
            return [each.isoformat() for each in local]
        case "offset":
            return [f"{each + pd.Timedelta(hours=8):%Y-%m-%dT%H:%M:%S}+02:00" for each in local]
        case "zulu":
            return [f"{each + pd.Timedelta(hours=6):%Y-%m-%dT%H:%M:%S}Z" for each in local]
        case _:
            return [each + pd.Timedelta(minutes=minutes) for each in local]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    minutes, days = draw(st.sampled_from([60, 30, 15, 10, 5])), draw(st.sampled_from([1, 2, 8]))
    form = draw(st.sampled_from(["hours", "naive", "iso", "offset", "zulu", "end"]))
    named = ["kW", "kWh", "W", "Wh"]
    unit, degrees = (
        draw(st.sampled_from(["", *named] if minutes == 60 else named)),
        draw(st.sampled_from(["", "degC", "degF"])),
    )
    suffix, day = draw(st.sampled_from([".csv", ".csv.gz", ".parquet"])), draw(st.integers(0, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, per_hour = 24 * days * 60 // minutes, 60 // minutes
    first = pd.Timestamp("2018-01-01") + pd.Timedelta(days=day)
    power = {name: rng.uniform(0.2, 6.0, (3, rows)) for name in ("load", "cool", "heat")}
    fine = {
        **power,
        "t_in": rng.uniform(18.0, 27.0, (3, rows)),
        "occupants": rng.integers(0, 5, (3, rows)).astype(float),
    }
    written = {
        name: values * (1000.0 if unit in {"W", "Wh"} else 1.0) for name, values in power.items()
    }
    written = {
        name: values * (minutes / 60.0 if unit in {"kWh", "Wh"} else 1.0)
        for name, values in written.items()
    }
    written |= {
        "t_in": fine["t_in"] * 1.8 + 32.0 if degrees == "degF" else fine["t_in"],
        "occupants": fine["occupants"],
    }
    table = pd.DataFrame(
        {"home": np.repeat(HOMES, rows), "time": stamps(form, first, minutes, rows) * 3}
    )
    for name, values in written.items():
        table[name] = values.ravel()
    table = table.sample(frac=1.0, random_state=int(rng.integers(2**31))).reset_index(drop=True)
    units = {"load": unit, "heat": unit, "temperature": degrees}
    truth = {
        COLUMNS[name]: values.reshape(3, -1, per_hour).mean(axis=2) for name, values in fine.items()
    }
    layout = Layout(units=units, time_names="end" if form == "end" else "start")
    return Case(table, layout, truth, ORIGIN_S + 86400 * day, suffix)


def agrees(case: Case, folder: Path) -> None:
    found = read(case, folder)
    assert found.profiles.home_id == HOMES
    assert found.profiles.start_s == case.start_s
    for name, values in case.truth.items():
        assert np.allclose(getattr(found.profiles, name), values, rtol=1e-9, atol=1e-9), name
    assert not found.profiles.draw_kwh.any()
    assert any("no electric water heater" in note for note in found.notes)


@given(case=cases())
@QUICK
def test_every_form_gives_the_same_hours(case: Case, tmp_path: Path) -> None:
    agrees(case, tmp_path)


@pytest.mark.long
@given(case=cases())
@MANY
def test_every_form_gives_the_same_hours_long(case: Case, tmp_path: Path) -> None:
    agrees(case, tmp_path)


FAULTS = (
    "missing",
    "doubled",
    "nan",
    "text",
    "negative",
    "swapped",
    "unit",
    "fahrenheit",
    "uneven",
    "no home",
    "no time",
    "cut",
)


def refuses(case: Case, fault: str, at: int, folder: Path) -> None:
    table = (
        case.table.sort_values(["home"], kind="stable")
        .reset_index(drop=True)
        .astype({"time": object})
    )
    order = table.sort_values(["home", "time"], kind="stable").index.to_numpy()
    rows = len(table) // 3
    home = at % 3
    row = int(
        order[home * rows + 1 + at % (rows - 2)]
    )  # neither the first nor the last of its home
    named = f"home {HOMES[home]}"
    table, named = spoil(table, fault, row, int(order[(home + 1) * rows - 1]), named)
    with pytest.raises(InputError) as caught:
        read(case._replace(table=table.reset_index(drop=True)), folder)
    text = str(caught.value)
    assert str(folder) in text
    assert named in text, text
    assert not [each for each in caught.value.problems if not each.got or not each.expected]


def spoil(
    table: pd.DataFrame, fault: str, row: int, last: int, named: str
) -> tuple[pd.DataFrame, str]:
    """Return the file with the fault, and what its message must name."""
    twice = pd.concat([table, table.loc[[row]]])
    text = table.assign(time=table["time"].astype(str), load=table["load"].astype(str))
    swapped = table.rename(columns={"load": "t_in", "t_in": "load"})
    whole = {
        "missing": (table.drop(index=row), named),
        "doubled": (twice, named),
        "swapped": (swapped.assign(t_in=200.0 + swapped["t_in"]), "indoor temperature"),
        "unit": (table.assign(load=1000.0 * table["load"] + 200_000.0), "load"),
        "fahrenheit": (table.assign(t_in=table["t_in"] + 70.0), "indoor temperature of home a"),
        "cut": (table.drop(index=last), ""),
    }
    if fault in whole:
        return whole[fault]
    if fault == "uneven":
        return shifted(table, row), named
    column, value, name = {
        "nan": ("load", np.nan, named),
        "text": ("load", "n/a", named),
        "negative": ("cool", -900.0, named),
        "no home": ("home", "", "no home"),
        "no time": ("time", "yesterday", named),
    }[fault]
    spoilt = text if fault in {"text", "no time"} else table
    spoilt.loc[row, column] = value
    return spoilt, name


def shifted(table: pd.DataFrame, row: int) -> pd.DataFrame:
    value = table.loc[row, "time"]
    if isinstance(value, float):
        table.loc[row, "time"] = value + 0.031
    elif isinstance(value, str):
        table.loc[row, "time"] = (pd.Timestamp(value) + pd.Timedelta(seconds=97)).isoformat()
    else:
        table.loc[row, "time"] = value + pd.Timedelta(seconds=97)
    return table


@given(case=cases(), fault=st.sampled_from(FAULTS), at=st.integers(0, 10**6))
@QUICK
def test_every_fault_is_a_sentence(case: Case, fault: str, at: int, tmp_path: Path) -> None:
    refuses(case, fault, at, tmp_path)


@pytest.mark.long
@given(case=cases(), fault=st.sampled_from(FAULTS), at=st.integers(0, 10**6))
@MANY
def test_every_fault_is_a_sentence_long(case: Case, fault: str, at: int, tmp_path: Path) -> None:
    refuses(case, fault, at, tmp_path)


def small(**columns: object) -> pd.DataFrame:
    hours = 48
    table = pd.DataFrame(
        {"home": np.repeat(["a", "b"], hours), "time": np.tile(np.arange(hours), 2), "load": 1.0}
    )
    return table.assign(**columns)


def test_all_faults_are_told_at_once_with_the_row_of_the_file(tmp_path: Path) -> None:
    table = small(load=np.where(np.arange(96) == 60, np.nan, 1.0)).drop(index=5)
    table = pd.concat([table, table.iloc[[94]]])
    path = write(table, tmp_path / "h.csv")
    lines = path.read_text().splitlines()
    lines.insert(3, "")  # a blank line keeps its number
    path.write_text("\n".join(lines) + "\n\n")
    with pytest.raises(InputError) as caught:
        read_profiles(path, ORIGIN_S)
    text = str(caught.value)
    assert "row 62 (home b, time 12): got '' in 'load', expected a number" in text
    assert "row 8 (home a, time 6): got 1 missing rows before it, after row 7" in text
    assert "row 98 (home b, time 47): got a second row, after row 97" in text
    assert lines[61].startswith("b,12,")


def test_columns_are_mapped_by_name_and_the_hint_can_be_followed(tmp_path: Path) -> None:
    path = write(
        small().rename(columns={"load": "kWh used", "home": "customer"}), tmp_path / "h.csv"
    )
    with pytest.raises(InputError) as caught:
        read_profiles(path, ORIGIN_S)
    assert 'Map its name: [homes.columns] load = "..." in the scenario.' in str(caught.value)
    assert "a column 'home'" in str(caught.value)
    found = read_profiles(
        path, ORIGIN_S, layout=Layout({"load": "kWh used", "home": "customer"}, {"load": "kWh"})
    )
    assert (found.profiles.load_kw == 1.0).all()
    with pytest.raises(InputError, match=r"\[homes.columns\] cool: .*a column 'AC'"):
        read_profiles(
            path, ORIGIN_S, layout=Layout({"load": "kWh used", "home": "customer", "cool": "AC"})
        )


def test_cooling_needs_an_indoor_temperature(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="indoor temperature where there is cooling"):
        read_profiles(write(small(cool=1.0), tmp_path / "h.csv"), ORIGIN_S)


def test_rows_finer_than_an_hour_say_whether_they_are_power_or_energy(tmp_path: Path) -> None:
    """A kWh in a quarter of an hour is 4 kW: taken for kW, a plausible home would use a quarter of its energy."""
    table = pd.DataFrame({"home": "a", "time": np.arange(4 * 8760), "load": 0.25})
    path = write(table, tmp_path / "h.parquet")
    with pytest.raises(
        InputError, match=r"\[homes.units\] load: got rows of 15 minutes without a unit"
    ):
        read_profiles(path, ORIGIN_S)
    for unit, kw in (("kW", 0.25), ("kWh", 1.0)):
        assert (
            read_profiles(path, ORIGIN_S, layout=Layout(units={"load": unit})).profiles.load_kw
            == kw
        ).all()


@pytest.mark.parametrize("year_h", [8760, 8784])
def test_numbered_quarters_of_a_year_are_averaged(tmp_path: Path, year_h: int) -> None:
    hour = np.arange(4 * year_h) // 4
    table = pd.DataFrame(
        {
            "home": "a",
            "time": np.arange(4 * year_h),
            "load": 1.0 + hour % 24 + np.tile([-1, 1, -0.5, 0.5], year_h),
        }
    )
    path = write(table, tmp_path / "h.parquet")
    found = read_profiles(path, ORIGIN_S, layout=Layout(units={"load": "kW"}))
    assert np.allclose(found.profiles.load_kw[0], 1.0 + np.arange(year_h) % 24)
    assert "15 minutes each" in found.notes[0]


def test_hours_numbered_from_one_are_said(tmp_path: Path) -> None:
    table = small(load=np.tile(np.arange(48.0), 2))
    found = read_profiles(write(table.assign(time=table["time"] + 1), tmp_path / "h.csv"), ORIGIN_S)
    assert found.profiles.start_s == ORIGIN_S
    assert found.profiles.load_kw[0, 5] == 5.0
    assert "hour 1 is the first" in found.notes[0]


def test_clocks_that_change_lose_no_hour(tmp_path: Path) -> None:
    """America/Chicago, 4 November 2018: 01:00 is shown twice, and the day has 25 hours."""
    hours = pd.date_range("2018-11-03 00:00", "2018-11-05 23:00", freq="h", tz="America/Chicago")
    table = pd.DataFrame(
        {"home": "a", "time": hours.strftime("%Y-%m-%d %H:%M"), "load": np.arange(len(hours)) + 1.0}
    )
    found = read_profiles(
        write(table, tmp_path / "h.csv"), int(hours[0].timestamp()), "America/Chicago"
    )
    assert found.profiles.start_s == int(hours[0].timestamp())
    assert found.profiles.load_kw[0].tolist() == (np.arange(72) + 1.0).tolist()
    gone = pd.DataFrame(
        {
            "home": "a",
            "time": pd.date_range("2018-03-11", periods=48, freq="h").astype(str),
            "load": 1.0,
        }
    )
    with pytest.raises(InputError, match=r"row 4 .*an hour that no clock shows.*write an offset"):
        read_profiles(write(gone, tmp_path / "g.csv"), ORIGIN_S, "America/Chicago")


def test_loads_that_no_service_carries_are_told_by_home_and_hour(tmp_path: Path) -> None:
    load = np.ones(96)
    load[60] = 1e6
    path = write(small(load=load), tmp_path / "h.csv")
    with pytest.raises(
        InputError, match=r"row 62 .home b, time 12.*1,000,000.0 kW, expected at most 96 kW"
    ):
        read_profiles(path, ORIGIN_S)
    load[60] = 60.0
    path = write(small(load=load), tmp_path / "h.csv")
    with pytest.raises(InputError, match=r"row 62 .home b, time 12.*60.0 kW where 99 %"):
        read_profiles(path, ORIGIN_S)
    assert (
        read_profiles(path, ORIGIN_S, layout=Layout(load_max_kw=150.0)).profiles.load_kw.max()
        == 60.0
    )


def test_watt_hours_and_their_opposite_name_the_key(tmp_path: Path) -> None:
    path = write(small(load=750.0), tmp_path / "h.csv")
    with pytest.raises(InputError, match=r'\[homes.units\] load = "Wh"'):
        read_profiles(path, ORIGIN_S)
    assert (
        read_profiles(path, ORIGIN_S, layout=Layout(units={"load": "Wh"})).profiles.load_kw == 0.75
    ).all()
    with pytest.raises(InputError, match=r"a mean of 0.75 W a home.*may be in kWh"):
        read_profiles(
            write(small(load=0.75), tmp_path / "k.csv"),
            ORIGIN_S,
            layout=Layout(units={"load": "Wh"}),
        )


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "cannot be read"),
        (b"home,time,load\n", "no rows"),
        (b"\x00\x01\x02 no table \xff\xfe", "a column 'home'"),
        (b'home,time,load\n"a,0,1\n', "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "h.csv").write_bytes(content)
    with pytest.raises(InputError, match=word):
        read_profiles(tmp_path / "h.csv", ORIGIN_S)
    (tmp_path / "h.parquet").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_profiles(tmp_path / "h.parquet", ORIGIN_S)
    with pytest.raises(InputError, match="a folder"):
        read_profiles(tmp_path, ORIGIN_S)


def test_marks_of_other_programs_are_read(tmp_path: Path) -> None:
    text = "﻿home;time;load\n" + "".join(
        f"Müller;2018-07-01 {hour:02d}:00;1.5\n" for hour in range(24)
    )
    (tmp_path / "h.csv").write_text(text, encoding="utf-8")
    assert read_profiles(tmp_path / "h.csv", ORIGIN_S).profiles.home_id == ("Müller",)
    (tmp_path / "l.csv").write_bytes(text.removeprefix("﻿").encode("latin-1"))
    assert read_profiles(tmp_path / "l.csv", ORIGIN_S).profiles.home_id == ("Müller",)
