"""The network operator's answer to a request of nodal fees: found once a day from the plans of homes, held from hour to hour."""

from collections.abc import Callable

import numpy as np

from gridagora.core.flow import Flow
from gridagora.core.network_operator import FeeRequest, FeeState
from gridagora.core.product import HOUR_S
from gridagora.core.tables import Col, Flag
from gridagora.grid.nodal_fees import FeeProblem, NodalFees, find_fees, total_fee
from gridagora.run.forecast import energy_per_kwh
from gridagora.run.power_flow import TAN_PHI
from gridagora.run.state import RunState, wiring_of

DAY_H = 24


def tell_fees(
    desk: RunState,
    asked: FeeRequest,
    plan: Callable[[Col], Col],
    solve: Callable[[Col], Flow],
    equipped: Flag,
) -> FeeState:
    """Return the fees of homes over the hours of a look-ahead.

    They are found when the gate of the day ahead closes, at local midnight; hours beyond those that were known then are as a day
    before.

    Parameters
    ----------
    plan
        Returns what homes would take at prices inside them, both (n, h) [$/kWh], [kW].
    solve
        Returns the flow of that, with the load of others as it will be.
    equipped
        Homes with an inverter, shape (n,): what more they take draws no reactive power.
    """
    study = desk.study
    hour, hours = (asked.product.start_s - study.start_s) // HOUR_S, asked.buy_per_kwh.shape[-1]
    rounds = 0
    if desk.fees is None or int(study.local_hour[hour]) == 0:
        found = _find(desk, asked, hour, plan, solve, equipped)
        desk.fees, rounds = (hour, total_fee(found)), found.rounds
    return FeeState(known_fees(desk, hour, hours), rounds)


def known_fees(desk: RunState, hour: int, hours: int) -> Col:
    """Return the fees of homes from an hour of the run on, (n, hours) [$/kWh], those of the day before where no other is known.

    Raises
    ------
    ValueError
        A run in which nobody asked for fees yet.
    """
    if desk.fees is None:
        raise ValueError("nodal fees: nobody asked the network operator for them yet")
    first, kept = desk.fees
    at, known = hour - first + np.arange(hours), kept.shape[1]
    at = np.where(at < known, at, at - DAY_H * np.ceil((at - known + 1) / DAY_H).astype(np.int64))
    return kept[:, at]


def _find(
    desk: RunState,
    asked: FeeRequest,
    hour: int,
    plan: Callable[[Col], Col],
    solve: Callable[[Col], Flow],
    equipped: Flag,
) -> NodalFees:
    study, wiring, n = desk.study, wiring_of(desk.study), desk.expected_kw.shape[1]
    hours = asked.buy_per_kwh.shape[-1]
    buy, sell = (
        np.broadcast_to(each, (n, hours)) for each in (asked.buy_per_kwh, asked.sell_per_kwh)
    )
    last = [np.zeros((n, hours))]

    def answer(fee_per_kwh: Col) -> Col:
        """Plan at the price of import, or of export in hours in which the plan before exports."""
        last[0] = plan(np.where(last[0] < 0, sell, buy) + fee_per_kwh)
        return last[0]

    if (sell < buy).any():
        answer(np.zeros((n, hours)))
    problem = FeeProblem(
        wiring.grid,
        wiring.home_meter,
        np.where(equipped, 0.0, TAN_PHI),
        study.network,
        energy_per_kwh(study.wholesale, hour, hours),
        wiring.other_kw[hour : hour + hours].sum(1),
        study.wholesale.limit_kw,
        study.wholesale.over_per_kwh,
    )
    return find_fees(problem, solve, answer)
