"""The network operator of a run: what a market hears of a plan is the exact flow, and limits that hold there what it has."""

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.core.limits import load_of
from gridagora.core.network_operator import NetworkCheck, NetworkRules, RowPrices
from gridagora.run.network_operator import Askers, answer_network, check_network
from gridagora.run.opening import hour_product
from gridagora.run.power_flow import meter_powers
from gridagora.run.state import start_run

H = 3


@pytest.fixture(scope="module")
def desk(scene, study):
    rules = NetworkRules((0.99, 1.01), RowPrices(500.0, 0.4))
    return start_run(scene.market("central"), study._replace(network=rules))


def made(desk, kind):
    rng = np.random.default_rng(4)
    n = desk.expected_kw.shape[1]
    own = desk.expected_kw[:H].T
    equipped = np.arange(n) % 2 == 0
    if kind == "homes":
        return Askers(np.arange(n), own, None, equipped), rng.uniform(-4, 6, (n, H))
    home = np.repeat(np.arange(n), 2)
    return Askers(home, own, np.arange(2 * n) % 2 == 0, equipped), rng.uniform(-3, 4, (2 * n, H))


@pytest.mark.parametrize("kind", ["homes", "devices"])
@pytest.mark.parametrize("given", [False, True])
def test_rows_hold_the_exact_state_of_the_plan(desk, kind, given):
    askers, p_kw = made(desk, kind)
    q_kvar = 0.1 * p_kw if given else None
    asked = NetworkCheck(hour_product(desk, 0), p_kw, q_kvar, near_share=np.inf)
    found = check_network(desk, askers, asked)
    held = load_of(found.limits, p_kw, q_kvar)
    np.testing.assert_allclose(held, found.load, atol=1e-6)
    volts = [at for at, name in enumerate(found.limits.name) if name.startswith("voltage")]
    names = desk.study.wiring.grid.feeder.nodes.name
    node = [names.index(found.limits.name[at].removeprefix("voltage ")) for at in volts]
    np.testing.assert_allclose(found.load[volts], found.flow.v_pu[:, node].T, atol=1e-9)
    assert (found.beyond >= 0).all() and found.beyond[volts].max() > 0
    assert found.losses_kw.shape == (H,)
    taken = np.zeros(askers.own_kw.shape)
    np.add.at(taken, askers.home, p_kw)
    whole = taken + (0 if kind == "homes" else askers.own_kw)
    drawn = meter_powers(
        desk.study.wiring.home_meter, whole, 0 * whole, desk.study.wiring.other_kw[:H]
    )
    np.testing.assert_allclose(found.flow.p_kw, drawn[0])


def test_only_messages_for_the_operator_are_answered(desk):
    askers, p_kw = made(desk, "homes")
    check = NetworkCheck(hour_product(desk, 0), p_kw, near_share=0.0)
    found = answer_network({0: check, 1: "tenders"}, [desk, desk], lambda _: askers)
    assert list(found) == [0]
    assert (found[0].beyond > 0).any(1).all(), "no share left: rows beyond alone"


def test_a_plan_that_no_voltage_carries_has_limits_around_a_part_of_it(desk):
    askers, p_kw = made(desk, "homes")
    found = check_network(desk, askers, NetworkCheck(hour_product(desk, 0), 40.0 * np.abs(p_kw)))
    assert found.flow.converged.all()
    assert found.flow.p_kw.sum() < 40.0 * np.abs(p_kw).sum()
    assert (found.beyond > 0).any()


def test_a_plan_of_another_shape_is_refused(desk):
    askers, p_kw = made(desk, "homes")
    with pytest.raises(PartError, match="expected finite ones of"):
        check_network(desk, askers, NetworkCheck(hour_product(desk, 0), p_kw[:, :2]))
