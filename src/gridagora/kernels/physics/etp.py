"""The two-state house: parameters of the GridLAB-D integrity levels, its exact step over any length, and its two modes.

Theory 1.3.
"""

from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Col = NDArray[np.float64]

KWH_PER_BTU = 0.000293071
KELVIN_PER_F = 1.0 / 1.8
AIR_LB_FT3, AIR_BTU_LB_F = 0.0735, 0.2402
CEILING_FT, DOORS_FT2, ASPECT = 8.0, 4 * 3 * 78 / 12, 1.5
FILM_BTU_H_F_FT2, MASS_BTU_F_FT2, AIR_MASSES, PARTITION_PER_WALL, WINDOW_PER_WALL = (
    1.46,
    2.0,
    3.0,
    1.5,
    0.15,
)
STEP_COLUMNS = 12
SMALL = 1e-2  # below it the divided differences use their series


class Shell(NamedTuple):
    """Shell of an integrity level: resistances [h F ft2/Btu], window conductance [Btu/(h F ft2)], air changes [1/h]."""

    r_roof: float
    r_wall: float
    r_floor: float
    r_door: float
    u_window: float
    air_changes_per_h: float


LEVELS = MappingProxyType(
    {
        "very_little": Shell(11, 4, 4, 3, 1.27, 1.5),
        "little": Shell(19, 11, 4, 3, 0.81, 1.5),
        "below_normal": Shell(19, 11, 11, 3, 0.81, 1.0),
        "normal": Shell(30, 11, 11, 3, 0.60, 1.0),
        "above_normal": Shell(30, 19, 19, 3, 0.60, 1.0),
        "good": Shell(30, 19, 22, 5, 0.47, 0.5),
        "very_good": Shell(48, 22, 30, 11, 0.31, 0.5),
    }
)


class House(NamedTuple):
    """Two-state parameters: losses, air-to-mass coupling [kW/K]; heat capacity of the air and of the mass [kWh/K]."""

    ua_kw_k: float
    hm_kw_k: float
    ca_kwh_k: float
    cm_kwh_k: float


class Modes(NamedTuple):
    """Eigenvalues [1/h] and the weights by which air and mass temperature make up the slow part of the air; shapes (n,)."""

    slow_per_h: Col
    fast_per_h: Col
    air_share: Col
    mass_share: Col


def house(shell: Shell, floor_ft2: float = 2500.0) -> House:
    """Two-state parameters of a one-storey house of a given shell.

    References
    ----------
    GridLAB-D, residential/house_e: defaults for aspect ratio, ceiling, doors, windows, surface film, thermal mass.
    """
    wall = 2 * (1 + ASPECT) * CEILING_FT * np.sqrt(floor_ft2 / ASPECT)
    window = WINDOW_PER_WALL * wall
    solid = wall - window - DOORS_FT2
    air = AIR_LB_FT3 * CEILING_FT * floor_ft2 * AIR_BTU_LB_F
    skin = floor_ft2 / shell.r_roof + floor_ft2 / shell.r_floor + solid / shell.r_wall
    ua = skin + window * shell.u_window + DOORS_FT2 / shell.r_door + shell.air_changes_per_h * air
    hm = FILM_BTU_H_F_FT2 * (solid + wall * PARTITION_PER_WALL + floor_ft2)
    scale = KWH_PER_BTU / KELVIN_PER_F
    return House(
        float(ua * scale),
        float(hm * scale),
        AIR_MASSES * air * scale,
        (MASS_BTU_F_FT2 * floor_ft2 - 2 * air) * scale,
    )


