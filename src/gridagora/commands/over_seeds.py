"""A comparison over many worlds in place of one."""

from functools import partial
from pathlib import Path

from gridagora.commands.flips import run_maps
from gridagora.commands.watch import progress_of_worlds, watched
from gridagora.commands.worlds import WorldOptions, leave_failed, read_plan, run_worlds
from gridagora.terminal import LOCAL_JOBS


def compare_worlds(
    options: WorldOptions,
    folder: Path,
    as_json: bool,
    *,
    with_map: bool = False,
    port: int | None = None,
) -> None:
    """Run every design in many worlds as the scenario has them, and show the mean of every metric with its interval.

    With a port, a page there shows how far it is.
    """
    plan = read_plan(options, ((),), "--seeds", assumes=False)
    maps = partial(run_maps, options, plan, folder, LOCAL_JOBS, as_json=as_json, assumes=False)
    seen = None if port is None else progress_of_worlds(options, plan.designs)
    with watched(seen, port, folder / "report.html"):
        leave_failed(
            run_worlds(
                plan,
                folder,
                LOCAL_JOBS,
                as_json,
                whole=True,
                before_report=maps if with_map else None,
                seen=seen,
            )
        )
