"""A two-state house found from hourly heating and cooling at a given indoor temperature, by non-negative least squares."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Flag
from gridagora.population.outdoors import Outdoors, low_pass

CA_KWH_K = 0.56  # hourly data do not tell the capacity of the air: the GridLAB-D default of a 2500 sf house
TAUS_H = (2.0, 3.0, 4.0, 6.0, 9.0, 12.0)
DEEP_H = 24.0  # a run does not move these parts: what they give is taken at the set point
AIR_SHARE = 0.5  # of solar, appliance and occupant gains; the rest goes into the mass
WIND_K_S2_M2 = 0.4  # degrees of stack that a squared wind of the met mast is worth: one to two storeys in a suburb
HM_MIN_KW_K = 0.2  # a house whose air and mass do not touch is no house
ENVELOPE_MIN_KW_K = 0.005  # nor is one without walls
PIVOTS_MAX = 60
RIDGE = 1e-10


class FittedHouses(NamedTuple):
    """n fitted houses, shape (n,) each: their conductances, their mass, and the gains per unit of their drivers."""

    ua_kw_k: Col  # to the air outside
    ua_envelope_kw_k: Col  # to the air outside as it was about five hours ago
    ua_day_kw_k: Col  # and a day ago
    ua_ground_kw_k: Col  # to the ground, a month behind the air
    leak_kw_k15: Col  # air change: kW per K and per root of (K + WIND_K_S2_M2 m2/s2)
    hm_kw_k: Col
    cm_kwh_k: Col
    east_m2: Col  # apertures and dark surfaces, as seen from inside
    south_m2: Col
    west_m2: Col
    roof_m2: Col
    sky_m2: Col
    load_ratio: Col  # heat per kW of appliances
    occupant_kw: Col
    draw_ratio: Col  # heat per kWh of hot water drawn
    deep_kw_k: Col  # to heavy parts that follow the set point of the last day
    constant_kw: Col
    r2: Col  # share of the variance explained on the hours of the fit, weighted as they were


TERMS = (  # of the regression, in the order of its columns
    "ua_kw_k",
    "ua_envelope_kw_k",
    "ua_day_kw_k",
    "ua_ground_kw_k",
    "leak_kw_k15",
    "hm_kw_k",
    "east_m2",
    "south_m2",
    "west_m2",
    "roof_m2",
    "load_ratio",
    "occupant_kw",
    "sky_m2",
    "draw_ratio",
    "deep_kw_k",
    "constant_kw",
)


class Drivers(NamedTuple):
    """What moves the heat of n houses over t consecutive hours: (n, t), and the outdoors they share."""

    t_in_degc: Col
    load_kw: Col
    occupants: Col
    draw_kwh: Col
    outdoors: Outdoors


class Drive(NamedTuple):
    """Heat on the air and on the mass of n houses held at their set points, and what a degree of the air changes of it.

    air_kw, mass_kw (n, t) and ua_kw_k (n,) are the `q_air_kw`, `q_mass_kw` and `ua_kw_k` of `population.heat_pump.HeatPumps`.
    """

    ua_kw_k: Col
    air_kw: Col
    mass_kw: Col


def non_negative(gram: Col, right: Col) -> Col:
    """Return the x >= 0 that minimises x'Gx/2 - b'x for many small problems at once, by block principal pivoting.

    Parameters
    ----------
    gram, right
        Shapes (r, k, k), positive definite, and (r, k), in [any unit] that x'Gx and b'x share.

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
    solved = np.linalg.solve(
        np.where(pair, gram, 0.0) + held, np.where(free, right, 0.0)[..., None]
    )
    return solved[..., 0].astype(np.float64, copy=False)


def _leak(drivers: Drivers) -> Col:
    """Root of stack and wind of each house and hour, (n, t): the air that comes in, per unit of leakage."""
    out = drivers.outdoors
    rooted: Col = np.sqrt(
        np.abs(out.t_out_degc - drivers.t_in_degc) + WIND_K_S2_M2 * out.wind_m_s**2
    )
    return rooted


def _deep(drivers: Drivers) -> Col:
    """How far the set point of the last day stands above that of now, (n, t)."""
    return low_pass(drivers.t_in_degc, DEEP_H) - drivers.t_in_degc


def _gains(drivers: Drivers) -> list[Col]:
    """Drivers whose heat goes half into the air and half into the mass, (t,) or (n, t)."""
    out = drivers.outdoors
    return [
        out.east_kw_m2,
        out.south_kw_m2,
        out.west_kw_m2,
        out.roof_kw_m2,
        drivers.load_kw,
        drivers.occupants,
    ]


def _terms(drivers: Drivers, tau_h: float, leak: Col, kept: Flag) -> Col:
    """Columns of the regression at one time constant of the mass, (n, hours kept, terms)."""
    out, inside = drivers.outdoors, drivers.t_in_degc
    mixed = [
        AIR_SHARE * gain + (1.0 - AIR_SHARE) * low_pass(gain, tau_h) for gain in _gains(drivers)
    ]
    across = [out.t_out_degc, out.t_envelope_degc, out.t_day_degc, out.t_ground_degc]
    columns = [
        *(t_degc - inside for t_degc in across),
        leak * (out.t_out_degc - inside),
        low_pass(inside, tau_h) - inside,
        *mixed,
        out.sky_kw_m2,
        drivers.draw_kwh,
        _deep(drivers),
        np.ones(inside.shape[1]),
    ]
    terms: Col = np.stack(
        [np.broadcast_to(column[..., kept], (len(inside), kept.sum())) for column in columns],
        axis=2,
    )
    return terms


