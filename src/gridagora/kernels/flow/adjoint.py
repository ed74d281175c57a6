"""Gradients of any number that follows from the voltages of a flow, by the adjoint of its fixed point, many steps at once.

The state of a step obeys Y v + A i(u) = i_source, u = A' v the voltages across its loads. Where each load draws a current that
moves by a du + b conj(du), a number that moves by Re(g' dv) moves by Re(l' r) when the currents are disturbed by r, with

    Y' l = g - A a A' l - conj(A b A' l),

whose matrix is that of the flow, transposed: the factors L U of the flow serve again, and the rounds contract as its own do. All
right sides of a step share one walk over its loads' slopes. Inverters that follow voltage add a term of their own
(`kernels.flow.droop`).

References
----------
M. B. Giles, N. A. Pierce, An introduction to the adjoint approach to design, Flow, Turbulence and Combustion 65, 2000, doi
10.1023/A:1011430410075. At constant power a = 0 and b = -conj(s / u^2), as in `grid.linear`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.flow.droop import Droop, DroopWork, answer_droop
from gridagora.kernels.flow.fixed_point import (
    BLOCK,
    Col,
    Index,
    Loads,
    Triangles,
    less_row,
    turn_row,
)
from gridagora.kernels.flow.inverters import forget, open_state
from gridagora.kernels.flow.load_models import across_at, row_slopes
from gridagora.kernels.stores.polyline import JIT

Phasors = NDArray[np.complex128]


class LoadSlopes(NamedTuple):
    """How the current that each of k load rows draws moves in a block of w steps.

    It moves with the voltage across the row, by a du + b conj(du), and with the power of its meter.
    """

    a: Phasors  # (k, w) [S]
    b: Phasors  # (k, w) [S]
    kw: Phasors  # (k, w) of its rating [A/kW]
    kvar: Phasors  # (k, w) [A/kvar]


class Gradients(NamedTuple):
    """Of r numbers, each of one step: the adjoint, and how the number moves with what is drawn more [unit of the number]."""

    adjoint: Phasors  # (r, m) [unit/A]
    by_p: Col  # (r, j) [unit/kW]
    by_q: Col  # (r, j) [unit/kvar]
    rounds: Index  # (r,) 0 where not converged


@register_jitable(**JIT)
def load_slopes(
    loads: Loads, v: Phasors, p_kw: Col, q_kvar: Col, steps: Index, out: LoadSlopes
) -> None:
    """Set the slopes in BLOCK steps out of those of voltages v (t, m) [V] and ratings of meters (t, j) [kW], [kvar]."""
    for k in range(loads.start.size):
        j = loads.meter[k]
        for lane in range(BLOCK):
            step = steps[lane]
            across = across_at(loads, v, step, k)
            out.a[k, lane], out.b[k, lane], out.kw[k, lane], out.kvar[k, lane] = row_slopes(
                loads, k, across, p_kw[step, j], q_kvar[step, j]
            )


@register_jitable(**JIT)
def _substitute(tri: Triangles, x_re: Col, x_im: Col) -> None:
    """Solve U' L' x = x in place for a block of right sides, shape (m, BLOCK), by the factors of `transposed`."""
    m = x_re.shape[0]
    l_ptr, l_col, l_re, l_im = tri.l_ptr, tri.l_col, tri.l_re, tri.l_im
    u_ptr, u_col, u_re, u_im = tri.u_ptr, tri.u_col, tri.u_re, tri.u_im
    inv_re, inv_im = tri.u_inv_re, tri.u_inv_im
    for i in range(m):
        less_row(l_ptr, l_col, l_re, l_im, i, x_re, x_im, x_re, x_im)
        turn_row(inv_re[i], inv_im[i], i, x_re, x_im)
    for i in range(m - 1, -1, -1):
        less_row(u_ptr, u_col, u_re, u_im, i, x_re, x_im, x_re, x_im)


@register_jitable(**JIT)
def _load(tri: Triangles, right: Phasors, start: int, wide: int, g_re: Col, g_im: Col) -> None:
    """Set a block of right sides (r, m) in the order of the permuted matrix."""
    for lane in range(BLOCK):
        row = start + min(lane, wide - 1)
        for node in range(right.shape[1]):
            g_re[tri.row_at[node], lane] = right[row, node].real
            g_im[tri.row_at[node], lane] = right[row, node].imag


@register_jitable(**JIT)
def _feed_back(
    tri: Triangles, loads: Loads, slopes: LoadSlopes, l_re: Col, l_im: Col, x_re: Col, x_im: Col,
    across_re: Col, across_im: Col, moved: Col, size: Col,
) -> None:  # fmt: skip
    """Take A a A' l + conj(A b A' l) off the right sides x, at the adjoint l as the solve left it.

    `across` (k, BLOCK) holds A' l; `moved` and `size` (BLOCK,) its largest square of a move since the last call, and of itself.
    """
    moved[:] = 0.0
    size[:] = 0.0
    starts, ends, col_at, row_at = loads.start, loads.end, tri.col_at, tri.row_at
    by_v, by_conj = slopes.a, slopes.b
    for k in range(starts.size):
        f, t = starts[k], ends[k]
        at_f, into_f = col_at[f], row_at[f]
        at_t, into_t = (col_at[t], row_at[t]) if t >= 0 else (-1, -1)
        for b in range(BLOCK):
            re, im = l_re[at_f, b], l_im[at_f, b]
            if t >= 0:
                re -= l_re[at_t, b]
                im -= l_im[at_t, b]
            move = (re - across_re[k, b]) ** 2 + (im - across_im[k, b]) ** 2
            here = re * re + im * im
            # a nan must win, or a step that blew up would pass for settled
            moved[b] = moved[b] if move <= moved[b] else move
            size[b] = size[b] if here <= size[b] else here
            across_re[k, b], across_im[k, b] = re, im
            a, c = by_v[k, b], by_conj[k, b]
            x = a.real * re - a.imag * im + c.real * re - c.imag * im
            y = a.real * im + a.imag * re - c.real * im - c.imag * re
            x_re[into_f, b] -= x
            x_im[into_f, b] -= y
            if t >= 0:
                x_re[into_t, b] += x
                x_im[into_t, b] += y


@register_jitable(**JIT)
def _note(moved: Col, size: Col, off: Col, tolerance: float, turn: int, rounds: Index) -> int:
    """Note the round in which a step first settles; return how many still move (one that blew up is given up).

    `off` (w,) is nil where inverters have settled.
    """
    moving = 0
    for b in range(rounds.size):
        if rounds[b] == 0:
            if moved[b] <= tolerance * tolerance * size[b] and off[b] == 0.0:
                rounds[b] = turn
            elif np.isfinite(moved[b]):
                moving += 1
    return moving


@register_jitable(**JIT)
def _leave(
    tri: Triangles, loads: Loads, slopes: LoadSlopes, l_re: Col, l_im: Col, across_re: Col, across_im: Col,
    start: int, wide: int, out: Gradients,
) -> None:  # fmt: skip
    """Write the adjoint of a block, and what a kW and a kvar more of every meter move."""
    for b in range(wide):
        for node in range(tri.col_at.size):
            at = tri.col_at[node]
            out.adjoint[start + b, node] = complex(l_re[at, b], l_im[at, b])
        out.by_p[start + b] = 0.0
        out.by_q[start + b] = 0.0
    for k in range(loads.start.size):
        j = loads.meter[k]
        for b in range(wide):
            x, y = across_re[k, b], across_im[k, b]
            kw, kvar = slopes.kw[k, b], slopes.kvar[k, b]
            out.by_p[start + b, j] -= x * kw.real - y * kw.imag
            out.by_q[start + b, j] -= x * kvar.real - y * kvar.imag


@njit(**JIT)
def run_adjoints(
    tri: Triangles, loads: Loads, droop: Droop, v: Phasors, p_kw: Col, q_kvar: Col, step: Index, right: Phasors,
    tolerance: float, rounds_max: int, out: Gradients,
) -> None:  # fmt: skip
    """Solve the adjoints of r numbers into `out`, BLOCK of them at a time, each in its own step.

    `tri` from `grid.adjoint.transpose`; `v` (t, m) [V] and powers (t, j) [kW], [kvar] of flows that converged; `step` (r,) of
    each number and `right` (r, m) its g [unit/V]. One settles when its adjoint moves by no more than the tolerance, of its
    largest value; one that does not within `rounds_max` keeps rounds 0.
    """
    (count, m), k = right.shape, loads.start.size
    g_re, g_im, l_re, l_im, x_re, x_im = (
        np.empty((m, BLOCK)),
        np.empty((m, BLOCK)),
        np.empty((m, BLOCK)),
        np.empty((m, BLOCK)),
        np.empty((m, BLOCK)),
        np.empty((m, BLOCK)),
    )
    across_re, across_im = np.empty((k, BLOCK)), np.empty((k, BLOCK))
    moved, size, steps = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK, np.int64)
    inverters, meters = droop.meter.size, out.by_p.shape[1]
    work = DroopWork(
        open_state(inverters, BLOCK),
        np.zeros((meters, BLOCK)),
        np.zeros((meters, BLOCK)),
        np.zeros(BLOCK),
    )
    slopes = LoadSlopes(
        np.empty((k, BLOCK), np.complex128),
        np.empty((k, BLOCK), np.complex128),
        np.empty((k, BLOCK), np.complex128),
        np.empty((k, BLOCK), np.complex128),
    )
    for start in range(0, count, BLOCK):
        wide = min(BLOCK, count - start)
        for lane in range(BLOCK):
            steps[lane] = step[start + min(lane, wide - 1)]
        load_slopes(loads, v, p_kw, q_kvar, steps, slopes)
        _load(tri, right, start, wide, g_re, g_im)
        across_re[:] = 0.0
        across_im[:] = 0.0
        forget(work.state)
        work.state.given[:] = 0.0
        x_re[:] = g_re
        x_im[:] = g_im
        for turn in range(1, rounds_max + 1):
            # what was the right side is the adjoint now
            x_re, x_im, l_re, l_im = l_re, l_im, x_re, x_im
            _substitute(tri, l_re, l_im)
            x_re[:] = g_re
            x_im[:] = g_im
            _feed_back(
                tri, loads, slopes, l_re, l_im, x_re, x_im, across_re, across_im, moved, size
            )
            if inverters:
                answer_droop(
                    droop, work, tri, loads, v, steps, slopes.kw, slopes.kvar,
                    across_re, across_im, tolerance, x_re, x_im,
                )  # fmt: skip
            if _note(moved, size, work.off, tolerance, turn, out.rounds[start : start + wide]) == 0:
                break
        _leave(tri, loads, slopes, l_re, l_im, across_re, across_im, start, wide, out)
