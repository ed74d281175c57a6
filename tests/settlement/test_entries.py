"""Entries of the ledger: what each column holds, how it is rounded, and what filters and settlements make of it (theory 9)."""

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.settlement import ledger as books
from gridagora.settlement.ledger import UUSD_PER_USD, UWH_PER_KWH, AgreedPositions, Ledger
from gridagora.settlement.parties import run_parties

PERIOD = Product(Commodity.P, 3600, 7200, Horizon.REAL_TIME, place=6)
HOUR = Product(Commodity.P, 3600, 3600, Horizon.DAY_AHEAD)
TWO = np.array([0, 1])


def test_units_are_micro_dollars_and_micro_watt_hours():
    entry = books.book(0, 1, "energy", 1.5, PERIOD, 2.25)
    assert entry.amount_uusd.tolist() == [1_500_000]
    assert entry.quantity_uwh.tolist() == [2_250_000_000]
    assert (UUSD_PER_USD, UWH_PER_KWH) == (10**6, 10**9)


def test_an_opened_ledger_has_columns_of_the_kinds_of_a_booked_one():
    empty, booked = books.open_ledger(), books.book(TWO, 2, "energy", 1.0, PERIOD)
    for name in Ledger._fields:
        assert len(getattr(empty, name)) == 0, name
        assert getattr(empty, name).dtype.kind == getattr(booked, name).dtype.kind, name
        assert len(getattr(booked, name)) == 2, name


def test_one_number_stands_for_every_entry():
    entry = books.book(TWO, 2, "energy", 1.0, PERIOD)
    assert entry.payer.tolist() == [0, 1]
    assert entry.payee.tolist() == [2, 2]
    assert entry.item.tolist() == ["energy"] * 2
    assert entry.amount_uusd.tolist() == [1_000_000] * 2
    assert entry.quantity_uwh.tolist() == [0, 0]
    assert entry.place.tolist() == [6, 6], "the place of the product, where no meters are given"
    assert entry.start_s.tolist() == [3600] * 2
    assert entry.duration_s.tolist() == [7200] * 2
    assert books.book(0, 1, "energy", 1.0, PERIOD, 0.0, np.array([4])).place.tolist() == [4]


@pytest.mark.parametrize("horizon", list(Horizon))
@pytest.mark.parametrize("commodity", list(Commodity))
def test_an_entry_is_of_its_product(horizon, commodity):
    entry = books.book(0, 1, "energy", 1.0, PERIOD._replace(horizon=horizon, commodity=commodity))
    assert (entry.horizon[0], entry.commodity[0]) == (horizon, commodity)


@pytest.mark.parametrize(
    ("kwh", "expected"), [(0.5e-9, 0), (1.5e-9, 2), (2.5e-9, 2), (-1.5e-9, -2), (-0.5e-9, 0)]
)
def test_quantities_are_rounded_half_to_even_too(kwh, expected):
    assert books.book(0, 1, "energy", 0.0, PERIOD, kwh).quantity_uwh.tolist() == [expected]


def test_the_largest_amounts_are_exact_and_the_next_are_refused():
    """63 bits hold nine million million dollars and nine thousand million kilowatt-hours."""
    assert books.book(0, 1, "energy", -9e12, PERIOD, 9e9).amount_uusd[0] == -9 * 10**18
    for usd, kwh, said in ((9.3e12, 0.0, r"\$"), (-9.3e12, 0.0, r"\$"), (0.0, 9.3e9, "kWh")):
        with pytest.raises(
            PartError, match=rf"entry 0 of 'energy', 0 to 1: got .* {said}, expected"
        ):
            books.book(0, 1, "energy", usd, PERIOD, kwh)


def test_a_fault_names_the_first_bad_entry_and_its_parties():
    with pytest.raises(
        PartError, match=r"^entry 1 of 'delivery', 8 to 3: got inf \$, expected a finite amount$"
    ):
        books.book(np.array([7, 8, 9]), 3, "delivery", np.array([1.0, np.inf, np.nan]), PERIOD)


