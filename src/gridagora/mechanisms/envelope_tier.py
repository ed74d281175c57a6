"""Envelopes by tier: a part that every home has for nothing, and a second tier of which it buys what it plans to use.

The whole envelopes of homes keep the network whatever each does within its own, so any parts of them do. By which rule the whole
is shared is said elsewhere (`mechanisms.operating_envelope`); each home has the same share of its own as firm. What one does not
buy stays unused: it is not passed on within the day.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gridagora.core.tables import Col


class Tiers(NamedTuple):
    """The two tiers of n homes over h hours: limits of import and export with what was bought, and that, (n, h) each [kW]."""

    import_kw: Col
    export_kw: Col
    bought_kw: Col  # of both directions together


def buy_tiers(
    whole_kw: tuple[Col, Col],
    firm_share: float,
    prices_per_kwh: tuple[Col, Col],
    tier_per_kwh: float,
    plan: Callable[[Col], Col],
) -> Tiers:
    """Return what homes have after each bought what it plans to use beyond its firm part at the price of the second tier.

    A home plans at the prices that it expects. In hours in which that is beyond its firm part it plans again with the price of
    the tier on top of import, and off what export earns; what it then still takes or gives beyond is what it buys.

    Parameters
    ----------
    whole_kw
        Limits of import and of export of whole envelopes, shape (n, h) each [kW].
    firm_share
        Part that homes have for nothing [share].
    prices_per_kwh
        Of import and of export, shape (n, h) each [$/kWh].
    tier_per_kwh
        Of a kW of the second tier for an hour [$/kWh].
    plan
        Returns what homes take at prices inside them, both (n, h) [$/kWh], [kW].
    """
    firm_in, firm_out = (firm_share * each for each in whole_kw)
    buy, sell = prices_per_kwh
    p_kw = plan(buy)
    if (sell < buy).any():
        p_kw = plan(np.where(p_kw < 0, sell, buy))
    inside = np.where(p_kw < 0, sell, buy)
    more = np.where(p_kw > firm_in, 1.0, np.where(p_kw < -firm_out, -1.0, 0.0))
    if tier_per_kwh > 0 and more.any():
        p_kw = plan(inside + tier_per_kwh * more)
    limits = (
        np.where(more > 0, np.clip(p_kw, firm_in, whole_kw[0]), firm_in),
        np.where(more < 0, np.clip(-p_kw, firm_out, whole_kw[1]), firm_out),
    )
    return Tiers(*limits, (limits[0] - firm_in) + (limits[1] - firm_out))
