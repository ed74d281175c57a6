"""The command line: verbs only. Results go to stdout, everything said on the way to stderr."""

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridagora.core.errors import InputError, PartError, Problem

if TYPE_CHECKING:
    from gridagora.run.result import Result
    from gridagora.run.study import StudyResult
    from gridagora.scenario.build import Scene

OK, FAILED, BAD_INPUT = 0, 1, 2
RESULTS = Path("gridagora-out")
PIPED_COLUMNS = 140
STUDY_DAYS = 2  # a study runs a scene forty times and more

app = typer.Typer(
    name="gridagora",
    help="Compare electricity market designs on one feeder: same homes, weather, prices and random draws for all.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
study = typer.Typer(help="Sweep a design, or say where the rest goes.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(study, name="study")

Scenario = Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file (TOML).")]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder of the result.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, as homes.pv_share=0.5; repeatable.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the machine-readable result, and nothing else, on stdout.")]


@app.command()
def demo(out: Out = None, json_: Json = False) -> None:
    """Run a small synthetic case, all designs; needs no file and no network."""
    with told(json_):
        folder = out or RESULTS / "demo"
        _refuse_file(folder)
        finish(_compare(_demo_scene(), folder), folder, json_)


@app.command()
def new(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")], json_: Json = False) -> None:
    """Write a scenario file to start from, every key explained."""
    with told(json_):
        if file.exists():
            raise InputError([Problem(str(file), "a file that exists", "the name of a new file", "Nothing was overwritten.")])
        if not file.parent.is_dir():
            raise InputError([Problem(str(file), f"no folder {file.parent}", "a folder that exists")])
        file.write_text(_demo_text(), encoding="utf-8")
        say(f"Wrote {file}. Next: gridagora check {file}, then gridagora compare {file}")
        if json_:
            show_json({"file": str(file)})


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Scenario (.toml) or OpenDSS feeder (.dss).")],
    set_: Set = None,
    json_: Json = False,
) -> None:
    """Say what is understood of a scenario or a feeder, or everything that is wrong with it."""
    with told(json_):
        from gridagora.scenario import describe

        with busy(f"reading {file}"):
            lines = describe.check(file, set_ or ())
        show_json({"understood": dict(lines)}) if json_ else show_lines(lines)


