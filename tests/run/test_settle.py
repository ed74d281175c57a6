"""Settlement of a run in closed form: who pays whom, for what, how much, and that nothing is made or lost (theory 9)."""

import numpy as np
import pytest

from gridagora.core.exchange import NETWORK, Status, Transactions
from gridagora.core.exchange import WIRES as OF_WIRES
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.tables import Quality
from gridagora.results.outcome import LocalTrades
from gridagora.run import settle as run
from gridagora.run.forecast import WholesaleTerms
from gridagora.run.settle import MeterPrices, Position, Settlement
from gridagora.settlement import ledger as books
from gridagora.settlement.parties import run_parties

N, DT = 3, 0.5
PARTIES = run_parties(["a", "b", "c"])
OPERATOR, WHOLESALE, WIRES, OTHERS = range(N, N + 4)
COUNT = N + 4
PERIOD = Product(Commodity.P, 7200, 7200, Horizon.REAL_TIME)
DAY_AHEAD = PERIOD._replace(duration_s=3600, horizon=Horizon.DAY_AHEAD)
SHORT_TERM = PERIOD._replace(duration_s=3600, horizon=Horizon.SHORT_TERM)
TERMS = WholesaleTerms(
    None,
    0.05,
    0.02,
    limit_kw=np.inf,
    over_per_kwh=1.0,
    perfect=False,  # prices are given to what is tested
)
S = Settlement(PARTIES, PERIOD, DT, TERMS, np.array([7, 8, 9]))
# Two hours of halves: a takes 1 and 3 kW, b gives 2 kW and takes 2, c takes 1 kW all the time. The sum is 0, 0, 6, 6 kW.
HOME_KW = np.array([[1.0, 1.0, 3.0, 3.0], [-2.0, -2.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]])
WHOLESALE_PER_KWH = np.array([0.1, 0.2, 0.3, 0.4])


def flat(price, credit=None):
    """Return one price for all homes, and one credit."""
    return MeterPrices(np.full((1, 4), price), np.full((1, 4), price if credit is None else credit))


def entries(ledger, item):
    """Return payer, payee, dollars and kilowatt-hours of an item, sorted."""
    own = books.only(ledger, item)
    rows = zip(own.payer, own.payee, own.amount_uusd / 1e6, own.quantity_uwh / 1e9, strict=True)
    return sorted((int(a), int(b), float(usd), float(kwh)) for a, b, usd, kwh in rows)


def paid_usd(ledger):
    return books.paid_uusd(ledger, COUNT) / 1e6


# --- a tariff: one price at the meter ---


def test_under_net_metering_a_home_pays_its_net_energy():
    ledger = run.settle(S, HOME_KW, flat(0.25), WHOLESALE_PER_KWH)
    assert entries(ledger, "energy") == [
        (0, OPERATOR, 1.0, 4.0),
        (1, OPERATOR, 0.0, 0.0),
        (2, OPERATOR, 0.5, 2.0),
    ]
    assert entries(ledger, "wholesale energy") == [
        (OPERATOR, WHOLESALE, pytest.approx(6 * 0.7 * DT), 6.0)
    ]
    assert entries(ledger, "delivery") == [(OPERATOR, WIRES, pytest.approx(6.0 * 0.05), 6.0)]
    assert entries(ledger, "export credit") == [(WHOLESALE, OPERATOR, 0.0, 0.0)]
    assert set(ledger.item) == {"energy", "wholesale energy", "delivery", "export credit"}
    assert paid_usd(ledger)[OPERATOR] == pytest.approx(2.1 + 0.3 - 1.5)


def test_with_a_credit_import_and_export_are_booked_apart():
    ledger = run.settle(S, HOME_KW, flat(0.25, 0.1), WHOLESALE_PER_KWH)
    assert entries(ledger, "energy") == [
        (0, OPERATOR, 1.0, 4.0),
        (1, OPERATOR, 0.5, 2.0),
        (2, OPERATOR, 0.5, 2.0),
    ]
    assert entries(ledger, "credit") == [
        (OPERATOR, 0, 0.0, 0.0),
        (OPERATOR, 1, 0.2, 2.0),
        (OPERATOR, 2, 0.0, 0.0),
    ]
    assert books.bill_usd(ledger, COUNT)[:N].tolist() == [1.0, 0.3, 0.5]


