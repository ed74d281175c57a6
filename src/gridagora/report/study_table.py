"""A study as tables: the points on the terminal and on the page, the bars of the waterfall."""

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gridagora.report import claims_table
from gridagora.report.facts import ComparisonView
from gridagora.report.rows import Row, rows_of
from gridagora.report.study_figures import forecast_words
from gridagora.report.style import number

TERMINAL = {
    "design": "design",
    "layers": "layers",
    "blocks": "blocks",
    "forecast": "forecast",
    "lost": "lost",
    "late": "late",
    "captured": "got\n%",
    "below central": "below\ncentral\n$",
    "below central, share": "\n\n%",
    "over limit": "over\nkWh",
    "bytes": "kB/home\n/day",
    "numbers": "numbers\n/day",
    "stale": "stale",
    "silent": "silent",
}
COLUMNS = (
    ("design", ""),
    ("layers", ""),
    ("blocks", ""),
    ("forecast", ""),
    ("lost", "messages"),
    ("late", "intervals"),
    ("captured", "%"),
    ("below central", "$"),
    ("below central, share", "%"),
    ("over limit", "kWh"),
    ("bytes", "kB/home/day"),
    ("messages", "/home/day"),
    ("numbers", "/home/day"),
    ("stale", ""),
    ("silent", ""),
    ("wall", "s"),
)
NAMES = tuple(name for name, _ in COLUMNS)
NOTES = (
    "Captured: share of the attainable gain, from the flat rate to the certified bound. Below central: welfare lost against the "
    "central market on the same forecast, in dollars and as a share of that gain; negative where it did better.",
    "Central, real-time price and flat rate exchange their messages without loss or delay. Stale and silent: home intervals "
    "cleared on an older curve, and on the last metered power because no curve was ever heard. Wall time is that of one run "
    "while others ran beside it.",
)


def heads() -> tuple[str, ...]:
    """Return the heading of each column, unit included."""
    return tuple(f"{name} [{unit}]".strip() if unit else name for name, unit in COLUMNS)


def cells(row: Row) -> list[tuple[str, str]]:
    """Return the text of every column of a point, and the value to sort it by."""
    layered = row.design == "layered"
    blocks = ("exact" if row.blocks == 0 else str(row.blocks)) if layered else ""
    words = [
        (row.design, row.design),
        (row.layers if layered else "", row.layers),
        (blocks, str(row.blocks or 1e9)),
        (
            forecast_words(row.forecast, row.noise_per_kwh),
            f"{row.forecast} {row.noise_per_kwh:.4f}",
        ),
        (f"{100 * row.loss_share:g} %" if layered else "", str(row.loss_share)),
        (str(row.delay) if layered else "", str(row.delay)),
    ]
    figures = (
        (100 * row.captured_share, 1),
        (row.lost_usd, 2),
        (100 * row.lost_share, 1),
        (row.over_limit_kwh, 1),
        (row.bytes_home_day / 1000, 1),
        (row.messages_home_day, 0),
        (row.disclosed_home_day, 0),
        (row.stale, 0),
        (row.silent, 0),
        (row.wall_s, 1),
    )
    return words + [
        (number(round(float(value), places), places), f"{value:.9g}") for value, places in figures
    ]


def render(result: ComparisonView, console: Console) -> None:
    """Print a study on a console: its points, its waterfall, its claims, what there is of them."""
    points, losses, claims = (result.tables.get(name) for name in ("points", "losses", "claims"))
    if points is not None:
        _points(points[points.welfare_usd.notna()], console)
    if losses is not None:
        _losses(losses, console)
    if claims is not None:
        claims_table.render(claims, console)


def _points(points: pd.DataFrame, console: Console) -> None:
    grid = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    grid.caption_style, grid.caption_justify = "dim", "left"
    for at, text in enumerate(TERMINAL.values()):
        grid.add_column(Text(text), justify="left" if at < 4 else "right", no_wrap=True)
    for row in rows_of(points):
        held = dict(zip(NAMES, cells(row), strict=True))
        style = "bold green" if row.front_bytes and "," not in row.turned else ""
        grid.add_row(*(Text(held[name][0], style=style) for name in TERMINAL))
    grid.caption = Text(
        "green: nothing under the same conditions loses less with fewer bytes; messages and wall times: report"
    )
    console.print(grid)


def _losses(losses: pd.DataFrame, console: Console) -> None:
    grid = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for at, text in enumerate(("where the attainable gain goes", "[$]", "[%]")):
        grid.add_column(Text(text), justify="right" if at else "left")
    for row in rows_of(losses):
        grid.add_row(
            Text(row.cause), Text(number(row.change_usd, 2)), Text(number(100 * row.share, 1))
        )
    grid.add_section()
    grid.add_row(
        Text("all, to the certified bound"),
        Text(number(float(np.sum(losses.change_usd)), 2)),
        Text("100.0"),
    )
    console.print(grid)
