"""Laws of every market design: a new one inherits them by being registered."""

import numpy as np
import pytest

from gridagora.core.exchange import take, tender
from gridagora.core.limits import limit_substation
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.registry import find, names
from gridagora.core.rules import Bidder
from gridagora.core.session import Baseline, MessageCount, Opening, SupplyOffer, drive
from gridagora.kernels.curves.curve import Curves, curves
from gridagora.results.gain import balanced_bill_usd, break_even_per_kwh
from gridagora.results.outcome import over_limit_kwh, welfare_usd
from gridagora.run.compare import compute_bound
from gridagora.run.evaluate import evaluate
from gridagora.run.result import revenue_gap_usd
from gridagora.run.simulate import simulate
from gridagora.settlement.ledger import UWH_PER_KWH, bill_usd, paid_uusd, statement
from gridagora.settlement.parties import Role, row_of
from tests.laws.variants import VARIANTS, market_of

EVERY = pytest.mark.parametrize("name", [*names("market"), *VARIANTS])
TARIFFS = (
    "flat",
    "flat_optimised",
    "tou",
    "critical_peak",
    "demand_subscription",
    "demand_charge",
)


@EVERY
def test_money_sums_to_zero_in_micro_dollars(outcomes, name):
    assert outcomes[name].imbalance_uusd == 0
    assert np.abs(outcomes[name].ledger.amount_uusd).sum() > 0


@EVERY
def test_quantities_of_the_ledger_are_what_meters_read(outcomes, name):
    """What a home bought less what it sold, over all items that move active power, is its meter; the operator's is the load."""
    o = outcomes[name]
    book, n = o.ledger, len(o.home_kw)
    delivery = ~np.isin(
        book.item, ["delivery", "export credit", "losses", "other customers", "overload"]
    )  # beside the energy itself
    active = (book.commodity != Commodity.Q) & delivery
    moved = np.zeros(len(o.parties.id))
    np.add.at(moved, book.payer[active], book.quantity_uwh[active] / UWH_PER_KWH)
    np.subtract.at(moved, book.payee[active], book.quantity_uwh[active] / UWH_PER_KWH)
    np.testing.assert_allclose(moved[:n], o.home_kw.sum(1) * o.dt_h, atol=1e-6)
    operator = row_of(o.parties, Role.OPERATOR)
    np.testing.assert_allclose(moved[operator], o.other_kw.sum() * o.dt_h, atol=1e-6)


@EVERY
def test_a_statement_of_a_home_is_its_bill(outcomes, name):
    o = outcomes[name]
    for row, home in enumerate(o.parties.id[:3]):
        assert (
            bill_usd(statement(o.ledger, o.parties, home), len(o.parties.id))[row]
            == o.bill_usd[row]
        )


@EVERY
def test_balanced_bills_are_the_cost_of_all_homes_to_the_micro_dollar(outcomes, name):
    """What leaves homes and operator together is what wholesale, wires and other customers receive, and nothing is lost of it."""
    o = outcomes[name]
    paid = paid_uusd(o.ledger, len(o.parties.id))
    received = sum(
        int(-paid[row_of(o.parties, role)])
        for role in (Role.WHOLESALE, Role.WIRES, Role.OTHER_CUSTOMERS)
    )
    balanced = np.rint(balanced_bill_usd(o) * 1e6).astype(np.int64)
    assert int(balanced.sum()) == received
    moved = np.rint(o.bill_usd * 1e6).astype(np.int64) - balanced
    assert np.ptp(moved) <= 1, "the margin goes back in equal parts"


@EVERY
def test_at_the_break_even_price_of_overload_a_design_is_worth_what_flat_is(outcomes, name):
    """The score is taken again at that price; what was done stays as it was."""
    flat = outcomes["flat"]
    price = break_even_per_kwh(outcomes[name], flat)
    if over_limit_kwh(outcomes[name]) == over_limit_kwh(flat):
        assert np.isnan(price)
        return
    own, other = (_welfare_at(each, price) for each in (outcomes[name], flat))
    assert own == pytest.approx(other, abs=1e-6)
    if price >= 0:
        again = welfare_usd(outcomes[name]._replace(over_per_kwh=price))
        assert again == pytest.approx(own, abs=1e-9)


def _welfare_at(outcome, over_per_kwh):
    """Return welfare at a price of overload, which may be below zero here: no scene may have such a one."""
    free = outcome._replace(over_per_kwh=0.0)
    return welfare_usd(free) - over_per_kwh * over_limit_kwh(outcome)


def test_most_designs_break_even_at_some_price(outcomes):
    flat = outcomes["flat"]
    found = [break_even_per_kwh(o, flat) for name, o in outcomes.items() if name != "flat"]
    assert np.isfinite(found).sum() > len(found) // 2


@EVERY
def test_energy_of_every_store_balances(outcomes, name):
    assert outcomes[name].energy_balance_kwh <= 1e-9


@EVERY
def test_meters_add_up_to_the_substation(outcomes, name):
    o = outcomes[name]
    parts = o.fixed_kw + sum(o.device_kw.values())
    np.testing.assert_allclose(parts + o.other_kw, o.load_kw, atol=1e-9)


def test_no_design_beats_the_certified_bound(scene, study, outcomes):
    top = compute_bound(scene, study).welfare_usd
    assert all(welfare_usd(o) <= top for o in outcomes.values())


