"""The command for many worlds of a scenario."""

from functools import partial
from typing import Annotated

import typer

from gridagora.commands.flips import WithMap, run_maps
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
)

WORLDS = 100


def ensemble(
    scenario: Scenario,
    place: Folder = None,
    seeds: Seeds = WORLDS,
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", metavar="KEY=a,b,c", help="Run all worlds with each value, too."),
    ] = None,
    designs: Designs = None,
    days: WorldDays = None,
    spread: Spread = SPREAD_DAYS,
    bound: WithBound = False,
    map_: WithMap = False,
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
    """Run every design in many random draws. Seeds redraw homes, weather, prices and cars; a stopped run goes on where it was."""
    with report_errors(json_), open_workers(on, address, processes) as workers:
        from gridagora.studies import variations

        dials = variations.parse_dials(vary or [], "--vary")
        folder = one_folder(place, out) or default_out(scenario) / "ensemble"
        points = variations.grid(dials)
        options = WorldOptions(scenario, set_ or [], seeds, designs, days, spread, bound)
        plan = read_plan(options, points, "--vary", tail_level=level)
        maps = partial(run_maps, options, plan, folder, workers, as_json=json_) if map_ else None
        leave_failed(run_worlds(plan, folder, workers, json_, before_report=maps))
