"""The markets of all runs clear an interval: their sessions go in step, and homes tender together where each bids alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gridagora.core.agents import refuse
from gridagora.core.exchange import Quotes, Status, Tenders, Transactions
from gridagora.core.rules import Bidder, Pricing
from gridagora.core.session import (
    BehindTheMeter,
    Clearing,
    GateOpen,
    Opening,
    SupplyOffer,
    drive_together,
)
from gridagora.core.tables import Col
from gridagora.kernels.curves.curve import Curves
from gridagora.kernels.curves.internal_price import power_at_own
from gridagora.run.by_run import DevicesByRun, split_tenders
from gridagora.run.comms import deliver
from gridagora.run.comms import draw_heard as hears_award
from gridagora.run.network_operator import Askers, answer_network, with_inverter
from gridagora.run.opening import interval_product, open_clear
from gridagora.run.posted import post_interval
from gridagora.run.record import Record
from gridagora.run.settle import record_trades
from gridagora.run.state import OWN_PRICE, DemandSide, RunState
from gridagora.run.unsound import (
    check_generator,
    refuse_unlike,
    refuse_unsound,
    refuse_unsound_tenders,
)
from gridagora.strategies.home import HomeBid
from gridagora.strategies.retail_offer import RetailOffer

ROW_BY_ROW = (HomeBid, RetailOffer)  # a curve depends on its own home alone, not on the opening


@dataclass
class Gate:
    """The gate of one interval: openings of all runs, what stands behind their meters, and the tenders of each run so far."""

    demand: DemandSide
    openings: list[Opening]
    inner: BehindTheMeter
    among: DevicesByRun
    sent: dict[int, Tenders] = field(default_factory=dict)
    heard: dict[int, Tenders] = field(
        default_factory=dict
    )  # by the market: older where late or lost

    def answer(self, asked: Mapping[int, object]) -> Mapping[int, Any]:
        """Return what the market of each run that asks receives; None where nobody tenders.

        Raises
        ------
        PartError
            A message that no home answers, or tenders that are unsound.
        """
        found = answer_network(asked, self.demand.runs, self.askers)
        if found:
            return found
        for message in asked.values():
            if not isinstance(message, (GateOpen, Quotes)):
                refuse(message, "GateOpen, Quotes")
        offered = zip(asked, self._tender(list(asked)), strict=True)
        return {run: self._carry(run, tenders) for run, tenders in offered}

    def askers(self, run: int) -> Askers:
        """Return who tenders to the market of a run."""
        demand, desk, part = self.demand, self.demand.runs[run], self.among.parts[run]
        own_kw, inverters = (
            part.net_kw[:, None],
            with_inverter(demand.fleet, demand.homes_of_run(run)),
        )
        if desk.bidder is Bidder.HOME:
            return Askers(np.arange(len(own_kw)), own_kw, None, inverters)
        rows = () if demand.plan is None else demand.plan.rows
        motor = [
            np.full(len(own), not group.about.has_inverter)
            for group, own in zip(demand.fleet.groups, rows, strict=bool(rows))
        ]
        is_motor = np.concatenate([np.zeros(0, np.bool_), *motor])
        return Askers(part.home, own_kw, self.among.of_run(is_motor, run), inverters)

    def _tender(self, runs: list[int]) -> Sequence[Tenders | None]:
        """Return what homes or devices of some runs offer."""
        demand, openings = self.demand, self.openings
        if 1 < len(runs) == len(demand.runs) and isinstance(demand.runs[0].strategy, ROW_BY_ROW):
            desk, homes = demand.runs[0], len(demand.metered_kw)
            every = openings[0]._replace(party=np.arange(homes))
            tenders = desk.strategy.tender(every, self.inner)
            refuse_unsound_tenders(desk, tenders, homes)
            products = [opening.product for opening in openings]
            return [] if tenders is None else split_tenders(tenders, demand.first_home, products)
        found = []
        for run in runs:
            desk, opening = demand.runs[run], openings[run]
            tenders = desk.strategy.tender(opening, self.among.parts[run])
            if tenders is not None:
                refuse_unsound_tenders(desk, tenders, len(opening.party))
            found.append(tenders)
        return found

    def _carry(self, run: int, tenders: Tenders | None) -> Tenders | None:
        """Return what of the tenders of a run arrives."""
        desk = self.demand.runs[run]
        if tenders is None or desk.bidder is not Bidder.HOME:
            arrived = tenders
        else:
            metered_kw = self.demand.metered_kw[self.demand.homes_of_run(run)]
            desk.inbox, arrived = deliver(desk.study.links, desk.inbox, tenders, metered_kw)
        if tenders is not None and arrived is not None:
            self.sent[run], self.heard[run] = tenders, arrived
        return arrived

    def refuse(self, run: int, found: object) -> None:
        """Refuse how the session of a run ended where nothing could follow it."""
        refuse_unsound(self.demand.runs[run], found, self.openings[run], self.heard.get(run))


def clear_runs(
    demand: DemandSide, i: int, inner: BehindTheMeter, among: DevicesByRun
) -> list[tuple[Clearing, Col | None]]:
    """Run the session of interval i of every run.

    Returns
    -------
    list
        For each run what homes know of how it ended, and what each was awarded, shape (n,) [kW], where homes bid.
    """
    runs, rules = demand.runs, demand.runs[0].rules
    if rules.posts_hours and not rules.sees_flow:
        return [
            (post_interval(desk, i, part.home), None)
            for desk, part in zip(runs, among.parts, strict=True)
        ]
    openings = [
        open_clear(desk, interval_product(desk, i), len(part.home))
        for desk, part in zip(runs, among.parts, strict=True)
    ]
    gate = Gate(demand, openings, inner, among)
    driven = drive_together(
        [
            check_generator(desk, desk.market.clear(opening, desk.state))
            for desk, opening in zip(runs, openings, strict=True)
        ],
        gate.answer,
        [desk.traffic for desk in runs],
        private=runs[0].private,
        lean=[desk.lean for desk in runs],
        accept=gate.refuse,
    )
    for desk, found in zip(runs, driven, strict=True):
        desk.traffic = found.traffic
    return [_close(gate, run, i, found.result) for run, found in enumerate(driven)]


def _close(gate: Gate, run: int, i: int, clearing: Clearing) -> tuple[Clearing, Col | None]:
    """Record the clearing of a run; return it as homes know it, and what each was awarded, (n,) [kW], if they bid."""
    desk = gate.demand.runs[run]
    if clearing.state is not None:
        desk.state = clearing.state
    _record_prices(desk, i, gate.openings[run].supply, clearing)
    awards = clearing.transactions
    if awards is None:
        return clearing, None
    desk.unconverged += bool((awards.status == Status.ROUNDS_SPENT).any())
    award_kw = awards.p_kw[:, 0] if desk.bidder is Bidder.HOME else None
    if run in gate.sent and desk.bidder is Bidder.HOME and desk.study.links.lose_awards:
        clearing = clearing._replace(transactions=_known(desk, awards, gate.sent[run]))
    return clearing, award_kw


def _record_prices(desk: RunState, i: int, supply: SupplyOffer, clearing: Clearing) -> None:
    """Write import price and export credit of an interval as the pricing rule of the design has them."""
    track, awards, posted = desk.track, clearing.transactions, clearing.posted
    pricing = desk.rules.pricing
    if posted is not None:
        refuse_unlike(desk, posted)
        track.price_per_kwh[i], track.credit_per_kwh[i] = (
            posted.buy_per_kwh[0, 0],
            posted.sell_per_kwh[0, 0],
        )
    elif (
        pricing is Pricing.BILATERAL
    ):  # what homes do not trade with each other is the supplier's, at its prices
        if clearing.local is not None and len(clearing.local.party):
            desk.trades.append(record_trades(desk.parties, i, clearing.local, desk.study.dt_h))
        track.network_per_kwh[i] = added = clearing.network_per_kwh
        track.price_per_kwh[i] = supply.import_per_kwh[0] + added
        track.credit_per_kwh[i] = supply.export_per_kwh[0] + added
    elif awards is not None and pricing is Pricing.NODAL:
        _record_nodal_prices(track, i, awards, clearing.home_per_kwh, supply)
        return
    elif awards is not None and pricing is Pricing.UNIFORM:
        price = awards.price_per_kwh[:, 0] if len(awards.party) else supply.import_per_kwh
        track.price_per_kwh[i] = track.credit_per_kwh[i] = price[0]
    elif awards is not None:
        track.price_per_kwh[i] = track.credit_per_kwh[i] = _mean_per_kwh(awards)
        if clearing.place_per_kwh is not None and len(track.place_per_kwh):
            track.place_per_kwh[:, i] = clearing.place_per_kwh
            track.price_per_kwh[i] = track.credit_per_kwh[i] = clearing.place_per_kwh[-1]
    own = awards.price_per_kwh[:, 0] if awards is not None and pricing in OWN_PRICE else None
    track.import_per_kwh[i] = track.price_per_kwh[i] if own is None else own
    track.export_per_kwh[i] = track.credit_per_kwh[i] if own is None else own


def _record_nodal_prices(
    track: Record, i: int, awards: Transactions, home_per_kwh: Col | None, supply: SupplyOffer
) -> None:
    """Write the price at every meter, and the mean of them; one price, that of any award, where no node has its own."""
    price = home_per_kwh
    if price is None:
        one = awards.price_per_kwh[:, 0] if len(awards.party) else supply.import_per_kwh
        price = one[:1]
    track.import_per_kwh[i] = track.export_per_kwh[i] = price
    track.price_per_kwh[i] = track.credit_per_kwh[i] = price.mean()


def _mean_per_kwh(result: Transactions) -> float:
    """Return the mean price of what homes buy and sell [$/kWh], weighted by quantity."""
    moved = np.abs(result.p_kw[:, 0])
    return float((result.price_per_kwh[:, 0] * moved).sum() / max(moved.sum(), 1e-9))


def _known(desk: RunState, awarded: Transactions, sent: Tenders) -> Transactions:
    """Return the awards as homes know them: who does not hear the award keeps to its curve at the last price it heard."""
    hears = hears_award(desk.study.links, len(awarded.party), awarded.product.start_s)
    desk.heard_per_kwh = np.where(hears, awarded.price_per_kwh[:, 0], desk.heard_per_kwh)
    alone: Col = power_at_own(
        Curves(sent.offset, sent.p_kw, sent.price_per_kwh), desk.heard_per_kwh, np.ones(len(hears))
    )
    return awarded._replace(
        p_kw=np.where(hears, awarded.p_kw[:, 0], alone)[:, None],
        price_per_kwh=desk.heard_per_kwh[:, None],
    )
