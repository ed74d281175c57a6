"""The command line: verbs only. Results go to stdout, everything said on the way to stderr."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridagora import __version__
from gridagora.commands.area import run_area
from gridagora.commands.check import check
from gridagora.commands.complete import complete_design, complete_design_of_result, complete_designs
from gridagora.commands.convert import convert
from gridagora.commands.ensemble import ensemble
from gridagora.commands.export import export
from gridagora.commands.flips import WithMap
from gridagora.commands.new import demo_text, new
from gridagora.commands.over_seeds import compare_worlds
from gridagora.commands.report import report
from gridagora.commands.risk import risk
from gridagora.commands.show import show
from gridagora.commands.study import study
from gridagora.commands.sweep import sweep
from gridagora.commands.verify import reproduce, verify
from gridagora.commands.watch import (
    Port,
    Watch,
    both,
    end_design,
    progress_of_scene,
    require_watched,
    watched,
)
from gridagora.commands.worlds import WorldOptions
from gridagora.core.errors import InputError, PartError, Problem
from gridagora.terminal import (
    RESULTS,
    Json,
    Out,
    Scenario,
    Set,
    bar,
    busy,
    default_out,
    finish,
    head_money,
    load_scene,
    name_plugins,
    refuse_file,
    report_errors,
    say,
    show_json,
    show_lines,
    show_records,
)

if TYPE_CHECKING:
    from gridagora.report.progress import RunProgress
    from gridagora.run.result import Comparison
    from gridagora.scenario.build import Scene

app = typer.Typer(
    name="gridagora",
    help="Compare electricity market designs on one feeder: same homes, weather, prices and random draws for all.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(study, name="study")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gridagora {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and leave.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    """Compare electricity market designs on one feeder: same homes, weather, prices and random draws for all."""


@app.command()
def demo(out: Out = None, json_: Json = False) -> None:
    """Run a small synthetic case. It compares five designs, and needs no file and no network."""
    with report_errors(json_):
        folder = out or RESULTS / "demo"
        refuse_file(folder)
        finish(_compare(_demo_scene(), folder), folder, json_)


app.command()(new)
app.command()(check)
app.command()(convert)


@app.command()
def run(
    scenario: Scenario,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="NAME",
            help="The design; the scenario's first if left out.",
            autocompletion=complete_design,
        ),
    ] = None,
    set_: Set = None,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Run one design on a scenario. Runs an area of many feeders where the scenario has [area] homes."""
    with report_errors(json_):
        if only and "," in only:
            raise InputError(
                [Problem("--only", f"'{only}'", "one design", "`gridagora compare` runs several.")]
            )
        folder = out or default_out(scenario)
        refuse_file(folder)
        scene = load_scene(scenario, [only] if only else None, set_ or [])
        if scene.scenario.area.homes is not None:
            run_area(scene, scene.scenario.area, folder, as_json=json_)
            return
        finish(
            _compare(scene, folder, [only or scene.scenario.compared[0]]),
            folder,
            json_,
        )


@app.command()
def compare(
    scenario: Scenario,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="NAME,...",
            help="Designs to run; those of the scenario if left out.",
            autocompletion=complete_designs,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            metavar="N",
            help="Repeat it in N random draws; show means with 95 % intervals.",
        ),
    ] = None,
    map_: WithMap = False,
    watch: Watch = False,
    port: Port = None,
    set_: Set = None,
    out: Out = None,
    json_: Json = False,
) -> None:
    """Compare several designs on one scenario. Prints one table, and writes a report and tables for a spreadsheet."""
    with report_errors(json_):
        require_watched(port, watch=watch)
        if seeds is not None:
            place = out or default_out(scenario) / "seeds"
            compare_worlds(
                WorldOptions(
                    scenario, set_ or [], seeds, only, with_bound=True, designs_option="--only"
                ),
                place,
                json_,
                with_map=map_,
                port=(port or 0) if watch else None,
            )
            return
        if map_:
            expected = "--map beside --seeds: a map shows what many worlds tell apart"
            raise InputError([Problem("--map", "one world", expected)])
        folder = out or default_out(scenario)
        refuse_file(folder)
        chosen = (
            [name.strip() for name in only.split(",") if name.strip()] if only is not None else None
        )
        scene = load_scene(scenario, chosen, set_ or [])
        seen = progress_of_scene(scene, chosen or scene.scenario.compared) if watch else None
        with watched(seen, port, folder / "report.html"):
            finish(_compare(scene, folder, seen=seen), folder, json_)


app.command()(ensemble)
app.command()(sweep)
app.command()(risk)
app.command()(show)
app.command()(verify)
app.command()(reproduce)
app.command()(report)


app.command()(export)


@app.command()
def statement(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a result.")],
    design: Annotated[
        str,
        typer.Option(
            "--design",
            metavar="NAME",
            help="A design of the result.",
            autocompletion=complete_design_of_result,
        ),
    ],
    party: Annotated[
        str,
        typer.Option(
            "--party", metavar="NAME", help="A home, operator, wholesale, wires, other customers."
        ),
    ],
    json_: Json = False,
) -> None:
    """Print the bill of one party, line by line. The total is its bill."""
    with report_errors(json_):
        from gridagora.run import folder as folders
        from gridagora.run.statement import statement_of

        result = folders.load(folder)
        lines = statement_of(result.tables, design, party)
        lines = lines if json_ else head_money(lines, result.summary)
        show_records(lines, json_, f"{party} under '{design}'")


@app.command("list")
def list_(
    scenario: Annotated[
        Path | None,
        typer.Argument(metavar="SCENARIO", help="Scenario file whose plugins are listed too."),
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option(
            "--keys",
            metavar="NAME",
            help="Keys of one design, device or table of a scenario, as tou, homes.battery or prices.",
        ),
    ] = None,
    set_: Set = None,
    json_: Json = False,
) -> None:
    """List designs, devices, metrics and sources. Sources stand under the key that names them; plugins are included."""
    with report_errors(json_):
        from gridagora.scenario import key_reference, parts

        found = parts.listed(name_plugins(scenario, set_ or []), strict=scenario is not None)
        if keys is not None:
            lines = key_reference.keys_of(keys)
            if json_:
                show_json([line._asdict() for line in lines])
            else:
                show_lines({line.key: key_reference.in_a_line(line) for line in lines})
        elif json_:
            known = {
                kind: {row.name: row.text for row in rows} for kind, rows in found.rows.items()
            }
            show_json(
                known
                | {"plugins": {each.get("file") or each["module"]: each for each in found.plugins}}
            )
        else:
            for kind, rows in found.rows.items():
                show_lines({kind.upper(): ""} | {f"  {row.name}": row.shown for row in rows})
        for problem in found.problems:
            say(f"Left out: {problem}")


def main() -> None:
    """Run the command line."""
    app()


def _demo_scene() -> "Scene":
    from gridagora.scenario import build, read

    with busy("making the demo") as tell:
        # what ships with the package, whatever else is installed
        return build.build(
            read.parse(demo_text(), "demo.toml", overrides=["plugins.installed=false"]), tell
        )


def _compare(
    scene: "Scene",
    folder: Path,
    architectures: list[str] | None = None,
    seen: "RunProgress | None" = None,
) -> "Comparison":
    from gridagora.run import compare as runs

    runs.require_designs(scene, architectures)
    try:
        with bar() as advance:
            return runs.compare(
                scene,
                architectures,
                folder,
                both(advance, seen),
                None if seen is None else end_design(seen),
            )
    except InputError as fault:  # the scene was accepted: what fails now fails in the run
        raise PartError(str(fault)) from None


if __name__ == "__main__":
    main()
