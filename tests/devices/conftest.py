"""Small drawn homes for the devices: summer or winter, three days, every home with every device it may have."""

import numpy as np
import pytest
from home_columns import HomeColumns, changed, homes_of

from gridagora.core.device import Setting


def draw_homes(n=12, hours=24 * 8, seed=0, *, heating=False):
    rng = np.random.default_rng(seed)
    hour = np.arange(hours)
    wave = np.sin((hour - 9) / 12 * np.pi)
    t_out = 3 + 6 * wave if heating else 30 + 7 * wave
    sun = np.maximum(np.sin((hour % 24 - 6) / 12 * np.pi), 0) * (hour % 24 < 18)
    ua, hm, cm = rng.uniform(0.15, 0.35, n), rng.uniform(0.6, 1.2, n), rng.uniform(3, 6, n)
    gain = rng.uniform(0.3, 0.6, n)[:, None] + (0.3 if heating else 1.2) * sun
    battery = np.arange(n) % 3 == 0
    cars = n // 2
    cop = 2.5 + np.zeros(hours) if heating else 3.6 - 0.05 * (t_out - 30)
    arrive = 17 * 3600 + rng.integers(0, 120, cars) * 60
    columns = HomeColumns(
        home_id=tuple(f"home-{i}" for i in range(n)),
        load_kw=rng.uniform(0.2, 1.5, (n, hours)),
        draw_kwh=rng.uniform(0, 1.0, (n, hours)) * (rng.random((n, hours)) < 0.3),
        draw_set_kwh=rng.uniform(0, 0.5, (n, 7, 24)),
        t_set_degc=rng.uniform(21, 24, n)[:, None] + np.zeros(hours),
        heating=np.full((n, hours), heating),
        ua_kw_k=ua,
        hm_kw_k=hm,
        ca_kwh_k=np.full(n, 0.56),
        cm_kwh_k=cm,
        q_air_kw=ua[:, None] * t_out + 0.5 * gain,
        q_mass_kw=0.5 * gain,
        cool_kw=1.4 * (ua * 18 + 1.5),
        heat_kw=1.4 * ua * 26,
        cop=np.tile(cop, (n, 1)),
        pv_kw=4.0 * sun * (np.arange(n) % 2 == 0)[:, None],
        battery_kwh=13.5 * battery,
        battery_kw=5.0 * battery,
        battery_efficiency=np.full(n, 0.95),
        tank_kwh_k=np.where(np.arange(n) % 4 < 3, 0.22, 0.0),
        tank_ua_kw_k=np.full(n, 1.055e-3),
        tank_kw=np.full(n, 4.5),
        ev_home=np.arange(cars),
        ev_arrive_s=arrive,
        ev_depart_s=arrive + 12 * 3600,
        ev_need_kwh=rng.uniform(5, 20, cars),
        ev_kw=np.full(cars, 7.2),
    )
    return homes_of(columns)


@pytest.fixture(scope="session")
def homes():
    return draw_homes()


@pytest.fixture(scope="session")
def winter():
    return draw_homes(heating=True)


@pytest.fixture(scope="session")
def mixed():
    """Homes that heat until noon and cool from then on, in a spring of 10 to 24 degC with a high sun."""
    homes, warm_half = draw_homes(), np.arange(24 * 8) % 24 >= 12
    spring = homes.owned["hvac"]
    cop = np.where(warm_half, spring.cop, 2.5)
    colder = spring.ua_kw_k[:, None] * 13.0
    heating = np.broadcast_to(~warm_half, cop.shape)
    return changed(homes, "hvac", heating=heating, q_air_kw=spring.q_air_kw - colder, cop=cop)


def same_rows(whole, rows, part):
    """Whether `part` is the given rows of a table of stores, bit for bit."""
    pairs = zip(whole._asdict().items(), part, strict=True)
    return all(
        np.array_equal(column if name == "dt_h" else column[rows], other)
        for (name, column), other in pairs
    )


@pytest.fixture(scope="session")
def rows_of():
    return same_rows


def plain_homes(n=2, hours=50, owned=None, **columns):
    """Homes alike and at rest: 1 kW of load, nothing owned but a unit that heats and cools, all at 24 degC."""
    wide, one, no = np.ones((n, hours)), np.ones(n), np.zeros(0)
    made = HomeColumns(
        home_id=tuple(f"home-{i}" for i in range(n)),
        load_kw=wide,
        draw_kwh=0 * wide,
        draw_set_kwh=np.zeros((n, 2, 24)),
        t_set_degc=24 * wide,
        heating=np.full((n, hours), False),
        ua_kw_k=0.2 * one,
        hm_kw_k=0.8 * one,
        ca_kwh_k=0.5 * one,
        cm_kwh_k=4 * one,
        q_air_kw=0.2 * 24 * wide,
        q_mass_kw=0 * wide,
        cool_kw=6 * one,
        heat_kw=4.5 * one,
        cop=3 * wide,
        pv_kw=0 * wide,
        battery_kwh=0 * one,
        battery_kw=0 * one,
        battery_efficiency=0.9 * one,
        tank_kwh_k=0 * one,
        tank_ua_kw_k=0.001 * one,
        tank_kw=4.5 * one,
        ev_home=no.astype(np.int64),
        ev_arrive_s=no.astype(np.int64),
        ev_depart_s=no.astype(np.int64),
        ev_need_kwh=no,
        ev_kw=no,
    )
    homes = homes_of(made._replace(**columns))
    return homes._replace(owned={**homes.owned, **(owned or {})})


@pytest.fixture(scope="session")
def plain():
    """Return the function that makes plain homes."""
    return plain_homes


@pytest.fixture(scope="session")
def setting_of():
    """Return the function that makes the setting of a run of some homes."""

    def setting(homes, *, dispatch="continuous", rest_min=3, known=True, dt_h=1 / 12):
        hours = homes.load_kw.shape[1]
        one = np.zeros(len(homes.home_id), np.int64)
        return Setting(
            homes, np.arange(hours) % 24, dt_h, 0.05, 0.072, dispatch, rest_min, known, one
        )

    return setting
