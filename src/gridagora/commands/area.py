"""The command for an area of many feeders, and where its shards are worked out."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from gridagora.core.errors import InputError, Problem
from gridagora.terminal import (
    Address,
    Json,
    On,
    Out,
    RunOn,
    Scenario,
    Set,
    bar,
    default_out,
    load_scene,
    open_workers,
    refuse_file,
    report_errors,
    say,
    show_json,
    show_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridagora.run.area import AreaCase
    from gridagora.run.area_market import ShardHost
    from gridagora.scenario.build import Scene
    from gridagora.scenario.schema import AreaKeys
    from gridagora.studies.parallel import Workers

AREA_HOMES = 10_000
LIKELY_DRAWS = 7  # of hot water that a home of an area holds for likely: a week instead of four


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
    """Run `layered` over many feeders. The homes of the area are drawn from those of a scenario, shard by shard."""
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
    processes = where.on is RunOn.LOCAL and (where.processes or size.processes)
    _refuse_hours(hours, 24 * scene.days)
    if where.address is None:
        at_once = processes or where.on is RunOn.RAY
        archetypes = len(scene.homes.home_id)
        area_study.require_memory(homes, archetypes, scene.days, shards, at_once=at_once)
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
            _open_shards(case, shards, workers, where.checkpoint, processes=processes) as host,
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
