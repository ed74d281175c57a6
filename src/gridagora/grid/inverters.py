"""Inverters of a feeder as the kernels of the flow take them: where each measures, and how large a step of it is safe."""

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.feeder import Feeder, live_nodes
from gridagora.core.flow import Flow
from gridagora.core.inverters import Infeed, InverterRule, check_infeed, given_slopes, keeps_of
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.flow.droop import Droop
from gridagora.kernels.flow.fixed_point import BLOCK, Still, Triangles, draw_loads, substitute
from gridagora.kernels.flow.inverters import InverterRows, InverterRun
from gridagora.kernels.flow.load_models import Loads

WHERE = "inverters of a flow"
ANGLES = 6  # groups of inverters by the angle of their voltage: a right side each fits a block


def no_inverters(steps: int) -> InverterRun:
    """Return a run without inverters."""
    index, none, table = np.zeros(0, np.int64), np.zeros(0), np.zeros((steps, 0))
    rows = InverterRows(
        index,
        np.zeros(1, np.int64),
        index,
        none,
        none,
        np.zeros(0, np.bool_),
        none,
        none,
        none,
        none,
        none,
        var_first=True,
    )
    return InverterRun(rows, table, np.zeros((steps, 0), np.bool_), table.copy(), table.copy())


def run_of(
    feeder: Feeder, loads: Loads, tri: Triangles, still: Still, infeed: Infeed, steps: int
) -> InverterRun:
    """Return the inverters of a flow of so many steps.

    Raises
    ------
    InputError
        Ratings, curves or powers that cannot be, or a meter without a live phase or whose loads move with voltage: all at once.
    """
    problems = check_infeed(infeed, steps, len(feeder.meters.name), WHERE)
    if not problems:
        problems = _check_meters(feeder, loads, infeed.inverters.meter)
    if problems:
        raise InputError(problems)
    own, rule = infeed.inverters, infeed.rule
    first, node = meter_nodes(loads, live_nodes(feeder), own.meter)
    rows = _rows_of(infeed, first, node)
    gain = droop_gain(loads, tri, still, rows, rule, len(feeder.meters.name))
    i = len(own.meter)
    return InverterRun(
        rows._replace(part=1.0 / (1.0 + gain)),
        np.ascontiguousarray(infeed.available_kw, np.float64),
        np.ascontiguousarray(infeed.gives_var, np.bool_),
        np.zeros((steps, i)),
        np.zeros((steps, i)),
    )


def _rows_of(infeed: Infeed, first: Index, node: Index) -> InverterRows:
    """Return inverters that take whole steps; `first` (i + 1,) and `node` (z,) are of `meter_nodes`."""
    own, rule = infeed.inverters, infeed.rule
    watt = ((), ()) if rule.volt_watt is None else rule.volt_watt
    return InverterRows(
        np.ascontiguousarray(own.meter, np.int64),
        first,
        node,
        np.ascontiguousarray(own.rated_kva, np.float64),
        np.ascontiguousarray(own.rated_kw, np.float64),
        np.ascontiguousarray(keeps_of(own), np.bool_),
        np.ones(len(own.meter)),
        np.array(rule.volt_var.voltage_pu),
        np.array(rule.volt_var.share),
        np.array(watt[0], np.float64),
        np.array(watt[1], np.float64),
        rule.var_first,
    )


def droop_gain(
    loads: Loads, tri: Triangles, still: Still, rows: InverterRows, rule: InverterRule, meters: int
) -> Col:
    """Return what all inverters at their steepest do to the voltage of each as it moves by a unit, shape (i,) [1].

    Those whose voltages have about one angle move together; what the groups do is added up whatever its sign, for phases act
    against each other.
    """
    v = still.re + 1j * still.im
    angle = np.angle(v[rows.node[rows.first[:-1]]])
    group = np.round(angle * ANGLES / (2.0 * np.pi)).astype(np.int64) % ANGLES
    p, q = np.zeros((meters, BLOCK)), np.zeros((meters, BLOCK))
    watt = 0.0 if rule.volt_watt is None else steepest(*rule.volt_watt)
    np.subtract.at(p, (rows.meter, group), watt * rows.rated_kw * ~rows.keeps_kw)
    np.subtract.at(q, (rows.meter, group), steepest(*rule.volt_var) * rows.rated_kva)
    none, gain = np.zeros((meters, BLOCK)), np.zeros(len(rows.meter))
    for power in ((p, none), (none, q)):
        rises = _rises(loads, tri, still, *power)
        whole = np.add.reduceat(rises[rows.node], rows.first[:-1], axis=0)
        gain += np.abs(whole).sum(axis=1)
    return np.asarray(gain / np.diff(rows.first))


