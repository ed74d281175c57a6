"""The network operator's answer to a request of operating envelopes: found once a day, shifted from hour to hour."""

from collections.abc import Callable

import numpy as np

from gridagora.core.network_operator import EnvelopeRequest, EnvelopeState
from gridagora.core.product import HOUR_S
from gridagora.core.session import Baseline
from gridagora.core.tables import Col
from gridagora.grid.envelopes import Envelopes, EnvelopeShares, Surroundings, find_envelopes
from gridagora.mechanisms.envelope_tier import buy_tiers
from gridagora.mechanisms.operating_envelope import share_limit
from gridagora.run.power_flow import TAN_PHI
from gridagora.run.state import RunState, wiring_of

DAY_H = 24


def tell_envelopes(
    desk: RunState,
    asked: EnvelopeRequest,
    hours: int,
    plan: Callable[[Col], Col] | None = None,
) -> EnvelopeState:
    """Return the envelopes of homes over the hours of a look-ahead.

    Those of the feeder are found when the gate of the day ahead closes, at local midnight, with the load of others as it will
    be; hours beyond them are as a day before. Homes that `plan`, from prices inside them to power, both (n, h) [$/kWh], [kW],
    buy of their second tier then, and pay for the hours of a day.
    """
    study = desk.study
    hour = (asked.product.start_s - study.start_s) // HOUR_S
    share = share_room(desk, asked.rule, 1.0, hour, hours)
    over, orders = study.network.prices.rating_over_per_kvah, 0
    if study.network.envelopes != "feeder":
        return EnvelopeState(share, None, None, over)
    if desk.envelopes is None or int(study.local_hour[hour]) == 0:
        whole = _find(desk, asked.rule, hour, hours)
        desk.envelopes = hour, whole if plan is None else _buy_tiers(desk, asked, whole, plan)
        orders = len(share) if study.network.firm_share < 1 else 0
    first, kept = desk.envelopes
    at = hour - first + np.arange(hours)
    known = kept.import_kw.shape[1]
    at = np.where(at < known, at, at - DAY_H * np.ceil((at - known + 1) / DAY_H).astype(np.int64))
    return EnvelopeState(share, kept.import_kw[:, at], kept.export_kw[:, at], over, orders)


def _buy_tiers(
    desk: RunState, asked: EnvelopeRequest, whole: Envelopes, plan: Callable[[Col], Col]
) -> Envelopes:
    """Return envelopes with what homes bought of their second tier, which they owe from now on; whole where all is firm."""
    rules, shape = desk.study.network, whole.import_kw.shape
    if rules.firm_share == 1.0 or asked.buy_per_kwh is None:
        return whole
    sell = asked.buy_per_kwh if asked.sell_per_kwh is None else asked.sell_per_kwh
    prices = np.broadcast_to(asked.buy_per_kwh, shape), np.broadcast_to(sell, shape)
    limits = whole.import_kw, whole.export_kw
    found = buy_tiers(limits, rules.firm_share, prices, rules.tier_per_kwh, plan)
    desk.tier_kwh = desk.tier_kwh + found.bought_kw[:, :DAY_H].sum(1)
    return whole._replace(import_kw=found.import_kw, export_kw=found.export_kw)


def share_room(desk: RunState, rule: str, sign: float, hour: int, hours: int) -> Col:
    """Return the part of each home, (n, hours) [1] with sums of one, in import for a sign of 1 and in export for -1."""
    n, study = desk.expected_kw.shape[1], desk.study
    if rule == "connection":
        wiring = wiring_of(study)
        rated_kw = wiring.grid.feeder.meters.p_kw[wiring.home_meter]
        size = np.where(rated_kw > 0, rated_kw, rated_kw.mean() or 1.0)
        return np.repeat((size / size.sum())[:, None], hours, axis=1)
    if rule == "equal" or study.baseline_kw is None:
        return np.full((n, hours), 1.0 / max(n, 1))
    none, begun = np.zeros(0), (study.start_s, round(HOUR_S * study.dt_h))
    homes = Baseline(*begun, none.astype(np.int64), none, none, none, home_kw=study.baseline_kw)
    share = share_limit(homes, rule, sign)
    if share.ndim == 1:
        return np.repeat(share[:, None], hours, axis=1)
    first = study.start_s // HOUR_S + hour
    return share[:, (first + np.arange(hours)) % DAY_H]


def _find(desk: RunState, rule: str, hour: int, hours: int) -> Envelopes:
    wiring, study = wiring_of(desk.study), desk.study
    other_kw, n = wiring.other_kw[hour : hour + hours], desk.expected_kw.shape[1]
    around = Surroundings(
        wiring.home_meter,
        other_kw,
        TAN_PHI * other_kw.clip(min=0),
        TAN_PHI,
        study.network.band_pu,
    )
    weights = [n * share_room(desk, rule, sign, hour, hours) for sign in (1.0, -1.0)]
    shares = EnvelopeShares(weights[0], weights[1], np.full(n, study.network.connection_kw))
    return find_envelopes(wiring.grid, around, shares)
