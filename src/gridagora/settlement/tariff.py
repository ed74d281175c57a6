"""Tariffs that earn what the baseline costs: import prices of a given shape, with or without a lower credit for export."""

from typing import NamedTuple

import numpy as np

from gridagora.core.errors import InputError, PartError, Problem
from gridagora.core.exchange import Quotes, quote
from gridagora.core.records import row_blocks
from gridagora.core.session import (
    Baseline,
    Clearing,
    HourPlan,
    Opening,
    Planning,
    Posted,
    Session,
    State,
)
from gridagora.core.tables import Col, Flag

NET_METERING = float(
    "inf"
)  # no credit is below the import price: what leaves a home is paid as what enters it
ROUNDING = 1e-12  # a credit equal to the price may come out of the division a little above it


class Tariff(NamedTuple):
    """Import price and export credit of every interval, set before the run; the credit never exceeds the price.

    Where homes are in g groups, the price of home r is that of row r % g.
    """

    start_s: int
    duration_s: int
    import_per_kwh: Col  # (T,), or (g, T)
    credit_per_kwh: Col  # (T,), or (g, T)


def check_credit(where: str, credit_per_kwh: float) -> list[Problem]:
    """Return what is wrong with an export credit: homes are paid for what they send, or nothing, but do not pay for it."""
    if credit_per_kwh >= 0:
        return []
    return [Problem(f"{where}.credit_per_kwh", f"{credit_per_kwh:g}", "a price of 0 or more")]


def set_tariff(baseline: Baseline, shape: Col, credit_per_kwh: float = NET_METERING) -> Tariff:
    """Return the tariff that earns what the baseline costs; export earns credit_per_kwh.

    Prices are in the ratio of `shape` (T,) or, where homes are in groups, (g, T): revenue of all groups together is the cost.

    Raises
    ------
    InputError
        As `neutral_per_kwh` does.
    PartError
        Groups of a baseline that does not say what each home takes.
    """
    if baseline.fixed_per_kwh is not None:
        price = np.full(shape.shape, baseline.fixed_per_kwh)
    else:
        load_kw, exported_kw = baseline.load_kw, baseline.exported_kw
        if shape.ndim > 1:
            load_kw, exported_kw = sum_groups(baseline, len(shape))
        price = neutral_per_kwh(
            shape, baseline.cost_usd_per_h, load_kw, exported_kw, credit_per_kwh
        )
    return Tariff(baseline.start_s, baseline.duration_s, price, np.minimum(price, credit_per_kwh))


def sum_groups(baseline: Baseline, groups: int) -> tuple[Col, Col]:
    """Return net load and export of the homes of each group, (g, t) each [kW]: home r is in group r % groups.

    Raises
    ------
    PartError
        A baseline that does not say what each home takes.
    """
    homes = baseline.home_kw
    if homes is None:
        raise PartError(
            "a tariff by group of homes: the baseline does not say what each home takes"
        )
    load_kw, exported_kw = np.zeros((groups, homes.shape[1])), np.zeros((groups, homes.shape[1]))
    for rows in row_blocks(homes.shape):
        power, group = np.asarray(homes[rows]), np.arange(rows.start, rows.stop) % groups
        for row in range(groups):
            own = power[group == row]
            load_kw[row] += own.sum(0)
            exported_kw[row] += (-own).clip(min=0).sum(0)
    return load_kw, exported_kw


def select_products(tariff: Tariff, opening: Opening) -> tuple[Col, Col]:
    """Return import price and credit of the h products of an opening, (h,) or by group (g, h) each [$/kWh].

    An hour has those of its first interval.
    """
    product, first = (
        opening.product,
        (opening.product.start_s - tariff.start_s) // tariff.duration_s,
    )
    at = first + product.duration_s // tariff.duration_s * np.arange(
        len(opening.supply.import_per_kwh)
    )
    return tariff.import_per_kwh[..., at], tariff.credit_per_kwh[..., at]


def tariff_quotes(tariff: Tariff, opening: Opening) -> Quotes:
    """Return price and credit of the products of an opening, quoted to all parties: homes, where they are in groups."""
    prices = select_products(tariff, opening)
    if tariff.import_per_kwh.ndim > 1:
        group = opening.party % len(tariff.import_per_kwh)
        prices = prices[0][group], prices[1][group]
    return quote(opening.product, opening.party, *prices)


def plan_on(quotes: Quotes, state: State) -> Planning[State]:
    """Post price and credit of the window and let homes plan on both; nobody answers."""
    yield Posted(quotes)
    return HourPlan(quotes.buy_per_kwh[0], state, quotes.sell_per_kwh[0])


def plan_each(quotes: Quotes, state: State) -> Planning[State]:
    """Post price and credit of the window to each party, and let each home plan on its own; nobody answers."""
    yield Posted(quotes)
    return HourPlan(quotes.buy_per_kwh, state, quotes.sell_per_kwh)


def plan_at(quotes: Quotes, state: State) -> Planning[State]:
    """Post the price of the window and let homes plan on it, for what they sell too; nobody answers."""
    yield Posted(quotes)
    return HourPlan(quotes.buy_per_kwh[0], state)


def post(quotes: Quotes) -> Session:
    """Post the price of the interval; nobody answers and nothing binds."""
    yield Posted(quotes)
    return Clearing(posted=quotes)


def make_kinked(buy_per_kwh: Col | float, sell_per_kwh: Col | float) -> Flag:
    """Return where export earns less than import costs, beyond the last digits, any shape [$/kWh]."""
    return np.asarray(sell_per_kwh < buy_per_kwh - ROUNDING * np.abs(buy_per_kwh))


def neutral_per_kwh(
    shape: Col, cost_usd_per_h: Col, load_kw: Col, exported_kw: Col | float, credit_per_kwh: float
) -> Col:
    """Return the import price of every interval, shape (T,) [$/kWh], whose revenue on the baseline is its cost (theory 3.2).

    Where homes are in g groups, shape, load and export have a row for each, and so does the price.

    Parameters
    ----------
    shape
        Relative price of every interval, shape (T,) or (g, T), T >= t.
    cost_usd_per_h
        What the homes of the baseline cost, shape (t,) [$/h].
    load_kw
        Their load net of what they export, shape (t,) or (g, t) [kW].
    exported_kw
        What these homes export, shape (t,) or (g, t) [kW]; not read under net metering.
    credit_per_kwh
        Paid for it. Revenue is the price of all import less this credit for all export.

    Raises
    ------
    InputError
        A credit below zero or above the cheapest import price.
    """
    known = shape[..., : load_kw.shape[-1]]
    owed, sold = cost_usd_per_h.sum(), known * load_kw
    if credit_per_kwh == NET_METERING:
        return np.asarray(shape * (owed / sold.sum()))
    owed += credit_per_kwh * np.sum(exported_kw)
    price = np.asarray(shape * (owed / (sold + known * exported_kw).sum()))
    if not 0 <= credit_per_kwh <= price.min() + ROUNDING * abs(price.min()):
        expected = (
            f"0 to at most the cheapest import price of the design, here {price.min():.4f} $/kWh"
        )
        hint = "Import prices are set to earn what the baseline load costs. Leave the key out for net metering."
        raise InputError(
            [Problem("[tariff] credit_per_kwh", f"{credit_per_kwh:g} $/kWh", expected, hint)]
        )
    return price