@app.command()
def run(
    scenario: Scenario,
    only: Annotated[
        str | None, typer.Option("--only", metavar="NAME", help="The design; the scenario's first if left out.")
    ] = None,
    set_: Set = None,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Run one design on a scenario."""
    with told(json_):
        if only and "," in only:
            raise InputError([Problem("--only", f"'{only}'", "one design", "`gridagora compare` runs several.")])
        folder = out or default_out(scenario)
        _refuse_file(folder)
        scene = _load(scenario, [only] if only else None, set_ or [])
        finish(_compare(scene, folder, [only or scene.scenario.scenario.architectures[0]]), folder, json_)


Days = Annotated[int | None, typer.Option("--days", metavar="N", min=1, help="Days from the start; 2, or all with --full.")]
Jobs = Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Points that run at the same time.")]


@study.command()
def aggregation(
    scenario: Scenario,
    days: Days = None,
    full: Annotated[bool, typer.Option("--full", help="Every combination of every dial, over the whole scenario.")] = False,
    set_: Set = None,
    out: Out = None,
    jobs: Jobs = 2,
    json_: Json = False,
) -> None:
    """Sweep layers, blocks, forecast error, lost and late messages of the layered design; what was run is never run again."""
    with told(json_):
        from gridagora.run import losses as causes
        from gridagora.run import result as results
        from gridagora.run import study as studies

        folder = out or default_out(scenario) / "study"
        _refuse_file(folder)
        scene = _short(scenario, days, set_ or [], whole=full)
        with bar() as advance:
            swept = studies.aggregation(scene, studies.Grid(full=full), folder, advance, jobs)
            rest = causes.losses(scene, "layered", folder, lambda _, done, total: advance("losses", done, total), jobs)
        found = swept.beside(rest)
        results.save(found, folder)
        finish(found, folder, json_)


@study.command()
def losses(
    scenario: Scenario,
    design: Annotated[str, typer.Option("--design", metavar="NAME", help="A design whose homes look ahead.")] = "layered",
    days: Days = None,
    set_: Set = None,
    out: Out = None,
    jobs: Jobs = 2,
    json_: Json = False,
) -> None:
    """Say where the value goes that a design does not capture: forecast, draws, on/off units, the limit, the rest."""
    with told(json_):
        from gridagora.run import losses as causes

        folder = out or default_out(scenario) / "losses"
        _refuse_file(folder)
        scene = _short(scenario, days, set_ or [], whole=False)
        with bar() as advance:
            found = causes.losses(scene, design, folder, advance, jobs)
        finish(found, folder, json_)


@app.command()
def compare(
    scenario: Scenario,
    only: Annotated[
        str | None, typer.Option("--only", metavar="NAME,...", help="Designs to run; those of the scenario if left out.")
    ] = None,
    set_: Set = None,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Run several designs on one scenario, print one table, write one report."""
    with told(json_):
        folder = out or default_out(scenario)
        _refuse_file(folder)
        chosen = [name.strip() for name in only.split(",") if name.strip()] if only is not None else None
        finish(_compare(_load(scenario, chosen, set_ or []), folder), folder, json_)


@app.command()
def report(folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a result.")], json_: Json = False) -> None:
    """Write report.html of a result again, from its tables."""
    with told(json_):
        if not (folder / "summary.json").is_file():
            raise InputError(
                [Problem(str(folder), "no summary.json in it", "the folder of a result", "`gridagora compare` writes one.")]
            )
        from gridagora.report import page, study_page
        from gridagora.run import result as results

        with busy("writing the report"):
            result = results.load(folder)
            path = (study_page if "study" in result.summary else page).write(result, folder / "report.html")
        say(f"Wrote {path}")
        if json_:
            show_json({"report": str(path)})


@app.command("list")
def list_(json_: Json = False) -> None:
    """List the parts that scenarios can name: designs, devices, strategies, metrics, sources."""
    with told(json_):
        from gridagora.core import registry

        parts = {kind: {name: _line(registry.find(kind, name)) for name in registry.names(kind)} for kind in registry.ROOMS}
        if json_:
            show_json(parts)
            return
        for kind, known in parts.items():
            show_lines({kind.upper(): ""} | {f"  {name}": text for name, text in known.items()})


def main() -> None:
    """Run the command line."""
    app()


def default_out(scenario: Path) -> Path:
    """Return the folder of a scenario's result: named after the file, or after its folder where the file is scenario.toml."""
    name = scenario.resolve().parent.name if scenario.stem == "scenario" else scenario.stem
    return RESULTS / name


@contextmanager
def told(as_json: bool) -> Iterator[None]:
    """Turn faults into sentences and exit codes: 2 for inputs, 1 for a part that failed."""
    try:
        yield
    except InputError as fault:
        if as_json:
            show_json({"problems": [vars(problem) for problem in fault.problems]})
        show_problems(fault.problems)
        raise typer.Exit(BAD_INPUT) from None
    except PartError as fault:
        say(f"The run stopped: {fault}")
        raise typer.Exit(FAILED) from None
    except OSError as fault:
        say(f"Could not read or write {fault.filename or 'a file'}: {fault.strerror or fault}")
        raise typer.Exit(FAILED) from None


def finish(result: "Result | StudyResult", folder: Path, as_json: bool) -> None:
    """Show a result or a study, say where it lies, and exit 1 where a design failed."""
    from gridagora.report import page, study_page, study_table, table

    swept = "study" in result.summary
    if as_json:
        show_json(result.summary)
    else:
        (study_table if swept else table).render(result, console(stderr=False))
    with busy("writing the report"):
        path = (study_page if swept else page).write(result, folder / "report.html")
    say(f"Result in {folder}; the report is {path}")
    failed = failures(result.summary)
    for name, reason in failed.items():
        say(f"{name} failed: {reason}. What the others found is kept.")
    if failed:
        raise typer.Exit(FAILED)


def failures(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return the designs that failed and why."""
    found = dict(summary.get("failed", {}))
    return found | {name: each["error"] for name, each in summary.get("architectures", {}).items() if "error" in each}


def plain(value: Any) -> Any:
    """Return nested values as JSON knows them: no number that is none, no array."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def show_json(value: Any) -> None:
    """Print a value as JSON on stdout."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def show_lines(lines: Mapping[str, str]) -> None:
    """Print subjects and texts in two columns on stdout."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for subject, text in lines.items():
        grid.add_row(Text(subject, style="bold"), Text(text))
    console(stderr=False).print(grid)


def show_problems(problems: Sequence[Problem]) -> None:
    """Print every problem of an input on stderr."""
    many = len(problems)
    say(f"{many} problem{'s' if many != 1 else ''}; nothing was run or written.")
    for number, problem in enumerate(problems, 1):
        say(f"{number:3d}. {problem}")


def say(text: str) -> None:
    """Print a message on stderr."""
    console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


def console(*, stderr: bool) -> Any:
    """Return the console of one stream; where results go to a file or a pipe, no terminal narrows them."""
    from rich.console import Console

    piped = not stderr and not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(stderr=stderr, width=PIPED_COLUMNS if piped else None)


@contextmanager
def busy(what: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr that something runs; yields the way to say what it is at."""
    with console(stderr=True).status(what) as status:
        yield lambda stage: status.update(f"{what}: {stage}")


@contextmanager
def bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show progress on stderr; yields the callback (stage, done, total)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        tasks: dict[str, Any] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield advance


def _load(path: Path, only: list[str] | None, overrides: list[str]) -> "Scene":
    from gridagora.scenario import build, read

    chosen = [] if only is None else [f"scenario.architectures={json.dumps(only)}"]
    try:
        with busy(f"reading {path}") as tell:
            return build.build(read.load(path, [*overrides, *chosen]), tell)
    except InputError as fault:
        if not chosen:
            raise
        typed = f"--only {','.join(only or ())}"
        said = [
            Problem(typed if each.where == f"--set {chosen[0]}" else each.where, each.got, each.expected, each.hint)
            for each in fault.problems
        ]
        raise InputError(said) from None


def _short(path: Path, days: int | None, overrides: list[str], *, whole: bool) -> "Scene":
    """Return the scene of a study: the first days of the scenario, unless all are asked for."""
    from gridagora.scenario import read

    all_days = read.load(path, overrides).scenario.days
    return _load(path, None, [*overrides, f"scenario.days={days or (all_days if whole else min(STUDY_DAYS, all_days))}"])


def _demo_text() -> str:
    return files("gridagora.scenario").joinpath("demo.toml").read_text(encoding="utf-8")


def _demo_scene() -> "Scene":
    from gridagora.scenario import build, read

    with busy("making the demo") as tell:
        return build.build(read.parse(_demo_text(), "demo.toml"), tell)


def _compare(scene: "Scene", folder: Path, architectures: list[str] | None = None) -> "Result":
    from gridagora.run import compare as runs

    try:
        with bar() as advance:
            return runs.compare(scene, architectures, out=folder, progress=advance)
    except InputError as fault:  # the scene was accepted: what fails now fails in the run
        raise PartError(str(fault)) from None


def _refuse_file(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError([Problem(f"--out {folder}", "a file", "a folder, new or to write into")])


def _line(part: Any) -> str:
    """Return what a part is: the first line of its docstring, the name and unit of a metric."""
    if hasattr(part, "compute"):
        return f"{part.name} [{part.unit}]"
    return " ".join((part.__doc__ or "").split("\n\n")[0].split())


if __name__ == "__main__":
    main()
