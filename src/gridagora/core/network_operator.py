"""What a market asks the network operator in a session, and what it hears: the exact state of a plan, and limits around it.

These messages cross between two operators. Nobody counts them as messages of homes. A session yields one as it yields any
other message, and is sent the answer; the run routes it by its type (`run.network_operator`).
"""

from typing import NamedTuple

from gridagora.core.flow import Flow
from gridagora.core.limits import Limits
from gridagora.core.product import Product
from gridagora.core.tables import Col, Index


class RowPrices(NamedTuple):
    """What the network operator charges beyond soft limits of voltages and ratings."""

    voltage_over_per_pu_h: float  # of one node, for an hour one unit outside its band [$/pu/h]
    rating_over_per_kvah: float  # of a line or transformer [$/kVAh]


NO_PRICES = RowPrices(0.0, 0.0)
NEAR_SHARE = 0.1


class NetworkRules(NamedTuple):
    """What the network operator holds meters to: the band of voltages [pu] and what it charges beyond."""

    band_pu: tuple[float, float] = (0.95, 1.05)
    prices: RowPrices = NO_PRICES
    envelopes: str = "substation"  # what envelopes of homes keep: its limit, or the whole feeder
    connection_kw: float = 24.0  # what an envelope leaves a home at most
    fees_hold_losses: bool = True  # whether a nodal fee has its loss part
    firm_share: float = 1.0  # of an envelope of the feeder that a home has for nothing
    tier_per_kwh: float = 0.0  # of the rest, for a kW that it has for an hour


class EnvelopeRequest(NamedTuple):
    """Asks what each home of an opening may import and export in its hours, whatever others do within theirs.

    `rule` says how what the network carries is shared: "equal", by the import and export of the "baseline" in the same hours,
    or by the size of each "connection". The prices that homes expect, (h,) or (n, h) [$/kWh], say what they buy of a second tier;
    None where nobody knows any: they buy nothing.
    """

    product: Product
    rule: str
    buy_per_kwh: Col | None = None
    sell_per_kwh: Col | None = None


class EnvelopeState(NamedTuple):
    """Envelopes of n homes over h hours; those of the feeder are None where the operator limits the substation alone."""

    share: Col  # (n, h) of what the substation carries, sums of one [1]
    import_kw: Col | None  # (n, h) of the feeder
    export_kw: Col | None  # (n, h) of the feeder
    over_per_kwh: float  # price of a kWh beyond an envelope of the feeder
    orders: int = 0  # homes that ordered from a second tier for it


class FeeRequest(NamedTuple):
    """Asks what each home of an opening pays the network in its hours, where it would be quoted these prices.

    Prices of import and export are (h,) for all, or (n, h) by home [$/kWh].
    """

    product: Product
    buy_per_kwh: Col
    sell_per_kwh: Col


class FeeState(NamedTuple):
    """Nodal fees of n homes over h hours, (n, h) [$/kWh], and the rounds of plans that homes told the operator for them."""

    fee_per_kwh: Col
    rounds: int


class NetworkCheck(NamedTuple):
    """Would the network carry this? What the n parties of an opening take in h steps, load of others as forecast.

    In a look-ahead of a design that hears specifications, the parties are the resources of these, in their order. A row is near
    its limit where less than `near_share` of its rating, or of half its band, is left to it in some step.
    """

    product: Product
    p_kw: Col  # (n, h)
    q_kvar: Col | None = None  # (n, h); None: as the run knows what kind of load each party is
    near_share: float = NEAR_SHARE  # rows further from their limit are left out [1]
    kept: tuple[str, ...] = ()  # but those of these names, which are told wherever they stand


class NetworkState(NamedTuple):
    """The exact flow of a plan and the limits of the network around it, over the parties of the check."""

    limits: Limits  # k rows over n parties and h steps; `load_of` them and the plan is `load`
    load: Col  # (k, h) exact magnitudes, in the unit of each row [pu], [A], [kVA]
    beyond: Col  # (k, h) what of it is beyond the row, likewise [pu], [A], [kVA]
    losses_kw: Col  # (h,)
    flow: Flow  # of h steps
    home: Index  # (n,) whose meter each party is behind
    a_home: Col  # (k, H) how rows move with a kW of each of H homes [unit/kW]
