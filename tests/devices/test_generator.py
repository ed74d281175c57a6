"""Generators: run above their cost, within their rating."""

import numpy as np
import pytest

from gridagora.devices import generator
from gridagora.kernels.curves.curve import power_at
from gridagora.kernels.stores.value import best_response, bid, marginal_value


def made():
    return generator.of(np.array([2, 5]), np.array([8.0, 3.0]), np.array([0.25, 0.4]))


def test_it_bids_its_rating_at_its_cost():
    offer = bid(generator.spec_now(made()), marginal_value(generator.spec(made(), 1), np.zeros(1)))
    assert power_at(offer, 0.249) == pytest.approx([0.0, 0.0])
    assert power_at(offer, 0.26) == pytest.approx([-8.0, 0.0])
    assert power_at(offer, 0.41) == pytest.approx([-8.0, -3.0])


def test_a_day_costs_what_it_burns():
    price = np.where(np.arange(24) == 18, 1.0, 0.1)
    answer = best_response(generator.spec(made()), price, price)
    assert answer.p_kw[:, 18] == pytest.approx([-8.0, -3.0])
    assert answer.p_kw.sum() == pytest.approx(-11.0)
    assert answer.cost_usd == pytest.approx([8 * 0.25 - 8, 3 * 0.4 - 3])


def test_step_cuts_the_target_and_counts_the_cost():
    p, cost = generator.step(made(), np.array([-20.0, 4.0]), 0.5)
    assert p == pytest.approx([-8.0, 0.0])
    assert cost == pytest.approx([8 * 0.25 * 0.5, 0.0])
    some, _ = generator.step(generator.take(made(), np.array([1])), np.array([-2.0]))
    assert some == pytest.approx([-2.0])


def test_a_negative_rating_names_its_row():
    with pytest.raises(ValueError, match="generator row 1: got rated_kw -3"):
        generator.of(np.array([0, 1]), np.array([1.0, -3.0]), 0.3)
