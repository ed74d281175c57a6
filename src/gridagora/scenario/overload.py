"""The limit of the substation and the price of an overload, as a scenario states them, each with its source in words."""

from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col
from gridagora.grid.head_rating import find_head_rating
from gridagora.scenario.build import Scene
from gridagora.scenario.holdable import warn_of_limit
from gridagora.scenario.schema import SubstationKeys
from gridagora.settlement.overload import price_by_ageing, price_by_upgrade
from gridagora.settlement.transformer_life import rate_load_cycle

HOURS = 24
LEAST_PU = 1e-3  # of its rating: less is no load that a limit could be


PRICE_KEYS = {"over_per_kwh", "transformer_per_kva", "upgrade_per_kw_year", "upgrade_hours"}


class Stated(NamedTuple):
    """A figure and where it comes from."""

    value: float
    source: str


def price_overload(keys: SubstationKeys) -> Stated:
    """Return the price of a kWh beyond the limit [$/kWh]: as stated, by the ageing of a transformer, or by an upgrade."""
    if keys.over_per_kwh is not None:
        return Stated(keys.over_per_kwh, "as stated in the scenario")
    if keys.transformer_per_kva is not None:
        said = f"ageing of a transformer of {keys.transformer_per_kva:g} $/kVA by IEEE C57.91, 20 % over its rating at 30 degC"
        return Stated(price_by_ageing(keys.transformer_per_kva), said)
    cost, hours = keys.upgrade_per_kw_year, keys.upgrade_hours
    said = f"an upgrade at {cost:g} $/kW and year, laid on {hours:g} hours a year"
    return Stated(price_by_upgrade(cost, hours), said)


def limit_by_rating(scene: Scene, transformer_pu: float = 1.0) -> Stated:
    """Return the limit [kW] that the rating of the head of the feeder sets, at the power factor of its rated loads.

    Transformers carry `transformer_pu` times their nameplate.

    Raises
    ------
    InputError
        A feeder that states no rating of what all of its power passes.
    """
    head = find_head_rating(scene.feeder, transformer_pu)
    if head is None:
        where = f"{scene.file or 'scene'}: [substation] limit_by_rating"
        got = f"true for the feeder '{scene.feeder.name}', which states no rating of what all its power passes"
        hint = "Set limit_kw to what it may carry."
        raise InputError([Problem(where, got, "a feeder with a rating at its head", hint)])
    said = (
        f"rating of {head.name}, {head.kva:,.0f} kVA at a power factor of {head.power_factor:.2f}"
    )
    return Stated(head.kva * head.power_factor, said)


def limit_by_load_cycle(scene: Scene, load_kw: Col, dt_h: float) -> Stated:
    """Return the limit [kW] of the head of the feeder where its transformers carry a load of this shape at normal ageing.

    A line counts with its rating: its conductor follows the load within minutes.

    Parameters
    ----------
    load_kw
        Of the whole run, shape (t,) [kW].
    dt_h
        Length of an interval [h].

    Raises
    ------
    InputError
        A feeder that states no rating of what all of its power passes, or air in which a transformer ages too fast unloaded.
    """
    carried_pu = rate_load_cycle(load_kw, outdoor_c(scene, len(load_kw)), dt_h)
    if carried_pu < LEAST_PU:
        where = f"{scene.file or 'scene'}: [substation] limit_by_load_cycle"
        got = f"true in air of up to {scene.weather.t_out_degc.max():.0f} degC"
        raise InputError([Problem(where, got, "air that cools a transformer to its normal ageing")])
    return limit_by_rating(scene, carried_pu)


def outdoor_c(scene: Scene, intervals: int) -> Col:
    """Return the temperature of the air of a run in every interval, shape (t,) [degC]."""
    hours = HOURS * scene.days
    return np.repeat(scene.weather.t_out_degc[:hours], intervals // hours)


def spell_limit(scene: Scene, limit_kw: float | None = None) -> str:
    """Return the limit of a scene in a sentence, with what more costs and where both come from; `limit_kw` once it is known."""
    keys = scene.scenario.substation
    known = "" if limit_kw is None else f"{limit_kw:,.0f} kW, "
    if keys.limit_kw is not None:
        limit = f"limit {keys.limit_kw:g} kW, of a contract"
    elif keys.limit_by_rating:
        rated = limit_by_rating(scene)
        limit = f"limit {rated.value:,.0f} kW, {rated.source}"
    elif keys.limit_by_load_cycle:
        source = limit_by_rating(scene).source
        limit = f"limit {known}the load cycle of IEEE C57.91 at normal ageing behind the {source}"
    elif keys.limit_share_of_flat_peak is not None:
        limit = f"limit {known}{keys.limit_share_of_flat_peak:.0%} of the peak under 'flat', a stress case"
    else:
        unread = sorted(keys.model_fields_set & PRICE_KEYS)
        return (
            f"no limit, so {' and '.join(unread)} price{'' if len(unread) > 1 else 's'} nothing"
            if unread
            else "no limit"
        )
    price = price_overload(keys)
    told = f"{limit}; {price.value:.3g} $/kWh above it, {price.source}"
    known_kw = keys.limit_kw or limit_kw
    beyond = known_kw and warn_of_limit(scene.scenario, scene.homes, scene.other_kw, known_kw)
    return f"{told}; {beyond}" if beyond else told
