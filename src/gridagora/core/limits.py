"""Limits as rows: what power, with what else stands there, may be at a place, and what a unit beyond costs.

    low <= a p + b q + c <= high,     over_per_kwh for what is beyond

The substation, zones and transformers are such rows today, with a coefficient of one for every party below. Rows in another unit
than kW (a voltage around an operating point) have the same form. A limit is soft: there is always a schedule, and a price says
what the limit costs.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import UW_PER_KW, quanta_uw
from gridagora.core.place import Level, Places
from gridagora.core.tables import Col, Index

NOWHERE = -1  # the place of a row that is not the net power of a place


class LimitKind(IntEnum):
    """What a row protects."""

    SUBSTATION = 0
    ZONE = 1
    TRANSFORMER = 2
    VOLTAGE = 3  # of a node [pu]
    LINE = 4  # current of a conductor [A]
    LOADING = 5  # apparent power of a transformer [kVA]


KIND_OF = {
    Level.FEEDER: LimitKind.SUBSTATION,
    Level.ZONE: LimitKind.ZONE,
    Level.TRANSFORMER: LimitKind.TRANSFORMER,
}


class Coefficients(NamedTuple):
    """A sparse matrix in compressed rows: row i has `value[start[i] : start[i + 1]]` at the parties of the same entries."""

    start: Index  # (k + 1,)
    party: Index  # (z,)
    value: Col  # (z,) [1] where the row is in kW


class Limits(NamedTuple):
    """Rows over n parties and h steps. The first row is the substation's, infinite where nothing is limited there.

    `c` is what else counts in a row and does not tender: other customers first. A row is in [kW] unless its kind says otherwise.
    """

    a: Coefficients  # of active power, withdrawal positive
    b: Coefficients  # of reactive power
    c: Col  # (k, h)
    low: Col  # (k, h), -inf allowed
    high: Col  # (k, h), inf allowed
    over_per_kwh: Col  # (k,) price of a kWh beyond
    name: tuple[str, ...]  # (k,)
    kind: Index  # (k,) a `LimitKind`
    place: Index  # (k,) the place of the site whose net power the row is, or NOWHERE


class Bounds(NamedTuple):
    """What every place of a tree may carry, (m, h) each [kW], infinite where nothing is limited, and the price beyond, (m,)."""

    low_kw: Col
    high_kw: Col
    base_kw: Col  # of other customers below
    over_per_kwh: Col


def limit_substation(parties: int, base_kw: Col, limit_kw: float, over_per_kwh: float) -> Limits:
    """Return the one row of a substation: the same limit for import and export, over all parties.

    Parameters
    ----------
    base_kw
        What does not tender, shape (h,) [kW].
    limit_kw
        Inf where nothing is limited [kW].

    Raises
    ------
    PartError
        See `check_limits`.
    """
    every = Coefficients(np.array([0, parties]), np.arange(parties), np.ones(parties))
    high = np.full((1, len(base_kw)), float(limit_kw))
    price, kind = np.array([float(over_per_kwh)]), np.array([LimitKind.SUBSTATION])
    made = Limits(
        every,
        _make_empty(1),
        base_kw[None],
        -high,
        high,
        price,
        ("substation",),
        kind,
        np.array([NOWHERE]),
    )
    check_limits(made, parties)
    return made


def limit_places(
    tree: Places, place: Index, high_kw: Col, base_kw: Col, over_per_kwh: float
) -> Limits:
    """Return one row for every zone and transformer with a finite limit, the same for import and export.

    Parameters
    ----------
    place
        The place right above each party, shape (n,).
    high_kw
        Shape (m,) [kW], inf where nothing is limited.
    base_kw
        Load of other customers below each place, shape (m, h) [kW].

    Raises
    ------
    PartError
        See `check_limits`.
    """
    at = np.flatnonzero((tree.parent >= 0) & np.isfinite(high_kw))
    high = np.repeat(high_kw[at, None], base_kw.shape[1], axis=1)
    kind = np.array([KIND_OF[Level(level)] for level in tree.level[at]], dtype=np.int64)
    names, price = tuple(tree.name[row] for row in at), np.full(len(at), float(over_per_kwh))
    made = Limits(
        _mark_below(tree, place, at),
        _make_empty(len(at)),
        base_kw[at],
        -high,
        high,
        price,
        names,
        kind,
        at,
    )
    check_limits(made, len(place))
    return made


def stack(limits: Sequence[Limits]) -> Limits:
    """Return the rows of all, in order."""
    return Limits(
        _stack([one.a for one in limits]),
        _stack([one.b for one in limits]),
        np.concatenate([one.c for one in limits]),
        np.concatenate([one.low for one in limits]),
        np.concatenate([one.high for one in limits]),
        np.concatenate([one.over_per_kwh for one in limits]),
        tuple(name for one in limits for name in one.name),
        np.concatenate([one.kind for one in limits]),
        np.concatenate([one.place for one in limits]),
    )


def steps_of(limits: Limits, first: int, count: int) -> Limits:
    """Return the limits of `count` steps from step `first` on."""
    c, low, high = (
        column[:, first : first + count] for column in (limits.c, limits.low, limits.high)
    )
    return limits._replace(c=c, low=low, high=high)


def keep_reserve(limits: Limits, share: float) -> Limits:
    """Return limits nearer to zero by a share, for units that cannot follow exactly."""
    return limits._replace(low=limits.low * (1 - share), high=limits.high * (1 - share))


def bounds_of(limits: Limits, tree: Places) -> Bounds:
    """Return the limits that are net powers of places, by place; the substation's row stands at the root."""
    m, h = len(tree.name), limits.c.shape[1]
    low, high, base, over = (
        np.full((m, h), -np.inf),
        np.full((m, h), np.inf),
        np.zeros((m, h)),
        np.zeros(m),
    )
    at = np.where(
        limits.kind == LimitKind.SUBSTATION, np.flatnonzero(tree.parent < 0)[0], limits.place
    )
    kept = at != NOWHERE
    low[at[kept]], high[at[kept]], base[at[kept]] = (
        limits.low[kept],
        limits.high[kept],
        limits.c[kept],
    )
    over[at[kept]] = limits.over_per_kwh[kept]
    return Bounds(low, high, base, over)


