"""Weather years: hours land where the sun is, and a file that is off is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.core.tables import Weather
from gridagora.population import sun
from gridagora.sources import weather

TRAVIS = Path("loads") / "travis_county_tx_100homes_amy2018"
MUELLER = Path("weather") / "TX-Austin_Mueller_Municipal_Ap.tmy3"


def _epw(path: Path, *, late_h: int = 0, drop: int = 0, year: int = 2018) -> Path:
    """Write a made-up Austin year whose light is `late_h` hours late."""
    start = int(pd.Timestamp(f"{year}-01-01T06:00Z").timestamp())
    angles = sun.position(start + 3600 * np.arange(8760) + 1800, 30.3, -97.7)
    ghi = np.roll(900.0 * np.clip(np.cos(np.radians(angles.zenith_deg)), 0.0, None), late_h)
    lines = ["LOCATION,Austin,TX,USA,made,722544,30.3,-97.7,-6.0,198.0", *["HEADER"] * 7]
    for hour in range(8760 - drop):
        day = np.datetime64(f"{year}-01-01") + hour // 24
        field = [*str(day).split("-"), str(hour % 24 + 1), *["0"] * 31]
        field[6], field[13] = str(hour / 500), f"{ghi[hour]:.2f}"
        lines.append(",".join(field))
    path.write_text("\n".join(lines))
    return path


def test_sun_agrees_with_the_solar_library() -> None:
    solarposition = pytest.importorskip("pvlib").solarposition
    time_s = 1514786400 + 3600 * np.arange(0, 8760, 7) + 1800
    ours = sun.position(time_s, 30.3, -97.7)
    theirs = solarposition.get_solarposition(
        pd.to_datetime(time_s, unit="s", utc=True), 30.3, -97.7
    )
    assert np.abs(ours.zenith_deg - theirs["zenith"].to_numpy()).max() < 0.02
    low = theirs["zenith"].to_numpy() > 5.0  # near the zenith an azimuth means little
    turn = (ours.azimuth_deg - theirs["azimuth"].to_numpy() + 180.0) % 360.0 - 180.0
    assert np.abs(turn[low]).max() < 0.1


def test_plane_of_array_agrees_with_the_solar_library() -> None:
    irradiance = pytest.importorskip("pvlib").irradiance
    angles = sun.Sun(np.array([20.0, 55.0, 80.0]), np.array([150.0, 230.0, 95.0]))
    ghi, dni, dhi = (
        np.array([900.0, 500.0, 100.0]),
        np.array([800.0, 600.0, 200.0]),
        np.array([120.0, 150.0, 65.0]),
    )
    for tilt, face in ((25.0, 180.0), (90.0, 270.0), (0.0, 180.0)):
        theirs = irradiance.get_total_irradiance(
            tilt, face, angles.zenith_deg, angles.azimuth_deg, dni, ghi, dhi
        )["poa_global"]
        assert np.allclose(sun.on_plane(angles, ghi, dni, dhi, tilt, face), theirs, rtol=1e-9)


def test_flat_plane_receives_the_horizontal_irradiance() -> None:
    angles = sun.Sun(np.array([30.0]), np.array([120.0]))
    dni, dhi = np.array([700.0]), np.array([100.0])
    ghi = dni * np.cos(np.radians(30.0)) + dhi
    assert sun.on_plane(angles, ghi, dni, dhi, 0.0, 180.0)[0] == pytest.approx(ghi[0])


def test_epw_hour_one_starts_at_local_midnight(tmp_path: Path) -> None:
    year = weather.epw(_epw(tmp_path / "a.epw")).weather
    assert year.start_s == int(pd.Timestamp("2018-01-01T06:00Z").timestamp())
    assert year.t_out_degc[0] == 0.0
    assert year.t_out_degc[-1] == pytest.approx(8759 / 500)


@pytest.mark.parametrize("late_h", [-1, 1, 6])
def test_light_that_is_off_by_an_hour_is_refused(tmp_path: Path, late_h: int) -> None:
    with pytest.raises(InputError, match="early" if late_h < 0 else "late"):
        weather.epw(_epw(tmp_path / "a.epw", late_h=late_h))


def test_light_at_night_names_the_hour(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"W/m2 at night"):
        weather.epw(_epw(tmp_path / "a.epw", late_h=6))


def test_missing_rows_and_figures_are_told_together(tmp_path: Path) -> None:
    path = _epw(tmp_path / "a.epw", drop=3)
    lines = path.read_text().splitlines()
    for at, column, text in ((108, 6, "99.9"), (109, 6, "x"), (120, 13, "9999")):
        field = lines[at].split(",")
        field[column] = text
        lines[at] = ",".join(field)
    path.write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        weather.epw(path)
    text = str(caught.value)
    assert "8757 hours" in text
    assert (
        "line 109, column 'dry-bulb temperature, the 7th': got '99.9', expected a number from -90 to 60 degC. So in 2 rows"
        in text
    )
    assert "line 121, column 'global horizontal radiation, the 14th': got '9999'" in text


def test_a_run_over_new_year_goes_round_and_dates_are_those_of_the_run(tmp_path: Path) -> None:
    year = weather.epw(_epw(tmp_path / "a.epw"))
    from_s = int(pd.Timestamp("2031-12-31T18:00Z").timestamp())
    part = weather.window(year, from_s, 20, 7200)
    assert part.start_s == 7200
    assert part.t_out_degc[11] == pytest.approx(8759 / 500)
    assert part.t_out_degc[12] == 0.0
    with pytest.raises(InputError, match="a full hour of the weather"):
        weather.window(year, from_s + 60, 20)


def _lit_at_noon(year: Weather) -> None:
    by_hour = year.ghi_w_m2.reshape(-1, 24).mean(axis=0)
    high = np.cos(np.radians(year.zenith_deg)).reshape(-1, 24).mean(axis=0)
    assert abs(int(by_hour.argmax()) - int(high.argmax())) <= 1
    assert year.ghi_w_m2[year.zenith_deg > 97.0].max() < 5.0


def test_real_years_shine_by_day(data_dir: Path) -> None:
    csv, epw = (
        weather.amy(data_dir / TRAVIS).weather,
        weather.epw(data_dir / TRAVIS / "weather.epw").weather,
    )
    typical = weather.tmy3(data_dir / MUELLER).weather
    for year in (csv, epw, typical):
        assert year.t_out_degc.shape == (8760,)
        assert pd.Timestamp(year.start_s, unit="s").strftime("%m-%d %H") == "01-01 06"
        _lit_at_noon(year)
    assert np.allclose(csv.t_out_degc, epw.t_out_degc, atol=0.06)
    assert (
        np.abs(csv.ghi_w_m2 - epw.ghi_w_m2).mean() < 8.0
    )  # made from beam and diffuse, against the figure in the file
    # the file's hours are means of samples at :00 and :30, so its own figure comes back with the sun at a quarter past
    quarter = sun.position(epw.start_s + 3600 * np.arange(8760) + 900, 30.32, -97.77).zenith_deg
    made = epw.dni_w_m2 * np.clip(np.cos(np.radians(quarter)), 0.0, None) + epw.dhi_w_m2
    assert np.abs(made - epw.ghi_w_m2).mean() < 1.5
    assert typical.t_out_degc.mean() == pytest.approx(20.5, abs=0.05)


def test_absent_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        weather.amy(tmp_path)


def test_the_half_hourly_file_of_2016_is_read_by_date(data_dir: Path) -> None:
    """Its rows leave out 29 February and global light; the mean of its air is 20.28 degC."""
    year = weather.nsrdb(data_dir / "weather" / "NSRDB_PSM_2016_672038_29.81_-97.94_2016.csv")
    assert year.weather.t_out_degc.shape == (8760,)
    assert year.weather.t_out_degc.mean() == pytest.approx(20.28, abs=0.01)
    leap_day = int(pd.Timestamp("2024-02-29T06:00Z").timestamp())
    day, before = weather.window(year, leap_day, 24), weather.window(year, leap_day - 86400, 24)
    assert np.array_equal(day.t_out_degc, before.t_out_degc)
    assert "29 February is not in the file: 28 February again" in weather.describe_rows(
        year, leap_day, 1
    )
    _lit_at_noon(year.weather)
