"""Transformers of an OpenDSS model: ratings, connections and taps, and the admittance that OpenDSS makes of them.

References
----------
R. C. Dugan, A perspective on transformer modeling for distribution system analysis, IEEE PES General Meeting 2003, doi
10.1109/PES.2003.1267146: short-circuit impedances on a base of one volt, then turns, then connections.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from gridagora.core.components import Phasors, Transformers
from gridagora.core.tables import Col, Index
from gridagora.report.opendss_model.names import NodePlaces
from gridagora.report.opendss_model.rest import Block, WrittenElement, beyond, crosses

AGAINST_FLOATING = 1e-6  # of its rating, a reactance of each winding to earth that OpenDSS adds
LEAST_X = 1e-14  # of the rating: OpenDSS puts a default in place of a reactance of 0
MOST_WINDINGS = 3
NO_NODE = -1


class WindingEnds(NamedTuple):
    """How the conductors of one winding are connected: places within the block, NO_NODE for earth."""

    order: tuple[int, ...]  # as the bus of the winding names them
    pairs: tuple[tuple[int, int], ...]  # (phases,) ends of the coil of each phase
    is_wye: bool  # the last of the order is its neutral


class UnitRatings(NamedTuple):
    """What OpenDSS is told of one transformer, with the rating of the first winding as base."""

    phases: int
    kva: float
    r_share: tuple[float, ...]  # (w,)
    x_share: tuple[float, ...]
    core_share: float
    magnetising_share: float
    coil_v: tuple[float, ...]  # (w,) rated across a coil
    tap: tuple[float, ...]  # (w,) turns over rated turns


def write_transformer(
    units: Transformers, row: int, name: str, places: NodePlaces, block: Block
) -> WrittenElement | None:
    """Return a transformer whose windings join its ends as the block does; None where none does.

    Which end of a coil is at earth, which phase of one side faces which of the other, and which side leads is not in the
    columns; it is found by trial. One whose core is not where OpenDSS has it gets the impedances between its coils from its
    block.
    """
    own = np.flatnonzero(units.windings.transformer == row)
    if not 2 <= len(own) <= MOST_WINDINGS:
        return None
    best: WrittenElement | None = None
    least = np.inf
    for rated, ends, leads in _candidates(units, row, own, block):
        for ppm in (AGAINST_FLOATING, 0.0):
            made = _admittance(rated, ends, len(block.node), ppm)
            rest = beyond(block, made)
            if crosses(block, rest):
                continue
            size = float((np.abs(rest) * np.outer(block.volts, block.volts)).max(initial=0.0))
            if size < least:
                told = _told(units, row, own, rated, ends, places, block)
                beside = " leadlag=lead" if leads else ""
                line = f"New Transformer.{name} {told}{beside} ppm_antifloat={ppm * 1e6:g}"
                best, least = WrittenElement(line, made), size
            if not size:
                return best
    return best


def _candidates(
    units: Transformers, row: int, own: Index, block: Block
) -> Iterator[tuple[UnitRatings, tuple[WindingEnds, ...], bool]]:
    """Yield what a unit may be: ratings, connections of its windings, and whether the side of high voltage leads."""
    phases = int(units.phases[row])
    ratings = [*_ratings(units, row, own)]
    for rated in ratings:
        for ends, leads in _connections(units, own, phases, block):
            yield rated, ends, leads
    for ends, leads in _connections(units, own, phases, block):
        fitted = _fitted(ratings[0], ends, block)
        if fitted is not None:
            yield fitted, ends, leads


def _fitted(rated: UnitRatings, ends: Sequence[WindingEnds], block: Block) -> UnitRatings | None:
    """Return ratings of the impedances that a block has between the coils of one phase; None where they cannot be told apart.

    A core at the star of three windings is, seen from outside, impedances between the coils and admittances to earth at each of
    them: star to mesh. The former are of the transformer, the latter are left over.
    """
    if rated.phases > 1 or any(NO_NODE not in end.order for end in ends):
        return None
    at = [max(end.order) for end in ends]
    sign = np.array([1.0 if end.pairs[0][0] >= 0 else -1.0 for end in ends])
    volts = sign * np.array(rated.coil_v) * np.array(rated.tap)
    between = -block.y_siemens[np.ix_(at, at)] * np.outer(volts, volts)
    base = 1 / (1e3 * rated.kva)  # ohm on one volt
    pairs = [(i, j) for i in range(len(ends)) for j in range(i + 1, len(ends))]
    if len(set(at)) < len(ends) or not all(between[pair] for pair in pairs):
        return None
    mesh = {pair: 1 / complex(between[pair]) / base for pair in pairs}
    if len(ends) < MOST_WINDINGS:
        star = [mesh[0, 1] / 2] * 2
    else:
        around = sum(mesh.values())
        star = [
            mesh[0, 1] * mesh[0, 2] / around,
            mesh[0, 1] * mesh[1, 2] / around,
            mesh[0, 2] * mesh[1, 2] / around,
        ]
    return rated._replace(
        r_share=tuple(z.real for z in star),
        x_share=tuple((star[i] + star[j]).imag for i, j in pairs),
        core_share=0.0,
        magnetising_share=0.0,
    )


def _ratings(units: Transformers, row: int, own: Index) -> Iterator[UnitRatings]:
    """Yield what the columns may say: resistances on the base of the first winding, or each on its own rating."""
    windings, phases = units.windings, int(units.phases[row])
    star = np.where(windings.is_delta[own] | (phases == 1), 1.0, np.sqrt(3.0))
    coil_v = 1e3 * windings.kv[own] / star
    x = units.x_share[row]
    kva = float(windings.kva[own[0]])
    scale = kva / windings.kva[own]
    plain = UnitRatings(
        phases,
        kva,
        tuple(windings.r_share[own].tolist()),
        tuple(x[np.isfinite(x)].tolist()),
        float(units.core_share[row]),
        float(units.magnetising_share[row]),
        tuple(coil_v.tolist()),
        tuple(windings.tap[own].tolist()),
    )
    yield plain
    if not np.allclose(scale, 1.0, rtol=1e-9):
        yield plain._replace(r_share=tuple((windings.r_share[own] * scale).tolist()))


def _connections(
    units: Transformers, own: Index, phases: int, block: Block
) -> Iterator[tuple[tuple[WindingEnds, ...], bool]]:
    """Yield connections of all windings, and whether the side of high voltage leads."""
    delta = units.windings.is_delta[own]
    at = [np.flatnonzero(block.terminal == end).tolist() for end in range(len(own))]
    mixed = phases == 3 and len(own) == 2 and bool(delta[0]) != bool(delta[1])
    high = int(np.argmax(units.windings.kv[own]))
    for leads in (False, True) if mixed else (False,):
        step = -1 if mixed and bool(delta[high]) != leads else 1
        choices = [
            [*_ends(at[end], phases, step, is_delta=bool(delta[end]), turns=end > 0)]
            for end in range(len(own))
        ]
        for ends in product(*choices):
            yield ends, leads


def _ends(
    at: list[int], phases: int, step: int, *, is_delta: bool, turns: bool
) -> Iterator[WindingEnds]:
    """Yield how one winding may be connected over its conductors that are not at earth."""
    count = len(at)
    if phases == 1:
        if count == 2:
            yield WindingEnds((at[0], at[1]), ((at[0], at[1]),), not is_delta)
        if count == 1:
            yield WindingEnds((at[0], NO_NODE), ((at[0], NO_NODE),), not is_delta)
            yield WindingEnds((NO_NODE, at[0]), ((NO_NODE, at[0]),), not is_delta)
        return
    if is_delta and count == phases == 3:
        for turn in range(3 if turns else 1):
            order = (*at[turn:], *at[:turn])
            yield WindingEnds(
                order, tuple((order[i], order[(i + step) % 3]) for i in range(3)), False
            )
        return
    if is_delta and phases == 2 and count == 3:
        yield WindingEnds(tuple(at), ((at[0], at[1]), (at[1], at[2])), False)
        return
    if not is_delta and phases <= count <= phases + 1:
        neutral = at[phases] if count > phases else NO_NODE
        for turn in range(phases if turns else 1):
            lines = (*at[turn:phases], *at[:turn])
            yield WindingEnds((*lines, neutral), tuple((line, neutral) for line in lines), True)


def _admittance(
    rated: UnitRatings, ends: Sequence[WindingEnds], count: int, against_floating: float
) -> Phasors:
    """Return the primitive admittance that OpenDSS makes, shape (count, count), conductors at earth left out [S]."""
    coil = _coil_admittance(rated)
    kva = rated.kva / rated.phases
    total: Phasors = np.zeros((count + 1, count + 1), np.complex128)  # the last is earth
    for phase in range(rated.phases):
        incidence = np.zeros((len(ends), count + 1))
        for winding, end in enumerate(ends):
            start, stop = end.pairs[phase]
            incidence[winding, start] += 1
            incidence[winding, stop] -= 1
        total += incidence.T @ coil @ incidence
        for winding, end in enumerate(ends):
            small = -0.5j * against_floating * 1e3 * kva / rated.coil_v[winding] ** 2
            for conductor in end.pairs[phase]:
                total[conductor, conductor] += small
    for winding, end in enumerate(ends):
        last = end.order[-1]
        if end.is_wye:
            total[last, last] += -0.5j * against_floating * 1e3 * kva / rated.coil_v[winding] ** 2
    return total[:count, :count]


def _coil_admittance(rated: UnitRatings) -> Phasors:
    """Return the admittance of one phase over its coils, shape (w, w) [S]."""
    w = len(rated.coil_v)
    base = rated.phases / (1e3 * rated.kva)  # ohm on one volt
    r, x = rated.r_share, rated.x_share
    reactance = {(0, 1): x[0]} if w == 2 else {(0, 1): x[0], (0, 2): x[1], (1, 2): x[2]}
    z: Phasors = np.zeros((w - 1, w - 1), np.complex128)
    for i, j in product(range(1, w), repeat=2):
        if i == j:
            z[i - 1, j - 1] = base * complex(r[0] + r[i], reactance[0, i])
        else:
            pair = reactance[min(i, j), max(i, j)]
            z[i - 1, j - 1] = base * complex(r[0], (reactance[0, i] + reactance[0, j] - pair) / 2)
    loop = np.vstack([-np.ones(w - 1), np.eye(w - 1)])
    y: Phasors = np.asarray(loop @ np.linalg.inv(z) @ loop.T, np.complex128)
    y[1, 1] += complex(rated.core_share, -rated.magnetising_share) / base
    volts: Col = np.array(rated.coil_v) * np.array(rated.tap)
    return y / np.outer(volts, volts)


def _told(
    units: Transformers,
    row: int,
    own: Index,
    rated: UnitRatings,
    ends: Sequence[WindingEnds],
    places: NodePlaces,
    block: Block,
) -> str:
    """Return the properties of a transformer as OpenDSS reads them."""
    windings = units.windings
    said = [
        f"phases={rated.phases} windings={len(own)}",
        *(
            f"{key}={100 * (share or LEAST_X)!r}"
            for key, share in zip(("xhl", "xht", "xlt"), rated.x_share, strict=False)
        ),
    ]
    said.append(f"%noloadloss={100 * rated.core_share!r} %imag={100 * rated.magnetising_share!r}")
    for number, at in enumerate(own.tolist()):
        nodes = [int(block.node[one]) if one >= 0 else NO_NODE for one in ends[number].order]
        said.append(
            f"wdg={number + 1} bus={places.spell(nodes)} "
            f"conn={'delta' if windings.is_delta[at] else 'wye'} kv={float(windings.kv[at])!r} "
            f"kva={rated.kva!r} %r={100 * rated.r_share[number]!r} "
            f"mintap={float(windings.tap_min[at])!r} maxtap={float(windings.tap_max[at])!r} "
            f"numtaps={int(windings.tap_steps[at])} tap={float(windings.tap[at])!r}"
        )
    return " ".join(said)
