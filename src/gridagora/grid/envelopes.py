"""Operating envelopes of a network: what each home may import and export in every step, whatever others do within theirs.

The operator searches where the exact flow stands at the corners: all homes at their limits of import, all at those of export.
Rows of the network around both corners are shared by weight (`mechanisms.network_envelope`), counting in each row what
homes do in the other direction. The corners are then solved exactly once more, with the worst mix of import and export for the
rows that are nearest to full; a step in which one is beyond is scaled down until none is. A row that others break alone asks of
homes only that they break it no further.

References
----------
B. Liu, J. H. Braslavsky, Computation of robust dynamic operating envelopes based on non-convex OPF for unbalanced distribution
networks, arXiv 2404.03355.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.flow import Flow
from gridagora.core.limits import LimitKind, Limits
from gridagora.core.ports import Grid
from gridagora.core.tables import Col, Index
from gridagora.grid.limited import LimitedQuantities, limited_quantities, phasors_of
from gridagora.mechanisms.network_envelope import SharedRows, share_rows

ROUNDS = 3  # of rows around corners
HALVINGS = 12  # of a level that all homes reach together
SCALINGS = 6  # halvings of the scale of a step that is beyond a row
NEAR_SHARE = 0.3  # rows further from their limit at a corner are left out
MIXES = 4  # rows whose worst mix is solved exactly, in every step
KEPT = 1e-6  # of a rating or half a band: what a corner may be beyond


class Surroundings(NamedTuple):
    """What stands beside n homes over h steps on j meters."""

    home_meter: Index  # (n,)
    other_kw: Col  # (h, j) of everybody else
    other_kvar: Col  # (h, j)
    kvar_per_kw: float  # that a home draws beside a kW of import
    band_pu: tuple[float, float]


class EnvelopeShares(NamedTuple):
    """By what limits of n homes grow, (n, h) each [1], and what each is given at most in either direction, (n,) [kW]."""

    import_weight: Col
    export_weight: Col
    most_kw: Col


class Envelopes(NamedTuple):
    """Limits of import and export, (n, h) each [kW]; how far corners are beyond a row, (h,) of its rating or half its band."""

    import_kw: Col
    export_kw: Col
    beyond_share: Col


class _Operator(NamedTuple):
    """A network, what stands in it, and the bounds that homes must keep, (h, k) each."""

    grid: Grid
    around: Surroundings
    of: LimitedQuantities
    low: Col
    high: Col


class _Sides(NamedTuple):
    """Sides of rows, K: base <= room; how a kW of import and of export of each home adds to it, (K, n); room (K, h)."""

    by_import: Col
    by_export: Col
    room: Col
    scale: Col  # (K,)


def find_envelopes(grid: Grid, around: Surroundings, shares: EnvelopeShares) -> Envelopes:
    """Return envelopes that keep the band of voltages and all ratings, in exact flows at their corners.

    Parameters
    ----------
    grid
        The network.
    around
        What stands beside the homes.
    shares
        The rule by which the limits are shared.
    """
    operator = _open(grid, around)
    imports = _grow_together(operator, shares.import_weight, shares.most_kw, 1.0)
    exports = _grow_together(operator, shares.export_weight, shares.most_kw, -1.0)
    for _ in range(ROUNDS):
        at_import, at_export = _sides(operator, imports), _sides(operator, -exports)
        crossed = at_import.room - at_import.by_export @ exports
        imports = share_rows(
            SharedRows(at_import.by_import, crossed), shares.import_weight, shares.most_kw
        )
        crossed = at_export.room - at_export.by_import @ imports
        exports = share_rows(
            SharedRows(at_export.by_export, crossed), shares.export_weight, shares.most_kw
        )
    sides = _Sides(*(np.concatenate(pair) for pair in zip(at_import, at_export, strict=True)))
    scale, beyond = _scale_down(operator, sides, imports, exports)
    return Envelopes(imports * scale, exports * scale, beyond)


def _open(grid: Grid, around: Surroundings) -> _Operator:
    """Return the network with the bounds that homes must keep: where others break one alone, as far as they do."""
    of = limited_quantities(grid.feeder)
    low, high = (np.tile(bound, (len(around.other_kw), 1)) for bound in of.bounds(around.band_pu))
    value = np.abs(phasors_of(of, grid.flow(around.other_kw, around.other_kvar).v).value)
    return _Operator(grid, around, of, np.fmin(low, value), np.fmax(high, value))


def _solve(operator: _Operator, p_kw: Col, step: Index) -> Flow:
    """Return the exact flow of homes at (n, s) [kW], each column beside what others do in a step (s,)."""
    around = operator.around
    p_drawn_kw, q_kvar = around.other_kw[step].copy(), around.other_kvar[step].copy()
    np.add.at(p_drawn_kw.T, around.home_meter, p_kw)
    np.add.at(q_kvar.T, around.home_meter, around.kvar_per_kw * p_kw.clip(min=0))
    return operator.grid.flow(p_drawn_kw, q_kvar)


def _beyond(operator: _Operator, p_kw: Col, step: Index) -> Col:
    """Return how far the network is beyond its bounds, (s,) of a rating or half a band; inf where nothing carries it."""
    flow = _solve(operator, p_kw, step)
    value = np.abs(phasors_of(operator.of, flow.v).value)
    over = np.maximum(value - operator.high[step], operator.low[step] - value)
    found = (over / _unit(operator)).max(1, initial=-np.inf)
    return np.asarray(np.where(flow.converged, found, np.inf))


def _unit(operator: _Operator) -> Col:
    """Return half the band of voltages and the rating of all else, (k,) in the unit of each quantity [pu], [A], [kVA]."""
    low, high = operator.around.band_pu
    half = np.full(len(operator.of.node), 0.5 * (high - low))
    return np.concatenate([half, operator.of.rating])


def _grow_together(operator: _Operator, weight: Col, most_kw: Col, sign: float) -> Col:
    """Return limits (n, h) [kW] at the level up to which all homes can go at once, each by its weight."""
    h = weight.shape[1]
    step, most = np.arange(h), most_kw[:, None]
    reach = np.divide(most, weight, out=np.zeros_like(weight), where=weight > 0)
    low, high = np.zeros(h), reach.max(0, initial=0.0)
    whole = np.minimum(high * weight, most)
    low = np.where(_beyond(operator, sign * whole, step) <= 0.0, high, low)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        holds = _beyond(operator, sign * np.minimum(middle * weight, most), step) <= 0.0
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return np.minimum(low * weight, most)


def _sides(operator: _Operator, corner_kw: Col) -> _Sides:
    """Return the sides of rows around a corner (n, h) [kW], import positive, without what homes do.

    A side that is far from its limit at the corner has all room there: the line around one corner says nothing of the other.
    """
    around, h = operator.around, corner_kw.shape[1]
    flow = _solve(operator, corner_kw, np.arange(h))
    carried = flow.converged
    rows = operator.grid.limits(_replace_failed(flow), NEAR_SHARE, band_pu=around.band_pu)
    k = len(rows.name)
    a, b = (each.value.reshape(k, around.other_kw.shape[1]) for each in (rows.a, rows.b))
    base = rows.c + a @ around.other_kw.T + b @ around.other_kvar.T
    own = a[:, around.home_meter]
    with_q = own + around.kvar_per_kw * b[:, around.home_meter]
    low, high = _bounds_of_rows(operator, rows)
    unit = _unit(operator)[_quantity(operator, rows)]
    value = base + with_q @ corner_kw.clip(min=0) + own @ corner_kw.clip(max=0)
    near = NEAR_SHARE * unit[:, None]
    upper = np.where(high - value <= near, high - base, np.inf)
    lower = np.where(value - low <= near, base - low, np.inf)
    room = np.where(carried, np.concatenate([upper, lower]), 0.0)
    return _Sides(
        np.concatenate([with_q, -with_q]).clip(min=0),
        np.concatenate([-own, own]).clip(min=0),
        room,
        np.concatenate([unit, unit]),
    )


def _quantity(operator: _Operator, rows: Limits) -> Index:
    number = {name: at for at, name in enumerate(operator.of.name)}
    return np.array([number[name.removesuffix(", reverse")] for name in rows.name], np.int64)


def _bounds_of_rows(operator: _Operator, rows: Limits) -> tuple[Col, Col]:
    """Return the bounds of rows, (k, h) each: those that homes must keep, infinite where a row does not hold that way."""
    at = _quantity(operator, rows)
    low, high = operator.low.T[at], operator.high.T[at]
    rated = (rows.kind != LimitKind.VOLTAGE)[:, None]
    return np.where(rated, -np.inf, low), np.where(np.isfinite(rows.high), high, np.inf)


def _replace_failed(flow: Flow) -> Flow:
    """Return the steps of a flow that converged, with the first of them in place of others."""
    if flow.converged.all():
        return flow
    first = int(np.argmax(flow.converged))
    at = np.where(flow.converged, np.arange(len(flow.converged)), first)
    return flow._replace(
        v_pu=flow.v_pu[at],
        v=flow.v[at],
        p_kw=flow.p_kw[at],
        q_kvar=flow.q_kvar[at],
        rated_p_kw=flow.rated_p_kw[at],
        rated_q_kvar=flow.rated_q_kvar[at],
        converged=flow.converged[at],
    )


def _scale_down(operator: _Operator, sides: _Sides, imports: Col, exports: Col) -> tuple[Col, Col]:
    """Return the scale of every step at which all its corners are kept, (h,), and how far they are beyond, (h,)."""
    h = imports.shape[1]
    step = np.arange(h)
    corners = [imports, -exports, *_worst_mixes(sides, imports, exports)]

    def beyond(scale: Col, steps: Index) -> Col:
        found = [_beyond(operator, scale * corner[:, steps], steps) for corner in corners]
        return np.asarray(np.max(found, axis=0))

    low, high = np.ones(h), np.ones(h)
    over = beyond(high, step)
    broken = np.flatnonzero(over > KEPT)
    low[broken] = 0.0
    for _ in range(SCALINGS):
        if not broken.size:
            break
        middle = 0.5 * (low[broken] + high[broken])
        now = beyond(middle, broken)
        holds = now <= KEPT
        low[broken[holds]], over[broken[holds]] = middle[holds], now[holds]
        high[broken[~holds]] = middle[~holds]
    return low, np.where(low > 0, over, 0.0)


def _worst_mixes(sides: _Sides, imports: Col, exports: Col) -> list[Col]:
    """Return for the sides that are nearest to full in each step what homes do that fills them most, (n, h) each [kW]."""
    if not len(sides.scale):
        return []
    used = sides.by_import @ imports + sides.by_export @ exports
    fullness = (used - sides.room) / sides.scale[:, None]
    nearest = np.argsort(-fullness, axis=0, kind="stable")[:MIXES]
    found = []
    for side in nearest:
        helps = sides.by_import[side].T * imports >= sides.by_export[side].T * exports
        found.append(np.where(helps, imports, -exports))
    return found
