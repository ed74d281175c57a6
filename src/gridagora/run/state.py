"""Where a design meets its homes: what all designs of a study share, the desk of one run, and what the run records."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.device import REFERENCE_PER_KWH, Window
from gridagora.core.errors import PartError
from gridagora.core.flow import Flow
from gridagora.core.limits import Limits
from gridagora.core.ports import Market, Strategy
from gridagora.core.product import Horizon
from gridagora.core.records import RowSum, RunColumn, row_blocks, sum_rows
from gridagora.core.registry import find
from gridagora.core.rules import Bidder, Disclosure, Pricing, Residual, Rulebook
from gridagora.core.session import Baseline, MessageCount, Topology
from gridagora.core.tables import Col, Flag, Homes, Index
from gridagora.mechanisms.retail.agents import GameCertificate
from gridagora.population import fleet as homes_at
from gridagora.results.outcome import LocalTrades
from gridagora.run import starts
from gridagora.run.comms import PERFECT, BidCache, CommsFaults
from gridagora.run.forecast import WholesaleTerms, real_time_per_kwh
from gridagora.run.power_flow import Wiring
from gridagora.run.record import OpenRecorder, Record, open_record, open_recorder
from gridagora.run.settle import Position, cost_usd_per_h
from gridagora.settlement.parties import Parties, run_parties

DAY_H = 24
HOUR_S = 3600
OWN_PRICE = frozenset(
    {Pricing.BY_PLACE, Pricing.BY_PARTY}
)  # every home pays the price of its own transactions


class Setup(NamedTuple):
    """What all designs of a comparison share."""

    homes: Homes
    days: int
    start_s: int
    local_hour: Index  # (H,) local hour of day of every hour of the run
    wholesale: WholesaleTerms
    comfort_per_k2_h: float
    flat_per_kwh: float  # rate of the flat tariff on the baseline load
    dt_h: float
    window_h: int
    rule: str  # how on/off units follow a dispatch
    baseline_kw: (
        RunColumn | None
    )  # (n, t) net power of every home under the flat design, for tariffs that earn what it costs
    other_kw: Col  # (H,) load of other customers: the meters that are no homes
    group: Index | None = (
        None  # (n,) service transformer of every home, within which units are ranked; None: one feeds all
    )
    site: Topology | None = None  # where homes stand; None: all at one root
    limits: Limits | None = (
        None  # of zones and transformers, over n homes and H hours; None: nothing is limited there
    )
    place_other_kw: Col | None = (
        None  # (m, H) load of other customers below each place, 0 at the root
    )
    wiring: Wiring | None = (
        None  # the grid behind the meters; None: no flow is known before the end
    )
    links: CommsFaults = PERFECT
    rest_min: int = homes_at.REST_MIN  # minutes an on/off unit rests after it was switched
    start_spread_min: float = (
        0.0  # homes that follow a posted price wait up to so long before a device starts
    )
    keep: tuple[str, ...] = ()  # what is kept of each home by interval, words of `[results] keep`
    reference_per_kwh: float = REFERENCE_PER_KWH  # the price at which set points were chosen: it fixes the bliss temperature


class FinishedRun(NamedTuple):
    """A finished run, before it is scored."""

    track: Record
    fleet: homes_at.Fleet
    wholesale_per_kwh: Col  # (t,)
    traffic: MessageCount
    inbox: BidCache
    parties: Parties
    positions: tuple[Position, ...]  # earliest agreed first
    trades: LocalTrades  # between homes
    unconverged: int  # real-time sessions that spent their rounds
    games: tuple[GameCertificate, ...]
    wall_s: float
    residual: Residual = Residual.OPERATOR  # who keeps what is left over


@dataclass
class RunState:
    """One run in progress; `traffic`, `inbox`, `positions` and the arrays of the track change as it goes."""

    market: Market[Any]
    strategy: Strategy
    state: Any  # what the market remembers
    study: Setup
    parties: Parties
    fleet: homes_at.Fleet
    load_kw: Col  # (H, n) of homes without their devices
    wholesale_per_kwh: Col  # (t + 24 h,)
    track: Record
    heard_per_kwh: Col  # (n,) last price that each home heard
    metered_kw: Col  # (n,) in the interval before
    is_prosumer: Flag  # (n,)
    wait: starts.StartDelay | None = None  # where starts are staggered
    traffic: MessageCount = field(default_factory=MessageCount)
    inbox: BidCache = field(default_factory=BidCache)
    positions: dict[Horizon, Position] = field(default_factory=dict)
    trades: list[LocalTrades] = field(default_factory=list)  # home to home, one table an interval
    flow: Flow | None = None  # of the interval before, where the design sees it
    unconverged: int = 0  # sessions that spent their rounds
    games: list[GameCertificate] = field(default_factory=list)  # of prosumers who are the retailer
    interval: int = 0  # the next one
    plan: homes_at.FleetPlan | None = None  # of the hour that was planned last
    planned_h: int = -1

    @property
    def rules(self) -> Rulebook:
        """What the design is."""
        return self.market.rules

    @property
    def bidder(self) -> Bidder:
        """Who tenders."""
        return self.rules.bidder

    @property
    def private(self) -> bool:
        """Whether curves and plans stay inside homes."""
        return self.rules.discloses is Disclosure.NOTHING


def start_run(
    market: Market[Any], study: Setup, recorder: OpenRecorder = open_recorder
) -> RunState:
    """Return the desk of a run at its start; it is recorded where `recorder` says."""
    homes, hours, per = study.homes, DAY_H * study.days, round(1 / study.dt_h)
    n, t = len(homes.home_id), hours * per
    fleet = homes_at.make_fleet(
        homes,
        study.local_hour,
        study.comfort_per_k2_h,
        study.reference_per_kwh,
        study.dt_h,
        rule=study.rule,
        rest_min=study.rest_min,
        draws_known=study.wholesale.draws_known,
        group=study.group,
    )
    wholesale = real_time_per_kwh(study.wholesale, hours + DAY_H, study.dt_h)
    pricing = market.rules.pricing
    places = (
        len(study.site.tree.parent) if study.site is not None and pricing is Pricing.BY_PLACE else 0
    )
    own = n if pricing in OWN_PRICE else 1
    track = open_record(fleet.groups, n, t, places=places, meter_prices=own, recorder=recorder)
    load_kw = homes.load_kw.T.copy()
    first = np.full(n, wholesale[0] + study.wholesale.delivery_per_kwh)
    return RunState(
        market,
        find("strategy", market.strategy)(),
        market.start(baseline(study, wholesale)),
        study,
        run_parties(homes.home_id),
        fleet,
        load_kw,
        wholesale,
        track,
        first,
        load_kw[0]
        + homes_at.unvalued_kw(
            fleet, homes_at.beliefs(fleet, 0, 1, 0.0)[0], Window(0, 1), np.zeros(1)
        )[:, 0],
        homes_at.prosumers(fleet),
        starts.draw_start_delays(
            fleet, study.start_spread_min, study.wholesale.seed, homes.home_id
        ),
    )


def wiring_of(study: Setup) -> Wiring:
    """Return the grid behind the meters.

    Raises
    ------
    PartError
        The study has none.
    """
    if study.wiring is None:
        raise PartError("the study has no grid: give it one as `prepare` does")
    return study.wiring


def baseline(study: Setup, wholesale_per_kwh: Col) -> Baseline:
    """Return what tariffs are set on: the baseline of the study, or in the run that finds it a rate.

    Wholesale prices have shape (t + 24 h,) [$/kWh].
    """
    hours = np.repeat(study.local_hour, round(1 / study.dt_h))[: len(wholesale_per_kwh)]
    begun = study.start_s, round(HOUR_S * study.dt_h), hours
    if study.baseline_kw is None:
        none = np.zeros(0)
        return Baseline(*begun, none, none, none, study.flat_per_kwh)
    home_kw, wholesale = study.baseline_kw, wholesale_per_kwh[: study.baseline_kw.shape[1]]
    exported, total_kw = RowSum(), sum_rows(home_kw)
    for rows in row_blocks(home_kw.shape):
        exported.add((-home_kw[rows]).clip(min=0))
    cost = cost_usd_per_h(total_kw, other_kw(study), wholesale, study.wholesale)
    return Baseline(*begun, cost, total_kw, exported.value)


def other_kw(study: Setup) -> Col:
    """Return the load of other customers in every interval of the run, shape (t,) [kW]."""
    return np.repeat(study.other_kw[: DAY_H * study.days], round(1 / study.dt_h))
