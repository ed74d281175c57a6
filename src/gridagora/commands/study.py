"""Commands of `gridagora study`: a sweep of a design, where the rest of the value goes, promises, the price of overload."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridagora.commands.area import area
from gridagora.core.errors import InputError
from gridagora.terminal import (
    Address,
    Jobs,
    Json,
    On,
    Out,
    RunOn,
    Scenario,
    Set,
    as_typed,
    bar,
    busy,
    default_out,
    finish,
    load_scene,
    name_plugins,
    open_workers,
    refuse_file,
    report_errors,
    show_json,
    show_lines,
)

if TYPE_CHECKING:
    from gridagora.scenario.build import Scene

STUDY_DAYS = 2  # a sweep runs a scene forty times and more
SEEDS = 16

study = typer.Typer(
    help="Answer one question by many runs. What a design needs, where value is lost, which claims hold.",
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
    """Vary what `layered` exchanges and knows. Layers, blocks, forecast error, lost and late messages; finished runs are kept."""
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
    """Say where the value is lost in a design. Forecast, unknown draws, on/off units, the limit, and the rest."""
    with report_errors(json_), open_workers(on, address, jobs) as workers:
        from gridagora.studies import waterfall as causes

        folder = out or default_out(scenario) / "losses"
        refuse_file(folder)
        scene = _short(scenario, days, set_ or [], whole=False)
        with bar() as advance:
            found = causes.study_losses(scene, design, folder, advance, workers)
        finish(found, folder, json_)


study.command()(area)


@study.command()
def claims(
    scenario: Scenario,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            metavar="N",
            help="Draws of homes and days; eight or more for a verdict.",
        ),
    ] = SEEDS,
    set_: Set = None,
    out: Out = None,
    jobs: Jobs = None,
    on: On = RunOn.LOCAL,
    address: Address = None,
    json_: Json = False,
) -> None:
    """Test what is claimed for `retailer`. Against which designs of today it keeps that, over draws of homes and days."""
    with report_errors(json_), open_workers(on, address, jobs) as workers:
        from gridagora.report import claims_table
        from gridagora.studies import retail_claims

        folder = out or default_out(scenario) / "claims"
        refuse_file(folder)
        name_plugins(scenario, set_ or [])
        with bar() as advance:
            found = retail_claims.study_claims(
                scenario, range(seeds), set_ or (), folder, advance, workers
            )
        text = claims_table.markdown(found.tables["claims"])
        (folder / "claims.md").write_text(text, encoding="utf-8")
        finish(found, folder, json_)


@study.command(name="break-even")
def break_even(
    scenario: Scenario,
    design: Annotated[
        str, typer.Option("--design", metavar="NAME", help="Held against the flat design.")
    ],
    set_: Set = None,
    json_: Json = False,
) -> None:
    """Find the break-even price of overload. At it a design is worth what the flat one is; both are run anew at every price."""
    with report_errors(json_):
        from gridagora.studies import break_even as studies

        scene = load_scene(scenario, None, set_ or [])
        try:
            with busy(f"playing '{design}' at other prices of overload"):
                found = studies.find_break_even(scene, design)
        except InputError as fault:
            raise as_typed(fault, {"market": f"--design {design}"}) from None
        if json_:
            tried = [each._asdict() for each in found.tried]
            show_json(found._asdict() | {"tried": tried})
        else:
            show_lines({"break-even": studies.spell_break_even(found)})


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
