"""Where a design meets its homes: what all designs of a study share, the desk of one run, and what the run records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.capacity import CapacityMarket, CapacityTerms
from gridagora.core.device import REFERENCE_PER_KWH, DeviceKind, DeviceOutcome, Window
from gridagora.core.errors import PartError
from gridagora.core.exchange import Quotes
from gridagora.core.flow import ControlState, Flow
from gridagora.core.forecast_error import NO_ERRORS, ForecastErrors, join_errors
from gridagora.core.lean import LeanCount
from gridagora.core.limits import Bounds, Limits
from gridagora.core.network_operator import NetworkRules
from gridagora.core.ports import Market, Strategy
from gridagora.core.product import Horizon
from gridagora.core.records import Recorder, RowSum, RunColumn, row_blocks, sum_rows
from gridagora.core.registry import find
from gridagora.core.rules import Bidder, Disclosure, Pricing, Residual, Rulebook
from gridagora.core.session import Baseline, MessageCount, Topology
from gridagora.core.tables import Col, Flag, Homes, Index
from gridagora.grid.envelopes import Envelopes
from gridagora.mechanisms.retail.agents import GameCertificate
from gridagora.population import fleet as homes_at
from gridagora.population.join_homes import join_homes
from gridagora.population.store_ends import SPREAD_H, StoreEnds, draw_hours
from gridagora.results.outcome import LocalTrades
from gridagora.results.posted_limits import PostedLimits
from gridagora.run import starts
from gridagora.run.comms import PERFECT, BidCache, CommsFaults
from gridagora.run.day_forecast import DayForecast
from gridagora.run.dear_windows import find_windows, join_windows
from gridagora.run.forecast import WholesaleTerms, real_time_per_kwh
from gridagora.run.home_limits import HourMeters, open_meters
from gridagora.run.infeed import RatedHomes
from gridagora.run.outages import HeardPrices
from gridagora.run.participation import expect_load_kw
from gridagora.run.power_flow import Wiring
from gridagora.run.record import (
    OpenRecorder,
    Record,
    columns_of_record,
    device_rows,
    open_record,
    open_recorder,
    record_rows,
)
from gridagora.run.settle import Position, cost_usd_per_h
from gridagora.settlement.parties import Parties, run_parties
from gridagora.settlement.retail_terms import BillingMarket, RetailTerms
from gridagora.settlement.transformer_life import LoadedTransformer

DAY_H = 24
HOUR_S = 3600
OWN_PRICE = frozenset(
    {Pricing.BY_PLACE, Pricing.BY_PARTY, Pricing.NODAL}
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
    errors: ForecastErrors = NO_ERRORS  # of what plans believe
    automated: Flag | None = None  # (n,) homes that take part; None: all do
    transformer: LoadedTransformer | None = None  # that the limit stands for; None without a limit
    by_hand: Flag | None = (
        None  # (n,) of the others those that act on dear windows; None: none does
    )
    reference_per_kwh: float = REFERENCE_PER_KWH  # the price at which set points were chosen: it fixes the bliss temperature
    closes_stores: bool = False  # whether stores end where the first run left them
    end_x: Mapping[str, Col] | None = None  # (r, s) that state by kind [unit of the store]
    first_day: int | None = None  # first local day, in days since 1970
    network: NetworkRules = NetworkRules()  # what meters and ratings are held to
    keeps_forecasts: bool = False  # whether runs keep what each midnight knows of the day to come


class Lived(NamedTuple):
    """What the devices of one group went through in a run: r rows of n homes."""

    about: DeviceKind
    home: Index  # (r,)
    rated_kva: Col  # (r,) of every inverter; no rows where the kind has none
    outcome: DeviceOutcome


class FinishedRun(NamedTuple):
    """A finished run, before it is scored."""

    track: Record
    lived: tuple[Lived, ...]  # of every group of devices
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
    fleet: homes_at.Fleet | None = None  # devices at the end; None of a run among others
    lean_bits: int = 0  # of all homes about themselves in the leanest form
    capacity: CapacityTerms | None = None  # what the design charges for power
    beyond_usd: Col | None = None  # (n,) what homes pay beyond posted limits
    posted: PostedLimits | None = None  # None where the design posted none
    fee_usd: Col | None = None  # (n,) what homes pay the network by nodal fees
    tier_usd: Col | None = None  # (n,) and for the second tier of their envelopes
    end_x: Mapping[str, Col] | None = (
        None  # (r, s) end states by kind, if asked for [unit of the store]
    )
    billing: RetailTerms | None = None  # of a retail tariff by which homes are billed
    forecasts: tuple[DayForecast, ...] = ()  # of every midnight, where the study keeps them


@dataclass
class DemandSide:
    """Homes and devices of one run, or of several runs in step, whose homes follow each other as rows of the same tables.

    What a device does depends on its own row, so a run does the same alone and beside others. A step changes the state in place.
    """

    fleet: homes_at.Fleet
    load_kw: Col  # (H, n) of homes without their devices
    expected_kw: (
        Col  # (H, n) what no plan or bid moves: that, with their devices in homes that take no part
    )
    metered_kw: Col  # (n,) in the interval before
    recorder: Recorder
    meters: HourMeters
    first_home: Index  # (w + 1,) homes of run k are rows first_home[k] to first_home[k + 1]
    wait: starts.StartDelay | None = None  # where starts are staggered
    interval: int = 0  # the next one
    plan: homes_at.FleetPlan | None = None  # of the hour that was planned last
    planned_h: int = -1
    errors: ForecastErrors = NO_ERRORS  # of what plans believe, all homes
    automated: Flag | None = None  # (n,) homes that take part; None: all do
    heard: HeardPrices | None = None  # where agents may be offline and a price is posted
    runs: list["RunState"] = field(default_factory=list)

    def homes_of_run(self, run: int) -> slice:
        """Return the rows of the homes of a run."""
        return slice(int(self.first_home[run]), int(self.first_home[run + 1]))


class HourOpening(NamedTuple):
    """What the openings of an hour's intervals share, and what it was made for: the hour, so many parties and steps."""

    hour: int
    parties: int
    steps: int
    party: Index  # (n,)
    base_kw: Col  # (h,) load that does not tender
    limits: Limits
    bounds: Bounds | None  # of the places of the site, where homes bid and stand somewhere


