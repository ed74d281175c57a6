"""Keyed random streams: one counter-based generator per (seed, purpose, entity, ...), the same in every architecture."""

import hashlib

import numpy as np


def stream(seed: int, *key: str | int) -> np.random.Generator:
    """Return the generator of a key; the same key gives the same numbers in any order of use.

    Parameters
    ----------
    seed
        Seed of the scenario.
    key
        Purpose first, then entity, interval and so on, as in `stream(1, "ev", home_id, day)`.

    References
    ----------
    J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011, doi 10.1145/2063384.2063405 (Philox).
    """
    text = "\x1f".join([str(seed), *(f"{type(part).__name__}:{part}" for part in key)])
    word = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
    return np.random.Generator(np.random.Philox(key=word))
