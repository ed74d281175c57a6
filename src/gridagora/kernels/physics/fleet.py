"""True physics of many homes: minutes of houses and tanks, and steps of batteries and cars. State arrays are changed in place.

Theory 1.3 to 1.7.

Rows are independent, except that PRIORITY ranks the units of each group of rows. A group depends on its own rows and their order
alone: any table of whole groups steps bit for bit as those rows of a larger one.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.physics.tcl import (
    ACCOUNT,
    CONTINUOUS,
    PRIORITY,
    THERMOSTAT,
    step_hours,
    step_independent,
    step_priority,
)
from gridagora.kernels.stores.polyline import JIT

__all__ = [
    "ACCOUNT",
    "CONTINUOUS",
    "PRIORITY",
    "THERMOSTAT",
    "Control",
    "Hours",
    "HouseStates",
    "HouseStep",
    "TankControl",
    "TankStep",
    "TankTable",
    "Tanks",
    "battery_step",
    "car_step",
    "house_run",
    "house_step",
    "house_step_space",
    "houses",
    "share_of_step",
    "tank_once",
    "tank_step",
    "tank_step_space",
]

Col = NDArray[np.float64]
Flag = NDArray[np.bool_]
Index = NDArray[np.int64]


class Control(NamedTuple):
    """How an on/off unit is switched.

    half_band_k half the dead band of the thermostat; hold_min the least minutes between two switches; slack_min minutes of
    rated power the account may run ahead or behind; guard_k distance from the set point at which comfort overrules a target.
    """

    half_band_k: float = 0.5
    hold_min: int = 3
    slack_min: float = 2.0
    guard_k: float = 2.5


class HouseStates(NamedTuple):
    """State of n houses, (n,) each: temperatures [degC], unit on, minutes since its switch, energy owed to the target [kWh]."""

    t_air_degc: Col
    t_mass_degc: Col
    on: Flag
    since_min: Index
    owed_kwh: Col


class Hours(NamedTuple):
    """What acts on n houses, shape (n,) or (n, H) hourly.

    Heat into air and mass without the unit; heat the unit gives the air when on (negative: cooling); its electric power when
    on [kW]; set point [degC].
    """

    q_air_kw: Col
    q_mass_kw: Col
    unit_kw: Col
    rated_kw: Col
    set_degc: Col


class HouseStep(NamedTuple):
    """Result of a step, shape (n,): electric energy [kWh], mean air temperature [degC], starts of the unit."""

    e_kwh: Col
    t_air_degc: Col
    starts: Index


def houses(t_air_degc: Col, t_mass_degc: Col | None = None) -> HouseStates:
    """Return the state of n houses at rest at temperatures (n,) [degC], all units off and free to switch."""
    air = np.array(t_air_degc, dtype=float)
    mass = air.copy() if t_mass_degc is None else np.array(t_mass_degc, dtype=float)
    n = len(air)
    return HouseStates(air, mass, np.zeros(n, np.bool_), np.full(n, 60, np.int64), np.zeros(n))


def house_step_space(n: int) -> HouseStep:
    """Space for the result of `house_step`, to be used again every interval."""
    return HouseStep(np.zeros(n), np.zeros(n), np.zeros(n, np.int64))


def house_step(
    state: HouseStates,
    coef: Col,
    now: Hours,
    p_target_kw: Col,
    rule: int,
    control: Control = Control(),
    minutes: int = 5,
    out: HouseStep | None = None,
    group: Index | None = None,
    order: Index | None = None,
) -> HouseStep:
    """Step n houses by some minutes with constant heat, set point and target; `state` is changed in place.

    Parameters
    ----------
    state, now
        n houses and what acts on them, fields (n,).
    coef
        One-minute coefficients of `kernels.physics.etp.step_coefficients`, shape (n, 12).
    p_target_kw
        Electric power to follow, shape (n,) [kW]; ignored by THERMOSTAT, which also switches units whose target is nan; under
        PRIORITY these do not count in their group.
    rule
        THERMOSTAT: on/off by set point and dead band. ACCOUNT: on/off so that a running account of energy owed stays within
        `slack_min`. CONTINUOUS: exactly the target, within the unit's power. PRIORITY: units of a group fill its target in the
        order of what they are owed and of how far their air is off. Guards overrule ACCOUNT and PRIORITY; the minimum cycle
        holds always.
    out
        Space for the result, from `house_step_space`.
    group
        Group of each row, shape (n,), such as the service transformer of the home; read by PRIORITY. None: all are one group.
    order
        The rows by group, those of a group in their order, shape (n,), where that was worked out before.

    References
    ----------
    Minimum cycle and dead band: GridLAB-D, residential/house_e. Priority order: H. Hao, B. Sanandaji, K. Poolla, T. Vincent,
    Aggregate flexibility of thermostatically controlled loads, IEEE Trans. Power Systems 2015, doi 10.1109/TPWRS.2014.2328865.
    """
    out = house_step_space(len(state.t_air_degc)) if out is None else out
    step_independent(*state, coef, *now, p_target_kw, rule, minutes, *control, *out)
    if rule == PRIORITY:
        rows, first = _by_group(p_target_kw, group, order)
        step_priority(
            rows,
            first,
            *state,
            coef,
            *now,
            p_target_kw,
            minutes,
            control.hold_min,
            control.guard_k,
            *out,
        )
    return out


@njit(**JIT)
def _list_groups(p, group, order, rows, first):  # type: ignore[no-untyped-def]
    """Write the rows that have a target and where groups begin and end; return how many of both there are."""
    n, groups = 0, 0
    first[0] = 0
    for i in order:
        if np.isnan(p[i]):
            continue
        if n > 0 and group[i] != group[rows[n - 1]]:
            groups += 1
            first[groups] = n
        rows[n] = i
        n += 1
    first[groups + 1] = n
    return n, groups + 1


def _by_group(p_target_kw: Col, group: Index | None, order: Index | None) -> tuple[Index, Index]:
    """Return the rows that have a target, those of a group side by side in the order of the table, and the bounds of groups."""
    if group is None:
        rows = np.flatnonzero(~np.isnan(p_target_kw))
        return rows, np.array([0, len(rows)])
    order = np.argsort(group, kind="stable") if order is None else order
    rows, first = np.empty(len(group), np.int64), np.empty(len(group) + 2, np.int64)
    n, groups = _list_groups(p_target_kw, group, order, rows, first)
    return rows[:n], first[: groups + 1]


def house_run(
    state: HouseStates,
    coef: Col,
    hours: Hours,
    p_target_kw: Col,
    rule: int,
    control: Control = Control(),
    minutes: int = 60,
) -> HouseStep:
    """Step each house through all its hours before the next one (time inside); fields (n, H) in and out, any rule but PRIORITY.

    `coef` (n, 12) as in `house_step`, orders (n, H) [kW]. `minutes` is the length of one column of `hours`. Rows are independent:
    a caller may run row ranges on threads, in chunks of 64 to 256 homes so that a chunk stays in cache.

    Raises
    ------
    ValueError
        PRIORITY is asked for: a fleet has to be stepped minute by minute, by `house_step`.
    """
    if rule == PRIORITY:
        raise ValueError(
            "house_run steps homes one by one and cannot serve PRIORITY, which ranks a fleet; use house_step"
        )
    shape = hours.q_air_kw.shape
    out = HouseStep(np.empty(shape), np.empty(shape), np.empty(shape, np.int64))
    step_hours(*state, coef, *hours, p_target_kw, rule, minutes, *control, *out)
    return out


# ----------------------------------------------------------------------------------------------------------------- tanks


class Tanks(NamedTuple):
    """State of n tanks, (n,) each: temperature [degC], element on."""

    t_tank_degc: Col
    on: Flag


class TankStep(NamedTuple):
    """Result of a step, shape (n,).

    Electric energy [kWh], mean temperature [degC], shortfall below the least temperature [K h] and its square [K2 h].
    """

    e_kwh: Col
    t_mean_degc: Col
    short_k_h: Col
    short_k2_h: Col


def tank_step_space(n: int) -> TankStep:
    """Space for the result of `tank_step`."""
    return TankStep(np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n))


@register_jitable(**JIT)
def tank_once(t, cap, ua, p, draw, room, h):  # type: ignore[no-untyped-def]
    """Exact step of one tank, cap T' = p - draw - ua (T - room), over h hours; returns the end and the mean of T."""
    z = ua * h / cap
    if z < 1e-4:  # well insulated or a short step: series, exact to rounding
        one = 1 - z / 2 * (1 - z / 3 * (1 - z / 4))
        two = 0.5 - z / 6 * (1 - z / 4 * (1 - z / 5))
    else:
        one = -np.expm1(-z) / z
        two = (1 - one) / z
    rise = (p - draw - ua * (t - room)) * h / cap
    return t + one * rise, t + two * rise


