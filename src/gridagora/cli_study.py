"""The study verbs: a sweep of a design, where the rest of the value goes, and whether a design keeps its promise."""

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gridagora.core.errors import InputError, Problem
from gridagora.terminal import (
    FAILED,
    LOCAL_JOBS,
    Address,
    Jobs,
    Json,
    On,
    Out,
    RunOn,
    Scenario,
    Set,
    bar,
    busy,
    console,
    countdown,
    default_out,
    finish,
    load_scene,
    name_plugins,
    open_workers,
    refuse_file,
    report_errors,
    say,
    show_json,
    show_lines,
    show_records,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gridagora.run.area import AreaCase
    from gridagora.run.area_market import ShardHost
    from gridagora.scenario.build import Scene
    from gridagora.scenario.schema import AreaKeys
    from gridagora.studies.ensemble import EnsemblePlan
    from gridagora.studies.parallel import Workers

STUDY_DAYS = 2  # a sweep runs a scene forty times and more
SEEDS = 30
WORLDS, SWEEP_WORLDS = 100, 10
SIDE_BY_SIDE = 4  # metrics of a table
SPREAD_DAYS = 21  # the season stays
LATIN_SEED = 0
LEVEL = 0.95
AREA_HOMES = 10_000
LIKELY_DRAWS = 7  # of hot water that a home of an area holds for likely: a week instead of four

study = typer.Typer(
    help="Sweep a design, say where the rest goes, or hold one to its promise.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Days = Annotated[
    int | None,
    typer.Option(
        "--days",
        metavar="N",
        min=1,
        help="Days from the start; left out: the first two, or all where --full is given.",
    ),
]


@study.command()
def aggregation(
    scenario: Scenario,
    days: Days = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="Every combination of every dial, over the whole scenario."),
    ] = False,
    set_: Set = None,
    out: Out = None,
    jobs: Jobs = None,
    on: On = RunOn.LOCAL,
    address: Address = None,
    json_: Json = False,
) -> None:
    """Sweep layers, blocks, forecast error, lost and late messages of the layered design; what was run is never run again."""
    with report_errors(json_), open_workers(on, address, jobs) as workers:
        from gridagora.run import folder as folders
        from gridagora.studies import aggregation as studies
        from gridagora.studies import waterfall as causes

        folder = out or default_out(scenario) / "study"
        refuse_file(folder)
        scene = _short(scenario, days, set_ or [], whole=full)
        with bar() as advance:
            swept = studies.study_aggregation(
                scene, studies.DialGrid(full=full), folder, advance, workers
            )
            rest = causes.study_losses(
                scene,
                "layered",
                folder,
                lambda _, done, total: advance("losses", done, total),
                workers,
            )
        found = swept.beside(rest)
        folders.save(found, folder)
        finish(found, folder, json_)


@study.command()
def losses(
    scenario: Scenario,
    design: Annotated[
        str, typer.Option("--design", metavar="NAME", help="A design whose homes look ahead.")
    ] = "layered",
    days: Days = None,
    set_: Set = None,
    out: Out = None,
    jobs: Jobs = None,
    on: On = RunOn.LOCAL,
    address: Address = None,
    json_: Json = False,
) -> None:
    """Say where the value goes that a design does not capture: forecast, draws, on/off units, the limit, the rest."""
    with report_errors(json_), open_workers(on, address, jobs) as workers:
        from gridagora.studies import waterfall as causes

        folder = out or default_out(scenario) / "losses"
        refuse_file(folder)
        scene = _short(scenario, days, set_ or [], whole=False)
        with bar() as advance:
            found = causes.study_losses(scene, design, folder, advance, workers)
        finish(found, folder, json_)


@study.command()
def area(
    scenario: Scenario,
    homes: Annotated[
        int | None,
        typer.Option(
            "--homes",
            metavar="N",
            min=1,
            help=f"Homes, drawn from those of the scenario; left out: [area] homes, or {AREA_HOMES}.",
        ),
    ] = None,
    shards: Annotated[
        int | None,
        typer.Option(
            "--shards", metavar="N", min=1, help="Parts of the area; results do not depend on it."
        ),
    ] = None,
    blocks: Annotated[
        int | None,
        typer.Option(
            "--blocks", metavar="N", min=0, help="Of the curve a place passes up; 0: exact."
        ),
    ] = None,
    hours: Annotated[
        int | None, typer.Option("--hours", metavar="N", min=1, help="To run; left out: all days.")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option("--sample", metavar="N", min=0, help="Homes kept in every interval."),
    ] = None,
    processes: Annotated[
        bool, typer.Option("--processes", help="Every shard in a process of its own.")
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", metavar="DIR", help="Shared by the nodes of a cluster."),
    ] = None,
    set_: Set = None,
    out: Out = None,
    on: On = RunOn.LOCAL,
    address: Address = None,
    json_: Json = False,
) -> None:
    """Run the layered design over an area of many feeders, whose homes are drawn from those of a scenario, shard by shard."""
    with report_errors(json_):
        folder = out or default_out(scenario) / "area"
        refuse_file(folder)
        _refuse_hosts(on, checkpoint, processes=processes)
        scene = load_scene(scenario, ["layered"], set_ or [])
        named = {"homes": homes, "shards": shards, "blocks": blocks, "sample": sample}
        size = scene.scenario.area.model_copy(
            update={key: value for key, value in named.items() if value is not None}
        )
        where = ShardOptions(on, address, checkpoint, processes)
        run_area(scene, size, folder, where, hours=hours, as_json=json_)


