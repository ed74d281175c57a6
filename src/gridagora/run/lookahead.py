"""The look-ahead: the design plans, homes answer, positions are bound, and stored energy gets its value against the prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gridagora.core.agents import Believed, proposals
from gridagora.core.device import GroupBelief, Window
from gridagora.core.errors import PartError
from gridagora.core.exchange import Quotes, quote
from gridagora.core.ports import Agents
from gridagora.core.product import Commodity, Horizon
from gridagora.core.rules import Bidder
from gridagora.core.session import Commitment, Costed, HourPlan, Opening, drive_together
from gridagora.core.tables import LEAD_H, Col, Index
from gridagora.kernels.stores.table import join_rows
from gridagora.kernels.stores.value import Stores
from gridagora.kernels.stores.value import rows as some_rows
from gridagora.population import fleet as homes_at
from gridagora.run import internal_price as behind
from gridagora.run.answers import PartiesInStep
from gridagora.run.day_forecast import DayForecast, plan_by_home
from gridagora.run.demand_caps import MeterProblem, choose_caps, limit_by_caps
from gridagora.run.demand_terms import charge_demand
from gridagora.run.forecast import believed_load_kw, energy_per_kwh
from gridagora.run.home_limits import curtail_first, join_fees, join_limits
from gridagora.run.network_operator import Askers, answer_network, with_inverter
from gridagora.run.nodal_fees import known_fees
from gridagora.run.opening import hour_product, open_plan
from gridagora.run.record import device_rows
from gridagora.run.settle import Position
from gridagora.run.state import DAY_H, HOUR_S, DemandSide, RunState
from gridagora.run.unsound import check_generator, refuse_unsound_answer, refuse_unsound_plan
from gridagora.settlement.tariff import make_kinked

Specs = tuple[GroupBelief, ...]


def plan_window(demand: DemandSide, hour: int) -> homes_at.FleetPlan:
    """Return the value of stored energy in this hour; each design remembers what it will, and positions are written."""
    runs, window = demand.runs, demand.runs[0].study.window_h
    energy = [energy_per_kwh(desk.study.wholesale, hour, window) for desk in runs]
    mean_per_kwh = np.array(
        [
            known.mean() + desk.study.wholesale.delivery_per_kwh
            for known, desk in zip(energy, runs, strict=True)
        ]
    )
    value = float(mean_per_kwh[0]) if len(runs) == 1 else by_home(demand, mean_per_kwh)
    specs, sessions = homes_at.beliefs(demand.fleet, hour, window, value, demand.automated)
    disclosed = DisclosedBeliefs(demand, hour, specs, sessions)
    plans = plan_runs(disclosed, energy)
    sizes = np.diff(demand.first_home).tolist()
    demand.meters.begin_hour(join_limits(plans, sizes, window), join_fees(plans, sizes, window))
    path, inside_kw = find_inside(disclosed, plans)
    keep_forecasts(disclosed, path, inside_kw)
    return homes_at.plan(demand.fleet, specs, path, inside_kw)


def by_home(demand: DemandSide, values: Col) -> Col:
    """Return a value (w,) or path (w, h) of every run [any unit] for each of its homes, shape (n,) or (n, h)."""
    return np.repeat(values, np.diff(demand.first_home), axis=0)


@dataclass
class DisclosedBeliefs:
    """What homes of all runs believe of the window that begins with an hour, and what of it an operator may be told."""

    demand: DemandSide
    hour: int
    specs: Specs
    sessions: homes_at.Rows

    @cached_property
    def told(self) -> tuple[Stores, ...]:
        """The stores of every group, a mean in place of what is uncertain, worked out when somebody asks."""
        return homes_at.disclosed_specs(self.specs)

    @cached_property
    def home(self) -> tuple[Index, ...]:
        """Home of every row, (k,) by group."""
        return homes_at.homes_of(self.demand.fleet, self.sessions)


def plan_runs(disclosed: DisclosedBeliefs, energy: Sequence[Col]) -> list[HourPlan[Any]]:
    """Return the plan of the design of every run, given what homes believe and the energy prices expected, (h,) each [$/kWh].

    Sessions go in step, so that homes of all runs that are asked alike answer together.
    """
    runs, hour = disclosed.demand.runs, disclosed.hour
    openings = [
        open_plan(desk, hour_product(desk, hour), known)
        for desk, known in zip(runs, energy, strict=True)
    ]
    parties = PartiesInStep(
        lambda run: runs[run].strategy.agents(believe_homes(disclosed, run)),
        lambda chosen: believe_together(disclosed, chosen),
    )

    def ask(asked: Mapping[int, Any]) -> Mapping[int, Any]:
        found = answer_network(
            asked, runs, lambda run: askers_of_plan(disclosed, run, openings[run])
        )
        if found:
            return found
        answers = parties.answer(
            {run: _add_fee(runs[run], hour, message) for run, message in asked.items()}
        )
        for run, answer in answers.items():
            refuse_unsound_answer(runs[run], answer, openings[run])
        return answers

    driven = drive_together(
        [
            check_generator(desk, desk.market.plan(opening, desk.state))
            for desk, opening in zip(runs, openings, strict=True)
        ],
        ask,
        [desk.traffic for desk in runs],
        private=runs[0].private,
        lean=[desk.lean for desk in runs],
        accept=lambda run, found: refuse_unsound_plan(runs[run], found, openings[run]),
    )
    for run, (desk, found) in enumerate(zip(runs, driven, strict=True)):
        desk.traffic = found.traffic
        _keep_plan(desk, found.result, parties.agents.get(run))
    return [found.result for found in driven]


def _add_fee(desk: RunState, hour: int, message: Any) -> Any:
    """Return what homes are asked as they hear it: prices with the fees that each pays on top, where the run has any."""
    if desk.fees is None or not isinstance(message, Quotes | Costed):
        return message
    if isinstance(message, Costed):
        return message._replace(quotes=_add_fee(desk, hour, message.quotes))
    fee = known_fees(desk, hour, message.buy_per_kwh.shape[1])[message.party]
    return message._replace(
        buy_per_kwh=message.buy_per_kwh + fee, sell_per_kwh=message.sell_per_kwh + fee
    )


def _keep_plan(desk: RunState, plan: HourPlan[Any], agents: Agents | None) -> None:
    """Write what a run remembers of a plan, what its parties prove of it, and what it binds."""
    desk.state = plan.state
    desk.track.worst[1] = np.fmax(desk.track.worst[1], plan.gap_share)
    game = None if agents is None else agents.certify(plan.price_per_kwh, plan.p_kw)
    desk.games += [] if game is None else [game]
    for commitment in plan.commitments:
        bind_commitment(desk, commitment)


def believe_together(disclosed: DisclosedBeliefs, runs: Sequence[int]) -> Believed:
    """Return what the homes of some runs believe, numbered on from run to run."""
    demand, own = disclosed.demand, [believe_homes(disclosed, run) for run in runs]
    before = np.cumsum([0, *(len(each.net_kw) for each in own)])
    home = tuple(
        np.concatenate([at + first for at, first in zip(parts, before[:-1], strict=True)])
        for parts in zip(*(each.home for each in own), strict=True)
    )
    every = len(runs) == len(demand.runs)
    told = (
        disclosed.told
        if every
        else tuple(join_rows(parts) for parts in zip(*(each.stores for each in own), strict=True))
    )
    net_kw = np.concatenate([each.net_kw for each in own])
    leads = np.concatenate([each.is_prosumer for each in own])
    return Believed(net_kw, told, home, leads)  # one thread: runs in step fill their core


def believe_homes(disclosed: DisclosedBeliefs, run: int) -> Believed:
    """Return what the homes of a run believe of the window that begins with an hour."""
    demand, hour = disclosed.demand, disclosed.hour
    desk, own = demand.runs[run], demand.homes_of_run(run)
    error, window = desk.study.errors.load, desk.study.window_h
    net_kw = believed_load_kw(desk.expected_kw, error, hour, hour, window).T
    told, home = disclosed.told, disclosed.home
    if len(demand.runs) > 1:
        rows = [device_rows(at, own) for at in home]
        told = tuple(some_rows(each, at) for each, at in zip(told, rows, strict=True))
        home = tuple(at[some] - own.start for at, some in zip(home, rows, strict=True))
    return Believed(net_kw, told, home, desk.is_prosumer, homes_at.THREADS)


def askers_of_plan(disclosed: DisclosedBeliefs, run: int, opening: Opening) -> Askers:
    """Return who tenders in the look-ahead of a run: homes, or the resources whose specifications were heard."""
    desk, fleet = disclosed.demand.runs[run], disclosed.demand.fleet
    believed, own = believe_homes(disclosed, run), disclosed.demand.homes_of_run(run)
    inverters, homes = with_inverter(fleet, own), len(believed.net_kw)

    def plan(price_per_kwh: Col) -> Col:
        return proposals(quote(opening.product, np.arange(homes), price_per_kwh), believed).p_kw

    if desk.bidder is Bidder.HOME:
        return Askers(np.arange(homes), believed.net_kw, None, inverters, plan)
    about = [group.about for group in fleet.groups]
    motor = [
        np.full(len(home), not kind.has_inverter)
        for kind, home in zip(about, believed.home, strict=True)
    ]
    home, is_motor = (
        np.concatenate([np.zeros(0, dtype), *parts])
        for dtype, parts in ((np.int64, believed.home), (np.bool_, motor))
    )
    return Askers(home, believed.net_kw, is_motor, inverters, plan)


def keep_forecasts(
    disclosed: DisclosedBeliefs, path_per_kwh: Col, inside_kw: Sequence[Col]
) -> None:
    """Write what a midnight knows of the day to come, for runs whose study keeps it.

    Arguments are those that `find_inside` returns, (h,) or (n, h) [$/kWh] and (k, h) by group [kW].
    Power of homes is what they agreed for the day ahead or, where a design binds nothing, their load and their plan. Homes that
    take no part are in it as loads. Hours of the day that plans do not reach are those of a plan of the whole day, made for this
    alone: it binds no power, and no hour plans by it.
    """
    demand, hour = disclosed.demand, disclosed.hour
    keeping = [
        run
        for run, desk in enumerate(demand.runs)
        if desk.study.keeps_forecasts and int(desk.study.local_hour[hour]) == 0
    ]
    if not keeping:
        return
    about = [group.about for group in demand.fleet.groups]
    planned = plan_by_home(
        about, disclosed.told, disclosed.home, path_per_kwh, inside_kw, demand.fleet.homes
    )
    reach = planned.shape[-1]
    if reach < DAY_H:
        path_per_kwh, later_kw = _plan_whole_day(disclosed, path_per_kwh)
        planned = np.concatenate([planned, later_kw[:, :, reach:]], axis=-1)
    for run in keeping:
        desk, own = demand.runs[run], demand.homes_of_run(run)
        hours = min(DAY_H, DAY_H * desk.study.days - hour)
        kind_kw = planned[desk.track.group, own, :hours]
        bound = desk.positions.get(Horizon.DAY_AHEAD)
        error = desk.study.errors.load
        load_kw = believed_load_kw(desk.expected_kw, error, hour, hour, hours).T
        home_kw = load_kw + kind_kw.sum(0)
        if bound is not None:
            known = min(hours, reach)
            home_kw[:, :known] = bound.p_kw[:, hour : hour + known]
        path = path_per_kwh if path_per_kwh.ndim == 1 else path_per_kwh[own].mean(0)
        desk.forecasts.append(
            DayForecast(
                hour,
                home_kw,
                kind_kw.transpose(0, 2, 1),
                path[:hours],
                np.ones(len(home_kw), np.bool_)
                if demand.automated is None
                else demand.automated[own],
            )
        )


def _plan_whole_day(disclosed: DisclosedBeliefs, path_per_kwh: Col) -> tuple[Col, Col]:
    """Return the price of the day that begins with an hour, and what devices of every group plan at it, (g, n, h) [kW].

    The price is that homes plan on, (h,) or (n, h) [$/kWh], and beyond it that of energy as it is expected, and delivery.
    """
    demand, hour, known = disclosed.demand, disclosed.hour, path_per_kwh.shape[-1]
    later = [
        (energy_per_kwh(desk.study.wholesale, hour, DAY_H) + desk.study.wholesale.delivery_per_kwh)[
            known:
        ]
        for desk in demand.runs
    ]
    tail = later[0] if path_per_kwh.ndim == 1 else by_home(demand, np.array(later))
    path = np.concatenate([path_per_kwh, tail], axis=-1)
    mean = path.mean(-1)
    value = float(mean) if path.ndim == 1 else mean
    specs, sessions = homes_at.beliefs(demand.fleet, hour, DAY_H, value, demand.automated)
    told, home = homes_at.disclosed_specs(specs), homes_at.homes_of(demand.fleet, sessions)
    about = [group.about for group in demand.fleet.groups]
    return path, plan_by_home(about, told, home, path, (), demand.fleet.homes)


def bind_commitment(desk: RunState, commitment: Commitment) -> None:
    """Write a commitment to the positions of its horizon, at the wholesale price known when it is agreed, delivery and premium.

    That is the day-ahead price of each hour, or for energy the mean of the forecast.
    """
    product, p_kw, premium = commitment.product, commitment.p_kw, commitment.premium_per_kwh
    study, n, total = desk.study, desk.expected_kw.shape[1], DAY_H * desk.study.days
    first = (product.start_s - study.start_s) // HOUR_S
    if product.commodity is Commodity.E:
        hours = slice(first, min(first + commitment.hours, total))
        known = energy_per_kwh(study.wholesale, first, study.window_h).mean()
        energy = np.full(hours.stop - first, known)
    else:
        hours = slice(first, min(first + commitment.hours, first + p_kw.shape[1], total))
        if desk.bidder is Bidder.DEVICE:
            issued_h, error = desk.interval // round(1 / study.dt_h), study.errors.load
            load_kw = believed_load_kw(desk.expected_kw, error, issued_h, first, p_kw.shape[1])
            p_kw = p_kw + load_kw.T
        energy = study.wholesale.prices.day_ahead_per_kwh[LEAD_H + first : LEAD_H + hours.stop]
        p_kw, premium = p_kw[:, : hours.stop - first], premium[..., : hours.stop - first]
    if product.horizon not in desk.positions:
        whole = product._replace(start_s=study.start_s)
        desk.positions[product.horizon] = Position(
            whole, np.zeros((n, total)), np.zeros((n, total)), np.zeros(total)
        )
    position = desk.positions[product.horizon]
    position.p_kw[:, hours] = p_kw
    position.price_per_kwh[:, hours] = energy + study.wholesale.delivery_per_kwh + premium
    position.wholesale_per_kwh[hours] = energy


def find_inside(
    disclosed: DisclosedBeliefs, plans: Sequence[HourPlan[Any]]
) -> tuple[Col, tuple[Col, ...]]:
    """Return the path homes plan on [$/kWh]: the market's, or their own (n, h) where export earns less than import costs.

    Homes plan on a price of their own too where their meters have limits.

    With their own come the powers (k, h) [kW] that set them, by group.

    Raises
    ------
    PartError
        Runs of which some have such a kink and others do not.
    """
    demand, hour = disclosed.demand, disclosed.hour
    plans = [add_fees(plan) for plan in plans]
    paths = [plan.price_per_kwh for plan in plans]
    kinked = [
        plan.credit_per_kwh is not None
        and bool(make_kinked(plan.price_per_kwh, plan.credit_per_kwh).any())
        for plan in plans
    ]
    path = paths[0] if len(plans) == 1 else _join_paths(demand, paths)
    terms = charge_demand(demand, hour, disclosed.demand.runs[0].study.window_h)
    if not any(kinked) and terms is None and demand.meters.limits is None:
        return path, ()
    if any(kinked) and not all(kinked):
        raise PartError(
            "runs in step: export earns less than import costs in some and not in others, expected one of the two in all"
        )
    fleet, last = demand.fleet, demand.plan
    before, rules = None if last is None else last.price_per_kwh, demand.runs[0].rules
    earned = [
        plan.price_per_kwh
        if plan.credit_per_kwh is None
        else np.minimum(plan.credit_per_kwh.clip(min=0), plan.price_per_kwh)
        for plan in plans
    ]
    credit = earned[0] if len(plans) == 1 else _join_paths(demand, earned)
    # panels are given up before energy is worth less than nothing inside: no export is worth less, and no sun is used below nil
    seen = np.zeros_like(path) if rules.is_tariff else path
    window = Window(hour, path.shape[-1])
    load_kw = believed_load_kw(demand.expected_kw, demand.errors.load, hour, hour, window.hours)
    net_kw = load_kw.T + homes_at.unvalued_kw(fleet, disclosed.specs, window, seen)
    told, rows = homes_at.keep_valued(fleet, disclosed.told, disclosed.home)
    begin_kw: tuple[Col, ...] = ()
    if last is not None and last.inside_kw:
        _, sessions = homes_at.keep_valued(fleet, disclosed.told, disclosed.sessions)
        _, earlier = homes_at.keep_valued(fleet, disclosed.told, last.rows)
        begin_kw = tuple(map(behind.shift_powers, last.inside_kw, earlier, sessions))
    if terms is None:
        limits = curtail_first(demand.meters.limits, credit)
        found = behind.find_internal_prices(
            told, rows, net_kw, path, credit, before, begin_kw, limits
        )
    else:
        buy, sell = (np.broadcast_to(each, net_kw.shape) for each in (path, credit))
        then = None if before is None else np.broadcast_to(before, net_kw.shape)
        problem = MeterProblem(told, rows, net_kw, buy, sell, then, begin_kw)
        demand.meters.cap_kw, found = choose_caps(problem, terms, demand.meters.cap_kw)
        demand.meters.limits = limit_by_caps(terms, demand.meters.cap_kw)
    for run, desk in enumerate(demand.runs):
        own = demand.homes_of_run(run)
        share = found.gap_usd[own].sum() / max(found.cost_usd[own].sum(), 1e-9)
        desk.track.worst[1] = np.fmax(desk.track.worst[1], share)
    return found.price_per_kwh, found.p_kw


def add_fees(plan: HourPlan[Any]) -> HourPlan[Any]:
    """Return a plan with fees in the prices that homes plan on, by home; as it is where it has none."""
    if plan.fees is None:
        return plan
    fee = plan.fees.fee_per_kwh
    credit = plan.credit_per_kwh
    return plan._replace(
        price_per_kwh=plan.price_per_kwh + fee,
        credit_per_kwh=None if credit is None else credit + fee,
    )


def _join_paths(demand: DemandSide, paths: Sequence[Col]) -> Col:
    """Return the price path of every home of all runs, (n, h) [$/kWh], from those of each run, (h,) or by home."""
    sizes = np.diff(demand.first_home)
    return np.concatenate(
        [
            np.broadcast_to(path, (size, path.shape[-1]))
            for path, size in zip(paths, sizes, strict=True)
        ]
    )
