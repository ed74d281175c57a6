"""Money: exact zero, no order, one rounding an entry, and the identity of two settlements (theory 11, T30)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import InputError, PartError
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.settlement import ledger
from gridagora.settlement.ledger import AgreedPositions
from gridagora.settlement.parties import Role, row_of, rows_of, run_parties

COUNT = 6
PERIOD = Product(Commodity.P, 0, 86400, Horizon.REAL_TIME)
DAY_AHEAD = PERIOD._replace(duration_s=3600, horizon=Horizon.DAY_AHEAD)
AMOUNT = st.floats(-1e6, 1e6, allow_nan=False)
ENTRY = st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1), AMOUNT)


@given(st.lists(ENTRY, min_size=1, max_size=40), st.randoms())
@settings(max_examples=60, deadline=None)
def test_sums_to_exactly_zero_in_any_order(
    entries: list[tuple[int, int, float]], random: object
) -> None:
    booked = [ledger.book(payer, payee, "energy", usd, PERIOD) for payer, payee, usd in entries]
    paid = ledger.paid_uusd(ledger.join(booked), COUNT)
    assert paid.sum() == 0
    random.shuffle(booked)  # type: ignore[attr-defined]
    assert (ledger.paid_uusd(ledger.join(booked), COUNT) == paid).all()


def test_rounds_half_to_even_once_per_entry() -> None:
    entries = ledger.book(0, 1, "energy", np.array([0.5e-6, 1.5e-6, 2.5e-6, -0.5e-6, 1.0]), PERIOD)
    assert entries.amount_uusd.tolist() == [0, 2, 2, 0, 1_000_000]
    thirds = ledger.join([ledger.book(0, 1, "energy", 0.4e-6, PERIOD)] * 3)
    assert ledger.paid_uusd(thirds, 2).tolist() == [0, 0]


def test_a_bill_is_what_the_party_pays() -> None:
    energy = ledger.book(np.array([0, 1]), 2, "energy", np.array([3.0, -1.0]), PERIOD)
    book = ledger.join([energy, ledger.book(0, 2, "delivery", 0.5, PERIOD)])
    assert ledger.bill_usd(book, 3).tolist() == [3.5, -1.0, -2.5]
    assert ledger.bill_usd(ledger.only(book, "delivery"), 3).tolist() == [0.5, 0.0, -0.5]


@pytest.mark.parametrize("amount", [np.nan, np.inf, -np.inf, 1e13])
def test_an_amount_that_is_no_money_is_refused(amount: float) -> None:
    with pytest.raises(PartError, match=r"entry 1 of 'energy', 5 to 9"):
        ledger.book(np.array([4, 5]), 9, "energy", np.array([1.0, amount]), PERIOD)


def test_a_party_that_does_not_exist_is_refused() -> None:
    for party in (-1, 3):
        with pytest.raises(PartError, match=f"names party {party}"):
            ledger.paid_uusd(ledger.book(0, party, "energy", 1.0, PERIOD), 3)


def test_an_opened_ledger_owes_nothing() -> None:
    assert ledger.paid_uusd(ledger.open_ledger(), 3).tolist() == [0, 0, 0]


def test_two_settlements_pay_the_delivery_plus_the_price_difference_on_the_position() -> None:
    """T30: pay = real-time value of the delivery + (day-ahead - real-time price) x position, to one rounding an entry."""
    rng = np.random.default_rng(5)
    homes, hours, inside = 50, 24, 12
    position = rng.normal(0, 3, (homes, hours))
    delivered = np.repeat(position, inside, 1) + rng.normal(0, 1, (homes, hours * inside))
    day_ahead, real_time = rng.uniform(0.02, 0.2, hours), rng.uniform(-0.05, 0.5, hours * inside)
    market = homes
    book = ledger.settle(
        np.arange(homes),
        market,
        [AgreedPositions(DAY_AHEAD, position, day_ahead)],
        delivered,
        real_time,
        PERIOD,
        1 / inside,
    )
    pay = ledger.bill_usd(book, homes + 1)
    gap = np.repeat(day_ahead, inside) - real_time
    other = (delivered @ real_time + np.repeat(position, inside, 1) @ gap) / inside
    assert np.abs(pay[:-1] - other).max() <= 1e-6
    assert ledger.paid_uusd(book, homes + 1).sum() == 0


def test_on_a_copper_plate_the_market_keeps_nothing() -> None:
    """T30: buyers and sellers balance in every interval, so the market's own payment is rounding only."""
    rng = np.random.default_rng(6)
    position = rng.normal(0, 3, (20, 4))
    position[-1] = -position[:-1].sum(axis=0)
    delivered = np.repeat(position, 4, axis=1) + rng.normal(0, 1, (20, 16))
    delivered[-1] = -delivered[:-1].sum(axis=0)
    book = ledger.settle(
        np.arange(20),
        20,
        [AgreedPositions(DAY_AHEAD, position, rng.uniform(0, 1, 4))],
        delivered,
        rng.uniform(0, 1, 16),
        PERIOD,
        0.25,
    )
    paid = ledger.paid_uusd(book, 21)
    assert paid.sum() == 0
    assert abs(paid[20]) <= len(book.amount_uusd) / 2


