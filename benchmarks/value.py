"""Speed of the value recursion, its bids, the clearing and the sharing of a meter, and its ratio to an interior-point solver.

One thread; each figure is the least of several short runs, since others may load the machine.
"""

import time
from collections.abc import Callable
from typing import Any

import clarabel
import numpy as np
import scipy.sparse as sp

from gridagora.kernels.curves.curve import clear
from gridagora.kernels.curves.shared_meter import solve_meter
from gridagora.kernels.stores.table import FIELDS, Stores, stores
from gridagora.kernels.stores.value import best_response, bid, marginal_value


def prices(rng: np.random.Generator, h: int) -> np.ndarray:
    """One day in h steps, an evening peak and noise [$/kWh]."""
    hour = np.arange(h) * 24 / h
    return np.maximum(
        0.12 + 0.1 * np.exp(-(((hour - 18) / 3) ** 2)) + 0.03 * rng.standard_normal(h), 0.01
    )


def batteries(rng: np.random.Generator, n: int, h: int) -> Stores:
    """Home batteries with a value of what is left."""
    e_kwh, p_kw, gain = (
        rng.uniform(8, 16, (n, 1)),
        rng.uniform(3, 7, (n, 1)),
        rng.uniform(0.93, 0.98, (n, 1)),
    )
    return stores(
        e_kwh[:, 0] * rng.uniform(0.1, 0.9, n),
        np.full(h, 24 / h),
        p_min_kw=-p_kw,
        p_max_kw=p_kw,
        x_max=e_kwh,
        gain_in=gain,
        gain_out=gain,
        wear_per_kwh=0.01,
        leak=0.9999 ** (24 / h),
        end_x=e_kwh * np.array([0, 0.5, 1]),
        end_mu=rng.uniform(0.05, 0.2, (n, 1)) * np.array([1, 1, 0.6]),
    )


def houses(rng: np.random.Generator, n: int, h: int) -> Stores:
    """Cooled houses by their slow mode, comfort feeling power within the step."""
    dt = 24 / h
    leak = rng.uniform(0.85, 0.95, (n, 1)) ** dt
    outdoor = 31 + 6 * np.cos((np.arange(h) * dt - 16) / 12 * np.pi)
    return stores(
        rng.uniform(-1, 2, n),
        np.full(h, dt),
        leak=leak,
        inflow=-(1 - leak) * (outdoor - 24),
        p_max_kw=rng.uniform(2, 5, (n, 1)),
        x_min=-30,
        x_max=30,
        gain_in=rng.uniform(1, 3, (n, 1)),
        k_c=rng.uniform(0.05, 0.2, (n, 1)),
        c_x=0.97,
        c_p=rng.uniform(0.3, 1.5, (n, 1)),
        c_0=-0.5,
        end_x=[-6, 4],
        end_mu=[0.2, 0.0],
    )


def tanks(rng: np.random.Generator, n: int, h: int) -> Stores:
    """Hot-water tanks with a dead zone of comfort and draws in the morning and the evening."""
    dt, hour = 24 / h, np.arange(h) * 24 / h
    size = rng.uniform(4, 9, (n, 1))
    draw = (np.exp(-((hour - 7.0) ** 2)) + np.exp(-(((hour - 20) / 1.5) ** 2))) * rng.uniform(
        0.3, 1.0, (n, 1)
    )
    return stores(
        0.7 * size[:, 0],
        np.full(h, dt),
        leak=0.995**dt,
        inflow=-draw * dt,
        p_max_kw=4.0,
        x_min=-5.0,
        x_max=size,
        k_x=0.08,
        x_set=0.8 * size,
        dead=0.1 * size,
        end_mu=np.full(2, 0.1),
    )


def seconds(work: Callable[[], Any], times: int) -> float:
    """Least processor time of several calls [s]."""
    least = np.inf
    for _ in range(times):
        start = time.process_time()
        work()
        least = min(least, time.process_time() - start)
    return least


def battery_programme(s: Stores, price: np.ndarray) -> clarabel.DefaultSolver:
    """Solver of row 0 as a linear programme in charge, discharge and state."""
    h, dt, one = len(s.dt_h), s.dt_h[0], sp.identity(len(s.dt_h))
    dynamics = sp.diags([np.ones(h), -s.leak[0, 1:]], [0, -1])
    a = sp.vstack(
        [
            sp.hstack([-dt * s.gain_in[0, 0] * one, dt / s.gain_out[0, 0] * one, dynamics]),
            -sp.eye(3 * h),
            sp.eye(3 * h),
        ],
        format="csc",
    )
    power, start = np.full(h, s.p_max_kw[0, 0]), np.zeros(h)
    start[0] = s.leak[0, 0] * s.x0[0]
    b = np.concatenate([start, np.zeros(3 * h), power, power, s.x_max[0]])
    cost = np.concatenate(
        [dt * (price + s.wear_per_kwh[0]), dt * (s.wear_per_kwh[0] - price), np.zeros(h)]
    )
    cost[-1] = -s.end_mu[0, 0]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    cones = [clarabel.ZeroConeT(h), clarabel.NonnegativeConeT(6 * h)]
    return clarabel.DefaultSolver(sp.csc_matrix((3 * h, 3 * h)), cost, a, b, cones, settings)


