"""Time-of-use tariff: a dear window and a cheap rest, scaled to the revenue of the flat tariff on the baseline load."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import register
from gridagora.core.rules import POSTED_PRICE, Rulebook
from gridagora.core.session import Baseline, Opening, Planning, Session
from gridagora.settlement.tariff import (
    NET_METERING,
    Tariff,
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

    peak_ratio is the dear price over the cheap one; the window [peak_start_h, peak_end_h) is in local hours of day.
    """

    rules: ClassVar[Rulebook] = POSTED_PRICE._replace(is_tariff=True, posts_hours=True)

    peak_ratio: float = 3.0
    peak_start_h: float = 14.0
    peak_end_h: float = 20.0
    credit_per_kwh: float = NET_METERING
    strategy: str = "price_taker"

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
        if problems:
            raise InputError(problems)

    def start(self, baseline: Baseline) -> Tariff:
        """Set both prices: their ratio is given, and revenue on the baseline is its cost (theory 3.2)."""
        hour = baseline.local_hour
        in_window = (hour >= self.peak_start_h) & (hour < self.peak_end_h)
        return set_tariff(baseline, np.where(in_window, self.peak_ratio, 1.0), self.credit_per_kwh)

    def plan(self, opening: Opening, state: Tariff) -> Planning[Tariff]:
        """Post the tariff of the window."""
        return plan_on(tariff_quotes(state, opening), state)

    def clear(self, opening: Opening, state: Tariff) -> Session:
        """Post the tariff of the interval; nobody answers."""
        return post(tariff_quotes(state, opening))
