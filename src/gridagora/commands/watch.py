"""What `compare --watch` adds: a page on this machine that shows how far the run is, and becomes its report."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Annotated

import typer

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.terminal import say

if TYPE_CHECKING:
    from gridagora.commands.worlds import WorldOptions
    from gridagora.report.progress import ProgressColumn, RunProgress
    from gridagora.report.progress_server import ProgressServer
    from gridagora.results.outcome import Outcome
    from gridagora.run.compare import Progress
    from gridagora.scenario.build import Scene
    from gridagora.studies.worlds import WorldOutcome

COLUMNS = ("E1y", "E5b", "P1", "P5")  # known of a design as soon as it has run
Watch = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="Show how far it is on a page of this machine, which becomes the report; Ctrl-C ends it.",
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        metavar="N",
        min=0,
        max=65535,
        help="Of --watch; left out: one that is free.",
    ),
]


def require_watched(port: int | None, *, watch: bool) -> None:
    """Refuse a port of no page.

    Raises
    ------
    InputError
        A port without --watch.
    """
    if port is not None and not watch:
        raise InputError([Problem("--port", f"{port} without --watch", "--watch beside it")])


def progress_of_scene(scene: "Scene", names: Sequence[str]) -> "RunProgress":
    """Return what is known of a comparison before it runs."""
    from gridagora.report.progress import NO_LIMIT, RunProgress

    designs = list(dict.fromkeys(["flat", *names]))
    stages = ["baseline", *designs, "bound"]
    if scene.scenario.substation.also_without_limit:
        told = (name for name in designs if scene.market(name).rules.sees_limit)
        stages += [f"{name}{NO_LIMIT}" for name in (*told, "bound")]
    case = scene.scenario.scenario
    return RunProgress(case.title, designs, stages, _columns(case.currency))


def progress_of_worlds(options: "WorldOptions", designs: Sequence[str]) -> "RunProgress":
    """Return what is known of a comparison over many worlds before it runs."""
    from gridagora.report.progress import RunProgress
    from gridagora.scenario import read

    case = read.load(options.scenario, options.overrides).scenario
    title = f"{case.title}, {options.seeds} worlds"
    return RunProgress(title, designs, ["worlds"], _columns(case.currency))


def _columns(currency: str) -> "list[ProgressColumn]":
    from gridagora.core.currency import spell_money
    from gridagora.core.registry import find
    from gridagora.report.progress import ProgressColumn

    found = [find("metric", each) for each in COLUMNS]
    return [ProgressColumn(each.id, each.name, spell_money(each.unit, currency)) for each in found]


def end_design(progress: "RunProgress") -> "Callable[[str, Outcome | str], None]":
    """Return what takes in each design as it ends: its first figures, against the flat design, or why it failed."""
    from gridagora.core.registry import find
    from gridagora.results.metric import Reference
    from gridagora.run.metric_values import metric_values

    flat: list[Outcome] = []  # it runs first

    def ended(name: str, did: "Outcome | str") -> None:
        if isinstance(did, str):
            progress.fail(name, did)
            return
        if name == "flat":
            flat.append(did)
        against = Reference(flat[0] if flat else None, None)
        found = metric_values([find("metric", each) for each in COLUMNS], did, against, {})
        progress.add(name, {each: value["value"] for each, value in found.items()})

    return ended


def end_world(progress: "RunProgress") -> "Callable[[WorldOutcome], None]":
    """Return what takes in each world as it ends."""

    def ended(world: "WorldOutcome") -> None:
        for design, values in world.values.items():
            progress.add(design, values)
        for design, why in world.faults.items():
            progress.fail(design, why)

    return ended


def both(one: "Progress", progress: "RunProgress | None") -> "Progress":
    """Return what tells the terminal how far a run is, and the page where there is one."""
    if progress is None:
        return one

    def tell(stage: str, done: int, total: int) -> None:
        one(stage, done, total)
        progress.tell(stage, done, total)

    return tell


@contextmanager
def watched(progress: "RunProgress | None", port: int | None, page: Path) -> Iterator[None]:
    """Serve the progress of what runs in the block, then the page that it wrote, until Ctrl-C; do nothing without progress."""
    if progress is None:
        yield
        return
    from gridagora.report.progress import STOPPED
    from gridagora.report.progress_server import serve_progress

    with serve_progress(progress, port or 0) as server:
        say(f"How far it is: {server.address}")
        try:
            yield
        except (InputError, PartError, OSError, KeyboardInterrupt) as fault:
            why = "from the keyboard" if isinstance(fault, KeyboardInterrupt) else f"{fault}"
            progress.close(STOPPED, f"The run stopped: {why}")
            server.linger()
            raise
        except typer.Exit:  # a design failed: the page says so, and what the others found
            _show(server, progress, page)
            raise
        _show(server, progress, page)


def _show(server: "ProgressServer", progress: "RunProgress", page: Path) -> None:
    """Serve the report until a stop from the keyboard."""
    from gridagora.report.progress import DONE

    server.report = page.read_text(encoding="utf-8")
    progress.close(DONE, "The run is done.")
    say(f"The report is at {server.address}report until Ctrl-C.")
    with suppress(KeyboardInterrupt):
        while True:
            sleep(3600)
