"""The table of how much of their ratings lines and transformers carried, a row a branch and design."""

import numpy as np
import pandas as pd

from gridagora.core.feeder import LINE, TRANSFORMER
from gridagora.core.tables import Flag
from gridagora.results.outcome import Outcome
from gridagora.scenario.build import Scene

COLUMNS = (
    "architecture",
    "name",
    "kind",
    "from_bus",
    "to_bus",
    "rating_a",
    "rating_kva",
    "loading_max_share",
    "loading_at_peak_share",
    "over_rating_h",
)

SERIES_COLUMNS = ("architecture", "name", "kind", "start_s", "loading_share")


def loading_rows(scene: Scene, o: Outcome) -> pd.DataFrame:
    """Return loading by line and transformer; no row where no power flow was solved, or nothing has a rating.

    `loading_max_share` is the largest of the run, `loading_at_peak_share` that of the interval of the largest power at the
    source, both of the rating [1]; `over_rating_h` the time above it [h].
    """
    found = None if o.network is None else o.network.loading
    if found is None:
        return pd.DataFrame({name: [] for name in COLUMNS})
    buses = (*scene.feeder.buses.name, "")
    kind = np.array(found.kind)
    return pd.DataFrame(
        {
            "architecture": o.name,
            "name": list(found.name),
            "kind": list(found.kind),
            "from_bus": [buses[at] for at in found.from_bus],
            "to_bus": [buses[at] for at in found.to_bus],
            "rating_a": _where(kind == LINE, found.rating),
            "rating_kva": _where(kind == TRANSFORMER, found.rating),
            "loading_max_share": found.most_share,
            "loading_at_peak_share": found.at_peak_share,
            "over_rating_h": found.over_steps * o.dt_h,
        },
        columns=list(COLUMNS),
    )


def loading_series_rows(_: Scene, o: Outcome) -> pd.DataFrame:
    """Return loading over time of the most loaded lines and transformers, a row a branch and slot of some intervals.

    `loading_share` is the largest of the slot, of the rating [1]; nan where no power flow of it converged.
    """
    found = None if o.network is None or o.network.loading is None else o.network.loading
    if found is None or found.series is None:
        return pd.DataFrame({name: [] for name in SERIES_COLUMNS})
    series = found.series
    slots = len(series.first_steps)
    return pd.DataFrame(
        {
            "architecture": o.name,
            "name": np.repeat([found.name[row] for row in series.branch], slots),
            "kind": np.repeat([found.kind[row] for row in series.branch], slots),
            "start_s": np.tile(o.start_s[series.first_steps], len(series.branch)),
            "loading_share": series.share.ravel(),
        },
        columns=list(SERIES_COLUMNS),
    )


def _where(held: Flag, values: np.ndarray) -> np.ndarray:
    """Return values (k,) [any unit] where they are held, else nan."""
    return np.where(held, values, np.nan)
