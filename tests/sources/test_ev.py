"""Charging sessions: read, laid on homes by seed, and refused where they cannot be served."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.charging import DAY_S, Charging, Sessions, check, owners, place
from gridagora.core.errors import InputError
from gridagora.sources import ev

HOMES = tuple(f"h{row}" for row in range(40))
SESSIONS = Sessions(np.array([8, 17, 23]) * 3600, np.array([4, 14, 30]) * 3600, np.array([20.0, 40.0, 90.0]))


def _charging(arrive_h: list[float], depart_h: list[float], need: list[float]) -> Charging:
    seconds = [np.round(np.array(column) * 3600).astype(np.int64) for column in (arrive_h, depart_h)]
    return Charging(np.zeros(len(need), np.int64), *seconds, np.array(need), np.full(len(need), 7.2))


@given(seed=st.integers(0, 2**31), days=st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_placed_sessions_can_be_served(seed: int, days: int) -> None:
    table = place(SESSIONS, HOMES, np.arange(40), days, seed, daily_share=0.8)
    check(table, HOMES)
    assert (table.ev_depart_s <= days * DAY_S).all()
    assert (table.ev_arrive_s % 300 == 0).all()
    assert (np.diff(table.ev_home) >= 0).all()


def test_a_longer_run_begins_with_the_same_sessions_and_homes_are_independent() -> None:
    short, long = (place(SESSIONS, HOMES, np.arange(40), days, 5) for days in (3, 9))
    early = long.ev_depart_s < 3 * DAY_S
    first = short.ev_depart_s < 3 * DAY_S
    for name in ("ev_home", "ev_arrive_s", "ev_depart_s", "ev_need_kwh"):
        assert np.array_equal(getattr(long, name)[early], getattr(short, name)[first])
    alone = place(SESSIONS, HOMES, np.array([7]), 9, 5)
    assert np.array_equal(alone.ev_arrive_s, long.ev_arrive_s[long.ev_home == 7])


def test_a_larger_share_keeps_the_owners_of_a_smaller_one() -> None:
    few, many = owners(3, "ev", HOMES, 0.2), owners(3, "ev", HOMES, 0.5)
    assert len(few) == 8
    assert len(many) == 20
    assert set(few) < set(many)


def test_an_infeasible_departure_names_home_time_and_energy() -> None:
    with pytest.raises(InputError) as caught:
        check(_charging([17.0, 30.0], [18.0, 36.0], [10.0, 20.0]), HOMES)
    assert len(caught.value.problems) == 1
    assert "home h0, arriving 17.00 h" in str(caught.value)
    assert "10.00 kWh, expected at most 6.48 kWh" in str(caught.value)


def test_departure_before_arrival_and_overlap_are_told_together() -> None:
    with pytest.raises(InputError) as caught:
        check(_charging([17.0, 20.0, 40.0], [24.0, 30.0, 39.0], [5.0, 5.0, 1.0]), HOMES)
    text = str(caught.value)
    assert "a stay of -1.00 h" in text
    assert "one session at a time" in text


def test_exactly_feasible_is_accepted() -> None:
    check(_charging([17.0], [18.0], [7.2 * 0.9]), HOMES)


def test_evipro_refuses_energy_that_does_not_fit(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"start_time": [600, 60], "duration": [60, 120], "total_charge": [11.0, 3.0], "avg_power_kw": [7.2, 7.2]}
    )
    table.to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(InputError, match=r"row 0: got 11.00 kWh in 1.00 h, expected at most 7.20 kWh"):
        ev.evipro(tmp_path / "s.csv")
    table.loc[0, "total_charge"] = np.nan
    table.to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(InputError, match="row 0: got an empty figure"):
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
    with pytest.raises(InputError, match=r"row 0.*not before the start"):
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
    check(place(simulated, HOMES, np.arange(40), 7, 1), HOMES)
