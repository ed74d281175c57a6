"""The comparison as one table: a data frame for code and notebooks, a coloured table for the terminal."""

from itertools import groupby

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gridagora.core.currency import spell_money
from gridagora.report.facts import (
    ComparisonView,
    baseline,
    currency,
    designs,
    failed,
    metric_text,
    metric_value,
    metrics,
    not_ranked,
    require_comparison,
    unranked,
    warned,
)
from gridagora.report.gains import feeder_words, limit_words, one_draw, overload_words, shares_words
from gridagora.report.rows import rows_of
from gridagora.report.style import DESIGN_LABELS, decimals, in_row

ARROWS = {"higher": "▲", "lower": "▼", "": ""}
NOISE = 1e-6  # a metric smaller than this is rounding error of a sum, shown as zero


def table(result: ComparisonView) -> pd.DataFrame:
    """Return every metric of every design.

    Returns
    -------
    pandas.DataFrame
        Index `metric_id`; columns `metric`, `unit`, `better` ('higher', 'lower' or '') and one column of floats a design,
        nan where a design does not report the metric.

    Raises
    ------
    InputError
        What is no result of a comparison.
    """
    require_comparison(result, "table")
    names = designs(result)
    rows = [
        {"metric_id": row.metric_id, "metric": row.name, "unit": row.unit, "better": row.better}
        | {name: metric_value(result, name, row.metric_id) for name in names}
        for row in metrics(result)
    ]
    return pd.DataFrame(rows, columns=["metric_id", "metric", "unit", "better", *names]).set_index(
        "metric_id"
    )


LABEL_COLUMNS, DESIGN_COLUMNS = 52, 13  # of the console: for what a row is, and for one design


def shown(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Return a row (n,) without rounding noise, and its decimals; values keep the unit of their metric, in [any unit]."""
    clean = np.where(np.abs(values) < NOISE, 0.0, values)
    return clean, decimals(clean)


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table of metrics that hold a number of some design."""
    return rows[rows.drop(columns=["metric", "unit", "better"]).notna().any(axis=1)]


def render(result: ComparisonView, console: Console) -> None:
    """Print the comparison on a console, grouped; one draw tells no design from chance, so none is marked as the best.

    Left out are rows without a number and those that say nearly the same as a row that is shown; the report has them all.
    """
    rows, names = measured(table(result)), designs(result)
    rows = rows[[metric_text(result, str(name)).in_brief for name in rows.index]]
    if rows.empty:
        console.print("No metric was reported by this run.")
        return
    room = max(2, (console.width - LABEL_COLUMNS) // max(DESIGN_COLUMNS, 2 + max(map(len, names))))
    code = currency(result)
    console.print(Text(one_draw(result), style="bold"))
    told_first = limit_words(result), shares_words(result), feeder_words(result)
    for told in filter(None, told_first):
        console.print(Text(spell_money(told, code)))
    for first in range(0, len(names), room):
        chosen = range(first, min(first + room, len(names)))
        note = f"▲ more is better   ▼ less is better   reference: {baseline(result)}   more rows: report"
        console.print(_grid(result, rows, chosen, note if chosen[-1] == len(names) - 1 else None))
    if told := overload_words(result):
        console.print(Text(spell_money(told, code)))
    for told in not_ranked(result):
        console.print(Text(told, style="yellow"))
    for name, many in unconverged(result).items():
        console.print(Text(f"{name}: {disagreed(many)}", style="yellow"))
    for name, told in warned(result):
        console.print(Text(spell_money(f"{name}: {told}.", code), style="yellow"))
    for name, reason in failed(result).items():
        console.print(Text(f"{name} did not finish: {reason}", style="bold red"))


def unconverged(result: ComparisonView) -> dict[str, int]:
    """Return the designs of which real-time sessions spent their rounds before homes agreed, and how many."""
    held = {
        name: result.summary["architectures"][name].get("certificates", {})
        for name in designs(result)
    }
    return {
        name: many
        for name, each in held.items()
        if (many := int(each.get("unconverged_sessions", 0)))
    }


def disagreed(many: int) -> str:
    """Return what it means that so many sessions spent their rounds, and what to change."""
    sessions = "1 real-time session" if many == 1 else f"{many:,} real-time sessions"
    return (
        f"homes did not agree within the round limit in {sessions}; what both ends offered last was traded, the rest was the "
        "supplier's. Raise market.peer.rounds_max, or set market.peer.penalty closer to its default."
    )


def _grid(result: ComparisonView, rows: pd.DataFrame, chosen: range, note: str | None) -> Table:
    """Return the table of some designs, as many as the console has room for."""
    names, unordered = designs(result), unranked(result)
    grid = Table(
        box=box.SIMPLE_HEAD,
        caption_style="dim",
        caption_justify="left",
        header_style="bold",
        pad_edge=False,
        caption=None if note is None else Text(note),
    )
    grid.add_column("", style="dim", no_wrap=True)
    grid.add_column("metric", min_width=18)
    grid.add_column("unit", style="dim", no_wrap=True)
    grid.add_column("", style="dim", no_wrap=True)
    for name in (names[at] for at in chosen):
        grid.add_column(
            Text(name if name in DESIGN_LABELS else name[:24]), justify="right", no_wrap=True
        )
    for heading, members in groupby(
        rows_of(rows), key=lambda row: metric_text(result, str(row.Index)).family
    ):
        grid.add_row("", Text(heading, style="bold cyan"))
        for row in members:
            name = metric_text(result, str(row.Index)).short_name or str(row.metric)
            ranked = str(row.Index) not in unordered
            values = _values(np.array(row[4:], dtype=float))
            label = (
                Text(str(row.Index)),
                Text(name),
                Text(str(row.unit)),
                Text(ARROWS[str(row.better)] if ranked else ""),
            )
            grid.add_row(*label, *(values[at] for at in chosen))
        grid.add_section()
    return grid


def _values(values: np.ndarray) -> list[Text]:
    values, places = shown(values)
    return [Text(in_row(value, places)) for value in values]
