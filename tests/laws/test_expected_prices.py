"""Laws of what homes expect of local trade: it is learned from hours that have ended, and stays between the supplier's prices."""

import numpy as np
import pytest

from gridagora.core.exchange import Status, tender
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import Baseline, MessageCount, Opening, SupplyOffer, drive
from gridagora.kernels.curves.curve import curves
from gridagora.markets.auction import Auction
from gridagora.mechanisms.expected_prices import (
    APART,
    expect_import_price,
    expected_per_kwh,
    learn_hour,
    observe_trades,
)
from gridagora.results.outcome import welfare_usd
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate, simulate_runs
from gridagora.run.step import Run
from gridagora.scenario import build, read

BUY, SELL, DAY_H = 0.25, 0.05, 24
NOON = 12


def baseline(days: int = 3, first_hour: int = 0, scale: float = 1.0) -> Baseline:
    """Return a baseline of intervals of half an hour."""
    hours = np.repeat((first_hour + np.arange(DAY_H * (days + 1))) % DAY_H, 2)
    load = scale * np.ones(2 * DAY_H * days)
    return Baseline(0, 1800, hours, 0.1 * load, load, 0 * load)


def interval(half_hour: int) -> Product:
    return Product(Commodity.P, 1800 * half_hour, 1800, Horizon.REAL_TIME, 0)


def hour(at: int) -> Product:
    return Product(Commodity.P, 3600 * at, 3600, Horizon.DAY_AHEAD, 0)


def offer(steps: int = 1, buy: float = BUY, sell: float = SELL) -> SupplyOffer:
    return SupplyOffer(*(np.full(steps, each) for each in (buy, sell, 0.0)))


def seen(known, half_hour, traded, rest_kw, rate=0.5, due=0.0):
    """Return what is expected after an interval with trades (power, price) and what homes left to the supplier."""
    known = learn_hour(known, interval(half_hour), rate)
    trades = tuple(np.array(column, dtype=float) for column in traded)
    return observe_trades(known, interval(half_hour), offer(), trades, np.array(rest_kw), due)


def at_hour(known, at: int, rate=0.5) -> tuple[np.ndarray, np.ndarray]:
    """Return the prices of the next day as they are expected when an hour of the run begins."""
    return expected_per_kwh(learn_hour(known, hour(at), rate), hour(at), offer(DAY_H))


def test_before_the_first_trade_all_expect_the_import_price():
    buyer, seller = at_hour(expect_import_price(baseline()), 0)
    np.testing.assert_allclose(buyer, BUY, rtol=1e-15)
    np.testing.assert_allclose(seller, BUY - APART * (BUY - SELL), rtol=1e-12)


def test_each_side_expects_the_mean_of_what_it_traded_and_what_the_supplier_took():
    """3 kW at .10 and 1 kW at .20 $/kWh; buyers take 4 kW, sellers leave 12 kW to the supplier: by hand."""
    known = seen(
        expect_import_price(baseline()), 2 * NOON, ([3, 1], [0.10, 0.20]), [4, -7, -5], 1.0
    )
    buyer, seller = at_hour(known, NOON + 1, 1.0)
    assert buyer[-1] == pytest.approx((3 * 0.10 + 0.20 + 4 * BUY) / 8)
    assert seller[-1] == pytest.approx((3 * 0.10 + 0.20 + 12 * SELL) / 16)
    assert buyer[:-1] == pytest.approx(BUY)


def test_the_two_halves_of_an_hour_weigh_by_what_they_moved():
    first = ([3], [0.10]), [0.0]
    second = ([1], [0.20]), [0.0]
    known = expect_import_price(baseline())
    for at, (trades, rest_kw) in enumerate((first, second)):
        known = seen(known, 2 * NOON + at, trades, rest_kw, 1.0)
    buyer, seller = at_hour(known, NOON + 1, 1.0)
    assert buyer[-1] == pytest.approx(0.125 + APART * (BUY - SELL))
    assert seller[-1] == pytest.approx(0.125)


def test_what_a_buyer_owes_beside_the_price_is_expected_by_buyers_alone():
    start = expect_import_price(baseline())
    without, owing = (
        at_hour(seen(start, 2 * NOON, ([2], [0.10]), [0.0], 1.0, due), NOON + 1, 1.0)
        for due in (0.0, 0.04)
    )
    assert owing[0][-1] == pytest.approx(0.14)
    assert (owing[1] == without[1]).all()


def test_a_seller_expects_no_more_than_the_import_price_less_delivery():
    start = expect_import_price(baseline())
    for due, most in ((0.04, BUY - 0.04), (BUY - SELL, SELL), (1.0, SELL)):
        buyer, seller = expected_per_kwh(start, hour(0), offer(DAY_H), due)
        np.testing.assert_allclose(seller, most, rtol=1e-12)
        np.testing.assert_allclose(buyer, BUY, rtol=1e-12)


