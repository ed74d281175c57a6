"""What changes when prosumers are the retailer, against retailers of today, on random communities; with confidence intervals.

The claims of the source are that the retail price falls, that prosumers and end-users both gain, and that the peak falls. They
depend on what they are compared with, so three retailers stand here: one with market power, one that adds a margin to its cost,
and one that may only recover its cost. All three charge a flat price and credit prosumers what wholesale pays (feed-in). What
prosumers pay the retailer for their own load is its profit, not part of the price it sets.
"""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.rng import stream
from gridagora.core.tables import Col
from gridagora.kernels.stores.value import Stores, best_response, stores
from gridagora.mechanisms.retail.certificate import (
    Users,
    certify_offers,
    device_cost_usd,
    wholesale_usd,
)
from gridagora.mechanisms.retail.game import (
    Demand,
    aggregate_followers,
    price_per_kwh,
    surplus_usd,
    taken_kw,
)
from gridagora.mechanisms.retail.protocol import (
    Community,
    StoppingRule,
    make_community,
    make_offers,
    run_protocol,
)
from gridagora.studies.risk.intervals import mean_interval

HOURS = 24
MARGIN = 0.2  # of cost plus
VERDICT_DRAWS = 8  # fewer show no claim: Student's t asks for means that are nearly normal
NOT_SHOWN = "not shown"
LEAST_SHARE = 1e-3  # a mean change below this share of the quantity itself counts as none
Instance = Callable[[int], Community]


class DayEffects(NamedTuple):
    """What one arrangement leads to in a day."""

    price_per_kwh: float  # average paid by end-users
    prosumers_usd: float  # earned less cost of devices and of their own load
    end_users_usd: float  # surplus
    peak_kw: float  # of end-users
    import_peak_kw: float  # of end-users and prosumers together
    welfare_usd: float


class Claim(NamedTuple):
    """Change of one quantity from a baseline to prosumers as the retailer: mean, interval, and the share of draws it holds in."""

    baseline: str
    quantity: str
    before: float
    after: float
    change: float
    low: float
    high: float
    holds_share: float
    verdict: str  # "holds" or "fails" where the interval excludes zero, else "not shown"; with few draws always
    draws: int


def monopoly_flat_per_kwh(end_users: Demand, cost_per_kwh: Col) -> float:
    """Return the flat price of most profit for a retailer that nobody competes with: (r 1 - c)'D(r 1) at its top.

    Costs c have shape (T,) [$/kWh].
    """
    pull, total, cost = _sums(end_users, cost_per_kwh)
    return (pull + cost) / (2.0 * total)


def cost_plus_flat_per_kwh(end_users: Demand, cost_per_kwh: Col, margin: float = MARGIN) -> float:
    """Return the lowest flat price that earns the cost (T,) [$/kWh] of what is then taken, and a margin on it.

    Raises
    ------
    PartError
        No flat price earns that much.
    """
    pull, total, cost = _sums(end_users, (1.0 + margin) * cost_per_kwh)
    # revenue less cost: -total r^2 + (pull + cost) r - owed
    owed = (1.0 + margin) * float(cost_per_kwh @ end_users.response @ end_users.choke_per_kwh)
    root = (pull + cost) ** 2 - 4.0 * total * owed
    price = (pull + cost - max(root, 0.0) ** 0.5) / (2.0 * total)
    if root < 0 or pull - total * price <= 1e-9 * abs(pull):
        raise PartError(
            f"no flat price earns the cost plus {margin:.0%}: end-users value energy too little"
        )
    return float(price)


def regulated_flat_per_kwh(end_users: Demand, cost_per_kwh: Col) -> float:
    """Return the flat price that earns the cost (T,) [$/kWh] of what is then taken, and nothing more."""
    return cost_plus_flat_per_kwh(end_users, cost_per_kwh, 0.0)


