"""How hot a transformer gets and how fast it ages: published ageing, closed forms, and a load cycle of normal ageing."""

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.settlement.transformer_life import (
    LOAD_MAX_PU,
    OIL_MAX_C,
    SPOT_MAX_C,
    TYPICAL,
    ageing_rate,
    rate_load_cycle,
    steady_hot_spot_c,
    trace_heat,
)

DT_H = 1 / 12
DAY = 288

# IEEE C57.91-2011, table of the ageing acceleration factor by the temperature of the hottest spot
PUBLISHED = {
    90: 0.1156,
    100: 0.3499,
    110: 1.0,
    120: 2.7089,
    130: 6.9842,
    140: 17.1995,
    150: 40.5890,
}


@pytest.mark.parametrize("hot_spot_c", PUBLISHED)
def test_ageing_is_that_of_the_standard(hot_spot_c):
    assert ageing_rate(hot_spot_c) == pytest.approx(PUBLISHED[hot_spot_c], rel=5e-4)


def test_rated_load_in_thirty_degrees_is_the_temperature_of_the_rated_life():
    assert steady_hot_spot_c(1.0, 30.0) == pytest.approx(110.0)
    assert steady_hot_spot_c(0.0, 30.0) == pytest.approx(30.0 + 55.0 * (1 / 6) ** 0.8)


def test_a_load_that_lasts_holds_its_steady_temperature():
    heat = trace_heat(np.full(DAY, 1.2), np.full(DAY, 25.0), DT_H)
    assert heat.hot_spot_c == pytest.approx(np.full(DAY, steady_hot_spot_c(1.2, 25.0)))
    assert heat.ageing_pu == pytest.approx(np.full(DAY, ageing_rate(steady_hot_spot_c(1.2, 25.0))))


def test_oil_and_spot_follow_a_step_by_their_time_constants():
    load = np.zeros(2 * DAY)
    load[DAY:] = 1.0
    heat = trace_heat(load, np.zeros(2 * DAY), DT_H)
    cold = TYPICAL.oil_rise_k / 6**TYPICAL.oil_exponent
    hours = DT_H * np.arange(1, DAY + 1)
    oil = TYPICAL.oil_rise_k + (cold - TYPICAL.oil_rise_k) * np.exp(-hours / TYPICAL.oil_time_h)
    spot = TYPICAL.spot_rise_k * (1 - np.exp(-hours / TYPICAL.spot_time_h))
    assert heat.top_oil_c[DAY:] == pytest.approx(oil)
    assert heat.hot_spot_c[DAY:] == pytest.approx(oil + spot)


def test_the_step_of_the_trace_does_not_matter():
    fine = trace_heat(np.repeat([0.4, 1.3, 0.7], 96), np.full(288, 30.0), DT_H)
    coarse = trace_heat(np.repeat([0.4, 1.3, 0.7], 8), np.full(24, 30.0), 1.0)
    assert fine.hot_spot_c[11::12] == pytest.approx(coarse.hot_spot_c, rel=1e-12)
    assert fine.ageing_pu.mean() == pytest.approx(coarse.ageing_pu.mean(), rel=1e-4)
    dense = trace_heat(np.repeat([0.4, 1.3, 0.7], 96 * 60), np.full(288 * 60, 30.0), DT_H / 60)
    rates = [ageing_rate(spot) for spot in dense.hot_spot_c]
    assert fine.ageing_pu.mean() == pytest.approx(np.mean(rates), rel=1e-3)
    assert fine.ageing_pu.mean() == pytest.approx(dense.ageing_pu.mean(), rel=1e-10)


def test_export_heats_as_import_does():
    load, air = np.linspace(-1.2, 0.9, DAY), np.full(DAY, 20.0)
    assert (trace_heat(load, air, DT_H).hot_spot_c == trace_heat(-load, air, DT_H).hot_spot_c).all()


def test_a_flat_load_carries_what_ages_at_the_rated_pace():
    assert rate_load_cycle(np.full(DAY, 70.0), np.full(DAY, 30.0), DT_H) == pytest.approx(1.0)


@pytest.mark.parametrize("outdoor_c", [-10.0, 10.0, 30.0, 40.0])
@pytest.mark.parametrize("hours", [1, 3, 8])
def test_a_load_cycle_is_rated_at_one_of_its_limits(outdoor_c, hours):
    load = np.full(2 * DAY, 30.0)
    for day in range(2):
        load[day * DAY + 200 : day * DAY + 200 + 12 * hours] = 100.0
    air = np.full(2 * DAY, outdoor_c)
    peak_pu = rate_load_cycle(load, air, DT_H)
    heat = trace_heat(load / 100.0 * peak_pu, air, DT_H)
    of_its_limits = (
        heat.hot_spot_c.max() / SPOT_MAX_C,
        heat.top_oil_c.max() / OIL_MAX_C,
        max(heat.ageing_pu[:DAY].mean(), heat.ageing_pu[DAY:].mean()),
        peak_pu / LOAD_MAX_PU,
    )
    assert max(of_its_limits) == pytest.approx(1.0, abs=1e-6)


def test_a_short_peak_and_cold_air_carry_more():
    def rated(hours, outdoor_c):
        load = np.full(DAY, 30.0)
        load[200 : 200 + 12 * hours] = 100.0
        return rate_load_cycle(load, np.full(DAY, outdoor_c), DT_H)

    assert rated(1, 30.0) > rated(3, 30.0) > rated(7, 30.0) > 1.0
    assert rated(3, 10.0) > rated(3, 30.0) > rated(3, 40.0)


def test_air_that_alone_is_too_hot_carries_nothing():
    assert rate_load_cycle(np.ones(DAY), np.full(DAY, 200.0), DT_H) < 1e-9


def test_a_load_without_a_peak_has_no_cycle():
    with pytest.raises(PartError, match="0 kW throughout"):
        rate_load_cycle(np.zeros(DAY), np.full(DAY, 30.0), DT_H)
