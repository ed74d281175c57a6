"""Orders and bids of a controller: what cannot be asked is refused, all at once; what is bid is tendered and followed."""

import numpy as np
import pytest

from gridagora.core.device import Moment
from gridagora.core.errors import InputError
from gridagora.population.fleet import tender
from gridagora.run.orders import Orders, place, reach, replace_curves
from gridagora.run.step import Run


@pytest.fixture
def layered(scene, study):
    return Run(scene, "layered", study)


def test_every_fault_is_told(layered):
    battery = sorted(set(layered.desk.fleet.of_kind("battery").home.tolist()))
    without = min(set(range(10)) - set(battery))
    home = battery[0]
    with pytest.raises(InputError) as refused:
        layered.step(
            power_kw={"batery": {0: 1.0}, "battery": {10: 1.0, without: 1.0, home: np.nan}},
            bids={
                "battery": {home: ((1.0, -1.0), (0.1, 0.2))},
                "hvac": {0: ((0.0, 1.0), (0.1,)), 1: ((0.0,), (np.inf,))},
            },
        )
    said = str(refused.value)
    assert (
        "power_kw: got 'batery', expected a kind of device that a home owns. Did you mean 'battery'?"
        in said
    )
    assert "power_kw, battery: got home 10, expected a row from 0 to 9." in said
    assert (
        f"power_kw, battery: got home {without} ('home-{without + 1:04d}'), expected a home that owns one"
        in said
    )
    assert f"power_kw, battery of home {home}: got nan kW, expected a finite power." in said
    assert (
        f"power_kw, battery of home {home}: got a power and a bid, expected one of the two." in said
    )
    assert f"bids, battery of home {home}: got powers [1.0, -1.0] at prices [0.1, 0.2]" in said
    assert "bids, hvac of home 0: got 2 powers and 1 prices" in said
    assert "bids, hvac of home 1: got a number that is not finite" in said
    assert layered.desk.interval == 0


def test_homes_that_look_at_no_price_do_not_bid(scene, study):
    with pytest.raises(
        InputError,
        match=r"expected none, for its homes do not look at prices\. Order a power instead",
    ):
        Run(scene, "flat", study).step(bids={"hvac": {0: ((0.0,), (0.1,))}})


def test_a_run_that_is_over_takes_no_step(scene, study):
    run = Run(scene, "flat", study)
    run.finish()
    with pytest.raises(InputError, match="step: got a run that is over"):
        run.step()


@pytest.mark.parametrize("design", ["rtp", "central", "layered", "peer"])
def test_a_bid_is_followed(design, scene, study):
    """Bought below a price that is never reached, and sold above one that always is."""
    run = Run(scene, design, study)
    home = int(run.desk.fleet.of_kind("battery").home[0])
    dear = run.step(bids={"battery": {home: ((-1.5, -1.5, 0.5), (9.0, -9.0, -9.0))}})
    assert dear.power_kw["battery"][home] == pytest.approx(-1.5, abs=1e-6)
    cheap = run.step(bids={"battery": {home: ((-0.5, 1.5, 1.5), (9.0, 9.0, -9.0))}})
    assert cheap.power_kw["battery"][home] == pytest.approx(1.5, abs=1e-6)


def test_an_order_is_a_curve_of_one_point_within_reach(layered):
    layered.observe(0)
    desk, now = layered.desk, Moment(0, 0.0, 1 / 12, 1 / 12)
    index = [group.about.kind for group in desk.fleet.groups].index("battery")
    rows, _, most = reach(desk.fleet, desk.plan, index, now)
    home = int(desk.fleet.groups[index].home[rows[0]])
    placed = place(Orders({"battery": {home: 500.0}}), desk.fleet, desk.plan, now)
    assert len(placed) == 1
    assert placed[0].p_kw.tolist() == [most[0]]
    own = tender(desk.fleet, desk.plan, 0, 1 / 12, 0.0)
    curves = replace_curves(own, desk.plan.rows, placed)
    row = sum(len(one) for one in desk.plan.rows[:index])
    assert np.diff(curves.offset)[row] == 1
    assert curves.p_kw[curves.offset[row]] == most[0]
    assert len(curves.offset) == len(own.offset)
    assert (np.diff(curves.offset) == np.diff(own.offset)).sum() == len(own.offset) - 2
