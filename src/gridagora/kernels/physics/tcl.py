"""Compiled minutes of two-state houses with an on/off or a continuous unit, alone or as a fleet.

Theory 1.9.
"""

from types import MappingProxyType

import numpy as np
from numba import njit

JIT = MappingProxyType({"nogil": True, "cache": True, "error_model": "numpy"})
THERMOSTAT, ACCOUNT, CONTINUOUS, PRIORITY = 0, 1, 2, 3
ACCOUNT_MINUTES = (
    6.0  # the energy account holds at most this many minutes of rated power, either way
)
STICKY_MINUTES = (
    6.0  # a running unit ranks this much higher, so that units are not exchanged every minute
)
WARM_MINUTES_PER_K = 4.0  # and so much for each kelvin of air beyond the best: what is owed should go where it is felt
OWED_MINUTES = (
    4.0  # a unit that is ahead by more than this is left off even if the fleet's target is not met
)
PAY_BACK_PER_H = 6.0  # what the fleet owes is paid back within ten minutes


@njit(**JIT)
def _wants(rule, warm_k, on, owed_min, half_band_k, slack_min, guard_k):  # type: ignore[no-untyped-def]
    """Whether a unit wants to run; warm_k is how far the air is on the side the unit works against."""
    if rule == THERMOSTAT:
        return warm_k > (-half_band_k if on else half_band_k)
    if abs(warm_k) > guard_k:
        return warm_k > 0
    return owed_min > (-slack_min if on else slack_min)


@njit(**JIT)
def _minutes(  # type: ignore[no-untyped-def]
    ta, tm, on, since, owed, minutes, c, qa, qm, unit, rated, set_c, p, rule, half, hold, slack, guard
):  # fmt: skip
    """Some minutes of one house; returns its state, minutes run, sum of the mean air temperature, starts."""
    side = 1.0 if unit > 0 else -1.0  # heating works against cold
    rated_min = rated / 60
    sum_a, sum_m, ran, starts = 0.0, 0.0, 0.0, 0
    for _ in range(minutes):
        if rule == CONTINUOUS:
            u = min(max(p / rated, 0.0), 1.0) if rated > 0 else 0.0
            on = u > 0
        else:
            owed_min = 0.0
            if rule == ACCOUNT and rated > 0:
                owed += p / 60
                owed_min = owed / rated_min
            want = _wants(rule, -side * (ta - set_c), on, owed_min, half, slack, guard)
            if since >= hold and want != on:
                on = want
                since = 0
                starts += 1 if on else 0
            since += 1
            u = 1.0 if on else 0.0
            if rule == ACCOUNT:
                owed = min(
                    max(owed - u * rated_min, -ACCOUNT_MINUTES * rated_min),
                    ACCOUNT_MINUTES * rated_min,
                )
        sum_a += ta
        sum_m += tm
        ran += u
        q = qa + u * unit
        ta, tm = (
            c[0] * ta + c[1] * tm + (c[4] * q + c[5] * qm),
            c[2] * ta + c[3] * tm + (c[6] * q + c[7] * qm),
        )
    warmth = (
        c[8] * sum_a + c[9] * sum_m + c[10] * (minutes * qa + ran * unit) + c[11] * minutes * qm
    )
    return ta, tm, on, since, owed, ran, warmth, starts


@njit(**JIT)
def step_independent(  # type: ignore[no-untyped-def]
    ta, tm, on, since, owed, c, qa, qm, unit, rated, set_c, p, rule, minutes, half, hold, slack, guard, e, mean, starts
):  # fmt: skip
    """Step every house by some minutes, alone; writes e [kWh], mean air temperature and starts. nan in p: its thermostat."""
    for i in range(ta.shape[0]):
        own = THERMOSTAT if np.isnan(p[i]) else rule
        ta[i], tm[i], on[i], since[i], owed[i], ran, warmth, starts[i] = _minutes(
            ta[i], tm[i], on[i], since[i], owed[i], minutes, c[i], qa[i], qm[i], unit[i], rated[i], set_c[i], p[i], own, half,
            hold, slack, guard,
        )  # fmt: skip
        e[i] = ran * rated[i] / 60
        mean[i] = warmth / max(minutes, 1)


