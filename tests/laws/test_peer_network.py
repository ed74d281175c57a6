"""Laws of peers with a network operator, and of a day ahead that binds: what is held, what is paid, what does not change."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.markets.peer import Peer
from gridagora.mechanisms.operating_envelope import share_limit
from gridagora.results.outcome import over_limit_kwh, welfare_usd
from gridagora.run.evaluate import evaluate
from gridagora.run.settle import BEYOND, RENT
from gridagora.run.simulate import simulate
from gridagora.run.state import baseline
from gridagora.settlement.ledger import only, paid_uusd
from gridagora.settlement.parties import Role, row_of

UUSD = 1e-6


def run(design, study):
    return evaluate("peer", simulate(design, study), study)


@pytest.fixture(scope="module")
def alone(study):
    return run(Peer(), study)


@pytest.fixture(scope="module")
def priced(study):
    return run(Peer(network="price"), study)


def test_the_network_price_holds_the_limit_and_is_worth_it(alone, priced):
    assert over_limit_kwh(alone) > 10
    assert over_limit_kwh(priced) < 0.2 * over_limit_kwh(alone)
    assert welfare_usd(priced) > welfare_usd(alone)
    assert priced.exchange.messages > alone.exchange.messages


def test_congestion_rent_is_the_network_price_of_what_is_taken_and_the_operator_keeps_it(study):
    ran = simulate(Peer(network="price"), study)
    o, added = evaluate("peer", ran, study), ran.track.network_per_kwh
    assert added.max() > 0
    assert np.abs(added).max() <= study.wholesale.over_per_kwh
    rent = only(o.ledger, RENT)
    expected = (np.asarray(o.home_kw) * added).sum() * o.dt_h
    assert rent.amount_uusd.sum() * UUSD == pytest.approx(expected, abs=len(rent.item) * UUSD)
    operator = row_of(o.parties, Role.OPERATOR)
    assert (rent.payee == operator).all()
    assert o.imbalance_uusd == 0
    energy = only(o.ledger, "energy").amount_uusd.sum() + only(o.ledger, "credit").amount_uusd.sum()
    assert energy > 0  # rent is no part of it


def test_without_a_limit_a_network_operator_changes_nothing(study):
    free = study._replace(wholesale=study.wholesale._replace(limit_kw=np.inf))
    plain = run(Peer(delivery_share=0.4), free)
    for network in ("price", "envelope"):
        same = run(Peer(delivery_share=0.4, network=network), free)
        np.testing.assert_array_equal(same.home_kw, plain.home_kw)
        np.testing.assert_array_equal(same.bill_usd, plain.bill_usd)


def test_envelopes_lower_what_is_beyond_the_limit(alone, study):
    for envelope in ("equal", "baseline"):
        held = run(Peer(network="envelope", envelope=envelope), study)
        assert over_limit_kwh(held) < 0.6 * over_limit_kwh(alone)
        assert held.imbalance_uusd == 0


def test_import_beyond_an_envelope_costs_what_it_costs_beyond_the_limit(study):
    ran = simulate(Peer(network="envelope"), study)
    o, w = evaluate("peer", ran, study), study.wholesale
    share = share_limit(baseline(study, ran.wholesale_per_kwh), "baseline")
    hours, per = o.home_kw.shape[1] * o.dt_h, round(1 / o.dt_h)
    room_kw = 0.97 * w.limit_kw - o.other_kw.reshape(int(hours), per).mean(1)
    mean_kw = np.asarray(o.home_kw).reshape(len(share), -1, per).mean(2)
    hour = (o.start_s[::per] // 3600) % 24
    beyond_kwh = (mean_kw - share[:, hour] * room_kw).clip(min=0).sum(1)
    due = only(o.ledger, BEYOND)
    by_home = np.bincount(due.payer, due.amount_uusd * UUSD, minlength=len(share))[: len(share)]
    np.testing.assert_allclose(by_home, beyond_kwh * w.over_per_kwh, atol=2 * UUSD)
    assert by_home.sum() > 0


def test_only_who_sees_the_limit_says_so():
    assert not Peer().rules.sees_limit
    assert Peer(network="price").rules.sees_limit and Peer(network="envelope").rules.sees_limit
    assert Peer(day_ahead_binds=True).rules.commits and not Peer().rules.commits


def test_positions_with_the_supplier_move_money_and_no_power(alone, study):
    """Where partners trade nothing, a day ahead that binds is a hedge: each home pays the day ahead for what it planned."""
    bound = run(Peer(day_ahead_binds=True), study)
    np.testing.assert_array_equal(bound.home_kw, alone.home_kw)
    assert np.abs(bound.bill_usd - alone.bill_usd).max() > 0.01
    position, price = bound.paid.positions[0], study.wholesale
    agreed_kw = np.repeat(position.p_kw, round(1 / bound.dt_h), axis=1)
    buy, sell = (column.squeeze() for column in bound.paid[:2])
    in_real_time = agreed_kw.clip(min=0) * buy - (-agreed_kw).clip(min=0) * sell
    ahead = np.repeat(position.p_kw * position.price_per_kwh, round(1 / bound.dt_h), axis=1)
    moved = (ahead - in_real_time).sum(1) * bound.dt_h
    np.testing.assert_allclose(bound.bill_usd - alone.bill_usd, moved, atol=5 * UUSD)
    wedge = price.delivery_per_kwh - price.export_credit_per_kwh
    exports = position.p_kw < 0
    both = exports.any(0) & ~exports.all(0)
    assert both.any()
    least = np.where(exports, position.price_per_kwh + wedge, position.price_per_kwh)[:, both]
    np.testing.assert_allclose(np.ptp(least, axis=0), 0.0, atol=1e-9)


def test_forward_trades_are_delivered_at_their_price_in_every_interval_of_their_hour(study):
    ran = simulate(Peer(day_ahead_binds=True, delivery_share=0.0, rounds_max=3000), study)
    trades, per = ran.trades, round(1 / study.dt_h)
    o = evaluate("peer", ran, study)
    price = trades.usd / (trades.p_kw * o.dt_h)
    agreed = {}
    for at, buyer, seller, kw, paid in zip(*trades[:4], price, strict=True):
        agreed.setdefault((at // per, buyer, seller, round(kw, 9), round(paid, 7)), set()).add(at)
    whole = [key for key, found in agreed.items() if len(found) == per]
    assert whole  # some rows stand in all intervals of an hour alike
    assert o.imbalance_uusd == 0
    paid = paid_uusd(o.ledger, len(o.parties.id))
    assert (np.rint(o.bill_usd / UUSD).astype(int) == paid[: len(o.bill_usd)]).all()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"network": "tax"},
            "market.peer.network: got 'tax', expected one of none, price, envelope",
        ),
        (
            {"envelope": "lot"},
            "market.peer.envelope: got 'lot', expected one of equal, baseline, connection",
        ),
        ({"network_rounds": 0}, "network_rounds: got 0, expected one round or more"),
        ({"reserve_share": 1.0}, "reserve_share: got 1.0, expected a share in"),
        ({"delivery_share": 1.5}, "delivery_share: got 1.5, expected a share from 0 to 1"),
    ],
)
def test_keys_that_no_network_could_follow_are_refused(keys, words):
    with pytest.raises(Exception, match=words):
        replace(Peer(), **keys)
