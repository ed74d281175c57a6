"""The parties' half of a look-ahead: what homes and devices answer to a market from what they alone know."""

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import Plans, Proposals, Quotes
from gridagora.core.session import Costed, SpecRequest
from gridagora.core.spec import Spec, spec
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.stores.value import Stores, best_response


class Believed(NamedTuple):
    """What homes believe of a window of h hours."""

    net_kw: Col  # (n, h) load without devices
    stores: tuple[
        Stores, ...
    ]  # one table for each kind of device, a mean in place of what is uncertain
    home: tuple[Index, ...]  # (r,) the home of each row, table by table
    is_prosumer: Flag  # (n,)
    threads: int = 1


class NoAgents(NamedTuple):
    """Parties that answer nothing: a price is posted to them."""

    def answer(self, message: Any) -> NoReturn:
        """Refuse any message.

        Raises
        ------
        PartError
            Always.
        """
        refuse(message, "a price that is Posted")

    def certify(self, price_per_kwh: Col, p_kw: Col | None) -> None:
        """Prove nothing of a plan."""
        del price_per_kwh, p_kw


class DeviceAgents(NamedTuple):
    """Devices that tell an operator what they believe."""

    believed: Believed

    def answer(self, message: Any) -> tuple[Spec, ...]:
        """Return the specifications of all devices, one table for each kind.

        Raises
        ------
        PartError
            Another message than a `SpecRequest`.
        """
        if not isinstance(message, SpecRequest):
            refuse(message, "a SpecRequest")
        pairs = zip(self.believed.home, self.believed.stores, strict=True)
        return tuple(spec(message.product, home, stores) for home, stores in pairs)

    def certify(self, price_per_kwh: Col, p_kw: Col | None) -> None:
        """Prove nothing of a plan: the operator does."""
        del price_per_kwh, p_kw


class HomeAgents(NamedTuple):
    """Homes that answer prices with the best response of all their devices."""

    believed: Believed

    def answer(self, message: Any) -> Plans | Proposals:
        """Return what homes would take at the prices quoted to them, and what that costs them where the market asks.

        Raises
        ------
        PartError
            A message that quotes no prices.
        """
        if isinstance(message, Quotes):
            found = proposals(message, self.believed)
            return Plans(found.product, found.party, found.p_kw)
        if isinstance(message, Costed):
            return proposals(message.quotes, self.believed)
        refuse(message, "Quotes, Costed")

    def certify(self, price_per_kwh: Col, p_kw: Col | None) -> None:
        """Prove nothing of a plan."""
        del price_per_kwh, p_kw


def answer_together(
    asked: Sequence[Quotes | Costed], believed: Believed
) -> list[Plans | Proposals]:
    """Return what homes of several runs answer, run by run, from what all of them believe; each as `HomeAgents` alone does.

    Homes of the runs follow each other as rows of what is believed.
    """
    quotes = [each.quotes if isinstance(each, Costed) else each for each in asked]
    homes = np.arange(len(believed.net_kw))
    columns = (np.concatenate([each[k] for each in quotes]) for k in range(2, len(Quotes._fields)))
    found = proposals(Quotes(quotes[0].product, homes, *columns), believed)
    answers: list[Plans | Proposals] = []
    start = 0
    for message, quoted in zip(asked, quotes, strict=True):
        rows = slice(start, start + len(quoted.party))
        start = rows.stop
        plans = Plans(quoted.product, quoted.party, found.p_kw[rows])
        costed = isinstance(message, Costed)
        answers.append(
            Proposals(*plans, found.own_usd[rows], found.bound_usd[rows]) if costed else plans
        )
    return answers


def refuse(message: Any, expected: str) -> NoReturn:
    """Refuse a message that these parties cannot answer.

    Raises
    ------
    PartError
        Always.
    """
    also = "Posted, LayerMessages or PeerMessages"
    raise PartError(
        f"a market's session yields {type(message).__name__}, expected {expected}, {also}"
    )


def proposals(quotes: Quotes, believed: Believed) -> Proposals:
    """Return what every home would take at the prices it is quoted, shape (n, h) [kW], by the best response of its devices.

    What that costs it beside the energy, and the least that both together can cost, are the sums over its devices.
    """
    price, net_kw = quotes.buy_per_kwh, believed.net_kw
    p_kw, own_usd = net_kw.copy(), np.zeros(len(net_kw))
    bound_usd = (p_kw * price).sum(1)
    for stores, home in zip(believed.stores, believed.home, strict=True):
        found = best_response(stores, price, price, row=home, threads=believed.threads)
        np.add.at(p_kw, home, found.p_kw)
        np.add.at(own_usd, home, found.cost_usd - (found.p_kw * price[home]).sum(1))
        np.add.at(bound_usd, home, found.bound_usd)
    return Proposals(quotes.product, quotes.party, p_kw, own_usd, bound_usd)
