"""Cars whose sessions are known home by home: those of the run as they are, every fault by row."""

import numpy as np
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.population.charging import EFFICIENCY, FEASIBLE
from gridagora.scenario.describe import scene_lines
from gridagora.sources.home_sessions import read_home_sessions

START = "2024-07-15"
HEAD = "Home,Arrival,Departure,Energy (kWh),Power (kW)\n"
ROWS = """Bob,2024-07-15 18:02,2024-07-16 07:00,20,11
Ada,2024-07-15 17:00,2024-07-15 21:00,8,
Bob,2024-07-16 18:00,2024-07-17 07:00,12,11
Ada,2024-07-14 23:00,2024-07-15 06:00,9,
Zoe,2024-07-15 17:00,2024-07-15 21:00,8,
"""
TABLE = "home,ev,ev_kw\nAda,yes,3.7\nBob,yes,\nCid,yes,\n"


def load(tmp_path, rows=ROWS, head=HEAD, keys="", table=TABLE, days=2):
    (tmp_path / "sessions.csv").write_text(head + rows)
    (tmp_path / "members.csv").write_text(table)
    (tmp_path / "s.toml").write_text(
        f'[scenario]\nstart = {START}\ndays = {days}\n[homes]\ntable = "members.csv"\n'
        f'ev_source = "by_home"\nev_file = "sessions.csv"\n{keys}'
    )
    return gridagora.load(tmp_path / "s.toml")


def cars(scene):
    return scene.homes.owned["ev"]


def test_a_car_comes_and_goes_as_the_file_says(tmp_path):
    scene = load(tmp_path)
    table = cars(scene)
    assert table.home.tolist() == [0, 1, 1]
    assert (table.arrive_s / 3600).tolist() == [17, 18, 42]
    assert (table.depart_s / 3600).tolist() == [21, 31, 48]
    assert table.rated_kw.tolist() == [3.7, 11, 11]
    assert table.need_kwh == pytest.approx(EFFICIENCY * np.array([8, 20, 12]))
    said = " ".join(scene.notes)
    assert "3 sessions of 2 homes in the run" in said
    assert "names that are no homes are left out: Zoe" in said
    assert "1 sessions that begin before the run" in said
    assert "1 cars of the table of homes do not plug in" in said
    assert "2 with electric vehicles that plug in" in scene_lines(scene)["equipment"]


def test_a_stay_that_the_run_cuts_asks_for_what_fits(tmp_path):
    table = cars(load(tmp_path, "Bob,2024-07-15 23:00,2024-07-16 09:00,50,11\n", days=1))
    assert table.depart_s.tolist() == [86400]
    assert table.need_kwh == pytest.approx(FEASIBLE * EFFICIENCY * 11)
    assert table.asked_kwh == pytest.approx(EFFICIENCY * 50)


@pytest.mark.parametrize(
    "head",
    [
        "home_id,start_datetime,end_datetime,energy_kwh,max_power_kw\n",
        "Customer,Plug in,Plug out,Energy (Wh),Power (W)\n",
    ],
)
def test_headings_and_units_of_others_are_understood(tmp_path, head):
    kilo = 1000 if "(Wh)" in head else 1
    rows = f"Ada,2024-07-15 17:00,2024-07-15 21:00,{8 * kilo},{3 * kilo}\n"
    table = cars(load(tmp_path, rows, head))
    assert (table.need_kwh[0], table.rated_kw[0]) == pytest.approx((8 * EFFICIENCY, 3))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("Ada,2024-07-15 17:00,2024-07-15 16:00,8,\n", "row 2: got a stay of -1.00 h"),
        ("Ada,2024-07-15 17:00,2024-07-15 18:00,8,7\n", "8.00 kWh, more than the charger gives"),
        ("Ada,2024-07-15 17:00,2024-07-15 18:00,800,\n", "an energy of 800 kWh"),
        ("Ada,2024-07-15 17:00,2024-07-15 18:00,8,7000\n", "a charger of 7000 kW"),
        ("Ada,2024-07-15 17:00,2024-07-15 18:00,x,\n", "'x' in 'Energy"),
        ("Ada,17:00,18:00,8,\n", "'17:00' in 'Arrival'"),
        (",2024-07-15 17:00,2024-07-15 18:00,3,\n", "no name in 'Home'"),
        (
            "Ada,2024-07-15 17:00,2024-07-15 20:00,3,\nAda,2024-07-15 19:00,2024-07-15 22:00,3,\n",
            "row 3: got a session of 'Ada' that begins before that of row 2 ends",
        ),
        ("Ada,2024-08-15 17:00,2024-08-15 20:00,3,\n", "none in the days of the run"),
        ("Zoe,2024-07-15 17:00,2024-07-15 20:00,3,\n", "none of them a home of the scenario"),
    ],
)
def test_what_is_no_session_is_refused_by_row(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        load(tmp_path, rows)


def test_what_stands_against_the_sessions_is_refused(tmp_path):
    with pytest.raises(InputError, match="row 3: got a session of 'Ada', which has no car"):
        load(tmp_path, table="home,ev\nAda,no\nBob,yes\n")
    with pytest.raises(InputError, match=r"ev_share.*0\.5 beside sessions by home"):
        load(tmp_path, keys="ev_share = 0.5\n")
    with pytest.raises(InputError, match="a column 'home'"):
        load(tmp_path, "2024-07-15 17:00,2024-07-15 18:00,3\n", "arrive,depart,energy\n")


def test_drawn_homes_draw_from_a_file_of_sessions(tmp_path):
    (tmp_path / "sessions.csv").write_text("arrive,depart,energy_kwh,kw\n18:00,06:00,9,7.2\n")
    (tmp_path / "s.toml").write_text(
        f"[scenario]\nstart = {START}\ndays = 1\n[homes]\ncount = 4\nev_share = 1.0\n"
        'ev_daily_share = 1.0\nev_source = "sessions"\nev_file = "sessions.csv"\n'
    )
    table = cars(gridagora.load(tmp_path / "s.toml"))
    assert (table.arrive_s == 18 * 3600).all()
    assert table.asked_kwh == pytest.approx(np.full(4, 9.0))


def test_a_file_of_many_rows_reads_each_once(tmp_path):
    rows = "".join(f"h{at},2024-07-15 17:00,2024-07-15 21:00,5,7\n" for at in range(50))
    (tmp_path / "s.csv").write_text(HEAD + rows)
    found = read_home_sessions(tmp_path / "s.csv", "UTC")
    assert len(set(found.home_id)) == 50
    assert (found.energy_kwh == 5).all()


DRAWN = 'ev_source = "sessions"\nev_file = "sessions.csv"\n'
PLAIN = "home,arrive,depart,energy_kwh\nBob,2024-07-15 18:00,2024-07-16 07:00,20\n"


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (1.0, "whatever home 'home' names; ev_source = 'by_home' gives each home its own"),
        (0.0, "no car plugs in during the run, so no session of it is drawn"),
    ],
)
def test_what_of_a_file_of_sessions_is_not_used_is_said(tmp_path, share, said):
    (tmp_path / "sessions.csv").write_text(PLAIN)
    (tmp_path / "s.toml").write_text(
        f"[scenario]\ndays = 4\n[homes]\ncount = 2\nev_share = {share}\n{DRAWN}"
    )
    assert said in " ".join(gridagora.load(tmp_path / "s.toml").notes)
