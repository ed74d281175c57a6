"""The command that writes a result for other programs: tables for a spreadsheet, a map, or a network."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridagora.commands.complete import complete_design_of_result
from gridagora.core.errors import InputError, Problem
from gridagora.terminal import (
    Json,
    busy,
    load_scene,
    refuse_file,
    refuse_result,
    report_errors,
    say,
    show_json,
)

if TYPE_CHECKING:
    from gridagora.run.result import Comparison

MAP_FILE, NET_FILE = "result.geojson", "pandapower.json"


class ExportTo(StrEnum):
    """What a result is written as."""

    TABLES = "tables"
    GEOJSON = "geojson"
    PANDAPOWER = "pandapower"


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a result.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the files.")],
    to: Annotated[
        ExportTo,
        typer.Option(
            "--to", help="Tables for a spreadsheet, a map for a geographic program, or a network."
        ),
    ] = ExportTo.TABLES,
    lonlat: Annotated[
        bool,
        typer.Option(
            "--lonlat", help="Coordinates of the feeder are longitude and latitude; for geojson."
        ),
    ] = False,
    design: Annotated[
        str | None,
        typer.Option(
            "--design",
            metavar="NAME",
            autocompletion=complete_design_of_result,
            help="Whose loads; for pandapower. Left out: the first.",
        ),
    ] = None,
    hour: Annotated[
        int | None,
        typer.Option(
            "--hour", help="Hour of the run, from 0; for pandapower. Left out: of highest load."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Write a result for other programs. Makes CSV files and a workbook, GeoJSON of buses, lines and homes, or a network."""
    with report_errors(json_):
        from gridagora.report.answers import write_answers
        from gridagora.report.geo import write_geojson
        from gridagora.run import folder as folders

        refuse_file(out)
        refuse_result(f"OUT {out}", out, folder)
        _refuse_unread(to, {"--lonlat": lonlat}, ExportTo.GEOJSON)
        asked = {"--design": design is not None, "--hour": hour is not None}
        _refuse_unread(to, asked, ExportTo.PANDAPOWER)
        result = folders.load(folder)
        if to is ExportTo.PANDAPOWER:
            path = _write_net(result, folder, out / NET_FILE, design, hour)
        else:
            with busy("writing the tables"):
                path = (
                    write_geojson(result, out / MAP_FILE, lonlat=lonlat)
                    if to is ExportTo.GEOJSON
                    else write_answers(result, out)
                )
        say(f"Wrote {path}")
        if json_:
            show_json({str(to): str(path)})


def _write_net(
    result: "Comparison", folder: Path, path: Path, design: str | None, hour: int | None
) -> Path:
    """Write the network of a result, and say what it shows and what it cannot."""
    from gridagora.report.pandapower_file import write_pandapower

    if result.summary["manifest"].get("is_assembled"):
        got = "a result of tables that were made in code"
        raise InputError([Problem(str(folder), got, "a result of a scenario file")])
    scene = load_scene(folder / "scenario.toml", None, [])
    with busy("writing the network"):
        made = write_pandapower(result, scene, path, design, hour)
    say(f"Loads and voltages of {made.moment}")
    for note in made.notes:
        say(note)
    return made.path


def _refuse_unread(to: ExportTo, given: dict[str, bool], reader: ExportTo) -> None:
    """Refuse options that only another kind of file reads."""
    problems = [
        Problem(name, f"--to {to}", f"--to {reader} beside {name}")
        for name, is_given in given.items()
        if is_given and to is not reader
    ]
    if problems:
        raise InputError(problems)
