"""Limits of import and export that a design posted to homes, hour by hour, and what went beyond them."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col


class PostedSide(NamedTuple):
    """Limits of n homes in one direction, shape (n,) each."""

    limited_h: Col  # hours with a limit [h]
    mean_kw: Col  # over these, nan where there are none
    least_kw: Col  # likewise
    closed_h: Col  # of these, with a limit of nothing [h]


class PostedLimits(NamedTuple):
    """Limits of import and of export, and the energy of every home beyond either, (n,)."""

    imports: PostedSide
    exports: PostedSide
    beyond_kwh: Col


def closed_share(side: PostedSide) -> float:
    """Return the part of limited hours in which a limit left nothing, over all homes; 0 where nothing is limited [1]."""
    limited_h = float(side.limited_h.sum())
    return float(side.closed_h.sum()) / limited_h if limited_h > 0 else 0.0


def is_limited(found: PostedLimits) -> bool:
    """Return whether any home had a limit in any hour."""
    return bool(np.any(found.imports.limited_h) or np.any(found.exports.limited_h))
