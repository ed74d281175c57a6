"""Figures of homes and buses: bills, who gains, voltage, comfort, the map of the feeder."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gridagora.report.facts import ComparisonView, baseline, frame, of, present
from gridagora.report.first_seen import first_seen, show_first
from gridagora.report.panel import ACROSS
from gridagora.report.style import (
    FIRM,
    calm,
    colours,
    design_buttons,
    figure,
    first_shown,
    label,
    menu,
    translucent,
)
from gridagora.report.voltage_band import VoltageBand, band_of, volts

LOW_TO_HIGH = [
    [0.0, "#a6401b"],
    [0.25, "#e08a4f"],
    [0.5, "#b9bfc9"],
    [0.75, "#5a9bc9"],
    [1.0, "#12508a"],
]
MAP_MEASURES = {
    "v_min_pu": "Lowest of the run",
    "v_at_peak_pu": "At the highest load",
    "v_max_pu": "Highest of the run",
}


def bills(result: ComparisonView) -> go.Figure | None:
    """Distribution of the bill over homes, one shape a design."""
    return _violins(result, "bill_usd", "Bill of a home over the run, as printed [$]", "$%{y:,.2f}")


def comfort(result: ComparisonView) -> go.Figure | None:
    """Distribution of discomfort over homes, one shape a design."""
    return _violins(result, "discomfort_k_h", "Discomfort of a home [K h]", "%{y:,.1f} K h")


def _violins(result: ComparisonView, column: str, axis: str, hover: str) -> go.Figure | None:
    table = frame(result, "homes", column)
    if table is None:
        return None
    names = present(result, table)
    tones = colours(names)
    fig = figure(420, showlegend=False, violingap=0.25)
    for name in names:
        fig.add_violin(
            y=of(table, name)[column].to_numpy(np.float32),
            name=label(name),
            line={"color": tones[name], "width": 1.4},
            fillcolor=translucent(tones[name], 0.28),
            box={"visible": True, "width": 0.16, "fillcolor": translucent(tones[name], 0.55)},
            meanline={"visible": True},
            points=False,
            spanmode="hard",
            hoveron="violins+points",
            scalemode="width",
            hovertemplate=hover,
        )
    fig.update_layout(yaxis={"title": axis})
    return calm(fig)


def bill_change(result: ComparisonView) -> go.Figure | None:
    """Share of homes whose balanced bill falls or rises by how much against the reference design."""
    table = frame(result, "homes", "balanced_bill_usd", "home_id")
    reference = baseline(result)
    names = (
        () if table is None else tuple(name for name in present(result, table) if name != reference)
    )
    if table is None or not names or reference not in present(result, table):
        return None
    tones = colours((reference, *names))
    fig = figure(420, hovermode="closest")
    for name in names:
        delta = np.sort(bill_delta_usd(table, name, reference))
        share = 100 * np.arange(1, delta.size + 1) / delta.size
        fig.add_scatter(
            x=delta.astype(np.float32),
            y=share.astype(np.float32),
            mode="lines",
            name=label(name),
            legendgroup=name,
            line={"color": tones[name], "width": 2.4, "shape": "hv"},
            meta=ACROSS,
            hovertemplate="%{y:.0f} % of homes change by at most $%{x:,.2f}",
        )
    fig.add_shape(
        type="line",
        x0=0,
        x1=0,
        yref="paper",
        y0=0,
        y1=1,
        line={"color": FIRM, "width": 1.2, "dash": "dot"},
    )
    for text, anchor, x in (("pays less", "right", -6), ("pays more", "left", 6)):
        fig.add_annotation(
            text=text,
            x=0,
            xshift=x,
            yref="paper",
            y=0.02,
            xanchor=anchor,
            yanchor="bottom",
            showarrow=False,
            font={"size": 11},
            opacity=0.75,
        )
    fig.update_layout(
        xaxis={"title": f"Change of the balanced bill against {label(reference).lower()} [$]"},
        yaxis={"title": "Homes [%]", "range": [0, 101]},
    )
    return calm(show_first(fig, first_seen(result, names), reference))


def bill_delta_usd(table: pd.DataFrame, name: str, reference: str) -> np.ndarray:
    """Return the change of each home's balanced bill against the reference design, shape (n,) of the homes in both [$]."""
    bill = (
        of(table, name).set_index("home_id")["balanced_bill_usd"]
        - of(table, reference).set_index("home_id")["balanced_bill_usd"]
    )
    return bill.dropna().to_numpy(float)


