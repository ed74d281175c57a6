"""The flow linearised around a point: how voltages, currents and loadings move with what meters draw, as rows of limits.

References
----------
The derivative of the current balance Y v = i(v, s) at constant power, solved exactly; it is the Jacobian of a Newton power flow
in rectangular coordinates (current injection method: V. M. da Costa and others, IEEE Trans. Power Systems 14 (1999), 1320).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import bmat, csc_matrix, csr_array
from scipy.sparse.linalg import splu

from gridagora.core.components import GROUND, Phasors, block_of, terminals_of
from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder, live_nodes, row_share
from gridagora.core.flow import Flow
from gridagora.core.limits import NOWHERE, Coefficients, LimitKind, Limits, check_limits
from gridagora.core.tables import Col, Index
from gridagora.grid.limits import RANGE_A_PU

W_PER_KW = 1e3


class Sensitivity(NamedTuple):
    """How the voltage of every node moves with what every meter draws, at one point."""

    dv_dp: Phasors  # (m, j) [V/kW]
    dv_dq: Phasors  # (m, j) [V/kvar]


class LimitedQuantity(NamedTuple):
    """Magnitudes at a point, and how they move with what meters draw."""

    value: Col  # (k,) [pu], [A] or [kVA]
    by_p: Col  # (k, j) [unit/kW]
    by_q: Col  # (k, j) [unit/kvar]
    low: Col  # (k,) in the unit of `value` [pu], [A] or [kVA]
    high: Col  # (k,) likewise [pu], [A] or [kVA]
    name: tuple[str, ...]
    kind: LimitKind


def limit_rows(feeder: Feeder, y: csc_matrix, at: Flow, horizon: int) -> Limits:
    """Return what the network can carry as rows over its j meters, linear around a flow.

    The voltage of every live node at a meter keeps Range A of ANSI C84.1 [pu], the current of every conductor of a
    line with a rating stays below it [A], the apparent power into the first winding of a transformer below its rating
    [kVA]. A magnitude that is zero at the point has a kink there and is taken as not moving. Nobody has priced these
    rows: `over_per_kwh` is 0, and who stacks them behind the row of a substation sets it.

    Parameters
    ----------
    y
        Admittance matrix of the feeder, (m, m) [S].
    at
        Flow of one step.
    horizon
        Steps the rows hold for, alike.

    Raises
    ------
    PartError
        A flow of no or several steps, or one that did not converge; a horizon below one step.
    """
    if len(at.converged) != 1 or not at.converged[0]:
        said = f"{len(at.converged)} steps, {int(at.converged.sum())} of them converged"
        raise PartError(f"limits around a flow of {said}: expected one step that converged")
    if horizon < 1:
        raise PartError(f"limits over {horizon} steps: expected 1 or more")
    v, moves = at.v[0], sensitivity(feeder, y, at)
    found = [_voltages(feeder, v, moves), _currents(feeder, v, moves), _loadings(feeder, v, moves)]
    value, low, high = (
        np.concatenate([getattr(one, name) for one in found]) for name in ("value", "low", "high")
    )
    by_p, by_q = (
        np.concatenate([getattr(one, name) for one in found]) for name in ("by_p", "by_q")
    )
    fixed = value - by_p @ at.p_kw[0] - by_q @ at.q_kvar[0]
    c, low, high = (np.repeat(column[:, None], horizon, axis=1) for column in (fixed, low, high))
    rows = Limits(
        a=_coefficients(by_p),
        b=_coefficients(by_q),
        c=c,
        low=low,
        high=high,
        over_per_kwh=np.zeros(len(value)),
        name=tuple(name for one in found for name in one.name),
        kind=np.concatenate([np.full(len(one.name), int(one.kind)) for one in found]),
        place=np.full(len(value), NOWHERE),
    )
    check_limits(rows, len(feeder.meters.name))
    return rows


def sensitivity(feeder: Feeder, y: csc_matrix, at: Flow) -> Sensitivity:
    """Return the derivative of all node voltages at a flow of one step, exact at constant power.

    A load k draws i = conj(s / u) between its two nodes, u the voltage across. So with A the incidence of loads and nodes,

        Y dv - A diag(conj(s) / conj(u)^2) A' conj(dv) = -A conj(ds) / conj(u)

    which is linear in the real and the imaginary part of dv.
    """
    loads, m, j = feeder.loads, len(feeder.nodes.name), len(feeder.meters.name)
    rows, share = np.arange(len(loads.meter)), row_share(feeder)
    grounded = loads.to_node == GROUND
    ends = np.concatenate([loads.from_node, loads.to_node[~grounded]])
    sign = np.concatenate([np.ones(len(rows)), -np.ones(int((~grounded).sum()))])
    incidence = csr_array(
        (sign, (ends, np.concatenate([rows, rows[~grounded]]))), shape=(m, len(rows))
    )
    across = np.conj(incidence.T @ at.v[0])
    drawn = W_PER_KW * share * (at.p_kw[0] - 1j * at.q_kvar[0])[loads.meter]
    turned = csc_matrix((incidence * (drawn / across**2)) @ incidence.T)
    g, b, e, f = y.real, y.imag, turned.real, turned.imag
    jacobian = bmat([[g - e, -(b + f)], [b - f, g + e]], format="csc")
    by_meter = csr_array((W_PER_KW * share / across, (rows, loads.meter)), shape=(len(rows), j))
    right = -(incidence @ by_meter).toarray()  # of a kW; of a kvar it is turned by -j
    lu = splu(jacobian)
    solved = [lu.solve(np.concatenate([one.real, one.imag])) for one in (right, -1j * right)]
    return Sensitivity(*(one[:m] + 1j * one[m:] for one in solved))


def _voltages(feeder: Feeder, v: Phasors, moves: Sensitivity) -> LimitedQuantity:
    seen = np.unique(np.concatenate([feeder.loads.from_node, feeder.loads.to_node]))
    node = seen[(seen != GROUND) & live_nodes(feeder)[seen]]
    base = feeder.nodes.base_v[node]
    magnitude, by_p, by_q = _magnitude(v[node], moves.dv_dp[node], moves.dv_dq[node])
    each = base[:, None]
    low, high = (np.full(len(node), limit) for limit in RANGE_A_PU)
    names = tuple(f"voltage {feeder.nodes.name[at]}" for at in node)
    return LimitedQuantity(
        magnitude / base, by_p / each, by_q / each, low, high, names, LimitKind.VOLTAGE
    )


def _currents(feeder: Feeder, v: Phasors, moves: Sensitivity) -> LimitedQuantity:
    lines, parts, names, high = feeder.lines, [], list[str](), list[float]()
    for row in np.flatnonzero(np.isfinite(lines.rating_a)):
        node, y = block_of(lines.blocks, int(row))
        terminal = terminals_of(lines.blocks, int(row))
        own = np.flatnonzero(terminal == terminal.min(initial=2))
        parts.append((y[own] @ v[node], y[own] @ moves.dv_dp[node], y[own] @ moves.dv_dq[node]))
        names += [f"line {lines.name[row]} at {feeder.nodes.name[node[at]]}" for at in own]
        high += [float(lines.rating_a[row])] * len(own)
    return _rated(parts, names, high, LimitKind.LINE, moves)


def _loadings(feeder: Feeder, v: Phasors, moves: Sensitivity) -> LimitedQuantity:
    units, parts, names, high = feeder.transformers, [], list[str](), list[float]()
    for row in np.flatnonzero(np.isfinite(units.kva)):
        node, y = block_of(units.blocks, int(row))
        first = terminals_of(units.blocks, int(row)) == 0
        if not first.any():
            continue
        at, into = node[first], np.conj(y[first] @ v[node])
        by = [
            into @ dv[at] + v[at] @ np.conj(y[first] @ dv[node])
            for dv in (moves.dv_dp, moves.dv_dq)
        ]
        power = np.array([v[at] @ into, *by[0], *by[1]], np.complex128) / W_PER_KW
        parts.append((power[:1], *power[1:].reshape(2, 1, -1)))
        names.append(f"transformer {units.name[row]}")
        high.append(float(units.kva[row]))
    return _rated(parts, names, high, LimitKind.LOADING, moves)


def _rated(
    parts: Sequence[tuple[Phasors, ...]],
    names: list[str],
    high: list[float],
    kind: LimitKind,
    moves: Sensitivity,
) -> LimitedQuantity:
    """Return magnitudes below ratings out of phasors (c,) and their derivatives (c, j)."""
    none = np.zeros((0, moves.dv_dp.shape[1]), np.complex128)
    phasor = np.concatenate([none[:, 0], *(part[0] for part in parts)])
    by = [np.concatenate([none, *(part[side] for part in parts)]) for side in (1, 2)]
    low = np.full(len(high), -np.inf)
    return LimitedQuantity(*_magnitude(phasor, *by), low, np.array(high), tuple(names), kind)


def _magnitude(phasor: Phasors, by_p: Phasors, by_q: Phasors) -> tuple[Col, Col, Col]:
    """Return magnitudes (k,) and their derivatives (k, j)."""
    size = np.abs(phasor)
    unit = np.divide(np.conj(phasor), size, out=np.zeros_like(phasor), where=size > 0)[:, None]
    return size, (unit * by_p).real, (unit * by_q).real


def _coefficients(dense: Col) -> Coefficients:
    k, j = dense.shape
    party: Index = np.tile(np.arange(j), k)
    return Coefficients(j * np.arange(k + 1), party, dense.ravel())
