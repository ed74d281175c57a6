"""Many runs: sweeps, claims, waterfalls, with checkpoints and a process pool."""
