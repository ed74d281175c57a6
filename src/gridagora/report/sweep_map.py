"""What the map of a sweep shows: the two keys that decide most, the best design in each field, and where it changes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridagora.report.findings import plain

PANELS = 9  # maps beside each other; where more are needed, fields say how many of their points they stand for
PARTS = 4  # of a range of which every point has a value of its own
SAID = 6  # places where the best design changes that are put into words


class MapField(NamedTuple):
    """The best design at one place of a map, what ties with it, and at how many of the points there it is best."""

    column: int
    row: int
    best: str
    ties: tuple[str, ...]
    leads: int
    points: int


class MapPanel(NamedTuple):
    """A map for some values of the keys that are on neither axis, which the heading names."""

    heading: str
    fields: tuple[MapField, ...]


class SweepMap(NamedTuple):
    """Maps over every combination of the values of two keys; `up` is empty where one key alone is swept over.

    `designs` are those that a colour stands for: the best ones, and the first of those that tie with one.
    """

    across: str
    up: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    panels: tuple[MapPanel, ...]
    designs: tuple[str, ...]


class MapDot(NamedTuple):
    """The best design at one point, whose place is a share of the width and of the height."""

    x: float
    y: float
    best: str
    ties: tuple[str, ...]


class SweepScatter(NamedTuple):
    """Points of a Latin hypercube over two keys, each axis with its ticks by place and text."""

    across: str
    up: str
    ticks_across: tuple[tuple[float, str], ...]
    ticks_up: tuple[tuple[float, str], ...]
    dots: tuple[MapDot, ...]
    designs: tuple[str, ...]


def map_of(
    ranking: pd.DataFrame, points: pd.DataFrame, designs: Sequence[str]
) -> SweepMap | SweepScatter:
    """Return what the map of a sweep shows.

    Parameters
    ----------
    ranking
        As `studies.ranking.rank_designs` returns it.
    points
        A row for each variation, a column for each key, texts.
    designs
        Of the sweep, in their order.
    """
    own = ranking.set_index("variation").reindex(points.index)
    found, kept = points[own.best.notna()], own[own.best.notna()]
    chosen = keys_that_decide(kept.best, found)
    if is_grid(points):
        return _grid(points, kept, chosen, designs)
    return _scatter(found, kept, chosen, tuple(name for name in designs if name in set(kept.best)))


def is_grid(points: pd.DataFrame) -> bool:
    """Return whether points are every combination of the values of their keys, each once."""
    many = prod(points[key].nunique() for key in points.columns)
    return len(points) == many and not points.duplicated().any()


def keys_that_decide(best: pd.Series, points: pd.DataFrame) -> list[str]:
    """Return the two keys that tell most about the best design, or the only one, in the order in which they were swept over.

    How much a key tells is by how much the chance that two points have different best designs falls within one value of it, the
    Gini index; ranges of which every point has a value of its own are cut into parts of equal count.
    """
    told = {key: _impurity(best) - _within(best, points[key]) for key in points.columns}
    first = sorted(told, key=lambda key: -round(told[key], 12))[:2]
    return [key for key in points.columns if key in first]


def _impurity(best: pd.Series) -> float:
    share = best.value_counts(normalize=True).to_numpy(np.float64)
    return 1.0 - float((share**2).sum())


def _within(best: pd.Series, values: pd.Series) -> float:
    number = pd.to_numeric(values, errors="coerce")
    parts = values
    if not number.isna().any() and values.nunique() > len(values) // 2 > PARTS:
        parts = (number.rank(method="first") - 1) * PARTS // len(values)
    groups = [own for _, own in best.groupby(parts)]
    return sum(len(own) * _impurity(own) for own in groups) / max(len(best), 1)


def _grid(
    points: pd.DataFrame, kept: pd.DataFrame, chosen: Sequence[str], designs: Sequence[str]
) -> SweepMap:
    up, across = chosen if len(chosen) > 1 else ("", chosen[0])
    columns = tuple(dict.fromkeys(points[across]))
    rows = tuple(dict.fromkeys(points[up])) if up else ("",)
    others = [key for key in points.columns if key not in chosen]
    heads = list(product(*(dict.fromkeys(points[key]) for key in others)))
    apart = 1 < len(heads) <= PANELS
    panels = []
    for head in heads if apart else [()]:
        own = points.loc[kept.index]
        for key, value in zip(others, head, strict=False):
            own = own[own[key] == value]
        heading = ", ".join(f"{key} = {value}" for key, value in zip(others, head, strict=False))
        places: dict[tuple[int, int], list[int]] = {}
        for at in own.index:
            row = rows.index(own.at[at, up]) if up else 0
            places.setdefault((columns.index(own.at[at, across]), row), []).append(at)
        panels.append(
            MapPanel(heading, tuple(_field(place, kept.loc[at]) for place, at in places.items()))
        )
    fields = [field for panel in panels for field in panel.fields]
    seen = {name for field in fields for name in (field.best, *field.ties[:1])}
    named = tuple(name for name in designs if name in seen)
    return SweepMap(across, up, columns, rows, tuple(panels), named)


def _field(place: tuple[int, int], own: pd.DataFrame) -> MapField:
    """Return the field of some points: the design that is best at most of them, and all that tie with it at any."""
    best, leads = Counter(own.best).most_common(1)[0]
    ties = dict.fromkeys(name for text in own.ties[own.best == best] for name in _names(text))
    return MapField(*place, best, tuple(ties), leads, len(own))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(", ") if name)


def _scatter(
    found: pd.DataFrame, kept: pd.DataFrame, chosen: Sequence[str], designs: tuple[str, ...]
) -> SweepScatter:
    up, across = chosen if len(chosen) > 1 else ("", chosen[0])
    x, ticks_across = _axis(found[across])
    y, ticks_up = _axis(found[up]) if up else ([0.5] * len(found), ())
    named = zip(x, y, kept.best, kept.ties, strict=True)
    dots = tuple(MapDot(left, low, best, _names(ties)) for left, low, best, ties in named)
    return SweepScatter(across, up, ticks_across, ticks_up, dots, designs)


def _axis(values: pd.Series) -> tuple[list[float], tuple[tuple[float, str], ...]]:
    """Return the place of every value, a share of the axis, and the ticks: ends and middle of numbers, each of other values."""
    number = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    if np.isfinite(number).all() and np.ptp(number) > 0:
        low, span = float(number.min()), float(np.ptp(number))
        ticks = tuple((share, f"{low + share * span:.4g}") for share in (0.0, 0.5, 1.0))
        return [float(value - low) / span for value in number], ticks
    known = list(dict.fromkeys(values))
    places = {value: (row + 0.5) / len(known) for row, value in enumerate(known)}
    return [places[value] for value in values], tuple((at, str(v)) for v, at in places.items())


def changes(shown: SweepMap) -> list[str]:
    """Return in words between which neighbouring values the best design changes, and at how many of the lines across them."""
    steps: dict[tuple[str, int], list[bool]] = {}
    for panel in shown.panels:
        best = {(field.column, field.row): field.best for field in panel.fields}
        for (column, row), name in best.items():
            for axis, place in ((0, (column + 1, row)), (1, (column, row + 1))):
                if place in best:
                    key = shown.up if axis else shown.across
                    at = row if axis else column
                    steps.setdefault((key, at), []).append(best[place] != name)
    names: Mapping[str, tuple[str, ...]] = {shown.across: shown.columns, shown.up: shown.rows}
    return [
        f"{key} from {names[key][at]} to {names[key][at + 1]} (at {sum(differ)} of {len(differ)})"
        for (key, at), differ in sorted(steps.items(), key=lambda each: -sum(each[1]))
        if any(differ)
    ]


def alternative(shown: SweepMap | SweepScatter, metric: str) -> str:
    """Return what a map shows in words, for who cannot see it."""
    if isinstance(shown, SweepScatter):
        best = Counter(dot.best for dot in shown.dots)
        tied = sum(bool(dot.ties) for dot in shown.dots)
        many, told = len(shown.dots), ["Points of a Latin hypercube"]
    else:
        fields = [field for panel in shown.panels for field in panel.fields]
        best = Counter(field.best for field in fields)
        tied, many = sum(bool(field.ties) for field in fields), len(fields)
        maps = len(shown.panels)
        told = [f"{maps} maps" if maps > 1 else "Map"]
    axes = f"{shown.across} across" + (f" and {shown.up} upwards" if shown.up else "")
    told.append(f"of the best design by {metric}, with {axes}.")
    told.append(f"Of {many} {'points' if isinstance(shown, SweepScatter) else 'fields'},")
    told.append(", ".join(f"{count} {plain(name)}" for name, count in best.most_common()) + ";")
    told.append(f"ties at {tied}.")
    if isinstance(shown, SweepMap):
        told.append(words_of_changes(shown))
    return " ".join(told)


def words_of_changes(shown: SweepMap) -> str:
    """Return where the best design of a map changes, in a sentence."""
    found = changes(shown)
    if not found:
        return "The best design is the same in all fields."
    more = f", and {len(found) - SAID} more" if len(found) > SAID else ""
    return f"The best design changes along {'; '.join(found[:SAID])}{more}."
