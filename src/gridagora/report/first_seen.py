"""Which designs a figure of lines shows at first: beyond a few, lines hide each other, and the reader chooses."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from gridagora.report.facts import ComparisonView, baseline, metric_value

LINES = 6  # that a reader tells apart in one drawing
TOGETHER = 4  # designs that are shown in one drawing at first


def first_seen(result: ComparisonView, names: Sequence[str]) -> frozenset[str]:
    """Return all designs up to six of them, else the reference and the five that gain most, in the order of the run if even."""
    if len(names) <= LINES:
        return frozenset(names)
    gains = [metric_value(result, name, "E1y") for name in names]
    reference = [name == baseline(result) for name in names]
    ranked = np.nan_to_num(np.where(reference, np.inf, gains), nan=-np.inf)
    order = np.argsort(-ranked, kind="stable")
    return frozenset(names[at] for at in order[:LINES])


def show_first(fig: go.Figure, seen: frozenset[str], reference: str) -> go.Figure:
    """Leave in the legend alone what is not seen at first, of lines grouped by design, and return the figure.

    Where designs are more than four, the page shows each in a drawing of its own at first, beside the reference.
    """
    groups = {trace.legendgroup for trace in fig.data if trace.legendgroup}
    if len(groups | {reference}) > TOGETHER:
        fig.update_layout(meta={"views": ["Each apart", "All together"], "reference": reference})
    for trace in fig.data:
        if trace.legendgroup and trace.legendgroup not in seen:
            trace.visible = "legendonly"
    return fig
