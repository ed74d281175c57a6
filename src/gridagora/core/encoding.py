"""The one format of what crosses: a message is a head with the product and the numbers of one row, 8 bytes each.

    offset  bytes  what, little-endian
    0       1      commodity
    1       1      horizon
    2       8      start of the first product, UTC [s]
    10      4      duration of a product [s]
    14      4      place
    18      8 each the numbers of the row, column after column, in the order of the table

A message type is a named tuple `product, party, ...` of columns, and a layout with one letter for each column after the product:
`i` a whole number (n,), `o` a number (n,), `w` a number for each of h products (n, h), `t` the lower triangle of a symmetric
matrix over the products (n, h (h + 1) / 2). The length of a message says how many products it has; no number but a finite one
is sent or read. Nothing in a message is ever run.
"""

import struct
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.product import Commodity, Horizon, Product

HEADER = struct.Struct("<BBqii")  # commodity, horizon, start_s, duration_s, place
NUMBER_BYTES = 8
WHOLE, ONE, WIDE, TRIANGLE = "iowt"
CODE = {WHOLE: "<i8", ONE: "<f8", WIDE: "<f8", TRIANGLE: "<f8"}


def count_numbers(letter: str, steps: int) -> int:
    """Return how many numbers a column of a row has over so many products."""
    return {WHOLE: 1, ONE: 1, WIDE: steps, TRIANGLE: steps * (steps + 1) // 2}[letter]


def message_bytes(layout: str, steps: int) -> int:
    """Return the bytes of one message of a layout over so many products (metric I1b)."""
    return HEADER.size + NUMBER_BYTES * sum(count_numbers(letter, steps) for letter in layout)


def encode_product(product: Product) -> bytes:
    """Return the head of a message."""
    return HEADER.pack(
        product.commodity, product.horizon, product.start_s, product.duration_s, product.place
    )


def encode_rows(
    name: str, layout: str, product: Product, columns: Sequence[Sequence[Any]]
) -> list[bytes]:
    """Return one message a row.

    Parameters
    ----------
    name
        Of the table, for the message of an error.
    columns
        One for each letter of the layout, n entries each: a number, or an array of numbers.

    Raises
    ------
    PartError
        A number that is not finite.
    """
    head, messages = encode_product(product), []
    for i in range(len(columns[0])):
        parts = [
            np.asarray(column[i], CODE[letter])
            for letter, column in zip(layout, columns, strict=True)
        ]
        for part in parts:
            if not np.isfinite(part).all():
                raise PartError(
                    f"row {i} of {name} holds {part[~np.isfinite(part)].ravel()[0]}, expected finite numbers"
                )
        messages.append(b"".join([head, *(part.tobytes() for part in parts)]))
    return messages


def decode_rows(
    name: str,
    layout: str,
    messages: Sequence[bytes],
    product: Product | None = None,
    least: int = 1,
) -> tuple[Product, list[list[Any]]]:
    """Return the product of messages, and of each the numbers of every column, (k,) each.

    Parameters
    ----------
    product
        What is expected; None takes that of the first message.
    least
        The fewest products, or points, that a row has.

    Raises
    ------
    PartError
        What is no such message: which one, what it holds and what was expected.
    """
    rows: list[list[Any]] = []
    for i, message in enumerate(messages):
        where = f"message {i} of {name}"
        found = decode_product(message, where)
        rows.append(_decode_row(layout, message, where, least))
        if product is not None and found != product:
            raise PartError(f"{where} is of {found}, expected {product}")
        product = found
    if product is None:
        raise PartError(f"no message of {name}: its product is not known without one")
    return product, rows


def decode_product(message: bytes, where: str) -> Product:
    """Return the product in the head of a message.

    Raises
    ------
    PartError
        A message without a head, or a head that names no commodity, horizon, duration or place.
    """
    if len(message) < HEADER.size:
        raise PartError(
            f"{where} has {len(message)} bytes, expected a head of {HEADER.size} at least"
        )
    commodity, horizon, start_s, duration_s, place = HEADER.unpack_from(message)
    for name, code, valid in (("commodity", commodity, Commodity), ("horizon", horizon, Horizon)):
        if code not in tuple(valid):
            expected = ", ".join(f"{one.value} ({one.name})" for one in valid)
            raise PartError(f"{where}: got {name} {code}, expected one of {expected}")
    if duration_s <= 0 or place < 0:
        raise PartError(
            f"{where}: got a duration of {duration_s} s at place {place}, expected above 0 s at place 0 or above"
        )
    return Product(Commodity(commodity), start_s, duration_s, Horizon(horizon), place)


def _decode_row(layout: str, message: bytes, where: str, least: int) -> list[Any]:
    """Return the columns of a row, (k,) each."""
    steps, varies = least, WIDE in layout or TRIANGLE in layout
    if varies:
        most = max(least, len(message) // NUMBER_BYTES)
        steps = least + bisect_left(
            range(least, most), len(message), key=lambda h: message_bytes(layout, h)
        )
    if len(message) != message_bytes(layout, steps):
        lengths = ", ".join(
            str(message_bytes(layout, least + more)) for more in range(3 if varies else 1)
        )
        raise PartError(
            f"{where} has {len(message)} bytes, expected {lengths}{' and so on' if varies else ''}"
        )
    columns, at = [], HEADER.size
    for letter in layout:
        length = count_numbers(letter, steps)
        column = np.frombuffer(message, CODE[letter], length, at).astype(
            np.int64 if letter == WHOLE else np.float64
        )
        if not np.isfinite(column).all():
            raise PartError(
                f"{where} holds {column[~np.isfinite(column)][0]}, expected finite numbers"
            )
        columns.append(column)
        at += NUMBER_BYTES * length
    return columns
