"""Speed of the fleet: home-steps per CPU-second with time inside, and one five-minute interval of 186 homes by rule.

Run: python benchmarks/fleet.py. Asked: at least 100 million home-steps per CPU-second, at most 150 us an interval; every ratio
is measured in this run.
"""

import time

import numpy as np
from scipy.linalg import expm

from gridagora.kernels.physics import fleet
from gridagora.kernels.physics.etp import step_coefficients

ASKED_PER_S, ASKED_US = 100e6, 150.0
RULES = {
    "thermostat": fleet.THERMOSTAT,
    "account": fleet.ACCOUNT,
    "continuous": fleet.CONTINUOUS,
    "priority": fleet.PRIORITY,
}


def drawn(n, hours=None):
    rng = np.random.default_rng(0)
    ua, hm, ca, cm = (
        rng.uniform(0.2, 0.4, n),
        rng.uniform(0.6, 1.2, n),
        np.full(n, 0.56),
        rng.uniform(3, 5, n),
    )
    columns = (
        ua * 33 + 0.5,
        np.full(n, 0.5),
        -1.5 * (ua * 12 + 1),
        0.5 * (ua * 12 + 1),
        np.full(n, 24.0),
    )
    if hours is not None:
        columns = tuple(np.repeat(c[:, None], hours, 1) for c in columns)
    return (ua, hm, ca, cm), fleet.Hours(*columns)


def best(work, repeats, clock=time.process_time):
    """Return the least time of a call over several batches [s]."""
    work()
    found = []
    for _ in range(5):
        start = clock()
        for _ in range(repeats):
            work()
        found.append((clock() - start) / repeats)
    return min(found)


def bulk():
    print(f"time inside, thermostat; asked {ASKED_PER_S / 1e6:.0f} M home-steps per CPU-second")
    for n in (64, 128, 256):
        shell, hours = drawn(n, 24)
        coef, state, none = (
            step_coefficients(*shell, 1 / 60),
            fleet.houses(np.full(n, 24.0)),
            np.zeros((n, 24)),
        )
        rate = (
            n
            * 1440
            / best(lambda a=(state, coef, hours, none): fleet.house_run(*a, fleet.THERMOSTAT), 20)
        )
        print(
            f"  {n:4d} homes a chunk  {rate / 1e6:6.0f} M/s  ratio to the asked {rate / ASKED_PER_S:.2f}"
        )


def exact():
    n = 16
    shell, now = drawn(n)
    state = fleet.houses(np.full(n, 24.0))
    fleet.house_step(
        state,
        step_coefficients(*shell, 1 / 60),
        now,
        0.3 * now.rated_kw,
        fleet.CONTINUOUS,
        minutes=1440,
    )
    worst = 0.0
    for i, (ua, hm, ca, cm) in enumerate(zip(*shell, strict=True)):
        a = np.array([[-(ua + hm) / ca, hm / ca], [hm / cm, -hm / cm]])
        rest = -np.linalg.solve(
            a, [(now.q_air_kw[i] + 0.3 * now.unit_kw[i]) / ca, now.q_mass_kw[i] / cm]
        )
        end = rest + expm(a * 24) @ (np.full(2, 24.0) - rest)
        worst = max(worst, abs(end - [state.t_air_degc[i], state.t_mass_degc[i]]).max())
    print(
        f"1440 one-minute steps against one matrix exponential of a day: {worst:.1e} K (asked 1e-9)"
    )


def interval():
    n, m, cars = 186, 28, 20
    shell, now = drawn(n)
    coef, rng = step_coefficients(*shell, 1 / 60), np.random.default_rng(1)
    out, ends = fleet.house_step_space(n), fleet.tank_step_space(n)
    tanks = fleet.TankTable(
        np.full(n, 0.22), np.full(n, 1.055e-3), np.full(n, 4.5), np.full(n, 52.0)
    )
    water, draw = fleet.Tanks(np.full(n, 52.0), np.zeros(n, np.bool_)), rng.random(n) * 0.3
    e, kw, eff, p_b = np.full(m, 6.0), np.full(m, 5.0), np.full(m, 0.95), np.zeros(m)
    cap, sway = np.full(m, 13.5), rng.uniform(-1, 1, m)
    got, need, p_c = np.zeros(cars), np.full(cars, 1e6), np.zeros(cars)
    share, ask = np.ones(cars), np.full(cars, 3.0)
    state = fleet.houses(np.full(n, 24.0))
    p = 0.5 * now.rated_kw
    print(
        f"one interval of five minutes, {n} homes and tanks, {m} batteries, {cars} cars [us]; asked {ASKED_US:.0f} in all"
    )
    rest = (
        best(lambda: fleet.tank_step(water, tanks, draw, draw, fleet.CONTINUOUS, out=ends), 400)
        + best(lambda: fleet.battery_step(e, cap, kw, eff, sway, 1 / 12, p_b), 400)
        + best(
            lambda: fleet.car_step(got, need, np.full(cars, 7.2), share, 0.9, ask, 1 / 12, p_c), 400
        )
    )
    for name, rule in RULES.items():
        took = best(lambda r=rule: fleet.house_step(state, coef, now, p, r, out=out), 400)
        whole = 1e6 * (took + rest)
        print(
            f"  {name:11s} houses {1e6 * took:5.1f}  all {whole:5.1f}  ratio to the asked {whole / ASKED_US:.2f}"
        )


if __name__ == "__main__":
    bulk()
    exact()
    interval()
