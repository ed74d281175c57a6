"""What bounds each main kernel: bandwidth, arithmetic and latency of this machine, measured in the same run, beside its time.

The ratio of a row is the share of the machine's limit that the kernel reaches: the longest of three times over its own. Its
bytes at the bandwidth of a triad, its flops at the rate of a polynomial that fits the first cache, and the sums that wait for
each other at the rate of a chain of dependent multiply-adds. Bytes, flops and chains are estimates from the code. A share far
below one means that none binds: mispredicted branches and scattered reads do.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from benchmarks.book import LEVELS, ORDERS, stream
from benchmarks.fleet import drawn
from benchmarks.row import Row, cpu_seconds
from benchmarks.setting import Site
from benchmarks.sides.clearing import as_curves, orders
from benchmarks.value import batteries, prices
from gridagora.grid import flow
from gridagora.kernels.coordination.book import match
from gridagora.kernels.curves.curve import add
from gridagora.kernels.physics import fleet
from gridagora.kernels.physics.etp import step_coefficients
from gridagora.kernels.stores.value import best_response, marginal_value
from gridagora.sources import synthetic_feeder

NAME = "limits"
TRIAD = 1 << 24  # numbers of each of three arrays, 128 MiB: more than any cache
SMALL, DEGREE = 1024, 32
NEAR = 0.3  # share of a limit above which it is said to bind: estimates are no better


class Work(NamedTuple):
    """A kernel on some items: what is called, how many items, bytes from memory, flops and chained sums of one item, and why."""

    kernel: str
    item: str
    call: Callable[[], object]
    items: float
    bytes_each: float
    flops_each: float
    chain_each: float  # multiply-adds, comparisons and the like, each of which needs the one before
    why: str


@njit(error_model="numpy")
def triad(a, b, c, scale):
    """Set a to b plus scale times c: three streams, 24 bytes a number, and as many again where a is read before it is written."""
    for i in range(len(a)):
        a[i] = b[i] + scale * c[i]


@njit(error_model="numpy", fastmath=True)
def polynomial(x, rounds, out):
    """Evaluate a polynomial of degree 32 at numbers that fit the first cache: 64 flops a number, as vectors."""
    for turn in range(rounds):
        for i in range(len(x)):
            y = x[i] + turn
            for _ in range(DEGREE):
                y = y * x[i] + 0.5
            out[i] += y


@njit(error_model="numpy")
def chain(x, scale, rounds):
    """Multiply and add, each from the result before: latency and nothing else."""
    for _ in range(rounds):
        x = x * scale + 0.5
    return x


def latency(repeats: int) -> float:
    """Return the seconds of one multiply-add that waits for the one before, the least of some repeats."""
    rounds = 20_000_000
    chain(0.1, 0.5, 2)
    return min(cpu_seconds(lambda: chain(0.1, 0.5, rounds)) for _ in range(repeats)) / rounds


def bandwidth(repeats: int) -> float:
    """Return bytes a second of the triad on one core, the best of some repeats; the write is counted once."""
    a, b, c = (np.ones(TRIAD) for _ in range(3))
    triad(a, b, c, 3.0)
    return 24.0 * TRIAD / min(cpu_seconds(lambda: triad(a, b, c, 3.0)) for _ in range(repeats))


def arithmetic(repeats: int) -> float:
    """Return flops a second of the polynomial on one core, the best of some repeats."""
    x, out, rounds = np.linspace(0.1, 0.9, SMALL), np.zeros(SMALL), 2000
    polynomial(x, 2, out)
    return (
        2.0
        * DEGREE
        * SMALL
        * rounds
        / min(cpu_seconds(lambda: polynomial(x, rounds, out)) for _ in range(repeats))
    )


def value_function() -> Work:
    """Return the schedules of batteries over a day of hours."""
    steps, count = 24, 1024
    rng = np.random.default_rng(1)
    price = prices(rng, steps)
    table = batteries(rng, count, steps)
    vertices = float(np.diff(marginal_value(table, price).offset).mean())
    work = steps * (vertices + 6)
    why = f"{vertices:.0f} vertices in the mean and 6 new ones a step, 10 flops each, 3 of them in line; a path is written once"
    return Work(
        "value function",
        "schedule",
        lambda: best_response(table, price, price),
        count,
        20 * 8 + 3 * 8 * steps,
        10 * work,
        3 * work,
        why,
    )


def fleet_step() -> Work:
    """Return houses by thermostat, all minutes of a home before the next."""
    count, hours = 256, 24
    shell, acting = drawn(count, hours)
    coef, none = step_coefficients(*shell, 1 / 60), np.zeros((count, hours))
    state = fleet.houses(np.full(count, 24.0))
    why = (
        "three rows of two temperatures and two heats, sums, two comparisons; 8 columns an hour move; the next temperature waits "
        "for a product and two sums, 1.5 multiply-adds"
    )
    call = lambda: fleet.house_run(state, coef, acting, none, fleet.THERMOSTAT)  # noqa: E731
    return Work("fleet step", "home-minute", call, count * hours * 60.0, 64 / 60, 26, 1.5, why)


def power_flow() -> Work:
    """Return the flows of a feeder of three hundred homes."""
    feeder = synthetic_feeder.make(1, 300)
    steps, nodes = 288, len(feeder.nodes.name)
    p_kw = np.random.default_rng(2).uniform(0, 5, (steps, len(feeder.meters.name)))
    factors = flow.factor(feeder)
    got = flow.solve(feeder, p_kw, 0.3 * p_kw, factors=factors)
    entries = len(factors.triangles.l_col) + len(factors.triangles.u_col)
    flops = float(got.rounds.mean() + 1) * (8 * entries + 14 * nodes + 30 * len(feeder.loads.meter))
    why = (
        f"{entries} entries of both factors, 8 flops each in {got.rounds.mean():.1f} rounds and a check; voltages are written "
        "once; the steps of a block run side by side, so none waits"
    )
    return Work(
        "power flow",
        "flow",
        lambda: flow.solve(feeder, p_kw, 0.3 * p_kw, factors=factors),
        steps,
        24.0 * nodes,
        flops,
        0.0,
        why,
    )


def sum_of_curves() -> Work:
    """Return the sum of the curves of many devices."""
    count = 20_000
    curves = as_curves(*orders(count))
    deep = np.log2(2 * count)
    why = f"a merge of {deep:.0f} levels: each passes every point of 16 bytes in and out, 4 operations each, 2 in line"
    return Work(
        "curves merge", "point", lambda: add(curves), 2.0 * count, 32.0, 4 * deep, 2 * deep, why
    )


def order_book() -> Work:
    """Return a stream of orders matched."""
    columns = stream(0, 0.2)
    why = "25 bytes of the order come in, 40 of a trade go out; about 30 whole-number operations, 10 in line"
    return Work(
        "order book", "order", lambda: match(*columns, LEVELS), float(ORDERS), 65.0, 30.0, 10.0, why
    )


KERNELS = (value_function, fleet_step, power_flow, sum_of_curves, order_book)


def run(site: Site) -> list[Row]:
    """Return a row for each kernel."""
    bytes_s, flops_s, wait_s = (
        bandwidth(site.repeats),
        arithmetic(site.repeats),
        latency(site.repeats),
    )
    machine = (
        f"this core: triad {bytes_s / 1e9:.1f} GB/s, polynomial {flops_s / 1e9:.1f} Gflop/s of double precision, a dependent "
        f"multiply-add {1e9 * wait_s:.2f} ns"
    )
    rows = []
    for make in KERNELS:
        work = make()
        work.call()  # compiles
        least_s = {
            "memory": work.bytes_each / bytes_s,
            "arithmetic": work.flops_each / flops_s,
            "latency": work.chain_each * wait_s,
        }
        bound = max(least_s, key=lambda name: least_s[name])
        whole_s = work.items * least_s[bound]
        pairs = tuple((cpu_seconds(work.call, 3), whole_s) for _ in range(site.repeats))
        reached = whole_s / min(pair[0] for pair in pairs)
        binds = f"{bound} binds" if reached > NEAR else f"none binds, {bound} would first"
        text = f"{binds}; {work.bytes_each:.3g} bytes, {work.flops_each:.3g} flops, {work.chain_each:.3g} in line: {work.why}"
        row = Row(NAME, work.kernel, f"limit: {bound}", work.item, work.items, work.items, pairs)
        rows.append(row._replace(accuracy=text, conditions=machine))
    return rows
