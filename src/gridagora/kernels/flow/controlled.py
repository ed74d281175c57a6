"""Power flow in which regulators move their taps and capacitor banks switch, step after step (theory 7.1).

A block of steps walks through the factors together, all at the state of the controls in the first. From the first on, each whose
controls are at rest is done; at the first that is not, controls act, the rows of the factors that feel it are factored again, and
that step and those after it are solved from where they stand.

References
----------
EPRI, OpenDSS, control mode STATIC: the actions of the shortest delay are done and the flow is solved again, until none is left.
S. M. Chan, V. Brandwajn, Partial matrix refactorization, IEEE Trans. Power Systems 1(1), 1986, doi 10.1109/TPWRS.1986.4334869.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.flow.borrowed import borrow
from gridagora.kernels.flow.capacitor_switches import (
    BankQueue,
    BankSwitches,
    sample_banks,
    switch_banks,
)
from gridagora.kernels.flow.fixed_point import (
    BLOCK,
    Col,
    FlowResult,
    Index,
    Lanes,
    Loads,
    Rows,
    Still,
    Triangles,
    draw_block,
    draw_loads,
    leave_voltages,
    note_settled,
    open_lanes,
    substitute,
    take_steps,
)
from gridagora.kernels.flow.inverters import (
    InverterRun,
    begin_inverters,
    begin_step,
    leave_inverters,
)
from gridagora.kernels.flow.refactor import Phasors, PrimitiveParts, Sites, set_parts
from gridagora.kernels.flow.tap_changers import IDLE, TapChangers, TapQueue, move_taps, sample_taps
from gridagora.kernels.stores.polyline import JIT

Flags = NDArray[np.bool_]
EARLY_PU = 1e-3  # controls are asked once the voltages of a step are known so well
DOUBT = 5.0  # times the last move of a voltage, how far it may still be from where it ends
AT_REST, ACTS, IN_DOUBT = 0, 1, -1


class ControlRange(NamedTuple):
    """What stands behind the states of k taps and c banks: turns of the matrix that was factored first, and shares of steps."""

    turns: Col  # (k,) [1]
    on_share: Col  # (c, s + 1) part of a bank's rating with so many steps on [1]


class ControlTrack(NamedTuple):
    """State of the controls before and after a run, which changes, and at the end of each of t steps."""

    tap: Index  # (k,)
    on: Index  # (c,)
    reversed: Flags  # (k,)
    opened_s: Col  # (b,)
    taps: Index  # (t, k)
    ons: Index  # (t, c)
    actions: Index  # (t,)


class _Stand(NamedTuple):
    """How the matrix stands: its numbers, its factors, and what the change against the first draws at rest."""

    tri: Triangles
    rows: Rows
    scale: Col  # (c,) of conductors
    share: Col  # (g,) of parts
    shift: Phasors  # (s,) [A]


@register_jitable(**JIT)
def _stand(tri: Triangles, rows: Rows, parts: PrimitiveParts, sites: Sites) -> _Stand:
    """Return matrix and factors whose numbers may be changed."""
    mine = Triangles(
        tri.l_ptr, tri.l_col, tri.l_re.copy(), tri.l_im.copy(),
        tri.u_ptr, tri.u_col, tri.u_re.copy(), tri.u_im.copy(),
        tri.u_inv_re.copy(), tri.u_inv_im.copy(), tri.row_at, tri.col_at,
    )  # fmt: skip
    return _Stand(
        mine,
        Rows(rows.ptr, rows.col, rows.re.copy(), rows.im.copy()),
        np.ones(parts.site.size),
        np.ones(parts.bank.size),
        np.zeros(sites.place.size, np.complex128),
    )


@register_jitable(**JIT)
def _apply(
    stand: _Stand, base: Rows, sites: Sites, parts: PrimitiveParts, of: TapChangers, behind: ControlRange, tap: Index, on: Index
) -> None:  # fmt: skip
    """Set the matrix to the state of the controls."""
    moved = np.zeros(parts.bank.size, np.bool_)
    for g in range(parts.bank.size):
        if parts.bank[g] >= 0:
            share = behind.on_share[parts.bank[g], on[parts.bank[g]]]
            moved[g] = share != stand.share[g]
            stand.share[g] = share
        for c in range(parts.start[g], parts.start[g + 1]):
            r = parts.by[c]
            if r >= 0:
                scale = behind.turns[r] / (of.middle[r] + tap[r] * of.rise[r])
                moved[g] = moved[g] or scale != stand.scale[c]
                stand.scale[c] = scale
    set_parts(
        stand.tri, stand.rows, base, sites, parts, stand.scale, stand.share, moved, stand.shift
    )


@register_jitable(**JIT)
def _ask(
    stand: _Stand, sites: Sites, parts: PrimitiveParts, of: TapChangers, banks: BankSwitches, d_re: Col, d_im: Col,
    lane: int, time_s: float, doubt_pu: float, track: ControlTrack, taps: TapQueue, switches: BankQueue,
) -> int:  # fmt: skip
    """Ask all controls at the voltages of a step and do what is due first; return AT_REST, ACTS or IN_DOUBT."""
    v = np.empty(sites.place.size, np.complex128)
    for a in range(v.size):
        v[a] = sites.v_no_load[a] + complex(d_re[sites.place[a], lane], d_im[sites.place[a], lane])
    asked = TapQueue(taps.due_s.copy(), taps.move.copy(), taps.reverse_s.copy())
    asked_banks = BankQueue(switches.due_s.copy(), switches.action.copy())
    scale, share = stand.scale, stand.share
    if sample_taps(of, parts, scale, share, v, track.tap, track.reversed, doubt_pu, asked):
        return IN_DOUBT
    if sample_banks(
        banks, parts, scale, share, v, track.on, track.opened_s, time_s, doubt_pu, asked_banks
    ):
        return IN_DOUBT
    taps.due_s[:], taps.move[:], taps.reverse_s[:] = asked.due_s, asked.move, asked.reverse_s
    switches.due_s[:], switches.action[:] = asked_banks.due_s, asked_banks.action
    soonest = IDLE
    for r in range(taps.due_s.size):
        soonest = min(soonest, taps.due_s[r], taps.reverse_s[r])
    for r in range(switches.due_s.size):
        soonest = min(soonest, switches.due_s[r])
    if soonest == IDLE:
        return AT_REST
    move_taps(of, soonest, track.tap, track.reversed, taps)
    switch_banks(banks, soonest, time_s, track.on, track.opened_s, switches)
    return ACTS


@register_jitable(**JIT)
def _inject(sites: Sites, shift: Phasors, i_re: Col, i_im: Col) -> None:
    for a in range(sites.row.size):
        i_re[sites.row[a]] -= shift[a].real
        i_im[sites.row[a]] -= shift[a].imag


@njit(**JIT)
def run_controlled(
    tri: Triangles, base: Rows, loads: Loads, still: Still, sites: Sites, parts: PrimitiveParts, of: TapChangers,
    banks: BankSwitches, behind: ControlRange, p_kw: Col, q_kvar: Col, inverters: InverterRun, tolerance_pu: float,
    rounds_max: int, hunting: int, first_s: float, step_s: float, track: ControlTrack, out: FlowResult,
) -> None:  # fmt: skip
    """Solve steps one after another into `out`, `inverters` and `track`.

    `p_kw`, `q_kvar` (t, j) [kW], [kvar], without inverters, which come to rest before other controls are asked; the first step
    is at the time `first_s` since midnight and each takes `step_s` [s].
    Controls that act more than `hunting` times in a step are left as they stand. A step that does not settle within
    `rounds_max` keeps rounds 0.
    """
    loads, still, base, sites, parts = (
        borrow(loads), borrow(still), borrow(base), borrow(sites), borrow(parts),
    )  # fmt: skip
    of, banks, behind, track, out = (
        borrow(of), borrow(banks), borrow(behind), borrow(track), borrow(out),
    )  # fmt: skip
    m, k, (t, j) = still.re.size, loads.start.size, p_kw.shape
    stand = _stand(tri, base, parts, sites)
    d_re, d_im = np.zeros((m, BLOCK)), np.zeros((m, BLOCK))
    i_re, i_im = np.empty((m, BLOCK)), np.empty((m, BLOCK))
    across_re, across_im, step_pu = np.zeros((k, BLOCK)), np.zeros((k, BLOCK)), np.empty(BLOCK)
    lanes = open_lanes(j, inverters.rows.meter.size)
    taps = TapQueue(
        np.full(track.tap.size, IDLE), np.zeros_like(track.tap), np.full(track.tap.size, IDLE)
    )
    switches = BankQueue(np.full(banks.bank.size, IDLE), np.zeros(banks.bank.size, np.int64))
    settled = np.zeros(BLOCK, np.int64)
    begin_inverters(inverters, lanes.inverters, 0, min(BLOCK, t))
    # while inverters move, no voltage is known well enough to ask other controls
    early_pu = 0.0 if inverters.rows.meter.size > 0 else EARLY_PU
    _apply(stand, base, sites, parts, of, behind, track.tap, track.on)
    first = 0
    while first < t:
        wide = min(BLOCK, t - first)
        take_steps(lanes, inverters, p_kw, q_kvar, first, wide)
        settled[:] = 0
        acts, done = False, 0
        draw_loads(
            stand.tri, loads, still, lanes.p, lanes.q, d_re, d_im, across_re, across_im, i_re, i_im, step_pu
        )  # fmt: skip
        _inject(sites, stand.shift, i_re, i_im)
        for turn in range(1, rounds_max + 1):
            substitute(stand.tri, i_re, i_im)
            d_re, d_im, i_re, i_im = i_re, i_im, d_re, d_im
            draw_block(
                stand.tri, loads, still, inverters, lanes, d_re, d_im, across_re, across_im, i_re, i_im, step_pu, tolerance_pu
            )  # fmt: skip
            _inject(sites, stand.shift, i_re, i_im)
            moving = note_settled(step_pu, tolerance_pu, turn, settled[:wide])
            while done < wide and (settled[done] > 0 or step_pu[done] < early_pu):
                step, told = first + done, AT_REST
                doubt_pu = 0.0 if settled[done] > 0 else DOUBT * step_pu[done]
                if track.actions[step] < hunting:
                    told = _ask(
                        stand, sites, parts, of, banks, d_re, d_im, done, first_s + step * step_s, doubt_pu,
                        track, taps, switches,
                    )  # fmt: skip
                acts = told == ACTS
                if acts or settled[done] == 0:
                    break
                _finish(track, step, settled[done], taps, switches, out)
                done += 1
            if acts or moving == 0:
                break
        if not acts and done < wide:  # what has blown up or does not settle stays without an answer
            _finish(track, first + done, 0, taps, switches, out)
            done += 1
        if done > 0:
            leave_voltages(stand.tri, stand.rows, still, d_re, d_im, i_re, i_im, first, done, out)
            leave_inverters(inverters, lanes.inverters, first, done)
        if acts:
            track.actions[first + done] += 1
            _apply(stand, base, sites, parts, of, behind, track.tap, track.on)
        _slide_inverters(inverters, lanes, d_re, done, first + done)
        _slide(d_re, d_im, across_re, across_im, done)
        first += done


@register_jitable(**JIT)
def _finish(
    track: ControlTrack,
    step: int,
    rounds: int,
    taps: TapQueue,
    switches: BankQueue,
    out: FlowResult,
) -> None:
    """Note how a step ends, and drop what is queued in it."""
    out.rounds[step] = rounds
    track.taps[step] = track.tap
    track.ons[step] = track.on
    taps.due_s[:], taps.move[:], taps.reverse_s[:] = IDLE, 0, IDLE
    switches.due_s[:], switches.action[:] = IDLE, 0


@register_jitable(**JIT)
def _slide(d_re: Col, d_im: Col, across_re: Col, across_im: Col, done: int) -> None:
    """Move the steps that are left to the front; those that come begin where the last one stands, and anew where it blew up."""
    total = np.zeros(BLOCK)
    for row in range(d_re.shape[0]):
        for b in range(BLOCK):
            total[b] += d_re[row, b] + d_im[row, b]
    for of_re, of_im in ((d_re, d_im), (across_re, across_im)):
        for row in range(of_re.shape[0]):
            for b in range(BLOCK):
                at = min(b + done, BLOCK - 1)
                is_good = np.isfinite(total[at])
                of_re[row, b] = of_re[row, at] if is_good else 0.0
                of_im[row, b] = of_im[row, at] if is_good else 0.0


@register_jitable(**JIT)
def _slide_inverters(
    inverters: InverterRun, lanes: Lanes, d_re: Col, done: int, first: int
) -> None:
    """Move what inverters give with the steps that are left, `first` the next; where voltages blew up they begin anew."""
    given, last = lanes.inverters.given, len(inverters.available_kw) - 1
    if not given.size:
        return
    for b in range(BLOCK):
        at = min(b + done, BLOCK - 1)
        if not np.isfinite(d_re[:, at].sum() + given[:, at].sum()):
            begin_step(inverters, lanes.inverters, min(first + b, last), b)
        elif b != at:
            given[:, b] = given[:, at]
