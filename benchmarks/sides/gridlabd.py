"""Homes and feeder against GridLAB-D: the same 300 homes with tanks on the same split-phase feeder, one day, four designs."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import homes, peer, twin
from benchmarks.row import Row, cpu_seconds
from benchmarks.setting import Site, absent, data_file
from gridagora.results.outcome import Outcome
from gridagora.run.compare import add_power_flow, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.run.state import FinishedRun, Setup, wiring_of
from gridagora.scenario.build import Scene

NAME, UNIT, HOMES, DAYS = "gridlabd", "home-minute", 300, 1
ASKED = {"flat": 500.0, "rtp": 120.0, "layered": 100.0, "central": 50.0}
WEATHER = "weather/TX-Austin_Mueller_Municipal_Ap.tmy3"
SETTLED = 24  # intervals of five minutes at the start that the comparison leaves out: two hours
CONDITIONS = (
    f"{HOMES} homes with two-state house, cooling unit, tank and appliances on {HOMES // 5} centre-tapped transformers, one day "
    "of July, Austin TMY3 without interpolation; same parameters, schedules, dead bands and wires. Both step houses and tanks by "
    "the minute; GridLAB-D solves its feeder whenever something changes, ours every five minutes on mean power. GridLAB-D's draw "
    "of hot water follows the temperature of the tank and its elements follow the voltage, ours do not; its latent heat, fan and "
    "capacity curve are switched off, and reactive power is that of each program. Timed: its run() without recorders; ours the "
    "run, bills and scores and the power flow. "
    "GridLAB-D has no market: its homes do the same beside every design of ours, whose homes plan and trade besides"
)


def settle(scene: Scene, study: Setup, name: str) -> tuple[FinishedRun, Outcome]:
    """Return a design that has run, with its bills and its power flow."""
    market = scene.market(name)
    ran = simulate(market, study)
    return ran, add_power_flow(
        scene, wiring_of(study).grid, market, ran, evaluate(name, ran, study)
    )


def read_sky(site: Site, work: dict[str, Any]) -> np.ndarray:
    """Return outdoor air and sun on four walls, hour by hour, as GridLAB-D reads the weather file, shape (H, 5) [F], [W/ft2]."""
    longer = {"sky": True, "stop": "2017-07-12 03:00:00"}
    return np.array(peer.run(site.peers, NAME, "run_gridlabd.py", {**work, **longer})["sky"])


def compare(told: dict[str, Any], ran: FinishedRun, seen: Outcome) -> dict[str, float]:
    """Return how far ours is from what GridLAB-D wrote down: temperatures [K], energies [1], voltages [pu].

    Temperatures and voltages leave out the first two hours, in which both forget how they began.
    """
    column = ran.track.recorder.column
    count = len(told["air"][0])
    their_air = (np.array(told["air"])[: 288 * DAYS].T - 32) / 1.8
    mean_air = np.asarray(column("t_air_degc"))
    ours = {kind: np.asarray(column(f"{kind}_kw")).sum() / 12 for kind in ("hvac", "water_heater")}
    theirs = {"hvac": np.array(told["hvac"]), "water_heater": np.array(told["heater"])}
    energy = {
        kind: ours[kind] / (table[: 1440 * DAYS].sum() / 60) - 1 for kind, table in theirs.items()
    }
    apart = (mean_air - their_air)[:, SETTLED:]
    head_kwh = np.array(told["head"])[: 1440 * DAYS, 0].sum() / 60 / 1000
    net = seen.network
    if net is None:
        raise ValueError(f"{count} homes: the run has no power flow")
    volts = (
        np.array(told["volt"])[: 288 * DAYS].T[:, SETTLED:] / 240
        - np.asarray(net.home_v_pu)[:, SETTLED:]
    )
    return {
        "air_fleet_k": float(np.sqrt((apart.mean(0) ** 2).mean())),
        "air_home_k": float(np.abs(apart.mean(1)).mean()),
        "air_worst_k": float(np.abs(apart.mean(1)).max()),
        "hvac_share": float(energy["hvac"]),
        "tank_share": float(energy["water_heater"]),
        "head_share": float(np.asarray(net.source_kw).sum() / 12 / head_kwh - 1),
        "volt_mean_pu": float(np.abs(volts.mean(1)).mean()),
    }


def describe(apart: dict[str, float]) -> str:
    """Return the differences in words."""
    return (
        f"indoor air of the fleet {apart['air_fleet_k']:.3f} K rms, day's mean of a home {apart['air_home_k']:.3f} K, at most "
        f"{apart['air_worst_k']:.3f}; energy of cooling {apart['hvac_share']:+.2%}, of tanks {apart['tank_share']:+.2%}, at the "
        f"substation {apart['head_share']:+.2%}; mean voltage {apart['volt_mean_pu']:.4f} pu"
    )


def run(site: Site) -> list[Row]:
    """Return a row for each design."""
    cases = {name: f"{HOMES} homes, a day, `{name}` with power flow" for name in ASKED}
    try:
        peer.interpreter(site.peers, NAME)
        return _race(site, cases, data_file(site.data, WEATHER))
    except peer.PeerError as fault:
        return [
            absent(NAME, case, "GridLAB-D", UNIT, fault)._replace(asked=ASKED[name])
            for name, case in cases.items()
        ]


def _race(site: Site, cases: dict[str, str], weather: Path) -> list[Row]:
    drawn = homes.draw(HOMES)
    work: dict[str, Any] = {"homes": drawn, "appliances": homes.APPLIANCES, "taps": homes.TAPS}
    work |= {
        "weather": str(weather.absolute()),
        "stop": f"2017-07-{10 + DAYS} 00:00:00",
    }
    sky = read_sky(site, work)
    told = peer.run(site.peers, NAME, "run_gridlabd.py", {**work, "record": True})
    with tempfile.TemporaryDirectory() as folder:
        scene = twin.scene(drawn, sky, Path(folder), DAYS)
        study = prepare(scene)
    accuracy = describe(compare(told, *settle(scene, study, "flat")))
    for name in cases:
        settle(scene, study, name)  # compiles
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(site.repeats):
        theirs = peer.run(site.peers, NAME, "run_gridlabd.py", work)["cpu_s"]
        for name in cases:
            pairs[name].append((cpu_seconds(lambda n=name: settle(scene, study, n)), theirs))
    steps = HOMES * 1440.0 * DAYS
    version = f"GridLAB-D {told['version']}"
    return [
        Row(NAME, case, version, UNIT, steps, steps, tuple(pairs[name]), ASKED[name])._replace(
            accuracy=accuracy if name == "flat" else "homes follow prices: nothing to compare",
            conditions=CONDITIONS,
        )
        for name, case in cases.items()
    ]
