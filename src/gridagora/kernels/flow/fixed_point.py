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

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.flow.inverters import (
    InverterRun,
    InverterState,
    add_given,
    begin_inverters,
    follow_voltages,
    forget,
    leave_inverters,
    open_state,
)
from gridagora.kernels.flow.lanes import (
    LANES,
    add_product,
    lane_of,
    larger,
    load_lanes,
    root,
    spread,
    store_lanes,
    take_product,
)
from gridagora.kernels.flow.load_models import Loads, powers_at
from gridagora.kernels.stores.polyline import JIT, LEAF

__all__ = ["BLOCK", "FlowResult", "Loads", "Rows", "Still", "Triangles", "less_row", "run_blocks"]

SHRINKS = 0.1  # of a move is the next at least taken for, however fast moves shrank
BLOCK = LANES  # time steps that walk through the factors together

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


@njit(**JIT, inline="always")
def less_row(
    ptr: Index,
    col: Index,
    re: Col,
    im: Col,
    i: int,
    x_re: Col,
    x_im: Col,
    into_re: Col,
    into_im: Col,
) -> None:
    """Take row i of a matrix of z entries, (z,) each, times x off row i of `into`, both (m, w) and w as `BLOCK` [any unit]."""
    real, imaginary = load_lanes(into_re, i), load_lanes(into_im, i)
    for z in range(ptr[i], ptr[i + 1]):
        a, c = spread(re[z]), spread(im[z])
        x, y = load_lanes(x_re, col[z]), load_lanes(x_im, col[z])
        real = add_product(take_product(real, a, x), c, y)
        imaginary = take_product(take_product(imaginary, a, y), c, x)
    store_lanes(into_re, i, real)
    store_lanes(into_im, i, imaginary)


@njit(**JIT, inline="always")
def turn_row(by_re: float, by_im: float, i: int, x_re: Col, x_im: Col) -> None:
    """Multiply row i of x, (m, w) and w as `BLOCK` [any unit], by a complex number."""
    a, c = spread(by_re), spread(by_im)
    re, im = load_lanes(x_re, i), load_lanes(x_im, i)
    store_lanes(x_re, i, take_product(a * re, c, im))
    store_lanes(x_im, i, add_product(a * im, c, re))


@njit(**LEAF)
def substitute(tri: Triangles, x_re: Col, x_im: Col) -> None:
    """Solve L U x = x in place for a block of right sides, shape (m, w) [A], into voltages [V]; w is `BLOCK`."""
    m = x_re.shape[0]
    # taken out of the tables once: every look into a table counts a reference, which costs more than an entry
    l_ptr, l_col, l_re, l_im = tri.l_ptr, tri.l_col, tri.l_re, tri.l_im
    u_ptr, u_col, u_re, u_im = tri.u_ptr, tri.u_col, tri.u_re, tri.u_im
    inv_re, inv_im = tri.u_inv_re, tri.u_inv_im
    for i in range(m):
        less_row(l_ptr, l_col, l_re, l_im, i, x_re, x_im, x_re, x_im)
    for i in range(m - 1, -1, -1):
        less_row(u_ptr, u_col, u_re, u_im, i, x_re, x_im, x_re, x_im)
        turn_row(inv_re[i], inv_im[i], i, x_re, x_im)


@njit(**LEAF)
def draw_loads(
    tri: Triangles, loads: Loads, still: Still, p_w: Col, q_var: Col, d_re: Col, d_im: Col,
    across_re: Col, across_im: Col, i_re: Col, i_im: Col, step_pu: Col,
) -> None:  # fmt: skip
    """Set the currents that the loads inject at the voltages `still + d`, in the order of the permuted right side.

    With w as `BLOCK`, `p_w`, `q_var` (j, w) are in [kW], [kvar], `d` (m, w) in [V] and `i` (m, w) in [A]. `across` (k, w) holds
    the voltages over the loads [V]; `step_pu` (w,) tells how far they moved since the last call [pu].
    """
    moved = spread(0.0)
    for row in range(i_re.shape[0]):
        store_lanes(i_re, row, spread(0.0))
        store_lanes(i_im, row, spread(0.0))
    starts, ends, meter, shares = loads.start, loads.end, loads.meter, loads.share
    col_at, row_at = tri.col_at, tri.row_at
    still_re, still_im, base = still.re, still.im, still.base
    for k in range(starts.size):
        f, t, j = starts[k], ends[k], meter[k]
        at, into = col_at[f], row_at[f]
        re, im = still_re[f] + load_lanes(d_re, at), still_im[f] + load_lanes(d_im, at)
        if t >= 0:
            at = col_at[t]
            re = re - (still_re[t] + load_lanes(d_re, at))
            im = im - (still_im[t] + load_lanes(d_im, at))
        x, y = re - load_lanes(across_re, k), im - load_lanes(across_im, k)
        # a nan must win, or a step that blew up would pass for settled
        scale = 1.0 / (base[f] * base[f])
        moved = larger(moved, scale * add_product(x * x, y, y))
        store_lanes(across_re, k, re)
        store_lanes(across_im, k, im)
        square = add_product(re * re, im, im)
        p, q = powers_at(loads, k, square, load_lanes(p_w, j), load_lanes(q_var, j))
        admit = (-1e3 * shares[k]) / square
        a = admit * add_product(p * re, q, im)
        c = admit * take_product(p * im, q, re)
        store_lanes(i_re, into, load_lanes(i_re, into) + a)
        store_lanes(i_im, into, load_lanes(i_im, into) + c)
        if t >= 0:
            into = row_at[t]
            store_lanes(i_re, into, load_lanes(i_re, into) - a)
            store_lanes(i_im, into, load_lanes(i_im, into) - c)
    store_lanes(step_pu, 0, root(moved))


