"""Houses of a GridLAB-D model as rows of a table of homes."""

from typing import NamedTuple


class GlmHome(NamedTuple):
    """A house as a row of a table of homes; None where the model does not say."""

    home: str
    meter: str
    floor_m2: float
    ua_kw_k: float
    hm_kw_k: float
    air_kwh_k: float
    mass_kwh_k: float
    aperture_m2: float
    cool_kw: float
    heat_kw: float
    cool_cop: float
    heat_cop: float
    cool_set_degc: float | None
    heat_set_degc: float | None
    water_heater: str
    tank_l: float | None
    tank_kw: float | None
    pv_kw: float | None
    tilt_deg: float | None
    azimuth_deg: float | None
    battery_kwh: float | None
    battery_kw: float | None


class PlacedHome(NamedTuple):
    """A house and the bus at which it stands."""

    home: GlmHome
    bus: str
