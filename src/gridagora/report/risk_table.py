"""The table of designs on the terminal and on the page, and how tables of the page are made."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gridagora.report.risk_names import share, span
from gridagora.report.risk_view import PairView, RiskView
from gridagora.report.risk_words import metric_name, stopping_words
from gridagora.report.rows import rows_of
from gridagora.report.style import colours, decimals, label, number

Cell = tuple[str, str]  # text, and class of the cell

VERDICT_CLASSES = {"better": "holds", "worse": "fails"}
CHANCE = 0.05


def heads(view: RiskView) -> list[str]:
    """Return the heading of each column of the table of designs."""
    unit = f" [{view.unit}]" if view.unit else ""
    return [
        "design",
        f"mean{unit}",
        "95 % interval",
        f"to the best{unit}",
        "95 % interval",
        "said of it",
        "better in",
        f"worst {view.percent}{unit}",
    ]


def cells(view: RiskView) -> list[list[str]]:
    """Return the table of designs, the best mean first: mean, difference to the best, verdict, share of worlds, shortfall."""
    means, pairs = view.means(), view.pairs()
    if not means:
        return []
    best, places = next(iter(means)), decimals(row.mean for row in means.values())
    tails = view.table("tails")
    own = (
        {row.design: row for row in rows_of(tails[tails.metric == view.metric])}
        if len(tails)
        else {}
    )
    found = []
    for name, row in means.items():
        pair = pairs.get((name, best))
        shortfall = own[name].shortfall if name in own else float("nan")
        found.append(
            [
                name,
                number(row.mean, places),
                span(row.low, row.high, places),
                signed(pair.difference, places) if pair else "",
                span(pair.low, pair.high, places) if pair else "",
                said(pair) if pair else "best mean",
                share(pair.share) if pair else "",
                number(shortfall, places),
            ]
        )
    return found


def said(pair: PairView) -> str:
    """Return the verdict on a pair, with a star where chance among many pairs may have made it."""
    star = " *" if pair.verdict != "tie" and pair.p_holm > CHANCE else ""
    return f"{pair.verdict}{star}"


def signed(value: float, places: int) -> str:
    """Return a difference with its sign."""
    return ("+" if value > 0 else "") + number(round(value, places), places)


def render(view: RiskView, console: Console) -> None:
    """Print the table of designs on a console, and what is best for whom."""
    grid = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    grid.title, grid.title_justify = (
        Text(f"{metric_name(view)}, {len(view.sample.seeds)} worlds"),
        "left",
    )
    for at, text in enumerate(heads(view)):
        grid.add_column(Text(text.replace(" [", "\n[")), justify="right" if at else "left")
    for row in cells(view):
        first = "green" if view.ties()[1:] else "bold green"  # bold is told from every other
        style = {"best mean": first, "tie": "green"}.get(row[5], "")
        grid.add_row(Text(row[0], style=style), *map(Text, row[1:]))
    if any(row[5].endswith("*") for row in cells(view)):
        grid.caption, grid.caption_justify = Text("* may be chance among so many pairs"), "left"
    console.print(grid)
    console.print(Text(stopping_words(view), style="dim"))


def summary(view: RiskView) -> dict[str, Any]:
    """Return what a program reads of an assessment: the metric, the best design, its ties, and every table of this variation."""
    means = view.means()
    return {
        "metric": view.metric,
        "unit": view.unit,
        "level": view.found.question.level,
        "worlds": len(view.sample.seeds),
        "variation": view.sample.variation,
        "best": next(iter(means), None),
        "ties": list(view.ties()[1:]) if means else [],
        "too_few": view.found.too_few,
        "tables": {name: view.table(name).to_dict("records") for name in view.found.tables},
    }


def html_table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]], kind: str = ""
) -> str:
    """Return a table that scrolls on its own, by keyboard too; cells are HTML, the first of each row its heading."""
    head = "".join(
        f"<th scope=col{' class=n' if at else ''}>{escape(text)}</th>"
        for at, text in enumerate(columns)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{text}</th>' if at == 0 else f'<td class="{style or "n"}">{text}</td>'
            for at, (text, style) in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    said = escape(caption)
    return (
        f'<p class="cap" aria-hidden="true">{said}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{said}">'
        f'<table class="{kind}" aria-label="{said}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def designs_html(view: RiskView) -> str:
    """Return the table of designs."""
    tones = colours(list(view.means()))
    rows = [
        [
            (f'<i class="dot" style="--tone:{tones[row[0]]}"></i>{label(row[0])}', ""),
            *((escape(text), "n") for text in row[1:5]),
            (_badge(row[5]), "n"),
            *((escape(text), "n") for text in row[6:]),
        ]
        for row in cells(view)
    ]
    return html_table(f"Designs by {metric_name(view)}, the best mean first", heads(view), rows)


def _badge(text: str) -> str:
    kind = VERDICT_CLASSES.get(text.removesuffix(" *"), "holds" if text == "best mean" else "open")
    return f'<i class="verdict {kind}">{escape(text)}</i>'
