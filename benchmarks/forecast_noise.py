"""Welfare lost to noise in the outlook where homes form the price: bids (curve up, price down) against a broadcast price (T9).

python benchmarks/forecast_noise.py
"""

import time

import numpy as np

from gridagora.core.forecast_noise import case, lost_by_noise, lost_by_samples, optimum, with_bids

if __name__ == "__main__":
    began = time.perf_counter()
    homes = case(np.random.default_rng(3))
    best = optimum(homes)
    exact = with_bids(homes, lambda t: best.price_per_kwh[t + 1 :])
    gap, off = best.welfare_usd - exact.welfare_usd, np.abs(exact.price_per_kwh - best.price_per_kwh).max()
    print(f"optimum {best.welfare_usd:.6f} $, prices {best.price_per_kwh.min():.3f} to {best.price_per_kwh.max():.3f} $/kWh")
    print(f"consistent forecasts: lost {gap:.1e} $, largest price difference {off:.1e} $/kWh")
    print("\nnoise $/kWh   bids $   broadcast $   ratio")
    for noise in (0.005, 0.01, 0.02, 0.04):
        lost = lost_by_noise(homes, best, noise)
        print(f"{noise:11.3f} {lost.bids_usd:8.4f} {lost.broadcast_usd:13.3f} {lost.broadcast_usd / lost.bids_usd:7.0f}")
    print("\nbids known at K prices   lost $")
    for count in (5, 9, 17, 33):
        print(f"{count:22d} {lost_by_samples(homes, best, count):8.4f}")
    print(f"\n{time.perf_counter() - began:.1f} s")
