"""The reactive market: what inverters can give beside their active power, what it costs them, and who gives it at what price.

Theory 4.7.

Reactive power has no store, so nothing links intervals: t of them are cleared at once on given active powers. `q_kvar > 0` is
withdrawal (inductive), as everywhere: an inverter that supplies a lagging place has q < 0 and is paid -price q. The price carries
the sign of the need. Left out: voltages, line losses and the start-up of an inverter at night; where a market gives the set point
it stands in for the volt-var curve of IEEE 1547-2018, the default of an inverter that nobody instructs.

References
----------
IEEE 1547-2018, clause 5.2 and table 7 (capability of category B).
A. P. Dobos, PVWatts version 5 manual, NREL/TP-6A20-62641, 2014, doi 10.2172/1158421 (part-load losses of an inverter).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gridagora.core.errors import PartError, Problem
from gridagora.core.tables import Col, Index
from gridagora.kernels.curves.curve import Curves

CATEGORY_B_SHARE = 0.44  # of rated apparent power, injecting and absorbing
# Efficiency 0.96 / 0.9637 (-0.0162 z - 0.0059 / z + 0.9858) at DC power z of rated leaves a loss whose part in z squared is this
# share of rated AC power. Assumed to be conduction, which follows current and so p^2 + q^2.
LOSS_SHARE = 0.0162 / 0.9637
OFF_SHARE = (
    0.25  # of `full_from_share`, below which nothing is asked: 5 % of the 20 % of clause 5.2
)
RATING_SLACK = 1e-9  # relative rounding of a power that stands at its rating
POINTS = 2  # of an offer


class Inverters(NamedTuple):
    """n inverters; a home may own several. `loss_share` is the loss that grows with current squared, at rating, of the rating."""

    home: Index  # (n,)
    rating_kva: Col  # (n,)
    loss_share: Col  # (n,)


class Reactive(NamedTuple):
    """Cleared intervals: sum of q_kvar + need = unmet. `share` is that of the tie where the inverters are indifferent."""

    q_kvar: Col  # (n, t)
    price_per_kvarh: Col  # (t,)
    share: Col  # (t,)
    unmet_kvar: Col  # (t,) with the sign of the need


def join_inverters(
    home: ArrayLike, rating_kva: ArrayLike, loss_share: ArrayLike = LOSS_SHARE
) -> Inverters:
    """Return a checked table of n inverters.

    Raises
    ------
    PartError
        A rating or a loss that is not above zero; the message names the inverter and its home.
    """
    homes = np.asarray(home, dtype=np.int64)
    rating, loss = (
        np.array(np.broadcast_to(np.asarray(c, dtype=np.float64), homes.shape))
        for c in (rating_kva, loss_share)
    )
    for name, column, unit in (("rating", rating, " kVA"), ("loss share", loss, "")):
        fair = np.isfinite(column) & (column > 0)
        if not fair.all():
            row = int(np.argmin(fair))
            raise PartError(
                f"inverter {row} of home {homes[row]}: {name} {column[row]:g}{unit}, expected a number above 0"
            )
    return Inverters(homes, rating, loss)


def check(power_factor: float, cap_per_kvarh: float) -> list[Problem]:
    """Return the faults of what a scenario says of reactive power."""
    found = []
    if not 0 < power_factor <= 1:
        hint = "0.95 lets a third of the active power pass as reactive power."
        found.append(
            Problem("power factor", f"{power_factor:g}", "a number above 0 and at most 1", hint)
        )
    if not 0 < cap_per_kvarh < np.inf:
        hint = "Give what reactive energy costs elsewhere: a capacitor bank or the power-factor charge."
        found.append(
            Problem(
                "cap of the reactive price", f"{cap_per_kvarh:g} $/kvarh", "a number above 0", hint
            )
        )
    return found


def capability(table: Inverters, p_kw: Col, full_from_share: float = 0.0) -> Col:
    """Return the reactive power each inverter can give either way beside its active power, shape (n, t) [kvar].

    Parameters
    ----------
    table
        n inverters.
    p_kw
        Active power at their AC side, either sign, shape (n, t) [kW].
    full_from_share
        Active power, of the rating, from which all of 0.44 S is there; below it capability falls in proportion and at a quarter
        of it ends. 0.2 is the least the standard asks for; 0 an inverter that also serves at night.

    Raises
    ------
    PartError
        A power that is not finite or beyond the rating; the message names inverter, home and interval.
    """
    p_kw = np.asarray(p_kw, dtype=np.float64)
    _expect("active power", p_kw, (len(table.home), p_kw.shape[-1]))
    rating = table.rating_kva[:, None]
    over = np.abs(p_kw) > rating * (1 + RATING_SLACK)
    if over.any():
        row, step = np.argwhere(over)[0]
        got = f"{p_kw[row, step]:g} kW through {table.rating_kva[row]:g} kVA"
        raise PartError(
            f"inverter {row} of home {table.home[row]}, interval {step}: {got}, expected at most its rating"
        )
    left = np.sqrt(np.maximum((rating - np.abs(p_kw)) * (rating + np.abs(p_kw)), 0.0))
    limit = np.minimum(CATEGORY_B_SHARE * rating, left)
    if full_from_share > 0:
        busy = np.abs(p_kw) / (rating * full_from_share)
        limit = np.minimum(
            limit,
            CATEGORY_B_SHARE * rating * np.where(busy < OFF_SHARE, 0.0, np.minimum(busy, 1.0)),
        )
    return np.asarray(limit)


def loss_kw(table: Inverters, q_kvar: Col) -> Col:
    """Return the conversion loss that reactive power adds, (n, t) [kW]: loss_share q^2 / S, whatever the active power."""
    return np.asarray((table.loss_share / table.rating_kva)[:, None] * np.square(q_kvar))


def need(p_kw: Col, q_kvar: Col, power_factor: float) -> Col:
    """Return the reactive power beyond what a boundary may exchange, (t,) [kvar]: above zero lagging, below it leading.

    The agreed power factor leaves |p| tan(acos(power_factor)) free, importing and exporting alike.

    Parameters
    ----------
    p_kw, q_kvar
        Net power of the place at its boundary, shape (t,) [kW], [kvar].
    power_factor
        Above 0 and at most 1; at 1 all reactive power is needed inside.

    Raises
    ------
    PartError
        A power factor that is none.
    """
    if not 0 < power_factor <= 1:
        raise PartError(f"power factor {power_factor:g}, expected a number above 0 and at most 1")
    p, q = np.asarray(p_kw, dtype=np.float64), np.asarray(q_kvar, dtype=np.float64)
    for name, column in (("active power", p), ("reactive power", q)):
        _expect(f"{name} at the boundary", column, p.shape)
    free = np.abs(p) * np.sqrt((1 - power_factor) * (1 + power_factor)) / power_factor
    return np.asarray(np.sign(q) * np.maximum(np.abs(q) - free, 0.0))


def make_offers(table: Inverters, q_max_kvar: Col, energy_per_kwh: float) -> Curves:
    """Return the offer of every inverter for one interval, power [kvar] over price [$/kvarh].

    The loss costs energy_per_kwh loss_share q^2 / S an hour, so a line through the origin is its marginal cost, cut at the
    capability (n,). Where energy is free or worth less the offer is one block at price zero: to waste it is no gain.
    """
    steep = 2 * max(energy_per_kwh, 0.0) * table.loss_share / table.rating_kva * q_max_kvar
    ends, prices = (
        np.stack([sign * column, -sign * column], 1).ravel()
        for sign, column in ((-1, q_max_kvar), (1, steep))
    )
    return Curves(np.arange(len(table.home) + 1, dtype=np.int64) * POINTS, ends, prices)


def clear(
    need_kvar: Col,
    table: Inverters,
    q_max_kvar: Col,
    energy_per_kwh: Col,
    cap_per_kvarh: float | Col,
) -> Reactive:
    """Meet the need of every interval at least cost, by equal marginal loss, and price it at the margin.

    Parameters
    ----------
    need_kvar
        What the place withdraws beyond its allowance, shape (t,) [kvar]; below zero it has too much.
    table, q_max_kvar
        n inverters and their capability, shape (n, t) [kvar].
    energy_per_kwh
        Price of the energy lost, shape (t,) [$/kWh]; below zero it counts as zero, and inverters share by capability.
    cap_per_kvarh
        What reactive energy costs elsewhere, above 0, one number or (t,) [$/kvarh]: no price exceeds it, and what it
        does not buy is unmet.

    Returns
    -------
    Reactive
        The price and share of an interval tell each inverter its own q from its own offer: `power_at` of `make_offers`.
        The order of inverters changes no bit of it.

    Raises
    ------
    PartError
        A column of the wrong shape or not finite, a capability below zero, a cap that is not above zero.
    """
    t, wanted = len(need_kvar), np.abs(need_kvar)
    cap = np.array(np.broadcast_to(np.asarray(cap_per_kvarh, dtype=np.float64), (t,)))
    for name, column in (
        ("reactive need", need_kvar),
        ("energy price", energy_per_kwh),
        ("cap of the reactive price", cap),
    ):
        _expect(name, column, (t,))
    _expect("reactive capability", q_max_kvar, (len(table.home), t))
    if not (cap > 0).all() or not (q_max_kvar >= 0).all():
        raise PartError(
            "reactive clearing: expected a cap above 0 $/kvarh and capabilities of at least 0 kvar"
        )
    value = np.maximum(energy_per_kwh, 0.0)
    margin, total = _margin(wanted, table.loss_share / table.rating_kva, q_max_kvar.T)
    with np.errstate(divide="ignore", over="ignore"):
        reach = cap / (2 * value)  # where the margin costs as much as the cap
    at_cap = (margin > reach) | np.isinf(margin)
    price = np.where(at_cap, cap, np.minimum(2 * value * np.where(at_cap, 0.0, margin), cap))
    free = (value == 0) & (total > 0)
    part = np.minimum(np.divide(wanted, total, out=np.zeros(t), where=free), 1.0)
    given = np.where(
        free, part * q_max_kvar, _respond(np.minimum(margin, reach), table, q_max_kvar)
    )
    unmet = np.zeros(t)
    unmet[at_cap] = np.maximum(wanted[at_cap] - np.sort(given[:, at_cap], axis=0).sum(axis=0), 0.0)
    sign = np.sign(need_kvar)
    share = np.where(free & ~at_cap, (1 - sign * part) / 2, 0.0)
    return Reactive(0.0 - sign * given, sign * price, share, sign * unmet)


def _respond(margin: Col, table: Inverters, q_max_kvar: Col) -> Col:
    """Return what each inverter gives at a marginal loss [kW/kvar, halved], (n, t)."""
    return np.minimum(margin * (table.rating_kva / table.loss_share)[:, None], q_max_kvar)


def _margin(wanted: Col, steep: Col, q_max_kvar: Col) -> tuple[Col, Col]:
    """Return half the marginal loss at which t wants are met, infinite where they exceed the capability, and that, (t,) each.

    Sorted by the margin at which they are full, k inverters give all they have and the others margin / steep: the sum is a
    rising line between breakpoints, so one line is solved. Equal breakpoints stand in order of size, so sums see no row order.
    """
    t, n = q_max_kvar.shape
    full = steep * q_max_kvar
    order = np.lexsort((q_max_kvar, full), axis=-1)
    most, level = np.take_along_axis(q_max_kvar, order, 1), np.take_along_axis(full, order, 1)
    below = np.concatenate([np.zeros((t, 1)), np.cumsum(most, axis=1)], axis=1)
    rate = np.concatenate(
        [np.cumsum((1 / steep[order])[:, ::-1], axis=1)[:, ::-1], np.zeros((t, 1))], axis=1
    )
    rows, met = np.arange(t), (below[:, :n] + level * rate[:, :n] < wanted[:, None]).sum(axis=1)
    rest = wanted - below[rows, met]
    found = np.full(t, np.inf)
    np.divide(rest, rate[rows, met], out=found, where=met < n)
    return np.where(wanted == 0, 0.0, np.maximum(found, 0.0)), below[:, n]


def _expect(what: str, column: Col, shape: tuple[int, ...]) -> None:
    """Refuse a column of another shape or one that holds a number that is not finite."""
    if column.shape != shape:
        raise PartError(f"{what}: got shape {column.shape}, expected {shape}")
    fair = np.isfinite(column)
    if not fair.all():
        where = np.argwhere(~fair)[0]
        place = (
            f"inverter {where[0]}, interval {where[1]}"
            if column.ndim > 1
            else f"interval {where[0]}"
        )
        raise PartError(f"{what}, {place}: got {column[tuple(where)]}, expected a finite number")
