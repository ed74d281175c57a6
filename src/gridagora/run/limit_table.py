"""The table of the limits that designs posted to homes, a row a home and design."""

import pandas as pd

from gridagora.results.outcome import Outcome
from gridagora.scenario.build import Scene

NAMES = ("limited_h", "limit_mean_kw", "limit_min_kw", "closed_h")  # as `PostedSide` has them
SIDES = tuple(f"{side}_{name}" for side in ("import", "export") for name in NAMES)
COLUMNS = ("architecture", "home_id", *SIDES, "beyond_kwh")


def limit_rows(scene: Scene, o: Outcome) -> pd.DataFrame:
    """Return limits by home; no row of a design that posts none.

    Of import and of export: `limited_h` hours with a limit [h], `limit_mean_kw` and `limit_min_kw` over these [kW], `closed_h`
    those of them with a limit of nothing [h]; `beyond_kwh` is the energy beyond either limit [kWh].
    """
    if o.posted is None:
        return pd.DataFrame({name: [] for name in COLUMNS})
    sides = dict(zip(SIDES, (*o.posted.imports, *o.posted.exports), strict=True))
    homes = {"architecture": o.name, "home_id": list(scene.homes.home_id)}
    return pd.DataFrame(homes | sides | {"beyond_kwh": o.posted.beyond_kwh}, columns=list(COLUMNS))
