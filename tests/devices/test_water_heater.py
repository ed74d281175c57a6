"""Tanks: published size, belief equal to truth within a step, balance, draws, comfort in bids."""

import numpy as np
import pytest

from gridagora.devices import water_heater as tank
from gridagora.kernels.curves.curve import power_at
from gridagora.kernels.physics.fleet import CONTINUOUS, THERMOSTAT, Tanks
from gridagora.kernels.stores.value import bid, marginal_value

CLOCK = np.arange(24 * 8) % 24


def test_fifty_gallons_have_the_published_capacity_and_losses():
    """T24."""
    cap, ua, element = tank.size(50)
    assert cap == pytest.approx(0.2199, abs=5e-5)
    assert ua * 1000 == pytest.approx(1.0551, abs=5e-5)
    assert ua * 34_000 == pytest.approx(35.9, abs=0.05)
    assert cap / ua == pytest.approx(208, abs=0.5)
    assert element == 4.5
    assert [tank.size(g)[2] for g in (20, 40)] == [3.2, 3.5]


def test_only_homes_with_a_tank_have_a_row(homes):
    table = tank.of(homes, CLOCK)
    assert np.array_equal(table.home, homes.owned["water_heater"].home)
    assert 0 < len(table.home) < len(homes.home_id)


def test_belief_with_known_draws_is_the_truth(homes):
    table = tank.of(homes, CLOCK)
    state = Tanks(np.full(len(table.home), 51.0), np.zeros(len(table.home), np.bool_))
    for hour in range(6):
        s, s5 = (
            tank.spec(table, state, hour, 1, known_draws=True),
            tank.spec_now(table, state, hour, share=1.0, known_draws=True),
        )
        p, x = 0.05 * table.rated_kw, state.t_tank_degc.copy()
        tank.step(table, state, hour, p, CONTINUOUS)
        assert state.t_tank_degc == pytest.approx(
            s5.leak[:, 0] * x + s5.inflow[:, 0] + s5.gain_in[:, 0] * p / 12, abs=1e-9
        )
        tank.step(table, state, hour, p, CONTINUOUS, minutes=55)
        assert state.t_tank_degc == pytest.approx(
            s.leak[:, 0] * x + s.inflow[:, 0] + s.gain_in[:, 0] * p, abs=1e-9
        )


def test_a_day_of_draws_closes_the_balance(homes):
    table = tank.of(homes, CLOCK)
    state, used, lost, drawn = tank.start(table), 0.0, 0.0, 0.0
    for hour in range(24):
        for _ in range(12):
            out = tank.step(table, state, hour, np.zeros(len(table.home)), THERMOSTAT)
            used += out.e_kwh
            lost += table.ua_kw_k * (out.t_mean_degc - 24.0) / 12
        drawn += table.draw_kw[:, hour]
    assert used - lost - drawn == pytest.approx(
        table.cap_kwh_k * (state.t_tank_degc - 52.0), abs=1e-9
    )


def test_draws_cool_by_their_heat(homes):
    table = tank.of(homes, CLOCK)
    extra = tank.draws(table, 20, 6)
    assert extra.shape == (len(table.home), 7, 6)
    assert (extra <= 0).all()
    loss_free = table.draw_set_kwh[:, :, 0] / table.cap_kwh_k[:, None]
    assert extra[:, :, 4] == pytest.approx(-loss_free, rel=0.01)


def test_a_colder_tank_bids_more_and_a_draw_to_come_makes_heat_worth_more(homes):
    table = tank.of(homes, CLOCK)
    n, price = len(table.home), np.full(24, 0.08)
    cold, warm = (Tanks(np.full(n, t), np.zeros(n, np.bool_)) for t in (42.0, 55.0))
    worth = marginal_value(tank.spec(table, warm, 0, 24, 0.08), price, draws=tank.draws(table, 0))
    nothing = marginal_value(tank.spec(table, warm, 0, 24, 0.08), price, draws=np.zeros((n, 1, 24)))
    asks = [
        power_at(bid(tank.spec_now(table, s, 0, share=1 / 12), worth), 0.08) for s in (cold, warm)
    ]
    assert (asks[0] > asks[1]).all()
    likely, never = at_48(worth), at_48(nothing)
    assert (likely >= never - 1e-12).all() and (likely > never).any()


def test_a_tank_that_feels_a_large_draw_heats_for_the_rest_of_it(homes):
    table, price = tank.of(homes, CLOCK), np.full(24, 0.08)
    hour = int(np.argmax(table.draw_kw.max(0)[:20]))
    row = int(np.argmax(table.draw_kw[:, hour]))
    state = Tanks(np.full(len(table.home), 44.0), np.zeros(len(table.home), np.bool_))
    worth = marginal_value(
        tank.spec(table, state, hour, 24, 0.08), price, draws=tank.draws(table, hour)
    )
    asks = [
        power_at(bid(tank.spec_now(table, state, hour, share=share), worth, share), 0.08)[row]
        for share in (1 / 12, 2 / 12)
    ]
    assert asks[1] > asks[0] + 0.1


def at_48(values):
    spans = zip(values.offset[:-1:2], values.offset[1::2], strict=True)
    return np.array([np.interp(48.0, values.x[a:b], values.mu[a:b]) for a, b in spans])


def test_take_gives_the_same_rows_bit_for_bit(homes, rows_of):
    table, rows = tank.of(homes, CLOCK), np.array([4, 0])
    few, state = tank.take(table, rows), tank.start(table)
    part = Tanks(*(c[rows].copy() for c in state))
    assert rows_of(tank.spec(table, state, 3), rows, tank.spec(few, part, 3))
    assert rows_of(
        tank.spec_now(table, state, 3, share=0.5), rows, tank.spec_now(few, part, 3, share=0.5)
    )
    p = np.linspace(0, 4, len(table.home))
    whole, some = (
        tank.step(table, state, 3, p, CONTINUOUS),
        tank.step(few, part, 3, p[rows], CONTINUOUS),
    )
    assert all(
        np.array_equal(x[rows], y) for x, y in zip((*state, *whole), (*part, *some), strict=True)
    )
