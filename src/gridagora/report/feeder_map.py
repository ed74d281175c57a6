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
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import label, number

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


class Measure(NamedTuple):
    """What the map can show: of buses or of branches, from a column of a table."""

    column: str
    table: str  # buses or loading
    text: str
    unit: str
    factor: float


MEASURES = (
    Measure("v_min_pu", "buses", "Voltage, lowest of the run", "pu", 1.0),
    Measure("v_at_peak_pu", "buses", "Voltage at the highest load", "pu", 1.0),
    Measure("v_max_pu", "buses", "Voltage, highest of the run", "pu", 1.0),
    Measure("loading_max_share", "loading", "Loading, highest of the run", "%", 100.0),
    Measure("loading_at_peak_share", "loading", "Loading at the highest load", "%", 100.0),
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
    names: tuple[str, ...]
    measures: tuple[Measure, ...]


def map_data(result: ComparisonView) -> MapData | None:
    """Return what the map draws, None where buses have no place or no voltage."""
    buses = frame(result, "buses", "bus", "x", "y", "v_min_pu")
    if buses is None:
        return None
    buses = buses[np.isfinite(buses["x"]) & np.isfinite(buses["y"])]
    loading = frame(result, "loading", "name", "loading_max_share")
    tables = {"buses": buses, "loading": loading}
    known = tuple(
        each
        for each in MEASURES
        if (table := tables[each.table]) is not None
        and each.column in table
        and bool(table[each.column].notna().any())
    )
    return MapData(buses, loading, present(result, buses), known)


def feeder_map(result: ComparisonView) -> FeederMap | None:
    """Return the map of a result; None where buses have no place or no voltage."""
    held = map_data(result)
    if held is None:
        return None
    spec = json.dumps(_spec(result, held), **COMPACT)
    return FeederMap(_alternative(held), element(f"data-map-{MAP}", spec), _tables(held))


def _spec(result: ComparisonView, held: MapData) -> dict[str, Any]:
    count = homes_at(result)
    first = of(held.buses, held.names[0])
    x, y, _ = view_of(first, count)
    row = {str(bus): at for at, bus in enumerate(first["bus"])}
    digits = max(0, 3 - int(np.floor(np.log10(max(x[1] - x[0], 1e-9)))))
    return {
        "view": [*x, *y],
        "designs": [unescape(label(name)) for name in held.names],
        "first": held.names.index("central") if "central" in held.names else 0,
        "buses": {
            "name": first["bus"].astype(str).tolist(),
            "x": first["x"].round(digits).tolist(),
            "y": first["y"].round(digits).tolist(),
            "homes": first["bus"].map(count).fillna(0).astype(int).tolist(),
        },
        "branches": _branches(held, row),
        "lines": _plain_lines(result, row),
        "measures": [_values(held, each) for each in held.measures],
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


def _plain_lines(result: ComparisonView, row: Mapping[str, int]) -> list[list[int]]:
    lines = frame(result, "lines", "from_bus", "to_bus")
    return [] if lines is None else [ends for ends in _ends(lines, row) if min(ends) >= 0]


def _ends(table: pd.DataFrame, row: Mapping[str, int]) -> list[list[int]]:
    """Return the rows of the buses at both ends, -1 of one without a place."""
    pairs = zip(table["from_bus"], table["to_bus"], strict=True)
    return [[row.get(str(a), -1), row.get(str(b), -1)] for a, b in pairs]


def _values(held: MapData, each: Measure) -> dict[str, Any]:
    table = held.buses if each.table == "buses" else held.loading
    assert table is not None
    rows = [of(table, name)[each.column].to_numpy(float) * each.factor for name in held.names]
    known = np.concatenate(rows)
    known = known[np.isfinite(known)]
    if each.table == "buses":
        reach = max(0.05, float(np.abs(known - 1.0).max()))
        scale, stops, places = [1 - reach, 1 + reach], LOW_TO_HIGH, PU_PLACES
    else:
        scale, stops, places = [0.0, 200.0], EMPTY_TO_FULL, 1
    told = [[None if np.isnan(v) else round(float(v), places) for v in row] for row in rows]
    return {
        "text": each.text,
        "unit": each.unit,
        "of": each.table,
        "scale": scale,
        "stops": stops,
        "values": told,
    }


def _alternative(held: MapData) -> str:
    told = []
    for each in held.measures:
        table = held.buses if each.table == "buses" else held.loading
        assert table is not None
        spans = []
        for name in held.names:
            values = each.factor * of(table, name)[each.column].dropna().to_numpy(float)
            if values.size:
                spans.append(f"{unescape(label(name))} {_span(values, each.unit)}")
        told.append(f"{each.text}: {'; '.join(spans)}")
    return f"The feeder. {'. '.join(told)}."


def _span(values: np.ndarray, unit: str) -> str:
    places = 3 if unit == "pu" else 0
    return f"{number(float(values.min()), places)} to {number(float(values.max()), places)} {unit}"


def _tables(held: MapData) -> str:
    parts = [
        _table(held.buses, "bus", held.names, "v_min_pu", "Lowest voltage [pu]", 1.0, least=True)
    ]
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
            )
        )
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
) -> str:
    """Return the rows of one key that matter most under any design, a column each."""
    rows = table.pivot_table(index=key, columns="architecture", values=column, sort=False)
    rows = factor * rows.reindex(columns=list(names))
    worst = rows.min(axis=1) if least else -rows.max(axis=1)
    rows = rows.loc[worst.sort_values(kind="stable").index[:LISTED]]
    places = PU_PLACES if least else 0
    head = f'<th scope="col">{"Bus" if least else "Line or transformer"}</th>' + "".join(
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