class ShardOptions(NamedTuple):
    """Where shards are worked out: here, one after the other or in processes, or on Ray at an address, with checkpoints."""

    on: RunOn = RunOn.LOCAL
    address: str | None = None
    checkpoint: Path | None = None
    processes: bool = False


def run_area(
    scene: "Scene",
    size: "AreaKeys",
    folder: Path,
    where: ShardOptions = ShardOptions(),  # noqa: B008  # a tuple of constants
    *,
    hours: int | None = None,
    as_json: bool = False,
) -> None:
    """Run an area, write its folder and show its figures."""
    from gridagora.run.area import area_of
    from gridagora.run.area_tree import AreaShape
    from gridagora.studies import area_study

    homes, shards = size.homes or AREA_HOMES, size.shards
    _refuse_hours(hours, 24 * scene.days)
    if where.address is None:
        at_once = where.processes or where.on is RunOn.RAY
        area_study.require_memory(homes, scene.days, shards, at_once=at_once)
    market = area_study.require_layered(scene)
    asked = shards if where.on is RunOn.RAY and where.address is None else None
    with open_workers(where.on, where.address, asked) as workers:
        case = area_of(
            scene,
            AreaShape(homes),
            blocks=size.blocks,
            sample=size.sample,
            likely=LIKELY_DRAWS,
            hours=hours,
        )
        with (
            _open_shards(
                case, shards, workers, where.checkpoint, processes=where.processes
            ) as host,
            bar() as tell,
        ):
            told = area_study.study_area(
                case, host, market, folder, lambda done, total: tell("hours", done, total), hours
            )
    if as_json:
        show_json(told)
    else:
        show_lines({name: str(value) for name, value in told.items()})
    say(f"Result in {folder}")


@contextmanager
def _open_shards(
    case: "AreaCase",
    shards: int,
    workers: "Workers",
    checkpoint: Path | None,
    *,
    processes: bool,
) -> "Iterator[ShardHost]":
    """Yield the shards of an area where they were asked for."""
    if not isinstance(workers, int):
        from gridagora.studies.ray_cluster import RayCluster
        from gridagora.studies.shard_actors import open_actors

        if isinstance(workers, RayCluster):
            with open_actors(workers, case, shards, checkpoint) as actors:
                yield actors
            return
    if processes:
        from gridagora.studies.process_shards import open_processes

        with open_processes(case, shards) as apart:
            yield apart
        return
    from gridagora.studies.local_shards import open_local

    yield open_local(case, shards)


def _refuse_hosts(on: RunOn, checkpoint: Path | None, *, processes: bool) -> None:
    problems = []
    if processes and on is RunOn.RAY:
        problems.append(Problem("--processes", "--on ray as well", "one of the two"))
    if checkpoint is not None and on is not RunOn.RAY:
        expected = "none where shards are on this machine"
        problems.append(Problem("--checkpoint", str(checkpoint), expected, "Add --on ray."))
    if problems:
        raise InputError(problems)


def _refuse_hours(hours: int | None, most: int) -> None:
    if hours is not None and hours > most:
        hint = "Set scenario.days to run longer."
        raise InputError(
            [Problem("--hours", str(hours), f"at most {most}, those of the run", hint)]
        )


@study.command()
def claims(
    scenario: Scenario,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            metavar="N",
            help="Draws of homes and days; 30 or more for intervals worth the name.",
        ),
    ] = SEEDS,
    set_: Set = None,
    out: Out = None,
    jobs: Jobs = None,
    on: On = RunOn.LOCAL,
    address: Address = None,
    json_: Json = False,
) -> None:
    """Say against which retailers of today prosumers as the retailer keep what is promised, over draws of homes and days."""
    with report_errors(json_), open_workers(on, address, jobs) as workers:
        from gridagora.studies import retail_claims

        folder = out or default_out(scenario) / "claims"
        refuse_file(folder)
        name_plugins(scenario, set_ or [])
        with bar() as advance:
            found = retail_claims.study_claims(
                scenario, range(seeds), set_ or (), folder, advance, workers
            )
        finish(found, folder, json_)


