"""Inverters that follow the voltage at their meter, solved together with the voltages of a flow (theory 7.5).

What inverters give is moved towards what they want at the last voltages. Taken whole, that step goes too far where many of them
stand on a weak feeder: the droop drives voltages back by more than they were off. So an inverter moves by 1 / (1 + gain), where
the gain is what all of them at their steepest do to its voltage; that contracts, for a droop falls with voltage. Its slow part is
taken out by mixing the last steps so that what is left is least (Anderson), step by step of a block on its own. Across the
corners of the curves mixing may lead nowhere; steps are then taken plainly, and shorter.

References
----------
D. G. Anderson, Iterative procedures for nonlinear integral equations, J. ACM 12(4), 1965, doi 10.1145/321296.321305.
X. Zhou, M. Farivar, Z. Liu, L. Chen, S. H. Low, Reverse and forward engineering of local voltage control in distribution
networks, IEEE Trans. Automatic Control 66, 2021, doi 10.1109/TAC.2020.2994184 (one equilibrium, and steps that reach it).
"""

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.stores.polyline import JIT

Col = NDArray[np.float64]
Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

BACK = 8  # steps that are mixed
RIDGE = 1e-13  # of the mix, against steps that say the same
FELL = 0.9  # of the least that was left: less than that is on the way
WORSE = (
    3.0  # times the least, at which the steps that are mixed are dropped and those to come halved
)
PATIENCE = 12  # as after so many rounds in which it did not fall
MIXED = 0.25  # of a step: shorter ones are taken plainly, for mixing did not lead on across the corners of the curves
SLOWEST = 1.0 / 1024.0  # of a step
FROZEN = 0.1  # of the tolerance, at which an inverter step is left as it is


class InverterRows(NamedTuple):
    """i inverters: meter, the phases whose mean voltage each follows, ratings, part of a step that each takes, both curves."""

    meter: Index  # (i,)
    first: Index  # (i + 1,) of its nodes
    node: Index  # (z,)
    rated_kva: Col  # (i,)
    rated_kw: Col  # (i,)
    keeps_kw: Flags  # (i,) that give what they could, below zero what they draw
    part: Col  # (i,) of a step [1]
    var_pu: Col  # (c,)
    var_share: Col  # (c,)
    watt_pu: Col  # (d,), or none: no limit
    watt_share: Col  # (d,)
    var_first: bool


class InverterRun(NamedTuple):
    """Inverters in t steps: what they could give, and what they do, which a run writes; none where i is 0."""

    rows: InverterRows
    available_kw: Col  # (t, i)
    gives_var: Flags  # (t, i)
    p_kw: Col  # (t, i) given
    q_kvar: Col  # (t, i)


class InverterState(NamedTuple):
    """What inverters give in a block of w steps, and the last steps of it: P of all rows, then Q of all, r = 2 i rows."""

    given: Col  # (r, w) [kW], [kvar]
    left: Col  # (r, w) what was left in the last round, damped [kW], [kvar]
    moved: Col  # (h, r, w) changes of what is given, h is BACK [kW], [kvar]
    fell: Col  # (h, r, w) changes of what was left [kW], [kvar]
    kept: Index  # (w,) steps that are mixed
    turn: Index  # (w,) rounds since they began
    least: Col  # (w,) of what was left [1]
    since: Index  # (w,) rounds since it fell
    scale: Col  # (w,) of the steps: halved where they do not lead on [1]


@register_jitable(**JIT)
def open_state(rows: int, wide: int) -> InverterState:
    """Return the state of so many rows, two an inverter, in a block of so many steps that give nothing."""
    return InverterState(
        np.zeros((rows, wide)),
        np.zeros((rows, wide)),
        np.zeros((BACK, rows, wide)),
        np.zeros((BACK, rows, wide)),
        np.zeros(wide, np.int64),
        np.zeros(wide, np.int64),
        np.full(wide, np.inf),
        np.zeros(wide, np.int64),
        np.ones(wide),
    )


