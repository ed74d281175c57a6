"""Operating envelopes: each home gets a limit of its import for every hour, its share of what the substation can carry.

Homes that all keep to their envelope together keep the limit, whatever they do within it. A kWh beyond the envelope costs a home
what a kWh beyond the limit of the substation costs. Envelopes are posted a day ahead and need no word from a home. Where the
operator guards the whole feeder (`[network] envelopes`), it adds limits of import and export that keep voltages and ratings.

References
----------
Dynamic operating envelopes, by equal or weighted shares of a limit: A. Wickramasinghe and others, A review of dynamic operating
envelopes, Modelling 6(2) 29 (2025), doi 10.3390/modelling6020029; M. Z. Liu and others, Using OPF-based operating envelopes to
facilitate residential DER services, IEEE Trans. Smart Grid 13 (2022), doi 10.1109/TSG.2022.3188927.
"""

from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.encoding import message_bytes
from gridagora.core.errors import PartError, Problem, nearest
from gridagora.core.exchange import LAYOUT, ExportLimits, MeterFees, MeterLimits, Plans
from gridagora.core.lean import NUMBER_BITS
from gridagora.core.network_operator import EnvelopeRequest, EnvelopeState
from gridagora.core.product import HOUR_S
from gridagora.core.records import row_blocks
from gridagora.core.session import (
    Baseline,
    HourPlan,
    Opening,
    PeerMessages,
    Planning,
    Posted,
    State,
)
from gridagora.core.tables import Col
from gridagora.mechanisms.network_price import substation_of
from gridagora.mechanisms.nodal_fee import FEE, hear_fees

SHARES = ("equal", "baseline", "connection")
ENVELOPES = ("none", "envelope", FEE)  # what the operator may do beside a design that posts prices
DAY_H = 24
RESERVE_SHARE = 0.03  # of the limit of the substation, for on/off units that cannot follow exactly


class HomeEnvelopes(NamedTuple):
    """What the operator posts, as a plan holds it: limits of import and export, and fees, None where there are none.

    `by_interval` says whether limits hold in each interval, not on the mean of the hour.
    """

    limits: MeterLimits | None = None
    export_limits: ExportLimits | None = None
    by_interval: bool = False
    fees: MeterFees | None = None


def share_limit(baseline: Baseline, by: str, sign: float = 1.0) -> Col:
    """Return the part of the substation's limit that each home gets, (n,) or by hour of day in UTC (n, 24) [1], sums of one.

    Parameters
    ----------
    baseline
        Of homes under the flat rate.
    by
        "equal": parts alike; "baseline": by what each imports there in the same hour of day, alike in hours without import.
    sign
        1 of import, -1 of export.

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
        [(sign * np.asarray(homes[rows])).clip(min=0) @ of_hour for rows in row_blocks(homes.shape)]
    )
    total = imported.sum(0)
    return np.where(total > 0, imported / np.where(total > 0, total, 1.0), even[:, None])


def share_if_limited(baseline: Baseline, network: str, by: str) -> Col | None:
    """Return the parts of the limit as `share_limit`, (n,) or (n, 24) [1]; None where homes get none or nothing is limited.

    Sizes of connections are known to the operator alone, who tells those parts.
    """
    if network != "envelope" or by == "connection" or not np.isfinite(baseline.limit_kw):
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


def hear_envelopes(
    opening: Opening,
    rule: str,
    reserve_share: float,
    own: MeterLimits | None = None,
    prices_per_kwh: tuple[Col, Col | None] | None = None,
) -> Generator[Any, Any, HomeEnvelopes]:
    """Ask the operator for the envelopes of a plan, and post them where the gate of the day ahead closes.

    Parameters
    ----------
    opening
        Of a look-ahead.
    rule
        How what the network carries is shared, one of `SHARES`.
    reserve_share
        Part of the substation's limit that stays free.
    own
        Limits that the design made from the substation's limit itself; None: by the share that the operator tells.
    prices_per_kwh
        Of import and export that homes expect, (h,) or (n, h) each [$/kWh], by which they buy of a second tier; None: they
        buy nothing.
    """
    told = yield EnvelopeRequest(opening.product, rule, *(prices_per_kwh or ()))
    found = HomeEnvelopes(own)
    if isinstance(told, EnvelopeState):
        if told.orders:
            yield _count_orders(opening, told)
        limits = own or _share_substation(opening, told.share, reserve_share)
        found = _add_feeder(opening, told, limits)
    if opening.binds:
        for posted in (found.limits, found.export_limits):
            if posted is not None:
                yield Posted(posted)
    return found


def hold_envelopes(
    plan: HourPlan[State], opening: Opening, network: str, rule: str
) -> Planning[State]:
    """Return a plan with the envelopes of the operator, where a design has `network` "envelope"; with its fees under "fee"."""
    if network == FEE:
        fees = yield from hear_fees(opening, plan.price_per_kwh, plan.credit_per_kwh)
        return plan._replace(fees=fees)
    if network != "envelope":
        return plan
    prices = plan.price_per_kwh, plan.credit_per_kwh
    envelopes = yield from hear_envelopes(opening, rule, RESERVE_SHARE, prices_per_kwh=prices)
    return plan._replace(**envelopes._asdict())


def check_envelope(where: str, network: str, rule: str) -> list[Problem]:
    """Return what is wrong with the two keys of envelopes of a design that posts prices."""
    words = (("network", network, ENVELOPES), ("envelope", rule, SHARES))
    return [
        Problem(f"{where}.{key}", repr(got), "one of " + ", ".join(known), nearest(got, known))
        for key, got, known in words
        if got not in known
    ]


def _count_orders(opening: Opening, told: EnvelopeState) -> PeerMessages:
    """Return the messages by which homes order of a second tier, a limit of either direction for each hour."""
    steps = told.share.shape[1]
    size = 2 * message_bytes(LAYOUT[Plans], steps)
    numbers = 2 * steps * told.orders
    return PeerMessages(2 * told.orders, told.orders * size, 1, numbers, NUMBER_BITS * numbers)


def _share_substation(opening: Opening, share: Col, reserve_share: float) -> MeterLimits | None:
    room = substation_of(opening, reserve_share)
    if not np.isfinite(room.high_kw).all():
        return None
    limit_kw = share * room.high_kw.clip(min=0)
    over = np.full(limit_kw.shape, room.over_per_kwh)
    return MeterLimits(opening.product, opening.party, limit_kw, over)


def _add_feeder(opening: Opening, told: EnvelopeState, limits: MeterLimits | None) -> HomeEnvelopes:
    """Return envelopes that keep the feeder too: of two limits of import the lower."""
    if told.import_kw is None or told.export_kw is None:
        return HomeEnvelopes(limits)
    product, party = opening.product, opening.party
    over = np.full(told.import_kw.shape, told.over_per_kwh)
    imports, exports = (
        MeterLimits(product, party, told.import_kw, over),
        ExportLimits(product, party, told.export_kw, over),
    )
    if limits is not None:
        imports = imports._replace(
            limit_kw=np.minimum(imports.limit_kw, limits.limit_kw),
            over_per_kwh=np.maximum(over, limits.over_per_kwh),
        )
    return HomeEnvelopes(imports, exports, by_interval=True)
