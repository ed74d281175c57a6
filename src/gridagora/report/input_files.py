"""The files that a run read, a line each key that names one or leads to some."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any


def spell_inputs(inputs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the files of each key in words: its own path, how many files that leads to, bytes and SHA-256.

    Of several files the SHA-256 is that of theirs, written one after the other.
    """
    by_key: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for each in inputs:
        by_key[str(each["key"])].append(each)
    return {key: _spell(rows) for key, rows in by_key.items()}


def _spell(rows: Sequence[Mapping[str, Any]]) -> str:
    first, size = rows[0], sum(int(each["bytes"]) for each in rows)
    if len(rows) == 1:
        return f"{first['path']}, {size:,} bytes, SHA-256 {first['sha256']}"
    joined = hashlib.sha256("".join(str(each["sha256"]) for each in rows).encode()).hexdigest()
    return (
        f"{first['path']} and {len(rows) - 1} more files, {size:,} bytes, SHA-256 of all {joined}"
    )
