"""Inverters that follow voltage in the adjoint of a flow: what one of them does to voltages, they do to what a number moves by.

An inverter that moves by D du, u the mean of |v_n| / base_n over the phases of its meter, adds to the currents of the linearised
balance what its meter then draws less. With g how a number moves with what the meter draws, which is -Re(l' A di/ds), the adjoint
has one term more,

    Y' l = ... - w s,  s = D g,  w_n = conj(v_n) / |v_n| / base_n / phases,

s being what the number moves by as the voltage of the inverter rises by a unit. As in the flow itself s moves by a part of what
it is off, and its slow part is taken out by mixing: the system is that of the flow turned over, and its eigenvalues are the same.
"""

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.flow.fixed_point import Triangles
from gridagora.kernels.flow.inverters import FROZEN, Col, Index, InverterState, mix_step
from gridagora.kernels.flow.load_models import Loads
from gridagora.kernels.stores.polyline import JIT

Phasors = NDArray[np.complex128]


class Droop(NamedTuple):
    """i inverters in t steps of a flow: where each stands and measures, and how what it gives moves there; none where i is 0."""

    meter: Index  # (i,)
    row: Index  # (y,) load rows at meters that have one
    first: Index  # (i + 1,) of its nodes
    node: Index  # (z,)
    span_v: Col  # (z,) voltage by which a node lifts the mean of its inverter by a unit [V]
    part: Col  # (i,) of a step [1]
    kw: Col  # (t, i) [kW/pu]
    kvar: Col  # (t, i) [kvar/pu]


class DroopWork(NamedTuple):
    """What a block of w steps needs: s of every inverter, how a number moves with what its meter draws, and what is left."""

    state: InverterState
    by_p: Col  # (j, w) [unit/kW], of meters with an inverter
    by_q: Col  # (j, w) [unit/kvar]
    off: Col  # (w,) the largest that s is off, 0 where it has settled [unit/pu]


@register_jitable(**JIT)
def answer_droop(
    of: Droop, work: DroopWork, tri: Triangles, loads: Loads, v: Phasors, steps: Index, kw: Phasors, kvar: Phasors,
    l_re: Col, l_im: Col, tolerance: float, x_re: Col, x_im: Col,
) -> None:  # fmt: skip
    """Move s of all inverters towards D g at the adjoint `across` loads, and take w s off the right sides x (m, w).

    `kw`, `kvar` (k, w) are slopes of load currents [A/kW], [A/kvar]; `l_*` (k, w) is the adjoint across the loads [unit/A].
    """
    n, state = of.meter.size, work.state
    for i in range(n):
        work.by_p[of.meter[i]] = 0.0
        work.by_q[of.meter[i]] = 0.0
    for y in range(of.row.size):
        k = of.row[y]
        j = loads.meter[k]
        for b in range(steps.size):
            re, im = l_re[k, b], l_im[k, b]
            work.by_p[j, b] -= re * kw[k, b].real - im * kw[k, b].imag
            work.by_q[j, b] -= re * kvar[k, b].real - im * kvar[k, b].imag
    want = np.empty(n)
    for b in range(steps.size):
        step, worst, size = steps[b], 0.0, 0.0
        for i in range(n):
            j = of.meter[i]
            aim = of.kw[step, i] * work.by_p[j, b] + of.kvar[step, i] * work.by_q[j, b]
            want[i] = aim - state.given[i, b]
            # a nan must win, or a step that blew up would pass for settled
            worst = worst if abs(want[i]) <= worst else abs(want[i])
            size = size if abs(aim) <= size else abs(aim)
        work.off[b] = 0.0 if worst <= tolerance * size else worst
        if worst > FROZEN * tolerance * size and np.isfinite(worst):
            mix_step(of.part, state, want, worst, b)
        for i in range(n):
            for z in range(of.first[i], of.first[i + 1]):
                node = of.node[z]
                at, into = v[step, node], tri.row_at[node]
                by = state.given[i, b] / (abs(at) * of.span_v[z])
                x_re[into, b] -= by * at.real
                x_im[into, b] += by * at.imag
