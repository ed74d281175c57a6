"""Schedules that try to beat the bound, played through the true physics: none may; and the bound is near what can be reached."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from home_columns import HomeColumns, homes_of

from gridagora.bound.relaxation import BLOCKS_H, Area, Schedule, Worth, answering, bound, gather
from gridagora.core.device import Blocks
from gridagora.core.errors import FAULTS
from gridagora.core.registry import find, names
from gridagora.core.tables import LEAD_H, TAIL_H, Prices, Quality
from gridagora.devices import water_heater
from gridagora.kernels.stores.value import best_response
from gridagora.population import fleet as homes_at
from gridagora.results.outcome import welfare_usd
from gridagora.run.compare import compute_bound
from gridagora.run.evaluate import evaluate
from gridagora.run.forecast import WholesaleTerms
from gridagora.run.played import play_schedule
from gridagora.run.simulate import simulate
from gridagora.run.state import Setup

DAY_H = 24
TANKS = 1  # row of the fleet


def scene(seed: int, *, units_absent: bool = False) -> Setup:
    """Return the study of a random day: winter or summer, spikes of 5 to 20 $/kWh, draws up to 3 kWh an hour."""
    rng = np.random.default_rng(seed)
    n, h = int(rng.integers(1, 5)), DAY_H + TAIL_H
    t = np.arange(h)
    heating = np.repeat(rng.random((n, 1)) < 0.5, h, axis=1)
    if rng.random() < 0.3:  # the mode changes within the day
        heating = heating ^ (t >= rng.integers(4, 20))
    out = np.where(heating, rng.uniform(-5, 12), rng.uniform(27, 38)) + 5 * np.cos(
        (t - 16) / 12 * np.pi
    )
    ua, full = rng.uniform(0.1, 0.4, n), np.ones((n, h))
    has = rng.random((5, n)) < rng.choice(
        [0.0, 0.6, 1.0], (5, 1)
    )  # tank, battery, panels, unit to cool, unit to heat
    has[3:] |= not units_absent or rng.random() < 0.7
    draw = (
        rng.random((n, h))
        * rng.choice([0.3, 2.0, 3.0])
        * (rng.random((n, h)) < rng.uniform(0.2, 1.0))
    )
    cars = int(rng.integers(0, 3))
    arrive = rng.integers(-4 * 3600, DAY_H * 3600, cars)
    stay = rng.integers(600, 9 * 3600, cars)
    tier = np.where(rng.random(n) < 0.5, 1.0, rng.uniform(0.3, 3.0, n))
    homes = HomeColumns(
        home_id=tuple(f"h{i}" for i in range(n)),
        load_kw=rng.uniform(0.1, 1.5, (n, h)),
        draw_kwh=draw,
        draw_set_kwh=np.zeros((n, 7, 24)),
        t_set_degc=np.where(heating, 20.5, 23.5) + rng.uniform(-1, 1, (n, 1)) * full,
        heating=heating,
        ua_kw_k=ua,
        hm_kw_k=rng.uniform(0.4, 1.5, n),
        ca_kwh_k=rng.uniform(0.2, 0.8, n),
        cm_kwh_k=rng.uniform(2, 7, n),
        q_air_kw=ua[:, None] * out + 0.2,
        q_mass_kw=rng.uniform(0.0, 0.6, (n, 1)) * full,
        cool_kw=np.where(has[3], rng.uniform(4, 12, n), 0.0),
        heat_kw=np.where(has[4], rng.uniform(4, 12, n), 0.0),
        cop=rng.uniform(2.2, 4.0, (n, 1)) * full,
        pv_kw=np.where(has[2], rng.uniform(2, 9, n), 0.0)[:, None]
        * np.maximum(0, np.cos((t - 13) / 12 * np.pi)),
        battery_kwh=np.where(has[1], rng.uniform(3, 14, n), 0.0),
        battery_kw=np.where(has[1], rng.uniform(2, 7, n), 0.0),
        battery_efficiency=rng.uniform(0.85, 0.98, n),
        tank_kwh_k=np.where(has[0], rng.choice([0.132, 0.176, 0.22, 0.35], n), 0.0),
        tank_ua_kw_k=np.full(n, 1.055e-3),
        tank_kw=rng.choice([3.2, 3.5, 4.5], n),
        ev_home=np.arange(cars) % n,
        ev_arrive_s=arrive,
        ev_depart_s=arrive + stay,
        ev_need_kwh=np.minimum(rng.uniform(2, 40, cars), 7.2 * 0.9 * stay / 3600),
        ev_kw=np.full(cars, 7.2),
        quality=Quality(tier, np.zeros(n, np.int64), tier[::-1].copy(), np.zeros(n), 1.0),
    )
    quarter = np.arange(4 * (LEAD_H + h)) / 4 - LEAD_H
    price = rng.uniform(0.01, 0.06) + 0.02 * rng.standard_normal(len(quarter))
    if rng.random() < 0.4:  # below zero around noon
        price -= rng.uniform(0.05, 0.3) * (np.abs(quarter % 24 - 13) < rng.uniform(1, 4))
    for _ in range(int(rng.integers(0, 3))):
        start = rng.choice([22.0, rng.integers(0, 90) / 4])
        price += rng.uniform(5, 20) * (
            (quarter >= start) & (quarter < start + rng.integers(1, 13) / 4)
        )
    limit = rng.choice([np.inf, rng.uniform(2, 6) * n])
    credit = rng.choice([0.0, 0.0, 0.02, -0.02, 0.08])
    return studied(
        homes,
        price,
        limit_kw=limit,
        credit=credit,
        dt_h=float(rng.choice([1 / 12, 1 / 12, 0.25])),
        other_kw=rng.choice([0.0, 4.0, -4.0]) * rng.random(h),
    )


def studied(
    homes: HomeColumns, price: np.ndarray, *, limit_kw=np.inf, credit=0.0, dt_h=1 / 12, other_kw=0.0
) -> Setup:
    """Return the study of one day at a price of every quarter of an hour, with units of any power and all things known."""
    prices = Prices(0, price.reshape(-1, 4).mean(1), price)
    wholesale = WholesaleTerms(prices, 0.045, credit, limit_kw, 1.0, perfect=True, draws_known=True)
    hours = np.arange(homes.load_kw.shape[1]) % 24
    baseline, other = (
        np.ones((len(homes.home_id), round(DAY_H / dt_h))),
        other_kw * np.ones(len(hours)),
    )
    return Setup(
        homes_of(homes),
        1,
        0,
        hours,
        wholesale,
        0.05,
        0.072,
        dt_h,
        24,
        "continuous",
        baseline,
        other,
    )


def as_scene(study: Setup) -> SimpleNamespace:
    """Return what the yardstick reads of a scene."""
    return SimpleNamespace(homes=study.homes, prices=study.wholesale.prices)


def terms(
    study: Setup, **worth: object
) -> tuple[homes_at.Fleet, np.ndarray, Prices, dict[str, object]]:
    """Return devices, load, prices and keys of the bound of a study, with some terms of its worth replaced."""
    w = study.wholesale
    known = {"rule": study.rule, "draws_known": True}
    fleet = homes_at.make_fleet(
        study.homes,
        study.local_hour,
        study.comfort_per_k2_h,
        study.reference_per_kwh,
        study.dt_h,
        **known,
    )
    own = {"export_credit_per_kwh": w.export_credit_per_kwh} | worth
    keys = {
        "hours": DAY_H,
        "limit_kw": w.limit_kw,
        "worth": Worth(**own),
        "other_kw": study.other_kw,
    }
    return fleet, study.homes.load_kw, w.prices, keys


def parts(study: Setup) -> Area:
    """Return the answering parts of a study, as its yardstick has them."""
    fleet, load_kw, prices, keys = terms(study)
    return gather(fleet, load_kw, prices, **keys)


def answers(study: Setup, price: np.ndarray) -> Schedule:
    """Return the best answer of every device to a price (96,); tanks by five minutes."""
    area = parts(study)
    p = answering(area, 1)(price).p_kw
    found = [p[rows] for rows in area.slices]
    group = terms(study)[0].of_kind("water_heater")
    left = (
        float(np.mean(study.wholesale.prices.real_time_per_kwh[4 * LEAD_H :][: len(price)])) + 0.045
    )
    table = water_heater.stepped(
        group.table, group.tanks, Blocks(BLOCKS_H, np.repeat(np.arange(DAY_H), BLOCKS_H), 15, left)
    )
    minute = np.repeat(price, 15)
    water = best_response(table, minute, minute).p_kw
    found[TANKS] = water.reshape(len(water), DAY_H * 12, 5).mean(2)
    return tuple(found)


def welfare(study: Setup, schedule: Schedule) -> float:
    """Return what a schedule earns in the true physics."""
    return welfare_usd(play_schedule(study, schedule))


def searched(study: Setup, schedule: Schedule, moves: int, seed: int = 0) -> float:
    """Return the most that random moves of a schedule earn: power shifted in time, scaled, or set anew for some blocks."""
    rng = np.random.default_rng(seed)
    best = welfare(study, schedule)
    for _ in range(moves):
        kind = int(rng.integers(len(schedule)))
        column = schedule[kind]
        if not len(column):
            continue
        row, b = int(rng.integers(len(column))), column.shape[1]
        at, length = int(rng.integers(b)), int(rng.integers(1, b // 6))
        tried = column.copy()
        span = slice(at, min(at + length, b))
        way = rng.integers(3)
        if way == 0:
            tried[row, span] = np.roll(column[row], int(rng.integers(-4, 5)))[span]
        elif way == 1:
            tried[row, span] *= rng.uniform(0.0, 2.0)
        else:
            tried[row, span] += rng.uniform(-1.0, 1.0) * (column[row].max() + 0.5)
        candidate = (*schedule[:kind], tried, *schedule[kind + 1 :])
        got = welfare(study, candidate)
        if got > best:
            best, schedule = got, candidate
    return best


def above(got: float, top: float) -> float:
    """By how much a welfare lies above a bound, over what rounding may do."""
    return got - top - 1e-9 * abs(top)


def designs(study: Setup, chosen: list[str]) -> list[float]:
    """Return the welfare of runs of designs with perfect information; one that cannot run such homes is left out."""
    found = []
    for name in chosen:
        try:
            found.append(
                welfare_usd(evaluate(name, simulate(find("market", name)(), study), study))
            )
        except FAULTS:
            continue
    return found


def worst(seed: int, moves: int, chosen: list[str]) -> float:
    """Return how far the best of all attempts of a scene is above its bound [$]."""
    study = scene(seed, units_absent=seed % 4 == 0)
    top = compute_bound(as_scene(study), study)
    area = parts(study)
    tried = [top.feasible_usd, searched(study, top.mix, moves, seed)]
    tried += [
        welfare(study, answers(study, price))
        for price in (area.supply.buy_per_kwh, top.price_per_kwh)
    ]
    tried += designs(study, chosen)
    assert np.isfinite(top.welfare_usd)
    assert top.gap_usd == top.welfare_usd - top.feasible_usd
    return above(max(tried), top.welfare_usd)


@pytest.mark.parametrize("seed", range(1, 13))
def test_no_attempt_beats_the_bound(seed):
    assert worst(seed, 3, ["flat", "rtp"] if seed % 3 == 0 else []) <= 0.0


@pytest.mark.long
@pytest.mark.parametrize("block", range(20))
def test_no_attempt_beats_the_bound_in_six_hundred_scenes(block):
    """Every thirtieth scene is also run by every design."""
    for seed in range(1000 + 30 * block, 1030 + 30 * block):
        assert (
            worst(
                seed,
                20,
                names("market") if seed % 30 == 0 else ["flat", "rtp"] if seed % 5 == 0 else [],
            )
            <= 0.0
        ), seed


SPIKES = [
    (1, 5.0, 22, 24, 2.5),
    (3, 4.9, 21, 24, 2.0),
    (3, 20.0, 21, 24, 3.0),
    (3, 20.0, 17, 20, 3.0),
]


@pytest.mark.parametrize(("count", "spike", "begin", "end", "draw"), SPIKES)
def test_tanks_that_fall_through_a_spike_stay_below_and_come_near(count, spike, begin, end, draw):
    """Tanks that pay for cold water at the end of a quarter of an hour only put the bound .02 to 1.1 $ below such schedules."""
    study = studied(plain(count, tank=True, draw=draw), spiked(0.04, spike, begin, end))
    top = compute_bound(as_scene(study), study)
    area = parts(study)
    got = max(top.feasible_usd, welfare(study, answers(study, area.supply.buy_per_kwh)))
    assert above(got, top.welfare_usd) <= 0.0
    assert top.welfare_usd - got < 0.012


def plain(count: int = 1, *, tank: bool = False, draw: float = 0.0, **columns) -> HomeColumns:
    """Return like homes with air conditioning in a hot day, with tanks of 50 gallons or none; columns replace others."""
    h = DAY_H + TAIL_H
    full = np.ones((count, h))
    out = 31 + 5 * np.cos((np.arange(h) - 16) / 12 * np.pi)
    ua = np.linspace(0.15, 0.3, count)
    none = np.zeros(0, np.int64)
    homes = HomeColumns(
        home_id=tuple(f"h{i}" for i in range(count)),
        load_kw=0.5 * full,
        draw_kwh=draw * full,
        draw_set_kwh=np.zeros((count, 7, 24)),
        t_set_degc=23.0 * full,
        heating=np.zeros((count, h), bool),
        ua_kw_k=ua,
        hm_kw_k=np.full(count, 0.8),
        ca_kwh_k=np.full(count, 0.56),
        cm_kwh_k=np.full(count, 4.0),
        q_air_kw=ua[:, None] * out + 0.2,
        q_mass_kw=0.2 * full,
        cool_kw=np.full(count, 8.0),
        heat_kw=np.full(count, 8.0),
        cop=3.2 * full,
        pv_kw=0.0 * full,
        battery_kwh=np.zeros(count),
        battery_kw=np.full(count, 5.0),
        battery_efficiency=np.full(count, 0.95),
        tank_kwh_k=np.full(count, 0.22 * tank),
        tank_ua_kw_k=np.full(count, 1.055e-3),
        tank_kw=np.full(count, 4.5),
        ev_home=none,
        ev_arrive_s=none,
        ev_depart_s=none,
        ev_need_kwh=np.zeros(0),
        ev_kw=np.zeros(0),
    )
    return homes._replace(**columns)


def spiked(price: float, spike: float = 0.0, begin: float = 0.0, end: float = 0.0) -> np.ndarray:
    """Return a price of every quarter of an hour, with a spike between two hours of the day of the run."""
    hour = np.arange(4 * (LEAD_H + DAY_H + TAIL_H)) / 4 - LEAD_H
    return price + spike * ((hour >= begin) & (hour < end))


def wrong_device(fleet: homes_at.Fleet, kind: str, change) -> homes_at.Fleet:
    """Return a fleet whose group of a kind has another table."""
    groups = (
        replace(g, table=change(g.table)) if g.about.kind == kind else g for g in fleet.groups
    )
    return replace(fleet, groups=tuple(groups))


def near(study: Setup, wrong: object) -> tuple[float, float]:
    """Return how far the bound lies above the best schedule found, and how far one with other terms would [$]."""
    fleet, load_kw, prices, keys = terms(study, **(wrong if isinstance(wrong, dict) else {}))
    fleet = fleet if isinstance(wrong, dict) else wrong(fleet)
    top, other, area = (
        compute_bound(as_scene(study), study),
        bound(fleet, load_kw, prices, **keys),
        parts(study),
    )
    got = max(top.feasible_usd, welfare(study, answers(study, area.supply.buy_per_kwh)))
    return top.welfare_usd - got, other.welfare_usd - got


CAR = {
    "ev_home": np.array([0]),
    "ev_arrive_s": np.array([21 * 3600 + 420]),
    "ev_depart_s": np.array([23 * 3600 + 240]),
    "ev_need_kwh": np.array([12.0]),
    "ev_kw": np.array([7.2]),
}
TIER = Quality(np.ones(1), np.zeros(1, np.int64), np.full(1, 2.0), np.zeros(1), 1.0)
SUN = 6.0 * np.maximum(0.0, np.cos((np.arange(DAY_H + TAIL_H) - 13) / 12 * np.pi))[None]


def colder(fleet):
    return wrong_device(
        fleet, "water_heater", lambda t: replace(t, control=t.control._replace(t_min_degc=40.0))
    )


def half_cold(fleet):
    return wrong_device(
        fleet, "water_heater", lambda t: replace(t, discomfort_per_k2_h=t.discomfort_per_k2_h / 2)
    )


def half_comfort(fleet):
    return wrong_device(
        fleet, "hvac", lambda t: replace(t, comfort_per_k2_h=t.comfort_per_k2_h / 2)
    )


def unworn(fleet):
    return wrong_device(fleet, "battery", lambda t: replace(t, wear_per_kwh=0.0))


def empty(fleet):
    return wrong_device(fleet, "ev", lambda t: replace(t, missing_per_kwh=0.0 * t.missing_per_kwh))


def emptier(fleet):
    groups = (
        replace(g, e_kwh=0.6 * g.e_kwh) if g.about.kind == "battery" else g for g in fleet.groups
    )
    return replace(fleet, groups=tuple(groups))


WRONG = {
    "delivery is forgotten": (
        plain(tank=True, draw=0.3),
        (0.04, 0.0, 0, 0),
        {"delivery_per_kwh": 0.0},
    ),
    "water may fall to 40": (plain(tank=True, draw=2.5), (0.04, 5.0, 20, 24), colder),
    "cold water costs half": (plain(tank=True, draw=2.5), (0.04, 5.0, 20, 24), half_cold),
    "export credit has the other sign": (
        plain(pv_kw=SUN),
        (0.04, 0.0, 0, 0),
        {"export_credit_per_kwh": -0.02},
    ),
    "wear has the other sign": (plain(battery_kwh=np.full(1, 13.5)), (0.04, 0.3, 17, 21), unworn),
    "cars leave empty for free": (plain(**CAR), (0.04, 5.0, 21, 24), empty),
    "comfort of a tier is forgotten": (plain(quality=TIER), (0.04, 1.0, 14, 20), half_comfort),
    "tier of hot water is forgotten": (
        plain(tank=True, draw=2.5, quality=TIER),
        (0.04, 5.0, 20, 24),
        half_cold,
    ),
    "exported above the limit is free": (
        plain(cool_kw=np.zeros(1)),
        (0.04, 0.0, 0, 0),
        {"over_per_kwh": 0.0},
    ),
    "left in stores is free": (plain(battery_kwh=np.full(1, 13.5)), (0.04, 0.0, 0, 0), emptier),
}


WITH = {"exported above the limit is free": {"other_kw": -5.0, "limit_kw": 3.0}}


@pytest.mark.parametrize("case", WRONG)
def test_the_bound_is_reached_and_a_wrong_term_would_show(case):
    """One home without a limit: the bound is the value of its best schedule, so every term of it stands in the distance."""
    homes, price, wrong_term = WRONG[case]
    right, wrong = near(
        studied(homes, spiked(*price), credit=0.02, **WITH.get(case, {})), wrong_term
    )
    assert -1e-9 <= right < 0.02
    assert not -0.02 < wrong < 0.04


def test_without_any_unit_the_bound_is_finite_and_reached():
    study = studied(plain(2, cool_kw=np.zeros(2), heat_kw=np.zeros(2)), spiked(0.04, 5.0, 20, 22))
    assert np.isfinite(compute_bound(as_scene(study), study).welfare_usd)


def test_a_car_that_charges_for_part_of_a_block_stays_below_the_chord_of_export_dearer_than_import():
    """It draws its whole charger in an interval beside a tank that is on then only: more than the mean of a block can reach."""
    count, h = 96, DAY_H + TAIL_H
    begin = 900 * np.arange(count)
    homes = plain(cool_kw=np.zeros(1), heat_kw=np.zeros(1), tank=True, draw=1.45)._replace(
        load_kw=np.zeros((1, h)),
        pv_kw=np.full((1, h), 2.0),
        tank_kwh_k=np.full(1, 0.35),
        ev_home=np.zeros(count, np.int64),
        ev_arrive_s=begin,
        ev_depart_s=begin + 300,
        ev_need_kwh=np.full(count, 0.539),
        ev_kw=np.full(count, 7.2),
    )
    study = studied(homes, spiked(0.05), credit=0.4)
    tank, car = np.zeros((1, 3 * count)), np.zeros((count, count))
    tank[0, ::3], car[np.arange(count), np.arange(count)] = 4.5, 7.2 / 3
    none = np.zeros((1, count))
    outcome = play_schedule(study, (none, tank, none[:0], car, none - 2.0))
    assert welfare_usd(outcome) <= compute_bound(as_scene(study), study).welfare_usd
