"""A sketch of a scene for a terminal: series of the run as rows of blocks, the map of the feeder in dots."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from gridagora.core.feeder import Feeder, source_bus
from gridagora.core.tables import Col, Flag, Index
from gridagora.grid.layers import layers
from gridagora.report.scene_view import map_of, series_of
from gridagora.scenario.build import Scene

BLOCKS, PLAIN = "▁▂▃▄▅▆▇█", ".:-=+*#@"
WIDE = 56  # columns of a row of blocks
COLUMNS, ROWS_MOST = 56, 16  # of the map
DOT = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # of a Braille cell
EMPTY = 0x2800
HOME, HEAD = "o", "S"
LISTED = 8  # transformers told one by one
POINTS_MOST = 64  # of a drawn branch


def sketch_scene(scene: Scene, *, plain: bool = False) -> list[str]:
    """Return the series of a scene and the map of its feeder, a line of text each.

    Parameters
    ----------
    plain
        Whether to use letters of ASCII alone.
    """
    lines = [*_series_lines(scene, plain=plain), ""]
    return lines + sketch_feeder(scene.feeder, scene.home_meter, plain=plain)


def sketch_feeder(
    feeder: Feeder, home_meter: Index | None = None, *, plain: bool = False
) -> list[str]:
    """Return the map of a feeder in dots, or its transformers with their meters where it has no coordinates.

    Parameters
    ----------
    home_meter
        Meter of each home, shape (n,); left out: every meter that may be a home.
    plain
        Whether to use letters of ASCII alone.
    """
    meters = np.flatnonzero(feeder.meters.is_home) if home_meter is None else home_meter
    if len(feeder.buses.name) < 2:
        return []
    at = map_of(feeder)
    if not at.is_map or plain:
        return _transformer_lines(feeder, meters)
    homes = feeder.meters.bus[meters]
    lines = _map_lines(at.x, at.y, (at.from_bus, at.to_bus), homes, source_bus(feeder))
    return [*lines, f"map: {HOME} home, {HEAD} substation, dots lines"]


def _series_lines(scene: Scene, *, plain: bool) -> list[str]:
    marks = PLAIN if plain else BLOCKS
    found = series_of(scene)
    wide = max(len(f"{each.label} [{each.unit}]") for each in found)
    columns = _columns(scene.days)
    lines = [f"{'':{wide}}  {_day_marks(scene, columns)}"]
    for each in found:
        drawn = _blocks(each.values, columns, marks)
        low, high = float(each.values.min()), float(each.values.max())
        named = f"{each.label} [{each.unit}]"
        lines.append(f"{named:{wide}}  {drawn}  {_short(low)} to {_short(high)}")
    return lines


def _columns(days: int) -> int:
    """Return into how many columns a run goes: a whole part of a day each, or so many as there is room for."""
    for each in (48, 24, 12, 8, 6, 4, 3, 2, 1):
        if each * days <= WIDE:
            return each * days
    return WIDE


def _blocks(values: Col, columns: int, marks: str) -> str:
    """Return a series as blocks, from its lowest to its highest value; means where columns are wider than an hour."""
    edges = np.linspace(0, values.size, columns + 1)
    first = np.minimum(edges[:-1].astype(np.int64), values.size - 1)
    count = np.maximum(np.diff(np.append(first, values.size)), 1)
    mean = np.add.reduceat(values, first) / count if columns < values.size else values[first]
    low, high = float(values.min()), float(values.max())
    level = (mean - low) / (high - low) if high > low else np.zeros_like(mean)
    top = len(marks) - 1
    return "".join(marks[at] for at in np.rint(level * top).astype(np.int64).clip(0, top))


def _day_marks(scene: Scene, columns: int) -> str:
    """Return the first letters of the days above their columns; nothing where a day has fewer than three."""
    wide = columns // scene.days
    if wide < 3 or columns % scene.days:
        return f"{scene.days} days"
    start = np.datetime64(scene.scenario.scenario.start)
    days = [(start + day).item() for day in range(scene.days)]
    return "".join(f"{day:%a %d}"[: wide - 1].ljust(wide) for day in days).rstrip()


def _short(value: float) -> str:
    """Return a number with three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _map_lines(x: Col, y: Col, ends: tuple[Index, Index], homes: Index, head: int) -> Sequence[str]:
    """Return a map in Braille: branches as dots, cells with a home or the substation as letters."""
    span = max(float(np.ptp(x)) / (2 * COLUMNS - 1), float(np.ptp(y)) / (4 * ROWS_MOST - 1))
    right, down = (x - x.min()) / span, (y.max() - y) / span
    rows = int(down.max()) // 4 + 1
    start, end = ends
    share = np.linspace(0.0, 1.0, POINTS_MOST)
    dots_x, dots_y = (
        np.rint(each[start, None] * (1 - share) + each[end, None] * share).astype(np.int64)
        for each in (right, down)
    )
    lit: Flag = np.zeros((4 * rows, 2 * COLUMNS), np.bool_)
    lit[dots_y.clip(0, 4 * rows - 1), dots_x.clip(0, 2 * COLUMNS - 1)] = True
    cells = (lit.reshape(rows, 4, COLUMNS, 2) * DOT[None, :, None, :]).sum((1, 3)) + EMPTY
    letters = np.array([[chr(cell) for cell in row] for row in cells])
    for buses, letter in ((homes, HOME), (np.array([head]), HEAD)):
        at_x, at_y = (np.rint(each[buses]).astype(np.int64) for each in (right, down))
        letters[(at_y // 4).clip(0, rows - 1), (at_x // 2).clip(0, COLUMNS - 1)] = letter
    return ["".join(row).replace(chr(EMPTY), " ").rstrip() for row in letters]


def _transformer_lines(feeder: Feeder, meters: Index) -> list[str]:
    """Return the transformers that feed most homes, each with how many; the rest is counted."""
    found = layers(feeder)
    homes = Counter(found.meter_place[meters].tolist())
    fed = sorted(homes, key=lambda place: -homes[place])
    lines = [f"substation: {len(fed)} places that feed homes, {len(meters)} homes"]
    for place in fed[:LISTED]:
        kva = float(found.rating_kva[place])
        rated = f", {kva:,.0f} kVA" if np.isfinite(kva) else ""
        lines.append(f"  {found.tree.name[place]}{rated}: {homes[place]} homes")
    if len(fed) > LISTED:
        rest = sum(homes[place] for place in fed[LISTED:])
        lines.append(f"  {len(fed) - LISTED} others: {rest} homes")
    return lines
