"""AC power of solar panels by PVWatts: light on the glass, cell temperature, losses, inverter."""

import numpy as np

from gridagora.core.tables import Col, Weather
from gridagora.population import sun

DC_PER_AC = 1.2
LOSS_SHARE = 0.14
INVERTER_EFFICIENCY = 0.96
REFERENCE_EFFICIENCY = 0.9637
STANDARD_W_M2 = 1000.0
STANDARD_CELL_DEGC = 25.0
POWER_PER_K = -0.0035  # per kelvin of cell temperature: PVWatts module type "premium"
MOUNT_A, MOUNT_B, MOUNT_K = (
    -2.98,
    -0.0471,
    1.0,
)  # a, b and delta T of a glass module close to the roof
GLASS_INDEX, GLASS_PER_M, GLASS_M = (
    1.526,
    4.0,
    0.002,
)  # refraction, extinction and thickness of the cover


def cell_degc(plane_w_m2: Col, t_out_degc: Col, wind_m_s: Col) -> Col:
    """Return the temperature of cells mounted close to a roof [degC], in any shape that its arguments broadcast to.

    Parameters
    ----------
    plane_w_m2
        Irradiance in the plane of the array [W/m2].
    t_out_degc
        Outdoor temperature [degC].
    wind_m_s
        Wind at 10 m [m/s].

    References
    ----------
    D. King, W. Boyson, J. Kratochvil, Photovoltaic Array Performance Model, SAND2004-3535, Sandia, 2004, equations 11 and 12,
    table 1, "glass/cell/glass, close roof mount"; doi 10.2172/919131.
    """
    back = plane_w_m2 * np.exp(MOUNT_A + MOUNT_B * wind_m_s) + t_out_degc
    cell: Col = back + plane_w_m2 / STANDARD_W_M2 * MOUNT_K
    return cell


def beam_through_glass(cos_incidence: Col) -> Col:
    """Return the share of direct light that glass lets through, over that at normal incidence, at cosines in any shape.

    References
    ----------
    W. De Soto, S. Klein, W. Beckman, Improvement and validation of a model for photovoltaic array performance, Solar Energy 80,
    2006, doi 10.1016/j.solener.2005.06.010, equations 11 to 13.
    """
    cosine = np.clip(cos_incidence, 1e-6, 1.0 - 1e-12)
    inner = np.sqrt(1.0 - (1.0 - cosine**2) / GLASS_INDEX**2)  # cosine of the refracted angle
    across = ((cosine - GLASS_INDEX * inner) / (cosine + GLASS_INDEX * inner)) ** 2
    along = ((inner - GLASS_INDEX * cosine) / (inner + GLASS_INDEX * cosine)) ** 2
    straight = (1.0 - ((1.0 - GLASS_INDEX) / (1.0 + GLASS_INDEX)) ** 2) * np.exp(
        -GLASS_PER_M * GLASS_M
    )
    passed: Col = np.exp(-GLASS_PER_M * GLASS_M / inner) * (1.0 - 0.5 * (across + along)) / straight
    return np.where(np.asarray(cos_incidence) > 0, passed, 0.0)


def ac_kw(
    plane_w_m2: Col,
    dc_kw: Col | float,
    t_cell_degc: Col | float = STANDARD_CELL_DEGC,
    dc_per_ac: float = DC_PER_AC,
) -> Col:
    """Return the AC power of arrays by PVWatts [kW], in any shape that its arguments broadcast to.

    DC power in proportion to the irradiance on the array and falling with cell temperature, system losses of 14 %, then an
    inverter of 96 % with its part-load curve, cut at its rating of dc_kw / dc_per_ac.

    Parameters
    ----------
    plane_w_m2
        Irradiance on the cells [W/m2].
    dc_kw
        Rated DC power [kW].
    t_cell_degc
        Cell temperature [degC]; the standard 25 leaves the power as rated.
    dc_per_ac
        DC rating over AC rating.

    References
    ----------
    A. P. Dobos, PVWatts version 5 manual, NREL/TP-6A20-62641, 2014, doi 10.2172/1158421.
    """
    rated_ac = np.asarray(dc_kw, float) / dc_per_ac
    warm = 1 + POWER_PER_K * (np.asarray(t_cell_degc, float) - STANDARD_CELL_DEGC)
    dc = np.maximum(
        np.asarray(plane_w_m2, float) / STANDARD_W_M2 * dc_kw * warm * (1 - LOSS_SHARE), 0.0
    )
    rated_dc = rated_ac / INVERTER_EFFICIENCY
    zeta = np.where(dc > 0, dc / np.where(rated_dc > 0, rated_dc, 1.0), 1.0)
    efficiency = (
        INVERTER_EFFICIENCY / REFERENCE_EFFICIENCY * (-0.0162 * zeta - 0.0059 / zeta + 0.9858)
    )
    return np.clip(efficiency * dc, 0.0, rated_ac)


def available_kw(
    weather: Weather,
    dc_kw: Col | float,
    tilt_deg: float,
    azimuth_deg: float,
    dc_per_ac: float = DC_PER_AC,
) -> Col:
    """AC power that panels could make in each hour of a weather, shape (h,) for one rating [kW].

    Parameters
    ----------
    weather
        h hours.
    dc_kw
        Rated DC power [kW].
    tilt_deg, azimuth_deg
        0 is flat, 90 a wall; azimuth clockwise from north, 180 faces south.
    dc_per_ac
        DC rating over AC rating.
    """
    cosine = sun.cos_incidence(
        sun.Sun(weather.zenith_deg, weather.azimuth_deg), tilt_deg, azimuth_deg
    )
    beam = weather.dni_w_m2 * np.maximum(cosine, 0.0)
    diffuse = sun.diffuse_on_plane(weather.ghi_w_m2, weather.dhi_w_m2, tilt_deg)
    cell = cell_degc(beam + diffuse, weather.t_out_degc, weather.wind_m_s)
    return ac_kw(beam * beam_through_glass(cosine) + diffuse, dc_kw, cell, dc_per_ac)


def towards_sun_deg(weather: Weather) -> float:
    """Return the azimuth of panels that face the equator where only the sun tells which side that is: south or north [deg]."""
    noon = int(np.argmin(weather.zenith_deg))
    return 180.0 if 90.0 <= weather.azimuth_deg[noon] % 360.0 <= 270.0 else 0.0


def towards_equator_deg(latitude_deg: float) -> float:
    """Return the azimuth of panels that face the equator: south in the north, north in the south [deg]."""
    return 180.0 if latitude_deg >= 0 else 0.0
