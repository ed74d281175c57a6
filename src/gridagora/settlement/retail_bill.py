"""Bills by a retail tariff, month by month: blocks of energy, demand, the fixed charge and what a minimum bill adds."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gridagora.core.records import RunColumn, row_blocks
from gridagora.core.tables import Col, Index
from gridagora.settlement.capacity import DEMAND
from gridagora.settlement.retail_terms import RetailTerms

BLOCKS = "energy beyond the first block"
FIXED = "fixed charge"
MINIMUM = "up to the minimum bill"
BELOW_PER_KWH = 1e-9  # plans see export earn so much less at least, in every hour alike
ITEMS = (BLOCKS, FIXED, DEMAND, MINIMUM)


class PlanBlocks(NamedTuple):
    """Blocks that homes plan in, by class of homes whose months end in the same ones."""

    home_class: Index  # (n,) row of the column below
    block: Index  # (c, m)


def first_block_prices(terms: RetailTerms) -> tuple[Col, Col]:
    """Return the rate of the first block and what export earns in every hour of the run, shape (H,) each [$/kWh]."""
    rate = terms.rate[: terms.run_h]
    price = terms.per_kwh[rate, 0]
    return price, price if terms.export_per_kwh is None else terms.export_per_kwh[rate]


def retail_usd(terms: RetailTerms, home_kw: RunColumn, per: int) -> Mapping[str, Col]:
    """Return what every home is charged beside energy at the rate of the first block, by item, shape (n,) each [$].

    What its energy costs, what it is paid for export and these items are its bill. Items that cost nothing are left out.

    Parameters
    ----------
    terms
        Of the run.
    home_kw
        Net power of every home, shape (n, t) [kW].
    per
        Intervals of an hour.

    References
    ----------
    Energy of a month stands in its blocks in the proportion of the whole month, whatever the hour, as the baseline of California
    did under its time-of-use rates and as NREL's System Advisor Model has it.
    """
    n = home_kw.shape[0]
    found = {item: np.zeros(n) for item in ITEMS}
    for rows in row_blocks(home_kw.shape):
        power = np.asarray(home_kw[rows])
        kwh = _by_rate(terms, power, per)
        first, beyond = _energy_usd(terms, kwh)
        demand = _demand_usd(terms, power, per)
        bill = first + beyond + demand + terms.fixed_usd - _export_usd(terms, power, per)
        found[BLOCKS][rows] = beyond.sum(1)
        found[FIXED][rows] = terms.fixed_usd.sum()
        found[DEMAND][rows] = demand.sum(1)
        found[MINIMUM][rows] = (terms.minimum_usd - bill).clip(min=0).sum(1)
    return {item: usd for item, usd in found.items() if usd.any()}


def plan_blocks(terms: RetailTerms, home_kw: RunColumn, per: int) -> PlanBlocks:
    """Return the blocks in which the months of homes end with the net power (n, t) [kW], `per` intervals an hour.

    That is the power of the baseline: a home is taken to know its usual month and not to count it as it goes.
    """
    months = terms.upto_kwh.shape[0]
    block = np.zeros((home_kw.shape[0], months), np.int64)
    for rows in row_blocks(home_kw.shape):
        total = _by_rate(terms, np.asarray(home_kw[rows]), per).sum(2)
        block[rows] = (total[..., None] > terms.upto_kwh).sum(2)
    if not len(block):
        return PlanBlocks(np.zeros(0, np.int64), np.zeros((1, months), np.int64))
    held, home_class = np.unique(block, axis=0, return_inverse=True)
    return PlanBlocks(home_class.ravel(), held)


def plan_prices(terms: RetailTerms, block: Index, hour: Index) -> tuple[Col, Col]:
    """Return the prices that homes plan on by class, given its blocks (c, m), in hours (h,) of the run: for import and export.

    They have shape (c, h) each [$/kWh].
    """
    rate = terms.rate[hour]
    price = terms.per_kwh[rate, block[:, terms.month[hour]]]
    if terms.export_per_kwh is None:
        return price, price
    return price, np.minimum(terms.export_per_kwh[rate], price - BELOW_PER_KWH)


def _sum_cells(terms: RetailTerms, hourly_kwh: Col) -> Col:
    """Return what hours (k, H) [kWh] add up to by month and rate, shape (k, m, p) [kWh]."""
    months, rates = len(terms.fixed_usd), len(terms.per_kwh)
    cell = terms.month[: terms.run_h] * rates + terms.rate[: terms.run_h]
    member = (cell[:, None] == np.arange(months * rates)).astype(np.float64)
    return np.asarray((hourly_kwh @ member).reshape(-1, months, rates))


def _by_hour(power_kw: Col, per: int) -> Col:
    """Return the energy of every hour, (k, H) [kWh], of the power of intervals (k, t) [kW]."""
    return np.asarray(power_kw.reshape(len(power_kw), -1, per).mean(2))


def _by_rate(terms: RetailTerms, power_kw: Col, per: int) -> Col:
    """Return what homes (k, t) [kW] are billed for by month and rate, (k, m, p) [kWh]: import, or under net metering the net."""
    billed = power_kw if terms.export_per_kwh is None else power_kw.clip(min=0)
    return _sum_cells(terms, _by_hour(billed, per))


def _energy_usd(terms: RetailTerms, kwh: Col) -> tuple[Col, Col]:
    """Return what energy (k, m, p) [kWh] costs at the first block, and what the blocks beyond add, (k, m) each [$]."""
    first = (kwh * terms.per_kwh[:, 0]).sum(2)
    if terms.per_kwh.shape[1] == 1:
        return first, np.zeros_like(first)
    total = kwh.sum(2)
    lower = terms.upto_kwh
    upper = np.concatenate([lower[:, 1:], np.full((len(lower), 1), np.inf)], 1)
    inside = (np.minimum(total[..., None], upper) - lower).clip(min=0)  # (k, m, b - 1)
    part = np.divide(
        inside, total[..., None], out=np.zeros_like(inside), where=total[..., None] > 0
    )
    more = terms.per_kwh[:, 1:] - terms.per_kwh[:, :1]
    return first, np.asarray(np.einsum("kmp,kmb,pb->km", kwh, part, more))


def _export_usd(terms: RetailTerms, power_kw: Col, per: int) -> Col:
    """Return what homes (k, t) [kW] are paid for export by month, (k, m) [$]; under net metering it is in their energy."""
    if terms.export_per_kwh is None:
        return np.zeros((len(power_kw), len(terms.fixed_usd)))
    given = _sum_cells(terms, _by_hour((-power_kw).clip(min=0), per))
    return np.asarray((given * terms.export_per_kwh).sum(2))


def _demand_usd(terms: RetailTerms, power_kw: Col, per: int) -> Col:
    """Return what homes (k, t) [kW] pay for demand by month, (k, m) [$]; a mean that exports is none."""
    paid = np.zeros((len(power_kw), len(terms.fixed_usd)))
    for each in terms.demand:
        steps = max(1, each.window_minutes * per // 60)
        mean_kw = power_kw.reshape(len(power_kw), -1, steps).mean(2).clip(min=0)
        windows = per // steps
        counted = np.repeat(each.counted[: terms.run_h], windows)
        month = np.repeat(terms.month[: terms.run_h], windows)
        for row in range(paid.shape[1]):
            own = mean_kw[:, counted & (month == row)]
            paid[:, row] += each.per_kw[row] * own.max(1, initial=0.0)
    return paid
