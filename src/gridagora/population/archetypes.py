"""Many homes from few: every home is a row of a table of archetypes, with a load, a clock and a set point of its own.

A million homes are then three short columns beside a table of a thousand, and the tables of any part of them are made when they
are needed, by index, without a loop over homes.
"""

from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.core.device import ANY, HOURLY
from gridagora.core.registry import find
from gridagora.core.rng import stream
from gridagora.core.tables import Homes, Index, Quality
from gridagora.population.heat_pump import HeatPumps

BLOCK = (
    1 << 16
)  # homes drawn from one stream, so that a larger population begins with the same homes
LOAD_RATIO = (0.7, 1.3)
LATE_H = 2  # a home lives up to so many hours behind its archetype
SET_K = 1.0  # a set point stands up to so many kelvin beside that of its archetype
DAY_H = 24


class DrawnHomes(NamedTuple):
    """n homes: the row of their archetype, and what is their own; 13 bytes a home."""

    archetype: NDArray[np.int32]  # (n,)
    load_ratio: NDArray[np.float32]  # (n,) of the load of the archetype
    set_offset_k: NDArray[np.float32]  # (n,) added to the set point
    late_h: NDArray[np.int8]  # (n,) hours by which the load comes later


def draw_homes(seed: int, archetypes: int, count: int) -> DrawnHomes:
    """Draw homes; a larger population begins with the same homes."""
    found = DrawnHomes(
        np.empty(count, np.int32),
        np.empty(count, np.float32),
        np.empty(count, np.float32),
        np.empty(count, np.int8),
    )
    for block, start in enumerate(range(0, count, BLOCK)):
        at = slice(start, min(start + BLOCK, count))
        rng = stream(seed, "archetypes", block)
        kind, ratio, offset, late = (rng.random(BLOCK)[: at.stop - start] for _ in range(4))
        found.archetype[at] = kind * archetypes
        found.load_ratio[at] = LOAD_RATIO[0] + (LOAD_RATIO[1] - LOAD_RATIO[0]) * ratio
        found.set_offset_k[at] = SET_K * (2.0 * offset - 1.0)
        found.late_h[at] = late * (LATE_H + 1)
    return found


def make_homes(archetypes: Homes, drawn: DrawnHomes, first: int, last: int) -> Homes:
    """Return the tables of the homes first to last - 1, with what their archetypes own, in the order of homes."""
    at = slice(first, last)
    rows, late = drawn.archetype[at].astype(np.int64), drawn.late_h[at].astype(np.int64)
    hour = np.arange(archetypes.load_kw.shape[1]) - late[:, None]
    hour += DAY_H * (hour < 0)
    load_kw = archetypes.load_kw[rows[:, None], hour] * drawn.load_ratio[at, None]
    owned = {
        kind: _take_owned(table, rows, len(archetypes.home_id))
        for kind, table in archetypes.owned.items()
    }
    for kind, table in owned.items():
        if isinstance(table, HeatPumps):
            offset_k = drawn.set_offset_k[at][table.home, None]
            owned[kind] = replace(table, t_set_degc=table.t_set_degc + offset_k)
    quality = archetypes.quality
    if len(quality.tier) > 1:
        quality = Quality(
            quality.slider_ratio[rows],
            quality.tier[rows],
            quality.tier_ratio[rows],
            quality.deviation_per_kwh[rows],
            quality.window_h,
        )
    names = tuple(f"home-{row + 1:07d}" for row in range(first, last))
    return Homes(names, load_kw, quality, owned)


def _take_owned(table: Any, rows: Index, archetypes: int) -> Any:
    """Return the devices of homes (n,) given the archetype of each, home by home."""
    order = np.argsort(table.home, kind="stable")
    first = np.searchsorted(table.home[order], np.arange(archetypes + 1))
    count = first[rows + 1] - first[rows]
    start = np.cumsum(count) - count
    device = order[np.repeat(first[rows] - start, count) + np.arange(count.sum())]
    home = np.repeat(np.arange(len(rows)), count)
    return _take_rows(table, device, len(table.home), home)


def _take_rows(table: Any, device: Index, length: int, home: Index) -> Any:
    columns = {field.name: getattr(table, field.name) for field in fields(table)}
    taken = {
        name: column[device]
        for name, column in columns.items()
        if isinstance(column, np.ndarray) and column.ndim and len(column) == length
    }
    return replace(table, **(taken | {"home": home}))


def trim_homes(homes: Homes, hours: int, likely: int) -> Homes:
    """Return the homes with the first hours alone, and so many of the draws that a home holds for likely: less memory a home."""
    owned = {}
    for kind, table in homes.owned.items():
        most = {HOURLY: hours, ANY: likely}
        cut = {
            column.name: getattr(table, column.name)[:, : most[column.axes[0]]]
            for column in find("device", kind).about.columns
            if column.axes[:1] in ((HOURLY,), (ANY,))
        }
        owned[kind] = replace(table, **cut) if cut else table
    return homes._replace(load_kw=homes.load_kw[:, :hours], owned=owned)
