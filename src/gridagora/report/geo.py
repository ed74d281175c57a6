"""A result as GeoJSON (RFC 7946): buses, lines, transformers and homes on their places, with what each design did there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridagora.core.currency import spell_name
from gridagora.core.errors import InputError, Problem
from gridagora.files.json_text import json_text
from gridagora.report.facts import ComparisonView, currency, designs, require_comparison, title

OF_BUS = ("v_min_pu", "v_max_pu", "v_at_peak_pu", "unbalance_share")
OF_JOIN = ("loading_max_share", "loading_at_peak_share", "over_rating_h")
OF_HOME = ("bill_usd", "balanced_bill_usd", "energy_kwh", "export_kwh", "v_min_pu", "v_max_pu")
NO_SYSTEM = "as the feeder has them; its file names no system, so they are no longitude and latitude for RFC 7946"
WGS84 = "longitude and latitude, WGS84"
Feature = dict[str, Any]


def make_geojson(result: ComparisonView, *, lonlat: bool = False) -> dict[str, Any]:
    """Return a result as a feature collection; what has no coordinates is left out and counted in `left_out`.

    A value of a design is the property `NAME DESIGN`, as `v_min_pu layered` [pu]; loading is a share of the rating [1]. Where a
    pair of buses is joined by several lines, the most loaded one speaks.

    Parameters
    ----------
    result
        A comparison on a feeder that has a map.
    lonlat
        Whether coordinates of the feeder are longitude and latitude (WGS84), which RFC 7946 asks for; what the file of a
        feeder does not say cannot be known.

    Raises
    ------
    InputError
        What is no result of a comparison, no coordinates at all, or such as are no longitude and latitude.
    """
    require_comparison(result, "geojson")
    buses = result.tables.get("buses")
    first = None if buses is None else buses[buses["architecture"] == designs(result)[0]]
    known = None if first is None else first[np.isfinite(first["x"]) & np.isfinite(first["y"])]
    if first is None or known is None or known.empty:
        hint = "A feeder gets its map from the coordinates of its model, as BusCoords of OpenDSS."
        raise InputError([Problem("geojson", "no coordinates", "a feeder with a map", hint)])
    if lonlat:
        _check_lonlat(known)
    places = {str(row.bus): (float(row.x), float(row.y)) for row in known.itertuples(index=False)}
    features = [*_buses(result, places), *_joins(result, places), *_homes(result, places)]
    return {
        "type": "FeatureCollection",
        "title": title(result),
        "coordinates": WGS84 if lonlat else NO_SYSTEM,
        "left_out": len(first) - len(known),
        "features": features,
    }


def write_geojson(result: ComparisonView, path: Path, *, lonlat: bool = False) -> Path:
    """Write a result as one GeoJSON file and return its path.

    Raises
    ------
    InputError
        As `make_geojson` does.
    OSError
        A folder that cannot be written to.
    """
    made = make_geojson(result, lonlat=lonlat)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json_text(made, None, sort_keys=False), encoding="utf-8")
    return path


def _check_lonlat(known: pd.DataFrame) -> None:
    spans = {"x": 180.0, "y": 90.0}
    far = [
        f"{name} to {known[name].abs().max():,.0f}"
        for name, most in spans.items()
        if (known[name].abs() > most).any()
    ]
    if far:
        expected = "longitude within 180 and latitude within 90 degrees"
        hint = "Leave --lonlat out: coordinates are then written as they are."
        raise InputError([Problem("--lonlat", " and ".join(far), expected, hint)])


def _buses(result: ComparisonView, places: dict[str, tuple[float, float]]) -> Iterator[Feature]:
    values = _by_design(result, "buses", "bus", OF_BUS)
    for name, place in places.items():
        yield _feature("Point", list(place), {"kind": "bus", "name": name} | values.get(name, {}))


def _joins(result: ComparisonView, places: dict[str, tuple[float, float]]) -> Iterator[Feature]:
    loading = result.tables.get("loading")
    held: dict[Any, dict[str, Any]] = {}
    if loading is not None and len(loading):
        pair = [
            "|".join(sorted(ends))
            for ends in zip(loading["from_bus"], loading["to_bus"], strict=True)
        ]
        most = loading.assign(pair=pair).groupby(["pair", "architecture"], as_index=False)
        held = _wide(most[list(OF_JOIN)].max(), "pair", OF_JOIN, "USD")
    for row in result.tables.get("lines", pd.DataFrame()).itertuples(index=False):
        ends = str(row.from_bus), str(row.to_bus)
        if all(end in places for end in ends):
            told = {"kind": str(row.kind), "from_bus": ends[0], "to_bus": ends[1]}
            if hasattr(row, "phases"):
                told["phases"] = str(row.phases)
            more = held.get("|".join(sorted(ends)), {})
            yield _feature("LineString", [list(places[end]) for end in ends], told | more)


def _homes(result: ComparisonView, places: dict[str, tuple[float, float]]) -> Iterator[Feature]:
    homes = result.tables.get("homes")
    if homes is None:
        return
    values = _by_design(result, "homes", "home_id", OF_HOME)
    own = [str(name) for name in homes.columns if homes[name].dtype == bool]
    first = homes[homes["architecture"] == designs(result)[0]]
    for row in first.to_dict("records"):
        if (bus := str(row["bus"])) in places:
            told: Feature = {"kind": "home", "name": str(row["home_id"]), "bus": bus}
            told |= {name: bool(row[name]) for name in own}
            yield _feature("Point", list(places[bus]), told | values[str(row["home_id"])])


def _by_design(
    result: ComparisonView, table: str, key: str, columns: tuple[str, ...]
) -> dict[Any, dict[str, Any]]:
    frame = result.tables[table]
    return _wide(frame, key, tuple(name for name in columns if name in frame), currency(result))


def _wide(
    frame: pd.DataFrame, key: str, columns: tuple[str, ...], code: str
) -> dict[Any, dict[str, Any]]:
    """Return what each design did, `NAME DESIGN` by the key of a row."""
    found: dict[Any, dict[str, Any]] = {}
    for row in frame[[key, "architecture", *columns]].to_dict("records"):
        own = found.setdefault(str(row[key]), {})
        own |= {f"{spell_name(name, code)} {row['architecture']}": row[name] for name in columns}
    return found


def _feature(kind: str, coordinates: list[Any], properties: dict[str, Any]) -> Feature:
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": properties,
    }
