"""Homes of today: thermostats, plug in and charge, and a battery that follows the home's own PV. No price is heard."""

from dataclasses import dataclass

from gridagora.core.exchange import Quotes, Tenders, Transactions
from gridagora.core.registry import register
from gridagora.core.session import Call
from gridagora.core.tables import Col
from gridagora.kernels.curve import Curves


@register("strategy", "habit")
@dataclass(frozen=True)
class Habit:
    """Nothing is planned, offered or answered."""

    plans: bool = False

    def tender(self, call: Call, curves: Curves) -> Tenders | None:
        """Return None: habits offer nothing."""
        del call, curves

    def dispatch(self, curves: Curves, quotes: Quotes, trades: Transactions) -> Col | None:
        """Return None: every device follows its own switch."""
        del curves, quotes, trades
