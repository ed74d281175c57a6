"""What all figures of risk share: how they are described, and the axes of a figure of rows."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from gridagora.report.style import (
    QUIET,
    calm,
)

ROW_PX = 34
FRAME_PX = 96


class RiskFigure(NamedTuple):
    """A figure with its heading, how it is read, what it shows in words for who cannot see it, and its numbers as a table."""

    section: str
    heading: str
    caption: str
    drawing: go.Figure
    alternative: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    wide: bool = False
    key: Sequence[
        tuple[str, str, str]
    ] = ()  # glyph, colour and name of each design, where marks need one


def lie(fig: go.Figure, title: str) -> go.Figure:
    """Give a figure of rows its axes: names at the left, first row on top."""
    fig = calm(fig)
    fig.update_yaxes(autorange="reversed", showgrid=False, type="category", zeroline=False)
    fig.update_xaxes(showgrid=True, gridcolor=QUIET, title=title, nticks=6, zeroline=False)
    fig.update_layout(margin={"l": 104, "t": 16, "r": 18, "b": 48})
    return fig
