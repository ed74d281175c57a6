"""Tables that cross: take and join, what is counted, sums that know no order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core import exchange
from gridagora.core.encoding import HEADER, count_numbers, message_bytes
from gridagora.core.errors import PartError
from gridagora.core.exchange import (
    Deliveries,
    ExportLimits,
    MeterFees,
    MeterLimits,
    Plans,
    Positions,
    Proposals,
    Quotes,
    Status,
    Table,
    Tenders,
    Transactions,
)
from gridagora.core.product import Commodity, Horizon, Product, following
from gridagora.markets import auction, layered
from gridagora.mechanisms import peer_messages
from gridagora.mechanisms.retail import messages as retail_messages

PRODUCT = Product(Commodity.P, 1721019600, 300, Horizon.REAL_TIME, place=2)
OWN = {
    **retail_messages.MESSAGES,
    **auction.MESSAGES,
    **layered.MESSAGES,
    **peer_messages.MESSAGES,
}  # of designs, beside the tables
KINDS = [
    Quotes,
    MeterLimits,
    ExportLimits,
    MeterFees,
    Tenders,
    Plans,
    Proposals,
    Transactions,
    Positions,
    Deliveries,
]


def drawn(kind: type, n: int, h: int = 3, seed: int = 0) -> Table:
    """Draw a table of n rows."""
    rng = np.random.default_rng([seed, n])
    party = np.arange(10, 10 + n)
    if kind is Tenders:
        length = rng.integers(1, 5, n)
        offset = np.concatenate([[0], np.cumsum(length)])
        rising = [np.sort(rng.normal(size=count)) for count in length]
        points = np.concatenate([np.zeros(0), *rising])
        return Tenders(PRODUCT, party, offset, points, -points)
    columns = [rng.normal(size=(n, h)) for _ in range(3)]
    if kind is Quotes:
        return Quotes(PRODUCT, party, *columns)
    if kind in (MeterLimits, ExportLimits):
        return kind(PRODUCT, party, *columns[:2])
    if kind is Transactions:
        return Transactions(
            PRODUCT,
            party,
            party[::-1].copy(),
            columns[0],
            columns[1],
            np.full(n, Status.FILLED, dtype=np.int64),
        )
    if kind is Proposals:
        return Proposals(PRODUCT, party, columns[0], columns[1][:, 0], columns[2][:, 0])
    return kind(PRODUCT, party, columns[0])


def same(a: Table, b: Table) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in a._fields)


@pytest.mark.parametrize("kind", KINDS)
@given(n=st.integers(1, 8), seed=st.integers(0, 99), draw=st.data())
@settings(max_examples=15, deadline=None)
def test_join_of_takes_restores(kind: type, n: int, seed: int, draw: st.DataObject) -> None:
    table = drawn(kind, n, seed=seed)
    order = np.array(draw.draw(st.permutations(range(n))), dtype=np.int64)
    cut = draw.draw(st.integers(0, n))
    shuffled = exchange.join([exchange.take(table, order[:cut]), exchange.take(table, order[cut:])])
    assert same(exchange.take(shuffled, np.argsort(order)), table)
    assert type(shuffled) is kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 5])
def test_bytes_counted_are_bytes_sent(kind: type, n: int) -> None:
    table = drawn(kind, n)
    sent = exchange.encode(table)
    assert len(sent) == exchange.count_messages(table) == n
    assert sum(len(message) for message in sent) == exchange.count_bytes(table)


def test_a_message_holds_its_row_and_nothing_else() -> None:
    table = drawn(Tenders, 4)
    row = 2
    points = slice(table.offset[row], table.offset[row + 1])
    body = exchange.encode(table)[row][HEADER.size :]
    assert int(np.frombuffer(body[:8], "<i8")[0]) == table.party[row]
    assert np.frombuffer(body[8:], "<f8").tolist() == [
        *table.p_kw[points],
        *table.price_per_kwh[points],
    ]


def test_a_broadcast_is_counted_per_listener() -> None:
    quotes = exchange.quote(PRODUCT, np.arange(60), np.array([0.1]))
    assert exchange.count_messages(quotes) == 60
    assert exchange.count_bytes(quotes) == 60 * (HEADER.size + 8 * 4)
    assert (quotes.sell_per_kwh == 0.1).all()
    assert (quotes.share == 1.0).all()


def test_a_price_that_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(PartError, match=r"party 7, interval 1: buy_per_kwh nan"):
        exchange.quote(PRODUCT, np.array([7]), np.array([0.1, np.nan]))


def test_tables_of_two_products_do_not_join() -> None:
    late = drawn(Positions, 2)._replace(product=following(PRODUCT))
    with pytest.raises(PartError, match="one product"):
        exchange.join([drawn(Positions, 2), late])
    with pytest.raises(PartError, match="0 tables"):
        exchange.join([])


def test_sums_know_no_order_where_floats_do() -> None:
    p_kw = np.random.default_rng(1).normal(0, 1e3, 20_000)
    backward = p_kw[::-1]
    assert exchange.sum_kw(p_kw) == exchange.sum_kw(backward)
    assert np.cumsum(p_kw)[-1] != np.cumsum(backward)[-1]
    parts = [exchange.quanta_uw(part).sum() for part in np.array_split(p_kw, 7)]
    assert sum(parts) == exchange.quanta_uw(p_kw).sum()


def test_quanta_round_half_to_even() -> None:
    assert exchange.quanta_uw(np.array([0.5e-9, 1.5e-9, -0.5e-9, 1.0])).tolist() == [
        0,
        2,
        0,
        1_000_000_000,
    ]


def test_net_positions_of_a_closed_market_sum_to_zero() -> None:
    trades = Transactions(
        PRODUCT,
        np.array([1, 1, 3]),
        np.array([2, 3, 2]),
        np.array([[0.1], [0.2], [-0.7]]),
        np.ones((3, 1)),
        np.zeros(3, dtype=np.int64),
    )
    net = exchange.net(trades, np.array([1, 2, 3]))
    assert net.p_kw.ravel().tolist() == [0.3, 0.6, -0.9]
    assert exchange.quanta_uw(net.p_kw).sum() == 0
    assert exchange.net(trades, np.array([3])).p_kw.tolist() == [[-0.9]]


def test_a_tender_needs_one_curve_a_party() -> None:
    with pytest.raises(PartError, match="got 4 curves"):
        exchange.tender(PRODUCT, np.arange(3), drawn(Tenders, 4))
    assert same(exchange.tender(PRODUCT, np.arange(10, 14), drawn(Tenders, 4)), drawn(Tenders, 4))


@pytest.mark.parametrize("kind", KINDS)
@given(n=st.integers(1, 6), h=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_what_is_sent_is_what_is_read(kind: type, n: int, h: int, seed: int) -> None:
    table = drawn(kind, n, h, seed)
    sent = exchange.encode(table)
    got = exchange.decode(kind, sent)
    assert type(got) is kind
    assert same(got, table)
    assert all(getattr(got, name).dtype == getattr(table, name).dtype for name in table._fields[1:])
    assert exchange.encode(got) == sent
    assert sum(map(len, sent)) == exchange.count_bytes(got)


@pytest.mark.parametrize("kind", KINDS)
@given(
    noise=st.binary(max_size=200),
    flips=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 255)), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_noise_is_refused_or_is_a_message(
    kind: type, noise: bytes, flips: list[tuple[int, int]]
) -> None:
    bent = bytearray(exchange.encode(drawn(kind, 1))[0])
    for at, value in flips:
        bent[at] = value
    for message in (noise, bytes(bent), exchange.encode(drawn(kind, 1))[0][: HEADER.size] + noise):
        try:
            got = exchange.decode(kind, [message])
        except PartError:
            continue
        assert exchange.encode(got) == [message]


@pytest.mark.parametrize(
    ("bend", "says"),
    [
        (lambda m: m[:5], r"message 0 of Plans has 5 bytes, expected a head of 18 at least"),
        (lambda m: m[:-1], r"message 0 of Plans has 49 bytes, expected 34, 42, 50 and so on"),
        (lambda m: m[:26], r"message 0 of Plans has 26 bytes"),
        (lambda m: b"\x07" + m[1:], r"got commodity 7, expected one of 0 \(P\)"),
        (lambda m: m[:1] + b"\x09" + m[2:], r"got horizon 9, expected one of 0 \(LONG_TERM\)"),
        (lambda m: m[:10] + bytes(4) + m[14:], r"got a duration of 0 s at place 2"),
        (
            lambda m: m[:-8] + np.float64(np.nan).tobytes(),
            r"message 0 of Plans holds nan, expected finite numbers",
        ),
        (lambda m: m[:-8] + np.float64(np.inf).tobytes(), r"holds inf"),
    ],
)
def test_what_is_malformed_is_refused_with_a_sentence(bend, says: str) -> None:
    with pytest.raises(PartError, match=says):
        exchange.decode(Plans, [bend(exchange.encode(drawn(Plans, 1))[0])])


def test_messages_of_one_table_are_alike() -> None:
    first = exchange.encode(drawn(Plans, 1))
    with pytest.raises(PartError, match="message 1 of Plans is of Product"):
        exchange.decode(
            Plans, first + exchange.encode(drawn(Plans, 1)._replace(product=following(PRODUCT)))
        )
    with pytest.raises(
        PartError, match="message 1 of Plans has another number of products than the first"
    ):
        exchange.decode(Plans, first + exchange.encode(drawn(Plans, 1, h=4)))
    with pytest.raises(PartError, match="no message of Plans"):
        exchange.decode(Plans, [])
    turned = drawn(Tenders, 1)._replace(
        offset=np.array([0, 2]), p_kw=np.array([1.0, 0.0]), price_per_kwh=np.array([0.2, 0.1])
    )
    with pytest.raises(PartError, match="points out of order"):
        exchange.decode(Tenders, exchange.encode(turned))
    with pytest.raises(PartError, match="got status 7, expected one of 0, 1, 2, 3, 4"):
        exchange.decode(
            Transactions, exchange.encode(drawn(Transactions, 1)._replace(status=np.array([7])))
        )


def own_table(kind: type, n: int, h: int, seed: int = 0):
    """Draw a table of a design's own."""
    rng, columns = np.random.default_rng([seed, n]), []
    for letter in OWN[kind]:
        shape = (n,) if letter in "io" else (n, count_numbers(letter, h))
        columns.append(rng.integers(-9, 9, n) if letter == "i" else rng.normal(size=shape))
    return kind(PRODUCT, *columns)


