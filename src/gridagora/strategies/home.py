"""Homes that look ahead and tender one curve of the whole home for the next interval: what is inside stays inside."""

from dataclasses import dataclass

from gridagora.core.exchange import Quotes, Tenders, Transactions, tender
from gridagora.core.registry import register
from gridagora.core.session import Behind, Call
from gridagora.core.tables import Col
from gridagora.kernels.tree import each, gather, inside


@register("strategy", "home")
@dataclass(frozen=True)
class Home:
    """The exact sum of the curves of the home's resources and of its load less PV; what is bought is shared out inside."""

    plans: bool = True
    whole: bool = True  # the tender holds load and PV too

    def tender(self, call: Call, behind: Behind) -> Tenders | None:
        """Return one curve for each home."""
        return tender(call.product, call.party, gather(behind.curves, behind.home, len(call.party), behind.net_kw))

    def dispatch(self, behind: Behind, quotes: Quotes, trades: Transactions) -> Col | None:
        """Return the power of every resource, shape (r,) [kW]: its own answer to the price, adding up to what was bought."""
        del quotes
        curves, home, bought_kw = behind.curves, behind.home, trades.p_kw[:, 0] - behind.net_kw
        price, share = inside(curves, home, bought_kw, trades.price_per_kwh[:, 0], 1.0)
        return each(curves, home, price, share, bought_kw)
