"""Charges for power: subscribed power and what is beyond it, and the largest demand; in tariffs that stay revenue-neutral."""

from collections.abc import Mapping

import numpy as np

from gridagora.core.capacity import CapacityTerms, share_of_month
from gridagora.core.errors import InputError, Problem
from gridagora.core.product import HOUR_S
from gridagora.core.records import RunColumn, row_blocks
from gridagora.core.session import Baseline
from gridagora.core.tables import Col, Index
from gridagora.settlement.tariff import Tariff, set_tariff

SUBSCRIBED = "subscribed power"
EXCESS = "excess energy"  # import beyond the subscribed power
DEMAND = "demand charge"
ITEMS = (SUBSCRIBED, EXCESS, DEMAND)


def mean_by_hour(p_kw: RunColumn, rows: slice, per: int) -> Col:
    """Return what some homes import on the mean of each hour of `per` intervals, (k, H) [kW]; an hour of export is none."""
    power = np.asarray(p_kw[rows])
    means: Col = power.reshape(len(power), -1, per).mean(2)
    return means.clip(min=0)


def capacity_usd(
    terms: CapacityTerms, home_kw: RunColumn, per: int, local_hour: Index
) -> Mapping[str, Col]:
    """Return what every home is charged for power by item, shape (n,) each [$]; items that cost nothing are left out.

    Parameters
    ----------
    terms
        Of all n homes.
    home_kw
        Net power of every home, shape (n, t) [kW].
    per
        Intervals of an hour.
    local_hour
        Hour of day of every hour of the run, shape (H,).
    """
    n = home_kw.shape[0]
    found = {item: np.zeros(n) for item in ITEMS}
    counted = terms.counted[np.asarray(local_hour)[: home_kw.shape[1] // per]]
    finite = np.where(np.isfinite(terms.subscribed_kw), terms.subscribed_kw, 0.0)
    found[SUBSCRIBED] += terms.subscription_per_kw * finite
    for rows in row_blocks(home_kw.shape):
        mean_kw = mean_by_hour(home_kw, rows, per)
        beyond = (mean_kw - terms.subscribed_kw[rows, None]).clip(min=0).sum(1)
        found[EXCESS][rows] += terms.over_per_kwh * beyond
        largest = mean_kw[:, counted].max(1, initial=0.0)
        found[DEMAND][rows] += terms.demand_per_kw * largest
    return {item: usd for item, usd in found.items() if usd.any()}


def hours_of(baseline: Baseline) -> tuple[int, Index]:
    """Return the intervals of an hour, and the local hour of day of every hour of a baseline, shape (H,)."""
    per = HOUR_S // baseline.duration_s
    return per, np.asarray(baseline.local_hour[::per]).astype(np.int64)


def set_energy_rates(
    baseline: Baseline, terms: CapacityTerms, shape: Col, credit_per_kwh: float, where: str
) -> Tariff:
    """Return the energy rates in the ratio of `shape` (T,) that earn what charges for power leave of the cost of the baseline.

    Raises
    ------
    InputError
        Charges that earn so much on the baseline that energy would cost nothing or less; `where` names their key.
    """
    if baseline.home_kw is None:
        return set_tariff(baseline, shape, credit_per_kwh)
    per, local_hour = hours_of(baseline)
    charged = capacity_usd(terms, baseline.home_kw, per, local_hour)
    earned = float(sum(usd.sum() for usd in charged.values()))
    hours = len(baseline.cost_usd_per_h) / per
    left = baseline._replace(cost_usd_per_h=baseline.cost_usd_per_h - earned / hours)
    whole = float(baseline.cost_usd_per_h.sum()) / per
    if earned >= whole > 0:
        expected = f"charges that earn less on the baseline than it costs, {whole:.2f} $"
        hint = "Lower the charge: what it earns is taken off the rate of energy."
        raise InputError([Problem(where, f"{earned:.2f} $", expected, hint)])
    return set_tariff(left, shape, credit_per_kwh)


def charge_of_run(baseline: Baseline, charge_per_kw_month: float) -> float:
    """Return what a kW costs over the days of a baseline [$], given its price [$/kW and month]."""
    days = len(baseline.cost_usd_per_h) * baseline.duration_s / 86_400
    return charge_per_kw_month * share_of_month(days)


def check_not_negative(where: str, value: float) -> list[Problem]:
    """Return what is wrong with a power or a charge, which may be nothing but not less."""
    if 0 <= value < float("inf"):
        return []
    return [Problem(where, str(value), "a number of 0 or more")]


def window_shape(
    local_hour: Index, peak_start_h: float, peak_end_h: float, peak_ratio: float
) -> Col:
    """Return the price of intervals as a ratio, shape (T,), from their local hour of day [h]: `peak_ratio` in the window, else 1.

    The window is [peak_start_h, peak_end_h).
    """
    inside = (local_hour >= peak_start_h) & (local_hour < peak_end_h)
    return np.where(inside, peak_ratio, 1.0)


def check_window(
    where: str, peak_start_h: float, peak_end_h: float, peak_ratio: float
) -> list[Problem]:
    """Return what is wrong with a daily window and the ratio of its price to that of all other hours."""
    problems = []
    if not 0 <= peak_start_h < peak_end_h <= 24:
        got = f"{peak_start_h} to {peak_end_h} h"
        problems.append(Problem(where, got, "0 <= peak_start_h < peak_end_h <= 24"))
    if not 0 < peak_ratio < float("inf"):
        problems.append(Problem(f"{where}.peak_ratio", str(peak_ratio), "a number above 0"))
    return problems
