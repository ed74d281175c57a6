"""Frames: what is packed comes back to the last bit, and nothing else is let in."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridagora.core.errors import PartError
from gridagora.live.wire import FINAL, HEAD, Frame, Kind, Size, bare, packed, rows_of, unpacked

SIZE = Size(prosumers=3, groups=2, hours=4)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def frame(kind: Kind, sender: int | None = None, fill: float = 1.5) -> Frame:
    who = (SIZE.prosumers if kind is Kind.TAKEN else 0) if sender is None else sender
    return Frame(kind, who, 7, 9, np.full((rows_of(kind, SIZE), SIZE.hours), fill))


@given(
    kind=st.sampled_from(Kind),
    number=st.integers(1, 2**32 - 1),
    step=st.integers(0, FINAL),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_every_frame_comes_back(kind: Kind, number: int, step: int, data: st.DataObject) -> None:
    count = rows_of(kind, SIZE) * SIZE.hours
    rows = np.array(
        data.draw(st.lists(FINITE, min_size=count, max_size=count)), np.float64
    ).reshape(-1, SIZE.hours)
    sent = Frame(kind, SIZE.prosumers if kind is Kind.TAKEN else 2, number, step, rows)
    got = unpacked(packed(sent), SIZE)
    assert got[:4] == sent[:4]
    assert got.rows.shape == rows.shape
    assert got.rows.tobytes() == rows.tobytes()


def test_layout_is_the_documented_one() -> None:
    """Written out by hand, so that another program can speak it."""
    sent = Frame(Kind.PRICE, 2, 5, 6, np.array([[0.25, -1.0, 0.0, 3.0]]))
    assert packed(sent) == b"gr" + bytes([1, 4, 2, 0, 4, 0, 5, 0, 0, 0, 6, 0, 0, 0]) + struct.pack(
        "<4d", 0.25, -1.0, 0.0, 3.0
    )


def test_a_table_tells_who_was_not_heard() -> None:
    rows = np.ones((6, 4))
    rows[2:4] = np.nan
    got = unpacked(packed(frame(Kind.TABLE)._replace(rows=rows)), SIZE)
    assert np.isnan(got.rows).all(1).tolist() == [False, False, True, True, False, False]
    rows[3] = 0.0
    with pytest.raises(PartError, match="not finite"):
        unpacked(packed(frame(Kind.TABLE)._replace(rows=rows)), SIZE)


@pytest.mark.parametrize(
    ("datagram", "says"),
    [
        (b"", "head of 16 bytes"),
        (b"hello, is there anybody in here?", "expected b'gr', version 1"),
        (b"gr\x02" + packed(frame(Kind.OFFER))[3:], "version 2"),
        (b"gr\x01\x09" + packed(frame(Kind.OFFER))[4:], r"kind 9: expected one of 1 \(OFFER\)"),
        (packed(frame(Kind.OFFER, sender=3)), "OFFER from party 3: expected one from 0 to 2"),
        (packed(frame(Kind.TAKEN, sender=2)), "TAKEN from party 2: expected one from 3 to 4"),
        (packed(frame(Kind.OFFER))[:-1], "expected 80 bytes"),
        (packed(frame(Kind.OFFER)) + b"\x00", "expected 80 bytes"),
        (
            packed(frame(Kind.OFFER)._replace(rows=np.ones((4, 2)))),
            "2 hours: expected 80 bytes, 4 hours",
        ),
        (packed(frame(Kind.OFFER)._replace(round=0)), "round 0"),
        (
            packed(frame(Kind.OFFER, fill=np.nan)),
            "OFFER from party 0 holds a number that is not finite",
        ),
        (packed(frame(Kind.TAKEN, fill=np.inf)), "not finite"),
    ],
)
def test_what_is_malformed_is_refused_with_a_sentence(datagram: bytes, says: str) -> None:
    with pytest.raises(PartError, match=says):
        unpacked(datagram, SIZE)


@given(st.binary(max_size=HEAD.size + 100))
@settings(max_examples=100, deadline=None)
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(PartError):
        unpacked(noise, SIZE)


def test_who_only_says_that_it_heard_sends_sixteen_bytes() -> None:
    assert len(packed(bare(Kind.HEARD, 1, 3, 0, SIZE))) == HEAD.size == 16
