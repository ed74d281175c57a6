"""The table of how line regulators and capacitor banks moved, a row a movement."""

import pandas as pd

from gridagora.results.outcome import Outcome
from gridagora.scenario.build import Scene

COLUMNS = ("architecture", "start_s", "name", "kind", "position_before", "position_after")


def control_rows(_: Scene, o: Outcome) -> pd.DataFrame:
    """Return the movements of controls; no row where none moved or no power flow was solved.

    A position is a tap, counted from the middle, or the steps of a bank that are on.
    """
    found = None if o.network is None else o.network.controls
    if found is None:
        return pd.DataFrame({name: [] for name in COLUMNS})
    rows = found.control.tolist()
    return pd.DataFrame(
        {
            "architecture": o.name,
            "start_s": o.start_s[found.interval],
            "name": [found.name[row] for row in rows],
            "kind": [found.kind[row] for row in rows],
            "position_before": found.position_before,
            "position_after": found.position_after,
        },
        columns=list(COLUMNS),
    )
