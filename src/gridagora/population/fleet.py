"""Every device of a scene, by group: beliefs for a plan, curves for an interval, and the step of the physics."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from gridagora.core.device import (
    Beside,
    DearWindows,
    DeviceKind,
    Draws,
    GroupBelief,
    Moment,
    Setting,
    Turn,
    Window,
)
from gridagora.core.errors import PartError
from gridagora.core.forecast_error import NO_ERRORS, ForecastErrors
from gridagora.core.ports import DeviceGroup
from gridagora.core.registry import find, names
from gridagora.core.tables import Col, Flag, Homes, Index
from gridagora.kernels.curves.curve import Curves, join_curves, take_rows
from gridagora.kernels.curves.ticks import state_in_ticks
from gridagora.kernels.physics.homes import add_group, no_sums
from gridagora.kernels.stores.bid_curve import bid
from gridagora.kernels.stores.value import MarginalValue, Stores, join_slopes, marginal_value
from gridagora.kernels.stores.value import rows as some_rows
from gridagora.population.export_hold import hold_export
from gridagora.population.store_ends import StoreEnds, end_bids, end_plans

THREADS = 2  # for rows of one kind, and for homes behind kinked meters; results do not depend on it
CHANCE_ROWS = 1024  # rows whose likely inflows are held at a time
REST_MIN = 3  # compressor timers commonly keep a unit as it is for three to five minutes

Rows = tuple[Index, ...]  # of each group, those that take part


@dataclass(frozen=True)
class Fleet:
    """The groups of a run, in the order of their kinds; a step changes their state in place."""

    groups: tuple[DeviceGroup, ...]
    homes: int
    dt_h: float
    ends: StoreEnds | None = None  # that plans reach; None: stores end as they do

    @cached_property
    def by_turn(self) -> tuple[tuple[int, ...], ...]:
        """Rows of the groups that step together, one turn after another."""
        turns = [group.about.turn for group in self.groups]
        together = (tuple(row for row, own in enumerate(turns) if own == turn) for turn in Turn)
        return tuple(rows for rows in together if rows)

    def of_kind(self, kind: str) -> DeviceGroup:
        """Return the group of a kind; raises KeyError where no home owns such a device."""
        return {group.about.kind: group for group in self.groups}[kind]


class OwnedDevices(Protocol):
    """Devices of one kind and the homes that own them, before, in or after a run."""

    @property
    def about(self) -> DeviceKind:
        """What all devices of the kind are."""
        ...

    @property
    def home(self) -> Index:
        """Home of every device, (r,)."""
        ...


class FleetPlan(NamedTuple):
    """Values of stored energy of an hour by group, the rows they hold for, and the price path they were found against."""

    values: tuple[MarginalValue | None, ...]
    rows: Rows
    home: Index  # (r,) of every device that takes part, in the order of `tender`
    price_per_kwh: Col  # (h,), or (n, h) where every home has its own
    inside_kw: tuple[
        Col, ...
    ] = ()  # (k, h) [kW] of each group that is valued: plans that set the homes' own prices
    of_value: Rows = ()  # of each of `rows`, by group, its row in `values`; none: each its own


class Delivered(NamedTuple):
    """Metered outcome of one interval.

    `kind_kw` (g, n) is the power of every group in every home, `series` (r,) what groups tell of their rows by name, which ends
    in the [unit], `balance_kwh` (n,) the largest violation of the energy balance of any store of each home.
    """

    kind_kw: Col
    series: Mapping[str, Col]
    balance_kwh: Col


def make_fleet(
    homes: Homes,
    local_hour: Index,
    comfort_per_k2_h: float,
    reference_per_kwh: float,
    dt_h: float,
    *,
    rule: str,
    draws_known: bool,
    rest_min: int = REST_MIN,
    group: Index | None = None,
    errors: ForecastErrors = NO_ERRORS,
    dear: DearWindows | None = None,
) -> Fleet:
    """Return the fleet of a scene at the start of a run; an on/off unit that was switched rests for `rest_min` minutes.

    `local_hour` (H,) is the local hour of day, `group` (n,) the service transformer of every home; None: one feeds all. `dear`
    are the windows that people know who act by hand; None: nobody does.
    """
    fed_by = np.zeros(len(homes.home_id), np.int64) if group is None else group
    setting = Setting(
        homes,
        local_hour,
        dt_h,
        comfort_per_k2_h,
        reference_per_kwh,
        rule,
        rest_min,
        draws_known,
        fed_by,
        errors,
        dear,
    )
    made = [find("device", name).of(setting) for name in names("device")]
    groups = sorted(
        (group for group in made if group is not None),
        key=lambda group: (group.about.rank, group.about.kind),
    )
    return Fleet(tuple(groups), len(homes.home_id), dt_h)


def prosumers(fleet: Fleet) -> Flag:
    """Return which homes own a device that makes a prosumer, shape (n,)."""
    return prosumers_among(fleet.groups, fleet.homes)


def prosumers_among(groups: Iterable[OwnedDevices], homes: int) -> Flag:
    """Return which of so many homes own a device that makes a prosumer, shape (n,)."""
    own = np.zeros(homes, dtype=np.bool_)
    for group in groups:
        own[group.home] |= group.about.is_prosumer
    return own


def prosumer_homes(homes: Homes) -> Flag:
    """Return the same of homes that no run has yet, shape (n,)."""
    hours = np.zeros(homes.load_kw.shape[1], dtype=np.int64)
    return prosumers(make_fleet(homes, hours, 1.0, 1.0, 1.0, rule="continuous", draws_known=True))


def beliefs(
    fleet: Fleet,
    hour: int,
    hours: int,
    value_per_kwh: float | Col,
    automated: Flag | None = None,
) -> tuple[tuple[GroupBelief, ...], Rows]:
    """Return what every group believes of the window, and the rows that take part in its first hour.

    `value_per_kwh` is the mean price that homes expect, one for all or (n,) by home [$/kWh]; `automated` (n,) are the homes that
    take part, None for all.
    """
    found = tuple(group.believe(Window(hour, hours, value_per_kwh)) for group in fleet.groups)
    if automated is not None:
        pairs = zip(fleet.groups, found, strict=True)
        found = tuple(_keep_rows(each, automated[group.home[each.rows]]) for group, each in pairs)
    pairs = zip(fleet.groups, found, strict=True)
    found = tuple(end_plans(each, group, fleet.ends, hour) for group, each in pairs)
    return found, tuple(each.rows for each in found)


@dataclass(frozen=True)
class _DrawsOfSome:
    """Likely inflows of some rows, made when they are asked for."""

    draws: Draws
    at: Index

    def __getitem__(self, rows: slice | Index) -> Col:
        return self.draws[self.at[rows]]

    def mean(self, axis: int) -> Col:
        return self.draws.mean(axis)[self.at]


def _keep_rows(believed: GroupBelief, kept: Flag) -> GroupBelief:
    """Return the belief of some of the rows that take part."""
    at = np.flatnonzero(kept)
    draws = None if believed.draws is None else _DrawsOfSome(believed.draws, at)
    return GroupBelief(believed.rows[at], some_rows(believed.stores, at), draws, believed.rows)


def disclosed_specs(believed: Sequence[GroupBelief]) -> tuple[Stores, ...]:
    """Return beliefs as an operator is told them: the mean of the likely draws stands for the draws."""
    return tuple(
        each.stores
        if each.draws is None
        else each.stores._replace(inflow=each.stores.inflow + each.draws.mean(1))
        for each in believed
    )


def plan(
    fleet: Fleet,
    believed: Sequence[GroupBelief],
    price_per_kwh: Col,
    inside_kw: tuple[Col, ...] = (),
) -> FleetPlan:
    """Return the value of stored energy at the start and the end of the hour, against a price path (h,) or (n, h) [$/kWh].

    `inside_kw` (k, h) [kW] by group, the plans that set the homes' own prices, is kept for the hour after.
    """
    rows = tuple(each.rows for each in believed)
    home = homes_of(fleet, rows)
    own: Sequence[Index | None] = home if price_per_kwh.ndim > 1 else (None,) * len(believed)
    values = [
        _value(each, price_per_kwh, row) if group.about.is_valued else None
        for group, each, row in zip(fleet.groups, believed, own, strict=True)
    ]
    return FleetPlan(tuple(values), rows, np.concatenate(home), price_per_kwh, inside_kw)


def _value(believed: GroupBelief, price_per_kwh: Col, row: Index | None) -> MarginalValue:
    """Return the value of stored energy of a group; where inflows are left to chance, of some rows at a time."""
    table, draws, n = believed.stores, believed.draws, len(believed.rows)
    if draws is None:
        return marginal_value(table, price_per_kwh, row=row, threads=THREADS)
    found = []
    for start in range(0, max(1, n), CHANCE_ROWS):
        at = slice(start, start + CHANCE_ROWS)
        own = None if row is None else row[at]
        found.append(
            marginal_value(
                some_rows(table, at), price_per_kwh, row=own, draws=draws[at], threads=THREADS
            )
        )
    return join_slopes(found)


def unvalued_kw(
    fleet: Fleet, believed: Sequence[GroupBelief], window: Window, price_per_kwh: Col
) -> Col:
    """Return what devices that no plan values take of every home at a price path (h,) or (n, h), shape (n, h) [kW]."""
    taken = np.zeros((fleet.homes, price_per_kwh.shape[-1]))
    for group, each in zip(fleet.groups, believed, strict=True):
        if not group.about.is_valued:
            every = each.rows if each.every is None else each.every
            home = group.home[every]
            path = price_per_kwh if price_per_kwh.ndim == 1 else price_per_kwh[home]
            planned_kw = group.planned_kw(window, path)
            if each.every is not None:
                kept = np.isin(every, each.rows)
                home, planned_kw = home[kept], planned_kw[kept]
            np.add.at(taken, home, planned_kw)
    return taken


def keep_valued(
    fleet: Fleet, specs: Sequence[Stores], home: Sequence[Index]
) -> tuple[tuple[Stores, ...], tuple[Index, ...]]:
    """Return beliefs and homes, (k,) a group, of the groups that a plan values."""
    kept = [row for row, group in enumerate(fleet.groups) if group.about.is_valued]
    return tuple(specs[row] for row in kept), tuple(home[row] for row in kept)


def tender(fleet: Fleet, found: FleetPlan, hour: int, share: float, now_s: float) -> Curves:
    """Return the curve of every device for the next interval, which ends at `share` of the hour, prices in ticks.

    Raises
    ------
    PartError
        Offers of a kind of device that nothing can value.
    """
    now = Moment(hour, now_s, fleet.dt_h, share)
    curves = []
    shared: Sequence[Index | None] = found.of_value or (None,) * len(found.rows)
    for group, rows, value, row in zip(fleet.groups, found.rows, found.values, shared, strict=True):
        offered = _offered(group, now, rows)
        if isinstance(offered, Curves):
            curves.append(offered)
        elif value is not None:
            closed = end_bids(offered, group, rows, fleet.ends, hour)
            curves.append(bid(closed, value, share, row=row))
        else:
            kind = group.about.kind
            raise PartError(
                f"device '{kind}' tenders stores, but no plan values it: return curves, or set is_valued in its class"
            )
    return state_in_ticks(join_curves(curves))


def _offered(group: DeviceGroup, now: Moment, rows: Index) -> Stores | Curves:
    """Return what rows of a group believe of the next interval; a group may answer for all of its rows."""
    offered, k = group.tender(now, rows), len(rows)
    if isinstance(offered, Curves):
        return offered if len(offered.offset) == k + 1 else take_rows(offered, rows)
    return offered if len(offered.x0) == k else some_rows(offered, rows)


def _refuse_unsound(p_kw: Col, devices: int) -> None:
    """Refuse orders that are not one power for each device.

    Raises
    ------
    PartError
        A strategy whose dispatch gives another number of rows, or a power that is no number.
    """
    if not isinstance(p_kw, np.ndarray) or p_kw.shape != (devices,) or not np.isfinite(p_kw).all():
        got = (
            f"power of shape {p_kw.shape}" if isinstance(p_kw, np.ndarray) else type(p_kw).__name__
        )
        expected = f"None or finite numbers of shape {(devices,)}, one for each device"
        raise PartError(f"dispatch of the strategy returned {got}, expected {expected}")


def by_group(fleet: Fleet, p_kw: Col | None, rows: Rows) -> tuple[Col | None, ...]:
    """Return the orders of all rows of every group, (r,) each [kW], given those of the rows that take part, or None."""
    if p_kw is None:
        return (None,) * len(fleet.groups)
    _refuse_unsound(p_kw, sum(map(len, rows)))
    asked, first = [], 0
    for group, own in zip(fleet.groups, rows, strict=True):
        orders, last = np.zeros(len(group.home)), first + len(own)
        orders[own] = p_kw[first:last]
        asked.append(orders)
        first = last
    return tuple(asked)


def step_groups(
    fleet: Fleet,
    asked_kw: Sequence[Col | None],
    hour: int,
    now_s: float,
    load_kw: Col,
    way: Index | None = None,
    outside: Sequence[Flag | None] | None = None,
    *,
    curtails: bool = True,
    export_kw: Col | None = None,
) -> Delivered:
    """Step the true physics of one interval.

    Parameters
    ----------
    asked_kw
        Power of all rows of every group [kW], or None where the devices of a group follow their own switch.
    load_kw
        Load of every home without its devices, shape (n,) [kW].
    way
        Which way each home means to trade, (n,), where export earns less than import costs: 1, -1, or 0 for nothing crosses.
        What steps last then makes up for on/off units, so that the meter never turns the other way while it can help it.
    outside
        Of every row, whether its order comes from outside the home, which nothing that the home means changes.
    curtails
        Whether generation follows its order; if not it gives all it can, as under a tariff that does not know the hour.
    export_kw
        Limit of the export of every home, shape (n,) [kW]; what steps later keeps it for on/off units, unless orders exceed it.
    """
    n, now = fleet.homes, Moment(hour, now_s, fleet.dt_h, 1.0)
    kind_kw, sums = np.empty((len(fleet.groups), n)), no_sums(n)
    series: dict[str, Col] = {}
    hold = None if export_kw is None else hold_export(fleet, asked_kw, load_kw, export_kw)
    for turn, rows in enumerate(fleet.by_turn):
        short_kw = sums.ordered_kw - sums.drawn_kw
        beside = Beside(load_kw + sums.drawn_kw, short_kw, way, curtails)
        if hold is not None:
            beside = beside._replace(least_kw=hold.least_kw(turn, beside.meter_kw))
        for row in rows:
            group, orders = fleet.groups[row], asked_kw[row]
            before = group.stored_kwh()
            got = group.step(
                orders, now, beside if outside is None else beside._replace(outside=outside[row])
            )
            stores_kwh = before, group.stored_kwh(), got.stored_kwh
            add_group(sums, group.home, got.p_kw, orders, stores_kwh, kind_kw[row])
            series |= got.series
    return Delivered(kind_kw, series, sums.widest_kwh)


def meter_kw(load_kw: Col, got: Delivered) -> Col:
    """Return the power of every home, shape (n,) [kW]: its load and its devices."""
    return np.asarray(sum(got.kind_kw, load_kw))


def homes_of(fleet: Fleet, rows: Rows) -> tuple[Index, ...]:
    """Return the home of every device, (k,) by group."""
    return tuple(group.home[own] for group, own in zip(fleet.groups, rows, strict=True))
