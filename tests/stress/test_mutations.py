"""Inputs changed at random: each is read as it stands or refused in sentences; a traceback is a fault of the program.

Every mutant is a valid input of our own with a few characters, words, lines or cells changed by a seed. The same seed makes the
same mutant, and a failure names it.
"""

import random
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.population import sun
from gridagora.scenario import build

HOME = """
[scenario]
days = 1
start = 2018-07-16
seed = 3
architectures = ["flat", "rtp"]
[feeder]
{feeder}
[homes]
count = 3
pv_share = 0.4
ev_share = 0.5
{homes}
[weather]
{weather}
[prices]
{prices}
delivery_per_kwh = 0.045
[substation]
limit_share_of_flat_peak = 0.85
over_per_kwh = 1.0
[market]
interval_minutes = 5
[market.layered]
reserve_share = 0.03
"""
FEEDER = """Clear
New Circuit.small basekv=12.47 pu=1.02 phases=3 bus1=src mvasc3=500 mvasc1=500
New Linecode.oh nphases=3 r1=0.3 x1=0.6 r0=0.7 x0=1.9 c1=0 c0=0 units=km
New Line.l1 bus1=src bus2=a phases=3 linecode=oh length=1 units=km
New Transformer.t1 phases=1 windings=3 xhl=2.04 xht=2.04 xlt=1.36 %loadloss=0.6
~ wdg=1 bus=a.1 kv=7.2 kva=50 conn=wye
~ wdg=2 bus=h1.1.0 kv=0.12 kva=50 conn=wye
~ wdg=3 bus=h1.0.2 kv=0.12 kva=50 conn=wye
New Transformer.t2 phases=1 windings=2 xhl=2 %loadloss=0.6
~ wdg=1 bus=a.2 kv=7.2 kva=50
~ wdg=2 bus=h2.1 kv=0.24 kva=50
New Load.x1 phases=1 bus1=h1.1.2 kv=0.24 kw=6 pf=0.95
New Load.x2 phases=1 bus1=h2.1 kv=0.24 kw=5 pf=0.95
New Load.x3 phases=1 bus1=h2.1 kv=0.24 kw=4 pf=0.95
Set VoltageBases=[12.47 0.208 0.416]
CalcVoltageBases
Solve
"""
WORDS = [
    "",
    "nan",
    "inf",
    "-1",
    "0",
    "1e9",
    "1e400",
    "-9999",
    "abc",
    "0,5",
    "ä",
    "2018-02-30",
    "13:61",
    "true",
    "[]",
    '"',
    "#",
    "\\x",
]
SOURCES = {
    "feeder": 'source = "opendss"\nfile = "feeder.dss"',
    "homes": 'source = "profiles"\nfile = "homes.csv"\nev_source = "sessions"\nev_file = "cars.csv"\n'
    'weather_source = "epw"\nweather_file = "sky.epw"\nfit_r2_least = -1e9',
    "weather": 'source = "epw"\nfile = "sky.epw"',
    "prices": 'source = "ercot_files"\nday_ahead_file = "da.csv"\nreal_time_file = "rt.csv"\npoint = "LZ_AEN"',
}


def scenario(*read: str) -> str:
    """Return a scenario that takes the named tables from files and draws the others."""
    return HOME.format(**{table: SOURCES[table] if table in read else "" for table in SOURCES})


