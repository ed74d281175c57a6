"""Reactive power agreed a day ahead: what midnight knows, one clearing for both horizons, and two settlements that add up."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.errors import InputError, PartError
from gridagora.core.exchange import count_messages
from gridagora.core.network_operator import NetworkRules, RowPrices
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.tables import LEAD_H
from gridagora.markets.layered import Layered
from gridagora.results.reactive_market import WITH, AgreedAhead
from gridagora.run import compare as runs
from gridagora.run.evaluate import evaluate
from gridagora.run.reactive import equip_homes, make_inverters
from gridagora.run.reactive_ahead import (
    AHEAD_ITEM,
    DEVIATION_ITEM,
    Forecast,
    clear_ahead,
    join_forecasts,
    settle_ahead,
)
from gridagora.run.reactive_nodal import NodalTerms, RunPower, by_home, clear_run, nodal_tables
from gridagora.run.reactive_table import reactive_columns, reactive_market_tables
from gridagora.run.simulate import simulate
from gridagora.run.state import wiring_of
from gridagora.scenario import read
from gridagora.scenario.schema import ReactiveKeys
from gridagora.settlement import ledger as books
from gridagora.settlement.parties import Role, row_of, run_parties

HOURS, N, PER = 6, 5, 4
RULES = NetworkRules((1.015, 1.03), RowPrices(100.0, 0.2))
PERIOD = Product(Commodity.Q, 0, 3600 * HOURS, Horizon.REAL_TIME)


def asking(scene, *, day_ahead):
    keys = ReactiveKeys(market="nodal", day_ahead=day_ahead)
    return replace(scene, scenario=scene.scenario.model_copy(update={"reactive": keys}))


@pytest.fixture(scope="module")
def ran(scene, study):
    return simulate(scene.market("layered"), study._replace(keeps_forecasts=True))


@pytest.fixture(scope="module")
def bare(ran, study):
    return evaluate("layered", ran, study)


@pytest.fixture(scope="module")
def settled(scene, study, ran, bare):
    """The same run without and with a market of the day ahead."""
    grid = wiring_of(study).grid
    return [
        runs.add_power_flow(asking(scene, day_ahead=ahead), grid, Layered(), ran, bare)
        for ahead in (False, True)
    ]


def drawn(seed, scale=1.0):
    """Return reactive power and prices of homes by the hour and by the interval."""
    dice = np.random.default_rng(seed)
    q, price = dice.normal(size=(N, HOURS)), dice.normal(0.0, 0.02, (N, HOURS))
    more = dice.normal(0.0, scale, (N, HOURS * PER))
    q[-1] = price[-1] = more[-1] = 0.0  # a home without an inverter
    return q, price, np.repeat(q, PER, 1) + more, dice


def settle(q, price, given, real_time):
    parties = run_parties(tuple(f"h{i}" for i in range(N)))
    found = settle_ahead(parties, AgreedAhead(q, price), given, real_time, PERIOD, 1 / PER)
    return parties, *found


@pytest.mark.parametrize("seed", range(5))
def test_with_equal_prices_the_day_ahead_changes_no_bill(seed):
    q, price, given, _ = drawn(seed)
    parties, ledger, agreed = settle(q, price, given, np.repeat(price, PER, 1))
    real_time = -(given * np.repeat(price, PER, 1)).sum(1) / PER
    np.testing.assert_allclose(agreed.paid_usd + agreed.deviation_usd, real_time, atol=1e-12)
    bills = books.paid_uusd(ledger, len(parties.id))[:N] / 1e6
    np.testing.assert_allclose(-bills, real_time, atol=1.1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_without_a_deviation_only_the_day_ahead_price_pays(seed):
    q, price, given, dice = drawn(seed, scale=0.0)
    *_, agreed = settle(q, price, given, dice.normal(size=given.shape))
    assert agreed.deviation_kvarh == 0.0
    assert not agreed.deviation_usd.any()
    np.testing.assert_allclose(agreed.paid_usd, -(q * price).sum(1), atol=1e-12)


def test_the_settlements_sum_to_what_real_time_measured_and_to_zero():
    q, price, given, dice = drawn(0)
    parties, ledger, agreed = settle(q, price, given, dice.normal(0.0, 0.02, given.shape))
    assert books.paid_uusd(ledger, len(parties.id)).sum() == 0
    assert set(ledger.item) == {AHEAD_ITEM, DEVIATION_ITEM}
    assert set(ledger.payer) == {row_of(parties, Role.WIRES)}
    assert set(ledger.commodity) == {Commodity.Q}
    horizon = {item: set(books.only(ledger, item).horizon) for item in (AHEAD_ITEM, DEVIATION_ITEM)}
    assert horizon == {AHEAD_ITEM: {Horizon.DAY_AHEAD}, DEVIATION_ITEM: {Horizon.REAL_TIME}}
    moved = np.bincount(ledger.payee, ledger.quantity_uwh / 1e9, N)
    np.testing.assert_allclose(moved, -given.sum(1) / PER, atol=2e-9)
    beside = given - np.repeat(q, PER, 1)
    assert agreed.deviation_kvarh == pytest.approx(np.abs(beside).sum() / PER)


def test_intervals_that_do_not_tile_hours_are_refused():
    q, price, given, _ = drawn(0)
    with pytest.raises(PartError, match="expected a whole number"):
        settle(q, price, given[:, :-1], given[:, :-1])


def test_midnight_knows_what_was_agreed_of_power_and_what_the_sun_allows(ran, bare, study):
    (day,) = ran.forecasts
    assert (day.hour, day.home_kw.shape) == (0, (10, 24))
    (bound,) = (each for each in ran.positions if each.product.horizon is Horizon.DAY_AHEAD)
    np.testing.assert_array_equal(day.home_kw, bound.p_kw)
    sun = np.asarray(bare.available_kw["pv"]).reshape(10, 24, -1).mean(2)
    np.testing.assert_allclose(-day.kind_kw[ran.track.kinds.index("pv")].T, sun, atol=1e-9)
    assert np.abs(day.kind_kw[ran.track.kinds.index("battery")]).max() > 0.5
    assert day.price_per_kwh.shape == (24,)
    assert day.is_heard.all()
    w = study.wholesale
    assert day.price_per_kwh.mean() > w.prices.day_ahead_per_kwh[LEAD_H : LEAD_H + 24].mean()


def test_forecasts_change_nothing_of_the_run(ran, scene, study):
    plain = simulate(scene.market("layered"), study)
    assert plain.forecasts == ()
    for name in ("home_kw", "battery_kw"):
        both = [np.asarray(each.track.recorder.column(name)) for each in (plain, ran)]
        np.testing.assert_array_equal(*both)
    assert plain.traffic == ran.traffic


def test_the_whole_day_is_agreed_however_far_plans_reach(scene, study, bare):
    """Beyond the horizon a midnight forecasts by a plan of the day that nobody acts on; sun and load are then what they were."""
    short = study._replace(window_h=6)
    plain, kept = (
        simulate(scene.market("layered"), short._replace(keeps_forecasts=keeps))
        for keeps in (False, True)
    )
    power = [np.asarray(each.track.recorder.column("home_kw")) for each in (plain, kept)]
    np.testing.assert_array_equal(*power)
    (day,) = kept.forecasts
    (bound,) = (each for each in kept.positions if each.product.horizon is Horizon.DAY_AHEAD)
    np.testing.assert_array_equal(day.home_kw[:, :6], bound.p_kw[:, :6])
    sun = np.asarray(bare.available_kw["pv"]).reshape(10, 24, -1).mean(2)
    np.testing.assert_allclose(-day.kind_kw[kept.track.kinds.index("pv")].T, sun, atol=1e-9)
    beside = day.home_kw - day.kind_kw.sum(0).T
    np.testing.assert_allclose(beside[:, 6:], scene.homes.load_kw[:, 6:24], atol=1e-9)
    outcome = evaluate("layered", kept, short)
    grid = wiring_of(study).grid
    ahead = runs.add_power_flow(asking(scene, day_ahead=True), grid, Layered(), kept, outcome)
    agreed = ahead.reactive_market.ahead
    assert (np.abs(agreed.q_kvar[:, 6:]).sum(0) > 0).mean() > 0.8
    assert ahead.imbalance_uusd == 0


def known_of(ran, hours):
    """Return what a midnight that knows the run would know of some hours."""
    kind = ran.track.kind_kw
    g, t, n = kind.shape
    by_hour = kind.reshape(g, 24, t // 24, n).mean(2)
    home = np.asarray(ran.track.recorder.column("home_kw")).reshape(n, 24, -1).mean(2)
    every = np.ones(n, np.bool_)
    return Forecast(hours, home[:, hours], by_hour[:, hours], np.full(len(hours), 0.1), every)


def with_others(study):
    """Return the grid of a study beside customers whose load rises from hour to hour."""
    wiring = wiring_of(study)
    hours, meters = wiring.other_kw.shape
    return wiring._replace(other_kw=0.2 * np.arange(hours)[:, None] * np.ones(meters))


def ahead_of(ran, study, known):
    period = PERIOD._replace(start_s=study.start_s, duration_s=3600 * 24)
    prices = study.wholesale.prices.day_ahead_per_kwh
    return clear_ahead(with_others(study), known, ran.lived, 1.0, RULES, prices, period)


@pytest.fixture(scope="module")
def foreseen(ran, study):
    return ahead_of(ran, study, known_of(ran, np.arange(24)))


def test_a_day_ahead_that_knows_real_time_clears_as_it_does(ran, study, foreseen):
    known, wiring = known_of(ran, np.arange(24)), with_others(study)
    fleet = equip_homes(ran.lived, 10, known.kind_kw)
    table, p_kw = make_inverters(fleet)
    prices = study.wholesale.prices.day_ahead_per_kwh[LEAD_H : LEAD_H + 24]
    terms = NodalTerms(RULES, prices, known.price_per_kwh, study.start_s, 1.0)
    power = RunPower(known.home_kw, (known.home_kw - fleet.p_kw.sum(0)).clip(min=0))
    found = clear_run(wiring, power, table, p_kw, terms)
    q = by_home(table.home, found.q_kvar, 10)
    np.testing.assert_array_equal(foreseen.agreed.q_kvar, q)
    assert np.abs(q).sum() > 1.0
    np.testing.assert_array_equal(
        foreseen.agreed.price_per_kvarh[table.home], found.price_per_kvarh
    )
    tables = nodal_tables(table, np.abs(p_kw), found.price_per_kvarh, terms, 0)
    assert foreseen.traffic.messages == 24 * sum(count_messages(each) for each in tables)


def test_hours_that_no_plan_reaches_have_no_position(ran, study, foreseen):
    some = ahead_of(ran, study, known_of(ran, np.arange(17, 21))).agreed
    assert not np.delete(some.q_kvar, np.arange(17, 21), axis=1).any()
    rated = max(each.rated_kva.max(initial=0.0) for each in ran.lived)
    near = some.q_kvar[:, 17:21] - foreseen.agreed.q_kvar[:, 17:21]
    assert np.abs(near).max() < 0.02 * rated  # curvature is that of the first interval of all
    assert np.abs(some.q_kvar).max() > 0.1


def test_homes_that_take_no_part_agree_nothing(ran, study):
    known = known_of(ran, np.arange(17, 21))
    fleet, _ = make_inverters(equip_homes(ran.lived, 10, known.kind_kw))
    silent = np.unique(fleet.home)[:2]
    heard = np.isin(np.arange(10), silent, invert=True)
    agreed = ahead_of(ran, study, known._replace(is_heard=heard)).agreed
    assert not agreed.q_kvar[silent].any()
    assert not agreed.price_per_kvarh[silent].any()
    assert agreed.q_kvar.any()
    none = ahead_of(ran, study, known._replace(is_heard=np.zeros(10, np.bool_)))
    assert not none.agreed.q_kvar.any()
    assert none.traffic.messages == 0


def test_more_sun_than_the_rating_leaves_no_room_and_is_no_error(ran, study):
    known = known_of(ran, np.array([12]))
    much = known._replace(kind_kw=known.kind_kw * 10.0)
    agreed = ahead_of(ran, study, much).agreed
    pv, battery = (ran.track.kinds.index(kind) for kind in ("pv", "battery"))
    alone = (known.kind_kw[pv, 0] < -1.0) & ~np.isin(np.arange(10), ran.lived[battery].home)
    assert alone.any()
    assert ahead_of(ran, study, known).agreed.q_kvar[alone].any()
    assert not agreed.q_kvar[alone].any()


def test_a_forecast_that_no_feeder_carries_is_refused(ran, study):
    known = known_of(ran, np.arange(2))
    with pytest.raises(PartError, match="the forecast of a midnight, hour by hour: reactive power"):
        ahead_of(ran, study, known._replace(home_kw=known.home_kw + 1e5))


def test_real_time_clears_as_without_and_money_moves_by_the_positions_alone(settled):
    plain, ahead = settled
    np.testing.assert_array_equal(
        plain.reactive_market.given_kvar, ahead.reactive_market.given_kvar
    )
    np.testing.assert_array_equal(plain.network.losses_kw, ahead.network.losses_kw)
    assert plain.reactive_market.ahead is None
    assert ahead.imbalance_uusd == 0
    side, agreed = ahead.reactive_market, ahead.reactive_market.ahead
    assert np.abs(agreed.q_kvar).sum() > 1.0
    moved = side.paid_usd - plain.reactive_market.paid_usd
    np.testing.assert_allclose(plain.bill_usd - ahead.bill_usd, moved, atol=3e-6)
    held = np.repeat(agreed.q_kvar, round(1 / ahead.dt_h), 1)
    gap = np.repeat(agreed.price_per_kvarh, round(1 / ahead.dt_h), 1) - side.price_per_kvarh
    np.testing.assert_allclose(moved, -(held * gap).sum(1) * ahead.dt_h, atol=1e-9)
    assert ahead.exchange.messages > plain.exchange.messages


def test_tables_tell_what_was_agreed(settled):
    plain, ahead = settled
    table = reactive_market_tables(settled)["reactive_market"]
    rows = table[table["case"] == WITH]
    agreed = ahead.reactive_market.ahead
    assert list(rows["day_ahead_kvarh"]) == [0.0, np.abs(agreed.q_kvar).sum()]
    assert rows["paid_usd"].iloc[1] == pytest.approx(
        rows["day_ahead_usd"].iloc[1] + rows["deviation_usd"].iloc[1]
    )
    assert not table[table["case"] != WITH]["day_ahead_kvarh"].any()
    columns = reactive_columns(ahead.reactive_market)
    per = round(1 / ahead.dt_h)
    np.testing.assert_allclose(
        columns["reactive_ahead_homes_kvar"][::per], agreed.q_kvar.sum(0), atol=1e-12
    )
    assert "reactive_ahead_homes_kvar" not in reactive_columns(plain.reactive_market)


def test_a_design_that_plans_nothing_says_so(scene, study, ran, bare):
    grid, none = wiring_of(study).grid, ran._replace(forecasts=())
    outcome = runs.add_power_flow(asking(scene, day_ahead=True), grid, Layered(), none, bare)
    assert any("not agreed a day ahead" in each for each in outcome.warnings)
    assert outcome.reactive_market.ahead is None


def test_days_are_joined_in_their_order(ran):
    (day,) = ran.forecasts
    both = join_forecasts([day, day._replace(hour=24)])
    assert list(both.hour) == list(range(48))
    assert both.home_kw.shape == (10, 48)
    assert both.kind_kw.shape[1:] == (48, 10)


def test_it_needs_the_market_at_every_meter():
    with pytest.raises(InputError, match="no market at every meter"):
        read.parse("[reactive]\nday_ahead = true\n")
    assert read.parse("[reactive]\nmarket = 'nodal'\nday_ahead = true\n").reactive.day_ahead
