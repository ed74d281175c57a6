"""Frames between parties of the retail game: one datagram each, prices and offers and nothing else.

A frame is 16 bytes of head and rows of float64, all little endian:

    offset  bytes  what
    0       2      "gr"
    2       1      version, 1
    3       1      kind
    4       2      number of the party that sends it: prosumers from 0, then groups of end-users
    6       2      hours in a row, T
    8       4      outer round, from 1
    12      4      turn of PRICE and TAKEN, from 1; of the others the ballot: how often duty was passed on in this round
    16      8 T R  R rows: OFFER 2 (offered at retail, made in all) [kW]; TABLE 2 N (the same of every prosumer, nan where it was
                   not heard) [kW]; HEARD none; PRICE 1 (retail) [$/kWh]; TAKEN 2 (the price answered [$/kWh], taken [kW])

Nothing in a frame is ever run or unpickled: its length follows from its kind, and its numbers are checked.
"""

import struct
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.tables import Col

HEAD = struct.Struct("<2sBBHHII")
MARK, VERSION = b"gr", 1
FINAL = 2**32 - 1  # the ballot of a table that is agreed on
MOST_BYTES = 65_507  # of a datagram


class Kind(IntEnum):
    """What a frame says."""

    OFFER = 1
    TABLE = 2
    HEARD = 3
    PRICE = 4
    TAKEN = 5


class Size(NamedTuple):
    """What everybody knows of a session's frames: how many prosumers, groups of end-users, and hours."""

    prosumers: int
    groups: int
    hours: int


class Frame(NamedTuple):
    """One message; `step` is the turn or the ballot, `rows` has shape (R, T) [kW], or [$/kWh] where it tells prices."""

    kind: Kind
    sender: int
    round: int
    step: int
    rows: Col


def rows_of(kind: Kind, size: Size) -> int:
    """Return how many rows a kind of frame has."""
    return {
        Kind.OFFER: 2,
        Kind.TABLE: 2 * size.prosumers,
        Kind.HEARD: 0,
        Kind.PRICE: 1,
        Kind.TAKEN: 2,
    }[kind]


def bare(kind: Kind, sender: int, number: int, step: int, size: Size) -> Frame:
    """Return a frame without rows."""
    return Frame(kind, sender, number, step, np.zeros((0, size.hours)))


def packed(frame: Frame) -> bytes:
    """Return the bytes of a frame."""
    head = HEAD.pack(
        MARK, VERSION, frame.kind, frame.sender, frame.rows.shape[1], frame.round, frame.step
    )
    return head + frame.rows.astype("<f8").tobytes()


def unpacked(datagram: bytes, size: Size) -> Frame:
    """Return the frame in a datagram.

    Raises
    ------
    PartError
        Anything but a well-formed frame of this session.
    """
    if len(datagram) < HEAD.size:
        raise PartError(
            f"a frame of {len(datagram)} bytes: expected a head of {HEAD.size} bytes at least"
        )
    mark, version, code, sender, hours, number, step = HEAD.unpack_from(datagram)
    if (mark, version) != (MARK, VERSION):
        raise PartError(
            f"a frame that begins with {mark!r}, version {version}: expected {MARK!r}, version {VERSION}"
        )
    if code not in tuple(Kind):
        raise PartError(
            f"a frame of kind {code}: expected one of {', '.join(f'{k.value} ({k.name})' for k in Kind)}"
        )
    kind = Kind(code)
    first, last = (
        (size.prosumers, size.prosumers + size.groups)
        if kind is Kind.TAKEN
        else (0, size.prosumers)
    )
    if not first <= sender < last:
        raise PartError(f"{kind.name} from party {sender}: expected one from {first} to {last - 1}")
    expected = HEAD.size + 8 * rows_of(kind, size) * size.hours
    if hours != size.hours or len(datagram) != expected:
        raise PartError(
            f"{kind.name} of {len(datagram)} bytes, {hours} hours: expected {expected} bytes, {size.hours} hours"
        )
    if number == 0:
        raise PartError(f"{kind.name} of round 0: rounds count from 1")
    rows = np.frombuffer(datagram, "<f8", offset=HEAD.size).reshape(-1, hours).astype(np.float64)
    _check(kind, sender, rows)
    return Frame(kind, sender, number, step, rows)


def _check(kind: Kind, sender: int, rows: Col) -> None:
    if kind is Kind.TABLE:
        pairs = rows.reshape(len(rows) // 2, -1)
        rows = pairs[~np.isnan(pairs).all(1)]  # who was not heard
    if not np.isfinite(rows).all():
        raise PartError(f"{kind.name} from party {sender} holds a number that is not finite")
