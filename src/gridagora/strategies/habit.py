"""Homes of today: thermostats, plug in and charge, and a battery that follows the home's own PV. No price is heard."""

from dataclasses import dataclass

from gridagora.core.exchange import Quotes, Tenders, Transactions
from gridagora.core.registry import register
from gridagora.core.session import Behind, Call
from gridagora.core.tables import Col


@register("strategy", "habit")
@dataclass(frozen=True)
class Habit:
    """Nothing is planned, offered or answered."""

    plans: bool = False

    def tender(self, call: Call, behind: Behind) -> Tenders | None:
        """Return None: habits offer nothing."""
        del call, behind

    def dispatch(self, behind: Behind, quotes: Quotes, trades: Transactions) -> Col | None:
        """Return None: every device follows its own switch."""
        del behind, quotes, trades
