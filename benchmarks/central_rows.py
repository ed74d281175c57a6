"""The central market's coordinator with rows of a network beside the supply, for many mixed homes along a feeder.

    python -m benchmarks.central_rows [HOMES] [ROWS]

Prints rounds, the certified gap, processor seconds with and without rows, their ratio, and how many row prices are not nil.
"""

import sys
import time

import numpy as np

from benchmarks.central import H, around, mixed
from gridagora.kernels.coordination.bundle_master import SupplyCost
from gridagora.kernels.coordination.dual import (
    Answer,
    Coordination,
    alike,
    coordinate,
    price_parties,
)
from gridagora.kernels.stores.value import Stores, best_response

TARGET_GAP, TARGET_S = 1e-3, 60.0
THREADS = 2


def along_feeder(table: Stores, n: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows (k, r) like voltages along a feeder, in kW of its last home, what else counts, and low bounds (k, h)."""
    place, reach = np.tile(np.linspace(0, 1, n), 3), np.linspace(1, 0.4, count)
    by_kw = -np.minimum(place, reach[:, None])
    free = best_response(table, np.full(H, 0.1), np.full(H, 0.1), threads=THREADS).p_kw
    base = np.repeat((-0.4 * n * reach)[:, None], H, axis=1)
    low = np.repeat((0.3 * (by_kw @ free + base).min(1))[:, None], H, axis=1)
    return by_kw, base, low


def search(table: Stores, s: SupplyCost, by_kw: np.ndarray, n: int) -> tuple[Coordination, float]:
    """Return what the coordinator finds, and the processor seconds that it took."""

    def ask(price: np.ndarray) -> Answer:
        own = price_parties(price, by_kw)
        found = best_response(table, own, own, threads=THREADS)
        return Answer(found.p_kw, found.cost_usd - (found.p_kw * own).sum(1), found.bound_usd)

    features = np.column_stack([np.tile(np.arange(n), 3), table.x0, table.p_max_kw.max(1)])
    group = alike(features, np.repeat(np.arange(3), n), 24)
    began = time.process_time()
    found = coordinate(ask, s, group, s.buy_per_kwh, homes=n, tolerance=1e-4, by_kw=by_kw)
    return found, time.process_time() - began


def main(n: int, count: int) -> None:
    """Compare a search with rows with one without."""
    table = mixed(n)
    s = around(table, n)
    by_kw, base, low = along_feeder(table, n, count)
    nil, reach = np.zeros(count * H), np.full(count * H, 1e2 * np.abs(by_kw).sum())
    one, over = np.ones(count * H), np.full(count * H, 1.0)
    rows = SupplyCost(one, base.ravel(), nil, nil, low.ravel(), reach, over, nil, -reach, reach)
    both = SupplyCost(
        *(np.append(np.broadcast_to(a, (H,)), b) for a, b in zip(s, rows, strict=True))
    )
    search(table, s, by_kw[:0], n)  # compiled before it is timed
    _, alone_s = search(table, s, by_kw[:0], n)
    found, took_s = search(table, both, by_kw, n)
    share = found.gap_usd / abs(found.high_usd)
    priced = int((np.abs(found.price_per_kwh[H:]) > 1e-6).sum())
    print(
        f"{n} homes, {count} rows: {found.rounds} rounds, gap {share:.1e} (target {TARGET_GAP:g}), {took_s:.1f} s of processor "
        f"(target {TARGET_S:g}), {took_s / alone_s:.1f} times a search without rows, {priced} of {count * H} prices of rows"
    )


if __name__ == "__main__":
    asked = [int(each) for each in sys.argv[1:]]
    main(asked[0] if asked else 1000, asked[1] if len(asked) > 1 else 20)
