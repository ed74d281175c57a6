"""Where the ranking of designs flips: two small maps of the best design, run on fewer worlds and days than an ensemble.

One is over the limit of the substation and the price of what is beyond it, one over who owns panels and who takes part. What
is on neither axis stays as the scenario has it.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from gridagora.core.errors import InputError
from gridagora.files.json_text import json_text
from gridagora.scenario.schema import Scenario, SubstationKeys
from gridagora.settlement.overload import price_by_ageing
from gridagora.studies.ensemble import WORLDS_FILE, EnsemblePlan
from gridagora.studies.ranking import WELFARE, rank_designs
from gridagora.studies.variations import require_variations

FOLDER, FILE = "map", "flips.json"
WORLDS, DAYS, HOMES = (
    4,
    1,
    24,
)  # of the sample; homes are fewer where the feeder is made for as many as there are
LIMIT_SHARES = (0.7, 0.85, 1.0)  # of the flat peak, or of a limit in kW that is stated
PRICES_PER_KWH = (0.05, 0.25, 1.0)  # the three prices that decision 17 tells of
TRANSFORMERS = (1.0 / 3.0, 1.0, 3.0)  # of the price of one that is stated
PANEL_SHARES = (0.2, 0.5, 0.8)
PART_SHARES = (0.3, 0.6, 1.0)
OPTION = "--map"


class FlipAxis(NamedTuple):
    """An axis of a map: what it is, in words with its unit, and for each value its text and the keys that set it."""

    name: str
    texts: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]


class FlipQuestion(NamedTuple):
    """A map to be run: its name as a folder, and its axes."""

    name: str
    across: FlipAxis
    up: FlipAxis

    @property
    def variations(self) -> tuple[tuple[str, ...], ...]:
        """Keys of every point, one value upwards after the other."""
        return tuple((*up, *across) for up, across in product(self.up.keys, self.across.keys))

    @property
    def points(self) -> pd.DataFrame:
        """Texts of every point, a row each in the order of `variations`, a column for each axis."""
        pairs = list(product(self.up.texts, self.across.texts))
        return pd.DataFrame(pairs, columns=[self.up.name, self.across.name])


class FlipMap(NamedTuple):
    """A map that was run: its question by names of its axes, the ranking at every point, designs, and the sample in words."""

    name: str
    points: pd.DataFrame
    ranking: pd.DataFrame
    designs: tuple[str, ...]
    sample: str


def ask_flips(keys: Scenario) -> tuple[FlipQuestion, FlipQuestion]:
    """Return the two maps of a scenario."""
    limit, price = _limit_axis(keys.substation), _price_axis(keys.substation)
    panels = _shares("homes with panels", "homes.pv_share", PANEL_SHARES)
    part = _shares("homes that take part", "homes.participation_share", PART_SHARES)
    return FlipQuestion("limit", price, limit), FlipQuestion("homes", part, panels)


def refused(question: FlipQuestion, path: Path, overrides: Sequence[str]) -> str:
    """Return why a scenario does not take the keys of a map, '' where it does."""
    try:
        require_variations(str(path), overrides, question.variations, OPTION)
    except InputError as fault:
        return str(fault.problems[0])
    return ""


def shrink(keys: Scenario) -> list[str]:
    """Return the keys that make the homes of a sample fewer: those of a feeder that is made for its homes."""
    made_for = keys.feeder.source == "synthetic" and keys.homes.source == "synthetic"
    if made_for and keys.homes.count is not None and keys.homes.count > HOMES:
        return [f"homes.count={HOMES}"]
    return []


def spell_sample(plan: EnsemblePlan, homes: int, of: EnsemblePlan, days: int) -> str:
    """Return the sample of a map in words: points, worlds, days and homes, and how much of the run of an ensemble that is."""
    points, worlds = len(plan.variations), plan.seeds
    share = points * worlds * DAYS / (len(of.variations) * of.seeds * days)
    fewer = f", {homes} homes" if homes else ", all homes"
    return (
        f"a sample of its own: {points} points of {worlds} worlds each, {DAYS} day{fewer}; {100 * share:.0f} % of the worlds and "
        "days of the run itself"
    )


def read_flips(question: FlipQuestion, folder: Path, plan: EnsemblePlan, sample: str) -> FlipMap:
    """Return the map of a question whose worlds are in a folder, ranked by welfare."""
    ranking = rank_designs(folder / WORLDS_FILE, WELFARE)
    return FlipMap(question.name, question.points, ranking, plan.designs, sample)


def keep_flips(maps: Sequence[FlipMap], folder: Path) -> None:
    """Write maps beside their worlds, in place of those that were there."""
    told = [
        {
            "name": each.name,
            "axes": list(each.points.columns),
            "points": each.points.to_numpy().tolist(),
            "ranking": json.loads(each.ranking.to_json(orient="records", double_precision=15)),
            "designs": list(each.designs),
            "sample": each.sample,
        }
        for each in maps
    ]
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{FILE}.part"
    draft.write_text(json_text(told, sort_keys=False), encoding="utf-8")
    draft.replace(folder / FILE)


def load_flips(folder: Path) -> list[FlipMap]:
    """Return the maps of the folder of an ensemble; none where none was asked for."""
    file = folder / FOLDER / FILE
    if not file.is_file():
        return []
    told: list[Mapping[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return [
        FlipMap(
            each["name"],
            pd.DataFrame(each["points"], columns=each["axes"]),
            pd.DataFrame(each["ranking"]),
            tuple(each["designs"]),
            each["sample"],
        )
        for each in told
    ]


def cells_of(shown: FlipMap) -> pd.DataFrame:
    """Return a map as a table: a row for each value upwards, the highest first, a column for each across, best and ties."""
    up, across = shown.points.columns
    own = shown.ranking.set_index("variation").reindex(shown.points.index)
    text = [_cell(best, ties) for best, ties in zip(own.best, own.ties, strict=True)]
    wide = shown.points.assign(text=text).pivot(index=up, columns=across, values="text")
    rows = list(dict.fromkeys(shown.points[up]))[::-1]
    named = wide.loc[rows, list(dict.fromkeys(shown.points[across]))]
    named.columns = [f"{across} {value}" for value in named.columns]
    return named.reset_index()


def _cell(best: object, ties: object) -> str:
    if not isinstance(best, str):
        return "not run"
    tied = [] if not isinstance(ties, str) or not ties else ties.split(", ")
    more = f" and {len(tied) - 1} more" if len(tied) > 1 else ""
    return f"{best} = {tied[0]}{more}" if tied else best


def _shares(name: str, key: str, values: Sequence[float]) -> FlipAxis:
    texts = tuple(f"{100 * value:g} %" for value in values)
    return FlipAxis(name, texts, tuple((f"{key}={value}",) for value in values))


def _limit_axis(keys: SubstationKeys) -> FlipAxis:
    """Return the axis of the limit: of a stated one in kW, else of the flat peak in place of the rating of the feeder."""
    if keys.limit_kw is not None:
        values = [keys.limit_kw * share for share in LIMIT_SHARES]
        texts = tuple(f"{value:.4g}" for value in values)
        return FlipAxis("limit [kW]", texts, tuple((f"substation.limit_kw={v!r}",) for v in values))
    rated = [name for name in ("limit_by_rating", "limit_by_load_cycle") if getattr(keys, name)]
    off = [f"substation.{name}=false" for name in rated]
    own = [(*off, f"substation.limit_share_of_flat_peak={share}") for share in LIMIT_SHARES]
    return FlipAxis(
        "limit, of the flat peak", tuple(f"{100 * s:g} %" for s in LIMIT_SHARES), tuple(own)
    )


def _price_axis(keys: SubstationKeys) -> FlipAxis:
    """Return the axis of the price of overload, by the key that the scenario states it with.

    Where that is the price of a transformer it is a third and three times of it: ageing never costs what an upgrade does.
    """
    if keys.transformer_per_kva is not None:
        key, values = "transformer_per_kva", [keys.transformer_per_kva * r for r in TRANSFORMERS]
        prices = [price_by_ageing(value) for value in values]
    elif {"upgrade_per_kw_year", "upgrade_hours"} & keys.model_fields_set:
        key, prices = "upgrade_per_kw_year", list(PRICES_PER_KWH)
        values = [price * keys.upgrade_hours for price in prices]
    else:
        key, prices = "over_per_kwh", list(PRICES_PER_KWH)
        values = prices
    texts = tuple(f"{price:.3g}" for price in prices)
    own = tuple((f"substation.{key}={value!r}",) for value in values)
    return FlipAxis("price of overload [$/kWh]", texts, own)