@dataclass
class RunState:
    """The market of one run in progress and what it remembers; `demand` holds its homes and devices.

    `traffic`, `inbox`, `positions` and the arrays of the track change as it goes.
    """

    market: Market[Any]
    rules: Rulebook  # what the design is
    strategy: Strategy
    state: Any  # what the market remembers
    study: Setup
    parties: Parties
    demand: DemandSide
    load_kw: Col  # (H, n) of homes without their devices
    expected_kw: Col  # (H, n) what no plan or bid of its homes moves
    wholesale_per_kwh: Col  # (t + 24 h,)
    track: Record
    heard_per_kwh: Col  # (n,) last price that each home heard
    is_prosumer: Flag  # (n,)
    traffic: MessageCount = field(default_factory=MessageCount)
    lean: LeanCount = field(default_factory=LeanCount)  # of what homes say of themselves
    inbox: BidCache = field(default_factory=BidCache)
    positions: dict[Horizon, Position] = field(default_factory=dict)
    trades: list[LocalTrades] = field(default_factory=list)  # home to home, one table an interval
    flow: Flow | None = None  # of the interval before, where the design sees it
    rated: RatedHomes | None = None  # inverters of homes, where they follow voltage
    stands: ControlState | None = None  # of regulators and banks then, after the interval before
    unconverged: int = 0  # sessions that spent their rounds
    games: list[GameCertificate] = field(default_factory=list)  # of prosumers who are the retailer
    posted: Quotes | None = None  # of every interval of the present hour, where the rules say so
    opened: HourOpening | None = None  # of the present hour
    envelopes: tuple[int, Envelopes] | None = None  # of the feeder, from an hour of the run on
    tier_kwh: Col | float = 0.0  # (n,) what homes bought of the second tier of their envelopes
    fees: tuple[int, Col] | None = None  # of homes, (n, h) [$/kWh], from an hour of the run on
    capacity: CapacityTerms | None = None  # what the design charges for power
    billing: RetailTerms | None = None  # of a retail tariff by which homes are billed
    forecasts: list[DayForecast] = field(default_factory=list)  # of every midnight so far

    @property
    def bidder(self) -> Bidder:
        """Who tenders."""
        return self.rules.bidder

    @property
    def private(self) -> bool:
        """Whether curves and plans stay inside homes."""
        return self.rules.discloses is Disclosure.NOTHING

    @property
    def fleet(self) -> homes_at.Fleet:
        """The devices that step with the run."""
        return self.demand.fleet

    @property
    def plan(self) -> homes_at.FleetPlan | None:
        """The plan of the hour that was planned last."""
        return self.demand.plan

    @property
    def interval(self) -> int:
        """The next interval."""
        return self.demand.interval