def responses() -> None:
    """Print how many schedules a second are found, and how many times that of the interior-point solver."""
    for h, n in ((24, 2048), (96, 512), (288, 64), (672, 16)):
        rng = np.random.default_rng(1)
        price = prices(rng, h)
        solver = battery_programme(batteries(rng, 1, h), price)
        interior = seconds(solver.solve, 5)
        for name, make in (("batteries", batteries), ("houses", houses), ("tanks", tanks)):
            table = make(rng, n, h)
            loaded = table._replace(load_kw=rng.uniform(-3, 3, (n, h)))
            pulled = table._replace(prox=np.full((n, h), 0.02))
            for case, store, sell in (
                ("one price", table, price),
                ("kinked meter", loaded, 0.5 * price),
                ("proximal", pulled, price),
            ):
                best_response(store, price, sell)
                each = seconds(lambda t=store, b=price, c=sell: best_response(t, b, c), 7) / n
                print(
                    f"T={h:3d} {name:9s} {case:12s} {1 / each:10,.0f} /s, {interior / each:8,.0f} x interior point"
                )


def bids() -> None:
    """Print the time of the slopes, bids and clearing of a feeder."""
    rng = np.random.default_rng(2)
    n, price = 450, prices(rng, 24)
    table = houses(rng, n, 24)
    values = marginal_value(table, price)
    first = stores(
        table.x0, np.array([1 / 12]), **{name: getattr(table, name)[:, :1] for name in FIELDS}
    )
    curves = bid(first, values, 0.5)
    each = seconds(lambda: [bid(first, values, 0.5) for _ in range(100)], 7) / 100
    wait = seconds(lambda: marginal_value(table, price), 7)
    print(
        f"slopes of 450 houses {1e3 * wait:.2f} ms, {np.diff(values.offset).mean():.1f} points each"
    )
    tank = tanks(rng, n, 24)
    draws = -rng.uniform(0, 1, (n, 7, 24)) * (rng.random((n, 7, 24)) < 0.4)
    marginal_value(tank, price, draws=draws)
    wait = seconds(lambda: marginal_value(tank, price, draws=draws), 7)
    print(f"slopes of 450 tanks, 7 draws an hour {1e3 * wait:.2f} ms")
    k_x = np.array(tank.k_x)
    k_x[:, -1] *= 1 + 1e-12  # another taste in one step: these rows walk along lines
    other = tank._replace(k_x=k_x)
    for count in (7, 28):
        draws = -rng.uniform(0, 1, (n, count, 24)) * (rng.random((n, count, 24)) < 0.2)
        even, lines = (
            seconds(lambda each=each, d=draws: marginal_value(each, price, draws=d), 7)
            for each in (tank, other)
        )
        print(f"{count} draws an hour: on even points {lines / even:.1f} x as fast as along lines")
    print(
        f"bids of 450 houses {1e3 * each:.3f} ms, {np.diff(curves.offset).mean():.1f} points a curve"
    )
    supply = np.array([-2000.0, 800.0, 800.0]), np.array([0.12, 0.14, 5.0])
    each = seconds(lambda: [clear(curves, 100.0, *supply) for _ in range(100)], 7) / 100
    print(f"clearing 450 curves {1e3 * each:.3f} ms: {clear(curves, 100.0, *supply)}")


def meters() -> None:
    """Print the time and the certified gap of homes with a battery, a house and a tank behind one kinked meter."""
    rng = np.random.default_rng(3)
    n, buy = 200, prices(rng, 24)
    homes = [batteries(rng, n, 24), houses(rng, n, 24), tanks(rng, n, 24)]
    load = rng.uniform(0.2, 2, (n, 24)) - rng.uniform(0, 6, (n, 1)) * np.maximum(
        0, np.cos((np.arange(24) - 13) / 12 * np.pi)
    )
    plan = solve_meter(homes, load, buy, 0.4 * buy)
    again = {"start_per_kwh": plan.price_per_kwh, "start_kw": plan.p_kw}
    for name, rounds, start in (("anew", 80, {}), ("anew", 6, {}), ("begun at the plan", 6, again)):
        each = (
            seconds(
                lambda r=rounds, a=start: solve_meter(homes, load, buy, 0.4 * buy, rounds=r, **a), 5
            )
            / n
        )
        gap = solve_meter(homes, load, buy, 0.4 * buy, rounds=rounds, **start).gap_usd / np.maximum(
            1, np.abs(plan.cost_usd)
        )
        told = f"gap median {np.median(gap):.1e}, worst {gap.max():.1e}"
        print(f"a home of 3 stores, at most {rounds} rounds {name}: {1e3 * each:.2f} ms, {told}")


def main() -> None:
    """Print the tables."""
    responses()
    bids()
    meters()


if __name__ == "__main__":
    main()
