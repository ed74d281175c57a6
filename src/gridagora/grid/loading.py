"""How much of their ratings lines and transformers carry: currents and apparent powers out of solved voltages.

A line is loaded by its conductor of largest current, a transformer by the apparent power into its first winding, as OpenDSS
counts its percentages of `normamps` and of the nameplate (R. C. Dugan, Reference Guide: The Open Distribution System
Simulator, EPRI).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from gridagora.core.components import Phasors, block_of, terminals_of
from gridagora.core.feeder import LINE, TRANSFORMER, Feeder, moving_units, transformer_spans
from gridagora.core.flow import Flow
from gridagora.core.tables import Col, Flag, Index
from gridagora.results.loading import BranchLoading, LoadingSeries

VA_PER_KVA = 1e3
TOP, SLOTS = 10, 400  # branches whose loading is kept over time, and the most slots it is kept in


class Ratings(NamedTuple):
    """Currents of c conductors as a matrix over the m nodes, and whose they are: k lines, then transformers."""

    current: csr_array  # (c, m) [S]
    node: Index  # (c,) that a conductor hangs on
    first: Index  # (k,) first conductor of each branch
    lines: int  # of k
    rating: Col  # (k,) [A], [kVA]
    name: tuple[str, ...]
    from_bus: Index  # (k,)
    to_bus: Index  # (k,)
    moving: tuple["MovingUnit", ...] = ()  # of its transformers


class MovingUnit(NamedTuple):
    """A transformer whose taps move, with c conductors: its currents are those of its block at the turns of a step."""

    branch: int
    node: Index  # (c,)
    own: Flag  # (c,) conductors of its first winding
    y_siemens: Phasors  # (c, c) at its turns in the feeder
    regulator: Index  # (c,) that moves the winding of a conductor, -1: none
    tap: Index  # (c,) of it in the feeder
    turns: Col  # (c,) [1]
    rise: Col  # (c,) turns a tap [1]


class BranchLoads(NamedTuple):
    """Loading of k branches over some steps, shape (k,) each, as shares of their ratings [1]."""

    most: Col  # nan where no step converged
    at_peak: Col
    over_steps: Index
    peak_kw: float  # at the source, -inf where no step converged


class _Branch(NamedTuple):
    name: str
    ends: tuple[int, int]
    rating: float
    node: Index  # (a,) of its own conductors at its first end
    y_siemens: Phasors  # (a, b) over `reach`
    reach: Index  # (b,)


def ratings(feeder: Feeder) -> Ratings | None:
    """Return what it takes to tell loadings; None where no line and no transformer has a rating."""
    lines, units = list(_lines(feeder)), list(_transformers(feeder))
    rows = lines + units
    if not rows:
        return None
    sizes = np.array([len(each.node) for each in rows])
    row = np.repeat(np.arange(sizes.sum()), np.repeat([len(each.reach) for each in rows], sizes))
    column = np.concatenate([np.tile(each.reach, len(each.node)) for each in rows])
    entries = np.concatenate([each.y_siemens.ravel() for each in rows])
    shape = int(sizes.sum()), len(feeder.nodes.name)
    rated = [each.name for each in units]
    moving = [
        _moving_unit(feeder, row, len(lines) + rated.index(feeder.transformers.name[row]))
        for row in moving_units(feeder).tolist()
        if feeder.transformers.name[row] in rated
    ]
    return Ratings(
        csr_array((entries, (row, column)), shape=shape),
        np.concatenate([each.node for each in rows]),
        np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        len(lines),
        np.array([each.rating for each in rows]),
        tuple(each.name for each in rows),
        np.array([each.ends[0] for each in rows], np.int64),
        np.array([each.ends[1] for each in rows], np.int64),
        tuple(moving),
    )


def _moving_unit(feeder: Feeder, row: int, branch: int) -> MovingUnit:
    own, windings = feeder.regulators, feeder.transformers.windings
    node, y = block_of(feeder.transformers.blocks, row)
    terminal = terminals_of(feeder.transformers.blocks, row)
    first = int(np.searchsorted(windings.transformer, row))
    by, at = np.full(len(node), -1), first + terminal
    for each in np.flatnonzero(own.transformer == row):
        by[terminal == own.winding[each]] = each
    rise = (windings.tap_max[at] - windings.tap_min[at]) / windings.tap_steps[at]
    return MovingUnit(
        branch, node, terminal == 0, y, by, own.tap_number[by], windings.tap[at], rise
    )


def _lines(feeder: Feeder) -> Iterator[_Branch]:
    lines = feeder.lines
    ends = zip(lines.from_bus.tolist(), lines.to_bus.tolist(), strict=True)
    for row, (a, b) in enumerate(ends):
        node, y = block_of(lines.blocks, row)
        if not lines.rating_a[row] > 0 or not np.isfinite(lines.rating_a[row]) or not len(node):
            continue
        terminal = terminals_of(lines.blocks, row)
        own = terminal == terminal.min()
        yield _Branch(lines.name[row], (a, b), float(lines.rating_a[row]), node[own], y[own], node)


def _transformers(feeder: Feeder) -> Iterator[_Branch]:
    units = feeder.transformers
    ends = {row: (start, other) for row, start, other in reversed([*transformer_spans(units)])}
    for row in range(len(units.name)):
        node, y = block_of(units.blocks, row)
        own = terminals_of(units.blocks, row) == 0
        if units.kva[row] > 0 and np.isfinite(units.kva[row]) and own.any():
            pair = ends.get(row, (-1, -1))
            yield _Branch(units.name[row], pair, float(units.kva[row]), node[own], y[own], node)


def loading_share(of: Ratings, v: Phasors) -> Col:
    """Return the loading of every branch out of voltages (t, m) [V], as shares of the ratings, shape (t, k) [1]."""
    current: Phasors = np.asarray((of.current @ v.T).T)
    size = np.abs(current)
    share = np.empty((len(v), len(of.rating)))
    lines, units = of.first[: of.lines], of.first[of.lines :]
    if of.lines:
        end = int(units[0]) if len(units) else size.shape[1]
        share[:, : of.lines] = np.maximum.reduceat(size[:, :end], lines, axis=1)
    if len(units):
        power = v[:, of.node[units[0] :]] * np.conj(current[:, units[0] :])
        total = np.add.reduceat(power, units - units[0], axis=1)
        share[:, of.lines :] = np.abs(total) / VA_PER_KVA
    return share / of.rating


def _moving_share(of: Ratings, unit: MovingUnit, v: Phasors, tap: Index) -> Col:
    """Return the loading of a transformer at voltages (t, m) [V] and taps (t, k), (t,) [1]."""
    moves = unit.regulator >= 0
    steps = np.where(moves, tap[:, unit.regulator] - unit.tap, 0)
    scale = unit.turns / (unit.turns + steps * unit.rise)
    current = scale * ((scale * v[:, unit.node]) @ unit.y_siemens.T)
    power = (v[:, unit.node] * np.conj(current))[:, unit.own].sum(1)
    return np.asarray(np.abs(power) / VA_PER_KVA / of.rating[unit.branch])


def loads(of: Ratings, flow: Flow) -> BranchLoads:
    """Return the loading over the steps of a flow; those that did not converge are left out."""
    return _loads(of, flow, _converged_share(of, flow))


def _converged_share(of: Ratings, flow: Flow) -> Col:
    """Return the loading of every branch in the c steps that converged, with taps as they were, shape (c, k) [1]."""
    at = flow.converged
    share = loading_share(of, flow.v[at])
    for unit in of.moving:
        share[:, unit.branch] = _moving_share(of, unit, flow.v[at], flow.tap[at])
    return share


def _loads(of: Ratings, flow: Flow, share: Col) -> BranchLoads:
    if not len(share):
        none = np.full(len(of.rating), np.nan)
        return BranchLoads(none, none, np.zeros(len(of.rating), np.int64), -np.inf)
    power_kw = flow.substation_p_kw[flow.converged]
    peak = int(np.argmax(power_kw))
    over: Index = (share > 1.0).sum(0).astype(np.int64)
    return BranchLoads(share.max(0), share[peak].copy(), over, float(power_kw[peak]))


def heavier(before: BranchLoads, after: BranchLoads) -> BranchLoads:
    """Return the loading over two runs of steps, the second behind the first."""
    top = after if after.peak_kw > before.peak_kw else before
    steps = before.over_steps + after.over_steps
    return BranchLoads(np.fmax(before.most, after.most), top.at_peak, steps, top.peak_kw)


class LoadingFold:
    """The loading of a run of t steps while it is solved; steps come in their order, some at a time.

    Of all branches it holds the largest loading of each of some hundred slots, so that the most loaded have a series at the end.

    Parameters
    ----------
    of
        Branches with a rating.
    steps
        Of the run.
    """

    def __init__(self, of: Ratings, steps: int) -> None:
        self._of, self._per = of, max(1, -(-steps // SLOTS))
        count = -(-steps // self._per)
        self._share = np.full((count, len(of.rating)), np.nan, np.float32)
        self._seen = 0
        self._found: BranchLoads | None = None

    def add(self, flow: Flow) -> Col:
        """Add the flow of some steps; return the loading of every branch in the c that converged, (c, k) [1]."""
        share = _converged_share(self._of, flow)
        found = _loads(self._of, flow, share)
        self._found = found if self._found is None else heavier(self._found, found)
        slot = (self._seen + np.flatnonzero(flow.converged)) // self._per
        np.fmax.at(self._share, slot, share.astype(np.float32))
        self._seen += len(flow.converged)
        return share

    def found(self) -> BranchLoading | None:
        """Return the loading of every branch by name, with the series of the most loaded; None before any step."""
        if self._found is None:
            return None
        most = self._found.most
        order = np.argsort(-most, kind="stable")  # nan last
        branch = order[: min(TOP, int(np.isfinite(most).sum()))].astype(np.int64)
        first = np.arange(len(self._share)) * self._per
        series = LoadingSeries(branch, first, self._share[:, branch].T.astype(np.float64))
        return branch_loading(self._of, self._found)._replace(series=series)


def branch_loading(of: Ratings, found: BranchLoads) -> BranchLoading:
    """Return the loading of every branch by name."""
    kind = (LINE,) * of.lines + (TRANSFORMER,) * (len(of.rating) - of.lines)
    ends = of.name, kind, of.from_bus, of.to_bus, of.rating
    return BranchLoading(*ends, found.most, found.at_peak, found.over_steps)