def test_prices_are_of_the_interval_and_of_the_home():
    price = np.array([[0.1, 0.2, 0.3, 0.4], [1.0, 1.0, 2.0, 2.0], [0.0, 0.0, 0.0, -0.5]])
    ledger = run.settle(S, HOME_KW, MeterPrices(price, price), WHOLESALE_PER_KWH)
    bills = books.bill_usd(ledger, COUNT)[:N]
    assert bills.tolist() == pytest.approx([(0.3 + 3 * 0.7) * DT, (-2 * 2 + 2 * 4) * DT, -0.25])
    parts = run.settle(S, HOME_KW, MeterPrices(price, price - 0.05), WHOLESALE_PER_KWH)
    assert books.bill_usd(parts, COUNT)[1] == pytest.approx(bills[1] + 0.05 * 2.0)


def test_every_entry_names_period_product_and_place():
    ledger = run.settle(S, HOME_KW, flat(0.25, 0.1), WHOLESALE_PER_KWH, other_kw=np.ones(4))
    assert set(ledger.start_s) == {7200}
    assert set(ledger.duration_s) == {7200}
    assert set(ledger.horizon) == {Horizon.REAL_TIME}
    assert set(ledger.commodity) == {Commodity.P}
    of_homes = np.isin(ledger.item, ["energy", "credit"])
    assert ledger.place[of_homes].tolist() == [7, 8, 9, 7, 8, 9]
    assert set(ledger.place[~of_homes]) == {0}


# --- the substation ---


def test_export_of_the_feeder_earns_wholesale_and_the_credit_and_pays_no_delivery():
    ledger = run.settle(S, -HOME_KW, flat(0.25), WHOLESALE_PER_KWH)
    assert entries(ledger, "wholesale energy") == [(OPERATOR, WHOLESALE, pytest.approx(-2.1), -6.0)]
    assert entries(ledger, "delivery") == [(OPERATOR, WIRES, 0.0, 0.0)]
    assert entries(ledger, "export credit") == [
        (WHOLESALE, OPERATOR, pytest.approx(6.0 * 0.02), 6.0)
    ]


def test_import_and_export_do_not_cancel_over_time():
    """Delivery is owed for the import of every interval, whatever is exported in another."""
    swing = np.array([[4.0, -4.0, 4.0, -4.0]] + [[0.0] * 4] * 2)
    ledger = run.settle(S, swing, flat(0.0), WHOLESALE_PER_KWH)
    assert entries(ledger, "delivery") == [(OPERATOR, WIRES, pytest.approx(8 * DT * 0.05), 4.0)]
    assert entries(ledger, "export credit") == [
        (WHOLESALE, OPERATOR, pytest.approx(8 * DT * 0.02), 4.0)
    ]
    assert entries(ledger, "wholesale energy")[0][2] == pytest.approx(
        4 * (0.1 - 0.2 + 0.3 - 0.4) * DT
    )


def test_homes_cancel_behind_the_substation():
    """What one home gives and another takes at the same time owes no delivery."""
    pair = np.array([[4.0] * 4, [-4.0] * 4, [0.0] * 4])
    assert entries(run.settle(S, pair, flat(0.1), WHOLESALE_PER_KWH), "delivery")[0][2:] == (
        0.0,
        0.0,
    )


def test_other_customers_pay_what_they_cost_alone():
    other = np.array([1.0, -2.0, 0.0, 4.0])
    ledger = run.settle(S, HOME_KW, flat(0.25), WHOLESALE_PER_KWH, other_kw=other)
    usd = (1.0 * 0.15 - 2.0 * 0.22 + 4.0 * 0.45) * DT
    assert entries(ledger, "other customers") == [(OTHERS, OPERATOR, pytest.approx(usd), 1.5)]
    load = HOME_KW.sum(0) + other  # 1, -2, 6, 10
    assert entries(ledger, "wholesale energy") == [
        (OPERATOR, WHOLESALE, pytest.approx(load @ WHOLESALE_PER_KWH * DT), 7.5)
    ]
    assert entries(ledger, "delivery") == [(OPERATOR, WIRES, pytest.approx(17 * DT * 0.05), 8.5)]
    assert entries(ledger, "export credit") == [
        (WHOLESALE, OPERATOR, pytest.approx(2 * DT * 0.02), 1.0)
    ]


