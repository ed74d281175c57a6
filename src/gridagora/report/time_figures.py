"""Figures over time: load and price, the average day, comfort through the day, what the load is made of."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gridagora.report.facts import (
    ComparisonView,
    baseline,
    frame,
    local_time,
    of,
    present,
    step_s,
    zone,
)
from gridagora.report.first_seen import first_seen, show_first
from gridagora.report.style import (
    LIMIT,
    MENU_TOP_PX,
    WHOLESALE,
    DeviceColumn,
    below,
    calm,
    colours,
    design_buttons,
    device_columns,
    figure,
    first_shown,
    label,
    menu,
    translucent,
)

POINTS = 2300  # a week of five-minute intervals passes whole; longer runs are shown as means of several intervals
SLOT_MIN = 15  # resolution of the average day and of the stacked load
ONE_LINE = 6  # designs whose names stand in one line beside the menu
SPIKE = 6.0  # a price above this multiple of the 98th percentile would flatten everything else: the axis is cut


def load(result: ComparisonView) -> go.Figure | None:
    """Load of the feeder and price seen by homes, every design, with the limit and the wholesale price."""
    table = frame(result, "intervals", "start_s", "load_kw")
    if table is None:
        return None
    names = present(result, table)
    tones = colours(names)
    fig = figure(600, hovermode="x unified")
    for name in names:
        rows = thinned(of(table, name), ("load_kw", "price_per_kwh"))
        time = time_axis(rows, result)
        line: dict[str, Any] = {"color": tones[name], "width": 1.5}
        common: dict[str, Any] = {"mode": "lines", "name": label(name), "legendgroup": name, **time}
        fig.add_scatter(
            y=column(rows, "load_kw"), line=line, hovertemplate="%{y:,.0f} kW", **common
        )
        if "price_per_kwh" in rows:
            price_line = {"color": tones[name], "width": 1.3, "shape": "hv"}
            fig.add_scatter(
                y=column(rows, "price_per_kwh"),
                line=price_line,
                yaxis="y2",
                showlegend=False,
                hovertemplate="%{y:.3f} $/kWh",
                **common,
            )
    _add_wholesale(fig, result, of(table, names[0]))
    _add_limit(fig, table)
    fig.update_layout(
        xaxis={
            "type": "date",
            "anchor": "y2",
            "domain": [0, 1],
            "hoverformat": "%a %d %b, %H:%M",
            "tickformatstops": TICKS,
        },
        yaxis={"title": "Load at the substation [kW]", "domain": [0.36, 1.0]},
        yaxis2={"title": "Price [$/kWh]", "domain": [0.0, 0.29], "range": price_range(table)},
        updatemenus=[menu("Days", _day_buttons(result, table))],
        margin={"t": MENU_TOP_PX},
    )
    if len(names) > ONE_LINE:
        fig.update_layout(legend=below())
    return calm(show_first(fig, first_seen(result, names), baseline(result)))


def average_day(result: ComparisonView) -> go.Figure | None:
    """Load through the day: the mean over the days of the run, or the highest."""
    table = frame(result, "intervals", "start_s", "load_kw")
    if table is None:
        return None
    names = present(result, table)
    tones = colours(names)
    fig = figure(500, hovermode="x unified")
    days = {
        kind: [by_time_of_day(of(table, name), result, "load_kw", kind) for name in names]
        for kind in ("mean", "max")
    }
    for name, day in zip(names, days["mean"], strict=True):
        fig.add_scatter(
            x=day.index.to_numpy(),
            y=day.to_numpy(np.float32),
            mode="lines",
            name=label(name),
            legendgroup=name,
            line={"color": tones[name], "width": 2.4},
            hovertemplate="%{y:,.0f} kW",
        )
    _add_limit(fig, table)
    buttons = [
        {
            "label": text,
            "method": "restyle",
            "args": [{"y": [day.round(2).tolist() for day in days[kind]]}, list(range(len(names)))],
        }
        for text, kind in (("Mean of the days", "mean"), ("Highest of the days", "max"))
    ]
    fig.update_layout(
        xaxis=_clock_axis(),
        yaxis={"title": "Load [kW]"},
        updatemenus=[menu("Day", buttons, pad={"b": 8})],
        margin={"t": 46},
        legend=below(),
    )
    return calm(show_first(fig, first_seen(result, names), baseline(result)))


def temperature(result: ComparisonView) -> go.Figure | None:
    """Mean departure of indoor temperature from the wish of the household, through the day."""
    table = frame(result, "intervals", "start_s", "comfort_dev_k")
    if table is None:
        return None
    names = present(result, table)
    tones = colours(names)
    fig = figure(420, hovermode="x unified")
    for name in names:
        day = by_time_of_day(of(table, name), result, "comfort_dev_k", "mean")
        line = {"color": tones[name], "width": 2.4}
        fig.add_scatter(
            x=day.index.to_numpy(),
            y=day.to_numpy(np.float32),
            mode="lines",
            name=label(name),
            legendgroup=name,
            line=line,
            hovertemplate="%{y:.2f} K",
        )
    fig.update_layout(
        xaxis=_clock_axis(),
        yaxis={"title": "Mean departure from the wish [K]", "rangemode": "tozero"},
        legend=below(),
        margin={"t": 16},
    )
    return calm(show_first(fig, first_seen(result, names), baseline(result)))


def devices(result: ComparisonView) -> go.Figure | None:
    """Load stacked by kind of device, one design at a time, with the net load drawn on top."""
    table = frame(result, "intervals", "start_s", "load_kw")
    drawn = [] if table is None else device_columns([str(name) for name in table.columns])
    kinds = [each for each in drawn if table is not None and table[each.column].abs().gt(0).any()]
    if table is None or not kinds:
        return None
    names = present(result, table)
    start = first_shown(names)
    fig, owner = figure(500, hovermode="x unified"), []
    for place, name in enumerate(names):
        rows = in_slots(of(table, name))
        time = time_axis(rows, result)
        for kind in kinds:
            for group, values in _signed(kind, rows[kind.column].to_numpy(np.float32)):
                fig.add_scatter(
                    y=values,
                    mode="lines",
                    line={"width": 0},
                    stackgroup=f"{group}{place}",
                    fillcolor=translucent(kind.colour, 0.85),
                    name=kind.label,
                    legendgroup=kind.column,
                    showlegend=group == "above" or kind.is_generation,
                    visible=place == start,
                    hovertemplate="%{y:,.0f} kW",
                    **time,
                )
                owner.append(place)
        net: dict[str, Any] = {
            "mode": "lines",
            "line": {"color": "#4a5160", "width": 1.4},
            "name": "Net load",
            "meta": "ink",
        }
        fig.add_scatter(
            y=column(rows, "load_kw"),
            visible=place == start,
            hovertemplate="%{y:,.0f} kW",
            **net,
            **time,
        )
        owner.append(place)
    fig.update_layout(
        xaxis={"type": "date", "tickformatstops": TICKS, "hoverformat": "%a %d %b, %H:%M"},
        yaxis={"title": "Power [kW]"},
        updatemenus=[menu("Design", design_buttons(names, owner), active=start, pad={"b": 8})],
        margin={"t": 46},
        legend=below(),
    )
    return calm(fig)


TICKS = [
    {"dtickrange": [None, 43_200_000], "value": "%H:%M\n%a %d"},
    {"dtickrange": [43_200_000, None], "value": "%a %d\n%b"},
]


def thinned(rows: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return time and the columns that exist, as means of as many intervals as it takes to stay below `POINTS` rows."""
    held = rows[["start_s", *(name for name in columns if name in rows)]]
    block = -(-len(held) // POINTS)
    return held if block <= 1 else held.groupby(np.arange(len(held)) // block).mean()


def in_slots(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the numeric columns as means of a quarter of an hour, longer where the run is long."""
    numeric = rows.select_dtypes("number")
    block = max(round(SLOT_MIN * 60 / step_s(rows)), -(-len(rows) // 1000), 1)
    first = numeric["start_s"].iloc[::block].to_numpy()
    means = numeric.groupby(np.arange(len(numeric)) // block).mean()
    return means.assign(start_s=first)


def time_axis(rows: pd.DataFrame, result: ComparisonView) -> dict[str, Any]:
    """Return the local times of rows as Plotly arguments: a start and a step where they are even, else one time a row."""
    times = local_time(rows["start_s"].round(), zone(result)[0])
    gaps = np.diff(times.to_numpy().astype("datetime64[ms]").astype(np.int64))
    if gaps.size and np.all(gaps == gaps[0]):
        return {"x0": times[0].isoformat(sep=" "), "dx": int(gaps[0])}
    return {"x": times.strftime("%Y-%m-%d %H:%M").tolist()}


def column(rows: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column (t,) [unit of its name] in single precision: enough for a drawing, half the bytes."""
    return rows[name].to_numpy(np.float32)


def by_time_of_day(rows: pd.DataFrame, result: ComparisonView, name: str, kind: str) -> pd.Series:
    """Return the mean or the highest value at each local time of day; the index counts hours."""
    times = local_time(rows["start_s"], zone(result)[0])
    slot = (times.hour * 60 + times.minute) // SLOT_MIN
    return rows[name].groupby(slot.to_numpy() * SLOT_MIN / 60).agg(kind)


def price_range(table: pd.DataFrame) -> list[float] | None:
    """Return a range that shows ordinary prices where a few spikes would flatten them, else None (Plotly decides)."""
    held = [table[name] for name in ("price_per_kwh", "wholesale_per_kwh") if name in table]
    values = pd.concat(held).dropna() if held else pd.Series(dtype=float)
    if values.empty:
        return None
    usual = float(values.quantile(0.98))
    if usual <= 0 or values.max() <= SPIKE * usual:
        return None
    return [min(0.0, float(values.min())) - 0.1 * usual, 2.0 * usual]


def _signed(kind: DeviceColumn, values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    if kind.is_generation:
        return [("below", -np.abs(values))]
    if (values < 0).any():
        return [("above", np.maximum(values, 0)), ("below", np.minimum(values, 0))]
    return [("above", values)]


def _clock_axis() -> dict[str, Any]:
    hours = list(range(0, 25, 3))
    return {
        "title": "Hour of the day",
        "tickvals": hours,
        "ticktext": [f"{hour:02d}:00" for hour in hours],
        "range": [0, 23.9],
        "hoverformat": ".2f",
    }


def _add_wholesale(fig: go.Figure, result: ComparisonView, rows: pd.DataFrame) -> None:
    if "wholesale_per_kwh" not in rows or rows["wholesale_per_kwh"].isna().all():
        return
    held = thinned(rows, ("wholesale_per_kwh",))
    line = {"color": WHOLESALE, "width": 1.2, "dash": "dot", "shape": "hv"}
    fig.add_scatter(
        y=column(held, "wholesale_per_kwh"),
        mode="lines",
        name="Wholesale price",
        line=line,
        yaxis="y2",
        hovertemplate="%{y:.3f} $/kWh",
        **time_axis(held, result),
    )


def _add_limit(fig: go.Figure, table: pd.DataFrame) -> None:
    if "limit_kw" not in table or table["limit_kw"].isna().all():
        return
    limit_kw = float(table["limit_kw"].min())
    fig.add_shape(
        type="line",
        xref="paper",
        x0=0,
        x1=1,
        yref="y",
        y0=limit_kw,
        y1=limit_kw,
        line={"color": LIMIT, "width": 1.4, "dash": "dash"},
    )
    fig.add_annotation(
        text=f"limit {limit_kw:,.0f} kW",
        xref="paper",
        x=0.004,
        y=limit_kw,
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        font={"size": 12},
    )


def _day_buttons(result: ComparisonView, table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = of(table, baseline(result))
    times = local_time(rows["start_s"], zone(result)[0])
    buttons: list[dict[str, Any]] = [
        {"label": "Whole run", "method": "relayout", "args": [{"xaxis.autorange": True}]}
    ]
    days = times.normalize().unique()
    highest = times[int(np.nanargmax(rows["load_kw"].to_numpy()))].normalize()
    for day in days if len(days) <= 31 else ():
        end = day + pd.Timedelta(days=1)
        text = day.strftime("%a %d %b") + (" (highest load)" if day == highest else "")
        span = [day.isoformat(sep=" "), end.isoformat(sep=" ")]
        buttons.append(
            {
                "label": text,
                "method": "relayout",
                "args": [{"xaxis.range": span, "xaxis.autorange": False}],
            }
        )
    return buttons