@register_jitable(**JIT)
def share_at(u: float, x_pu: Col, share: Col) -> float:
    """Return the share of a curve, points (c,) each [pu], [1], at a voltage [pu]."""
    last = x_pu.size - 1
    if u <= x_pu[0]:
        return float(share[0])
    for c in range(last):
        if u <= x_pu[c + 1]:
            along = (u - x_pu[c]) / (x_pu[c + 1] - x_pu[c])
            return float(share[c] + along * (share[c + 1] - share[c]))
    return float(share[last])


@register_jitable(**JIT)
def wanted(
    of: InverterRows, i: int, u: float, available_kw: float, gives_var: np.bool_
) -> tuple[float, float]:
    """Return what an inverter gives at a voltage [pu], active [kW] and reactive [kvar]."""
    rated, q, p = of.rated_kva[i], 0.0, available_kw
    if gives_var:
        q = rated * share_at(u, of.var_pu, of.var_share)
    if of.keeps_kw[i]:
        left = np.sqrt(max(rated * rated - p * p, 0.0))
        return p, min(max(q, -left), left)
    if of.watt_pu.size > 0:
        p = min(p, of.rated_kw[i] * share_at(u, of.watt_pu, of.watt_share))
    if of.var_first:
        q = min(max(q, -rated), rated)
        return min(p, np.sqrt(rated * rated - q * q)), q
    p = min(p, rated)
    left = np.sqrt(rated * rated - p * p)
    return p, min(max(q, -left), left)


@register_jitable(**JIT)
def begin_inverters(run: InverterRun, state: InverterState, first: int, wide: int) -> None:
    """Let all lanes, steps from one on, begin with what inverters give at 1 pu; fewer end in the last again."""
    for b in range(state.given.shape[1]):
        begin_step(run, state, first + min(b, wide - 1), b)


@register_jitable(**JIT)
def begin_step(run: InverterRun, state: InverterState, step: int, b: int) -> None:
    """Let one lane begin with what inverters give at 1 pu in a step."""
    n = run.rows.meter.size
    for i in range(n):
        p, q = wanted(run.rows, i, 1.0, run.available_kw[step, i], run.gives_var[step, i])
        state.given[i, b], state.given[n + i, b] = p, q


@register_jitable(**JIT)
def leave_inverters(run: InverterRun, state: InverterState, start: int, wide: int) -> None:
    """Write what inverters give in the first lanes, which are steps from `start` on."""
    n = run.rows.meter.size
    for b in range(wide):
        for i in range(n):
            run.p_kw[start + b, i] = state.given[i, b]
            run.q_kvar[start + b, i] = state.given[n + i, b]


@register_jitable(**JIT)
def forget(state: InverterState) -> None:
    """Drop the steps that are mixed, of all lanes."""
    state.kept[:] = 0
    state.turn[:] = 0
    state.least[:] = np.inf
    state.since[:] = 0
    state.scale[:] = 1.0


@register_jitable(**JIT)
def add_given(
    run: InverterRun, state: InverterState, own_p: Col, own_q: Col, p: Col, q: Col
) -> None:
    """Set what meters draw (j, w) [kW], [kvar]: their own, (j, w) each, less what their inverters give."""
    of, n = run.rows, run.rows.meter.size
    for i in range(n):
        p[of.meter[i]] = own_p[of.meter[i]]
        q[of.meter[i]] = own_q[of.meter[i]]
    for i in range(n):
        for b in range(p.shape[1]):
            p[of.meter[i], b] -= state.given[i, b]
            q[of.meter[i], b] -= state.given[n + i, b]


@register_jitable(**JIT)
def follow_voltages(
    run: InverterRun, state: InverterState, col_at: Index, still_re: Col, still_im: Col, base: Col, d_re: Col, d_im: Col,
    steps: Index, tolerance: float, off: Col,
) -> None:  # fmt: skip
    """Move what inverters give towards what they want at voltages `still` (m,) + `d` (m, w) [V] over `base` (m,) [V].

    The steps of the lanes are `steps` (w,), node n stands at row `col_at[n]` of `d`; `off` (w,) is raised to how far the worst
    inverter was from what it wants, of its rating [1].
    """
    of, n = run.rows, run.rows.meter.size
    want = np.empty(2 * n)
    for b in range(steps.size):
        worst = 0.0
        for i in range(n):
            u, first, last = 0.0, of.first[i], of.first[i + 1]
            for z in range(first, last):
                node = of.node[z]
                at = col_at[node]
                re, im = still_re[node] + d_re[at, b], still_im[node] + d_im[at, b]
                u += np.sqrt(re * re + im * im) / base[node]
            u /= last - first
            p, q = wanted(of, i, u, run.available_kw[steps[b], i], run.gives_var[steps[b], i])
            want[i], want[n + i] = p - state.given[i, b], q - state.given[n + i, b]
            here = max(abs(want[i]), abs(want[n + i])) / of.rated_kva[i]
            # a nan must win, or a step that blew up would pass for settled
            worst = worst if here <= worst else here
        off[b] = worst
        if worst > FROZEN * tolerance and np.isfinite(worst):
            mix_step(of.part, state, want, worst, b)


