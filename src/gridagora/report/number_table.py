"""The numbers of a figure as a table: bars one by one, of lines and shapes their lowest, mean and highest value."""

from collections.abc import Iterable
from html import escape, unescape

import numpy as np
import plotly.graph_objects as go

from gridagora.report.panel import axis_of, series_of, whole
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import decimals, number


def number_table(heading: str, fig: go.Figure) -> str:
    """Return the numbers of what a figure shows at first as a table of HTML, '' where it shows none."""
    held = series_of(fig)
    if not held:
        return ""
    named = _bars(fig)
    if named:
        columns, rows = named
    elif all(values.size == 1 for values in held.values()):
        columns, rows = ["Value"], list(held.items())
    else:
        columns = ["Lowest", "Mean", "Highest"]
        rows = [
            (name, np.array([values.min(), values.mean(), values.max()]))
            for name, values in held.items()
        ]
    axis = axis_of(fig)
    head = f'<th scope="col">{escape(axis) or "Series"}</th>' + "".join(
        f'<th scope="col" class="n">{escape(text)}</th>' for text in columns
    )
    body = "".join(_row(name, values) for name, values in rows)
    return scroll_table(f"{heading}: the numbers", head, body)


def _bars(fig: go.Figure) -> tuple[list[str], list[tuple[str, np.ndarray]]] | None:
    """Return columns and rows of upright bars that stand over names; None where there are none."""
    shown = [each for each in fig.data if each.type == "bar" and each.visible is not False]
    if not shown or any(
        each.orientation == "h" or not isinstance(each.x[0], str) for each in shown
    ):
        return None
    columns = [unescape(str(text)) for text in shown[0].x]
    rows = [(unescape(each.name or "Value"), np.array(whole(each), dtype=float)) for each in shown]
    if len(rows) == 1 or fig.layout.barmode not in ("stack", "relative"):
        return columns, rows
    total = np.sum([values for _, values in rows], axis=0)
    return columns, [*rows, ("Sum", total)]


def _row(name: str, values: Iterable[float]) -> str:
    places = decimals(values)
    cells = "".join(f'<td class="n">{number(float(value), places)}</td>' for value in values)
    return f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'