def load_of(limits: Limits, p_kw: Col, q_kvar: Col | None = None) -> Col:
    """Return a p + b q + c of every row, in the unit of the row [kW].

    Parameters
    ----------
    p_kw, q_kvar
        Power of every party, shape (n, h) [kW], [kvar]; q left out is zero.

    Returns
    -------
    Col
        Shape (k, h). Powers are summed in whole micro-watts, so that the order of parties does not matter.
    """
    load = _multiply(limits.a, p_kw) + limits.c
    return load if q_kvar is None else load + _multiply(limits.b, q_kvar)


def beyond_kw(limits: Limits, load_kw: Col) -> Col:
    """Return what of a load (k, h) [kW] is beyond its row either way, shape (k, h) [kW], 0 within."""
    return np.maximum(load_kw - limits.high, limits.low - load_kw).clip(min=0)


def broken_kwh(limits: Limits, load_kw: Col, dt_h: float) -> Col:
    """Return the energy of a load (k, h) [kW] beyond each row over all steps, shape (k,) [kWh]."""
    return np.asarray(beyond_kw(limits, load_kw).sum(1) * dt_h)


def soft_cost_usd(limits: Limits, load_kw: Col, dt_h: float) -> Col:
    """Return what a load (k, h) beyond each row costs, shape (k,) [$]; convex in the load."""
    return broken_kwh(limits, load_kw, dt_h) * limits.over_per_kwh


