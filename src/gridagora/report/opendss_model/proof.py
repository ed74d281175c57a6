"""Whether OpenDSS makes the same network of a written model: it is read back, and the two are solved at the rated loads."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from gridagora.core.feeder import Feeder
from gridagora.core.tables import Col
from gridagora.grid.flow import solve
from gridagora.report.opendss_model.names import make_safe, place_nodes
from gridagora.sources import opendss


def compare_read_back(feeder: Feeder, master: Path) -> float | None:
    """Return the largest difference of any voltage [pu]; None where OpenDSS is not installed, nan where a flow has no solution.

    Taps and capacitors stand as the feeder has them.

    Raises
    ------
    InputError
        A model that OpenDSS refuses, which would be a fault of the writer.
    """
    if find_spec("dss") is None:
        return None
    own = feeder.regulators
    names = make_safe(own.name)
    fed = np.flatnonzero(own.transformer >= 0)
    taps = {names[row]: int(own.tap_number[row]) for row in fed}
    again = opendss.read(master, taps=taps)
    places = place_nodes(feeder)
    at = {name.lower(): row for row, name in enumerate(again.nodes.name)}
    spelled = [places.spell([row]) for row in range(len(feeder.nodes.name))]
    rows = np.array([at[name] for name in spelled if name in at], np.int64)
    here = np.array([name in at for name in spelled])
    before, after = _at_rating(feeder)[here], _at_rating(again)[rows]
    scale = again.nodes.base_v[rows] / feeder.nodes.base_v[here]
    return float(np.abs(before - after * scale).max())


def _at_rating(feeder: Feeder) -> Col:
    """Return the voltages of all nodes at the rated loads, shape (m,) [pu]."""
    meters = len(feeder.meters.name)
    q_kvar = np.bincount(feeder.loads.meter, feeder.loads.q_kvar, meters)
    found: Col = solve(feeder, feeder.meters.p_kw[None], np.asarray(q_kvar, np.float64)[None]).v_pu[
        0
    ]
    return found
