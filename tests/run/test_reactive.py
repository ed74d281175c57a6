"""The reactive half of a run: money to the micro-dollar, messages as sent, nobody worse off, faults as sentences."""

import numpy as np
import pytest

from gridagora.core.errors import InputError, PartError
from gridagora.core.exchange import count_bytes, count_messages, encode
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.mechanisms import reactive as market
from gridagora.run import reactive
from gridagora.run.reactive import InverterFleet, PowerFactorTerms
from gridagora.settlement import ledger as books
from gridagora.settlement.parties import run_parties

N, T, DT = 8, 48, 0.5
TERMS = PowerFactorTerms(0.97, 0.003)


def run(seed: int = 0, terms: PowerFactorTerms = TERMS, **changed):
    """Return the columns of a made-up day: half of the homes with panels, two with a battery, loads at a poor power factor."""
    rng = np.random.default_rng(seed)
    sun = np.clip(np.sin(np.pi * (np.arange(T) * DT - 6) / 12), 0, None)
    pv_kva, battery_kva = (
        np.where(np.arange(N) % 2 == 0, 4.0, 0.0),
        np.where(np.arange(N) < 2, 5.0, 0.0),
    )
    power = -pv_kva[:, None] * sun, battery_kva[:, None] * rng.uniform(-1, 1, (N, T))
    fitted = InverterFleet(np.stack([pv_kva, battery_kva]), np.stack(power))
    load = rng.uniform(0.2, 3.0, (N, T))
    columns = {
        "fitted": fitted,
        "boundary_kw": load + power[0] + power[1],
        "demand_kvar": 0.6 * load - 0.5,
        "energy_per_kwh": rng.uniform(-0.02, 0.3, T),
        "terms": terms,
        "start_s": 1_721_000_000,
        "dt_h": DT,
    }
    return columns | changed


PARTIES = run_parties([f"home {i}" for i in range(N)])
PRODUCT = Product(Commodity.Q, 0, 86400, Horizon.REAL_TIME)


def booked(got):
    return reactive.book_given(PARTIES, PRODUCT, got, DT)


def cost_kept(got, price):
    return (got.loss_kw * np.maximum(price, 0)).sum(1) * DT


