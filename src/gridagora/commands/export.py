"""The command that writes a result for other programs: tables for a spreadsheet, or a map."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gridagora.core.errors import InputError, Problem
from gridagora.terminal import Json, busy, refuse_file, report_errors, say, show_json

MAP_FILE = "result.geojson"


class ExportTo(StrEnum):
    """What a result is written as."""

    TABLES = "tables"
    GEOJSON = "geojson"


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a result.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the files.")],
    to: Annotated[
        ExportTo,
        typer.Option("--to", help="Tables for a spreadsheet, or a map for a geographic program."),
    ] = ExportTo.TABLES,
    lonlat: Annotated[
        bool,
        typer.Option(
            "--lonlat", help="Coordinates of the feeder are longitude and latitude; for geojson."
        ),
    ] = False,
    json_: Json = False,
) -> None:
    """Write a result for a spreadsheet or a map. Makes CSV files and a workbook, or GeoJSON of buses, lines and homes."""
    with report_errors(json_):
        from gridagora.report.answers import write_answers
        from gridagora.report.geo import write_geojson
        from gridagora.run import folder as folders

        refuse_file(out)
        if lonlat and to is not ExportTo.GEOJSON:
            _refuse_lonlat(to)
        with busy("writing the tables"):
            result = folders.load(folder)
            on_map = to is ExportTo.GEOJSON
            path = (
                write_geojson(result, out / MAP_FILE, lonlat=lonlat)
                if on_map
                else write_answers(result, out)
            )
        say(f"Wrote {path}")
        if json_:
            show_json({str(to): str(path)})


def _refuse_lonlat(to: ExportTo) -> None:
    """Refuse a system of coordinates for what has none."""
    raise InputError([Problem("--lonlat", f"--to {to}", "--to geojson beside --lonlat")])
