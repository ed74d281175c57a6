"""The envelope of voltages: lowest, median and highest home over time, and every bus by its distance from the source."""

from html import escape
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gridagora.report.facts import ComparisonView, baseline, frame, local_time, of, present, zone
from gridagora.report.home_figures import draw_band
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import (
    WHOLESALE,
    below,
    calm,
    colours,
    design_buttons,
    figure,
    first_shown,
    label,
    menu,
    number,
    translucent,
)
from gridagora.report.time_figures import TICKS, column, time_axis
from gridagora.report.voltage_band import VoltageBand, band_of, base_of

SLOTS = 600  # of a drawing: longer runs are shown by some intervals at a time
STRETCHES = 200  # of the way from the source: longer feeders are shown by the extreme buses of each
PLACES = 1  # decimals of a volt
RIM = 0.02  # of the way, beside the first bus and the last
OVER_TIME = ("v_min_pu", "v_median_pu", "v_max_pu")
OVER_WAY = ("v_min_pu", "v_max_pu")
EDGES = ("Lowest", "Highest")


class VoltageScale(NamedTuple):
    """What voltages are shown in: volts a unit of the model, the axis, and the limits; no limits where homes have several."""

    factor: float
    axis: str
    unit: str
    band: VoltageBand | None


def scale_of(result: ComparisonView) -> VoltageScale:
    """Return the base of the limits of all homes; the unit of the model where homes have several bases."""
    homes = frame(result, "homes", "home_id")
    band, factor = band_of(homes), base_of(homes)
    if np.isfinite(factor):
        return VoltageScale(factor, band.axis, "V", band)
    return VoltageScale(1.0, "Voltage [pu]", "pu", None)


def voltage_over_time(result: ComparisonView) -> go.Figure | None:
    """Lowest, median and highest voltage of any home over time, one design at a time beside the extremes of the reference."""
    table = _over_time(result)
    if table is None:
        return None
    names, scale, reference = present(result, table), scale_of(result), baseline(result)
    tones, start = colours(names), first_shown(names)
    fig, owner = figure(440, hovermode="x unified"), list[int]()
    values = list[np.ndarray]()
    for place, name in enumerate(names):
        rows = in_slots(of(table, name))
        time, shown = time_axis(rows, result), {"visible": place == start}
        volts = {each: scale.factor * column(rows, each) for each in OVER_TIME}
        values += [volts["v_min_pu"], volts["v_max_pu"]]
        edge = {"color": tones[name], "width": 1.0}
        wash = {"fill": "tonexty", "fillcolor": translucent(tones[name], 0.25)}
        lines: tuple[tuple[str, str, dict[str, object], dict[str, str]], ...] = (
            ("v_min_pu", "Lowest home", edge, {}),
            ("v_max_pu", "Highest home", edge, wash),
            ("v_median_pu", "Median home", {"color": tones[name], "width": 2.2}, {}),
        )
        for each, text, line, more in lines:
            fig.add_scatter(
                y=volts[each],
                mode="lines",
                name=text,
                line=line,
                hovertemplate=f"%{{y:.{_places(scale)}f}} {scale.unit}",
                **more,
                **shown,
                **time,
            )
            owner.append(place)
    if reference in names and len(names) > 1:
        _add_reference(fig, result, in_slots(of(table, reference)), scale)
    _finish(fig, scale, np.concatenate(values))
    fig.update_layout(
        xaxis={"type": "date", "tickformatstops": TICKS, "hoverformat": "%a %d %b, %H:%M"},
        updatemenus=[menu("Design", design_buttons(names, owner), active=start, pad={"b": 8})],
        legend={"traceorder": "normal", **below()},
        margin={"t": 46},
    )
    return calm(fig)


def _add_reference(
    fig: go.Figure, result: ComparisonView, rows: pd.DataFrame, scale: VoltageScale
) -> None:
    """Draw the extremes of the reference, which stay whichever design is chosen."""
    told = label(baseline(result)).lower()
    for each, text in zip(OVER_WAY, EDGES, strict=True):
        fig.add_scatter(
            y=scale.factor * column(rows, each),
            mode="lines",
            name=f"{text}, {told}",
            line={"color": WHOLESALE, "width": 1.2, "dash": "dot"},
            hovertemplate=f"%{{y:.{_places(scale)}f}} {scale.unit}",
            **time_axis(rows, result),
        )


def _over_time(result: ComparisonView) -> pd.DataFrame | None:
    return frame(result, "intervals", "start_s", *OVER_TIME)


def in_slots(rows: pd.DataFrame) -> pd.DataFrame:
    """Return lowest, mean of the medians and highest of as many intervals as it takes to stay below `SLOTS` rows."""
    held = rows[["start_s", *OVER_TIME]]
    slot = np.arange(len(held)) // -(-len(held) // SLOTS)
    folds = {"start_s": "first", "v_min_pu": "min", "v_median_pu": "mean", "v_max_pu": "max"}
    return held.groupby(slot).agg(folds)