def voltage(result: ComparisonView) -> go.Figure | None:
    """Distribution over homes of the lowest and the highest voltage, against the limits they are held to."""
    table = frame(result, "homes", "v_min_pu", "v_max_pu")
    if table is None:
        return None
    names, band = present(result, table), band_of(table)
    tones = colours(names)
    fig = figure(440, violinmode="overlay", violingap=0.3)
    for side, column, text in (
        ("negative", "v_min_pu", "lowest"),
        ("positive", "v_max_pu", "highest"),
    ):
        for name in names:
            fig.add_violin(
                x=[label(name)] * len(of(table, name)),
                y=volts(of(table, name), column).astype(np.float32),
                side=side,
                showlegend=False,
                line={"color": tones[name], "width": 1.3},
                fillcolor=translucent(tones[name], 0.55 if side == "negative" else 0.2),
                points=False,
                spanmode="hard",
                scalemode="width",
                hoveron="violins",
                hovertemplate=f"{text}: %{{y:.1f}} V<extra>{label(name)}</extra>",
            )
    low = min(np.nanmin(volts(table, "v_min_pu")), band.seen_v[0]) - 1.0
    high = max(np.nanmax(volts(table, "v_max_pu")), band.seen_v[1]) + 1.0
    draw_band(fig, band, low, high)
    axis = {"type": "category", "range": [-0.55, len(names) - 0.45]}
    fig.update_layout(xaxis=axis, yaxis={"title": band.axis, "range": [low, high]})
    return calm(fig)


def draw_band(fig: go.Figure, band: VoltageBand, low: float, high: float) -> None:
    """Draw the limits of voltage beneath a figure whose axis goes from low to high [V]."""
    wash: dict[str, Any] = {
        "type": "rect",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": "y",
        "layer": "below",
        "line": {"width": 0},
    }
    fig.add_shape(y0=band.inner_v[0], y1=band.inner_v[1], fillcolor="rgba(0,158,115,0.09)", **wash)
    for edge, limit in (
        (band.inner_v[0], max(band.outer_v[0], low)),
        (band.inner_v[1], min(band.outer_v[1], high)),
    ):
        if edge == limit:
            continue
        fig.add_shape(y0=edge, y1=limit, fillcolor="rgba(230,159,0,0.13)", **wash)
    small: dict[str, Any] = {"font": {"size": 10.5}, "opacity": 0.8}
    for text, y in band.marks:
        if low < y < high:
            side = "top" if y > band.base_v else "bottom"
            fig.add_annotation(
                text=f"{text} {y:g} V",
                xref="paper",
                x=0.997,
                xanchor="right",
                y=y,
                yanchor=side,
                showarrow=False,
                **small,
            )


def feeder(result: ComparisonView) -> go.Figure | None:
    """Map of the feeder: buses coloured by voltage for one design at a time, lines beneath."""
    table = frame(result, "buses", "bus", "x", "y", "v_min_pu")
    if table is None:
        return None
    table = table[np.isfinite(table["x"]) & np.isfinite(table["y"])]
    names = present(result, table)
    measures = {
        name: text
        for name, text in MAP_MEASURES.items()
        if name in table and table[name].notna().any()
    }
    held = homes_at(result)
    x, y, height = view_of(table, held)
    fig = figure(
        height, showlegend=False, margin={"l": 8, "r": 8, "t": 52, "b": 8}, hovermode="closest"
    )
    _draw_lines(fig, result)
    under, start = len(fig.data), first_shown(names)
    spread = max(0.05, float(np.nanmax(np.abs(table[list(measures)].to_numpy(float) - 1.0))))
    for place, name in enumerate(names):
        _draw_buses(fig, name, of(table, name), measures, held, spread, visible=place == start)
    tops = list(range(under, len(fig.data)))
    by_design = design_buttons(names, range(len(names)), under)
    by_measure = [
        {
            "label": text,
            "method": "restyle",
            "args": [{"marker.color": [_rounded(of(table, name)[column]) for name in names]}, tops],
        }
        for column, text in measures.items()
    ]
    left = {"x": 0.0, "xanchor": "left", "y": 1.02, "pad": {"b": 0}}
    fig.update_layout(
        updatemenus=[
            menu("Design", by_design, active=start, **left),
            menu("Voltage", by_measure, y=1.02, pad={"b": 0}),
        ]
    )
    fig.update_xaxes(visible=False, range=x)
    fig.update_yaxes(visible=False, range=y, scaleanchor="x", scaleratio=1)
    return fig