@register_jitable(**JIT)
def shrinks_least(inverters: InverterRun) -> float:
    """Return how much smaller the next move of voltages may be taken for; with inverters moves do not shrink evenly."""
    return 1.0 if inverters.rows.meter.size > 0 else SHRINKS


@register_jitable(**LEAF)
def note_settled(
    step_pu: Col, before_pu: Col, least: float, tolerance_pu: float, turn: int, rounds: Index
) -> int:
    """Note in `rounds` (w,) the round in which each of w steps first settles; return how many still move.

    `step_pu` (w,) tells how far voltages moved [pu] and `before_pu` (w,) how far the round before, which it becomes; the next
    move is as much smaller, or `least` of this one if that is more. A nan has blown up and is given up.
    """
    moving = 0
    for b in range(step_pu.size):
        if b < rounds.size and rounds[b] == 0:
            if step_pu[b] * min(1.0, max(least, step_pu[b] / before_pu[b])) <= tolerance_pu:
                rounds[b] = turn
            elif np.isfinite(step_pu[b]):
                moving += 1
        before_pu[b] = step_pu[b]
    return moving


@register_jitable(**JIT)
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
    ptr, col, y_re, y_im = rows.ptr, rows.col, rows.re, rows.im
    col_at, row_at, v, v_pu, mismatch_kva = (
        tri.col_at,
        tri.row_at,
        out.v,
        out.v_pu,
        out.mismatch_kva,
    )
    still_re, still_im, base = still.re, still.im, still.base
    for i in range(still_re.size):
        less_row(ptr, col, y_re, y_im, i, d_re, d_im, i_re, i_im)
    worst, size_pu = spread(0.0), np.empty((still_re.size, BLOCK))
    for node in range(still_re.size):
        at, row = col_at[node], row_at[node]
        re, im = still_re[node] + load_lanes(d_re, at), still_im[node] + load_lanes(d_im, at)
        x, y = load_lanes(i_re, row), load_lanes(i_im, row)
        size = add_product(re * re, im, im)
        worst = larger(worst, size * add_product(x * x, y, y))
        store_lanes(i_re, row, re)
        store_lanes(i_im, row, im)
        store_lanes(size_pu, node, root(size) / base[node])
    worst = root(worst)
    for b in range(wide):
        step = start + b
        mismatch_kva[step] = 1e-3 * lane_of(worst, b)
        for node in range(still_re.size):
            row = row_at[node]
            v[step, node] = complex(i_re[row, b], i_im[row, b])
            v_pu[step, node] = size_pu[node, b]


class Lanes(NamedTuple):
    """What meters draw in the steps of a block, one a lane, and the inverters that follow voltage in them."""

    p: Col  # (j, w) with what inverters give [kW]
    q: Col  # (j, w) [kvar]
    own_p: Col  # (j, w) without; the same arrays where there are no inverters [kW]
    own_q: Col  # (j, w) [kvar]
    steps: Index  # (w,)
    inverters: InverterState
    off: Col  # (w,) how far the worst inverter is from what it wants, of its rating [1]


@register_jitable(**JIT)
def open_lanes(meters: int, inverters: int) -> Lanes:
    """Return the lanes of a block with so many meters and inverters."""
    p, q = np.zeros((meters, BLOCK)), np.zeros((meters, BLOCK))
    own_p, own_q = (p.copy(), q.copy()) if inverters > 0 else (p, q)
    steps, state = np.zeros(BLOCK, np.int64), open_state(2 * inverters, BLOCK)
    return Lanes(p, q, own_p, own_q, steps, state, np.zeros(BLOCK))


@register_jitable(**JIT)
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


@register_jitable(**JIT, forceinline=True)
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


@njit(**JIT)
def run_blocks(
    tri: Triangles, rows: Rows, loads: Loads, still: Still, p_kw: Col, q_kvar: Col, inverters: InverterRun,
    tolerance_pu: float, rounds_max: int, first: int, last: int, out: FlowResult,
) -> None:  # fmt: skip
    """Solve the time blocks first..last-1 into `out` and `inverters`.

    `p_kw`, `q_kvar` (t, j) [kW], [kvar], without inverters. A step settles when one more
    round would move no load's voltage by more than the tolerance, and no inverter is further from what it wants, of its rating;
    one that does not within `rounds_max` keeps rounds 0.
    """
    m, k, (t, j) = still.re.size, loads.start.size, p_kw.shape
    d_re, d_im, i_re, i_im = (
        np.empty((m, BLOCK)),
        np.empty((m, BLOCK)),
        np.empty((m, BLOCK)),
        np.empty((m, BLOCK)),
    )
    across_re, across_im, step_pu = np.empty((k, BLOCK)), np.empty((k, BLOCK)), np.empty(BLOCK)
    before_pu, least = np.empty(BLOCK), shrinks_least(inverters)
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
        before_pu[:] = np.inf
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
            settled = out.rounds[start : start + wide]
            if note_settled(step_pu, before_pu, least, tolerance_pu, turn, settled) == 0:
                break
        leave_voltages(tri, rows, still, d_re, d_im, i_re, i_im, start, wide, out)
        leave_inverters(inverters, lanes.inverters, start, wide)
