"""Home battery: one-way efficiency, power and energy limits, wear per kWh through the port (theory 1.6)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from gridagora.core.errors import Problem
from gridagora.core.registry import register
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.fleet import battery_step
from gridagora.kernels.value import Stores, stores

END_UPPER_SHARE = 0.8  # the upper half of a battery at the end of a window is worth this share of the lower half


@register("device", "battery")
@dataclass(frozen=True)
class Battery:
    """n batteries, only of homes that have one."""

    home: Index  # (n,) row of the home
    cap_kwh: Col
    rated_kw: Col
    efficiency: Col  # one way
    wear_per_kwh: float
    short_h: float  # length of a real-time interval
    resting: Stores  # what does not change from bid to bid, one short step


def of(homes: Homes, wear_per_kwh: float = 0.01, short_h: float = 1 / 12) -> Battery:
    """Batteries of the homes that have one."""
    rows = np.flatnonzero(homes.battery_kwh > 0)
    columns = (homes.battery_kwh[rows], homes.battery_kw[rows], homes.battery_efficiency[rows])
    full = np.stack([np.zeros(len(rows)), columns[0]], 1)
    resting = _stores(*columns, wear_per_kwh, full[:, 0], [short_h], full, (0.0, 0.0))
    return Battery(rows, *columns, wear_per_kwh, short_h, resting)


def check(home_id: Sequence[str], battery_kwh: Col, battery_kw: Col, battery_efficiency: Col) -> list[Problem]:
    """Every fault of the battery columns of some homes, before they become a table; no battery is 0 kW and 0 kWh."""
    found = []
    for name, e, p, eff in zip(home_id, battery_kwh, battery_kw, battery_efficiency, strict=True):
        where = f"battery of home '{name}'"
        if p > 0 and not e > 0:
            hint = "Give it an energy capacity, or set its power to 0 kW for a home without a battery."
            found.append(Problem(where, f"an energy capacity of {e:g} kWh with {p:g} kW of power", "more than 0 kWh", hint))
        elif e > 0 and not p > 0:
            hint = "Remove the battery or give it a power."
            found.append(Problem(where, f"a power of {p:g} kW with {e:g} kWh", "more than 0 kW", hint))
        if e > 0 and not 0 < eff <= 1:
            expected = "a share above 0 and at most 1"
            found.append(Problem(where, f"a one-way efficiency of {eff:g}", expected, "95 % is written .95."))
    return found


def threshold_per_kwh(efficiency: float, wear_per_kwh: float) -> float:
    """Price below which charging and discharging at once would pay: -wear (1 + eff^2) / (1 - eff^2) [$/kWh].

    Above it the two-variable relaxation of a battery is exact; below it the two have to be kept apart.
    """
    square = efficiency * efficiency
    return -np.inf if square >= 1 else -wear_per_kwh * (1 + square) / (1 - square)


def take(table: Battery, rows: Index) -> Battery:
    """Return the batteries of some rows."""
    own = {name: getattr(table, name)[rows] for name in ("home", "cap_kwh", "rated_kw", "efficiency")}
    resting = Stores(*(column if name == "dt_h" else column[rows] for name, column in table.resting._asdict().items()))
    return replace(table, **own, resting=resting)


def start(table: Battery) -> Col:
    """Half-full batteries, shape (n,) [kWh]."""
    return table.cap_kwh / 2


def spec(table: Battery, e_kwh: Col, hours: int = 24, value_per_kwh: float = 0.0) -> Stores:
    """Hourly belief of n batteries over a window; what is left at the end is worth the mean forecast price, less when full."""
    half, full = table.cap_kwh / 2, table.cap_kwh
    worth = max(value_per_kwh, 0.0) * np.array([1.0, 1.0, END_UPPER_SHARE, END_UPPER_SHARE])
    end_x = np.stack([np.zeros_like(full), half, half, full], 1)
    columns = (table.cap_kwh, table.rated_kw, table.efficiency)
    return _stores(*columns, table.wear_per_kwh, e_kwh, np.ones(hours), end_x, worth)


def spec_now(table: Battery, e_kwh: Col) -> Stores:
    """Belief of the next real-time interval, for a bid; the end value is that of the plan: nil here."""
    return table.resting._replace(x0=e_kwh.copy())


def _stores(
    cap_kwh: Col, rated_kw: Col, efficiency: Col, wear_per_kwh: float, e_kwh: Col, dt_h: ArrayLike, end_x: Col, end_mu: ArrayLike
) -> Stores:
    power, one_way = rated_kw[:, None], efficiency[:, None]
    return stores(
        e_kwh.copy(),
        dt_h,
        p_min_kw=-power,
        p_max_kw=power,
        x_max=cap_kwh[:, None],
        gain_in=one_way,
        gain_out=one_way,
        wear_per_kwh=wear_per_kwh,
        end_x=end_x,
        end_mu=end_mu,
    )


def step(table: Battery, e_kwh: Col, p_target_kw: Col, step_h: float = 1 / 12, out: Col | None = None) -> Col:
    """Step the batteries and return the power at the meter, shape (n,) [kW]; `e_kwh` is changed in place."""
    return battery_step(e_kwh, table.cap_kwh, table.rated_kw, table.efficiency, p_target_kw, step_h, out)
