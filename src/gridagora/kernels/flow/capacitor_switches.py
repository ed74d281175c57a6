"""What switches capacitor banks: each control compares the figure that it measures with its settings, and queues a step.

References
----------
EPRI, OpenDSS, CapControl in control mode STATIC.
W. H. Kersting, Distribution System Modeling and Analysis, 4th ed., CRC Press 2017, chapter 9.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.flow.control_codes import HIGHEST_PHASE, LOWEST_PHASE, MEAN_PHASE, SwitchedBy
from gridagora.kernels.flow.fixed_point import Col, Index
from gridagora.kernels.flow.refactor import (
    Phasors,
    PrimitiveParts,
    current_into,
    power_into,
    size_of,
)
from gridagora.kernels.flow.tap_changers import IDLE, at_site
from gridagora.kernels.stores.polyline import INLINE

Flags = NDArray[np.bool_]
CURRENT, VOLTAGE = int(SwitchedBy.CURRENT), int(SwitchedBy.VOLTAGE)
REACTIVE, TIME = int(SwitchedBy.REACTIVE_POWER), int(SwitchedBy.TIME)
OPEN, CLOSE = -1, 1
HOUR_S, DAY_H = 3600.0, 24
HALF = 0.5  # of a step that must flow before power factor closes it on top of others


class BankSwitches(NamedTuple):
    """b controls of capacitor banks."""

    bank: Index  # (b,) row of the capacitors
    steps: Index  # (b,) of it
    kvar: Col  # (b,) of it
    bank_phases: Index  # (b,)
    is_delta: Flags  # (b,)
    kind: Index  # (b,) of `SwitchedBy`
    part: Index  # (b,) of `PrimitiveParts`, what is measured
    conductors: Index  # (b, 2) first and one after the last of the measured end
    site: Index  # (b, 3) of the phases there, EARTH
    phases: Index  # (b,) of what is measured
    conductor: Index  # (b, 3) of which currents are measured, -1
    voltage_phase: Index  # (b,)
    current_phase: Index  # (b,)
    voltage_ratio: Col  # (b,)
    current_ratio: Col  # (b,)
    on: Col  # (b,) setting [A], [V], [kvar], [h] or [1]
    off: Col  # (b,) likewise [A], [V], [kvar], [h] or [1]
    on_delay_s: Col  # (b,)
    off_delay_s: Col  # (b,)
    dead_s: Col  # (b,)
    is_override: Flags  # (b,)
    low_v: Col  # (b,)
    high_v: Col  # (b,)
    override_site: Index  # (b, 3)
    least_share: Col  # (b,)


class BankQueue(NamedTuple):
    """What b controls wait for within one step: seconds until it is due, and OPEN, CLOSE or 0."""

    due_s: Col  # (b,) IDLE: nothing
    action: Index  # (b,)


@register_jitable(**INLINE)
def _with_phase(found: float, size: float, p: int, chosen: int) -> float:
    """Return the highest, the lowest or the sum of phases up to p, `found` that of those before."""
    if p == 0:
        return size
    if chosen == HIGHEST_PHASE:
        return max(found, size)
    if chosen == LOWEST_PHASE:
        return min(found, size)
    return found + size


@register_jitable(**INLINE)
def _of_phases(found: float, count: int, chosen: int) -> float:
    """Return the figure of all phases, the mean where none is chosen."""
    return found / count if chosen == MEAN_PHASE else found


@register_jitable(**INLINE)
def _voltage(of: BankSwitches, r: int, sites: Index, v: Phasors) -> float:
    chosen = of.voltage_phase[r]
    if chosen >= 0:
        seen = at_site(v, sites[chosen])
        if of.is_delta[r]:
            seen -= at_site(v, sites[(chosen + 1) % of.bank_phases[r]])
        return float(size_of(seen) / of.voltage_ratio[r])
    found, count = 0.0, min(3, of.phases[r])
    for p in range(count):
        found = _with_phase(found, size_of(at_site(v, sites[p])), p, chosen)
    return float(_of_phases(found, count, chosen) / of.voltage_ratio[r])


@register_jitable(**INLINE)
def _current(
    of: BankSwitches, r: int, parts: PrimitiveParts, scale: Col, share: Col, v: Phasors
) -> float:
    chosen, found, count = of.current_phase[r], 0.0, min(3, of.bank_phases[r])
    if chosen >= 0:
        return float(_phase_current(of, r, parts, scale, share, v, chosen) / of.current_ratio[r])
    for p in range(count):
        size = _phase_current(of, r, parts, scale, share, v, p)
        found = _with_phase(found, size, p, chosen)
    return float(_of_phases(found, count, chosen) / of.current_ratio[r])


@register_jitable(**INLINE)
def _phase_current(
    of: BankSwitches, r: int, parts: PrimitiveParts, scale: Col, share: Col, v: Phasors, p: int
) -> float:
    if of.conductor[r, p] < 0:
        return 0.0
    return float(size_of(current_into(parts, scale, share, of.part[r], of.conductor[r, p], v)))


@register_jitable(**INLINE)
def _hour(time_s: float) -> float:
    """Return the time of the day from above 0 to 24, as the engine has it [h]."""
    hour = np.int64(np.floor(time_s / HOUR_S + 1e-9))
    rest = time_s / HOUR_S - hour
    if hour > DAY_H:
        hour -= ((hour - 1) // DAY_H) * DAY_H
    found = hour + rest
    return found - DAY_H if found - DAY_H > 1e-9 else found


@register_jitable(**INLINE)
def _by_time(of: BankSwitches, r: int, hour: float, on: int) -> int:
    closes, opens = of.on[r], of.off[r]
    inside = closes <= hour < opens if opens > closes else closes <= hour < DAY_H
    if on == 0:
        return CLOSE if inside else 0
    outside = (hour >= opens or hour < closes) if opens > closes else opens <= hour < closes
    if outside:
        return OPEN
    return CLOSE if on < of.steps[r] and inside else 0


@register_jitable(**INLINE)
def _by_power_factor(of: BankSwitches, r: int, power: complex, on: int) -> int:
    size = size_of(power)
    factor = abs(power.real) / size if size > 0 else 1.0
    if power.imag < 0:
        factor = 2.0 - factor
    closes = of.on[r] if of.on[r] >= 0 else 2.0 + of.on[r]
    opens = of.off[r] if of.off[r] >= 0 else 2.0 + of.off[r]
    kvar = 1e-3 * power.imag
    if on == 0:
        return CLOSE if factor < closes and kvar > of.kvar[r] * of.least_share[r] else 0
    if factor > opens:
        return OPEN
    enough = kvar > of.kvar[r] / of.steps[r] * HALF
    return CLOSE if on < of.steps[r] and factor < closes and enough else 0


@register_jitable(**INLINE)
def _by_band(beyond_on: float, beyond_off: float, on: int, steps: int) -> int:
    """Return what a figure asks for that is so far beyond its settings, above 0, or within them."""
    if on > 0 and beyond_off > 0:
        return OPEN
    return CLOSE if on < steps and beyond_on > 0 else 0


@register_jitable(**INLINE)
def _override(of: BankSwitches, r: int, v: Phasors, on: int, doubt_pu: float) -> tuple[int, bool]:
    """Return what the voltage asks for that goes before the figure of a control, and whether it is in doubt."""
    seen = _voltage(of, r, of.override_site[r], v)
    edge = of.high_v[r] if on > 0 else of.low_v[r]
    if abs(seen - edge) < doubt_pu * seen:
        return 0, True
    if on > 0:
        return (OPEN if seen > edge else 0), False
    return (CLOSE if seen < edge else 0), False


@register_jitable(**INLINE)
def _want(
    of: BankSwitches, r: int, parts: PrimitiveParts, scale: Col, share: Col, v: Phasors, on: int, time_s: float, doubt_pu: float
) -> tuple[int, bool]:  # fmt: skip
    """Return what one control wants, and whether its figure is too near a setting to tell."""
    kind = of.kind[r]
    if of.is_override[r] and kind != VOLTAGE:
        wanted, in_doubt = _override(of, r, v, on, doubt_pu)
        if in_doubt or wanted != 0:
            return wanted, in_doubt
    if kind == TIME:
        return _by_time(of, r, _hour(time_s), on), False
    if kind == VOLTAGE:
        seen, sign = _voltage(of, r, of.site[r], v), -1.0
        doubt = doubt_pu * seen
    elif kind == CURRENT:
        seen, sign = _current(of, r, parts, scale, share, v), 1.0
        doubt = 2 * doubt_pu * seen
    else:
        ends = (of.conductors[r, 0], of.conductors[r, 1])
        power = power_into(parts, scale, share, of.part[r], ends, v)
        if kind != REACTIVE:
            return _by_power_factor(of, r, power, on), doubt_pu > 0
        seen, sign = 1e-3 * power.imag, 1.0
        doubt = 2e-3 * doubt_pu * size_of(power)
    wanted = _by_band(sign * (seen - of.on[r]), sign * (of.off[r] - seen), on, of.steps[r])
    return wanted, min(abs(seen - of.on[r]), abs(seen - of.off[r])) < doubt


@register_jitable(**INLINE)
def sample_banks(
    of: BankSwitches, parts: PrimitiveParts, scale: Col, share: Col, v: Phasors, on: Index, opened_s: Col, time_s: float,
    doubt_pu: float, queue: BankQueue,
) -> bool:  # fmt: skip
    """Queue what all controls want at the voltages of sites (s,) [V], known to `doubt_pu`; return whether that is in doubt.

    `on` (c,) are the steps of banks that are on, `opened_s` (b,) when a control opened its bank last, `time_s` the time [s].
    """
    for r in range(of.bank.size):
        wanted, in_doubt = _want(of, r, parts, scale, share, v, on[of.bank[r]], time_s, doubt_pu)
        if in_doubt:
            return True
        steps = on[of.bank[r]]
        if wanted == 0 and 0 < steps < of.steps[r] and of.kind[r] != VOLTAGE:
            continue  # of a bank with steps left the engine keeps what is queued
        queue.action[r] = wanted
        if wanted == 0:
            queue.due_s[r] = IDLE
        elif queue.due_s[r] == IDLE:
            queue.due_s[r] = of.off_delay_s[r]
            if wanted == CLOSE:
                open_s = time_s - opened_s[r]
                wait_s = of.dead_s[r] - open_s if open_s < of.dead_s[r] else 0.0
                queue.due_s[r] = of.on_delay_s[r] + max(0.0, wait_s)
    return False


@register_jitable(**INLINE)
def switch_banks(
    of: BankSwitches, now_s: float, time_s: float, on: Index, opened_s: Col, queue: BankQueue
) -> None:
    """Do what is due; `on` (c,) and `opened_s` (b,) change [s]."""
    for r in range(of.bank.size):
        if queue.due_s[r] > now_s:
            continue
        bank = of.bank[r]
        if queue.action[r] == OPEN and on[bank] > 0:
            on[bank] -= 1
            if of.steps[r] == 1:  # the engine knows no dead time between steps
                opened_s[r] = time_s
        elif queue.action[r] == CLOSE and on[bank] < of.steps[r]:
            on[bank] += 1
        queue.due_s[r], queue.action[r] = IDLE, 0
