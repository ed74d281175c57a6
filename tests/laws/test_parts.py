"""Laws of every registered part: what `@register` files must be plain, frozen and explained."""

import dataclasses
import inspect
from typing import get_args

import numpy as np
import pytest

from gridagora.core import registry
from gridagora.core.registry import ROOMS, find, names
from gridagora.core.rules import Bidder, Rulebook
from gridagora.results.outcome import Outcome
from gridagora.scenario import fit
from gridagora.scenario.schema import TABLES

PARTS = [(kind, name) for kind in ROOMS for name in names(kind)]
MARKETS, DEVICES, METRICS, STRATEGIES = (
    names(kind) for kind in ("market", "device", "metric", "strategy")
)


def test_every_kind_that_exists_has_parts() -> None:
    assert {"flat", "tou", "rtp"} <= set(MARKETS)
    assert {"battery", "ev", "hvac", "water_heater"} <= set(DEVICES)
    assert {"E1", "E2", "P1", "V1", "C1", "I1"} <= set(METRICS)


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_a_part_is_a_frozen_dataclass_or_a_function(kind: str, name: str) -> None:
    part = find(kind, name)
    cls = part if inspect.isclass(part) else type(part)
    if inspect.isfunction(part):
        return
    assert dataclasses.is_dataclass(part), f"{kind} {name}"
    assert cls.__dataclass_params__.frozen, f"{kind} {name} can be changed after it is built"
    assert cls.__mro__ == (cls, object), f"{kind} {name} inherits"


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_a_part_says_what_it_is(kind: str, name: str) -> None:
    part = find(kind, name)
    doc = inspect.getdoc(part) or ""
    written = not doc.startswith(
        f"{getattr(part, '__name__', type(part).__name__)}("
    )  # else the dataclass wrote it
    assert written, f"{kind} {name} has no docstring of its own"
    assert doc.splitlines()[0].endswith((".", ":", ";")), (
        f"{kind} {name}: the first line is no sentence"
    )


def test_sources_are_listed_by_the_keys_that_name_them() -> None:
    """What `gridagora list` shows of sources is what a scenario may say, word for word, and nothing else."""
    legal = set()
    for table, model in TABLES.items():
        for key, field in model.model_fields.items():
            if key == "source" or key.endswith("_source"):
                legal |= {f"{table}.{key}={word}" for word in get_args(field.annotation) if word}
    fitted_to = {
        word for word in legal if word.startswith("homes.weather_source=")
    }  # the sources of [weather]
    assert {word.partition("=")[2] for word in fitted_to} <= {
        w.partition("=")[2] for w in legal if w.startswith("weather.")
    }
    assert set(names("source")) == legal - fitted_to


@pytest.mark.parametrize("name", MARKETS)
def test_a_market_is_a_rulebook_and_two_generators(name: str) -> None:
    market = find("market", name)()
    assert list(inspect.signature(market.start).parameters) == ["baseline"]
    for generator in (market.plan, market.clear):
        assert list(inspect.signature(generator).parameters) == ["opening", "state"]
    assert isinstance(market.rules, Rulebook)
    assert market.strategy in market.rules.strategies
    assert set(market.rules.strategies) <= set(STRATEGIES)


@pytest.mark.parametrize("name", MARKETS)
def test_the_keys_of_a_market_are_scenario_values(name: str) -> None:
    for field in dataclasses.fields(find("market", name)):
        assert isinstance(getattr(find("market", name)(), field.name), bool | int | float | str), (
            field.name
        )


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_tenders_and_dispatches(name: str) -> None:
    strategy = find("strategy", name)()
    assert isinstance(strategy.plans, bool)
    assert isinstance(strategy.bidder, Bidder)
    assert list(inspect.signature(strategy.agents).parameters) == ["believed"]
    assert list(inspect.signature(strategy.tender).parameters) == ["opening", "behind"]
    assert list(inspect.signature(strategy.dispatch).parameters) == ["behind", "clearing"]


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_has_unit_and_direction(name: str) -> None:
    metric = find("metric", name)
    assert metric.id == name
    assert metric.direction in {"up", "down", "-"}
    assert metric.unit
    assert metric.name[0].islower() or metric.name.split()[0].isupper()
    assert metric.explanation
    assert metric.family


def test_metrics_read_columns_that_exist() -> None:
    assert len(Outcome._fields) == len(set(Outcome._fields))
    assert all(np.char.islower(name.replace("_", "")) for name in Outcome._fields)


@pytest.mark.parametrize("kind", ["market", "strategy", "device"])
def test_the_parts_of_the_package_pass_the_check_of_parts_from_outside(kind: str) -> None:
    for entry in registry.entries(kind):
        assert fit.problems(entry, "the package") == []
