"""A seeded Texas without files: weather, ERCOT-like prices and a population of homes."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gridagora.core.registry import register
from gridagora.core.rng import stream
from gridagora.core.tables import LEAD_H, TAIL_H, Col, Flag, Homes, Index, Prices, Weather
from gridagora.population import heat_pump, sun
from gridagora.population.charging import Sessions
from gridagora.population.hot_water import PAST_DAYS, tanks

HOUR_S, DAY_H = 3600, 24
AUSTIN, UTC_H = (30.3, -97.7), -6
SPIN_UP_H = 240
YEAR_H = 365.2422 * 24
YEAR_START_S = 1514764800  # 1 January 2018, the phase of the seasons

# Sky: three hourly states of the ratio of light to a clear sky; transitions, means, spreads and persistence fitted to the
# hours with the sun 6 degrees up of the Austin Mueller TMY3 year.
SKY_NEXT = np.array([[0.76, 0.21, 0.03], [0.15, 0.61, 0.24], [0.02, 0.20, 0.78]])
SKY_MEAN, SKY_SPREAD, SKY_KEEP = (
    np.array([0.287, 0.696, 0.944]),
    np.array([0.073, 0.113, 0.056]),
    np.array([0.61, 0.22, 0.70]),
)
SKY_USUAL = 0.70  # mean ratio of a day
# Temperature [degC], same source: mean, two harmonics of the year, two of the day, how clear skies widen the day, AR(1) residual.
T_MEAN, T_YEAR, T_DAY = 20.5, (-8.04, -2.33, -0.70, -0.06), (-3.07, -3.02, 0.54, 0.68)
WIND_M_S = 2.0  # of every hour; only cell temperature knows it
T_CLEAR, T_KEEP, T_SPREAD = (0.16, -4.11, -4.27), 0.971, 3.4

# Day-ahead price by local standard hour [$/MWh]: medians of HB_HUBAVG 2024, July-August, January-February, April-May.
SUMMER = np.array(
    [
        17,
        17,
        16,
        17,
        18,
        19,
        17,
        14,
        14,
        17,
        20,
        25,
        28,
        29,
        31,
        33,
        33,
        36,
        49,
        48,
        29,
        24,
        21,
        19.0,
    ]
)
WINTER = np.array(
    [
        16,
        15,
        15,
        15,
        16,
        20,
        25,
        28,
        20,
        15,
        14,
        12,
        11,
        11,
        11,
        12,
        15,
        28,
        35,
        26,
        23,
        22,
        19,
        17.0,
    ]
)
SPRING = np.array(
    [
        12,
        12,
        13,
        14,
        17,
        19,
        18,
        13,
        12,
        13,
        14,
        16,
        19,
        19,
        21,
        24,
        26,
        29,
        60,
        59,
        28,
        21,
        17,
        14.0,
    ]
)
DAY_SPREAD, DAY_KEEP = 0.30, 0.6  # of the logarithm of a day's level
GAP_SPREAD, GAP_KEEP = 9.0, 0.85  # real time less day ahead [$/MWh], 15 minutes
SPIKE_ODDS, SPIKE_KEEP, SPIKE_SCALE, PRICE_CAP = 0.0016, 0.72, 250.0, 5000.0
SPIKE_MEAN = 2.5  # what spikes add in the mean [$/MWh]
GLUT_ODDS, GLUT_PRICE = 0.10, -6.0  # a sunny hour of a mild day that sells below zero

# House levels of GridLAB-D: roof, wall, floor, door R and window U [US units], air changes, and how often we draw each.
LEVELS = np.array(
    [
        [19, 11, 4, 3, 0.81, 1.5, 0.10],
        [19, 11, 11, 3, 0.81, 1.0, 0.15],
        [30, 11, 11, 3, 0.60, 1.0, 0.25],
        [30, 19, 19, 3, 0.60, 1.0, 0.25],
        [30, 19, 22, 5, 0.47, 0.5, 0.20],
        [48, 22, 30, 11, 0.31, 0.5, 0.05],
    ]
)
BTU_H_KW, F_K = 1 / 3412.142, 1.8  # kW per Btu/h; one kelvin is 1.8 F
M2_PER_SQFT = 0.09290304
UA_UNIT = BTU_H_KW * F_K  # kW/K per Btu/(h F)
# Shapes of a day by local hour: appliances (mean 1) and hot-water taps (relative).
APPLIANCES = np.array(
    [
        0.63,
        0.56,
        0.53,
        0.52,
        0.53,
        0.63,
        0.94,
        1.17,
        1.02,
        0.86,
        0.81,
        0.81,
        0.85,
        0.85,
        0.88,
        0.97,
        1.19,
        1.49,
        1.64,
        1.64,
        1.53,
        1.31,
        1.03,
        0.78,
    ]
)
TAPS = np.array(
    [
        0.4,
        0.2,
        0.2,
        0.2,
        0.5,
        1.6,
        3.2,
        3.4,
        2.4,
        1.6,
        1.3,
        1.1,
        1.0,
        0.9,
        0.8,
        0.9,
        1.2,
        1.8,
        2.3,
        2.3,
        2.0,
        1.6,
        1.2,
        0.8,
    ]
)
NOTHING: Mapping[str, Col] = MappingProxyType({})  # known of houses
DRAWN_AT_ONCE = 256  # homes whose hot water is drawn at a time
COLD_DAY_DEGC = 17.0  # below this mean of a day a home heats


class World(NamedTuple):
    """Weather, prices and homes of one seed."""

    weather: Weather
    prices: Prices
    homes: Homes


class _Houses(NamedTuple):
    """Physics of n drawn houses, (n,) each."""

    ua_kw_k: Col
    hm_kw_k: Col
    ca_kwh_k: Col
    cm_kwh_k: Col
    aperture_m2: Col
    cool_kw: Col
    heat_kw: Col


def texas(seed: int, start_s: int, days: int, count: int) -> World:
    """Draw a week, or any number of days, of a Texan neighbourhood; the same seed gives the same world.

    Its homes own what comes with a house: heating and cooling, and hot water.

    Parameters
    ----------
    seed
        Seed of everything.
    start_s
        Local midnight that opens the run [s UTC].
    days, count
        Length of the run and number of homes.
    """
    sky = weather(seed, start_s, days)
    return World(sky, prices(seed, start_s, days), homes(seed, sky, days, count))


@register("source", "weather.source=synthetic")
def weather(seed: int, start_s: int, days: int, place: tuple[float, float] = AUSTIN) -> Weather:
    """Draw Austin weather: a clear sky times a three-state Markov chain, and temperature tied to it.

    Returns
    -------
    Weather
        H = 24 days + 25 hours; a longer run begins with the same hours.

    References
    ----------
    B. Haurwitz, Insolation in relation to cloudiness and cloud density, J. Meteorology 2, 1945 (clear sky); the diffuse share is
    that of `population.sun.diffuse_share`.
    """
    hours = SPIN_UP_H + DAY_H * days + TAIL_H
    hour = start_s // HOUR_S - SPIN_UP_H + np.arange(hours)
    draws = stream(seed, "weather").random((hours, 1))[:, 0]
    noise = stream(seed, "weather noise").standard_normal((hours, 2))
    clear_index = _sky(draws, noise[:, 0])
    angles = sun.position(hour * HOUR_S + HOUR_S // 2, *place)
    height = np.cos(np.radians(angles.zenith_deg))
    up = height > 0.02
    safe = np.where(up, height, 1.0)
    ghi = np.where(up, clear_index * 1098.0 * safe * np.exp(-0.057 / safe), 0.0)
    dhi = ghi * sun.diffuse_share(ghi / (1361.0 * safe))
    dni = np.where(height > 0.07, (ghi - dhi) / safe, 0.0)
    dhi = ghi - dni * np.where(up, height, 0.0)
    t_out = _temperature(hour, clear_index, noise[:, 1])
    cut = slice(SPIN_UP_H, None)
    light = (ghi[cut], dni[cut], dhi[cut], angles.zenith_deg[cut], angles.azimuth_deg[cut])
    return Weather(start_s, t_out[cut], *light, np.full(hours - SPIN_UP_H, WIND_M_S))


def _sky(draws: Col, noise: Col) -> Col:
    """Clear-sky index of each hour."""
    ladder = np.cumsum(SKY_NEXT, axis=1)
    state, inside = 2, 0.0
    index = np.empty(len(draws))
    for hour, draw in enumerate(draws):
        state = min(int(np.searchsorted(ladder[state], draw)), 2)
        keep = SKY_KEEP[state]
        inside = keep * inside + np.sqrt(1.0 - keep**2) * noise[hour]
        index[hour] = SKY_MEAN[state] + SKY_SPREAD[state] * inside
    held: Col = np.clip(index, 0.05, 1.1)
    return held


def _season(hour: Index) -> Col:
    """Phase of the year, 0 on 1 January local standard time [rad]."""
    return np.asarray(
        2.0 * np.pi * ((hour - YEAR_START_S // HOUR_S + UTC_H) % YEAR_H) / YEAR_H, dtype=np.float64
    )


def _temperature(hour: Index, clear_index: Col, noise: Col) -> Col:
    year, day = _season(hour), 2.0 * np.pi * (((hour + UTC_H) % DAY_H) + 0.5) / DAY_H
    size = len(hour) // DAY_H * DAY_H
    mean = clear_index[:size].reshape(-1, DAY_H).mean(axis=1) - SKY_USUAL
    clear = np.append(np.repeat(mean, DAY_H), np.full(len(hour) - size, mean[-1]))
    slow = (
        T_YEAR[0] * np.cos(year)
        + T_YEAR[1] * np.sin(year)
        + T_YEAR[2] * np.cos(2 * year)
        + T_YEAR[3] * np.sin(2 * year)
    )
    fast = (
        T_DAY[0] * np.cos(day)
        + T_DAY[1] * np.sin(day)
        + T_DAY[2] * np.cos(2 * day)
        + T_DAY[3] * np.sin(2 * day)
    )
    tied = clear * (T_CLEAR[0] + T_CLEAR[1] * np.cos(day) + T_CLEAR[2] * np.sin(day))
    # summers are steadier than winters: the residual of the fit is a third smaller there
    total: Col = (
        T_MEAN + slow + fast + tied + _ar1(noise, T_KEEP, T_SPREAD) * (1.0 + 0.35 * np.cos(year))
    )
    return total


def _ar1(noise: Col, keep: float, spread: float) -> Col:
    """Stationary first-order autoregression along the first axis."""
    y = np.empty_like(noise)
    y[0] = spread * noise[0]
    for row in range(1, len(noise)):
        y[row] = keep * y[row - 1] + np.sqrt(1.0 - keep**2) * spread * noise[row]
    return y


@register("source", "prices.source=synthetic")
def prices(seed: int, start_s: int, days: int) -> Prices:
    """Draw ERCOT-like prices: a day-ahead shape by season and hour, and real time around it.

    Real time spikes rarely, mostly in the evening, and falls below zero in some sunny hours.

    Returns
    -------
    Prices
        From 48 h before the start to 25 h after the end.
    """
    hours = LEAD_H + DAY_H * days + TAIL_H
    hour = start_s // HOUR_S - LEAD_H + np.arange(hours)
    of_day, year = (hour + UTC_H) % DAY_H, _season(hour)
    warm, cold = np.clip(-np.cos(year + 0.35), 0.0, 1.0), np.clip(np.cos(year + 0.1), 0.0, 1.0)
    mild = np.clip(1.0 - warm - cold, 0.0, 1.0)
    shape = (warm * SUMMER[of_day] + cold * WINTER[of_day] + mild * SPRING[of_day]) / (
        warm + cold + mild
    )
    level = np.exp(
        _ar1(stream(seed, "price days").standard_normal(hours // DAY_H + 1), DAY_KEEP, DAY_SPREAD)
    )
    ahead = (
        shape
        * level[np.arange(hours) // DAY_H]
        * np.exp(0.06 * stream(seed, "price hours").standard_normal(hours))
    )
    draws, noise = (
        stream(seed, "price odds").random((4 * hours, 3)),
        stream(seed, "price gaps").standard_normal(4 * hours),
    )
    base = np.repeat(ahead, 4)
    gap = _ar1(noise, GAP_KEEP, GAP_SPREAD) * np.sqrt(base / 25.0)
    tight = np.repeat(np.where((of_day >= 16) & (of_day <= 20), 4.0, 0.3), 4)
    jump = np.where(
        draws[:, 0] < SPIKE_ODDS * tight,
        SPIKE_SCALE * (np.maximum(draws[:, 1], 1e-3) ** -0.7 - 0.9),
        0.0,
    )
    sunny = np.repeat((of_day >= 9) & (of_day <= 14), 4)
    glut = sunny & np.repeat(
        stream(seed, "price glut").random(hours) < GLUT_ODDS * (0.3 + 0.7 * mild), 4
    )
    real = (
        base + gap + _decay(jump) - SPIKE_MEAN
    )  # else real time would be dearer than day ahead all year
    real = np.where(glut, GLUT_PRICE + 0.3 * gap, real)
    return Prices(start_s, ahead / 1000.0, np.clip(real, -250.0, PRICE_CAP) / 1000.0)


def _decay(jump: Col) -> Col:
    level, out = 0.0, np.empty_like(jump)
    for row, up in enumerate(jump):
        level = SPIKE_KEEP * level + up
        out[row] = level
    return out


@register("source", "homes.source=synthetic")
def homes(
    seed: int,
    sky: Weather,
    days: int,
    count: int,
    *,
    home_id: Sequence[str] | None = None,
    house: Mapping[str, Col] = NOTHING,
) -> Homes:
    """Draw homes under a given weather: house levels of GridLAB-D, appliances, hot water and set points.

    Parameters
    ----------
    seed
        Seed; each home has its own streams, so that a larger population begins with the same homes.
    sky
        Weather of H = 24 days + 25 hours.
    days, count
        Length of the run and number of homes.
    home_id
        Their names, (count,), which key their streams; left out: home-0001 and so on.
    house
        What is known of their houses, by `sources.members.HOUSE`, shape (count,) each, in the unit of its name; nan is drawn.

    References
    ----------
    GridLAB-D residential module, house_e (D. Chassin et al., 2008, doi 10.1109/TDC.2008.4517254): levels and formulas.
    """
    hours = len(sky.t_out_degc)
    home_id = tuple(home_id or (f"home-{row + 1:04d}" for row in range(count)))
    draws = np.stack([stream(seed, "house", home).random(12) for home in home_id])
    built = _houses(draws, house)
    of_day = (
        np.arange(hours) % DAY_H
    )  # people live by the clock, and the run opens at their midnight
    load = _appliances(seed, home_id, draws, of_day)
    taps = _hot_water(
        seed, home_id, draws, np.concatenate([np.tile(np.arange(DAY_H), PAST_DAYS), of_day])
    )
    past = PAST_DAYS * DAY_H
    heating, t_set = _set_points(draws, sky, of_day, house)
    angles = sun.Sun(sky.zenith_deg, sky.azimuth_deg)
    walls = sun.on_walls(angles, sky.ghi_w_m2, sky.dni_w_m2, sky.dhi_w_m2) / 1000.0
    gain = (
        built.aperture_m2[:, None] * walls
        + 0.9 * load
        + (0.07 * (1.0 + 3.0 * draws[:, 9]))[:, None]
    )
    cop = np.where(heating, _heating_cop(house, sky), _cooling_cop(house, sky))
    units = heat_pump.HeatPumps(
        home=np.arange(count),
        t_set_degc=t_set,
        heating=heating,
        ua_kw_k=built.ua_kw_k,
        hm_kw_k=built.hm_kw_k,
        ca_kwh_k=built.ca_kwh_k,
        cm_kwh_k=built.cm_kwh_k,
        q_air_kw=built.ua_kw_k[:, None] * sky.t_out_degc + 0.5 * gain,
        q_mass_kw=0.5 * gain,
        cool_kw=built.cool_kw,
        heat_kw=built.heat_kw,
        cop=cop,
        fit_error=np.full(count, np.nan),
    )
    heaters = tanks(np.ones(count, dtype=np.bool_), taps[:, past:], taps[:, :past])
    return Homes(home_id, load, owned={"hvac": units, "water_heater": heaters})


def _known(house: Mapping[str, Col], name: str, drawn: Col) -> Col:
    """Return a column where it is known, else as it is drawn, (n,)."""
    return np.where(np.isfinite(house[name]), house[name], drawn) if name in house else drawn


def _cooling_cop(house: Mapping[str, Col], sky: Weather) -> Col:
    """Return the performance of cooling by hour, (n, H) or (H,) [1]."""
    if "cool_cop" not in house:
        return heat_pump.cooling_cop(sky.t_out_degc)
    rated = _known(house, "cool_cop", np.full(1, heat_pump.COOL_RATED))
    return heat_pump.cooling_cop(sky.t_out_degc, rated[:, None])


def _heating_cop(house: Mapping[str, Col], sky: Weather) -> Col:
    """Return the performance of heating by hour, (n, H) or (H,) [1]; one of 1 is that of resistances in any weather."""
    if "heat_cop" not in house:
        return heat_pump.heating_cop(sky.t_out_degc)
    rated = _known(house, "heat_cop", np.full(1, heat_pump.HEAT_RATED))[:, None]
    moved = heat_pump.heating_cop(sky.t_out_degc, rated)
    return np.where(rated == 1.0, 1.0, moved)


def _houses(draws: Col, known: Mapping[str, Col] = NOTHING) -> _Houses:
    """Floor area, integrity level and the formulas of house_e, in SI, where nothing else is known."""
    level = LEVELS[
        np.minimum(np.searchsorted(np.cumsum(LEVELS[:, 6]), draws[:, 0]), len(LEVELS) - 1)
    ]
    roof, wall, floor, door, window, changes = level[:, :6].T
    area = 1200.0 + 1800.0 * draws[:, 1]  # sf, one storey
    if "floor_m2" in known:
        area = _known({"floor_m2": known["floor_m2"] / M2_PER_SQFT}, "floor_m2", area)
    side = np.sqrt(area / 1.5)
    walls = 2.0 * 2.5 * side * 8.0
    doors = 4.0 * 19.5
    glass = 0.15 * walls
    air_lb = 0.0735 * area * 8.0
    net = walls - glass - doors
    ua = (
        area / roof
        + area / floor
        + net / wall
        + glass * window
        + doors / door
        + changes * area * 8.0 * 0.0735 * 0.2402
    )
    hm = 1.46 * (net + 1.5 * walls + area)
    ca = 3.0 * 0.2402 * air_lb
    cm = 2.0 * area - 2.0 * 0.2402 * air_lb
    aperture = glass * 0.0929 * 0.67 * (0.4 + 0.3 * draws[:, 2])
    ua_kw_k = _known(known, "ua_kw_k", ua * UA_UNIT)
    aperture = _known(known, "aperture_m2", aperture)
    cool = (1.1 + 0.4 * draws[:, 3]) * 1.3 * (ua_kw_k * 14.0 + 0.6 * aperture + 0.9)
    return _Houses(
        ua_kw_k,
        _known(known, "hm_kw_k", hm * UA_UNIT),
        _known(known, "air_kwh_k", ca * UA_UNIT),
        _known(known, "mass_kwh_k", cm * UA_UNIT),
        aperture,
        _known(known, "cool_kw", cool),
        _known(known, "heat_kw", (1.1 + 0.3 * draws[:, 3]) * ua_kw_k * 24.0),
    )


def _appliances(seed: int, home_id: tuple[str, ...], draws: Col, of_day: Index) -> Col:
    """Hourly appliances: a common shape moved by up to an hour, a base, and bursts with a long tail."""
    mean_kw = 0.25 + 0.9 * draws[:, 4] ** 1.5
    moved = (
        of_day[None, :]
        + np.where(draws[:, 5] < 0.3, 1, 0)[:, None]
        - np.where(draws[:, 5] > 0.8, 1, 0)[:, None]
    ) % DAY_H
    bursts = np.stack(
        [stream(seed, "appliances", home).gamma(2.0, 0.5, len(of_day)) for home in home_id]
    )
    return mean_kw[:, None] * (0.35 + 0.65 * APPLIANCES[moved] * bursts)


def _hot_water(seed: int, home_id: tuple[str, ...], draws: Col, of_day: Index) -> Col:
    """Hourly hot water as heat: few draws, each exponential, with the homes' own daily need of 3 to 9 kWh."""
    daily_kwh = 3.0 + 6.0 * draws[:, 6]
    odds = np.minimum(0.85, TAPS / TAPS.sum() * 5.0)[of_day]
    taps, shape = np.empty((len(home_id), len(of_day))), (len(of_day), 2)
    for start in range(0, len(home_id), DRAWN_AT_ONCE):
        at = slice(start, start + DRAWN_AT_ONCE)
        both = np.stack([stream(seed, "hot water", home).random(shape) for home in home_id[at]])
        size = -np.log1p(-both[:, :, 1]) * (daily_kwh[at] / 5.0)[:, None]
        taps[at] = np.where(both[:, :, 0] < odds, size, 0.0)
    return taps


