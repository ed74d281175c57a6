"""Tariffs that earn what the baseline costs: import prices of a given shape, with or without a lower credit for export."""

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col, Flag

NET_METERING = float("inf")  # no credit is below the import price: what leaves a home is paid as what enters it
ROUNDING = 1e-12  # a credit equal to the price may come out of the division a little above it


def kinked(buy_per_kwh: Col | float, sell_per_kwh: Col | float) -> Flag:
    """Return where export earns less than import costs, beyond the last digits."""
    return np.asarray(sell_per_kwh < buy_per_kwh - ROUNDING * np.abs(buy_per_kwh))


def neutral_per_kwh(shape: Col, cost_usd_per_h: Col, load_kw: Col, exported_kw: Col | float, credit_per_kwh: float) -> Col:
    """Return the import price of every interval, shape (T,) [$/kWh], whose revenue on the baseline is its cost (theory 3.2).

    Parameters
    ----------
    shape
        Relative price of every interval, shape (T,), T >= t.
    cost_usd_per_h, load_kw
        What the homes of the baseline cost, and their load net of what they export, shape (t,) [$/h, kW].
    exported_kw
        What these homes export, shape (t,) [kW]; not read under net metering.
    credit_per_kwh
        Paid for it. Revenue is the price of all import less this credit for all export.

    Raises
    ------
    InputError
        A credit below zero or above the cheapest import price.
    """
    owed, sold = cost_usd_per_h.sum(), shape[: len(load_kw)] * load_kw
    if credit_per_kwh == NET_METERING:
        return np.asarray(shape * (owed / sold.sum()))
    owed += credit_per_kwh * np.sum(exported_kw)
    price = np.asarray(shape * (owed / (sold + shape[: len(load_kw)] * exported_kw).sum()))
    if not 0 <= credit_per_kwh <= price.min() + ROUNDING * abs(price.min()):
        expected = f"0 to at most the cheapest import price of the design, here {price.min():.4f} $/kWh"
        hint = "Import prices are set to earn what the baseline load costs. Leave the key out for net metering."
        raise InputError([Problem("[tariff] credit_per_kwh", f"{credit_per_kwh:g} $/kWh", expected, hint)])
    return price
