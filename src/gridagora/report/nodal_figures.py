"""Nodal prices over time and distance: what losses and limits make of the energy price at every home."""

from html import escape
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gridagora.report.facts import ComparisonView, frame, local_time, of, present, zone
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import calm, decimals, figure, first_shown, label, menu, number

ROWS, COLUMNS = 40, 200  # that an eye parts; more homes or hours are shown as means of some
CENTS = 100.0
SPIKE = 6.0  # colours end at this multiple of the 98th percentile, lest a few spikes leave the rest grey
HOUR_S = 3600
MARKS = 5  # of the axis of distance
NOTHING_CT = 5e-6  # a part that never is more than this is not offered
CHEAP_TO_DEAR = [
    [0.0, "#12508a"],
    [0.25, "#5a9bc9"],
    [0.5, "#e3e5ea"],
    [0.75, "#e08a4f"],
    [1.0, "#a6401b"],
]


class PricePart(NamedTuple):
    """A part of the price, or several together, that the strip can show."""

    text: str
    columns: tuple[str, ...]
    unit: str


ACTIVE = ("loss_per_kwh", "congestion_per_kwh", "voltage_per_kwh")
REACTIVE = ("loss_per_kvarh", "congestion_per_kvarh", "voltage_per_kvarh")
PARTS = (
    PricePart("All beyond the energy price", ACTIVE, "ct/kWh"),
    PricePart("Losses", ACTIVE[:1], "ct/kWh"),
    PricePart("Limits of currents", ACTIVE[1:2], "ct/kWh"),
    PricePart("Limits of voltages", ACTIVE[2:], "ct/kWh"),
    PricePart("Reactive power, all parts", REACTIVE, "ct/kvarh"),
)


class PriceStrip(NamedTuple):
    """Prices of r rows of homes in h columns of time, by design and part."""

    designs: tuple[str, ...]
    parts: tuple[PricePart, ...]
    ct: dict[tuple[str, str], np.ndarray]  # (r, h) by design and text of the part [ct/kWh]
    energy_ct: np.ndarray  # (h,) at the substation [ct/kWh]
    edges: list[str]  # (h + 1,) local times
    rows: list[str]  # (r,) the homes of a row
    distance_pu: np.ndarray  # (r,) from the source


def price_strip(result: ComparisonView) -> PriceStrip | None:
    """Return the prices that the strip shows; None where a run kept none, or buses have no distance."""
    table = frame(
        result, "nodal_prices", "home_id", "start_s", "energy_per_kwh", *ACTIVE, *REACTIVE
    )
    buses = frame(result, "buses", "bus", "distance_pu")
    homes = frame(result, "homes", "home_id", "bus")
    if table is None or buses is None or homes is None:
        return None
    distance = buses.drop_duplicates("bus").set_index("bus")["distance_pu"]
    far = homes.drop_duplicates("home_id").set_index("home_id")["bus"].map(distance)
    far = far[far.index.isin(table["home_id"])].sort_values(kind="stable")
    start_s = np.unique(table["start_s"].to_numpy())
    row_of, column_of = _blocks(len(far), ROWS), _blocks(len(start_s), COLUMNS)
    designs = present(result, table)
    held = {
        (name, part.text): _means(
            of(table, name), part.columns, far.index, start_s, row_of, column_of
        )
        for name in designs
        for part in PARTS
    }
    parts = tuple(
        part
        for part in PARTS
        if any(np.nanmax(np.abs(held[name, part.text]), initial=0) > NOTHING_CT for name in designs)
    )
    first = of(table, designs[0]).drop_duplicates("start_s").set_index("start_s")["energy_per_kwh"]
    energy = CENTS * first.reindex(start_s).to_numpy(float)
    count = int(row_of[-1]) + 1
    return PriceStrip(
        designs,
        parts or PARTS[:1],
        held,
        pd.Series(energy).groupby(column_of).mean().to_numpy(),
        _edges(result, start_s, column_of),
        [_names(far.index[row_of == row]) for row in range(count)],
        pd.Series(far.to_numpy(float)).groupby(row_of).mean().to_numpy(),
    )


def _blocks(count: int, most: int) -> np.ndarray:
    """Return the block (n,) of each of some things, as few to a block as leave at most so many."""
    return np.arange(count) // max(1, -(-count // most))


def _means(
    table: pd.DataFrame,
    columns: tuple[str, ...],
    homes: pd.Index,
    start_s: np.ndarray,
    row_of: np.ndarray,
    column_of: np.ndarray,
) -> np.ndarray:
    """Return the sum of some columns, as means over blocks of homes and hours, shape (r, h) [ct/kWh] or [ct/kvarh]."""
    total = table[list(columns)].sum(axis=1, skipna=False)
    wide = total.groupby([table["home_id"], table["start_s"]], sort=False).mean().unstack()
    cells = CENTS * wide.reindex(index=homes, columns=start_s).to_numpy(float)
    shape = int(row_of[-1]) + 1, int(column_of[-1]) + 1
    known, into = np.isfinite(cells), np.ix_(row_of, column_of)
    added, counted = np.zeros(shape), np.zeros(shape)
    np.add.at(added, into, np.where(known, cells, 0.0))
    np.add.at(counted, into, known)
    found: np.ndarray = np.divide(added, counted, out=np.full(shape, np.nan), where=counted > 0)
    return found


def _edges(result: ComparisonView, start_s: np.ndarray, column_of: np.ndarray) -> list[str]:
    first = np.flatnonzero(np.diff(column_of, prepend=-1))
    ends = pd.Series([*start_s[first].tolist(), int(start_s[-1]) + HOUR_S])
    return list(local_time(ends, zone(result)[0]).strftime("%Y-%m-%d %H:%M"))


