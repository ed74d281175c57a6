"""Metrics of power in closed form (theory 8.2): peaks, ramps, losses, reactive energy, the limit, and what panels made."""

import math

import numpy as np
import pytest

from gridagora.settlement.transformer_life import LoadedTransformer

FIVE_MIN_H = 1 / 12
OF_12_KW = LoadedTransformer(12.0, np.full(8, 30.0))


@pytest.mark.parametrize(
    ("metric_id", "changed", "expected"),
    [
        ("P1", {}, 11.5),
        ("P1", {"load_kw": np.array([1.0, -4.0, 2.0, 0, 0, 0, 0, 0])}, 4.0),  # export is a peak too
        ("P1e", {}, 0.5),
        ("P1e", {"load_kw": np.array([1.0, -4.0, 2.0, -9.0, 0, 0, 0, 0])}, 9.0),
        ("P1e", {"load_kw": np.full(8, 3.0)}, 0.0),
        ("P2", {}, 31.0 / 8 / 11.5),
        ("P2", {"load_kw": np.full(8, 3.0)}, 1.0),
        ("P2", {"load_kw": np.full(8, -3.0)}, 1.0),
        ("P2", {"load_kw": np.tile([4.0, -4.0], 4)}, 1.0),
        ("P2", {"load_kw": np.array([8.0, 0, 0, 0, 0, 0, 0, 0])}, 1 / 8),
        ("P2r", {}, 5.0 - 2.5),
        ("P2r", {"load_kw": np.array([1.0, 1, 1, 1, -3, -3, -3, -3])}, 4.0),  # down as steep as up
        ("P2r", {"load_kw": np.tile([9.0, 0, 0, 9], 2)}, 0.0),  # within the hour it cancels
        ("P3", {}, 1.1 * 0.25),
        ("P3s", {}, 1.1 / 35),
        ("P4", {}, 23 * 0.25),
        ("P4f", {}, (1.0 + 0.8 + 0.6 + 0.6 + 0.8 + 12 / 13 + 0.6) / 7),
        ("P4w", {}, 35 / (6 + 5 + 5 + 5 + 5 + 13 + 5)),
        ("P5", {}, 1.5 * 0.25),
        ("P5", {"limit_kw": math.inf}, 0.0),
        ("P5", {"limit_kw": 11.5}, 0.0),
        ("P5", {"limit_kw": 0.25}, (31.0 - 8 * 0.25) * 0.25),
        ("P5", {"load_kw": np.full(8, -12.0)}, 4.0),
        ("P5a", {"load_kw": np.full(8, 12.0), "transformer": OF_12_KW}, 1.0),
        ("P5a", {"load_kw": np.full(8, -12.0), "transformer": OF_12_KW}, 1.0),
        ("P6", {}, 1 - 4 / 7.5),
        ("P7", {}, 0.5 * 0.25),
    ],
)
def test_closed_forms(make, metric_value, metric_id, changed, expected):
    assert metric_value(metric_id, make(**changed)) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_peaks_are_means_of_a_quarter_hour(make, metric_value):
    """Five-minute intervals: three make a demand interval, and what is left over at the end is none."""
    load = np.array([9.0, 0.0, 0.0, 2.0, 2.0, 2.0, -6.0, -6.0, 0.0, 50.0])
    fine = make(home_kw=load[None] - 0.5, dt_h=FIVE_MIN_H)
    assert metric_value("P1", fine) == pytest.approx(4.0)
    assert metric_value("P1e", fine) == pytest.approx(4.0)
    assert metric_value("P2", fine) == pytest.approx((3 + 2 + 4) / 3 / 4)


def test_longer_intervals_are_demand_intervals_themselves(make, metric_value):
    hourly = make(home_kw=np.array([[1.5, 7.5, 2.5]]), dt_h=1.0)
    assert metric_value("P1", hourly) == 8.0
    assert metric_value("P2", hourly) == pytest.approx(13 / 3 / 8)
    assert metric_value("P2r", hourly) == 6.0


def test_a_ramp_counts_whole_hours_and_needs_two(make, metric_value):
    load = np.concatenate([np.full(12, 1.0), np.full(12, 4.0), np.full(11, 90.0)])
    assert metric_value("P2r", make(home_kw=load[None], dt_h=FIVE_MIN_H)) == pytest.approx(3.0)
    assert metric_value("P2r", make(home_kw=load[None, :23], dt_h=FIVE_MIN_H)) == 0.0


def test_a_feeder_without_any_power_has_no_load_factor(make, metric_value):
    dark = make(home_kw=np.zeros((3, 8)), other_kw=0.0)
    assert math.isnan(metric_value("P2", dark))
    assert metric_value("P1", dark) == metric_value("P1e", dark) == metric_value("P2r", dark) == 0.0