def test_joining_keeps_every_entry_and_only_finds_those_of_an_item():
    energy, wires = (
        books.book(TWO, 2, "energy", np.array([1.0, 2.0]), PERIOD, 5.0),
        books.book(2, 3, "delivery", 4.0, PERIOD),
    )
    both = books.join([energy, wires])
    assert both.amount_uusd.tolist() == [1_000_000, 2_000_000, 4_000_000]
    found = books.only(both, "delivery")
    assert [column.tolist() for column in found] == [column.tolist() for column in wires]
    assert len(books.only(both, "losses").item) == 0
    assert [len(column) for column in books.join([])] == [0] * 10
    assert books.join([energy]).item.tolist() == ["energy", "energy"]


def test_a_statement_holds_what_a_party_pays_and_what_it_gets():
    parties = run_parties(["a", "b"])
    book = books.join(
        [
            books.book(0, 2, "energy", 3.0, PERIOD),
            books.book(1, 0, "local energy", 1.0, PERIOD),
            books.book(1, 2, "energy", 9.0, PERIOD),
        ]
    )
    own = books.statement(book, parties, "a")
    assert list(zip(own.payer, own.payee, own.item, strict=True)) == [
        (0, 2, "energy"),
        (1, 0, "local energy"),
    ]
    assert books.bill_usd(own, len(parties.id))[0] == 2.0


def test_what_one_pays_the_other_gets():
    book = books.join(
        [
            books.book(0, 1, "energy", 2.0, PERIOD),
            books.book(1, 0, "credit", 0.5, PERIOD),
            books.book(0, 0, "own", 7.0, PERIOD),
        ]
    )
    assert books.paid_uusd(book, 3).tolist() == [1_500_000, -1_500_000, 0]
    assert books.bill_usd(book, 3).tolist() == [1.5, -1.5, 0.0]


def test_many_entries_of_one_party_all_count():
    many = books.book(np.zeros(1000, int), 1, "energy", np.full(1000, 0.001), PERIOD)
    assert books.paid_uusd(many, 2).tolist() == [1_000_000, -1_000_000]


@pytest.mark.parametrize(
    ("payer", "payee", "said"), [(0, 5, "5"), (5, 0, "5"), (-1, 0, "-1"), (0, -2, "-2")]
)
def test_an_entry_of_nobody_is_refused_on_either_side(payer, payee, said):
    entry = books.book(np.array([1, payer]), np.array([1, payee]), "energy", 1.0, PERIOD)
    with pytest.raises(PartError, match=f"^ledger of 5 parties: an entry names party {said}$"):
        books.paid_uusd(entry, 5)


@pytest.mark.parametrize(
    ("horizon", "item"),
    [
        (Horizon.LONG_TERM, "long-term"),
        (Horizon.SHORT_TERM, "short-term"),
        (Horizon.DAY_AHEAD, "day-ahead"),
    ],
)
def test_positions_are_booked_under_their_horizon(horizon, item):
    assert books.item_of(HOUR._replace(horizon=horizon)) == item


def settled(agreed, delivered_kw, price=1.0, dt_h=0.5, **changed):
    """Return payer 0's dollars and kilowatt-hours by item; payee is 1."""
    delivered = np.atleast_2d(np.asarray(delivered_kw, dtype=float))
    real_time = np.full(delivered.shape[1], price)
    book = books.settle(
        np.zeros(len(delivered), int), 1, agreed, delivered, real_time, PERIOD, dt_h, **changed
    )
    return {
        item: (usd / 1e6, kwh / 1e9)
        for item, usd, kwh in zip(book.item, book.amount_uusd, book.quantity_uwh, strict=True)
    }


def agree(horizon, p_kw, price):
    return AgreedPositions(
        HOUR._replace(horizon=horizon),
        np.atleast_2d(np.asarray(p_kw, float)),
        np.asarray(price, float),
    )


