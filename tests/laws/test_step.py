"""A run taken step by step: the same to the last bit as one that is simulated, under every registered design."""

import numpy as np
import pytest
from home_columns import columns_of

from gridagora.core.records import Derived
from gridagora.core.registry import names
from gridagora.results.outcome import Outcome
from gridagora.run.loss_charges import CHARGE
from gridagora.run.step import Run
from gridagora.settlement.ledger import only
from tests.laws.uncharged import charge_nobody

APART = {
    "wall_s",
    "network",
    "ledger",
    "warnings",
    "surplus_uusd",
    "imbalance_uusd",
}  # the power flow adds to them


def same(a, b) -> bool:
    if isinstance(a, Derived):
        return same(np.asarray(a), np.asarray(b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return bool(a == b) or (isinstance(a, float) and np.isnan(a) and np.isnan(b))


@pytest.fixture
def unpaid(scene):
    """Return the scene with nobody charged for losses, which are known at the end alone."""
    return charge_nobody(scene)


@pytest.mark.parametrize("name", names("market"))
def test_steps_without_orders_are_the_run(name, unpaid, study, outcomes):
    run, steps = Run(unpaid, name, study), []
    while not run.is_over:
        if run.desk.interval % 7 == 0:
            run.observe(run.desk.interval % len(run.home_id))  # to look changes nothing
        steps.append(run.step())
    outcome, expected = run.finish(), outcomes[name]
    for field in Outcome._fields:
        if field not in APART:
            assert same(getattr(outcome, field), getattr(expected, field)), field
    assert len(steps) == run.intervals == len(expected.start_s)
    assert np.array_equal([step.start_s for step in steps], expected.start_s)
    assert np.array_equal(np.transpose([step.meter_kw for step in steps]), expected.home_kw)
    for kind, power in expected.device_kw.items():
        assert np.array_equal([step.power_kw[kind].sum() for step in steps], power)
    _costs_sum(steps, expected)


def _costs_sum(steps, outcome):
    """The last interval also holds what is only known at the end; here that is rounding, the margin of a retailer, or power."""
    bill, felt = sum(step.cost_usd for step in steps), sum(step.device_usd for step in steps)
    np.testing.assert_allclose(bill, outcome.bill_usd, rtol=0, atol=1e-9)
    np.testing.assert_allclose(felt, sum(outcome.device_usd.values()), rtol=0, atol=1e-9)
    last, usual = steps[-1].cost_usd, np.abs([step.cost_usd for step in steps[:-1]]).max(0)
    at_the_end = outcome.name == "retailer" or outcome.paid.capacity is not None
    if not at_the_end:  # a margin that is shared out, charges for power
        assert (np.abs(last) <= usual + 1e-5).all()


def test_losses_are_paid_in_the_last_step(scene, unpaid, study):
    paid, free = (Run(each, "flat", study) for each in (scene, unpaid))
    while not paid.is_over:
        charged = paid.step().cost_usd - free.step().cost_usd
        if not paid.is_over:
            assert not charged.any()
    outcome = paid.finish()
    lost_usd = only(outcome.ledger, CHARGE).amount_uusd[: len(charged)] / 1e6
    np.testing.assert_allclose(charged, lost_usd, rtol=0, atol=1e-9)
    assert (charged > 0).all()


@pytest.mark.parametrize("name", names("market"))
def test_what_is_ordered_is_done(name, scene, study):
    """A battery half full can give and take 1 kW; the design is told, or not asked; every other kind of order is followed too."""
    run = Run(scene, name, study)
    battery, pv, car = (
        set(run.desk.fleet.of_kind(kind).home.tolist()) for kind in ("battery", "pv", "ev")
    )
    home = min(battery)
    step = run.step(power_kw={"battery": {home: 1.0}, "water_heater": {}, "hvac": {}})
    assert step.power_kw["battery"][home] == 1.0
    assert run.step(power_kw={"battery": {home: -1.0}}).power_kw["battery"][home] == -1.0
    tank = int(run.desk.fleet.of_kind("water_heater").home[0])
    assert run.step(power_kw={"water_heater": {tank: 0.7}}).power_kw["water_heater"][
        tank
    ] == pytest.approx(0.7, abs=1e-9)
    while run.desk.interval < 12 * 12:
        run.step()
    panel = max(pv, key=lambda one: columns_of(run.desk.study.homes).pv_kw[one, 12])
    made = run.step(power_kw={"pv": {panel: -0.1}}).power_kw["pv"]
    assert made[panel] == pytest.approx(-0.1, abs=1e-9)
    assert (made[sorted(pv - {panel})] < -0.1).any()
    while not run.is_over:
        step = run.step(power_kw={"ev": dict.fromkeys(car, 0.0)})
        assert (step.power_kw["ev"] == 0.0).all()
    assert run.finish().felt["ev_unmet_kwh"].sum() > 1.0
    assert run.finish().energy_balance_kwh < 1e-9
    assert run.finish().imbalance_uusd == 0
