"""Where the sun stands and what a tilted plane receives, from numpy alone so that a start-up need not load a solar library."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Index

UNIX_JD = 2440587.5  # Julian day of 1970-01-01 00:00 UTC
J2000_JD = 2451545.0
ALBEDO = 0.25


class Sun(NamedTuple):
    """Angles of the sun at instants in any shape."""

    zenith_deg: Col
    azimuth_deg: Col


def position(time_s: Index, latitude_deg: float, longitude_deg: float) -> Sun:
    """Return the angles of the sun, azimuth clockwise from north, refraction left out.

    Good to .01 degrees in 1950-2050; refraction matters only within a few degrees of the horizon.

    Parameters
    ----------
    time_s
        Instants, any shape [s UTC].
    latitude_deg, longitude_deg
        North and east positive.

    References
    ----------
    J. Michalsky, The Astronomical Almanac's algorithm for approximate solar position (1950-2050), Solar Energy 40(3),
    1988, doi 10.1016/0038-092X(88)90045-X.
    """
    time = np.asarray(time_s, dtype=float)
    day = time / 86400.0 + UNIX_JD - J2000_JD
    hour_ut = (time / 3600.0) % 24.0
    anomaly = np.radians(357.528 + 0.9856003 * day)
    ecliptic = np.radians(
        280.460 + 0.9856474 * day + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly)
    )
    tilt = np.radians(23.439 - 4e-7 * day)
    right_ascension = np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(tilt) * np.sin(ecliptic))
    sidereal_h = 6.697375 + 0.0657098242 * day + hour_ut
    hour_angle = np.radians(15.0 * sidereal_h + longitude_deg) - right_ascension
    latitude = np.radians(latitude_deg)
    cos_zenith = np.sin(declination) * np.sin(latitude) + np.cos(declination) * np.cos(
        latitude
    ) * np.cos(hour_angle)
    south = np.cos(hour_angle) * np.sin(latitude) - np.tan(declination) * np.cos(latitude)
    azimuth = np.arctan2(np.sin(hour_angle), south) + np.pi
    return Sun(np.degrees(np.arccos(np.clip(cos_zenith, -1.0, 1.0))), np.degrees(azimuth) % 360.0)


def on_plane(
    sun: Sun, ghi_w_m2: Col, dni_w_m2: Col, dhi_w_m2: Col, tilt_deg: float, azimuth_deg: float
) -> Col:
    """Return the irradiance of a tilted plane [W/m2] under an isotropic sky, ground albedo .25.

    Parameters
    ----------
    sun
        Angles, shape (h,).
    ghi_w_m2, dni_w_m2, dhi_w_m2
        Global horizontal, direct normal and diffuse horizontal irradiance, shape (h,) [W/m2].
    tilt_deg, azimuth_deg
        0 is flat, 90 a wall; azimuth clockwise from north, 180 faces south.

    References
    ----------
    B. Liu, R. Jordan, The long-term average performance of flat-plate solar-energy collectors, Solar Energy 7(2), 1963,
    doi 10.1016/0038-092X(63)90006-9.
    """
    beam = dni_w_m2 * np.maximum(cos_incidence(sun, tilt_deg, azimuth_deg), 0.0)
    total: Col = beam + diffuse_on_plane(ghi_w_m2, dhi_w_m2, tilt_deg)
    return total


def cos_incidence(sun: Sun, tilt_deg: float, azimuth_deg: float) -> Col:
    """Return the cosine of the angle between the sun and the normal of a plane, shape (h,) [1]; below 0 behind it."""
    zenith, tilt = np.radians(sun.zenith_deg), np.radians(tilt_deg)
    facing = np.radians(sun.azimuth_deg - azimuth_deg)
    cosine: Col = np.cos(zenith) * np.cos(tilt) + np.sin(zenith) * np.sin(tilt) * np.cos(facing)
    return cosine


def diffuse_on_plane(ghi_w_m2: Col, dhi_w_m2: Col, tilt_deg: float) -> Col:
    """Return what a tilted plane receives from an isotropic sky and from the ground, shape (h,) [W/m2]; `on_plane`'s source."""
    tilt = np.radians(tilt_deg)
    sky, ground = (1.0 + np.cos(tilt)) / 2.0, (1.0 - np.cos(tilt)) / 2.0
    total: Col = dhi_w_m2 * sky + ghi_w_m2 * ALBEDO * ground
    return total


def diffuse_share(clearness: Col) -> Col:
    """Return the diffuse share of horizontal light by its ratio to the light at the top of the atmosphere, any shape.

    References
    ----------
    D. Erbs, S. Klein, J. Duffie, Solar Energy 28(4), 1982, doi 10.1016/0038-092X(82)90302-4.
    """
    k = np.clip(clearness, 0.0, 1.0)
    middle = 0.9511 - 0.1604 * k + 4.388 * k**2 - 16.638 * k**3 + 12.336 * k**4
    share: Col = np.where(k <= 0.22, 1.0 - 0.09 * k, np.where(k <= 0.8, middle, 0.165))
    return share


def on_walls(sun: Sun, ghi_w_m2: Col, dni_w_m2: Col, dhi_w_m2: Col) -> Col:
    """Return the mean irradiance of four walls that face the compass points, shape (h,) [W/m2]."""
    walls = [
        on_plane(sun, ghi_w_m2, dni_w_m2, dhi_w_m2, 90.0, face)
        for face in (0.0, 90.0, 180.0, 270.0)
    ]
    mean: Col = np.mean(walls, axis=0)
    return mean
