"""Laws of the substation: every meter counts, in both directions, and other customers pay what their own energy costs."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.registry import find, names
from gridagora.results.metric import Reference
from gridagora.results.outcome import costs_usd, over_limit_kwh, welfare_usd
from gridagora.run.compare import compare, compute_bound, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.result import revenue_gap_usd
from gridagora.run.settle import OVERLOAD
from gridagora.run.simulate import simulate
from gridagora.run.state import baseline
from gridagora.scenario import build, read
from gridagora.settlement.ledger import only, paid_uusd
from gridagora.settlement.parties import Role, row_of
from tests.laws.variants import VARIANTS, market_of

SUNNY = """
[scenario]
start = 2024-04-15
days = 1
seed = 4
[homes]
count = 5
pv_share = 1.0
pv_kw = 12
battery_share = 0.4
ev_share = 0.4
[substation]
limit_share_of_flat_peak = 0.8
"""
EVERY = pytest.mark.parametrize("name", [*names("market"), *VARIANTS])
ROUNDING_USD = 0.5e-6  # of each entry


@pytest.fixture(scope="module")
def sunny():
    """Return a day on which five homes export more than they take, beside a shop and a pump."""
    made = build.build(read.parse(SUNNY, "sunny.toml"))
    hours = np.arange(len(made.other_kw))
    others = np.zeros_like(made.other_kw)
    others[:, 0], others[:, -1] = 6.0 * ((hours % 24 > 8) & (hours % 24 < 18)), 1.5 + np.sin(hours)
    return replace(made, other_kw=others)


@pytest.fixture(scope="module")
def terms(sunny):
    """Return what all designs share there."""
    return prepare(sunny)


@pytest.fixture(scope="module")
def played(sunny, terms):
    """Return every design there."""
    return {
        name: evaluate(name, simulate(market_of(sunny, name), terms), terms)
        for name in (*names("market"), *VARIANTS)
    }


def measured(metric_id, outcome, flat=None):
    return find("metric", metric_id).compute(outcome, Reference(flat, None))


def paid_usd(outcome, party):
    return (
        paid_uusd(outcome.ledger, len(outcome.parties.id))[row_of(outcome.parties, Role(party))]
        / 1e6
    )


@EVERY
def test_the_load_is_the_sum_of_all_meters(sunny, played, name):
    o = played[name]
    others = np.repeat(sunny.other_kw.sum(1)[:24], 12)
    np.testing.assert_allclose(o.load_kw, o.home_kw.sum(0) + others, atol=1e-9)
    assert measured("E4", o) == pytest.approx((o.home_kw.sum() + others.sum()) / 12 / 1000)
    assert o.load_kw.min() < 0, "the feeder exports"


@EVERY
def test_no_design_beats_the_bound_of_the_same_load_and_limit(sunny, terms, played, name):
    top = compute_bound(sunny, terms).welfare_usd
    assert welfare_usd(played[name]) <= top


@EVERY
def test_other_customers_pay_for_their_own_energy_whatever_homes_do(sunny, played, name):
    """Wholesale and delivery of each kWh: no design changes what they pay, and they bear nothing of what homes cost."""
    o, others = played[name], np.repeat(sunny.other_kw.sum(1)[:24], 12)
    own = (others * (o.wholesale_per_kwh + np.where(others > 0, 0.045, 0.0))).sum() / 12
    assert paid_usd(o, "other customers") == pytest.approx(own, abs=ROUNDING_USD)
    assert o.imbalance_uusd == 0


@EVERY
def test_wires_earn_delivery_of_import_and_nothing_for_export(played, name):
    """Of what the substation imports, and the share of it that is due on what homes buy of each other."""
    o = played[name]
    delivered = only(o.ledger, "delivery").amount_uusd.sum() / 1e6
    trades, share = o.paid.trades, getattr(VARIANTS.get(name), "delivery_share", 1.0)
    local_kw = trades.p_kw[~trades.charge & (trades.buyer < len(o.home_kw))].sum()
    if name == "auction":
        share = 0.0
    due_kw = o.load_kw.clip(min=0).sum() + share * local_kw
    assert delivered == pytest.approx(0.045 * due_kw / 12, abs=len(o.ledger.item) * 1e-6)
    assert delivered > 0
    beyond = only(o.ledger, OVERLOAD).amount_uusd.sum() / 1e6
    assert paid_usd(o, "wires") == pytest.approx(-delivered - beyond, abs=ROUNDING_USD)


@EVERY
def test_what_is_beyond_the_limit_is_billed_in_every_design(terms, played, name):
    """The operator pays the wires the price of each kWh; a retail game without an operator leaves it to the prosumers."""
    o, entry = played[name], only(played[name].ledger, OVERLOAD)
    assert entry.payer.tolist() == [row_of(o.parties, Role.OPERATOR)]
    assert entry.payee.tolist() == [row_of(o.parties, Role.WIRES)]
    price = terms.wholesale.over_per_kwh
    assert price == pytest.approx(57.03 / 250)
    assert entry.quantity_uwh[0] / 1e9 == pytest.approx(over_limit_kwh(o), abs=1e-8)
    owed = price * over_limit_kwh(o)
    assert entry.amount_uusd[0] / 1e6 == pytest.approx(owed, abs=ROUNDING_USD)
    assert costs_usd(o)["over limit"] == pytest.approx(owed)


def test_the_baseline_has_an_overload_that_the_flat_rate_earns(terms, played):
    """A tariff earns what its own overload costs: without that the rate is lower by as much a kWh."""
    o = played["flat"]
    assert over_limit_kwh(o) > 0
    free = terms._replace(wholesale=terms.wholesale._replace(limit_kw=np.inf))
    wholesale = o.wholesale_per_kwh
    dear, cheap = (baseline(each, wholesale).cost_usd_per_h.sum() / 12 for each in (terms, free))
    assert dear - cheap == pytest.approx(terms.wholesale.over_per_kwh * over_limit_kwh(o))


def test_a_flat_rate_earns_its_cost_where_the_feeder_exports(played):
    o = played["flat"]
    assert abs(o.surplus_uusd) <= 0.5 * len(o.parties.id)


@pytest.mark.parametrize(
    "name",
    ["flat", "flat_optimised", "tou", "critical_peak", "demand_subscription", "demand_charge"],
)
def test_a_tariff_earns_its_cost_on_the_baseline_where_the_feeder_exports(terms, played, name):
    assert abs(revenue_gap_usd(played[name], terms)) <= ROUNDING_USD * len(played[name].parties.id)


def test_the_certificate_of_revenue_is_the_margin_that_was_booked(terms, played):
    """A tariff one cent too high leaves a cent for each kWh of net load: the figure is read from entries, not from the rate."""
    o = played["flat"]
    paid = o.paid._replace(
        price_per_kwh=o.paid.price_per_kwh + 0.01, credit_per_kwh=o.paid.credit_per_kwh + 0.01
    )
    dear = o._replace(paid=paid)
    assert revenue_gap_usd(played["flat"], terms) == pytest.approx(o.surplus_uusd / 1e6, abs=1e-9)
    assert revenue_gap_usd(dear, terms) == pytest.approx(0.01 * o.home_kw.sum() / 12, abs=1e-5)


@EVERY
def test_peak_and_limit_count_export(terms, played, name):
    o, limit = played[name], terms.wholesale.limit_kw
    quarter = o.load_kw.reshape(-1, 3).mean(1)
    assert measured("P1", o) == pytest.approx(np.abs(quarter).max())
    assert measured("P1e", o) == pytest.approx(max(0.0, -quarter.min()))
    beyond = sum(max(0.0, abs(kw) - limit) for kw in o.load_kw) / 12
    assert measured("P5", o) == over_limit_kwh(o) == pytest.approx(beyond)
    assert 0 < measured("P2", o) <= 1


def test_the_limit_is_a_share_of_the_larger_peak(terms, played):
    assert terms.wholesale.limit_kw == pytest.approx(0.8 * measured("P1", played["flat"]))
    assert measured("P1e", played["flat"]) == measured("P1", played["flat"])


def test_designs_that_know_the_limit_export_less_beyond_it(terms, played):
    """Against homes that hear nothing of it and are paid the import price for export; `rtp` itself pays less and exports less."""
    unaware = evaluate("rtp", simulate(find("market", "rtp")(export="net_metering"), terms), terms)
    for name in ("central", "layered", "retailer"):
        assert over_limit_kwh(played[name]) < 0.7 * over_limit_kwh(unaware), name


@EVERY
def test_the_limit_of_export_is_paid_below_the_export_price(played, name):
    """Where what leaves is beyond the limit, a clearing design says a price below what wholesale pays."""
    o = played[name]
    tight = o.load_kw < -o.limit_kw * 0.99
    if name in ("central", "layered", "retailer") and tight.any():
        assert (o.price_per_kwh[tight] < o.wholesale_per_kwh[tight] - 1e-6).any()


NET_EXPORT = """
[scenario]
start = 2024-04-15
days = 1
architectures = ["flat", "tou", "rtp", "central", "retailer"]
[homes]
count = 6
pv_share = 1.0
pv_kw = 12
battery_share = 0.0
ev_share = 0.0
[substation]
limit_share_of_flat_peak = 0.85
"""


def test_a_street_of_panels_in_april_is_a_street_that_exports():
    """The peak is the reverse flow of noon, 85 % of it is a limit that binds, flat earns its cost, no average price is credit."""
    made = build.build(read.parse(NET_EXPORT, "april.toml"))
    result = compare(made)
    rows = {
        name: {key: m["value"] for key, m in e["metrics"].items()}
        for name, e in result.summary["architectures"].items()
    }
    load = result.tables["intervals"].query("architecture == 'flat'").load_kw.to_numpy()
    noon = -load.reshape(-1, 3).mean(1).min()
    assert noon > 2 * load.max(), "reverse flow is the larger by far"
    assert rows["flat"]["P1"] == rows["flat"]["P1e"] == pytest.approx(noon)
    assert result.summary["manifest"]["limit_kw"] == pytest.approx(0.85 * noon)
    assert rows["flat"]["P5"] == pytest.approx((np.abs(load) - 0.85 * noon).clip(min=0).sum() / 12)
    assert rows["flat"]["P5"] > 1.0
    # on/off units are ranked behind their transformer, and one of them is much of what six homes may pass
    assert rows["central"]["P5"] < 0.12 * rows["flat"]["P5"]
    assert abs(rows["flat"]["E6m"]) <= ROUNDING_USD * (6 + 4)
    assert rows["flat"]["E5p"] == pytest.approx(6 * rows["flat"]["E5"] / bought_kwh(result, "flat"))
    assert rows["flat"]["E5p"] > 0
    told = result.summary["architectures"]["flat"]["warnings"]
    assert any("rate below zero" in text for text in told) == (
        result.summary["manifest"]["flat_rate_per_kwh"] < 0
    )


def bought_kwh(result, name):
    homes = result.tables["homes"]
    return homes[homes.architecture == name].energy_kwh.sum()
