"""The map of the feeder on the page: voltages of buses, loading of lines and transformers, and the numbers as tables."""

import json
from collections.abc import Mapping
from html import escape, unescape
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.feeder import TRANSFORMER
from gridagora.report.embed import COMPACT, element
from gridagora.report.facts import ComparisonView, frame, of, present
from gridagora.report.home_figures import LOW_TO_HIGH, homes_at, view_of
from gridagora.report.phase_map import has_phases, phase_measure, phase_table, phase_words
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import first_shown, label, number
from gridagora.report.tree_layout import lay_out_tree

# from nothing over the rating, at the middle, to twice the rating
EMPTY_TO_FULL = [
    [0.0, "#c3ccd8"],
    [0.25, "#a3b06a"],
    [0.5, "#e69f00"],
    [0.75, "#c2410c"],
    [1.0, "#6b1220"],
]
LISTED = 12  # rows of a table: those that matter most
PU_PLACES = 4
MAP, MAP_PX = "feeder", 560  # its name among the figures, and its height
TREE_SHAPE = 1.7  # width over height of a tree
NO_PLACES = "the model has no coordinates: a tree, each step to the right one line or transformer farther from the source"


class MeasureKind(NamedTuple):
    """What measures have in common: where they are, in which unit, how they are written, and what the key says beside colours."""

    table: str  # buses or loading
    unit: str
    factor: float
    places: int  # of a value
    key_places: int  # of the ends of the scale
    most: float  # end of a scale from 0 [unit]; nan: one around 1 that holds all values
    note: str


class Measure(NamedTuple):
    """What the map can show: of buses or of branches, from a column of a table."""

    column: str
    text: str
    kind: MeasureKind


VOLTAGE = MeasureKind("buses", "pu", 1.0, PU_PLACES, 2, np.nan, "large dots: buses with homes")
LOADING = MeasureKind(
    "loading",
    "%",
    100.0,
    1,
    0,
    200.0,
    "squares: transformers; grey: no rating known; 100\u00a0%: the rating",
)
UNBALANCE = MeasureKind(
    "buses",
    "%",
    100.0,
    2,
    0,
    4.0,
    "large dots: buses with homes; grey: not three phases; 2\u00a0%: what EN 50160 allows",
)
MEASURES = (
    Measure("v_min_pu", "Voltage, lowest of the run", VOLTAGE),
    Measure("v_at_peak_pu", "Voltage at the highest load", VOLTAGE),
    Measure("v_max_pu", "Voltage, highest of the run", VOLTAGE),
    Measure("unbalance_share", "Voltage unbalance", UNBALANCE),
    Measure("loading_max_share", "Loading, highest of the run", LOADING),
    Measure("loading_at_peak_share", "Loading at the highest load", LOADING),
)


class FeederMap(NamedTuple):
    """The map as a page takes it: what it shows in words, its data as an element of the page, its numbers as HTML tables."""

    words: str
    data: str
    tables: str


class MapData(NamedTuple):
    """The tables that the map draws, rows with places, and the names of the designs."""

    buses: pd.DataFrame
    loading: pd.DataFrame | None
    lines: pd.DataFrame | None  # between buses that have places
    names: tuple[str, ...]
    measures: tuple[Measure, ...]
    is_map: bool  # whether places are those of the model; else the feeder is drawn as a tree


def map_data(result: ComparisonView) -> MapData | None:
    """Return what the map draws, None where buses have no voltage, or neither a place nor lines between them."""
    buses = frame(result, "buses", "bus", "x", "y", "v_min_pu")
    is_map = buses is not None
    if buses is None:
        buses = _as_tree(result)
    if buses is None:
        return None
    buses = buses[np.isfinite(buses["x"]) & np.isfinite(buses["y"])]
    lines = frame(result, "lines", "from_bus", "to_bus")
    if lines is not None:
        placed = set(of(buses, present(result, buses)[0])["bus"].astype(str))
        ends = lines[["from_bus", "to_bus"]].astype(str)
        lines = lines[ends.isin(placed).all(axis=1)]
    loading = frame(result, "loading", "name", "loading_max_share")
    tables = {"buses": buses, "loading": loading}
    known = tuple(
        each
        for each in MEASURES
        if (table := tables[each.kind.table]) is not None
        and each.column in table
        and bool(table[each.column].notna().any())
    )
    return MapData(buses, loading, lines, present(result, buses), known, is_map)


