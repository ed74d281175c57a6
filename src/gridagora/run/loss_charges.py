"""Who pays for the energy that the network loses, which the wires buy at the wholesale price.

"averaged": the losses of an interval are laid on what is withdrawn in it, in proportion, net power meter by meter; where nobody
withdraws, on what is injected. "marginal": every customer pays the loss part of the nodal price at its meter for its net active
power, below zero where more power saves losses. That is about twice what losses by load cost, and nothing of what transformers
lose without load. The surplus of an interval is returned in proportion to what is withdrawn in it, and where it is below zero
charged so. Other customers pay and get what their own meters say, as one party. The wires come out even, but for the rounding
of each entry.

References
----------
Marginal losses with a surplus that is returned by load ratio share: PJM Manual 28, Operating Agreement Accounting;
F. C. Schweppe, M. C. Caramanis, R. D. Tabors, R. E. Bohn, Spot pricing of electricity, 1988, doi 10.1007/978-1-4613-1683-1.
"""

from typing import NamedTuple

import numpy as np

from gridagora.core.records import Derived, RunColumn, by_rows, sum_rows
from gridagora.core.tables import Col
from gridagora.results.outcome import NetworkResult, Outcome, settlement_period
from gridagora.settlement.ledger import Ledger, bill_usd, book, join, paid_uusd
from gridagora.settlement.parties import Parties, Role, row_of, rows_of

CHARGE, SURPLUS = "loss charge", "loss surplus"
NONE, AVERAGED, MARGINAL = LOSSES = ("none", "averaged", "marginal")


class _Use(NamedTuple):
    """What losses are laid on: of homes (n, t) and of other customers (t,), and the sum of all (t,) [kW]."""

    home_kw: RunColumn
    other_kw: Col
    all_kw: Col


def charge_losses(outcome: Outcome, other_kw: Col, rule: str) -> Outcome:
    """Return the outcome with its losses charged to customers: ledger and bills hold it.

    Parameters
    ----------
    outcome
        With its power flow.
    other_kw
        Load of other customers by the hour, shape (H, j) [kW].
    rule
        One of `LOSSES`; "marginal" where the flow was solved with prices.
    """
    net = outcome.network
    if rule == NONE or net is None:
        return outcome
    use = _use(outcome, other_kw)
    cost_usd = np.nan_to_num(net.losses_kw * outcome.wholesale_per_kwh) * outcome.dt_h
    if rule == AVERAGED:
        lost_kwh = np.nan_to_num(net.losses_kw) * outcome.dt_h
        entries = [_lay(outcome, use, CHARGE, cost_usd, lost_kwh)]
    else:
        entries = _charge_marginal(outcome, use, net, cost_usd)
    return with_entries(outcome, join([outcome.ledger, *entries]))


def _charge_marginal(
    outcome: Outcome, use: _Use, net: NetworkResult, cost_usd: Col
) -> list[Ledger]:
    marginal = net.marginal_losses
    if marginal is None:
        return []
    charges = _book(outcome, CHARGE, marginal.home_usd, marginal.other_usd)
    back = _lay(outcome, use, SURPLUS, cost_usd - marginal.collected_usd, np.zeros(len(cost_usd)))
    return [charges, back]


def _use(outcome: Outcome, other_kw: Col) -> _Use:
    """Return what losses are laid on: what meters withdraw, and in intervals in which none does what they inject."""
    home_kw, per = outcome.home_kw, round(1 / outcome.dt_h)
    t = home_kw.shape[1]

    def taken(sign: float) -> _Use:
        own = Derived(
            (home_kw.shape[0], t), lambda rows, times: (sign * home_kw[rows, times]).clip(min=0)
        )
        other = np.repeat((sign * other_kw).clip(min=0).sum(1), per)[:t]
        return _Use(own, other, sum_rows(own) + other)

    drawn = taken(1.0)
    alone = drawn.all_kw <= 0
    if not alone.any():
        return drawn
    given = taken(-1.0)

    def either(rows: slice, times: slice) -> Col:
        both = given.home_kw[rows, times], drawn.home_kw[rows, times]
        return np.asarray(np.where(alone[times], *both), np.float64)

    return _Use(
        Derived((home_kw.shape[0], t), either),
        np.where(alone, given.other_kw, drawn.other_kw),
        np.where(alone, given.all_kw, drawn.all_kw),
    )


def _lay(outcome: Outcome, use: _Use, item: str, usd: Col, moved_kwh: Col) -> Ledger:
    """Book an amount and an energy of every interval, (t,) each [$], [kWh], on customers in proportion to their use."""
    is_used = use.all_kw > 0
    per_kw, moved = (
        np.divide(column, use.all_kw, out=np.zeros_like(use.all_kw), where=is_used)
        for column in (usd, moved_kwh)
    )
    both = np.stack([per_kw, moved], axis=1)
    home = by_rows(lambda rows: np.ascontiguousarray(use.home_kw[rows]) @ both, use.home_kw.shape)
    other = use.other_kw @ both
    return _book(outcome, item, home[:, 0], float(other[0]), home[:, 1], float(other[1]))


def _book(
    outcome: Outcome,
    item: str,
    home_usd: Col,
    other_usd: float,
    home_kwh: Col | float = 0.0,
    other_kwh: float = 0.0,
) -> Ledger:
    """Book what homes and other customers pay the wires; the latter only where they pay or are paid."""
    parties, period = outcome.parties, settlement_period(outcome)
    wires = row_of(parties, Role.WIRES)
    entries = [book(rows_of(parties, Role.HOME), wires, item, home_usd, period, home_kwh)]
    if other_usd:
        others = row_of(parties, Role.OTHER_CUSTOMERS)
        entries.append(book(others, wires, item, other_usd, period, other_kwh))
    return join(entries)


def with_entries(outcome: Outcome, ledger: Ledger) -> Outcome:
    """Return an outcome with another ledger, and the bills and balances of that."""
    parties: Parties = outcome.parties
    paid = paid_uusd(ledger, len(parties.id))
    return outcome._replace(
        ledger=ledger,
        bill_usd=bill_usd(ledger, len(parties.id))[: len(outcome.bill_usd)],
        surplus_uusd=int(-paid[row_of(parties, Role.OPERATOR)]),
        imbalance_uusd=int(paid.sum()),
    )
