"""Laws of the continuous double auction: T15, T16 of theory 11, and what the design promises every home."""

import numpy as np
import pytest
from scipy.optimize import linprog

from gridagora.core.errors import InputError
from gridagora.core.exchange import WIRES, net, take, tender
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.session import MessageCount, Opening, SupplyOffer, drive
from gridagora.kernels.coordination.double_auction import trade
from gridagora.kernels.curves.curve import clear, curves, power_at
from gridagora.markets.auction import (
    CONFIRMATION_BYTES,
    ORDER_BYTES,
    SUPPLIER,
    TRADERS,
    Auction,
    list_trades,
    match_orders,
    settle_homes,
)
from gridagora.settlement.ledger import bill_usd, book, join, paid_uusd

LOW, HIGH, DT_H = 0.05, 0.15, 1 / 12
BOTH = pytest.mark.parametrize("trader", TRADERS)
Row = tuple[np.ndarray, np.ndarray]


def opened(
    n: int, start_s: int = 0, low: float = LOW, high: float = HIGH, delivery: float = 0.0
) -> Opening:
    """Return the opening of one interval."""
    product = Product(Commodity.P, start_s, 300, Horizon.REAL_TIME, 0)
    supply = SupplyOffer(np.array([high]), np.array([low]), np.zeros(1), delivery)
    return Opening(product, np.arange(n), supply)


def homes(seed: int, n: int) -> list[Row]:
    """Return curves with slopes, blocks and gaps, of homes that would import, export, or neither; one is a fixed load."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(n):
        m, least = int(rng.integers(2, 9)), rng.uniform(-6, 3)
        p, price = np.sort(rng.uniform(least, least + 6, m)), -np.sort(-rng.uniform(-0.05, 0.3, m))
        if i % 3 == 0:
            price[: m // 2 + 1] = price[0]
        if i % 5 == 0:
            p[m // 2 :] = p[m // 2]
        rows.append((p, price))
    return [*rows[:-1], (np.array([1.5]), np.array([0.0]))]


def area(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sum(0.5 * (y[1:] + y[:-1]) * np.diff(x)))


def worth(row: Row, p: float) -> float:
    """Worth of taking p, counted from the least power of the row [$/h]."""
    i = int(np.searchsorted(row[0], p))  # the first point that is not below p
    if i == 0:
        return 0.0
    way = (p - row[0][i - 1]) / (row[0][i] - row[0][i - 1])
    last = row[1][i - 1] + way * (row[1][i] - row[1][i - 1])
    return area(np.append(row[0][:i], p), np.append(row[1][:i], last))


def gain(row: Row, traded_kw: float, p_kw: float, low: float, high: float) -> float:
    """Worth of what a home takes, less what the rest costs it at the supplier [$/h]."""
    rest = p_kw - traded_kw
    return worth(row, p_kw) - (high if rest > 0 else low) * rest


def alone_kw(row: Row, low: float, high: float) -> float:
    """Power of a home that knows only the supplier, found on all powers where it could change its mind."""
    prices = np.concatenate([row[1], [low, high]])
    steps = [np.interp(-price, -row[1], row[0]) for price in prices]
    tries = np.concatenate([row[0], steps, np.clip([0.0], row[0][0], row[0][-1])])
    return max(tries, key=lambda p: gain(row, 0.0, p, low, high))


def run(
    auction: Auction,
    rows: list[Row],
    start_s: int = 0,
    low: float = LOW,
    high: float = HIGH,
    delivery: float = 0.0,
):
    call = opened(len(rows), start_s, low, high, delivery)
    offered = tender(call.product, call.party, curves(rows))
    traded = match_orders(auction, call, offered)
    return traded, settle_homes(call, offered, traded)


def paid(traded, n: int) -> np.ndarray:
    """What each home pays other homes [$/h]."""
    money = traded.p_kw * traded.price_per_kwh
    return np.bincount(traded.buyer, money, n) - np.bincount(traded.seller, money, n)


def gains(rows: list[Row], traded, final, low: float = LOW, high: float = HIGH) -> np.ndarray:
    """What each home gains over the supplier alone, payments among homes included [$/h]."""
    after = [
        gain(r, t, p, low, high)
        for r, t, p in zip(rows, traded.net_kw, final.p_kw[:, 0], strict=True)
    ]
    before = [gain(row, 0.0, alone_kw(row, low, high), low, high) for row in rows]
    return np.array(after) - np.array(before) - paid(traded, len(rows))


def most(rows: list[Row], low: float = LOW, high: float = HIGH) -> float:
    """Bound on what all can gain: at any price between, the best each home could do if it traded any amount at it [$/h]."""
    clipped = curves([(p, np.clip(price, low, high)) for p, price in rows])
    price = np.clip(clear(clipped, 0.0, np.zeros(2), np.array([0.0, 1.0])).price_per_kwh, low, high)
    total = 0.0
    for row in rows:
        p = float(power_at(curves([row]), price, 1.0)[0])
        total += (
            gain(row, p, p, low, high)
            - price * p
            - gain(row, 0.0, alone_kw(row, low, high), low, high)
        )
    return total


@BOTH
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.43, 1.0])
def test_with_delivery_nobody_loses_and_no_price_is_above_what_it_leaves(trader, seed, share):
    """A buyer's gain is after the delivery that it owes; the most that all can gain is less by no less than the wires get."""
    rows, due = homes(seed, 30), share * 0.06
    auction = Auction(trader=trader, delivery_share=share)
    traded, final = run(auction, rows, 300 * seed, delivery=0.06)
    assert traded.due_per_kwh == pytest.approx(due)
    assert len(traded.p_kw) > 0
    assert (traded.price_per_kwh >= LOW).all()
    assert (traded.price_per_kwh <= HIGH - due).all()
    owed = np.bincount(traded.buyer, traded.p_kw * due, len(rows))
    each = gains(rows, traded, final) - owed
    assert each.min() >= -1e-9
    assert each.sum() + owed.sum() <= most(rows) + 1e-9
    free, _ = run(Auction(trader=trader), rows, 300 * seed)
    assert traded.p_kw.sum() < free.p_kw.sum()


