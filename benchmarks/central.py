"""Certified gap of the central market's coordinator for many mixed homes.

    python benchmarks/central.py [HOMES]

Prints rounds, the gap certified by real schedules, wall seconds, and the ratio of both to their targets.
"""

import sys
import time

import numpy as np

from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import Answer, alike, certify, coordinate, recover
from gridagora.kernels.stores.value import Stores, best_response, stores

H = 24
TARGET_GAP, TARGET_S = 1e-5, 15.0


def mixed(n: int, seed: int = 0) -> Stores:
    """Return n batteries, n houses by their slow state and n cars, in this order."""
    rng = np.random.default_rng(seed)
    hour = np.arange(H)
    out = 31 + 6 * np.cos((hour - 16) / 12 * np.pi) + rng.standard_normal((n, H))
    size, power, eta = (
        rng.uniform(8, 16, (n, 1)),
        rng.uniform(3, 7, (n, 1)),
        rng.uniform(0.93, 0.98, (n, 1)),
    )
    leak, gain = rng.uniform(0.86, 0.93, (n, 1)), rng.uniform(1.5, 3.0, (n, 1))
    full, rate, leave, back = (
        rng.uniform(40, 80, (n, 1)),
        rng.uniform(3, 11, (n, 1)),
        rng.integers(8, 12, (n, 1)),
        rng.integers(16, 18, (n, 1)),
    )
    first = rng.uniform(0.1, 0.5, (n, 1)) * full
    need = np.minimum(0.95 * (first + 0.9 * rate * leave), 0.9 * full)
    plugged = (hour < leave) | (hour >= back)

    def rows(*parts: object) -> np.ndarray:
        return np.vstack([np.broadcast_to(np.asarray(part, float), (n, H)) for part in parts])

    return stores(
        np.concatenate(
            [rng.uniform(0.1, 0.9, n) * size[:, 0], -rng.uniform(22, 25, n), first[:, 0]]
        ),
        np.ones(H),
        leak=rows(0.9999, leak, 1.0),
        inflow=rows(
            0.0, -(1 - leak) * out, np.where(hour == back - 1, -np.minimum(0.3 * need, 15.0), 0.0)
        ),
        p_min_kw=rows(-power, 0.0, 0.0),
        p_max_kw=rows(power, rng.uniform(2.5, 4.5, (n, 1)), rate * plugged),
        x_min=rows(0.0, -32.0, np.where(hour == leave - 1, need, 0.0)),
        x_max=rows(size, -18.0, full),
        gain_in=rows(eta, gain, 0.9),
        gain_out=rows(eta, 1.0, 1.0),
        wear_per_kwh=rows(rng.uniform(0, 0.02, (n, 1)), 0.0, 0.008),
        k_x=rows(0.0, rng.uniform(0.02, 0.1, (n, 1)), 0.0),
        x_set=rows(0.0, -23.5, 0.0),
        end_x=np.array([0.0, 60.0]),
        end_mu=np.concatenate(
            [
                np.tile(rng.uniform(0.05, 0.2, (n, 1)), 2),
                np.full((n, 2), 0.05),
                np.tile([0.2, 0.0], (n, 1)),
            ]
        ),
    )


def around(table: Stores, n: int) -> SupplyCost:
    """Return a rising supply with a limit that binds."""
    hour = np.arange(H)
    base = n * (
        0.8
        + 0.9 * np.exp(-(((hour - 19) / 2.5) ** 2))
        - 2.0 * np.maximum(0, np.cos((hour - 13) / 12 * np.pi)) ** 2
    )
    buy = (
        0.08
        + 0.05 * np.exp(-(((hour - 18) / 3) ** 2))
        + 0.01 * np.random.default_rng(9).standard_normal(H)
    )
    limit = 0.95 * np.sort(base + best_response(table, buy, buy, threads=2).p_kw.sum(0))[-3]
    flat = np.ones(H)
    low, high = base + table.p_min_kw.sum(0), base + table.p_max_kw.sum(0)
    return SupplyCost(
        flat,
        base,
        buy,
        0.5 * buy,
        -limit * flat,
        limit * flat,
        2.0 * flat,
        0.02 / n * flat,
        low,
        high,
    )


def main(n: int) -> None:
    """Coordinate n homes, recover schedules, certify, print."""
    table = mixed(n)
    supply = around(table, n)

    def ask(price: np.ndarray) -> Answer:
        r = best_response(table, price, price, threads=2)
        return Answer(r.p_kw, r.cost_usd - r.p_kw @ price, r.bound_usd)

    begin = time.perf_counter()
    start = (table.x0 - table.x_min[:, 0]) / (table.x_max[:, 0] - table.x_min[:, 0])
    hours = table.x_max[:, 0] / np.maximum(table.p_max_kw.max(1), 1e-9)
    features = [
        start,
        hours,
        table.gain_in[:, 0],
        table.wear_per_kwh[:, 0],
        table.k_x[:, 0],
        table.end_mu[:, 0],
        table.x_min.argmax(1),
    ]
    group = alike(np.stack(features, axis=1), np.repeat(np.arange(3), n), min(100, 3 * n))
    found = coordinate(ask, supply, group, 1.2 * supply.buy_per_kwh, homes=n)
    p = recover(found, table.gain_in, table.gain_out)
    own = best_response(
        table._replace(p_min_kw=p, p_max_kw=p), np.zeros(H), np.zeros(H), threads=2
    ).cost_usd
    proof = certify(p, own, found.answers[found.best], supply, found.price_per_kwh)
    wall = time.perf_counter() - begin
    gap = proof.gap_usd / abs(proof.high_usd)
    print(
        f"{n} mixed homes x {H} h: {found.rounds} rounds, largest regret {proof.regret_usd.max():.1e} $ a party"
    )
    print(f"certified gap {gap:.1e}, target {TARGET_GAP:.0e}, ratio {gap / TARGET_GAP:.2f}")
    print(f"{wall:.1f} s, target {TARGET_S:.0f} s, ratio {wall / TARGET_S:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
