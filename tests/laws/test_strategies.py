"""Every market with every strategy runs, or is refused by name before the run; facts of a class are no scenario keys."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from gridagora.core import registry
from gridagora.core.errors import InputError, PartError
from gridagora.core.exchange import Status, Transactions, quote
from gridagora.core.outcome import welfare_usd
from gridagora.core.registry import FACTS, names
from gridagora.core.session import opening
from gridagora.kernels.curve import Curves, at
from gridagora.run.compare import compare, prepare
from gridagora.run.score import score
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read

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
        expected = f"--set {key}: got '{strategy}', expected a strategy that fits the design '{market}'"
        with pytest.raises(InputError, match=expected):
            read.parse(TINY, "tiny.toml", overrides=[key])
        return
    scenario = read.parse(TINY, "tiny.toml", overrides=[key])
    scene, study = tiny
    varied = build.assemble(scene.feeder, scene.homes, scene.weather, scene.prices, scenario, scene.home_meter)
    outcome = score(market, simulate(varied.market(market), study), study)
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


def mid_market(call, tenders):
    """Return the textbook mid-market rate: local energy at the middle of both outside prices, the rest as the net of all asks.

    Long and others, IEEE PES General Meeting (2017), doi 10.1109/PESGM.2017.8274546.
    """
    curves, n = Curves(tenders.offset, tenders.p_kw, tenders.price_per_kwh), len(call.party)
    buy, sell = float(call.supply.import_per_kwh[0]), float(call.supply.export_per_kwh[0])
    middle = (buy + sell) / 2
    p_kw = at(curves, middle, 1.0)
    bought, sold = p_kw.clip(min=0).sum(), (-p_kw).clip(min=0).sum()
    local = min(bought, sold)
    pays = (local * middle + (bought - local) * buy) / max(bought, 1e-9)
    earns = (local * middle + (sold - local) * sell) / max(sold, 1e-9)
    price = np.where(p_kw >= 0, pays, earns)
    return Transactions(call.product, call.party, np.full(n, -1), p_kw[:, None], price[:, None], np.full(n, Status.FILLED))


def register_mid_market(own):
    @own("market", "mid_market")
    @dataclass(frozen=True)
    class MidMarket:
        """Mid-market rate."""

        strategy: str = "home"

        def outlook(self, call):
            return call.supply.import_per_kwh

        def session(self, call):
            tenders = yield opening(call)
            return mid_market(call, tenders)


def test_a_market_of_ones_own_is_billed_at_the_prices_of_its_transactions(tiny, own):
    """Bills are sum(price x power x dt) of the run, not nil; what the operator keeps is only what meters missed of awards."""
    register_mid_market(own)
    scene, study = tiny
    ran = simulate(scene.market("mid_market"), study)
    outcome = score("mid_market", ran, study)
    bills = (outcome.home_kw * ran.track.own_per_kwh.T).sum(1) * outcome.dt_h
    np.testing.assert_allclose(outcome.bill_usd, bills, atol=2e-6)
    assert (np.abs(outcome.bill_usd) > 0.05).all()
    assert np.ptp(ran.track.own_per_kwh, axis=1).max() > 0.01  # buyers and sellers have prices of their own
    assert outcome.imbalance_uusd == 0
    assert "retail margin" not in set(outcome.ledger.item)
    assert abs(outcome.surplus_uusd) < 0.5 * abs(outcome.bill_usd).sum() * 1e6


def test_a_market_of_ones_own_takes_its_default_strategy_only_unless_it_names_others(own):
    register_mid_market(own)
    with pytest.raises(InputError, match="expected a strategy that fits the design 'mid_market': 'home'"):
        read.parse(TINY, "tiny.toml", overrides=["market.mid_market.strategy=price_taker"])


def test_a_market_whose_own_strategy_does_not_exist_is_refused_before_the_run(tiny, own):
    @own("market", "lost")
    @dataclass(frozen=True)
    class Lost:
        """No such strategy."""

        strategy: str = "clairvoyant"

    with pytest.raises(InputError, match=r"lost.strategy: got 'clairvoyant', .* a strategy that exists, named in its class"):
        compare(tiny[0], ["flat", "lost"])


def returns_nothing(call):
    yield opening(call)


def yields_a_number(call):
    yield 3.0


def yields_not(call):
    return None


def one_row_short(call):
    found = mid_market(call, (yield opening(call)))
    return found._replace(**{name: getattr(found, name)[:-1] for name in found._fields[1:]})


def price_of_nan(call):
    found = mid_market(call, (yield opening(call)))
    return found._replace(price_per_kwh=np.full_like(found.price_per_kwh, np.nan))


def posts_to_nobody(call):
    yield opening(call)
    return Transactions(call.product, *(np.zeros(0, np.int64),) * 2, *(np.zeros((0, 1)),) * 2, np.zeros(0, np.int64))


WRONG = [
    (returns_nothing, "home", "the session of the market Wrong returned NoneType, expected Transactions"),
    (yields_a_number, "home", "yields float, expected Quotes"),
    (yields_not, "home", "the market Wrong gave a session of type NoneType, expected a function that yields"),
    (one_row_short, "home", "returned 2 transactions, expected one for each of the 3 parties"),
    (price_of_nan, "home", r"price_per_kwh of shape \(3, 1\), expected finite numbers"),
    (posts_to_nobody, "home", "returned 0 transactions, expected one for each of the 3 parties"),
    (posts_to_nobody, "price_taker", "bound nobody and quoted no price to all"),
]


@pytest.mark.parametrize(("play", "strategy", "said"), WRONG)
def test_a_session_that_no_run_could_follow_is_refused_with_its_class(tiny, own, play, strategy, said):
    kind = strategy

    @own("market", "wrong")
    @dataclass(frozen=True)
    class Wrong:
        """Yields or returns nonsense."""

        strategies: ClassVar[tuple[str, ...]] = (kind,)
        strategy: str = kind

        def outlook(self, call):
            return call.supply.import_per_kwh

        def session(self, call):
            return play(call)

    with pytest.raises(PartError, match=said):
        simulate(tiny[0].market("wrong"), tiny[1])


def test_prices_by_device_are_refused_and_an_outlook_of_another_shape(tiny, own):
    @own("market", "by_device")
    @dataclass(frozen=True)
    class ByDevice:
        """A price for each device."""

        short: bool = False
        strategy: str = "look_ahead"

        def outlook(self, call):
            return call.supply.import_per_kwh[: 3 if self.short else None]

        def session(self, call):
            tenders = yield opening(call)
            found = mid_market(call, tenders)
            return found._replace(price_per_kwh=np.arange(len(call.party))[:, None] * 0.01)

    with pytest.raises(PartError, match="gave each device a price, but a meter has one"):
        simulate(ByDevice(), tiny[1])
    with pytest.raises(PartError, match=r"the outlook of the market ByDevice is shape \(3,\), expected finite prices of shape"):
        simulate(ByDevice(short=True), tiny[1])


def test_a_posted_price_still_needs_no_transactions(tiny, own):
    @own("market", "posted")
    @dataclass(frozen=True)
    class Posted:
        """A price for all."""

        strategy: str = "price_taker"

        def outlook(self, call):
            return call.supply.import_per_kwh

        def session(self, call):
            yield quote(call.product, call.party, call.supply.import_per_kwh[:1])
            return Transactions(call.product, *(np.zeros(0, np.int64),) * 2, *(np.zeros((0, 1)),) * 2, np.zeros(0, np.int64))

    assert (score("posted", simulate(Posted(), tiny[1]), tiny[1]).bill_usd != 0).all()