def test_delivery_is_owed_to_the_wires_by_the_buyer_of_every_trade():
    call, rows = opened(20, delivery=0.06), homes(3, 20)
    offered = tender(call.product, call.party, curves(rows))
    auction = Auction(delivery_share=0.5)
    session = auction.clear(call, None)
    local = drive(session, lambda _: offered, MessageCount()).result.local
    owed = local.counterparty == WIRES
    assert owed.sum() == (~owed).sum() > 0
    assert np.array_equal(local.party[owed], local.party[~owed])
    assert np.array_equal(local.p_kw[owed], local.p_kw[~owed])
    np.testing.assert_allclose(local.price_per_kwh[owed], 0.03, rtol=1e-15)


@BOTH
def test_where_delivery_takes_the_whole_gain_no_order_is_sent(trader):
    rows = homes(0, 10)
    traded, final = run(Auction(trader=trader), rows, delivery=HIGH - LOW)
    assert (len(traded.p_kw), traded.orders) == (0, 0)
    assert final.p_kw[:, 0] == pytest.approx([alone_kw(row, LOW, HIGH) for row in rows])


def test_delivery_is_a_wedge_between_the_curves_of_buyer_and_seller():
    """v = .14 - .01 t less .04 and .06 + .01 t cross at 2 kW and .08 $/kWh; the buyer's mean price holds what it owes."""
    rows = [
        (np.array([0.0, 14.0]), np.array([0.14, 0.0])),
        (np.array([-14.0, 0.0]), np.array([0.20, 0.06])),
    ]
    traded, final = run(Auction(), rows, delivery=0.04)
    assert traded.net_kw == pytest.approx([2.0, -2.0], abs=0.02)
    assert traded.price_per_kwh[-1] == pytest.approx(0.08, abs=5e-4)
    mean = paid(traded, 2)[0] / traded.net_kw[0]
    assert final.price_per_kwh[:, 0] == pytest.approx([mean + 0.04, mean])