@EVERY
def test_exogenous_paths_are_bit_identical_in_every_design(outcomes, name):
    """T29: weather, load, prices and draws do not know the design."""
    for column in ("fixed_kw", "wholesale_per_kwh", "start_s"):
        assert np.array_equal(getattr(outcomes[name], column), getattr(outcomes["flat"], column))
    assert np.array_equal(outcomes[name].available_kw["pv"], outcomes["flat"].available_kw["pv"])


@EVERY
def test_a_run_replays_bit_for_bit(scene, study, outcomes, name):
    again = evaluate(name, simulate(market_of(scene, name), study), study)
    for column in ("home_kw", "price_per_kwh", "bill_usd"):
        assert np.array_equal(getattr(again, column), getattr(outcomes[name], column))
    assert np.array_equal(again.series["comfort_dev_k"], outcomes[name].series["comfort_dev_k"])


@pytest.mark.parametrize("name", TARIFFS)
def test_tariffs_are_revenue_neutral_on_the_baseline(outcomes, study, name):
    """T30: the ledger of the baseline leaves the operator nothing but what rounding of each bill makes, half a micro-dollar."""
    assert abs(revenue_gap_usd(outcomes[name], study)) <= 0.5e-6 * (len(study.homes.home_id) + 4)


def test_one_way_prices_rebound_and_central_does_not(outcomes):
    limit = outcomes["flat"].limit_kw
    assert outcomes["rtp"].load_kw.max() > 1.2 * outcomes["flat"].load_kw.max()
    # units are ranked behind their transformer, and one of them is a tenth of the limit of so few homes
    assert outcomes["central"].load_kw.max() < 1.15 * limit


def test_central_states_its_gap(outcomes):
    assert 0 <= outcomes["central"].plan_gap_share <= 1e-2


BOOK = [
    ([-2.0, -2.0, 3.0, 3.0], [0.9, 0.2, 0.1, -0.1]),
    ([0.0, 4.0], [0.3, 0.3]),
    ([0.0, 5.0], [0.6, 0.0]),
    ([1.0, 1.0], [0.5, 0.5]),
]


def _call(n: int, limit_kw: float) -> Opening:
    product = Product(Commodity.P, 0, 300, Horizon.REAL_TIME, 0)
    supply = SupplyOffer(np.array([0.15]), np.array([0.05]), np.array([0.0]))
    return Opening(
        product, np.arange(n), supply, limits=limit_substation(n, supply.base_kw, limit_kw, 1.0)
    )


def _trade(scene, name: str, offered: Curves, limit_kw: float):
    call = _call(len(offered.offset) - 1, limit_kw)
    market = market_of(scene, name)
    begun = market.start(Baseline(0, 300, np.zeros(1), *(np.zeros(0),) * 3, 0.12))
    return drive(
        market.clear(call, begun),
        lambda _: tender(call.product, call.party, offered),
        MessageCount(),
    ).result


TRADING = pytest.mark.parametrize(
    "name",
    [n for n in names("market") if find("market", n)().rules.bidder is not Bidder.NOBODY]
    + [n for n, market in VARIANTS.items() if market.rules.bidder is not Bidder.NOBODY],
)


@TRADING
@pytest.mark.parametrize("limit_kw", [np.inf, 6.0])
def test_nobody_trades_outside_its_tender_or_above_its_price(scene, name, limit_kw):
    offered = curves(BOOK)
    trades = _trade(scene, name, offered, limit_kw).transactions
    for row, party in enumerate(trades.party):
        points = slice(offered.offset[party], offered.offset[party + 1])
        power, price = offered.p_kw[points], offered.price_per_kwh[points]
        assert power[0] - 1e-12 <= trades.p_kw[row, 0] <= power[-1] + 1e-12
        if power[0] < trades.p_kw[row, 0] <= power[-1]:
            assert (
                trades.price_per_kwh[row, 0] <= np.interp(trades.p_kw[row, 0], power, price) + 1e-9
            )


@EVERY
def test_order_of_rows_changes_no_price_and_no_award(scene, name):
    offered = curves(BOOK)
    order = np.array([2, 0, 3, 1])
    turned = take(tender(_call(4, 6.0).product, np.arange(4), offered), order)
    plain = _trade(scene, name, offered, 6.0)
    other = _trade(scene, name, Curves(turned.offset, turned.p_kw, turned.price_per_kwh), 6.0)
    if market_of(scene, name).rules.bidder is Bidder.NOBODY:
        assert plain.transactions is None and other.transactions is None
        assert np.array_equal(plain.posted.buy_per_kwh, other.posted.buy_per_kwh)
    else:
        assert plain.transactions.price_per_kwh[0, 0] == other.transactions.price_per_kwh[0, 0]
        assert np.array_equal(plain.transactions.p_kw[order], other.transactions.p_kw)


def test_central_sells_no_more_than_the_limit_less_its_reserve(scene):
    trades = _trade(scene, "central", curves(BOOK), 6.0).transactions
    assert trades.p_kw.sum() == pytest.approx(
        6.0 * (1 - scene.market("central").reserve_share), abs=1e-6
    )
    assert trades.price_per_kwh[0, 0] > 0.15
