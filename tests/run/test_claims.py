"""Retailers of today as closed forms, and the claims against them with their intervals."""

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.kernels.stores.value import best_response
from gridagora.mechanisms.retail.game import make_demand, taken_kw
from gridagora.studies.claims import (
    claim,
    cost_plus_flat_per_kwh,
    draw_community,
    measure_claims,
    monopoly_flat_per_kwh,
    regulated_flat_per_kwh,
    settle_feed_in,
    simulate_game,
    simulate_retailer,
)


def margin_usd(c, price: float, owed: float = 1.0) -> float:
    flat = np.full_like(c.buy_per_kwh, price)
    return float((flat - owed * c.buy_per_kwh) @ taken_kw(c.end_users, flat))


def test_flat_prices_are_the_roots_and_the_top_of_their_margins() -> None:
    c = draw_community(0)
    top = monopoly_flat_per_kwh(c.end_users, c.buy_per_kwh)
    prices = np.linspace(0.05, 0.4, 20_001)
    assert prices[np.argmax([margin_usd(c, p) for p in prices])] == pytest.approx(top, abs=2e-5)
    plus, regulated = (
        cost_plus_flat_per_kwh(c.end_users, c.buy_per_kwh),
        regulated_flat_per_kwh(c.end_users, c.buy_per_kwh),
    )
    assert margin_usd(c, plus, 1.2) == pytest.approx(0, abs=1e-9)
    assert margin_usd(c, regulated) == pytest.approx(0, abs=1e-9)
    assert regulated < plus < top
    with pytest.raises(PartError, match="value energy too little"):
        cost_plus_flat_per_kwh(make_demand(np.array([0.1]), np.eye(1)), np.array([0.2]))


def test_feed_in_is_what_a_home_does_alone_behind_its_meter() -> None:
    c = draw_community(1)
    earned, net_kw = settle_feed_in(c, 0.2)
    table, sell = c.stores[0], np.minimum(c.sell_per_kwh, 0.2)
    alone = [
        best_response(_row(table, i, -c.made_kw[i]), np.full(24, 0.2), sell)
        for i in range(len(c.made_kw))
    ]
    assert earned == pytest.approx(-sum(float(r.cost_usd[0]) for r in alone), rel=1e-12)
    np.testing.assert_allclose(net_kw, sum(r.p_kw[0] for r in alone) - c.made_kw.sum(0), atol=1e-9)
    twice = c._replace(stores=(table, table), home=(c.home[0], c.home[0]))
    with pytest.raises(PartError, match="one device each"):
        settle_feed_in(twice, 0.2)


def _row(table, i: int, load_kw: np.ndarray):
    one = {name: getattr(table, name)[i : i + 1] for name in table._fields if name != "dt_h"}
    return table._replace(**one)._replace(load_kw=load_kw[None])


def test_prosumers_together_earn_more_than_alone_and_leave_less_on_the_table_than_a_monopoly() -> (
    None
):
    c = draw_community(2)
    together = simulate_game(c)
    monopoly = simulate_retailer(c, monopoly_flat_per_kwh(c.end_users, c.buy_per_kwh))
    assert together.prosumers_usd > monopoly.prosumers_usd
    assert together.welfare_usd > monopoly.welfare_usd
    assert together.end_users_usd > monopoly.end_users_usd


def test_all_claims_hold_against_market_power_and_not_all_against_regulation() -> None:
    """Theory 10: five prosumers are fewer than a regulator needs to fear."""
    found = {(claim.baseline, claim.quantity): claim for claim in measure_claims(range(20))}
    for quantity in ("price_per_kwh", "prosumers_usd", "end_users_usd", "peak_kw"):
        assert found["monopoly, flat", quantity].verdict == "holds", quantity
        assert found["monopoly, flat", quantity].low <= found["monopoly, flat", quantity].change
    assert found["regulated, flat", "price_per_kwh"].verdict == "fails"
    assert found["regulated, flat", "end_users_usd"].verdict == "fails"
    assert found["regulated, flat", "prosumers_usd"].verdict == "holds"
    assert found["regulated, flat", "peak_kw"].verdict == "holds"


def test_with_many_prosumers_the_price_beats_cost_plus_too() -> None:
    """As their number grows the retail price falls to the internal one: 30 sell cheaper than cost plus a fifth."""
    found = {
        (c.baseline, c.quantity): c
        for c in measure_claims(range(4), lambda seed: draw_community(seed, 30, 240))
    }
    assert found["cost plus 20 %, flat", "price_per_kwh"].change < 0
    assert found["cost plus 20 %, flat", "end_users_usd"].change > 0


@pytest.mark.parametrize(
    ("draws", "verdict"), [(3, "not shown"), (7, "not shown"), (8, "holds"), (30, "holds")]
)
def test_few_draws_give_no_verdict(draws: int, verdict: str) -> None:
    """Every draw is for the better; an interval of so few says little all the same."""
    before = np.linspace(10.0, 12.0, draws)
    assert claim("any", "price_per_kwh", -1, before, before - 1.0).verdict == verdict


def test_the_interval_is_that_of_student_and_holds_only_beyond_zero():
    """Eight differences 1 to 8: mean 4.5, half width 2.365 times the standard error .866 (table of t, 7 degrees of freedom)."""
    before, moved = np.full(8, 100.0), np.arange(1.0, 9.0)
    found = claim("any", "peak_kw", -1, before, before - moved)
    assert found.change == pytest.approx(-4.5)
    assert found.high - found.change == pytest.approx(2.3646 * 0.8660, abs=2e-4)
    assert found.verdict == "holds"
    assert claim("any", "peak_kw", -1, before, before + moved).verdict == "fails"
    shifted = moved - 4.5 + 0.5 * 2.3646 * 0.8660
    assert claim("any", "peak_kw", 1, before, before + shifted).verdict == "not shown"
