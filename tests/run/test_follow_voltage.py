"""Inverters that follow voltage in a run: what volt-watt cuts is missing at the meter, in bills and in the flow alike."""

from pathlib import Path

import numpy as np
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.core.inverters import STANDARDS, Infeed, InverterTable, VoltCurve, given_kw_kvar
from gridagora.core.nodal_prices import SourcePrices
from gridagora.results.outcome import Outcome
from gridagora.run.compare import prepare
from gridagora.run.follow_voltage import rate_homes
from gridagora.run.infeed import make_infeed
from gridagora.run.power_flow import TAN_PHI
from gridagora.run.state import wiring_of
from gridagora.scenario.inverter_keys import InverterKeys, rule_of

CASE = """
[scenario]
start = 2024-04-21
days = 1
seed = 3
architectures = ["flat"]
[homes]
count = 12
pv_share = 1.0
pv_kw = 20.0
battery_share = 0.0
water_heaters = false
[market]
interval_minutes = 15
horizon_hours = 6
"""
CUTS = 'follow = "volt_var_watt"\nvolt_watt_pu = [1.01, 1.05]\nvolt_watt_share = [1.0, 0.0]'
KEYS = {"unity": "", "volt_var": 'follow = "volt_var"', "volt_var_watt": CUTS}


def read(folder: Path, keys: str, more: str = "") -> gridagora.Scene:
    path = folder / "case.toml"
    path.write_text(f"{CASE}{more}\n[inverters]\n{keys}\n")
    return gridagora.load(path)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[gridagora.Run, Outcome]]:
    """The flat design under each of the words of `follow`."""
    found = {}
    for name, keys in KEYS.items():
        more = "[network]\nnodal_prices = true\n" if keys == CUTS else ""
        run = gridagora.Run(read(tmp_path_factory.mktemp(name), keys, more), "flat")
        found[name] = run, run.finish()
    return found


def made_kwh(outcome: Outcome) -> tuple[float, float]:
    """What panels gave, and what they could have given."""
    made = -outcome.device_kw["pv"].sum() * outcome.dt_h
    return made, np.asarray(outcome.available_kw["pv"]).sum() * outcome.dt_h


@pytest.mark.parametrize("name", KEYS)
def test_the_energy_of_meters_is_that_of_the_flow(lived: dict, name: str) -> None:
    outcome = lived[name][1]
    net = outcome.network
    assert net.failed == 0
    assert np.abs(net.source_kw - net.losses_kw - outcome.load_kw).max() < 1e-9
    assert outcome.imbalance_uusd == 0
    moved = outcome.ledger.quantity_uwh[np.array(outcome.ledger.item) == "wholesale energy"].sum()
    assert moved == pytest.approx(outcome.load_kw.sum() * outcome.dt_h * 1e9, abs=1e3)


def test_what_volt_watt_cuts_is_lost_to_the_home(lived: dict) -> None:
    plain, with_var, cut = (lived[name][1] for name in KEYS)
    made, could = made_kwh(cut)
    assert made_kwh(plain)[0] == pytest.approx(could)
    assert made_kwh(with_var)[0] == pytest.approx(could, rel=1e-3)
    assert made < 0.9 * could
    metered = [np.asarray(each.home_kw).sum() * each.dt_h for each in (plain, cut)]
    assert metered[1] - metered[0] == pytest.approx(could - made)
    assert cut.bill_usd.sum() > plain.bill_usd.sum() + 0.1


def test_voltages_are_lower_the_more_is_followed(lived: dict) -> None:
    highest = [outcome.network.v_max_pu.max() for _, outcome in lived.values()]
    assert highest[0] > highest[1] + 1e-3
    assert highest[1] > highest[2] + 1e-3


@pytest.mark.parametrize("name", ["volt_var", "volt_var_watt"])
def test_homes_give_what_the_curves_say_at_the_voltages_of_the_run(lived: dict, name: str) -> None:
    run, outcome = lived[name]
    rated = rate_homes(run.desk.fleet.groups, slice(0, 12), None).panels_kw
    sun = np.asarray(outcome.available_kw["pv"])
    v = np.asarray(outcome.network.home_v_pu)
    table = InverterTable(np.arange(12), rated, rated)
    rule = wiring_of(run.study).inverters.rule
    want_kw, want_kvar = given_kw_kvar(table, rule, v.T, sun.T, 0.05 * rated <= sun.T)
    made = -np.asarray(run.desk.track.recorder.column("pv_kw"))
    assert np.abs(made - want_kw.T).max() < 1e-4
    drawn = np.asarray(run.desk.track.recorder.column("followed_kvar"))
    assert np.abs(drawn + want_kvar.T).max() < 1e-4
    assert np.abs(drawn).max() > 1.0


