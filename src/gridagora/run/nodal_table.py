"""The table of nodal prices: the mean of every part of the price at each home in each hour."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridagora.results.nodal_series import NodalSeries
from gridagora.results.outcome import Outcome
from gridagora.run.home_tables import HOUR_S, Names, long_columns

TABLE = "nodal_prices"


def nodal_tables(home_id: Sequence[str], outcomes: Sequence[Outcome]) -> dict[str, pd.DataFrame]:
    """Return the table `nodal_prices` of the designs that kept such, a row a home and hour; no table where none did.

    A price is the sum of its parts: energy, the same everywhere, and loss, congestion and voltage where the home stands [$/kWh],
    those of reactive power without energy, which costs nothing at the substation [$/kvarh].
    """
    names = np.array(list(home_id))
    made = [
        _rows(names, o, o.network.nodal)
        for o in outcomes
        if o.network is not None and o.network.nodal is not None
    ]
    return {TABLE: pd.concat(made, ignore_index=True)} if made else {}


def _rows(names: Names, o: Outcome, nodal: NodalSeries) -> pd.DataFrame:
    hours = o.start_s[0] + HOUR_S * np.arange(len(nodal.energy_per_kwh))
    columns = {"energy_per_kwh": np.tile(nodal.energy_per_kwh, len(names))}
    columns |= {name: np.asarray(getattr(nodal, name)).ravel() for name in nodal._fields[1:]}
    return pd.DataFrame(long_columns(names, o, hours) | columns)
