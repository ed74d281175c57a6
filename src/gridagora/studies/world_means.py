"""Means over worlds, with the interval of each and that of its difference from the first design in the same worlds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.dataset as ds

from gridagora.studies.risk.intervals import mean_interval

MAIN = ("E1", "E2", "cost.mean_home", "P1")  # what a terminal shows of an ensemble


def mean_values(path: Path, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the mean of every metric of every design over the worlds of a table, a metric at a time.

    Returns
    -------
    pandas.DataFrame
        A row for each variation, metric and design: mean, ends of its interval, the difference from the first
        design, `against`, in the same worlds, ends of its interval, and the number of worlds.
    """
    source = ds.dataset(path)
    wanted = list(metrics) if metrics is not None else _metrics(source)
    frames = [_of_metric(source, metric) for metric in wanted]
    found = pd.concat(frames, ignore_index=True)
    return found.sort_values("variation", kind="stable", ignore_index=True)


def _metrics(source: ds.Dataset) -> list[str]:
    """Return the metrics of designs, in the order of the table."""
    names: dict[str, None] = {}
    for batch in source.to_batches(columns=["metric"], filter=pc.field("design") != ""):
        names |= dict.fromkeys(batch.column("metric").unique().to_pylist())
    return list(names)


def _of_metric(source: ds.Dataset, metric: str) -> pd.DataFrame:
    asked = (pc.field("metric") == metric) & (pc.field("design") != "")
    table = source.to_table(["seed", "variation", "design", "value"], filter=asked).to_pandas()
    rows = []
    for variation, part in table.groupby("variation", sort=True):
        wide = part.pivot(index="seed", columns="design", values="value")
        designs = list(dict.fromkeys(part.design))
        base = wide[designs[0]].to_numpy(np.float64)
        for design in designs:
            own = wide[design].to_numpy(np.float64)
            known = np.isfinite(own)
            mean = mean_interval(own[known])
            apart = mean_interval((own - base)[known & np.isfinite(base)])
            rows.append((variation, metric, design, *mean, designs[0], *apart, int(known.sum())))
    columns = ["variation", "metric", "design", "mean", "low", "high"]
    columns += ["against", "difference", "difference_low", "difference_high", "worlds"]
    return pd.DataFrame(rows, columns=columns)
