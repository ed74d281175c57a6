"""Sessions: shares of an hour, belief against truth, value of the missing energy."""

import numpy as np
import pytest

from gridagora.core.device import own
from gridagora.devices import ev
from gridagora.kernels.curves.curve import power_at
from gridagora.kernels.stores.value import best_response, bid, marginal_value
from gridagora.population.charging import ChargingSessions


def sessions(homes, arrive, depart, need):
    m = len(arrive)
    times = (np.array(arrive), np.array(depart))
    table = ChargingSessions(np.arange(m), *times, np.array(need, float), np.full(m, 7.2))
    return ev.of(own(homes, "ev", table))


def test_share_plugged_in_and_active_rows(homes):
    table = sessions(homes, [1800, 0, 7200], [9000, 3600, 9000], [5, 5, 5])
    assert ev.plugged_share(table, 0, 3600, 3) == pytest.approx(
        np.array([[0.5, 1, 0.5], [1, 0, 0], [0, 0, 0.5]])
    )
    assert ev.active(table, np.array([0.0, 5.0, 0.0]), 1500, 600).tolist() == [0]
    s = ev.spec(table, np.zeros(3), 0.0, 3, plugged_now=False)
    assert s.p_max_kw == pytest.approx(7.2 * ev.plugged_share(table, 0, 3600, 3))
    assert ev.spec(table, np.zeros(3), 0.0, 3).p_max_kw[0, 0] == pytest.approx(7.2)


def test_a_car_fills_in_the_cheap_hours_and_never_sells(homes):
    table = sessions(homes, [0], [4 * 3600], [12.0])
    price = np.array([0.3, 0.05, 0.4, 0.06, 0.01])
    p = best_response(ev.spec(table, np.zeros(1), 0.0, 5), price, price).p_kw[0]
    assert p == pytest.approx([0, 7.2, 0, 12 / 0.9 - 7.2, 0])
    asked = power_at(
        bid(
            ev.spec_now(table, np.zeros(1), 0.0, np.array([0])),
            marginal_value(ev.spec(table, np.zeros(1), 0.0, 5), price),
        ),
        9.0,
    )
    assert asked == pytest.approx([0.0])


def test_missing_energy_is_worth_its_price_times_the_efficiency(homes):
    table = sessions(homes, [0], [3600], [6.48])
    worth = marginal_value(ev.spec(table, np.zeros(1), 0.0, 1), np.array([0.1]))
    offer = bid(ev.spec_now(table, np.zeros(1), 0.0, np.array([0])), worth, share=1.0)
    assert power_at(offer, 0.89) == pytest.approx([7.2])
    assert power_at(offer, 0.91) == pytest.approx([0.0])


def test_plug_in_and_charge_meets_every_need_and_the_energy_adds_up(homes):
    table = ev.of(homes)
    e, metered = np.zeros(len(table.home)), 0.0
    for step in range(36 * 12):
        metered += ev.step(table, e, step * 300.0, ev.plug_in_and_charge(table, e)) / 12
    assert e == pytest.approx(table.need_kwh, abs=1e-9)
    assert metered * 0.9 == pytest.approx(e, abs=1e-9)


def test_take_gives_the_same_rows_bit_for_bit(homes, rows_of):
    table, rows = ev.of(homes), np.array([5, 1])
    few, e = ev.take(table, rows), np.linspace(0, 3, 6)
    part = e[rows]
    assert rows_of(ev.spec(table, e, 64800.0), rows, ev.spec(few, part, 64800.0))
    assert rows_of(
        ev.spec_now(table, e, 64800.0, rows),
        np.arange(2),
        ev.spec_now(few, part, 64800.0, np.arange(2)),
    )
    p = ev.step(table, e, 64800.0, np.full(6, 3.0))
    assert np.array_equal(ev.step(few, part, 64800.0, np.full(2, 3.0)), p[rows])
    assert np.array_equal(part, e[rows])


def test_a_car_that_leaves_within_the_hour_counts_for_the_part_it_stays(homes):
    """Plugged in since long ago, gone after 15 minutes: a quarter of the charger in the first hour, nothing later."""
    table = sessions(homes, [-7200], [900], [3.0])
    power = ev.spec(table, np.zeros(1), 0.0, 3).p_max_kw[0]
    np.testing.assert_allclose(power, table.rated_kw[0] * np.array([0.25, 0.0, 0.0]), atol=1e-12)