@BOTH
@pytest.mark.parametrize("seed", range(6))
def test_every_home_is_at_least_as_well_off_as_with_the_supplier_alone(trader, seed):
    """Individual rationality, at every home and to 1e-9; what is gained is never more than the optimum."""
    rows = homes(seed, 30)
    for turns in (1, 3, 50):
        traded, final = run(Auction(trader=trader, turns=turns), rows, 300 * seed)
        each = gains(rows, traded, final)
        assert each.min() >= -1e-9
        assert each.sum() <= most(rows) + 1e-9
    assert len(traded.p_kw) > 10
    assert each.sum() > 0.95 * most(rows)


@BOTH
def test_efficiency_is_high_on_average_and_rises_with_turns(trader):
    """T16 on homes with curves: never above 1, on average at least .95 from 50 turns on."""
    means = []
    for turns in (2, 10, 50, 100):
        shares = []
        for seed in range(10):
            rows = homes(seed, 20)
            shares.append(
                gains(rows, *run(Auction(trader=trader, turns=turns), rows, 300 * seed)).sum()
                / most(rows)
            )
        assert max(shares) <= 1 + 1e-9
        means.append(np.mean(shares))
    assert means[0] < means[1]
    assert min(means[2:]) >= 0.95


@pytest.mark.parametrize("n", [6, 20, 100])
def test_zero_intelligence_reaches_the_published_efficiency(n):
    """T16: n buyers and n sellers with two units each, outside options worth nothing: ZI-C, 50 turns, mean at least .95."""
    shares = []
    for seed in range(20 if n < 100 else 5):
        rng = np.random.default_rng(seed)
        value, cost = (
            -np.sort(-rng.uniform(0.05, 0.30, (n, 2))),
            np.sort(rng.uniform(0.02, 0.25, (n, 2))),
        )
        rows = [(np.array([0.0, 1.0, 1.0, 2.0]), np.repeat(v, 2)) for v in value]
        rows += [(np.array([-2.0, -1.0, -1.0, 0.0]), np.repeat(c[::-1], 2)) for c in cost]
        traded, _ = run(Auction(trader="zero_intelligence"), rows, 300 * seed, 0.0, 0.35)
        made = sum(
            area(*_between(row, t)) * np.sign(t) for row, t in zip(rows, traded.net_kw, strict=True)
        )
        best_bid, best_ask = -np.sort(-value.ravel()), np.sort(cost.ravel())
        shares.append(made / np.clip(best_bid - best_ask, 0, None).sum())
    assert max(shares) <= 1 + 1e-9
    assert np.mean(shares) >= 0.95


def _between(row: Row, t: float) -> Row:
    """Return the stretch of a step curve between nil and t."""
    lo, hi = min(0.0, t), max(0.0, t)
    inner = (row[0] >= lo) & (row[0] <= hi)
    below, above = np.flatnonzero(row[0] <= lo)[-1], np.flatnonzero(row[0] >= hi)[0]
    ends = (np.array([lo]), np.array([row[1][below]])), (np.array([hi]), np.array([row[1][above]]))
    return tuple(np.concatenate([ends[0][k], row[k][inner], ends[1][k]]) for k in range(2))  # type: ignore[return-value]