def start_run(
    market: Market[Any], study: Setup, recorder: OpenRecorder = open_recorder
) -> RunState:
    """Return a run at its start; it is recorded where `recorder` says."""
    return start_runs([market], [study], recorder).runs[0]


def start_runs(
    markets: Sequence[Market[Any]], studies: Sequence[Setup], recorder: OpenRecorder = open_recorder
) -> DemandSide:
    """Return the demand side of several runs in step at their start, one market and one study each.

    Raises
    ------
    PartError
        Studies that cannot be stepped together: another length, step, window, hour of day or rule of dispatch.
    """
    first, homes = studies[0], join_homes([study.homes for study in studies])
    for study in studies[1:]:
        _refuse_other_pace(study, first)
    hours, per = DAY_H * first.days, round(1 / first.dt_h)
    t, sizes = hours * per, [len(study.homes.home_id) for study in studies]
    first_home, errors = np.cumsum([0, *sizes]), join_errors([s.errors for s in studies], sizes)
    wholesale = [real_time_per_kwh(s.wholesale, hours + DAY_H, s.dt_h) for s in studies]
    begun = [
        market.start(baseline(study, prices))
        for market, study, prices in zip(markets, studies, wholesale, strict=True)
    ]
    dear = [
        find_windows(market, state, study.local_hour, study.by_hand)
        for market, state, study in zip(markets, begun, studies, strict=True)
    ]
    fleet = homes_at.make_fleet(
        homes,
        first.local_hour,
        first.comfort_per_k2_h,
        first.reference_per_kwh,
        first.dt_h,
        rule=first.rule,
        rest_min=first.rest_min,
        draws_known=first.wholesale.draws_known,
        group=_join_groups(studies),
        errors=errors,
        dear=join_windows(dear, sizes),
    )
    fleet = replace(fleet, ends=_join_ends(studies, hours))
    load_kw = homes.load_kw.T.copy()
    follow = any(follows_voltage(study) for study in studies)
    writes = recorder(t, columns_of_record(fleet.groups, len(homes.home_id), follow=follow))
    unvalued_kw = homes_at.unvalued_kw(
        fleet, homes_at.beliefs(fleet, 0, 1, 0.0)[0], Window(0, 1), np.zeros(1)
    )[:, 0]
    demand = DemandSide(
        fleet,
        load_kw,
        _expect(studies, first_home, load_kw),
        load_kw[0] + unvalued_kw,
        writes,
        open_meters(len(homes.home_id)),
        first_home,
        starts.draw_start_delays(
            fleet,
            first.start_spread_min,
            [study.wholesale.seed for study in studies],
            [study.homes.home_id for study in studies],
        ),
        errors=errors,
        automated=_join_automated(studies),
    )
    is_prosumer = homes_at.prosumers(fleet)
    if demand.automated is not None:
        is_prosumer &= demand.automated
    for run, (market, study) in enumerate(zip(markets, studies, strict=True)):
        rows = demand.homes_of_run(run)
        pricing, n = market.rules.pricing, sizes[run]
        by_place = study.site is not None and pricing is Pricing.BY_PLACE
        track = open_record(
            fleet.groups,
            _groups_of(fleet, study.homes, rows, whole=len(studies) == 1),
            record_rows(writes, fleet.groups, rows, len(homes.home_id), follow=follow),
            t,
            places=len(study.site.tree.parent) if study.site is not None and by_place else 0,
            meter_prices=n if pricing in OWN_PRICE else 1,
        )
        demand.runs.append(
            RunState(
                market,
                market.rules,
                find("strategy", market.strategy)(),
                begun[run],
                study,
                run_parties(study.homes.home_id),
                demand,
                load_kw[:, rows],
                demand.expected_kw[:, rows],
                wholesale[run],
                track,
                np.full(n, wholesale[run][0] + study.wholesale.delivery_per_kwh),
                is_prosumer[rows],
                capacity=market.capacity(begun[run])
                if isinstance(market, CapacityMarket)
                else None,
                billing=market.billing(begun[run]) if isinstance(market, BillingMarket) else None,
            )
        )
    return demand