def _as_tree(result: ComparisonView) -> pd.DataFrame | None:
    """Return the buses of a feeder without coordinates in the places of a tree; None where no lines or no voltages are known."""
    buses = frame(result, "buses", "bus", "v_min_pu")
    lines = frame(result, "lines", "from_bus", "to_bus")
    if buses is None or lines is None:
        return None
    first = of(buses, present(result, buses)[0])
    row = {str(bus): at for at, bus in enumerate(first["bus"])}
    ends = [pair for pair in _ends(lines, row) if min(pair) >= 0]
    if not ends:
        return None
    far = first["distance_pu"].to_numpy(float) if "distance_pu" in first else np.zeros(1)
    root = int(np.nanargmin(far)) if np.isfinite(far).any() else 0
    pairs = np.array(ends, np.int64)
    x, y = lay_out_tree(len(row), pairs[:, 0], pairs[:, 1], root)
    wide = TREE_SHAPE * max(float(y.max()), 1.0) / max(float(x.max()), 1.0)
    at = buses["bus"].astype(str).map(row).to_numpy()
    return buses.assign(x=(wide * x)[at], y=-y[at])


def feeder_map(result: ComparisonView) -> FeederMap | None:
    """Return the map of a result, a tree where buses have no places; None where no voltages are known."""
    held = map_data(result)
    if held is None:
        return None
    spec = json.dumps(_spec(result, held), **COMPACT)
    return FeederMap(_alternative(held), element(f"data-map-{MAP}", spec), _tables(held))


def _spec(result: ComparisonView, held: MapData) -> dict[str, Any]:
    count = homes_at(result)
    first = of(held.buses, held.names[0])
    x, y, _ = view_of(first, count if held.is_map else count[:0])  # a tree is seen whole
    row = {str(bus): at for at, bus in enumerate(first["bus"])}
    measures = [_values(held, each) for each in held.measures]
    if held.lines is not None and has_phases(held.lines):
        measures.append(phase_measure(held.lines))
    digits = max(0, 3 - int(np.floor(np.log10(max(x[1] - x[0], 1e-9)))))
    return {
        "view": [*x, *y],
        "designs": [unescape(label(name)) for name in held.names],
        "first": first_shown(held.names),
        "buses": {
            "name": first["bus"].astype(str).tolist(),
            "x": first["x"].round(digits).tolist(),
            "y": first["y"].round(digits).tolist(),
            "homes": first["bus"].map(count).fillna(0).astype(int).tolist(),
        },
        "branches": _branches(held, row),
        "lines": [] if held.lines is None else _ends(held.lines, row),
        "measures": measures,
        "about": "" if held.is_map else NO_PLACES,
    }


def _branches(held: MapData, row: Mapping[str, int]) -> dict[str, Any]:
    if held.loading is None:
        return {"name": []}
    rows = of(held.loading, held.names[0])
    rated = [
        f"{number(a, 0)} A" if np.isfinite(a) else f"{number(kva, 0)} kVA"
        for a, kva in zip(rows["rating_a"], rows["rating_kva"], strict=True)
    ]
    return {
        "name": rows["name"].astype(str).tolist(),
        "unit": [int(kind == TRANSFORMER) for kind in rows["kind"]],
        "ends": _ends(rows, row),
        "rating": rated,
    }


