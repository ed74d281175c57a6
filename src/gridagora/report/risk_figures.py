"""The figures of risk: where worlds lie, tails by stakeholder, drivers of bad worlds, and what more worlds would tell."""

import numpy as np

from gridagora.report.findings import plain
from gridagora.report.risk_cause_figures import draws, drivers
from gridagora.report.risk_drawing import FRAME_PX, ROW_PX, RiskFigure, lie
from gridagora.report.risk_names import amount, capital, span
from gridagora.report.risk_tail_figure import tails
from gridagora.report.risk_view import RiskView
from gridagora.report.risk_words import metric_name
from gridagora.report.style import (
    colours,
    decimals,
    figure,
    label,
    number,
    translucent,
)


def risk_figures(view: RiskView) -> dict[str, RiskFigure]:
    """Return every figure that the assessment has numbers for, by name."""
    made = {"distributions": distributions(view)}
    made |= {
        f"tail_{metric.partition('.')[2]}": tails(view, metric) for metric in view.stakeholders()
    }
    made |= {"drivers": drivers(view), "draws": draws(view)}
    return {name: drawn for name, drawn in made.items() if drawn is not None}


def distributions(view: RiskView) -> RiskFigure | None:
    """Where the worlds of every design lie: middle half, nine tenths, all, and the mean."""
    means = view.means()
    if not means:
        return None
    tones = colours(list(means))
    fig = figure(FRAME_PX + ROW_PX * len(means), showlegend=False)
    places, rows = decimals(row.most for row in means.values()), []
    for name in means:
        held = view.values(name)
        low, q1, median, q3, high = np.quantile(held, [0.05, 0.25, 0.5, 0.75, 0.95])
        told = f"<b>{label(name)}</b><br>mean {number(means[name].mean, places)}, middle half {span(q1, q3, places)}"
        fig.add_box(
            y=[label(name)],
            q1=[q1],
            median=[median],
            q3=[q3],
            lowerfence=[low],
            upperfence=[high],
            orientation="h",
            fillcolor=translucent(tones[name], 0.35),
            line={"color": tones[name], "width": 1.8},
            hoverinfo="skip",
        )
        fig.add_scatter(
            x=[held.min(), means[name].mean, held.max()],
            y=[label(name)] * 3,
            mode="markers",
            marker={
                "symbol": ["line-ns-open", "diamond", "line-ns-open"],
                "size": [9, 9, 9],
                "color": tones[name],
                "line": {"width": 1.6, "color": tones[name]},
            },
            hovertemplate=f"{told}<extra></extra>",
        )
        figures = (held.min(), low, q1, median, means[name].mean, q3, high, held.max())
        rows.append([plain(name), *(number(float(each), places) for each in figures)])
    fig = lie(fig, f"{capital(metric_name(view))} [{view.unit or '–'}]")
    fig.update_layout(boxgap=0.45)
    best = next(iter(means))
    return RiskFigure(
        "distributions",
        "Where the worlds lie",
        "Box: the middle half of the worlds, line in it the median, whiskers the middle nine tenths, outer ticks the extremes, "
        "diamond the mean. Boxes overlap because worlds differ; whether designs differ is a matter of the table of pairs.",
        fig,
        f"Boxes of {metric_name(view)} over {len(view.sample.seeds)} worlds for {len(means)} designs. "
        f"{capital(plain(best))} comes first with a mean of {amount(means[best].mean, view.unit, places)}.",
        ("design", "least", "5 %", "25 %", "median", "mean", "75 %", "95 %", "most"),
        rows,
        wide=True,
    )