def test_the_uniform_price_shares_out_the_whole_optimum():
    """T15: in random step books the surpluses at the clearing price, none below nil, add up to the linear program."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        n, m = rng.integers(1, 12, 2)
        bid, much, ask, has = (
            rng.uniform(0, 1, n),
            rng.uniform(0.1, 2, n),
            rng.uniform(0, 1, m),
            rng.uniform(0.1, 2, m),
        )
        rows = [([0.0, q], [v, v]) for v, q in zip(bid, much, strict=True)]
        rows += [([-q, 0.0], [v, v]) for v, q in zip(ask, has, strict=True)]
        price = clear(curves(rows), 0.0, np.zeros(2), np.array([0.0, 1.0])).price_per_kwh
        surplus = np.concatenate(
            [np.maximum(bid - price, 0) * much, np.maximum(price - ask, 0) * has]
        )
        box = [(0, q) for q in np.concatenate([much, has])]
        row = np.concatenate([np.ones(n), -np.ones(m)])[None]
        best = -linprog(np.concatenate([-bid, ask]), A_eq=row, b_eq=[0.0], bounds=box).fun
        assert surplus.sum() == pytest.approx(best, abs=1e-9)


@BOTH
def test_money_and_power_of_the_trades_balance_exactly(trader):
    """Strict budget balance: what homes pay is what homes get, to the micro-dollar; with the supplier's part as well."""
    rows = homes(11, 40)
    traded, final = run(Auction(trader=trader), rows)
    assert np.rint(traded.net_kw * 1e9).astype(int).sum() == 0
    assert np.array_equal(
        net(list_trades(opened(40), traded), np.arange(40)).p_kw[:, 0], traded.net_kw
    )
    product = opened(40).product
    local = book(
        traded.buyer,
        traded.seller,
        "local energy",
        traded.p_kw * traded.price_per_kwh * DT_H,
        product,
    )
    assert local.amount_uusd.min() >= 0
    assert paid_uusd(local, 40).sum() == 0
    assert bill_usd(local, 40) == pytest.approx(
        paid(traded, 40) * DT_H, abs=1e-6 * len(traded.p_kw)
    )
    rest = final.p_kw[:, 0] - traded.net_kw
    whole = join(
        [
            local,
            book(np.arange(40), 40, "rest", rest * np.where(rest > 0, HIGH, LOW) * DT_H, product),
        ]
    )
    assert paid_uusd(whole, 41).sum() == 0
    assert np.abs(whole.amount_uusd).sum() > 0


@BOTH
def test_local_trades_lie_between_credit_and_import_price_and_on_both_curves(trader):
    """No trade outside both limits: at its time no buyer paid more than the kW was worth to it, no seller was paid less."""
    rows = homes(5, 25)
    traded, final = run(Auction(trader=trader), rows)
    assert (traded.p_kw > 0).all()
    assert (traded.buyer != traded.seller).all()
    assert (traded.price_per_kwh >= LOW).all()
    assert (traded.price_per_kwh <= HIGH).all()
    held = np.zeros(25)
    for buyer, seller, p, price in zip(*traded[:4], strict=True):
        for home, move in ((buyer, p), (seller, -p)):
            ends = [_stands(rows[home], t) for t in (held[home], held[home] + move)]
            change = gain(rows[home], held[home] + move, ends[1], LOW, HIGH) - gain(
                rows[home], held[home], ends[0], LOW, HIGH
            )
            assert change - price * move >= -1e-10
            held[home] += move
    assert held == pytest.approx(traded.net_kw, abs=1e-9)
    assert [_stands(row, t) for row, t in zip(rows, held, strict=True)] == pytest.approx(
        final.p_kw[:, 0], abs=1e-8
    )


def _stands(row: Row, traded_kw: float) -> float:
    """Power of a home that traded: no less than it wants at the import price, no more than at the credit."""
    return float(
        np.clip(traded_kw, *(power_at(curves([row]), price, 1.0)[0] for price in (HIGH, LOW)))
    )


@pytest.mark.parametrize(
    "arrival", [[4, 2, 0, 5, 1, 3, 6], [0, 1, 2, 3, 4, 5, 6], [5, 3, 1, 6, 0, 2, 4]]
)
def test_who_came_first_sells_first(arrival):
    """Time priority: of homes that ask the same price, those that came before are sold out first, whatever their number."""
    rows = [(np.array([-1.0, 0.0]), np.array([0.0, 0.0]))] * 6 + [
        (np.array([0.0, 2.5]), np.array([0.2, 0.2]))
    ]
    found = trade(
        curves(rows), LOW, HIGH, 1000, np.array([arrival]), np.zeros((0, 7), np.int64), 9.0, 0.0
    )
    assert found.seller.tolist() == arrival[:3]
    assert found.p_uw.tolist() == [10**9, 10**9, 5 * 10**8]
    assert (found.tick == 0).all()