@pytest.mark.parametrize("seed", range(4))
def test_balance_of_power_and_of_money(seed: int) -> None:
    columns = run(seed)
    got = reactive.provide_reactive(**columns)
    np.testing.assert_allclose(got.q_kvar.sum(0) + got.need_kvar, got.unmet_kvar, atol=1e-12)
    ledger = booked(got)
    paid = books.paid_uusd(ledger, len(PARTIES.id))
    assert paid.sum() == 0
    assert (paid[:N] == -np.rint(got.paid_usd * 1e6)).all()
    assert paid[N] > 0
    assert set(ledger.item) == {"reactive energy"}
    assert set(ledger.commodity) == {Commodity.Q}
    by_hand = [-(got.price_per_kvarh * got.q_kvar[home]).sum() * DT for home in range(N)]
    np.testing.assert_allclose(got.paid_usd, by_hand, atol=1e-15)
    np.testing.assert_allclose(got.cost_usd, cost_kept(got, columns["energy_per_kwh"]), atol=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_nobody_is_worse_off(seed: int) -> None:
    got = reactive.provide_reactive(**run(seed))
    assert (got.paid_usd >= got.cost_usd).all()
    ledger = booked(got)
    assert (ledger.amount_uusd >= got.cost_usd[ledger.payee] * 1e6 - 0.5).all()
    assert (ledger.amount_uusd > 0).any()
    assert got.saved_usd > 0
    assert (got.paid_usd[3::2] == 0).all()  # homes without an inverter
    assert (got.q_kvar[3::2] == 0).all()


def test_the_boundary_keeps_its_power_factor_where_nothing_is_unmet() -> None:
    columns = run()
    got = reactive.provide_reactive(**columns)
    p, q = columns["boundary_kw"].sum(0), columns["demand_kvar"].sum(0) + got.q_kvar.sum(0)
    met = got.unmet_kvar == 0
    before = np.abs(p) / np.hypot(p, columns["demand_kvar"].sum(0))
    assert (np.abs(p) >= TERMS.power_factor * np.hypot(p, q) - 1e-9)[met].all()
    assert (before[met] < TERMS.power_factor).sum() > 5


def test_counts_are_those_of_the_tables_sent() -> None:
    columns = run()
    got = reactive.provide_reactive(**columns)
    table, p_kw = reactive.make_inverters(columns["fitted"])
    q_max, price = market.capability(table, p_kw), columns["energy_per_kwh"]
    found = market.clear(got.need_kvar, table, q_max, price, TERMS.cap_per_kvarh)
    sent = [reactive.reactive_tables(table, q_max, price, found, 0, DT, step) for step in range(T)]
    rows = len(table.home)
    assert rows == 6
    assert (
        got.traffic.messages
        == sum(count_messages(each) for both in sent for each in both)
        == 2 * rows * T
    )
    assert got.traffic.bytes == sum(count_bytes(each) for both in sent for each in both)
    assert got.traffic.bytes == sum(
        len(message) for both in sent for each in both for message in encode(each)
    )
    assert got.traffic.rounds == T
    assert got.traffic.disclosed == sum(2 * len(up.p_kw) for up, _ in sent)
    assert sent[3][0].product.start_s == 3 * 1800


def test_the_order_of_homes_changes_no_payment() -> None:
    columns, order = run(), np.random.default_rng(9).permutation(N)
    turned = {name: columns[name][order] for name in ("boundary_kw", "demand_kvar")}
    one = reactive.provide_reactive(**columns)
    other = reactive.provide_reactive(
        **columns
        | turned
        | {"fitted": InverterFleet(*(column[:, order] for column in columns["fitted"]))}
    )
    assert (one.q_kvar[order] == other.q_kvar).all()
    paid_one, paid_other = (books.paid_uusd(booked(each), len(PARTIES.id)) for each in (one, other))
    assert (paid_one[order] == paid_other[:N]).all()


def test_totals_will_do_in_place_of_meters() -> None:
    columns = run()
    totals = {name: columns[name].sum(0) for name in ("boundary_kw", "demand_kvar")}
    one, other = reactive.provide_reactive(**columns), reactive.provide_reactive(**columns | totals)
    np.testing.assert_allclose(one.q_kvar, other.q_kvar, atol=1e-7)


def test_without_need_or_inverters_nothing_is_paid() -> None:
    quiet = reactive.provide_reactive(**run(demand_kvar=np.zeros((N, T))))
    assert quiet.paid_usd.sum() == quiet.saved_usd == quiet.elsewhere_usd == 0
    assert (quiet.price_per_kvarh == 0).all()
    none = InverterFleet(np.zeros((2, N)), np.zeros((2, N, T)))
    alone = reactive.provide_reactive(**run(fitted=none))
    assert (alone.unmet_kvar == alone.need_kvar).all()
    assert alone.traffic == (0, 0, 0, 0)
    assert alone.elsewhere_usd == pytest.approx(
        np.abs(alone.need_kvar).sum() * DT * TERMS.cap_per_kvarh
    )
    assert len(booked(alone).payer) == 0


def test_a_scenario_is_told_both_faults_at_once() -> None:
    with pytest.raises(InputError) as caught:
        reactive.provide_reactive(**run(terms=PowerFactorTerms(1.5, 0.0)))
    assert len(caught.value.problems) == 2


def test_a_rating_below_power_and_a_hole_are_named() -> None:
    columns = run()
    fitted = columns["fitted"]
    with pytest.raises(
        PartError, match=r"home 2, interval 24: -4 kW through 3 kVA, expected at most its rating"
    ):
        reactive.provide_reactive(**run(fitted=InverterFleet(rated(fitted, 3.0), only(fitted))))
    with pytest.raises(PartError, match="home 2: rating 0 kVA"):
        reactive.provide_reactive(**run(fitted=fitted._replace(rated_kva=rated(fitted, 0.0))))
    with pytest.raises(PartError, match=r"inverters: got ratings \(2, 8\) and powers \(2, 7, 48\)"):
        reactive.provide_reactive(**run(fitted=fitted._replace(p_kw=fitted.p_kw[:, 1:])))
    hole = columns["demand_kvar"].copy()
    hole[4, 7] = np.nan
    with pytest.raises(PartError, match="reactive power at the boundary, interval 7: got nan"):
        reactive.provide_reactive(**run(demand_kvar=hole))


def only(fitted: InverterFleet):
    """Return panels that stand still but for home 2 at noon."""
    p_kw = fitted.p_kw.copy()
    p_kw[0] = 0.0
    p_kw[0, 2, T // 2] = fitted.p_kw[0, 2, T // 2]
    return p_kw


def rated(fitted: InverterFleet, kva: float):
    """Return the ratings with that of the panels of home 2 replaced."""
    rated_kva = fitted.rated_kva.copy()
    rated_kva[0, 2] = kva
    return rated_kva
