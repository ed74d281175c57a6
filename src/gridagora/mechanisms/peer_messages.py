"""What partners and their supplier tell each other, in the format of `core.encoding`, one message a row."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gridagora.core.encoding import message_bytes
from gridagora.core.product import Product
from gridagora.core.tables import Col, Index


class PeerOffers(NamedTuple):
    """Home to partner: what it would buy of it, and at what price."""

    product: Product
    party: Index  # (n,)
    counterparty: Index  # (n,) the partner it goes to
    p_kw: Col  # (n,)
    price_per_kwh: Col  # (n,)


class Residuals(NamedTuple):
    """Home to all: how far its own offers are from those of its partners; back to each come the largest of all."""

    product: Product
    party: Index  # (n,)
    p_kw: Col  # (n,)
    price_per_kwh: Col  # (n,)


class SupplierPrices(NamedTuple):
    """Supplier to home: what it asks and what it pays."""

    product: Product
    party: Index  # (n,)
    import_per_kwh: Col  # (n, h)
    export_per_kwh: Col  # (n, h)


MESSAGES: Mapping[type, str] = MappingProxyType(
    {PeerOffers: "iioo", Residuals: "ioo", SupplierPrices: "iww"}
)
OFFER_BYTES = message_bytes(MESSAGES[PeerOffers], 1)
REPORT_BYTES = message_bytes(MESSAGES[Residuals], 1)
