"""Which architecture is near-optimal: layers, blocks, forecast error, lost and late messages swept on one scene.

Every point is a design on the same homes, weather, prices and draws with some keys of the scenario changed, as `--set` would.
Forecast error, lost and late messages are conditions a design has to bear; layers, blocks and the design itself are choices.
A front is therefore drawn among points under equal conditions. `central`, `rtp` and `flat` run once a forecast; their
messages do not pass the links of `[links]`, so lost and late messages are held against a central market that hears all.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from itertools import product
from pathlib import Path
from platform import machine, python_version
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.core.tables import Col, Flag
from gridagora.run import folder as folders
from gridagora.scenario.build import Scene
from gridagora.scenario.schema import LayersKeys
from gridagora.studies.parallel import Workers
from gridagora.studies.sweep import BOUND, Keys, Row, SweepCase, Told, fingerprint, run_cases

REFERENCES = ("flat", "rtp", "central")
LAYERS = ("none", "transformers", "zones")
FORECAST = ["forecast", "noise_per_kwh"]
CONDITIONS = [*FORECAST, "loss_share", "delay"]  # what a design bears and does not choose
SHOWN = (
    "design",
    "layers",
    "blocks",
    "captured_share",
    "lost_usd",
    "bytes_home_day",
    "disclosed_home_day",
    "settings",
)
NEAR = 0.05  # of the attainable gain: designs closer than this to the best count as near-optimal


class Point(NamedTuple):
    """One setting of every dial; `layers` is what stands between home and feeder, `blocks` 0 passes exact curves."""

    layers: str = "zones"
    blocks: int = 0
    forecast: str = "persistence"
    noise_per_kwh: float = 0.0
    loss_share: float = 0.0
    delay: int = 0


BASE = Point()


@dataclass(frozen=True)
class DialGrid:
    """The values of every dial. Without `full` one dial at a time is turned from the base, and all corners of the last four."""

    layers: tuple[str, ...] = LAYERS
    blocks: tuple[int, ...] = (0, 64, 16, 8, 4)
    forecast: tuple[tuple[str, float], ...] = (
        ("perfect", 0.0),
        ("persistence", 0.0),
        ("persistence", 0.01),
        ("persistence", 0.02),
        ("persistence", 0.04),
    )
    loss_share: tuple[float, ...] = (0.0, 0.01, 0.05, 0.2)
    delay: tuple[int, ...] = (0, 1, 3)
    base: Point = BASE
    full: bool = False

    def __post_init__(self) -> None:
        """Refuse an empty dial and layers that are not known."""
        empty = [
            name
            for name in ("layers", "blocks", "forecast", "loss_share", "delay")
            if not getattr(self, name)
        ]
        problems = [Problem(f"study.{name}", "no value", "one value or more") for name in empty]
        unknown = set(self.layers) - set(LAYERS)
        problems += [
            Problem("study.layers", f"'{name}'", f"one of {', '.join(LAYERS)}")
            for name in sorted(unknown)
        ]
        if problems:
            raise InputError(problems)


@dataclass(frozen=True, eq=False)
class StudyResult:
    """One study: `summary` is what `--json` prints, `tables` are data frames by name, `scenario_text` is the TOML."""

    summary: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    scenario_text: str

    def beside(self, other: "StudyResult") -> "StudyResult":
        """Return this study with the findings of another of the same scene added."""
        return StudyResult(
            {**other.summary, **self.summary}, {**other.tables, **self.tables}, self.scenario_text
        )


def study_aggregation(
    scene: Scene,
    grid: DialGrid | None = None,
    out: str | Path | None = None,
    progress: Told | None = None,
    processes: Workers = 1,
) -> StudyResult:
    """Sweep the layered design over the grid, with `flat`, `rtp` and `central` beside it on every forecast.

    Parameters
    ----------
    scene
        From `gridagora.load` or `gridagora.build`.
    out
        Folder to write. A finished point is written there at once, and a later study of the same scene takes it from there.
    progress
        Told (stage, points done, points in all).
    processes
        Points that run at the same time, or an executor such as a Ray cluster; their `wall_s` is then longer than alone.

    Returns
    -------
    StudyResult
        Table `points`: one row a point with what it lost against `central` on the same forecast [$ and share of the attainable
        gain, negative where it did better], messages, bytes, numbers disclosed, and whether it lies on the front.

    Raises
    ------
    InputError
        A value no dial has.
    PartError
        A scene whose baseline cannot be run, a point above the certified bound, or a process ended from outside.
    """
    grid = grid or DialGrid()
    points = spread(grid)
    conditions = dict.fromkeys(
        (point.forecast, point.noise_per_kwh) for point in [grid.base, *points]
    )
    jobs = {SweepCase("layered", scenario_keys(point, scene)): point for point in points}
    for name, (forecast, noise) in product(REFERENCES, conditions):
        if name != "flat" or (forecast, noise) == (grid.base.forecast, grid.base.noise_per_kwh):
            point = grid.base._replace(forecast=forecast, noise_per_kwh=noise)
            jobs[SweepCase(name, scenario_keys(point, scene))] = point
    found = run_cases(scene, [SweepCase(BOUND), *jobs], out, progress, processes)
    rows = [{"design": job.design} | point._asdict() | found[job] for job, point in jobs.items()]
    top = found[SweepCase(BOUND)]
    table = rate_points(rows, top, grid.base, len(scene.homes.home_id), scene.days)
    summary: Row = {"study": "aggregation"} | find_near_optimal(table, grid.base)
    summary |= {
        "points": json.loads(table.to_json(orient="records")),
        "manifest": manifest(scene, top),
    }
    faults = {f"{row['design']} {row['settings']}": row["fault"] for row in rows if "fault" in row}
    told = StudyResult(
        summary | ({"failed": faults} if faults else {}), {"points": table}, scene.text
    )
    if out is not None:
        folders.save(told, out)
    return told


def spread(grid: DialGrid) -> list[Point]:
    """Return the points of a grid, each once: all of them, or the base, every dial by itself and the corners."""
    if grid.full:
        every = product(grid.layers, grid.blocks, grid.forecast, grid.loss_share, grid.delay)
        return [
            Point(layer, blocks, name, noise, loss, late)
            for layer, blocks, (name, noise), loss, late in every
        ]
    base = grid.base
    alone = [
        base,
        *(base._replace(layers=layer) for layer in grid.layers),
        *(base._replace(blocks=k) for k in grid.blocks),
    ]
    alone += [base._replace(forecast=name, noise_per_kwh=noise) for name, noise in grid.forecast]
    alone += [base._replace(loss_share=loss) for loss in grid.loss_share] + [
        base._replace(delay=late) for late in grid.delay
    ]
    noise = max(noise for _, noise in grid.forecast)
    ends = (
        (0, min(grid.blocks, key=lambda k: k or np.inf)),
        (0.0, noise),
        (0.0, max(grid.loss_share)),
        (0, max(grid.delay)),
    )
    corners = [
        Point(base.layers, blocks, base.forecast, loud, loss, late)
        for blocks, loud, loss, late in product(*ends)
    ]
    return list(dict.fromkeys([*alone, *corners]))


def scenario_keys(point: Point, scene: Scene) -> Keys:
    """Return the keys of the scenario that make a point."""
    zones = scene.scenario.layers.zones if scene.scenario.layers.zones > 1 else LayersKeys().zones
    return (
        ("layers.transformers", point.layers != "none"),
        ("layers.zones", zones if point.layers == "zones" else 0),
        ("market.layered.blocks", point.blocks),
        ("market.forecast", point.forecast),
        ("market.forecast_noise_per_kwh", point.noise_per_kwh),
        ("links.loss_share", point.loss_share),
        ("links.delay_intervals", point.delay),
    )


def rate_points(rows: Sequence[Row], top: Row, base: Point, homes: int, days: int) -> pd.DataFrame:
    """Return the points with what they captured, what they lost against `central` on the same forecast, and the fronts.

    Raises
    ------
    PartError
        The flat tariff did not finish, so there is no baseline.
    """
    table = pd.DataFrame(rows)
    if (
        "welfare_usd" not in table
        or not (table.design.eq("flat") & table.welfare_usd.notna()).any()
    ):
        why = next((row["fault"] for row in rows if row["design"] == "flat" and "fault" in row), "")
        raise PartError(f"no baseline: 'flat' did not finish. {why}")
    central = table[table.design == "central"].set_index(FORECAST).welfare_usd.rename("central_usd")
    table = table.join(central, on=FORECAST)
    flat = float(table.loc[table.design == "flat", "welfare_usd"].iloc[0])
    gain = top["welfare_usd"] - flat
    table["captured_share"] = (table.welfare_usd - flat) / gain
    table["lost_usd"] = table.central_usd - table.welfare_usd
    table["lost_share"] = table.lost_usd / gain
    table["messages_home_day"] = table.messages / (homes * days)
    table["bytes_home_day"] = table.bytes / (homes * days)
    table["disclosed_home_day"] = table.disclosed / days  # counted by home already
    table["turned"] = [
        _turned(row, base) for row in table[list(Point._fields)].itertuples(index=False)
    ]
    for name in ("bytes", "disclosed"):
        table[f"front_{name}"] = _fronts(table, f"{name}_home_day")
    return table


def _turned(point: tuple[object, ...], base: Point) -> str:
    """Return which dials stand elsewhere than at the base, by name; a forecast is one dial."""
    off = [name for name, own, at in zip(Point._fields, point, base, strict=True) if own != at]
    return ", ".join(dict.fromkeys("forecast" if name == "noise_per_kwh" else name for name in off))


def _fronts(table: pd.DataFrame, cost: str) -> Flag:
    """Return which points no other under equal conditions beats; references hear all, so they stand under perfect links."""
    flag = np.zeros(len(table), bool)
    conditions = table[CONDITIONS].apply(tuple, axis=1)
    for condition in conditions.unique():
        rows = np.flatnonzero((conditions == condition) & table.lost_usd.notna())
        flag[rows] = pareto_front(table[cost].to_numpy()[rows], table.lost_usd.to_numpy()[rows])
    return flag


def pareto_front(cost: Col, lost: Col) -> Flag:
    """Return which points (n,) no other beats in [any unit]: none costs as little and loses less, or loses as little for less."""
    better = (
        (cost[:, None] <= cost)
        & (lost[:, None] <= lost)
        & ((cost[:, None] < cost) | (lost[:, None] < lost))
    )
    return np.asarray(~better.any(0))


def find_near_optimal(table: pd.DataFrame, base: Point) -> Row:
    """Return the point under the conditions of the base with least bytes among those within `NEAR` of the best, and the best."""
    same = np.logical_and.reduce([table[name] == getattr(base, name) for name in CONDITIONS])
    rows = table[same & table.captured_share.notna()]
    best = rows.loc[rows.captured_share.idxmax()]
    close = rows[rows.captured_share >= best.captured_share - NEAR]
    lean = close.loc[close.bytes_home_day.idxmin()]
    return {
        name: json.loads(row[list(SHOWN)].to_json())
        for name, row in (("best", best), ("near_optimal", lean))
    }


def manifest(scene: Scene, top: Row) -> Row:
    """Return where the numbers come from: the scene, the bound, the program and the machine."""
    case = scene.scenario.scenario
    return {
        "title": case.title,
        "note": case.note,
        "seed": case.seed,
        "start": str(case.start),
        "days": case.days,
        "homes": len(scene.homes.home_id),
        "feeder": scene.feeder.name,
        "limit_kw": top["limit_kw"],
        "bound_usd": top["welfare_usd"],
        "scenario_folder": scene.scenario.folder,
        "fingerprint_sha256": fingerprint(scene),
        **record_origin(),
    }


def record_origin() -> Row:
    """Return what a study was made with: the program, the machine, the command."""
    return {
        "versions": {name: metadata.version(name) for name in ("gridagora", "numpy", "numba")}
        | {"python": python_version()},
        "machine": machine(),
        "command": " ".join(["gridagora", *sys.argv[1:]])
        if Path(sys.argv[0]).name == "gridagora"
        else "python",
    }
