"""Whether prosumers as the retailer keep what is promised: retail price, revenue, surplus and peak on simulated homes.

Every seed draws what homes own and on which days they live; each draw is run under the designs `BASELINES` and with prosumers as
the retailer, and the difference is taken within the draw. Bills of the designs are balanced: what an operator would be left with
goes back to the homes, as prosumers keep what selling leaves over. Three retailers of today stand beside them. At a flat price
homes keep to their thermostats, so one run stands for all three, who differ in the price alone. An incumbent with market power
asks as much as it may, since homes do not answer the level of a flat price: `CAP_RATIO` times the regulated rate. Prosumers
are as free as the outside tariff leaves them, and as many as take part.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col, Flag
from gridagora.files.stop import note_on_stop, spell_progress
from gridagora.population.fleet import prosumer_homes
from gridagora.results.gain import balanced_bill_usd
from gridagora.results.load_shape import quarter_hours_kw
from gridagora.results.outcome import Outcome
from gridagora.run import folder as folders
from gridagora.run.compare import prepare, study_of
from gridagora.run.evaluate import evaluate, left_usd
from gridagora.run.participation import draw_participation
from gridagora.run.simulate import simulate
from gridagora.run.state import Setup
from gridagora.scenario import build, read
from gridagora.scenario.build import Scene
from gridagora.scenario.read import literal
from gridagora.studies import checkpoint as kept
from gridagora.studies.aggregation import StudyResult, record_origin
from gridagora.studies.claims import VERDICT_DRAWS, Claim, claim
from gridagora.studies.parallel import Workers, map_cases
from gridagora.studies.sweep import Keys, Told, fingerprint, override

LEAST_SEEDS = 2
SPREAD_DAYS = 14  # draws begin on so many days, one after the other
MARGIN = 0.2  # of cost plus
CAP_RATIO = 2.0
BASELINES = (
    "flat",
    "flat_optimised",
    "tou",
    "rtp",
)  # designs that prosumers as the retailer are held against
OUTSIDE, SHARE = "market.retailer.outside_ratio", "homes.participation_share"
PLAYED = (OUTSIDE, SHARE)  # keys that change what is played and not the homes
FEW: Keys = (("homes.pv_share", 0.08), ("homes.ev_share", 0.04), ("homes.battery_share", 0.04))
CASES: MappingProxyType[str, Keys] = MappingProxyType(
    {
        "outside tariff at cost": ((OUTSIDE, 1.0),),
        "outside tariff a fifth dearer": ((OUTSIDE, 1.2),),
        "outside tariff twice as dear": ((OUTSIDE, CAP_RATIO),),
        "three homes in five take part": ((OUTSIDE, 1.0), (SHARE, 0.6)),
        "three homes in ten take part": ((OUTSIDE, 1.0), (SHARE, 0.3)),
        "few prosumers, tariff twice as dear": ((OUTSIDE, CAP_RATIO), *FEW),
        "substation limit, tariff at cost": (
            (OUTSIDE, 1.0),
            ("substation.limit_share_of_flat_peak", 0.85),
        ),
    }
)
BETTER = MappingProxyType(
    {"price_per_kwh": -1, "prosumer_usd_day": 1, "end_user_usd_day": 1, "peak_kw": -1}
)
CLAIMS = MappingProxyType(
    {
        "price_per_kwh": "The retail price falls",
        "prosumer_usd_day": "Prosumers earn more",
        "end_user_usd_day": "End-users are better off",
        "peak_kw": "The peak falls",
    }
)


class RetailEffects(NamedTuple):
    """What one arrangement leads to."""

    price_per_kwh: float  # average paid by homes that own no panels, battery or car
    prosumer_usd_day: (
        float  # of one who sells: what it is paid, less wear, discomfort and charge missing
    )
    end_user_usd_day: float  # of one other home, likewise
    peak_kw: float  # of all homes, mean of a quarter of an hour


class Sides(NamedTuple):
    """Which homes (n,) are prosumers, and which of them sell, since they take part."""

    owns: Flag
    sells: Flag


class Bills(NamedTuple):
    """Bills of all homes (n,) [$] under one retailer."""

    retailer: str
    bill_usd: Col


class DrawnCase(NamedTuple):
    """A draw of homes and days, what its designs share, and its run under the flat tariff."""

    scene: Scene
    study: Setup
    flat: Outcome
    left_usd: Col  # (n,) [$] what stores of each home hold at its end


def bills(flat: Outcome) -> list[Bills]:
    """Return what homes that do not answer a flat price pay to each retailer of today.

    All credit export with the wholesale price (feed-in) and differ in the price of import: it recovers all cost, cost and a
    margin, or twice the former. Net metering is the design `flat`, unless its scenario states a credit.
    """
    load, dt = np.asarray(flat.home_kw), flat.dt_h
    bought, sold = load.clip(min=0).sum(1) * dt, (-load).clip(min=0)
    credit = sold @ (flat.wholesale_per_kwh + flat.export_credit_per_kwh) * dt
    cost = float(balanced_bill_usd(flat).sum())  # of energy, delivery and overload
    owed, whole = float(credit.sum()), float(bought.sum())
    rate = (cost + owed) / whole
    plus = ((1 + MARGIN) * cost + owed) / whole
    return [
        Bills("incumbent with market power", CAP_RATIO * rate * bought - credit),
        Bills("cost plus 20 %", plus * bought - credit),
        Bills("regulated, feed-in", rate * bought - credit),
    ]


def effects_of(
    outcome: Outcome, bill_usd: Col, left: Col, sides: Sides, days: int
) -> RetailEffects:
    """Return what a run leads to under bills; `left` (n,) [$] is the worth of what stores hold at its end."""
    o, plain, sells = outcome, ~sides.owns, sides.sells
    worth = (left - bill_usd - sum(o.device_usd.values())) / days
    energy = float(np.asarray(o.home_kw)[plain].sum() * o.dt_h)
    peak = float(quarter_hours_kw(o).max())
    return RetailEffects(
        float(bill_usd[plain].sum()) / energy,
        float(worth[sells].mean()),
        float(worth[~sells].mean()),
        peak,
    )


def draw_scene(path: Path, overrides: Sequence[str], seed: int) -> Scene:
    """Return the scene of a seed: it owns and lives by the seed, on days that move with it."""
    keys, away = read.load(path, overrides), timedelta(days=seed % SPREAD_DAYS)
    moved = [f"scenario.seed={seed}", f"scenario.start={keys.scenario.start + away}"]
    if keys.homes.start is not None:
        moved.append(f"homes.start={keys.homes.start + away}")
    return build.load(path, [*overrides, *moved])


def measure_claim(path: Path, overrides: Sequence[str], seed: int) -> list[dict[str, Any]]:
    """Return what every case of a seed leads to, before under each retailer and after: one row for each pair.

    A draw is made once for all cases that change what is played alone, and a design is run once for all that play it alike.
    """
    scenes: dict[Keys, Scene] = {}
    cases = []
    for case, keys in CASES.items():
        made = tuple(pair for pair in keys if pair[0] not in PLAYED)
        if made not in scenes:
            scenes[made] = draw_case(path, overrides, seed, made)
        here = override(scenes[made], tuple(pair for pair in keys if pair[0] in PLAYED))
        cases.append((case, made, here, find_sides(here, f"case '{case}', seed {seed}")))
    drawn = {made: run_flat(scene) for made, scene in scenes.items()}
    before: dict[tuple[Keys, float], dict[str, RetailEffects]] = {}
    rows = []
    for case, made, here, sides in cases:
        found = partial(_ran, here, _played(drawn[made].study, here))
        point = made, here.scenario.homes.participation_share
        if point not in before:
            before[point] = measure_baselines(drawn[made], found, sides)
        after, left, game = found("retailer")
        now = effects_of(after, balanced_bill_usd(after), left, sides, here.days)
        rows += [
            {
                "case": case,
                "seed": seed,
                "baseline": name,
                "prosumers": int(sides.sells.sum()),
                "end_users": int((~sides.sells).sum()),
                "before": was._asdict(),
                "after": now._asdict(),
                "gain_share": game,
            }
            for name, was in before[point].items()
        ]
    return rows


def draw_case(path: Path, overrides: Sequence[str], seed: int, keys: Keys) -> Scene:
    """Return the scene of a seed under keys that change its homes or its limit."""
    redrawn = [f"{name}={literal(value)}" for name, value in keys if name.startswith("homes.")]
    return override(draw_scene(path, [*overrides, *redrawn], seed), keys)


def run_flat(scene: Scene) -> DrawnCase:
    """Return a scene with what its designs share and its run under the flat tariff."""
    study = prepare(scene)
    flat, left, _ = _ran(scene, study, "flat")
    return DrawnCase(scene, study, flat, left)


def find_sides(scene: Scene, where: str) -> Sides:
    """Return who owns what makes a prosumer, and who of them sells, since they take part.

    Raises
    ------
    InputError
        Nobody sells, or nobody buys without owning any such device.
    """
    owns, part = prosumer_homes(scene.homes), _participants(scene)
    sides = Sides(owns, owns if part is None else owns & part)
    if sides.sells.any() and not owns.all():
        return sides
    got = f"{sides.sells.sum()} prosumers of {len(owns)} homes take part, {(~owns).sum()} homes own no device"
    hint = "Take more homes, or change the shares that own panels, cars and batteries."
    raise InputError([Problem(f"homes, {where}", got, "some homes of both kinds", hint)])


def measure_baselines(
    drawn: DrawnCase, run: Callable[[str], tuple[Outcome, Col, float]], sides: Sides
) -> dict[str, RetailEffects]:
    """Return what every design and retailer that prosumers are held against leads to; `run` plays a design by name."""
    days = drawn.scene.days
    found = {}
    for name in BASELINES:
        outcome, left, _ = (drawn.flat, drawn.left_usd, 0.0) if name == "flat" else run(name)
        found[name] = effects_of(outcome, balanced_bill_usd(outcome), left, sides, days)
    for each in bills(drawn.flat):
        found[each.retailer] = effects_of(drawn.flat, each.bill_usd, drawn.left_usd, sides, days)
    return found


def _played(study: Setup, scene: Scene) -> Setup:
    """Return what designs share with the homes of a scene that take part: the baseline stays, since nobody is automated in it."""
    return study._replace(automated=_participants(scene))


def _participants(scene: Scene) -> Flag | None:
    share = scene.scenario.homes.participation_share
    return draw_participation(scene.seed, scene.homes.home_id, share)


def _ran(scene: Scene, study: Setup, design: str) -> tuple[Outcome, Col, float]:
    ran = simulate(scene.market(design), study_of(scene, study, design))
    outcome = evaluate(design, ran, study)
    return outcome, left_usd(ran, study), outcome.leader_gain_share


def study_claims(
    path: Path,
    seeds: Sequence[int],
    overrides: Sequence[str] = (),
    out: Path | None = None,
    progress: Told | None = None,
    processes: Workers = 1,
) -> StudyResult:
    """Measure every claim against every retailer in every case, over paired draws.

    Parameters
    ----------
    path, overrides
        Scenario file, and keys to change.
    seeds
        One draw each; eight or more for a verdict.
    out
        Folder to write; a draw is kept there as soon as it is finished, and taken from there by a later study.
    progress
        Told (stage, draws done, draws in all).
    processes
        Draws that run at the same time, or an executor such as a Ray cluster.

    Returns
    -------
    StudyResult
        Table `claims`: one row a case, retailer and quantity, with the mean before and after, the change and its 95 % interval,
        the share of draws in which it is for the better, and the verdict; table `draws`: one row a draw.

    Raises
    ------
    InputError
        Too few seeds, or a scene without prosumers or without end-users.
    PartError
        A run that failed, or a process ended from outside.
    """
    seeds = sorted(set(seeds))  # the folder tells draws apart by their seed
    if len(seeds) < LEAST_SEEDS:
        raise InputError(
            [
                Problem(
                    "--seeds",
                    str(len(seeds)),
                    f"{LEAST_SEEDS} or more, {VERDICT_DRAWS} for a verdict",
                )
            ]
        )
    scene = draw_scene(path, overrides, seeds[0])
    mark, folder = fingerprint(scene), None if out is None else Path(out) / "draws"
    before = (
        {}
        if folder is None
        else {seed: kept.read(folder / f"seed-{seed}.json", mark) for seed in seeds}
    )
    held: dict[int, list[dict[str, Any]]] = {
        seed: one["rows"] for seed, one in before.items() if one
    }
    left = [seed for seed in seeds if seed not in held]
    with note_on_stop(lambda: spell_progress(len(held), len(seeds), "draws", folder)):
        for seed, rows in map_cases(measure_claim, left, processes, path, overrides):
            held[seed] = rows
            if folder is not None:
                kept.write(folder / f"seed-{seed}.json", mark, {"rows": rows})
            if progress is not None:
                progress("draws", len(held), len(seeds))
    draws = pd.DataFrame([_flat(row) for seed in seeds for row in held[seed]])
    found = judge_claims(draws)
    summary = {
        "study": "claims",
        "claims": json.loads(found.to_json(orient="records")),
        "manifest": manifest(scene, len(seeds)),
    }
    told = StudyResult(summary, {"claims": found, "draws": draws}, scene.text)
    if out is not None:
        folders.save(told, out)
    return told


def judge_claims(draws: pd.DataFrame) -> pd.DataFrame:
    """Return every claim: its mean before and after, the change with its interval, and the verdict; one row each."""
    rows = []
    for (case, baseline), part in draws.groupby(["case", "baseline"], sort=False):
        for quantity, better in BETTER.items():
            before, after = (
                part[f"before_{quantity}"].to_numpy(),
                part[f"after_{quantity}"].to_numpy(),
            )
            found: Claim = claim(str(baseline), quantity, better, before, after)
            rows.append({"case": case} | found._asdict())
    return pd.DataFrame(rows)


def manifest(scene: Scene, seeds: int) -> dict[str, Any]:
    """Return where the numbers come from."""
    case = scene.scenario.scenario
    return {
        "title": case.title,
        "note": case.note,
        "start": str(case.start),
        "days": case.days,
        "seeds": seeds,
        "homes": len(scene.homes.home_id),
        "feeder": scene.feeder.name,
        "scenario_folder": scene.scenario.folder,
        "fingerprint_sha256": fingerprint(scene),
        **record_origin(),
    }


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with `before_` and `after_` columns in place of what they hold."""
    plain = {name: value for name, value in row.items() if name not in ("before", "after")}
    return plain | {
        f"{side}_{name}": value for side in ("before", "after") for name, value in row[side].items()
    }