def test_a_day_moves_its_hours_by_the_learning_share_of_the_way():
    """Days that are all alike are learned geometrically, and one day is that share of what is expected."""
    for rate in (0.25, 0.5, 1.0):
        known = expect_import_price(baseline(days=5))
        for day in range(5):
            known = seen(known, 48 * day + 2 * NOON, ([2], [0.10]), [2.0, -6.0], rate)
            known = learn_hour(known, hour(24 * day + NOON + 1), rate)
            left = (1 - rate) ** (day + 1)
            assert known.buyer_share[NOON] == pytest.approx(0.625 + 0.375 * left)
            assert known.seller_share[NOON] == pytest.approx(0.0625 + (0.9375 - APART) * left)


def test_an_hour_in_which_a_side_moves_nothing_teaches_it_nothing():
    start = expect_import_price(baseline())
    alone = learn_hour(seen(start, 2 * NOON, ([], []), [3.0], 1.0), hour(NOON + 1), 1.0)
    assert (alone.seller_share == start.seller_share).all()
    assert alone.buyer_share[NOON] == 1
    sunny = learn_hour(seen(start, 2 * NOON, ([], []), [-3.0], 1.0), hour(NOON + 1), 1.0)
    assert (sunny.buyer_share == start.buyer_share).all()
    assert sunny.seller_share[NOON] == 0


def test_where_export_earns_what_import_costs_there_is_nothing_to_learn():
    start = expect_import_price(baseline())
    flat = offer(buy=BUY, sell=BUY)
    left = observe_trades(
        start, interval(24), flat, (np.zeros(0), np.zeros(0)), np.array([1.0, -1.0])
    )
    assert left is start


