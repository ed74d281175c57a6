"""Price evaluations and time of prosumers that are their own retailer, for communities of growing size.

    python benchmarks/retailer.py [PROSUMERS ...]
    python benchmarks/retailer.py linear [PROSUMERS ...]
    python benchmarks/retailer.py claims [PROSUMERS ...]

Every prosumer has PV, load and a battery; eight end-users, who shift, for each of them; 24 hours. Prints for each size the
prices broadcast until offers agree to 1e-6 of what is taken and prices stand still, how far the retail price is from a much
tighter run, the largest gain of anybody alone as a share of profit, and seconds; and the ratios to their targets. With `linear`
batteries have no quadratic cost, and rounds are counted until nobody gains a millionth of profit. With `claims` it prints what
changes against retailers of today, over 30 random communities of each size, with 95 % intervals.
"""

import sys
import time

import numpy as np

from gridagora.mechanisms.retail.certificate import certify_offers
from gridagora.mechanisms.retail.game import make_demand
from gridagora.mechanisms.retail.protocol import (
    Community,
    StoppingRule,
    make_community,
    run_protocol,
)
from gridagora.studies.claims import batteries, measure_claims
from gridagora.studies.claims import draw_community as drawn_claims

H, USERS, THREADS, SEEDS = 24, 8, 2, 30
TARGET_ROUNDS, TARGET_S, TARGET_N = 40, 30.0, 10_000
MOST_ROUNDS = 300


def drawn(n: int, seed: int = 0) -> Community:
    """Return n prosumers and USERS n end-users."""
    rng, hour = np.random.default_rng([seed, n]), np.arange(H)
    response, pull = np.zeros((H, H)), np.zeros(H)
    for _ in range(n):
        own, day = rng.uniform(0.02, 0.06, (USERS, H)), rng.uniform(0, 0.004, (USERS, 1, 1))
        inverse = np.linalg.inv(np.eye(H) * own[:, None, :] + day)
        worth = 0.35 + 0.10 * np.exp(-((hour - 19) ** 2) / 8.0) + rng.normal(0, 0.01, (USERS, H))
        response, pull = response + inverse.sum(0), pull + np.einsum("jts,js->t", inverse, worth)
    buy = 0.08 + 0.10 * np.exp(-((hour - 19) ** 2) / 6.0)
    sun = np.maximum(0, np.sin((hour - 6) / 12 * np.pi)) * (hour >= 6) * (hour <= 18)
    made = rng.uniform(15, 60, (n, 1)) * sun - rng.uniform(0.5, 1.5, (n, H))
    full = rng.uniform(5, 15, (n, 1))
    packs = batteries(full, rng.uniform(0, 0.02, (n, 1)))
    return make_community(
        make_demand(np.linalg.solve(response, pull), response),
        made,
        (packs,),
        (np.arange(n),),
        buy,
        0.6 * buy,
    )


def main(sizes: list[int]) -> None:
    """Run each size and print."""
    for n in sizes:
        c = drawn(n)
        begin = time.perf_counter()
        played, held = run_protocol(
            c, StoppingRule(tolerance_share=1e-6, tolerance_per_kwh=1e-7), THREADS
        )
        wall = time.perf_counter() - begin
        close, _ = run_protocol(
            c,
            StoppingRule(tolerance_share=1e-8, tolerance_per_kwh=1e-10, inner_per_kwh=1e-13),
            THREADS,
        )
        away = np.abs(played.retail_per_kwh - close.retail_per_kwh).max()
        share = certify_offers(c, held, played.internal_per_kwh).share
        print(
            f"{n:6d} prosumers: {played.rounds} prices to prosumers, {played.inner_rounds} to end-users, retail price off "
            f"by {away:.0e} $/kWh, largest gain {share:.0e} of profit, {wall:.2f} s"
        )
        print(
            f"       ratio of rounds to {TARGET_ROUNDS}: {played.rounds / TARGET_ROUNDS:.2f}",
            end="",
        )
        print(f"; of time to {TARGET_S:.0f} s: {wall / TARGET_S:.2f}" if n == TARGET_N else "")


def linear(sizes: list[int]) -> None:
    """Run each size with batteries that cost nothing but wear, and print after which round nobody gains a millionth."""
    for n in sizes:
        c = drawn(n)
        c = c._replace(stores=(c.stores[0]._replace(prox=np.zeros_like(c.stores[0].prox)),))
        for rounds in range(10, MOST_ROUNDS + 1, 10):
            played, held = run_protocol(
                c,
                StoppingRule(tolerance_share=1e-6, tolerance_per_kwh=1e-7, most_rounds=rounds),
                THREADS,
            )
            share = certify_offers(c, held, played.internal_per_kwh).share
            if share <= 1e-6 or played.converged:
                break
        off = played.off_kw / np.abs(played.offer_kw.sum(0)).mean()
        ratio = played.rounds / TARGET_ROUNDS
        print(
            f"{n:6d} prosumers: {played.rounds} rounds, gain {share:.0e} of profit, offers off {off:.0e}; ratio {ratio:.2f}"
        )


def claimed(sizes: list[int]) -> None:
    """Print the table of claims for each size."""
    for n in sizes:
        print(
            f"{n} prosumers, {USERS * n} end-users, {SEEDS} draws: mean before -> after, change [95 %], share of draws, verdict"
        )
        for c in measure_claims(range(SEEDS), lambda seed, n=n: drawn_claims(seed, n, USERS * n)):
            span = f"{c.change:+.4g} [{c.low:+.4g}, {c.high:+.4g}]"
            moved = f"{c.before:9.4g} -> {c.after:9.4g} {span:34s}"
            print(f"  {c.baseline:21s} {c.quantity:15s} {moved} {c.holds_share:5.0%} {c.verdict}")


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["claims"]:
        claimed([int(word) for word in words[1:]] or [5, 20])
    elif words[:1] == ["linear"]:
        linear([int(word) for word in words[1:]] or [10, 100, 1000])
    else:
        main([int(word) for word in words] or [10, 100, 1000, TARGET_N])
