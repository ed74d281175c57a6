"""The command that assesses the worlds of an ensemble."""

from pathlib import Path
from typing import Annotated

import typer

from gridagora.core.errors import InputError
from gridagora.terminal import Json, as_typed, busy, console, report_errors, say, show_json

LEVEL = 0.95
OPTIONS = ("level", "metric", "width", "variation")


def risk(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of an ensemble.")],
    level: Annotated[
        float,
        typer.Option("--level", metavar="SHARE", help="Of the tail: .95 is the worst 5 %."),
    ] = LEVEL,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", metavar="ID", help="What ranks; the cost of the system if left out."
        ),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(
            "--width",
            metavar="W",
            help="Say after how many worlds differences are known to plus or minus W.",
        ),
    ] = None,
    variation: Annotated[
        int | None,
        typer.Option("--variation", metavar="K", help="Shown; the first if left out."),
    ] = None,
    json_: Json = False,
) -> None:
    """Say which design is best over many draws. On average and in bad ones, and how sure that is; writes a page and tables."""
    with report_errors(json_):
        from gridagora.report import risk_page, risk_table
        from gridagora.studies.risk.question import RiskQuestion

        try:
            with busy(f"assessing {folder}"):
                asked = RiskQuestion(level, metric, width)
                view = risk_page.write_risk(folder, asked, variation)
        except InputError as fault:
            raise as_typed(fault, {name: f"--{name}" for name in OPTIONS}) from None
        if json_:
            show_json(risk_table.summary(view))
        else:
            risk_table.render(view, console(stderr=False))
        say(f"Tables in {folder / risk_page.TABLES}; the report is {folder / risk_page.PAGE}")
