"""A plan that is followed comes out as it was believed: states, energy and costs of the truth are those of the plan."""

import numpy as np
import pytest

from gridagora.core.device import Beside, DeviceRecord, Moment, Window
from gridagora.devices import generator, load
from gridagora.devices.battery import BatteryGroup
from gridagora.devices.ev import EvGroup
from gridagora.devices.generator import GeneratorGroup
from gridagora.devices.load import LoadGroup
from gridagora.devices.pv import PvGroup
from gridagora.devices.water_heater import WaterHeaterGroup
from gridagora.kernels.stores.value import best_response

DT_H, HOURS, HOMES = 1 / 12, 24, 3
PRICE = 0.12 + 0.09 * np.sin(np.arange(HOURS) * 1.7) + 0.02 * (np.arange(HOURS) % 5)


def world(plain):
    """Return homes with a device of every kind, each of another size, and draws of hot water."""
    rng, hours = np.random.default_rng(3), 50
    drawn = rng.uniform(0, 0.6, (HOMES, hours)) * (rng.random((HOMES, hours)) < 0.4)
    return plain(
        HOMES,
        hours,
        battery_kwh=np.array([10.0, 0.0, 6.0]),
        battery_kw=np.array([4.0, 0.0, 3.0]),
        battery_efficiency=np.array([0.9, 0.9, 0.95]),
        tank_kwh_k=np.array([0.2, 0.3, 0.0]),
        draw_kwh=drawn,
        ev_home=np.array([0, 2, 2]),
        ev_arrive_s=np.array([0, 0, 14 * 3600]),
        ev_depart_s=np.array([8 * 3600, 10 * 3600, 22 * 3600]),
        ev_need_kwh=np.array([20.0, 11.0, 80.0]),
        ev_kw=np.full(3, 7.2),
        pv_kw=np.maximum(0, np.sin((np.arange(hours) - 6) / 12 * np.pi))
        * np.array([[3.0], [0.0], [5.0]]),
        owned={
            "generator": generator.of(
                np.array([0, 1]), np.array([2.0, 3.0]), np.array([0.10, 0.16])
            ),
            "appliances": load.Load(
                np.arange(HOMES), rng.uniform(0.2, 2, (HOMES, hours)), 0.4, 0.10
            ),
        },
    )


KINDS = {
    "battery": BatteryGroup,
    "ev": EvGroup,
    "generator": GeneratorGroup,
    "appliances": LoadGroup,
    "pv": PvGroup,
    "water_heater": WaterHeaterGroup,
}
EVERY = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def followed(kind, plain, setting_of):
    """Plan a day of a kind at known prices and step it by the plan; return plan, power by step, group, and what is felt."""
    group = KINDS[kind].of(setting_of(world(plain)))
    believed = group.believe(Window(0, HOURS, 0.0))
    plan = best_response(believed.stores, PRICE, PRICE)
    orders = np.zeros((len(group.home), HOURS))
    orders[believed.rows] = plan.p_kw
    if (
        kind == "ev"
    ):  # the car that comes later is not yet believed in: it is charged by its own plan
        later = np.flatnonzero(~np.isin(np.arange(len(group.home)), believed.rows))
        orders[later] = np.nan
    power, states, series = [], [group.stored_kwh()], []
    for step in range(HOURS * 12):
        hour = step // 12
        now = Moment(hour, 300.0 * step, DT_H, (step % 12 + 1) / 12)
        beside = Beside(np.zeros(HOMES), np.zeros(HOMES), None, True)
        got = group.step(orders[:, hour], now, beside)
        power.append(got.p_kw.copy())
        series.append({name: column.copy() for name, column in got.series.items()})
        if step % 12 == 11:
            states.append(group.stored_kwh())
    lived = {name: np.array([row[name] for row in series]).T for name in group.about.series}
    felt = group.feel(DeviceRecord(np.zeros((HOMES, len(power))), lived, DT_H))
    return believed, plan, np.array(power).T, np.array(states).T, felt


@EVERY
def test_the_power_of_every_hour_is_that_of_the_plan(followed):
    believed, plan, power, _, _ = followed
    hourly = power[believed.rows].reshape(len(believed.rows), HOURS, 12).mean(2)
    assert hourly == pytest.approx(plan.p_kw, abs=1e-6)


@pytest.mark.parametrize("kind", ["battery", "ev", "water_heater"])
def test_what_is_stored_at_the_end_of_every_hour_is_what_was_believed(kind, followed):
    believed, plan, _, states, _ = followed
    per_state = {"battery": 1.0, "ev": 1.0, "water_heater": np.array([[0.2], [0.3]])}[
        kind
    ]  # kWh of a unit of state
    assert states[believed.rows] == pytest.approx(plan.x * per_state, abs=1e-6)


@pytest.mark.parametrize("kind", ["battery", "generator", "pv"])
def test_the_cost_of_the_plan_is_energy_and_what_is_felt(kind, followed):
    """With nothing for what is left: what a plan costs is its energy and the wear or the fuel that the run then books."""
    _, plan, power, _, felt = followed
    energy_usd = float((power.sum(0) * np.repeat(PRICE, 12)).sum() * DT_H)
    booked_usd = sum(float(column.sum()) for column in felt.device_usd.values())
    assert plan.cost_usd.sum() == pytest.approx(energy_usd + booked_usd, abs=1e-6)


@pytest.mark.parametrize("kind", ["appliances"])
def test_the_cost_of_bending_a_load_is_energy_and_use_forgone(kind, followed):
    """The plan counts from power at a price of nothing, what is felt from the usual power: apart by a constant of the day."""
    believed, plan, power, _, felt = followed
    stores = believed.stores
    usual = stores.p_ref_kw / 1.4
    constant = (stores.prox / 2 * (stores.p_ref_kw - usual) ** 2).sum()
    energy_usd = float((power.sum(0) * np.repeat(PRICE, 12)).sum() * DT_H)
    assert plan.cost_usd.sum() - constant == pytest.approx(
        energy_usd + felt.device_usd["use forgone"].sum(), abs=1e-6
    )


@pytest.mark.parametrize("kind", ["ev"])
def test_charge_that_a_plan_gave_up_is_what_is_felt_as_missing(kind, followed):
    """Both cars that are there get their need, for no hour costs what charge is worth; the third asks for too much."""
    _, plan, _, states, felt = followed
    assert states[:2, -1] == pytest.approx([20.0, 11.0], abs=1e-6)
    assert states[2, -1] == pytest.approx(
        8 * 7.2 * 0.9, abs=1e-6
    )  # full power from arrival to departure
    assert felt.felt["ev_unmet_kwh"] == pytest.approx([0.0, 0.0, 80.0 - 8 * 7.2 * 0.9], abs=1e-6)
    assert not plan.missing.any()


@pytest.mark.parametrize("kind", ["water_heater"])
def test_water_that_a_plan_keeps_warm_is_not_felt_cold(kind, followed):
    """Comfort of a plan is paid at the end of hours: whoever keeps above 43 degC there hardly falls below it inside them."""
    _, plan, _, _, felt = followed
    assert plan.x[:, 1:].min() > 42.0
    assert felt.felt["hot_water_k_h"].max() < 1.0
    assert felt.device_usd["hot water"].sum() < 0.01
