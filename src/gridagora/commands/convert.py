"""`gridagora convert`: a feeder of any format that is read, as tables and as an OpenDSS model."""

from collections.abc import Iterator
from math import isnan
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
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
    from gridagora.sources.gridlabd.home_rows import GlmHome

TABLES, MODEL, RENAMED, HOMES = "tables", "opendss", "renamed.csv", "homes.csv"
SHOWN = 6
MOST_OFF_PU = 1e-4  # of any voltage in OpenDSS: a model further off is not written


def convert(
    file: Annotated[
        Path, typer.Argument(metavar="FEEDER", help="A feeder, as `gridagora check` reads it.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for what is written.")],
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse a feeder of which anything is left out, assumed or written otherwise.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write into a folder that holds files already.")
    ] = False,
    json_: Json = False,
) -> None:
    """Write a feeder as tables (CSV) and as an OpenDSS model, its houses as a table of homes; tells what was left out."""
    with report_errors(json_):
        from gridagora.report.feeder_tables import write_feeder_tables
        from gridagora.scenario.describe import feeder_lines
        from gridagora.scenario.feeder_file import list_homes, read_feeder_file

        refuse_file(out)
        _refuse_filled(out, overwrite=overwrite)
        with busy(f"reading {file}"):
            feeder = read_feeder_file(file, strict=strict)
            homes = list_homes(file, feeder)
        with busy("writing"):
            model, proof = _write_model(feeder, out / MODEL, strict=strict)
            tables = write_feeder_tables(feeder, out / TABLES)
            _write_renamed(model, out)
            _write_homes(homes, out)
        lines = feeder_lines(feeder) | {"written": _written(model, len(tables), out)}
        if homes:
            lines["homes"] = (
                f'{len(homes)} houses in {HOMES}, which [homes] table = "{HOMES}" reads'
            )
        if model.renamed:
            lines["renamed"] = _renamed(model)
        for number, note in enumerate(model.notes, 1):
            lines[f"in the model {number}"] = note
        lines["read back"] = proof
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


def _write_homes(homes: "tuple[GlmHome, ...]", out: Path) -> None:
    import pandas as pd

    if homes:
        table = pd.DataFrame(homes).dropna(axis=1, how="all")  # what no house says is drawn
        table.to_csv(out / HOMES, index=False, float_format="%.9g")


def _written(model: "WrittenModel", tables: int, out: Path) -> str:
    return f"{tables} tables in {out / TABLES}, an OpenDSS model in {model.path.parent}"


def _renamed(model: "WrittenModel") -> str:
    told = [f"{kind} '{old}' to {new}" for kind, old, new in model.renamed[:SHOWN]]
    more = len(model.renamed) - len(told)
    rest = f" and {more} more" if more else ""
    return f"names that OpenDSS cannot hold: {', '.join(told)}{rest}; all in {RENAMED}"


def _write_model(feeder: "Feeder", folder: Path, *, strict: bool) -> tuple["WrittenModel", str]:
    """Write the model and return it with the sentence that says how far its voltages are off in OpenDSS.

    It is written beside its place first: a model that differs from the feeder never gets there.

    Raises
    ------
    InputError
        A model whose voltages are off; where it is strict, one that says anything in another way too.
    """
    from gridagora.report.opendss_model import write_opendss
    from gridagora.report.opendss_model.proof import compare_read_back

    with TemporaryDirectory(prefix="gridagora-") as trial:
        model = write_opendss(feeder, Path(trial) / MODEL)
        found = compare_read_back(feeder, model.path)
        problems = [*_off(feeder, found), *(_strictly(feeder, model, found) if strict else ())]
        if problems:
            raise InputError(problems)
        copytree(model.path.parent, folder, dirs_exist_ok=True)
    return model._replace(path=folder / model.path.name), _proof(found)


def _off(feeder: "Feeder", found: float | None) -> list[Problem]:
    """Return what is wrong with a model whose voltages differ from those of the feeder by so much [pu]."""
    if found is None or found <= MOST_OFF_PU:
        return []
    if isnan(found):
        got, expected = "no solution at the rated loads", "loads that its lines can carry"
        return [Problem(f"feeder {feeder.name}", got, expected)]
    got = f"voltages that are {found:.1e} pu off when OpenDSS solves the model at the rated loads"
    hint = "Nothing is written, since the model would not be this feeder."
    return [Problem(f"feeder {feeder.name}", got, f"{MOST_OFF_PU:g} pu at most", hint)]


def _strictly(feeder: "Feeder", model: "WrittenModel", found: float | None) -> Iterator[Problem]:
    """Yield what a strict conversion refuses of a model: all that it says in another way, and that nobody has solved it."""
    where, expected = (
        f"model of feeder {feeder.name}",
        "written strictly, a model without assumption",
    )
    for note in model.notes:
        yield Problem(where, note, expected)
    if found is None:
        hint = "pip install 'gridagora[opendss]'"
        yield Problem(where, "no OpenDSS to solve it with", expected, hint)


def _proof(found: float | None) -> str:
    if found is None:
        return "not compared: OpenDSS is not installed (pip install 'gridagora[opendss]')"
    return f"voltages at the rated loads differ by {found:.1e} pu at most when OpenDSS solves the model"
