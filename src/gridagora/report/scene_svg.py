"""Small drawings of a scene as SVG: one series over the days of the run, and the map of the feeder with its homes."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape

import numpy as np

from gridagora.core.tables import Col, Index
from gridagora.report.scene_view import DAY_H, HourCurve, MapOfFeeder

WIDE, HIGH = 560, 168
LEFT, RIGHT, TOP, BELOW = 56, 8, 10, 26
MAP_WIDE, MAP_HIGH_MOST, EDGE = 1080, 640, 14
POINTS_MOST = 1120  # of a line: two a pixel
DAYS_NAMED = 10
TICKS = (1.0, 2.0, 2.5, 5.0, 10.0)


def draw_series(series: HourCurve, start: date, name: str) -> str:
    """Return the drawing of one series over the days of a run.

    Parameters
    ----------
    start
        First day.
    name
        Of the drawing, the only one of a page that has it.
    """
    values = _thinned(series.values)
    low, high, step = _axis(series.values)
    x = LEFT + (WIDE - LEFT - RIGHT) * (np.arange(values.size) + 0.5) / values.size
    y = TOP + (HIGH - TOP - BELOW) * (high - values) / (high - low)
    path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
    body = [*_levels(low, high, step), *_days(start, series.values.size // DAY_H)]
    body.append(
        f'<path d="{path}" fill="none" stroke="{series.colour}" stroke-width="1.6" stroke-linejoin="round"/>'
    )
    told = f"{series.values.min():.3g} to {series.values.max():.3g} {series.unit}, mean {series.values.mean():.3g}"
    return _drawing(name, (WIDE, HIGH), f"{series.label} [{series.unit}]", told, "".join(body))


def draw_map(
    at: MapOfFeeder,
    homes: Index,
    kinds: Sequence[str],
    tones: Mapping[str, str],
    head: int,
) -> str:
    """Return the map of a feeder: its branches, its transformers, and each home in the colour of its kind.

    Parameters
    ----------
    homes
        Bus of each home, shape (n,).
    kinds
        Kind of each home, (n,).
    tones
        Colour of each kind.
    head
        Bus of the substation.
    """
    x, y, high = _fit(at.x, at.y, is_map=at.is_map)
    pairs = list(zip(at.from_bus.tolist(), at.to_bus.tolist(), at.is_transformer, strict=True))
    lines = "".join(f"M{x[a]:.1f} {y[a]:.1f}L{x[b]:.1f} {y[b]:.1f}" for a, b, _ in pairs)
    steps = "".join(
        f'<rect x="{x[b] - 2:.1f}" y="{y[b] - 2:.1f}" width="4" height="4"/>'
        for _, b, is_step in pairs
        if is_step
    )
    turn = 2.4 * np.arange(len(homes))  # homes of one bus stand around it
    many = np.bincount(homes, minlength=len(x))[homes]
    off = np.where(many > 1, 4.0, 0.0)
    dots = "".join(
        f'<circle cx="{x[bus] + dx:.1f}" cy="{y[bus] + dy:.1f}" r="3.4" fill="{tones[kind]}"/>'
        for bus, kind, dx, dy in zip(
            homes.tolist(), kinds, off * np.cos(turn), off * np.sin(turn), strict=True
        )
    )
    source = f'<path d="M{x[head] - 7:.1f} {y[head] + 6:.1f}h14l-7 -13z" fill="currentColor"/>'
    body = (
        f'<path d="{lines}" fill="none" stroke="currentColor" stroke-opacity=".45" stroke-width="1.2"/>'
        f'<g fill="currentColor" fill-opacity=".6">{steps}</g>{dots}{source}'
    )
    counts = ", ".join(f"{sum(each == kind for each in kinds)} {kind}" for kind in tones)
    told = f"{len(x)} buses, {len(homes)} homes: {counts}"
    return _drawing("map", (MAP_WIDE, high), "Map of the feeder", told, body)


def _drawing(name: str, size: tuple[int, int], title: str, told: str, body: str) -> str:
    wide, high = size
    return (
        f'<svg viewBox="0 0 {wide} {high}" role="img" aria-labelledby="{name}-title {name}-told" font-size="12" '
        f'fill="currentColor"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-told">{escape(told)}</desc>{body}</svg>'
    )


def _thinned(values: Col) -> Col:
    """Return means of so many neighbours that a line has no more points than it can show."""
    each = -(-values.size // POINTS_MOST)
    first = np.arange(0, values.size, each)
    count = np.diff(np.append(first, values.size))
    return np.asarray(np.add.reduceat(values, first) / count)


def _axis(values: Col) -> tuple[float, float, float]:
    """Return the ends of an axis and the step of its ticks: round numbers, zero among them where it is near."""
    low, high = float(values.min()), float(values.max())
    if low > 0 and low < 0.5 * high:
        low = 0.0
    spread = (high - low) or abs(high) or 1.0
    power = 10.0 ** np.floor(np.log10(spread / 3))
    step = float(power * next(each for each in TICKS if each * power >= spread / 3))
    low, high = float(np.floor(low / step)) * step, float(np.ceil(high / step)) * step
    return low, high if high > low else low + step, step


def _levels(low: float, high: float, step: float) -> list[str]:
    found = []
    for at in range(round((high - low) / step) + 1):
        value = low + at * step
        y = TOP + (HIGH - TOP - BELOW) * (high - value) / (high - low)
        found.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDE - RIGHT}" stroke="currentColor" stroke-opacity=".16"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.6g}</text>'
        )
    return found


def _days(start: date, days: int) -> list[str]:
    found = []
    every = -(-days // DAYS_NAMED)
    for day in range(0, days, every):
        x = LEFT + (WIDE - LEFT - RIGHT) * day / days
        said = (
            f"{start + timedelta(days=day):%a %d %b}"
            if days < 6
            else f"{start + timedelta(days=day):%d %b}"
        )
        found.append(
            f'<path d="M{x:.1f} {TOP}V{HIGH - BELOW}" stroke="currentColor" stroke-opacity=".10"/>'
            f'<text x="{x + 2:.1f}" y="{HIGH - 8}">{said}</text>'
        )
    return found


def _fit(x: Col, y: Col, *, is_map: bool) -> tuple[Col, Col, int]:
    """Return places in pixels and the height of the drawing; a tree fills its frame, a map keeps its shape."""
    wide, high = float(np.ptp(x)) or 1.0, float(np.ptp(y)) or 1.0
    room = MAP_WIDE - 2 * EDGE
    if is_map:
        scale = min(room / wide, (MAP_HIGH_MOST - 2 * EDGE) / high)
        across, tall = scale, scale
    else:
        across, tall = room / wide, min(18.0, (MAP_HIGH_MOST - 2 * EDGE) / high)
    left = EDGE + (room - across * wide) / 2
    size = round(2 * EDGE + tall * high)
    return left + across * (x - x.min()), EDGE + tall * (y.max() - y), size