def test_what_cannot_be_dealt_is_refused():
    two, arrival, none = curves(homes(0, 2)), np.array([[0, 1]]), np.zeros((0, 2), np.int64)
    for low, order, draw, sentence in (
        (HIGH, arrival, none, "nothing lies between"),
        (LOW, arrival + 1, none, r"a row from 1 to 2, expected 0\.\.1"),
        (LOW, arrival, arrival + 10, r"a tick from 10 to 11, expected 0\.\.10"),
        (LOW, arrival, arrival[:, :1], r"expected \(turns, 2\)"),
    ):
        with pytest.raises(ValueError, match=sentence):
            trade(two, low, HIGH, 10, order, draw, 1.0, 0.0)


@BOTH
def test_a_session_replays_bit_for_bit_and_every_interval_and_seed_draws_anew(trader):
    rows = homes(2, 20)
    first, second = (run(Auction(trader=trader), rows) for _ in range(2))
    for one, two in zip((*first[0], *first[1][1:]), (*second[0], *second[1][1:]), strict=True):
        assert np.array_equal(one, two)
    later, _ = run(Auction(trader=trader), rows, 300)
    seeded, _ = run(Auction(trader=trader, seed=1), rows)
    assert not np.array_equal(first[0].net_kw, later.net_kw)
    assert not np.array_equal(first[0].net_kw, seeded.net_kw)


@BOTH
def test_chance_belongs_to_the_home_and_not_to_its_row(trader):
    rows, order = homes(4, 20), np.random.default_rng(0).permutation(20)
    call = opened(20)
    offered = tender(call.product, call.party, curves(rows))
    plain, turned = (
        match_orders(Auction(trader=trader), call, table)
        for table in (offered, take(offered, order))
    )
    for name in ("buyer", "seller", "p_kw", "price_per_kwh", "turn"):
        assert np.array_equal(getattr(plain, name), getattr(turned, name)), name
    assert np.array_equal(plain.net_kw[order], turned.net_kw)
    a, b = settle_homes(call, offered, plain), settle_homes(call, take(offered, order), turned)
    assert np.array_equal(a.p_kw[order], b.p_kw)
    assert a.price_per_kwh[order] == pytest.approx(b.price_per_kwh, abs=1e-15)


def test_one_seller_and_one_buyer_meet_where_their_curves_cross():
    """v = .14 - .01 t and .06 + .01 t cross at 4 kW and .10 $/kWh; the rest of both is what they want there."""
    rows = [
        (np.array([0.0, 14.0]), np.array([0.14, 0.0])),
        (np.array([-14.0, 0.0]), np.array([0.20, 0.06])),
    ]
    traded, final = run(Auction(), rows)
    assert traded.net_kw == pytest.approx([4.0, -4.0], abs=0.02)
    assert final.p_kw[:, 0] == pytest.approx(traded.net_kw)
    assert traded.price_per_kwh[-1] == pytest.approx(0.10, abs=5e-4)
    assert final.price_per_kwh[0, 0] == pytest.approx(paid(traded, 2)[0] / traded.net_kw[0])


def test_what_nobody_matches_goes_to_the_supplier():
    """Four kW of sun meet one kW of load: three go out at the credit, and the mean price says so."""
    rows = [(np.array([-4.0]), np.array([0.0])), (np.array([1.0]), np.array([0.0]))]
    traded, final = run(Auction(), rows)
    assert traded.net_kw == pytest.approx([-1.0, 1.0])
    assert final.p_kw[:, 0] == pytest.approx([-4.0, 1.0])
    price = traded.price_per_kwh[0]
    assert final.price_per_kwh[:, 0] == pytest.approx([(price + 3 * LOW) / 4, price])
    assert (final.counterparty == SUPPLIER).all()


@pytest.mark.parametrize("credit", [HIGH, HIGH - 1e-18])
def test_nobody_trades_where_export_earns_what_import_costs(credit):
    rows = homes(0, 10)
    traded, final = run(Auction(), rows, 0, credit, HIGH)
    assert (len(traded.p_kw), traded.orders) == (0, 0)
    assert final.p_kw[:, 0] == pytest.approx([alone_kw(row, HIGH, HIGH) for row in rows])
    assert (final.price_per_kwh == HIGH).all()