def test_delivery_as_agreed_pays_the_day_ahead_price_alone() -> None:
    position = np.full((1, 2), 2.0)
    book = ledger.settle(
        np.zeros(1, dtype=np.int64),
        1,
        [AgreedPositions(DAY_AHEAD, position, np.array([0.1, 0.2]))],
        np.full((1, 24), 2.0),
        np.full(24, 9.0),
        PERIOD,
        1 / 12,
    )
    assert ledger.bill_usd(ledger.only(book, "day-ahead"), 2)[0] == 0.6
    assert ledger.bill_usd(ledger.only(book, "deviation"), 2)[0] == 0.0


def test_real_time_must_tile_the_day_ahead() -> None:
    with pytest.raises(PartError, match="25 real-time intervals do not tile 2"):
        ledger.settle(
            np.zeros(1, dtype=np.int64),
            1,
            [AgreedPositions(DAY_AHEAD, np.ones((1, 2)), np.ones(2))],
            np.ones((1, 25)),
            np.ones(25),
            PERIOD,
            1 / 12,
        )


def test_an_entry_says_product_place_and_quantity():
    place = np.array([3, 4])
    book = ledger.book(
        np.array([0, 1]), 2, "energy", np.array([1.0, 2.0]), PERIOD, np.array([10.0, 20.0]), place
    )
    assert book.horizon.tolist() == [Horizon.REAL_TIME] * 2
    assert book.commodity.tolist() == [Commodity.P] * 2
    assert (book.start_s.tolist(), book.duration_s.tolist()) == ([0, 0], [86400, 86400])
    assert book.place.tolist() == [3, 4]
    assert (book.quantity_uwh / ledger.UWH_PER_KWH).tolist() == [10.0, 20.0]
    with pytest.raises(
        PartError, match=r"entry 1 of 'energy', 1 to 2: got nan kWh, expected a finite amount"
    ):
        ledger.book(np.array([0, 1]), 2, "energy", 1.0, PERIOD, np.array([10.0, np.nan]))


def test_quantities_of_a_sequence_of_settlements_sum_to_the_delivery():
    rng = np.random.default_rng(7)
    early, late, delivered = (
        rng.normal(0, 3, (5, 4)),
        rng.normal(0, 3, (5, 4)),
        rng.normal(0, 3, (5, 16)),
    )
    first = AgreedPositions(
        DAY_AHEAD._replace(commodity=Commodity.E, horizon=Horizon.SHORT_TERM), early, np.ones(4)
    )
    book = ledger.settle(
        np.arange(5),
        5,
        [first, AgreedPositions(DAY_AHEAD, late, np.ones(4))],
        delivered,
        np.ones(16),
        PERIOD,
        0.25,
    )
    moved = np.bincount(book.payer, book.quantity_uwh, 5) / ledger.UWH_PER_KWH
    np.testing.assert_allclose(moved, delivered.sum(1) * 0.25, atol=3e-9)
    assert sorted(set(book.item)) == ["day-ahead", "deviation", "short-term"]
    assert set(book.commodity[book.item == "short-term"]) == {Commodity.E}


def test_a_statement_holds_the_entries_of_a_party_and_sums_to_its_bill():
    parties = run_parties(["north", "south"])
    operator = row_of(parties, Role.OPERATOR)
    book = ledger.join(
        [
            ledger.book(
                rows_of(parties, Role.HOME), operator, "energy", np.array([3.0, 1.0]), PERIOD
            ),
            ledger.book(operator, 1, "credit", 0.25, PERIOD),
        ]
    )
    own = ledger.statement(book, parties, "south")
    assert own.item.tolist() == ["energy", "credit"]
    assert (
        ledger.bill_usd(own, len(parties.id))[1]
        == ledger.bill_usd(book, len(parties.id))[1]
        == 0.75
    )
    with pytest.raises(
        PartError, match="statement of 'west': expected one of the 6 parties, as north"
    ):
        ledger.statement(book, parties, "west")


def test_homes_that_are_named_as_another_party_or_twice_are_refused():
    with pytest.raises(InputError) as fault:
        run_parties(["a", "operator", "a"])
    assert [problem.got for problem in fault.value.problems] == [
        "'a' for two parties",
        "'operator' for two parties",
    ]


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=2), st.floats(-5, 5), st.floats(0, 0.2))
def test_with_a_credit_the_deviation_is_what_delivery_costs_less_what_the_position_would(
    delivered: list[float], held: float, credit: float
) -> None:
    price, power = 0.2, np.array([delivered])

    def cost(kw: np.ndarray) -> float:
        return float((0.2 * kw.clip(min=0) + credit * kw.clip(max=0)).sum())

    found = ledger.settle(
        np.array([0]),
        1,
        [AgreedPositions(DAY_AHEAD, np.array([[held]]), np.array([0.3]))],
        power,
        np.array([price]),
        PERIOD,
        0.5,
        credit_per_kwh=np.array([credit]),
    )
    amount = ledger.only(found, "deviation").amount_uusd.sum() / 1e6
    expected = 0.5 * (cost(power) - cost(np.full((1, 2), held)))
    assert amount == pytest.approx(expected, abs=1e-6)
    moved = found.quantity_uwh.sum() / 1e9
    assert moved == pytest.approx(power.sum() * 0.5, abs=1e-8)
