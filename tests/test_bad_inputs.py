"""Inputs that are wrong in the ways files are: each is refused with exit code 2, its place, what was got and what to do."""

import json
import re

import pytest
from openpyxl import Workbook
from typer.testing import CliRunner

from gridagora.cli import app

SMALL = "[scenario]\ndays = 1\n"
HOURS = [f"2024-07-{day:02} {hour:02}:00" for day in (15, 16) for hour in range(24)]
LOADS = "time;a;b\n" + "\n".join(f"{each};0.4;0.5" for each in HOURS)
PRICES = "time;price (ct/kWh)\n" + "\n".join(f"{each};5.5" for each in HOURS)
MEMBERS = "home;pv_kw;ev\na;4;yes\nb;;no\n"


def loads(text: str) -> dict[str, str]:
    return {"l.csv": text, "s.toml": f'{SMALL}[homes]\nloads = "l.csv"\n'}


def prices(text: str, more: str = "") -> dict[str, str]:
    return {"p.csv": text, "s.toml": f'{SMALL}[prices]\nsource = "table"\nfile = "p.csv"\n{more}'}


def members(text: str, more: str = "") -> dict[str, str]:
    return {"m.csv": text, "s.toml": f'{SMALL}[homes]\ntable = "m.csv"\n{more}'}


def keys(text: str) -> dict[str, str]:
    return {"s.toml": text}


