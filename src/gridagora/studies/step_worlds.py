"""Many worlds in step: the homes of all are rows of the same tables, and every design runs once for all of them.

A world ends as it would alone, to the last bit. Where some cannot be stepped together, or a design fails in one of them, each
runs alone.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gridagora.core.errors import FAULTS, describe_error
from gridagora.core.ports import Market
from gridagora.core.registry import find, names
from gridagora.results.metric import AUTOMATED, Reference
from gridagora.results.outcome import Outcome, costs_usd
from gridagora.run.compare import add_power_flow, compute_bound, prepare_runs, study_of
from gridagora.run.evaluate import evaluate
from gridagora.run.metric_values import measured_by, metric_values
from gridagora.run.simulate import simulate_runs
from gridagora.run.state import FinishedRun, Setup, wiring_of
from gridagora.scenario import plugins
from gridagora.scenario.build import Scene
from gridagora.settlement.ledger import UUSD_PER_USD, paid_uusd
from gridagora.settlement.parties import SINGLE, Role, row_of

UNREPEATABLE = frozenset({"I3"})  # of the machine and not of the world
OF_BOUND = ("E2",)  # metrics that need the bound of each world
NOT_RUN = ("E2u",)  # that need every design once more, without the limit
SURPLUS = "E6"  # of the mean home: minus its bill and what it bears
COMFORT = "comfort"  # item of discomfort of the air


class WorldValues(NamedTuple):
    """What designs did in a world: values [unit of the metric] by design and metric, None where it has none; and what failed."""

    values: Mapping[str, Mapping[str, float | None]]
    faults: Mapping[str, str]


class PreparedScene(NamedTuple):
    """A scene and what its designs share."""

    scene: Scene
    study: Setup


Given = TypeVar("Given")
Made = TypeVar("Made")


def run_in_step(
    scenes: Sequence[Scene], designs: Sequence[str], *, with_bound: bool = False
) -> list[WorldValues]:
    """Return what every design did in every scene; a scene in which nothing ran has one fault, under an empty name.

    Parameters
    ----------
    scenes
        Worlds.
    designs
        Names of designs, the same in all.
    with_bound
        Whether the certified bound of each world is found, for the metrics that need it.
    """
    found = _together(_prepare, scenes)
    worlds = [each for each in found if isinstance(each, PreparedScene)]
    ran = iter(_run_designs(worlds, designs, with_bound=with_bound))
    return [
        next(ran) if isinstance(each, PreparedScene) else WorldValues({}, {"": each})
        for each in found
    ]


def _together(
    do: Callable[[Sequence[Given]], Sequence[Made]], some: Sequence[Given]
) -> list[Made | str]:
    """Return what is made of all at once; where that fails, what is made of each alone, or in words why it is not."""
    try:
        return list(do(some))
    except FAULTS as fault:
        if len(some) == 1:
            return [describe_error(fault)]
    return [made for each in some for made in _together(do, [each])]


def _prepare(scenes: Sequence[Scene]) -> list[PreparedScene]:
    return [PreparedScene(*pair) for pair in zip(scenes, prepare_runs(scenes), strict=True)]


def _run_designs(
    worlds: Sequence[PreparedScene], designs: Sequence[str], *, with_bound: bool
) -> list[WorldValues]:
    """Return what every design did in every world, one design after the other."""
    bounds = [
        compute_bound(world.scene, world.study).welfare_usd if with_bound else None
        for world in worlds
    ]
    values: list[dict[str, Mapping[str, float | None]]] = [{} for _ in worlds]
    faults: list[dict[str, str]] = [{} for _ in worlds]
    flat: list[Outcome | None] = [None for _ in worlds]
    automated: list[Outcome | None] = [None for _ in worlds]
    for name in dict.fromkeys(["flat", *(set(designs) & {AUTOMATED}), *designs]):
        for at, made in enumerate(_together(partial(_run_design, name), worlds) if worlds else ()):
            scene, measure = worlds[at].scene, flat[at]
            if isinstance(made, str):
                market = scene.market(name)
                told = plugins.blamed(made, name, market.strategy, scene.scenario.outside)
                faults[at]["" if name == "flat" else name] = told
                continue
            flat[at] = measure = made if name == "flat" else measure
            automated[at] = made if name == AUTOMATED else automated[at]
            if name in designs and measure is not None:
                reference = Reference(measure, bounds[at], automated=automated[at])
                values[at][name] = measure_outcome(made, reference, faults[at])
    return [
        WorldValues({}, {"": failed[""]}) if "" in failed else WorldValues(own, failed)
        for own, failed in zip(values, faults, strict=True)
    ]


def _run_design(name: str, worlds: Sequence[PreparedScene]) -> list[Outcome]:
    """Return the outcome of a design in every world, with its power flow."""
    markets = [world.scene.market(name) for world in worlds]
    own = [world._replace(study=study_of(world.scene, world.study, name)) for world in worlds]
    ran = simulate_runs(markets, [world.study for world in own])
    return [
        _score(world, market, name, each)
        for world, market, each in zip(own, markets, ran, strict=True)
    ]


def _score(world: PreparedScene, market: Market[Any], name: str, ran: FinishedRun) -> Outcome:
    grid = wiring_of(world.study).grid
    return add_power_flow(world.scene, grid, market, ran, evaluate(name, ran, world.study))


def measure_outcome(
    outcome: Outcome, measure: Reference, faults: dict[str, str]
) -> dict[str, float | None]:
    """Return the metrics of an outcome, and as `cost.NAME` what it costs a stakeholder [$], by name.

    A cost is what a party pays less what it is paid; homes bear discomfort beside their bills. `cost.worst_home` is the largest
    bill with discomfort of the air alone, for what else a home bears is known for all homes together. `cost.system` is welfare
    with its sign turned. A metric that fails has no value, and the reason joins `faults`.
    """
    flat = outcome if measure.flat is None else measure.flat
    known = measured_by([find("metric", name) for name in names("metric")], flat, faults)
    metrics = metric_values(known, outcome, measure, faults)
    values = {name: each["value"] for name, each in metrics.items() if name not in UNREPEATABLE}
    mean_usd, homes = -values[SURPLUS], len(outcome.bill_usd)
    return values | {
        "cost.system": sum(costs_usd(outcome).values()),
        "cost.homes": mean_usd * homes,
        "cost.mean_home": mean_usd,
        "cost.worst_home": float(
            (outcome.bill_usd + outcome.device_usd.get(COMFORT, np.zeros(homes))).max()
        ),
        **_paid_usd(outcome),
    }


def _paid_usd(outcome: Outcome) -> dict[str, float]:
    """Return what each party that is no home pays less what it is paid [$], by name."""
    paid = paid_uusd(outcome.ledger, len(outcome.parties.id))
    return {_name(role): int(paid[row_of(outcome.parties, role)]) / UUSD_PER_USD for role in SINGLE}


def _name(role: Role) -> str:
    return "cost.supplier" if role is Role.WHOLESALE else f"cost.{role.value.replace(' ', '_')}"
