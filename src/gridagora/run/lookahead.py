"""The look-ahead: the design plans, homes answer, positions are bound, and stored energy gets its value against the prices."""

from typing import Any

import numpy as np

from gridagora.core.agents import Believed
from gridagora.core.device import GroupBelief, Window
from gridagora.core.ports import Agents
from gridagora.core.product import Commodity
from gridagora.core.rules import Bidder
from gridagora.core.session import Commitment, HourPlan, drive
from gridagora.core.tables import LEAD_H, Col
from gridagora.population import fleet as homes_at
from gridagora.run import internal_price as behind
from gridagora.run.forecast import energy_per_kwh
from gridagora.run.opening import hour_product, open_plan
from gridagora.run.settle import Position
from gridagora.run.state import DAY_H, HOUR_S, RunState
from gridagora.run.unsound import check_generator, refuse_unsound_answer, refuse_unsound_plan
from gridagora.settlement.tariff import make_kinked

Specs = tuple[GroupBelief, ...]


def plan_window(desk: RunState, hour: int, last: homes_at.FleetPlan | None) -> homes_at.FleetPlan:
    """Return the value of stored energy in this hour; the design remembers what it will, and positions are written."""
    study, window = desk.study, desk.study.window_h
    energy = energy_per_kwh(study.wholesale, hour, window)
    mean_per_kwh = float(energy.mean()) + study.wholesale.delivery_per_kwh
    specs, sessions = homes_at.beliefs(desk.fleet, hour, window, mean_per_kwh)
    opening = open_plan(desk, hour_product(desk, hour), energy)
    agents: list[Agents] = []  # made when the design first asks

    def ask(message: object) -> object:
        if not agents:
            agents.append(desk.strategy.agents(believe_homes(desk, hour, specs, sessions)))
        answer = agents[0].answer(message)
        refuse_unsound_answer(desk, answer, opening)
        return answer

    session = check_generator(desk, desk.market.plan(opening, desk.state))
    plan, desk.traffic = drive(
        session,
        ask,
        desk.traffic,
        private=desk.private,
        accept=lambda found: refuse_unsound_plan(desk, found, opening),
    )
    desk.state = plan.state
    desk.track.worst[1] = np.fmax(desk.track.worst[1], plan.gap_share)
    game = agents[0].certify(plan.price_per_kwh, plan.p_kw) if agents else None
    desk.games += [] if game is None else [game]
    for commitment in plan.commitments:
        bind_commitment(desk, commitment)
    inside = _inside(desk, hour, specs, sessions, plan, last)
    return homes_at.plan(desk.fleet, specs, inside)


def believe_homes(desk: RunState, hour: int, specs: Specs, sessions: homes_at.Rows) -> Believed:
    """Return what homes believe of the window that begins with an hour."""
    window = desk.study.window_h
    told, home = homes_at.disclosed_specs(specs), homes_at.homes_of(desk.fleet, sessions)
    return Believed(
        desk.load_kw[hour : hour + window].T, told, home, desk.is_prosumer, homes_at.THREADS
    )


def bind_commitment(desk: RunState, commitment: Commitment) -> None:
    """Write a commitment to the positions of its horizon, at the wholesale price known when it is agreed, delivery and premium.

    That is the day-ahead price of each hour, or for energy the mean of the forecast.
    """
    product, p_kw, premium = commitment.product, commitment.p_kw, commitment.premium_per_kwh
    study, n, total = desk.study, desk.load_kw.shape[1], DAY_H * desk.study.days
    first = (product.start_s - study.start_s) // HOUR_S
    if product.commodity is Commodity.E:
        hours = slice(first, min(first + commitment.hours, total))
        known = energy_per_kwh(study.wholesale, first, study.window_h).mean()
        energy = np.full(hours.stop - first, known)
    else:
        hours = slice(first, min(first + commitment.hours, first + p_kw.shape[1], total))
        if desk.bidder is Bidder.DEVICE:
            p_kw = p_kw + desk.load_kw[first : first + p_kw.shape[1]].T
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


def _inside(
    desk: RunState,
    hour: int,
    specs: Specs,
    sessions: homes_at.Rows,
    plan: HourPlan[Any],
    last: homes_at.FleetPlan | None,
) -> Col:
    """Return the price path homes plan on: the market's, or their own (n, h) where export earns less than import costs."""
    path, credit = plan.price_per_kwh, plan.credit_per_kwh
    if credit is None or not make_kinked(path, credit).any():
        return path
    fleet, before = desk.fleet, None if last is None else last.price_per_kwh
    # panels are given up before energy is worth less than nothing inside: no export is worth less, and no sun is used below nil
    seen = np.zeros_like(path) if desk.rules.is_tariff else path
    taken_kw = homes_at.unvalued_kw(fleet, specs, Window(hour, len(path)), seen)
    net_kw, credit = (
        desk.load_kw[hour : hour + len(path)].T + taken_kw,
        np.minimum(credit.clip(min=0), path),
    )
    told, rows = homes_at.keep_valued(
        fleet, homes_at.disclosed_specs(specs), homes_at.homes_of(fleet, sessions)
    )
    found = behind.find_internal_prices(told, rows, net_kw, path, credit, before)
    desk.track.worst[1] = np.fmax(desk.track.worst[1], found.gap_share)
    return found.price_per_kwh
