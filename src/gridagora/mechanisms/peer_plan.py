"""The look-ahead of peers: the curve of each home in an hour to come, from two of its plans, and what an hour is worth to it."""

from collections.abc import Sequence

import numpy as np

from gridagora.core.session import Opening
from gridagora.core.tables import Col
from gridagora.kernels.curves.curve import Curves
from gridagora.mechanisms.peer_deal import Deal


def place_between(deals: Sequence[Deal], highest_per_kwh: Col, lowest_per_kwh: Col) -> Col:
    """Return where the worth of an hour lies between two prices (n, h) [$/kWh], shape (n, h), 0..1; 1 where they are equal."""
    above = np.stack([deal.worth_per_kwh for deal in deals], axis=1) - lowest_per_kwh
    share: Col = np.divide(
        above,
        highest_per_kwh - lowest_per_kwh,
        out=np.ones_like(highest_per_kwh),
        where=highest_per_kwh > lowest_per_kwh,
    )
    return share.clip(0, 1)


def select_hour(opening: Opening, t: int) -> Opening:
    """Return an opening restricted to its hour t."""
    supply, step = opening.supply, slice(t, t + 1)
    one = supply._replace(
        import_per_kwh=supply.import_per_kwh[step],
        export_per_kwh=supply.export_per_kwh[step],
        base_kw=supply.base_kw[step],
    )
    return opening._replace(supply=one)


def make_curves(
    p_at_import_kw: Col, p_at_export_kw: Col, import_price_per_kwh: Col, export_price_per_kwh: Col
) -> Curves:
    """Return curves through two plans of n homes; their mean where load shifting makes power lower at the lower price.

    Plans (n,) [kW] at two prices, (n,) [$/kWh].
    """
    mean = (p_at_import_kw + p_at_export_kw) / 2
    falls = p_at_import_kw <= p_at_export_kw
    p_kw = np.column_stack(
        [np.where(falls, p_at_import_kw, mean), np.where(falls, p_at_export_kw, mean)]
    )
    price = np.column_stack([import_price_per_kwh, export_price_per_kwh])
    return Curves(2 * np.arange(len(mean) + 1), p_kw.ravel(), price.ravel())
