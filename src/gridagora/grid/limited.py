"""What a feeder limits: voltages at meters, currents of rated lines, loadings of rated transformers, and their gradients.

Every one is the magnitude of a phasor of the node voltages: linear for voltages and currents, quadratic for powers.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, diags_array, vstack

from gridagora.core.components import GROUND, Phasors, PrimitiveBlocks, block_of, terminals_of
from gridagora.core.feeder import Feeder, live_nodes, moving_units
from gridagora.core.limits import LimitKind
from gridagora.core.network_operator import RowPrices
from gridagora.core.tables import Col, Index

VA_PER_KVA = 1e3


class LimitedQuantities(NamedTuple):
    """k quantities over m nodes: a voltages, then c currents of conductors, then powers into u transformers."""

    node: Index  # (a,) of the voltages
    base_v: Col  # (a,) line to neutral [V]
    current: csr_array  # (c, m) of the currents [S]
    line_node: Index  # (c,) that each conductor hangs on
    into: csr_array  # (d, m) of the currents into first windings [S]
    unit_node: Index  # (d,)
    unit: csr_array  # (u, d) ones: whose they are
    rating: Col  # (c + u,) [A], [kVA]
    line_base_v: Col  # (c,) line to neutral [V]
    name: tuple[str, ...]  # (k,)
    kind: Index  # (k,) a `LimitKind`

    def bounds(self, band_pu: tuple[float, float]) -> tuple[Col, Col]:
        """Return the least and the most of every quantity, (k,) each, in its unit [pu], [A], [kVA]."""
        a, rated = len(self.node), len(self.rating)
        low = np.concatenate([np.full(a, band_pu[0]), np.full(rated, -np.inf)])
        return low, np.concatenate([np.full(a, band_pu[1]), self.rating])

    def over_price(self, prices: RowPrices) -> Col:
        """Return what an hour of one unit beyond costs, (k,) [$/pu/h], [$/A/h], [$/kVAh]."""
        rated = prices.rating_over_per_kvah
        by_line = rated * self.line_base_v / VA_PER_KVA
        units = len(self.rating) - len(by_line)
        of_voltage = np.full(len(self.node), prices.voltage_over_per_pu_h)
        return np.concatenate([of_voltage, by_line, np.full(units, rated)])


class LimitedPhasors(NamedTuple):
    """Values of k quantities in t steps, and the power that goes with them: below zero it flows back to the source."""

    value: Phasors  # (t, k) [pu], [A], [kVA]
    power_kw: Col  # (t, k), 0 of voltages


def limited_quantities(feeder: Feeder) -> LimitedQuantities:
    """Return what a feeder limits; what has no rating is not limited, nor a transformer whose taps move in the flow."""
    m = len(feeder.nodes.name)
    seen = np.unique(np.concatenate([feeder.loads.from_node, feeder.loads.to_node]))
    node = seen[(seen != GROUND) & live_nodes(feeder)[seen]]
    lines, units = _conductors(feeder), _windings(feeder)
    names = [f"voltage {feeder.nodes.name[at]}" for at in node]
    line_node, unit_node = lines.node, units.node
    names += [
        f"line {feeder.lines.name[row]} at {feeder.nodes.name[at]}"
        for row, at in zip(lines.owner.tolist(), line_node.tolist(), strict=True)
    ]
    owner, first = np.unique(units.owner, return_inverse=True)
    names += [f"transformer {feeder.transformers.name[row]}" for row in owner]
    ones = np.ones(len(first))
    kinds = (
        (LimitKind.VOLTAGE, len(node)),
        (LimitKind.LINE, len(line_node)),
        (LimitKind.LOADING, len(owner)),
    )
    return LimitedQuantities(
        node,
        feeder.nodes.base_v[node],
        lines.matrix(m),
        line_node,
        units.matrix(m),
        unit_node,
        csr_array((ones, (first, np.arange(len(first)))), shape=(len(owner), len(first))),
        np.concatenate([feeder.lines.rating_a[lines.owner], feeder.transformers.kva[owner]]),
        feeder.nodes.base_v[line_node],
        tuple(names),
        np.concatenate([np.full(count, int(kind)) for kind, count in kinds]),
    )


def phasors_of(of: LimitedQuantities, v: Phasors) -> LimitedPhasors:
    """Return the values of all quantities at voltages (t, m) [V]."""
    columns: Phasors = np.ascontiguousarray(v.T)
    current: Phasors = np.asarray(of.current @ columns).T
    into: Phasors = v[:, of.unit_node] * np.conj(np.asarray(of.into @ columns).T)
    loading: Phasors = np.asarray(of.unit @ into.T, np.complex128).T / VA_PER_KVA
    along = (v[:, of.line_node] * np.conj(current)).real / VA_PER_KVA
    voltage = np.asarray(v[:, of.node] / of.base_v, np.complex128)
    power: Col = np.concatenate([np.zeros(voltage.shape), along, loading.real], axis=1)
    return LimitedPhasors(np.concatenate([voltage, current, loading], axis=1), power)


def gradients(of: LimitedQuantities, v: Phasors, rows: Index) -> csr_array:
    """Return g of some quantities (r,) at voltages (m,) [V]: a magnitude moves by Re(g dv), shape (r, m) [unit/V].

    A magnitude of zero has none and is taken as not moving. Rows of one kind follow each other.
    """
    m, a, c = len(v), len(of.node), len(of.line_node)
    value = phasors_of(of, v[None]).value[0, rows]
    size = np.abs(value)
    turn = np.divide(np.conj(value), size, out=np.zeros_like(value), where=size > 0)
    first, second = np.searchsorted(rows, [a, a + c])
    volts, amps, loads = rows[:first], rows[first:second] - a, rows[second:] - a - c
    of_volts = csr_array(
        (turn[:first] / of.base_v[volts], (np.arange(first), of.node[volts])), shape=(first, m)
    )
    of_amps = diags_array(turn[first:second]) @ of.current[amps]
    u, mine = turn[second:], of.unit[loads]
    at = csr_array(
        (np.conj(np.asarray(of.into @ v)), (np.arange(len(of.unit_node)), of.unit_node)),
        shape=(len(of.unit_node), m),
    )
    through = diags_array(np.conj(v[of.unit_node])) @ of.into
    of_loads = (diags_array(u) @ (mine @ at) + diags_array(np.conj(u)) @ (mine @ through)) * (
        1.0 / VA_PER_KVA
    )
    return csr_array(vstack([of_volts, of_amps, of_loads]))


class _Entries(NamedTuple):
    """Currents of conductors as entries of a matrix over nodes."""

    owner: Index  # (c,) component
    node: Index  # (c,) that the conductor hangs on
    row: Index  # (z,)
    column: Index  # (z,)
    y_siemens: Phasors  # (z,)

    def matrix(self, nodes: int) -> csr_array:
        return csr_array((self.y_siemens, (self.row, self.column)), shape=(len(self.owner), nodes))


def _conductors(feeder: Feeder) -> _Entries:
    rated = np.flatnonzero(np.isfinite(feeder.lines.rating_a))
    return _collect(feeder.lines.blocks, rated, is_line=True)


def _windings(feeder: Feeder) -> _Entries:
    rated = np.flatnonzero(np.isfinite(feeder.transformers.kva))
    rated = np.setdiff1d(rated, moving_units(feeder))
    return _collect(feeder.transformers.blocks, rated, is_line=False)


def _collect(blocks: PrimitiveBlocks, rated: Index, *, is_line: bool) -> _Entries:
    parts = []
    for row in rated:
        node, y = block_of(blocks, int(row))
        terminal = terminals_of(blocks, int(row))
        own = np.flatnonzero(terminal == (terminal.min(initial=2) if is_line else 0))
        parts.append((int(row), node[own], node, y[own]))
    count = np.array([len(own) for _, own, _, _ in parts], np.int64)
    begin = np.concatenate([[0], np.cumsum(count)])
    none = np.zeros(0, np.int64)
    return _Entries(
        np.repeat(rated, count),
        np.concatenate([none, *(own for _, own, _, _ in parts)]),
        np.concatenate(
            [
                none,
                *(
                    np.repeat(np.arange(first, first + len(own)), len(reach))
                    for first, (_, own, reach, _) in zip(begin[:-1].tolist(), parts, strict=True)
                ),
            ]
        ),
        np.concatenate([none, *(np.tile(reach, len(own)) for _, own, reach, _ in parts)]),
        np.concatenate([np.zeros(0, np.complex128), *(y.ravel() for _, _, _, y in parts)]),
    )
