"""What the outdoors does to a house, hour by hour: air and its slow followers, wind, sun on four surfaces, and the cold sky."""

from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Index, Weather
from gridagora.kernels.stores.lag import filter_lag
from gridagora.population import sun

STEFAN_BOLTZMANN = 5.670374e-8  # W/(m2 K4)
ENVELOPE_H = 5.0  # lag of the heat that comes through walls and attic
DAY_H = 24.0  # of heavy parts
GROUND_H = 720.0  # of the soil below a slab
SETTLE_H = 1440  # hours before the first one that start the lags: the last of the series, as in a year that closes
USUAL_WIND_M_S = 3.5  # where a weather file is not looked at for wind


class Exposure(NamedTuple):
    """Wind and infrared radiation from the sky on a level surface, shape (t,) each."""

    wind_m_s: Col
    longwave_w_m2: Col


class Outdoors(NamedTuple):
    """Shape (t,) each. Irradiance in kW/m2; `sky_kw_m2` is what a level surface at air temperature gains from the sky."""

    t_out_degc: Col
    t_envelope_degc: Col  # the air after `ENVELOPE_H`
    t_day_degc: Col  # after `DAY_H`
    t_ground_degc: Col  # after `GROUND_H`
    wind_m_s: Col
    east_kw_m2: Col
    south_kw_m2: Col
    west_kw_m2: Col  # after `ENVELOPE_H`, as is the roof
    roof_kw_m2: Col
    sky_kw_m2: Col

    def at(self, hours: Index) -> "Outdoors":
        """Return some hours, shape (h,)."""
        return Outdoors(*(column[hours] for column in self))


def low_pass(x: Col, tau_h: Col | float) -> Col:
    """Return hourly means (n, h) [any unit] after a first-order lag of tau_h (n,) [h]; other axes than the last broadcast."""
    keep = np.exp(-1.0 / np.asarray(tau_h, dtype=float))
    rows = np.broadcast_shapes(x.shape[:-1], keep.shape)
    series = np.ascontiguousarray(np.broadcast_to(x, rows + x.shape[-1:]), dtype=float).reshape(
        -1, x.shape[-1]
    )
    followed: Col = filter_lag(series, np.broadcast_to(keep, rows).ravel()).reshape(
        rows + x.shape[-1:]
    )
    return followed


def outdoors(year: Weather, exposure: Exposure | None = None) -> Outdoors:
    """Return the drives of a weather series, shape (t,); without `exposure` wind is the usual one and the sky as warm as the air.

    Sources: net radiation to the sky and sol-air temperature, ASHRAE Handbook of Fundamentals, ch. 18.
    """
    angles = sun.Sun(year.zenith_deg, year.azimuth_deg)
    light = (year.ghi_w_m2, year.dni_w_m2, year.dhi_w_m2)
    east, south, west = (
        sun.on_plane(angles, *light, 90.0, face) / 1000.0 for face in (90.0, 180.0, 270.0)
    )
    air = year.t_out_degc
    wind, gained = np.full(len(air), USUAL_WIND_M_S), np.zeros(len(air))
    if exposure is not None:
        wind = exposure.wind_m_s
        gained = (exposure.longwave_w_m2 - STEFAN_BOLTZMANN * (air + 273.15) ** 4) / 1000.0
    return Outdoors(
        t_out_degc=air,
        t_envelope_degc=_lagged(air, ENVELOPE_H),
        t_day_degc=_lagged(air, DAY_H),
        t_ground_degc=_lagged(air, GROUND_H),
        wind_m_s=wind,
        east_kw_m2=east,
        south_kw_m2=south,
        west_kw_m2=_lagged(west, ENVELOPE_H),
        roof_kw_m2=_lagged(year.ghi_w_m2 / 1000.0, ENVELOPE_H),
        sky_kw_m2=_lagged(gained, ENVELOPE_H),
    )


def replace_unknown(sky: Weather, seen: Outdoors) -> Outdoors:
    """Return the drives of a weather of which wind and sky radiation are not known: they are those of `seen`, in the mean."""
    about, hours = outdoors(sky), len(sky.t_out_degc)
    wind = np.sqrt(np.mean(seen.wind_m_s**2))
    return about._replace(
        wind_m_s=np.full(hours, wind), sky_kw_m2=np.full(hours, seen.sky_kw_m2.mean())
    )


def _lagged(x: Col, tau_h: float) -> Col:
    before = x[-min(SETTLE_H, len(x)) :]
    lagged: Col = low_pass(np.concatenate([before, x]), tau_h)[len(before) :]
    return lagged
