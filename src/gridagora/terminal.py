"""What verbs share: options, folders, faults turned into sentences, and what goes to stdout and what to stderr."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import current_thread, main_thread
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gridagora import TEMPORARY
from gridagora.core.errors import InputError, PartError, Problem
from gridagora.files.stop import NOTHING, kept_of, note_on_stop

if TYPE_CHECKING:
    import pandas as pd

    from gridagora.run.result import Comparison
    from gridagora.scenario.build import Scene
    from gridagora.scenario.plugins import Plugin
    from gridagora.studies.aggregation import StudyResult
    from gridagora.studies.parallel import Workers

FAILED, BAD_INPUT, STOPPED, ENDED = 1, 2, 130, 143
RESULTS = Path("gridagora-out")
PIPED_COLUMNS = 140
ASK_AGAIN_S = 5.0
LINE_EVERY_S = 60.0  # of progress where nobody watches

SCENARIO_FILE = "scenario.toml"


def _scenario_file(path: Path) -> Path:
    """Return the scenario file of a folder that holds one; any other path as it is."""
    inside = path / SCENARIO_FILE
    return inside if inside.is_file() else path


def complete_key(incomplete: str) -> list[str]:
    """Return the keys of the tables of a scenario, as `homes.pv_share=`, that begin so."""
    from gridagora.scenario.schema import TABLES

    keys = (f"{table}.{key}=" for table, model in TABLES.items() for key in model.model_fields)
    return [key for key in keys if key.startswith(incomplete)]


Scenario = Annotated[
    Path,
    typer.Argument(
        metavar="SCENARIO",
        help="Scenario file (TOML), or a folder with scenario.toml.",
        callback=_scenario_file,
    ),
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder of the result.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key, as homes.pv_share=0.5; repeatable.",
        autocompletion=complete_key,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print the machine-readable result, and nothing else, on stdout."),
]


class RunOn(StrEnum):
    """Where the cases of a study run."""

    LOCAL = "local"
    RAY = "ray"


LOCAL_JOBS = 2
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        min=1,
        help="Cases that run at the same time; left out: two here, all cores of a cluster at an address.",
    ),
]
On = Annotated[
    RunOn, typer.Option("--on", help="Where cases run: processes of this machine, or Ray.")
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        help="Ray cluster to run on, of which this machine is a node; left out: one is started here.",
    ),
]


def default_out(scenario: Path) -> Path:
    """Return the folder of a scenario's result: named after the file, or after its folder where the file is scenario.toml."""
    name = scenario.resolve().parent.name if scenario.stem == "scenario" else scenario.stem
    return RESULTS / name


def refuse_file(folder: Path) -> None:
    """Refuse a folder to write to that is a file, or lies inside one.

    Raises
    ------
    InputError
        A file.
    """
    if folder == Path():
        raise InputError([Problem("--out", "the folder you stand in", "a folder of its own")])
    if folder.exists() and not folder.is_dir():
        raise InputError([Problem(f"--out {folder}", "a file", "a folder, new or to write into")])
    above = next((each for each in folder.absolute().parents if each.exists()), None)
    if above is not None and not above.is_dir():
        got = f"a folder inside the file {above}"
        raise InputError([Problem(f"--out {folder}", got, "a folder, new or to write into")])


def refuse_result(where: str, out: Path, folder: Path, why: str = "") -> None:
    """Refuse to write into the folder of the result that is read; `where` it was named, and `why` not.

    Raises
    ------
    InputError
        The same folder.
    """
    if out.resolve() == folder.resolve():
        expected = f"another folder than that of the result{why}"
        raise InputError([Problem(where, "the result itself", expected)])


def load_scene(path: Path, only: list[str] | None, overrides: list[str]) -> "Scene":
    """Return the scene of a scenario file; `only` names designs in place of its own, and faults name them as typed.

    Raises
    ------
    InputError
        Every problem of the scenario, under the names that were typed.
    """
    from gridagora.scenario import build, read

    chosen = [] if only is None else [f"scenario.architectures={json.dumps(only)}"]
    name_plugins(path, overrides)
    try:
        with busy(f"reading {path}") as tell:
            return build.build(read.load(path, [*overrides, *chosen]), tell)
    except InputError as fault:
        raise as_typed(
            fault, {f"--set {key}": f"--only {','.join(only or ())}" for key in chosen}
        ) from None


