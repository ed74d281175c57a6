"""The option that adds to many worlds two small maps of where the ranking of designs flips."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridagora.commands.worlds import WorldOptions, read_plan
from gridagora.terminal import countdown, say, show_records

if TYPE_CHECKING:
    from gridagora.studies.ensemble import EnsemblePlan
    from gridagora.studies.parallel import Workers

WithMap = Annotated[
    bool,
    typer.Option(
        "--map",
        help="Add two small maps of the best design, on fewer worlds: limit and price of overload, panels and participation.",
    ),
]


def run_maps(
    options: WorldOptions,
    plan: "EnsemblePlan",
    folder: Path,
    workers: "Workers",
    *,
    as_json: bool,
    assumes: bool = True,
) -> None:
    """Run the maps on a smaller sample of worlds, in the folder of an ensemble, and show them; done worlds are not run again.

    A map whose keys the scenario does not take is left out, and why is said.
    """
    from gridagora.scenario import read
    from gridagora.studies import ensemble as studies
    from gridagora.studies import flip_map

    keys, place = read.load(options.scenario, options.overrides), folder / flip_map.FOLDER
    fewer = flip_map.shrink(keys)
    small = options._replace(
        days=flip_map.DAYS,
        seeds=flip_map.WORLDS,
        overrides=[*options.overrides, *fewer],
        with_bound=False,
    )
    found = []
    for question in flip_map.ask_flips(keys):
        if reason := flip_map.refused(question, options.scenario, small.overrides):
            say(f"No map of {question.up.name} and {question.across.name}: {reason}")
            continue
        own = read_plan(small, question.variations, flip_map.OPTION, assumes=assumes)
        days = options.days or keys.scenario.days
        sample = flip_map.spell_sample(own, flip_map.HOMES if fewer else 0, plan, days)
        say(f"Map of {question.up.name} and {question.across.name}, from {sample}.")
        with countdown() as advance:
            manifest = studies.run_ensemble(own, place / question.name, advance, workers)
        for name, fault in manifest["failed"].items():
            say(f"{name} of the map failed: {fault.rstrip('.')}.")
        found.append(flip_map.read_flips(question, place / question.name, own, sample))
    flip_map.keep_flips(found, place)
    for each in found if not as_json else ():
        show_records(flip_map.cells_of(each), as_json, "Best by welfare, = not told apart")
