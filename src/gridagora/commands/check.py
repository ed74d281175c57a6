"""`gridagora check`: what was understood of a scenario or a feeder, in lines and in a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridagora.core.errors import InputError, Problem
from gridagora.terminal import (
    Json,
    Set,
    busy,
    console,
    name_plugins,
    report_errors,
    say,
    show_json,
    show_lines,
)

if TYPE_CHECKING:
    from gridagora.scenario.describe import Understood


def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Scenario (.toml) or feeder (.dss, .glm, .json).")
    ],
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="FILE",
            help="Write a page of it too: map, loads, prices, weather, homes.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Refuse a feeder of which anything is left out or assumed."),
    ] = False,
    set_: Set = None,
    json_: Json = False,
) -> None:
    """Check a scenario or a feeder model. Tells and draws how it was read, or everything that is wrong with it."""
    with report_errors(json_):
        from gridagora.scenario import describe
        from gridagora.scenario.feeder_file import is_feeder_file

        if html is not None:
            _refuse_page(html, file)
        if not is_feeder_file(file):
            name_plugins(file, set_ or [])
        with busy(f"reading {file}"):
            found = describe.understand(file, set_ or (), strict=strict)
        written = {} if html is None else {"html": str(_write_page(found, html))}
        if json_:
            show_json({"understood": dict(found.lines), **written})
            return
        show_lines(found.lines)
        _draw(found)


def _refuse_page(html: Path, file: Path) -> None:
    """Refuse a page that cannot be written, before anything is read.

    Raises
    ------
    InputError
        A folder, a place in a folder that is not there, the checked file itself, or a page of a feeder alone.
    """
    from gridagora.scenario.feeder_file import is_feeder_file

    where = f"--html {html}"
    if html.is_dir() or not html.parent.is_dir():
        got = "a folder" if html.is_dir() else f"no folder {html.parent}"
        raise InputError([Problem(where, got, "the name of a file in a folder that exists")])
    if html.resolve() == file.resolve():
        raise InputError([Problem(where, "the file to check", "the name of another file")])
    if is_feeder_file(file):
        hint = "`gridagora new FILE --feeder MODEL.dss` writes a scenario of it."
        raise InputError([Problem(where, "a feeder alone", "a scenario (.toml)", hint)])


def _write_page(found: "Understood", html: Path) -> Path:
    from gridagora.report.scene_page import write_scene_page

    if found.scene is not None:
        write_scene_page(found.scene, found.lines, html)
        say(f"Wrote {html}")
    return html


def _draw(found: "Understood") -> None:
    """Print the picture; in plain letters where the terminal has no others."""
    from gridagora.report.scene_sketch import sketch_feeder, sketch_scene

    shown = console(stderr=False)
    plain = not shown.encoding.startswith("utf")
    lines = (
        sketch_feeder(found.feeder, plain=plain)
        if found.scene is None
        else sketch_scene(found.scene, plain=plain)
    )
    for line in ("", *lines):
        shown.print(line, markup=False, highlight=False, soft_wrap=True)
