"""Charging sessions of electric vehicles: NREL EVI-Pro simulations and the EV WATTS record of Texas cars."""

from pathlib import Path

import numpy as np
import pandas as pd

from gridagora.core.charging import Sessions
from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register

MINUTE_S, DAY_S = 60, 86400
SHOWN = 20
EVIPRO = ("start_time", "duration", "total_charge", "avg_power_kw")
EVWATTS = ("vehicle_id", "start_datetime", "stop_datetime")
SLACK_KWH = 1e-6
EARLY = "The car departs too early."
HINT = "Set GRIDAGORA_DATA to the data folder."


@register("source", "evipro")
def evipro(path: Path) -> Sessions:
    """Read simulated home level-2 sessions of NREL EVI-Pro: plug-in minute of the day, minutes plugged in, energy taken.

    Parameters
    ----------
    path
        Parquet or csv with `start_time`, `duration` [min], `total_charge` [kWh] and `avg_power_kw`.

    Raises
    ------
    InputError
        Absent columns, empty figures, and every session that asks for more energy than its charger gives before departure.

    References
    ----------
    E. Wood et al., Electric Vehicle Infrastructure Projection Tool (EVI-Pro), NREL/PR-5400-70831, 2018.
    """
    table = _read(path, EVIPRO)
    hours = table["duration"].to_numpy(float) / 60.0
    most = table["avg_power_kw"].to_numpy(float) * hours
    need = table["total_charge"].to_numpy(float)
    problems = [
        Problem(f"{path}, row {row}", f"{need[row]:.2f} kWh in {hours[row]:.2f} h", f"at most {most[row]:.2f} kWh", EARLY)
        for row in np.flatnonzero(~(need <= most + SLACK_KWH))[:SHOWN]
    ]
    if problems:
        raise InputError(problems)
    start = table["start_time"].to_numpy(np.int64) % (DAY_S // MINUTE_S)
    return Sessions(start * MINUTE_S, table["duration"].to_numpy(np.int64) * MINUTE_S, need)


@register("source", "evwatts")
def evwatts(path: Path, charger_kw: float = 7.2, efficiency: float = 0.9, battery_kwh: float = 75.0) -> Sessions:
    """Read recorded sessions of Texas cars; the record has no energy, so a session charges all along, up to `battery_kwh`.

    Parameters
    ----------
    path
        csv with `vehicle_id`, `start_datetime`, `stop_datetime`, local time.
    charger_kw, efficiency, battery_kwh
        Charger at the meter, energy stored per energy bought, and the most one session can store.

    Raises
    ------
    InputError
        Absent columns, and every session that stops before it starts.

    References
    ----------
    EV WATTS, Energetics for the US Department of Energy, doi 10.15483/1970735.
    """
    table = _read(path, EVWATTS)
    begin, end = pd.to_datetime(table["start_datetime"]), pd.to_datetime(table["stop_datetime"])
    stay_s = (end - begin).dt.total_seconds().to_numpy(float)
    problems = [
        Problem(f"{path}, row {row}", f"{begin.iloc[row]} to {end.iloc[row]}", "a stop that is not before the start")
        for row in np.flatnonzero(~(stay_s >= 0))[:SHOWN]
    ]
    if problems:
        raise InputError(problems)
    real = stay_s > 0
    second = (begin.dt.hour * 3600 + begin.dt.minute * 60).to_numpy(np.int64)
    charge = np.minimum(charger_kw * efficiency * stay_s / 3600.0, battery_kwh)
    return Sessions(second[real].astype(np.int64), stay_s[real].astype(np.int64), charge[real])


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read the named columns, and refuse absent ones and empty figures."""
    path = Path(path)
    if not path.is_file():
        raise InputError([Problem(str(path), "no such file", "a table of charging sessions", HINT)])
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    absent = [name for name in columns if name not in table]
    if absent:
        raise InputError(Problem(str(path), f"columns {list(table.columns)}", f"a column '{name}'") for name in absent)
    table = table[list(columns)].reset_index(drop=True)
    rows = np.flatnonzero(table.isna().any(axis=1))[:SHOWN]
    if len(rows):
        raise InputError(Problem(f"{path}, row {row}", "an empty figure", "a figure in every column") for row in rows)
    return table
