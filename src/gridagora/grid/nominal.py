"""The nominal voltage of European supplies at the meters of homes: 230 V line to neutral, IEC 60038."""

import numpy as np

from gridagora.core.errors import Problem
from gridagora.core.feeder import Feeder
from gridagora.core.tables import Col, Index

EN_50160 = "en_50160"  # the word of [feeder] voltage_band
NOMINAL_V = 230.0
SUPPLIES_V = (200.0, 260.0)  # line to neutral: what a model of such a supply may call its base


def nominal_pu(feeder: Feeder, home_meter: Index) -> Col:
    """Return 230 V at every home, shape (n,) [pu of the base voltage of its meter]."""
    return np.asarray(NOMINAL_V / _base_v(feeder)[home_meter])


def check_supply(band: str, feeder: Feeder, home_meter: Index, where: str) -> list[Problem]:
    """Return the problem of homes that are held to EN 50160 at meters (n,) without the base voltage of a supply of 230 V."""
    if band != EN_50160:
        return []
    base_v = _base_v(feeder)[home_meter]
    low, high = SUPPLIES_V
    off = np.flatnonzero(~((base_v >= low) & (base_v <= high)))
    if not off.size:
        return []
    got = f"'en_50160' with homes at {base_v[off[0]]:,.0f} V line to neutral"
    expected = f"homes at {low:g} to {high:g} V: the standard is about supplies of 230 V"
    hint = 'Leave it out: "ansi_a" is about supplies of 120 V; a busbar has no voltages.'
    return [Problem(f"{where}: [feeder] voltage_band", got, expected, hint)]


def _base_v(feeder: Feeder) -> Col:
    """Return the base voltage of the first node of every meter, shape (j,) [V]; nan of one without a load."""
    found = np.full(len(feeder.meters.name), np.nan)
    meters, first = np.unique(feeder.loads.meter, return_index=True)
    found[meters] = feeder.nodes.base_v[feeder.loads.from_node[first]]
    return found
