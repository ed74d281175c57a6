"""Datagrams between parties of the retail game: an envelope, and in it messages as they are counted, byte for byte.

The envelope is what a network of lost and reordered datagrams needs beside what is said; it is counted apart:

    offset  bytes  what, little-endian
    0       2      "gr"
    2       1      version, 2
    3       1      kind
    4       2      number of the party that sends it: prosumers from 0, then groups of end-users
    6       4      outer round, from 1
    10      4      turn of PRICE and TAKEN, from 1; of the others the ballot: how often duty was passed on in this round

The payload is `core.exchange.encode` of a table of `mechanisms.retail.messages`, message after
message: OFFER one row of `GameOffers`; TABLE the same of every prosumer that was heard, by number;
PRICE one row of `RetailPrices`; TAKEN one of `RetailDemand`; HEARD is an acknowledgement and has none.
Nothing in a datagram is ever run: its length follows from its kind, and its numbers are checked.
"""

import struct
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gridagora.core.encoding import message_bytes
from gridagora.core.errors import PartError
from gridagora.core.exchange import decode, encode
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.mechanisms.retail.messages import MESSAGES, GameOffers, RetailDemand, RetailPrices

ENVELOPE = struct.Struct("<2sBBHII")
MARK, VERSION = b"gr", 2
FINAL = 2**32 - 1  # the ballot of a table that is agreed on
MOST_BYTES = 65_507  # of a datagram
FIRST_HOUR = Product(
    Commodity.P, 0, 3600, Horizon.DAY_AHEAD
)  # of a session that stands on no calendar

Table = GameOffers | RetailPrices | RetailDemand


class Kind(IntEnum):
    """What a datagram says."""

    OFFER = 1
    TABLE = 2
    HEARD = 3
    PRICE = 4
    TAKEN = 5


TABLE_OF = MappingProxyType(
    {
        Kind.OFFER: GameOffers,
        Kind.TABLE: GameOffers,
        Kind.PRICE: RetailPrices,
        Kind.TAKEN: RetailDemand,
    },
)


class Size(NamedTuple):
    """What everybody knows of a session: how many prosumers, groups of end-users and hours, and the product of the first hour."""

    prosumers: int
    groups: int
    hours: int
    product: Product = FIRST_HOUR


class Frame(NamedTuple):
    """What one datagram says; `step` is the turn or the ballot, and HEARD has no table."""

    kind: Kind
    sender: int
    round: int
    step: int
    table: Table | None = None


def most_rows(kind: Kind, size: Size) -> int:
    """Return how many messages a datagram of a kind holds at most; all but a TABLE hold so many."""
    return {Kind.TABLE: size.prosumers, Kind.HEARD: 0}.get(kind, 1)


def most_bytes(kind: Kind, size: Size) -> int:
    """Return the longest payload of a kind [bytes]."""
    rows = most_rows(kind, size)
    return rows * message_bytes(MESSAGES[TABLE_OF[kind]], size.hours) if rows else 0


def payload(frame: Frame) -> bytes:
    """Return the messages in a frame as they are counted.

    Raises
    ------
    PartError
        A number that is not finite.
    """
    return (
        b"" if frame.table is None else b"".join(encode(frame.table, MESSAGES[type(frame.table)]))
    )


def packed(frame: Frame) -> bytes:
    """Return the datagram of a frame."""
    return ENVELOPE.pack(
        MARK, VERSION, frame.kind, frame.sender, frame.round, frame.step
    ) + payload(frame)


def unpacked(datagram: bytes, size: Size) -> Frame:
    """Return the frame in a datagram.

    Raises
    ------
    PartError
        Anything but a well-formed frame of this session.
    """
    if len(datagram) < ENVELOPE.size:
        raise PartError(
            f"a datagram of {len(datagram)} bytes: expected an envelope of {ENVELOPE.size} bytes at least"
        )
    mark, version, code, sender, number, step = ENVELOPE.unpack_from(datagram)
    if (mark, version) != (MARK, VERSION):
        raise PartError(
            f"a datagram that begins with {mark!r}, version {version}: expected {MARK!r}, version {VERSION}"
        )
    if code not in tuple(Kind):
        raise PartError(
            f"a datagram of kind {code}: expected one of {', '.join(f'{k.value} ({k.name})' for k in Kind)}"
        )
    kind = Kind(code)
    first, last = (
        (size.prosumers, size.prosumers + size.groups)
        if kind is Kind.TAKEN
        else (0, size.prosumers)
    )
    if not first <= sender < last:
        raise PartError(f"{kind.name} from party {sender}: expected one from {first} to {last - 1}")
    if number == 0:
        raise PartError(f"{kind.name} of round 0: rounds count from 1")
    return Frame(kind, sender, number, step, _table(kind, sender, datagram[ENVELOPE.size :], size))


def _table(kind: Kind, sender: int, sent: bytes, size: Size) -> Table | None:
    """Return the table in a payload; None where the kind has none."""
    most = most_bytes(kind, size)
    if kind is Kind.HEARD:
        if sent:
            raise PartError(
                f"HEARD from party {sender} with {len(sent)} bytes of payload: expected none"
            )
        return None
    each = most // most_rows(kind, size)
    wrong = len(sent) % each or not each <= len(sent) <= most
    if wrong:
        expected = f"{each} bytes" if most == each else f"{each} to {most} bytes in steps of {each}"
        raise PartError(
            f"{kind.name} from party {sender} with {len(sent)} bytes of payload: expected {expected}"
        )
    messages = [sent[at : at + each] for at in range(0, len(sent), each)]
    of = TABLE_OF[kind]
    table: Table = decode(of, messages, MESSAGES[of], product=size.product, steps=size.hours)
    _check_parties(kind, sender, table, size)
    return table


def _check_parties(kind: Kind, sender: int, table: Table, size: Size) -> None:
    """Refuse a table of parties that the kind does not speak of."""
    party, first, last = table.party, 0, size.prosumers
    if kind in (Kind.OFFER, Kind.TAKEN):
        first, last = sender, sender + 1
    elif kind is Kind.PRICE:
        first, last = size.prosumers, size.prosumers + size.groups
    if party.min() < first or party.max() >= last or (np.diff(party) <= 0).any():
        raise PartError(
            f"{kind.name} from party {sender} of {party.tolist()}: expected each once of {first} to {last - 1}, rising"
        )
