"""End-users as quadratic utilities, identified from what they would take at three prices: own hours and total energy.

A follower of the game takes d = R (a - r) with R = diag(b) - g b b': each hour answers its own price by b, and g says how much
of it is only shifted between hours (theory 10.1: B = diag(1/b) + gamma 1 1'). What the devices of an end-user would take at a
base price, at one that is higher in all hours, and at one that is higher and lower by turns, tells b, g and a.
"""

import numpy as np

from gridagora.core.tables import Col
from gridagora.mechanisms.retail.game import Demand, make_demand

FIT_ROUNDS = 50
TINY = 1e-12
LEAST_SHARE = (
    1e-3  # of the largest power of an hour: what stands for an hour in which nothing is taken
)


def make_probes(base_per_kwh: Col, apart_per_kwh: float, *, shifting: bool = True) -> Col:
    """Return the prices at which end-users are asked, shape (3, T), or (2, T) where hours are taken as independent [$/kWh]."""
    turns = alternate_signs(len(base_per_kwh))
    away = (
        [np.zeros(len(turns)), np.ones(len(turns)), turns]
        if shifting
        else [np.zeros(len(turns)), np.ones(len(turns))]
    )
    return base_per_kwh + apart_per_kwh * np.array(away)


def alternate_signs(hours: int) -> Col:
    """Return 1 and -1 by turns, shape (hours,) [1]."""
    return np.where(np.arange(hours) % 2 == 0, 1.0, -1.0)


def identify_end_users(taken_kw: Col, prices_per_kwh: Col, least_elasticity: float) -> Demand:
    """Return M end-users together, each identified by its own answers; exact where an answer has the form above.

    Parameters
    ----------
    taken_kw
        What each would take at each probe, shape (k, M, T) [kW]; k = 3, or 2 where hours do not depend on each other.
    prices_per_kwh
        From `make_probes`, shape (k, T).
    least_elasticity
        Of an hour and of the total: where an end-user answers less, it is taken to answer this much, so that a price exists.

    Raises
    ------
    PartError
        As `mechanisms.retail.game.make_demand` does.
    """
    level = np.abs(taken_kw[0])
    least = (
        least_elasticity
        * np.maximum(level, LEAST_SHARE * max(float(level.max()), 1e-6))
        / np.abs(prices_per_kwh[0]).clip(1e-3)
    )
    rise = (prices_per_kwh[1] - prices_per_kwh[0])[0]
    up = (taken_kw[0] - taken_kw[1]) / rise
    if len(prices_per_kwh) == 2:
        response = np.diag(np.maximum(up.sum(0), least.sum(0)))
    else:
        turns = (prices_per_kwh[2] - prices_per_kwh[0]) / rise
        own, share = _fit_response(up.sum(1), (taken_kw[0] - taken_kw[2]) / rise, turns, least)
        response = np.diag(own.sum(0)) - np.einsum("j,jt,js->ts", share, own, own)
    found = make_demand(np.zeros(taken_kw.shape[2]), response)
    return found._replace(choke_per_kwh=prices_per_kwh[0] + found.slope @ taken_kw[0].sum(0))


def _fit_response(total: Col, turned: Col, turns: Col, least: Col) -> tuple[Col, Col]:
    """Return b (M, T) and g (M,) with R turns = `turned` (M, T) and 1'R 1 = `total` (M,) for R = diag(b) - g b b'."""
    own = np.maximum(turned * turns, least)
    for _ in range(FIT_ROUNDS):
        share = _fit_shifting(own, total, least)
        own = np.maximum(
            turned / (turns - np.clip(share * (own @ turns), -0.5, 0.5)[:, None]), least
        )
    return own, _fit_shifting(own, total, least)


def _fit_shifting(own: Col, total: Col, least: Col) -> Col:
    """Return g (M,), which says how much of b (M, T) is only shifted between hours."""
    whole: Col = np.maximum(own.sum(1), TINY)
    return (whole - np.clip(total, least.sum(1), whole)) / whole**2
