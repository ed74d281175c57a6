"""Homes of several runs as one table, the homes of each run after those of the run before."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.tables import Homes, Quality
from gridagora.population.quality import per_home


def join_homes(parts: Sequence[Homes]) -> Homes:
    """Return the homes of several tables as one; names may repeat.

    Raises
    ------
    PartError
        Tables of another length in hours, or of a kind of device whose columns cannot follow each other.
    """
    if len(parts) == 1:
        return parts[0]
    hours = {part.load_kw.shape[1] for part in parts}
    if len(hours) > 1:
        raise PartError(
            f"homes of several runs: they last {sorted(hours)} hours, expected one length"
        )
    kinds = dict.fromkeys(kind for part in parts for kind in part.owned)
    return Homes(
        tuple(name for part in parts for name in part.home_id),
        np.concatenate([part.load_kw for part in parts]),
        _join_quality(parts),
        {kind: _join_tables(kind, parts) for kind in kinds},
    )


def _join_quality(parts: Sequence[Homes]) -> Quality:
    whole = [per_home(part.quality, len(part.home_id)) for part in parts]
    windows = {each.window_h for each in whole}
    if len(windows) > 1:
        raise PartError(
            f"homes of several runs: deviation is the mean over {sorted(windows)} hours, expected one"
        )
    slider, tier, ratio, deviation = (
        np.concatenate([np.asarray(each[column]) for each in whole]) for column in range(4)
    )
    return Quality(slider, tier, ratio, deviation, whole[0].window_h)


def _join_tables(kind: str, parts: Sequence[Homes]) -> Any:
    """Return the tables of one kind as one, rows in the order of the parts; homes are counted on."""
    first = np.cumsum([0, *(len(part.home_id) for part in parts)])
    tables = [
        (part.owned[kind], before)
        for part, before in zip(parts, first[:-1], strict=True)
        if kind in part.owned
    ]
    columns: dict[str, Any] = {}
    for field in fields(tables[0][0]):
        name = field.name
        values = [getattr(table, name) for table, _ in tables]
        if name == "home":
            values = [home + before for home, (_, before) in zip(values, tables, strict=True)]
        columns[name] = _join_column(f"{kind}.{name}", values)
    return type(tables[0][0])(**columns)


def _join_column(where: str, values: Sequence[Any]) -> Any:
    """Return arrays one after the other; anything else must be the same in all."""
    if all(isinstance(each, np.ndarray) and each.ndim for each in values):
        shapes = {each.shape[1:] for each in values}
        if len(shapes) > 1:
            raise PartError(
                f"{where} of several runs: rows of shapes {sorted(shapes)}, expected one"
            )
        return np.concatenate(values)
    if any(isinstance(each, np.ndarray) or each != values[0] for each in values):
        raise PartError(f"{where} of several runs: different values, expected one for all")
    return values[0]