Seeds = Annotated[
    int,
    typer.Option(
        "--seeds",
        metavar="N",
        help="Worlds, the first with the seed of the scenario; 100 or more for a tail.",
    ),
]
Designs = Annotated[
    str | None,
    typer.Option("--designs", metavar="NAME,...", help="Left out: those of the scenario."),
]
Spread = Annotated[
    int,
    typer.Option(
        "--spread-days",
        metavar="N",
        min=0,
        help="Most days by which a run on files moves, either way; all its series move together.",
    ),
]
WithBound = Annotated[
    bool,
    typer.Option("--bound", help="Find the bound of each world, too: captured value needs it."),
]
Processes = Annotated[
    int | None,
    typer.Option(
        "--processes",
        "--jobs",
        metavar="P",
        min=1,
        help="Worlds at the same time; left out: two here, all cores of a cluster at an address.",
    ),
]
Folder = Annotated[
    Path | None, typer.Argument(metavar="OUT", help="Folder; the same one goes on where it was.")
]


def ensemble(
    scenario: Scenario,
    place: Folder = None,
    seeds: Seeds = WORLDS,
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", metavar="KEY=a,b,c", help="Run all worlds with each value, too."),
    ] = None,
    designs: Designs = None,
    days: Annotated[
        int | None, typer.Option("--days", metavar="D", min=1, help="Days of each world.")
    ] = None,
    spread: Spread = SPREAD_DAYS,
    bound: WithBound = False,
    level: Annotated[
        float | None,
        typer.Option(
            "--level", metavar="L", help="Refuse fewer seeds than the tail at this level needs."
        ),
    ] = None,
    processes: Processes = None,
    on: On = RunOn.LOCAL,
    address: Address = None,
    set_: Set = None,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Run every design in many worlds: seeds that redraw homes, weather, prices, cars; a stopped one goes on where it was."""
    with report_errors(json_), open_workers(on, address, processes) as workers:
        from gridagora.studies import ensemble as studies
        from gridagora.studies import variations

        dials = variations.parse_dials(vary or [], "--vary")
        folder = _one_folder(place, out) or default_out(scenario) / "ensemble"
        points = variations.grid(dials)
        name_plugins(scenario, set_ or [])
        with busy(f"reading {scenario}"):
            keys = world_keys(designs, days, set_ or [])
            plan = studies.make_plan(
                scenario,
                keys,
                points,
                "--vary",
                seeds,
                spread,
                with_bound=bound,
                tail_level=level,
            )
        _leave_failed(_run_worlds(plan, folder, workers, json_))


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
        str, typer.Option("--metric", metavar="ID", help="What designs are ranked by.")
    ] = "E1",
    seeds: Seeds = SWEEP_WORLDS,
    designs: Designs = None,
    days: Annotated[
        int | None, typer.Option("--days", metavar="D", min=1, help="Days of each world.")
    ] = None,
    spread: Spread = SPREAD_DAYS,
    bound: WithBound = False,
    processes: Processes = None,
    on: On = RunOn.LOCAL,
    address: Address = None,
    set_: Set = None,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Run every design over ranges of keys, the same worlds at each point, and show where the best design changes."""
    with report_errors(json_), open_workers(on, address, processes) as workers:
        from gridagora.studies import ensemble as studies
        from gridagora.studies import variations

        dials = variations.parse_dials(over or [], "--over")
        if not dials:
            raise InputError([Problem("--over", "nothing", "a key and its values to sweep over")])
        folder = _one_folder(place, out) or default_out(scenario) / "sweep"
        points = (
            variations.grid(dials)
            if latin is None
            else variations.latin_hypercube(dials, latin, LATIN_SEED)
        )
        name_plugins(scenario, set_ or [])
        with busy(f"reading {scenario}"):
            keys = world_keys(designs, days, set_ or [])
            plan = studies.make_plan(
                scenario, keys, points, "--over", seeds, spread, with_bound=bound
            )
        require_ranked(metric)
        manifest = _run_worlds(plan, folder, workers, json_, quiet=True)
        _show_ranking(folder, metric, manifest, json_)
        _leave_failed(manifest)


def _one_folder(place: Path | None, out: Path | None) -> Path | None:
    if place is not None and out is not None:
        raise InputError([Problem("--out", f"{out} beside {place}", "one folder")])
    return place or out


