"""Appliances: a fixed load, or one that answers to price with a constant elasticity about its usual power (theory 1.10)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gridagora.core.registry import register
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.value import Stores, stores

NO_STORE = 1e9  # a row without a store: a state wide enough never to bind, worth nothing
LEAST_KW = 1e-6  # below it a load has no slope


@register("device", "load")
@dataclass(frozen=True)
class Load:
    """n loads; elasticity 0 is a fixed load."""

    home: Index  # (n,) row of the home
    usual_kw: Col  # (n, H) at the reference price
    elasticity: float  # relative fall of power over relative rise of price, about the reference, 0 or more
    reference_per_kwh: float


def of(homes: Homes, elasticity: float = 0.0, reference_per_kwh: float = 0.072) -> Load:
    """Loads of all homes.

    Raises
    ------
    ValueError
        The elasticity is negative, or positive with a reference price of 0 or less.
    """
    if elasticity < 0 or (elasticity > 0 and reference_per_kwh <= 0):
        got = f"elasticity {elasticity} about {reference_per_kwh} $/kWh"
        raise ValueError(f"load: got {got}, expected 0 or more about a positive price")
    return Load(np.arange(len(homes.home_id)), homes.load_kw, elasticity, reference_per_kwh)


def take(table: Load, rows: Index) -> Load:
    """Return the loads of some rows."""
    return Load(table.home[rows], table.usual_kw[rows], table.elasticity, table.reference_per_kwh)


def spec(table: Load, hour: int, hours: int = 24) -> Stores:
    """Rows without a store over a window of hours: fixed power, or a linear demand between none and twice the usual."""
    return _stores(table, table.usual_kw[:, hour : hour + hours], np.ones(hours))


def spec_now(table: Load, hour: int, short_h: float = 1 / 12) -> Stores:
    """The next real-time interval, for a bid."""
    return _stores(table, table.usual_kw[:, hour : hour + 1], np.array([short_h]))


def _stores(table: Load, usual_kw: Col, dt_h: Col) -> Stores:
    none: dict[str, ArrayLike] = {"x_min": -NO_STORE, "x_max": NO_STORE, "end_x": (-NO_STORE, NO_STORE)}
    start = np.zeros(len(usual_kw))
    if table.elasticity == 0:
        return stores(start, dt_h, p_min_kw=usual_kw, p_max_kw=usual_kw, **none)
    bends = usual_kw > LEAST_KW
    prox = np.where(bends, table.reference_per_kwh / (table.elasticity * np.where(bends, usual_kw, 1.0)), 0.0)
    least, most = np.where(bends, 0.0, usual_kw), np.where(bends, 2 * usual_kw, usual_kw)
    return stores(start, dt_h, p_min_kw=least, p_max_kw=most, prox=prox, p_ref_kw=usual_kw * (1 + table.elasticity), **none)


def demand_kw(table: Load, hour: int, price_per_kwh: float) -> Col:
    """Power at a price, shape (n,) [kW]: the answer of the rows of `spec_now`, in closed form."""
    usual = table.usual_kw[:, hour]
    share = 1 - table.elasticity * (price_per_kwh / table.reference_per_kwh - 1) if table.elasticity > 0 else 1.0
    return np.where(usual > LEAST_KW, usual * np.clip(share, 0.0, 2.0), usual)


def step(table: Load, hour: int, p_target_kw: Col | None = None) -> Col:
    """Power at the meter, shape (n,) [kW]; a fixed load follows no target."""
    usual = table.usual_kw[:, hour]
    if p_target_kw is None or table.elasticity == 0:
        return usual.copy()
    return np.clip(p_target_kw, 0.0, 2 * usual)
