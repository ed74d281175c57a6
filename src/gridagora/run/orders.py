"""What a controller outside the homes asks of devices in one interval: a power that is followed, or a bid in place of its own."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gridagora.core.device import Moment, Window
from gridagora.core.errors import InputError, Problem, nearest, shown
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.curves.curve import Curves
from gridagora.population.fleet import Fleet, FleetPlan, Rows

Bid = tuple[Sequence[float], Sequence[float]]  # powers [kW], rising, and prices [$/kWh], falling
Powers = Mapping[str, Mapping[int, float]]
Bids = Mapping[str, Mapping[int, Bid]]
NOTHING: Mapping[str, Mapping[int, float]] = MappingProxyType({})
NO_BIDS: Bids = MappingProxyType({})


class Orders(NamedTuple):
    """By kind of device and row of the home: a power at the meter [kW], withdrawal positive, or the points of a demand curve."""

    power_kw: Powers = NOTHING
    bids: Bids = NO_BIDS


NO_ORDERS = Orders()


class PlacedOrder(NamedTuple):
    """An order at one device: its group, its place among the rows of the group that take part, its row, and its curve.

    `is_fixed` says whether it is followed whatever the price is.
    """

    group: int
    at: int
    row: int
    p_kw: Col  # (points,)
    price_per_kwh: Col  # (points,)
    is_fixed: bool


def check(asked: Orders, fleet: Fleet, home_id: Sequence[str], design: str, *, plans: bool) -> None:
    """Refuse what no device can be asked.

    Raises
    ------
    InputError
        All at once: a kind that no home owns, a home that is none or owns no such device, a power or bid that is no number,
        points that are not in order, a bid where homes look at no price, a device that is both ordered and bid for.
    """
    problems = _unordered(asked.power_kw, "power_kw", "{0: 2.0}") + _unordered(
        asked.bids, "bids", "{0: ((0.0, 2.0), (0.2, 0.1))}"
    )
    if problems:
        raise InputError(problems)
    problems = _unknown(asked.power_kw, "power_kw", fleet, home_id) + _unknown(
        asked.bids, "bids", fleet, home_id
    )
    for kind, powers in asked.power_kw.items():
        for home, power in powers.items():
            where = f"power_kw, {kind} of home {home}"
            if isinstance(power, bool) or not isinstance(
                power, int | float | np.integer | np.floating
            ):
                problems.append(Problem(where, shown(power), "a power, one number [kW]"))
            elif not np.isfinite(power):
                problems.append(Problem(where, f"{power} kW", "a finite power"))
            if home in asked.bids.get(kind, {}):
                problems.append(Problem(where, "a power and a bid", "one of the two"))
    for kind, bids in asked.bids.items():
        problems += [
            problem
            for home, bid in bids.items()
            for problem in _unsound(bid, f"bids, {kind} of home {home}")
        ]
    if asked.bids and not plans:
        hint = "Order a power instead: power_kw."
        problems.append(
            Problem(
                "bids", f"some under '{design}'", "none, for its homes do not look at prices", hint
            )
        )
    if problems:
        raise InputError(problems)


def _unordered(asked: object, name: str, example: str) -> list[Problem]:
    """Return the problems of what does not stand by kind of device and row of the home."""
    if not isinstance(asked, Mapping):
        return [
            Problem(
                name, shown(asked), f"a dictionary by kind of device, as {{'battery': {example}}}"
            )
        ]
    rows = [(kind, homes) for kind, homes in asked.items() if not isinstance(homes, Mapping)]
    found = [
        Problem(f"{name}, {kind}", shown(homes), f"a dictionary by row of the home, as {example}")
        for kind, homes in rows
    ]
    if found:
        return found
    return [
        Problem(
            f"{name}, {kind}",
            f"the home {home!r}",
            "the row of a home, a whole number; home_id of the run names them in order",
        )
        for kind, homes in asked.items()
        for home in homes
        if isinstance(home, bool) or not isinstance(home, int | np.integer)
    ]


def _unknown(
    asked: Mapping[str, Mapping[int, object]], name: str, fleet: Fleet, home_id: Sequence[str]
) -> list[Problem]:
    problems, kinds = [], {group.about.kind: group for group in fleet.groups}
    for kind, homes in asked.items():
        if kind not in kinds:
            problems.append(
                Problem(
                    name,
                    f"'{kind}'",
                    "a kind of device that a home owns",
                    nearest(str(kind), list(kinds)),
                )
            )
            continue
        owners = set(kinds[kind].home.tolist())
        for home in homes:
            if not 0 <= home < len(home_id):
                problems.append(
                    Problem(
                        f"{name}, {kind}", f"home {home}", f"a row from 0 to {len(home_id) - 1}"
                    )
                )
            elif home not in owners:
                expected = "a home that owns one, rows " + ", ".join(map(str, sorted(owners)))
                problems.append(
                    Problem(f"{name}, {kind}", f"home {home} ('{home_id[home]}')", expected)
                )
    return problems


def _unsound(bid: Bid, where: str) -> list[Problem]:
    pair = "two lists, powers [kW] and prices [$/kWh]"
    if not isinstance(bid, list | tuple) or len(bid) != len(("p_kw", "price_per_kwh")):
        return [Problem(where, shown(bid), pair)]
    try:
        p_kw, price = (np.atleast_1d(np.asarray(column, np.float64)) for column in bid)
    except (TypeError, ValueError):
        return [Problem(where, "something else than numbers", pair)]
    if not len(p_kw) or p_kw.shape != price.shape or p_kw.ndim != 1:
        got = f"{p_kw.size} powers and {price.size} prices"
        return [Problem(where, got, "as many of both, one at least")]
    if not (np.isfinite(p_kw).all() and np.isfinite(price).all()):
        return [Problem(where, "a number that is not finite", "finite powers and prices")]
    if (np.diff(p_kw) < 0).any() or (np.diff(price) > 0).any():
        return [
            Problem(
                where,
                f"powers {p_kw.tolist()} at prices {price.tolist()}",
                "rising powers at falling prices",
            )
        ]
    return []


def place(
    asked: Orders, fleet: Fleet, plan: FleetPlan | None, now: Moment
) -> tuple[PlacedOrder, ...]:
    """Return the orders at devices: where a home owns several of a kind, each takes the share that it can take of their power.

    Devices that can take no part now, as a car that is not plugged in, are asked nothing.
    """
    if not asked.power_kw and not asked.bids:
        return ()
    found: list[PlacedOrder] = []
    for g, group in enumerate(fleet.groups):
        powers, bids = (
            asked.power_kw.get(group.about.kind, {}),
            asked.bids.get(group.about.kind, {}),
        )
        if not powers and not bids:
            continue
        rows, least, most = reach(fleet, plan, g, now)
        curves = {
            home: (np.array([power], np.float64), np.zeros(1), True)
            for home, power in powers.items()
        }
        curves |= {
            home: (np.asarray(p_kw, float), np.asarray(price, float), False)
            for home, (p_kw, price) in bids.items()
        }
        for home, (p_kw, price, fixed) in curves.items():
            own = np.flatnonzero(group.home[rows] == home)
            for at in own[most[own] > least[own]]:
                up = most[at] / max(most[own].sum(), 1e-12)
                down = least[at] / min(least[own].sum(), -1e-12)
                taken = np.clip(np.where(p_kw > 0, up, down) * p_kw, least[at], most[at])
                found.append(PlacedOrder(g, int(at), int(rows[at]), taken, price, fixed))
    return tuple(found)


def reach(fleet: Fleet, plan: FleetPlan | None, index: int, now: Moment) -> tuple[Index, Col, Col]:
    """Return the rows (k,) of a group that take part in an interval, and the least and most power of each (k,) [kW]."""
    group = fleet.groups[index]
    rows = group.believe(Window(now.hour, 1)).rows if plan is None else plan.rows[index]
    offered = group.tender(now, rows)
    if isinstance(offered, Curves):
        return rows, offered.p_kw[offered.offset[:-1]], offered.p_kw[offered.offset[1:] - 1]
    return rows, offered.p_min_kw[:, 0], offered.p_max_kw[:, 0]


def replace_curves(curves: Curves, rows: Rows, placed: Sequence[PlacedOrder]) -> Curves:
    """Return the curves that devices tender, those of ordered and bid ones in place of their own; rows as in `Plan`."""
    if not placed or not rows:
        return curves
    first = np.cumsum([0, *(len(own) for own in rows)])
    p_kw = np.split(curves.p_kw, curves.offset[1:-1])
    price = np.split(curves.price_per_kwh, curves.offset[1:-1])
    for one in placed:
        p_kw[first[one.group] + one.at], price[first[one.group] + one.at] = (
            one.p_kw,
            one.price_per_kwh,
        )
    offset = np.cumsum([0, *(len(points) for points in p_kw)])
    return Curves(offset, np.concatenate(p_kw), np.concatenate(price))


def command(
    orders: tuple[Col | None, ...], fleet: Fleet, placed: Sequence[PlacedOrder]
) -> tuple[tuple[Col | None, ...], tuple[Flag | None, ...] | None]:
    """Return the orders of all rows of every group, (r,) each [kW], and which of them come from outside; None where none does.

    In a group that follows its own switches the other rows are nan: they go on doing so.
    """
    fixed = [one for one in placed if one.is_fixed]
    if not fixed:
        return orders, None
    told = list(orders)
    outside: list[Flag | None] = [None] * len(told)
    for one in fixed:
        size = len(fleet.groups[one.group].home)
        power, flags = told[one.group], outside[one.group]
        power = np.full(size, np.nan) if power is None else power
        flags = np.zeros(size, np.bool_) if flags is None else flags
        power[one.row], flags[one.row] = one.p_kw[0], True
        told[one.group], outside[one.group] = power, flags
    return tuple(told), tuple(outside)
