"""What a page carries for its script: the plotting library and the figures, packed, with numbers as fine as eyes see."""

import base64
import json
import zlib
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from gridagora.core.currency import USD, spell_money

FINE = 5  # digits of the span of a series: an eye parts a thousand steps of an axis
SHORT = 8  # numbers of a list that is left as it is: places of ticks, ends of an axis
LIBRARY = "data-library"


@cache
def library() -> str:
    """Return the text of the plotting library."""
    text: str = get_plotlyjs()
    return text


@cache
def packed_library() -> str:
    """Return the plotting library as an element of the page that its script unpacks."""
    return element(LIBRARY, library())


def payload(name: str, fig: go.Figure, currency: str = USD) -> str:
    """Return a figure, its money in a currency, as an element of the page that its script unpacks.

    Base64 holds nothing that could end markup.
    """
    told = json.dumps(rounded(fig.to_plotly_json()), **COMPACT)
    return element(f"data-figure-{name}", spell_money(told, currency))


COMPACT: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False, "allow_nan": False}


def element(name: str, text: str) -> str:
    """Return a text as an element of the page that its script unpacks; base64 holds nothing that could end markup."""
    # zlib format: browsers know it as "deflate" (WHATWG, Compression Standard)
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    return f'<script type="application/zlib" id="{name}">{packed}</script>'


def rounded(node: Any) -> Any:
    """Return the JSON of a figure with its series as short numbers, nan and infinity as null."""
    if isinstance(node, dict):
        if set(node) >= {"dtype", "bdata"}:
            return _shape(node)
        return {key: rounded(value) for key, value in node.items()}
    if isinstance(node, np.ndarray):
        return _short(node) if node.dtype.kind == "f" else rounded(node.tolist())
    if isinstance(node, list | tuple):
        plain = len(node) > SHORT and all(
            value is None or (isinstance(value, int | float) and not isinstance(value, bool))
            for value in node
        )
        if plain:
            return _short(np.array([np.nan if each is None else each for each in node], float))
        return [rounded(each) for each in node]
    if isinstance(node, np.generic):
        return rounded(node.item())
    return None if isinstance(node, float) and not np.isfinite(node) else node


def _shape(node: dict[str, Any]) -> Any:
    """Return an array that Plotly holds as base64, shape (n,) or, by its key `shape`, more [any unit]."""
    held = np.frombuffer(base64.b64decode(node["bdata"]), dtype=node["dtype"])
    if "shape" in node:
        held = held.reshape([int(size) for size in str(node["shape"]).split(",")])
    return rounded(held)


def _short(values: np.ndarray) -> list[Any]:
    """Return numbers [any unit] to `FINE` digits of their span, whole ones without a decimal point."""
    known = values[np.isfinite(values)]
    span = float(np.ptp(known)) if known.size else 0.0
    largest = span or float(np.abs(known).max(initial=0.0))
    places = FINE - 1 - int(np.floor(np.log10(largest))) if largest > 0 else 0
    told = np.round(values.astype(float), max(places, 0))
    return _plain(told.tolist())


def _plain(values: list[Any]) -> list[Any]:
    return [
        _plain(each)
        if isinstance(each, list)
        else None
        if not np.isfinite(each)
        else int(each)
        if each == int(each)
        else each
        for each in values
    ]
