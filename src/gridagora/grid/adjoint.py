"""How any number moves that follows from the voltages of a flow, with what every meter draws: the adjoint of the flow."""

import numpy as np
from scipy.sparse import csr_array

from gridagora.core.components import Phasors
from gridagora.core.flow import Flow
from gridagora.core.tables import Col, Index
from gridagora.grid.flow import Factors, rounds_of
from gridagora.kernels.flow.adjoint import Gradients, run_adjoints
from gridagora.kernels.flow.droop import Droop
from gridagora.kernels.flow.fixed_point import Triangles

KILO = 1e3
TOLERANCE = (
    1e-7  # move of the adjoint in the last round, of its largest value; what is left is less
)


def gradients(
    factors: Factors,
    turned: Triangles,
    droop: Droop,
    at: Flow,
    step: Index,
    right: Phasors,
    tolerance: float = TOLERANCE,
) -> Gradients:
    """Return how r numbers move, each in one step of a flow, with what every meter draws there.

    Parameters
    ----------
    turned
        The factors of the transposed matrix, of `transpose`.
    droop
        How its inverters move with voltage, of `grid.inverters.droop_of`.
    at
        Flow of t steps.
    step, right
        Step of each number, shape (r,), and its derivative with node voltages, shape (r, m) [unit/V]: it moves by Re(right dv).

    Returns
    -------
    Gradients
        nan, with rounds 0, where the flow has no solution or the adjoint does not settle.

    References
    ----------
    See `kernels.flow.adjoint`.
    """
    (r, m), j, usable = right.shape, at.p_kw.shape[1], at.converged[step]
    v = np.where(at.converged[:, None], at.v, factors.network.v_no_load)
    found = Gradients(
        np.zeros((r, m), np.complex128), np.zeros((r, j)), np.zeros((r, j)), np.zeros(r, np.int64)
    )
    right = np.ascontiguousarray(np.where(usable[:, None], right, 0.0), np.complex128)
    drawn = at.rated_p_kw, at.rated_q_kvar, step
    most = rounds_of(at.infeed)
    run_adjoints(turned, factors.loads, droop, v, *drawn, right, tolerance, most, found)
    found.rounds[~usable] = 0
    for column in found[:3]:
        column[found.rounds == 0] = np.nan
    return found


def transpose(triangles: Triangles) -> Triangles:
    """Return the factors of the transposed matrix, whose lower one holds the pivots."""
    above = _turn(triangles.u_ptr, triangles.u_col, triangles.u_re, triangles.u_im)
    below = _turn(triangles.l_ptr, triangles.l_col, triangles.l_re, triangles.l_im)
    pivots = triangles.u_inv_re, triangles.u_inv_im
    return Triangles(*above, *below, *pivots, triangles.col_at, triangles.row_at)


def source_right(factors: Factors, v: Phasors) -> tuple[Phasors, Phasors]:
    """Return the derivatives of the active and the reactive power of the sources with node voltages.

    Shape (t, m) each, of voltages of that shape [kW/V], [kvar/V].
    """
    at, y = factors.source_node, factors.source_y
    held = v[:, at]
    change = (held - factors.network.v_no_load[at]) @ y.T
    current, behind = np.conj(factors.source_i_at_rest - change), np.conj(held) @ y
    p, q = np.zeros_like(v), np.zeros_like(v)
    p[:, at] = (current - behind) / KILO
    q[:, at] = -1j * (current + behind) / KILO
    return p, q


def by_node(adjoint: Phasors, v: Phasors) -> tuple[Col, Col]:
    """Return how a number moves with power drawn between a node and earth, of its adjoint (t, m) [unit/A] at voltages v [V].

    Shape (t, m) each [unit/kW], [unit/kvar].
    """
    each = KILO * adjoint / np.conj(v)
    return -each.real, -each.imag


def _turn(ptr: Index, col: Index, re: Col, im: Col) -> tuple[Index, Index, Col, Col]:
    """Return the transpose of compressed rows, sorted."""
    m = len(ptr) - 1
    turned = csr_array((re + 1j * im, col, ptr), shape=(m, m)).T.tocsr()
    turned.sort_indices()
    ptr, col = turned.indptr.astype(np.int64), turned.indices.astype(np.int64)
    return ptr, col, turned.data.real.copy(), turned.data.imag.copy()
