"""The figures of a study of claims: the change of each quantity with its interval, by design of today and by case."""

from collections.abc import Callable, Mapping
from functools import partial
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gridagora.report.claims_table import QUANTITIES, interval, pair, shown
from gridagora.report.facts import ComparisonView
from gridagora.report.rows import rows_of
from gridagora.report.style import FIRM, QUIET, below, calm, figure
from gridagora.studies.claims import NOT_SHOWN
from gridagora.studies.retail_claims import BETTER

# Tol, Colour schemes (SRON/EPS/TN/09-002, 2021), scheme "bright"; the marks part the cases for who sees no colour.
CASE_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
CASE_MARKS = ("circle", "square", "diamond", "triangle-up", "pentagon", "star", "hexagon")
GOOD = "rgba(0,158,115,0.08)"
BAND = 0.7  # of the height of a retailer, taken by its cases
ROW_PX, FRAME_PX = 15, 150  # height of one interval; of axis, legend and margins
ROOM = 0.06  # of the span, at both ends
FAR = 3.0  # a case that many times further from zero than the next lies beyond the edge
ALL = "every design of today"


def _panel(result: ComparisonView, quantity: str) -> go.Figure | None:
    found = result.tables.get("claims")
    if found is None or quantity not in set(found.quantity):
        return None
    rows = one_for_all(found[found.quantity == quantity])
    cases, retailers = list(rows.case.unique()), list(rows.baseline.unique())
    fig = figure(FRAME_PX + ROW_PX * (len(cases) + 1) * max(found.baseline.nunique(), 2))
    top = edge(rows)
    for at, case in enumerate(cases):
        part = rows[rows.case == case]
        off = BAND * ((at + 0.5) / len(cases) - 0.5)
        y = [retailers.index(name) + off for name in part.baseline]
        fig.add_scatter(**_dots(part, quantity, at, top), y=y, name=escape(case))
    _sides(fig, rows, quantity, top)
    for place in range(1, len(retailers)):
        fig.add_hline(y=place - 0.5, line={"color": QUIET, "width": 1})
    fig = calm(fig)
    left = {"xref": "container", "x": 0.02, "entrywidth": 240, "font": {"size": 11.5}}
    fig.update_layout(legend=below() | left, margin={"l": 104, "t": 30, "b": 118, "r": 16})
    fig.update_yaxes(
        tickvals=list(range(len(retailers))),
        ticktext=[_folded(name) for name in retailers],
        range=[len(retailers) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        ticks="outside",
        ticklen=6,
        tickcolor="rgba(0,0,0,0)",
    )
    fig.update_xaxes(
        showgrid=True, gridcolor=QUIET, zeroline=True, zerolinecolor=FIRM, zerolinewidth=2
    )
    return fig


def one_for_all(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one quantity; those of one retailer alone where the retailer makes no difference."""
    if (
        rows.baseline.nunique() < 2
        or (rows.groupby("case").change.agg(np.ptp) > 1e-9 * rows.change.abs().max()).any()
    ):
        return rows
    return rows.drop_duplicates("case").assign(baseline=ALL)


def edge(rows: pd.DataFrame) -> float:
    """Return the change at which a drawing ends, so that one case far from zero does not press the others together."""
    reach = rows.change.abs().groupby(rows.case).max().sort_values(ascending=False)
    if len(reach) < 2 or reach.iloc[0] <= FAR * reach.iloc[1]:
        return float("inf")
    return 1.25 * float(rows[["low", "high"]].abs().max(axis=1)[rows.case != reach.index[0]].max())


def _dots(part: pd.DataFrame, quantity: str, at: int, top: float) -> dict[str, object]:
    """Return one case as dots with their intervals: hollow where the draws do not show a claim, an arrow beyond the edge."""
    beyond, signed = part.change.abs() > top, partial(shown, quantity=quantity, signed=True)
    scale, tone = QUANTITIES[quantity].scale, CASE_COLOURS[at % len(CASE_COLOURS)]
    mark = CASE_MARKS[at % len(CASE_MARKS)]
    told = [
        f"<b>{escape(row.case)}</b><br>against {escape(row.baseline)}<br>{pair(row)} {QUANTITIES[quantity].unit}"
        f"<br>{signed(row.change)} {interval(row)}: {row.verdict}"
        for row in rows_of(part)
    ]
    return {
        "x": scale * part.change.clip(-top, top),
        "mode": "markers+text",
        "text": [
            f"{signed(value)} " if far else ""
            for value, far in zip(part.change, beyond, strict=True)
        ],
        "textposition": ["middle left" if value > 0 else "middle right" for value in part.change],
        "textfont": {"size": 11},
        "marker": {
            "size": 8,
            "symbol": [
                ("triangle-right" if value > 0 else "triangle-left")
                if far
                else f"{mark}-open"
                if verdict == NOT_SHOWN
                else mark
                for value, verdict, far in zip(part.change, part.verdict, beyond, strict=True)
            ],
            "color": tone,
            "line": {"width": 1.6, "color": tone},
        },
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": (scale * (part.high - part.change)).mask(beyond, 0.0),
            "arrayminus": (scale * (part.change - part.low)).mask(beyond, 0.0),
            "color": tone,
            "thickness": 1.8,
            "width": 4,
        },
        "customdata": told,
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _sides(fig: go.Figure, rows: pd.DataFrame, quantity: str, top: float) -> None:
    """Set the range so that both sides of zero show, and name the better one."""
    held, scale = QUANTITIES[quantity], QUANTITIES[quantity].scale
    ends = scale * rows[["low", "high"]].clip(-top, top)
    low, high = min(0.0, float(ends.low.min())), max(0.0, float(ends.high.max()))
    span = (high - low) or 1.0
    low, high = min(low - ROOM * span, -0.12 * span), max(high + ROOM * span, 0.12 * span)
    up = BETTER[quantity] > 0
    fig.add_vrect(
        x0=0.0 if up else low, x1=high if up else 0.0, fillcolor=GOOD, line_width=0, layer="below"
    )
    fig.add_annotation(
        x=0.0,
        y=1.0,
        yref="paper",
        yanchor="bottom",
        xanchor="left" if up else "right",
        text="better →" if up else "← better",
        showarrow=False,
        font={"size": 12},
    )
    fig.update_xaxes(range=[low, high], title=f"Change of {held.heading} [{held.unit}]")


def _folded(name: str) -> str:
    """Return a name on two lines, broken at the space nearest to its middle."""
    spaces = [at for at, letter in enumerate(name) if letter == " "]
    if not spaces:
        return escape(name)
    at = min(spaces, key=lambda place: abs(place - len(name) / 2))
    return f"{escape(name[:at])}<br>{escape(name[at + 1 :])}"


def _drawings() -> dict[str, Callable[[ComparisonView], go.Figure | None]]:
    return {f"claims_{name}": partial(_panel, quantity=name) for name in QUANTITIES}


DRAWINGS: Mapping[str, Callable[[ComparisonView], go.Figure | None]] = _drawings()
