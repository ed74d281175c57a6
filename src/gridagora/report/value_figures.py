"""Figures of value: captured share of the certified bound, cost by item, information exchanged."""

from html import escape

import numpy as np
import plotly.graph_objects as go

from gridagora.report.facts import (
    BASELINE,
    ComparisonView,
    baseline,
    bound_usd,
    designs,
    frame,
    metric_value,
    metrics,
    present,
)
from gridagora.report.style import (
    FIRM,
    LIMIT,
    QUIET,
    SPARE_COLOURS,
    below,
    calm,
    colours,
    cost_items,
    cost_label,
    decimals,
    figure,
    label,
    menu,
    number,
)

INSIDE = 0.16  # of the axis: a longer bar has room for its own figure


def captured_share(result: ComparisonView, design: str) -> float:
    """Return the captured value of a design (metric E2), computed from welfare and the bound where it is not reported."""
    share = metric_value(result, design, "E2")
    if np.isfinite(share):
        return share
    flat, own, bound = (
        metric_value(result, baseline(result), "E1"),
        metric_value(result, design, "E1"),
        bound_usd(result),
    )
    return (own - flat) / (bound - flat) if np.isfinite(bound) and bound > flat else float("nan")


def captured_value(result: ComparisonView) -> go.Figure | None:
    """Share of the attainable value that each design captures, against the certified bound."""
    names = tuple(name for name in designs(result) if np.isfinite(captured_share(result, name)))
    if not names:
        return None
    tones = colours(designs(result))
    share = np.array([100 * captured_share(result, name) for name in names])
    welfare = [metric_value(result, name, "E1") for name in names]
    low, high = min(0.0, float(share.min())), max(100.0, float(share.max()))
    fig = figure(max(460, 120 + 52 * len(names)), showlegend=False, bargap=0.5)
    inside = np.abs(share) > INSIDE * (high - low)
    crossed = (
        ~inside & (share < 100) & (100 - share < INSIDE * (high - low))
    )  # the bound would run through the figure
    told = [f"{number(value, 0)} %" for value in share]
    for name, text, aside in zip(names, told, crossed, strict=True):
        if aside:
            fig.add_annotation(
                text=text, x=100, xshift=5, y=label(name), xanchor="left", showarrow=False
            )
    fig.add_bar(
        y=[label(name) for name in names],
        x=share,
        orientation="h",
        marker={"color": [tones[name] for name in names]},
        text=told,
        textposition=[
            "inside" if within else "none" if aside else "outside"
            for within, aside in zip(inside, crossed, strict=True)
        ],
        textangle=0,
        insidetextanchor="end",
        cliponaxis=False,
        customdata=[_money(value) for value in welfare],
        hovertemplate="%{y}: %{x:.1f} % of the attainable value<br>welfare %{customdata}<extra></extra>",
    )
    fig.add_shape(
        type="line",
        x0=100,
        x1=100,
        yref="paper",
        y0=0,
        y1=1,
        line={"color": LIMIT, "width": 1.6, "dash": "dash"},
    )
    bound = bound_usd(result)
    text = "certified bound" + (f" ({_money(bound)})" if np.isfinite(bound) else "")
    fig.add_annotation(
        text=text,
        x=100,
        xanchor="right",
        yref="paper",
        y=1.0,
        yanchor="bottom",
        showarrow=False,
        font={"size": 12},
    )
    room = 0.14 * (high - low)
    span = [low - room if low < 0 else -0.02 * high, high + room]
    fig.update_layout(
        xaxis={
            "title": f"Captured value, {label(BASELINE).lower()} = 0 %",
            "range": span,
            "ticksuffix": " %",
        },
        yaxis={"autorange": "reversed"},
    )
    fig = calm(fig)
    fig.update_yaxes(showgrid=False)
    fig.update_xaxes(showgrid=True, gridcolor=QUIET, zeroline=True, zerolinecolor=FIRM)
    return fig


def _money(value: float) -> str:
    return f"{'−' if value < 0 else ''}${number(abs(value), 0)}"


