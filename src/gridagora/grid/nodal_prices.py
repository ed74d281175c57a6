"""Nodal prices of a flow: the parts of a price at every meter and node, by the adjoint of the exact flow.

References
----------
See `core.nodal_prices` and `kernels.flow.adjoint`.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.components import Phasors
from gridagora.core.errors import PartError
from gridagora.core.flow import Flow
from gridagora.core.network_operator import NetworkRules
from gridagora.core.nodal_prices import NodalPrices, PriceParts, RowDuals, SourcePrices
from gridagora.core.tables import Col, Flag, Index
from gridagora.grid.adjoint import by_node, gradients, source_right
from gridagora.grid.flow import Factors
from gridagora.grid.inverters import droop_of
from gridagora.grid.limited import VA_PER_KVA, LimitedQuantities, phasors_of
from gridagora.kernels.flow.droop import Droop
from gridagora.kernels.flow.fixed_point import Triangles

REVERSE = ", reverse"  # what the name of a row ends in that stands for power towards the source


class PricedNetwork(NamedTuple):
    """What of a feeder prices need beside its flow: its factors, those of the transposed matrix, nodes with a price, limits."""

    factors: Factors
    turned: Triangles
    is_live: Flag  # (m,)
    limited: LimitedQuantities


class _Part(NamedTuple):
    """One part of the prices: of P and Q by meter (t, j), of P and Q by node (t, m), and rounds (t,)."""

    by: list[Col]  # [$/kWh], [$/kvarh]
    rounds: Index


def nodal_prices(
    network: PricedNetwork, at: Flow, source: SourcePrices, duals: RowDuals | None = None
) -> NodalPrices:
    """Return the prices of the steps of a flow; arguments and errors as of `Grid.prices`.

    What inverters that follow voltage give more or less of, at the price of the source, is part of the voltage; the loss part is
    that of losses alone.
    """
    _refuse_shapes(network, at, source, duals)
    kept = network.factors
    v = np.where(at.converged[:, None], at.v, kept.network.v_no_load)
    droop = droop_of(kept.loads, kept.triangles, kept.still, network.is_live, at)
    p_right, q_right = source_right(kept, v)
    per_kwh, per_kvarh = source.per_kwh[:, None], source.per_kvarh[:, None]
    given = given_right(droop, v, source)
    of_flow, of_voltage = np.zeros_like(v), np.zeros_like(v)
    if duals is not None:
        dual = _place_duals(network.limited, duals)
        of_flow, of_voltage = limited_rights(network.limited, v, dual)
    rights = per_kwh * p_right + per_kvarh * q_right + given, of_flow, of_voltage - given
    both, congestion, voltage = (_solve(network, droop, at, right) for right in rights)

    def parts(side: int, energy: Col) -> PriceParts:
        whole = both.by[side]
        steady = np.broadcast_to(energy, whole.shape)
        return PriceParts(steady, whole - energy, congestion.by[side], voltage.by[side])

    rounds = both.rounds + congestion.rounds + voltage.rounds
    return NodalPrices(
        parts(0, per_kwh), parts(1, per_kvarh), parts(2, per_kwh), parts(3, per_kvarh), rounds
    )


def given_right(droop: Droop, v: Phasors, source: SourcePrices) -> Phasors:
    """Return how the worth at the source of what inverters give moves with node voltages (t, m) [V], shape (t, m) [$/h/V]."""
    right = np.zeros_like(v)
    by = source.per_kwh[:, None] * droop.kw + source.per_kvarh[:, None] * droop.kvar
    each = np.repeat(by, np.diff(droop.first), axis=1)
    at = v[:, droop.node]
    np.add.at(right.T, droop.node, (each * np.conj(at) / (np.abs(at) * droop.span_v)).T)
    return right


def soft_duals(limited: LimitedQuantities, at: Flow, rules: NetworkRules) -> RowDuals:
    """Return the duals of limits with a price: that price where a flow of t steps is beyond them, nil within."""
    size = np.abs(phasors_of(limited, np.nan_to_num(at.v)).value)
    low, high = limited.bounds(rules.band_pu)
    outside = (size > high).astype(np.float64) - (size < low)
    dual = np.where(at.converged[:, None], limited.over_price(rules.prices) * outside, 0.0)
    some = np.flatnonzero(dual.any(axis=0))
    return RowDuals(tuple(limited.name[row] for row in some), dual[:, some])


def limited_rights(limited: LimitedQuantities, v: Phasors, dual: Col) -> tuple[Phasors, Phasors]:
    """Return how duals (t, k) [$/h] of a unit times magnitudes move with node voltages (t, m) [V], shape (t, m) [$/h/V] each.

    First those of currents and loadings, then those of voltages. A magnitude that is zero has a kink and is taken as not moving.
    """
    of_flow, of_voltage = np.zeros_like(v), np.zeros_like(v)
    a, c = len(limited.node), len(limited.line_node)
    if not dual.any():
        return of_flow, of_voltage
    value = phasors_of(limited, v).value
    size = np.abs(value)
    turn = dual * np.divide(np.conj(value), size, out=np.zeros_like(value), where=size > 0)
    of_voltage[:, limited.node] = turn[:, :a] / limited.base_v
    if not turn[:, a:].any():
        return of_flow, of_voltage
    of_flow += np.asarray(limited.current.T @ turn[:, a : a + c].T, np.complex128).T
    # |S| moves by Re(conj(S) / |S| dS), and S = sum of v conj(i) by both of its factors
    own: Phasors = np.asarray(limited.unit.T @ turn[:, a + c :].T, np.complex128).T / VA_PER_KVA
    into: Phasors = np.asarray(limited.into @ v.T).T
    moved = np.conj(own * v[:, limited.unit_node]).T
    of_flow += np.asarray(limited.into.T @ moved, np.complex128).T
    np.add.at(of_flow.T, limited.unit_node, (own * np.conj(into)).T)
    return of_flow, of_voltage


def _place_duals(limited: LimitedQuantities, duals: RowDuals) -> Col:
    """Return the duals of all that is limited, (t, k) [$/h] of a unit."""
    row = {name: at for at, name in enumerate(limited.name)}
    dual = np.zeros((len(row), len(duals.per_unit_h)))
    at = [row[name.removesuffix(REVERSE)] for name in duals.name]
    np.add.at(dual, at, duals.per_unit_h.T)
    return dual.T


def _solve(network: PricedNetwork, droop: Droop, at: Flow, right: Phasors) -> _Part:
    """Return what a number with derivative (t, m) in each step moves by; steps where it is nil cost nothing."""
    step = np.flatnonzero(right.any(axis=1) & at.converged)
    found = gradients(network.factors, network.turned, droop, at, step, right[step])
    solved = found.by_p, found.by_q, *by_node(found.adjoint, at.v[step])
    part, rounds = list[Col](), np.zeros(len(right), np.int64)
    rounds[step] = found.rounds
    for values in solved:
        column = np.zeros((len(right), values.shape[1]))
        column[step] = values
        column[~at.converged] = np.nan
        part.append(column)
    for column in part[2:]:
        column[:, ~network.is_live] = np.nan
    return _Part(part, rounds)


def _refuse_shapes(
    network: PricedNetwork, at: Flow, source: SourcePrices, duals: RowDuals | None
) -> None:
    t, strange = len(at.converged), list[str]()
    got = {"per_kwh": source.per_kwh.shape, "per_kvarh": source.per_kvarh.shape}
    want: dict[str, tuple[int, ...]] = {"per_kwh": (t,), "per_kvarh": (t,)}
    if duals is not None:
        got["per_unit_h"], want["per_unit_h"] = duals.per_unit_h.shape, (t, len(duals.name))
        named = {name.removesuffix(REVERSE) for name in duals.name}
        strange = sorted(named - set(network.limited.name))
    wrong = [
        f"prices of a flow of {t} steps: {name} has shape {got[name]}, expected {want[name]}"
        for name in want
        if got[name] != want[name]
    ]
    wrong += [f"prices: dual of '{name}', expected what the feeder limits" for name in strange]
    if wrong:
        raise PartError("\n".join(wrong))