def as_typed(fault: InputError, typed: Mapping[str, str]) -> InputError:
    """Return a fault whose problems name options as they were typed, by the place that each problem names now."""
    return InputError(
        [
            Problem(typed.get(each.where, each.where), each.got, each.expected, each.hint)
            for each in fault.problems
        ]
    )


@contextmanager
def open_workers(on: RunOn, address: str | None, jobs: int | None) -> "Iterator[Workers]":
    """Yield what runs the cases of a study; a cluster is checked before anything else is done.

    Raises
    ------
    InputError
        An address without Ray, Ray that is not installed, or a cluster that cannot be used.
    """
    if on is RunOn.LOCAL:
        if address is not None:
            hint = "Add --on ray, or leave --address out."
            expected = "no address where cases run on processes of this machine"
            raise InputError([Problem("--address", f"'{address}'", expected, hint)])
        yield LOCAL_JOBS if jobs is None else jobs
        return
    if find_spec("ray") is None:
        hint = "pip install 'gridagora[cluster]'"
        raise InputError([Problem("--on ray", "no Ray installed", "the extra 'cluster'", hint)])
    from gridagora.studies import ray_cluster

    with ExitStack() as opened:
        with busy("starting Ray" if address is None else f"connecting to Ray at {address}"):
            workers = opened.enter_context(ray_cluster.connect(address, jobs, say))
        yield workers


def name_plugins(path: Path | None, overrides: list[str]) -> "list[Plugin]":
    """Say which plugins are about to be imported, of a scenario or of all that is installed, and return them."""
    from gridagora.scenario import plugins, read

    found = plugins.installed() if path is None else read.plugins_of(path, overrides)
    for plugin in (each for each in found if each.module not in sys.modules):
        say(f"Importing plugin {plugin.file or plugin.label}: it runs the code of its author.")
    return found


class EndAsked(KeyboardInterrupt):
    """The system asks a command to end, as a queue does at the end of its time: what a stop from the keyboard keeps is kept."""


@contextmanager
def _heed_end() -> Iterator[None]:
    """Turn a request of the system to end (SIGTERM) into a stop, as one from the keyboard is."""
    if current_thread() is not main_thread():  # only there handlers can be set
        yield
        return
    kinds = [signal.SIGTERM, *([signal.SIGALRM] if hasattr(signal, "setitimer") else [])]
    before = [signal.signal(kind, _end) for kind in kinds]
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def _end(*_: Any) -> NoReturn:
    if hasattr(signal, "setitimer"):
        # a compiler that calls back from C swallows the exception: ask again until it comes through
        signal.setitimer(signal.ITIMER_REAL, ASK_AGAIN_S)
    raise EndAsked


@contextmanager
def report_errors(as_json: bool) -> Iterator[None]:
    """Turn faults into sentences and exit codes: 2 for inputs, 1 for a part that failed, 130 and 143 for a stop."""
    try:
        with _heed_end():
            yield
    except InputError as fault:
        if as_json:
            show_json({"problems": [vars(problem) for problem in fault.problems]})
        show_problems(fault.problems)
        raise typer.Exit(BAD_INPUT) from None
    except PartError as fault:
        say(f"The run stopped: {fault}")
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt as fault:
        ended = isinstance(fault, EndAsked)
        who = "by the system (SIGTERM)" if ended else "from the keyboard"
        say(f"Stopped {who}. {kept_of(fault) or NOTHING}")
        raise typer.Exit(ENDED if ended else STOPPED) from None
    except OSError as fault:
        said = f"Could not read or write {fault.filename or 'a file'}: {fault.strerror or fault}"
        say(f"{said}. {kept_of(fault)}".rstrip())
        raise typer.Exit(FAILED) from None


def finish(result: "Comparison | StudyResult", folder: Path, as_json: bool) -> None:
    """Show a result or a study, say where it lies, and exit 1 where a design failed."""
    from gridagora.report import page, study_page, study_table, table
    from gridagora.report.answers import write_answers

    swept = "study" in result.summary
    with busy("writing the report"), note_on_stop(partial(_spell_result, folder)):
        path = (study_page if swept else page).write(result, folder / "report.html")
        answers = None if swept else write_answers(result, folder / "results")
    if as_json:
        show_json(result.summary)
    else:
        (study_table if swept else table).render(result, console(stderr=False))
    said = "" if answers is None else f", tables for a spreadsheet are in {answers}"
    say(f"Result in {folder}; the report is {path}{said}")
    taken = result.summary.get("manifest", {}).get("taken_up")
    if taken:
        say(f"Taken up from a run that was stopped, not run again: {', '.join(taken)}.")
    failed = failures(result.summary)
    for name, reason in failed.items():
        say(f"{name} failed: {reason.rstrip('.')}. What the others found is kept.")
    if failed:
        raise typer.Exit(FAILED)


