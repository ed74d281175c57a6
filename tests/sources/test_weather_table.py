"""Weather of one's own table: its hours as they are, units of headings, and what no weather is."""

import numpy as np
import pandas as pd
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.population import sun
from gridagora.sources.weather_table import read_weather_table

PLACE = (52.5, 13.4)
START_S = int(pd.Timestamp("2024-06-10", tz="Europe/Berlin").timestamp())
TIMES = pd.date_range("2024-06-10", periods=24 * 6, freq="1h")
CLEAR = np.clip(
    900 * np.cos(np.radians(sun.position(START_S + 1800 + 3600 * np.arange(144), *PLACE)[0])),
    0,
    None,
)
WARM = 15 + 5 * np.sin(np.arange(144) / 24 * 2 * np.pi)


def written(tmp_path, columns, times=TIMES, **options):
    path = tmp_path / "weather.csv"
    pd.DataFrame({"time": times, **columns}).to_csv(path, index=False, **options)
    return path


def read(path, days=5, from_s=None, place=PLACE):
    return read_weather_table(path, START_S, days, "Europe/Berlin", place, from_s)


@pytest.mark.parametrize(
    ("temperature", "light", "wind"),
    [
        (("temperature (°C)", 1, 0), ("ghi (W/m2)", 1), ("wind (m/s)", 1)),
        (("Temp [F]", 9 / 5, 32), ("GHI (kW/m2)", 1e-3), ("Wind speed (km/h)", 3.6)),
        (("air temperature (K)", 1, 273.15), ("shortwave_radiation", 1), ("wind", 1)),
    ],
)
def test_every_unit_gives_the_same_weather(tmp_path, temperature, light, wind):
    columns = {
        temperature[0]: WARM * temperature[1] + temperature[2],
        light[0]: CLEAR * light[1],
        wind[0]: np.full(144, 3.0) * wind[1],
    }
    found = read(written(tmp_path, columns)).weather
    assert found.t_out_degc[:120] == pytest.approx(WARM[:120], abs=1e-6)
    assert found.ghi_w_m2[:120] == pytest.approx(CLEAR[:120], abs=1e-6)
    assert found.wind_m_s == pytest.approx(3.0)
    above = np.cos(np.radians(found.zenith_deg)).clip(0)
    parts = found.dni_w_m2 * above + found.dhi_w_m2
    assert parts == pytest.approx(found.ghi_w_m2, abs=1e-6)


def test_direct_and_diffuse_light_make_the_global(tmp_path):
    columns = {"temperature (°C)": WARM, "dni": CLEAR / 2, "dhi": CLEAR / 4}
    found = read(written(tmp_path, columns))
    above = np.cos(np.radians(found.weather.zenith_deg)).clip(0)
    made = found.weather.dni_w_m2 * above + found.weather.dhi_w_m2
    assert found.weather.ghi_w_m2 == pytest.approx(made)
    assert any("global light made" in note for note in found.notes)
    assert any("2 m/s" in note for note in found.notes)


def test_a_table_that_ends_with_the_run_repeats_its_last_day(tmp_path):
    found = read(written(tmp_path, {"temperature (°C)": WARM, "ghi": CLEAR}), days=6)
    assert found.weather.t_out_degc[144:168] == pytest.approx(WARM[120:144])
    assert found.weather.t_out_degc.shape == (24 * 6 + 25,)
    assert any("the last before it" in note for note in found.notes)


def test_decimal_commas_and_quarters_are_read(tmp_path):
    quarters = pd.date_range("2024-06-10", periods=24 * 6 * 4, freq="15min")
    columns = {"temperature (°C)": np.repeat(WARM, 4), "ghi (W/m²)": np.repeat(CLEAR, 4)}
    found = read(written(tmp_path, columns, quarters, sep=";", decimal=","))
    assert found.weather.t_out_degc[:24] == pytest.approx(WARM[:24], abs=1e-6)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"temperature": WARM, "ghi": CLEAR}, "temperatures without a unit"),
        ({"temperature (°R)": WARM, "ghi": CLEAR}, "the unit '°r'"),
        ({"temperature (°C)": WARM * 9 / 5 + 32, "ghi": CLEAR}, "-90 to 60 degC"),
        ({"temperature (°C)": WARM, "ghi": CLEAR * 10}, "0 to 1500"),
        ({"temperature (°C)": WARM, "ghi": CLEAR / 1000}, "Is it in kW/m2"),
        ({"temperature (°C)": WARM, "ghi": np.roll(CLEAR, 6)}, "at night"),
        ({"temperature (°C)": WARM, "ghi": np.roll(CLEAR, 1)}, "h late against the sun"),
        ({"temperature (°C)": WARM}, "a column 'ghi"),
        ({"ghi": CLEAR}, "a column 'temperature"),
        ({"temperature (°C)": WARM[:48], "ghi": CLEAR[:48]}, "none at 2024-06-11T22:00:00"),
        (
            {"temperature (°C)": np.where(np.arange(144) == 30, np.nan, WARM), "ghi": CLEAR},
            "none at 2024-06-11T04",
        ),
    ],
)
def test_what_is_no_weather_of_the_place_is_refused(tmp_path, columns, said):
    count = len(next(iter(columns.values())))
    with pytest.raises(InputError, match=said):
        read(written(tmp_path, columns, TIMES[:count]))


def test_a_scenario_reads_its_own_weather_and_says_so(tmp_path):
    written(tmp_path, {"temperature (°C)": WARM, "ghi (W/m2)": CLEAR})
    text = (
        '[scenario]\nstart = 2024-06-11\ndays = 2\ntimezone = "Europe/Berlin"\n[feeder]\nsource = "busbar"\n'
        '[homes]\ncount = 3\npv_share = 1.0\n[weather]\nsource = "table"\nfile = "weather.csv"\n'
    )
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(InputError, match="latitude_deg: got nothing") as caught:
        gridagora.load(tmp_path / "s.toml")
    assert "longitude_deg" in str(caught.value)
    (tmp_path / "s.toml").write_text(f"{text}latitude_deg = 52.5\nlongitude_deg = 13.4\n")
    scene = gridagora.load(tmp_path / "s.toml")
    assert scene.weather.t_out_degc[:48] == pytest.approx(WARM[24:72], abs=1e-6)
    assert "split into direct and diffuse by Erbs" in scene.weather_note
    with pytest.raises(InputError, match="latitude_deg"):
        gridagora.load(tmp_path / "s.toml", ["weather.source=synthetic"])
