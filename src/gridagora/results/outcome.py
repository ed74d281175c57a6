"""What one design did, as columns: the one table every metric reads. t intervals, n homes, j meters, m nodes."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gridagora.core.capacity import CapacityTerms
from gridagora.core.limits import Limits, broken_kwh, limit_substation, soft_cost_usd
from gridagora.core.product import HOUR_S, Commodity, Horizon, Product
from gridagora.core.records import RunColumn
from gridagora.core.tables import Col, Flag, Index
from gridagora.results.control_moves import ControlMoves, count_moves
from gridagora.results.loading import BranchLoading
from gridagora.results.nodal_series import MarginalLosses, NodalSeries
from gridagora.results.posted_limits import PostedLimits
from gridagora.results.reactive_market import ReactiveMarket, traded_kvarh
from gridagora.results.supply_quality import VoltageUnbalance
from gridagora.results.transformer_ageing import TransformerAgeing
from gridagora.settlement.ledger import AgreedPositions, Ledger
from gridagora.settlement.parties import Parties
from gridagora.settlement.retail_terms import RetailTerms
from gridagora.settlement.transformer_life import LoadedTransformer


class NetworkResult(NamedTuple):
    """The exact power flow of every interval. v_*_pu per unit of nominal; `home_v_*` over the nodes of a home's meter."""

    losses_kw: Col  # (t,)
    source_kw: Col  # (t,) at the source, losses included
    source_kvar: Col  # (t,)
    v_min_pu: Col  # (t,) lowest home voltage of the interval
    v_max_pu: Col  # (t,)
    home_v_pu: RunColumn  # (n, t) mean of the home's legs
    bus_v_min_pu: Col  # (b,) over the run
    bus_v_max_pu: Col  # (b,)
    bus_v_at_peak_pu: Col  # (b,) lowest phase at the interval of the peak
    failed: int  # intervals whose flow did not converge
    mismatch_kva: float  # largest |S - V conj(Y V)|
    loading: BranchLoading | None = None  # None where no branch has a rating
    controls: ControlMoves | None = None  # None where no regulator and no capacitor bank moves
    nominal_pu: Col | None = None  # (n,) 230 V at each home, where voltages are held to EN 50160
    nodal: NodalSeries | None = None  # None where nobody asked for prices
    marginal_losses: MarginalLosses | None = None  # None where they charge nobody
    unbalance: VoltageUnbalance | None = None  # None where no bus has three phases
    v_median_pu: Col | None = None  # (t,) median of homes; None in a result without it
    head_a: Col | None = None  # (t, 3) into phases at the source [A]; None: it has not three
    ageing: TransformerAgeing | None = None  # None where no transformer has a rating


class Compensation(NamedTuple):
    """What a place needed of reactive power beyond its agreed power factor, and who gave it; a design without the market: nobody.

    Signs as in `mechanisms.reactive`: the sum of given_kvar and need_kvar is unmet_kvar, which is bought elsewhere.
    """

    need_kvar: Col  # (t,)
    given_kvar: Col  # (n, t) by homes, withdrawal positive
    unmet_kvar: Col  # (t,)
    price_per_kvarh: Col  # (t,) paid to homes, with the sign of the need
    loss_usd: float  # of energy that inverters lose over it, at the price homes saw
    elsewhere_usd: float  # of what is unmet, at the cap


class Exchange(NamedTuple):
    """What crossed between parties and the market, counted where it crossed."""

    messages: int
    bytes: int
    rounds: int
    disclosed: int  # numbers that describe one home to another party, whole run
    lean_bits: float = (
        math.nan
    )  # of a mean home about itself in the leanest form, whole run; nan where nobody counted


class LocalTrades(NamedTuple):
    """What homes agreed with each other, a row each: interval, buyer, seller, power and what the buyer pays.

    Shape (r,) each. Buyer and seller are rows of the parties of the run. The operator keeps the accounts of pools; `charge` rows
    are owed to the network or, as delivery, to the wires, and move no energy.
    """

    interval: Index
    buyer: Index
    seller: Index
    p_kw: Col
    usd: Col
    charge: Flag


class Paid(NamedTuple):
    """What the bill of every home was made of: prices at its meter, what it agreed before, what it traded with other homes.

    Prices are of shape (n, t), or (1, t) where all homes see one. A home trades its power, net of `trades`, at them. Positions
    hold the hours of the run, shape (n, h) each, the earliest agreed first.
    """

    price_per_kwh: Col
    credit_per_kwh: Col
    positions: tuple[AgreedPositions, ...]
    trades: LocalTrades
    capacity: CapacityTerms | None = None  # charges for power; None: there are none
    billing: RetailTerms | None = None  # of a retail tariff, whose first block the prices are