def test_two_settlements_by_hand():
    """2 kW for an hour at 0.1, 4 kW for an hour at 0.2; 3, 3 and 3, 3 kW delivered: 1 kWh more and 1 kWh less at 0.5."""
    got = settled([agree(Horizon.DAY_AHEAD, [2, 4], [0.1, 0.2])], [3, 3, 3, 3], 0.5)
    assert got == {"day-ahead": (pytest.approx(1.0), 6.0), "deviation": (0.0, 0.0)}
    got = settled([agree(Horizon.DAY_AHEAD, [2, 4], [0.1, 0.2])], [3, 3, 5, 4], 0.5)
    assert got["deviation"] == (pytest.approx(0.5 * (1.0 + 0.5)), 1.5)


def test_three_settlements_by_hand():
    """The second market settles 1 kW up at its price, real time 2 kW down at its own."""
    got = settled(
        [agree(Horizon.SHORT_TERM, [2], [0.1]), agree(Horizon.DAY_AHEAD, [3], [0.4])], [1, 1], 0.5
    )
    assert got == {"short-term": (0.2, 2.0), "day-ahead": (0.4, 1.0), "deviation": (-1.0, -2.0)}


def test_export_earns_and_buying_back_costs():
    got = settled([agree(Horizon.DAY_AHEAD, [-2], [0.3])], [-1, 0], 0.9)
    assert got == {"day-ahead": (-0.6, -2.0), "deviation": (pytest.approx(0.9 * 1.5), 1.5)}


@pytest.mark.parametrize("inside", [1, 2, 3, 12])
def test_positions_count_by_the_length_of_their_own_interval(inside):
    """However finely real time is told, an hour of 2 kW is 2 kWh."""
    got = settled(
        [agree(Horizon.DAY_AHEAD, [2, 2], [0.25, 0.75])], np.full(2 * inside, 2.0), 7.0, 1 / inside
    )
    assert got == {"day-ahead": (pytest.approx(2.0), pytest.approx(4.0)), "deviation": (0.0, 0.0)}


def test_prices_may_be_of_each_party():
    agreed = AgreedPositions(HOUR, np.array([[1.0], [1.0]]), np.array([[0.1], [0.3]]))
    book = books.settle(
        TWO,
        2,
        [agreed],
        np.array([[2.0], [2.0]]),
        np.array([[1.0], [5.0]]),
        PERIOD,
        1.0,
        np.array([8, 9]),
    )
    assert book.item.tolist() == ["day-ahead"] * 2 + ["deviation"] * 2
    assert (book.amount_uusd / 1e6).tolist() == [0.1, 0.3, 1.0, 5.0]
    assert book.place.tolist() == [8, 9, 8, 9]
    assert book.payer.tolist() == [0, 1, 0, 1]


def test_entries_cover_the_settlement_period_and_keep_their_horizon_and_commodity():
    energy = AgreedPositions(
        HOUR._replace(commodity=Commodity.E, horizon=Horizon.SHORT_TERM),
        np.ones((1, 1)),
        np.ones(1),
    )
    book = books.settle(np.zeros(1, int), 1, [energy], np.ones((1, 2)), np.ones(2), PERIOD, 0.5)
    assert book.commodity.tolist() == [Commodity.E, Commodity.P]
    assert book.horizon.tolist() == [Horizon.SHORT_TERM, Horizon.REAL_TIME]
    assert book.start_s.tolist() == [3600, 3600]
    assert book.duration_s.tolist() == [7200, 7200]


@pytest.mark.parametrize(("intervals", "hours"), [(3, 2), (1, 2), (0, 2), (25, 2)])
def test_real_time_that_does_not_tile_the_hours_is_refused(intervals, hours):
    said = f"^settlement: {intervals} real-time intervals do not tile {hours} agreed ones$"
    with pytest.raises(PartError, match=said):
        settled([agree(Horizon.DAY_AHEAD, [1] * hours, [1.0] * hours)], np.ones((1, intervals)))
