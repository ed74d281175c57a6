"""An area of many feeders whose homes are drawn from archetypes: what is shared, and which part of it a shard holds.

The tree is home, service transformer, feeder, zone, area. It is cut above feeders: what is below a feeder never crosses from
shard to shard, only the curve of the feeder, its plan, and the price and the power that come down. There is no power flow: a
feeder is balanced at its head.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import TAIL_H, Homes, Index
from gridagora.population.archetypes import DrawnHomes, draw_homes, make_homes, trim_homes
from gridagora.run.area_tree import AreaShape, ShardPlace
from gridagora.run.forecast import WholesaleTerms
from gridagora.scenario.build import Scene
from gridagora.scenario.overload import price_overload
from gridagora.scenario.schema import LIMIT_KEYS


class AreaTerms(NamedTuple):
    """What all homes and the market of an area share."""

    wholesale: WholesaleTerms
    local_hour: Index  # (H,) local hour of day
    start_s: int
    days: int
    dt_h: float  # of an interval
    window_h: int  # of a look-ahead
    comfort_per_k2_h: float
    reference_per_kwh: float
    rule: str  # how on/off units follow a dispatch
    rest_min: int
    blocks: int = 0  # of the curve that a place passes up; 0: every breakpoint
    transformer_kw: float = np.inf  # what a service transformer carries in either direction
    zone_kw: float = np.inf  # what a zone carries
    sample: int = 0  # homes of which every interval is kept, spread evenly


class AreaCase(NamedTuple):
    """n homes on the feeders of an area."""

    terms: AreaTerms
    shape: AreaShape
    archetypes: Homes  # (a,) over H hours
    drawn: DrawnHomes


def area_of(
    scene: Scene,
    shape: AreaShape,
    *,
    blocks: int = 0,
    transformer_kw: float = np.inf,
    zone_kw: float = np.inf,
    sample: int = 0,
    likely: int = 28,
    hours: int | None = None,
) -> AreaCase:
    """Return an area whose archetypes are the homes of a scene, under its weather, prices and keys.

    Parameters
    ----------
    shape
        How many homes there are, and how they stand.
    blocks
        Of the curve that a place passes up; 0 passes every breakpoint.
    transformer_kw, zone_kw
        What a service transformer and a zone carry in either direction [kW].
    sample
        Homes of which every interval is kept.
    likely
        Draws of hot water that a home holds for likely, at most 28; fewer take less memory.
    hours
        That are run, from the start; tables end a look-ahead after them. Left out: all days.

    Raises
    ------
    InputError
        A limit of the substation as a share of a peak that no run has found, or what `make_area` refuses.
    """
    keys = scene.scenario
    stated = keys.substation
    name = next((key for key in LIMIT_KEYS if key != "limit_kw" and vars(stated)[key]), None)
    if name is not None:
        hint = "Set limit_kw, or leave them out for no limit."
        expected = "a limit in kW: an area has many feeders, and no run before"
        where = f"{keys.file or 'scene'}: [substation] {name}"
        raise InputError([Problem(where, str(vars(stated)[name]), expected, hint)])
    if keys.homes.participation_share < 1:
        where = f"{keys.file or 'scene'}: [homes] participation_share"
        expected = "1: all homes of an area take part"
        raise InputError([Problem(where, f"{keys.homes.participation_share:g}", expected)])
    if keys.market.closes_stores:
        where = f"{keys.file or 'scene'}: [market] closes_stores"
        expected = "false: an area has no run before that says where stores end"
        raise InputError([Problem(where, "true", expected)])
    whole = scene.homes.load_kw.shape[1]
    held = whole if hours is None else min(whole, hours + max(TAIL_H, keys.market.horizon_hours))
    limit_kw = keys.substation.limit_kw
    wholesale = WholesaleTerms(
        scene.prices,
        keys.prices.delivery_per_kwh,
        keys.prices.export_credit_per_kwh,
        np.inf if limit_kw is None else limit_kw,
        price_overload(keys.substation).value,
        keys.market.forecast != "persistence",
        keys.market.forecast == "perfect",
        keys.market.forecast_noise_per_kwh,
        keys.scenario.seed,
    )
    terms = AreaTerms(
        wholesale,
        ((scene.start_s + scene.utc_offset_s) // 3600 + np.arange(held)) % 24,
        scene.start_s,
        scene.days,
        keys.market.interval_minutes / 60,
        keys.market.horizon_hours,
        keys.comfort.value_per_k2_h,
        keys.comfort.reference_per_kwh,
        keys.market.dispatch,
        keys.market.rest_minutes,
        blocks,
        transformer_kw,
        zone_kw,
        sample,
    )
    return make_area(terms, shape, trim_homes(scene.homes, held, likely), scene.seed)


def make_area(terms: AreaTerms, shape: AreaShape, archetypes: Homes, seed: int) -> AreaCase:
    """Return an area whose homes are drawn by the seed.

    Raises
    ------
    InputError
        A number that is below one, all at once.
    """
    problems = [
        Problem(f"area: {name}", str(value), "a whole number of at least 1")
        for name, value in shape._asdict().items()
        if value < 1
    ]
    if problems:
        raise InputError(problems)
    return AreaCase(
        terms, shape, archetypes, draw_homes(seed, len(archetypes.home_id), shape.homes)
    )


def homes_of_shard(area: AreaCase, where: ShardPlace) -> Homes:
    """Return the tables of the homes of a shard, made of their archetypes."""
    first = where.first_home
    return make_homes(area.archetypes, area.drawn, first, first + len(where.place))
