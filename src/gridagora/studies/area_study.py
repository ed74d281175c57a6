"""An area run to its end and written to a folder: sums by interval, quantiles over homes, every interval of a sample of homes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import TAIL_H
from gridagora.files.json_text import json_text
from gridagora.files.memory import available_bytes
from gridagora.markets.layered import Layered
from gridagora.population.archetypes import SETS
from gridagora.run.area import AreaCase
from gridagora.run.area_market import ShardHost
from gridagora.run.area_run import AreaResult, quantiles, run_area
from gridagora.scenario.build import Scene

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
HOUR_S = 3600
GIB = 1 << 30
# of a home, of a pattern and of an hour of it in each shard, of each process: a million homes of 4 914 patterns peaked at 2.9 GiB
# in two processes
HOME_BYTES, PATTERN_BYTES, PATTERN_HOUR_BYTES, BASE_BYTES = 2_500, 6_000, 200, 300_000_000


def study_area(
    area: AreaCase,
    host: ShardHost,
    market: Layered,
    out: Path,
    progress: Callable[[int, int], None] | None = None,
    hours: int | None = None,
) -> dict[str, Any]:
    """Run an area, write `summary.json`, `intervals.parquet` and `sample.parquet`, and return the summary."""
    found = run_area(area, host, market, progress, hours)
    told = summarize(area, found)
    out.mkdir(parents=True, exist_ok=True)
    intervals(area, found).to_parquet(out / "intervals.parquet", index=False)
    sample(area, found).to_parquet(out / "sample.parquet", index=False)
    (out / "summary.json").write_text(json_text(told, 2, sort_keys=False), encoding="utf-8")
    return told


def require_layered(scene: Scene) -> Layered:
    """Return the layered design of a scene, the only one that an area runs.

    Raises
    ------
    InputError
        A scenario that names another one first.
    """
    name = scene.scenario.compared[0]
    market = scene.market(name)
    if isinstance(market, Layered):
        return market
    hint = 'Set scenario.architectures = ["layered"], or leave [area] out.'
    raise InputError([Problem("[area]", f"the design '{name}'", "'layered'", hint)])


def require_memory(homes: int, archetypes: int, days: int, shards: int, *, at_once: bool) -> None:
    """Refuse an area that does not fit this machine; shards on other machines are not its concern.

    Parameters
    ----------
    homes, archetypes, days
        Of the area.
    shards
        Into how many parts it is cut; each holds tables of the patterns of its homes.
    at_once
        Whether each shard has a process of its own.

    Raises
    ------
    InputError
        With how many homes would fit, and what else helps.
    """
    free = available_bytes()
    pattern = PATTERN_BYTES + PATTERN_HOUR_BYTES * (24 * days + TAIL_H)
    programs = BASE_BYTES * (1 + shards * at_once)
    tables = shards * pattern * min(homes, SETS * archetypes)
    need = programs + tables + homes * HOME_BYTES
    if free is None or need <= free:
        return
    fits = max(0, int((free - programs - tables) / HOME_BYTES))
    got = (
        f"{homes:,} homes, some {need / GIB:,.1f} GiB in {shards} shard{'' if shards == 1 else 's'}"
    )
    hint = "Cut it into fewer shards, or spread them over machines: --on ray --address HOST:PORT."
    expected = f"at most {fits:,} in the {free / GIB:,.1f} GiB that are free here"
    raise InputError([Problem("--homes", got, expected, hint)])


def summarize(area: AreaCase, found: AreaResult) -> dict[str, Any]:
    """Return the figures of a run of an area; bills are known to a cent and energy to 0.1 kWh."""
    dt_h, shape = area.terms.dt_h, area.shape
    energy_kwh = float(found.load_kw.sum() * dt_h)
    bills = quantiles([shard.bill_cents for shard in found.shards], SHARES)
    energy = quantiles([shard.import_wh for shard in found.shards], SHARES)
    return {
        "study": "area",
        "homes": shape.homes,
        "feeders": shape.feeders,
        "zones": shape.zones,
        "hours": len(found.load_kw) * dt_h,
        "energy_kwh": energy_kwh,
        "peak_kw": float(found.load_kw.max()),
        "missed_share": float(found.missed_kw.sum() * dt_h) / max(energy_kwh, 1e-9),
        "mean_price_per_kwh": float(found.price_per_kwh.mean()),
        "bills_usd": sum(shard.bill_uusd for shard in found.shards) / 1e6,
        "bill_usd": {
            f"{share:.0%}": cents / 100 for share, cents in zip(SHARES, bills, strict=True)
        },
        "import_kwh": {
            f"{share:.0%}": each / 10 for share, each in zip(SHARES, energy, strict=True)
        },
        "rounds_day_ahead": found.rounds,
        "sampled_homes": sum(len(shard.sample) for shard in found.shards),
    }


def intervals(area: AreaCase, found: AreaResult) -> pd.DataFrame:
    """Return sums over all homes and the price by interval."""
    columns = {
        "start_s": area.terms.start_s
        + round(HOUR_S * area.terms.dt_h) * np.arange(len(found.load_kw)),
        "load_kw": found.load_kw,
        "award_kw": found.award_kw,
        "missed_kw": found.missed_kw,
        "price_per_kwh": found.price_per_kwh,
    }
    return pd.DataFrame(columns | {f"{kind}_kw": kw for kind, kw in found.kind_kw.items()})


def sample(area: AreaCase, found: AreaResult) -> pd.DataFrame:
    """Return every interval of the homes of the sample, a row each."""
    t, dt_s = len(found.load_kw), round(HOUR_S * area.terms.dt_h)
    start_s = area.terms.start_s + dt_s * np.arange(t)
    parts = [
        pd.DataFrame(
            {
                "home": np.repeat(np.array(shard.sample, dtype=object), t),
                "start_s": np.tile(start_s, len(shard.sample)),
                "home_kw": shard.sample_kw[:, :t].ravel(),
                "t_air_degc": shard.sample_degc[:, :t].ravel(),
            }
        )
        for shard in found.shards
    ]
    return pd.concat(parts, ignore_index=True)