def _ends(table: pd.DataFrame, row: Mapping[str, int]) -> list[list[int]]:
    """Return the rows of the buses at both ends, -1 of one without a place."""
    pairs = zip(table["from_bus"], table["to_bus"], strict=True)
    return [[row.get(str(a), -1), row.get(str(b), -1)] for a, b in pairs]


def _values(held: MapData, each: Measure) -> dict[str, Any]:
    kind = each.kind
    table = held.buses if kind.table == "buses" else held.loading
    assert table is not None
    rows = [of(table, name)[each.column].to_numpy(float) * kind.factor for name in held.names]
    known = np.concatenate(rows)
    known = known[np.isfinite(known)]
    if np.isnan(kind.most):
        reach = max(0.05, float(np.abs(known - 1.0).max()))
        scale, stops = [1 - reach, 1 + reach], LOW_TO_HIGH
    else:
        scale, stops = [0.0, kind.most], EMPTY_TO_FULL
    told = [[None if np.isnan(v) else round(float(v), kind.places) for v in row] for row in rows]
    return {
        "text": each.text,
        "unit": kind.unit,
        "of": kind.table,
        "places": kind.places,
        "key_places": kind.key_places,
        "note": kind.note,
        "scale": scale,
        "stops": stops,
        "values": told,
    }


def _alternative(held: MapData) -> str:
    told = []
    for each in held.measures:
        kind = each.kind
        table = held.buses if kind.table == "buses" else held.loading
        assert table is not None
        spans = []
        for name in held.names:
            values = kind.factor * of(table, name)[each.column].dropna().to_numpy(float)
            if values.size:
                spans.append(f"{unescape(label(name))} {_span(values, kind)}")
        told.append(f"{each.text}: {'; '.join(spans)}")
    if held.lines is not None and has_phases(held.lines):
        told.append(phase_words(held.lines))
    return f"The feeder. {'. '.join(told)}."


def _span(values: np.ndarray, kind: MeasureKind) -> str:
    low, high = (number(float(each), kind.places - 1) for each in (values.min(), values.max()))
    return f"{low} to {high} {kind.unit}"


def _tables(held: MapData) -> str:
    told = "v_min_pu", "Lowest voltage [pu]", 1.0
    parts = [_table(held.buses, "bus", held.names, *told, least=True, places=PU_PLACES)]
    if any(each.kind is UNBALANCE for each in held.measures):
        caption = "Voltage unbalance [%]"
        told = "unbalance_share", caption, 100.0
        parts.append(_table(held.buses, "bus", held.names, *told, least=False, places=2))
    if held.loading is not None:
        parts.append(
            _table(
                held.loading,
                "name",
                held.names,
                "loading_max_share",
                "Highest loading [% of the rating]",
                100.0,
                least=False,
                places=0,
            )
        )
    if held.lines is not None and has_phases(held.lines):
        parts.append(phase_table(held.lines))
    return "".join(parts)


def _table(
    table: pd.DataFrame,
    key: str,
    names: tuple[str, ...],
    column: str,
    caption: str,
    factor: float,
    *,
    least: bool,
    places: int,
) -> str:
    """Return the rows of one key that matter most under any design, a column each."""
    rows = table.pivot_table(index=key, columns="architecture", values=column, sort=False)
    rows = factor * rows.reindex(columns=list(names))
    worst = rows.min(axis=1) if least else -rows.max(axis=1)
    rows = rows.loc[worst.dropna().sort_values(kind="stable").index[:LISTED]]
    head = f'<th scope="col">{"Bus" if key == "bus" else "Line or transformer"}</th>' + "".join(
        f'<th scope="col" class="n">{label(name)}</th>' for name in names
    )
    body = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + "".join(f'<td class="n">{number(float(value), places)}</td>' for value in values)
        + "</tr>"
        for name, values in zip(rows.index, rows.to_numpy(float), strict=True)
    )
    told = f"{caption}, the {len(rows)} {'lowest' if least else 'highest'}"
    return f"<p>{escape(told)}</p>{scroll_table(told, head, body)}"
