"""Worlds: a scene and a seed that redraws all that no design can change, and what every design did in it.

A world has the number of its seed. The seed redraws what it draws anyway, by named streams, so that every design of a world
meets the same draws to the last bit; a synthetic network stays that of the scenario. Where weather, prices or homes come from
files, the days of the run move as well, all series together, by up to so many days either way.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import FAULTS, InputError, describe_error
from gridagora.core.rng import stream
from gridagora.core.tables import LEAD_H
from gridagora.run.compare import outages_of
from gridagora.run.outages import offline_hours
from gridagora.scenario import build, read
from gridagora.scenario.build import Scene
from gridagora.scenario.plugin_sources import names_one
from gridagora.scenario.schema import Scenario
from gridagora.studies.step_worlds import run_in_step

SPIKE_PER_KWH = 0.25  # a quarter of an hour dearer than this is a spike
QUARTERS = 4
DAY_H = 24
FILE_TABLES = ("homes", "weather", "prices")


class WorldCase(NamedTuple):
    """One world to run: its seed, and the number of a variation with the overrides that make it, as TABLE.KEY=VALUE."""

    seed: int
    variation: int = 0
    overrides: tuple[str, ...] = ()


class WorldDraws(NamedTuple):
    """How worlds are drawn from a scenario: its file, overrides of all worlds, the seed of the network, days to move by.

    `least_days` and `most_days` bound by how much the start of a run moves, both 0 where it stays. `with_bound` says whether the
    certified bound of every world is found, for the metrics that need it; it takes longer than a design.
    """

    path: str
    overrides: tuple[str, ...]
    network_seed: int | None
    least_days: int = 0
    most_days: int = 0
    with_bound: bool = False


class WorldOutcome(NamedTuple):
    """What came of a world: values [unit of the metric] by design and metric, its drivers by name, and designs that failed.

    A value is None where a design has none.
    """

    values: Mapping[str, Mapping[str, float | None]]
    drivers: Mapping[str, float]
    faults: Mapping[str, str]


def open_draws(path: str | Path, overrides: Sequence[str], spread_days: int) -> WorldDraws:
    """Return how worlds are drawn from a scenario; days move by at most `spread_days`, and no further than its files reach.

    Raises
    ------
    InputError
        Whatever the scenario has wrong.
    """
    keys = read.load(path, overrides)
    own = None
    if keys.feeder.source == "synthetic" and keys.feeder.seed is None:
        own = keys.scenario.seed
    draws = WorldDraws(str(path), tuple(overrides), own)
    if not reads_files(keys) or not spread_days:
        return draws
    least = -_reach(draws, keys, -1, spread_days)
    return draws._replace(least_days=least, most_days=_reach(draws, keys, 1, spread_days))


def reads_files(keys: Scenario) -> bool:
    """Return whether homes, weather or prices of a scenario come from files, whose days a run can move along."""
    return any(
        getattr(keys, table).source != "synthetic" and not names_one(keys, table)
        for table in FILE_TABLES
    )


def draw_scene(draws: WorldDraws, case: WorldCase) -> Scene:
    """Return the scene of a world."""
    keys = read.load(draws.path, [*draws.overrides, *case.overrides])
    moved = _moved(keys, moved_days(draws, case.seed))
    own = [] if draws.network_seed is None else [f"feeder.seed={draws.network_seed}"]
    seeded = [f"scenario.seed={case.seed}", *moved]
    return build.load(draws.path, [*draws.overrides, *own, *case.overrides, *seeded])


def moved_days(draws: WorldDraws, seed: int) -> int:
    """Return by how many days the run of a seed starts later than the scenario, earlier below zero."""
    if draws.least_days == draws.most_days:
        return draws.least_days
    return int(stream(seed, "world days").integers(draws.least_days, draws.most_days + 1))


def run_worlds(
    scenes: Sequence[Scene], designs: Sequence[str], *, with_bound: bool = False
) -> list[WorldOutcome]:
    """Return what every design did in every scene; a scene in which nothing ran has one fault, under an empty name."""
    found = run_in_step(scenes, designs, with_bound=with_bound)
    return [
        WorldOutcome(each.values, measure_drivers(scene), each.faults)
        for scene, each in zip(scenes, found, strict=True)
    ]


def run_cases(
    draws: WorldDraws, designs: Sequence[str], cases: Sequence[WorldCase]
) -> list[WorldOutcome]:
    """Return what came of some worlds, drawn and run in this process; one that cannot be drawn has one fault."""
    drawn = [_draw(draws, case) for case in cases]
    ran = iter(
        run_worlds(
            [each for each in drawn if isinstance(each, Scene)],
            designs,
            with_bound=draws.with_bound,
        )
    )
    return [next(ran) if isinstance(each, Scene) else each for each in drawn]


def _draw(draws: WorldDraws, case: WorldCase) -> Scene | WorldOutcome:
    try:
        return draw_scene(draws, case)
    except FAULTS as fault:
        return WorldOutcome({}, {}, {"": describe_error(fault)})


def measure_drivers(scene: Scene) -> dict[str, float]:
    """Return what makes a world a good or a bad one whatever the design, by name; units stand last in the name.

    `spike_h` counts quarters of an hour above `SPIKE_PER_KWH`; `gap` is real time less day ahead; `KIND_homes` own a device;
    `offline_h` adds up the hours of all homes, where agents may be offline.
    """
    hours, sky, prices = DAY_H * scene.days, scene.weather, scene.prices
    air = sky.t_out_degc[:hours]
    real = prices.real_time_per_kwh[QUARTERS * LEAD_H : QUARTERS * (LEAD_H + hours)]
    ahead = prices.day_ahead_per_kwh[LEAD_H : LEAD_H + hours]
    drivers = {
        "air_max_degc": float(air.max()),
        "air_mean_degc": float(air.mean()),
        "air_min_degc": float(air.min()),
        "sun_kwh_m2": float(sky.ghi_w_m2[:hours].sum() / 1000.0),
        "price_mean_per_kwh": float(real.mean()),
        "price_max_per_kwh": float(real.max()),
        "price_min_per_kwh": float(real.min()),
        "spike_h": float((real > SPIKE_PER_KWH).sum() / QUARTERS),
        "gap_mean_per_kwh": float(real.mean() - ahead.mean()),
        "load_kwh": float(scene.homes.load_kw[:, :hours].sum()),
    }
    if (outages := outages_of(scene)) is not None:
        dt_h = scene.scenario.market.interval_minutes / 60
        drivers["offline_h"] = offline_hours(outages, scene.start_s, scene.days, dt_h)
    owned = {kind: len(np.unique(table.home)) for kind, table in scene.homes.owned.items()}
    return drivers | {f"{kind}_homes": float(count) for kind, count in sorted(owned.items())}


def describe_draws(draws: WorldDraws) -> dict[str, list[str]]:
    """Return in words what differs from world to world, `redrawn`, and what does not, `kept`."""
    keys = read.load(draws.path, draws.overrides)
    redrawn, kept = ["where homes stand", "who owns panels, cars and batteries"], []
    redrawn.append("when cars come and what they need")
    for table in FILE_TABLES:
        source = getattr(keys, table).source
        if names_one(keys, table):
            redrawn.append(f"{table}, as far as the source '{source}' of a plugin follows the seed")
        elif source == "synthetic":
            redrawn.append({"homes": "houses, appliances and hot water"}.get(table, table))
        else:
            kept.append(f"what the file of {table} holds")
    kept.append("the network")
    links = keys.links
    said = {
        "messages that are lost or sent twice": links.loss_share or links.duplicate_share,
        "agents that are offline": links.outages_per_day,
        "errors of forecasts": any(
            value for name, value in vars(keys.forecast).items() if "_error_" in name
        ),
    }
    redrawn += [name for name, drawn in said.items() if drawn]
    if draws.least_days < draws.most_days:
        span = f"{-draws.least_days} days before to {draws.most_days} days after the scenario"
        redrawn.append(f"the first day, {span}; weather, homes and prices move together")
    return {"redrawn": redrawn, "kept": kept}


def _moved(keys: Scenario, days: int) -> list[str]:
    """Return the overrides that start a run so many days later."""
    if not days:
        return []
    away = timedelta(days=days)
    moved = [f"scenario.start={_later(keys.scenario.start, away)}"]
    if keys.homes.start is not None:
        moved.append(f"homes.start={_later(keys.homes.start, away)}")
    return moved


def _later(day: date, away: timedelta) -> date:
    return day + away


def _reach(draws: WorldDraws, keys: Scenario, way: int, most: int) -> int:
    """Return the most days, up to `most`, that a run can move one way so that its files still cover it."""
    if _covers(draws, keys, way * most):
        return most
    low, high = 0, most  # covered, not covered
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _covers(draws, keys, way * middle) else (low, middle)
    return low


def _covers(draws: WorldDraws, keys: Scenario, days: int) -> bool:
    try:
        build.load(draws.path, [*draws.overrides, *_moved(keys, days)])
    except InputError:
        return False
    return True
