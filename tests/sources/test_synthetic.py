"""The synthetic world: seeded, shaped as promised, and like Texas where it can be compared."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridagora.core.device import People
from gridagora.core.tables import LEAD_H, TAIL_H, Homes, blocks_of
from gridagora.population.charging import check
from gridagora.scenario import populate as draw
from gridagora.scenario import validate as sound
from gridagora.sources import synthetic, weather

SUMMER, WINTER = (int(pd.Timestamp(f"2024-{month:02d}-15T06:00Z").timestamp()) for month in (7, 1))


def _same(left: object, right: object) -> bool:
    return (
        np.array_equal(left, right, equal_nan=True)
        if isinstance(left, np.ndarray) and left.dtype == float
        else np.array_equal(left, right)
    )


@pytest.mark.parametrize("start_s", [SUMMER, WINTER])
def test_tables_have_the_promised_shapes(start_s: int) -> None:
    sky, price, homes = synthetic.texas(1, start_s, 2, 30)
    hours = 48 + TAIL_H
    assert all(column.shape == (hours,) for column in sky[1:])
    assert price.day_ahead_per_kwh.shape == (LEAD_H + hours,)
    assert price.real_time_per_kwh.shape == (4 * (LEAD_H + hours),)
    assert sky.start_s == price.start_s == start_s
    assert homes.load_kw.shape == (30, hours)
    assert set(homes.owned) == {"hvac", "water_heater"}, "what comes with a house"
    assert not sound.homes(homes, 2, "")
    assert homes.owned["water_heater"].draw_set_kwh.shape == (30, 28, 24)
    assert homes.owned["hvac"].heating.all() == (start_s == WINTER)


def test_the_seed_gives_the_world() -> None:
    one, same, other = (synthetic.texas(seed, SUMMER, 2, 20) for seed in (4, 4, 5))
    assert isinstance(one.homes, Homes)
    drawn, again, anew = (b"".join(blocks_of(each.homes.owned)) for each in (one, same, other))
    assert drawn == again != anew
    for table, again, changed in zip(one[:2], same[:2], other[:2], strict=True):
        assert all(_same(a, b) for a, b in zip(table, again, strict=True))
        assert not all(_same(a, b) for a, b in zip(table, changed, strict=True))


def test_a_longer_run_and_a_larger_street_begin_with_the_same() -> None:
    short, long = synthetic.weather(3, SUMMER, 2), synthetic.weather(3, SUMMER, 5)
    assert np.array_equal(short.ghi_w_m2, long.ghi_w_m2[: len(short.ghi_w_m2)])
    few, many = synthetic.homes(3, short, 2, 10), synthetic.homes(3, short, 2, 25)
    assert np.array_equal(few.load_kw, many.load_kw[:10])
    for kind, name in (
        ("water_heater", "draw_kwh"),
        ("hvac", "q_air_kw"),
        ("hvac", "t_set_degc"),
        ("hvac", "cool_kw"),
    ):
        assert np.array_equal(vars(few.owned[kind])[name], vars(many.owned[kind])[name][:10]), name


def test_shares_are_whole_homes_and_sessions_are_feasible() -> None:
    world = synthetic.texas(2, SUMMER, 3, 20)
    people = People(
        world.homes, world.weather, 2, {"ev": synthetic.sessions(2)}, synthetic.AUSTIN[0]
    )
    owned = draw.devices(
        {"pv": {"share": 0.5}, "battery": {"share": 0.25}, "ev": {"share": 0.6}}, people
    ).owned
    assert len(owned["pv"].home) == 10
    assert len(owned["battery"].home) == 5
    assert 0 < len(np.unique(owned["ev"].home)) <= 12
    assert not check(owned["ev"], world.homes.home_id)
    none = draw.devices({kind: {"share": 0.0} for kind in ("pv", "battery", "ev")}, people).owned
    assert not any(len(none[kind].home) for kind in ("pv", "battery", "ev"))


def test_the_house_of_the_published_table() -> None:
    # theory 1.3: 2500 sf, level "good": UA .302 kW/K, Ca .56, Cm 2.27 kWh/K, Hm 4.82 kW/K
    draws = np.full((1, 12), 0.5)
    draws[0, 0], draws[0, 1] = 0.85, (2500 - 1200) / 1800
    house = synthetic._houses(draws)
    assert house.ua_kw_k[0] == pytest.approx(0.302, abs=0.001)
    assert house.ca_kwh_k[0] == pytest.approx(0.56, abs=0.005)
    assert house.cm_kwh_k[0] == pytest.approx(2.27, abs=0.01)
    assert house.hm_kw_k[0] == pytest.approx(4.82, abs=0.02)


def test_units_can_hold_the_set_point() -> None:
    for start_s in (SUMMER, WINTER):
        homes = synthetic.texas(1, start_s, 7, 60).homes.owned["hvac"]
        steady = homes.q_air_kw + homes.q_mass_kw - homes.ua_kw_k[:, None] * homes.t_set_degc
        need = np.where(homes.heating, -steady, steady)
        capacity = np.where(homes.heating, homes.heat_kw[:, None], homes.cool_kw[:, None])
        assert np.mean(need <= capacity) > 0.97


def test_light_adds_up_and_nights_are_dark() -> None:
    sky = synthetic.weather(1, SUMMER, 30)
    height = np.clip(np.cos(np.radians(sky.zenith_deg)), 0.0, None)
    assert np.allclose(sky.ghi_w_m2, sky.dhi_w_m2 + sky.dni_w_m2 * height, atol=1e-9)
    assert sky.ghi_w_m2[sky.zenith_deg > 90.0].max() == 0.0
    assert sky.dni_w_m2.max() < 1100.0


def test_prices_spike_rarely_and_fall_below_zero_by_day() -> None:
    year = synthetic.prices(1, WINTER, 360)
    real = year.real_time_per_kwh
    assert 0.005 < np.mean(real < 0) < 0.06
    assert 0.0005 < np.mean(real > 0.2) < 0.02
    assert real.max() > 0.5
    assert abs(real.mean() - year.day_ahead_per_kwh.mean()) < 0.006


def test_a_year_is_like_the_typical_one(data_dir: Path) -> None:
    typical = weather.tmy3(data_dir / "weather" / "TX-Austin_Mueller_Municipal_Ap.tmy3").weather
    start = int(pd.Timestamp("2018-01-01T06:00Z").timestamp())
    years = [synthetic.weather(seed, start, 363) for seed in range(3)]
    warm = np.concatenate([year.t_out_degc for year in years])
    assert warm.mean() == pytest.approx(typical.t_out_degc.mean(), abs=0.8)
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    assert np.abs(np.quantile(warm, levels) - np.quantile(typical.t_out_degc, levels)).max() < 2.0
    assert np.corrcoef(warm[1:], warm[:-1])[0, 1] == pytest.approx(
        np.corrcoef(typical.t_out_degc[1:], typical.t_out_degc[:-1])[0, 1], abs=0.02
    )
    daily = [
        np.ptp(t[: len(t) // 24 * 24].reshape(-1, 24), axis=1).mean()
        for t in (warm, typical.t_out_degc)
    ]
    assert daily[0] == pytest.approx(daily[1], abs=1.5)
    light = np.mean([year.ghi_w_m2.mean() for year in years])
    assert light == pytest.approx(typical.ghi_w_m2.mean(), rel=0.06)
    ramp = [np.abs(np.diff(t)).mean() for t in (warm, typical.t_out_degc)]
    assert ramp[0] == pytest.approx(ramp[1], rel=0.35)


def test_the_demo_is_drawn_in_a_blink() -> None:
    synthetic.texas(1, SUMMER, 3, 5)
    begin = time.process_time()
    synthetic.texas(1, SUMMER, 3, 60)
    assert (
        time.process_time() - begin < 1.0
    )  # about .02 s; fifty times that is a mistake, not a slow machine
