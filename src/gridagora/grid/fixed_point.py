"""The feeder as a `Grid`: the exact flow by a fixed point on one factored matrix."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.feeder import Feeder, live_nodes
from gridagora.core.flow import ControlState, Flow
from gridagora.core.inverters import Infeed
from gridagora.core.limits import Limits
from gridagora.core.network_operator import NO_PRICES, NetworkRules, RowPrices
from gridagora.core.nodal_prices import NodalPrices, RowDuals, SourcePrices
from gridagora.core.product import HOUR_S
from gridagora.core.tables import Col, Index
from gridagora.grid.adjoint import transpose
from gridagora.grid.controlled_flow import solve_controlled
from gridagora.grid.controls import ControlledGrid, factor_controls, moves, stand
from gridagora.grid.flow import Factors, factor, solve
from gridagora.grid.flow_steps import group_steps, join_prices, steps_of
from gridagora.grid.limited import LimitedQuantities, limited_quantities
from gridagora.grid.limits import RANGE_A_PU
from gridagora.grid.linear import limit_rows
from gridagora.grid.nodal_prices import PricedNetwork, nodal_prices, soft_duals
from gridagora.grid.reactive import loss_factor

STATES_KEPT = 16  # of controls, whose factors are kept


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """A feeder with its factors, and with its controls where they move; else they stand as its source left them."""

    feeder: Feeder
    factors: Factors
    threads: int = 2  # the result does not depend on it
    controls: ControlledGrid | None = None
    step_s: float = HOUR_S  # length of a step, what dead times and times of day are counted in

    def flow(
        self,
        p_kw: Col,
        q_kvar: Col,
        before: ControlState | None = None,
        infeed: Infeed | None = None,
    ) -> Flow:
        """Return the flow of one interval or a batch.

        Parameters
        ----------
        p_kw, q_kvar
            Withdrawal of each of j meters, shape (j,) of one interval or (t, j) of a batch [kW], [kvar].
        before
            State of the controls at the start; left out, or where they are held: as the source of the feeder leaves them.
        infeed
            Inverters that follow voltage in these t steps, beside what meters withdraw; left out: none.

        Returns
        -------
        Flow
            Of t steps; one interval is a batch of one.

        Raises
        ------
        PartError
            Two shapes, another number of meters than the feeder has, or a power that is no number.
        InputError
            Inverters that cannot be, as of `grid.flow.inverters_of`.
        """
        if p_kw.ndim not in {1, 2}:
            raise PartError(
                f"p_kw has shape {p_kw.shape}, expected (meters,) of one interval or (steps, meters) of a batch"
            )
        if p_kw.ndim == 1 and q_kvar.ndim == 1:
            p_kw, q_kvar = p_kw[None], q_kvar[None]
        if self.controls is not None:
            return solve_controlled(
                self.feeder,
                p_kw,
                q_kvar,
                self.step_s,
                before=before,
                grid=self.controls,
                infeed=infeed,
            )
        return solve(
            self.feeder,
            p_kw,
            q_kvar,
            factors=self.factors,
            threads=self.threads if len(p_kw) > 1 else 1,
            infeed=infeed,
        )

    def stand(self, at: Flow, step: int) -> "FixedPoint":
        """Return the grid with its controls held as they stand in a step of a flow."""
        if self.controls is None:
            return self
        return self._standing(tuple(at.tap[step].tolist()), tuple(at.steps_on[step].tolist()))

    @cached_property
    def _standing(self) -> Callable[[tuple[int, ...], tuple[int, ...]], "FixedPoint"]:
        """The grids of the states that were asked for last."""

        @lru_cache(maxsize=STATES_KEPT)
        def held(tap: tuple[int, ...], steps_on: tuple[int, ...]) -> FixedPoint:
            feeder = stand(self.feeder, tap, steps_on)
            found = FixedPoint(feeder, factor(feeder), self.threads)
            vars(found)["limited"] = self.limited  # rows are the same in every state
            return found

        return held

    @cached_property
    def limited(self) -> LimitedQuantities:
        """Voltages, currents and loadings that the feeder limits."""
        return limited_quantities(self.feeder)

    def limits(
        self,
        at: Flow,
        near_share: float = np.inf,
        kept: Collection[str] = (),
        band_pu: tuple[float, float] = RANGE_A_PU,
        prices: RowPrices = NO_PRICES,
    ) -> Limits:
        """Return what the network can carry as rows over its meters, linear around a flow.

        Parameters
        ----------
        at
            Flow of t steps.
        near_share, kept, band_pu, prices
            Which rows are told, the band of voltages [pu], and what is charged beyond rows, as for `grid.linear.limit_rows`.

        Raises
        ------
        PartError
            A flow of no steps, or one that did not converge.
        """
        return limit_rows(
            self.feeder,
            lambda step: self.stand(at, step).factors.network.y,
            self.limited,
            at,
            near_share=near_share,
            kept=kept,
            band_pu=band_pu,
            prices=prices,
        )

    def prices(self, at: Flow, source: SourcePrices, duals: RowDuals | None = None) -> NodalPrices:
        """Return the nodal prices of a flow, by its adjoint.

        Parameters
        ----------
        at
            Flow of t steps.
        source
            Prices at the substation.
        duals
            Of limits; left out: nothing binds.

        Raises
        ------
        PartError
            Prices or duals of other steps than the flow has, or of what the feeder does not limit; where controls are held, a
            flow whose regulators or capacitor banks moved.
        """
        if self.controls is None:
            self._refuse_moved(at)
            return nodal_prices(self.priced, at, source, duals)
        parts = []
        for step in group_steps(at):
            own = SourcePrices(*(column[step] for column in source))
            mine = None if duals is None else duals._replace(per_unit_h=duals.per_unit_h[step])
            there = self.stand(at, int(step[0])).priced
            parts.append((step, nodal_prices(there, steps_of(at, step), own, mine)))
        return join_prices(parts)

    def _refuse_moved(self, at: Flow) -> None:
        """Refuse a flow whose controls do not stand as this grid holds them: its matrix is another."""
        taps, banks = self.feeder.regulators.tap_number, self.feeder.capacitors.steps_on
        if (at.tap != taps).any() or (at.steps_on != banks).any():
            raise PartError(
                f"prices of a flow of feeder {self.feeder.name}: got regulators or capacitor banks that moved, expected them as "
                "its source left them; open its grid with moves_controls"
            )

    def soft_duals(self, at: Flow, rules: NetworkRules) -> RowDuals:
        """Return the duals of limits in the t steps of a flow: the price beyond where it is beyond them, nil within."""
        return soft_duals(self.limited, at, rules)

    def loss_factor(self, at: Flow, meter: Index) -> Col:
        """Return F of the second order of losses |F x|^2 [kW] as u meters draw x [kvar] more than in the first step of a flow.

        Shape (r, u) [kW^0.5/kvar]; see `grid.reactive`.
        """
        there = self.stand(at, 0)
        return loss_factor(there.feeder, there.factors.network, at, meter)

    @cached_property
    def priced(self) -> PricedNetwork:
        """What prices need beside the flow, made once."""
        turned = transpose(self.factors.triangles)
        return PricedNetwork(self.factors, turned, live_nodes(self.feeder), self.limited)


def open_grid(
    feeder: Feeder, threads: int = 2, *, moves_controls: bool = False, step_s: float = HOUR_S
) -> FixedPoint:
    """Return the grid of a feeder, its matrix factored once.

    Parameters
    ----------
    feeder, threads
        The network, and how many threads share the blocks of a batch.
    moves_controls
        Whether regulators and capacitor banks move; a feeder that has none is solved as one where they are held.
    step_s
        Length of a step [s].

    Raises
    ------
    PartError
        The matrix is singular: a part of the network has no path to the source or to earth.
    """
    controls = factor_controls(feeder) if moves_controls and moves(feeder) else None
    return FixedPoint(feeder, factor(feeder), threads, controls, step_s)
