"""Impedance and capacitance of lines from their conductors and the distances between them.

References
----------
W. H. Kersting, Distribution System Modeling and Analysis, 4th ed., CRC Press 2017, chapters 4 and 5 (modified equations of
Carson, reduction of Kron, concentric neutrals, capacitance), doi 10.1201/9781315120782; its constants are those of GridLAB-D.
"""

import numpy as np

from gridagora.core.components import Phasors
from gridagora.core.tables import Col, Flag

HERTZ, EARTH_OHM_M = 60.0, 100.0
EARTH_R = 0.00158836 * HERTZ  # ohm/mile
EARTH_X = 0.00202237 * HERTZ  # ohm/mile
DEPTH = 7.6786 + 0.5 * np.log(EARTH_OHM_M / HERTZ)
AIR, VACUUM = 0.014240, 0.01420  # permittivity for overhead lines and of cables [uF/mile]
RADIANS = 2 * np.pi * HERTZ


def series_ohm_mile(r_ohm_mile: Col, gmr_ft: Col, distance_ft: Col) -> Phasors:
    """Return the impedance of conductors with return through earth, shape (c, c) [ohm/mile].

    Parameters
    ----------
    r_ohm_mile
        Resistance of each, shape (c,).
    gmr_ft
        Geometric mean radius of each, shape (c,).
    distance_ft
        Between them, shape (c, c); those of 0 are unknown and couple nothing, as in GridLAB-D.
    """
    apart = distance_ft.copy()
    np.fill_diagonal(apart, gmr_ft)
    known = apart > 0
    x = EARTH_X * (np.log(1 / np.where(known, apart, 1.0)) + DEPTH)
    mutual: Phasors = np.where(known, EARTH_R + 1j * x, 0.0)
    return mutual + np.diag(r_ohm_mile)


def reduce_kron(matrix: Phasors, kept: Flag) -> Phasors:
    """Return a matrix (c, c) over the conductors that are kept, the others held at earth at both ends, same unit.

    Parameters
    ----------
    matrix
        Impedances or potential coefficients, shape (c, c) [ohm/mile], [mile/uF].
    kept
        Mask of the conductors that stay, shape (c,).
    """
    if kept.all():
        return matrix
    near, far = matrix[np.ix_(kept, kept)], matrix[np.ix_(~kept, ~kept)]
    across = matrix[np.ix_(kept, ~kept)]
    reduced: Phasors = near - across @ np.linalg.solve(far, across.T)
    return reduced


def overhead_siemens_mile(
    diameter_in: Col, height_ft: Col, distance_ft: Col, kept: Flag
) -> Phasors | None:
    """Return the shunt admittance of an overhead line, shape (p, p) [S/mile]; None where a diameter or a height is missing.

    Parameters
    ----------
    diameter_in, height_ft
        Of each conductor, shape (c,).
    distance_ft
        Between them, shape (c, c).
    kept
        Mask of the p phases among the conductors, shape (c,); the others are at earth.
    """
    if not (diameter_in[kept] > 0).all() or not (height_ft[kept] > 0).all():
        return None
    sound = (diameter_in > 0) & (height_ft > 0)  # a neutral without them shields nothing
    rows = np.ix_(sound, sound)
    apart, high = distance_ft[rows], height_ft[sound]
    image = np.sqrt(apart**2 + 4 * np.outer(high, high))
    np.fill_diagonal(apart, diameter_in[sound] / 24)
    ratio = np.where(apart > 0, image / np.where(apart > 0, apart, 1.0), 1.0)
    potential = np.asarray(np.log(ratio) / (2 * np.pi * AIR), np.complex128)
    microfarad = np.linalg.inv(reduce_kron(potential, kept[sound]))
    return np.asarray(1e-6j * RADIANS * microfarad, np.complex128)


def cable_siemens_mile(
    permittivity: float, conductor_in: float, ring_ft: float, strand_in: float, strands: float
) -> complex:
    """Return the shunt admittance of one cable to its neutral [S/mile], 0 where a figure is missing; no strands are a tape."""
    if not (conductor_in > 0 and ring_ft > 0):
        return 0j
    spread = np.log(ring_ft / (conductor_in / 24))
    if strands > 0:
        if not strand_in > 0:
            return 0j
        spread -= np.log(strands * strand_in / 24 / ring_ft) / strands
    if spread <= 0:
        return 0j
    return complex(1e-6j * RADIANS * 2 * np.pi * VACUUM * permittivity / spread)