def world_keys(designs: str | None, days: int | None, overrides: list[str]) -> list[str]:
    """Return the overrides of all worlds: those given, days, and designs in place of those of the scenario."""
    named = [name.strip() for name in (designs or "").split(",") if name.strip()]
    own = [f"scenario.architectures={json.dumps(named)}"] if designs is not None else []
    return [*overrides, *([] if days is None else [f"scenario.days={days}"]), *own]


def compare_worlds(
    scenario: Path, folder: Path, seeds: int, only: str | None, overrides: list[str], as_json: bool
) -> None:
    """Run every design in many worlds as the scenario has them, and show the mean of every metric with its interval."""
    from gridagora.studies import ensemble as studies

    name_plugins(scenario, overrides)
    with busy(f"reading {scenario}"):
        keys = world_keys(only, None, overrides)
        plan = studies.make_plan(
            scenario,
            keys,
            ((),),
            "--seeds",
            seeds,
            SPREAD_DAYS,
            assumes=False,
            with_bound=True,
        )
    _leave_failed(_run_worlds(plan, folder, LOCAL_JOBS, as_json, whole=True))


def _run_worlds(
    plan: "EnsemblePlan",
    folder: Path,
    workers: "Workers",
    as_json: bool,
    *,
    whole: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Run worlds and return the manifest; show how designs did in the mean, by every metric or the main ones, unless `quiet`."""
    from gridagora.report import risk_page
    from gridagora.studies import ensemble as studies
    from gridagora.studies import world_means

    for line in studies.lines_of(plan):
        say(line)
    with countdown() as advance:
        manifest = studies.run_ensemble(plan, folder, advance, workers)
    if as_json:
        show_json(manifest)
    elif not quiet:
        chosen = None if whole else world_means.MAIN
        means = world_means.mean_values(folder / studies.WORLDS_FILE, chosen)
        shown = means[means.worlds > 0]  # captured value has figures where bounds were asked for
        wanted = list(dict.fromkeys(shown.metric))
        for at in range(0, len(wanted), SIDE_BY_SIDE):
            part = shown[shown.metric.isin(wanted[at : at + SIDE_BY_SIDE])]
            text = world_means.spell_means(part, manifest["metrics"])
            show_records(text, as_json, f"{plan.seeds} worlds: means with 95 % intervals")
        say(f"= : not told apart from {plan.designs[0]} in the same worlds.")
    with busy("writing the report"):
        risk_page.write_risk(folder, needs_tail=False)
    say(f"Tables in {folder}; the report is {folder / risk_page.PAGE}")
    return manifest


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


def require_ranked(metric: str) -> None:
    """Refuse a metric that designs cannot be ranked by, before any world runs.

    Raises
    ------
    InputError
        One that is not known, with the nearest name, or that is better in no direction.
    """
    from gridagora.core.registry import names
    from gridagora.studies.risk.names import STAKEHOLDERS, describe_metric
    from gridagora.studies.risk.worlds import require_name

    require_name(metric, [*names("metric"), *STAKEHOLDERS], "--metric", "a metric or a cost")
    if describe_metric(metric).direction == "-":
        expected = "a metric that is better the higher, or the lower, it is"
        raise InputError([Problem("--metric", f"'{metric}'", expected)])


def _leave_failed(manifest: "Mapping[str, Any]") -> None:
    """Say which worlds or designs failed, and leave with the code of a fault where any did."""
    for name, reason in manifest["failed"].items():
        say(f"{name} failed: {reason.rstrip('.')}. What the others found is kept.")
    if manifest["failed"]:
        raise typer.Exit(FAILED)


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
    """Say which design is best over many worlds, on average and in bad ones, and how sure that is; write page and tables."""
    with report_errors(json_):
        from gridagora.report import risk_page, risk_table
        from gridagora.studies.risk.question import RiskQuestion

        with busy(f"assessing {folder}"):
            asked = RiskQuestion(level, metric, width)
            view = risk_page.write_risk(folder, asked, variation)
        if json_:
            show_json(risk_table.summary(view))
        else:
            risk_table.render(view, console(stderr=False))
        say(f"Tables in {folder / risk_page.TABLES}; the report is {folder / risk_page.PAGE}")


def _short(path: Path, days: int | None, overrides: list[str], *, whole: bool) -> "Scene":
    """Return the scene of a study: the first days of the scenario, unless all are asked for."""
    from gridagora.scenario import read

    name_plugins(path, overrides)
    all_days = read.load(path, overrides).scenario.days
    return load_scene(
        path,
        None,
        [*overrides, f"scenario.days={days or (all_days if whole else min(STUDY_DAYS, all_days))}"],
    )
