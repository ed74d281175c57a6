"""Exact three-phase power flow of a feeder over time, with the power mismatch that proves it (theory 7.1, 7.2)."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import splu

from gridagora.core.components import Phasors
from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder, row_share
from gridagora.core.flow import ControlState, Flow
from gridagora.core.inverters import Infeed
from gridagora.core.tables import Col, Index
from gridagora.core.voltage_dependence import is_constant
from gridagora.grid.admittance import Network, assemble
from gridagora.grid.inverters import no_inverters, run_of
from gridagora.kernels.flow.fixed_point import (
    BLOCK,
    FlowResult,
    Rows,
    Still,
    Triangles,
    run_blocks,
)
from gridagora.kernels.flow.inverters import InverterRun
from gridagora.kernels.flow.load_models import CONSTANT, MODEL_COLUMNS, Loads, bands_of, delivered

ROUNDS_MAX = 200
TOLERANCE_PU = 1e-9  # losses are a small difference of large powers
FOLLOWING = 4  # times as many with inverters that follow voltage


class Factors(NamedTuple):
    """One factored feeder: kept by whoever solves the same feeder again and again."""

    triangles: Triangles
    rows: Rows
    loads: Loads
    still: Still
    network: Network
    source_node: Index  # (n,) nodes of the source
    source_i_at_rest: Phasors  # (n,) that the unloaded network draws [A]
    source_y: Phasors  # (n, n) dense, over the source's nodes [S]


def factor(feeder: Feeder) -> Factors:
    """Factor the admittance matrix of a feeder once.

    Raises
    ------
    PartError
        The matrix is singular: a part of the network has no path to the source or to earth.
    """
    m, network = len(feeder.nodes.name), assemble(feeder)
    y = network.y
    try:
        lu = splu(
            y, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.01, options={"SymmetricMode": True}
        )
    except RuntimeError as fault:
        raise PartError(
            f"feeder {feeder.name}: the admittance matrix is singular, so part of it floats ({fault})"
        ) from fault
    lower, upper = csr_array(lu.L), csr_array(lu.U)
    lower.sort_indices()
    upper.sort_indices()
    pivot = 1.0 / upper.diagonal()
    below, above = _strict(lower, side=-1), _strict(upper, side=1)
    triangles = Triangles(
        *below,
        *above,
        np.ascontiguousarray(pivot.real),
        np.ascontiguousarray(pivot.imag),
        lu.perm_r.astype(np.int64),
        lu.perm_c.astype(np.int64),
    )
    column = np.repeat(np.arange(m), np.diff(y.indptr))
    by_row = csr_array((y.data, (lu.perm_r[y.indices], lu.perm_c[column])), shape=(m, m))
    rows = Rows(
        by_row.indptr.astype(np.int64),
        by_row.indices.astype(np.int64),
        by_row.data.real.copy(),
        by_row.data.imag.copy(),
    )
    inner = csr_array(network.source_y)
    source = np.union1d(np.flatnonzero(network.source_i), inner.nonzero()[0])
    source_y: Phasors = inner[source][:, source].toarray()
    return Factors(
        triangles=triangles,
        rows=rows,
        loads=load_rows(feeder),
        still=Still(
            network.v_no_load.real.copy(), network.v_no_load.imag.copy(), feeder.nodes.base_v
        ),
        network=network,
        source_node=source,
        source_i_at_rest=network.source_i[source] - source_y @ network.v_no_load[source],
        source_y=source_y,
    )


def load_rows(feeder: Feeder) -> Loads:
    """Return the load rows of a feeder as the kernels take them."""
    of, rows = feeder.loads.dependence, feeder.loads
    varies, model, band_v2 = (
        np.full(len(rows.meter), CONSTANT),
        np.zeros((0, MODEL_COLUMNS)),
        np.zeros((0, 2)),
    )
    if len(of.base_v):
        powers = zip(
            (of.p_share, of.q_share),
            (of.p_exponent, of.q_exponent),
            (of.p_outside, of.q_outside),
            strict=True,
        )
        columns = [np.column_stack(each) for each in powers]
        shared = of.v_low_pu, of.v_min_pu, of.v_max_pu, of.v_off_pu, of.base_v
        model = np.ascontiguousarray(np.column_stack([*columns, *shared]))
        varies, band_v2 = bands_of(model)
        varies[is_constant(of)] = CONSTANT
    return Loads(
        rows.from_node, rows.to_node, rows.meter, row_share(feeder), varies, model, band_v2
    )


def solve(
    feeder: Feeder,
    p_kw: Col,
    q_kvar: Col,
    tolerance: float = TOLERANCE_PU,
    *,
    factors: Factors | None = None,
    threads: int = 1,
    infeed: Infeed | None = None,
) -> Flow:
    """Power flow of every time step.

    Parameters
    ----------
    feeder
        m nodes, j meters.
    p_kw, q_kvar
        Withdrawal of each meter, shape (t, j) [kW], [kvar]; where its loads move with voltage, what it would draw at the voltage
        they are rated for.
    tolerance
        Largest move of the voltage at any load that one more round would make [pu]: about how far it is off.
    factors
        From `factor`, to save the factorisation on repeated calls.
    threads
        Time blocks are shared among this many threads; the result does not depend on it.
    infeed
        Inverters that follow voltage, beside what meters withdraw; left out: none.

    Raises
    ------
    PartError
        Shapes that do not match, a power that is not a number, or a singular feeder.
    InputError
        Inverters that cannot be, as of `inverters_of`.

    References
    ----------
    See `kernels.flow.fixed_point`.
    """
    p_kw, q_kvar = check_powers(feeder, p_kw, q_kvar)
    kept = factors if factors is not None else factor(feeder)
    t, m = p_kw.shape[0], len(feeder.nodes.name)
    settled = FlowResult(
        np.empty((t, m), complex), np.empty((t, m)), np.zeros(t, np.int64), np.zeros(t)
    )
    inverters = inverters_of(feeder, kept, infeed, t)

    def part(first: int, last: int) -> None:
        run_blocks(
            kept.triangles,
            kept.rows,
            kept.loads,
            kept.still,
            p_kw,
            q_kvar,
            inverters,
            tolerance,
            rounds_of(infeed),
            first,
            last,
            settled,
        )

    blocks = -(-t // BLOCK)
    if threads == 1:
        part(0, blocks)
    else:
        cut = np.linspace(0, blocks, threads + 1).astype(int).tolist()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(part, cut[:-1], cut[1:]))
    flow = leave_flow(kept, p_kw, q_kvar, inverters, settled, held_state(feeder))
    return flow._replace(infeed=infeed)


def rounds_of(infeed: Infeed | None) -> int:
    """Return the rounds after which a step is given up."""
    return ROUNDS_MAX if infeed is None else FOLLOWING * ROUNDS_MAX


def inverters_of(feeder: Feeder, kept: Factors, infeed: Infeed | None, steps: int) -> InverterRun:
    """Return the inverters of a flow of so many steps as the kernels take them.

    Raises
    ------
    InputError
        Ratings, curves or powers that cannot be, or a meter without a live phase or whose loads move with voltage: all at once.
    """
    if infeed is None:
        return no_inverters(steps)
    return run_of(feeder, kept.loads, kept.triangles, kept.still, infeed, steps)


def held_state(feeder: Feeder) -> ControlState:
    """Return the state in which the source of a feeder leaves its controls, at midnight."""
    taps, banks = feeder.regulators.tap_number, feeder.capacitors.steps_on
    never = np.full(len(feeder.capacitor_controls.name), -np.inf)
    return ControlState(taps, banks, np.zeros(len(taps), np.bool_), never)


def describe(flow: Flow) -> str:
    """Sentence on how the power flow ended, for people."""
    t, bad = flow.converged.size, np.flatnonzero(~flow.converged)
    if bad.size == 0:
        worst = float(flow.mismatch_kva.max(initial=0.0))
        return f"The power flow converged in all {t} steps; no node is off its power balance by more than {worst:.1e} kVA."
    if bad.size == t:
        return (
            f"The power flow converged in none of the {t} steps: the feeder cannot carry this load at any voltage. "
            "Use fewer homes, smaller loads or a stronger feeder."
        )
    return (
        f"The power flow did not converge in {bad.size} of {t} steps, the first of them step {bad[0]}: "
        "the load then is more than the feeder can carry at any voltage. Voltages and losses of these steps are left out."
    )


def _strict(matrix: csr_array, side: int) -> tuple[Index, Index, Col, Col]:
    """Rows of a triangle without its diagonal, real and imaginary parts apart."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    keep = side * (matrix.indices - rows) > 0
    ptr = np.concatenate([[0], np.cumsum(np.bincount(rows[keep], minlength=matrix.shape[0]))])
    entry = matrix.data[keep]
    return (
        ptr.astype(np.int64),
        matrix.indices[keep].astype(np.int64),
        entry.real.copy(),
        entry.imag.copy(),
    )


