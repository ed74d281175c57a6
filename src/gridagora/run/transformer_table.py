"""The table of how fast transformers aged, a row a transformer and design."""

import pandas as pd

from gridagora.results.outcome import Outcome
from gridagora.scenario.build import Scene

COLUMNS = (
    "architecture",
    "name",
    "from_bus",
    "to_bus",
    "rating_kva",
    "ageing_ratio",
    "life_lost_share",
    "hot_spot_max_degc",
)


def transformer_rows(scene: Scene, o: Outcome) -> pd.DataFrame:
    """Return ageing by transformer; no row where no power flow was solved, or none has a rating.

    `ageing_ratio` is hours of life that an hour takes in the mean of the run, `life_lost_share` the part of the life of its
    insulation that the run took, both [1]; `hot_spot_max_degc` the highest temperature of its hottest spot [degC].
    """
    found = None if o.network is None else o.network.ageing
    if found is None:
        return pd.DataFrame({name: [] for name in COLUMNS})
    buses = (*scene.feeder.buses.name, "")
    return pd.DataFrame(
        {
            "architecture": o.name,
            "name": list(found.name),
            "from_bus": [buses[at] for at in found.from_bus],
            "to_bus": [buses[at] for at in found.to_bus],
            "rating_kva": found.rating_kva,
            "ageing_ratio": found.ageing_ratio,
            "life_lost_share": found.life_lost_share,
            "hot_spot_max_degc": found.hot_spot_c,
        },
        columns=list(COLUMNS),
    )
