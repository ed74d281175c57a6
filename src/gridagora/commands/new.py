"""`gridagora new`: a scenario file to start from, of the files at hand, by options or by questions."""

import sys
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gridagora.core.errors import InputError, Problem
from gridagora.terminal import Json, report_errors, say, show_json

if TYPE_CHECKING:
    from gridagora.scenario.own_case import OwnCase, OwnFiles

Answer = TypeVar("Answer")
ZONE = "Etc/GMT+6"
DAYS_MOST, HOMES_MOST = 366, 1_000_000


def new(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="Where to write it. Left out at a terminal: you are asked."
        ),
    ] = None,
    feeder: Annotated[
        Path | None,
        typer.Option(
            "--feeder",
            metavar="FILE",
            help="An OpenDSS (.dss), GridLAB-D (.glm) or pandapower (.json) model.",
        ),
    ] = None,
    homes: Annotated[
        Path | None,
        typer.Option("--homes", metavar="FILE", help="A table of homes: CSV, XLSX or Parquet."),
    ] = None,
    loads: Annotated[
        Path | None,
        typer.Option(
            "--loads",
            metavar="FILE",
            help="Metered loads: a column of time, then one for each home; or Green Button files.",
        ),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices", metavar="FILE", help="Wholesale prices: a column of time and one of prices."
        ),
    ] = None,
    tariff: Annotated[
        Path | None,
        typer.Option(
            "--tariff",
            metavar="FILE",
            help="A retail tariff: a table of your own (.toml), or a record of the URDB (.json).",
        ),
    ] = None,
    weather: Annotated[
        Path | None,
        typer.Option(
            "--weather",
            metavar="FILE",
            help="Weather: EPW, TMY3, NSRDB, or a table of time, temperature and light.",
        ),
    ] = None,
    timezone: Annotated[
        str,
        typer.Option(
            "--timezone",
            metavar="ZONE",
            help="Time zone of the files, as Europe/Berlin (an IANA name).",
        ),
    ] = ZONE,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="DAY", help="First day of the run, as 2024-07-15."),
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", metavar="N", min=1, max=DAYS_MOST, help="Days of it.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count", metavar="N", min=1, max=HOMES_MOST, help="Homes, where no file names them."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Write a scenario file to start from, with every key. It uses the files that you name, or asks for them."""
    with report_errors(json_):
        from gridagora.scenario.own_case import OwnCase, OwnFiles

        given = OwnFiles(feeder, homes, loads, prices, tariff, weather)
        first = None if start is None else _day(start)
        if file is None:
            _require_terminal()
            file, given, case = _ask_all()
        else:
            _new_file(str(file))
            _zone(timezone)
            case = OwnCase(_title(file), timezone, first, days, count)
        file.write_text(_text(file, given, case), encoding="utf-8")
        say(f"Wrote {file}. Next: gridagora check {file}, then gridagora compare {file}")
        if json_:
            show_json({"file": str(file)})


def demo_text() -> str:
    """Return the text of the scenario of the demo."""
    return files("gridagora.scenario").joinpath("demo.toml").read_text(encoding="utf-8")


def _text(file: Path, given: "OwnFiles", case: "OwnCase") -> str:
    """Return the text of a new scenario: of what is given, else the demo."""
    from gridagora.scenario.all_keys import add_all_keys
    from gridagora.scenario.own_case import write_case

    said = (case.first, case.days, case.home_count)
    if not any(given) and not any(said) and case.timezone == ZONE:
        return add_all_keys(demo_text())
    return write_case(given, file.parent, case)


def _title(file: Path) -> str:
    return file.stem.replace("_", " ")


def _require_terminal() -> None:
    """Refuse to ask where nobody can answer.

    Raises
    ------
    InputError
        No terminal.
    """
    if not sys.stdin.isatty():
        hint = "gridagora new FILE --homes members.csv; at a terminal it asks."
        raise InputError([Problem("FILE", "nothing", "the name of a new file", hint)])


def _ask_all() -> "tuple[Path, OwnFiles, OwnCase]":
    """Ask for all that a scenario is made of; an answer that cannot be used is asked for again."""
    from gridagora.scenario.own_case import OwnCase, OwnFiles

    say("What you do not have is drawn: press Enter.")
    file = _ask("File to write", "scenario.toml", _new_file)
    given = OwnFiles(
        _ask(
            "Feeder, an OpenDSS (.dss), GridLAB-D (.glm) or pandapower (.json) model", "", _old_file
        ),
        _ask("Table of homes (.csv, .xlsx, .parquet)", "", _old_file),
        _ask("Metered loads, a table or Green Button files (.xml, or a folder)", "", _old_file),
        _ask("Wholesale prices by time (.csv, .xlsx, .parquet)", "", _old_file),
        weather=_ask("Weather (.epw, TMY3, NSRDB, or a table)", "", _old_file),
        tariff=_ask(
            "Retail tariff, a table (.toml) or a record of the URDB (.json)", "", _old_file
        ),
    )
    named = given.homes is not None or given.loads is not None
    count = None if named else _ask("Number of homes", "12", lambda text: _whole(text, HOMES_MOST))
    zone = _ask("Time zone, as Europe/Berlin", ZONE, _zone)
    of_files = "" if given.loads or given.prices else "2024-07-15"
    what = " (Enter: the first of the files)" if not of_files else ""
    first = _ask(f"First day of the run{what}", of_files, lambda text: _day(text) if text else None)
    days = _ask("Days", "7" if of_files else "", lambda text: _whole(text, DAYS_MOST))
    return file, given, OwnCase(_title(file), zone, first, days, count)


def _ask(what: str, default: str, read: Callable[[str], Answer]) -> Answer:
    while True:
        text = str(
            typer.prompt(what, default=default, show_default=bool(default), err=True)
        ).strip()
        try:
            return read(text)
        except InputError as fault:
            say(str(fault))


def _new_file(text: str) -> Path:
    file = Path(text)
    if file.exists():
        hint = "Nothing was overwritten."
        raise InputError([Problem(text, "a file that exists", "the name of a new file", hint)])
    if not file.parent.is_dir():
        raise InputError([Problem(text, f"no folder {file.parent}", "a folder that exists")])
    return file


def _old_file(text: str) -> Path | None:
    if text and not Path(text).exists():
        raise InputError([Problem(f"'{text}'", "no such file", "a file that exists, or nothing")])
    return Path(text) if text else None


def _zone(text: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        expected = "an IANA name, as Europe/Berlin"
        raise InputError([Problem("time zone", f"'{text}'", expected)]) from None
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError([Problem("first day", f"'{text}'", "a day, as 2024-07-15")]) from None


def _whole(text: str, most: int) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise InputError([Problem("number", f"'{text}'", f"a whole number, 1 to {most}")])
    return int(text)
