"""What crosses in the retail game, in the format of `core.encoding`: T hours, one message a row.

A comparison counts these messages and processes of their own send them (`gridagora.live`), byte for byte. What only processes
need, to agree on one table of offers and to find lost datagrams, is no message of the game: `live.wire` has it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gridagora.core.product import Product
from gridagora.core.tables import Col, Index


class GameTerms(NamedTuple):
    """To every prosumer, once: what everybody knows when a session opens."""

    product: Product
    party: Index  # (n,) prosumer that is told
    response: Col  # (n, z) [kW kWh/$] of end-users together: the z = T (T + 1) / 2 entries of a lower triangle
    choke_per_kwh: Col  # (n, T) of end-users together
    buy_per_kwh: Col  # (n, T) wholesale
    sell_per_kwh: Col  # (n, T) wholesale
    tariff_per_kwh: Col  # (n, T) outside
    base_kw: Col  # (n, T) of other customers


class GamePrices(NamedTuple):
    """To every prosumer, each outer round: the prices it answers, `Broadcast` of the rounds."""

    product: Product
    party: Index  # (n,) prosumer that is told
    retail_per_kwh: Col  # (n, T)
    margin_per_kwh: Col  # (n, T)
    internal_per_kwh: Col  # (n, T)
    part_kw: Col  # (n, T)
    pull_per_kwh_kw: Col  # (n, T) [$/kWh per kW]


class GameOffers(NamedTuple):
    """From prosumers, each outer round: offered at retail, and made in all."""

    product: Product
    party: Index  # (n,) prosumer that offers
    offer_kw: Col  # (n, T)
    made_kw: Col  # (n, T)


class RetailPrices(NamedTuple):
    """To end-users, each inner round: the retail price."""

    product: Product
    party: Index  # (n,) group of end-users that is told
    price_per_kwh: Col  # (n, T)


class RetailDemand(NamedTuple):
    """From end-users: the price they answer, and what they take at it."""

    product: Product
    party: Index  # (n,) group of end-users that answers
    price_per_kwh: Col  # (n, T)
    taken_kw: Col  # (n, T)


MESSAGES: Mapping[type, str] = MappingProxyType(
    {
        GameTerms: "itwwwww",
        GamePrices: "iwwwww",
        GameOffers: "iww",
        RetailPrices: "iw",
        RetailDemand: "iww",
    }
)
