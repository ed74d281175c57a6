"""Every market with every strategy runs, or is refused by name before the run; facts of a class are no scenario keys."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from gridagora.core import registry
from gridagora.core.errors import InputError, PartError
from gridagora.core.exchange import Status, Transactions, quote, take
from gridagora.core.registry import FACTS, names
from gridagora.core.rules import POSTED_PRICE, Bidder, Disclosure, LookAhead, Pricing, Rulebook
from gridagora.core.session import Clearing, Commitment, GateOpen, Posted
from gridagora.kernels.curves.curve import Curves, power_at
from gridagora.results.outcome import welfare_usd
from gridagora.run.compare import compare, prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.settle import OVERLOAD
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read
from gridagora.settlement.ledger import only
from gridagora.settlement.tariff import plan_at, post

TINY = """
[scenario]
seed = 3
days = 1
architectures = ["flat"]
[homes]
count = 3
pv_share = 1
ev_share = 0.5
battery_share = 0.5
[substation]
limit_share_of_flat_peak = 0.8
over_per_kwh = 1.0
"""
PAIRS = [(market, strategy) for market in names("market") for strategy in names("strategy")]


@pytest.fixture(scope="module")
def tiny():
    scene = build.build(read.parse(TINY, "tiny.toml"))
    return scene, prepare(scene)


@pytest.mark.parametrize(("market", "strategy"), PAIRS)
def test_a_pair_runs_or_is_refused_before_the_run(tiny, market, strategy):
    """A wrong pair once removed all layers, scored better and said nothing."""
    key = f"market.{market}.strategy={strategy}"
    if strategy not in registry.strategies(market):
        expected = (
            f"--set {key}: got '{strategy}', expected a strategy that fits the design '{market}'"
        )
        with pytest.raises(InputError, match=expected):
            read.parse(TINY, "tiny.toml", overrides=[key])
        return
    scenario = read.parse(TINY, "tiny.toml", overrides=[key])
    scene, study = tiny
    varied = build.assemble(
        scene.feeder, scene.homes, scene.weather, scene.prices, scenario, scene.home_meter
    )
    outcome = evaluate(market, simulate(varied.market(market), study), study)
    assert np.isfinite(welfare_usd(outcome)) and outcome.imbalance_uusd == 0
    assert (outcome.bill_usd != 0).all()


def test_every_market_names_strategies_that_exist_and_its_own_is_one_of_them():
    for market in names("market"):
        assert set(registry.strategies(market)) <= set(names("strategy")), market
        assert registry.find("market", market)().strategy in registry.strategies(market), market


@pytest.mark.parametrize("fact", FACTS)
@pytest.mark.parametrize("market", names("market"))
def test_facts_of_a_class_are_no_scenario_keys(market, fact):
    with pytest.raises(InputError, match=f"got '{fact}', a fact of the class"):
        read.parse(TINY, "tiny.toml", overrides=[f"market.{market}.{fact}=false"])


@pytest.fixture
def own(monkeypatch):
    monkeypatch.setattr(registry, "_parts", dict(registry._parts))
    return registry.register


OWN_PRICE = Rulebook(("home",), Bidder.HOME, Disclosure.CURVES, LookAhead.POSTED, Pricing.BY_PARTY)


def start(self, baseline):
    """Remember nothing."""


def plan(self, opening, state):
    """Let homes plan on the forecast."""
    return plan_at(quote(opening.product, opening.party, opening.supply.import_per_kwh), state)


def mid_market(call, tenders):
    """Return the textbook mid-market rate: local energy at the middle of both outside prices, the rest as the net of all asks.

    Long and others, IEEE PES General Meeting (2017), doi 10.1109/PESGM.2017.8274546.
    """
    curves, n = Curves(tenders.offset, tenders.p_kw, tenders.price_per_kwh), len(call.party)
    buy, sell = float(call.supply.import_per_kwh[0]), float(call.supply.export_per_kwh[0])
    middle = (buy + sell) / 2
    p_kw = power_at(curves, middle, 1.0)
    bought, sold = p_kw.clip(min=0).sum(), (-p_kw).clip(min=0).sum()
    local = min(bought, sold)
    pays = (local * middle + (bought - local) * buy) / max(bought, 1e-9)
    earns = (local * middle + (sold - local) * sell) / max(sold, 1e-9)
    price = np.where(p_kw >= 0, pays, earns)
    awards = Transactions(
        call.product,
        call.party,
        np.full(n, -1),
        p_kw[:, None],
        price[:, None],
        np.full(n, Status.FILLED),
    )
    return Clearing(awards)


def register_mid_market(own):
    @own("market", "mid_market")
    @dataclass(frozen=True)
    class MidMarket:
        """Mid-market rate."""

        rules: ClassVar[Rulebook] = OWN_PRICE
        strategy: str = "home"
        start, plan = start, plan

        def clear(self, opening, state):
            tenders = yield GateOpen(opening.product)
            return mid_market(opening, tenders)


def test_a_market_of_ones_own_is_billed_at_the_prices_of_its_transactions(tiny, own):
    """Bills are sum(price x power x dt) of the run, not nil; what the operator keeps is only what meters missed of awards."""
    register_mid_market(own)
    scene, study = tiny
    ran = simulate(scene.market("mid_market"), study)
    outcome = evaluate("mid_market", ran, study)
    bills = (outcome.home_kw * ran.track.import_per_kwh.T).sum(1) * outcome.dt_h
    np.testing.assert_allclose(outcome.bill_usd, bills, atol=2e-6)
    assert (np.abs(outcome.bill_usd) > 0.05).all()
    assert (
        np.ptp(ran.track.import_per_kwh, axis=1).max() > 0.01
    )  # buyers and sellers have prices of their own
    assert outcome.imbalance_uusd == 0
    assert "retail margin" not in set(outcome.ledger.item)
    beyond = only(outcome.ledger, OVERLOAD).amount_uusd.sum()
    assert abs(outcome.surplus_uusd + beyond) < 0.5 * abs(outcome.bill_usd).sum() * 1e6


def test_a_market_of_ones_own_takes_its_default_strategy_only_unless_it_names_others(own):
    register_mid_market(own)
    with pytest.raises(
        InputError, match="expected a strategy that fits the design 'mid_market': 'home'"
    ):
        read.parse(TINY, "tiny.toml", overrides=["market.mid_market.strategy=price_taker"])


def test_a_market_whose_own_strategy_does_not_exist_is_refused_before_the_run(tiny, own):
    @own("market", "lost")
    @dataclass(frozen=True)
    class Lost:
        """No such strategy."""

        rules: ClassVar[Rulebook] = OWN_PRICE._replace(strategies=("clairvoyant",))
        strategy: str = "clairvoyant"

    with pytest.raises(
        InputError,
        match=r"lost.strategy: got 'clairvoyant', .* a strategy that exists, named by its rules",
    ):
        compare(tiny[0], ["flat", "lost"])


def returns_nothing(call):
    yield GateOpen(call.product)


def yields_a_number(call):
    yield 3.0


def yields_not(call):
    return None


def one_row_short(call):
    found = mid_market(call, (yield GateOpen(call.product))).transactions
    return Clearing(take(found, range(len(found.party) - 1)))


def price_of_nan(call):
    found = mid_market(call, (yield GateOpen(call.product))).transactions
    return Clearing(found._replace(price_per_kwh=np.full_like(found.price_per_kwh, np.nan)))


def turned_sign(call):
    found = mid_market(call, (yield GateOpen(call.product))).transactions
    return Clearing(found._replace(p_kw=found.p_kw - 50.0))


def awards_unheard(call):
    yield Posted(quote(call.product, call.party, np.zeros(1)))
    n = len(call.party)
    nil = np.zeros((n, 1))
    return Clearing(
        Transactions(call.product, call.party, np.full(n, -1), nil, nil, np.full(n, Status.FILLED))
    )


def posts_to_nobody(call):
    yield GateOpen(call.product)
    return Clearing()


def posts_without_a_gate(call):
    yield Posted(quote(call.product, call.party[:0], np.zeros(1)))
    return Clearing()


WRONG = [
    (
        returns_nothing,
        "home",
        "the session of the market Wrong returned NoneType, expected a Clearing",
    ),
    (yields_a_number, "home", "yields float, expected GateOpen, Quotes"),
    (
        yields_not,
        "home",
        "the market Wrong gave a session of type NoneType, expected a generator: a function that yields",
    ),
    (one_row_short, "home", "returned 2 transactions, expected one for each of the 3 parties"),
    (price_of_nan, "home", r"price_per_kwh nan in row 0, expected finite numbers"),
    (
        turned_sign,
        "home",
        r"awarded -\d+\.\d+ kW to party 0 and 2 others, expected .* what it tendered",
    ),
    (awards_unheard, "home", "awarded power and heard no tenders"),
    (posts_to_nobody, "home", "returned no transactions, expected one for each of the 3 parties"),
    (
        posts_without_a_gate,
        "price_taker",
        "quoted no price to all .* parties, and by its rules nobody tenders",
    ),
]


@pytest.mark.parametrize(("play", "strategy", "said"), WRONG)
def test_a_session_that_no_run_could_follow_is_refused_with_its_class(
    tiny, own, play, strategy, said
):
    declared = OWN_PRICE if strategy == "home" else POSTED_PRICE
    kind = strategy

    @own("market", "wrong")
    @dataclass(frozen=True)
    class Wrong:
        """Yields or returns nonsense."""

        rules: ClassVar[Rulebook] = declared
        strategy: str = kind
        start, plan = start, plan

        def clear(self, opening, state):
            return play(opening)

    with pytest.raises(PartError, match=said):
        simulate(tiny[0].market("wrong"), tiny[1])


def test_prices_by_device_are_refused_and_a_plan_of_another_shape(tiny, own):
    @own("market", "by_device")
    @dataclass(frozen=True)
    class ByDevice:
        """A price for each device."""

        rules: ClassVar[Rulebook] = OWN_PRICE._replace(
            strategies=("look_ahead",), bidder=Bidder.DEVICE, pricing=Pricing.UNIFORM
        )
        short: bool = False
        strategy: str = "look_ahead"
        start = start

        def plan(self, opening, state):
            path = opening.supply.import_per_kwh[: 3 if self.short else None]
            return plan_at(quote(opening.product, opening.party, path), state)

        def clear(self, opening, state):
            tenders = yield GateOpen(opening.product)
            found = mid_market(opening, tenders).transactions
            return Clearing(
                found._replace(price_per_kwh=np.arange(len(opening.party))[:, None] * 0.01)
            )

    with pytest.raises(
        PartError, match=r"gave parties different prices, but its rules say Pricing\.UNIFORM"
    ):
        simulate(ByDevice(), tiny[1])
    with pytest.raises(
        PartError,
        match=r"the plan of the market ByDevice returned price_per_kwh of shape \(3,\), expected finite",
    ):
        simulate(ByDevice(short=True), tiny[1])


def test_what_a_plan_binds_must_be_declared(tiny, own):
    class Early:
        """Binds what its rules do not say."""

        rules: ClassVar[Rulebook] = POSTED_PRICE
        strategy: str = "price_taker"
        start = start

        def plan(self, opening, state):
            found = yield from plan(self, opening, state)
            n, h = len(opening.party), len(opening.supply.import_per_kwh)
            return found._replace(
                commitments=(Commitment(opening.product, h, np.zeros((n, h)), np.zeros(h)),)
            )

        def clear(self, opening, state):
            return post(quote(opening.product, opening.party, opening.supply.import_per_kwh))

    with pytest.raises(
        PartError, match="binds P for the horizon DAY_AHEAD, which its rules do not declare"
    ):
        simulate(Early(), tiny[1])


def test_a_posted_price_needs_no_transactions(tiny, own):
    @own("market", "posted")
    @dataclass(frozen=True)
    class PostedPrice:
        """A price for all."""

        rules: ClassVar[Rulebook] = POSTED_PRICE
        strategy: str = "price_taker"
        start, plan = start, plan

        def clear(self, opening, state):
            return post(quote(opening.product, opening.party, opening.supply.import_per_kwh))

    assert (evaluate("posted", simulate(PostedPrice(), tiny[1]), tiny[1]).bill_usd != 0).all()


def test_every_strategy_that_a_market_names_bids_as_its_rules_say():
    for market in names("market"):
        rules = registry.find("market", market)().rules
        assert {registry.find("strategy", name)().bidder for name in rules.strategies} == {
            rules.bidder
        }, market
