"""What homes would send about themselves in the leanest form: once, then only what changed, at a stated precision (theory 8.6).

The bytes that are counted beside (`core.encoding`) are those of a format that is simple to read: each message stands alone. Here
a receiver remembers what the same party said last, and no design pays for what its format repeats. Who sends and for which
product is known from connection and gate, so a message has no head.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.exchange import Plans, Proposals, Tenders
from gridagora.core.product import Product
from gridagora.core.spec import TIMED, Spec
from gridagora.core.tables import Col, Index
from gridagora.kernels.curves.changes import Precision, Whole, column_changes, curve_changes

STEP = 1e-5  # of the unit of a number: .01 W, .01 Wh, .001 ct; no design agrees on anything finer
NUMBER_BITS = 24  # up to 83 of the unit, either way
POINTS_BITS = 10  # says how many points a curve has
PROOF_NUMBERS = 2  # beside a plan: what it costs its maker, and a bound
FORM = Precision(STEP, 2 ** (NUMBER_BITS - 1) - 1, NUMBER_BITS)


class _Said(NamedTuple):
    """What the parties (n,) of a kind of message said last, in whole steps: numbers (n, k) that stand, columns over h products.

    A column is (n, h), or (n, 1) where it is the same in every product.
    """

    start_s: int
    party: Index
    still: Whole
    timed: tuple[Whole, ...]
    hours: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Products, columns over them, and numbers that stand."""
        return self.hours, len(self.timed), self.still.shape[1]


class _Curve(NamedTuple):
    """The curves that parties (n,) said last, as `core.exchange.Tenders` in whole steps."""

    party: Index
    offset: Index
    points: Whole  # (points, 2)


NO_CURVES = _Curve(np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros((0, 2), np.int32))


@dataclass
class LeanCount:
    """Bits that all homes together sent in the leanest form, and what they said last."""

    bits: int = 0
    said: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def hear(self, answer: Any) -> None:
        """Count an answer of the parties: tenders, plans or specifications; nothing else tells of a home."""
        if isinstance(answer, Tenders):
            key = (Tenders, *_key(answer.product))
            before = self.said.get(key, NO_CURVES)
            row = match_rows(answer.party, before.party)
            found = curve_changes(*answer[2:], row, before[1:], POINTS_BITS, FORM)
            self.bits += found.bits
            self.said[key] = _Curve(answer.party, answer.offset, found.points)
        elif isinstance(answer, Plans | Proposals):
            none = np.zeros((len(answer.party), 0))
            self._hear_rows(Plans, answer.product, answer.party, none, [answer.p_kw])
            proof = PROOF_NUMBERS if isinstance(answer, Proposals) else 0
            self.bits += proof * NUMBER_BITS * len(answer.party)
        elif isinstance(answer, tuple):
            for kind, table in enumerate(each for each in answer if isinstance(each, Spec)):
                self._hear_rows((Spec, kind), table.product, table.party, *_spec_rows(table))

    def hear_exchange(self, lean: Tenders | int | None, numbers: int) -> None:
        """Count what parties sent each other: as the design says, or so many numbers where it says nothing."""
        if isinstance(lean, Tenders):
            self.hear(lean)
        else:
            self.bits += NUMBER_BITS * numbers if lean is None else lean

    def _hear_rows(
        self, kind: Any, product: Product, party: Index, still: Col, timed: Sequence[Col]
    ) -> None:
        key = (kind, *_key(product))
        now, bits = _say_rows(product, party, still, timed, self.said.get(key))
        self.bits += bits
        self.said[key] = now


def _say_rows(
    product: Product, party: Index, still: Col, timed: Sequence[Col], before: _Said | None
) -> tuple[_Said, int]:
    """Return what parties say, and the bits by which they say it.

    A row that was never said is said whole, a column that is the same in every product as one number; a bit a column says so.
    Later, a bit says whether anything changed; if so, how many numbers follow, each with its place. What is expected of a
    product is what was said of it last, and of a new one what is said of the product before it.

    Parameters
    ----------
    product, party
        The first of the products, and the parties (n,).
    still
        Numbers that are of no product, shape (n, k) [any unit].
    timed
        Columns over the products, shape (n, h) each [any unit].
    before
        What was said last of such products.
    """
    count, hours = len(party), max((column.shape[1] for column in timed), default=0)
    if before is not None and before.shape != (hours, len(timed), still.shape[1]):
        before = None
    none = np.zeros((0, 1), np.int32)
    row = np.full(count, -1) if before is None else match_rows(party, before.party)
    passed = 0 if before is None else (product.start_s - before.start_s) // product.duration_s
    heard = (none,) * len(timed) if before is None else before.timed
    stands = np.clip(np.rint(still / STEP), -FORM.top, FORM.top).astype(np.int32)
    numbers, moved = np.full(count, still.shape[1]), np.zeros(count, np.int64)
    if before is not None and len(before.party):
        moved += (stands != before.still[row]).sum(1)  # of rows that are new it says nothing
    reach = min(max(passed, 0), hours)
    said = tuple(
        column_changes(_narrow(column), hours, old, row, reach, FORM, (numbers, moved))
        for column, old in zip(timed, heard, strict=True)
    )
    whole = NUMBER_BITS * numbers + len(said)
    place = (still.shape[1] + len(said) * hours).bit_length()
    told = 1 + np.minimum(np.where(moved > 0, place + moved * (NUMBER_BITS + place), 0), whole)
    bits = int(np.where(row >= 0, told, whole).sum())
    return _Said(product.start_s, party, stands, said, hours), bits


def _narrow(column: Col) -> Col:
    """Return one product of a column that is a view without memory: it is the same in every other."""
    return column[:, :1] if column.strides[1] == 0 and column.shape[1] else column


def match_rows(party: Index, before: Index) -> Index:
    """Return where each party (n,) stands among those before (m,), its k-th row at its k-th row; -1 where it does not."""
    if np.array_equal(party, before):
        return np.arange(len(party))
    (names, old), most = (_number_rows(each) for each in (party, before)), len(party) + len(before)
    now_key, old_key = (each.party * most + each.row for each in (names, old))
    order = np.argsort(old_key)
    at = np.searchsorted(old_key[order], now_key)
    found = order[np.minimum(at, len(order) - 1)] if len(order) else at
    same = np.zeros(len(now_key), np.bool_)
    if len(order):
        same = old_key[found] == now_key
    return np.where(same, found, -1)


class _Numbered(NamedTuple):
    party: Index
    row: Index  # the how-manieth of its party


def _number_rows(party: Index) -> _Numbered:
    """Return each row with the number of rows of its party before it."""
    order = np.argsort(party, kind="stable")
    ordered = party[order]
    first = np.searchsorted(ordered, ordered)
    row = np.empty(len(party), np.int64)
    row[order] = np.arange(len(party)) - first
    return _Numbered(party, row)


def _spec_rows(table: Spec) -> tuple[Col, list[Col]]:
    """Return what a specification says once, (n, k), and its columns over products, (n, h) [as in `Stores`]."""
    held = table.stores
    still = (held.x0[:, None], held.end_x, held.end_mu, table.q_max_kvar[:, None])
    return np.concatenate(still, axis=1), [getattr(held, name) for name in TIMED]


def _key(product: Product) -> tuple[int, ...]:
    return int(product.commodity), int(product.horizon), product.duration_s, product.place
