"""Fixed-point power flow on one factored admittance matrix, many time steps at once (theory 7.1).

Round: every load row draws the current conj(S / (V_from - V_to)) at the last voltages, S what its model makes of its rating
there; the change `d` of all node voltages against the unloaded network is then Y^-1 times those currents. The triangular
factors are walked row by row with the time steps of a block innermost, so that one entry of a factor serves a whole block.

References
----------
R. D. Zimmerman, Comprehensive distribution power flow, Cornell University, 1995 (current injection by Z-bus).
A. Bernstein, C. Wang, E. Dall'Anese, J.-Y. Le Boudec, C. Zhao, Load flow in multiphase distribution networks, IEEE
Trans. Power Systems 33, 2018, doi 10.1109/TPWRS.2018.2823277 (the map contracts at loads the network can carry).
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from gridagora.kernels.flow.inverters import (
    InverterRun,
    InverterState,
    add_given,
    begin_inverters,
    follow_voltages,
    forget,
    leave_inverters,
    open_inverters,
)
from gridagora.kernels.flow.load_models import Loads, power_at

__all__ = ["BLOCK", "FlowResult", "Loads", "Rows", "Still", "Triangles", "less_row", "run_blocks"]

BLOCK = 16  # time steps that walk through the factors together

Col = NDArray[np.float64]
Index = NDArray[np.int64]


class Triangles(NamedTuple):
    """Factors of the permuted matrix, P_r Y P_c = L U, as compressed rows with real and imaginary parts apart.

    L has an implicit unit diagonal [1]. `u_inv_*` (m,) are the inverted pivots [ohm], `u_*` what is right of them [S].
    `row_at[i]` is the place of node i in the permuted right side, `col_at[i]` in the permuted unknowns, (m,) each. Of the z
    entries of a factor, `*_ptr` (m + 1,) is the first of every row, and column and value have shape (z,).
    """

    l_ptr: Index
    l_col: Index
    l_re: Col
    l_im: Col
    u_ptr: Index
    u_col: Index
    u_re: Col
    u_im: Col
    u_inv_re: Col
    u_inv_im: Col
    row_at: Index
    col_at: Index


class Rows(NamedTuple):
    """The permuted matrix P_r Y P_c itself as compressed rows, for the certificate."""

    ptr: Index  # (m + 1,)
    col: Index  # (z,)
    re: Col  # (z,) [S]
    im: Col  # (z,) [S]


class Still(NamedTuple):
    """Voltages without load and base voltages of the m nodes, (m,) each [V]."""

    re: Col
    im: Col
    base: Col


class FlowResult(NamedTuple):
    """What a run leaves: voltages (t, m) [V] and [pu], rounds (t,), largest mismatch (t,) [kVA]."""

    v: NDArray[np.complex128]
    v_pu: Col
    rounds: Index
    mismatch_kva: Col


@intrinsic
def less_row(
    _typing: Any,
    ptr: Any,
    col: Any,
    re: Any,
    im: Any,
    i: Any,
    x_re: Any,
    x_im: Any,
    into_re: Any,
    into_im: Any,
) -> tuple[Any, Any]:
    """Take row i of a matrix times x off row i of `into`, a block of time steps wide.

    Written as vector instructions: the plain loop is unrolled but not vectorised, and runs eight times slower.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds, row = signature.args, args[4]
        start, column, e_re, e_im, x, y, to_x, to_y = (
            context.make_array(kinds[k])(context, builder, args[k]).data
            for k in (0, 1, 2, 3, 5, 6, 7, 8)
        )
        lanes, word = ir.VectorType(ir.DoubleType(), BLOCK), ir.IntType(64)
        blank, zeros = (
            ir.Constant(lanes, ir.Undefined),
            ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), [0] * BLOCK),
        )

        def item(base: Any, at: Any) -> Any:
            return builder.load(builder.gep(base, [at]))

        def block(base: Any, at: Any) -> Any:
            return builder.bitcast(
                builder.gep(base, [builder.mul(at, ir.Constant(word, BLOCK))]), lanes.as_pointer()
            )

        def spread(number: Any) -> Any:
            one = builder.insert_element(blank, number, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(one, blank, zeros)

        sums = [cgutils.alloca_once(builder, lanes) for _ in range(2)]
        for total, base in zip(sums, (to_x, to_y), strict=True):
            builder.store(builder.load(block(base, row), align=8), total)
        first, last = item(start, row), item(start, builder.add(row, ir.Constant(word, 1)))
        with cgutils.for_range_slice(builder, first, last, ir.Constant(word, 1), intp=word) as (
            at,
            _,
        ):
            c, a, b = item(column, at), spread(item(e_re, at)), spread(item(e_im, at))
            u, w = (builder.load(block(base, c), align=8) for base in (x, y))
            real = builder.fsub(builder.fmul(a, u), builder.fmul(b, w))
            imaginary = builder.fadd(builder.fmul(a, w), builder.fmul(b, u))
            for total, part in zip(sums, (real, imaginary), strict=True):
                builder.store(builder.fsub(builder.load(total), part), total)
        for total, base in zip(sums, (to_x, to_y), strict=True):
            builder.store(builder.load(total), block(base, row), align=8)
        return context.get_dummy_value()

    return types.void(ptr, col, re, im, types.int64, x_re, x_im, into_re, into_im), emit


@njit(nogil=True, cache=True, error_model="numpy")
def substitute(tri: Triangles, x_re: Col, x_im: Col) -> None:
    """Solve L U x = x in place for a block of right sides, shape (m, w) [A], into voltages [V]; w is `BLOCK`."""
    m = x_re.shape[0]
    for i in range(m):
        less_row(tri.l_ptr, tri.l_col, tri.l_re, tri.l_im, i, x_re, x_im, x_re, x_im)
    for i in range(m - 1, -1, -1):
        less_row(tri.u_ptr, tri.u_col, tri.u_re, tri.u_im, i, x_re, x_im, x_re, x_im)
        a, c = tri.u_inv_re[i], tri.u_inv_im[i]
        for b in range(BLOCK):
            re, im = x_re[i, b], x_im[i, b]
            x_re[i, b] = a * re - c * im
            x_im[i, b] = a * im + c * re


@njit(nogil=True, cache=True, error_model="numpy")
def _draw_by_model(
    tri: Triangles, loads: Loads, still: Still, k: int, p_w: Col, q_var: Col, d_re: Col, d_im: Col,
    across_re: Col, across_im: Col, i_re: Col, i_im: Col, step_pu: Col,
) -> None:  # fmt: skip
    """Draw the current of one row whose power moves with voltage, as `draw_loads` does for constant power."""
    f, t, j, share = loads.start[k], loads.end[k], loads.meter[k], 1e3 * loads.share[k]
    scale = 1.0 / (still.base[f] * still.base[f])
    at_f, into_f = tri.col_at[f], tri.row_at[f]
    at_t, into_t = (tri.col_at[t], tri.row_at[t]) if t >= 0 else (-1, -1)
    for b in range(BLOCK):
        re, im = still.re[f] + d_re[at_f, b], still.im[f] + d_im[at_f, b]
        if t >= 0:
            re -= still.re[t] + d_re[at_t, b]
            im -= still.im[t] + d_im[at_t, b]
        move = ((re - across_re[k, b]) ** 2 + (im - across_im[k, b]) ** 2) * scale
        step_pu[b] = step_pu[b] if move <= step_pu[b] else move
        across_re[k, b], across_im[k, b] = re, im
        square = re * re + im * im
        p, q = power_at(np.sqrt(square), loads.model[k], p_w[j, b], q_var[j, b])
        admit = -share / square
        a, c = admit * (p * re + q * im), admit * (p * im - q * re)
        i_re[into_f, b] += a
        i_im[into_f, b] += c
        if t >= 0:
            i_re[into_t, b] -= a
            i_im[into_t, b] -= c


@njit(nogil=True, cache=True, error_model="numpy")
def draw_loads(
    tri: Triangles, loads: Loads, still: Still, p_w: Col, q_var: Col, d_re: Col, d_im: Col,
    across_re: Col, across_im: Col, i_re: Col, i_im: Col, step_pu: Col,
) -> None:  # fmt: skip
    """Set the currents that the loads inject at the voltages `still + d`, in the order of the permuted right side.

    With w as `BLOCK`, `p_w`, `q_var` (j, w) are in [kW], [kvar], `d` (m, w) in [V] and `i` (m, w) in [A]. `across` (k, w) holds
    the voltages over the loads [V]; `step_pu` (w,) tells how far they moved since the last call [pu].
    """
    i_re[:] = 0.0
    i_im[:] = 0.0
    step_pu[:] = 0.0
    for k in range(loads.start.size):
        f, t, j, share = loads.start[k], loads.end[k], loads.meter[k], 1e3 * loads.share[k]
        if loads.varies[k]:
            _draw_by_model(
                tri,
                loads,
                still,
                k,
                p_w,
                q_var,
                d_re,
                d_im,
                across_re,
                across_im,
                i_re,
                i_im,
                step_pu,
            )
            continue
        scale = 1.0 / (still.base[f] * still.base[f])
        at_f, into_f = tri.col_at[f], tri.row_at[f]
        at_t, into_t = (tri.col_at[t], tri.row_at[t]) if t >= 0 else (-1, -1)
        for b in range(BLOCK):
            re, im = still.re[f] + d_re[at_f, b], still.im[f] + d_im[at_f, b]
            if t >= 0:
                re -= still.re[t] + d_re[at_t, b]
                im -= still.im[t] + d_im[at_t, b]
            move = ((re - across_re[k, b]) ** 2 + (im - across_im[k, b]) ** 2) * scale
            # a nan must win, or a step that blew up would pass for settled
            step_pu[b] = step_pu[b] if move <= step_pu[b] else move
            across_re[k, b], across_im[k, b] = re, im
            admit = -share / (re * re + im * im)
            a = admit * (p_w[j, b] * re + q_var[j, b] * im)
            c = admit * (p_w[j, b] * im - q_var[j, b] * re)
            i_re[into_f, b] += a
            i_im[into_f, b] += c
            if t >= 0:
                i_re[into_t, b] -= a
                i_im[into_t, b] -= c
    for b in range(BLOCK):
        step_pu[b] = np.sqrt(step_pu[b])


@njit(nogil=True, cache=True, error_model="numpy")
def note_settled(step_pu: Col, tolerance_pu: float, turn: int, rounds: Index) -> int:
    """Note in `rounds` (w,) the round in which each of w steps first settles; return how many still move.

    `step_pu` (BLOCK,) tells how far voltages moved [pu]; a nan has blown up and is given up.
    """
    moving = 0
    for b in range(rounds.size):
        if rounds[b] == 0:
            if step_pu[b] <= tolerance_pu:
                rounds[b] = turn
            elif np.isfinite(step_pu[b]):
                moving += 1
    return moving


@njit(nogil=True, cache=True, error_model="numpy")
def leave_voltages(
    tri: Triangles,
    rows: Rows,
    still: Still,
    d_re: Col,
    d_im: Col,
    i_re: Col,
    i_im: Col,
    start: int,
    wide: int,
    out: FlowResult,
) -> None:
    """Write the voltages of a block and the largest |V conj(I - Y (V - V0))| over its nodes; overwrites the currents.

    Changes of voltage `d` (m, w) [V] and currents `i` (m, w) [A], w is `BLOCK`; the first `wide` lanes are steps from `start` on.
    """
    for i in range(still.re.size):
        less_row(rows.ptr, rows.col, rows.re, rows.im, i, d_re, d_im, i_re, i_im)
    for b in range(wide):
        worst = 0.0
        for node in range(still.re.size):
            at, row = tri.col_at[node], tri.row_at[node]
            re, im = still.re[node] + d_re[at, b], still.im[node] + d_im[at, b]
            size = re * re + im * im
            here = (i_re[row, b] ** 2 + i_im[row, b] ** 2) * size
            worst = worst if here <= worst else here
            out.v[start + b, node] = complex(re, im)
            out.v_pu[start + b, node] = np.sqrt(size) / still.base[node]
        out.mismatch_kva[start + b] = 1e-3 * np.sqrt(worst)


class Lanes(NamedTuple):
    """What meters draw in the steps of a block, one a lane, and the inverters that follow voltage in them."""

    p: Col  # (j, w) with what inverters give [kW]
    q: Col  # (j, w) [kvar]
    own_p: Col  # (j, w) without; the same arrays where there are no inverters [kW]
    own_q: Col  # (j, w) [kvar]
    steps: Index  # (w,)
    inverters: InverterState
    off: Col  # (w,) how far the worst inverter is from what it wants, of its rating [1]


@njit(nogil=True, cache=True, error_model="numpy")
def open_lanes(meters: int, inverters: int) -> Lanes:
    """Return the lanes of a block with so many meters and inverters."""
    p, q = np.zeros((meters, BLOCK)), np.zeros((meters, BLOCK))
    own_p, own_q = (p.copy(), q.copy()) if inverters > 0 else (p, q)
    steps, state = np.zeros(BLOCK, np.int64), open_inverters(inverters, BLOCK)
    return Lanes(p, q, own_p, own_q, steps, state, np.zeros(BLOCK))


@njit(nogil=True, cache=True, error_model="numpy")
def take_steps(
    lanes: Lanes, inverters: InverterRun, p_kw: Col, q_kvar: Col, first: int, wide: int
) -> None:
    """Set the lanes to steps from one on, powers of all steps (t, j) [kW], [kvar]; fewer end in the last again."""
    for b in range(BLOCK):
        lanes.steps[b] = first + min(b, wide - 1)
        lanes.own_p[:, b] = p_kw[lanes.steps[b]]
        lanes.own_q[:, b] = q_kvar[lanes.steps[b]]
    if inverters.rows.meter.size > 0:
        lanes.p[:], lanes.q[:] = lanes.own_p, lanes.own_q
        forget(lanes.inverters)
        add_given(inverters, lanes.inverters, lanes.own_p, lanes.own_q, lanes.p, lanes.q)


@njit(nogil=True, cache=True, error_model="numpy")
def draw_block(
    tri: Triangles, loads: Loads, still: Still, inverters: InverterRun, lanes: Lanes, d_re: Col, d_im: Col,
    across_re: Col, across_im: Col, i_re: Col, i_im: Col, step_pu: Col, tolerance: float,
) -> None:  # fmt: skip
    """Let inverters follow the voltages of a block, then draw the currents of its meters, as `draw_loads` does.

    `d` (m, w) [V], `across` (k, w) [V], `i` (m, w) [A]; `step_pu` (w,) is how far voltages moved, or inverters are off if that
    is more [pu].
    """
    if inverters.rows.meter.size > 0:
        follow_voltages(
            inverters, lanes.inverters, tri.col_at, still.re, still.im, still.base, d_re, d_im, lanes.steps, tolerance, lanes.off
        )  # fmt: skip
        add_given(inverters, lanes.inverters, lanes.own_p, lanes.own_q, lanes.p, lanes.q)
    draw_loads(
        tri,
        loads,
        still,
        lanes.p,
        lanes.q,
        d_re,
        d_im,
        across_re,
        across_im,
        i_re,
        i_im,
        step_pu,
    )
    if inverters.rows.meter.size > 0:
        for b in range(step_pu.size):  # a nan wins
            step_pu[b] = step_pu[b] if lanes.off[b] <= step_pu[b] else lanes.off[b]


@njit(nogil=True, cache=True, error_model="numpy")
def run_blocks(
    tri: Triangles, rows: Rows, loads: Loads, still: Still, p_kw: Col, q_kvar: Col, inverters: InverterRun,
    tolerance_pu: float, rounds_max: int, first: int, last: int, out: FlowResult,
) -> None:  # fmt: skip
    """Solve the time blocks first..last-1 into `out` and `inverters`.

    `p_kw`, `q_kvar` (t, j) [kW], [kvar], without inverters. A step settles when no load's voltage moves by more than the
    tolerance, and no inverter is further from what it wants, of its rating; one that does not within `rounds_max` keeps rounds 0.
    """
    m, k, (t, j) = still.re.size, loads.start.size, p_kw.shape
    d_re, d_im, i_re, i_im = (
        np.empty((m, BLOCK)),
        np.empty((m, BLOCK)),
        np.empty((m, BLOCK)),
        np.empty((m, BLOCK)),
    )
    across_re, across_im, step_pu = np.empty((k, BLOCK)), np.empty((k, BLOCK)), np.empty(BLOCK)
    lanes = open_lanes(j, inverters.rows.meter.size)
    for block in range(first, last):
        start = block * BLOCK
        wide = min(BLOCK, t - start)
        begin_inverters(inverters, lanes.inverters, start, wide)
        take_steps(lanes, inverters, p_kw, q_kvar, start, wide)
        d_re[:] = 0.0
        d_im[:] = 0.0
        across_re[:] = 0.0
        across_im[:] = 0.0
        draw_loads(
            tri, loads, still, lanes.p, lanes.q, d_re, d_im, across_re, across_im, i_re, i_im, step_pu
        )  # fmt: skip
        for turn in range(1, rounds_max + 1):
            substitute(tri, i_re, i_im)
            # what were currents now are voltages, and the other way round
            d_re, d_im, i_re, i_im = i_re, i_im, d_re, d_im
            draw_block(
                tri, loads, still, inverters, lanes, d_re, d_im, across_re, across_im, i_re, i_im, step_pu, tolerance_pu
            )  # fmt: skip
            if note_settled(step_pu, tolerance_pu, turn, out.rounds[start : start + wide]) == 0:
                break
        leave_voltages(tri, rows, still, d_re, d_im, i_re, i_im, start, wide, out)
        leave_inverters(inverters, lanes.inverters, start, wide)