@njit(**JIT)
def _tanks(  # type: ignore[no-untyped-def]
    t, on, cap, ua, kw, room, draw, p, set_c, half, t_min, t_max, rule, minutes, e, mean, short, short2
):  # fmt: skip
    h = 1.0 / 60
    for i in range(t.shape[0]):
        e[i] = mean[i] = short[i] = short2[i] = 0.0
        own = rule == THERMOSTAT or np.isnan(p[i])
        for _ in range(minutes):
            if own:
                if on[i]:
                    on[i] = t[i] < set_c[i] + half
                else:
                    on[i] = t[i] < set_c[i] - half
                u = kw[i] if on[i] else 0.0
            else:  # a modulating element; the limit switch keeps it from passing t_max
                most = draw[i] + ua[i] * (t[i] - room) + (t_max - t[i]) * cap[i] / h
                u = max(min(p[i], kw[i], most), 0.0)
                on[i] = u > 0
            t[i], middle = tank_once(t[i], cap[i], ua[i], u, draw[i], room, h)
            miss = max(t_min - t[i], 0.0)
            e[i] += u * h
            mean[i] += middle / minutes
            short[i] += miss * h
            short2[i] += miss * miss * h


class TankControl(NamedTuple):
    """Half the dead band [K]; least and greatest temperature [degC]; temperature around the tank [degC]."""

    half_band_k: float = 2.5
    t_min_degc: float = 43.0
    t_max_degc: float = 60.0
    t_room_degc: float = 24.0


