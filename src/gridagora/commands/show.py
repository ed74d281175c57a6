"""The command that prints a result again: all of it, or what it says of a metric, a design or a home."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridagora.commands.complete import complete_design_of_result, complete_metric
from gridagora.core.errors import InputError, Problem, nearest
from gridagora.terminal import Json, console, head_money, report_errors, show_json, show_records

if TYPE_CHECKING:
    import pandas as pd

    from gridagora.run.result import Comparison

COLUMNS = {"metric_id": "id", "architecture": "design"}
OF_HOME = (
    "architecture",
    "bill_usd",
    "balanced_bill_usd",
    "energy_kwh",
    "export_kwh",
    "comfort_usd",
    "discomfort_k_h",
    "v_min_pu",
)


def show(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a result.")],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="ID",
            help="One metric by its id or name, such as E5.",
            autocompletion=complete_metric,
        ),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            "--design",
            metavar="NAME",
            help="Every metric of one design.",
            autocompletion=complete_design_of_result,
        ),
    ] = None,
    home: Annotated[
        str | None,
        typer.Option("--home", metavar="NAME", help="What one home paid and felt, by design."),
    ] = None,
    json_: Json = False,
) -> None:
    """Print a result again from its folder. The whole table, or one metric, design or home of it."""
    with report_errors(json_):
        from gridagora.run import folder as folders

        told = _asked({"--metric": metric, "--design": design, "--home": home})
        result = folders.load(folder)
        if not told:
            _show_all(result, json_)
        elif home is not None:
            frame = _of_home(result, home)
            shown = frame if json_ else head_money(frame, result.summary)
            show_records(shown, json_, f"{home}, by design")
        elif design is not None:
            show_records(_of_design(result, design), json_, f"every metric of '{design}'")
        else:
            show_records(_of_metric(result, str(metric)), json_, f"{metric}, by design")


def _asked(options: dict[str, str | None]) -> list[str]:
    """Return which options were given; more than one is refused."""
    told = [name for name, value in options.items() if value is not None]
    if len(told) > 1:
        expected = "one of them, or none for the whole table"
        raise InputError([Problem("show", " and ".join(told), expected)])
    return told


def _show_all(result: "Comparison", as_json: bool) -> None:
    from gridagora.report import study_table, table

    if as_json:
        show_json(result.summary)
        return
    draw = study_table if "study" in result.summary else table
    draw.render(result, console(stderr=False))


def _of_metric(result: "Comparison", wanted: str) -> "pd.DataFrame":
    from gridagora.report.table import table

    rows = table(result)
    known = {name.lower(): name for name in rows.index} | {
        str(row.metric).lower(): name for name, row in rows.iterrows()
    }
    if wanted.lower() not in known:
        raise _unknown("--metric", wanted, [*rows.index, *rows["metric"]])
    row = rows.loc[known[wanted.lower()]]
    designs = row.drop(["metric", "unit", "better"])
    found = designs.rename_axis("design").rename("value").reset_index()
    whole: pd.DataFrame = found.assign(metric=row["metric"], unit=row["unit"])
    return whole


def _of_design(result: "Comparison", wanted: str) -> "pd.DataFrame":
    from gridagora.report.table import table

    rows = table(result)
    names = [name for name in rows.columns if name not in {"metric", "unit", "better"}]
    if wanted not in names:
        raise _unknown("--design", wanted, names)
    kept = rows[["metric", "unit", wanted]].rename(columns={wanted: "value"})
    found: pd.DataFrame = kept[kept["value"].notna()].reset_index().rename(columns=COLUMNS)
    return found


def _of_home(result: "Comparison", wanted: str) -> "pd.DataFrame":
    homes = result.tables.get("homes")
    names = [] if homes is None else list(dict.fromkeys(homes["home_id"].astype(str)))
    if homes is None or wanted not in names:
        raise _unknown("--home", wanted, names)
    rows = homes[homes["home_id"].astype(str) == wanted].drop(columns="home_id")
    found: pd.DataFrame = rows[[name for name in OF_HOME if name in rows]].rename(columns=COLUMNS)
    return found


def _unknown(option: str, wanted: str, names: list[str]) -> InputError:
    expected = "a name of this result"
    return InputError([Problem(option, f"'{wanted}'", expected, nearest(wanted, names[:500]))])
