"""The figures of a study: the front of loss against information, loss by dial, captured value by forecast, the waterfall."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gridagora.core.by_name import ByName
from gridagora.report.claims_figures import DRAWINGS as CLAIMS_DRAWINGS
from gridagora.report.facts import ComparisonView
from gridagora.report.rows import Row, rows_of
from gridagora.report.style import (
    DESIGN_COLOURS,
    FIRM,
    INK,
    LIMIT,
    QUIET,
    calm,
    figure,
    label,
    number,
    translucent,
)

DIALS: Mapping[str, str] = {
    "layers": "Layers between home and feeder",
    "blocks": "Blocks of a passed curve",
    "forecast": "Price forecast",
    "loss_share": "Messages lost",
    "delay": "Tenders late",
}
ORDER = {
    "layers": ("none", "transformers", "zones"),
    "forecast": ("perfect", "perfect_prices", "persistence"),
}
LAYER_MARKS = {"none": "circle", "transformers": "square", "zones": "diamond"}
LAYER_LEGEND = {"none": "no layers", "transformers": "transformers", "zones": "transformers, zones"}
LAYER_WORDS = {"none": "none", "transformers": "transformers", "zones": "transformers<br>and zones"}
CAUSE_COLOURS: Mapping[str, str] = {
    "captured": DESIGN_COLOURS["layered"],
    "price forecast": "#e69f00",
    "unknown draws": "#cc6677",
    "on/off units": "#6bb5dd",
    "substation limit": "#cf4436",
    "belief and bound": "#8b929c",
}
CAUSE_WORDS: Mapping[str, str] = {
    "captured": "Captured",
    "price forecast": "Price forecast",
    "unknown draws": "Unknown hot-water draws",
    "on/off units": "On/off units",
    "substation limit": "Keeping the limit",
    "belief and bound": "Belief, plan and bound",
}
SMALL_PX, FRONT_PX = 300, 430
ROOM = 0.16  # of the span, for the figures beside bars


def figures(result: ComparisonView) -> ByName[go.Figure]:
    """Return every figure that the study has numbers for: fronts, one a dial, noise, waterfall, one a claim."""
    drawn = {name: draw(result) for name, draw in EVERY_DRAWING.items()}
    made = {name: fig for name, fig in drawn.items() if fig is not None}
    return ByName(made, "figures", "a figure of this result")


def points(result: ComparisonView) -> pd.DataFrame | None:
    """Return the points of a sweep that ended in a figure, or None where there is no sweep."""
    table = result.tables.get("points")
    return None if table is None else table[table.lost_share.notna()]


def base_rows(table: pd.DataFrame) -> pd.Series:
    """Return which rows stand under the conditions of the base: those that turn nothing but choices."""
    return ~table.turned.str.contains("forecast|loss_share|delay")


def front_bytes(result: ComparisonView) -> go.Figure | None:
    """Welfare lost against kilobytes a home a day."""
    return _front(result, "bytes_home_day", "front_bytes", "Kilobytes a home a day", 1000.0)


def front_disclosed(result: ComparisonView) -> go.Figure | None:
    """Welfare lost against numbers that a home discloses."""
    return _front(
        result, "disclosed_home_day", "front_disclosed", "Numbers a home discloses a day", 1.0
    )


def _front(
    result: ComparisonView, cost: str, flag: str, title: str, unit: float
) -> go.Figure | None:
    table = points(result)
    if table is None or table.empty:
        return None
    top = ceiling(table)
    table = table.assign(
        x=table[cost] / unit,
        y=(100 * table.lost_share).clip(upper=top),
        beyond=100 * table.lost_share > top,
    )
    base = base_rows(table)
    fig = figure(FRONT_PX)
    layered = table[table.design == "layered"]
    cloud = layered[~base.loc[layered.index]]
    fig.add_scatter(
        **_dots(cloud, "other conditions", "circle", translucent(DESIGN_COLOURS["layered"], 0.3), 6)
    )
    line = table[base & table[flag].astype(bool)].sort_values(["x", "y"])
    fig.add_scatter(
        x=line.x,
        y=line.y,
        mode="lines",
        name="front",
        line={"color": FIRM, "width": 2, "shape": "hv"},
        hoverinfo="skip",
    )
    own = layered[base.loc[layered.index]]
    for name, rows in own.groupby("layers", sort=False):
        dots = _dots(
            rows, LAYER_LEGEND[str(name)], LAYER_MARKS[str(name)], DESIGN_COLOURS["layered"], 11
        )
        blocks = (
            [f"{k} blocks" if k else "" for k in rows.blocks] if cost == "bytes_home_day" else None
        )
        fig.add_scatter(
            **dots | {"mode": "markers+text"},
            text=blocks,
            textposition="top center",
            textfont={"size": 10},
        )
    for name in ("flat", "rtp", "central"):
        rows = table[(table.design == name) & base]
        if len(rows):
            fig.add_scatter(
                **_dots(rows, label(name), "circle", DESIGN_COLOURS[name], 13), showlegend=False
            )
            _tag(fig, rows.iloc[0], label(name), float(table.x.max()))
    low = min(0.0, float(table.y.min()))
    fig.update_layout(
        xaxis={
            "title": title,
            "range": [-0.03 * table.x.max(), 1.06 * table.x.max()],
            "separatethousands": True,
        },
        yaxis={
            "title": "Lost against the central market",
            "ticksuffix": " %",
            "range": [1.25 * low - 0.05 * top, 1.1 * top],
        },
        legend={"y": -0.22, "yanchor": "top"},
        margin={"b": 84},
    )
    return calm(fig)


def _dots(rows: pd.DataFrame, name: str, symbol: str, tone: str, size: int) -> dict[str, Any]:
    marks = np.where(rows.beyond, "triangle-up-open", symbol)
    marker = {
        "size": size,
        "symbol": marks,
        "color": tone,
        "line": {"width": np.where(rows.beyond, 1.6, 1), "color": tone},
    }
    told = {"customdata": _describe(rows), "hovertemplate": "%{customdata}<extra></extra>"}
    return {"x": rows.x, "y": rows.y, "mode": "markers", "name": name, "marker": marker, **told}


def _tag(fig: go.Figure, row: Row, name: str, widest: float) -> None:
    text = f"{name}, {number(100 * row.lost_share, 0)} %" if row.beyond else name
    left = row.x > 0.7 * widest
    side = {"xanchor": "right", "xshift": -10} if left else {"xanchor": "left", "xshift": 10}
    fig.add_annotation(
        x=row.x, y=row.y, text=text, showarrow=False, yshift=-14, font={"size": 12}, **side
    )


def ceiling(table: pd.DataFrame) -> float:
    """Return where the axis of losses ends [%]: a little above the flat rate, beyond which nothing is worth having."""
    flat = 100 * float(table.loc[table.design == "flat", "lost_share"].max())
    return 1.25 * max(flat, 1.0)


def _describe(rows: pd.DataFrame) -> list[str]:
    return [
        f"<b>{label(row.design)}</b>{_setting(row)}<br>captured {number(100 * row.captured_share, 1)} %, lost "
        f"{number(row.lost_usd, 2)} $<br>{number(row.bytes_home_day / 1000, 1)} kB and "
        f"{number(row.disclosed_home_day, 0)} numbers a home a day"
        for row in rows_of(rows)
    ]


def _setting(row: Row) -> str:
    if row.design != "layered":
        return f"<br>{escape(forecast_words(row.forecast, row.noise_per_kwh))}"
    blocks = "exact curves" if row.blocks == 0 else f"{row.blocks} blocks"
    links = (
        f", {100 * row.loss_share:g} % lost, {row.delay} late"
        if row.loss_share or row.delay
        else ""
    )
    return f"<br>layers: {row.layers}, {blocks}<br>{escape(forecast_words(row.forecast, row.noise_per_kwh))}{links}"


def forecast_words(name: str, noise: float) -> str:
    """Return a forecast in words: 'persistence, noise 2 ct'."""
    return name.replace("_", " ") + (f", noise {100 * noise:g} ct" if noise else "")


def dial(result: ComparisonView, name: str) -> go.Figure | None:
    """What turning one dial from the base costs, as a share of the attainable gain, against `central` on the same forecast."""
    table = points(result)
    if table is None:
        return None
    rows = table[(table.design == "layered") & table.turned.isin(["", name])]
    if len(rows) < 2:
        return None
    every = table[(table.design == "layered") & ~table.turned.str.contains(",")]
    keys = [_dial_key(row, name) for row in rows_of(rows)]
    order = np.argsort(np.array([key[0] for key in keys]), kind="stable")
    share, top = 100 * rows.lost_share.to_numpy()[order], ceiling(table)
    fig = figure(SMALL_PX, showlegend=False, bargap=0.4)
    fig.add_bar(
        x=[keys[at][1] for at in order],
        y=share.clip(max=top),
        meta=share.tolist(),
        marker={"color": [_tone(rows.turned.iloc[at]) for at in order]},
        text=[f"{number(value, 1)} %" for value in share],
        textposition="outside",
        cliponaxis=False,
        customdata=_describe(rows.iloc[order]),
        hovertemplate="%{customdata}<extra></extra>",
    )
    low, high = min(0.0, 100 * float(every.lost_share.min())), top
    room = ROOM * (high - low)
    flat = 100 * float(table.loc[table.design == "flat", "lost_share"].max())
    fig.add_hline(y=flat, line={"color": DESIGN_COLOURS["flat"], "width": 1.4, "dash": "dot"})
    fig.add_annotation(
        x=0,
        xref="paper",
        y=flat,
        yanchor="bottom",
        xanchor="left",
        text="flat rate",
        showarrow=False,
        font={"size": 11},
    )
    fig.update_layout(
        xaxis={"type": "category"},
        yaxis={
            "range": [low - (room if low < 0 else 0), high + room],
            "ticksuffix": " %",
            "title": "Lost against central",
        },
    )
    return calm(fig)


def _tone(turned: str) -> str:
    return DESIGN_COLOURS["layered"] if turned else translucent(DESIGN_COLOURS["layered"], 0.45)


def _dial_key(row: Row, name: str) -> tuple[float, str]:
    """Return the order and the words of a row on the axis of a dial."""
    if name == "forecast":
        noise = (
            f"+ {100 * row.noise_per_kwh:g} ct noise"
            if row.noise_per_kwh
            else row.forecast.replace("_", " ")
        )
        return ORDER["forecast"].index(row.forecast) + row.noise_per_kwh, noise
    if name == "layers":
        return float(ORDER["layers"].index(row.layers)), LAYER_WORDS[row.layers]
    if name == "blocks":
        return (-1.0, "exact") if row.blocks == 0 else (1.0 / row.blocks, str(row.blocks))
    if name == "loss_share":
        return row.loss_share, f"{100 * row.loss_share:g} %"
    return float(
        row.delay
    ), "none" if row.delay == 0 else f"{row.delay} interval{'s' * (row.delay > 1)}"


def noise(result: ComparisonView) -> go.Figure | None:
    """What noise in the forecast costs each design, against its own run without noise: asked for curves, or told a price."""
    table = points(result)
    if table is None:
        return None
    rows = table[table.turned.isin(["", "forecast"])]
    loud = sorted(rows.loc[rows.noise_per_kwh > 0, "noise_per_kwh"].unique())
    if not loud:
        return None
    fig = figure(SMALL_PX, barmode="group", bargap=0.3)
    for name in ("central", "layered", "rtp"):
        own = rows[
            (rows.design == name) & (rows.forecast == rows.forecast[rows.noise_per_kwh > 0].iloc[0])
        ]
        usd = own.drop_duplicates("noise_per_kwh").set_index("noise_per_kwh").welfare_usd
        lost = (usd.get(0.0, np.nan) - usd.reindex(loud)).to_numpy(float)
        fig.add_bar(
            x=[f"{100 * value:g} ct/kWh" for value in loud],
            y=lost,
            name=label(name),
            marker={"color": DESIGN_COLOURS[name]},
            text=[number(value, 0 if abs(value) >= 10 else 1) for value in lost],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y:,.2f} $",
        )
    fig.update_layout(
        xaxis={"type": "category"},
        yaxis={"title": "Lost to noise [$]"},
        hovermode="x unified",
        margin={"t": 46},
    )
    return calm(fig)


def waterfall(result: ComparisonView) -> go.Figure | None:
    """From what the design captures to the certified bound, one cause after the other."""
    table = result.tables.get("losses")
    if table is None or table.empty:
        return None
    share = 100 * table.share.to_numpy(dtype=float)
    start = np.concatenate([[0.0], np.cumsum(share)[:-1]])
    words = [CAUSE_WORDS.get(cause, str(cause)) for cause in table.cause]
    fig = figure(90 + 52 * len(table), showlegend=False, bargap=0.38)
    fig.add_bar(
        y=words,
        x=share,
        base=start,
        orientation="h",
        marker={"color": [CAUSE_COLOURS.get(cause, INK) for cause in table.cause]},
        customdata=[f"{number(value, 2)} $" for value in table.change_usd],
        hovertemplate="%{y}: %{x:.1f} % of the attainable gain, %{customdata}<extra></extra>",
    )
    ends = np.maximum(start, start + share)
    for at, word in enumerate(words):
        sign = "" if at == 0 or share[at] < 0 else "+"
        text = f"<b>{sign}{number(round(share[at], 1), 1)} %</b>  {number(round(float(table.change_usd.iloc[at]), 2), 2)} $"
        inside, left = at == 0 and share[at] > 40, ends[at] > 62
        spot = (
            ends[at] / 2 if inside else min(start[at], start[at] + share[at]) if left else ends[at]
        )
        font = {"size": 12, "color": "#ffffff"} if inside else {"size": 12}
        side = (
            {"xanchor": "center"}
            if inside
            else {"xanchor": "right" if left else "left", "xshift": -8 if left else 8}
        )
        fig.add_annotation(x=spot, y=word, text=text, showarrow=False, font=font, **side)
    fig.add_shape(
        type="line",
        x0=100,
        x1=100,
        yref="paper",
        y0=0,
        y1=1,
        line={"color": LIMIT, "width": 1.6, "dash": "dash"},
    )
    low, high = min(0.0, float(np.min([start, start + share]))), max(100.0, float(ends.max()))
    fig.update_layout(
        xaxis={
            "title": "Share of the attainable gain",
            "ticksuffix": " %",
            "range": [low - (4 if low < 0 else 0), high + 4],
        },
        yaxis={"autorange": "reversed"},
        margin={"t": 20},
    )
    fig = calm(fig)
    fig.update_yaxes(showgrid=False)
    fig.update_xaxes(showgrid=True, gridcolor=QUIET, zeroline=True, zerolinecolor=FIRM)
    return fig


def _dials() -> dict[str, Callable[[ComparisonView], go.Figure | None]]:
    return {f"dial_{name}": partial(dial, name=name) for name in DIALS}


DRAWINGS: Mapping[str, Callable[[ComparisonView], go.Figure | None]] = {
    "front_bytes": front_bytes,
    "front_disclosed": front_disclosed,
    **_dials(),
    "noise": noise,
    "losses": waterfall,
}
EVERY_DRAWING: Mapping[str, Callable[[ComparisonView], go.Figure | None]] = {
    **DRAWINGS,
    **CLAIMS_DRAWINGS,
}
NAMES: Sequence[str] = tuple(DRAWINGS)