def check_limits(limits: Limits, parties: int) -> None:
    """Refuse rows that no market could read, all of them at once, each by name.

    Raises
    ------
    PartError
        Columns of other lengths, parties that do not exist, coefficients or fixed parts that are no numbers, low above high, a
        price that is negative or infinite.
    """
    k, shape = len(limits.name), limits.c.shape
    sizes = {
        "c": (shape, (k, shape[-1])),
        "low": (limits.low.shape, shape),
        "high": (limits.high.shape, shape),
        "over_per_kwh": (limits.over_per_kwh.shape, (k,)),
        "kind": (limits.kind.shape, (k,)),
        "place": (limits.place.shape, (k,)),
        "rows of a": (limits.a.start.shape, (k + 1,)),
        "rows of b": (limits.b.start.shape, (k + 1,)),
    }
    wrong = [
        f"limits: {name} has shape {got}, expected {want}"
        for name, (got, want) in sizes.items()
        if got != want
    ]
    if wrong:
        raise PartError("\n".join(wrong))
    faults = [
        f"limit '{limits.name[i]}': {said}"
        for i in range(k)
        for said in _faults(limits, i, parties)
    ]
    if faults:
        raise PartError("\n".join(faults))


def _faults(limits: Limits, i: int, parties: int) -> list[str]:
    low, high, price, said = limits.low[i], limits.high[i], float(limits.over_per_kwh[i]), []
    for letter, part in (("a", limits.a), ("b", limits.b)):
        rows = slice(part.start[i], part.start[i + 1])
        party = part.party[rows]
        if len(party) and not 0 <= party.min() <= party.max() < parties:
            said.append(
                f"{letter} names parties {party.min()} to {party.max()}, expected 0 to {parties - 1}"
            )
        if not np.isfinite(part.value[rows]).all():
            said.append(f"{letter} holds a value that is no number, expected finite coefficients")
    if not np.isfinite(limits.c[i]).all():
        said.append(
            "c holds a value that is no number, expected the finite part of what does not tender"
        )
    crossed = ~(low <= high) | (low == np.inf) | (high == -np.inf)
    if crossed.any():
        step = int(np.argmax(crossed))
        said.append(
            f"got low {low[step]:g} and high {high[step]:g} in step {step}, expected low <= high"
        )
    if not 0 <= price < np.inf:
        said.append(
            f"got a price of {price:g} $/kWh beyond it, expected a finite price of 0 or more"
        )
    return said


def _multiply(part: Coefficients, power: Col) -> Col:
    """Return a sparse matrix times power (n, h), shape (k, h).

    Whole micro-watts stay whole in doubles up to 9 GW: sums with coefficients of one are exact.
    """
    total = np.zeros((len(part.start) - 1, power.shape[1]))
    row = np.repeat(np.arange(len(total)), np.diff(part.start))
    np.add.at(total, row, part.value[:, None] * quanta_uw(power)[part.party])
    return total / UW_PER_KW


def _mark_below(tree: Places, place: Index, at: Index) -> Coefficients:
    """Return ones for the parties below each of the places `at`."""
    row_of = np.full(len(tree.name), NOWHERE)
    row_of[at] = np.arange(len(at))
    row, party, above = [], [], np.asarray(place, dtype=np.int64)
    while (above >= 0).any():
        here = np.flatnonzero(above >= 0)
        here = here[row_of[above[here]] >= 0]
        row.append(row_of[above[here]])
        party.append(here)
        above = np.where(above >= 0, tree.parent[above], -1)
    rows, parties = (np.concatenate([np.zeros(0, np.int64), *part]) for part in (row, party))
    order = np.lexsort((parties, rows))
    start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(at)))])
    return Coefficients(start, parties[order], np.ones(len(order)))


def _make_empty(rows: int) -> Coefficients:
    return Coefficients(np.zeros(rows + 1, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _stack(parts: Sequence[Coefficients]) -> Coefficients:
    before = np.cumsum([0, *(part.start[-1] for part in parts)])
    start = [part.start[1:] + shift for part, shift in zip(parts, before[:-1], strict=True)]
    party, value = (
        np.concatenate([part.party for part in parts]),
        np.concatenate([part.value for part in parts]),
    )
    return Coefficients(np.concatenate([[0], *start]), party, value)
