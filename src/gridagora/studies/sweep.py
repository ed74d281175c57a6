"""Runs of one scene with some keys of its scenario changed: each is kept as soon as it is finished, and never run twice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.errors import FAULTS, PartError, describe_error
from gridagora.core.place import lift_kw
from gridagora.core.tables import blocks_of
from gridagora.files.stop import note_on_stop, spell_progress
from gridagora.grid.layers import layers
from gridagora.results.outcome import Outcome, over_limit_kwh, welfare_usd
from gridagora.run.compare import compute_bound, prepare, study_of
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.scenario.build import Scene
from gridagora.scenario.plugins import digest_of
from gridagora.scenario.read import literal
from gridagora.scenario.schema import Scenario
from gridagora.studies import checkpoint as kept
from gridagora.studies.parallel import Workers, map_cases

BOUND = "bound"  # the one job that is no design: the certified bound of the scene
SOURCE = Path(__file__).parents[1]
Told = Callable[[str, int, int], None]
Keys = tuple[tuple[str, Any], ...]
Row = dict[str, Any]


class SweepCase(NamedTuple):
    """One run: a design, or `bound`, and the keys of the scenario it changes, as (TABLE.KEY, value)."""

    design: str
    keys: Keys = ()

    @property
    def name(self) -> str:
        """Name of its file: the design and a digest of the keys."""
        return f"{self.design}-{sha256(repr(sorted(self.keys, key=lambda pair: pair[0])).encode()).hexdigest()[:12]}"


def override(scene: Scene, keys: Keys) -> Scene:
    """Return the scene with keys changed that say how it is run; what it is made of stays."""
    scenario: Scenario = scene.scenario
    for name, value in keys:
        table, *inner, key = name.split(".")
        if inner:
            parts = {market: dict(fields) for market, fields in scenario.parts.items()}
            parts.setdefault(inner[0], {})[key] = value
            scenario = scenario.model_copy(update={"parts": parts})
        else:
            scenario = scenario.model_copy(
                update={table: getattr(scenario, table).model_copy(update={key: value})}
            )
    return replace(scene, scenario=scenario)


def run_case(scene: Scene, job: SweepCase) -> Row:
    """Run one job and return what it did: welfare, load above limits, what crossed, what was lost, or the fault it ended in."""
    text = " ".join(f"--set {name}={literal(value)}" for name, value in job.keys)
    try:
        here = override(scene, job.keys)
        study = prepare(here)
        if job.design == BOUND:
            limit = study.wholesale.limit_kw
            return {
                "welfare_usd": compute_bound(here, study).welfare_usd,
                "limit_kw": limit if np.isfinite(limit) else None,
            }
        own = study_of(here, study, job.design)
        ran = simulate(here.market(job.design), own)
        outcome = evaluate(job.design, ran, study)
    except FAULTS as fault:
        return {"fault": describe_error(fault), "settings": text}
    crossed = outcome.exchange
    return {
        "welfare_usd": welfare_usd(outcome),
        "over_limit_kwh": over_limit_kwh(outcome),
        "over_rating_kwh": over_rating_kwh(here, outcome),
        "peak_kw": float(np.abs(outcome.load_kw).max()),
        "messages": crossed.messages,
        "bytes": crossed.bytes,
        "disclosed": crossed.disclosed,
        "stale": ran.inbox.missing,
        "silent": ran.inbox.silent,
        "wall_s": outcome.wall_s,
        "settings": text,
    }


def over_rating_kwh(scene: Scene, outcome: Outcome) -> float:
    """Energy of all service transformers above their rating at unity power factor [kWh], 0 where none states one."""
    found = layers(scene.feeder, 0)
    through_kw = lift_kw(
        found.tree, found.meter_place[scene.home_meter], np.asarray(outcome.home_kw)
    )
    rated = np.isfinite(found.rating_kva)
    return float(
        (np.abs(through_kw[rated]) - found.rating_kva[rated, None]).clip(min=0).sum() * outcome.dt_h
    )


def run_cases(
    scene: Scene,
    jobs: Sequence[SweepCase],
    out: str | Path | None,
    progress: Told | None,
    processes: Workers,
) -> dict[SweepCase, Row]:
    """Return what every job did; one that the folder holds from before, of the same scene and program, is not run again."""
    folder, mark = (None, "") if out is None else (Path(out) / "points", fingerprint(scene))
    held = (
        {}
        if folder is None
        else {job: kept.read(folder / f"{job.name}.json", mark) for job in jobs}
    )
    found: dict[SweepCase, Row] = {job: one["row"] for job, one in held.items() if one}
    left = [job for job in dict.fromkeys(jobs) if job not in found]
    total = len(left) + len(found)
    with note_on_stop(lambda: spell_progress(_count_sound(found), total, "points", folder)):
        for job, row in map_cases(run_case, left, processes, scene):
            found[job] = row
            if folder is not None and "fault" not in row:
                kept.write(
                    folder / f"{job.name}.json",
                    mark,
                    {"design": job.design, "keys": dict(job.keys), "row": row},
                )
            if progress is not None:
                progress("points", len(found), total)
    _refuse(found)
    return found


def _count_sound(found: Mapping[SweepCase, Row]) -> int:
    """Return how many points ended without a fault, which are those that are kept."""
    return sum("fault" not in row for row in found.values())


def fingerprint(scene: Scene) -> str:
    """Return a digest of all that a point depends on: scenario, feeder, homes, weather, prices, plugins and the program."""
    digest = sha256(scene.text.encode())
    for column in (
        scene.feeder,
        scene.home_meter,
        scene.other_kw,
        *scene.homes,
        *scene.weather,
        *scene.prices,
    ):
        for block in blocks_of(column):
            digest.update(block)
    for path in sorted(SOURCE.rglob("*.py")):
        digest.update(path.read_bytes())
    for plugin in scene.scenario.outside:
        digest.update(digest_of(plugin).encode())
    return digest.hexdigest()


def _refuse(found: Mapping[SweepCase, Row]) -> None:
    """Stop where the yardstick is missing or passed: every share would mean nothing."""
    top = found[SweepCase(BOUND)]
    if "fault" in top:
        raise PartError(f"no bound: {top['fault']}")
    for job, row in found.items():
        bounded = job.design != BOUND and all("substation" not in name for name, _ in job.keys)
        if bounded and row.get("welfare_usd", -np.inf) > top["welfare_usd"] + 1e-9 * abs(
            top["welfare_usd"]
        ):
            raise PartError(
                f"{job.design}: welfare {row['welfare_usd']:.2f} $ exceeds the bound {top['welfare_usd']:.2f} $"
            )