def test_without_other_customers_they_have_no_entry():
    assert (
        "other customers"
        not in run.settle(S, HOME_KW, flat(0.1), WHOLESALE_PER_KWH, other_kw=np.zeros(4)).item
    )


@pytest.mark.parametrize(
    ("load_kw", "expected"),
    [(2.0, [0.3, 0.5, 0.7, 0.9]), (0.0, [0.0] * 4), (-1.0, [-0.12, -0.22, -0.32, -0.42])],
)
def test_a_load_that_stands_alone(load_kw, expected):
    np.testing.assert_allclose(
        run.alone_usd_per_h(load_kw, WHOLESALE_PER_KWH, TERMS), expected, atol=1e-15
    )


def test_what_homes_add_is_the_cost_together_less_that_of_the_others_alone():
    home, other = np.array([3.0, 3.0, -3.0, 1.0]), np.array([2.0, -1.0, 1.0, -5.0])
    got = run.cost_usd_per_h(home, other, WHOLESALE_PER_KWH, TERMS)
    together = [5 * 0.15, 2 * 0.25, -2 * 0.32, -4 * 0.42]
    alone = [2 * 0.15, -1 * 0.22, 1 * 0.35, -5 * 0.42]
    np.testing.assert_allclose(got, np.subtract(together, alone), atol=1e-15)


def test_losses_are_bought_by_the_wires_where_there_is_a_power_flow():
    ledger = run.wire_losses(
        PARTIES, PERIOD, np.array([1.0, np.nan, 2.0, 0.5]), WHOLESALE_PER_KWH, DT
    )
    assert entries(ledger, "losses") == [
        (WIRES, WHOLESALE, pytest.approx((0.1 + 0.6 + 0.2) * DT), 1.75)
    ]


# --- positions ---

AHEAD_KW = np.array([[2.0, 2.0], [-1.0, 1.0], [1.0, 1.0]])  # 2, 4 kW together
AHEAD_PER_KWH = np.array([[0.2, 0.3]] * N)
AHEAD = Position(DAY_AHEAD, AHEAD_KW, AHEAD_PER_KWH, np.array([0.15, 0.25]))


def test_a_position_is_settled_at_its_price_and_the_rest_in_real_time():
    ledger = run.settle(S, HOME_KW, flat(0.5), WHOLESALE_PER_KWH, (AHEAD,))
    assert entries(ledger, "day-ahead") == [
        (0, OPERATOR, 1.0, 4.0),
        (1, OPERATOR, pytest.approx(0.1), 0.0),
        (2, OPERATOR, 0.5, 2.0),
        (OPERATOR, WHOLESALE, pytest.approx(2 * 0.15 + 4 * 0.25), 6.0),
    ]
    load_deviation = [-2.0, -2.0, 2.0, 2.0]
    assert entries(ledger, "deviation") == [
        (0, OPERATOR, 0.0, 0.0),  # 1 kW less for an hour, 1 kW more for another
        (1, OPERATOR, 0.0, 0.0),
        (2, OPERATOR, 0.0, 0.0),
        (OPERATOR, WHOLESALE, pytest.approx(np.dot(load_deviation, WHOLESALE_PER_KWH) * DT), 0.0),
    ]
    assert "energy" not in ledger.item
    assert "wholesale energy" not in ledger.item


def test_entries_of_a_position_are_of_its_horizon_and_of_the_whole_run():
    ledger = run.settle(S, HOME_KW, flat(0.5), WHOLESALE_PER_KWH, (AHEAD,))
    ahead = books.only(ledger, "day-ahead")
    assert set(ahead.horizon) == {Horizon.DAY_AHEAD}
    assert set(ahead.duration_s) == {7200}
    assert ahead.place.tolist() == [7, 8, 9, 0]
    assert set(books.only(ledger, "deviation").horizon) == {Horizon.REAL_TIME}


