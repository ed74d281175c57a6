"""Solar panels: every link of the PVWatts chain against pvlib, and the whole chain by month."""

from pathlib import Path

import numpy as np
import pandas as pd
import pvlib
import pytest

from gridagora.core.device import People
from gridagora.core.tables import Homes, Weather
from gridagora.devices import pv as pv_device
from gridagora.population import photovoltaic as pv
from gridagora.sources import synthetic, weather

CLOSE = pvlib.temperature.TEMPERATURE_MODEL_PARAMETERS["sapm"]["close_mount_glass_glass"]


def test_ac_power_is_pvwatts() -> None:
    sun, cell = np.linspace(1, 1200, 50), np.linspace(10, 60, 50)
    dc = pvlib.pvsystem.pvwatts_dc(sun, cell, 6.0, pv.POWER_PER_K) * (1 - 0.14)
    assert pv.ac_kw(sun, 6.0, cell) == pytest.approx(
        pvlib.inverter.pvwatts(dc, 5.0 / 0.96, 0.96), rel=1e-12
    )


def test_no_sun_no_power_and_no_power_beyond_the_inverter() -> None:
    out = pv.ac_kw(np.array([0.0, 500.0, 1500.0]), 6.0, 0.0)
    assert out[0] == 0
    assert 2.4 < out[1] < 3.0
    assert out[2] == 5.0
    assert not pv.ac_kw(np.array([0.0, 800.0]), 0.0).any()


def test_cells_on_a_roof_are_as_warm_as_the_sandia_model_says() -> None:
    light, air, wind = np.meshgrid([0.0, 300.0, 1000.0], [-20.0, 10.0, 40.0], [0.0, 2.0, 12.0])
    assert pv.cell_degc(light, air, wind) == pytest.approx(
        pvlib.temperature.sapm_cell(light, air, wind, **CLOSE), rel=1e-12
    )


def test_glass_turns_light_away_as_the_physical_model_says() -> None:
    angle = np.linspace(0.0, 89.9, 50)
    assert pv.beam_through_glass(np.cos(np.radians(angle))) == pytest.approx(
        pvlib.iam.physical(angle), rel=1e-6
    )
    assert not pv.beam_through_glass(np.array([0.0, -0.5])).any()


def _by_month(
    sky: Weather, place: tuple[float, float], tilt: float, face: float, utc_h: float
) -> tuple[pd.Series, pd.Series]:
    """Our energy of each month and pvlib's PVWatts chain on the same irradiance [kWh/kW]."""
    hours = pd.to_datetime(sky.start_s + 3600 * np.arange(len(sky.t_out_degc)), unit="s", utc=True)
    sun = pvlib.solarposition.get_solarposition(hours + pd.Timedelta("30min"), *place)
    zenith, azimuth = sun["apparent_zenith"].to_numpy(), sun["azimuth"].to_numpy()
    light = pvlib.irradiance.get_total_irradiance(
        tilt, face, zenith, azimuth, sky.dni_w_m2, sky.ghi_w_m2, sky.dhi_w_m2, albedo=0.25
    )
    through = pvlib.iam.physical(pvlib.irradiance.aoi(tilt, face, zenith, azimuth))
    cell = pvlib.temperature.sapm_cell(light["poa_global"], sky.t_out_degc, sky.wind_m_s, **CLOSE)
    dc = pvlib.pvsystem.pvwatts_dc(
        light["poa_direct"] * through + light["poa_diffuse"], cell, 1.0, -0.0035
    )
    ac = pvlib.inverter.pvwatts(dc * (1 - 0.14), 1.0 / 1.2 / 0.96)
    month = (hours + pd.Timedelta(hours=utc_h)).month
    return pd.Series(pv.available_kw(sky, 1.0, tilt, face)).groupby(month).sum(), pd.Series(
        ac
    ).groupby(month).sum()


@pytest.mark.parametrize("facing", [(25.0, 180.0), (40.0, 90.0), (10.0, 0.0)])
def test_energy_by_month_is_that_of_the_library_under_a_drawn_sky(
    facing: tuple[float, float],
) -> None:
    """Within 0.5 %; cells at 25 degC all year would be 17 % off in July."""
    sky = synthetic.weather(3, int(pd.Timestamp("2018-01-01T06:00Z").timestamp()), 364)
    ours, theirs = _by_month(sky, synthetic.AUSTIN, *facing, -6.0)
    assert np.abs(ours / theirs - 1).max() < 0.005


def test_homes_get_what_the_library_gives() -> None:
    """All links reach the column of a home: 4 % without the inverter, 14 % without the other losses."""
    sky = synthetic.weather(3, int(pd.Timestamp("2018-01-01T06:00Z").timestamp()), 364)
    homes = Homes(("a", "b", "c"), np.zeros((3, len(sky.t_out_degc))))
    laid = pv_device.draw(
        pv_device.PvKeys(share=1.0, kw=4.0, tilt_deg=30.0, azimuth_deg=200.0), People(homes, sky, 1)
    )
    _, theirs = _by_month(sky, synthetic.AUSTIN, 30.0, 200.0, -6.0)
    assert laid.owned["pv"].available_kw.sum(1) == pytest.approx(
        4.0 * np.full(3, theirs.sum()), rel=0.005
    )


def test_energy_by_month_is_that_of_the_library_in_austin(data_dir: Path) -> None:
    year = weather.tmy3(data_dir / "weather" / "TX-Austin_Mueller_Municipal_Ap.tmy3")
    start_s = int(pd.Timestamp("2018-01-01T06:00Z").timestamp())
    ours, theirs = _by_month(
        weather.window(year, start_s, 8760), (30.29, -97.74), 25.0, 180.0, -6.0
    )
    assert np.abs(ours / theirs - 1).max() < 0.005
    assert ours.sum() == pytest.approx(1292, abs=30)  # kWh of a kW in a year


def test_heat_and_still_air_cost_power() -> None:
    sky = Weather(
        0, *(np.full(3, value) for value in (10.0, 900.0, 800.0, 120.0, 20.0, 180.0, 5.0))
    )
    warm = sky._replace(t_out_degc=np.full(3, 40.0))
    calm = sky._replace(wind_m_s=np.zeros(3))
    cool_kw, warm_kw, calm_kw = (
        pv.available_kw(each, 4.0, 25.0, 180.0)[0] for each in (sky, warm, calm)
    )
    assert warm_kw / cool_kw == pytest.approx(
        1 - 0.0035 * 30 / (1 - 0.0035 * (cool_cell(sky) - 25)), abs=0.002
    )
    assert calm_kw < cool_kw


def cool_cell(sky: Weather) -> float:
    """Cell temperature in the first hour; the panel sees nearly 1,000 W/m2."""
    return float(pv.cell_degc(np.array([905.0]), sky.t_out_degc[:1], sky.wind_m_s[:1])[0])


@pytest.mark.parametrize(("latitude", "azimuth"), [(52.0, 180.0), (-33.0, 0.0), (0.0, 180.0)])
def test_panels_face_the_equator(latitude: float, azimuth: float) -> None:
    assert pv.towards_equator_deg(latitude) == azimuth