RETAILERS: MappingProxyType[str, Callable[[Demand, Col], float]] = MappingProxyType(
    {
        "monopoly, flat": monopoly_flat_per_kwh,
        "cost plus 20 %, flat": cost_plus_flat_per_kwh,
        "regulated, flat": regulated_flat_per_kwh,
    }
)
BETTER = MappingProxyType(
    {
        "price_per_kwh": -1,
        "prosumers_usd": 1,
        "end_users_usd": 1,
        "peak_kw": -1,
        "import_peak_kw": -1,
    }
)


def _sums(end_users: Demand, cost_per_kwh: Col) -> tuple[float, float, float]:
    even = end_users.response.sum(0)
    return float(even @ end_users.choke_per_kwh), float(even.sum()), float(even @ cost_per_kwh)


def settle_feed_in(c: Community, import_per_kwh: float) -> tuple[float, Col]:
    """Return what prosumers earn alone [$] and their net power (T,) [kW]: they import at a flat price, wholesale credits export.

    Raises
    ------
    PartError
        A prosumer with several devices: its meter nets them, which this short form does not.
    """
    if len(np.unique(np.concatenate([*c.home, np.zeros(0, np.int64)]))) < sum(
        len(at) for at in c.home
    ):
        raise PartError("feed-in is found for prosumers with one device each")
    buy = np.full_like(c.buy_per_kwh, import_per_kwh)
    sell = np.minimum(c.sell_per_kwh, buy)
    net_kw = -c.made_kw
    usd = (buy * net_kw.clip(min=0) - sell * (-net_kw).clip(min=0)).sum(1)
    for table, at in zip(c.stores, c.home, strict=True):
        found = best_response(table._replace(load_kw=net_kw[at]), buy, sell)
        usd[at], net_kw[at] = found.cost_usd, net_kw[at] + found.p_kw
    return -float(usd.sum()), net_kw.sum(0)


def simulate_retailer(c: Community, flat_per_kwh: float) -> DayEffects:
    """Return what a retailer with a flat price leads to; its profit counts in welfare and nowhere else."""
    price = np.full_like(c.buy_per_kwh, flat_per_kwh)
    taken = taken_kw(c.end_users, price)
    earned, own_kw = settle_feed_in(c, flat_per_kwh)
    net = taken + own_kw
    paid = flat_per_kwh * (taken.sum() + own_kw.clip(min=0).sum()) - c.sell_per_kwh @ (
        -own_kw
    ).clip(min=0)
    cost = c.buy_per_kwh @ net.clip(min=0) - c.sell_per_kwh @ (-net).clip(min=0)
    surplus = surplus_usd(c.end_users, taken)
    return DayEffects(
        float(price @ taken / taken.sum()),
        earned,
        surplus,
        float(taken.max()),
        float(net.max()),
        float(surplus + earned + paid - cost),
    )


def simulate_game(c: Community, rule: StoppingRule | None = None) -> DayEffects:
    """Return what prosumers who are the retailer lead to.

    Raises
    ------
    PartError
        Rounds that did not end, or somebody who could gain alone more than a millionth of the mean profit.
    """
    played, held = run_protocol(c, rule)
    proof = certify_offers(c, held, played.internal_per_kwh)
    if not played.converged or proof.share > 1e-6:
        raise PartError(
            f"no equilibrium after {played.rounds} rounds: somebody gains {proof.share:.1e} of the mean profit"
        )
    told = make_offers(c, held)
    taken = told.offer_kw.sum(0)
    retail = price_per_kwh(c.end_users, taken)
    earned = float(retail @ taken - wholesale_usd(c, held) - device_cost_usd(c, held).sum())
    surplus = surplus_usd(c.end_users, taken)
    net = taken - told.made_kw.sum(0)
    return DayEffects(
        float(retail @ taken / taken.sum()),
        earned,
        surplus,
        float(taken.max()),
        float(net.max()),
        float(surplus + earned),
    )


