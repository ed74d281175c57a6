"""A two-state house found from hourly heating and cooling demand at a given indoor temperature, by non-negative least squares."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.core.tables import Col, Flag

CA_KWH_K = 0.56  # hourly data do not tell the capacity of the air: the GridLAB-D default of a 2500 sf house
LAG_H = 5.0  # lag of the heat that comes through walls and attic
TAUS_H = (2.0, 3.0, 4.0, 6.0, 9.0, 12.0, 24.0)
AIR_SHARE = 0.5  # of solar, appliance and occupant gains; the rest goes into the mass
LEAST = np.array([0.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.005])  # of UA, Hm, ..., lagged UA: a house without either is no house
PIVOTS_MAX = 60
RIDGE = 1e-10


class Houses(NamedTuple):
    """n fitted houses, shape (n,) each: what `Homes` needs, and the gains per unit of their drivers."""

    ua_kw_k: Col  # to the air outside
    ua_lagged_kw_k: Col  # to the air outside as it was about `LAG_H` hours ago
    hm_kw_k: Col
    cm_kwh_k: Col
    solar_m2: Col  # aperture against the mean irradiance of four walls
    load_ratio: Col  # heat per kW of appliances
    occupant_kw: Col
    constant_kw: Col
    r2: Col  # on the hours of the fit


class Drivers(NamedTuple):
    """What moves the heat of n houses over t hours: (t,) weather, (n, t) the rest."""

    t_in_degc: Col
    t_out_degc: Col
    walls_kw_m2: Col
    load_kw: Col
    occupants: Col


def low_pass(x: Col, tau_h: Col | float) -> Col:
    """Return hourly means after a first-order lag; time runs along the last axis, `tau_h` broadcasts to the others."""
    keep = np.exp(-1.0 / np.asarray(tau_h, dtype=float))
    y = np.empty(np.broadcast_shapes(x.shape[:-1], keep.shape) + x.shape[-1:])
    state: Col = np.broadcast_to(np.asarray(x[..., 0], dtype=float), y.shape[:-1])
    for hour in range(x.shape[-1]):
        state = keep * state + (1.0 - keep) * x[..., hour]
        y[..., hour] = state
    return y


def non_negative(gram: Col, right: Col) -> Col:
    """Return the x >= 0 that minimises x'Gx/2 - b'x for many small problems at once, by block principal pivoting.

    Parameters
    ----------
    gram, right
        Shapes (r, k, k), positive definite, and (r, k).

    References
    ----------
    J. Kim, H. Park, Fast nonnegative matrix factorization: an active-set-like method and comparisons, SIAM J. Sci. Comput.
    33(6), 2011, doi 10.1137/110821172.
    """
    rows, k = right.shape
    free = np.ones((rows, k), dtype=bool)
    best, credit = np.full(rows, k + 1), np.full(rows, 3)
    x = np.zeros((rows, k))
    for _ in range(PIVOTS_MAX):
        x = _solve_free(gram, right, free)
        slope = np.einsum("rij,rj->ri", gram, x) - right
        scale = 1e-12 * (1.0 + np.abs(right).max(axis=1, keepdims=True))
        bad = np.where(free, x < -1e-12, slope < -scale)
        count = bad.sum(axis=1)
        if not count.any():
            break
        better = count < best
        credit = np.where(better, 3, credit - 1)
        best = np.minimum(best, count)
        single = np.zeros_like(bad)
        single[np.arange(rows), k - 1 - np.argmax(bad[:, ::-1], axis=1)] = True
        free = free ^ np.where((better | (credit >= 0))[:, None], bad, bad & single)
    held: Col = np.maximum(x, 0.0)
    return held


def _solve_free(gram: Col, right: Col, free: Flag) -> Col:
    pair = free[:, :, None] & free[:, None, :]
    held = np.eye(free.shape[1]) * ~free[:, :, None]
    solved = np.linalg.solve(np.where(pair, gram, 0.0) + held, np.where(free, right, 0.0)[..., None])
    return solved[..., 0].astype(np.float64, copy=False)


def _slow(drivers: Drivers, taus_h: Col) -> list[Col]:
    """Low-passed indoor temperature, walls, load and occupants, (k, n, t) each ((k, 1, t) for walls)."""
    tau = taus_h[:, None]
    stack = np.stack([drivers.t_in_degc, drivers.load_kw, drivers.occupants])
    lagged = low_pass(stack[None], tau[:, :, None])  # (k, 3, n, t)
    walls = low_pass(drivers.walls_kw_m2[None, None], tau)
    return [lagged[:, 0], walls, lagged[:, 1], lagged[:, 2]]


def _terms(drivers: Drivers, slow: list[Col], t_lag_degc: Col) -> Col:
    """Columns of the regression, (7, ..., n, t): one time constant or several."""
    gains = (drivers.walls_kw_m2, drivers.load_kw, drivers.occupants)
    both = [AIR_SHARE * now + (1.0 - AIR_SHARE) * then for now, then in zip(gains, slow[1:], strict=True)]
    shape = slow[0].shape
    inside = drivers.t_in_degc
    columns = [drivers.t_out_degc - inside, slow[0] - inside, *both, np.ones(1), t_lag_degc - inside]
    terms: Col = np.stack([np.broadcast_to(column, shape) for column in columns])
    return terms


def fit(drivers: Drivers, heat_kw: Col, use: NDArray[np.bool_]) -> Houses:
    """Fit every house to the heat removed (heating is negative) in the hours `use`, picking the time constant of its mass.

    Parameters
    ----------
    drivers
        n houses over t consecutive hours.
    heat_kw
        Thermal demand, shape (n, t) [kW]: cooling positive, heating negative.
    use
        Hours of the fit, shape (t,) or (n, t).

    Returns
    -------
    Houses
        Conductances, mass and gains; all non-negative.

    References
    ----------
    C. Lawson, R. Hanson, Solving Least Squares Problems, SIAM, 1995, ch. 23, doi 10.1137/1.9781611971217 (the problem).
    """
    taus = np.array(TAUS_H)
    hours = np.flatnonzero(np.broadcast_to(use, heat_kw.shape).any(axis=0))
    weight = np.broadcast_to(use, heat_kw.shape)[:, hours].astype(float)
    target = (heat_kw + CA_KWH_K * np.gradient(drivers.t_in_degc, axis=1))[:, hours] * weight
    t_lag = low_pass(drivers.t_out_degc, LAG_H)
    slow = [column[..., hours] for column in _slow(drivers, taus)]
    part = Drivers(*(column[..., hours] for column in drivers))
    n = len(heat_kw)
    best = np.full(n, np.inf)
    found, tau_h = np.zeros((n, len(LEAST))), np.zeros(n)
    for index, tau in enumerate(taus):
        x = np.moveaxis(_terms(part, [column[index] for column in slow], t_lag[hours]) * weight, 0, 2)
        c = LEAST + _bounded(x, target - x @ LEAST)
        miss = np.square((x @ c[:, :, None])[:, :, 0] - target).sum(axis=1)
        better = miss < best
        best = np.where(better, miss, best)
        found[better], tau_h[better] = c[better], tau
    mean = target.sum(axis=1) / weight.sum(axis=1)
    spread = np.square(target - weight * mean[:, None]).sum(axis=1)
    return Houses(
        ua_kw_k=found[:, 0],
        ua_lagged_kw_k=found[:, 6],
        hm_kw_k=found[:, 1],
        cm_kwh_k=tau_h * found[:, 1],
        solar_m2=found[:, 2],
        load_ratio=found[:, 3],
        occupant_kw=found[:, 4],
        constant_kw=found[:, 5],
        r2=1.0 - best / spread,
    )


def _bounded(x: Col, target: Col) -> Col:
    """Non-negative coefficients of n regressions, x (n, t, k) and target (n, t)."""
    turned = np.swapaxes(x, 1, 2)
    gram, right = turned @ x, (turned @ target[:, :, None])[:, :, 0]
    size = np.sqrt(np.einsum("nii->ni", gram)) + RIDGE
    scaled = gram / size[:, :, None] / size[:, None, :] + RIDGE * np.eye(x.shape[2])
    found: Col = non_negative(scaled, right / size) / size
    return found


def gains_kw(houses: Houses, walls_kw_m2: Col, load_kw: Col, occupants: Col) -> Col:
    """Return solar, appliance, occupant and constant heat of each house, shape (n, t) [kW]."""
    fixed = houses.constant_kw[:, None] + houses.solar_m2[:, None] * walls_kw_m2
    return fixed + houses.load_ratio[:, None] * load_kw + houses.occupant_kw[:, None] * occupants


def predict(houses: Houses, drivers: Drivers) -> Col:
    """Return the heat to remove that keeps the given indoor temperature, shape (n, t) [kW]; negative where heating is needed."""
    tau = houses.cm_kwh_k / houses.hm_kw_k
    inside = drivers.t_in_degc
    mass = low_pass(inside, tau)
    gain = gains_kw(houses, drivers.walls_kw_m2, drivers.load_kw, drivers.occupants)
    t_lag = low_pass(drivers.t_out_degc, LAG_H)
    outside = houses.ua_kw_k[:, None] * (drivers.t_out_degc - inside) + houses.ua_lagged_kw_k[:, None] * (t_lag - inside)
    held = houses.hm_kw_k[:, None] * (mass - inside) - CA_KWH_K * np.gradient(inside, axis=1)
    return outside + held + AIR_SHARE * gain + (1.0 - AIR_SHARE) * low_pass(gain, tau)
