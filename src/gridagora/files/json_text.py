"""JSON as every reader knows it: numbers that are none become null, so that Infinity and NaN never enter a file."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Return nested values as JSON knows them: no number that is none, no array."""
    match value:
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case np.ndarray() | np.generic():
            return plain(value.tolist())
        case float():
            return value if math.isfinite(value) else None
        case str() | int() | None:
            return value
        case _:
            return str(value)


def json_text(value: Any, indent: int | None = 1, *, sort_keys: bool = True) -> str:
    """Return a value as JSON text (RFC 8259)."""
    return json.dumps(
        plain(value), indent=indent, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False
    )