class Outcome(NamedTuple):
    """One design on one scene. Power is at the meter, withdrawal positive.

    The load is the sum of all meters, homes and other customers, losses apart; the limit holds for import and for export.
    """

    name: str
    start_s: Index  # (t,)
    dt_h: float
    limit_kw: float  # inf where there is none
    over_per_kwh: float
    delivery_per_kwh: float
    export_credit_per_kwh: float
    wholesale_per_kwh: Col  # (t,) real-time price, energy only
    price_per_kwh: Col  # (t,) price homes saw
    credit_per_kwh: Col  # (t,) what they were paid for export, the price under net metering
    load_kw: Col  # (t,) homes and other customers
    other_kw: Col  # (t,) other customers: the meters that are no homes
    committed_kw: Col  # (t,)
    award_kw: RunColumn  # (n, t) what each home was awarded, nan where nothing is
    place_per_kwh: Col  # (m, t) price at every place of a layered design; no rows elsewhere
    fixed_kw: Col  # (t,)
    device_kw: Mapping[str, Col]  # (t,) by kind of device, withdrawal positive
    home_kw: RunColumn  # (n, t)
    available_kw: Mapping[
        str, RunColumn
    ]  # (n, t) by kind of generation that may be curtailed: what it could have given
    device_usd: Mapping[
        str, Col
    ]  # (n,) by item: "wear" of use, then the worth of service not given
    felt: Mapping[
        str, Col
    ]  # (n,) what else homes felt of their devices, by column of the table of homes [unit of its name]
    measures: Mapping[
        str, Col
    ]  # (n,) the same by what it counts towards (`core.device`), whatever the kind [unit of the column]
    series: Mapping[
        str, RunColumn
    ]  # (n, t) the same by column of the table of intervals [unit of its name]
    owned: Mapping[str, Flag]  # (n,) which homes own a device, of kinds that make a prosumer
    left_usd: float  # value of what the stores hold at the end
    bill_usd: Col  # (n,)
    parties: Parties  # homes first
    ledger: Ledger  # of these parties
    surplus_uusd: int  # what is left with the operator after every payment, integer micro-dollars
    imbalance_uusd: int  # sum of the ledger: exactly zero
    plan_gap_share: float  # largest certified gap of the operator's plans over their cost; nan where nobody plans for all
    energy_balance_kwh: float  # largest violation of a store's balance in one step
    exchange: Exchange
    network: NetworkResult | None
    wall_s: float
    kept: Mapping[str, Mapping[str, Col]] = MappingProxyType(
        {}
    )  # (n, t) by table and column [unit of its name]
    reactive: Compensation | None = None  # where the scenario agrees a power factor
    reactive_market: ReactiveMarket | None = None  # where reactive power is priced at every meter
    unconverged_sessions: int = 0  # of real time, that spent their rounds before parties agreed
    leader_gain_usd: float = (
        math.nan
    )  # what any prosumer of a retail game could gain alone, at most; nan where none is played
    leader_gain_share: float = math.nan  # the same over the mean absolute profit of prosumers
    leader_tried_share: float = (
        math.nan
    )  # what it would have gained by price moves tried on end-users' own devices, likewise
    follower_gain_usd: float = math.nan  # what any end-user could
    warnings: tuple[str, ...] = ()  # conditions that do not hold, in words
    paid: Paid | None = None  # what bills are made of
    transformer: LoadedTransformer | None = None  # that the limit stands for; None without a limit
    posted: PostedLimits | None = None  # limits of homes; None where the design posted none


def settlement_period(outcome: Outcome) -> Product:
    """Return the real-time product of active power that covers the whole run: the period its ledger settles."""
    duration_s = round(HOUR_S * outcome.dt_h * len(outcome.start_s))
    return Product(Commodity.P, int(outcome.start_s[0]), duration_s, Horizon.REAL_TIME)


def has_renewables(outcome: Outcome) -> bool:
    """Return whether homes own generation that may be curtailed."""
    return bool(outcome.available_kw)


def agrees_power_factor(outcome: Outcome) -> bool:
    """Return whether the scenario of a run agrees a power factor, so that reactive energy is bought."""
    return outcome.reactive is not None


def buys_reactive(outcome: Outcome) -> bool:
    """Return whether a run buys reactive energy from homes, for a power factor or at every meter."""
    return agrees_power_factor(outcome) or outcome.reactive_market is not None


