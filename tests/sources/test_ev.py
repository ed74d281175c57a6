"""Charging sessions: read, laid on homes by seed, and refused where they cannot be served."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridagora.core.errors import InputError
from gridagora.population.charging import (
    DAILY_SHARE,
    DAY_S,
    ChargingSessions,
    Sessions,
    check,
    owners,
    place,
)
from gridagora.sources import ev

HOMES = tuple(f"h{row}" for row in range(40))
SESSIONS = Sessions(
    np.array([8, 17, 23]) * 3600, np.array([4, 14, 30]) * 3600, np.array([20.0, 40.0, 90.0])
)


def _charging(arrive_h: list[float], depart_h: list[float], need: list[float]) -> ChargingSessions:
    seconds = [
        np.round(np.array(column) * 3600).astype(np.int64) for column in (arrive_h, depart_h)
    ]
    return ChargingSessions(
        np.zeros(len(need), np.int64), *seconds, np.array(need), np.full(len(need), 7.2)
    )


@given(seed=st.integers(0, 2**31), days=st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_placed_sessions_can_be_served(seed: int, days: int) -> None:
    table = place(SESSIONS, HOMES, np.arange(40), days, seed, daily_share=0.8)
    assert not check(table, HOMES)
    assert (table.depart_s <= days * DAY_S).all()
    assert (table.arrive_s % 300 == 0).all()
    assert (np.diff(table.home) >= 0).all()


def test_a_longer_run_begins_with_the_same_sessions_and_homes_are_independent() -> None:
    short, long = (place(SESSIONS, HOMES, np.arange(40), days, 5) for days in (3, 9))
    early = long.depart_s < 3 * DAY_S
    first = short.depart_s < 3 * DAY_S
    for name in ("home", "arrive_s", "depart_s", "need_kwh"):
        assert np.array_equal(getattr(long, name)[early], getattr(short, name)[first])
    alone = place(SESSIONS, HOMES, np.array([7]), 9, 5)
    assert np.array_equal(alone.arrive_s, long.arrive_s[long.home == 7])


def test_a_larger_share_keeps_the_owners_of_a_smaller_one() -> None:
    few, many = owners(3, "ev", HOMES, 0.2), owners(3, "ev", HOMES, 0.5)
    assert len(few) == 8
    assert len(many) == 20
    assert set(few) < set(many)


def test_an_infeasible_departure_names_home_time_and_energy() -> None:
    (problem,) = check(_charging([17.0, 30.0], [18.0, 36.0], [10.0, 20.0]), HOMES)
    assert "home h0, arriving 17.00 h" in str(problem)
    assert "10.00 kWh, expected at most 6.48 kWh" in str(problem)


def test_departure_before_arrival_and_overlap_are_told_together() -> None:
    text = " ".join(
        map(str, check(_charging([17.0, 20.0, 40.0], [24.0, 30.0, 39.0], [5.0, 5.0, 1.0]), HOMES))
    )
    assert "a stay of -1.00 h" in text
    assert "one session at a time" in text


def test_an_overlap_is_seen_when_another_home_stands_between() -> None:
    table = _charging([17.0, 17.0, 20.0], [24.0, 24.0, 30.0], [5.0, 5.0, 1.0])
    (found,) = check(replace(table, home=np.array([0, 1, 0])), HOMES)
    assert "home h0, arriving 20.00 h" in found.where
    assert "one session at a time" in found.expected


def test_exactly_feasible_is_accepted() -> None:
    assert not check(_charging([17.0], [18.0], [7.2 * 0.9]), HOMES)


def test_evipro_refuses_energy_that_does_not_fit(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "start_time": [600, 60],
            "duration": [60, 120],
            "total_charge": [11.0, 3.0],
            "avg_power_kw": [7.2, 7.2],
        }
    )
    table.to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(
        InputError, match=r"row 2: got 11.00 kWh in 1.00 h, expected at most 7.20 kWh"
    ):
        ev.evipro(tmp_path / "s.csv")
    table.loc[0, "total_charge"] = np.nan
    table.to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(InputError, match="row 2: got an empty figure"):
        ev.evipro(tmp_path / "s.csv")
    table.drop(columns="duration").to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(InputError, match="a column 'duration'"):
        ev.evipro(tmp_path / "s.csv")


def test_evwatts_refuses_a_stop_before_the_start(tmp_path: Path) -> None:
    rows = {
        "vehicle_id": [1, 1],
        "start_datetime": ["2022-01-01 18:00", "2022-01-02 18:00"],
        "stop_datetime": ["2022-01-01 17:00", "2022-01-02 23:30"],
    }
    pd.DataFrame(rows).to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(InputError, match=r"row 2.*not before the start"):
        ev.evwatts(tmp_path / "s.csv")
    pd.DataFrame(rows).iloc[1:].to_csv(tmp_path / "s.csv", index=False)
    read = ev.evwatts(tmp_path / "s.csv")
    assert read.arrive_s.tolist() == [18 * 3600]
    assert read.charge_kwh[0] == pytest.approx(5.5 * 7.2 * 0.9)


def test_real_sessions(data_dir: Path) -> None:
    simulated = ev.evipro(data_dir / "ev" / "nrel_evipro_home_l2" / "BEV_level_2.parquet")
    assert len(simulated.arrive_s) == 15257
    assert simulated.charge_kwh.mean() == pytest.approx(49.336, abs=0.001)
    assert simulated.arrive_s.max() < DAY_S
    recorded = ev.evwatts(data_dir / "ev" / "texas_evwatts" / "sessions.csv.gz")
    assert 5900 < len(recorded.arrive_s) <= 6000
    assert not check(place(simulated, HOMES, np.arange(40), 7, 1), HOMES)


FORMS = ("minutes", "clock", "seconds")


@given(
    form=st.sampled_from(FORMS),
    unit=st.sampled_from(["kWh", "Wh"]),
    suffix=st.sampled_from([".csv", ".parquet"]),
    seed=st.integers(0, 2**31),
)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_form_of_a_session_file_gives_the_energy_of_the_file(
    form: str, unit: str, suffix: str, seed: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    minute, stay, need = (
        rng.integers(0, 1440, 9),
        rng.integers(120, 1400, 9),
        rng.uniform(0.0, 13.0, 9),
    )
    start = (
        minute
        if form == "minutes"
        else [f"{m // 60}:{m % 60:02d}{':00' if form == 'seconds' else ''}" for m in minute]
    )
    scale = 1000.0 if unit == "Wh" else 1.0
    table = pd.DataFrame(
        {
            "start_time": start,
            "duration": stay,
            "total_charge": scale * need,
            "avg_power_kw": np.full(9, 7.2 * scale),
        }
    )
    path = tmp_path / f"s{suffix}"
    table.to_parquet(path) if suffix == ".parquet" else table.to_csv(path, index=False)
    read = ev.evipro(path, unit)
    assert read.arrive_s.tolist() == (60 * minute).tolist()
    assert read.duration_s.tolist() == (60 * stay).tolist()
    assert np.allclose(read.charge_kwh, need)
    laid = place(read, HOMES, np.arange(40), 3, seed, daily_share=1.0)
    fits = laid.asked_kwh <= 0.95 * 7.2 * 0.9 * (laid.depart_s - laid.arrive_s) / 3600
    assert np.array_equal(laid.need_kwh[fits], laid.asked_kwh[fits])
    assert (laid.need_kwh[~fits] < laid.asked_kwh[~fits]).all()
    assert set(laid.asked_kwh) <= set(read.charge_kwh)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("start_time", "25:99", "'25:99' in 'start_time', expected a minute of the day"),
        ("start_time", 1999, "'1999' in 'start_time'"),
        ("duration", -5, "a stay of -5 min"),
        ("duration", None, "an empty figure, expected a number in 'duration'"),
        (
            "total_charge",
            20000.0,
            "an energy of 20,000 kWh, expected 0 to 250 kWh. Is the file in Wh?",
        ),
        ("total_charge", "much", "'much', expected a number in 'total_charge'"),
        ("avg_power_kw", 7200.0, r'\[homes.units\] ev = "Wh"'),
    ],
)
def test_a_figure_that_no_car_has_is_told_by_row(
    tmp_path: Path, column: str, value: object, words: str
) -> None:
    table = pd.DataFrame(
        {"start_time": [600] * 3, "duration": 600, "total_charge": 20.0, "avg_power_kw": 7.2}
    ).astype(object)
    table.loc[1, column] = value
    table.to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(InputError, match=f"row 3: got .*{words.replace('?', '.')}"):
        ev.evipro(tmp_path / "s.csv")


def test_a_file_without_sessions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("start_time,duration,total_charge,avg_power_kw\n\n")
    with pytest.raises(InputError, match=r"no sessions.*ev_share = 0"):
        ev.evipro(tmp_path / "s.csv")
    (tmp_path / "e.csv").write_text("")
    with pytest.raises(InputError, match="cannot be read"):
        ev.sessions(tmp_path / "e.csv")


def test_own_sessions_by_stamp_and_by_clock(tmp_path: Path) -> None:
    text = "vehicle,arrive,depart,energy_kwh,kw\n"
    (tmp_path / "s.csv").write_text(
        text
        + "x,2024-07-15 18:30,2024-07-16 06:30,20,7.2\ny,2024-07-15T23:30:00Z,2024-07-16T01:30:00Z,9,9.6\n"
    )
    read = ev.sessions(tmp_path / "s.csv")
    assert read.arrive_s.tolist() == [18.5 * 3600, 17.5 * 3600]
    assert read.duration_s.tolist() == [12 * 3600, 2 * 3600]
    assert read.charge_kwh.tolist() == [20.0, 9.0]
    (tmp_path / "c.csv").write_text(
        "home,arrive,depart,energy_kwh\na,18:00,06:00,20\nb,9:15,11:15,4\n"
    )
    clock = ev.sessions(tmp_path / "c.csv")
    assert clock.arrive_s.tolist() == [18 * 3600, 9.25 * 3600]
    assert clock.duration_s.tolist() == [12 * 3600, 2 * 3600]
    (tmp_path / "b.csv").write_text(
        text + "x,2024-07-15 18:30,2024-07-15 17:30,20,7.2\nx,18:00,2024-07-15 17:30,20,7.2\n"
    )
    with pytest.raises(InputError) as caught:
        ev.sessions(tmp_path / "b.csv")
    assert "row 2: got 2024-07-15 18:30 to 2024-07-15 17:30, expected a departure after" in str(
        caught.value
    )
    assert "row 3: got a clock time beside a date" in str(caught.value)


def test_the_chance_of_a_session_is_that_of_the_record(data_dir: Path) -> None:
    """Days on which a car of the EV WATTS record plugs in, over all days between its first and last session: .24."""
    table = pd.read_csv(
        data_dir / "ev" / "texas_evwatts" / "sessions.csv.gz", parse_dates=["start_datetime"]
    )
    days = table.assign(day=table["start_datetime"].dt.normalize()).groupby("vehicle_id")["day"]
    span = (days.max() - days.min()).dt.days + 1
    assert days.nunique().sum() / span.sum() == pytest.approx(DAILY_SHARE, abs=0.005)


@pytest.mark.parametrize(
    "raw",
    [
        "arrive, depart, energy_kwh\n18:00, 07:00, 20\n",
        "arrive;depart;energy_kwh\r\n18:00;07:00;20\r\n",
        "arrive,depart,energy_kwh,place\n18:00,07:00,20,Genève\n",
    ],
    ids=["blanks", "semicolons", "latin-1"],
)
def test_a_session_file_is_read_however_it_was_saved(tmp_path: Path, raw: str) -> None:
    path = tmp_path / "cars.csv"
    path.write_bytes(raw.encode("latin-1"))
    found = ev.sessions(path)
    assert found.charge_kwh.tolist() == [20.0]
    assert found.arrive_s.tolist() == [18 * 3600]
    assert found.duration_s.tolist() == [13 * 3600]
