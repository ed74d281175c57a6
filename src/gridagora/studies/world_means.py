"""Means over worlds, with the interval of each and that of its difference from the first design in the same worlds."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.dataset as ds

from gridagora.studies.ranking import rank_by_mean
from gridagora.studies.risk.intervals import mean_interval
from gridagora.studies.risk.names import MeasureText, describe_metric

COLUMNS = [
    *("variation", "metric", "design", "mean", "low", "high"),
    *("against", "difference", "difference_low", "difference_high", "worlds", "mark"),
]
MOST_DIGITS = 4  # after the point
HEAD_WIDTH = 26  # of a heading, so that several columns stand side by side
MAIN = ("E1y", "E2", "E5b", "P1")  # what a terminal shows of an ensemble
# A ratio whose lower part may change its sign has no mean over worlds: it is the sum of the upper parts over that of the lower
# ones, which are differences of another metric from the first design.
RATIO_BY = {"E1o": "P5"}
BEST, TIED = "*", "~"  # better than every other design in the same worlds; best and not told apart
UNPAID = (
    "cost.homes",
    "cost.mean_home",
    "cost.worst_home",
)  # of bills as printed: what one does not pay, another does


def mean_values(path: Path, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the mean of every metric of every design over the worlds of a table, a metric at a time.

    Returns
    -------
    pandas.DataFrame
        A row for each variation, metric and design: mean, ends of its interval, the difference from the first
        design, `against`, in the same worlds, ends of its interval, the number of worlds, and `mark`: `*` of the one that is
        better than every other in the same worlds, `~` of the best and of those not told from it, unless no two are told apart.
    """
    source = ds.dataset(path)
    wanted = list(metrics) if metrics is not None else _metrics(source)
    frames = [
        _of_ratio(source, metric, RATIO_BY[metric])
        if metric in RATIO_BY
        else _of_metric(source, metric)
        for metric in wanted
    ]
    found = pd.concat(frames, ignore_index=True)
    return found.sort_values("variation", kind="stable", ignore_index=True)


def spell_means(means: pd.DataFrame, said: Mapping[str, Any]) -> pd.DataFrame:
    """Return means in words, `mean ±half width`, to two digits of the half width, with the mark of the best.

    `=` marks a tie with the first design.

    Parameters
    ----------
    means
        From `mean_values`.
    said
        What the manifest of the ensemble says of its metrics.

    Returns
    -------
    pandas.DataFrame
        A row for each variation, where there are several, and design, a column for each metric.
    """
    names = {name: _with_unit(describe_metric(name, said)) for name in dict.fromkeys(means.metric)}
    rows = {
        "variation": means.variation,
        "design": means.design,
        "metric": means.metric.map(names),
        "text": [_spell(row) for row in means.itertuples()],
    }
    wide = pd.DataFrame(rows).pivot(index=["variation", "design"], columns="metric", values="text")
    designs = dict.fromkeys(means.design)
    there = [key for key in product(means.variation.unique(), designs) if key in wide.index]
    index = pd.MultiIndex.from_tuples(there, names=["variation", "design"])
    found = wide.reindex(index)[list(names.values())].reset_index()
    return found if means.variation.nunique() > 1 else found.drop(columns="variation")


def _with_unit(said: MeasureText) -> str:
    """Return the heading of a column, on several lines where it is long."""
    whole = f"{said.name} [{said.unit}]" if said.unit not in ("", "1") else said.name
    return fill(whole, HEAD_WIDTH, break_long_words=False, break_on_hyphens=False)


def _spell(row: Any) -> str:
    half = (row.high - row.low) / 2
    if not np.isfinite(half):
        return f"{row.mean:,.4g}"
    digits = min(max(0, 1 - math.floor(math.log10(half))), MOST_DIGITS) if half > 0 else 2
    ties = row.design != row.against and row.difference_low <= 0 <= row.difference_high
    marks = "".join(f" {mark}" for mark in ("=" if ties else "", row.mark) if mark)
    return f"{row.mean:,.{digits}f} ±{half:,.{digits}f}{marks}"


def _marks(wide: pd.DataFrame, metric: str) -> dict[str, str]:
    """Return the mark of each design of a table of worlds; none of a metric without a better direction."""
    direction = describe_metric(metric).direction
    told = wide.dropna(axis=1, how="all")
    if direction not in {"up", "down"} or metric in UNPAID or len(told.columns) < 2:
        return {}
    found = rank_by_mean(told, 1.0 if direction == "up" else -1.0)
    if len(found.ties) == len(found.leads):
        return {}
    return (
        {found.best: TIED} | dict.fromkeys(found.ties, TIED) if found.ties else {found.best: BEST}
    )


def _metrics(source: ds.Dataset) -> list[str]:
    """Return the metrics of designs, in the order of the table."""
    names: dict[str, None] = {}
    for batch in source.to_batches(columns=["metric"], filter=pc.field("design") != ""):
        names |= dict.fromkeys(batch.column("metric").unique().to_pylist())
    return list(names)


def _by_variation(source: ds.Dataset, metric: str) -> list[tuple[int, list[str], pd.DataFrame]]:
    """Return the designs of each variation, and their values of a metric, a row a world and a column a design."""
    asked = (pc.field("metric") == metric) & (pc.field("design") != "")
    table = source.to_table(["seed", "variation", "design", "value"], filter=asked).to_pandas()
    return [
        (
            int(variation),
            list(dict.fromkeys(part.design)),
            part.pivot(index="seed", columns="design", values="value"),
        )
        for variation, part in table.groupby("variation", sort=True)
    ]


def _of_ratio(source: ds.Dataset, metric: str, lower: str) -> pd.DataFrame:
    """Return a ratio of every design over all worlds together, without an interval."""
    below = {variation: wide for variation, _, wide in _by_variation(source, lower)}
    rows = []
    for variation, designs, wide in _by_variation(source, metric):
        for design in designs:
            apart = below[variation][design] - below[variation][designs[0]]
            known = wide[design].notna() & apart.notna()
            upper, down = (wide[design] * apart)[known].sum(), apart[known].sum()
            value = upper / down if down else math.nan
            told = (math.nan,) * 5
            rows.append(
                (
                    variation,
                    metric,
                    design,
                    value,
                    *told[:2],
                    designs[0],
                    *told[2:],
                    int(known.sum()),
                    "",
                )
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_metric(source: ds.Dataset, metric: str) -> pd.DataFrame:
    rows = []
    for variation, designs, wide in _by_variation(source, metric):
        base = wide[designs[0]].to_numpy(np.float64)
        marks = _marks(wide, metric)
        for design in designs:
            own = wide[design].to_numpy(np.float64)
            known = np.isfinite(own)
            mean = mean_interval(own[known])
            apart = mean_interval((own - base)[known & np.isfinite(base)])
            told = int(known.sum()), marks.get(design, "")
            rows.append((variation, metric, design, *mean, designs[0], *apart, *told))
    return pd.DataFrame(rows, columns=COLUMNS)