def view_of(table: pd.DataFrame, held: pd.Series) -> tuple[list[float], list[float], int]:
    """Return the ranges of x and y that show the homes (a substation far off would shrink them), and a fitting height [px]."""
    homes = table[table["bus"].isin(held.index)]
    seen = homes if len(homes) > 1 and np.ptp(homes["x"]) > 0 and np.ptp(homes["y"]) > 0 else table
    margin = 0.06 * max(float(np.ptp(seen["x"])), float(np.ptp(seen["y"])), 1e-9)
    x, y = (
        [float(seen[axis].min()) - margin, float(seen[axis].max()) + margin] for axis in ("x", "y")
    )
    return x, y, int(np.clip(960 * (y[1] - y[0]) / (x[1] - x[0]) + 60, 380, 760))


def _rounded(values: pd.Series) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 5) for value in values.to_numpy(float)]


def homes_at(result: ComparisonView) -> pd.Series:
    """Return how many homes stand at each bus that has any, by its name."""
    table = frame(result, "homes", "bus", "home_id")
    return (
        pd.Series(dtype=int)
        if table is None
        else table.drop_duplicates(["bus", "home_id"]).groupby("bus").size()
    )


def _draw_lines(fig: go.Figure, result: ComparisonView) -> None:
    lines = frame(result, "lines", "x0", "y0", "x1", "y1")
    if lines is None:
        return
    lines = lines.dropna(subset=["x0", "y0", "x1", "y1"])
    kind = lines["kind"] if "kind" in lines else pd.Series("line", index=lines.index)
    for name, width, tone in (
        ("line", 1.3, "rgba(128,136,150,0.55)"),
        ("transformer", 2.2, "rgba(150,120,90,0.75)"),
    ):
        some = lines[kind == name]
        if some.empty:
            continue
        gap = np.full(len(some), np.nan)
        x = np.column_stack([some["x0"], some["x1"], gap]).ravel()
        y = np.column_stack([some["y0"], some["y1"], gap]).ravel()
        fig.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": tone, "width": width},
            hoverinfo="skip",
            name=name,
        )


def _draw_buses(
    fig: go.Figure,
    name: str,
    rows: pd.DataFrame,
    measures: dict[str, str],
    held: pd.Series,
    spread: float,
    *,
    visible: bool,
) -> None:
    count = rows["bus"].map(held).fillna(0).astype(int).tolist()
    columns = [
        rows[column].to_numpy(float) if column in measures else np.full(len(rows), np.nan)
        for column in MAP_MEASURES
    ]
    text = [
        f"<b>{escape(str(bus))}</b>{' · homes: ' + str(homes) if homes else ''}<br>"
        f"lowest {low:.4f} pu<br>at the highest load {peak:.4f} pu<br>highest {high:.4f} pu"
        for bus, homes, low, peak, high in zip(rows["bus"], count, *columns, strict=True)
    ]
    fig.add_scatter(
        x=rows["x"].to_numpy(float),
        y=rows["y"].to_numpy(float),
        mode="markers",
        visible=visible,
        text=text,
        hovertemplate="%{text}<extra></extra>",
        name=label(name),
        marker={
            "color": _rounded(rows["v_min_pu"]),
            "size": [8 if homes else 4 for homes in count],
            "colorscale": LOW_TO_HIGH,
            "cmin": 1 - spread,
            "cmax": 1 + spread,
            "opacity": 1.0,
            "line": {"width": 0.6, "color": "rgba(60,66,78,0.6)"},
            "colorbar": {
                "title": {"text": "pu", "side": "right"},
                "thickness": 12,
                "len": 0.75,
                "outlinewidth": 0,
                "tickformat": ".2f",
                "x": 1.0,
            },
        },
    )