class TankTable(NamedTuple):
    """n tanks, (n,) each: heat capacity [kWh/K], losses [kW/K], element [kW], set point [degC]."""

    cap_kwh_k: Col
    ua_kw_k: Col
    rated_kw: Col
    set_degc: Col


def tank_step(
    state: Tanks,
    tanks: TankTable,
    draw_kw: Col,
    p_target_kw: Col,
    rule: int,
    control: TankControl = TankControl(),
    minutes: int = 5,
    out: TankStep | None = None,
) -> TankStep:
    """Step n one-node tanks by some minutes, each minute exact; `state` is changed in place.

    THERMOSTAT, or a target of nan, switches the element at the dead band; any other rule modulates it to `p_target_kw` (n,) [kW],
    cut to what keeps the water below `t_max_degc`. `draw_kw` (n,) [kW] is heat leaving as hot water. Shortfall is measured at the
    end of each minute.

    References
    ----------
    One-node tank: GridLAB-D, residential/waterheater.
    """
    out = tank_step_space(len(state.t_tank_degc)) if out is None else out
    c = control
    _tanks(
        *state,
        tanks.cap_kwh_k,
        tanks.ua_kw_k,
        tanks.rated_kw,
        c.t_room_degc,
        draw_kw,
        p_target_kw,
        tanks.set_degc,
        c.half_band_k,
        c.t_min_degc,
        c.t_max_degc,
        rule,
        minutes,
        *out,
    )
    return out


# ------------------------------------------------------------------------------------------------------ batteries, cars


@njit(**JIT)
def _batteries(e, cap, kw, eff, target, h, p):  # type: ignore[no-untyped-def]
    for i in range(e.shape[0]):
        ask = min(max(target[i], -kw[i]), kw[i])
        if ask >= 0:
            p[i] = min(ask, max(cap[i] - e[i], 0.0) / eff[i] / h)
            e[i] = min(e[i] + p[i] * eff[i] * h, cap[i])
        else:
            p[i] = -min(-ask, max(e[i], 0.0) * eff[i] / h)
            e[i] = max(e[i] + p[i] / eff[i] * h, 0.0)


def battery_step(
    e_kwh: Col,
    cap_kwh: Col,
    rated_kw: Col,
    efficiency: Col,
    p_target_kw: Col,
    step_h: float,
    out: Col | None = None,
) -> Col:
    """Step n batteries; return the power at the meter [kW], the target cut to what power and energy allow.

    `e_kwh` (n,) is changed in place: charging stores p efficiency, discharging takes p / efficiency. A step of length 0 changes
    nothing and returns 0.
    """
    p_kw = np.zeros(len(e_kwh)) if out is None else out
    if step_h <= 0:
        p_kw[:] = 0.0
        return p_kw
    _batteries(e_kwh, cap_kwh, rated_kw, efficiency, p_target_kw, step_h, p_kw)
    return p_kw


@njit(**JIT)
def _shares(arrive_s, depart_s, begin_s, step_s, share):  # type: ignore[no-untyped-def]
    for i in range(share.shape[0]):
        overlap = min(float(depart_s[i]), begin_s + step_s) - max(float(arrive_s[i]), begin_s)
        share[i] = min(max(overlap / step_s, 0.0), 1.0)


def share_of_step(arrive_s: Index, depart_s: Index, begin_s: float, step_s: float) -> Col:
    """Return the share of a step that m cars are plugged in, (m,) [1], by arrival and departure (m,) [s]."""
    share = np.empty(len(arrive_s))
    both = np.ascontiguousarray(arrive_s), np.ascontiguousarray(depart_s)
    _shares(*both, float(begin_s), float(step_s), share)
    return share


@njit(**JIT)
def _cars(e, need, kw, share, eff, target, h, p):  # type: ignore[no-untyped-def]
    for i in range(e.shape[0]):
        room = max(need[i] - e[i], 0.0) / eff / h
        p[i] = max(min(target[i], kw[i] * share[i], room), 0.0)
        e[i] = min(e[i] + p[i] * eff * h, need[i])


def car_step(
    e_kwh: Col,
    need_kwh: Col,
    rated_kw: Col,
    plugged_share: Col,
    efficiency: float,
    p_target_kw: Col,
    step_h: float,
    out: Col | None = None,
) -> Col:
    """Charge m cars; return the mean power at the meter [kW], the target cut to charger, need and share of the step plugged in.

    `e_kwh` (m,), the energy stored since arrival, is changed in place.
    """
    p_kw = np.zeros(len(e_kwh)) if out is None else out
    if step_h <= 0:
        p_kw[:] = 0.0
        return p_kw
    _cars(e_kwh, need_kwh, rated_kw, plugged_share, efficiency, p_target_kw, step_h, p_kw)
    return p_kw
