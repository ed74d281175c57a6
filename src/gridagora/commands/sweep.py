"""The command for many worlds at many points of some keys, and the best design at each."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridagora.commands.complete import complete_metric
from gridagora.commands.worlds import (
    SPREAD_DAYS,
    Designs,
    Folder,
    Processes,
    Seeds,
    Spread,
    WithBound,
    WorldDays,
    WorldOptions,
    leave_failed,
    one_folder,
    read_plan,
    run_worlds,
)
from gridagora.core.errors import InputError, Problem
from gridagora.terminal import (
    Address,
    Json,
    On,
    Out,
    RunOn,
    Scenario,
    Set,
    default_out,
    open_workers,
    report_errors,
    say,
    show_records,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SWEEP_WORLDS = 10
LATIN_SEED = 0


def sweep(
    scenario: Scenario,
    place: Folder = None,
    over: Annotated[
        list[str] | None,
        typer.Option(
            "--over", metavar="KEY=VALUES", help="low:high:count, or a,b,c; may be given again."
        ),
    ] = None,
    latin: Annotated[
        int | None,
        typer.Option("--latin", metavar="N", help="N combinations in place of all of them."),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            metavar="ID",
            help="What designs are ranked by.",
            autocompletion=complete_metric,
        ),
    ] = "E1",
    seeds: Seeds = SWEEP_WORLDS,
    designs: Designs = None,
    days: WorldDays = None,
    spread: Spread = SPREAD_DAYS,
    bound: WithBound = False,
    processes: Processes = None,
    on: On = RunOn.LOCAL,
    address: Address = None,
    set_: Set = None,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Run every design over ranges of keys. Shows where the best design changes, in the same random draws at each point."""
    with report_errors(json_), open_workers(on, address, processes) as workers:
        require_ranked(metric, with_bound=bound)
        points = _points_of(over or [], latin)
        folder = one_folder(place, out) or default_out(scenario) / "sweep"
        options = WorldOptions(scenario, set_ or [], seeds, designs, days, spread, bound)
        plan = read_plan(options, points, "--over")
        manifest = run_worlds(plan, folder, workers, json_, quiet=True)
        _show_ranking(folder, metric, manifest, json_)
        leave_failed(manifest)


def _points_of(over: list[str], latin: int | None) -> "Sequence[tuple[str, ...]]":
    """Return the overrides of every point: all combinations of the keys swept over, or so many of a Latin hypercube."""
    from gridagora.studies import variations

    dials = variations.parse_dials(over, "--over")
    if not dials:
        raise InputError([Problem("--over", "nothing", "a key and its values to sweep over")])
    if latin is None:
        return variations.grid(dials)
    return variations.latin_hypercube(dials, latin, LATIN_SEED)


def require_ranked(metric: str, *, with_bound: bool) -> None:
    """Refuse a metric that designs cannot be ranked by, before any world runs.

    Raises
    ------
    InputError
        One that worlds do not hold, with the nearest name, or that is better in no direction.
    """
    from gridagora.core.registry import names
    from gridagora.studies.risk.names import STAKEHOLDERS, describe_metric
    from gridagora.studies.risk.worlds import require_name
    from gridagora.studies.step_worlds import NOT_RUN, OF_BOUND, UNREPEATABLE

    held = [name for name in names("metric") if name not in {*UNREPEATABLE, *NOT_RUN}]
    require_name(metric, [*held, *STAKEHOLDERS], "--metric", "a metric or a cost of worlds")
    if metric in OF_BOUND and not with_bound:
        expected = "a metric that needs no bound, or --bound"
        raise InputError([Problem("--metric", f"'{metric}'", expected, "--bound finds the bound.")])
    if describe_metric(metric).direction == "-":
        expected = "a metric that is better the higher, or the lower, it is"
        raise InputError([Problem("--metric", f"'{metric}'", expected)])


def _show_ranking(folder: Path, metric: str, manifest: "Mapping[str, Any]", as_json: bool) -> None:
    """Show the best design at each point of a sweep, and write its table and its page."""
    from gridagora.files import parquet
    from gridagora.report import sweep_page
    from gridagora.studies import ensemble as studies
    from gridagora.studies import ranking
    from gridagora.studies.risk.names import describe_metric

    found = ranking.rank_designs(folder / studies.WORLDS_FILE, metric)
    ranking.write_ranking(folder, found)
    points = parquet.read_parquet(folder / "variations.parquet", "the variations of a sweep")
    words = describe_metric(metric)
    if not as_json:
        keys = points.pivot(index="variation", columns="key", values="value").reset_index()
        show_records(keys.merge(found, on="variation"), as_json, f"Best by {words.name}")
    path = sweep_page.write(
        folder / "sweep.html", found, points, manifest, (words.name, words.unit)
    )
    say(f"The map of the best design is {path}")
