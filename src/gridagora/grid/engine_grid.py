"""A feeder whose flow another engine solves; limits and prices stay those of our own matrix around it.

Losses, the power into the network and the balance of every node are those of our matrix and our loads at the voltages of the
engine, so that the certificate of a flow does not depend on who solved it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gridagora.core.components import Phasors
from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder
from gridagora.core.flow import ControlState, Flow
from gridagora.core.inverters import Infeed
from gridagora.core.limits import Limits
from gridagora.core.network_operator import NO_PRICES, NetworkRules, RowPrices
from gridagora.core.nodal_prices import NodalPrices, RowDuals, SourcePrices
from gridagora.core.tables import Col, Index
from gridagora.grid.fixed_point import FixedPoint
from gridagora.grid.flow import check_powers, held_state, leave_flow
from gridagora.grid.flow_steps import group_steps
from gridagora.grid.inverters import no_inverters
from gridagora.grid.limits import RANGE_A_PU
from gridagora.kernels.flow.fixed_point import FlowResult
from gridagora.kernels.flow.load_models import delivered


@dataclass
class EngineSteps:
    """What an engine left of t steps: voltages of m nodes, and k taps and c banks."""

    v: Phasors  # (t, m) [V]
    rounds: Index  # (t,) 0 where it did not converge, 1 where the engine tells none
    actions: Index  # (t,)
    tap: Index  # (t, k)
    steps_on: Index  # (t, c)


class FlowEngine(Protocol):
    """A program that solves the flow of a feeder."""

    @property
    def name(self) -> str:
        """What people call it."""

    def play(self, own: FixedPoint, powers: tuple[Col, Col], start: ControlState) -> EngineSteps:
        """Return what it leaves of t steps in which every meter draws powers (t, j) each [kW], [kvar]."""


@dataclass(frozen=True, eq=False)
class EngineGrid:
    """A feeder solved by another engine than ours."""

    own: FixedPoint
    engine: FlowEngine

    @property
    def feeder(self) -> Feeder:
        """Nodes, meters and what hangs where."""
        return self.own.feeder

    def flow(
        self,
        p_kw: Col,
        q_kvar: Col,
        before: ControlState | None = None,
        infeed: Infeed | None = None,
    ) -> Flow:
        """Return the flow of what every meter draws, shape (j,) or (t, j) [kW], [kvar], as `core.ports.Grid` says.

        Raises
        ------
        PartError
            Powers of another shape than meters have, or that are no numbers; inverters that follow the voltage.
        InputError
            What the engine refuses, as a script that changed since it was read.
        """
        if infeed is not None:
            told = "got inverters that follow voltage, expected none"
            raise PartError(f"{self.engine.name} as engine: {told}")
        if p_kw.ndim == 1 and q_kvar.ndim == 1:
            p_kw, q_kvar = p_kw[None], q_kvar[None]
        p_kw, q_kvar = check_powers(self.feeder, p_kw, q_kvar)
        start = held_state(self.feeder) if before is None else before
        played = self.engine.play(self.own, (p_kw, q_kvar), start)
        return _as_flow(self.own, p_kw, q_kvar, played, start)

    def limits(
        self,
        at: Flow,
        near_share: float = np.inf,
        kept: Collection[str] = (),
        band_pu: tuple[float, float] = RANGE_A_PU,
        prices: RowPrices = NO_PRICES,
    ) -> Limits:
        """Return what the network can carry, linear around a flow, as `grid.fixed_point.FixedPoint.limits` does."""
        return self.own.limits(at, near_share, kept, band_pu, prices)

    def prices(self, at: Flow, source: SourcePrices, duals: RowDuals | None = None) -> NodalPrices:
        """Return the prices of active and reactive power at every meter and node, around a flow."""
        return self.own.prices(at, source, duals)

    def soft_duals(self, at: Flow, rules: NetworkRules) -> RowDuals:
        """Return the duals of limits in the steps of a flow."""
        return self.own.soft_duals(at, rules)

    def loss_factor(self, at: Flow, meter: Index) -> Col:
        """Return the second order of losses with reactive power of u meters, shape (r, u) [kW^0.5/kvar]."""
        return self.own.loss_factor(at, meter)


def _as_flow(
    own: FixedPoint, p_kw: Col, q_kvar: Col, played: EngineSteps, start: ControlState
) -> Flow:
    """Return what the engine left as a flow; losses and the balance of each node are those of our matrix at its voltages."""
    v_pu = np.abs(played.v) / own.feeder.nodes.base_v
    settled = FlowResult(played.v, v_pu, played.rounds, np.zeros(len(p_kw)))
    flow = leave_flow(own.factors, p_kw, q_kvar, no_inverters(len(p_kw)), settled, start)
    flow = flow._replace(tap=played.tap, steps_on=played.steps_on, actions=played.actions)
    time_s = start.time_s + len(p_kw) * own.step_s
    after = start._replace(tap=played.tap[-1], steps_on=played.steps_on[-1], time_s=time_s)
    return _balanced(own, flow)._replace(after=after)


def _balanced(own: FixedPoint, flow: Flow) -> Flow:
    """Return a flow with the power into the network, its losses and the balance of its nodes, by the matrix of each step."""
    source_kva = np.zeros(len(flow.v), np.complex128)
    mismatch = np.zeros(len(flow.v))
    drawn = _drawn_kva(own, flow)
    for step in group_steps(flow):
        network = own.stand(flow, int(step[0])).factors.network
        inner = network.y - network.source_y
        into = 1e-3 * flow.v[step] * np.conj((inner @ flow.v[step].T).T) + drawn[step]
        at = own.factors.source_node
        source_kva[step] = into[:, at].sum(axis=1)
        rest = np.setdiff1d(np.arange(into.shape[1]), at)
        mismatch[step] = np.abs(into[:, rest]).max(axis=1, initial=0.0)
    return flow._replace(
        substation_p_kw=source_kva.real,
        substation_q_kvar=source_kva.imag,
        losses_kw=source_kva.real - flow.p_kw.sum(axis=1),
        mismatch_kva=mismatch,
    )


def _drawn_kva(own: FixedPoint, flow: Flow) -> Phasors:
    """Return what loads draw at each node, shape (t, m) [kVA]: a row between two nodes draws at both by its current."""
    rows = own.factors.loads
    asked = [each[:, rows.meter] * rows.share for each in (flow.rated_p_kw, flow.rated_q_kvar)]
    drawn = [each.copy() for each in asked]
    if rows.varies.any():  # each row as a meter of its own
        alone = rows._replace(meter=np.arange(len(rows.meter)), share=np.ones(len(rows.meter)))
        delivered(alone, flow.v, *asked, *drawn)
    t, m = flow.v.shape
    volts = np.concatenate([flow.v, np.zeros((t, 1))], axis=1)  # earth is the last
    across = volts[:, rows.start] - volts[:, rows.end]
    power = drawn[0] + 1j * drawn[1]
    current = np.divide(power, across, out=np.zeros_like(power), where=np.abs(across) > 0)
    found = np.zeros((m + 1, t), np.complex128)
    for side, sign in ((rows.start, 1.0), (rows.end, -1.0)):
        np.add.at(found, side, sign * (volts[:, side] * current).T)
    return found[:m].T