def _set_points(
    draws: Col, sky: Weather, of_day: Index, house: Mapping[str, Col]
) -> tuple[Flag, Col]:
    """Heating days, and set points with a night setting in four homes of ten; one that is known holds day and night."""
    day = np.minimum(np.arange(len(of_day)), len(of_day) - TAIL_H) // DAY_H
    mean = np.bincount(day, sky.t_out_degc) / np.bincount(day)
    cold = (mean < COLD_DAY_DEGC)[day]
    level = np.where(cold, 20.0, 23.3) + (2.2 * (draws[:, 7] - 0.5))[:, None]
    night = np.where((of_day >= 22) | (of_day < 6), np.where(cold, -1.5, 1.0), 0.0)
    t_set = level + np.where(draws[:, 8] < 0.4, 1.0, 0.0)[:, None] * night
    for name, mode in (("cool_set_degc", ~cold), ("heat_set_degc", cold)):
        if name in house:
            said = np.isfinite(house[name])[:, None] & mode
            t_set = np.where(said, house[name][:, None], t_set)
    return np.broadcast_to(cold, t_set.shape).copy(), t_set


def sessions(seed: int) -> Sessions:
    """Draw evening plug-ins for a night, 4 to 40 kWh."""
    pick = stream(seed, "sessions")
    arrive = np.clip(pick.normal(17.6, 2.6, 400), 6.0, 23.5) * HOUR_S
    stay = np.clip(pick.normal(12.3, 2.8, 400), 4.0, 20.0) * HOUR_S
    energy = np.clip(pick.gamma(2.4, 5.0, 400), 3.0, 40.0)
    return Sessions(
        arrive.astype(np.int64),
        stay.astype(np.int64),
        np.minimum(energy, 6.0 * stay / HOUR_S),
        0.5,
        is_measured=False,
    )
