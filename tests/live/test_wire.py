"""Datagrams: what is packed comes back to the last bit as it is counted, and nothing else is let in."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.encoding import HEADER, message_bytes
from gridagora.core.errors import PartError
from gridagora.core.exchange import count_bytes, encode
from gridagora.core.product import following
from gridagora.live.wire import (
    ENVELOPE,
    FINAL,
    FIRST_HOUR,
    TABLE_OF,
    Frame,
    Kind,
    Size,
    most_bytes,
    packed,
    payload,
    unpacked,
)
from gridagora.mechanisms.retail.messages import MESSAGES, GameOffers

SIZE = Size(prosumers=3, groups=2, hours=4)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def table_of(kind: Kind, party: list[int], fill: Any = 1.5) -> Any:
    columns = len(MESSAGES[TABLE_OF[kind]]) - 1
    rows = np.broadcast_to(fill, (columns, len(party), SIZE.hours)).astype(np.float64)
    return TABLE_OF[kind](FIRST_HOUR, np.array(party), *rows)


def frame(kind: Kind, sender: int | None = None, fill: float = 1.5) -> Frame:
    who = (SIZE.prosumers if kind is Kind.TAKEN else 0) if sender is None else sender
    party = {
        Kind.OFFER: [who],
        Kind.TABLE: [0, 1, 2],
        Kind.PRICE: [SIZE.prosumers],
        Kind.TAKEN: [who],
    }.get(kind)
    return Frame(kind, who, 7, 9, None if party is None else table_of(kind, party, fill))


def bent(kind: Kind, at: int, value: bytes) -> bytes:
    """A datagram with other bytes from some place in its payload on."""
    sent, at = packed(frame(kind)), at + ENVELOPE.size
    return sent[:at] + value + sent[at + len(value) :]


@given(
    kind=st.sampled_from(Kind),
    number=st.integers(1, 2**32 - 1),
    step=st.integers(0, FINAL),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_every_frame_comes_back(kind: Kind, number: int, step: int, data: st.DataObject) -> None:
    sent = frame(kind)._replace(round=number, step=step)
    if sent.table is not None:
        party = sent.table.party.tolist()
        if kind is Kind.TABLE:
            party = sorted(data.draw(st.sets(st.integers(0, 2), min_size=1)))
        count = (len(MESSAGES[TABLE_OF[kind]]) - 1) * len(party) * SIZE.hours
        fill = np.array(data.draw(st.lists(FINITE, min_size=count, max_size=count))).reshape(
            -1, len(party), SIZE.hours
        )
        sent = sent._replace(table=table_of(kind, party, fill))
    got = unpacked(packed(sent), SIZE)
    assert got[:4] == sent[:4]
    assert payload(got) == payload(sent)
    assert type(got.table) is type(sent.table)
    assert all(
        a.shape == b.shape
        for a, b in zip((got.table or ())[1:], (sent.table or ())[1:], strict=True)
    )


@pytest.mark.parametrize("kind", Kind)
def test_a_payload_is_what_is_counted(kind: Kind) -> None:
    sent = frame(kind)
    counted = [] if sent.table is None else encode(sent.table, MESSAGES[type(sent.table)])
    assert payload(sent) == b"".join(counted) == packed(sent)[ENVELOPE.size :]
    assert (
        len(payload(sent))
        == most_bytes(kind, SIZE)
        == (0 if sent.table is None else count_bytes(sent.table))
    )


def test_layout_is_the_documented_one() -> None:
    """Written out by hand, so that another program can speak it."""
    sent = frame(Kind.PRICE)._replace(
        sender=2, round=5, step=6, table=table_of(Kind.PRICE, [3], [0.25, -1.0, 0.0, 3.0])
    )
    envelope = b"gr" + bytes([2, 4, 2, 0, 5, 0, 0, 0, 6, 0, 0, 0])
    head = bytes([0, 2]) + struct.pack("<qii", 0, 3600, 0)
    assert packed(sent) == envelope + head + struct.pack("<q4d", 3, 0.25, -1.0, 0.0, 3.0)


def test_a_table_tells_who_was_heard() -> None:
    got = unpacked(packed(frame(Kind.TABLE)._replace(table=table_of(Kind.TABLE, [0, 2]))), SIZE)
    assert isinstance(got.table, GameOffers)
    assert got.table.party.tolist() == [0, 2]


def test_a_number_that_is_none_is_not_sent() -> None:
    with pytest.raises(PartError, match="row 0 of GameOffers holds nan, expected finite numbers"):
        packed(frame(Kind.OFFER, fill=np.nan))


NAN = struct.pack("<d", np.nan)
FIRST = HEADER.size + 8  # number of a row after its party


@pytest.mark.parametrize(
    ("datagram", "says"),
    [
        (b"", "a datagram of 0 bytes: expected an envelope of 14 bytes"),
        (b"hello, is there anybody in here?", "expected b'gr', version 2"),
        (b"gr\x01" + packed(frame(Kind.OFFER))[3:], "version 1: expected b'gr', version 2"),
        (b"gr\x02\x09" + packed(frame(Kind.OFFER))[4:], r"kind 9: expected one of 1 \(OFFER\)"),
        (packed(frame(Kind.OFFER, sender=3)), "OFFER from party 3: expected one from 0 to 2"),
        (packed(frame(Kind.TAKEN, sender=2)), "TAKEN from party 2: expected one from 3 to 4"),
        (
            packed(frame(Kind.OFFER))[:-1],
            "OFFER from party 0 with 89 bytes of payload: expected 90 bytes",
        ),
        (
            packed(frame(Kind.OFFER))[: ENVELOPE.size],
            "OFFER from party 0 with 0 bytes of payload: expected 90 bytes",
        ),
        (packed(frame(Kind.OFFER)) + b"\x00", "with 91 bytes of payload: expected 90 bytes"),
        (
            packed(frame(Kind.TABLE)) + payload(frame(Kind.OFFER)),
            "with 360 bytes of payload: expected 90 to 270 bytes in steps of 90",
        ),
        (
            packed(frame(Kind.HEARD)) + b"\x00",
            "HEARD from party 0 with 1 bytes of payload: expected none",
        ),
        (packed(frame(Kind.OFFER)._replace(round=0)), "round 0"),
        (
            bent(Kind.OFFER, FIRST, NAN),
            "message 0 of GameOffers holds nan, expected finite numbers",
        ),
        (bent(Kind.TAKEN, FIRST, struct.pack("<d", np.inf)), "holds inf"),
        (bent(Kind.TABLE, 90 + FIRST, NAN), "message 1 of GameOffers holds nan"),
        (
            bent(Kind.OFFER, 2, b"\x10"),
            "message 0 of GameOffers is of Product.*start_s=16.*, expected Product.*start_s=0",
        ),
        (bent(Kind.OFFER, 0, b"\x07"), r"got commodity 7, expected one of 0 \(P\)"),
        (
            bent(Kind.OFFER, HEADER.size, b"\x01"),
            r"OFFER from party 0 of \[1\]: expected each once of 0 to 0, rising",
        ),
        (
            bent(Kind.PRICE, HEADER.size, b"\x02"),
            r"PRICE from party 0 of \[2\]: expected each once of 3 to 4",
        ),
        (
            bent(Kind.TABLE, HEADER.size, b"\x01"),
            r"TABLE from party 0 of \[1, 1, 2\]: expected each once of 0 to 2, rising",
        ),
    ],
)
def test_what_is_malformed_is_refused_with_a_sentence(datagram: bytes, says: str) -> None:
    with pytest.raises(PartError, match=says):
        unpacked(datagram, SIZE)


def test_a_datagram_of_another_session_is_refused() -> None:
    other = frame(Kind.OFFER)
    table = other.table._replace(product=following(FIRST_HOUR))
    with pytest.raises(PartError, match="expected Product"):
        unpacked(packed(other._replace(table=table)), SIZE)
    with pytest.raises(PartError, match="with 90 bytes of payload: expected 106 bytes"):
        unpacked(packed(other), SIZE._replace(hours=5))


@given(st.binary(max_size=ENVELOPE.size + 200))
@settings(max_examples=100, deadline=None)
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(PartError):
        unpacked(noise, SIZE)


@given(
    kind=st.sampled_from(Kind),
    flips=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1, max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_bent_datagrams_are_refused_or_are_frames(kind: Kind, flips: list[tuple[int, int]]) -> None:
    sent = bytearray(packed(frame(kind)))
    for at, value in flips:
        sent[at % len(sent)] = value
    try:
        got = unpacked(bytes(sent), SIZE)
    except PartError:
        return
    assert packed(got) == bytes(sent)


def test_who_only_says_that_it_heard_sends_an_envelope() -> None:
    assert len(packed(Frame(Kind.HEARD, 1, 3, 0))) == ENVELOPE.size == 14
    assert message_bytes(MESSAGES[GameOffers], 24) == 410
