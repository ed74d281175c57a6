"""Nodal prices of a run, folded over its intervals: hourly means at every home, and what their loss part charges."""

from typing import NamedTuple

import numpy as np

from gridagora.core.flow import Flow
from gridagora.core.network_operator import NetworkRules
from gridagora.core.nodal_prices import NodalPrices, SourcePrices
from gridagora.core.ports import Grid
from gridagora.core.tables import Col, Index
from gridagora.results.nodal_series import MarginalLosses, NodalSeries
from gridagora.run.record import open_recorder

PARTS = NodalSeries._fields[1:]  # names of the columns of homes


class PriceTerms(NamedTuple):
    """What nodal prices of a run start from, and what is wanted of them."""

    wholesale_per_kwh: Col  # (t,) at the substation; reactive power costs nothing there
    rules: NetworkRules  # limits of voltages and ratings, and their prices
    keeps_series: bool
    charges_losses: bool


class PriceFold:
    """The fold of a run of t intervals; steps come in their order, some at a time.

    Parameters
    ----------
    grid
        Of the run.
    terms
        Prices, and what is wanted.
    home_meter
        Meter of every home, shape (n,).
    dt_h
        Length of an interval [h].
    """

    def __init__(self, grid: Grid, terms: PriceTerms, home_meter: Index, dt_h: float) -> None:
        self._grid, self._terms, self._meter, self._dt_h = grid, terms, home_meter, dt_h
        self._per, n = round(1 / dt_h), len(home_meter)
        self._hours = -(-len(terms.wholesale_per_kwh) // self._per)
        self._home_usd, self._all_usd = np.zeros(n), list[Col]()
        self._recorder = open_recorder(self._hours, dict.fromkeys(PARTS, n))
        self._energy = np.full(self._hours, np.nan)
        self._sum, self._count = np.zeros((len(PARTS), n)), 0

    def add(self, at: slice, flow: Flow, home_kw: Col) -> None:
        """Add the flow of some intervals, in which homes draw power (n, t) [kW]."""
        per_kwh = self._terms.wholesale_per_kwh[at]
        duals = None
        if self._terms.keeps_series:
            duals = self._grid.soft_duals(flow, self._terms.rules)
        prices = self._grid.prices(flow, SourcePrices(per_kwh, np.zeros(len(per_kwh))), duals)
        if self._terms.charges_losses:
            loss = np.nan_to_num(prices.p.loss)
            self._all_usd.append((loss * np.nan_to_num(flow.p_kw)).sum(1) * self._dt_h)
            self._home_usd += (loss[:, self._meter].T * home_kw).sum(1) * self._dt_h
        if self._terms.keeps_series:
            self._keep(at.start, prices, per_kwh)

    def series(self) -> NodalSeries | None:
        """Return the hourly means; None where nobody wanted them."""
        if not self._terms.keeps_series:
            return None
        return NodalSeries(self._energy, *(self._recorder.column(name) for name in PARTS))

    def marginal_losses(self) -> MarginalLosses | None:
        """Return what the loss part charges; None where nobody wanted it."""
        if not self._terms.charges_losses:
            return None
        collected = np.concatenate(self._all_usd)
        rest = float(collected.sum() - self._home_usd.sum())
        return MarginalLosses(self._home_usd, rest, collected)

    def _keep(self, first: int, prices: NodalPrices, per_kwh: Col) -> None:
        """Add the steps of some intervals to the means of their hours, and write the hours that end."""
        parts = np.array([side[name] for side in (prices.p, prices.q) for name in (1, 2, 3)])
        at_home, usable = parts[:, :, self._meter], prices.rounds > 0
        for i in range(len(per_kwh)):
            if usable[i]:
                self._sum += at_home[:, i]
                self._count += 1
            hour, inside = divmod(first + i, self._per)
            if inside == self._per - 1 and self._count:
                for name, values in zip(PARTS, self._sum, strict=True):
                    self._recorder.write(hour, name, values / self._count)
            if inside == self._per - 1:
                self._sum[:], self._count = 0.0, 0
        for hour in range(first // self._per, (first + len(per_kwh)) // self._per):
            span = slice(hour * self._per, (hour + 1) * self._per)
            self._energy[hour] = self._terms.wholesale_per_kwh[span].mean()