def test_other_customers_are_in_the_load_and_hold_no_position():
    other = np.full(4, 3.0)
    ledger = run.settle(S, HOME_KW, flat(0.5), WHOLESALE_PER_KWH, (AHEAD,), other)
    bought = entries(ledger, "deviation")[-1]
    assert bought[2] == pytest.approx(
        np.dot(HOME_KW.sum(0) + other - [2, 2, 4, 4], WHOLESALE_PER_KWH) * DT
    )
    assert bought[3] == pytest.approx(6.0)
    assert entries(ledger, "other customers") == [
        (OTHERS, OPERATOR, pytest.approx(3 * (1.0 + 4 * 0.05) * DT), 6.0)
    ]


@pytest.mark.parametrize("seed", range(6))
def test_a_later_position_settles_only_what_it_changes(seed):
    """Three settlements: sum over markets of the price times the change, then real time. By a loop over homes and hours."""
    rng = np.random.default_rng(seed)
    home_kw, wholesale = rng.normal(0, 2, (N, 4)), rng.uniform(-0.1, 0.5, 4)
    early, late = (
        Position(p, rng.normal(0, 2, (N, 2)), rng.uniform(0, 1, (N, 2)), rng.uniform(0, 1, 2))
        for p in (SHORT_TERM, DAY_AHEAD)
    )
    real_time = rng.uniform(-0.1, 0.5, (N, 4))
    ledger = run.settle(S, home_kw, MeterPrices(real_time, real_time), wholesale, (early, late))
    for home in range(N):
        usd = 0.0
        for hour in range(2):
            usd += early.p_kw[home, hour] * early.price_per_kwh[home, hour]
            usd += (late.p_kw[home, hour] - early.p_kw[home, hour]) * late.price_per_kwh[home, hour]
            for half in (2 * hour, 2 * hour + 1):
                usd += (home_kw[home, half] - late.p_kw[home, hour]) * real_time[home, half] * DT
        assert books.bill_usd(ledger, COUNT)[home] == pytest.approx(usd, abs=2e-6)
    load, first, second = home_kw.sum(0), early.p_kw.sum(0), late.p_kw.sum(0)
    bought = first @ early.wholesale_per_kwh + (second - first) @ late.wholesale_per_kwh
    bought += (load - np.repeat(second, 2)) @ wholesale * DT
    assert -paid_usd(ledger)[WHOLESALE] == pytest.approx(
        bought - (-load).clip(min=0).sum() * DT * 0.02, abs=3e-6
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_product_sums_to_zero_and_its_quantities_balance_at_the_operator(seed):
    rng = np.random.default_rng(seed)
    home_kw, other = rng.normal(0, 2, (N, 4)), rng.normal(0, 1, 4)
    positions = (AHEAD._replace(p_kw=rng.normal(0, 2, (N, 2))),) if seed % 2 else ()
    ledger = run.settle(S, home_kw, flat(0.2, 0.1), WHOLESALE_PER_KWH, positions, other)
    for item in sorted(set(ledger.item)):
        assert books.paid_uusd(books.only(ledger, item), COUNT).sum() == 0, item
    moved = np.zeros(COUNT)
    active = ~np.isin(
        ledger.item, ["delivery", "export credit"]
    )  # they come on top of energy that is booked
    np.add.at(moved, ledger.payer[active], ledger.quantity_uwh[active] / 1e9)
    np.subtract.at(moved, ledger.payee[active], ledger.quantity_uwh[active] / 1e9)
    np.testing.assert_allclose(moved[:N], home_kw.sum(1) * DT, atol=1e-8)
    assert moved[OPERATOR] == pytest.approx(0.0, abs=1e-7)
    assert moved[OTHERS] == pytest.approx(other.sum() * DT, abs=1e-8)


def test_the_bill_of_a_home_is_its_statement():
    ledger = run.settle(S, HOME_KW, flat(0.25, 0.1), WHOLESALE_PER_KWH, (AHEAD,), np.ones(4))
    for row, home in enumerate(PARTIES.id):
        own = books.statement(ledger, PARTIES, home)
        assert ((own.payer == row) | (own.payee == row)).all()
        assert books.paid_uusd(own, COUNT)[row] == books.paid_uusd(ledger, COUNT)[row]


# --- trades of homes with each other ---


def local(rows):
    """Return trades of one interval from rows of party, counterparty, power and price."""
    party, counterparty, p_kw, price = map(np.array, zip(*rows, strict=True))
    filled = np.full(len(rows), Status.FILLED)
    return Transactions(
        PERIOD,
        party,
        counterparty,
        p_kw[:, None].astype(float),
        price[:, None].astype(float),
        filled,
    )


def test_trades_become_rows_of_parties():
    """Home a buys of b; c owes the network; b buys of a pool, whose manager stands after the homes."""
    rows = [
        (0, 1, 2.0, 0.3),
        (2, NETWORK, 2.0, 0.01),
        (1, N, 4.0, 0.1),
        (N, 2, 1.0, 0.2),
        (0, OF_WIRES, 2.0, 0.05),
    ]
    got = run.record_trades(PARTIES, 5, local(rows), DT)
    assert got.interval.tolist() == [5] * 5
    assert got.buyer.tolist() == [0, 2, 1, OPERATOR, 0]
    assert got.seller.tolist() == [1, OPERATOR, OPERATOR, 2, WIRES]
    assert got.p_kw.tolist() == [2.0, 2.0, 4.0, 1.0, 2.0]
    assert got.usd.tolist() == pytest.approx([0.3, 0.01, 0.2, 0.1, 0.05])
    assert got.charge.tolist() == [False, True, False, False, True]


def test_delivery_of_local_energy_is_an_item_of_its_own_that_moves_none():
    local_kwh = local([(0, 1, 2.0, 0.3), (0, OF_WIRES, 2.0, 0.05), (0, OF_WIRES, 1.0, 0.05)])
    trades = run.record_trades(PARTIES, 0, local_kwh, DT)
    assert run.traded_kw(PARTIES, trades, (N, 1)).tolist() == [[2.0], [-2.0], [0.0]]
    ledger = run.book_trades(S, trades)
    assert entries(ledger, "local energy") == [(0, 1, pytest.approx(0.3), 1.0)]
    assert entries(ledger, "delivery") == [(0, WIRES, pytest.approx(0.075), 1.5)]


def test_joining_trades_keeps_rows_and_kinds():
    one = run.record_trades(PARTIES, 0, local([(0, 1, 1.0, 0.5)]), DT)
    two = run.record_trades(PARTIES, 3, local([(1, 2, 2.0, 0.5), (0, NETWORK, 1.0, 0.1)]), DT)
    got = run.join_trades([one, two])
    assert got.interval.tolist() == [0, 3, 3]
    assert got.buyer.tolist() == [0, 1, 0]
    empty = run.join_trades([])
    assert [len(column) for column in empty] == [0] * 6
    assert (
        [column.dtype.kind for column in got]
        == [column.dtype.kind for column in empty]
        == list("iiiffb")
    )
    assert [column.dtype.kind for column in run.no_trades()] == list("iiiffb")


TRADES = LocalTrades(
    interval=np.array([0, 1, 1, 3, 3]),
    buyer=np.array([0, 0, 2, 1, 0]),
    seller=np.array([1, 1, OPERATOR, 0, OPERATOR]),
    p_kw=np.array([2.0, 1.0, 4.0, 3.0, 5.0]),
    usd=np.array([0.2, 0.1, 0.4, 0.3, 0.05]),
    charge=np.array([False, False, False, False, True]),
)


def test_traded_power_is_bought_less_sold_and_charges_move_none():
    got = run.traded_kw(PARTIES, TRADES, (N, 4))
    assert got.tolist() == [[2.0, 1.0, 0.0, -3.0], [-2.0, -1.0, 0.0, 3.0], [0.0, 4.0, 0.0, 0.0]]


def test_trades_of_a_pair_are_one_entry():
    ledger = run.book_trades(S, TRADES)
    assert entries(ledger, "local energy") == [
        (0, 1, pytest.approx(0.3), 1.5),
        (0, OPERATOR, pytest.approx(0.05), 0.0),
        (1, 0, pytest.approx(0.3), 1.5),
        (2, OPERATOR, pytest.approx(0.4), 2.0),
    ]
    assert set(ledger.item) == {"local energy"}
    assert (set(ledger.start_s), set(ledger.duration_s)) == ({7200}, {7200})


def test_a_pair_is_rounded_once():
    """Three trades of 0.4 micro-dollars are one entry of 1.2, which is one."""
    third = LocalTrades(
        np.arange(3),
        np.zeros(3, int),
        np.ones(3, int),
        np.ones(3),
        np.full(3, 0.4e-6),
        np.zeros(3, bool),
    )
    assert run.book_trades(S, third).amount_uusd.tolist() == [1]


def test_no_trades_are_no_entries():
    assert len(run.book_trades(S, run.no_trades()).item) == 0


def test_what_is_traded_is_not_bought_of_the_operator():
    """A home pays the tariff for its power less what it bought of others: energy is paid once."""
    traded = run.traded_kw(PARTIES, TRADES, (N, 4))
    rest = run.settle(S, HOME_KW - traded, flat(0.25), WHOLESALE_PER_KWH)
    both = books.join([rest, run.book_trades(S, TRADES)])
    moved = np.zeros(COUNT)
    active = np.isin(both.item, ["energy", "local energy"])
    np.add.at(moved, both.payer[active], both.quantity_uwh[active] / 1e9)
    np.subtract.at(moved, both.payee[active], both.quantity_uwh[active] / 1e9)
    np.testing.assert_allclose(moved[:N], HOME_KW.sum(1) * DT, atol=1e-9)


# --- charges on misses, and what retailers share ---


def quality(per_kwh, window_h=0.0):
    one = np.ones(1)
    return Quality(one, np.zeros(1, int), one, np.asarray(per_kwh, dtype=float), window_h)


AWARD_KW = np.array(
    [[2.0, 2.0, 2.0, 2.0], [np.nan] * 4, [1.0, np.nan, 0.0, 2.0]]
)  # a misses by 1 kW all the time


@pytest.mark.parametrize(
    ("per_kwh", "window_h", "expected"),
    [
        ([0.1], 0.0, [(0, 0.1 * 2.0), (2, 0.1 * 1.0)]),
        ([0.1], 1.0, [(0, 0.1 * 2.0), (2, 0.0)]),  # c: +1 and -1 in the same hour
        ([0.1, 0.1, 0.3], 0.0, [(0, 0.2), (2, 0.3)]),
        ([0.0, 0.1, 0.3], 0.0, [(2, 0.3)]),
        ([0.0], 0.0, []),
        ([0.0, 9.0, 0.0], 0.0, []),  # b has a price and no award
    ],
)
def test_the_charge_on_misses(per_kwh, window_h, expected):
    ledger = run.deviation_charge(S, HOME_KW, AWARD_KW, quality(per_kwh, window_h))
    got = [
        (payer, usd)
        for payer, payee, usd, kwh in entries(ledger, "deviation charge")
        if payee == OPERATOR and kwh == 0
    ]
    assert got == [(payer, pytest.approx(usd)) for payer, usd in expected]
    assert len(ledger.item) == len(expected)
    assert ledger.place.tolist() == [int(S.place[payer]) for payer, _ in expected]


def test_retailers_share_what_is_left_in_equal_parts():
    sold = books.book(np.arange(N), OPERATOR, "energy", np.array([3.0, 2.0, 1.0]), PERIOD)
    bought = books.book(OPERATOR, WHOLESALE, "wholesale energy", 5.0, PERIOD)
    ledger = books.join([sold, bought])
    share = run.retail_margin(S, ledger, np.array([True, False, True]))
    assert entries(share, "retail margin") == [(OPERATOR, 0, 0.5, 0.0), (OPERATOR, 2, 0.5, 0.0)]
    assert paid_usd(books.join([ledger, share]))[OPERATOR] == 0.0


def test_retailers_share_a_loss_too_and_leave_the_operator_what_rounding_leaves():
    ledger = books.book(OPERATOR, WHOLESALE, "wholesale energy", 1.0, PERIOD)
    share = run.retail_margin(S, ledger, np.ones(N, bool))
    assert share.amount_uusd.tolist() == [-333333] * 3
    assert books.paid_uusd(books.join([ledger, share]), COUNT)[OPERATOR] == 1
