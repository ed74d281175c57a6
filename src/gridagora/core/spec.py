"""What a party tells of its resources: the leaky store with a power port, one row each, and nothing of the technology behind it.

Theory 1.1.

The columns are those of `kernels.stores.value.Stores`; PV, fixed load and back-up generation are rows without a store. A design
that asks for specs discloses them, so they are counted here as the tenders are in `core.exchange`.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.core.encoding import HEADER, NUMBER_BYTES, decode_product, encode_product
from gridagora.core.errors import PartError
from gridagora.core.product import Product
from gridagora.core.tables import Col, Index
from gridagora.kernels.stores.value import Stores, stores

SHAPE = struct.Struct(
    "<qiiq"
)  # party, steps, points of the end value, bits of the columns that vary over time
TIMED = tuple(name for name in Stores._fields if name not in {"x0", "dt_h", "end_x", "end_mu"})


class Spec(NamedTuple):
    """Party to market: n resources over the h consecutive products that begin with `product`."""

    product: Product
    party: Index  # (n,) owner of the row; a party may own several
    stores: Stores
    q_max_kvar: Col  # (n,) reactive power it can give either way


def spec(product: Product, party: Index, stores: Stores, q_max_kvar: float | Col = 0.0) -> Spec:
    """Return the specification of n resources: parties (n,), reactive capability (n,) or of all [kvar].

    Raises
    ------
    PartError
        Owners and resources differ in number, or a reactive capability is negative; the message names the row.
    """
    n = len(stores.x0)
    reactive = np.array(np.broadcast_to(np.asarray(q_max_kvar, dtype=np.float64), (n,)))
    if len(party) != n:
        raise PartError(f"spec of {n} resources: got {len(party)} owners, expected one each")
    if not (reactive >= 0).all():
        row = int(np.argmin(reactive >= 0))
        raise PartError(
            f"spec row {row} of party {party[row]}: q_max_kvar is {reactive[row]}, expected at least 0"
        )
    return Spec(product, np.asarray(party, dtype=np.int64), stores, reactive)


def take(table: Spec, rows: Sequence[int] | Index) -> Spec:
    """Return the given rows (k,), in that order."""
    rows = np.asarray(rows, dtype=np.int64)
    columns = {
        name: column if name == "dt_h" else column[rows]
        for name, column in table.stores._asdict().items()
    }
    return Spec(table.product, table.party[rows], Stores(**columns), table.q_max_kvar[rows])


def join(tables: Sequence[Spec]) -> Spec:
    """Return the rows of several specifications of one product and the same steps.

    Raises
    ------
    PartError
        No table at all, or tables that differ in product or steps.
    """
    if len({(t.product, t.stores.dt_h.tobytes()) for t in tables}) != 1:
        raise PartError(f"join of {len(tables)} specs: expected one product and one row of steps")
    first = tables[0].stores
    columns = {
        name: np.concatenate([getattr(t.stores, name) for t in tables])
        for name in first._fields
        if name != "dt_h"
    }
    party, reactive = (
        np.concatenate([getattr(t, name) for t in tables]) for name in ("party", "q_max_kvar")
    )
    return Spec(tables[0].product, party, Stores(dt_h=first.dt_h, **columns), reactive)


def encode(table: Spec) -> list[bytes]:
    """Return what is sent, one message a row; a column that is the same in every step is sent once."""
    head, stores = encode_product(table.product), table.stores
    bits = _varies(stores) @ (1 << np.arange(len(TIMED)))
    shape = (len(stores.dt_h), stores.end_x.shape[1])
    messages = []
    for row, mask in enumerate(bits):
        timed = [getattr(stores, name)[row] for name in TIMED]
        sent = [column if mask >> bit & 1 else column[:1] for bit, column in enumerate(timed)]
        one = (
            stores.x0[[row]],
            stores.dt_h,
            *sent,
            stores.end_x[row],
            stores.end_mu[row],
            table.q_max_kvar[[row]],
        )
        messages.append(
            b"".join(
                [
                    head,
                    SHAPE.pack(table.party[row], *shape, mask),
                    *(column.tobytes() for column in one),
                ]
            )
        )
    return messages


def decode(messages: Sequence[bytes]) -> Spec:
    """Return the specification that `encode` sent, one message a row; nothing in a message is ever run.

    Raises
    ------
    PartError
        What is no such message: which one, what it holds and what was expected.
    """
    if not messages:
        raise PartError("no message of Spec: its product is not known without one")
    tables = [_decode_row(message, f"message {i} of Spec") for i, message in enumerate(messages)]
    first = tables[0]
    for i, table in enumerate(tables):
        if (
            table.product != first.product
            or table.stores.dt_h.tobytes() != first.stores.dt_h.tobytes()
        ):
            raise PartError(
                f"message {i} of Spec is of another product or other steps than the first"
            )
        if table.stores.end_x.shape != first.stores.end_x.shape:
            raise PartError(
                f"message {i} of Spec has another number of points of the end value than the first"
            )
    return join(tables)


def _decode_row(message: bytes, where: str) -> Spec:
    product = decode_product(message, where)
    if len(message) < HEADER.size + SHAPE.size:
        raise PartError(
            f"{where} has {len(message)} bytes, expected {HEADER.size + SHAPE.size} at least"
        )
    party, steps, points, mask = SHAPE.unpack_from(message, HEADER.size)
    if steps < 1 or points < 1 or not 0 <= mask < 1 << len(TIMED):
        raise PartError(
            f"{where}: got {steps} steps, {points} points, columns {mask}; expected 1 or more, 1 or more, known ones"
        )
    lengths = [steps if mask >> bit & 1 else 1 for bit in range(len(TIMED))]
    expected = HEADER.size + SHAPE.size + NUMBER_BYTES * (2 + steps + sum(lengths) + 2 * points)
    if len(message) != expected:
        raise PartError(f"{where} has {len(message)} bytes, expected {expected}")
    numbers = np.frombuffer(message, "<f8", offset=HEADER.size + SHAPE.size).astype(np.float64)
    x0, dt_h, *timed, end_x, end_mu, reactive = np.split(
        numbers, np.cumsum([1, steps, *lengths, points, points])
    )
    fields = {name: column[None] for name, column in zip(TIMED, timed, strict=True)}
    try:
        rows = stores(x0, dt_h, end_x=end_x[None], end_mu=end_mu[None], **fields)
    except ValueError as error:
        raise PartError(f"{where}: {error}") from None
    if not np.isfinite(reactive).all():
        raise PartError(
            f"{where} holds a reactive capability of {reactive[0]}, expected a finite number"
        )
    return spec(product, np.array([party]), rows, reactive)


def count_messages(table: Spec) -> int:
    """Return the messages a specification is sent as: one a resource."""
    return len(table.party)


def count_bytes(table: Spec, numbers: Index | None = None) -> int:
    """Return the bytes of `encode(table)` without encoding it (metric I1), given what is `disclosed`, (n,), where known."""
    told = disclosed(table) if numbers is None else numbers
    return len(table.party) * (HEADER.size + SHAPE.size) + NUMBER_BYTES * int(told.sum())


def disclosed(table: Spec) -> Index:
    """Return the numbers each row tells of its resource, shape (n,) (metric I2): the lengths of its steps are among them."""
    steps, points = len(table.stores.dt_h), table.stores.end_x.shape[1]
    timed = np.where(_varies(table.stores), steps, 1).sum(axis=1)
    return np.asarray(2 + steps + timed + 2 * points, dtype=np.int64)


def _varies(stores: Stores) -> NDArray[np.bool_]:
    """Say of each row and timed column whether it differs between steps, shape (n, columns)."""
    found = np.zeros((len(stores.x0), len(TIMED)), np.bool_)
    for at, name in enumerate(TIMED):
        column = getattr(stores, name)
        if column.strides[1]:  # else one number holds for all steps
            found[:, at] = (column != column[:, :1]).any(axis=1)
    return found
