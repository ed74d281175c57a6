"""A study of claims as tables: each claim before and after, its change with the interval, and the verdict."""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gridagora.report.claims_words import in_words
from gridagora.report.rows import Row, rows_of
from gridagora.report.style import number


class Quantity(NamedTuple):
    """How a quantity of the table `claims` is shown: heading, unit, shown units in one of the table, decimals."""

    heading: str
    unit: str
    scale: float
    places: int


QUANTITIES: Mapping[str, Quantity] = {
    "price_per_kwh": Quantity("retail price", "ct/kWh", 100.0, 2),
    "prosumer_usd_day": Quantity("a prosumer", "$/day", 1.0, 2),
    "end_user_usd_day": Quantity("an end-user", "$/day", 1.0, 2),
    "peak_kw": Quantity("peak", "kW", 1.0, 0),
}
STYLES: Mapping[str, str] = {"holds": "green", "fails": "red", "open": "dim"}
UNBROKEN = 96  # columns of a terminal that holds every cell on two lines
NOTE = (
    "Mean over the draws before → after, and below it the change with its 95 % interval. A claim holds or fails where the "
    "interval lies on one side of zero, and is open otherwise. Prosumer and end-user: what one of them is paid, less bill, wear, "
    "discomfort and charge missing; more is better. The peak is that of all homes, mean of a quarter of an hour."
)


def heads() -> list[str]:
    """Return the heading of each column, unit included."""
    return [
        "retailer of today",
        *(f"{quantity.heading} [{quantity.unit}]" for quantity in QUANTITIES.values()),
    ]


def shown(value: float, quantity: str, *, signed: bool = False) -> str:
    """Return a value of the table in the unit of its column, with a sign where asked for."""
    _, _, scale, places = QUANTITIES[quantity]
    rounded = round(scale * float(value), places)
    return ("+" if signed and rounded > 0 else "") + number(rounded, places)


def pair(row: Row) -> str:
    """Return a claim before and after: '13.69 → 6.65'."""
    return f"{shown(row.before, row.quantity)} → {shown(row.after, row.quantity)}"


def interval(row: Row) -> str:
    """Return the 95 % interval of a change: '[−7.42, −6.70]'."""
    return f"[{shown(row.low, row.quantity)}, {shown(row.high, row.quantity)}]"


def render(found: pd.DataFrame, console: Console) -> None:
    """Print the claims on a console: one table a case, then the sentences."""
    wide = console.width >= UNBROKEN
    for case, part in found.groupby("case", sort=False):
        grid = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        grid.title, grid.title_justify, grid.title_style = Text(str(case)), "left", "bold"
        for at, text in enumerate(heads()):
            grid.add_column(
                Text(text.replace(" [", "\n[")),
                justify="right" if at else "left",
                no_wrap=at > 0 and wide,
            )
        for baseline, claims in part.groupby("baseline", sort=False):
            held = {row.quantity: row for row in rows_of(claims)}
            grid.add_row(Text(str(baseline)), *(_cell(held.get(name)) for name in QUANTITIES))
        console.print(grid)
    console.print(Text(NOTE, style="dim"))
    told = Table.grid(padding=(0, 1))
    for sentence in in_words(found):
        told.add_row("·", Text(sentence))
    console.print(told)


def _cell(row: Row) -> Text:
    if row is None:
        return Text("")
    text = (
        f"{row.verdict} {pair(row)}\n{shown(row.change, row.quantity, signed=True)} {interval(row)}"
    )
    return Text(text, style=STYLES[row.verdict])


def html(found: pd.DataFrame) -> str:
    """Return the claims as one HTML table, grouped by case."""
    head = "".join(
        f"<th scope=col{' class=n' if at else ''}>{escape(_cap(text))}</th>"
        for at, text in enumerate(heads())
    )
    body = "".join(_group(str(case), part) for case, part in found.groupby("case", sort=False))
    return (
        f'<p class="lead">{escape(NOTE)}</p>'
        f'<div class="scroll"><table class="claims"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _group(case: str, part: pd.DataFrame) -> str:
    rows = [
        f'<tr class="group"><th scope="rowgroup" colspan="{1 + len(QUANTITIES)}">{escape(case)}</th></tr>'
    ]
    for baseline, claims in part.groupby("baseline", sort=False):
        held = {row.quantity: row for row in rows_of(claims)}
        cells = "".join(_data(held.get(name)) for name in QUANTITIES)
        rows.append(f'<tr><th scope="row">{escape(str(baseline))}</th>{cells}</tr>')
    return "".join(rows)


def _data(row: Row) -> str:
    if row is None:
        return '<td class="n">–</td>'
    moved = shown(row.change, row.quantity, signed=True)
    return (
        f'<td class="n" data-tip="for the better in {100 * row.holds_share:.0f} % of the draws"><span>'
        f'<i class="verdict {row.verdict}">{row.verdict}</i>{pair(row)}</span><br><b>{moved}</b> {interval(row)}</td>'
    )


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]
