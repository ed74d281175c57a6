"""How far a home lets its import go under a demand charge: the cap beyond which one kW more costs as much as it saves.

What a home pays is the least cost under a cap, which is convex in the cap, and the charge for what the cap is above the largest
hour so far. With import beyond the cap at the charge itself, the price inside the home says what a kW more would save, hour by
hour: their sum is the slope, and halving the range finds where it meets the charge.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.stores.value import Stores
from gridagora.kernels.stores.value import rows as some_rows
from gridagora.run.home_limits import HomeLimits
from gridagora.run.internal_price import Effort, InternalPrices, find_internal_prices

WIDTH_KW = 0.05  # of the range that is left: a charge of 5 $/kW and month then costs less than a cent a day too much
NEAR = 0.1  # of the charge: so near a cap of the hour before stands, the price inside being no better known


# prices inside must be known well for their sum to say what a kW saves: 12 rounds miss the best cap by .3 kW, these by .05; they
# rise to the charge, some dollars, and so in larger steps
WELL = Effort(60, 10, 1e-4, 0.1)


class MeterProblem(NamedTuple):
    """What n homes plan at their meters, as `find_internal_prices` takes it; prices have a row for each home."""

    specs: tuple[Stores, ...]
    home: tuple[Index, ...]  # (k,) of every row of a table
    net_kw: Col  # (n, h)
    buy_per_kwh: Col  # (n, h)
    sell_per_kwh: Col  # (n, h)
    before: Col | None  # (n, h) [$/kWh]
    begin_kw: tuple[Col, ...]  # (k, h) by table; () where there are none


class DemandTerms(NamedTuple):
    """Charge of n homes for a kW of their largest hour (n,) [$/kW], hours that count (n, h), and the largest so far (n,) [kW]."""

    charge_per_kw: Col
    counted: Flag
    peak_kw: Col


def take_problem(problem: MeterProblem, homes: Index) -> MeterProblem:
    """Return the problem of some homes (k,), numbered anew."""
    number = np.full(len(problem.net_kw), -1)
    number[homes] = np.arange(len(homes))
    kept = [number[at] >= 0 for at in problem.home]
    return MeterProblem(
        tuple(some_rows(spec, own) for spec, own in zip(problem.specs, kept, strict=True)),
        tuple(number[at[own]] for at, own in zip(problem.home, kept, strict=True)),
        problem.net_kw[homes],
        problem.buy_per_kwh[homes],
        problem.sell_per_kwh[homes],
        None if problem.before is None else problem.before[homes],
        tuple(p_kw[own] for p_kw, own in zip(problem.begin_kw, kept, strict=False)),
    )


def limit_by_caps(terms: DemandTerms, cap_kw: Col) -> HomeLimits:
    """Return the caps (n,) [kW] as limits of the hours that count, beyond which import costs the charge."""
    limit_kw = np.where(terms.counted, cap_kw[:, None], np.inf)
    return HomeLimits(limit_kw, np.where(terms.counted, terms.charge_per_kw[:, None], 0.0))


def choose_caps(
    problem: MeterProblem, terms: DemandTerms, last_kw: Col, width_kw: float = WIDTH_KW
) -> tuple[Col, InternalPrices]:
    """Return the cap of every home, shape (n,) [kW], at least its largest hour so far, and the prices it plans on under it.

    Parameters
    ----------
    problem, terms
        What homes plan, and what demand costs them.
    last_kw
        Caps of the hour before, shape (n,) [kW], which stand where they still fit.
    width_kw
        How near the best cap is found.
    """
    charge, cap_kw = terms.charge_per_kw, np.maximum(terms.peak_kw, last_kw)
    found = _plan(problem, terms, cap_kw)
    slope = _saved(found, problem.buy_per_kwh, terms.counted)
    spent = cap_kw <= terms.peak_kw
    stands = (slope <= (1.0 + NEAR) * charge) & (spent | (slope >= (1.0 - NEAR) * charge))
    homes = np.flatnonzero(~stands & (charge > 0))
    if not homes.size:
        return cap_kw, found
    part, some = take_problem(problem, homes), _take_terms(terms, homes)
    rises = slope[homes] > some.charge_per_kw
    low = np.where(rises, cap_kw[homes], some.peak_kw)
    high = np.maximum(low, np.where(rises, _most_kw(part), cap_kw[homes]))

    def saved(rows: Index, cap: Col) -> Col:
        own, those = take_problem(part, rows), _take_terms(some, rows)
        return _saved(_plan(own, those, cap), own.buy_per_kwh, those.counted)

    cap_kw[homes] = _halve(saved, some.charge_per_kw, (low, high), width_kw)
    return cap_kw, _put(found, _plan(part, some, cap_kw[homes]), problem.home, homes)


def _take_terms(terms: DemandTerms, homes: Index) -> DemandTerms:
    charge, counted, peak = terms
    return DemandTerms(charge[homes], counted[homes], peak[homes])


def _plan(problem: MeterProblem, terms: DemandTerms, cap_kw: Col) -> InternalPrices:
    return find_internal_prices(*problem, limit_by_caps(terms, cap_kw), WELL)


def _saved(found: InternalPrices, buy_per_kwh: Col, counted: Flag) -> Col:
    """Return what one kW more of its cap would save each home, shape (n,) [$/kW]."""
    more = (found.price_per_kwh - buy_per_kwh).clip(min=0)
    return np.asarray(np.where(counted, more, 0.0).sum(1))


def _put(
    whole: InternalPrices, part: InternalPrices, home: tuple[Index, ...], homes: Index
) -> InternalPrices:
    """Write the plans of some homes (k,) into those of all, whose rows belong to `home` (r,) by table."""
    for column, own in zip(whole[:3], part[:3], strict=True):
        column[homes] = own
    for p_kw, own_kw, at in zip(whole.p_kw, part.p_kw, home, strict=True):
        p_kw[np.isin(at, homes)] = own_kw
    return whole


def _halve(
    saved: Callable[[Index, Col], Col], charge: Col, between: tuple[Col, Col], width_kw: float
) -> Col:
    """Return the caps (k,) [kW] at which a kW more saves the charge (k,) [$/kW], each home by itself."""
    low, high = between[0].copy(), between[1].copy()
    open_rows = np.flatnonzero(high - low > width_kw)
    while open_rows.size:
        middle = 0.5 * (low[open_rows] + high[open_rows])
        dear = saved(open_rows, middle) > charge[open_rows]
        low[open_rows[dear]], high[open_rows[~dear]] = middle[dear], middle[~dear]
        open_rows = np.flatnonzero(high - low > width_kw)
    return high


def _most_kw(problem: MeterProblem) -> Col:
    """Return the most that each home could import in an hour, (n,) [kW]."""
    most = problem.net_kw.copy()
    for spec, at in zip(problem.specs, problem.home, strict=True):
        np.add.at(most, at, spec.p_max_kw.clip(min=0))
    return np.asarray(most.max(1, initial=0.0))
