"""The layered market (DyMonDS): every entity looks ahead for itself, one curve goes up each layer, one price comes down."""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import Plans, Status, Transactions, quote, tender
from gridagora.core.lift import descend, lift_space, published
from gridagora.core.place import Places, lift_kw
from gridagora.core.registry import register
from gridagora.core.session import Ahead, Call, Outlook, Passed, Session, Site, Supply, opening, standing, steps
from gridagora.core.tables import Col
from gridagora.kernels.curve import Curves, clear


@register("market", "layered")
@dataclass(frozen=True)
class Layered:
    """Homes, transformers, zones and the feeder each sum the curves below them, keep their limit and pass one curve up.

    Look-ahead stays inside the entities: an interval is cleared on its own, on curves that hold the value of what comes later.
    `blocks` shortens the curve of every layer above the home (0 passes every breakpoint). Each hour `rounds` price paths go down
    and plans come up, `rounds_day_ahead` when the day ahead is agreed; a layer whose plan breaks its limit raises the premium of
    that hour by `learning_per_kwh` for every kW an average home is too much, and takes it back when there is room.
    `reserve_share` of each limit is kept free for on/off units that cannot follow exactly (modelling 1.10). With
    `energy_products` homes also hold energy for the run and for each day, which the day-ahead and real-time markets settle on: a
    hedge, which moves bills by what forward prices missed, and no power. `reactive` lets inverters offer reactive power where
    the scenario agrees a power factor.

    References
    ----------
    M. D. Ilic, Dynamic Monitoring and Decision Systems for enabling sustainable energy services, Proc. IEEE 99 (2011),
    doi 10.1109/JPROC.2010.2089478; theory 5.
    """

    blocks: int = 0
    rounds: int = 1
    rounds_day_ahead: int = 12
    learning_per_kwh: float = 0.02
    reserve_share: float = 0.03
    energy_products: bool = False
    reactive: bool = True
    strategy: str = "home"

    def __post_init__(self) -> None:
        """Refuse what no layer could do."""
        rules = (
            ("blocks", self.blocks >= 0, "0 for exact curves, or a number of blocks"),
            ("rounds", self.rounds >= 1, "one round an hour or more"),
            ("rounds_day_ahead", self.rounds_day_ahead >= 1, "one round a day or more"),
            ("learning_per_kwh", self.learning_per_kwh >= 0, "a price of 0 or more"),
            ("reserve_share", 0 <= self.reserve_share < 1, "a share in [0, 1)"),
        )
        broken = [Problem(f"market.layered.{key}", str(getattr(self, key)), rule) for key, good, rule in rules if not good]
        if broken:
            raise InputError(broken)

    def ahead(self, call: Call) -> Ahead:
        """Quote a price path to every home, hear their plans, and let each layer correct its own premium for the next path.

        Where positions follow, paths and plans meet over several rounds; the mean of the later plans is what is agreed, since
        single answers jump from one side of a limit to the other.
        """
        site, supply = standing(call), call.supply
        carried = call.before_per_kwh
        premium = np.where(np.isfinite(carried), carried, 0.0) if carried.ndim > 1 else np.zeros((len(site.high_kw), 1))
        premium = premium + np.zeros_like(supply.import_per_kwh)
        high_kw, homes = self.usable_kw(site, supply), below(site)
        rounds = self.rounds_day_ahead if call.binds else self.rounds
        kept, total_kw = 0, np.zeros((len(call.party), premium.shape[1]))
        for turn in range(rounds):
            path = supply.import_per_kwh + along(site.tree, premium)
            quoted = quote(call.product, call.party, path[site.place])
            plans = (yield quoted) or _refused("plans")
            q_kw = lift_kw(site.tree, site.place, plans.p_kw)
            every = np.arange(len(homes))
            yield Passed(Plans(call.product, every, q_kw), quote(call.product, every, path))
            premium = self.corrected(premium, q_kw, site, high_kw, homes, supply)
            if turn >= rounds // 2:
                kept, total_kw = kept + 1, total_kw + plans.p_kw
        return Outlook(quoted.buy_per_kwh, total_kw / kept, premium)

    def corrected(self, premium: Col, q_kw: Col, site: Site, high_kw: Col, homes: Col, supply: Supply) -> Col:
        """Return the premium (m, h) after plans of q_kw (m, h): up where they break a limit, back to nil where there is room.

        At the root exports earn less than imports cost, so its premium may fall to that difference; elsewhere it is the same
        either way.
        """
        root = (site.tree.parent < 0)[:, None]
        low_kw = np.where(root, 0.0, -high_kw[:, None])
        step = self.learning_per_kwh / np.maximum(homes, 1.0)[:, None]
        up, down = premium + step * (q_kw - high_kw[:, None]), premium + step * (q_kw - low_kw)
        wedge = supply.export_per_kwh - supply.import_per_kwh
        ceiling = np.full(premium.shape, supply.over_per_kwh)
        floor = np.where(root, wedge, -ceiling)
        return np.clip(np.where(up > 0, up, np.where(down < 0, down, 0.0)), floor, ceiling)

    def session(self, call: Call) -> Session:
        """Hear one curve of each home, sum layer by layer, clear once at the top, and bring price and power down again."""
        site, supply = standing(call), call.supply
        tenders = (yield opening(call)) or _refused("tenders")
        high_kw = self.usable_kw(site, supply)
        every, root = np.arange(len(high_kw)), site.tree.parent < 0
        own_kw = np.where(root, np.inf, high_kw)  # the supply holds the limit of the root
        curves = Curves(tenders.offset, tenders.p_kw, self.plausible(tenders.price_per_kwh, supply))
        lifted = lift_space(curves, site.place, site.tree, own_kw, -own_kw, supply.over_per_kwh, self.blocks)
        top = supply._replace(limit_kw=float(high_kw[root].sum()))
        cleared = clear(published(lifted), float(supply.base_kw[0]), *steps(top))
        found = descend(lifted, cleared.price_per_kwh, cleared.share)
        prices = quote(call.product, every, found.price_per_kwh[:, None])
        yield Passed(tender(call.product, every, published(lifted, every)), prices)
        filled = np.full(len(call.party), Status.FILLED)
        price = found.price_per_kwh[site.place, None]
        return Transactions(call.product, call.party, site.place, found.p_kw[:, None], price, filled)

    def plausible(self, price_per_kwh: Col, supply: Supply) -> Col:
        """Return prices within what can clear where curves are shortened: blocks are not spent on what nobody will ever pay."""
        if not self.blocks:
            return price_per_kwh
        return np.clip(
            price_per_kwh, supply.export_per_kwh[0] - supply.over_per_kwh, supply.import_per_kwh[0] + supply.over_per_kwh
        )

    def usable_kw(self, site: Site, supply: Supply) -> Col:
        """Limit of every place less the reserve, shape (m,) [kW]."""
        return np.where(site.tree.parent < 0, supply.limit_kw, site.high_kw) * (1 - self.reserve_share)


def _refused(what: str) -> NoReturn:
    raise InputError([Problem("market.layered", f"no {what}", "a strategy that looks ahead and tenders, such as 'home'")])


def along(tree: Places, premium_per_kwh: Col) -> Col:
    """Return the premiums summed from the root down to each place, shape (m, h)."""
    total = premium_per_kwh.copy()
    above = tree.parent.copy()
    while (above >= 0).any():
        total += np.where((above >= 0)[:, None], premium_per_kwh[above], 0.0)
        above = np.where(above >= 0, tree.parent[above], -1)
    return total


def below(site: Site) -> Col:
    """Return the number of parties below each place, shape (m,)."""
    return lift_kw(site.tree, site.place, np.ones(len(site.place)))
