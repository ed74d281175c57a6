"""Weather files of places all over the earth, in every form of a year, whole or with a fault: right row or a sentence."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pvlib
import pytest

from gridagora.core.errors import InputError
from gridagora.scenario import populate as draw
from gridagora.scenario import read
from gridagora.scenario.calendar import midnight_s

PLACES = {  # latitude, longitude, standard time, local time
    "Berlin": (52.5, 13.4, 1.0, "Europe/Berlin"),
    "Austin": (30.3, -97.7, -6.0, "America/Chicago"),
    "Delhi": (28.6, 77.2, 5.5, "Asia/Kolkata"),
    "Kathmandu": (27.7, 85.3, 5.75, "Asia/Kathmandu"),
    "Sydney": (-33.9, 151.2, 10.0, "Australia/Sydney"),
    "Adelaide": (-34.9, 138.6, 9.5, "Australia/Adelaide"),
    "Apia": (-13.8, -171.8, 13.0, "Pacific/Apia"),
    "Kiritimati": (1.9, -157.4, 14.0, "Pacific/Kiritimati"),
    "Adak": (51.9, -176.6, -10.0, "America/Adak"),
    "Kashgar": (39.5, 76.0, 8.0, "Asia/Shanghai"),
    "Tromso": (69.6, 18.9, 1.0, "Europe/Oslo"),
    "Longyearbyen": (78.2, 15.6, 1.0, "Arctic/Longyearbyen"),
    "McMurdo": (-77.8, 166.7, 12.0, "Antarctica/McMurdo"),
    "Quito": (-0.2, -78.5, -5.0, "America/Guayaquil"),
    "St Johns": (47.6, -52.7, -3.5, "America/St_Johns"),
    "Reykjavik": (64.1, -21.9, 0.0, "Atlantic/Reykjavik"),
    "Austin in UTC": (30.3, -97.7, 0.0, "America/Chicago"),
}
TYPICAL = (
    1998,
    2004,
    1993,
    2000,
    1991,
    2005,
    1996,
    1999,
    2001,
    1992,
    1995,
    2003,
)  # a year for each month, leap years among them
FORMS = ("common", "leap", "leap without 29 February", "typical", "from July")
STARTS = (
    date(2024, 7, 15),
    date(2024, 2, 28),
    date(2023, 12, 31),
    date(2025, 3, 3),
    date(2024, 2, 29),
    date(2022, 10, 11),
)
FORMATS = ("epw", "tmy3", "nsrdb")
WHOLE = (
    "plain",
    "byte order mark",
    "latin-1",
    "windows lines",
    "blank tail",
    "trailing commas",
    "cloudy mornings",
)
FAULTS = (
    "missing mark",
    "swapped",
    "late",
    "early",
    "truncated",
    "doubled",
    "a row less",
    "other side",
    "no zone",
    "cut line",
    "word",
)


def hours_of(form: str) -> list[datetime]:
    """Return the starts of the hours of a year, standard time, each with the year its row says."""
    first = {
        "leap": datetime(2020, 1, 1),
        "leap without 29 February": datetime(2016, 1, 1),
        "from July": datetime(2018, 7, 1),
    }
    begin = first.get(form, datetime(2018, 1, 1))
    count = 8784 if form in {"leap", "leap without 29 February"} else 8760
    hours = [begin + timedelta(hours=hour) for hour in range(count)]
    if form == "leap without 29 February":
        hours = [hour for hour in hours if (hour.month, hour.day) != (2, 29)]
    return (
        [hour.replace(year=TYPICAL[hour.month - 1]) for hour in hours]
        if form == "typical"
        else hours
    )


def mark(month: int, day: int, hour: int) -> float:
    """Return the temperature that a row of this date has here: each date its own."""
    return 2.5 * month + 0.08 * day + 0.003 * hour


def light(place: tuple[float, float, float, str], at: list[datetime], fault: str) -> pd.DataFrame:
    """Return clear-sky irradiance of the instants in the middle of rows, by the solar library."""
    latitude, longitude, zone, _ = place
    when = pd.DatetimeIndex(at) - pd.Timedelta(hours=zone)
    sun = pvlib.solarposition.get_solarposition(when.tz_localize("UTC"), latitude, longitude)
    zenith = sun["zenith"].to_numpy()
    ghi = pvlib.clearsky.haurwitz(sun["zenith"])["ghi"].to_numpy()
    if fault == "cloudy mornings":
        of_day = (when.hour + when.minute / 60 + longitude / 15) % 24
        ghi = np.where((of_day < 11) & (np.asarray(when.day_of_year) % 4 > 0), 0.35, 1.0) * ghi
    dhi = 0.12 * ghi
    cosine = np.cos(np.radians(zenith))
    dni = np.where(cosine > 0.02, (ghi - dhi) / np.maximum(cosine, 0.02), 0.0)
    return pd.DataFrame({"ghi": ghi, "dni": dni, "dhi": np.where(cosine > 0.02, dhi, ghi)})


def lines_of(
    kind: str, form: str, place: tuple[float, float, float, str], fault: str
) -> tuple[list[str], int]:
    """Return the lines of a file and how many of them are header."""
    latitude, longitude, zone, _ = place
    longitude = longitude if fault != "other side" else (longitude + 360.0) % 360.0 - 180.0
    told = "GMT" if fault == "no zone" else f"{zone:g}"
    hours = hours_of(form)
    steps = (0, 30) if kind == "nsrdb" else (30,)
    samples = [hour + timedelta(minutes=minute) for hour in hours for minute in steps]
    sky = light(place, samples, fault).round(1)
    moved = {"late": 1, "early": -1}.get(fault, 0) * len(steps)
    sky = pd.DataFrame({name: np.roll(column, moved) for name, column in sky.items()})
    t = [mark(hour.month, hour.day, hour.hour) for hour in hours for _ in steps]
    rows = zip(samples, t, sky["ghi"], sky["dni"], sky["dhi"], strict=True)
    if kind == "epw":
        head = [
            f"LOCATION,S\u00e3o Made,-,XXX,made,000000,{latitude},{longitude},{told},10.0",
            *["HEADER"] * 7,
        ]
        rest = ",0" * 5
        body = [
            f"{h.year},{h.month},{h.day},{h.hour + 1},60,?,{t:.3f},9,50,99999,0,0,300,{g},{n},{d}{rest},3.1"
            for h, t, g, n, d in rows
        ]
    elif kind == "tmy3":
        head = [f'1,"S\u00e3o MADE",XX,{told},{latitude},{longitude},10']
        head.append(
            "Date (MM/DD/YYYY),Time (HH:MM),GHI (W/m^2),DNI (W/m^2),DHI (W/m^2),Dry-bulb (C),Wspd (m/s)"
        )
        body = [
            f"{h:%m/%d/%Y},{h.hour + 1:02d}:00,{g},{n},{d},{t:.3f},3.1" for h, t, g, n, d in rows
        ]
    else:
        head = [
            "Source,City,Latitude,Longitude,Time Zone,Local Time Zone",
            f"NSRDB,S\u00e3o,{latitude},{longitude},{told},{told}",
        ]
        head.append("Year,Month,Day,Hour,Minute,DHI,DNI,Wind Speed,Temperature")
        body = [
            f"{h.year},{h.month},{h.day},{h.hour},{h.minute},{d},{n},3.1,{t:.3f}"
            for h, t, g, n, d in rows
        ]
    return head + body, len(head)


def broken(lines: list[str], first: int, fault: str, kind: str) -> list[str]:
    """Return the lines with a fault near line 3,000 of the file."""
    at, temperature = 2999, {"epw": 6, "tmy3": 5, "nsrdb": 8}[kind]
    row = lines[at].split(",")
    match fault:
        case "missing mark" | "word":
            row[temperature] = (
                ("-9900" if kind == "tmy3" else "99.9") if fault == "missing mark" else "cold"
            )
            return [*lines[:at], ",".join(row), *lines[at + 1 :]]
        case "swapped":
            return [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
        case "doubled":
            return [*lines[: at + 1], lines[at], *lines[at + 1 :]]
        case "a row less":
            return [*lines[:at], *lines[at + 1 :]]
        case "truncated":
            return lines[: first + 5000]
        case "cut line":
            return [*lines[:-1], ",".join(lines[-1].split(",")[:5])]
        case "trailing commas":
            return [line + ",,," for line in lines]
        case "blank tail":
            return [*lines, "", ",,,", "  "]
    return lines


def write(
    path: Path, kind: str, form: str, place: tuple[float, float, float, str], fault: str
) -> Path:
    """Write a file of a kind, a form of the year, a place and a fault."""
    lines, first = lines_of(kind, form, place, fault)
    text = ("\r\n" if fault == "windows lines" else "\n").join(
        broken(lines, first, fault, kind)
    ) + "\n"
    code = {"latin-1": "latin-1", "byte order mark": "utf-8-sig"}.get(fault, "utf-8")
    path.write_bytes(text.encode(code))
    return path


def sky_of(path: Path, kind: str, zone: str, start: date, days: int = 2) -> tuple[draw.Sky, int]:
    """Return the weather that a scenario reads, and the start of its run."""
    text = f'[scenario]\nstart = {start}\ndays = {days}\ntimezone = "{zone}"\n[weather]\nsource = "{kind}"\nfile = "{path}"\n'
    start_s = midnight_s(start, zone)
    return draw.sky(read.parse(text), start_s), start_s


def right_rows(
    sky: draw.Sky, start_s: int, place: tuple[float, float, float, str], form: str, days: int = 2
) -> None:
    """Hold every hour of a run to the row of its date in standard time, and the light to the sun of that hour."""
    latitude, longitude, zone, _ = place
    first = datetime.fromtimestamp(start_s, tz=UTC).replace(tzinfo=None)
    hours = [first + timedelta(hours=hour) for hour in range(24 * days + 25)]
    local = [hour + timedelta(hours=zone) for hour in hours]
    days_of = [28 if (t.month, t.day) == (2, 29) and form != "leap" else t.day for t in local]
    wanted = [mark(t.month, day, t.hour) for t, day in zip(local, days_of, strict=True)]
    assert sky.weather.t_out_degc == pytest.approx(np.array(wanted), abs=6e-4)
    assert sky.weather.start_s == start_s
    assert sky.latitude_deg == latitude
    middle = pd.DatetimeIndex(hours).tz_localize("UTC") + pd.Timedelta("30min")
    zenith = pvlib.solarposition.get_solarposition(middle, latitude, longitude)["zenith"].to_numpy()
    assert (
        np.abs(np.cos(np.radians(zenith)) - np.cos(np.radians(sky.weather.zenith_deg))).max() < 0.08
    )  # a quarter hour, a day


CASES = list(product(PLACES, FORMS, WHOLE + FAULTS))
SOME = [CASES[at] for at in np.random.default_rng(7).permutation(len(CASES))[:18]]


def tried(tmp_path: Path, at: int, name: str, form: str, fault: str) -> str:
    """Write a file, read it, and return the faults told; a whole file has its rows held to the dates."""
    kind, start, place = FORMATS[at % 3], STARTS[at % len(STARTS)], PLACES[name]
    days = 1 if name in {"Sydney", "Adelaide"} and start.month == 3 else 2
    path = write(tmp_path / f"a.{kind}", kind, form, place, fault)
    try:
        sky, start_s = sky_of(path, kind, place[3], start, days)
    except InputError as told:
        return str(told)
    right_rows(sky, start_s, place, form, days)
    return ""


EXPECTED: dict[str, Callable[[str], bool]] = {
    "missing mark": lambda text: "line 3000" in text and ("'-9900'" in text or "'99.9'" in text),
    "word": lambda text: "line 3000" in text and "'cold'" in text,
    "swapped": lambda text: ("line 300" in text or "line 299" in text) and "out of order" in text,
    "doubled": lambda text: ("line 300" in text or "line 299" in text) and "rows of" in text,
    "a row less": lambda text: (
        ("line 300" in text or "line 299" in text) and "missing or doubled" in text
    ),
    "late": lambda text: (
        "late against the sun" in text or "beyond what the sun sends" in text or "at night" in text
    ),
    "early": lambda text: (
        "early against the sun" in text or "beyond what the sun sends" in text or "at night" in text
    ),
    "truncated": lambda text: "hours, the last of" in text or "next after" in text,
    "cut line": lambda text: "got nothing" in text,
    "other side": lambda text: "sun" in text or "longitude" in text,
    "no zone": lambda text: "time zone 'GMT'" in text,
}


def check(tmp_path: Path, cases: list[tuple[str, str, str]], offset: int = 0) -> None:
    """Try every case; a fault is told in its sentence, and a whole file reads."""
    for at, (name, form, fault) in enumerate(cases, offset):
        text = tried(tmp_path, at, name, form, fault)
        right = EXPECTED[fault](text) if fault in FAULTS else not text
        assert right, f"{name}, {FORMATS[at % 3]}, {form}, {fault}: {text or 'read without a word'}"


@pytest.mark.parametrize("at", range(0, len(SOME), 3))
def test_right_row_or_a_sentence(tmp_path: Path, at: int) -> None:
    check(tmp_path, SOME[at : at + 3], at)


@pytest.mark.long
@pytest.mark.parametrize("name", PLACES)
def test_every_place_form_and_fault(tmp_path: Path, name: str) -> None:
    """Thirty files a place, of five forms of a year and eighteen ways to write or break one; three formats in turn."""
    own, at = [case for case in CASES if case[0] == name], list(PLACES).index(name)
    check(tmp_path, [own[row] for row in np.random.default_rng(at).permutation(len(own))[:30]], at)