def costs(result: ComparisonView) -> go.Figure | None:
    """Resource cost of each design, stacked by item; or its difference from the reference."""
    table = frame(result, "costs", "item", "cost_usd")
    if table is None:
        return None
    names = present(result, table)
    wide = (
        table.pivot_table(
            index="item", columns="architecture", values="cost_usd", aggfunc="sum", sort=False
        )
        .reindex(columns=list(names))
        .fillna(0.0)
    )
    wide = wide[(wide.abs() > 0.005).any(axis=1)]
    reference = baseline(result)
    views = {"Total cost": wide}
    if reference in wide:
        views[f"Difference from {label(reference).lower()}"] = wide.sub(wide[reference], axis=0)
    fig = figure(460, barmode="relative", bargap=0.5, hovermode="x unified")
    text = [label(name) for name in names]
    named = {item: color for item, (_, color) in cost_items().items() if color}
    spare = [item for item in wide.index if item not in named]
    for place, view in enumerate(views.values()):
        for item, row in view.iterrows():
            tone = named.get(str(item)) or SPARE_COLOURS[spare.index(item) % len(SPARE_COLOURS)]
            fig.add_bar(
                x=text,
                y=row.to_numpy(float),
                name=escape(cost_label(str(item))),
                marker={"color": tone},
                visible=place == 0,
                hovertemplate="$%{y:,.2f}",
            )
        total, top = view.sum().to_numpy(float), view.clip(lower=0).sum().to_numpy(float)
        mark = {
            "symbol": "diamond",
            "size": 9,
            "color": "#454b57",
            "line": {"width": 1, "color": "#ffffff"},
        }
        fig.add_scatter(
            x=text,
            y=total,
            mode="markers",
            name="Sum",
            marker=mark,
            visible=place == 0,
            hovertemplate="$%{y:,.2f}",
        )
        told = [f"<b>{_money(value)}</b><br> " for value in total]
        fig.add_scatter(
            x=text,
            y=top,
            mode="text",
            text=told,
            textposition="top center",
            visible=place == 0,
            hoverinfo="skip",
            showlegend=False,
            cliponaxis=False,
        )
    size = len(wide) + 2
    buttons = [
        {
            "label": name,
            "method": "restyle",
            "args": [
                {"visible": [at // size == place for at in range(size * len(views))]},
                list(range(size * len(views))),
            ],
        }
        for place, name in enumerate(views)
    ]
    fig.update_layout(
        yaxis={"title": "Cost over the run [$]"},
        updatemenus=[menu("View", buttons, pad={"b": 14})],
        margin={"t": 54},
        legend=below(),
    )
    return calm(fig)


def information(result: ComparisonView) -> go.Figure | None:
    """What crosses between homes and market in each design: messages, bytes, rounds."""
    rows = [row for row in metrics(result) if row.metric_id.startswith(("I1", "I2"))]
    names = designs(result)
    values = {
        row.metric_id: np.array([metric_value(result, name, row.metric_id) for name in names])
        for row in rows
    }
    rows = [row for row in rows if np.isfinite(values[row.metric_id]).any()]
    if not rows:
        return None
    tones = colours(names)
    fig = figure(
        110 + 34 * len(names) * len(rows),
        showlegend=False,
        bargap=0.35,
        grid={"rows": len(rows), "columns": 1, "pattern": "independent", "ygap": 0.35},
    )
    for at, row in enumerate(rows, start=1):
        axis = "" if at == 1 else str(at)
        held = values[row.metric_id]
        fig.add_bar(
            x=held,
            y=[label(name) for name in names],
            orientation="h",
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
            marker={"color": [tones[name] for name in names]},
            text=[number(value, decimals(held)) for value in held],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:,.0f}<extra></extra>",
        )
        unit = f" [{row.unit}]" if row.unit not in {"", "#", "count"} else ""
        heading = row.name[:1].upper() + row.name[1:]
        fig.update_layout(
            {
                f"xaxis{axis}": {
                    "title": escape(f"{heading}{unit}"),
                    "range": [0, 1.18 * max(float(np.nanmax(held)), 1.0)],
                },
                f"yaxis{axis}": {"autorange": "reversed"},
            }
        )
    fig = calm(fig)
    fig.update_yaxes(showgrid=False)
    fig.update_xaxes(showgrid=True, gridcolor=QUIET)
    return fig
