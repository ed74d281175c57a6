"""What a scenario asks to keep of each home by interval: temperature of the air, power of its devices."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gridagora.core.tables import Col
from gridagora.results.outcome import Outcome
from gridagora.run.home_tables import Names, long_columns
from gridagora.run.record import HOME, power_of
from gridagora.run.state import FinishedRun

TEMPERATURE, DEVICE_POWER = (
    "temperature",
    "device_power",
)  # words of `[results] keep`, and names of tables
AIR = "t_air_degc"


def kept_series(ran: FinishedRun, keep: Sequence[str]) -> dict[str, Mapping[str, Col]]:
    """Return the columns of every table kept, (n, t) [unit of its name]; nan where a home lacks what a column tells of."""
    found: dict[str, Mapping[str, Col]] = {}
    if TEMPERATURE in keep:
        found[TEMPERATURE] = {AIR: _air_degc(ran)}
    if DEVICE_POWER in keep:
        power = [
            (group.about, ran.track.recorder.column(power_of(group.about.kind)))
            for group in ran.lived
        ]
        found[DEVICE_POWER] = {
            power_of(about.kind): 0.0 - np.asarray(kw) if about.is_generation else np.array(kw)
            for about, kw in power
        }
    return found


def _air_degc(ran: FinishedRun) -> Col:
    """Return the air temperature of every home, shape (n, t) [degC]."""
    air = np.full((ran.track.device_kw.shape[1], len(ran.track.recorder.column(HOME))), np.nan)
    for group in ran.lived:
        if AIR in group.about.series:
            air[:, group.home] = np.asarray(ran.track.recorder.column(AIR)).T
    return air.T


def series_tables(home_id: Sequence[str], outcomes: Sequence[Outcome]) -> dict[str, pd.DataFrame]:
    """Return the kept tables of all designs, with a row for each home and interval, the times of a home one after the other."""
    names = np.array(list(home_id))
    tables = dict.fromkeys(name for o in outcomes for name in o.kept)
    return {
        name: pd.concat(
            [_rows(names, o, o.kept[name]) for o in outcomes if name in o.kept], ignore_index=True
        )
        for name in tables
    }


def _rows(names: Names, o: Outcome, columns: Mapping[str, Col]) -> pd.DataFrame:
    return pd.DataFrame(
        long_columns(names, o, o.start_s)
        | {name: column.ravel() for name, column in columns.items()}
    )