def users(seed: int, count: int) -> Users:
    """Return random end-users who shift: their worth peaks in the evening."""
    rng, hour = stream(seed, "retail end-users"), np.arange(HOURS)
    worth = 0.35 + 0.10 * np.exp(-((hour - 19) ** 2) / 8.0) + rng.normal(0, 0.01, (count, HOURS))
    own, all_day = rng.uniform(0.02, 0.06, (count, HOURS)), rng.uniform(0, 0.004, count)
    return Users(worth, np.eye(HOURS) * own[:, None, :] + all_day[:, None, None])


def batteries(full_kwh: Col, wear_per_kwh: Col | float = 0.0, prox: float = 0.01) -> Stores:
    """Return a battery of each size (n, 1) [kWh] for a day: half full at both ends, four hours of power, `prox` on its square."""
    return stores(
        full_kwh[:, 0] / 2,
        np.ones(HOURS),
        p_min_kw=-full_kwh / 4,
        p_max_kw=full_kwh / 4,
        x_min=np.where(np.arange(HOURS) == HOURS - 1, full_kwh / 2, 0.0),
        x_max=full_kwh,
        gain_in=0.95,
        gain_out=0.95,
        wear_per_kwh=wear_per_kwh,
        prox=prox,
    )


def draw_community(seed: int, prosumers: int = 5, end_users: int = 40) -> Community:
    """Return a random community of a day: PV, load and a battery each, wholesale that peaks in the evening."""
    rng, hour = stream(seed, "retail prosumers"), np.arange(HOURS)
    buy = 0.08 + rng.uniform(0.06, 0.14) * np.exp(-((hour - rng.uniform(18, 20)) ** 2) / 6.0)
    sun = np.maximum(0, np.sin((hour - 6) / 12 * np.pi)) * (hour >= 6) * (hour <= 18)
    made = rng.uniform(15, 60, (prosumers, 1)) * sun - rng.uniform(0.5, 1.5, (prosumers, HOURS))
    full = rng.uniform(5, 15, (prosumers, 1))
    return make_community(
        aggregate_followers(*users(seed, end_users)),
        made,
        (batteries(full),),
        (np.arange(prosumers),),
        buy,
        0.6 * buy,
    )


def measure_claims(seeds: Sequence[int], instance: Instance = draw_community) -> list[Claim]:
    """Return every claim against every retailer, over paired draws: mean change and its interval.

    Parameters
    ----------
    seeds
        Of the random instances, eight or more for a verdict.
    instance
        Community of a seed.
    """
    communities = [instance(seed) for seed in seeds]
    after = np.array([simulate_game(c) for c in communities])
    found = []
    for name, retailer in RETAILERS.items():
        before = np.array(
            [simulate_retailer(c, retailer(c.end_users, c.buy_per_kwh)) for c in communities]
        )
        for quantity, better in BETTER.items():
            k = DayEffects._fields.index(quantity)
            found.append(claim(name, quantity, better, before[:, k], after[:, k]))
    return found


def claim(baseline: str, quantity: str, better: int, before: Col, after: Col) -> Claim:
    """Return what is claimed of a quantity over paired draws (n,) [any unit]: mean change, its 95 % interval, verdict.

    A claim holds where the whole interval is for the better, fails where it is for the worse, and is not shown where it holds
    zero, where draws are fewer than `VERDICT_DRAWS`, or where the change is a thousandth of the quantity or less.

    Parameters
    ----------
    better
        1 where more is better, -1 where less is.

    References
    ----------
    Student, The probable error of a mean, Biometrika 6, 1908, doi 10.1093/biomet/6.1.1: of the differences within a draw.
    """
    change = after - before
    mean, low, high = mean_interval(change)
    least = LEAST_SHARE * max(float(np.abs(before).mean()), float(np.abs(after).mean()))
    shown = len(change) >= VERDICT_DRAWS and abs(mean) >= least
    ends = better * low, better * high
    verdict = "holds" if min(ends) > 0 else "fails" if max(ends) < 0 else NOT_SHOWN
    return Claim(
        baseline,
        quantity,
        float(before.mean()),
        float(after.mean()),
        mean,
        low,
        high,
        float((better * change > 0).mean()),
        verdict if shown else NOT_SHOWN,
        len(change),
    )
