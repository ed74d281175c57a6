"""The nodal market of reactive power in a run: cleared interval by interval after active power, around the exact flow.

Active power is known, and has priority unless panels give way: an inverter offers what its rating leaves. The network operator,
the party `wires`, buys at every meter what saves it more than it costs, in losses and in what is beyond voltage limits and
ratings, and pays the price of that meter. Homes buy what their inverters lose or give up at the price they saw, through the
operator.

Left out: one energy price, that of the substation, values the loss of every inverter, wherever it stands. The sum of small
losses is not part of any tender of active power.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.errors import PartError
from gridagora.core.exchange import (
    Quotes,
    Tenders,
    count_bytes,
    count_messages,
    quote,
    tender,
)
from gridagora.core.flow import ControlState, Flow
from gridagora.core.network_operator import NetworkRules
from gridagora.core.product import HOUR_S, Commodity, Horizon, Product
from gridagora.core.records import RunColumn
from gridagora.core.session import MessageCount
from gridagora.core.tables import Col, Index
from gridagora.kernels.flow.fixed_point import BLOCK
from gridagora.mechanisms import reactive as offers_at
from gridagora.mechanisms.reactive import Inverters
from gridagora.mechanisms.reactive_offers import (
    LEAST_PER_KWH,
    ReactiveOffers,
    given_up_kw,
    lost_kw,
    make_reactive_offers,
)
from gridagora.run.power_flow import Wiring, meter_powers
from gridagora.run.reactive_rounds import BlockTerms, ClearedBlock, Site, clear_block


class RunPower(NamedTuple):
    """What homes draw over a run beside reactive power of inverters: net power and the part at the power factor of appliances."""

    home_kw: RunColumn  # (n, t)
    motor_kw: RunColumn  # (n, t)


class NodalTerms(NamedTuple):
    """What a run clears reactive power by."""

    rules: NetworkRules
    wholesale_per_kwh: Col  # (t,)
    energy_per_kwh: Col  # (t,) that homes saw
    start_s: int
    dt_h: float
    horizon: Horizon = Horizon.REAL_TIME


class NodalRun(NamedTuple):
    """A run of t intervals cleared, by its r inverters."""

    q_kvar: Col  # (r, t)
    price_per_kvarh: Col  # (r, t)
    lost_kw: Col  # (r, t) what they give up included
    given_up_kw: Col  # (r, t) active power that gives way
    saved_usd_per_h: Col  # (t,)
    unsettled: int
    declined: int
    traffic: MessageCount


def clear_run(
    wiring: Wiring,
    drawn: RunPower,
    table: Inverters,
    p_kw: Col,
    terms: NodalTerms,
    gives_way: Index | None = None,
) -> NodalRun:
    """Clear reactive power of a whole run, some intervals at a time; controls of the feeder go on from one to the next.

    Parameters
    ----------
    wiring
        The grid, where homes stand, and other customers.
    drawn
        Powers of homes.
    table
        r inverters, one or more.
    p_kw
        Their active power, shape (r, t) [kW].
    terms
        Prices and limits.
    gives_way
        Rows whose active power gives way to reactive power; left out: none.

    Raises
    ------
    PartError
        An interval without a power flow, or an active power beyond the rating of its inverter.
    """
    meter, at_meter = np.unique(wiring.home_meter[table.home], return_inverse=True)
    offers = make_reactive_offers(table, at_meter, p_kw, gives_way)
    parts = list[ClearedBlock]()
    before: ControlState | None = None
    site: Site | None = None
    t = p_kw.shape[1]
    for first in range(0, t, BLOCK):
        at = slice(first, min(first + BLOCK, t))
        flows = BlockFlow(wiring, drawn, table, at, terms.dt_h, before)
        if site is None:
            nothing = np.zeros((len(table.home), at.stop - at.start))
            site = Site(meter, wiring.grid.loss_factor(flows.solve(nothing, nothing), meter))
        parts.append(
            clear_block(wiring.grid, flows.solve, _offers_of(offers, at), site, terms_of(terms, at))
        )
        before = parts[-1].flow.after
    q, price = (
        np.concatenate([getattr(part, name) for part in parts], axis=1)
        for name in ("q_kvar", "price_per_kvarh")
    )
    return NodalRun(
        q,
        price,
        lost_kw(offers, q),
        given_up_kw(offers, q),
        np.concatenate([part.saved_usd_per_h for part in parts]),
        sum(int((~part.is_settled).sum()) for part in parts),
        sum(int(part.is_declined.sum()) for part in parts),
        _traffic(table, offers.most_kvar, price, terms),
    )


class BlockFlow(NamedTuple):
    """Some intervals of a run as the flow sees them."""

    wiring: Wiring
    drawn: RunPower
    table: Inverters
    at: slice
    dt_h: float
    before: ControlState | None

    def solve(self, q_kvar: Col, lost_kw: Col) -> Flow:
        """Return the exact flow as inverters draw reactive power and lose active power, (r, t) each [kvar], [kW].

        Raises
        ------
        PartError
            An interval without a flow.
        """
        at, homes = self.at, len(self.wiring.home_meter)
        given, lost = (by_home(self.table.home, rows, homes) for rows in (q_kvar, lost_kw))
        hour = np.arange(at.start, at.stop) // round(1 / self.dt_h)
        drawn = self.drawn.home_kw[:, at] + lost, self.drawn.motor_kw[:, at]
        powers = meter_powers(self.wiring.home_meter, *drawn, self.wiring.other_kw[hour], given)
        flow = self.wiring.grid.flow(*powers, self.before)
        failed = at.start + np.flatnonzero(~flow.converged)
        if failed.size:
            raise PartError(
                f"reactive power, interval {failed[0]}: the power flow has no solution, so nothing can be bought; use a stronger "
                "feeder or fewer homes"
            )
        return flow


def by_home(home: Index, rows: Col, count: int) -> Col:
    """Return the sums by home (count, t) of rows of inverters (r, t) [any unit]."""
    total = np.zeros((count, rows.shape[1]))
    np.add.at(total, home, rows)
    return total


def _offers_of(offers: ReactiveOffers, at: slice) -> ReactiveOffers:
    return offers._replace(free_kvar=offers.free_kvar[:, at], most_kvar=offers.most_kvar[:, at])


def terms_of(terms: NodalTerms, at: slice) -> BlockTerms:
    """Return what some intervals are cleared by: energy is worth a little at least."""
    return BlockTerms(
        terms.rules,
        np.maximum(terms.wholesale_per_kwh[at], LEAST_PER_KWH),
        np.maximum(terms.energy_per_kwh[at], LEAST_PER_KWH),
    )


def nodal_tables(
    table: Inverters, q_max_kvar: Col, price_per_kvarh: Col, terms: NodalTerms, step: int
) -> tuple[Tenders, Quotes]:
    """Return what crosses in one interval: an offer up from every inverter, and the price of its meter down to it.

    Capabilities and prices (r, t) [kvar], [$/kvarh].
    """
    duration_s = round(HOUR_S * terms.dt_h)
    start_s = terms.start_s + step * duration_s
    product = Product(Commodity.Q, start_s, duration_s, terms.horizon, 0)
    price = float(max(terms.energy_per_kwh[step], LEAST_PER_KWH))
    up = tender(product, table.home, offers_at.make_offers(table, q_max_kvar[:, step], price))
    return up, quote(product, table.home, price_per_kvarh[:, step : step + 1])


def _traffic(
    table: Inverters, q_max_kvar: Col, price_per_kvarh: Col, terms: NodalTerms
) -> MessageCount:
    """Count a run from the tables of its first interval: every interval sends as many rows of the same length."""
    t = q_max_kvar.shape[1]
    both = nodal_tables(table, q_max_kvar, price_per_kvarh, terms, 0)
    messages, sent = (sum(count(each) for each in both) for count in (count_messages, count_bytes))
    return MessageCount(t * messages, t * sent, t, t * 2 * len(both[0].p_kw))
