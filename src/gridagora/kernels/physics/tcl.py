"""Compiled minutes of two-state houses with an on/off or a continuous unit, alone or in groups.

Called by `kernels.physics.fleet`. Theory 1.9.
"""

import numpy as np
from numba import njit
from numba.extending import register_jitable

from gridagora.kernels.stores.polyline import JIT

THERMOSTAT, ACCOUNT, CONTINUOUS, PRIORITY = 0, 1, 2, 3
ACCOUNT_MINUTES = (
    6.0  # the energy account holds at most this many minutes of rated power, either way
)
STICKY_MINUTES = 3.0  # a unit alone starts when it is owed so many minutes and stops as far ahead
WARM_MINUTES_PER_K = (
    4.0  # and each kelvin beyond the best counts as so many: it goes where it is felt
)
SHORT_MINUTES = 4.0  # and a group short of its target by the unit's whole power as so many
PAY_BACK_PER_H = 6.0  # what a group owes is paid back within ten minutes


@register_jitable(**JIT)
def _is_due(rule, warm_k, on, owed_min, half_band_k, slack_min, guard_k):  # type: ignore[no-untyped-def]
    """Whether a unit wants to run; warm_k is how far the air is on the side the unit works against."""
    if rule == THERMOSTAT:
        return warm_k > (-half_band_k if on else half_band_k)
    if abs(warm_k) > guard_k:
        return warm_k > 0
    return owed_min > (-slack_min if on else slack_min)


@register_jitable(**JIT)
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
            want = _is_due(rule, -side * (ta - set_c), on, owed_min, half, slack, guard)
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
    """Step every house by some minutes, alone; writes e [kWh], mean air temperature and starts. nan in p: its thermostat.

    Under PRIORITY only houses without a target are stepped: `step_priority` steps the others.
    """
    for i in range(ta.shape[0]):
        own = THERMOSTAT if np.isnan(p[i]) else rule
        if own == PRIORITY:
            continue
        ta[i], tm[i], on[i], since[i], owed[i], ran, warmth, starts[i] = _minutes(
            ta[i], tm[i], on[i], since[i], owed[i], minutes, c[i], qa[i], qm[i], unit[i], rated[i], set_c[i], p[i], own, half,
            hold, slack, guard,
        )  # fmt: skip
        e[i] = ran * rated[i] / 60
        mean[i] = warmth / max(minutes, 1)


@register_jitable(**JIT)
def _choose(rows, ta, on, since, owed, unit, rated, set_c, p, hold, guard, priority, starts):  # type: ignore[no-untyped-def]
    """Switch the units of a group for one minute, by priority.

    Priority [min] is what a unit is owed, in minutes of its power, how far its air is off, and whether it runs. A unit runs if
    its priority and what its group is still short of are together above zero. Alone it so keeps to its account within a band;
    in a group the band moves until the group fills its target, the closer the more units there are.
    """
    short = 0.0  # target of the group less what runs [kW]
    for k in range(rows.shape[0]):
        i = rows[k]
        asked = min(max(p[i], 0.0), rated[i])
        owed[i] += asked / 60
        short += asked + PAY_BACK_PER_H * owed[i]
        priority[k] = -1e9
        if since[i] < hold:
            short -= rated[i] if on[i] else 0.0
        elif rated[i] > 0:
            warm_k = (set_c[i] - ta[i]) if unit[i] > 0 else (ta[i] - set_c[i])
            band = STICKY_MINUTES if on[i] else -STICKY_MINUTES
            priority[k] = 60 * owed[i] / rated[i] + WARM_MINUTES_PER_K * warm_k + band
    order = np.argsort(-priority, kind="mergesort")  # stable: of equals the first row comes first
    for k in order:
        i = rows[k]
        if since[i] < hold:
            continue
        warm_k = (set_c[i] - ta[i]) if unit[i] > 0 else (ta[i] - set_c[i])
        want = False
        if rated[i] > 0:
            want = priority[k] + SHORT_MINUTES * (short / rated[i] - 0.5) > 0
            if abs(warm_k) > guard:
                want = warm_k > 0
        short -= rated[i] if want else 0.0
        if want != on[i]:
            on[i] = want
            since[i] = 0
            starts[i] += 1 if want else 0


@njit(**JIT)
def step_priority(  # type: ignore[no-untyped-def]
    rows, first, ta, tm, on, since, owed, c, qa, qm, unit, rated, set_c, p, minutes, hold, guard, e, mean, starts
):  # fmt: skip
    """Step groups minute by minute, units by their priority; writes e [kWh], mean air temperature and starts.

    Group g is rows[first[g]:first[g + 1]], each with a target; no other row is touched.
    """
    for g in range(first.shape[0] - 1):
        own = rows[first[g] : first[g + 1]]
        priority = np.empty(own.shape[0])
        for i in own:
            e[i], mean[i], starts[i] = 0.0, 0.0, 0
        for _ in range(minutes):
            _choose(own, ta, on, since, owed, unit, rated, set_c, p, hold, guard, priority, starts)
            for i in own:
                since[i] += 1
                u = 1.0 if on[i] else 0.0
                limit = ACCOUNT_MINUTES * rated[i] / 60
                owed[i] = min(max(owed[i] - u * rated[i] / 60, -limit), limit)
                ta[i], tm[i], _, _, _, _, warmth, _ = _minutes(
                    ta[i], tm[i], on[i], 0, 0.0, 1, c[i], qa[i], qm[i], unit[i], rated[i], set_c[i], u * rated[i], CONTINUOUS,
                    0.0, 0, 0.0, 0.0,
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
