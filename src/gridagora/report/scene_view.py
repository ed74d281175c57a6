"""What pictures of a scene are made of: series by hour of the run, places of buses, and what homes are and own."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.currency import spell_money
from gridagora.core.device import RENEWABLE
from gridagora.core.feeder import Feeder, branches, source_bus
from gridagora.core.registry import find
from gridagora.core.tables import LEAD_H, Col, Flag, Index
from gridagora.population.charging import ChargingSessions
from gridagora.report.tree_layout import lay_out_tree
from gridagora.scenario.build import Scene

HOUR_S, DAY_H = 3600, 24
NONE = "none of these"
SEVERAL = "several of these"
DRAWN = "drawn by the seed"


class HourCurve(NamedTuple):
    """One series by hour of the run: what it is, its unit, and its values."""

    label: str
    unit: str
    values: Col  # (24 days,) [of `unit`]
    colour: str


class MapOfFeeder(NamedTuple):
    """Where b buses are drawn, y upwards, and the l pairs that are joined.

    `is_map` tells whether places are those of the model [m]; else x counts joints from the source and y parts the branches [1].
    """

    x: Col  # (b,) [m] or [1]
    y: Col  # (b,) [m] or [1]
    from_bus: Index  # (l,)
    to_bus: Index  # (l,)
    is_transformer: Sequence[bool]
    is_map: bool


def series_of(scene: Scene) -> tuple[HourCurve, ...]:
    """Return what a scene holds by hour of its run, before any design is run."""
    homes, hours = scene.homes, DAY_H * scene.days
    metered = bool(scene.scenario.homes.loads)
    what = "metered load of homes" if metered else "appliances of homes"
    found = [HourCurve(what, "kW", homes.load_kw[:, :hours].sum(0), "#5d6b82")]
    other_kw = scene.other_kw[:hours].sum(1)
    if other_kw.any():
        found.append(HourCurve("other customers", "kW", other_kw, "#8b929c"))
    for kind, table in homes.owned.items():
        about = find("device", kind).about
        label = about.label.lower()
        made_kw = getattr(table, "available_kw", None)
        if about.family == RENEWABLE and made_kw is not None and len(table.home):
            found.append(HourCurve(label, "kW", made_kw[:, :hours].sum(0), about.color))
        if isinstance(table, ChargingSessions) and len(table.home):
            here = _plugged(table.arrive_s, table.depart_s, hours)
            found.append(HourCurve(f"{label} plugged in", about.noun, here, about.color))
    unit = spell_money("$/kWh", scene.scenario.scenario.currency)
    price = scene.prices.day_ahead_per_kwh[LEAD_H : LEAD_H + hours]
    return (
        *found,
        HourCurve("price of the day ahead", unit, price, "#b05a00"),
        HourCurve("outdoor temperature", "degC", scene.weather.t_out_degc[:hours], "#a82a1f"),
        HourCurve("sun on the ground", "W/m2", scene.weather.ghi_w_m2[:hours], "#8a6d00"),
    )


def _plugged(arrive_s: Index, depart_s: Index, hours: int) -> Col:
    """Return how many cars are plugged in at the middle of each hour, shape (h,)."""
    middle_s = HOUR_S * np.arange(hours) + HOUR_S // 2
    came, left = (np.searchsorted(np.sort(each), middle_s) for each in (arrive_s, depart_s))
    return (came - left).astype(np.float64)


def map_of(feeder: Feeder) -> MapOfFeeder:
    """Return where the buses of a feeder are drawn: by their coordinates, or as a tree where some bus has none."""
    joins = branches(feeder)
    is_transformer = [kind == "transformer" for kind in joins.kind]
    x, y = feeder.buses.x_m, feeder.buses.y_m
    known = np.isfinite(x) & np.isfinite(y)
    is_map = bool(known.all()) and np.unique(np.stack([x, y]), axis=1).shape[1] > 1
    if not is_map:
        root = source_bus(feeder)
        x, y = lay_out_tree(len(x), joins.from_bus, joins.to_bus, root)
    return MapOfFeeder(x, y, joins.from_bus, joins.to_bus, is_transformer, is_map)


def kind_of_homes(scene: Scene) -> tuple[str, ...]:
    """Return the class of each home, shape (n,), where a table says one of any; else what it owns, in a word."""
    if len({each for each in scene.home_class if each}) > 1:
        return tuple(each or "no class" for each in scene.home_class)
    owns = _owned_kinds(scene)
    words = np.array([NONE, *owns, SEVERAL], dtype=object)
    if not owns:
        return (NONE,) * len(scene.homes.home_id)
    table = np.array(list(owns.values()))
    first, many = table.argmax(0) + 1, table.sum(0)
    at = np.where(many > 1, len(words) - 1, np.where(many == 1, first, 0))
    return tuple(words[at].tolist())


def _owned_kinds(scene: Scene) -> Mapping[str, Flag]:
    """Return which homes own each kind of device that stores or feeds in, shape (n,), by its label."""
    count = len(scene.homes.home_id)
    found = {}
    for kind, table in scene.homes.owned.items():
        about = find("device", kind).about
        if about.is_prosumer and len(table.home):
            found[about.label.lower()] = np.bincount(table.home, minlength=count) > 0
    return found


def sources_of(scene: Scene) -> list[tuple[str, str, str]]:
    """Return part, source and where it comes from, of the feeder, the homes, the weather and the prices."""
    keys, seed = scene.scenario, scene.seed
    written: dict[str, list[str]] = {}
    for key, path in keys.written.items():
        table, _, name = key.partition(".")
        written.setdefault(table, []).append(f"{name} {path}")
    rows = []
    for part in ("feeder", "homes", "weather", "prices"):
        source = str(getattr(keys, part).source)
        read = f"read from {', '.join(written[part])}" if part in written else ""
        drawn = f"{DRAWN} {seed}, as in Austin, Texas" if source == "synthetic" else ""
        if part == "feeder" and drawn:
            drawn = f"{DRAWN} {seed if keys.feeder.seed is None else keys.feeder.seed}"
        if source == "busbar":
            drawn = "no network is known: one bus, no losses"
        rest = f"what it lacks is {drawn}" if read and drawn else drawn
        rows.append((part, source, "; ".join(each for each in (read, rest) if each)))
    return rows