def _groups_of(fleet: homes_at.Fleet, homes: Homes, rows: slice, *, whole: bool) -> list[int]:
    """Return the rows of the groups that a run has: kinds that its homes have a table of, be it empty, or that hold rows."""
    return [
        row
        for row, group in enumerate(fleet.groups)
        if whole or group.about.kind in homes.owned or device_rows(group.home, rows) != slice(0, 0)
    ]


def _expect(studies: Sequence[Setup], first_home: Index, load_kw: Col) -> Col:
    """Return what no plan or bid of all runs moves, shape (H, n) [kW]."""
    if all(study.automated is None for study in studies):
        return load_kw
    parts = np.split(load_kw, first_home[1:-1], axis=1)
    return np.concatenate(
        [
            expect_load_kw(part, study.automated, study.baseline_kw, study.days)
            for study, part in zip(studies, parts, strict=True)
        ],
        axis=1,
    )


def _join_automated(studies: Sequence[Setup]) -> Flag | None:
    """Return which homes of all runs take part, (n,); None where all do."""
    if all(study.automated is None for study in studies):
        return None
    every = [
        np.ones(len(study.homes.home_id), np.bool_) if study.automated is None else study.automated
        for study in studies
    ]
    return np.concatenate(every)


def _join_groups(studies: Sequence[Setup]) -> Index:
    """Return the service transformer of every home of all runs, (n,): runs share none."""
    found, before = [], 0
    for study in studies:
        own = np.zeros(len(study.homes.home_id), np.int64) if study.group is None else study.group
        found.append(own + before)
        before += int(own.max(initial=-1)) + 1
    return np.concatenate(found)


def _join_ends(studies: Sequence[Setup], hours: int) -> StoreEnds | None:
    """Return where the stores of all runs are to end; None where they end as they do."""
    known = [study.end_x for study in studies if study.end_x is not None]
    if len(known) < len(studies):
        return None
    kinds = dict.fromkeys(kind for each in known for kind in each)
    none = np.zeros((0, SPREAD_H))
    x = {kind: np.concatenate([each.get(kind, none) for each in known]) for kind in kinds}
    since = [draw_hours(s.wholesale.seed, s.homes.home_id, hours - 1) for s in studies]
    return StoreEnds(hours - 1, np.concatenate(since), x)


def _refuse_other_pace(study: Setup, first: Setup) -> None:
    names = (
        "days",
        "dt_h",
        "window_h",
        "rule",
        "rest_min",
        "start_spread_min",
        "comfort_per_k2_h",
        "reference_per_kwh",
        "closes_stores",
    )
    for name in names:
        if getattr(study, name) != getattr(first, name):
            raise PartError(
                f"runs in step: {name} is {getattr(study, name)} in one and {getattr(first, name)} in another, expected one value"
            )
    if not np.array_equal(study.local_hour, first.local_hour):
        raise PartError("runs in step: they begin at different local hours, expected one")
    if study.wholesale.draws_known != first.wholesale.draws_known:
        raise PartError(
            "runs in step: draws of hot water are known to some plans, expected to all or none"
        )


def follows_voltage(study: Setup) -> bool:
    """Return whether inverters of a study follow the voltage at their meter."""
    return study.wiring is not None and study.wiring.inverters is not None


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
        return Baseline(*begun, none, none, none, study.flat_per_kwh, first_day=study.first_day)
    home_kw, wholesale = study.baseline_kw, wholesale_per_kwh[: study.baseline_kw.shape[1]]
    exported, total_kw = RowSum(), sum_rows(home_kw)
    for rows in row_blocks(home_kw.shape):
        exported.add((-home_kw[rows]).clip(min=0))
    cost = cost_usd_per_h(total_kw, other_kw(study), wholesale, study.wholesale)
    return Baseline(
        *begun,
        cost,
        total_kw,
        exported.value,
        home_kw=home_kw,
        other_kw=other_kw(study),
        limit_kw=study.wholesale.limit_kw,
        first_day=study.first_day,
    )


def other_kw(study: Setup) -> Col:
    """Return the load of other customers in every interval of the run, shape (t,) [kW]."""
    return np.repeat(study.other_kw[: DAY_H * study.days], round(1 / study.dt_h))
