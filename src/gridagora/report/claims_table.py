"""A study of claims as one table, for terminal, page and Markdown: changes with their intervals, and the claims that hold."""

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
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import number
from gridagora.studies.claims import NOT_SHOWN


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
STYLES: Mapping[str, str] = {"holds": "green", "fails": "red", NOT_SHOWN: "dim"}
MARKS: Mapping[str, str] = {"holds": "✓", "fails": "✗", NOT_SHOWN: "·"}  # of a terminal
CLASSES: Mapping[str, str] = {NOT_SHOWN: "open"}  # of a page, where it is not the verdict itself
HELD: Mapping[str, tuple[str, ...]] = {
    "lower price": ("price_per_kwh",),
    "more for all": ("prosumer_usd_day", "end_user_usd_day"),
    "lower peak": ("peak_kw",),
}
UNBROKEN = 128  # columns of a terminal that holds every cell on one line
HEADING = "compared with"
NOTE = (
    "Change from a design of today to prosumers as the retailer, mean over the same draws with its 95 % interval. A claim holds "
    "only where the interval is on the better side of zero, fails where it is on the other, else it is not shown; "
    "more for all holds where prosumers and the others both gain. Prosumer: one who sells, what it is paid, less bill, wear, "
    "discomfort and charge missing; end-user: one other home. The price is that of homes without panels, battery or car, bills "
    "balanced. The peak is that of all homes, mean of a quarter of an hour."
)


def heads() -> list[str]:
    """Return the heading of each column, unit included."""
    quantities = (f"{quantity.heading} [{quantity.unit}]" for quantity in QUANTITIES.values())
    return [HEADING, *quantities, "claims that hold"]


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


def change(row: Row) -> str:
    """Return a change with half of the width of its 95 % interval: '−1.55 ±0.10'."""
    half = shown((row.high - row.low) / 2, row.quantity)
    return f"{shown(row.change, row.quantity, signed=True)} ±{half}"


def held_claims(claims: Mapping[str, Row]) -> str:
    """Return which of the three claims hold, of the rows of one case and baseline by quantity; a dash for none."""
    held = [
        name
        for name, quantities in HELD.items()
        if all(each in claims and claims[each].verdict == "holds" for each in quantities)
    ]
    return ", ".join(held) or "–"


def render(found: pd.DataFrame, console: Console) -> None:
    """Print the claims on a console: one table, a section for each case, then the sentences."""
    wide = console.width >= UNBROKEN
    grid = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for at, text in enumerate(heads()):
        last = at > len(QUANTITIES)
        grid.add_column(
            Text(text.replace(" [", "\n[")),
            justify="right" if at and not last else "left",
            no_wrap=at > 0 and wide,
        )
    for case, part in found.groupby("case", sort=False):
        grid.add_section()
        grid.add_row(Text(str(case), style="bold"))
        for baseline, claims in by_baseline(part).items():
            cells = (_cell(claims.get(name)) for name in QUANTITIES)
            grid.add_row(Text(f"  {baseline}"), *cells, Text(held_claims(claims)))
    console.print(grid)
    marks = ", ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items())
    console.print(Text(f"{marks}. {NOTE}", style="dim"))
    told = Table.grid(padding=(0, 1))
    for sentence in in_words(found):
        told.add_row("·", Text(sentence))
    console.print(told)


def by_baseline(part: pd.DataFrame) -> dict[str, dict[str, Row]]:
    """Return the rows of one case by baseline and quantity."""
    return {
        str(name): {row.quantity: row for row in rows_of(claims)}
        for name, claims in part.groupby("baseline", sort=False)
    }


def _cell(row: Row | None) -> Text:
    if row is None:
        return Text("")
    return Text(f"{MARKS[row.verdict]} {change(row)}", style=STYLES[row.verdict])


def markdown(found: pd.DataFrame) -> str:
    """Return the same table in Markdown, such as a README shows, with how to read it below."""
    head = ["case", *heads()]
    lines = [head, ["---"] * len(head)]
    for case, part in found.groupby("case", sort=False):
        for baseline, claims in by_baseline(part).items():
            cells = [_text(claims.get(name)) for name in QUANTITIES]
            lines.append([_plain(str(case)), _plain(baseline), *cells, held_claims(claims)])
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{table}\n\n{NOTE}\n"


def _text(row: Row | None) -> str:
    return "–" if row is None else f"{row.verdict} {change(row)}"


def _plain(text: str) -> str:
    """Return a name as one cell of a Markdown table."""
    return " ".join(text.replace("|", "/").split())


def html(found: pd.DataFrame) -> str:
    """Return the claims as one HTML table, grouped by case."""
    last = len(QUANTITIES) + 1
    head = "".join(
        f"<th scope=col{' class=n' if 0 < at < last else ''}>{escape(_cap(text))}</th>"
        for at, text in enumerate(heads())
    )
    body = "".join(_group(str(case), part) for case, part in found.groupby("case", sort=False))
    return (
        f'<p class="lead">{escape(NOTE)}</p>'
        f"{scroll_table('Cases of the study', head, body, 'claims')}"
    )


def _group(case: str, part: pd.DataFrame) -> str:
    rows = [
        f'<tr class="group"><th scope="rowgroup" colspan="{2 + len(QUANTITIES)}">{escape(case)}</th></tr>'
    ]
    for baseline, claims in by_baseline(part).items():
        cells = "".join(_data(claims.get(name)) for name in QUANTITIES)
        held = f"<td>{escape(held_claims(claims))}</td>"
        rows.append(f'<tr><th scope="row">{escape(baseline)}</th>{cells}{held}</tr>')
    return "".join(rows)


def _data(row: Row | None) -> str:
    if row is None:
        return '<td class="n">–</td>'
    moved = shown(row.change, row.quantity, signed=True)
    kind = CLASSES.get(row.verdict, row.verdict)
    return (
        f'<td class="n" data-tip="for the better in {100 * row.holds_share:.0f} % of the draws"><span>'
        f'<i class="verdict {kind}">{row.verdict}</i>{pair(row)}</span><br><b>{moved}</b> {interval(row)}</td>'
    )


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]