def fit(drivers: Drivers, heat_kw: Col, weight: Col) -> FittedHouses:
    """Fit every house to the heat removed, cooling and heating alike, picking the time constant of its mass.

    Parameters
    ----------
    drivers
        n houses over t consecutive hours.
    heat_kw
        Thermal demand, shape (n, t) [kW]: cooling positive, heating negative.
    weight
        Weight of an hour, shape (t,); 0 leaves it out. So does an hour without demand: the home drifts.

    Returns
    -------
    Houses
        Conductances, mass and gains; all non-negative.

    References
    ----------
    C. Lawson, R. Hanson, Solving Least Squares Problems, SIAM, 1995, ch. 23, doi 10.1137/1.9781611971217 (the problem).
    M. Sherman, D. Grimsrud, Infiltration-pressurization correlation: simplified physical modeling, LBL-10163, 1980 (air change by
    stack and wind).
    """
    kept = weight > 0
    weight = weight[kept] * (heat_kw[:, kept] != 0)
    root = np.sqrt(weight)
    target = (heat_kw + CA_KWH_K * _step(drivers.t_in_degc))[:, kept] * root
    leak = _leak(drivers)
    least = np.zeros(len(TERMS))
    least[TERMS.index("ua_envelope_kw_k")], least[TERMS.index("hm_kw_k")] = (
        ENVELOPE_MIN_KW_K,
        HM_MIN_KW_K,
    )
    best = np.full(len(heat_kw), np.inf)
    found, tau_h = np.zeros((len(heat_kw), len(TERMS))), np.zeros(len(heat_kw))
    for tau in TAUS_H:
        x = _terms(drivers, tau, leak, kept) * root[..., None]
        c = least + _bounded(x, target - x @ least)
        miss = np.square((x @ c[:, :, None])[:, :, 0] - target).sum(axis=1)
        better = miss < best
        best = np.where(better, miss, best)
        found[better], tau_h[better] = c[better], tau
    mean = (target * root).sum(axis=1) / np.maximum(weight.sum(axis=1), RIDGE)
    spread = np.square(target - root * mean[:, None]).sum(axis=1)
    r2 = np.where(spread > RIDGE, 1.0 - best / np.maximum(spread, RIDGE), 0.0)
    return FittedHouses(
        cm_kwh_k=tau_h * found[:, TERMS.index("hm_kw_k")],
        r2=r2,
        **dict(zip(TERMS, found.T, strict=True)),
    )


def _step(t_degc: Col) -> Col:
    """Change of the set point at the start of each hour: the air follows within it."""
    return np.diff(t_degc, axis=1, prepend=t_degc[:, :1])


def _bounded(x: Col, target: Col) -> Col:
    """Non-negative coefficients of n regressions, x (n, t, k) and target (n, t)."""
    turned = np.swapaxes(x, 1, 2)
    gram, right = turned @ x, (turned @ target[:, :, None])[:, :, 0]
    size = np.sqrt(np.einsum("nii->ni", gram)) + RIDGE
    scaled = gram / size[:, :, None] / size[:, None, :] + RIDGE * np.eye(x.shape[2])
    found: Col = non_negative(scaled, right / size) / size
    return found


def drive(houses: FittedHouses, drivers: Drivers) -> Drive:
    """Return what acts on n houses over t hours, with the indoor temperature of the drivers as set point.

    Air change grows with the difference to the outdoors; the conductance that runs is its mean over the hours, and what an hour
    has more or less of it is taken at the set point, so that a house at its set point loses what was fitted.
    """
    out, inside = drivers.outdoors, drivers.t_in_degc
    leak = houses.leak_kw_k15[:, None] * _leak(drivers)
    mean = leak.mean(axis=1, keepdims=True)
    areas = [
        houses.east_m2,
        houses.south_m2,
        houses.west_m2,
        houses.roof_m2,
        houses.load_ratio,
        houses.occupant_kw,
    ]
    gain = sum(
        (area[:, None] * each for area, each in zip(areas, _gains(drivers), strict=True)),
        houses.constant_kw[:, None],
    )
    air = (
        houses.ua_kw_k[:, None] * out.t_out_degc
        + houses.ua_envelope_kw_k[:, None] * out.t_envelope_degc
        + houses.ua_day_kw_k[:, None] * out.t_day_degc
        + houses.ua_ground_kw_k[:, None] * out.t_ground_degc
        + leak * out.t_out_degc
        - (leak - mean) * inside
        + houses.sky_m2[:, None] * out.sky_kw_m2
        + houses.draw_ratio[:, None] * drivers.draw_kwh
        + houses.deep_kw_k[:, None] * _deep(drivers)
    )
    fixed = houses.ua_kw_k + houses.ua_envelope_kw_k + houses.ua_day_kw_k + houses.ua_ground_kw_k
    return Drive(fixed + mean[:, 0], air + AIR_SHARE * gain, (1.0 - AIR_SHARE) * gain)


def predict(houses: FittedHouses, drivers: Drivers) -> Col:
    """Return the heat to remove that keeps the given indoor temperature, shape (n, t) [kW]; negative where heating is needed.

    The mass starts as if the first hour had lasted: leave out the first day or two.
    """
    tau = houses.cm_kwh_k / houses.hm_kw_k
    inside, on = drivers.t_in_degc, drive(houses, drivers)
    held = houses.hm_kw_k[:, None] * (low_pass(inside, tau) - inside) - CA_KWH_K * _step(inside)
    return on.air_kw - on.ua_kw_k[:, None] * inside + held + low_pass(on.mass_kw, tau)
