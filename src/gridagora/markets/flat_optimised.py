"""The flat tariff with homes that optimise against it: reported beside `flat`, to separate automation from market design.

Theory 3.2.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gridagora.core.errors import InputError
from gridagora.core.registry import register
from gridagora.core.rules import POSTED_PRICE, Rulebook
from gridagora.core.session import Baseline, Opening, Planning, Session
from gridagora.mechanisms.operating_envelope import check_envelope, hold_envelopes
from gridagora.settlement.tariff import (
    NET_METERING,
    Tariff,
    check_credit,
    plan_on,
    post,
    set_tariff,
    tariff_quotes,
)


@register("market", "flat_optimised")
@dataclass(frozen=True)
class FlatOptimised:
    """The price of `flat`, answered by homes that look ahead instead of by thermostats.

    With `network` "envelope" each home gets a limit of its import, and where `[network] envelopes` guards the feeder one of its
    export, from `mechanisms.operating_envelope`, shared by `envelope`; a kWh beyond costs more, or earns less.
    With "fee" each pays what its kWh adds to losses and limits of the network, by `mechanisms.nodal_fee`.
    """

    fixed: ClassVar[Rulebook] = POSTED_PRICE._replace(is_tariff=True, posts_hours=True)

    # what a kWh earns that homes export; left out: as much as an imported one costs (net metering)
    credit_per_kwh: float = NET_METERING
    # what the operator of the network does: nothing, give each home a limit of its import, and of
    # its export where `[network]` says so, or charge each the nodal fee of its hour
    network: str = "none"
    # how limits of homes are set: the same in all, by what each imports in the baseline, or by the
    # size of its connection
    envelope: str = "baseline"
    strategy: str = "price_taker"  # how homes act under it, one of the strategies that fit it

    @property
    def rules(self) -> Rulebook:
        """A tariff; the limit is seen where the network operator gives envelopes."""
        return self.fixed._replace(sees_limit=self.network != "none")

    def __post_init__(self) -> None:
        """Refuse a credit that homes would pay, and envelopes that nobody shares."""
        problems = check_credit("market.flat_optimised", self.credit_per_kwh)
        problems += check_envelope("market.flat_optimised", self.network, self.envelope)
        if problems:
            raise InputError(problems)

    def start(self, baseline: Baseline) -> Tariff:
        """Set one rate for all hours: the mean cost of a kWh of the baseline (theory 3.2)."""
        return set_tariff(baseline, np.ones(len(baseline.local_hour)), self.credit_per_kwh)

    def plan(self, opening: Opening, state: Tariff) -> Planning[Tariff]:
        """Post the tariff of the window."""
        plan = yield from plan_on(tariff_quotes(state, opening), state)
        return (yield from hold_envelopes(plan, opening, self.network, self.envelope))

    def clear(self, opening: Opening, state: Tariff) -> Session:
        """Post the tariff of the interval; nobody answers."""
        return post(tariff_quotes(state, opening))