@njit(**JIT)
def _choose(ta, on, since, owed, unit, rated, set_c, p, hold, guard, rank, starts):  # type: ignore[no-untyped-def]
    """Switch the units of a fleet for one minute: the longest owed and farthest off first, until the fleet's target is filled."""
    n = ta.shape[0]
    target, running = 0.0, 0.0
    for i in range(n):
        owed[i] += p[i] / 60
        target += p[i] + PAY_BACK_PER_H * owed[i]
        rank[i] = -1e9
        if since[i] < hold:
            running += rated[i] if on[i] else 0.0
        elif rated[i] > 0:
            warm_k = (set_c[i] - ta[i]) if unit[i] > 0 else (ta[i] - set_c[i])
            rank[i] = (
                60 * owed[i] / rated[i]
                + WARM_MINUTES_PER_K * warm_k
                + (STICKY_MINUTES if on[i] else 0.0)
            )
    order = np.argsort(-rank)
    for j in range(n):
        i = order[j]
        if since[i] < hold:
            continue
        warm_k = (set_c[i] - ta[i]) if unit[i] > 0 else (ta[i] - set_c[i])
        want = running + 0.5 * rated[i] < target and 60 * owed[i] > -OWED_MINUTES * rated[i]
        if abs(warm_k) > guard:
            want = warm_k > 0
        want = want and rated[i] > 0
        running += rated[i] if want else 0.0
        if want != on[i]:
            on[i] = want
            since[i] = 0
            starts[i] += 1 if want else 0


@njit(**JIT)
def step_priority(  # type: ignore[no-untyped-def]
    ta, tm, on, since, owed, c, qa, qm, unit, rated, set_c, p, minutes, hold, guard, e, mean, starts
):  # fmt: skip
    """Step a fleet minute by minute, the longest-owed units first; writes e [kWh], mean air temperature and starts."""
    n = ta.shape[0]
    rank = np.empty(n)
    e[:] = 0.0
    mean[:] = 0.0
    starts[:] = 0
    for _ in range(minutes):
        _choose(ta, on, since, owed, unit, rated, set_c, p, hold, guard, rank, starts)
        for i in range(n):
            since[i] += 1
            u = 1.0 if on[i] else 0.0
            limit = ACCOUNT_MINUTES * rated[i] / 60
            owed[i] = min(max(owed[i] - u * rated[i] / 60, -limit), limit)
            ta[i], tm[i], _, _, _, _, warmth, _ = _minutes(
                ta[i], tm[i], on[i], 0, 0.0, 1, c[i], qa[i], qm[i], unit[i], rated[i], set_c[i], u * rated[i], CONTINUOUS, 0.0, 0,
                0.0, 0.0,
            )  # fmt: skip
            e[i] += u * rated[i] / 60
            mean[i] += warmth / minutes


@njit(**JIT)
def step_hours(  # type: ignore[no-untyped-def]
    ta, tm, on, since, owed, c, qa, qm, unit, rated, set_c, p, rule, minutes, half, hold, slack, guard, e, mean, starts
):  # fmt: skip
    """Step every house through all its hours before the next one."""
    n, hours = qa.shape
    for i in range(n):
        a, m, o, s, w = ta[i], tm[i], on[i], since[i], owed[i]
        for h in range(hours):
            a, m, o, s, w, ran, warmth, more = _minutes(
                a, m, o, s, w, minutes, c[i], qa[i, h], qm[i, h], unit[i, h], rated[i, h], set_c[i, h], p[i, h], rule, half, hold,
                slack, guard,
            )  # fmt: skip
            e[i, h] = ran * rated[i, h] / 60
            mean[i, h] = warmth / minutes
            starts[i, h] = more
        ta[i], tm[i], on[i], since[i], owed[i] = a, m, o, s, w
