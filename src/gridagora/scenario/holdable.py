"""Whether a limit of the substation could be held at all: what is taken before any device that can move, less what can be made.

Only stores can bridge an hour in which that is beyond the limit, and where it is so in every hour they are never filled again.
Such a limit is refused. One that is passed in some hours is a matter of stores and of the price of overload: a warning.
"""

from datetime import timedelta

import numpy as np

from gridagora.core.device import REFERENCE_PER_KWH, STORAGE
from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col, Homes
from gridagora.population.fleet import beliefs, make_fleet
from gridagora.scenario.schema import Scenario

DAY_H = 24


def least_load_kw(homes: Homes, other_kw: Col, days: int) -> Col:
    """Return the least that homes and other meters can take in every hour without stores, shape (24 days,) [kW].

    Other meters take `other_kw` (H, j) [kW]. What can stop does, panels and generators give all they can; batteries give nothing.
    """
    hours = DAY_H * days
    least = fixed_load_kw(homes, other_kw, days)
    fleet = make_fleet(
        homes,
        np.arange(homes.load_kw.shape[1]) % DAY_H,
        1.0,
        REFERENCE_PER_KWH,
        1.0,
        rule="continuous",
        draws_known=True,
    )
    for first in range(0, hours, DAY_H):
        believed, _ = beliefs(fleet, first, DAY_H, REFERENCE_PER_KWH)
        for group, each in zip(fleet.groups, believed, strict=True):
            if group.about.family != STORAGE:
                least[first : first + DAY_H] += each.stores.p_min_kw.sum(0)
    return least


def fixed_load_kw(homes: Homes, other_kw: Col, days: int) -> Col:
    """Return what homes take before their devices, and other meters (H, j) [kW], in every hour, shape (24 days,) [kW]."""
    hours = DAY_H * days
    return np.asarray(homes.load_kw[:, :hours].sum(0) + other_kw[:hours].sum(1))


def require_holdable(
    scenario: Scenario, homes: Homes, other_kw: Col, limit_kw: float, key: str
) -> None:
    """Refuse a limit [kW] that is passed in every hour whatever devices do; `key` stated it, other meters take (H, j) [kW].

    Raises
    ------
    InputError
        Such a limit, with the hour that comes nearest to it.
    """
    least = _beyond(homes, other_kw, scenario.scenario.days, limit_kw)
    if least is None or not (least > limit_kw).all():
        return
    hour = int(least.argmin())
    lowest = f"{least[hour]:,.4g} kW {spell_hour(scenario, hour)}"
    got = (
        f"{limit_kw:,.4g} kW, which no device could hold in any of {len(least)} hours: homes and other meters take at least "
        f"{lowest}, before what can move and less what panels make"
    )
    where = f"{scenario.file or 'scene'}: [substation] {key}"
    expected = f"a limit above {least[hour]:,.4g} kW, better above {least.max():,.4g} kW"
    hint = "Is it of another feeder, or in MW?"
    raise InputError([Problem(where, got, expected, hint)])


def warn_of_limit(scenario: Scenario, homes: Homes, other_kw: Col, limit_kw: float) -> str:
    """Return in how many hours only stores could hold a limit [kW], '' where in none; other meters take (H, j) [kW]."""
    least = _beyond(homes, other_kw, scenario.scenario.days, limit_kw)
    if least is None or not (least > limit_kw).any():
        return ""
    hour, many = int(least.argmax()), int((least > limit_kw).sum())
    most = f"{least[hour]:,.4g} kW are taken {spell_hour(scenario, hour)}"
    return f"only stores could hold it in {many} of {len(least)} hours, {most} before devices that can move"


def spell_hour(scenario: Scenario, hour: int) -> str:
    """Return an hour of a run, counted from its start, as people say it."""
    day = scenario.scenario.start + timedelta(days=hour // DAY_H)
    return f"at {hour % DAY_H}:00 on {day.day} {day:%B}"


def _beyond(homes: Homes, other_kw: Col, days: int, limit_kw: float) -> Col | None:
    """Return the least load (24 days,) [kW]; None where even the load before devices is never beyond a limit [kW]."""
    if not (fixed_load_kw(homes, other_kw, days) > limit_kw).any():
        return None
    return least_load_kw(homes, other_kw, days)