def test_the_run_is_the_batch_of_its_intervals(lived: dict) -> None:
    """All intervals at once, of what panels could give, end where the run did one by one."""
    run, outcome = lived["volt_var_watt"]
    wiring, rated = (
        wiring_of(run.study),
        rate_homes(run.desk.fleet.groups, slice(0, 12), None).panels_kw,
    )
    sun = np.asarray(outcome.available_kw["pv"]).T
    made = -np.asarray(run.desk.track.recorder.column("pv_kw")).T
    beside = np.asarray(outcome.home_kw).T + made
    infeed = Infeed(
        InverterTable(wiring.home_meter, rated, rated),
        wiring.inverters.rule,
        sun,
        sun >= 0.05 * rated,
    )
    j, meter = len(wiring.grid.feeder.meters.name), wiring.home_meter
    p, q = np.zeros((len(sun), j)), np.zeros((len(sun), j))
    np.add.at(p.T, meter, beside.T)
    np.add.at(q.T, meter, TAN_PHI * beside.T.clip(min=0.0))
    got = wiring.grid.flow(p, q, infeed=infeed)
    assert np.abs(got.given_kw - made).max() < 1e-5
    assert np.abs(got.losses_kw - outcome.network.losses_kw).max() < 1e-5
    # and its nodal prices hold the curves: so do those that the run kept
    source = SourcePrices(outcome.wholesale_per_kwh, np.zeros(len(sun)))
    prices = wiring.grid.prices(got, source, wiring.grid.soft_duals(got, run.study.network))
    nodal = outcome.network.nodal
    for name in ("loss", "voltage"):
        hourly = getattr(prices.p, name)[:, meter].reshape(24, 4, 12).mean(1)
        np.testing.assert_allclose(getattr(nodal, f"{name}_per_kwh"), hourly.T, atol=1e-6)
    assert np.asarray(nodal.voltage_per_kwh).min() < -0.002


def test_batteries_keep_their_power_and_give_what_it_leaves(tmp_path: Path) -> None:
    """Of the exact flow of the run as it was: Q on the curve at the voltages found, within the rating; books and energy close."""
    text = CASE.replace("battery_share = 0.0", "battery_share = 0.5").replace(
        "pv_kw = 20.0", "pv_kw = 8.0"
    )
    path, found = tmp_path / "case.toml", []
    for storage in ("false", "true"):
        path.write_text(f'{text}\n[inverters]\nfollow = "volt_var"\nstorage = {storage}\n')
        run = gridagora.Run(gridagora.load(path), "flat")
        found.append((run, run.finish()))
    (_, plain), (run, outcome) = found
    storing = np.asarray(run.desk.track.recorder.column("battery_kw"))
    np.testing.assert_array_equal(np.asarray(plain.home_kw), np.asarray(outcome.home_kw))
    drawn = [np.asarray(each.desk.track.recorder.column("followed_kvar")) for each, _ in found]
    wiring = wiring_of(run.study)
    rated = rate_homes(run.desk.fleet.groups, slice(0, 12), wiring.inverters)
    owns = rated.storage_kva > 0
    assert owns.any() and not owns.all()
    sun, v = np.asarray(outcome.available_kw["pv"]), np.asarray(outcome.network.home_v_pu)
    infeed = make_infeed(wiring.inverters, np.arange(12), rated, sun, storing)
    at = infeed.inverters.meter
    want = given_kw_kvar(
        infeed.inverters, infeed.rule, v[at].T, infeed.available_kw, infeed.gives_var
    )
    np.testing.assert_array_equal(want[0][:, 12:], -storing[owns].T)
    total = np.zeros((12, len(want[1])))
    np.subtract.at(total, at, want[1].T)
    assert np.abs(drawn[1] - total).max() < 1e-4
    assert np.abs(drawn[1] - drawn[0])[owns].max() > 0.3
    net = outcome.network
    assert np.abs(net.source_kw - net.losses_kw - outcome.load_kw).max() < 1e-9


def test_unity_is_as_without_the_table(tmp_path: Path) -> None:
    study = prepare(read(tmp_path, 'follow = "unity"\nstandard = "rule21"'))
    assert wiring_of(study).inverters is None


def test_keys_become_a_rule() -> None:
    assert rule_of(InverterKeys()) is None
    rule = rule_of(InverterKeys(follow="volt_var_watt", standard="rule21", rating_ratio=1.2))
    assert rule is not None
    assert (rule.rule, rule.rating_ratio) == (STANDARDS["rule21"], 1.2)
    own = rule_of(
        InverterKeys(
            follow="volt_var", volt_var_pu=(0.9, 1.1), volt_var_share=(0.2, -0.2), priority="watt"
        )
    )
    assert own is not None
    assert own.rule.volt_var == VoltCurve((0.9, 1.1), (0.2, -0.2))
    assert (own.rule.volt_watt, own.rule.var_first) == (None, False)


@pytest.mark.parametrize(
    ("keys", "more", "said"),
    [
        ('follow = "volt_var"\nvolt_var_pu = [0.9, 1.1]', "", "2 voltages and 0 shares"),
        (
            'follow = "volt_var"\nvolt_var_pu = [0.9, 1.1]\nvolt_var_share = [-0.4, 0.4]',
            "",
            "do not rise with voltage",
        ),
        ('follow = "volt_var"', '[feeder]\nsource = "busbar"', "a busbar, which has no voltages"),
        ('follow = "volt_var"', '[reactive]\nmarket = "nodal"', "one of the two steers"),
        ("rating_ratio = 0.5", "", "rating_ratio"),
        ("storage = true", "", "true where nothing follows voltage"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    keys: str, more: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, keys, more)


def test_a_market_of_reactive_power_does_not_steer_what_follows_voltage(tmp_path: Path) -> None:
    text = CASE.replace('["flat"]', '["flat", "layered"]')
    path = tmp_path / "case.toml"
    path.write_text(f'{text}\n[reactive]\npower_factor = 0.95\n[inverters]\nfollow = "volt_var"\n')
    with pytest.raises(InputError, match="buys reactive power of inverters"):
        gridagora.load(path)
    path.write_text(path.read_text() + "[market.layered]\nreactive = false\n")
    assert gridagora.load(path).scenario.inverters.follow == "volt_var"
