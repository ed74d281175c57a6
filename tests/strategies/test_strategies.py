"""Every strategy on two or three homes: what it tenders, what it dispatches, what its parties answer, all in closed form."""

import numpy as np
import pytest

from gridagora.core.agents import Believed, DeviceAgents, HomeAgents, NoAgents
from gridagora.core.device import storeless
from gridagora.core.errors import PartError
from gridagora.core.exchange import Plans, Proposals, Status, Tenders, Transactions, quote
from gridagora.core.product import Commodity, Horizon, Product
from gridagora.core.registry import find, names
from gridagora.core.rules import Bidder
from gridagora.core.session import (
    BehindTheMeter,
    Clearing,
    Costed,
    GateOpen,
    Opening,
    SpecRequest,
    SupplyOffer,
)
from gridagora.kernels.curves.curve import Curves, curves, power_at
from gridagora.kernels.stores.value import stores
from gridagora.strategies.habit import Thermostat
from gridagora.strategies.home import HomeBid
from gridagora.strategies.look_ahead import DeviceBids
from gridagora.strategies.price_taker import PriceTaker
from gridagora.strategies.retail_offer import RetailOffer

PRODUCT = Product(Commodity.P, 0, 300, Horizon.REAL_TIME, 0)
AS_A_WHOLE = pytest.mark.parametrize(
    "strategy", [HomeBid(), RetailOffer()], ids=["home", "retail_offer"]
)
PLANNING = [DeviceBids(), HomeBid(), RetailOffer(), PriceTaker()]

# three homes: the first with a line and a generator, the second with a block, the third with no device at all
LINE = ([0.0, 2.0], [0.30, 0.10])
GENERATOR = ([-1.0, 0.0], [0.20, 0.20])
BLOCK = ([0.0, 4.0], [0.15, 0.15])
HOME = np.array([0, 0, 1])
NET_KW = np.array([0.5, -3.0, 0.7])


def opening(parties: int) -> Opening:
    return Opening(
        PRODUCT, np.arange(parties), SupplyOffer(np.array([0.2]), np.array([0.1]), np.zeros(1))
    )


def behind(rows=(LINE, GENERATOR, BLOCK), home=HOME, net_kw=NET_KW) -> BehindTheMeter:
    return BehindTheMeter(curves(list(rows)), home, net_kw)


def bought(p_kw: list[float], price_per_kwh: list[float]) -> Clearing:
    n = len(p_kw)
    columns = np.array(p_kw)[:, None], np.array(price_per_kwh)[:, None]
    rows = Transactions(PRODUCT, np.arange(n), np.full(n, -1), *columns, np.full(n, Status.FILLED))
    return Clearing(rows)


def offered(tenders: Tenders) -> Curves:
    return Curves(tenders.offset, tenders.p_kw, tenders.price_per_kwh)


# ------------------------------------------------------------------------------- what is tendered


@AS_A_WHOLE
@pytest.mark.parametrize(
    ("price", "taken_kw"),
    [
        (
            0.40,
            [0.5 + 0.0 - 1.0, -3.0, 0.7],
        ),  # dearer than the line begins: only the generator moves
        (0.25, [0.5 + 0.5 - 1.0, -3.0, 0.7]),
        (0.18, [0.5 + 1.2 - 0.0, -3.0, 0.7]),  # below its cost the generator stands still
        (0.12, [0.5 + 1.8 - 0.0, -3.0 + 4.0, 0.7]),
        (0.00, [0.5 + 2.0 - 0.0, -3.0 + 4.0, 0.7]),
    ],
)
def test_a_home_tenders_the_sum_of_its_devices_and_of_its_load_less_pv(strategy, price, taken_kw):
    tenders = strategy.tender(opening(3), behind())
    assert tenders.product == PRODUCT
    assert tenders.party.tolist() == [0, 1, 2]
    assert power_at(offered(tenders), price) == pytest.approx(taken_kw, abs=1e-12)