def voltage_over_distance(result: ComparisonView) -> go.Figure | None:
    """Lowest and highest voltage of the run at every bus by its distance from the source, one design at a time."""
    table = _over_way(result)
    if table is None:
        return None
    names, scale = present(result, table), scale_of(result)
    tones, start = colours(names), first_shown(names)
    fig, owner = figure(440), list[int]()
    values = list[np.ndarray]()
    for place, name in enumerate(names):
        rows = of(table, name)
        drawn = zip(OVER_WAY, EDGES, ("triangle-down", "triangle-up"), strict=True)
        for each, text, symbol in drawn:
            seen = _of_stretches(rows, each, least=each == OVER_WAY[0])
            volts = scale.factor * column(seen, each)
            values.append(volts)
            fig.add_scatter(
                x=seen["distance_pu"].to_numpy(np.float32),
                y=volts,
                mode="markers",
                name=f"{text} of the run",
                text=[escape(str(bus)) for bus in seen["bus"]],
                visible=place == start,
                marker={
                    "symbol": symbol,
                    "size": 7,
                    "color": tones[name] if each == OVER_WAY[0] else translucent(tones[name], 0.25),
                    "line": {"color": tones[name], "width": 1.2},
                },
                hovertemplate=f"%{{text}}<extra>%{{y:.{_places(scale)}f}} {scale.unit}</extra>",
            )
            owner.append(place)
    _finish(fig, scale, np.concatenate(values))
    far = float(table["distance_pu"].max()) or 1.0
    fig.update_layout(
        xaxis={
            "title": "Distance from the source [pu on 1 MVA]",
            "range": [-RIM * far, far + RIM * far],
        },
        updatemenus=[menu("Design", design_buttons(names, owner), active=start, pad={"b": 8})],
        legend={"traceorder": "normal", **below()},
        margin={"t": 46},
    )
    return calm(fig)


def _over_way(result: ComparisonView) -> pd.DataFrame | None:
    table = frame(result, "buses", "bus", "distance_pu", *OVER_WAY)
    return None if table is None else table.dropna(subset=["distance_pu", *OVER_WAY])


def _of_stretches(rows: pd.DataFrame, each: str, *, least: bool) -> pd.DataFrame:
    """Return the buses to draw: all of a short feeder, else the extreme one of every stretch of the way."""
    if len(rows) <= STRETCHES:
        return rows
    far = rows["distance_pu"]
    stretch = np.minimum(far / far.max() * STRETCHES, STRETCHES - 1).astype(int)
    groups = rows.groupby(stretch)[each]
    return rows.loc[groups.idxmin() if least else groups.idxmax()]


def _places(scale: VoltageScale) -> int:
    return PLACES if scale.unit == "V" else 4


def _finish(fig: go.Figure, scale: VoltageScale, values: np.ndarray) -> None:
    """Give a figure its axis of voltages and, where all homes have one, their limits."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if scale.band is None:
        fig.update_layout(yaxis={"title": scale.axis})
        return
    low, high = min(low, scale.band.seen_v[0]) - 1.0, max(high, scale.band.seen_v[1]) + 1.0
    draw_band(fig, scale.band, low, high)
    fig.update_layout(yaxis={"title": scale.axis, "range": [low, high]})


def time_table(result: ComparisonView) -> str:
    """Return lowest, mean median and highest voltage of homes by design as a table of HTML, with the times of the extremes."""
    table = _over_time(result)
    if table is None:
        return ""
    scale, body = scale_of(result), ""
    for name in present(result, table):
        rows = of(table, name).reset_index(drop=True)
        if not rows["v_min_pu"].notna().any():
            continue
        low, high = (
            int(at(rows[each]))
            for each, at in zip(OVER_WAY, (np.nanargmin, np.nanargmax), strict=True)
        )
        times = local_time(rows["start_s"].iloc[[low, high]], zone(result)[0])
        told = [each.strftime("%a %d %b, %H:%M") for each in times]
        middle = scale.factor * float(rows["v_median_pu"].mean())
        values = (
            _told(scale.factor * float(rows["v_min_pu"].iloc[low]), scale),
            told[0],
            _told(middle, scale),
            _told(scale.factor * float(rows["v_max_pu"].iloc[high]), scale),
            told[1],
        )
        body += _row(label(name), values)
    words = ("Lowest", "at", "Median, mean of the run", "Highest", "at")
    return scroll_table(f"Voltage of homes [{scale.unit}]", _head("Design", words), body)


def distance_table(result: ComparisonView) -> str:
    """Return the buses of lowest and of highest voltage by design as a table of HTML, with their distance."""
    table = _over_way(result)
    if table is None:
        return ""
    scale, body = scale_of(result), ""
    for name in present(result, table):
        rows = of(table, name)
        values = list[str]()
        for each, at in zip(OVER_WAY, (np.argmin, np.argmax), strict=True):
            row = rows.iloc[int(at(rows[each]))]
            values += [_told(scale.factor * float(row[each]), scale), escape(str(row["bus"]))]
            values.append(number(float(row["distance_pu"]), 4))
        body += _row(label(name), tuple(values))
    words = ("Lowest", "Bus", "Distance [pu]", "Highest", "Bus", "Distance [pu]")
    return scroll_table(f"Voltage of buses [{scale.unit}]", _head("Design", words), body)


def _told(value: float, scale: VoltageScale) -> str:
    return number(value, _places(scale))


def _head(first: str, words: tuple[str, ...]) -> str:
    return f'<th scope="col">{first}</th>' + "".join(
        f'<th scope="col" class="n">{text}</th>' for text in words
    )


def _row(name: str, values: tuple[str, ...]) -> str:
    cells = "".join(f'<td class="n">{value}</td>' for value in values)
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'