def bought_kvarh(outcome: Outcome) -> float:
    """Return the reactive energy that homes gave for money, either way [kvarh]; nan where nobody asks for it."""
    if outcome.reactive_market is not None:
        return traded_kvarh(outcome.reactive_market, outcome.dt_h)
    side = outcome.reactive
    return math.nan if side is None else given_kvarh(side, outcome.dt_h)


def paid_for_reactive_usd(outcome: Outcome) -> float:
    """Return what homes were paid for reactive energy [$]; nan where nobody asks for it."""
    if outcome.reactive_market is not None:
        return float(outcome.reactive_market.paid_usd.sum())
    side = outcome.reactive
    if side is None:
        return math.nan
    return float(-(side.given_kvar @ side.price_per_kvarh).sum() * outcome.dt_h)


def moves_controls(outcome: Outcome) -> bool:
    """Return whether the feeder of a run has regulators or capacitor banks that move."""
    return outcome.network is not None and outcome.network.controls is not None


def has_phase_balance(outcome: Outcome) -> bool:
    """Return whether the feeder of a run has a bus of three phases, so that their voltages may be unbalanced."""
    return outcome.network is not None and outcome.network.unbalance is not None


def has_three_phase_head(outcome: Outcome) -> bool:
    """Return whether the source of a run feeds three phases, so that their currents may be unbalanced."""
    return outcome.network is not None and outcome.network.head_a is not None


def total_moves(outcome: Outcome, kind: str) -> float:
    """Return the taps or steps that all controls of a kind moved over a run; nan where controls do not move."""
    net = outcome.network
    if net is None or net.controls is None:
        return float("nan")
    return float(count_moves(net.controls, kind).sum())


def given_kvarh(side: Compensation, dt_h: float) -> float:
    """Return the reactive energy that homes gave for money, either way [kvarh]."""
    return float(np.abs(side.given_kvar).sum() * dt_h)


def reactive_cost_usd(outcome: Outcome) -> float:
    """Resource cost of reactive power [$]: of inverters, lost or given up, and bought elsewhere; 0 where nobody asks for it."""
    if outcome.reactive_market is not None:
        return outcome.reactive_market.loss_usd + outcome.reactive_market.given_up_usd
    side = outcome.reactive
    return 0.0 if side is None else side.loss_usd + side.elsewhere_usd


def energy_cost_usd(outcome: Outcome) -> float:
    """Resource cost of energy at the substation [$]: wholesale plus delivery on import, wholesale plus credit on export."""
    load, price = outcome.load_kw, outcome.wholesale_per_kwh
    bought = (load * (price + outcome.delivery_per_kwh))[load > 0].sum()
    sold = (load * (price + outcome.export_credit_per_kwh))[load < 0].sum()
    return float((bought + sold) * outcome.dt_h)


def substation_row(outcome: Outcome) -> Limits:
    """Return the limit of the substation over all homes, with other customers, in every interval."""
    return limit_substation(
        len(outcome.home_kw), outcome.other_kw, outcome.limit_kw, outcome.over_per_kwh
    )


def over_limit_kwh(outcome: Outcome) -> float:
    """Energy beyond the limit, of import and of export [kWh]."""
    return float(broken_kwh(substation_row(outcome), outcome.load_kw[None], outcome.dt_h)[0])


def losses_usd(outcome: Outcome) -> float:
    """Cost of network losses at the real-time wholesale price [$]; intervals without power flow left out, 0 without a network."""
    if outcome.network is None:
        return 0.0
    return float(np.nansum(outcome.network.losses_kw * outcome.wholesale_per_kwh) * outcome.dt_h)


def costs_usd(outcome: Outcome) -> dict[str, float]:
    """Every term of welfare as a cost [$], transfers left out.

    `left in stores` is minus the value of what they hold, where coolth is negative heat: a summer run ends with a positive cost
    there.
    """
    return {
        "energy": energy_cost_usd(outcome),
        "losses": losses_usd(outcome),
        "wear": float(outcome.device_usd["wear"].sum()) if "wear" in outcome.device_usd else 0.0,
        **{item: float(usd.sum()) for item, usd in outcome.device_usd.items() if item != "wear"},
        "over limit": float(
            soft_cost_usd(substation_row(outcome), outcome.load_kw[None], outcome.dt_h)[0]
        ),
        "left in stores": -outcome.left_usd,
        "reactive": reactive_cost_usd(outcome),
    }


def welfare_usd(outcome: Outcome) -> float:
    """Social welfare of the run [$], as minus the sum of resource costs (theory 8.1)."""
    return -sum(costs_usd(outcome).values())


def welfare_before_losses_usd(outcome: Outcome) -> float:
    """Social welfare without the cost of network losses [$]: what designs and the bound, which know no network, share."""
    return welfare_usd(outcome) + losses_usd(outcome)
