"""Reactive power priced at every meter of a run: prices of the exact flow, books, capability, and nothing where nobody offers."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gridagora.core.errors import InputError, PartError
from gridagora.core.exchange import count_bytes, count_messages
from gridagora.core.network_operator import NetworkRules, RowPrices
from gridagora.core.product import Commodity
from gridagora.grid import flow
from gridagora.grid.fixed_point import open_grid
from gridagora.markets.layered import Layered
from gridagora.mechanisms.reactive import Inverters, join_inverters
from gridagora.results.outcome import costs_usd, welfare_usd
from gridagora.run import compare as runs
from gridagora.run import reactive_nodal, reactive_rounds
from gridagora.run.evaluate import evaluate
from gridagora.run.power_flow import Wiring, meter_powers
from gridagora.run.reactive import InverterFleet, equip_homes, make_inverters
from gridagora.run.reactive_nodal import NodalTerms, RunPower, clear_run
from gridagora.run.simulate import simulate
from gridagora.scenario import describe, read
from gridagora.scenario.network_keys import NetworkKeys
from gridagora.scenario.schema import ReactiveKeys
from gridagora.settlement import ledger as books
from gridagora.settlement.parties import Role, row_of
from gridagora.sources import synthetic_feeder

T, DT, HOMES = 8, 0.5, 24
BAND = (1.0225, 1.0265)
WHOLESALE = 0.06
ASKS, SILENT = Layered(), Layered(reactive=False)


def with_nodal(scene):
    return with_wires(scene, reactive=ReactiveKeys(market="nodal"))


def with_wires(scene, **keys):
    """Return a scene whose wires bear what the network loses, with other tables of its scenario."""
    more = {"network": NetworkKeys(losses="none"), **keys}
    return replace(scene, scenario=scene.scenario.model_copy(update=more))


@pytest.fixture(scope="module")
def ran(scene, study):
    return simulate(scene.market("layered"), study)


@pytest.fixture(scope="module")
def bare(ran, study):
    return evaluate("layered", ran, study)


@pytest.fixture(scope="module")
def grid(scene):
    return open_grid(scene.feeder)


@pytest.fixture(scope="module")
def plain(scene, grid, ran, bare):
    return runs.add_power_flow(with_wires(scene), grid, ASKS, ran, bare)


@pytest.fixture(scope="module")
def bought(scene, grid, ran, bare):
    return runs.add_power_flow(with_nodal(scene), grid, ASKS, ran, bare)


def street(load=1.0, seed=0):
    """Return a street with an inverter in every second home, whose loads sink voltages out of a narrow band."""
    rng = np.random.default_rng(seed)
    feeder = synthetic_feeder.make(5, HOMES)
    meters = len(feeder.meters.name)
    home_meter = np.arange(HOMES) % meters
    table = join_inverters(np.arange(0, HOMES, 2), 5.0)
    p_kw = -5.0 * rng.choice([0.0, 0.5, 0.95, 1.0], (len(table.home), T))
    motor = load * rng.uniform(0.5, 4.0, (HOMES, T))
    home_kw = motor.copy()
    home_kw[table.home] += p_kw
    wiring = Wiring(open_grid(feeder), home_meter, np.zeros((int(T * DT), meters)))
    return wiring, RunPower(home_kw, motor), table, p_kw


def terms(band=BAND, volt=100.0, wholesale=WHOLESALE):
    rules = NetworkRules(band, RowPrices(volt, 0.2))
    return NodalTerms(rules, np.full(T, wholesale), np.full(T, 0.1), 0, DT)


def exact_flow(case, q_kvar, lost_kw, shift_kvar=None):
    """Return the flow of the street, solved sharply, as inverters and a meter beside them draw reactive power."""
    wiring, drawn, table, _ = case
    given, lost = (reactive_nodal.by_home(table.home, rows, HOMES) for rows in (q_kvar, lost_kw))
    other = np.zeros((T, wiring.other_kw.shape[1]))
    p, q = meter_powers(wiring.home_meter, drawn.home_kw + lost, drawn.motor_kw, other, given)
    q = q if shift_kvar is None else q + shift_kvar
    return flow.solve(wiring.grid.feeder, p, q, 1e-13, factors=wiring.grid.factors)


def network_cost(case, at, band, volt=100.0):
    """Return losses and priced limits of a flow, written out once more, (t,) [$/h]."""
    of = case[0].grid.limited
    rules = terms(band, volt).rules
    low, high = of.bounds(rules.band_pu)
    current = at.v @ of.current.toarray().T
    into = at.v[:, of.unit_node] * np.conj(at.v @ of.into.toarray().T)
    loading = into @ of.unit.toarray().T / 1e3
    size = np.abs(np.concatenate([at.v[:, of.node] / of.base_v, current, loading], axis=1))
    beyond = np.maximum(size - high, low - size).clip(min=0)
    return WHOLESALE * at.losses_kw + beyond @ of.over_price(rules.prices)


@pytest.fixture(scope="module")
def cleared():
    case = street()
    return case, clear_run(*case, terms())


@pytest.mark.parametrize(("band", "error", "least"), [((0.9, 1.1), 0.01, 24), (BAND, 0.05, 8)])
def test_prices_are_finite_differences_of_the_exact_flow(band, error, least):
    """Of losses closely; where many limits bind at once, as far as what is saved is certified."""
    case, asked = street(), terms(band)
    found, meters, checked = clear_run(*case, asked), case[0].other_kw.shape[1], 0
    for row in (0, 3, 7):
        meter, slopes = case[0].home_meter[case[2].home[row]], []
        for step in (0.02, 0.01):
            shift = step * (np.arange(meters) == meter)
            up, down = (
                network_cost(case, exact_flow(case, found.q_kvar, found.lost_kw, s * shift), band)
                for s in (1, -1)
            )
            slopes.append((up - down) / (2 * step))
        smooth = np.isclose(*slopes, rtol=1e-3, atol=1e-7)  # no voltage stands at its limit itself
        checked += smooth.sum()
        got = found.price_per_kvarh[row]
        np.testing.assert_allclose(got[smooth], slopes[1][smooth], rtol=error, atol=1e-6)
    assert checked >= least


def test_prices_at_a_limit_lie_between_the_slopes_on_its_sides(cleared):
    case, found = cleared
    meters, table = case[0].other_kw.shape[1], case[2]
    here = network_cost(case, exact_flow(case, found.q_kvar, found.lost_kw), BAND)
    for row in (0, 3, 7):
        shift = 0.05 * (np.arange(meters) == case[0].home_meter[table.home[row]])
        up, down = (
            network_cost(case, exact_flow(case, found.q_kvar, found.lost_kw, s * shift), BAND)
            for s in (1, -1)
        )
        slack = 0.05 * np.abs(found.price_per_kvarh[row]) + 1e-6
        assert (found.price_per_kvarh[row] <= (up - here) / 0.05 + slack).all()
        assert (found.price_per_kvarh[row] >= (here - down) / 0.05 - slack).all()


def test_what_is_saved_is_the_difference_of_two_exact_flows(cleared):
    case, found = cleared
    nothing = np.zeros_like(found.q_kvar)
    without = network_cost(case, exact_flow(case, nothing, nothing), BAND)
    given = network_cost(case, exact_flow(case, found.q_kvar, found.lost_kw), BAND)
    own = 0.1 * found.lost_kw.sum(0)
    np.testing.assert_allclose(found.saved_usd_per_h, without - given - own, rtol=1e-5, atol=1e-7)
    assert (found.saved_usd_per_h >= -1e-9).all()
    assert found.saved_usd_per_h.sum() > 0.05
    assert found.unsettled == found.declined == 0


def test_no_other_answer_of_the_inverters_saves_more_in_the_exact_flow(cleared):
    case, found = cleared
    _, _, table, p_kw = case
    rng = np.random.default_rng(1)
    free = np.minimum(2.2, np.sqrt(25.0 - p_kw**2))

    def cost(q):
        lost = table.loss_share[:, None] / 5.0 * q**2
        return network_cost(case, exact_flow(case, q, lost), BAND) + 0.1 * lost.sum(0)

    least = cost(found.q_kvar)
    for size in (0.05, 0.3, 1.0):
        for _ in range(4):
            other = found.q_kvar + size * rng.uniform(-1, 1, found.q_kvar.shape)
            assert (least <= cost(np.clip(other, -free, free)) + 2e-5).all()


def test_offers_stay_within_what_active_power_leaves(cleared):
    (_, _, table, p_kw), found = cleared
    left = np.sqrt(np.maximum(table.rating_kva[:, None] ** 2 - p_kw**2, 0.0))
    assert (np.abs(found.q_kvar) <= left + 1e-9).all()
    assert (np.abs(found.q_kvar) <= 0.44 * table.rating_kva[:, None] + 1e-9).all()
    assert not found.q_kvar[np.abs(p_kw) == 5.0].any()
    assert found.q_kvar.any()


def test_a_tighter_band_never_raises_welfare():
    case = street()
    least = []
    for band in ((0.9, 1.1), (1.0205, 1.0285), BAND, (1.0235, 1.025)):
        found = clear_run(*case, terms(band))
        at = exact_flow(case, found.q_kvar, found.lost_kw)
        own = 0.1 * found.lost_kw.sum(0)
        least.append((network_cost(case, at, band) + own).sum())
    assert all(tight >= wide - 1e-5 for wide, tight in pairwise(least))
    assert least[-1] > least[0]


def test_without_capability_the_run_is_the_same_to_the_last_bit(scene, grid, ran, bare, plain):
    for market, changed in ((SILENT, ran), (ASKS, _without_inverters(ran))):
        other = runs.add_power_flow(with_nodal(scene), grid, market, changed, bare)
        assert [each.name for each in other.reactive_market.cases] == ["no market"]
        assert not other.reactive_market.given_kvar.any()
        assert (other.bill_usd == plain.bill_usd).all()
        assert (other.network.losses_kw == plain.network.losses_kw).all() or changed is not ran
        assert len(other.ledger.payer) == len(plain.ledger.payer)
    full = street()
    p_kw = np.full_like(full[3], -5.0)
    found = clear_run(*full[:3], p_kw, terms())
    assert not found.q_kvar.any()
    assert not found.lost_kw.any()
    assert (found.saved_usd_per_h == 0).all()


def _without_inverters(ran):
    return ran._replace(lived=[each for each in ran.lived if not each.about.has_inverter])


def test_money_sums_to_zero_and_the_wires_pay_homes(bought, plain):
    parties = bought.parties
    n, wires = len(bought.bill_usd), row_of(parties, Role.WIRES)
    paid = books.paid_uusd(bought.ledger, len(parties.id))
    assert bought.imbalance_uusd == paid.sum() == 0
    entries, side = books.only(bought.ledger, "reactive energy"), bought.reactive_market
    assert set(entries.payer) == {wires}
    assert set(entries.commodity) == {Commodity.Q}
    revenue = np.bincount(entries.payee, entries.amount_uusd, n) / 1e6
    np.testing.assert_allclose(revenue, side.paid_usd, atol=1e-6)
    by_hand = -(side.given_kvar * side.price_per_kvarh).sum(1) * bought.dt_h
    np.testing.assert_allclose(side.paid_usd, by_hand, atol=1e-9)
    kvarh = np.bincount(entries.payee, entries.quantity_uwh / 1e9, n)
    np.testing.assert_allclose(kvarh, np.abs(side.given_kvar).sum(1) * bought.dt_h, atol=1e-6)
    assert (bought.bill_usd <= plain.bill_usd + 1e-9).all()
    assert bought.surplus_uusd == plain.surplus_uusd


def test_it_costs_what_inverters_lose_and_saves_more(bought, plain):
    before, after = costs_usd(plain), costs_usd(bought)
    assert after["reactive"] == bought.reactive_market.loss_usd > 0
    assert {k: v for k, v in after.items() if k not in ("reactive", "losses")} == {
        k: v for k, v in before.items() if k not in ("reactive", "losses")
    }
    assert bought.reactive_market.saved_usd > 0
    assert welfare_usd(bought) < welfare_usd(plain) + bought.reactive_market.saved_usd + 1e-9
    assert (bought.home_kw == plain.home_kw).all()


def test_cases_tell_the_network_without_and_with(bought, plain):
    without, given = bought.reactive_market.cases
    assert without.name == "no market"
    assert without.losses_kwh == pytest.approx(plain.network.losses_kw.sum() * plain.dt_h)
    assert given.losses_kwh == pytest.approx(bought.network.losses_kw.sum() * bought.dt_h)
    assert given.v_min_pu == bought.network.v_min_pu.min()
    assert np.isnan(given.taps_moved)


def test_counts_are_those_of_the_tables_sent(ran, scene, bare, bought):
    n = len(scene.homes.home_id)
    table, _ = make_inverters(equip_homes(ran.lived, n, ran.track.kind_kw))
    t = len(bare.start_s)
    assert bought.exchange.messages - bare.exchange.messages == 2 * len(table.home) * t
    case = street()
    found = clear_run(*case, terms())
    free = np.ones_like(found.q_kvar)
    both = reactive_nodal.nodal_tables(case[2], free, found.price_per_kvarh, terms(), 3)
    assert found.traffic.messages == T * sum(count_messages(each) for each in both)
    assert found.traffic.bytes == T * sum(count_bytes(each) for each in both)
    assert both[0].product.start_s == 3 * 1800


def test_where_rounds_run_out_it_is_said(monkeypatch):
    monkeypatch.setattr(reactive_rounds, "ROUNDS", 1)
    found = clear_run(*street(), terms())
    assert found.unsettled > 0
    assert (found.saved_usd_per_h >= -1e-9).all()


def test_an_interval_without_a_flow_is_refused():
    with pytest.raises(PartError, match="interval 0: the power flow has no solution"):
        clear_run(*street(load=500.0), terms())


def test_homes_with_two_inverters_see_one_price():
    wiring, drawn, table, p_kw = street()
    both = Inverters(*(np.concatenate([column, column[:1]]) for column in table))
    found = clear_run(wiring, drawn, both, np.concatenate([p_kw, p_kw[:1]]), terms())
    np.testing.assert_array_equal(found.price_per_kvarh[0], found.price_per_kvarh[-1])


def test_both_markets_at_once_are_refused_and_check_says_what_is_asked(scene):
    with pytest.raises(InputError, match=r"'nodal' beside power_factor = 0\.97, expected one of"):
        read.parse("[reactive]\nmarket = 'nodal'\npower_factor = 0.97\n")
    with pytest.raises(InputError, match=r"\[reactive\] market: got 'node'"):
        read.parse("[reactive]\nmarket = 'node'\n")
    assert "at their meters" in describe.scene_lines(with_nodal(scene))["reactive power"]


def test_a_comparison_has_the_table_and_its_metrics(scene):
    result = runs.compare(with_nodal(scene), ["layered"])
    table = result.tables["reactive_market"]
    assert list(table["case"]) == ["no market", "nodal market"]
    rows = result.summary["architectures"]["layered"]["metrics"]
    assert rows["P4h"]["value"] == pytest.approx(table["reactive_kvarh"].iloc[1])
    assert rows["P4p"]["value"] > 0
    assert "P4x" not in rows
    assert "reactive_homes_kvar" in result.tables["intervals"]
    assert InverterFleet._fields == ("rated_kva", "p_kw")
