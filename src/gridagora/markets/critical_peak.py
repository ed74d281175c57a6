"""Critical-peak tariff: a premium in hours in which the substation is full on a usual day, and a lower price in all others."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import Quotes, quote
from gridagora.core.registry import register
from gridagora.core.rules import POSTED_PRICE, Rulebook
from gridagora.core.session import Baseline, Opening, Planning, Session
from gridagora.core.tables import Flag, Index
from gridagora.settlement.tariff import (
    NET_METERING,
    Tariff,
    check_credit,
    plan_on,
    post,
    select_products,
    set_tariff,
    tariff_quotes,
)

DAY_H = 24
BASES = ("flat", "wholesale")


@register("market", "critical_peak")
@dataclass(frozen=True)
class CriticalPeak:
    """An operator that knows its limit names critical hours a day ahead; homes plan against the premium in them.

    Critical are the hours of day, at most hours_max, in which the mean day of the baseline, other customers included, takes more
    than the substation can carry: the fullest first. Without a limit there are none. A flat tariff then has two prices, the
    critical one critical_ratio times the other; what the premium earns lowers the rest, so that revenue on the baseline is its
    cost. With base "wholesale", homes pay the real-time price, and on top what those two prices differ from the flat rate, more
    in critical hours and less in all others, for what they export too: on the baseline that comes to nothing. The credit of a
    tariff is then not read.

    The ratio and the hours are those of published tariffs: in the Statewide Pricing Pilot of California critical hours cost
    about .59 $/kWh and off-peak hours .09, and the critical period was of up to five hours.

    References
    ----------
    A. Faruqui, S. George, Quantifying customer response to dynamic pricing, The Electricity Journal 18(4), 2005,
    doi 10.1016/j.tej.2005.04.005. Premium by the kWh, five hours, named a day ahead, and a lower rate elsewhere: Pacific Gas and
    Electric, SmartRate, schedule E-RSMART.
    """

    fixed: ClassVar[Rulebook] = POSTED_PRICE._replace(
        sees_limit=True, posts_hours=True, posts_windows=True
    )

    base: str = "flat"  # what homes pay beside the premium: a flat rate, or the real-time price
    critical_ratio: float = 6.0  # price of critical hours over that of all others
    hours_max: int = 5  # critical hours of a day, at most [count]
    # what a kWh earns that homes export; left out: as much as an imported one costs (net metering)
    credit_per_kwh: float = NET_METERING
    strategy: str = "price_taker"  # how homes act under it, one of the strategies that fit it

    @property
    def rules(self) -> Rulebook:
        """A posted price; a tariff, which is set before the run, where its base is flat."""
        return self.fixed._replace(is_tariff=self.base == "flat")

    def __post_init__(self) -> None:
        """Refuse a base that is none, a premium below nothing and a day of other than 24 hours."""
        rules = (
            ("base", self.base in BASES, repr(self.base), "one of " + ", ".join(BASES)),
            (
                "critical_ratio",
                1 <= self.critical_ratio < float("inf"),
                str(self.critical_ratio),
                "a number of 1 or more",
            ),
            ("hours_max", 1 <= self.hours_max <= DAY_H, str(self.hours_max), "1 to 24"),
        )
        problems = [
            Problem(f"market.critical_peak.{key}", got, expected)
            for key, holds, got, expected in rules
            if not holds
        ]
        problems += check_credit("market.critical_peak", self.credit_per_kwh)
        if problems:
            raise InputError(problems)

    def start(self, baseline: Baseline) -> Tariff:
        """Name the critical hours and set both prices or, on wholesale, by how much they differ from the flat rate."""
        critical = find_critical(baseline, self.hours_max)
        shape = np.where(critical[_hours(baseline)], self.critical_ratio, 1.0)
        if self.base == "flat":
            return _refuse_negative(set_tariff(baseline, shape, self.credit_per_kwh), critical)
        tariff = _refuse_negative(set_tariff(baseline, shape), critical)
        flat = set_tariff(baseline, np.ones(len(shape)))
        more = tariff.import_per_kwh - flat.import_per_kwh
        return tariff._replace(import_per_kwh=more, credit_per_kwh=more)

    def plan(self, opening: Opening, state: Tariff) -> Planning[Tariff]:
        """Post the prices of the window: critical hours are known a day ahead, wholesale as far as its forecast goes."""
        return plan_on(self.quotes(opening, state), state)

    def clear(self, opening: Opening, state: Tariff) -> Session:
        """Post the price of the interval; nobody answers."""
        return post(self.quotes(opening, state))

    def quotes(self, opening: Opening, state: Tariff) -> Quotes:
        """Return the prices of the products of an opening, quoted to all parties."""
        if self.base == "flat":
            return tariff_quotes(state, opening)
        supply, (more, _) = opening.supply, select_products(state, opening)
        buy, sell = supply.import_per_kwh + more, supply.export_per_kwh + more
        return quote(opening.product, opening.party, buy, sell)


def find_critical(baseline: Baseline, hours_max: int) -> Flag:
    """Return which hours of day are critical, shape (24,): at most so many whose mean load is above the limit, the fullest first.

    None is where the baseline does not yet say a load. Export beyond the limit is not dear but cheap to consume, so that only
    import counts.
    """
    critical = np.zeros(DAY_H, np.bool_)
    steps = len(baseline.load_kw)
    if not steps or not np.isfinite(baseline.limit_kw):
        return critical
    others = np.zeros(steps) if baseline.other_kw is None else baseline.other_kw
    hour = _hours(baseline)[:steps]
    total_kw = np.bincount(hour, baseline.load_kw + others, DAY_H)
    mean_kw = total_kw / np.maximum(np.bincount(hour, minlength=DAY_H), 1)
    fullest = np.argsort(-mean_kw, kind="stable")[:hours_max]
    critical[fullest] = mean_kw[fullest] > baseline.limit_kw
    return critical


def _hours(baseline: Baseline) -> Index:
    """Return the local hour of day of every interval, (T,)."""
    return np.asarray(baseline.local_hour).astype(np.int64)


def _refuse_negative(tariff: Tariff, critical: Flag) -> Tariff:
    """Refuse a tariff that would pay homes to consume, and most of all in critical hours."""
    low = float(tariff.import_per_kwh.min())
    if critical.any() and low <= 0:
        hint = "The baseline exports more than it takes; set [tariff] credit_per_kwh for a credit of its own."
        expected = "a rate above 0, so that critical hours cost more and not less"
        raise InputError([Problem("market.critical_peak", f"{low:.4f} $/kWh", expected, hint)])
    return tariff