def _names(homes: pd.Index) -> str:
    more = f" and {len(homes) - 1} more" if len(homes) > 1 else ""
    return escape(f"{homes[0]}{more}")


def nodal_prices(result: ComparisonView) -> go.Figure | None:
    """Nodal prices less the energy price, homes by their distance from the source over time, one design and part at a time."""
    held = price_strip(result)
    if held is None:
        return None
    fig = figure(560, showlegend=False, hovermode="closest")
    start = first_shown(held.designs)
    first = held.parts[0]
    hover = [[name] * (len(held.edges) - 1) for name in held.rows]
    for place, name in enumerate(held.designs):
        fig.add_heatmap(
            x=held.edges,
            y=list(range(len(held.rows))),
            z=held.ct[name, first.text],
            text=hover,
            name=label(name),
            visible=place == start,
            colorscale=CHEAP_TO_DEAR,
            colorbar={
                "title": {"text": _scale_words(first), "side": "right"},
                "thickness": 12,
                "outlinewidth": 0,
                "len": 0.72,
                "y": 0.0,
                "yanchor": "bottom",
            },
            hovertemplate="%{text}<br>%{x|%a %d %b, %H:%M}<extra>%{z:.4f}</extra>",
            **_range(held, first),
        )
    fig.add_scatter(
        x=held.edges[:-1],
        y=held.energy_ct,
        yaxis="y2",
        mode="lines",
        name="Energy price",
        line={"color": "#4a5160", "width": 1.5, "shape": "hv"},
        meta="ink",
        hovertemplate="%{x|%a %d %b, %H:%M}<extra>%{y:.2f} ct/kWh</extra>",
    )
    tops = list(range(len(held.designs)))
    by_design = [
        {
            "label": label(name),
            "method": "restyle",
            "args": [{"visible": [at == place for at in tops]}, tops],
        }
        for place, name in enumerate(held.designs)
    ]
    by_part = [_part_button(held, part, tops) for part in held.parts]
    left = {"x": 0.0, "xanchor": "left", "y": 1.02, "pad": {"b": 0}}
    marks = np.unique(np.linspace(0, len(held.rows) - 1, MARKS).round().astype(int))
    fig.update_layout(
        xaxis={"type": "date", "anchor": "y"},
        yaxis={
            "title": "Distance from the source [pu on 1 MVA]",
            "domain": [0.0, 0.72],
            "range": [len(held.rows) - 0.5, -0.5],
            "tickvals": marks.tolist(),
            "ticktext": [number(float(held.distance_pu[at]), 3) for at in marks],
        },
        yaxis2={"title": "Energy [ct/kWh]", "domain": [0.8, 1.0], "anchor": "x", "nticks": 4},
        updatemenus=[
            menu("Design", by_design, active=start, **left),
            menu("Part", by_part, y=1.02, pad={"b": 0}),
        ],
        margin={"t": 46, "r": 60},
    )
    return calm(fig)


def _scale_words(part: PricePart) -> str:
    return f"{part.text} [{part.unit}]"


def _range(held: PriceStrip, part: PricePart) -> dict[str, float]:
    """Return the ends of the colours, the same on both sides of nothing."""
    values = np.concatenate([held.ct[name, part.text].ravel() for name in held.designs])
    size = np.abs(values[np.isfinite(values)])
    top = float(size.max(initial=0.0))
    usual = float(np.quantile(size, 0.98)) if size.size else 0.0
    reach = min(top, SPIKE * usual) if usual > 0 else top
    reach = reach or 1.0
    return {"zmin": -reach, "zmax": reach}


def _part_button(held: PriceStrip, part: PricePart, tops: list[int]) -> dict[str, object]:
    places = 5
    told = [
        [
            [None if np.isnan(value) else round(float(value), places) for value in row]
            for row in held.ct[name, part.text]
        ]
        for name in held.designs
    ]
    change: dict[str, object] = {"z": told, "colorbar.title.text": _scale_words(part)}
    change |= _range(held, part)
    return {"label": part.text, "method": "restyle", "args": [change, tops]}


def nodal_table(result: ComparisonView) -> str:
    """Return the lowest, mean and highest price of every part by design as a table of HTML, with the place of the highest."""
    held = price_strip(result)
    if held is None:
        return ""
    head = '<th scope="col">Part of the price</th>' + "".join(
        f'<th scope="col" class="n">{text}</th>'
        for text in ("Lowest", "Mean", "Highest", "Highest at")
    )
    body = [_told_row("Energy, at the substation [ct/kWh]", held.energy_ct, "–")]
    for name in held.designs:
        for part in held.parts:
            ct = held.ct[name, part.text]
            if np.isfinite(ct).any():
                top = int(np.unravel_index(np.nanargmax(ct), ct.shape)[0])
                words = f"{label(name)}: {escape(part.text.lower())} [{part.unit}]"
                body.append(_told_row(words, ct, held.rows[top]))
    return scroll_table("Nodal prices, in means of the rows of the figure", head, "".join(body))


def _told_row(words: str, ct: np.ndarray, where: str) -> str:
    values = [float(np.nanmin(ct)), float(np.nanmean(ct)), float(np.nanmax(ct))]
    places = decimals(values)
    cells = "".join(f'<td class="n">{number(value, places)}</td>' for value in values)
    return f'<tr><th scope="row">{words}</th>{cells}<td class="n">{where}</td></tr>'