@register_jitable(**JIT)
def mix_step(part: Col, state: InverterState, want: Col, worst: float, b: int) -> None:
    """Take a step of one lane, of what is wanted more (r,), mixed with those before it.

    `part` (i,) of a step [1] goes to row i of every i rows; `want` [any unit] is overwritten, `worst` its largest.
    """
    n, rows = part.size, want.size
    _shorten(state, worst, b)
    for r in range(rows):
        want[r] *= state.scale[b] * part[r % n]
    if state.scale[b] < MIXED:
        for r in range(rows):
            state.given[r, b] += want[r] / MIXED
        return
    if state.turn[b] > 0:  # `moved` was noted when the last step was taken
        slot = (state.turn[b] - 1) % BACK
        for r in range(rows):
            state.fell[slot, r, b] = want[r] - state.left[r, b]
        state.kept[b] = min(state.kept[b] + 1, BACK)
    for r in range(rows):
        state.left[r, b] = want[r]
    k = state.kept[b]
    weight = _least_squares(state, want, k, b)
    slot = state.turn[b] % BACK
    for r in range(rows):
        step = want[r]
        for c in range(k):
            step -= weight[c] * (state.moved[c, r, b] + state.fell[c, r, b])
        want[r] = step
    for r in range(rows):
        state.moved[slot, r, b] = want[r]
        state.given[r, b] += want[r]
    state.turn[b] += 1


@register_jitable(**JIT)
def _shorten(state: InverterState, worst: float, b: int) -> None:
    """Note what is left of one lane [1]; where steps do not lead on, drop those that are mixed and halve those to come."""
    state.since[b] += 1
    if worst < FELL * state.least[b]:
        state.least[b], state.since[b] = worst, 0
    elif worst > WORSE * state.least[b] or state.since[b] > PATIENCE:
        state.kept[b], state.turn[b], state.since[b], state.least[b] = 0, 0, 0, worst
        state.scale[b] = max(0.5 * state.scale[b], SLOWEST)


@register_jitable(**JIT)
def _least_squares(state: InverterState, left: Col, k: int, b: int) -> Col:
    """Return the weights (k,) of the last changes that leave least of what is left (r,), by its scaled normal equations."""
    matrix, right, scale = np.zeros((k, k)), np.zeros(k), np.zeros(k)
    for c in range(k):
        fell = state.fell[c, :, b]
        scale[c] = np.sqrt(np.sum(fell * fell))
        scale[c] = scale[c] if scale[c] > 0.0 else 1.0
        for e in range(c + 1):
            total = np.sum(fell * state.fell[e, :, b])
            matrix[c, e] = matrix[e, c] = total / (scale[c] * scale[e])
        matrix[c, c] += RIDGE
        right[c] = np.sum(fell * left) / scale[c]
    _solve_above_zero(matrix, right)
    return right / scale


@register_jitable(**JIT)
def _solve_above_zero(matrix: Col, right: Col) -> None:
    """Solve a symmetric matrix (k, k) that is above zero for a right side (k,), in place; it needs no pivots."""
    k = right.size
    for c in range(k):
        for e in range(c + 1, k):
            by = matrix[e, c] / matrix[c, c]
            matrix[e, c:] -= by * matrix[c, c:]
            right[e] -= by * right[c]
    for c in range(k - 1, -1, -1):
        right[c] = (right[c] - np.sum(matrix[c, c + 1 :] * right[c + 1 :])) / matrix[c, c]
