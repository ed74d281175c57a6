"""Stores that end a run where another design left them, so that little of a gain is what they hold: decision 18."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.device import MOBILITY, GroupBelief, Window
from gridagora.core.ports import DeviceGroup
from gridagora.core.rng import stream
from gridagora.core.tables import Col, Index
from gridagora.kernels.stores.value import Stores

# What a plan pays for being x kWh of electricity off for an hour is half of this times x squared [$/kWh2]: at usual prices of
# some cents, less than a tenth of a kWh is then worth saving.
OFF_PER_KWH2 = 1.0
# Homes are to be there from an hour on that each draws among so many: all at once at the end would be a peak of its own.
SPREAD_H = 4


class StoreEnds(NamedTuple):
    """The last hour of a run, from which hour on the stores of each home are to be where they end (n,), and where that is.

    `end_x` holds the states by kind of device as each of the last s = `SPREAD_H` hours counts them, (r, s) [unit of the store].
    """

    last_hour: int
    since: Index
    end_x: Mapping[str, Col]


def draw_hours(seed: int, home_id: Sequence[str], last_hour: int) -> Index:
    """Return from which hour on the stores of each home are to be where they end, shape (n,): one of the last `SPREAD_H`."""
    drawn = [stream(seed, "store ends", home).random() for home in home_id]
    early = np.floor(SPREAD_H * np.array(drawn)).astype(np.int64)
    return np.asarray(last_hour - early)


def find_states(groups: Iterable[DeviceGroup], last_hour: int) -> dict[str, Col]:
    """Return by kind the state of every store now, (r, s) [unit of the store], as each of the last s hours counts it.

    What is no store is nan. The charge of a car is none: it leaves with the car.
    """
    found, hours = {}, range(last_hour - SPREAD_H + 1, last_hour + 1)
    for group in groups:
        if group.about.is_valued and group.about.family != MOBILITY:
            states = np.full((len(group.home), SPREAD_H), np.nan)
            for column, hour in enumerate(hours):
                believed = group.believe(Window(hour, 1))
                states[believed.rows, column] = believed.stores.x0
            found[group.about.kind] = states
    return found


def end_plans(
    believed: GroupBelief, group: DeviceGroup, ends: StoreEnds | None, hour: int
) -> GroupBelief:
    """Return what rows of a group believe of a window from an hour on, whose plans are at the end where they are to be."""
    table, rows = believed.stores, believed.rows
    hours = hour + np.arange(len(table.dt_h))
    return believed._replace(stores=_want(table, group, rows, ends, hours))


def end_bids(
    offered: Stores, group: DeviceGroup, rows: Index, ends: StoreEnds | None, hour: int
) -> Stores:
    """Return what rows (k,) of a group believe of the next interval, at whose end they aim at where they are to be."""
    return _want(offered, group, rows, ends, np.array([hour]))


def _want(
    table: Stores, group: DeviceGroup, rows: Index, ends: StoreEnds | None, hours: Index
) -> Stores:
    """Return stores (n, h) that pay for ending a step in one of the hours (h,) off the state that is wanted by then."""
    if ends is None or group.about.kind not in ends.end_x:
        return table
    known = (hours > ends.last_hour - SPREAD_H) & (hours <= ends.last_hour)
    if not known.any():
        return table
    wanted = np.full((len(rows), len(hours)), np.nan)
    column = hours[known] - ends.last_hour + SPREAD_H - 1
    wanted[:, known] = ends.end_x[group.about.kind][rows][:, column]
    due = np.isfinite(wanted) & (hours >= ends.since[group.home[rows], None])
    worth = OFF_PER_KWH2 / table.gain_in**2 / table.dt_h
    return table._replace(
        k_x=np.where(due, worth, table.k_x),
        x_set=np.where(due, wanted, table.x_set),
        dead=np.where(due, 0.0, table.dead),
    )
