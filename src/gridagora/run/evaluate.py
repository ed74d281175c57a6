"""From a finished run to its outcome: comfort, wear and what was missed, in dollars; bills; what is left in the stores.

Theory 1.8.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gridagora.core.device import DeviceKind, DeviceOutcome
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.records import RunColumn, by_row, sum_rows
from gridagora.core.rules import Residual
from gridagora.core.tables import Col, Flag, Index
from gridagora.mechanisms.retail.agents import list_warnings, summarise_certificates
from gridagora.population.fleet import prosumers_among
from gridagora.results.outcome import Exchange, Outcome, Paid
from gridagora.run.home_series import kept_series
from gridagora.run.limit_tally import warn_of_closed
from gridagora.run.record import AWARD, HOME, power_of
from gridagora.run.settle import (
    BEYOND,
    TIER,
    MeterPrices,
    Settlement,
    book_charges,
    book_fees,
    book_trades,
    congestion_rent,
    deviation_charge,
    less_traded,
    retail_margin,
    settle,
)
from gridagora.run.starts import find_simultaneous_starts
from gridagora.run.state import DAY_H, HOUR_S, FinishedRun, Lived, Setup, other_kw
from gridagora.settlement.capacity import capacity_usd
from gridagora.settlement.ledger import AgreedPositions, bill_usd, join, paid_uusd
from gridagora.settlement.parties import Parties, Role, row_of
from gridagora.settlement.retail_bill import first_block_prices, retail_usd
from gridagora.settlement.retail_terms import RetailTerms


def evaluate(name: str, ran: FinishedRun, study: Setup) -> Outcome:
    """Return the outcome of a run, without the network, which is solved apart.

    References
    ----------
    Comfort k/2 (T - bliss)^2 on 15-minute means, the same bliss for all designs: docs/why.
    """
    homes, w, dt, track, lived = study.homes, study.wholesale, study.dt_h, ran.track, ran.lived
    per, hours, n = round(1 / dt), DAY_H * study.days, len(homes.home_id)

    column, others_kw = track.recorder.column, other_kw(study)
    home_kw, award_kw = column(HOME), column(AWARD)
    if isinstance(home_kw, np.ndarray):
        home_kw = by_row(home_kw)
    felt, about = [group.outcome for group in lived], [group.about for group in lived]
    powers = [column(power_of(kind)) for kind in track.kinds]
    s, prices = (
        settlement(ran.parties, study),
        MeterPrices(track.import_per_kwh.T, track.export_per_kwh.T),
    )
    if ran.billing is not None:  # what homes plan on may be the rate of another block
        prices = meter_prices(ran.billing, per)
    supplied_kw = less_traded(home_kw, ran.parties, ran.trades)
    added = np.zeros(1) if ran.positions else track.network_per_kwh  # else in what deviations cost
    without = MeterPrices(*(column - added for column in prices))
    energy = settle(s, supplied_kw, without, ran.wholesale_per_kwh, ran.positions, others_kw)
    charged = power_usd(ran, home_kw, per, study.local_hour)
    ledger = join(
        [
            energy,
            congestion_rent(s, supplied_kw, added),
            book_trades(s, ran.trades),
            deviation_charge(s, home_kw, award_kw, homes.quality),
            book_charges(s, charged),
            book_fees(s, ran.fee_usd),
            book_fees(s, ran.tier_usd, TIER),
        ]
    )
    if ran.residual is Residual.PROSUMERS:
        sellers = prosumers_among(lived, n)
        if study.automated is not None:
            sellers &= study.automated
        ledger = join([ledger, retail_margin(s, ledger, sellers)])
    paid = paid_uusd(ledger, len(ran.parties.id))
    t = hours * per
    return Outcome(
        name=name,
        start_s=study.start_s + np.arange(t) * round(3600 * dt),
        dt_h=dt,
        limit_kw=w.limit_kw,
        over_per_kwh=w.over_per_kwh,
        delivery_per_kwh=w.delivery_per_kwh,
        export_credit_per_kwh=w.export_credit_per_kwh,
        wholesale_per_kwh=ran.wholesale_per_kwh,
        price_per_kwh=track.price_per_kwh,
        credit_per_kwh=track.credit_per_kwh,
        load_kw=sum_rows(home_kw) + others_kw,
        other_kw=others_kw,
        committed_kw=track.committed_kw,
        award_kw=award_kw,
        place_per_kwh=track.place_per_kwh,
        fixed_kw=np.repeat(homes.load_kw[:, :hours].sum(0), per),
        device_kw=dict(zip(track.kinds, track.device_kw, strict=True)),
        home_kw=home_kw,
        available_kw={
            group.about.kind: each.available_kw
            for group, each in zip(lived, felt, strict=True)
            if each.available_kw is not None
        },
        device_usd=add_up([each.device_usd for each in felt]),
        felt=add_up([each.felt for each in felt]),
        measures=sum_measures(about, felt),
        series=add_up([each.series for each in felt]),
        kept=kept_series(ran, study.keep),
        owned={
            group.about.kind: homes_with(group, n) for group in lived if group.about.is_prosumer
        },
        left_usd=float(left_usd(ran, study).sum()),
        bill_usd=bill_usd(ledger, len(ran.parties.id))[:n],
        parties=ran.parties,
        ledger=ledger,
        surplus_uusd=int(-paid[row_of(ran.parties, Role.OPERATOR)]),
        imbalance_uusd=int(paid.sum()),
        plan_gap_share=float(track.worst[1]),
        energy_balance_kwh=float(track.worst[0]),
        exchange=Exchange(
            ran.traffic.messages,
            ran.traffic.bytes,
            ran.traffic.rounds,
            ran.traffic.disclosed // n,
            ran.lean_bits / n,
        ),
        network=None,
        wall_s=ran.wall_s,
        unconverged_sessions=ran.unconverged,
        transformer=study.transformer,
        posted=ran.posted,
        paid=Paid(
            *prices,
            tuple(AgreedPositions(p.product, p.p_kw, p.price_per_kwh) for p in ran.positions),
            ran.trades,
            ran.capacity,
            ran.billing,
        ),
        warnings=_warn(ran, about, powers, dt),
        **summarise_certificates(ran.games),
    )


def _warn(
    ran: FinishedRun, about: Sequence[DeviceKind], powers: Sequence[RunColumn], dt_h: float
) -> tuple[str, ...]:
    """Return conditions of a run that do not hold, in words; power (n, t) of each kind of device [kW]."""
    starts = () if ran.track.has_award.any() else find_simultaneous_starts(about, powers, dt_h)
    return (*list_warnings(ran.games), *warn_of_closed(ran.posted), *starts)


def power_usd(
    ran: FinishedRun, home_kw: RunColumn, per: int, local_hour: Index
) -> Mapping[str, Col]:
    """Return what homes pay for power by item, shape (n,) each [$]: by the terms of the design, else beyond posted limits.

    Net power of homes is `home_kw` (n, t) [kW], `per` intervals an hour, whose local hours of day are `local_hour` (H,).
    """
    if ran.billing is not None:
        return retail_usd(ran.billing, home_kw, per)
    if ran.capacity is not None:
        return capacity_usd(ran.capacity, home_kw, per, local_hour)
    if ran.beyond_usd is None or not ran.beyond_usd.any():
        return {}
    return {BEYOND: ran.beyond_usd}


def meter_prices(billing: RetailTerms, per: int) -> MeterPrices:
    """Return the rate of the first block and what export earns in every interval, `per` an hour, shape (1, t) each [$/kWh]."""
    return MeterPrices(*(np.repeat(each, per)[None] for each in first_block_prices(billing)))


def settlement(parties: Parties, study: Setup) -> Settlement:
    """Return what a run settles: all of it is one period."""
    period = Product(Commodity.P, study.start_s, DAY_H * HOUR_S * study.days, Horizon.REAL_TIME)
    place = np.zeros(len(study.homes.home_id), np.int64) if study.site is None else study.site.place
    return Settlement(parties, period, study.dt_h, study.wholesale, place)


def homes_with(group: Lived, count: int) -> Flag:
    """Return which of `count` homes own a device of a group, shape (n,)."""
    return np.bincount(group.home, minlength=count) > 0


def add_up(columns: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the columns of all groups by name, (n,) or (n, t) each [unit of its name], the sum where several name one."""
    found: dict[str, Any] = {}
    for each in columns:
        for name, values in each.items():
            found[name] = found[name] + values if name in found else values
    return found


def sum_measures(about: Sequence[DeviceKind], felt: Sequence[DeviceOutcome]) -> dict[str, Col]:
    """Return what homes felt by what it counts towards, of all groups whose kind says so, (n,) each [unit of its column]."""
    pairs = zip(about, felt, strict=True)
    return add_up(
        {measure: each.felt[column]}
        for kind, each in pairs
        for column, measure in kind.measures.items()
    )


def left_usd(ran: FinishedRun, study: Setup) -> Col:
    """Value of what the stores of a home hold at the end, shape (n,) [$]: at the mean import price, heat and cold by the COP."""
    price = float(ran.wholesale_per_kwh.mean()) + study.wholesale.delivery_per_kwh
    return np.asarray(price * sum(group.outcome.left_kwh for group in reversed(ran.lived)))
