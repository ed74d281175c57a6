"""Loads: fixed takes its power at any price; elastic falls as its closed form."""

import numpy as np
import pytest

from gridagora.devices import load
from gridagora.kernels.curves.curve import power_at
from gridagora.kernels.stores.value import bid, marginal_value


def answer(table, hour, price):
    return power_at(
        bid(load.spec_now(table, hour), marginal_value(load.spec(table, hour, 1), np.zeros(1))),
        price,
    )


@pytest.mark.parametrize("price", [-1.0, 0.0, 0.072, 5.0])
def test_a_fixed_load_takes_its_power_at_any_price(homes, price):
    table = load.of(homes)
    assert answer(table, 7, price) == pytest.approx(homes.load_kw[:, 7])
    assert np.array_equal(load.step(table, 7, np.zeros(12)), homes.load_kw[:, 7])


@pytest.mark.parametrize("price", [-0.5, 0.0, 0.072, 0.1, 0.3, 5.0])
def test_an_elastic_load_answers_as_its_closed_form(homes, price):
    table = load.of(homes, elasticity=0.3)
    assert answer(table, 7, price) == pytest.approx(load.demand_kw(table, 7, price), abs=1e-9)


def test_elasticity_is_that_about_the_reference(homes):
    table = load.of(homes, 0.3, 0.1)
    assert load.demand_kw(table, 7, 0.1) == pytest.approx(homes.load_kw[:, 7])
    assert load.demand_kw(table, 7, 0.11) == pytest.approx(0.97 * homes.load_kw[:, 7])


def test_a_home_without_load_stays_without(homes):
    none = homes._replace(load_kw=np.zeros_like(homes.load_kw))
    assert not answer(load.of(none, 0.3), 7, 0.01).any()


def test_impossible_elasticity_is_refused(homes):
    with pytest.raises(ValueError, match="elasticity -1"):
        load.of(homes, -1.0)


def test_take_and_step(homes):
    table, rows = load.of(homes, 0.2), np.array([4, 9])
    few, target = load.take(table, rows), np.linspace(-1, 5, 12)
    assert np.array_equal(load.step(few, 3, target[rows]), load.step(table, 3, target)[rows])
    assert (load.step(table, 3, target) <= 2 * homes.load_kw[:, 3]).all()