def test_only_hours_that_have_ended_are_known_and_later_trades_change_nothing_before_them():
    """No foresight: two histories that part at an interval are expected alike until its hour is over, and then differ."""
    rng = np.random.default_rng(0)
    days = [
        ((rng.uniform(0, 3, 4), rng.uniform(SELL, BUY, 4)), rng.uniform(-2, 2, 6))
        for _ in range(96)
    ]
    for parts in (5, 24, 25, 61):
        other = [*days[:parts], *(((t[0], SELL + 0 * t[1]), rest - 1) for t, rest in days[parts:])]
        one, two = expect_import_price(baseline()), expect_import_price(baseline())
        for at, (first, second) in enumerate(zip(days, other, strict=True)):
            if at % 2 == 0:
                same = [
                    np.array_equal(a, b)
                    for a, b in zip(at_hour(one, at // 2), at_hour(two, at // 2), strict=True)
                ]
                assert all(same) == (at // 2 <= parts // 2)
            one, two = seen(one, at, *first), seen(two, at, *second)


def test_the_start_of_a_run_knows_the_clock_and_nothing_else():
    small, large = (expect_import_price(baseline(scale=scale)) for scale in (1.0, 9.0))
    for one, other in zip(small, large, strict=True):
        assert np.array_equal(one, other)
    late = expect_import_price(baseline(first_hour=6))
    known = learn_hour(seen(late, 0, ([1], [SELL]), [0.0], 1.0), hour(1), 1.0)
    assert np.flatnonzero(known.buyer_share < 1).tolist() == [6]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_traded_expectations_lie_between_the_prices_of_the_supplier_buyers_above(seed):
    rng = np.random.default_rng(seed)
    known = expect_import_price(baseline(days=8))
    for at in range(0, 2 * DAY_H * 8):
        count = int(rng.integers(0, 4))
        ends = rng.choice([SELL, BUY, 0.1], count)
        rest = rng.uniform(-3, 3, 5) * rng.integers(0, 2)
        known = seen(known, at, (rng.uniform(0, 2, count), ends), rest, 1.0)
        buyer, seller = at_hour(known, at // 2 + 1, 1.0)
        assert (seller >= SELL).all()
        assert (buyer <= BUY).all()
        assert (buyer - seller >= 0.999 * APART * (BUY - SELL)).all()


def test_a_session_hands_on_what_it_saw_and_the_book_is_that_of_homes_that_do_not_learn():
    row = [(np.array([-4.0]), np.array([0.0])), (np.array([1.0]), np.array([0.0]))]
    product = interval(2 * NOON)
    opening = Opening(product, np.arange(2), offer())
    offered = tender(product, opening.party, curves(row))
    ended = []
    for design in (Auction(), Auction(look_ahead_prices="trades")):
        state = design.start(baseline())
        ended.append(drive(design.clear(opening, state), lambda _: offered, MessageCount()).result)
    plain, learns = ended
    assert plain.state is None
    assert np.array_equal(plain.transactions.p_kw, learns.transactions.p_kw)
    assert (learns.transactions.status == int(Status.FILLED)).all()
    traded, price = learns.local.p_kw[:, 0], learns.local.price_per_kwh[:, 0]
    known = learn_hour(learns.state.expected, hour(NOON + 1), 1.0)
    earned = (traded @ price + 3 * SELL) / 4
    assert known.seller_share[NOON] == pytest.approx((earned - SELL) / (BUY - SELL))
    assert known.buyer_share[NOON] == pytest.approx((traded @ price / 1 - SELL) / (BUY - SELL))


STREET = """
[scenario]
seed = {seed}
days = {days}
[homes]
count = 10
pv_share = {pv}
ev_share = 0.5
battery_share = 0.4
[[design]]
name = "learned"
market = "auction"
look_ahead_prices = "trades"
[market.auction]
delivery_share = {share}
"""


def street(seed, pv=1.0, days=2, share=0.0):
    keys = {"seed": seed, "pv": pv, "days": days, "share": share}
    scene = build.build(read.parse(STREET.format(**keys), "street.toml"))
    return scene, prepare(scene)


@pytest.fixture(scope="module")
def sunny():
    return street(3)


def outcome(scene, study, name="learned"):
    return evaluate(name, simulate(scene.market(name), study), study)


def test_money_and_energy_of_a_run_balance_and_it_replays_bit_for_bit(sunny):
    one, again = outcome(*sunny), outcome(*sunny)
    assert one.imbalance_uusd == 0
    assert one.energy_balance_kwh < 1e-6
    assert np.array_equal(np.asarray(one.home_kw), np.asarray(again.home_kw))
    assert np.array_equal(one.ledger.amount_uusd, again.ledger.amount_uusd)


def test_a_world_without_panels_goes_in_step_with_sunny_ones(sunny):
    """Where nobody exports nothing is learned, and homes still plan on two prices, as those beside them do."""
    worlds = [sunny, street(4, pv=0.0)]
    together = simulate_runs(
        [scene.market("learned") for scene, _ in worlds], [s for _, s in worlds]
    )
    for (scene, study), ran in zip(worlds, together, strict=True):
        alone, among = outcome(scene, study), evaluate("learned", ran, study)
        assert np.array_equal(np.asarray(alone.home_kw), np.asarray(among.home_kw))
        assert np.array_equal(alone.bill_usd, among.bill_usd)


def test_nothing_done_on_the_second_day_was_planned_on_before(sunny):
    """A battery that is made to discharge from an hour on moves no plan up to that hour."""
    scene, study = sunny
    free, forced = Run(scene, "learned", study), Run(scene, "learned", study)
    begins = 12 * (DAY_H + NOON)
    home = int(scene.homes.owned["battery"].home[0])
    while not free.is_over:
        late = free.desk.interval >= begins
        free.step()
        forced.step({"battery": {home: -2.0}} if late else {})
        alike = np.array_equal(free.desk.plan.price_per_kwh, forced.desk.plan.price_per_kwh)
        assert alike or free.desk.interval > begins + 12
    assert not alike


def test_where_all_export_at_noon_learning_is_worth_more_than_the_import_price():
    """Homes that plan on the import price store for what neighbours will not pay, and let the supplier have their noon."""
    scene, study = street(3, days=4)
    learned, plain = outcome(scene, study), outcome(scene, study, "auction")
    assert welfare_usd(learned) > welfare_usd(plain)
    out = [-np.minimum(each.load_kw, 0).sum() for each in (learned, plain)]
    assert out[0] < out[1]


def test_where_delivery_leaves_nothing_to_trade_both_plan_on_the_two_prices_of_the_supplier():
    scene, study = street(3, days=2, share=1.0)
    learned, plain = outcome(scene, study), outcome(scene, study, "auction")
    assert len(learned.paid.trades.usd) == len(plain.paid.trades.usd) == 0
    assert np.array_equal(np.asarray(learned.home_kw), np.asarray(plain.home_kw))


def test_with_half_of_delivery_money_balances_and_the_wires_get_their_part():
    scene, study = street(3, share=0.5)
    found = outcome(scene, study)
    trades, delivery = found.paid.trades, scene.scenario.prices.delivery_per_kwh
    owed = trades.charge
    assert owed.sum() == (~owed).sum() > 0
    assert trades.usd[owed].sum() == pytest.approx(
        0.5 * delivery * trades.p_kw[~owed].sum() * found.dt_h
    )
    assert found.imbalance_uusd == 0