def test_peak_reduction_is_against_the_flat_design(make, metric_value):
    flat = make(load_kw=np.array([1.0, -20.0, 0, 0, 0, 0, 0, 0]))
    assert metric_value("P1r", make(), flat=flat) == pytest.approx(1 - 11.5 / 20)
    assert metric_value("P1r", flat, flat=make()) == pytest.approx(1 - 20 / 11.5)
    assert metric_value("P1r", flat, flat=flat) == 0.0


def test_peak_reduction_is_not_said_without_a_flat_peak(make, metric_value):
    assert math.isnan(metric_value("P1r", make()))
    assert math.isnan(metric_value("P1r", make(), flat=make(load_kw=np.zeros(8))))


NO_FLOW = np.full(8, np.nan)
OF_A_FLOW = ("P3", "P3s", "P4", "P4f", "P4w")


@pytest.mark.parametrize("metric_id", OF_A_FLOW)
def test_what_needs_a_power_flow_is_not_said_without_one(make, make_flow, metric_value, metric_id):
    assert math.isnan(metric_value(metric_id, make(network=None)))
    none = make_flow(losses_kw=NO_FLOW, source_kw=NO_FLOW, source_kvar=NO_FLOW)
    assert math.isnan(metric_value(metric_id, make(network=none)))


@pytest.mark.parametrize("metric_id", OF_A_FLOW)
def test_an_interval_without_a_power_flow_counts_for_nothing(
    make, make_flow, metric_value, metric_id
):
    """Whatever stands in the columns of an interval that did not converge, the figure is that of the others."""
    odd = {name: getattr(make_flow(), name).copy() for name in ("source_kw", "source_kvar")}
    for column in odd.values():
        column[2] = 1e6
    assert metric_value(metric_id, make(network=make_flow(**odd))) == metric_value(
        metric_id, make()
    )


def test_a_dead_substation_has_no_shares(make, make_flow, metric_value):
    dead = make(network=make_flow(source_kw=np.zeros(8), source_kvar=np.zeros(8)))
    for metric_id in ("P3s", "P4f", "P4w"):
        assert math.isnan(metric_value(metric_id, dead)), metric_id
    assert metric_value("P4", dead) == 0.0


def test_an_interval_without_power_has_no_power_factor_and_does_not_count(
    make, make_flow, metric_value
):
    source_kw, source_kvar = np.zeros(8), np.zeros(8)
    source_kw[3], source_kvar[3] = -3.0, 4.0
    assert metric_value(
        "P4f", make(network=make_flow(source_kw=source_kw, source_kvar=source_kvar))
    ) == pytest.approx(0.6)


def test_the_two_power_factors_weigh_intervals_differently(make, make_flow, metric_value):
    """One hour of 1 kVA at 0, one of 9 kVA at 1: half by the interval, nine tenths by energy."""
    source_kw, source_kvar = np.tile([0.0, 9.0], 4), np.tile([1.0, 0.0], 4)
    half = make(
        network=make_flow(losses_kw=np.ones(8), source_kw=source_kw, source_kvar=source_kvar)
    )
    assert metric_value("P4f", half) == pytest.approx(0.5)
    assert metric_value("P4w", half) == pytest.approx(0.9)


def test_losses_are_a_share_of_what_flows_either_way(make, make_flow, metric_value):
    back = make_flow(source_kw=-np.abs(make_flow().source_kw))
    assert metric_value("P3s", make(network=back)) == pytest.approx(1.1 / 35)


# Of the reactive side by hand: 0 + 2 + 2 + 0 + 0 + 3 + 3 kvar given, at 0.01, 0.02, -0.03 and 0.04 $/kvarh.
GIVEN_KVARH = (2 + 2 + 3 + 3) * 0.25
PAID_USD = (2 * 0.01 + 2 * 0.02 + 3 * 0.03 + 3 * 0.04) * 0.25


@pytest.mark.parametrize(
    ("metric_id", "expected"),
    [("P4h", GIVEN_KVARH), ("P4p", PAID_USD / GIVEN_KVARH), ("P4x", (1 + 1 + 2) * 0.25)],
)
def test_what_homes_gave_for_money(make, make_reactive, metric_value, metric_id, expected):
    assert metric_value(metric_id, make(reactive=make_reactive())) == pytest.approx(
        expected, rel=1e-12
    )
    assert math.isnan(metric_value(metric_id, make()))


def test_where_homes_gave_nothing_it_has_no_price(make, make_reactive, metric_value):
    nobody = make(
        reactive=make_reactive(given_kvar=np.zeros((3, 8)), unmet_kvar=make_reactive().need_kvar)
    )
    assert metric_value("P4h", nobody) == 0.0
    assert math.isnan(metric_value("P4p", nobody))
    assert metric_value("P4x", nobody) == pytest.approx(14 * 0.25)


def test_one_price_for_all_is_the_mean_price(make, make_reactive, metric_value):
    """Homes are paid with the sign of the need: giving and taking at one price earn the same."""
    price = 0.05 * np.sign(make_reactive().need_kvar)
    assert metric_value(
        "P4p", make(reactive=make_reactive(price_per_kvarh=price))
    ) == pytest.approx(0.05, rel=1e-12)