def _split(
    ua_kw_k: Col, hm_kw_k: Col, ca_kwh_k: Col, cm_kwh_k: Col
) -> tuple[Col, Col, Col, Col, Col, Col]:
    """Slow and fast eigenvalue, and the four entries of the slow projector, without cancellation."""
    a12, a21 = hm_kw_k / ca_kwh_k, hm_kw_k / cm_kwh_k
    half = (a21 - a12 - ua_kw_k / ca_kwh_k) / 2
    root = np.sqrt(half * half + a12 * a21)
    fast = -(ua_kw_k / ca_kwh_k + a12 + a21) / 2 - root
    slow = a21 * ua_kw_k / ca_kwh_k / fast
    big = root + np.abs(half)
    small = a12 * a21 / big
    air, mass = np.where(half < 0, small, big), np.where(half < 0, big, small)
    span = 2 * root
    return slow, fast, air / span, a12 / span, a21 / span, mass / span


def _mean_growth(z: Col) -> tuple[Col, Col, Col]:
    """Return exp(z), (exp(z) - 1)/z and ((exp(z) - 1)/z - 1)/z, exact at 0."""
    safe = np.where(np.abs(z) < SMALL, 1.0, z)
    one = np.where(
        np.abs(z) < SMALL,
        1 + z / 2 * (1 + z / 3 * (1 + z / 4 * (1 + z / 5 * (1 + z / 6)))),
        np.expm1(safe) / safe,
    )
    two = np.where(
        np.abs(z) < SMALL, 0.5 + z / 6 * (1 + z / 4 * (1 + z / 5 * (1 + z / 6))), (one - 1) / safe
    )
    return np.exp(z), one, two


def step_coefficients(
    ua_kw_k: Col, hm_kw_k: Col, ca_kwh_k: Col, cm_kwh_k: Col, step_h: float
) -> Col:
    """Exact step of the two-state house with constant heat inside it, shape (n, 12).

    With (Ta, Tm) at the start and heat (qa, qm) [kW] into air and mass, columns 0-3 and 4-7 give
    Ta' = c0 Ta + c1 Tm + c4 qa + c5 qm, Tm' = c2 Ta + c3 Tm + c6 qa + c7 qm, and columns 8-11 give the mean of the air
    over the step, c8 Ta + c9 Tm + c10 qa + c11 qm. A function of the 2x2 matrix is f(fast) I + (f(slow) - f(fast)) times the
    slow projector. A step of length 0 is the identity to the last bit. `hm_kw_k` must be positive.
    """
    ua, hm, ca, cm = np.atleast_1d(ua_kw_k, hm_kw_k, ca_kwh_k, cm_kwh_k)
    slow, fast, p11, p12, p21, p22 = _split(ua, hm, ca, cm)
    s, f = _mean_growth(slow * step_h), _mean_growth(fast * step_h)
    grow, once, twice = (a - b for a, b in zip(s, f, strict=True))
    out = np.empty((len(slow), STEP_COLUMNS))
    out[:, 0], out[:, 1] = f[0] + grow * p11, grow * p12
    out[:, 2], out[:, 3] = grow * p21, f[0] + grow * p22
    out[:, 4], out[:, 5] = step_h * (f[1] + once * p11) / ca, step_h * once * p12 / cm
    out[:, 6], out[:, 7] = step_h * once * p21 / ca, step_h * (f[1] + once * p22) / cm
    out[:, 8], out[:, 9] = f[1] + once * p11, once * p12
    out[:, 10], out[:, 11] = step_h * (f[2] + twice * p11) / ca, step_h * twice * p12 / cm
    return out


def modes(ua_kw_k: Col, hm_kw_k: Col, ca_kwh_k: Col, cm_kwh_k: Col) -> Modes:
    """Return slow and fast mode of n houses as seen in the air; slow part of the air = air_share Ta + mass_share Tm.

    Losses and coupling [kW/K] and heat capacities [kWh/K] of air and mass have shape (n,).
    """
    slow, fast, p11, p12, _, _ = _split(*np.atleast_1d(ua_kw_k, hm_kw_k, ca_kwh_k, cm_kwh_k))
    return Modes(slow, fast, p11, p12)
