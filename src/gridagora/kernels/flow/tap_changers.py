"""What regulators want: each compares the voltage that it measures with its band, and queues steps of its tap.

References
----------
EPRI, OpenDSS, RegControl in control mode STATIC: 70 % of the way at once, at least one step.
W. H. Kersting, Distribution System Modeling and Analysis, 4th ed., CRC Press 2017, chapter 7.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.flow.control_codes import HIGHEST_PHASE, LOWEST_PHASE, ReverseMode
from gridagora.kernels.flow.fixed_point import Col, Index
from gridagora.kernels.flow.refactor import (
    Phasors,
    PrimitiveParts,
    current_into,
    power_into,
    size_of,
)
from gridagora.kernels.stores.polyline import INLINE

Flags = NDArray[np.bool_]
IDLE = np.inf  # when an action is due that is not queued
WAY = 0.7  # of the way to the set voltage that one action goes
EARTH = -1
NEVER, REVERSES = int(ReverseMode.NONE), int(ReverseMode.REVERSE)


class TapChangers(NamedTuple):
    """k regulators; of a pair of settings the second holds once power runs against them."""

    part: Index  # (k,) of `PrimitiveParts`, its transformer
    middle: Col  # (k,) turns at tap 0 [1]
    rise: Col  # (k,) turns a tap [1]
    lowest: Index  # (k,) tap
    highest: Index  # (k,)
    at_once: Index  # (k,)
    phases: Index  # (k,)
    phase: Index  # (k,) that is measured, or HIGHEST_PHASE, LOWEST_PHASE
    start: Index  # (k, 3) sites of the phases of the measured winding
    end: Index  # (k, 3) sites, or EARTH
    conductor: Index  # (k, 3) of its part that has the current of the phase, -1 where none is known
    conductors: Index  # (k, 2) first and one after the last of the measured winding
    remote: Index  # (k, 2) sites of a remote bus, EARTH; the first is EARTH where there is none
    is_opposite: Flags  # (k,) whether the tap is on another winding than the measurement
    has_drop: Flags  # (k,)
    set_v: Col  # (k, 2)
    band_v: Col  # (k, 2)
    drop_v: Phasors  # (k, 2) of the line drop compensator at the rated current [V]
    z_v: Col  # (k, 2)
    limit_v: Col  # (k,) inf: none
    ratio: Col  # (k,)
    remote_ratio: Col  # (k,)
    current_a: Col  # (k,)
    base_v: Col  # (k,) across the measured winding, rated
    delay_s: Col  # (k,)
    is_inverse: Flags  # (k,)
    tap_delay_s: Col  # (k,)
    mode: Index  # (k,) of `ReverseMode`
    to_neutral: Flags  # (k,)
    reverse_w: Col  # (k,) [W]
    reverse_delay_s: Col  # (k,)


class TapQueue(NamedTuple):
    """What k regulators wait for within one step: seconds until it is due, and how many taps."""

    due_s: Col  # (k,) IDLE: nothing
    move: Index  # (k,)
    reverse_s: Col  # (k,)


@register_jitable(**INLINE)
def at_site(v: Phasors, site: int) -> complex:
    """Return the voltage at one of the sites (s,), 0 at earth [V]."""
    return v[site] if site >= 0 else 0j


@register_jitable(**INLINE)
def _sense(of: TapChangers, r: int, v: Phasors) -> tuple[complex, int]:
    """Return the voltage across the winding [V] of the phase that a regulator measures, and which one it is."""
    chosen = of.phase[r]
    if chosen != HIGHEST_PHASE and chosen != LOWEST_PHASE:
        return at_site(v, of.start[r, chosen]) - at_site(v, of.end[r, chosen]), chosen
    best, found, sign = 0j, -1, 1.0 if chosen == HIGHEST_PHASE else -1.0
    for p in range(of.phases[r]):
        seen = at_site(v, of.start[r, p]) - at_site(v, of.end[r, p])
        if found < 0 or sign * size_of(seen) > sign * size_of(best):
            best, found = seen, p
    return best, found


@register_jitable(**INLINE)
def _turn_round(
    of: TapChangers, r: int, power_w: float, doubt_w: float, reversed_: Flags, queue: TapQueue
) -> bool:
    """Queue or drop a change of direction; return whether the power is too near the threshold to tell."""
    # forward power leaves the measured winding
    beyond = power_w - of.reverse_w[r] if reversed_[r] else -power_w - of.reverse_w[r]
    if abs(beyond) < doubt_w:
        return True
    if beyond > 0 and queue.reverse_s[r] == IDLE:
        queue.reverse_s[r] = of.reverse_delay_s[r]
    elif beyond <= 0:
        queue.reverse_s[r] = IDLE
    return False


@register_jitable(**INLINE)
def _go_to_neutral(of: TapChangers, r: int, tap: Index, queue: TapQueue) -> None:
    if queue.due_s[r] < IDLE:
        return
    turns = of.middle[r] + tap[r] * of.rise[r]
    queue.move[r] = (
        np.int64(np.round((1.0 - turns) / of.rise[r])) if abs(turns - 1.0) > 1e-12 else 0
    )
    if queue.move[r] != 0:
        queue.due_s[r] = of.tap_delay_s[r]


@register_jitable(**INLINE)
def _read(
    of: TapChangers, parts: PrimitiveParts, scale: Col, share: Col, r: int, v: Phasors, away: int, doubt_pu: float
) -> tuple[float, float, float]:  # fmt: skip
    """Return the voltage that a regulator acts on, that at its winding, and how far the first may be off [V] secondary."""
    across, phase = _sense(of, r, v)
    doubt_v = doubt_pu * of.base_v[r] / of.ratio[r]
    if of.remote[r, 0] >= 0:
        here_v = size_of(at_site(v, of.start[r, 0]) - at_site(v, of.end[r, 0])) / of.ratio[r]
        far = at_site(v, of.remote[r, 0]) - at_site(v, of.remote[r, 1])
        return size_of(far) / of.remote_ratio[r], here_v, doubt_v
    here_v = size_of(across) / of.ratio[r]
    if not of.has_drop[r] or of.conductor[r, phase] < 0:
        return here_v, here_v, doubt_v
    current = current_into(parts, scale, share, of.part[r], of.conductor[r, phase], v)
    drawn = complex(current.real / of.current_a[r], current.imag / of.current_a[r])
    if of.z_v[r, 0] == 0.0:
        drop = of.drop_v[r, away] * drawn
        seen = complex(across.real / of.ratio[r], across.imag / of.ratio[r])
        return size_of(seen + drop), here_v, doubt_v + doubt_pu * size_of(drop)
    drop_v = size_of(drawn) * of.z_v[r, away]
    return abs(here_v - drop_v), here_v, doubt_v + doubt_pu * drop_v


@register_jitable(**INLINE)
def _want(
    of: TapChangers, parts: PrimitiveParts, scale: Col, share: Col, r: int, v: Phasors, tap: Index, reversed_: Flags,
    doubt_pu: float, queue: TapQueue,
) -> bool:  # fmt: skip
    """Queue what one regulator wants; return whether its voltage is too near an edge to tell."""
    away = 1 if reversed_[r] else 0
    backward = away == 1 and of.mode[r] == REVERSES
    size_v, here_v, doubt_v = _read(of, parts, scale, share, r, v, away, doubt_pu)
    if backward:
        turns = of.middle[r] + tap[r] * of.rise[r]
        size_v, doubt_v = size_v / turns, doubt_v / turns
    off_v, half = of.set_v[r, away] - size_v, of.band_v[r, away] / 2
    over_v = here_v - of.limit_v[r]
    if abs(abs(off_v) - half) < doubt_v or abs(over_v) < doubt_v:
        return True
    if abs(off_v) <= half and over_v <= 0:
        queue.move[r], queue.due_s[r] = 0, IDLE
        return False
    a_tap_v = of.rise[r] * of.base_v[r] / of.ratio[r]
    boost, doubt = (-over_v if over_v > 0 else off_v) / a_tap_v, doubt_v / a_tap_v
    if abs(abs(boost - np.floor(boost)) - 0.5) < doubt:
        return True
    steps = np.int64(np.round(boost))
    queue.move[r] = -steps if of.is_opposite[r] or backward else steps
    may = tap[r] < of.highest[r] if queue.move[r] > 0 else tap[r] > of.lowest[r]
    if queue.move[r] != 0 and queue.due_s[r] == IDLE and may:
        deviation = 2.0 * abs(of.set_v[r, 0] - size_v) / of.band_v[r, 0]
        queue.due_s[r] = of.delay_s[r] / (min(10.0, deviation) if of.is_inverse[r] else 1.0)
    return False


@register_jitable(**INLINE)
def sample_taps(
    of: TapChangers, parts: PrimitiveParts, scale: Col, share: Col, v: Phasors, tap: Index, reversed_: Flags,
    doubt_pu: float, queue: TapQueue,
) -> bool:  # fmt: skip
    """Queue what all regulators want at the voltages of sites (s,) [V], known to `doubt_pu`; return whether that is in doubt.

    `tap` (k,) and `reversed_` (k,) are how they stand; `scale` and `share` as in `set_parts`.
    """
    for r in range(tap.size):
        if of.at_once[r] == 0:
            continue
        if of.mode[r] != NEVER and of.remote[r, 0] < 0:
            ends = (of.conductors[r, 0], of.conductors[r, 1])
            power = -power_into(parts, scale, share, of.part[r], ends, v)
            if _turn_round(of, r, power.real, 2 * doubt_pu * size_of(power), reversed_, queue):
                return True
            if reversed_[r] and of.to_neutral[r]:
                _go_to_neutral(of, r, tap, queue)
                continue
        if _want(of, parts, scale, share, r, v, tap, reversed_, doubt_pu, queue):
            return True
    return False


@register_jitable(**INLINE)
def move_taps(of: TapChangers, now_s: float, tap: Index, reversed_: Flags, queue: TapQueue) -> None:
    """Do what is due; `tap` (k,) and `reversed_` (k,) change."""
    for r in range(tap.size):
        if queue.due_s[r] <= now_s:
            queue.due_s[r] = IDLE
            if queue.move[r] != 0:
                # the float operations of the engine, so that a product just below a whole number is cut as there
                steps = max(1, np.int64(WAY * abs(queue.move[r] * of.rise[r]) / of.rise[r]))
                steps = min(steps, of.at_once[r])
                to = tap[r] + steps if queue.move[r] > 0 else tap[r] - steps
                tap[r] = min(max(to, of.lowest[r]), of.highest[r])
                queue.move[r] = 0
        if queue.reverse_s[r] <= now_s:
            queue.reverse_s[r] = IDLE
            reversed_[r] = not reversed_[r]