def _spell_result(folder: Path) -> str:
    return f"The result is in {folder}; `gridagora report` writes its page and `gridagora export` its tables."


def failures(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return the designs that failed and why."""
    found = dict(summary.get("failed", {}))
    return found | {
        name: each["error"]
        for name, each in summary.get("architectures", {}).items()
        if "error" in each
    }


def show_json(value: Any) -> None:
    """Print a value as JSON on stdout."""
    from gridagora.files.json_text import json_text

    sys.stdout.write(json_text(value, 2, sort_keys=False) + "\n")


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


def head_money(frame: "pd.DataFrame", summary: Mapping[str, Any]) -> "pd.DataFrame":
    """Return a table of a result whose headings name its currency: `bill_eur` in euros."""
    from gridagora.core.currency import USD, spell_name

    code = str(summary.get("manifest", {}).get("currency", USD))
    return frame.rename(columns=lambda name: spell_name(str(name), code))


def show_records(frame: "pd.DataFrame", as_json: bool, title: str) -> None:
    """Print a data frame on stdout, a row a line; what is missing is left blank."""
    if as_json:
        show_json(
            [
                {name: _plain(value) for name, value in row.items()}
                for row in frame.to_dict("records")
            ]
        )
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=Text(title), title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name, kind in frame.dtypes.items():
        grid.add_column(
            Text(str(name)), justify="right" if kind.kind in "fi" else "left", no_wrap=True
        )
    for row in frame.to_dict("records"):
        cells = (_plain(value) for value in row.values())
        grid.add_row(
            *(
                Text(
                    "" if cell is None else f"{cell:,.6f}" if isinstance(cell, float) else str(cell)
                )
                for cell in cells
            )
        )
    console(stderr=False).print(grid)


def _plain(value: Any) -> str | int | float | None:
    """Return a value of a data frame as JSON knows it: times as text, None where there is none."""
    from pandas import isna

    if isna(value):
        return None
    return value.strftime("%Y-%m-%d %H:%MZ") if isinstance(value, datetime) else value


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
    """Show progress on stderr, a line a minute where that is no terminal; yields the callback (stage, done, total)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    _say_kernels_end()
    stderr, said = console(stderr=True), monotonic()
    with Progress(
        *columns, console=stderr, transient=True, disable=not stderr.is_terminal
    ) as progress:
        tasks: dict[str, Any] = {}

        def advance(stage: str, done: int, total: int) -> None:
            nonlocal said
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)
            now = monotonic()
            if not stderr.is_terminal and now - said >= LINE_EVERY_S:
                said = now
                say(f"{stage}: {done} of {total}")

        yield advance


@contextmanager
def countdown() -> Iterator[Callable[[str, int, int], None]]:
    """Show on stderr how much is done and how long the rest will take; where that is no terminal, a line a minute.

    Yields the callback (stage, done, total), whose first call says what was done before.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    _say_kernels_end()
    stderr = console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
    )
    began, said = monotonic(), -LINE_EVERY_S
    first = -1
    with Progress(
        *columns, console=stderr, transient=True, disable=not stderr.is_terminal
    ) as shown:
        task = shown.add_task("", total=None, left="")

        def advance(stage: str, done: int, total: int) -> None:
            nonlocal said, first
            now = monotonic()
            first = done if first < 0 else first
            left = _time_left(now - began, done - first, total - done)
            shown.update(task, description=stage, completed=done, total=total, left=left)
            if not stderr.is_terminal and (now - said >= LINE_EVERY_S or done == total):
                said = now
                say(f"{stage}: {done} of {total}{left and f', {left}'}")

        yield advance


def _say_kernels_end() -> None:
    """Say where what is about to be compiled is not kept."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR", "")).parent
    if folder.name.startswith(TEMPORARY):
        say(
            f"What is compiled in {folder} ends with this command: neither ~/.cache nor the package can be written to. "
            "Set NUMBA_CACHE_DIR to a folder of your own to keep it."
        )


def _time_left(elapsed_s: float, done: int, left: int) -> str:
    """Return how long what is left will take, in words; empty as long as nothing is known."""
    if done <= 0 or left <= 0:
        return ""
    whole = round(elapsed_s / done * left)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min left"
    return f"{minutes} min {seconds:02d} s left"