def test_prices_below_zero_are_prices():
    rows = homes(9, 20)
    low = [(p, price - 0.3) for p, price in rows]
    plain, shifted = run(Auction(), rows), run(Auction(), low, 0, LOW - 0.3, HIGH - 0.3)
    assert gains(low, *shifted, LOW - 0.3, HIGH - 0.3).min() >= -1e-9
    assert gains(low, *shifted, LOW - 0.3, HIGH - 0.3).sum() == pytest.approx(
        gains(rows, *plain).sum(), rel=0.01
    )


@BOTH
def test_orders_and_trades_are_counted_and_curves_are_not(trader):
    call, rows = opened(20), homes(3, 20)
    offered = tender(call.product, call.party, curves(rows))
    auction = Auction(trader=trader)
    traded = match_orders(auction, call, offered)
    driven = drive(auction.clear(call, None), lambda _: offered, MessageCount(), private=True)
    made, rows_out = len(traded.p_kw), 20 * CONFIRMATION_BYTES
    size = traded.orders * ORDER_BYTES + 2 * made * CONFIRMATION_BYTES + rows_out
    expected = MessageCount(
        traded.orders + 2 * made + 20, size, traded.turns + 1, 2 * traded.orders
    )
    assert driven.traffic == expected
    assert traded.turns <= 50
    assert traded.orders <= 20 * traded.turns
    assert (traded.turns == 50) == (trader == "zero_intelligence"), (
        "traders who look ahead stop when nobody has more to say"
    )


def test_a_shade_asks_for_a_part_of_the_gain_and_gives_way():
    """Shaded offers move prices from the ends of the window to its middle, and lose next to nothing by gate closure."""
    rows, far = homes(6, 30), []
    for shade in (0.0, 0.4, 0.9):
        traded, final = run(Auction(shade=shade), rows)
        each = gains(rows, traded, final)
        assert each.min() >= -1e-9
        assert each.sum() > 0.95 * most(rows)
        far.append(np.average(np.abs(traded.price_per_kwh - (LOW + HIGH) / 2), weights=traded.p_kw))
    assert far[0] > far[1]
    assert far[0] > far[2]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"turns": 0}, "market.auction.turns.*got 0.*one turn or more"),
        (
            {"trader": "zero_inteligence"},
            "market.auction.trader.*'zero_inteligence'.*Did you mean 'zero_intelligence'",
        ),
        ({"block_kw": 0.0}, "market.auction.block_kw.*0.001 kW or more"),
        ({"ticks": 1}, "market.auction.ticks.*2 to 1000000 steps of price"),
        ({"shade": 1.0}, r"market.auction.shade.*a share in \[0, 1\)"),
        ({"delivery_share": 1.1}, "market.auction.delivery_share.*got 1.1.*a share from 0 to 1"),
        (
            {"learning_share": 0.0},
            r"market.auction.learning_share.*the weight of a day, in \(0, 1\]",
        ),
        ({"look_ahead_prices": "trade"}, "market.auction.look_ahead_prices.*mean 'trades'"),
    ],
)
def test_what_no_book_could_do_is_refused_in_a_sentence(keys, sentence):
    with pytest.raises(InputError, match=f"(?s){sentence}"):
        Auction(**keys)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(InputError) as fault:
        Auction(turns=-1, trader="x", shade=-0.1)
    assert len(fault.value.problems) == 3


def test_a_strategy_that_tenders_nothing_is_refused():
    with pytest.raises(InputError, match="no tenders"):
        drive(Auction().clear(opened(2), None), lambda _: None, MessageCount(), private=True)


def test_one_home_alone_has_nobody_to_trade_with():
    rows: list[Row] = [(np.array([-4.0]), np.array([0.0]))]
    traded, final = run(Auction(), rows)
    assert len(traded.p_kw) == 0
    assert final.price_per_kwh[0, 0] == LOW
