"""Where the rest goes: from what a design captures to the certified bound, one cause after the other.

Each bar is the difference of two measured welfares, or of two distances to a certified bound; together they are exactly the
attainable gain. Another order of causes would give other bars. The design keeps to perfect links throughout.

* captured: welfare of the design on the persistence forecast, less that of `flat`.
* price forecast, unknown draws, on/off units: what it gains when prices to come are known, then hot-water draws as well, then
  when units can take any power (`market.dispatch = "continuous"`).
* substation limit: how much further from its bound that last run stays with the limit than without.
* belief and bound: its distance to the bound where there is no limit: what homes believe of themselves against the true house,
  plans by the hour, and the gap of the bound itself.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.run import folder as folders
from gridagora.scenario.build import Scene
from gridagora.scenario.schema import LIMIT_KEYS, SubstationKeys
from gridagora.studies.aggregation import StudyResult, manifest
from gridagora.studies.parallel import Workers
from gridagora.studies.sweep import BOUND, Keys, Row, SweepCase, Told, run_cases

LINKS: Keys = (
    ("links.loss_share", 0.0),
    ("links.duplicate_share", 0.0),
    ("links.delay_intervals", 0),
)
QUIET: Keys = (("market.forecast_noise_per_kwh", 0.0), *LINKS)
FREE: Keys = tuple(
    (f"substation.{key}", SubstationKeys.model_fields[key].default) for key in LIMIT_KEYS
)
UNDER: Keys = (*QUIET, ("market.forecast", "perfect"), ("market.dispatch", "continuous"))
STEPS: dict[str, Keys] = {
    "captured": (*QUIET, ("market.forecast", "persistence")),
    "price forecast": (*QUIET, ("market.forecast", "perfect_prices")),
    "unknown draws": (*QUIET, ("market.forecast", "perfect")),
    "on/off units": UNDER,
}
LIMIT, REST = "substation limit", "belief and bound"


class Runs(NamedTuple):
    """Welfares that a waterfall is made of [$]; `free_usd` and `free_bound_usd` are nan where nothing is limited."""

    flat_usd: float
    step_usd: tuple[float, ...]  # in the order of `STEPS`
    bound_usd: float
    free_usd: float
    free_bound_usd: float


def study_losses(
    scene: Scene,
    design: str = "layered",
    out: str | Path | None = None,
    progress: Told | None = None,
    processes: Workers = 1,
) -> StudyResult:
    """Measure where the attainable gain of a design goes.

    Parameters
    ----------
    design
        One whose homes look ahead: `layered`, `central`, `rtp`.
    out, progress, processes
        As for `aggregation`.

    Returns
    -------
    StudyResult
        Table `losses`: one row a bar, `change_usd` and `share` of the attainable gain; a bar may be negative.

    Raises
    ------
    InputError
        An unknown design, or one that no forecast reaches.
    PartError
        A run that did not end, or ended above the bound.
    """
    if design in {"flat", BOUND}:
        raise InputError(
            [
                Problem(
                    "--design", f"'{design}'", "a design whose homes look ahead, such as 'layered'"
                )
            ]
        )
    scene.market(design)
    flat, steps = (
        SweepCase("flat", LINKS),
        {name: SweepCase(design, keys) for name, keys in STEPS.items()},
    )
    apart = (
        (SweepCase(design, (*UNDER, *FREE)), SweepCase(BOUND, FREE))
        if scene.scenario.substation.is_limited
        else ()
    )
    found = run_cases(
        scene, [SweepCase(BOUND), flat, *steps.values(), *apart], out, progress, processes
    )
    faults = [f"{job.design}: {row['fault']}" for job, row in found.items() if "fault" in row]
    if faults:
        raise PartError("; ".join(faults))
    usd = {job: float(row["welfare_usd"]) for job, row in found.items()}
    free = tuple(usd[job] for job in apart) if apart else (np.nan, np.nan)
    table = loss_rows(
        Runs(usd[flat], tuple(usd[job] for job in steps.values()), usd[SweepCase(BOUND)], *free)
    )
    table.insert(0, "design", design)
    bars = json.loads(table.to_json(orient="records"))
    summary: Row = {
        "study": "losses",
        "losses": bars,
        "manifest": manifest(scene, found[SweepCase(BOUND)]),
    }
    told = StudyResult(summary, {"losses": table}, scene.text)
    if out is not None:
        folders.save(told, out)
    return told


def loss_rows(runs: Runs) -> pd.DataFrame:
    """Return the bars: cause, change_usd, and its share of the attainable gain; they sum to the gain."""
    change = dict(zip(STEPS, np.diff([runs.flat_usd, *runs.step_usd]), strict=True))
    left = runs.bound_usd - runs.step_usd[-1]
    if np.isfinite(runs.free_bound_usd):
        rest = runs.free_bound_usd - runs.free_usd
        change |= {LIMIT: left - rest, REST: rest}
    else:
        change[REST] = left
    gain = runs.bound_usd - runs.flat_usd
    table = pd.DataFrame({"cause": list(change), "change_usd": list(change.values())})
    return table.assign(share=table.change_usd / gain)