def pv(make, home_kw, sun_kw, made_kw):
    """Return three homes of which the first has panels."""
    sun = np.zeros((3, 8))
    sun[0] = sun_kw
    return make(home_kw=home_kw, available_kw={"pv": sun}, device_kw={"pv": -np.asarray(made_kw)})


def test_self_consumption_is_by_home(make, metric_value):
    """A neighbour who uses what a home exports does not make it self-consumption."""
    home_kw = np.zeros((3, 8))
    home_kw[0], home_kw[1] = -2.0, 2.0
    sun = np.full(8, 3.0)
    assert metric_value("P6", pv(make, home_kw, sun, sun)) == pytest.approx(1 / 3)
    assert metric_value("P6", pv(make, -home_kw, sun, sun)) == 1.0
    assert metric_value("P6", pv(make, np.where(home_kw < 0, -3.0, home_kw), sun, sun)) == 0.0


def test_kinds_of_renewables_add_up(make, metric_value):
    """Half the sun and a turbine of the other half are one array: whatever makes the energy is used and given up alike."""
    home_kw, sun = np.zeros((3, 8)), np.zeros((3, 8))
    home_kw[0], sun[0] = -2.0, 4.0
    one = make(home_kw=home_kw, available_kw={"pv": sun}, device_kw={"pv": np.full(8, -3.0)})
    two = make(
        home_kw=home_kw,
        available_kw={"pv": 0.5 * sun, "turbine": 0.5 * sun},
        device_kw={"pv": np.full(8, -2.0), "turbine": np.full(8, -1.0)},
    )
    for metric_id in ("P6", "P7"):
        assert metric_value(metric_id, two) == pytest.approx(metric_value(metric_id, one))
    assert metric_value("P7", two) == pytest.approx(8.0 * two.dt_h)


def test_what_a_battery_exports_is_not_of_the_panels(make, metric_value):
    """A home that exports more than its panels give exports all of that, and not more than all."""
    home_kw = np.zeros((3, 8))
    home_kw[0, :4] = -9.0
    sun = np.full(8, 3.0)
    assert metric_value("P6", pv(make, home_kw, sun, sun)) == pytest.approx(0.5)


def test_a_glimpse_of_the_sun_is_self_consumed_as_any(make, metric_value):
    """A hundredth of a watt for two hours, half of it used at home: a share knows no least energy."""
    home_kw = np.zeros((3, 8))
    home_kw[0] = -0.5e-5
    glimpse = np.full(8, 1e-5)
    assert metric_value("P6", pv(make, home_kw, glimpse, glimpse)) == pytest.approx(0.5)


def test_without_sun_there_is_no_self_consumption(make, metric_value):
    assert math.isnan(metric_value("P6", pv(make, np.ones((3, 8)), np.zeros(8), np.zeros(8))))


@pytest.mark.parametrize(
    ("gap_kw", "expected"), [(0.4e-6, 0.0), (-0.4e-6, 0.0), (0.0, 0.0), (1.0, 2.0)]
)
def test_curtailment_is_what_the_sun_gave_and_nobody_took(make, metric_value, gap_kw, expected):
    sun = np.full(8, 3.0)
    assert metric_value("P7", pv(make, np.ones((3, 8)), sun, sun - gap_kw)) == pytest.approx(
        expected, abs=1e-12
    )


def test_panels_that_made_more_than_the_sun_gave_are_seen(make, metric_value):
    """It cannot be; the figure does not hide it behind a zero."""
    sun = np.full(8, 3.0)
    assert metric_value("P7", pv(make, np.ones((3, 8)), sun, sun + 0.5)) == pytest.approx(-1.0)


def test_unbalance_of_currents_is_departure_over_mean(make, make_flow, metric_value):
    """Means 20, 10 and 0.1 A, departures 10, 20 and 0 A: 30 of 30.1; of the loaded intervals 95 % do not exceed 2."""
    head_a = np.full((8, 3), math.nan)
    head_a[0], head_a[1], head_a[4] = (10, 20, 30), (0, 0, 30), (0.1, 0.1, 0.1)
    found = make(network=make_flow(head_a=head_a))
    assert metric_value("P8", found) == pytest.approx(30 / 30.1)
    assert metric_value("P8h", found) == pytest.approx(2.0)
    idle = make(network=make_flow(head_a=np.zeros((8, 3))))
    assert math.isnan(metric_value("P8", idle))
    assert math.isnan(metric_value("P8h", idle))
    assert math.isnan(metric_value("P8", make()))
    assert math.isnan(
        metric_value("P8h", make(network=make_flow(head_a=np.full((8, 3), math.nan))))
    )


def test_what_5_percent_of_the_intervals_exceed_counts_loaded_ones_alone(
    make, make_flow, metric_value
):
    head_a = np.tile([90.0, 100.0, 110.0], (8, 1))
    head_a[3] = 0.0, 0.0, 2.0
    assert metric_value("P8h", make(network=make_flow(head_a=head_a))) == pytest.approx(0.1)