def _rises(loads: Loads, tri: Triangles, still: Still, p_kw: Col, q_kvar: Col) -> Col:
    """Return by how much the powers (j, w) of w groups [kW], [kvar] raise the voltage of every node, shape (m, w) [pu]."""
    m, k, v = still.re.size, loads.start.size, still.re + 1j * still.im
    none = np.zeros((m, BLOCK))
    re, im, across = np.empty((m, BLOCK)), np.empty((m, BLOCK)), np.zeros((2, k, BLOCK))
    draw_loads(tri, loads, still, p_kw, q_kvar, none, none, *across, re, im, np.empty(BLOCK))
    substitute(tri, re, im)
    moved, size = (re + 1j * im)[tri.col_at], np.abs(v)
    of_base = np.where(size > 0, size * still.base, 1.0)[:, None]
    return np.asarray(np.real(np.conj(v)[:, None] * moved) / of_base)


def steepest(voltage_pu: tuple[float, ...], share: tuple[float, ...]) -> float:
    """Return the steepest fall of a curve [1/pu]."""
    return float(np.max(-np.diff(share) / np.diff(voltage_pu), initial=0.0))


def meter_nodes(loads: Loads, is_live: Flag, meter: Index) -> tuple[Index, Index]:
    """Return the live phases of meters (i,), the nodes of one behind the other, and where each begins, (i + 1,)."""
    m = len(is_live)
    node, owner = np.concatenate([loads.start, loads.end]), np.tile(loads.meter, 2)
    kept = (node >= 0) & is_live[np.maximum(node, 0)]
    pair = np.unique(owner[kept] * m + node[kept])
    begin = np.searchsorted(pair, meter * m)
    count = np.searchsorted(pair, (meter + 1) * m) - begin
    first = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    inside = np.arange(first[-1]) - np.repeat(first[:-1], count)
    return first, np.asarray(pair[np.repeat(begin, count) + inside] % m, np.int64)


def droop_of(loads: Loads, tri: Triangles, still: Still, is_live: Flag, at: Flow) -> Droop:
    """Return how the inverters of a flow move with voltage, as its adjoint takes them; `is_live` (m,) are nodes with a phase."""
    j = at.p_kw.shape[1]
    if at.infeed is None:
        index, none = np.zeros(0, np.int64), np.zeros(0)
        table = np.zeros((len(at.p_kw), 0))
        return Droop(index, index, np.zeros(1, np.int64), index, none, none, table, table)
    own = at.infeed.inverters
    meter = np.ascontiguousarray(own.meter, np.int64)
    first, node = meter_nodes(loads, is_live, meter)
    kw, kvar = slopes_at(at.infeed, first, node, at.v_pu)
    rows = _rows_of(at.infeed, first, node)
    part = 1.0 / (1.0 + droop_gain(loads, tri, still, rows, at.infeed.rule, j))
    has_one = np.zeros(j, np.bool_)
    has_one[meter] = True
    count = np.repeat(np.diff(first), np.diff(first))
    row = np.flatnonzero(has_one[loads.meter]).astype(np.int64)
    return Droop(meter, row, first, node, still.base[node] * count, part, kw, kvar)


def slopes_at(infeed: Infeed, first: Index, node: Index, v_pu: Col) -> tuple[Col, Col]:
    """Return how what inverters give moves with their voltage at those of all nodes (t, m) [pu], (t, i) each [kW/pu], [kvar/pu].

    `first` (i + 1,) and `node` (z,) are of `meter_nodes`.
    """
    sums = np.add.reduceat(v_pu[:, node], first[:-1], axis=1) if len(node) else v_pu[:, :0]
    mean = sums / np.diff(first)
    return given_slopes(infeed.inverters, infeed.rule, mean, infeed.available_kw, infeed.gives_var)


def _check_meters(feeder: Feeder, loads: Loads, meter: Index) -> list[Problem]:
    """Return the problems of meters (i,) that inverters cannot stand at."""
    found, (first, _) = list[Problem](), meter_nodes(loads, live_nodes(feeder), meter)
    name = feeder.meters.name
    for row in np.flatnonzero(np.diff(first) == 0):
        got = f"an inverter at meter {name[meter[row]]}, which has no live phase"
        found.append(Problem(f"{WHERE}.meter", got, "a meter with a load on a live phase"))
    moving = np.isin(meter, loads.meter[loads.varies > 0])
    for row in np.flatnonzero(moving):
        got = f"an inverter at meter {name[meter[row]]}, whose loads move with voltage"
        hint = "Give the inverter a meter of its own."
        found.append(Problem(f"{WHERE}.meter", got, "a meter of constant power", hint))
    return found
