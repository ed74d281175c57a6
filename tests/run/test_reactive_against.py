"""Volt-var beside the market of reactive power: on the curve, at the exact cost of its flow, and never better than the market."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.inverters import STANDARDS, InverterTable, given_kw_kvar
from gridagora.markets.layered import Layered
from gridagora.mechanisms.reactive import LOSS_SHARE
from gridagora.results.reactive_market import VOLT_VAR, WITH, WITHOUT
from gridagora.run import compare as runs
from gridagora.run.reactive import equip_homes
from gridagora.run.reactive_against import Panels, find_panels, follow_curve, saved_usd
from gridagora.run.reactive_case import describe_case
from gridagora.run.reactive_nodal import by_home, clear_run
from gridagora.run.reactive_table import reactive_market_tables
from gridagora.scenario import describe, read
from gridagora.scenario.inverter_keys import InverterKeys, volt_var_of
from gridagora.scenario.schema import ReactiveKeys
from tests.run.test_reactive_nodal_run import (
    BAND,
    DT,
    HOMES,
    exact_flow,
    network_cost,
    street,
    terms,
)

RULE = STANDARDS["ieee1547_b"]._replace(volt_watt=None)
STEEP = RULE._replace(volt_var=RULE.volt_var._replace(voltage_pu=(0.99, 1.015, 1.025, 1.03)))
MARKET_TOLERANCE = 1e-4  # of what a run of the street costs more or less: the market stops 0.5 % of a rating from its answer


def panels_of(case, ratio=1.0):
    """Return the panels of a street, whose inverters give what they do."""
    _, _, table, p_kw = case
    return Panels(table.home, table.rating_kva, ratio * table.rating_kva, -p_kw)


def at_homes(case, flow):
    """Return the voltages (r, t) of the homes of inverters [pu], the mean of their legs."""
    feeder, meters = case[0].grid.feeder, case[0].home_meter[case[2].home]
    ends = np.stack([feeder.loads.from_node, feeder.loads.to_node], 1)
    found = []
    for meter in meters:
        nodes = np.unique(ends[feeder.loads.meter == meter])
        found.append(flow.v_pu[:, nodes[nodes >= 0]].mean(1))
    return np.array(found)


@pytest.mark.parametrize("rule", [RULE, STEEP])
def test_panels_stand_on_the_curve_at_the_voltages_of_the_flow_that_is_counted(rule):
    case = street()
    panels = panels_of(case)
    did = follow_curve(case[0], rule, case[1], panels, DT)
    at = exact_flow(case, did.q_kvar, did.lost_kw + did.cut_kw)
    table = InverterTable(case[0].home_meter[panels.home], panels.rated_kva, panels.rated_kw)
    enough = panels.given_kw >= 0.05 * panels.rated_kw[:, None]
    kw, kvar = given_kw_kvar(
        table, rule, at_homes(case, at).T, panels.given_kw.T, gives_var=enough.T
    )
    assert (
        np.abs(did.q_kvar + kvar.T).max() < 0.02
    )  # of 5 kVA: what is lost moves voltages a little
    assert np.abs(panels.given_kw - did.cut_kw - kw.T).max() < 0.02
    assert np.abs(did.q_kvar).max() > 0.2
    np.testing.assert_allclose(did.lost_kw, LOSS_SHARE / 5.0 * did.q_kvar**2, rtol=1e-12)


def test_reactive_power_takes_room_of_the_full_sun_unless_there_is_more_rating():
    case = street()
    full = np.isclose(case[3], -5.0)
    tight, wide = (follow_curve(case[0], STEEP, case[1], panels_of(case, r), DT) for r in (1, 1.2))
    kept = np.sqrt(25.0 - tight.q_kvar**2)
    np.testing.assert_allclose((5.0 - tight.cut_kw)[full], kept[full], atol=1e-5)
    assert tight.cut_kw[full].sum() > 0.1
    assert not tight.cut_kw[np.isclose(case[3], 0.0)].any()
    assert not wide.cut_kw.any()


def test_what_volt_var_saves_is_the_difference_of_two_exact_flows():
    case = street()
    did = follow_curve(case[0], STEEP, case[1], panels_of(case), DT)
    got, lost = saved_usd(*case[:2], panels_of(case), did, terms()), did.lost_kw + did.cut_kw
    nothing = np.zeros_like(lost)
    without = network_cost(case, exact_flow(case, nothing, nothing), BAND)
    after = network_cost(case, exact_flow(case, did.q_kvar, lost), BAND) + 0.1 * lost.sum(0)
    assert got == pytest.approx((without - after).sum() * DT, rel=1e-5)
    assert abs(got) > 1e-3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("band", [(0.9, 1.1), BAND])
@pytest.mark.parametrize("rule", [RULE, STEEP])
def test_the_market_costs_no_more_than_unity_or_volt_var(seed, band, rule):
    """By its own measure on exact flows: losses, what is beyond limits, and what inverters lose or give up."""
    case, asked = street(load=0.4 + 0.3 * seed, seed=seed), terms(band)
    market = clear_run(*case, asked).saved_usd_per_h.sum() * DT
    panels = panels_of(case)
    did = follow_curve(case[0], rule, case[1], panels, DT)
    curve = saved_usd(*case[:2], panels, did, asked)
    assert market >= -1e-9
    assert market >= curve - MARKET_TOLERANCE


def test_an_interval_without_a_flow_is_counted():
    case = street(load=500.0)
    assert follow_curve(case[0], RULE, case[1], panels_of(case), DT) > 0


TEXT = '[reactive]\nmarket = "nodal"\nagainst = "volt_var"\n'


def asking(scene, **keys):
    own = ReactiveKeys(market="nodal", **keys)
    return replace(scene, scenario=scene.scenario.model_copy(update={"reactive": own}))


@pytest.fixture(scope="module")
def shown(scene, study):
    """One run, by a design that asks inverters and by one that does not, without volt-var and beside it."""
    ran = runs.simulate(scene.market("layered"), study)
    bare = runs.evaluate("layered", ran, study)
    grid = runs.wiring_of(study).grid
    return [
        [
            runs.add_power_flow(asking(scene, **keys), grid, market, ran, bare)
            for market in (Layered(), Layered(reactive=False))
        ]
        for keys in ({}, {"against": "volt_var"})
    ]


def test_volt_var_is_one_more_row_and_all_else_stays(shown):
    plain, asked = (reactive_market_tables(each)["reactive_market"] for each in shown)
    assert list(plain["case"]) == [WITHOUT, WITH, WITHOUT]
    assert list(asked["case"]) == [WITHOUT, VOLT_VAR, WITH, WITHOUT, VOLT_VAR]
    assert asked[asked["case"] != VOLT_VAR].reset_index(drop=True).equals(plain)
    for before, after in zip(*shown, strict=True):
        assert np.array_equal(before.bill_usd, after.bill_usd)
        assert np.array_equal(before.network.losses_kw, after.network.losses_kw)
        assert before.exchange == after.exchange


def test_volt_var_is_told_with_what_it_moves_loses_and_gives_up(shown):
    asks, silent = ({each.name: each for each in o.reactive_market.cases} for o in shown[1])
    without, curve = asks[WITHOUT], asks[VOLT_VAR]
    assert curve.use == silent[VOLT_VAR].use
    assert curve[:7] == silent[VOLT_VAR][:7]
    assert curve.use.reactive_kvarh > 1.0
    assert curve.use.inverter_loss_kwh > 0.0
    assert curve.use.paid_usd == 0.0
    assert curve.v_max_pu < without.v_max_pu - 1e-4
    assert curve.losses_kwh != without.losses_kwh
    assert not any(without.use)
    assert asks[WITH].use.saved_usd >= max(curve.use.saved_usd, 0.0)
    assert asks[WITH].use.paid_usd > 0.0


def test_figures_of_a_case_are_sums_over_homes_and_intervals(shown):
    outcome = shown[0][1]
    case = outcome.reactive_market.cases[0]
    net = outcome.network
    band = np.quantile(np.asarray(net.home_v_pu), [0.1, 0.8])
    held = describe_case(WITHOUT, net, outcome, tuple(band), case.use)
    assert held.outside_h == pytest.approx(0.3 * net.home_v_pu.size * outcome.dt_h, rel=0.01)
    assert 0.0 < held.outside_pu_h < held.outside_h
    assert case.losses_usd == pytest.approx(
        (net.losses_kw * outcome.wholesale_per_kwh).sum() * outcome.dt_h
    )


def test_a_larger_rating_is_offered_to_the_market(scene, study):
    ran = runs.simulate(scene.market("layered"), study)
    n = len(scene.homes.home_id)
    one, more = (equip_homes(ran.lived, n, ran.track.kind_kw, ratio) for ratio in (1.0, 1.2))
    about = [each.about for each in ran.lived if each.about.has_inverter][::-1]
    panels = np.array([each.is_generation for each in about])
    assert panels.any()
    assert not panels.all()
    np.testing.assert_allclose(more.rated_kva[panels], 1.2 * one.rated_kva[panels])
    np.testing.assert_array_equal(more.rated_kva[~panels], one.rated_kva[~panels])
    found = find_panels(ran.lived, n, ran.track.kind_kw, 1.2)
    np.testing.assert_allclose(found.rated_kva, more.rated_kva[panels].sum(0)[found.home])
    np.testing.assert_allclose(
        found.given_kw.sum(0),
        -ran.track.kind_kw[[each.about.kind for each in ran.lived].index("pv")].sum(1),
    )


def test_a_flow_that_fails_with_volt_var_is_said(scene, study, monkeypatch):
    asked = asking(scene, against="volt_var")
    monkeypatch.setattr("gridagora.run.reactive_against.follow_curve", lambda *_: 3)
    market = asked.market("layered")
    ran = runs.simulate(market, study)
    outcome = runs.add_power_flow(
        asked,
        runs.wiring_of(study).grid,
        market,
        ran,
        runs.evaluate("layered", ran, study),
    )
    assert [each.name for each in outcome.reactive_market.cases] == [WITHOUT, WITH]
    assert any("no solution in 3 of" in each for each in outcome.warnings)


def test_the_curve_is_that_of_the_inverters_of_the_scenario():
    rule = volt_var_of(InverterKeys(standard="rule21", priority="watt", rating_ratio=1.1))
    assert rule.rule.volt_var == STANDARDS["rule21"].volt_var
    assert (rule.rule.volt_watt, rule.rule.var_first, rule.rating_ratio) == (None, False, 1.1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('market = "nodal"\n', "", "no market at every meter"),
        ('"volt_var"', '"volt_watt"', "against: got 'volt_watt'"),
        ("[reactive]", '[feeder]\nsource = "busbar"\n[reactive]', "busbar, which has no voltages"),
        ("[reactive]", '[feeder]\nengine = "opendss"\n[reactive]', "solves a run without them"),
        ("[reactive]", "[area]\nhomes = 100\n[reactive]", "an area, whose feeders are not solved"),
    ],
)
def test_what_cannot_be_compared_is_refused(old, new, said):
    with pytest.raises(InputError, match=said):
        read.parse(TEXT.replace(old, new))


def test_check_says_what_the_market_is_shown_against(scene):
    asked = asking(scene, against="volt_var")
    assert "against volt-var" in describe.scene_lines(asked)["reactive power"]
    assert "volt-var" not in describe.scene_lines(asking(scene))["reactive power"]


def test_sums_by_home_are_of_the_homes_that_have_panels():
    case = street()
    panels = panels_of(case)
    assert by_home(panels.home, panels.given_kw, HOMES)[1::2].sum() == 0.0
