"""Many homes from few: every home is a row of a table of archetypes, with a load, a clock and a set point of its own.

A million homes are then four short columns beside a table of a thousand, and the tables of any part of them are made when they
are needed, by index, without a loop over homes. Set points stand in steps of half a kelvin, as thermostats are set, so that homes
of one archetype and one set point own the same devices: they are of one pattern, and differ in load, clock and state alone.
"""

from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.core.device import ANY, HOURLY
from gridagora.core.registry import find
from gridagora.core.rng import stream
from gridagora.core.tables import Col, Homes, Index, Quality
from gridagora.population.heat_pump import HeatPumps

BLOCK = (
    1 << 16
)  # homes drawn from one stream, so that a larger population begins with the same homes
LOAD_RATIO = (0.7, 1.3)
LATE_H = 2  # a home lives up to so many hours behind its archetype
SET_K = 1.0  # a set point stands up to so many kelvin beside that of its archetype
SET_STEP_K = 0.5  # in steps of so many
SETS = 1 + round(2 * SET_K / SET_STEP_K)  # set points of an archetype
DAY_H = 24
HOUR_S = 3600


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
        found.set_offset_k[at] = SET_STEP_K * np.floor(SETS * offset) - SET_K
        found.late_h[at] = late * (LATE_H + 1)
    return found


def take_drawn(drawn: DrawnHomes, first: int, last: int) -> DrawnHomes:
    """Return the homes first to last - 1."""
    at = slice(first, last)
    return DrawnHomes(
        drawn.archetype[at].copy(),
        drawn.load_ratio[at].copy(),
        drawn.set_offset_k[at].copy(),
        drawn.late_h[at].copy(),
    )


def make_homes(archetypes: Homes, drawn: DrawnHomes, first: int, last: int) -> Homes:
    """Return the tables of the homes first to last - 1, with what their archetypes own, in the order of homes."""
    at = slice(first, last)
    rows = drawn.archetype[at].astype(np.int64)
    hours = np.arange(archetypes.load_kw.shape[1])
    load_kw = load_of_homes(archetypes, drawn, at, hours)
    owned = {
        kind: _take_owned(table, rows, len(archetypes.home_id))
        for kind, table in archetypes.owned.items()
    }
    for kind, table in owned.items():
        if isinstance(table, HeatPumps):
            offset_k = drawn.set_offset_k[at][table.home, None]
            owned[kind] = replace(table, t_set_degc=table.t_set_degc + offset_k)
    names = tuple(f"home-{row + 1:07d}" for row in range(first, last))
    return Homes(names, load_kw, take_quality(archetypes.quality, rows), owned)


def load_of_homes(archetypes: Homes, drawn: DrawnHomes, at: slice, hours: Index) -> Col:
    """Return the load of some homes in some hours (t,) of the run, shape (n, t) [kW]."""
    hour = hours - drawn.late_h[at, None]
    hour += DAY_H * (hour < 0)
    load_kw: Col = archetypes.load_kw[drawn.archetype[at, None], hour]
    return load_kw * drawn.load_ratio[at, None]


def take_quality(quality: Quality, rows: Index) -> Quality:
    """Return the quality of service of some homes (k,), one row where all are alike."""
    if len(quality.tier) == 1:
        return quality
    return Quality(
        quality.slider_ratio[rows],
        quality.tier[rows],
        quality.tier_ratio[rows],
        quality.deviation_per_kwh[rows],
        quality.window_h,
    )


def list_patterns(drawn: DrawnHomes) -> tuple[DrawnHomes, Index]:
    """Return a home of every pattern that is drawn, as its archetype lives, and the pattern of each home (n,)."""
    step = np.rint((drawn.set_offset_k + SET_K) / SET_STEP_K).astype(np.int64)
    pattern = SETS * drawn.archetype.astype(np.int64) + step
    found, row = np.unique(pattern, return_inverse=True)
    k = len(found)
    homes = DrawnHomes(
        (found // SETS).astype(np.int32),
        np.ones(k, np.float32),
        (SET_STEP_K * (found % SETS) - SET_K).astype(np.float32),
        np.zeros(k, np.int8),
    )
    return homes, row


def list_devices(owner: Index, rows: Index, patterns: int) -> tuple[Index, Index]:
    """Return the devices (d,) of homes and the home of each, given the owner of every device (e,) and that of homes (n,)."""
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(patterns + 1))
    count = first[rows + 1] - first[rows]
    start = np.cumsum(count) - count
    device = order[np.repeat(first[rows] - start, count) + np.arange(count.sum())]
    return device, np.repeat(np.arange(len(rows)), count)


def take_homes(homes: Homes, rows: Index) -> Homes:
    """Return some homes (k,) with their devices, in that order; a home may come more than once."""
    count = len(homes.home_id)
    return Homes(
        tuple(homes.home_id[row] for row in rows),
        homes.load_kw[rows],
        take_quality(homes.quality, rows),
        {kind: _take_owned(table, rows, count) for kind, table in homes.owned.items()},
    )


def _take_owned(table: Any, rows: Index, archetypes: int) -> Any:
    """Return the devices of homes (n,) given the archetype of each, home by home."""
    return take_devices(table, *list_devices(table.home, rows, archetypes))


def take_devices(table: Any, device: Index, home: Index) -> Any:
    """Return some devices (d,) of a table, and whose they are from now on."""
    length = len(table.home)
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


def at_hour(homes: Homes, hour: int) -> Homes:
    """Return the homes as a run that begins with an hour and ends with it has them, without their load.

    Times are counted from its start, and the mean stands for draws that are held for likely.
    """
    owned = {}
    for kind, table in homes.owned.items():
        cut = {}
        for column in find("device", kind).about.columns:
            values = getattr(table, column.name)
            if column.axes[:1] == (HOURLY,):
                cut[column.name] = values[:, hour : hour + 1]
            elif column.axes[:1] == (ANY,):
                cut[column.name] = values.mean(1, keepdims=True)
            elif column.name.endswith("_s"):
                cut[column.name] = values - HOUR_S * hour
        owned[kind] = replace(table, **cut) if cut else table
    return homes._replace(load_kw=np.zeros((len(homes.home_id), 1)), owned=owned)
