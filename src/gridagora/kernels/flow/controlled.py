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
    shrinks_least,
    substitute,
    take_steps,
)
from gridagora.kernels.flow.inverters import (
    InverterRun,
    begin_inverters,
    begin_step,
    leave_inverters,
)
from gridagora.kernels.flow.lanes import lane_of, load_lanes, spread, store_lanes
from gridagora.kernels.flow.refactor import Phasors, PrimitiveParts, Sites, set_parts
from gridagora.kernels.flow.tap_changers import IDLE, TapChangers, TapQueue, move_taps, sample_taps
from gridagora.kernels.stores.polyline import INLINE, JIT, LEAF

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


class _Asked(NamedTuple):
    """What controls say to a step: kept apart until none of them is in doubt."""

    v: Phasors  # (s,) [V]
    taps: TapQueue
    switches: BankQueue


@register_jitable(**JIT)
def _open_queues(sites: Sites, of: TapChangers, banks: BankSwitches) -> _Asked:
    """Return queues in which nothing waits."""
    k, b = of.part.size, banks.bank.size
    taps = TapQueue(np.full(k, IDLE), np.zeros(k, np.int64), np.full(k, IDLE))
    switches = BankQueue(np.full(b, IDLE), np.zeros(b, np.int64))
    return _Asked(np.empty(sites.place.size, np.complex128), taps, switches)


@register_jitable(**LEAF)
def _copy_queues(of: _Asked, into: _Asked) -> None:
    for r in range(of.taps.due_s.size):
        into.taps.due_s[r], into.taps.move[r] = of.taps.due_s[r], of.taps.move[r]
        into.taps.reverse_s[r] = of.taps.reverse_s[r]
    for r in range(of.switches.due_s.size):
        into.switches.due_s[r], into.switches.action[r] = (
            of.switches.due_s[r],
            of.switches.action[r],
        )


@register_jitable(**INLINE)
def _ask(
    stand: _Stand, sites: Sites, parts: PrimitiveParts, of: TapChangers, banks: BankSwitches, d_re: Col, d_im: Col,
    lane: int, time_s: float, doubt_pu: float, track: ControlTrack, queued: _Asked, asked: _Asked,
) -> int:  # fmt: skip
    """Ask all controls at the voltages of a step and do what is due first; return AT_REST, ACTS or IN_DOUBT."""
    v, place = asked.v, sites.place
    for a in range(v.size):
        v[a] = sites.v_no_load[a] + complex(d_re[place[a], lane], d_im[place[a], lane])
    _copy_queues(queued, asked)
    scale, share = stand.scale, stand.share
    if sample_taps(of, parts, scale, share, v, track.tap, track.reversed, doubt_pu, asked.taps):
        return IN_DOUBT
    if sample_banks(
        banks, parts, scale, share, v, track.on, track.opened_s, time_s, doubt_pu, asked.switches
    ):
        return IN_DOUBT
    _copy_queues(asked, queued)
    taps, switches = queued.taps, queued.switches
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


@register_jitable(**LEAF)
def _inject(sites: Sites, shift: Phasors, i_re: Col, i_im: Col) -> None:
    for a in range(sites.row.size):
        row = sites.row[a]
        store_lanes(i_re, row, load_lanes(i_re, row) - shift[a].real)
        store_lanes(i_im, row, load_lanes(i_im, row) - shift[a].imag)


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
    before_pu, least = np.empty(BLOCK), shrinks_least(inverters)
    lanes = open_lanes(j, inverters.rows.meter.size)
    queued, asked = _open_queues(sites, of, banks), _open_queues(sites, of, banks)
    settled = np.zeros(BLOCK, np.int64)
    begin_inverters(inverters, lanes.inverters, 0, min(BLOCK, t))
    # while inverters move, no voltage is known well enough to ask other controls
    early_pu = 0.0 if inverters.rows.meter.size > 0 else EARLY_PU
    _apply(stand, base, sites, parts, of, behind, track.tap, track.on)
    first = 0
    while first < t:
        wide = min(BLOCK, t - first)
        take_steps(lanes, inverters, p_kw, q_kvar, first, wide)
        settled[:], before_pu[:] = 0, np.inf
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
            moving = note_settled(step_pu, before_pu, least, tolerance_pu, turn, settled[:wide])
            while done < wide and (settled[done] > 0 or step_pu[done] < early_pu):
                step, told = first + done, AT_REST
                doubt_pu = 0.0 if settled[done] > 0 else DOUBT * step_pu[done]
                if track.actions[step] < hunting:
                    told = _ask(
                        stand, sites, parts, of, banks, d_re, d_im, done, first_s + step * step_s, doubt_pu,
                        track, queued, asked,
                    )  # fmt: skip
                acts = told == ACTS
                if acts or settled[done] == 0:
                    break
                _finish(track, step, settled[done], queued, out)
                done += 1
            if acts or moving == 0:
                break
        if not acts and done < wide:  # what has blown up or does not settle stays without an answer
            _finish(track, first + done, 0, queued, out)
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


@register_jitable(**LEAF)
def _finish(track: ControlTrack, step: int, rounds: int, queued: _Asked, out: FlowResult) -> None:
    """Note how a step ends, and drop what is queued in it."""
    out.rounds[step] = rounds
    taps, switches = queued.taps, queued.switches
    for r in range(track.tap.size):
        track.taps[step, r] = track.tap[r]
        taps.due_s[r], taps.move[r], taps.reverse_s[r] = IDLE, 0, IDLE
    for c in range(track.on.size):
        track.ons[step, c] = track.on[c]
    for r in range(switches.due_s.size):
        switches.due_s[r], switches.action[r] = IDLE, 0


@register_jitable(**JIT)
def _slide(d_re: Col, d_im: Col, across_re: Col, across_im: Col, done: int) -> None:
    """Move the steps that are left to the front; those that come begin where the last one stands, and anew where it blew up."""
    total = spread(0.0)
    for row in range(across_re.shape[0]):  # what no load sees cannot blow up alone
        total = total + load_lanes(across_re, row) + load_lanes(across_im, row)
    for b in range(BLOCK):
        at = min(b + done, BLOCK - 1)
        is_good = np.isfinite(lane_of(total, at))
        for table in (d_re, d_im, across_re, across_im):
            for row in range(table.shape[0]):
                table[row, b] = table[row, at] if is_good else 0.0


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
