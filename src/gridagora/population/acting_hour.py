"""What acts on the heating and cooling of homes in an hour, laid side by side once for all its intervals."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.physics.fleet import Hours


class ActingHour(NamedTuple):
    """What acts on n units in an hour, (n,) each, side by side in memory."""

    hours: Hours  # with the set point of a thermostat
    best_degc: Col  # bliss temperature
    is_served: Flag  # whether there is a unit for the mode of the hour
    heat_per_kwh: Col  # heat to the air of a kWh [kWh/kWh]
    gain_kw: Col  # heat to air and mass without the unit
    order: Index  # rows by transformer, those of one in their order


def make_acting_hour(hours: Hours, best_degc: Col, group: Index) -> ActingHour:
    """Return what acts in an hour: fields (n,), bliss temperature (n,) [degC] and transformer (n,) of each unit."""
    is_served = hours.rated_kw > 0
    return ActingHour(
        hours,
        np.ascontiguousarray(best_degc),
        is_served,
        hours.unit_kw / np.where(is_served, hours.rated_kw, 1.0),
        hours.q_air_kw + hours.q_mass_kw,
        np.argsort(group, kind="stable"),
    )


def goal_of(acting: ActingHour, asked_kw: Col) -> Hours:
    """Return what acts in the hour: units with an order (n,) [kW] aim at the bliss temperature, others at the set point."""
    free, goal = np.isnan(asked_kw), acting.best_degc
    if free.any():
        goal = np.where(free, acting.hours.set_degc, goal)
    return acting.hours._replace(set_degc=goal)
