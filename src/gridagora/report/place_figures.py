"""Prices by layer: what the limit of each place adds to the price, and how near its load comes to that limit."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gridagora.report.facts import ComparisonView, frame, of, present
from gridagora.report.rows import Row, rows_of
from gridagora.report.style import FIRM, LAYER_COLOURS, LAYER_LABELS, LIMIT, calm, figure

LISTED = 120  # places that fit side by side
NAMED = 24  # places whose names fit under the axis
CENTS = 100.0
LEVELS = tuple(LAYER_LABELS)  # widest first
COLUMNS = ("place", "level", "parent", "added_mean_per_kwh", "bound_h", "bound_export_h", "peak_kw")


def with_own_price(result: ComparisonView) -> pd.DataFrame | None:
    """Return the places of the layered design, from the substation down, or None where no place can differ from another."""
    table = frame(result, "places", *COLUMNS)
    names = () if table is None else present(result, table)
    if table is None or not names:
        return None
    rows = of(table, "layered" if "layered" in names else names[0]).reset_index(drop=True)
    below = rows["parent"] != ""
    limited = "limit_kw" in rows and bool(rows.loc[below, "limit_kw"].notna().any())
    differs = bool((rows.loc[below, ["bound_h", "bound_export_h"]] > 0).any(axis=None))
    return _in_order(rows) if limited or differs else None


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the places level by level, the dearest of a level first, with what each level above adds to the price of each."""
    parent = dict(zip(rows["place"], rows["parent"], strict=True))
    level = dict(zip(rows["place"], rows["level"], strict=True))
    own = dict(zip(rows["place"], CENTS * rows["added_mean_per_kwh"], strict=True))
    added = {name: np.zeros(len(rows)) for name in LEVELS}
    for row, place in enumerate(rows["place"]):
        at = place
        while at in parent:
            added.setdefault(level[at], np.zeros(len(rows)))[row] += own[at]
            at = parent[at]
    rows = rows.assign(
        **{f"from_{name}": values for name, values in added.items()}, all_ct=sum(added.values())
    )
    rank = rows["level"].map({name: at for at, name in enumerate(LEVELS)}).fillna(len(LEVELS))
    return (
        rows.assign(rank=rank)
        .sort_values(["rank", "all_ct"], ascending=[True, False], kind="stable")
        .reset_index(drop=True)
    )


def places(result: ComparisonView) -> go.Figure | None:
    """What limits add to the mean price of each place, by layer, above how much of its limit the place used at its peak."""
    table = with_own_price(result)
    if table is None:
        return None
    dear = (
        table
        if len(table) <= LISTED
        else table.loc[np.sort(np.argsort(-table["all_ct"].to_numpy(), kind="stable")[:LISTED])]
    )
    rows = dear.reset_index(drop=True)
    parts = [name for name in LEVELS if rows[f"from_{name}"].abs().max() > 0]
    loaded = "limit_kw" in rows and bool(rows["limit_kw"].notna().any())
    fig = figure(
        460 if parts and loaded else 280, barmode="relative", bargap=0.25, hovermode="closest"
    )
    at = np.arange(len(rows))
    for name in parts:
        fig.add_bar(
            x=at,
            y=rows[f"from_{name}"].to_numpy(np.float32),
            name=f"{LAYER_LABELS[name]} limit",
            marker={"color": LAYER_COLOURS[name]},
            text=[_describe(row) for row in rows_of(rows)],
            textposition="none",
            hovertemplate=f"%{{text}}<extra>{LAYER_LABELS[name]} limit: %{{y:.3f}} ct/kWh</extra>",
        )
    fig.update_layout(xaxis=_axis(rows), yaxis={"title": "Added [ct/kWh]"})
    if loaded:
        _loads(fig, rows, "y2" if parts else "y")
    if parts and loaded:
        fig.update_layout(
            yaxis={"domain": [0.48, 1.0]},
            yaxis2={
                "title": "Peak / limit [%]",
                "domain": [0.0, 0.4],
                "anchor": "x",
                "rangemode": "tozero",
            },
            xaxis={"anchor": "y2"},
        )
    elif loaded:
        fig.update_layout(yaxis={"title": "Peak / limit [%]", "rangemode": "tozero"})
    return calm(fig)


def _loads(fig: go.Figure, rows: pd.DataFrame, axis: str) -> None:
    share = 100 * rows["peak_kw"] / rows["limit_kw"]
    fig.add_bar(
        x=np.arange(len(rows)),
        y=share.to_numpy(np.float32),
        yaxis=axis,
        name="Highest load",
        showlegend=False,
        marker={"color": "#8b929c"},
        text=[_describe(row) for row in rows_of(rows)],
        textposition="none",
        hovertemplate="%{text}<extra>%{y:.0f} % of the limit</extra>",
    )
    line: dict[str, Any] = {"color": LIMIT, "width": 1.4, "dash": "dash"}
    fig.add_shape(type="line", xref="paper", x0=0, x1=1, yref=axis, y0=100, y1=100, line=line)


def spoken(row: Row) -> str:
    """Return the name of a place, or of its level where that is all a reader needs: there is one substation."""
    return LAYER_LABELS["feeder"] if row.level == "feeder" else str(row.place)


def _describe(row: Row) -> str:
    limit = getattr(row, "limit_kw", float("nan"))
    side = f" of {limit:,.0f}" if np.isfinite(limit) else ""
    hours = f"limit bound {row.bound_h:,.1f} h" + (
        f", for export {row.bound_export_h:,.1f} h" if row.bound_export_h else ""
    )
    above = f" · {escape(str(row.parent))}" if row.parent else ""
    return f"<b>{escape(str(row.place))}</b>{above}<br>{hours}<br>peak {row.peak_kw:,.0f}{side} kW"


def _axis(rows: pd.DataFrame) -> dict[str, Any]:
    """Return an axis that names every place where they fit, else each level in the middle of its places."""
    common = {"range": [-0.6, len(rows) - 0.4], "gridcolor": FIRM}
    if len(rows) <= NAMED:
        return {
            "tickvals": list(range(len(rows))),
            "ticktext": [escape(spoken(row)) for row in rows_of(rows)],
            **common,
        }
    groups = rows.groupby("level", sort=False).indices
    middle = [float(np.mean(where)) for where in groups.values()]
    words = [
        f"{LAYER_LABELS.get(str(name), str(name))}{'s' if len(where) > 1 else ''}"
        for name, where in groups.items()
    ]
    return {"tickvals": middle, "ticktext": words, **common}
