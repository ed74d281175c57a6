"""Several stores of one home behind a meter whose import price exceeds its export price (theory 2.8).

Inside the home one price lies in [sell, buy], strictly between them while nothing crosses the meter. Where import beyond a
limit costs more, it lies between buy and that price while the meter stands at the limit; likewise below sell where export
beyond a limit earns less. Sharing ADMM finds it: every store
answers with a proximal term, the meter by a soft threshold. One sweep of block descent then lets each store see
the others as its load; alone it would stop at the kink, where no single store can move. Any inside price bounds the home's
cost from below, so each home gets its own gap, and leaves once that is small.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import register_jitable
from numpy.typing import ArrayLike, NDArray

from gridagora.kernels.curves.meter_limits import spread_limits
from gridagora.kernels.stores.bellman import (
    FLOOR,
    LIMIT,
    LOAD,
    OVER,
    P_REF,
    PROX,
    UNDER,
    copy_pair,
    copy_row,
)
from gridagora.kernels.stores.polyline import JIT, LEAF
from gridagora.kernels.stores.table import (
    COLUMNS,
    INDEX,
    READ1,
    READ2,
    Stores,
    broadcast_prices,
    compile_entry,
    join_rows,
    run_blocks,
)
from gridagora.kernels.stores.value import respond_row, scratch

Col = NDArray[np.float64]
Index = NDArray[np.int64]

RHO = 0.02  # $/kWh for each kW a store moves in a round; larger bends the cost of charging until it is no longer convex
RELAXED = 1.8  # over-relaxation
LATE = 10  # rounds whose mean price is tried as a lower bound, beside the latest
ALONE = 8  # so few homes are done before threads have started
CHECK = 10  # rounds from one sweep and proof to the next: together they cost as much as a round and a half
_WRITE1 = types.Array(types.float64, 1, "C")
_WRITE2 = types.Array(types.float64, 2, "C")


class MeteredHomes(NamedTuple):
    """Plan of n homes with r stores.

    p_kw (r, h), rows as the tables one after another; cost_usd (n,) at the meter with wear, comfort and end value;
    bound_usd (n,) below every plan; gap_usd (n,); price_per_kwh (n, h) inside the home.
    """

    p_kw: Col
    cost_usd: Col
    bound_usd: Col
    gap_usd: Col
    price_per_kwh: Col


def solve_meter(
    stores: Sequence[Stores],
    load_kw: Col,
    buy_per_kwh: ArrayLike,
    sell_per_kwh: ArrayLike,
    *,
    home: Sequence[Index] | None = None,
    rounds: int = 80,
    tolerance: float = 1e-3,
    check: int = CHECK,
    threads: int = 1,
    rho: float = RHO,
    start_per_kwh: Col | None = None,
    start_kw: Col | None = None,
    limit_kw: ArrayLike = np.inf,
    over_per_kwh: ArrayLike = 0.0,
    export_kw: ArrayLike = np.inf,
    under_per_kwh: ArrayLike = 0.0,
) -> MeteredHomes:
    """Plan the stores of n homes behind one kinked meter each.

    Parameters
    ----------
    stores
        Tables over the same h steps, r rows in all. Their own `load_kw`, `prox` and `p_ref_kw` are not read.
    load_kw
        Everything else behind the meter, shape (n, h) [kW].
    buy_per_kwh, sell_per_kwh
        Import and export price, sell <= buy, broadcast to (n, h) [$/kWh].
    home
        Home of every row of each table, 0..n-1; where left out, row i of every table belongs to home i.
    rounds, tolerance, check
        A home has at most so many rounds of ADMM; it leaves at a multiple of `check` once its gap is at most `tolerance` of
        its cost, or of a dollar. No home depends on another.
    start_per_kwh, start_kw
        Price inside each home, broadcast to (n, h) [$/kWh], and powers of the stores, (r, h) [kW], to begin with: those of an
        earlier plan, moved on by the time that has passed. 6 rounds from both leave the excess of 20 from nothing.
    limit_kw, over_per_kwh
        Import beyond the first [kW] costs the second more [$/kWh], each zero or more and broadcast to (n, h). Without a limit
        all is to the bit as if the second were zero.
    export_kw, under_per_kwh
        Export beyond the first [kW] earns the second less [$/kWh], likewise.

    Raises
    ------
    ValueError
        Prices of another length, not finite, or sell above buy; a limit or a premium that is below zero or no number.

    References
    ----------
    S. Boyd et al., Distributed optimization and statistical learning via ADMM, Found. Trends Mach. Learn. 3 (2011), section
    7.3, doi 10.1561/2200000016.
    """
    n, h = load_kw.shape
    checked = broadcast_prices(buy_per_kwh, sell_per_kwh, np.zeros(0, np.int64), 0, h)[:2]
    buy, sell = (np.broadcast_to(price, (n, h)) for price in checked)
    limit, over = spread_limits(limit_kw, over_per_kwh, (n, h))
    export, under = spread_limits(export_kw, under_per_kwh, (n, h))
    floor = -export
    middle = 0.5 * (buy + sell) if start_per_kwh is None else np.broadcast_to(start_per_kwh, (n, h))
    table = join_rows(stores)
    owner = np.concatenate([np.arange(n)] * len(stores) if home is None else list(home))
    member = np.argsort(owner, kind="stable")
    offset = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=n))))
    plan = MeteredHomes(
        np.zeros((len(owner), h)) if start_kw is None else np.array(start_kw, np.float64),
        np.full(n, np.inf),
        np.full(n, -np.inf),
        np.empty(n),
        np.array(np.clip(middle, sell - under, buy + over)),
    )
    reads = (INDEX, INDEX, COLUMNS, READ1, *(READ2,) * 9, READ1)
    writes = (_WRITE2, _WRITE1, _WRITE1, _WRITE2)
    settings = (types.int64, types.int64, types.float64, types.float64)
    entry = compile_entry(_plan_homes, types.int64, types.int64, *reads, *settings, *writes)
    run_blocks(
        n,
        lambda first, last: entry(
            first,
            last,
            offset,
            member,
            tuple(table[2:21]),
            table.dt_h,
            load_kw,
            buy,
            sell,
            limit,
            over,
            floor,
            under,
            table.end_x,
            table.end_mu,
            table.x0,
            max(rounds, 1),
            max(check, 1),
            tolerance,
            rho,
            plan.p_kw,
            plan.cost_usd,
            plan.bound_usd,
            plan.price_per_kwh,
        ),
        threads,
        alone=ALONE,
    )
    return plan._replace(gap_usd=plan.cost_usd - plan.bound_usd)


@register_jitable(**LEAF)
def _sum(row):  # type: ignore[no-untyped-def]
    """Sum of a row in eight lanes, as sums of arrays are taken elsewhere."""
    n = row.shape[0]
    if n < 8:
        total = 0.0
        for t in range(n):
            total += row[t]
        return total
    a, b, c, d = row[0], row[1], row[2], row[3]
    e, f, g, h = row[4], row[5], row[6], row[7]
    last = n - n % 8
    for t in range(8, last, 8):
        a += row[t]
        b += row[t + 1]
        c += row[t + 2]
        d += row[t + 3]
        e += row[t + 4]
        f += row[t + 5]
        g += row[t + 6]
        h += row[t + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for t in range(last, n):
        total += row[t]
    return total


@register_jitable(**LEAF)
def _add_up(p, load, out):  # type: ignore[no-untyped-def]
    """Write what the meter of a home sees by step: `load` and the power of its stores; `out` may be `load` itself."""
    for t in range(out.shape[0]):
        total = p[0, t]
        for j in range(1, p.shape[0]):
            total += p[j, t]
        out[t] = load[t] + total


@register_jitable(**LEAF)
def _paid_at_meter(net, buy, sell, limit, over, floor, under, dt, scratch):  # type: ignore[no-untyped-def]
    """Cost of net power at the meter [$]."""
    for t in range(net.shape[0]):
        paid = buy[t] * max(net[t], 0.0) - sell[t] * max(-net[t], 0.0)
        if net[t] > limit[t]:
            paid += over[t] * (net[t] - limit[t])
        elif net[t] < floor[t]:
            paid += under[t] * (floor[t] - net[t])
        scratch[t] = paid * dt[t]
    return _sum(scratch)


@register_jitable(**LEAF)
def _turn_price(  # type: ignore[no-untyped-def]
    p, m, rho, load, buy, sell, limit, over, floor, under, inside, mean
):
    """Move the inside price and the mean power of a store to what the meter likes, by soft thresholds at zero and the limits."""
    per_price = m / rho
    for t in range(inside.shape[0]):
        own = p[0, t]
        for j in range(1, m):
            own += p[j, t]
        relaxed = RELAXED * (own / m) + (1.0 - RELAXED) * mean[t]
        aim = m * (inside[t] / rho + relaxed)
        imports, exports = aim - per_price * buy[t], aim - per_price * sell[t]
        crossing = -load[t]
        if load[t] + imports > limit[t]:
            crossing = max(limit[t] - load[t], imports - per_price * over[t])
        elif load[t] + imports > 0.0:
            crossing = imports
        elif load[t] + exports < floor[t]:
            crossing = min(floor[t] - load[t], exports + per_price * under[t])
        elif load[t] + exports < 0.0:
            crossing = exports
        price = inside[t] + rho * (relaxed - crossing / m)
        inside[t] = min(max(price, sell[t] - under[t]), buy[t] + over[t])
        mean[t] = crossing / m


@register_jitable(**LEAF)
def _aim(f, prox):  # type: ignore[no-untyped-def]
    """Give a store a proximal term towards no power, and neither a load beside it nor a limit."""
    for t in range(f.shape[0]):
        f[t, PROX], f[t, P_REF], f[t, LOAD] = prox, 0.0, 0.0
        if f.shape[1] > LIMIT:
            f[t, LIMIT], f[t, OVER] = np.inf, 0.0
        if f.shape[1] > FLOOR:
            f[t, FLOOR], f[t, UNDER] = -np.inf, 0.0


@register_jitable(**JIT)
def _share(  # type: ignore[no-untyped-def]
    f,
    p,
    rho,
    dt,
    load,
    buy,
    sell,
    limit,
    over,
    floor,
    under,
    inside,
    mean,
    end_x,
    end_mu,
    x0,
    work,
    path,
):
    """One round of sharing in one home: stores answer the inside price near what the meter wants, then the price moves."""
    m, h = p.shape
    toward = np.zeros(h)
    _add_up(p, toward, toward)
    for t in range(h):
        toward[t] = mean[t] - toward[t] / m
    for j in range(m):
        _aim(f[j], rho)
        for t in range(h):
            f[j, t, P_REF] = p[j, t] + toward[t]
        respond_row(f[j], dt, inside, inside, end_x[j], end_mu[j], x0[j], work, p[j], path)
    _turn_price(p, m, rho, load, buy, sell, limit, over, floor, under, inside, mean)


@register_jitable(**JIT)
def _sweep(  # type: ignore[no-untyped-def]
    f, p, dt, load, buy, sell, limit, over, floor, under, end_x, end_mu, x0, work, path
):
    """Let each store in turn answer the meter with the others as its load; p is overwritten. Returns the cost of the home."""
    m, h = p.shape
    net, row, cost = np.empty(h), np.empty(h), 0.0
    for j in range(m):
        _aim(f[j], 0.0)
        _add_up(p, load, net)
        for t in range(h):
            f[j, t, LOAD] = net[t] - p[j, t]
            if f.shape[2] > LIMIT:
                f[j, t, LIMIT], f[j, t, OVER] = limit[t], over[t]
            if f.shape[2] > FLOOR:
                f[j, t, FLOOR], f[j, t, UNDER] = floor[t], under[t]
        found = respond_row(f[j], dt, buy, sell, end_x[j], end_mu[j], x0[j], work, p[j], path)
        for t in range(h):
            net[t] = f[j, t, LOAD] + p[j, t]
        cost += found[0] - _paid_at_meter(net, buy, sell, limit, over, floor, under, dt, row)
    _add_up(p, load, net)
    return cost + _paid_at_meter(net, buy, sell, limit, over, floor, under, dt, row)


@register_jitable(**JIT)
def _prove(  # type: ignore[no-untyped-def]
    f, p, dt, load, buy, sell, limit, floor, inside, end_x, end_mu, x0, work, path
):
    """Return a lower bound of the cost of the home, from any inside price (h,); p is scratch."""
    m, h = p.shape
    row = np.empty(h)
    for t in range(h):
        row[t] = inside[t] * load[t] * dt[t]
        if (
            inside[t] > buy[t] and limit[t] < np.inf
        ):  # the meter then takes the limit, for less than it is worth
            row[t] -= (inside[t] - buy[t]) * limit[t] * dt[t]
        elif inside[t] < sell[t] and floor[t] > -np.inf:
            row[t] += (sell[t] - inside[t]) * floor[t] * dt[t]
    low = _sum(row)
    for j in range(m):
        _aim(f[j], 0.0)
        found = respond_row(f[j], dt, inside, inside, end_x[j], end_mu[j], x0[j], work, p[j], path)
        low += found[1]
    return low


@register_jitable(**LEAF)
def _mean_rows(past, begin, end, out):  # type: ignore[no-untyped-def]
    """Write the mean of rows begin..end."""
    for t in range(out.shape[0]):
        total = past[begin, t]
        for k in range(begin + 1, end):
            total += past[k, t]
        out[t] = total / (end - begin)


@register_jitable(**LEAF)
def _copy(row, out):  # type: ignore[no-untyped-def]
    """Write a row to another: of arrays as a whole, more would be compiled than of all else here."""
    for t in range(out.shape[0]):
        out[t] = row[t]


@register_jitable(**LEAF)
def _open_home(rows, end_x, end_mu, x0, p_kw, ends, slopes, begin, p, mean):  # type: ignore[no-untyped-def]
    """Write end values, states, powers and the mean power (h,) of the stores of a home."""
    for j in range(rows.shape[0]):
        copy_pair(end_x, end_mu, rows[j], ends[j], slopes[j])
        begin[j] = x0[rows[j]]
        _copy(p_kw[rows[j]], p[j])
    _add_up(p, mean, mean)
    for t in range(mean.shape[0]):
        mean[t] /= rows.shape[0]


@register_jitable(**LEAF)
def _price_alone(load, buy, sell, limit, over, floor, under, out):  # type: ignore[no-untyped-def]
    """Write the price inside of a home without stores."""
    for t in range(out.shape[0]):
        if load[t] < 0.0:
            out[t] = sell[t] - under[t] if load[t] < floor[t] else sell[t]
        else:
            out[t] = buy[t] + over[t] if load[t] > limit[t] else buy[t]


@register_jitable(**LEAF)
def _put(p_kw, rows, swept):  # type: ignore[no-untyped-def]
    """Write the powers of a home's stores to their rows."""
    for j in range(len(rows)):
        for t in range(swept.shape[1]):
            p_kw[rows[j], t] = swept[j, t]