@AS_A_WHOLE
def test_a_tie_of_a_device_is_a_tie_of_the_home(strategy):
    """At just .20 the generator gives anything between nothing and its rating, and so the home."""
    curve = offered(strategy.tender(opening(3), behind()))
    for share in (0.0, 0.25, 1.0):
        assert power_at(curve, 0.20, share)[0] == pytest.approx(0.5 + 1.0 - 1.0 + share, abs=1e-12)


@AS_A_WHOLE
def test_a_home_without_devices_tenders_one_point(strategy):
    tenders = strategy.tender(opening(3), behind())
    own = slice(tenders.offset[2], tenders.offset[3])
    assert tenders.p_kw[own].tolist() == [0.7]
    assert power_at(offered(tenders), 1e3)[2] == power_at(offered(tenders), -1e3)[2] == 0.7


@AS_A_WHOLE
def test_the_order_of_devices_changes_no_tender(strategy):
    plain = strategy.tender(opening(3), behind())
    turned = strategy.tender(opening(3), behind((BLOCK, GENERATOR, LINE), HOME[::-1]))
    assert all(np.array_equal(a, b) for a, b in zip(plain[1:], turned[1:], strict=True))


def test_a_look_ahead_tenders_each_device_by_itself_and_neither_load_nor_pv():
    """Parties are devices: the load of a home is the business of the market, which knows it as base load."""
    tenders = DeviceBids().tender(opening(3), behind())
    assert tenders.party.tolist() == [0, 1, 2]
    assert np.array_equal(tenders.p_kw, [0.0, 2.0, -1.0, 0.0, 0.0, 4.0])
    assert np.array_equal(tenders.price_per_kwh, [0.30, 0.10, 0.20, 0.20, 0.15, 0.15])
    assert np.array_equal(tenders.offset, [0, 2, 4, 6])


def test_as_many_parties_as_devices_or_no_tender():
    with pytest.raises(PartError, match="tenders of 2 parties: got 3 curves, expected one each"):
        DeviceBids().tender(opening(2), behind())


@pytest.mark.parametrize("strategy", [Thermostat(), PriceTaker()])
def test_who_is_not_asked_offers_nothing(strategy):
    assert strategy.tender(opening(3), behind()) is None


# ----------------------------------------------------------------------------- what is dispatched


@AS_A_WHOLE
@pytest.mark.parametrize("price", [0.40, 0.25, 0.18, 0.12, 0.00])
def test_devices_take_their_own_answer_to_the_price_and_add_up_to_what_was_bought(strategy, price):
    total = power_at(offered(strategy.tender(opening(3), behind())), price)
    power = strategy.dispatch(behind(), bought(total.tolist(), [price] * 3))
    assert power == pytest.approx(power_at(behind().curves, price), abs=2e-9)
    assert np.bincount(HOME, power, 3) + NET_KW == pytest.approx(total, abs=2e-9)


@AS_A_WHOLE
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_part_of_a_tie_is_shared_out_inside(strategy, share):
    """Two generators of 1 and 3 kW at one cost give the same share of what they have."""
    own = behind((GENERATOR, ([-3.0, 0.0], [0.20, 0.20])), np.array([0, 0]), np.array([0.5]))
    power = strategy.dispatch(own, bought([0.5 - 4.0 * share], [0.20]))
    assert power == pytest.approx([-share, -3 * share], abs=2e-9)


@AS_A_WHOLE
def test_a_price_that_does_not_fit_the_power_is_replaced_inside_by_the_nearest_that_does(strategy):
    """A home awarded 1.2 kW at .30 finds the price .18 at which its line takes that."""
    own = behind((LINE,), np.array([0]), np.array([0.0]))
    assert strategy.dispatch(own, bought([1.2], [0.30])) == pytest.approx([1.2], abs=2e-9)


@AS_A_WHOLE
def test_what_devices_cannot_take_they_do_not(strategy):
    """An award beyond the curve leaves every device at its end."""
    own = behind((LINE, BLOCK), np.array([0, 0]), np.array([0.0]))
    assert strategy.dispatch(own, bought([9.0], [0.05])) == pytest.approx([2.0, 4.0])


