"""What a party tells of its resources: the leaky store with a power port, one row each, and nothing of the technology behind it.

Theory 1.1.

The columns are those of `kernels.value.Stores`; PV, fixed load and back-up generation are rows without a store. A design that
asks for specs discloses them, so they are counted here as the tenders are in `core.exchange`.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridagora.core.errors import PartError
from gridagora.core.exchange import HEADER, NUMBER_BYTES
from gridagora.core.product import Product
from gridagora.core.tables import Col, Index
from gridagora.kernels.value import Stores

SHAPE = struct.Struct("<qiiq")  # party, steps, points of the end value, bits of the columns that vary over time
TIMED = tuple(name for name in Stores._fields if name not in {"x0", "dt_h", "end_x", "end_mu"})


class Spec(NamedTuple):
    """Party to market: n resources over the h consecutive products that begin with `product`."""

    product: Product
    party: Index  # (n,) owner of the row; a party may own several
    stores: Stores
    q_max_kvar: Col  # (n,) reactive power it can give either way


def spec(product: Product, party: Index, stores: Stores, q_max_kvar: float | Col = 0.0) -> Spec:
    """Return the specification of n resources.

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
        raise PartError(f"spec row {row} of party {party[row]}: q_max_kvar is {reactive[row]}, expected at least 0")
    return Spec(product, np.asarray(party, dtype=np.int64), stores, reactive)


def take(table: Spec, rows: Sequence[int] | Index) -> Spec:
    """Return the given rows, in that order."""
    rows = np.asarray(rows, dtype=np.int64)
    columns = {name: column if name == "dt_h" else column[rows] for name, column in table.stores._asdict().items()}
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
    columns = {name: np.concatenate([getattr(t.stores, name) for t in tables]) for name in first._fields if name != "dt_h"}
    party, reactive = (np.concatenate([getattr(t, name) for t in tables]) for name in ("party", "q_max_kvar"))
    return Spec(tables[0].product, party, Stores(dt_h=first.dt_h, **columns), reactive)


def encode(table: Spec) -> list[bytes]:
    """Return what is sent, one message a row; a column that is the same in every step is sent once."""
    product, stores = table.product, table.stores
    head = HEADER.pack(product.commodity, product.horizon, product.start_s, product.duration_s, product.place)
    bits = _varies(stores) @ (1 << np.arange(len(TIMED)))
    shape = (len(stores.dt_h), stores.end_x.shape[1])
    messages = []
    for row, mask in enumerate(bits):
        timed = [getattr(stores, name)[row] for name in TIMED]
        sent = [column if mask >> bit & 1 else column[:1] for bit, column in enumerate(timed)]
        one = (stores.x0[[row]], stores.dt_h, *sent, stores.end_x[row], stores.end_mu[row], table.q_max_kvar[[row]])
        messages.append(b"".join([head, SHAPE.pack(table.party[row], *shape, mask), *(column.tobytes() for column in one)]))
    return messages


def count_messages(table: Spec) -> int:
    """Return the messages a specification is sent as: one a resource."""
    return len(table.party)


def count_bytes(table: Spec) -> int:
    """Return the bytes of `encode(table)` without encoding it (metric I1)."""
    return len(table.party) * (HEADER.size + SHAPE.size) + NUMBER_BYTES * int(disclosed(table).sum())


def disclosed(table: Spec) -> Index:
    """Return the numbers each row tells of its resource, shape (n,) (metric I2): the lengths of its steps are among them."""
    steps, points = len(table.stores.dt_h), table.stores.end_x.shape[1]
    timed = np.where(_varies(table.stores), steps, 1).sum(axis=1)
    return np.asarray(2 + steps + timed + 2 * points, dtype=np.int64)


def _varies(stores: Stores) -> NDArray[np.bool_]:
    """Say of each row and timed column whether it differs between steps, shape (n, columns)."""
    columns = (getattr(stores, name) for name in TIMED)
    return np.stack([(column != column[:, :1]).any(axis=1) for column in columns], axis=1)
