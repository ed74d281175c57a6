"""Laws of panels: the sun is free, so a home gives all of it unless energy is worth less than nothing where it stands."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from gridagora.core.registry import find, names
from gridagora.metrics.curtailed import curtailed
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read

SUNNY_H = (10, 15)  # hours of the dip, first and last
TARIFFS = {
    "flat",
    "flat_optimised",
    "tou",
    "critical_peak",
    "demand_subscription",
    "demand_charge",
    "retail_tariff",
}
HEARS = sorted(set(names("market")) - TARIFFS)
TEXT = """
[scenario]
start = 2024-04-15
days = 1
[homes]
count = 4
pv_share = 1.0
pv_kw = 8.0
battery_share = 0.0
ev_share = 0.0
"""


@cache
def run_at(per_kwh, name):
    """Return what a design does where wholesale is so much at midday, and 3 ct at all other hours."""
    scene = build.build(read.parse(TEXT, "s.toml"))

    def dipped(column, per_h):
        hour = np.arange(len(column)) // per_h % 24
        return np.where((hour >= SUNNY_H[0]) & (hour <= SUNNY_H[1]), per_kwh, 0.03)

    p = scene.prices
    dip = {
        "day_ahead_per_kwh": dipped(p.day_ahead_per_kwh, 1),
        "real_time_per_kwh": dipped(p.real_time_per_kwh, 4),
    }
    scene = replace(scene, prices=p._replace(**dip))
    study = prepare(scene)
    return evaluate(name, simulate(scene.market(name), study), study)


def curtailed_kwh(o):
    return curtailed(o, None)


def made_kw(o):
    return -o.device_kw["pv"]


@pytest.mark.parametrize("name", HEARS)
def test_panels_stand_still_where_even_import_is_paid_for(name):
    """At -75 $/MWh a kWh imported earns 3 ct after 4.5 ct of delivery: nobody makes one, and at other hours nothing is lost."""
    o = run_at(-0.075, name)
    dip = o.wholesale_per_kwh < 0
    np.testing.assert_allclose(made_kw(o)[dip], 0, atol=1e-8)  # awards come in whole microwatts
    np.testing.assert_allclose(made_kw(o)[~dip], o.available_kw["pv"].sum(0)[~dip], atol=1e-8)
    assert curtailed_kwh(o) == pytest.approx(o.available_kw["pv"].sum(0)[dip].sum() * o.dt_h)
    assert curtailed_kwh(o) > 10
    assert np.all(o.load_kw[dip] > 0)
    parts = o.fixed_kw + sum(o.device_kw.values())
    np.testing.assert_allclose(parts, o.load_kw, atol=1e-9)
    assert o.imbalance_uusd == 0


@pytest.mark.parametrize("name", ["central", "layered", "peer"])
def test_only_export_is_given_up_where_export_alone_costs(name):
    """At -30 $/MWh export costs 3 ct and import still 1.5 ct: homes use their own sun, and give up what nobody can use."""
    o, flat = run_at(-0.03, name), run_at(-0.03, "flat")
    dip = o.wholesale_per_kwh < 0
    assert curtailed_kwh(flat) == 0
    away, before = ((-one.load_kw[dip]).clip(min=0).sum() for one in (o, flat))
    assert before > 0
    assert away < 0.25 * before
    assert curtailed_kwh(o) > 0
    assert made_kw(o)[dip].sum() > 0


@pytest.mark.parametrize("name", ["layered", "rtp"])
def test_nothing_is_given_up_while_energy_is_worth_something(name):
    o = run_at(0.0, name)
    assert np.all(made_kw(o) <= o.available_kw["pv"].sum(0) + 1e-9)
    assert curtailed_kwh(o) == pytest.approx(0.0, abs=1e-6)


def test_what_is_not_made_is_not_used_at_home():
    o = run_at(-0.075, "rtp")
    exported = (-o.home_kw).clip(min=0).sum() / made_kw(o).sum()
    assert find("metric", "P6").compute(o, None) == pytest.approx(1 - exported)


@pytest.mark.parametrize("name", sorted(TARIFFS))
def test_no_panel_stands_still_under_a_tariff(name):
    """Homes that export more than they use can make the neutral rate negative; a tariff still asks nobody to stop."""
    o = run_at(-0.075, name)
    np.testing.assert_allclose(made_kw(o), o.available_kw["pv"].sum(0), atol=1e-9)


@pytest.mark.parametrize("name", ["central", "layered", "retailer"])
def test_a_limit_on_export_is_kept_by_curtailment(name):
    """Six homes with 12 kW of panels and a limit of 14 kW: what is left over it is the error of on/off units."""
    text = (
        TEXT.replace("count = 4", "count = 6").replace("pv_kw = 8.0", "pv_kw = 12.0")
        + "[substation]\nlimit_kw = 14.0"
    )
    scene = build.build(read.parse(text, "s.toml"))
    study = prepare(scene)
    over = {}
    for design in ("flat", name):
        o = evaluate(design, simulate(scene.market(design), study), study)
        over[design] = (-o.load_kw - o.limit_kw).clip(min=0).sum() * o.dt_h
    assert over["flat"] > 50
    assert over[name] < 0.05 * over["flat"]
