"""The command that writes the page of a result again, and prints it to a PDF file."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.report.paper import Paper
from gridagora.terminal import Json, busy, report_errors, say, show_json


def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a result.")],
    pdf: Annotated[
        Path | None,
        typer.Option(
            "--pdf", metavar="FILE", help="Print it to a PDF file, too; Chromium or Chrome does so."
        ),
    ] = None,
    paper: Annotated[Paper, typer.Option("--paper", help="Of the PDF file.")] = Paper.A4,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="DIR",
            help="Write every figure to it, too, as SVG and PNG for a slide; Chromium or Chrome does so.",
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Write the report of a result again. Reads its tables; nothing is run."""
    with report_errors(json_):
        from gridagora.studies.risk.worlds import TABLE, refuse_ensemble

        if pdf is not None:
            _require_pdf(pdf)
        if figures is not None:
            _require_figures(figures)
        if (pdf is None and figures is None) or not (folder / TABLE).is_file():
            refuse_ensemble(folder)
            path = _write_page(folder)
            say(f"Wrote {path}")
        else:  # of an ensemble: as its command left it
            path = folder / "report.html"
            if not path.is_file():
                _refuse_unwritten(folder)
        written = {"report": str(path)}
        if pdf is not None:
            written["pdf"] = str(_print(path, pdf, paper))
        if figures is not None:
            written["figures"] = str(_draw(path, figures))
        if json_:
            show_json(written)


def _write_page(folder: Path) -> Path:
    from gridagora.report import page, study_page
    from gridagora.run import folder as folders

    with busy("writing the report"):
        result = folders.load(folder)
        write = study_page.write if "study" in result.summary else page.write
        return write(result, folder / "report.html")


def _require_pdf(path: Path) -> None:
    """Refuse a file that cannot be printed to, and a machine without a browser, before anything is written.

    Raises
    ------
    InputError
        A name that does not end in .pdf, a folder, a place that is not there, or no browser.
    """
    from gridagora.report.browser_pipe import find_browser

    problems = []
    if path.suffix.lower() != ".pdf" or path.is_dir():
        problems.append(Problem("--pdf", f"{path}", "the name of a file that ends in .pdf"))
    elif not path.parent.is_dir():
        problems.append(Problem("--pdf", f"no folder {path.parent}", "a folder that exists"))
    if problems:
        raise InputError(problems)
    find_browser()


def _require_figures(folder: Path) -> None:
    """Refuse a place that is no folder, and a machine without a browser, before anything is written.

    Raises
    ------
    InputError
        A file, or no browser.
    """
    from gridagora.report.browser_pipe import find_browser

    if folder.exists() and not folder.is_dir():
        raise InputError([Problem("--figures", f"the file {folder}", "a folder, or a new name")])
    find_browser("--figures")


def _refuse_unwritten(folder: Path) -> NoReturn:
    got, hint = "an ensemble without its page", f"`gridagora risk {folder}` writes it."
    raise InputError([Problem(str(folder), got, "a folder with report.html", hint)])


def _print(page: Path, pdf: Path, paper: Paper) -> Path:
    from gridagora.report.pdf import print_pdf

    with busy("printing the report"):
        try:
            print_pdf(page, pdf, paper)
        except PartError as fault:
            kept = f"{page} is written; open it in any browser and print it to a file."
            raise PartError(f"{fault}. {kept}") from None
    say(f"Wrote {pdf}")
    return pdf


def _draw(page: Path, folder: Path) -> Path:
    from gridagora.report.picture_files import write_pictures

    with busy("drawing the figures"):
        try:
            made = write_pictures(page, folder)
        except PartError as fault:
            kept = f"{page} is written; its buttons SVG and PNG save each figure."
            raise PartError(f"{fault}. {kept}") from None
    say(f"Wrote {len(made)} pictures to {folder}")
    return folder