def check_powers(feeder: Feeder, p_kw: Col, q_kvar: Col) -> tuple[Col, Col]:
    """Return the powers of meters as contiguous arrays of numbers, shape (t, j) each [kW], [kvar].

    Raises
    ------
    PartError
        Shapes that do not match, or a power that is not a number.
    """
    p_kw, q_kvar = np.ascontiguousarray(p_kw, float), np.ascontiguousarray(q_kvar, float)
    meters = len(feeder.meters.name)
    for name, power in (("p_kw", p_kw), ("q_kvar", q_kvar)):
        if power.ndim != 2 or power.shape != (p_kw.shape[0], meters):
            raise PartError(
                f"{name} has shape {power.shape}, expected (steps, {meters}), one column for each meter"
            )
        bad = np.flatnonzero(~np.isfinite(power).all(axis=0))
        if bad.size:
            raise PartError(
                f"{name} of meter {feeder.meters.name[bad[0]]} (column {bad[0]}) holds values that are not finite"
            )
    return p_kw, q_kvar


def leave_flow(
    kept: Factors,
    p_kw: Col,
    q_kvar: Col,
    inverters: InverterRun,
    settled: FlowResult,
    held: ControlState,
) -> Flow:
    """Return the flow that a kernel leaves at powers (t, j) [kW], [kvar], with controls that stood still at `held`.

    What inverters give is taken off what their meters withdraw.
    """
    given = inverters.p_kw, inverters.q_kvar
    for column in given:
        column[settled.rounds == 0] = np.nan
    if inverters.rows.meter.size:
        p_kw, q_kvar = p_kw.copy(), q_kvar.copy()
        for column, more in zip((p_kw, q_kvar), given, strict=True):
            np.subtract.at(column.T, inverters.rows.meter, np.nan_to_num(more).T)
    v, converged = settled.v, settled.rounds > 0
    v[~converged] = np.nan
    settled.v_pu[~converged] = np.nan
    at = kept.source_node
    # current at rest and its change apart: the source's own current is a million times that of the feeder
    change = (v[:, at] - kept.network.v_no_load[at]) @ kept.source_y.T
    power_kva = 1e-3 * (v[:, at] * np.conj(kept.source_i_at_rest - change)).sum(axis=1)
    drawn_kw, drawn_kvar = p_kw, q_kvar
    if kept.loads.varies.any():
        drawn_kw, drawn_kvar = p_kw.copy(), q_kvar.copy()
        delivered(kept.loads, v, p_kw, q_kvar, drawn_kw, drawn_kvar)
    return Flow(
        v_pu=settled.v_pu,
        substation_p_kw=power_kva.real,
        substation_q_kvar=power_kva.imag,
        losses_kw=power_kva.real - drawn_kw.sum(axis=1),
        converged=converged,
        rounds=settled.rounds,
        mismatch_kva=settled.mismatch_kva,
        v=v,
        p_kw=drawn_kw,
        q_kvar=drawn_kvar,
        rated_p_kw=p_kw,
        rated_q_kvar=q_kvar,
        tap=np.repeat(held.tap[None], len(v), axis=0),
        steps_on=np.repeat(held.steps_on[None], len(v), axis=0),
        actions=np.zeros(len(v), np.int64),
        after=held,
        given_kw=given[0],
        given_kvar=given[1],
    )
