"""Rooftop photovoltaics: a curtailable row without a store, and the reactive capability of its inverter (theory 1.10)."""

from dataclasses import dataclass

import numpy as np

from gridagora.core.registry import register
from gridagora.core.tables import Col, Homes, Index
from gridagora.kernels.curve import Curves
from gridagora.kernels.value import Stores, stores

REACTIVE_SHARE = 0.44  # of rated apparent power, category B
VOLT_VAR = ((0.92, 0.98, 1.02, 1.08), (0.44, 0.0, 0.0, -0.44))
VOLT_WATT = ((1.06, 1.10), (1.0, 0.0))
PRODUCES_PER_KWH = -1e-9  # sun is free: an array gives all it can unless energy is worth less than nothing
NO_STORE = 1e9  # a row without a store: a state wide enough never to bind, worth nothing


@register("device", "pv")
@dataclass(frozen=True)
class Pv:
    """n arrays, only of homes that have one."""

    home: Index  # (n,) row of the home
    available_kw: Col  # (n, H) AC power that could be made


def of(homes: Homes) -> Pv:
    """Arrays of the homes with any AC power."""
    rows = np.flatnonzero((homes.pv_kw > 0).any(axis=1))
    return Pv(rows, homes.pv_kw[rows])


def take(table: Pv, rows: Index) -> Pv:
    """Return the arrays of some rows."""
    return Pv(table.home[rows], table.available_kw[rows])


def volt_var_share(v_pu: Col | float) -> Col:
    """Reactive power injected over rated apparent power at a voltage, default curve of category B, shape of `v_pu`.

    Positive is injection (it raises the voltage): a load's q_kvar is minus this times the rating.

    References
    ----------
    IEEE 1547-2018, clause 5.3.3, table 8, category B.
    """
    return np.asarray(np.interp(v_pu, *VOLT_VAR))


def volt_watt_share(v_pu: Col | float) -> Col:
    """Greatest active power over rated power at a voltage, default curve of category B, shape of `v_pu`.

    References
    ----------
    IEEE 1547-2018, clause 5.4.2, table 10.
    """
    return np.asarray(np.interp(v_pu, *VOLT_WATT))


def reactive_limit_kvar(rated_kva: Col, p_kw: Col) -> Col:
    """Greatest reactive power either way beside an active power: the category B share, within the apparent power left."""
    left = np.sqrt(np.maximum(np.square(rated_kva) - np.square(p_kw), 0.0))
    limit: Col = np.minimum(REACTIVE_SHARE * np.asarray(rated_kva), left)
    return limit


def spec(table: Pv, hour: int, hours: int = 24) -> Stores:
    """Rows that inject up to the available power and may curtail, over a window of hours."""
    return _stores(table.available_kw[:, hour : hour + hours], np.ones(hours))


def tender(table: Pv, hour: int) -> Curves:
    """Curve of every array for an interval: all that is available down to a price of nil, and nothing below it."""
    most = table.available_kw[:, hour]
    ends = np.stack([most, np.zeros_like(most)], axis=1)
    kept = np.stack([most > 0, np.ones(len(most), np.bool_)], axis=1)
    p_kw = -ends[kept]
    return Curves(np.concatenate([[0], np.cumsum(kept.sum(1))]), p_kw, np.full(len(p_kw), PRODUCES_PER_KWH))


def _stores(available_kw: Col, dt_h: Col) -> Stores:
    n = len(available_kw)
    return stores(np.zeros(n), dt_h, p_min_kw=-available_kw, x_min=-NO_STORE, x_max=NO_STORE, end_x=(-NO_STORE, NO_STORE))


def step(table: Pv, hour: int, p_target_kw: Col | None = None) -> Col:
    """Power at the meter, shape (n,) [kW], negative: all that is available, or the target cut to it."""
    most = table.available_kw[:, hour]
    return -most if p_target_kw is None else -np.clip(-p_target_kw, 0.0, most)