CHECK = ["check", "s.toml"]
# name: files, command, what the sentence says
CASES: dict[str, tuple[dict[str, str], list[str], str]] = {
    # the scenario file
    "empty path": ({}, ["check", "none.toml"], "none.toml"),
    "a folder": ({}, ["check", "."], r"\."),
    "binary": ({"s.toml": "\x00\x01\x02"}, CHECK, "line 1"),
    "json": (keys('{"scenario": {"days": 1}}'), CHECK, "JSON"),
    "yaml": (keys("scenario:\n  days: 1\n"), CHECK, "parted by ="),
    "ini comment": (keys("; a comment\n[scenario]\n"), CHECK, "begins with #"),
    "table twice": (keys("[homes]\ncount = 2\n[homes]\ncount = 3\n"), CHECK, "stands once"),
    "key twice": (keys("[homes]\ncount = 2\ncount = 3\n"), CHECK, "count|line 3"),
    "old key": (keys('[feeder]\nhomes_on = "meters"\n'), CHECK, r"\[homes\]"),
    "unknown table": (keys("[home]\ncount = 2\n"), CHECK, "homes"),
    "key outside a table": (keys("days = 3\n"), CHECK, "days"),
    "word for a number": (keys('[homes]\ncount = "twelve"\n'), CHECK, "whole number"),
    "number in quotes": (keys('[homes]\ncount = "12"\n'), CHECK, "whole number"),
    "half a home": (keys("[homes]\ncount = 2.5\n"), CHECK, "whole number"),
    "no home": (keys("[homes]\ncount = 0\n"), CHECK, "at least 1"),
    "homes below zero": (keys("[homes]\ncount = -3\n"), CHECK, "at least 1"),
    "share in per cent": (keys("[homes]\npv_share = 40\n"), CHECK, "at most 1"),
    "share with a sign": (keys("[homes]\npv_share = 40%\n"), CHECK, "line 2"),
    "decimal comma": (keys("[homes]\npv_share = 0,4\n"), CHECK, "line 2"),
    "not a number": (keys("[homes]\npv_kw = nan\n"), CHECK, "finite|number"),
    "infinite": (keys("[homes]\npv_kw = inf\n"), CHECK, "finite|number"),
    "huge": (keys("[homes]\npv_kw = 1e300\n"), CHECK, "at most 100"),
    "watts for kilowatts": (keys("[homes]\npv_kw = 5000\n"), CHECK, "at most 100"),
    "tilt of a wall and more": (keys("[homes]\ntilt_deg = 120\n"), CHECK, "at most 90"),
    "azimuth as a word": (keys('[homes]\nazimuth_deg = "south"\n'), CHECK, "number"),
    "true for a share": (keys("[homes]\npv_share = true\n"), CHECK, "number"),
    "yes for true": (keys("[homes]\nwater_heaters = yes\n"), CHECK, "true or false"),
    "date in quotes": (keys('[scenario]\nstart = "2024-07-15"\n'), CHECK, "without quotes"),
    "date day first": (keys("[scenario]\nstart = 15.07.2024\n"), CHECK, "year first"),
    "no such day": (keys("[scenario]\nstart = 2023-02-29\n"), CHECK, "No calendar"),
    "date and time": (keys("[scenario]\nstart = 2024-07-15T00:00:00\n"), CHECK, "date"),
    "no day": (keys("[scenario]\ndays = 0\n"), CHECK, "at least 1"),
    "ten years": (keys("[scenario]\ndays = 3650\n"), CHECK, "at most 366"),
    "zone by abbreviation": (keys('[scenario]\ntimezone = "CET time"\n'), CHECK, "IANA"),
    "zone by offset": (keys('[scenario]\ntimezone = "+01:00"\n'), CHECK, "IANA"),
    "day of 23 hours": (
        keys('[scenario]\nstart = 2024-03-31\ndays = 1\ntimezone = "Europe/Berlin"\n'),
        CHECK,
        "23 hours.*Etc/GMT-1",
    ),
    "day of 25 hours": (
        keys('[scenario]\nstart = 2024-10-27\ndays = 1\ntimezone = "Europe/Berlin"\n'),
        CHECK,
        "25 hours",
    ),
    "currency by sign": (keys('[scenario]\ncurrency = "€"\n'), CHECK, "'EUR'"),
    "currency in small": (keys('[scenario]\ncurrency = "eur"\n'), CHECK, "mean 'EUR'"),
    "currency far from a dollar": (keys('[scenario]\ncurrency = "JPY"\n'), CHECK, "'EUR'"),
    "dollars of ercot in euros": (
        keys('[scenario]\ncurrency = "EUR"\n[prices]\nsource = "ercot_hub_average"\n'),
        CHECK,
        "in dollars",
    ),
    "prices of Texas in Europe": (
        keys('[scenario]\ntimezone = "Etc/GMT-1"\n[prices]\nsource = "ercot_hub_average"\n'),
        CHECK,
        "prices of Texas.*Americas.*table",
    ),
    "design that is none": (keys('[scenario]\narchitectures = ["flat", "tuo"]\n'), CHECK, "tou"),
    "no design": (keys("[scenario]\narchitectures = []\n"), CHECK, "at least one"),
    "design twice": (keys('[scenario]\narchitectures = ["flat", "flat"]\n'), CHECK, "flat"),
    "design as text": (keys('[scenario]\narchitectures = "flat"\n'), CHECK, "list"),
    "key of no market": (keys("[market.tou]\npeak_ration = 2\n"), CHECK, "peak_ratio"),
    "table of no market": (keys("[market.time_of_use]\npeak_ratio = 2\n"), CHECK, "time_of_use"),
    "peak that ends before it starts": (
        keys("[market.tou]\npeak_start_h = 20\npeak_end_h = 15\n"),
        CHECK,
        "peak_",
    ),
    "hour 25": (keys("[market.tou]\npeak_start_h = 25\n"), CHECK, "peak_start_h"),
    "interval of seven minutes": (keys("[market]\ninterval_minutes = 7\n"), CHECK, "5 or 15"),
    "two limits": (
        keys("[substation]\nlimit_kw = 50\nlimit_share_of_flat_peak = 0.8\n"),
        CHECK,
        "limit_kw",
    ),
    "limit of nothing": (keys("[substation]\nlimit_kw = 0\n"), CHECK, "above 0"),
    "price per MWh as per kWh": (keys("[prices]\ndelivery_per_kwh = 45\n"), CHECK, "at most 1"),
    "shares of more than all": (
        keys("[homes]\nparticipation_share = 0.8\nby_hand_share = 0.5\n"),
        CHECK,
        "at most 1",
    ),
    "source that is none": (keys('[feeder]\nsource = "powerfactory"\n'), CHECK, "opendss"),
    "opendss without a file": (keys('[feeder]\nsource = "opendss"\n'), CHECK, "file"),
    "file beside another source": (keys('[feeder]\nfile = "a.dss"\n'), CHECK, "file"),
    "feeder that is absent": (
        keys('[feeder]\nsource = "opendss"\nfile = "a.dss"\n'),
        CHECK,
        r"a\.dss",
    ),
    "weather that is absent": (
        keys('[weather]\nsource = "epw"\nfile = "a.epw"\n'),
        CHECK,
        r"a\.epw",
    ),
    "weather that is a table of prices": (
        {"w.epw": PRICES, "s.toml": '[weather]\nsource = "epw"\nfile = "w.epw"\n'},
        CHECK,
        r"w\.epw",
    ),
    "battery efficiency in per cent": (
        keys("[homes]\nbattery_efficiency = 95\n"),
        CHECK,
        "at most 1",
    ),
    "sliders turned round": (
        keys("[comfort]\nslider_low = 2\nslider_high = 1\n"),
        CHECK,
        "slider_high",
    ),
    # options
    "set without a value": (keys(SMALL), [*CHECK, "--set", "homes.count"], "homes.count"),
    "set of no table": (keys(SMALL), [*CHECK, "--set", "count=3"], "count"),
    "set of an unknown key": (keys(SMALL), [*CHECK, "--set", "homes.counts=3"], "count"),
    "only of no design": (keys(SMALL), ["compare", "s.toml", "--only", "tuo"], "tou"),
    "only of nothing": (keys(SMALL), ["compare", "s.toml", "--only", ","], "--only|at least one"),
    "run of two": (keys(SMALL), ["run", "s.toml", "--only", "flat,tou"], "one design"),
    "seeds below zero": (keys(SMALL), ["compare", "s.toml", "--seeds", "-1"], "seeds"),
    "map of one world": (keys(SMALL), ["compare", "s.toml", "--map"], "--seeds"),
    "out is a file": (keys(SMALL), ["compare", "s.toml", "--out", "s.toml"], "folder"),
    "out under a file": (
        keys(SMALL),
        ["compare", "s.toml", "--out", "s.toml/a"],
        "inside the file",
    ),
    "new over a file": (keys(SMALL), ["new", "s.toml"], "exists"),
    "new in no folder": ({}, ["new", "no/s.toml"], "folder"),
    "new of an absent file": ({}, ["new", "s.toml", "--prices", "p.csv"], "--prices"),
    "show of no result": ({"a.txt": "x"}, ["show", "."], "manifest"),
    "show of two things": ({}, ["show", ".", "--metric", "E5", "--home", "a"], "one of them"),
    "map of an absent result": ({}, ["export", "none", "out", "--to", "geojson"], "none"),
    "coordinates of a table": ({}, ["export", "none", "out", "--lonlat"], "--to geojson"),
    "hour of a table": ({}, ["export", "none", "out", "--hour", "3"], "--to pandapower"),
    "network of an absent result": ({}, ["export", "none", "out", "--to", "pandapower"], "none"),
    # tables of homes
    "members that are absent": (keys('[homes]\ntable = "m.csv"\n'), CHECK, r"m\.csv"),
    "members: empty": (members(""), CHECK, r"m\.csv"),
    "members: headings alone": (members("home;pv_kw\n"), CHECK, r"m\.csv"),
    "members: without names": (members("pv_kw;ev\n4;yes\n"), CHECK, "home"),
    "members: a name twice": (members("home;pv_kw\na;4\na;5\n"), CHECK, "'a'"),
    "members: a column twice": (members("home;pv_kw;pv_kw\na;4;5\n"), CHECK, "pv_kw"),
    "members: thousands or decimals": (members("home;pv_kw\na;1,500\n"), CHECK, "1,500"),
    "members: a word for a rating": (members("home;pv_kw\na;big\n"), CHECK, "big"),
    "members: below zero": (members("home;pv_kw\na;-4\n"), CHECK, "-4"),
    "members: perhaps": (members("home;ev\na;perhaps\n"), CHECK, "yes or no"),
    "members: share beside owners": (
        members(MEMBERS, "pv_share = 0.5\n"),
        CHECK,
        "pv_share",
    ),
    "members: count of others": (members(MEMBERS, "count = 5\n"), CHECK, "count"),
    "members: binary": (members("\x00\x01\x02\x03"), CHECK, r"m\.csv"),
    "members: a name left out": (members("home;pv_kw\na;4\n;5\n"), CHECK, "row 3|home"),
    "members: watts": (members("home;pv_kw\na;4000\n"), CHECK, "1000 kW"),
    # metered loads
    "loads: empty": (loads(""), CHECK, r"l\.csv"),
    "loads: below zero": (loads(LOADS.replace("0.5", "-0.5", 1)), CHECK, "'b'|b"),
    "loads: a gap": (loads(LOADS.replace(f"{HOURS[5]};0.4;0.5\n", "")), CHECK, r"l\.csv"),
    "loads: a row twice": (
        loads(LOADS.replace(f"{HOURS[5]};0.4;0.5\n", f"{HOURS[4]};0.4;0.5\n")),
        CHECK,
        r"row|time",
    ),
    "loads: a word": (loads(LOADS.replace("0.4", "n/a?", 1)), CHECK, "n/a"),
    "loads: a column twice": (loads(LOADS.replace("time;a;b", "time;a;a")), CHECK, "'a'"),
    "loads: megawatts": (loads(LOADS.replace("0.4", "4000")), CHECK, "96 kW"),
    "loads: another year and weekday": (
        loads(
            "time;a\n" + "\n".join(f"2024-01-0{1 + at // 12} {at % 12:02}:00;1" for at in range(24))
        ),
        CHECK,
        r"l\.csv",
    ),
    "loads: clock without days": (
        loads("time;a\n" + "\n".join(f"{at:02}:00;1" for at in range(24))),
        CHECK,
        "time",
    ),
    # prices
    "prices: no unit": (prices(PRICES.replace(" (ct/kWh)", "")), CHECK, "unit"),
    "prices: a unit that is none": (prices(PRICES.replace("ct/kWh", "ct/kW")), CHECK, "EUR/MWh"),
    "prices: euros in dollars": (
        prices(PRICES.replace("ct/kWh", "EUR/MWh").replace("5.5", "55")),
        CHECK,
        'currency = "EUR"',
    ),
    "prices: a thousandfold": (prices(PRICES.replace("5.5", "5500")), CHECK, "per kWh"),
    "prices: of another month": (prices(PRICES.replace("2024-07", "2024-09")), CHECK, "start"),
    "prices: no such column": (prices(PRICES.replace("price", "cost of it")), CHECK, "'price'"),
    "prices: hour 24": (
        prices(PRICES.replace("2024-07-15 05:00", "2024-07-15 25:00")),
        CHECK,
        "25:00",
    ),
    "prices: month 13": (prices(PRICES.replace("2024-07", "2024-13")), CHECK, "2024-13"),
    "prices: months first and days first": (
        prices(PRICES.replace("2024-07-15", "07/15/2024").replace("2024-07-16", "16/07/2024")),
        CHECK,
        "row|time",
    ),
    "prices: a sign inside": (prices(PRICES.replace("5.5", "5.5.5", 1)), CHECK, r"5\.5\.5"),
    "prices: absent": (keys('[prices]\nsource = "table"\nfile = "p.csv"\n'), CHECK, r"p\.csv"),
    "prices: a pdf": (prices("%PDF-1.7\n%\u00e2\u00e3\n1 0 obj\n"), CHECK, r"p\.csv"),
    "prices: html": (prices("<!DOCTYPE html><html><body>404</body></html>"), CHECK, r"p\.csv"),
}


@pytest.mark.parametrize("name", CASES)
def test_an_input_is_refused_with_its_place_and_a_remedy(name, tmp_path, monkeypatch):
    files, command, says = CASES[name]
    monkeypatch.chdir(tmp_path)
    for path, text in files.items():
        (tmp_path / path).write_text(text, encoding="utf-8")
    found = CliRunner().invoke(app, command)
    told = " ".join(found.stderr.split())
    assert found.exit_code == 2, (found.stdout, told, found.exception)
    assert "Traceback" not in told
    assert re.search(says, told), told


def test_cells_of_a_workbook_are_refused_by_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    book = Workbook()
    for row in (["home", "pv_kw"], ["a", 4], ["b", "=1/0"], ["c", "#DIV/0!"]):
        book.active.append(row)
    book.save("m.xlsx")
    (tmp_path / "s.toml").write_text(f'{SMALL}[homes]\ntable = "m.xlsx"\n')
    found = CliRunner().invoke(app, [*CHECK, "--json"])
    assert found.exit_code == 2, found.stdout
    problems = json.loads(found.stdout)["problems"]
    assert any("m.xlsx" in each["where"] for each in problems)
