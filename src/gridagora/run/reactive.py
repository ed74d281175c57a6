"""The reactive half of a run: what its inverters give of the need at the boundary, what crossed for it, and who is paid.

Left out: one energy price, that of the substation, values the loss of every inverter, wherever it stands.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.device import DeviceKind, total_by_home
from gridagora.core.errors import InputError, PartError
from gridagora.core.exchange import (
    Quotes,
    Tenders,
    count_bytes,
    count_messages,
    quote,
    sum_kw,
    tender,
)
from gridagora.core.lean import NUMBER_BITS
from gridagora.core.product import HOUR_S, Commodity, Horizon, Product
from gridagora.core.records import Derived, RunColumn
from gridagora.core.session import MessageCount
from gridagora.core.tables import Col, Index
from gridagora.mechanisms import reactive as market
from gridagora.mechanisms.reactive import Inverters, Reactive
from gridagora.results.outcome import Compensation, Outcome, settlement_period
from gridagora.run.state import Lived
from gridagora.settlement.ledger import Ledger, bill_usd, book, join, paid_uusd
from gridagora.settlement.parties import Parties, Role, row_of, rows_of

ITEM = "reactive energy"
LOSS_ITEM = "inverter loss"
GIVEN_UP_ITEM = "energy given up for reactive power"
ELSEWHERE_ITEM = "reactive energy from elsewhere"


class InverterFleet(NamedTuple):
    """The inverters of n homes by k kinds: ratings (k, n), 0 where a home has none; powers (k, n, t), either sign."""

    rated_kva: Col
    p_kw: Col


class InverterPower(NamedTuple):
    """What inverters of n homes do for reactive power over a run: draw it, and lose active power over it."""

    q_kvar: Col  # (n, t)
    loss_kw: Col  # (n, t)


class PowerFactorTerms(NamedTuple):
    """What a scenario agrees: the power factor at the boundary and what reactive energy costs elsewhere [$/kvarh]."""

    power_factor: float
    cap_per_kvarh: float


class Provided(NamedTuple):
    """A run of t intervals cleared: sum of q_kvar + need = unmet. Money is before rounding; the ledger rounds each entry once."""

    q_kvar: Col  # (n, t) by home, withdrawal positive: what is given to a lagging place is negative
    loss_kw: Col  # (n, t) conversion loss of giving it, not part of any power that came in
    price_per_kvarh: Col  # (t,) with the sign of the need
    need_kvar: Col  # (t,)
    unmet_kvar: Col  # (t,)
    paid_usd: Col  # (n,) to each home, at least its cost
    cost_usd: Col  # (n,) of the energy it lost
    elsewhere_usd: float  # of the unmet rest at the cap
    saved_usd: (
        float  # to the operator: all of the need at the cap, less what it paid here and elsewhere
    )
    owner: Index  # (k,) homes with an inverter, which the operator pays
    traffic: MessageCount


def provide_reactive(
    fitted: InverterFleet,
    boundary_kw: Col,
    demand_kvar: Col,
    energy_per_kwh: Col,
    terms: PowerFactorTerms,
    start_s: int,
    dt_h: float,
    loss_share: float = market.LOSS_SHARE,
) -> Provided:
    """Clear the reactive market of a whole run on its active powers.

    Parameters
    ----------
    fitted
        Inverters of n homes and their active powers.
    boundary_kw, demand_kvar
        What the place withdraws without these inverters' reactive power: by home or meter (any, t), or its total (t,).
    energy_per_kwh
        What a home pays for the energy its inverter loses, shape (t,) [$/kWh].
    terms
        Power factor and cap.
    start_s, dt_h
        Start of the run and length of an interval.
    loss_share
        Loss at rating that grows with current squared, of the rating.

    Returns
    -------
    Provided
        By home; `joined` books it.

    Raises
    ------
    InputError
        A power factor or cap that cannot be; both at once.
    PartError
        A column of the wrong shape, not finite, or an inverter's power beyond its rating; the message names home and interval.
    """
    problems = market.check(*terms)
    if problems:
        raise InputError(problems)
    n = fitted.rated_kva.shape[1]
    table, p_kw = make_inverters(fitted, loss_share)
    q_max = market.capability(table, p_kw)
    needed = market.need(_total(boundary_kw), _total(demand_kvar), terms.power_factor)
    found = market.clear(needed, table, q_max, energy_per_kwh, terms.cap_per_kvarh)
    lost = market.loss_kw(table, found.q_kvar)
    paid = -(found.q_kvar @ found.price_per_kvarh) * dt_h
    by_home = [
        _home(table, rows, n)
        for rows in (found.q_kvar, lost, paid, lost @ np.maximum(energy_per_kwh, 0.0) * dt_h)
    ]
    alone, elsewhere = (
        terms.cap_per_kvarh * float(np.abs(column).sum()) * dt_h
        for column in (needed, found.unmet_kvar)
    )
    owners = np.unique(table.home)
    return Provided(
        by_home[0],
        by_home[1],
        found.price_per_kvarh,
        needed,
        found.unmet_kvar,
        by_home[2],
        by_home[3],
        elsewhere,
        alone - elsewhere - float(by_home[2].sum()),
        owners,
        _traffic(table, q_max, energy_per_kwh, found, start_s, dt_h),
    )


def equip_homes(
    lived: Sequence[Lived], homes: int, kind_kw: Col, panel_ratio: float = 1.0
) -> InverterFleet:
    """Return the inverters of homes, each rated for what it must carry.

    Parameters
    ----------
    lived
        The groups of the run.
    homes
        How many there are.
    kind_kw
        Power of every group in every home over the run, shape (g, t, n) [kW].
    panel_ratio
        Rating of an inverter of panels over their largest output [1].
    """
    own = [row for row, group in enumerate(lived) if group.about.has_inverter][::-1]
    rated = [
        (panel_ratio if lived[row].about.is_generation else 1.0)
        * total_by_home(lived[row].rated_kva, lived[row].home, homes)
        for row in own
    ]
    return InverterFleet(np.array(rated).reshape(len(own), homes), kind_kw[own].transpose(0, 2, 1))


def inverter_kw(
    about: Sequence[DeviceKind], kind_kw: Sequence[Col] | Col, shape: tuple[int, ...]
) -> Col:
    """Return the power of all inverters of every home, given that of every group, each of shape (n,) or (n, t) [kW]."""
    own = [kind_kw[row] for row, kind in enumerate(about) if kind.has_inverter]
    return np.asarray(sum(own, np.zeros(shape)))


def motor_kw(home_kw: RunColumn, inverter_kw: RunColumn) -> RunColumn:
    """Return the part of the power of homes that draws reactive power as appliances do, beside inverters, (n, t) each [kW]."""

    def rest_kw(rows: slice, times: slice) -> Col:
        return np.asarray((home_kw[rows, times] - inverter_kw[rows, times]).clip(min=0))

    return Derived((home_kw.shape[0], home_kw.shape[1]), rest_kw)


def equip_nobody(count: int, steps: int) -> InverterFleet:
    """Return homes whose inverters nobody asks: a design without the market buys its whole need elsewhere."""
    return InverterFleet(np.zeros((0, count)), np.zeros((0, count, steps)))


def book_given(parties: Parties, product: Product, given: Provided, dt_h: float) -> Ledger:
    """Book what the operator pays homes with an inverter for the reactive energy they gave."""
    home, kvarh = given.owner, np.abs(given.q_kvar).sum(1) * dt_h
    payee = rows_of(parties, Role.HOME)[home]
    return book(
        row_of(parties, Role.OPERATOR), payee, ITEM, given.paid_usd[home], product, kvarh[home]
    )


def join_reactive(outcome: Outcome, given: Provided) -> Outcome:
    """Return the outcome with its reactive energy booked: bills, the operator's surplus, messages and welfare hold it.

    Homes buy what their inverters lose at the price they saw, and the operator buys that at the same price; the wires sell
    reactive energy from elsewhere. The loss is not part of `load_kw`, as losses of lines are not.
    """
    parties = outcome.parties
    operator, wires = (row_of(parties, role) for role in (Role.OPERATOR, Role.WIRES))
    reactive = settlement_period(outcome)._replace(commodity=Commodity.Q)
    bought = book_given(parties, reactive, given, outcome.dt_h)
    lost = book_losses(outcome, given.cost_usd, given.loss_kw.sum(1) * outcome.dt_h)
    unmet_kvarh = float(np.abs(given.unmet_kvar).sum() * outcome.dt_h)
    elsewhere = book(operator, wires, ELSEWHERE_ITEM, given.elsewhere_usd, reactive, unmet_kvarh)
    ledger = join([outcome.ledger, bought, lost, elsewhere])
    return with_books(outcome, ledger, given.traffic)._replace(
        reactive=Compensation(
            given.need_kvar,
            given.q_kvar,
            given.unmet_kvar,
            given.price_per_kvarh,
            float(given.cost_usd.sum()),
            given.elsewhere_usd,
        ),
    )


def book_losses(outcome: Outcome, cost_usd: Col, lost_kwh: Col, item: str = LOSS_ITEM) -> Ledger:
    """Book what homes pay for the energy that inverters lose, and the operator for the same, (n,) each [$], [kWh]."""
    parties, active = outcome.parties, settlement_period(outcome)
    operator, wholesale = (row_of(parties, role) for role in (Role.OPERATOR, Role.WHOLESALE))
    homes, losing = rows_of(parties, Role.HOME), np.flatnonzero(cost_usd)
    lost = book(homes[losing], operator, item, cost_usd[losing], active, lost_kwh[losing])
    passed_on = lost._replace(payer=lost.payee, payee=np.full(len(losing), wholesale))
    return join([lost, passed_on])


def with_books(outcome: Outcome, ledger: Ledger, more: MessageCount) -> Outcome:
    """Return the outcome with another ledger, its bills and surplus, and more messages."""
    crossed, n, parties = outcome.exchange, len(outcome.bill_usd), outcome.parties
    paid = paid_uusd(ledger, len(parties.id))
    return outcome._replace(
        ledger=ledger,
        bill_usd=bill_usd(ledger, len(parties.id))[:n],
        surplus_uusd=int(-paid[row_of(parties, Role.OPERATOR)]),
        imbalance_uusd=int(paid.sum()),
        exchange=crossed._replace(
            messages=crossed.messages + more.messages,
            bytes=crossed.bytes + more.bytes,
            rounds=crossed.rounds + more.rounds,
            disclosed=crossed.disclosed + more.disclosed // n,
            lean_bits=crossed.lean_bits + NUMBER_BITS * more.disclosed / n,
        ),
    )


def make_inverters(
    fitted: InverterFleet, loss_share: float = market.LOSS_SHARE
) -> tuple[Inverters, Col]:
    """Return the inverters of homes that have any, kind by kind, and their active power, shape (r, t) [kW].

    Raises
    ------
    PartError
        Ratings and powers that are not of all homes.
    """
    rated, p_kw = fitted
    if p_kw.shape[:2] != rated.shape:
        raise PartError(
            f"inverters: got ratings {rated.shape} and powers {p_kw.shape}, expected (k, n) and (k, n, t) of all homes"
        )
    kind, home = np.nonzero((rated != 0) | (p_kw != 0).any(axis=2))
    return market.join_inverters(home, rated[kind, home], loss_share), p_kw[kind, home]


def rows_of_panels(fitted: InverterFleet, lived: Sequence[Lived]) -> Index:
    """Return the rows (k,) of `make_inverters` that are of panels, given the groups that `equip_homes` was."""
    of_panels = np.array(
        [group.about.is_generation for group in lived if group.about.has_inverter][::-1], np.bool_
    )
    kind, _ = np.nonzero((fitted.rated_kva != 0) | (fitted.p_kw != 0).any(axis=2))
    return np.flatnonzero(of_panels[kind])


def reactive_tables(
    table: Inverters,
    q_max_kvar: Col,
    energy_per_kwh: Col,
    found: Reactive,
    start_s: int,
    dt_h: float,
    step: int,
) -> tuple[Tenders, Quotes]:
    """Return what crosses in one interval: an offer up from every inverter, a price and a share down to it.

    Capabilities (r, t) [kvar], energy price (t,) [$/kWh].
    """
    duration_s = round(HOUR_S * dt_h)
    product = Product(Commodity.Q, start_s + step * duration_s, duration_s, Horizon.REAL_TIME, 0)
    up = tender(
        product,
        table.home,
        market.make_offers(table, q_max_kvar[:, step], float(energy_per_kwh[step])),
    )
    one = slice(step, step + 1)
    return up, quote(product, table.home, found.price_per_kvarh[one], share=found.share[one])


def _traffic(
    table: Inverters,
    q_max_kvar: Col,
    energy_per_kwh: Col,
    found: Reactive,
    start_s: int,
    dt_h: float,
) -> MessageCount:
    """Count a run from the tables of its first interval: every interval sends as many rows of the same length."""
    t = len(energy_per_kwh)
    if t == 0 or len(table.home) == 0:
        return MessageCount()
    both = reactive_tables(table, q_max_kvar, energy_per_kwh, found, start_s, dt_h, 0)
    messages, sent = (sum(count(each) for each in both) for count in (count_messages, count_bytes))
    return MessageCount(t * messages, t * sent, t, t * 2 * len(both[0].p_kw))


def _home(table: Inverters, rows: Col, count: int) -> Col:
    """Return the sums by home of the rows of inverters, (count, ...)."""
    total = np.zeros((count, *rows.shape[1:]))
    np.add.at(total, table.home, rows)
    return total


def _total(rows: Col) -> Col:
    """Return the total over rows, shape (t,), whole micro-watts where there are rows: in any order the same.

    What is not finite passes as it is, so that the clearing names its interval.
    """
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim == 1:
        return rows
    return sum_kw(rows) if np.isfinite(rows).all() else np.asarray(rows.sum(axis=0))
