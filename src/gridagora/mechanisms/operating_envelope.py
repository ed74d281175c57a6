"""Operating envelopes: each home gets a limit of its import for every hour, its share of what the substation can carry.

Homes that all keep to their envelope together keep the limit, whatever they do within it. A kWh beyond the envelope costs a home
what a kWh beyond the limit of the substation costs. Envelopes are posted a day ahead and need no word from a home. They bound
import, not export.

References
----------
Dynamic operating envelopes, by equal or weighted shares of a limit: A. Wickramasinghe and others, A review of dynamic operating
envelopes, Modelling 6(2) 29 (2025), doi 10.3390/modelling6020029; M. Z. Liu and others, Using OPF-based operating envelopes to
facilitate residential DER services, IEEE Trans. Smart Grid 13 (2022), doi 10.1109/TSG.2022.3188927.
"""

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import MeterLimits
from gridagora.core.product import HOUR_S
from gridagora.core.records import row_blocks
from gridagora.core.session import Baseline, Opening
from gridagora.core.tables import Col
from gridagora.mechanisms.network_price import substation_of

SHARES = ("equal", "baseline")
DAY_H = 24


def share_limit(baseline: Baseline, by: str) -> Col:
    """Return the part of the substation's limit that each home gets, (n,) or by hour of day in UTC (n, 24) [1], sums of one.

    Parameters
    ----------
    baseline
        Of homes under the flat rate.
    by
        "equal": parts alike; "baseline": by what each imports there in the same hour of day, alike in hours without import.

    Raises
    ------
    PartError
        A baseline that does not say what each home takes.
    """
    homes = baseline.home_kw
    if homes is None:
        raise PartError(
            "operating envelopes: the baseline does not say what each home takes, expected their power"
        )
    n = homes.shape[0]
    even = np.full(n, 1.0 / max(n, 1))
    if by == "equal":
        return even
    hour = (baseline.start_s + baseline.duration_s * np.arange(homes.shape[1])) // HOUR_S % DAY_H
    of_hour = (hour[:, None] == np.arange(DAY_H)).astype(np.float64)
    imported = np.concatenate(
        [np.asarray(homes[rows]).clip(min=0) @ of_hour for rows in row_blocks(homes.shape)]
    )
    total = imported.sum(0)
    return np.where(total > 0, imported / np.where(total > 0, total, 1.0), even[:, None])


def share_if_limited(baseline: Baseline, network: str, by: str) -> Col | None:
    """Return the parts of the limit as `share_limit`, (n,) or (n, 24) [1]; None where homes get none or nothing is limited."""
    if network != "envelope" or not np.isfinite(baseline.limit_kw):
        return None
    return share_limit(baseline, by)


def post_envelope(opening: Opening, share: Col, reserve_share: float) -> MeterLimits | None:
    """Return the limit of import of each home in every hour of a plan, from its part of the substation's limit.

    Parts are (n,) or (n, 24) [1] as `share_limit` returns them. Other customers come first, and the share `reserve_share` of the
    limit stays free. None where the substation has no limit.
    """
    room = substation_of(opening, reserve_share)
    if not np.isfinite(room.high_kw).all():
        return None
    if share.ndim > 1:
        first = opening.product.start_s // HOUR_S
        of_hour = share[:, (first + np.arange(len(room.high_kw))) % DAY_H]
    else:
        of_hour = share[:, None]
    limit_kw = of_hour * room.high_kw.clip(min=0)
    over = np.full(limit_kw.shape, room.over_per_kwh)
    return MeterLimits(opening.product, opening.party, limit_kw, over)
