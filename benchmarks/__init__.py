"""Ratios of speed, each measured side by side in one run; `python -m benchmarks` prints those against other programs."""
