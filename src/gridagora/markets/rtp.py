"""Real-time price, one way: the wholesale price plus delivery is broadcast, homes look ahead, nobody is asked (theory 3.3)."""

from dataclasses import dataclass
from typing import ClassVar

from gridagora.core.errors import InputError, Problem
from gridagora.core.exchange import Quotes, quote
from gridagora.core.registry import register
from gridagora.core.rules import POSTED_PRICE, Rulebook
from gridagora.core.session import Baseline, Opening, Planning, Session
from gridagora.mechanisms.operating_envelope import check_envelope, hold_envelopes
from gridagora.settlement.tariff import plan_on, post

EXPORTS = ("wholesale", "net_metering")


@register("market", "rtp")
@dataclass(frozen=True)
class RealTimePrice:
    """Every home sees the same real-time price and plans alone; where all move together, load rises in the same cheap hours.

    export says what a kWh that leaves a home earns: "wholesale", the wholesale price and the export credit of `[prices]`, which
    is what it is worth at the substation, or "net_metering", the import price, so that delivery is paid back with it.

    With `network` "envelope" each home gets a limit of its import, and where `[network] envelopes` guards the feeder one of its
    export, from `mechanisms.operating_envelope`, shared by `envelope`; a kWh beyond costs more, or earns less.
    With "fee" each pays what its kWh adds to losses and limits of the network, by `mechanisms.nodal_fee`.
    """

    fixed: ClassVar[Rulebook] = POSTED_PRICE._replace(posts_hours=True)

    # what a kWh that leaves a home earns: the wholesale price, or the import price
    export: str = "wholesale"
    # what the operator of the network does: nothing, give each home a limit of its import, and of
    # its export where `[network]` says so, or charge each the nodal fee of its hour
    network: str = "none"
    # how limits of homes are set: the same in all, by what each imports in the baseline, or by the
    # size of its connection
    envelope: str = "baseline"
    strategy: str = "price_taker"  # how homes act under it, one of the strategies that fit it

    @property
    def rules(self) -> Rulebook:
        """A posted price; the limit is seen where the network operator gives envelopes."""
        return self.fixed._replace(sees_limit=self.network != "none")

    def __post_init__(self) -> None:
        """Refuse a payment for export that is none of the two, and envelopes that nobody shares."""
        problems = check_envelope("market.rtp", self.network, self.envelope)
        if self.export not in EXPORTS:
            expected = "one of " + ", ".join(EXPORTS)
            problems.append(Problem("market.rtp.export", repr(self.export), expected))
        if problems:
            raise InputError(problems)

    def start(self, baseline: Baseline) -> None:
        """Set nothing before the run: prices are those of the hour."""
        del baseline

    def plan(self, opening: Opening, state: None) -> Planning[None]:
        """Broadcast the forecast of the import price and of what export will earn."""
        plan = yield from plan_on(self.quotes(opening), state)
        return (yield from hold_envelopes(plan, opening, self.network, self.envelope))

    def clear(self, opening: Opening, state: None) -> Session:
        """Broadcast the import price and the export price of the interval; nobody answers."""
        del state
        return post(self.quotes(opening))

    def quotes(self, opening: Opening) -> Quotes:
        """Return the prices of the products of an opening, quoted to all parties."""
        supply = opening.supply
        credit = supply.export_per_kwh if self.export == "wholesale" else supply.import_per_kwh
        return quote(opening.product, opening.party, supply.import_per_kwh, credit)
