"""`gridagora convert`: a feeder of any format that is read, as tables and as an OpenDSS model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridagora.core.errors import InputError, Problem
from gridagora.terminal import (
    Json,
    busy,
    refuse_file,
    report_errors,
    say,
    show_json,
    show_lines,
)

if TYPE_CHECKING:
    from gridagora.core.feeder import Feeder
    from gridagora.report.opendss_model import WrittenModel

TABLES, MODEL, RENAMED = "tables", "opendss", "renamed.csv"
SHOWN = 6


def convert(
    file: Annotated[
        Path, typer.Argument(metavar="FEEDER", help="A feeder, as `gridagora check` reads it.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for what is written.")],
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Refuse a feeder of which anything is left out or assumed."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write into a folder that holds files already.")
    ] = False,
    json_: Json = False,
) -> None:
    """Write a feeder as tables (CSV) and as an OpenDSS model, whatever it was read from; tells what was left out."""
    with report_errors(json_):
        from gridagora.report.feeder_tables import write_feeder_tables
        from gridagora.report.opendss_model import write_opendss
        from gridagora.scenario.describe import feeder_lines
        from gridagora.scenario.feeder_file import read_feeder_file

        refuse_file(out)
        _refuse_filled(out, overwrite=overwrite)
        with busy(f"reading {file}"):
            feeder = read_feeder_file(file, strict=strict)
        with busy("writing"):
            model = write_opendss(feeder, out / MODEL)
            tables = write_feeder_tables(feeder, out / TABLES)
            _write_renamed(model, out)
        lines = feeder_lines(feeder) | {"written": _written(model, len(tables), out)}
        if model.renamed:
            lines["renamed"] = _renamed(model)
        for number, note in enumerate(model.notes, 1):
            lines[f"in the model {number}"] = note
        with busy("reading it back"):
            lines["read back"] = _read_back(feeder, model)
        if json_:
            show_json({"converted": lines, "folder": str(out)})
            return
        show_lines(lines)
        say(f"Wrote {model.path} and {out / TABLES}")


def _refuse_filled(out: Path, *, overwrite: bool) -> None:
    if not overwrite and out.is_dir() and any(out.iterdir()):
        hint = "--overwrite writes into it; other files in it stay."
        raise InputError([Problem(f"OUT {out}", "a folder with files in it", "a new one", hint)])


def _write_renamed(model: "WrittenModel", out: Path) -> None:
    import pandas as pd

    if model.renamed:
        table = pd.DataFrame(model.renamed, columns=["kind", "name", "name_in_opendss"])
        table.to_csv(out / RENAMED, index=False)


def _written(model: "WrittenModel", tables: int, out: Path) -> str:
    return f"{tables} tables in {out / TABLES}, an OpenDSS model in {model.path.parent}"


def _renamed(model: "WrittenModel") -> str:
    told = [f"{kind} '{old}' to {new}" for kind, old, new in model.renamed[:SHOWN]]
    more = len(model.renamed) - len(told)
    rest = f" and {more} more" if more else ""
    return f"names that OpenDSS cannot hold: {', '.join(told)}{rest}; all in {RENAMED}"


def _read_back(feeder: "Feeder", model: "WrittenModel") -> str:
    """Return how far voltages are off when OpenDSS reads the model, in words."""
    from gridagora.report.opendss_model.proof import compare_read_back

    found = compare_read_back(feeder, model.path)
    if found is None:
        return "not compared: OpenDSS is not installed (pip install 'gridagora[opendss]')"
    return (
        f"voltages at the rated loads differ by {found:.1e} pu at most when OpenDSS reads the model"
    )
