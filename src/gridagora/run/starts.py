"""Starts that fall together: how many do in one interval, in words, and how homes that follow a posted price are staggered."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.device import DeviceKind
from gridagora.core.records import RunColumn, by_row, interval_blocks
from gridagora.core.rng import stream
from gridagora.core.tables import Col, Index
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.internal_price import power_at_own
from gridagora.population.fleet import Fleet, Rows

TOGETHER = 0.5  # share of the power of a kind that rises within one interval, above which a warning says so
FEWEST = 5  # homes with a kind: what fewer do is no crowd
STANDS_KW = 1e-3  # a device that is asked for less stands still


class StartDelay(NamedTuple):
    """How long a start of each home waits, (n,), and for how long each device has been asked to run [min], by group.

    A kind that no plan values, such as panels, never waits: None stands for it. `hold` writes the minutes.
    """

    offset_min: Col
    asked_min: tuple[Col | None, ...]


def draw_start_delays(
    fleet: Fleet, spread_min: float, seeds: Sequence[int], home_id: Sequence[Sequence[str]]
) -> StartDelay | None:
    """Return offsets drawn evenly between nil and `spread_min` by the seed of a run and the name of each of its homes.

    Where nobody waits, return None.
    """
    if spread_min == 0:
        return None
    minutes = tuple(
        np.zeros(len(group.home)) if group.about.is_valued else None for group in fleet.groups
    )
    drawn = [
        stream(seed, "start spread", home).random()
        for seed, homes in zip(seeds, home_id, strict=True)
        for home in homes
    ]
    return StartDelay(spread_min * np.array(drawn), minutes)


def delay_starts(
    memory: StartDelay,
    p_kw: Col,
    curves: Curves,
    home: Index,
    rows: Rows,
    dearest_per_kwh: Col,
    dt_h: float,
) -> Col:
    """Return the power of every device, shape (r,) [kW], where a start waits for the offset of its home.

    Parameters
    ----------
    memory
        Offsets, and how long each device has been asked to run.
    p_kw, curves, home
        What each device takes at the price of the interval, its curve and its home, r rows.
    rows
        Rows of each group that these are.
    dearest_per_kwh
        Highest price in the plan of each home, shape (n,). What a device takes even at that does not wait, such as the charge
        of a car that leaves soon.
    dt_h
        Length of the interval [h].
    """
    pairs = list(zip(memory.asked_min, rows, strict=True))
    asked = np.concatenate(
        [np.zeros(len(own)) if minutes is None else minutes[own] for minutes, own in pairs]
    )
    may_wait = np.concatenate([np.full(len(own), minutes is not None) for minutes, own in pairs])
    needed = power_at_own(curves, dearest_per_kwh[home], np.zeros(len(home)))
    asked = np.where(p_kw > STANDS_KW, asked + 60.0 * dt_h, 0.0)
    asked[needed > STANDS_KW] = np.inf
    ends = np.cumsum([len(own) for own in rows])[:-1]
    for (minutes, own), new in zip(pairs, np.split(asked, ends), strict=True):
        if minutes is not None:
            minutes[own] = new
    waits = may_wait & (asked > 0) & (asked <= memory.offset_min[home])
    return np.where(waits, 0.0, p_kw)


def find_simultaneous_starts(
    kinds: Sequence[DeviceKind], kind_kw: Sequence[RunColumn], dt_h: float
) -> tuple[str, ...]:
    """Say in one sentence of which kinds of device, given the power (n, t) of each [kW], most starts within one interval.

    The measure is the largest rise of consumption of a kind from one interval to the next, homes that fall left out, over the
    sum of the highest of each home.
    """
    found = []
    for about, power in zip(kinds, kind_kw, strict=True):
        most, rise_kw = _rises(power)
        if np.count_nonzero(most > STANDS_KW) < FEWEST:
            continue
        rise = rise_kw / most.sum()
        if rise.max() > TOGETHER:
            hour, minute = divmod(round(60 * dt_h * (int(rise.argmax()) + 1)), 60)
            found.append(
                f"{rise.max():.0%} of {about.noun or about.label.lower()} at {hour % 24:02d}:{minute:02d}"
            )
    if not found:
        return ()
    return (
        f"plans against the same price act at the same time: within one interval of {60 * dt_h:g} minutes starts, by power, "
        f"{', '.join(found)}; people and timers differ more, and market.start_spread_minutes staggers them",
    )


def _rises(power_kw: RunColumn) -> tuple[Col, Col]:
    """Return the highest consumption of every home (n,), and by how much all that rise do from interval to interval (t - 1,)."""
    n, t = power_kw.shape
    most, before, rises = np.zeros(n), np.zeros((0, n)), [np.zeros(0)]
    for at in interval_blocks((n, t)):
        drawn = by_row(np.asarray(power_kw[:, at]).T).clip(min=0)
        most = np.maximum(most, drawn.max(0))
        rises.append(np.diff(np.concatenate([before, drawn]), axis=0).clip(min=0).sum(1))
        before = drawn[-1:]
    return most, np.concatenate(rises)