def sky() -> str:
    """Return a clear year at Austin as EPW."""
    hour = np.arange(8760)
    start_s = int(pd.Timestamp("2018-01-01", tz="Etc/GMT+6").timestamp())
    up = np.clip(
        np.cos(np.radians(sun.position(start_s + 3600 * hour + 1800, 30.3, -97.7).zenith_deg)),
        0,
        None,
    )
    dni, dhi = np.where(up > 0.02, 700.0, 0.0).round(), np.where(up > 0.02, 80.0, 0.0)
    t_out = (
        20
        - 9 * np.cos(2 * np.pi * (hour / 24 - 20) / 365)
        + 5 * np.sin(2 * np.pi * (hour % 24 - 9) / 24)
    )
    day = pd.Timestamp("2018-01-01") + pd.to_timedelta(hour // 24, unit="D")
    lines = ["LOCATION,Made,TX,USA,made,000000,30.3,-97.7,-6.0,150.0", *["X"] * 7]
    for i, date in enumerate(day):
        cells = [
            date.year,
            date.month,
            date.day,
            i % 24 + 1,
            0,
            "?",
            f"{t_out[i]:.1f}",
            10,
            60,
            101325,
            0,
            0,
            300,
        ]
        cells += [
            f"{dni[i] * up[i] + dhi[i]:.0f}",
            f"{dni[i]:.0f}",
            f"{dhi[i]:.0f}",
            0,
            0,
            0,
            0,
            180,
            2.5,
            *[0] * 13,
        ]
        lines.append(",".join(map(str, cells)))
    return "\n".join(lines) + "\n"


def homes() -> str:
    """Return three days and more of three homes with load alone."""
    stamps = pd.date_range("2018-06-10", "2018-07-20", freq="h", inclusive="left")
    rows = [
        f"{name},{at},{0.4 + 0.1 * (at.hour > 17) + 0.01 * k:.2f}"
        for k, name in enumerate("abc")
        for at in stamps
    ]
    return "\n".join(["home,time,load", *rows]) + "\n"


def prices(quarter: bool) -> str:
    """Return ten days of a load zone in ERCOT's layout."""
    days = pd.date_range("2018-07-12", "2018-07-20")
    if not quarter:
        rows = [f"{d:%m/%d/%Y},{h:02d}:00,LZ_AEN,{20 + h},N" for d in days for h in range(1, 25)]
        return (
            "\n".join(
                ["DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag", *rows]
            )
            + "\n"
        )
    rows = [
        f"{d:%m/%d/%Y},{h},{q},LZ_AEN,LZ,{20 + h},N"
        for d in days
        for h in range(1, 25)
        for q in range(1, 5)
    ]
    heading = "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,SettlementPointPrice,DSTFlag"
    return "\n".join([heading, *rows]) + "\n"


def cars() -> str:
    rows = [
        f"2018-07-{d:02d} 18:30,2018-07-{d + 1:02d} 07:00,{8 + d % 5},7.2" for d in range(2, 20)
    ]
    return "\n".join(["arrive,depart,energy_kwh,kw", *rows]) + "\n"


MAKE: dict[str, Callable[[], str]] = {
    "feeder.dss": lambda: FEEDER,
    "sky.epw": sky,
    "homes.csv": homes,
    "da.csv": lambda: prices(quarter=False),
    "rt.csv": lambda: prices(quarter=True),
    "cars.csv": cars,
}
READ = {
    "scenario.toml": (),
    "feeder.dss": ("feeder",),
    "sky.epw": ("weather",),
    "homes.csv": ("homes", "weather"),
    "homes.parquet": ("homes", "weather"),
    "da.csv": ("prices",),
    "rt.csv": ("prices",),
    "cars.csv": ("homes", "weather"),
}


def changed_cell(line: str, draw: random.Random) -> str:
    mark = "," if "," in line else " " if "=" not in line else "="
    cells = line.split(mark)
    cells[draw.randrange(len(cells))] = draw.choice(WORDS)
    return mark.join(cells)


def changed_words(line: str, draw: random.Random) -> str:
    return " ".join(draw.choice(WORDS) if draw.random() < 0.3 else word for word in line.split(" "))


def changed_letter(line: str, draw: random.Random) -> str:
    spot = draw.randrange(len(line) + 1)
    return line[:spot] + draw.choice("x0-;,.\t'\"=[]é") + line[spot + 1 :]


def dropped(lines: list[str], at: int, draw: random.Random) -> list[str]:
    return lines[:at] + lines[at + draw.randint(1, 30) :]


def doubled(lines: list[str], at: int, _: random.Random) -> list[str]:
    return [*lines[:at], lines[at], *lines[at:]]


def swapped(lines: list[str], at: int, draw: random.Random) -> list[str]:
    other = draw.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]
    return lines


def cut(lines: list[str], at: int, _: random.Random) -> list[str]:
    return lines[: max(1, at)]


def spread(lines: list[str], at: int, draw: random.Random) -> list[str]:
    return [*lines[:at], *[""] * draw.randint(1, 3), *lines[at:]]


def joined(lines: list[str], at: int, _: random.Random) -> list[str]:
    return [*lines[:at], "".join(lines[at : at + 2]), *lines[at + 2 :]]


IN_A_LINE = (changed_cell, changed_cell, changed_cell, changed_words, changed_letter)
AMONG_LINES = (dropped, doubled, swapped, cut, spread, joined)