@register_jitable(**LEAF)
def _count_limits(limit, floor):  # type: ignore[no-untyped-def]
    """Return how many columns limits take in the table of a row; those of export stand behind those of import."""
    count = 0
    for t in range(limit.shape[0]):
        if floor[t] > -np.inf:
            return 4
        if limit[t] < np.inf:
            count = 2
    return count


@njit(**JIT)
def _plan_homes(  # type: ignore[no-untyped-def]
    first,
    last,
    offset,
    member,
    columns,
    dt,
    load_kw,
    buy_per_kwh,
    sell_per_kwh,
    limit_kw,
    over_per_kwh,
    floor_kw,
    under_per_kwh,
    end_x,
    end_mu,
    x0,
    rounds,
    check,
    tolerance,
    rho,
    p_kw,
    cost,
    bound,
    price,
):
    """Plan homes first..last: rounds of sharing, and every `check` of them a sweep for a plan and two prices for a bound."""
    h, points = dt.shape[0], end_x.shape[1]
    work = scratch(h, points)
    path, late, past = np.empty(h + 1), np.empty(h), np.empty((rounds + 1, h))
    for i in range(first, last):
        rows, load = member[offset[i] : offset[i + 1]], np.ascontiguousarray(load_kw[i])
        buy, sell = np.ascontiguousarray(buy_per_kwh[i]), np.ascontiguousarray(sell_per_kwh[i])
        limit, over = np.ascontiguousarray(limit_kw[i]), np.ascontiguousarray(over_per_kwh[i])
        floor, under = np.ascontiguousarray(floor_kw[i]), np.ascontiguousarray(under_per_kwh[i])
        m = len(rows)
        if m == 0:
            cost[i] = bound[i] = _paid_at_meter(
                load, buy, sell, limit, over, floor, under, dt, late
            )
            _price_alone(load, buy, sell, limit, over, floor, under, price[i])
            continue
        width = len(columns) + _count_limits(limit, floor)
        f, p, swept = np.empty((m, h, width)), np.empty((m, h)), np.empty((m, h))
        ends, slopes, begin = np.empty((m, points)), np.empty((m, points)), np.empty(m)
        inside, mean = np.empty(h), np.zeros(h)
        for j in range(m):
            copy_row(columns, rows[j], f[j], True)
        _open_home(rows, end_x, end_mu, x0, p_kw, ends, slopes, begin, p, mean)
        _copy(price[i], inside)
        _copy(inside, past[0])
        for turn in range(1, rounds + 1):
            _share(
                f,
                p,
                rho,
                dt,
                load,
                buy,
                sell,
                limit,
                over,
                floor,
                under,
                inside,
                mean,
                ends,
                slopes,
                begin,
                work,
                path,
            )
            _copy(inside, past[turn])
            if turn % check > 0 and turn != rounds:
                continue
            _copy(p.reshape(m * h), swept.reshape(m * h))
            found = _sweep(
                f,
                swept,
                dt,
                load,
                buy,
                sell,
                limit,
                over,
                floor,
                under,
                ends,
                slopes,
                begin,
                work,
                path,
            )
            if found < cost[i]:
                cost[i] = found
                _put(p_kw, rows, swept)
            _mean_rows(past, max(0, turn + 1 - LATE), turn + 1, late)
            for tried in (late, inside):
                low = _prove(
                    f,
                    swept,
                    dt,
                    load,
                    buy,
                    sell,
                    limit,
                    floor,
                    tried,
                    ends,
                    slopes,
                    begin,
                    work,
                    path,
                )
                if low > bound[i]:
                    bound[i] = low
                    _copy(tried, price[i])
            if cost[i] - bound[i] <= tolerance * max(abs(cost[i]), 1.0):
                break
