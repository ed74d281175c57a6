"""The table of the limits that designs posted to homes, a row a home and design."""

import pandas as pd

from gridagora.results.outcome import Outcome
from gridagora.scenario.build import Scene

SIDES = ("import", "export")
COLUMNS = (
    "architecture",
    "home_id",
    *(
        f"{side}_{name}"
        for side in SIDES
        for name in ("limited_h", "limit_mean_kw", "limit_min_kw", "closed_h")
    ),
    "beyond_kwh",
)


def limit_rows(scene: Scene, o: Outcome) -> pd.DataFrame:
    """Return limits by home; no row of a design that posts none.

    Of import and of export: `limited_h` hours with a limit [h], `limit_mean_kw` and `limit_min_kw` over these [kW], `closed_h`
    those of them with a limit of nothing [h]; `beyond_kwh` is the energy beyond either limit [kWh].
    """
    if o.posted is None:
        return pd.DataFrame({name: [] for name in COLUMNS})
    columns = {
        f"{side}_{name}": values
        for side, of in zip(SIDES, (o.posted.imports, o.posted.exports), strict=True)
        for name, values in zip(
            ("limited_h", "limit_mean_kw", "limit_min_kw", "closed_h"), of, strict=True
        )
    }
    told = {"architecture": o.name, "home_id": list(scene.homes.home_id)}
    return pd.DataFrame(
        {**told, **columns, "beyond_kwh": o.posted.beyond_kwh}, columns=list(COLUMNS)
    )