def mutated(text: str, draw: random.Random) -> str:
    """Return a text with one to three faults of the kind that people and programs make."""
    lines = text.split("\n")
    for _ in range(draw.randint(1, 3)):
        at = min(
            draw.randrange(len(lines)), draw.randrange(len(lines))
        )  # headings more often than tails
        if draw.random() < len(IN_A_LINE) / (len(IN_A_LINE) + len(AMONG_LINES)):
            lines[at] = draw.choice(IN_A_LINE)(lines[at], draw)
        else:
            lines = draw.choice(AMONG_LINES)(lines, at, draw) or [""]
    return "\n".join(lines)


def mutated_bytes(raw: bytes, draw: random.Random) -> bytes:
    """Return bytes with some changed, or the end cut off."""
    changed = bytearray(raw)
    for _ in range(draw.randint(1, 20)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return (
        bytes(changed[: draw.randrange(1, len(changed))]) if draw.random() < 0.3 else bytes(changed)
    )


def write(folder: Path, kind: str, seed: int) -> Path:
    """Write the files of a mutant and return its scenario."""
    draw = random.Random(f"{kind} {seed}")
    text = scenario(*READ[kind])
    for name, make in MAKE.items():
        if name in text and not (folder / name).exists():
            (folder / name).write_text(make(), encoding="utf-8")
    if kind == "scenario.toml":
        text = mutated(text, draw)
    elif kind == "homes.parquet":
        text = text.replace("homes.csv", "homes.parquet")
        table = pd.read_csv(folder / "homes.csv", parse_dates=["time"])
        table.to_parquet(folder / kind, index=False)
        (folder / kind).write_bytes(mutated_bytes((folder / kind).read_bytes(), draw))
    else:
        (folder / kind).write_text(mutated(MAKE[kind](), draw), encoding="utf-8", newline="")
    path = folder / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    return path


def judge(folder: str, kind: str, seed: int) -> str:
    """Read a mutant; return what is wrong with how it was answered, nothing where it was read or refused in sentences."""
    place = Path(folder)
    (place / kind).unlink(missing_ok=True)
    path = write(place, kind, seed)
    try:
        build.load(path)
    except InputError as fault:
        bad = [
            str(problem)
            for problem in fault.problems
            if not (problem.where and problem.got and problem.expected)
        ]
        return f"{kind} {seed}: {bad or 'no problem named'}" if bad or not fault.problems else ""
    except BaseException as fault:  # noqa: BLE001  whatever comes is what the test is about
        return f"{kind} {seed}: {''.join(traceback.format_exception(fault)[-3:])}"
    finally:
        (place / kind).unlink(missing_ok=True)
    return ""


def stressed(folder: Path, kind: str, seeds: range) -> list[str]:
    """Judge mutants in a process of its own: one that ends takes nothing else with it and is told."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    pool = ProcessPoolExecutor(1)
    for seed in seeds:
        try:
            found.append(pool.submit(judge, str(folder), kind, seed).result(timeout=120))
        except BrokenProcessPool:
            found.append(f"{kind} {seed}: the process ended")
            pool = ProcessPoolExecutor(1)
    pool.shutdown()
    return [each for each in found if each]


@pytest.mark.parametrize("kind", READ)
def test_the_input_itself_is_read(tmp_path: Path, kind: str) -> None:
    write(tmp_path, kind, 0)
    for name, make in MAKE.items():
        if (tmp_path / name).exists():
            (tmp_path / name).write_text(make(), encoding="utf-8")
    path = tmp_path / "scenario.toml"
    path.write_text(scenario(*READ[kind]), encoding="utf-8")
    assert len(build.load(path).homes.home_id) == 3


@pytest.mark.parametrize("kind", READ)
def test_a_changed_input_is_read_or_refused_in_sentences(tmp_path: Path, kind: str) -> None:
    assert not [wrong for seed in range(6) if (wrong := judge(str(tmp_path), kind, seed))]


@pytest.mark.long
@pytest.mark.parametrize("kind", READ)
def test_many_changed_inputs_are_read_or_refused_in_sentences(tmp_path: Path, kind: str) -> None:
    """Eight kinds of 300: 2 400 inputs."""
    wrong = stressed(tmp_path / "many", kind, range(1000, 1300))
    assert not wrong, f"{len(wrong)} of 300:\n" + "\n".join(wrong[:10])
