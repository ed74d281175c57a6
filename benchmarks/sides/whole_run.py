"""Whole runs against CityLearn and OCHRE, by home and step: other models of a home, so a rate and no race."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import homes, peer, twin
from benchmarks.row import Row, cpu_seconds
from benchmarks.setting import Site, absent
from benchmarks.sides.gridlabd import settle
from gridagora.core.tables import Homes
from gridagora.devices.battery import Batteries
from gridagora.run.compare import prepare
from gridagora.scenario.build import Scene, assemble
from gridagora.scenario.read import parse
from gridagora.sources import synthetic, synthetic_feeder

NAME = "whole_run"
HOMES, DAYS = 20, 7
OCHRE_HOMES = 100
CITYLEARN = (
    f"{HOMES} homes with a given hourly load and a resting battery, {DAYS} days; CityLearn steps by the hour and computes its "
    "observations and rewards; ours runs `flat` in intervals of 15 minutes with bills, comfort and a three-phase power flow, "
    "which CityLearn has not. Import and building are not counted on either side"
)
OCHRE = (
    f"OCHRE: the home that it ships, a day by the minute, with an envelope of many nodes, appliances by event and two-node "
    f"heaters; ours: {OCHRE_HOMES} homes of two states with tanks on a feeder, `flat`, with power flow and bills. OCHRE's home "
    "is far more detailed; no feeder, no market. Not the same home, so no accuracy is stated"
)


def resting_scene(load_kw: np.ndarray) -> Scene:
    """Return homes with loads (n, H) [kW] and batteries that rest under a flat tariff."""
    n = len(load_kw)
    text = twin.SCENARIO.format(days=DAYS, limit=1.0).replace(
        "interval_minutes = 5", "interval_minutes = 15"
    )
    scenario = parse(text.replace("2017-07-10", "2024-07-15"), "replay")
    start_s = 1721023200  # 15 July 2024, midnight of UTC-6
    ones = np.ones(n)
    return assemble(
        feeder=synthetic_feeder.make(1, n),
        homes=Homes(tuple(f"home{i}" for i in range(n)), load_kw),
        weather=synthetic.weather(1, start_s, DAYS),
        prices=synthetic.prices(1, start_s, DAYS),
        scenario=scenario,
        devices=[
            Batteries(
                home=np.arange(n), cap_kwh=6.4 * ones, rated_kw=5.0 * ones, efficiency=0.95 * ones
            )
        ],
    )


def against_citylearn(site: Site) -> Row:
    """Replay the same loads in both and compare the energy."""
    peer.interpreter(site.peers, "citylearn")
    hours = 24 * DAYS
    load = np.random.default_rng(6).uniform(0.3, 2.0, (HOMES, hours + 25))
    scene = resting_scene(load)
    study = prepare(scene)
    _, seen = settle([(scene, study)], "flat")[0]
    pairs, told = [], {}
    for _ in range(site.repeats):
        mine = cpu_seconds(lambda: settle([(scene, study)], "flat"), 3)
        told = peer.run(
            site.peers, "citylearn", "run_citylearn.py", {"load_kwh": load[:, : hours + 1].tolist()}
        )
        pairs.append((mine, told["cpu_s"]))
    kwh = np.asarray(seen.home_kw).sum() * seen.dt_h
    steps = float(HOMES * told["steps"])
    return Row(
        NAME,
        f"{HOMES} homes, {DAYS} days replayed",
        f"CityLearn {told['version']}",
        "home-hour",
        float(HOMES * hours),
        steps,
        tuple(pairs),
        accuracy=f"energy {kwh:.1f} against {told['kwh']:.1f} kWh",
        conditions=CITYLEARN,
    )


def against_ochre(site: Site) -> Row:
    """Set the rates beside each other."""
    peer.interpreter(site.peers, "ochre")
    drawn = homes.draw(OCHRE_HOMES)
    hour = np.arange(24 + 25)
    warm = 86 + 10 * np.cos((hour - 16) / 12 * np.pi)
    light = 12 * np.maximum(0, np.cos((hour - 13) / 12 * np.pi))
    with tempfile.TemporaryDirectory() as folder:
        scene = twin.scene(drawn, np.stack([warm, *[light] * 4], 1), Path(folder), 1)
        study = prepare(scene)
    settle([(scene, study)], "flat")
    pairs, told = [], {}
    for _ in range(site.repeats):
        mine = cpu_seconds(lambda: settle([(scene, study)], "flat"), 3)
        told = peer.run(site.peers, "ochre", "run_ochre.py", {"minutes": 1, "days": 1})
        pairs.append((mine, told["cpu_s"]))
    return Row(
        NAME,
        "homes by the minute, a day",
        f"OCHRE {told['version']}",
        "home-minute",
        OCHRE_HOMES * 1440.0,
        float(told["steps"]),
        tuple(pairs),
        accuracy="other homes: none",
        conditions=OCHRE,
    )


def run(site: Site) -> list[Row]:
    """Return a row for each peer."""
    cases: list[tuple[str, str, Callable[[Site], Row]]] = [
        ("homes replayed", "CityLearn", against_citylearn),
        ("homes by the minute", "OCHRE", against_ochre),
    ]
    rows = []
    for case, title, work in cases:
        try:
            rows.append(work(site))
        except peer.PeerError as fault:
            rows.append(absent(NAME, case, title, "home-step", fault))
    return rows
