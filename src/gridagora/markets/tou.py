"""Time-of-use tariff: a dear window and a cheap rest, scaled to the revenue of the flat tariff on the baseline load."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.rules import POSTED_PRICE, Rulebook
from gridagora.core.session import Baseline, Opening, Planning, Session
from gridagora.mechanisms.operating_envelope import check_envelope, hold_envelopes
from gridagora.settlement.tariff import (
    NET_METERING,
    Tariff,
    check_credit,
    plan_each,
    plan_on,
    post,
    set_tariff,
    tariff_quotes,
)

DAY_H = 24


@register("market", "tou")
@dataclass(frozen=True)
class TimeOfUse:
    """Two prices a day, known to all: homes plan against them and move together, ahead of the window and when it ends.

    peak_ratio is the dear price over the cheap one; the window [peak_start_h, peak_end_h) is in local hours of day. Homes may be
    in `groups`, home r in group r % groups, whose window is stagger_hours later than that of the group before it, round the
    clock: what a window loses at midnight it has in the morning. All groups have the same two prices. So do hours of French
    customers differ by design: eight cheap ones each, set by the grid operator customer by customer.

    With `network` "envelope" each home gets a limit of its import, and where `[network] envelopes` guards the feeder one of its
    export, from `mechanisms.operating_envelope`, shared by `envelope`; a kWh beyond costs more, or earns less.
    With "fee" each pays what its kWh adds to losses and limits of the network, by `mechanisms.nodal_fee`.

    References
    ----------
    Enedis, "Enedis met en oeuvre la reforme des heures creuses", press release of 15 October 2025, enedis.fr/presse.
    """

    fixed: ClassVar[Rulebook] = POSTED_PRICE._replace(
        is_tariff=True, posts_hours=True, posts_windows=True
    )

    peak_ratio: float = 3.0  # dear price over the cheap one
    peak_start_h: float = 14.0  # local hour of day in which the dear window begins
    peak_end_h: float = 20.0  # local hour of day before which it ends
    groups: int = 1  # groups of homes, each with a window of its own [count]
    # hours by which the window of a group is later than that of the one before [h]
    stagger_hours: int = 0
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
        """Refuse a window that is no window and a ratio that is no price."""
        problems = []
        if not 0 <= self.peak_start_h < self.peak_end_h <= DAY_H:
            problems.append(
                Problem(
                    "market.tou",
                    f"{self.peak_start_h} to {self.peak_end_h} h",
                    "0 <= peak_start_h < peak_end_h <= 24",
                )
            )
        if not self.peak_ratio > 0:
            problems.append(
                Problem("market.tou.peak_ratio", str(self.peak_ratio), "a number above 0")
            )
        if self.groups < 1:
            problems.append(Problem("market.tou.groups", str(self.groups), "1 or more"))
        problems += self._check_stagger()
        problems += check_credit("market.tou", self.credit_per_kwh)
        problems += check_envelope("market.tou", self.network, self.envelope)
        if problems:
            raise InputError(problems)

    def _check_stagger(self) -> list[Problem]:
        """Return what is wrong with the hours between groups."""
        got, where = str(self.stagger_hours), "market.tou.stagger_hours"
        if self.groups == 1 and self.stagger_hours:
            hint = "Set groups to 2 or more, or leave stagger_hours out."
            return [Problem(where, got, "0 where all homes are one group", hint)]
        if self.groups > 1 and not self.stagger_hours:
            hint = "Windows that are all the same are those of one group."
            return [Problem(where, got, f"hours between windows of {self.groups} groups", hint)]
        if abs(self.stagger_hours) * (self.groups - 1) >= DAY_H:
            expected = f"windows of {self.groups} groups that begin within one day"
            return [Problem(where, got, expected)]
        return []

    def start(self, baseline: Baseline) -> Tariff:
        """Set both prices: their ratio is given, and revenue on the baseline is its cost (theory 3.2)."""
        first_h = self.peak_start_h + self.stagger_hours * np.arange(self.groups)[:, None]
        since_h = (baseline.local_hour - first_h) % DAY_H
        shape = np.where(since_h < self.peak_end_h - self.peak_start_h, self.peak_ratio, 1.0)
        return set_tariff(baseline, shape if self.groups > 1 else shape[0], self.credit_per_kwh)

    def plan(self, opening: Opening, state: Tariff) -> Planning[Tariff]:
        """Post the tariff of the window."""
        post_window = plan_on if self.groups == 1 else plan_each
        plan = yield from post_window(tariff_quotes(state, opening), state)
        return (yield from hold_envelopes(plan, opening, self.network, self.envelope))

    def clear(self, opening: Opening, state: Tariff) -> Session:
        """Post the tariff of the interval; nobody answers."""
        return post(tariff_quotes(state, opening))