@AS_A_WHOLE
def test_homes_do_not_pay_with_the_power_of_others(strategy):
    own = behind((BLOCK, BLOCK), np.array([1, 0]), np.array([0.0, 1.0]))
    power = strategy.dispatch(own, bought([1.0, 3.0], [0.15, 0.15]))
    assert power == pytest.approx(
        [2.0, 1.0], abs=2e-9
    )  # rows stay with their homes: the first is of home 1


def test_a_look_ahead_dispatches_what_each_device_was_awarded():
    assert DeviceBids().dispatch(behind(), bought([1.5, -0.5, 4.0], [0.15] * 3)).tolist() == [
        1.5,
        -0.5,
        4.0,
    ]


@pytest.mark.parametrize(
    "strategy", [HomeBid(), RetailOffer(), DeviceBids(), PriceTaker(), Thermostat()]
)
def test_without_an_outcome_every_device_follows_its_own_switch(strategy):
    assert strategy.dispatch(behind(), Clearing()) is None


def test_homes_of_today_hear_no_price():
    posted = quote(PRODUCT, np.arange(3), np.array([9.0]))
    assert Thermostat().dispatch(behind(), Clearing(posted=posted)) is None


@pytest.mark.parametrize(
    ("price", "share", "power"),
    [
        ([0.25, 0.25, 0.25], 1.0, [0.5, -1.0, 0.0]),
        ([0.12, 0.12, 0.12], 1.0, [1.8, 0.0, 4.0]),
        ([0.10, 0.40, 0.14], 1.0, [2.0, -1.0, 4.0]),  # each device at the price it is quoted
        ([0.20, 0.20, 0.15], 0.25, [1.0, -0.75, 1.0]),  # at ties by the share it is quoted
    ],
)
def test_a_price_taker_answers_the_posted_price_by_its_own_curve(price, share, power):
    posted = quote(PRODUCT, np.arange(3), np.array(price)[:, None], share=share)
    assert PriceTaker().dispatch(behind(), Clearing(posted=posted)) == pytest.approx(
        power, abs=1e-12
    )


# ------------------------------------------------------------------------- parties of a look-ahead


def believed() -> Believed:
    """Two homes and three hours: generators of 3 and 2 kW at .20 and .30, a battery of 4 kWh full to the half without loss."""
    hours = np.ones(3)
    made = storeless(
        2, hours, p_min_kw=-np.array([[3.0], [2.0]]), wear_per_kwh=np.array([[0.2], [0.3]])
    )
    packs = stores(
        [2.0], hours, p_min_kw=-2.0, p_max_kw=2.0, x_max=4.0, end_x=(0.0, 4.0), end_mu=(0.2, 0.2)
    )
    net_kw = np.array([[1.0, 2.0, 1.0], [0.5, 0.5, 0.5]])
    return Believed(
        net_kw, (made, packs), (np.array([0, 1]), np.array([1])), np.array([True, False])
    )


PRICE = np.array([0.1, 0.4, 0.25])


def test_homes_plan_load_and_best_answers_of_all_their_devices():
    """The generators run above their cost; the battery fills at .1 and empties at .4 and .25, above the .2 it is worth."""
    plans = HomeAgents(believed()).answer(quote(PRODUCT, np.array([7, 9]), PRICE))
    assert isinstance(plans, Plans)
    assert plans.product == PRODUCT
    assert plans.party.tolist() == [7, 9]
    assert plans.p_kw == pytest.approx(
        np.array([[1.0, 2.0 - 3.0, 1.0 - 3.0], [0.5 + 2.0, 0.5 - 2.0 - 2.0, 0.5 - 2.0]])
    )


def test_every_home_answers_its_own_price():
    low = np.zeros(3)
    found = HomeAgents(believed()).answer(quote(PRODUCT, np.arange(2), np.stack([PRICE, low]))).p_kw
    assert found[0] == pytest.approx([1.0, -1.0, -2.0])
    assert found[1].sum() == pytest.approx(1.5 + 2.0)  # free energy fills the battery to the brim


