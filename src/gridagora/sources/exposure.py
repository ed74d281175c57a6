"""Wind and infrared radiation of the sky over the hours of a weather series, from the EPW file that it comes from."""

from pathlib import Path

import numpy as np
import pandas as pd

from gridagora.core.tables import Weather
from gridagora.population.outdoors import Exposure

HEAD = 8  # lines
AIR, LONGWAVE, WIND = 6, 12, 21  # columns
MISSING_W_M2, MISSING_M_S = 9999.0, 99.0
SAME_K = 0.1
SAME_SHARE = 0.99


def exposure(path: Path, year: Weather) -> Exposure | None:
    """Return wind and sky radiation of an EPW file, None where it is absent, of other hours, or without figures.

    Its air temperature tells whether the hours are those of `year`: 99 % of them must be the same.

    References
    ----------
    EnergyPlus Auxiliary Programs, "EnergyPlus Weather File (EPW) Data Dictionary", fields N6, N12 and N21.
    """
    if not path.is_file():
        return None
    rows = pd.read_csv(path, skiprows=HEAD, header=None, encoding="latin-1", skip_blank_lines=True)
    if len(rows) != len(year.t_out_degc) or rows.shape[1] <= WIND:
        return None
    columns = (
        pd.to_numeric(rows[at], errors="coerce").to_numpy(float) for at in (AIR, WIND, LONGWAVE)
    )
    air, wind, longwave = columns
    same = np.abs(air - year.t_out_degc) <= SAME_K
    whole = bool((wind < MISSING_M_S).all() and ((longwave > 0) & (longwave < MISSING_W_M2)).all())
    return Exposure(wind, longwave) if whole and same.mean() >= SAME_SHARE else None
