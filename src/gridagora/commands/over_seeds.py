"""A comparison over many worlds in place of one."""

from functools import partial
from pathlib import Path

from gridagora.commands.flips import run_maps
from gridagora.commands.worlds import WorldOptions, leave_failed, read_plan, run_worlds
from gridagora.terminal import LOCAL_JOBS


def compare_worlds(
    scenario: Path,
    folder: Path,
    seeds: int,
    only: str | None,
    overrides: list[str],
    as_json: bool,
    *,
    with_map: bool = False,
) -> None:
    """Run every design in many worlds as the scenario has them, and show the mean of every metric with its interval."""
    options = WorldOptions(
        scenario, overrides, seeds, only, with_bound=True, designs_option="--only"
    )
    plan = read_plan(options, ((),), "--seeds", assumes=False)
    maps = partial(run_maps, options, plan, folder, LOCAL_JOBS, as_json=as_json, assumes=False)
    leave_failed(
        run_worlds(
            plan, folder, LOCAL_JOBS, as_json, whole=True, before_report=maps if with_map else None
        )
    )
