"""What commands over many worlds share: their options, the plan that options make, and how worlds are run and shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gridagora.commands.complete import complete_designs
from gridagora.commands.watch import both, end_world
from gridagora.core.errors import InputError, Problem
from gridagora.files.stop import note_on_stop
from gridagora.terminal import (
    FAILED,
    as_typed,
    busy,
    countdown,
    name_plugins,
    say,
    show_json,
    show_records,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gridagora.report.progress import RunProgress
    from gridagora.studies.ensemble import EnsemblePlan
    from gridagora.studies.parallel import Workers

SIDE_BY_SIDE = 4  # metrics of a table
GAIN = "E1y"  # what ranks designs of a comparison
SPREAD_DAYS = 21  # the season stays

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
    typer.Option(
        "--designs",
        metavar="NAME,...",
        help="Left out: those of the scenario.",
        autocompletion=complete_designs,
    ),
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
WorldDays = Annotated[
    int | None, typer.Option("--days", metavar="D", min=1, help="Days of each world.")
]


class WorldOptions(NamedTuple):
    """What was typed of the worlds of a scenario: designs by name, days of each, days by which it moves, whether bounded.

    `designs_option` is what the command calls its designs.
    """

    scenario: Path
    overrides: list[str]
    seeds: int
    designs: str | None = None
    days: int | None = None
    spread_days: int = SPREAD_DAYS
    with_bound: bool = False
    designs_option: str = "--designs"


def read_plan(
    options: WorldOptions,
    variations: "Sequence[tuple[str, ...]]",
    option: str,
    *,
    assumes: bool = True,
    tail_level: float | None = None,
) -> "EnsemblePlan":
    """Return the plan that options make of worlds; `option` named the variations, for messages."""
    from gridagora.studies import ensemble as studies

    typed = _typed(options)
    name_plugins(options.scenario, options.overrides)
    try:
        with busy(f"reading {options.scenario}"):
            return studies.make_plan(
                options.scenario,
                [*options.overrides, *typed],
                variations,
                option,
                options.seeds,
                options.spread_days,
                assumes=assumes,
                with_bound=options.with_bound,
                tail_level=tail_level,
            )
    except InputError as fault:
        named = {f"--set {key}": text for key, text in typed.items()}
        raise as_typed(fault, named) from None


def _typed(options: WorldOptions) -> dict[str, str]:
    """Return the overrides that options stand for, days and designs of all worlds, each with the option as it was typed."""
    typed = {}
    if options.days is not None:
        typed[f"scenario.days={options.days}"] = f"--days {options.days}"
    if options.designs is not None:
        named = [name.strip() for name in options.designs.split(",") if name.strip()]
        key = f"scenario.architectures={json.dumps(named)}"
        typed[key] = f"{options.designs_option} {options.designs}"
    return typed


def one_folder(place: Path | None, out: Path | None) -> Path | None:
    """Return the folder that was named, as an argument or as an option; None where none was.

    Raises
    ------
    InputError
        Both were.
    """
    if place is not None and out is not None:
        raise InputError([Problem("--out", f"{out} beside {place}", "one folder")])
    return place or out


def run_worlds(
    plan: "EnsemblePlan",
    folder: Path,
    workers: "Workers",
    as_json: bool,
    *,
    whole: bool = False,
    quiet: bool = False,
    before_report: Callable[[], None] | None = None,
    seen: "RunProgress | None" = None,
) -> dict[str, Any]:
    """Run worlds and return the manifest; show how designs did in the mean, by every metric or the main ones, unless `quiet`.

    `before_report` adds to the folder what the report shows, too; `seen` is told how far it is.
    """
    from gridagora.report import risk_page
    from gridagora.studies import ensemble as studies
    from gridagora.studies import world_means
    from gridagora.studies.risk.question import RiskQuestion

    for line in studies.lines_of(plan):
        say(line)
    with countdown() as advance:
        ended = None if seen is None else end_world(seen)
        manifest = studies.run_ensemble(plan, folder, both(advance, seen), workers, ended)
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
        say(
            f"* better than every other design in the same worlds, ~ best and not told apart, = not told from {plan.designs[0]}."
        )
    with note_on_stop(lambda: f"All worlds are kept in {folder}; the same command goes on there."):
        if before_report is not None:
            before_report()
        with busy("writing the report"):
            ranked = RiskQuestion(metric=GAIN if whole else None)
            risk_page.write_risk(folder, ranked, needs_tail=False)
    say(f"Tables in {folder}; the report is {folder / risk_page.PAGE}")
    return manifest


def leave_failed(manifest: "Mapping[str, Any]") -> None:
    """Say which worlds or designs failed, and leave with the code of a fault where any did."""
    for name, reason in manifest["failed"].items():
        say(f"{name} failed: {reason.rstrip('.')}. What the others found is kept.")
    if manifest["failed"]:
        raise typer.Exit(FAILED)
