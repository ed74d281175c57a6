"""Which design is best at each point of a sweep, and which others cannot be told from it in the worlds that were run."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.dataset as ds

from gridagora.core.errors import InputError, Problem, nearest
from gridagora.studies.risk.intervals import Estimate, mean_interval
from gridagora.studies.risk.names import describe_metric

TABLE = "ranking.parquet"
WELFARE = "E1"


def rank_designs(path: Path, metric: str = WELFARE) -> pd.DataFrame:
    """Return the best design of every variation of a table of worlds, by its mean over worlds.

    Two designs tie where the 95 % interval of their difference in the same worlds holds zero.

    Returns
    -------
    pandas.DataFrame
        A row for each variation: `best`, its `mean`, `ties` (names, or nothing), `runner_up`, by how much the best is better
        than it, `lead`, with `lead_low` and `lead_high` [unit of the metric], and the number of worlds.

    Raises
    ------
    InputError
        A metric that the table does not hold, or one that is better in no direction.
    """
    source = ds.dataset(path)
    direction = describe_metric(metric).direction
    asked = (pc.field("metric") == metric) & (pc.field("design") != "")
    table = source.to_table(["seed", "variation", "design", "value"], filter=asked).to_pandas()
    if table.empty or table.value.isna().all():
        known = source.to_table(["metric"]).column("metric").unique().to_pylist()
        hint = "No design has a figure of it in these worlds; name another."
        if metric not in known:
            hint = nearest(metric, [name for name in known if not name.startswith("driver.")])
        raise InputError([Problem("--metric", f"'{metric}'", "a metric with figures", hint)])
    if direction not in {"up", "down"}:
        expected = "a metric that is better the higher, or the lower, it is"
        raise InputError([Problem("--metric", f"'{metric}'", expected)])
    sign = 1.0 if direction == "up" else -1.0
    rows = [
        _ranked(int(variation), part, sign)
        for variation, part in table.groupby("variation", sort=True)
    ]
    columns = ["variation", "best", "mean", "ties", "runner_up", "lead", "lead_low", "lead_high"]
    return pd.DataFrame(rows, columns=[*columns, "worlds"])


class Ranked(NamedTuple):
    """The best design by its mean over worlds; `leads` say by how much it is better than each other, the next best first."""

    best: str
    leads: Mapping[str, Estimate]

    @property
    def ties(self) -> list[str]:
        """The designs that cannot be told from the best: the interval of their difference holds zero."""
        return [name for name, lead in self.leads.items() if not lead.low > 0.0]


def rank_by_mean(wide: pd.DataFrame, sign: float) -> Ranked:
    """Return the best of designs, columns of a table of worlds, and its lead over the others in the same worlds.

    `sign` is 1 where more is better, else -1. Every design has a figure in one world at least.
    """
    means = (sign * wide.mean()).sort_values(ascending=False, kind="stable")
    best = str(means.index[0])
    leads = {
        str(name): mean_interval((sign * (wide[best] - wide[name])).dropna().to_numpy(np.float64))
        for name in means.index[1:]
    }
    return Ranked(best, leads)


def _ranked(variation: int, part: pd.DataFrame, sign: float) -> tuple[object, ...]:
    wide = part.pivot(index="seed", columns="design", values="value").dropna(axis=1, how="all")
    found = rank_by_mean(wide, sign)
    runner_up = next(iter(found.leads), "")
    lead = found.leads[runner_up] if runner_up else (np.nan, np.nan, np.nan)
    mean = float(wide[found.best].mean())
    return (variation, found.best, mean, ", ".join(found.ties), runner_up, *lead, len(wide))


def write_ranking(folder: Path, ranking: pd.DataFrame) -> None:
    """Write the ranking beside the tables that it was made of, whole."""
    draft = folder / f"{TABLE}.part"
    ranking.to_parquet(draft, index=False)
    draft.replace(folder / TABLE)
