"""Homes and feeder against GridLAB-D: the same 300 homes with tanks on the same split-phase feeder, one day, four designs.

Each design runs alone, and once more with other worlds in step: the same feeder with homes of other seeds, as an ensemble runs.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import homes, peer, twin
from benchmarks.row import Row, cpu_seconds
from benchmarks.setting import Site, data_file
from gridagora.results.outcome import Outcome
from gridagora.run.compare import add_power_flow, prepare_runs
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate_runs
from gridagora.run.state import FinishedRun, Setup, wiring_of
from gridagora.scenario.build import Scene

NAME, UNIT, HOMES, DAYS, WORLDS = "gridlabd", "home-minute", 300, 1, 8
ASKED = {"flat": 500.0, "rtp": 120.0, "layered": 100.0, "central": 50.0}
WEATHER = "weather/TX-Austin_Mueller_Municipal_Ap.tmy3"
SAID = ("homes follow prices: nothing to compare", "as alone, to the last bit")
SETTLED = 24  # intervals of five minutes at the start that the comparison leaves out: two hours
CONDITIONS = (
    f"{HOMES} homes with two-state house, cooling unit, tank and appliances on {HOMES // 5} centre-tapped transformers, one day "
    "of July, Austin TMY3 without interpolation; same parameters, schedules, dead bands and wires. Both step houses and tanks by "
    "the minute; GridLAB-D solves its feeder whenever something changes, ours every five minutes on mean power. GridLAB-D's draw "
    "of hot water follows the temperature of the tank and its elements follow the voltage, ours do not; its latent heat, fan and "
    "capacity curve are switched off, and reactive power is that of each program. Timed: its run() without recorders; ours the "
    "run, bills and scores and the power flow. "
    "GridLAB-D has no market: its homes do the same beside every design of ours, whose homes plan and trade besides. Worlds in "
    "step are the feeder with homes of other seeds, as an ensemble runs them; GridLAB-D runs one in a process, so its time for "
    "one counts"
)


def settle(worlds: Sequence[tuple[Scene, Setup]], name: str) -> list[tuple[FinishedRun, Outcome]]:
    """Return a design that has run in every world, with its bills and its power flow."""
    markets = [scene.market(name) for scene, _ in worlds]
    runs = simulate_runs(markets, [study for _, study in worlds])
    return [
        (ran, add_power_flow(scene, wiring_of(study).grid, market, ran, evaluate(name, ran, study)))
        for (scene, study), market, ran in zip(worlds, markets, runs, strict=True)
    ]


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
    """Return two rows for each design: alone, and with other worlds in step."""
    rows = [
        Row(NAME, f"{HOMES} homes, a day, `{name}` with power flow", "GridLAB-D", UNIT)
        for name in ASKED
    ]
    rows = [row._replace(asked=asked) for row, asked in zip(rows, ASKED.values(), strict=True)]
    rows += [row._replace(case=f"{row.case}, {WORLDS} worlds in step", asked=None) for row in rows]
    try:
        peer.interpreter(site.peers, NAME)
        return _race(site, rows, data_file(site.data, WEATHER))
    except peer.PeerError as fault:
        return [row._replace(missing=str(fault)) for row in rows]


def _race(site: Site, rows: list[Row], weather: Path) -> list[Row]:
    work: dict[str, Any] = {
        "homes": homes.draw(HOMES),
        "appliances": homes.APPLIANCES,
        "taps": homes.TAPS,
    }
    work |= {"weather": str(weather.absolute()), "stop": f"2017-07-{10 + DAYS} 00:00:00"}
    sky = read_sky(site, work)
    told = peer.run(site.peers, NAME, "run_gridlabd.py", {**work, "record": True})
    with tempfile.TemporaryDirectory() as folder:
        seeds = [homes.draw(HOMES, 1 + world) for world in range(WORLDS)]
        scenes = [twin.scene(drawn, sky, Path(folder), DAYS) for drawn in seeds]
        worlds = list(zip(scenes, prepare_runs(scenes), strict=True))
    accuracy = describe(compare(told, *settle(worlds[:1], "flat")[0]))
    cases = [(name, count) for count in (1, WORLDS) for name in ASKED]
    for name, count in cases:
        settle(worlds[:count], name)  # compiles
    pairs: list[list[tuple[float, float]]] = [[] for _ in cases]
    for _ in range(site.repeats):
        theirs = peer.run(site.peers, NAME, "run_gridlabd.py", work)["cpu_s"]
        for seen, (name, count) in zip(pairs, cases, strict=True):
            seen.append((cpu_seconds(lambda n=name, c=count: settle(worlds[:c], n)), theirs))
    steps = HOMES * 1440.0 * DAYS
    return [
        row._replace(
            peer=f"GridLAB-D {told['version']}",
            ours=count * steps,
            theirs=steps,
            pairs=tuple(seen),
            accuracy=accuracy if name == "flat" and count == 1 else SAID[name == "flat"],
            conditions=CONDITIONS,
        )
        for row, seen, (name, count) in zip(rows, pairs, cases, strict=True)
    ]
