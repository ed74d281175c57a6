"""The flow linearised around a point: how voltages, currents and loadings move with what meters draw, as rows of limits.

A row is the gradient of one magnitude, found by one solution with the transposed Jacobian: the rows that are asked for cost,
not the meters of the feeder.

References
----------
The derivative of the current balance Y v = i(v, s), solved exactly; it is the Jacobian of a Newton power flow
in rectangular coordinates (current injection method: V. M. da Costa and others, IEEE Trans. Power Systems 14 (1999), 1320).
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np
from scipy.sparse import bmat, csc_matrix, csr_array, vstack
from scipy.sparse.linalg import SuperLU, splu

from gridagora.core.components import GROUND, Phasors
from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder, live_nodes
from gridagora.core.flow import Flow
from gridagora.core.limits import NOWHERE, Coefficients, LimitKind, Limits, check_limits
from gridagora.core.network_operator import NO_PRICES, RowPrices
from gridagora.core.tables import Col, Flag, Index
from gridagora.grid.flow import load_rows
from gridagora.grid.flow_steps import steps_of
from gridagora.grid.inverters import meter_nodes, slopes_at
from gridagora.grid.limited import LimitedQuantities, gradients, phasors_of
from gridagora.grid.limits import RANGE_A_PU
from gridagora.kernels.flow.load_models import load_current_slopes

# right sides that are solved for at a time: from some 200 on the solver's products run on all cores, which takes it longer
COLUMNS = 32


MatrixAt = Callable[[int], csc_matrix]  # by step of a flow


class Sensitivity(NamedTuple):
    """How the voltage of every node moves with what every meter draws, at one point."""

    dv_dp: Phasors  # (m, j) [V/kW]
    dv_dq: Phasors  # (m, j) [V/kvar]


class _Chosen(NamedTuple):
    """Rows among k quantities over t steps: which quantity, which way its power flows, and the step it is linear around."""

    quantity: Index  # (r,)
    back: Flag  # (r,)
    step: Index  # (r,)


def limit_rows(
    feeder: Feeder,
    y_at: MatrixAt,
    of: LimitedQuantities,
    at: Flow,
    *,
    near_share: float = np.inf,
    kept: Collection[str] = (),
    band_pu: tuple[float, float] = RANGE_A_PU,
    prices: RowPrices = NO_PRICES,
) -> Limits:
    """Return what the network can carry as rows over its j meters and the t steps of a flow, linear around it.

    The voltage of every live node at a meter keeps the band [pu], the current of every conductor of a line with a rating
    stays below it [A], the apparent power into the first winding of a transformer below its rating [kVA]. `load_of` of the
    rows and the powers of the flow are its exact magnitudes in every step. The coefficients of a row are those of the step in
    which it is nearest to its limit or furthest beyond: there its price forms. A rated row holds for one way of its power, for
    what more load does turns with it: a second row, "reverse", stands for the other. A magnitude that is zero at the point
    has a kink there and is taken as not moving.

    Parameters
    ----------
    y_at
        Admittance matrix of the feeder as its controls stand in a step of the flow, (m, m) [S].
    of
        What the feeder limits, as `limited_quantities` finds it.
    at
        Flow of t steps.
    near_share
        Rows are left out that are further from their limit than this share, in every step: of the rating, or of half the
        band. Inf: none is.
    kept
        Names of rows that stay wherever they are.
    band_pu
        Lowest and highest voltage [pu].
    prices
        What a row costs beyond its limit.

    Raises
    ------
    PartError
        A flow of no steps, or one that did not converge.
    """
    if not at.converged.size or not at.converged.all():
        said = f"{at.converged.size} steps, {int(at.converged.sum())} of them converged"
        raise PartError(f"limits around a flow of {said}: expected one step or more, all converged")
    found = phasors_of(of, at.v)
    low, high = of.bounds(band_pu)
    value = np.abs(found.value)
    rows = _choose(of, value, found.power_kw < 0, (low, high), near_share, kept)
    by_p, by_q = _slopes(feeder, y_at, of, at, rows)
    exact = value[:, rows.quantity].T
    fixed = exact - by_p @ at.rated_p_kw.T - by_q @ at.rated_q_kvar.T
    other_way = (found.power_kw[:, rows.quantity].T < 0) != rows.back[:, None]
    rated = of.kind[rows.quantity] != LimitKind.VOLTAGE
    shape = fixed.shape
    limits = Limits(
        a=_coefficients(by_p),
        b=_coefficients(by_q),
        c=fixed,
        low=np.broadcast_to(low[rows.quantity, None], shape).copy(),
        high=np.where(rated[:, None] & other_way, np.inf, high[rows.quantity, None]),
        over_per_kwh=of.over_price(prices)[rows.quantity],
        name=tuple(
            of.name[each] + (", reverse" if back else "")
            for each, back in zip(rows.quantity.tolist(), rows.back.tolist(), strict=True)
        ),
        kind=of.kind[rows.quantity],
        place=np.full(shape[0], NOWHERE),
    )
    check_limits(limits, len(feeder.meters.name))
    return limits


def sensitivity(feeder: Feeder, y: csc_matrix, at: Flow) -> Sensitivity:
    """Return the derivative of all node voltages at the first step of a flow, exact for the models that its loads follow.

    A load k draws i between its two nodes, u the voltage across: di = f du + g conj(du) + what its meter's rating adds. So with A
    the incidence of loads and nodes,

        (Y + A diag(f) A') dv + A diag(g) A' conj(dv) = -A di/ds ds

    which is linear in the real and the imaginary part of dv. At constant power f is 0, g is -conj(s / u^2). An inverter that
    follows voltage adds what its meter draws less as the mean voltage of its phases rises.
    """
    m = len(feeder.nodes.name)
    jacobian, right = newton_system(feeder, y, at, 0)
    lu = splu(jacobian)
    solved = [solve_columns(lu, one.toarray()) for one in right]
    return Sensitivity(*(one[:m] + 1j * one[m:] for one in solved))


def solve_columns(lu: SuperLU, right: Col) -> Col:
    """Return the solutions of a factored system of m unknowns for r right sides, shape (m, r) both [any unit]."""
    solved = np.empty(right.shape)
    for first in range(0, right.shape[1], COLUMNS):
        some = slice(first, first + COLUMNS)
        solved[:, some] = lu.solve(np.ascontiguousarray(right[:, some]))
    return solved


def newton_system(
    feeder: Feeder, y: csc_matrix, at: Flow, step: int
) -> tuple[csc_matrix, tuple[csr_array, csr_array]]:
    """Return the Jacobian of a step, (2m, 2m), and what a kW and a kvar of every meter ask of it, (2m, j) each."""
    loads, m, j = feeder.loads, len(feeder.nodes.name), len(feeder.meters.name)
    rows = np.arange(len(loads.meter))
    grounded = loads.to_node == GROUND
    ends = np.concatenate([loads.from_node, loads.to_node[~grounded]])
    sign = np.concatenate([np.ones(len(rows)), -np.ones(int((~grounded).sum()))])
    incidence = csr_array(
        (sign, (ends, np.concatenate([rows, rows[~grounded]]))), shape=(m, len(rows))
    )
    one = slice(step, step + 1)
    slopes = load_current_slopes(
        load_rows(feeder), at.v[one], at.rated_p_kw[one], at.rated_q_kvar[one]
    )
    by_v, by_conj, of_kw, of_kvar = (each[0] for each in slopes)
    plain, turned = (csc_matrix((incidence * each) @ incidence.T) for each in (by_v, by_conj))
    whole = y + plain
    g, b, e, f = whole.real, whole.imag, turned.real, turned.imag
    jacobian = csc_matrix(bmat([[g + e, f - b], [b + f, g - e]]))
    by_meter = (
        csr_array((each, (rows, loads.meter)), shape=(len(rows), j)) for each in (of_kw, of_kvar)
    )
    right_kw, right_kvar = (_stack_parts(csr_array(-(incidence @ each))) for each in by_meter)
    if at.infeed is not None:
        by_kw, by_kvar = follow_slopes(feeder, at, step)
        jacobian = csc_matrix(jacobian + right_kw @ by_kw + right_kvar @ by_kvar)
    return jacobian, (right_kw, right_kvar)


def follow_slopes(feeder: Feeder, at: Flow, step: int) -> tuple[csr_array, csr_array]:
    """Return how what inverters give at every meter moves with node voltages in a step of a flow, (j, 2m) each [kW/V], [kvar/V].

    Columns are the real parts of all node voltages, then the imaginary ones.
    """
    one = steps_of(at, np.array([step]))
    infeed, v, j = one.infeed, one.v[0], at.p_kw.shape[1]
    if infeed is None:
        return csr_array((j, 2 * len(v))), csr_array((j, 2 * len(v)))
    meter = infeed.inverters.meter
    first, node = meter_nodes(load_rows(feeder), live_nodes(feeder), meter)
    slopes = slopes_at(infeed, first, node, one.v_pu)
    count = np.diff(first)
    toward = np.conj(v[node]) / (np.abs(v[node]) * feeder.nodes.base_v[node])
    toward /= np.repeat(count, count)
    owner, column = np.repeat(meter, count), np.concatenate([node, node + len(v)])
    both = np.concatenate([toward.real, -toward.imag])
    shape = j, 2 * len(v)
    by_kw, by_kvar = (
        csr_array(
            (both * np.tile(np.repeat(each[0], count), 2), (np.tile(owner, 2), column)), shape=shape
        )
        for each in slopes
    )
    return by_kw, by_kvar


def _stack_parts(matrix: csr_array) -> csr_array:
    """Return the real part above the imaginary one."""
    return csr_array(vstack([matrix.real, matrix.imag]))


def _choose(
    of: LimitedQuantities,
    value: Col,
    back: Flag,
    bounds: tuple[Col, Col],
    near_share: float,
    kept: Collection[str],
) -> _Chosen:
    """Return the rows that are near their limit in some step, or are kept by name; values (t, k), power that flows back."""
    low, high = bounds
    span = np.where(np.isfinite(low), 0.5 * (high - low), high)
    stress = np.maximum(value - high, low - value) / span  # -inf of no bound below
    stays = np.zeros(len(of.name), np.bool_)
    if kept:
        names = {each.removesuffix(", reverse") for each in kept}
        stays[:] = [each in names for each in of.name]
    some = np.flatnonzero((stress.max(0) >= -near_share) | stays)
    stress, back, stays = stress[:, some], back[:, some], stays[some]
    rated, parts = of.kind[some] != LimitKind.VOLTAGE, []
    for way in (False, True):
        here = np.where(rated & (back != way), -np.inf, stress)
        step = here.argmax(0)
        worst = here.max(0)
        wanted = (worst >= -near_share) | stays
        wanted &= np.isfinite(worst) & (rated | (not way))
        at = np.flatnonzero(wanted)
        parts.append(_Chosen(some[at], np.full(len(at), way), step[at]))
    quantity, step = (
        np.concatenate(list(pair))
        for pair in ((each.quantity for each in parts), (each.step for each in parts))
    )
    turned = np.concatenate([each.back for each in parts])
    order = np.lexsort((turned, quantity))
    return _Chosen(quantity[order], turned[order], step[order])


def _slopes(
    feeder: Feeder, y_at: MatrixAt, of: LimitedQuantities, at: Flow, rows: _Chosen
) -> tuple[Col, Col]:
    """Return how rows move with a kW and a kvar of every meter, each around its own step, (r, j) each."""
    j = len(feeder.meters.name)
    by_p, by_q = np.zeros((len(rows.step), j)), np.zeros((len(rows.step), j))
    for step in np.unique(rows.step):
        jacobian, right = newton_system(feeder, y_at(int(step)), at, int(step))
        lu, mine = splu(csc_matrix(jacobian.T)), np.flatnonzero(rows.step == step)
        slope = gradients(of, at.v[step], rows.quantity[mine])
        adjoint = solve_columns(lu, vstack([slope.real.T, -slope.imag.T]).toarray())
        by_p[mine], by_q[mine] = ((one.T @ adjoint).T for one in right)
    return by_p, by_q


def _coefficients(dense: Col) -> Coefficients:
    k, j = dense.shape
    party: Index = np.tile(np.arange(j), k)
    return Coefficients(j * np.arange(k + 1), party, dense.ravel())