def test_a_proposal_tells_the_plan_what_it_costs_beside_energy_and_the_least_that_both_can_cost():
    agents = HomeAgents(believed())
    found = agents.answer(Costed(quote(PRODUCT, np.arange(2), PRICE)))
    assert isinstance(found, Proposals)
    plans = agents.answer(quote(PRODUCT, np.arange(2), PRICE))
    assert np.array_equal(found.p_kw, plans.p_kw)
    # what burns: 6 kWh at .20; 2 kWh at .30. What stays in the battery: nothing, of a worth of .2 a kWh
    assert found.own_usd == pytest.approx([6 * 0.20, 2 * 0.30])
    # convex devices: what the plan costs is what is proved
    assert found.bound_usd == pytest.approx(found.own_usd + found.p_kw @ PRICE)


def test_a_battery_that_is_left_full_costs_less_by_what_it_holds():
    """At one price all day nothing pays but to keep the half: what is left is counted as a cost below zero."""
    found = HomeAgents(believed()).answer(Costed(quote(PRODUCT, np.arange(2), np.full(3, 0.19))))
    assert found.p_kw[1].sum() == pytest.approx(1.5 + 2.0)  # .19 is below the .2 it will be worth
    assert found.own_usd == pytest.approx([0.0, -4.0 * 0.2])


def test_devices_tell_one_specification_for_each_kind_with_their_homes():
    world = believed()
    told = DeviceAgents(world).answer(SpecRequest(PRODUCT))
    assert len(told) == 2
    assert [table.party.tolist() for table in told] == [[0, 1], [1]]
    assert all(table.product == PRODUCT for table in told)
    assert told[0].stores is world.stores[0]
    assert told[1].stores.x0.tolist() == [2.0]


@pytest.mark.parametrize(
    ("agents", "message", "says"),
    [
        (
            NoAgents(),
            GateOpen(PRODUCT),
            "yields GateOpen, expected a price that is Posted, Posted, LayerMessages or",
        ),
        (
            NoAgents(),
            quote(PRODUCT, np.arange(1), PRICE),
            "yields Quotes, expected a price that is Posted",
        ),
        (
            DeviceAgents(believed()),
            quote(PRODUCT, np.arange(2), PRICE),
            "yields Quotes, expected a SpecRequest",
        ),
        (
            HomeAgents(believed()),
            SpecRequest(PRODUCT),
            "yields SpecRequest, expected Quotes, Costed, Posted",
        ),
    ],
)
def test_a_message_that_parties_cannot_answer_is_refused_by_name(agents, message, says):
    with pytest.raises(PartError, match=says):
        agents.answer(message)


@pytest.mark.parametrize("agents", [NoAgents(), DeviceAgents(believed()), HomeAgents(believed())])
def test_only_players_of_a_game_prove_anything(agents):
    assert agents.certify(PRICE, None) is None


def test_who_bids_and_who_plans_is_declared():
    """The declaration of a strategy is what it does: who tenders has tenders, who hears a price plans on it."""
    said = {name: find("strategy", name)() for name in names("strategy")}
    assert {name: part.bidder for name, part in said.items()} == {
        "habit": Bidder.NOBODY,
        "home": Bidder.HOME,
        "look_ahead": Bidder.DEVICE,
        "price_taker": Bidder.NOBODY,
        "retail_offer": Bidder.HOME,
    }
    assert [name for name, part in said.items() if not part.plans] == ["habit"]
    for part in said.values():
        tenders = part.tender(opening(3), behind())
        assert (tenders is None) == (part.bidder is Bidder.NOBODY)


def test_each_strategy_brings_its_own_parties():
    world = believed()
    assert isinstance(Thermostat().agents(world), NoAgents)
    assert isinstance(PriceTaker().agents(world), NoAgents)
    assert DeviceBids().agents(world) == DeviceAgents(world)
    assert HomeBid().agents(world) == HomeAgents(world)