@pytest.mark.parametrize("kind", OWN)
@given(n=st.integers(0, 5), h=st.integers(1, 30), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_every_message_of_a_design_is_counted_as_it_is_sent_and_read(
    kind: type, n: int, h: int, seed: int
) -> None:
    table, layout = own_table(kind, n, h, seed), OWN[kind]
    sent = exchange.encode(table, layout)
    assert [len(message) for message in sent] == [message_bytes(layout, h)] * n
    assert sum(map(len, sent)) == exchange.count_bytes(table)
    got = exchange.decode(kind, sent, layout, product=PRODUCT, steps=h)
    assert same(got, table)
    assert [getattr(got, name).shape for name in table._fields[1:]] == [
        getattr(table, name).shape for name in table._fields[1:]
    ]
    if n:
        assert same(exchange.decode(kind, sent, layout), table)


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_has_the_bytes_of_its_layout(kind: type) -> None:
    table = drawn(kind, 5, h=7)
    widths = np.diff(table.offset) if kind is Tenders else np.full(5, 7)
    assert [len(m) for m in exchange.encode(table)] == [
        message_bytes(exchange.LAYOUT[kind], int(w)) for w in widths
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_table_comes_back_to_who_knows_what_is_open(kind: type) -> None:
    table = drawn(kind, 0, h=4)
    got = exchange.decode(kind, exchange.encode(table), product=PRODUCT, steps=4)
    assert same(got, table)
    for name in table._fields[1:]:
        assert getattr(got, name).shape == getattr(table, name).shape
        assert getattr(got, name).dtype == np.asarray(getattr(table, name)).dtype


def test_a_curve_without_points_comes_back() -> None:
    table = Tenders(
        PRODUCT, np.array([3, 4]), np.array([0, 0, 1]), np.array([1.0]), np.array([0.1])
    )
    got = exchange.decode(Tenders, exchange.encode(table))
    assert same(got, table)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [*KINDS, *OWN])
def test_what_is_no_number_is_not_sent(kind: type, value: float) -> None:
    table = drawn(kind, 2) if kind in KINDS else own_table(kind, 2, 3)
    floats = [
        name for name in table._fields[1:] if np.asarray(getattr(table, name)).dtype == np.float64
    ]
    for name in floats:
        column = getattr(table, name).copy()
        column.flat[-1] = value
        with pytest.raises(
            PartError, match=rf"row 1 of {kind.__name__} holds {value}, expected finite numbers"
        ):
            exchange.encode(table._replace(**{name: column}), OWN.get(kind))


def test_another_product_or_length_than_is_open_is_refused() -> None:
    sent = exchange.encode(drawn(Plans, 2))
    with pytest.raises(PartError, match=r"message 0 of Plans is of Product.*, expected Product"):
        exchange.decode(Plans, sent, product=following(PRODUCT))
    with pytest.raises(PartError, match="message 0 of Plans is over 3 products, expected 4"):
        exchange.decode(Plans, sent, product=PRODUCT, steps=4)


def test_a_triangle_says_how_many_products_it_has() -> None:
    layout = OWN[retail_messages.GameTerms]
    sent = exchange.encode(own_table(retail_messages.GameTerms, 1, 24), layout)[0]
    with pytest.raises(
        PartError, match=rf"has {len(sent) - 8} bytes, expected 74, 130, 194 and so on"
    ):
        exchange.decode(retail_messages.GameTerms, [sent[:-8]], layout)
