"""Every design runs where a kind of device is absent: no tank, no battery, no car, no panels, or nothing but the houses."""

import numpy as np
import pytest

from gridagora.core.registry import names
from gridagora.results.outcome import welfare_usd
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read

SCENE = """
[scenario]
seed = 3
days = {days}
[homes]
count = 3
water_heaters = {tank}
pv_share = {pv}
ev_share = {ev}
battery_share = {battery}
[substation]
limit_share_of_flat_peak = 0.8
over_per_kwh = 1.0
"""
HAVE = {"tank": "true", "pv": 1, "ev": 1, "battery": 1}
NONE = {"tank": "false", "pv": 0, "ev": 0, "battery": 0}
KINDS = sorted(NONE)


def made(days, **keys):
    scene = build.build(read.parse(SCENE.format(days=days, **HAVE | keys), "kinds.toml"))
    return scene, prepare(scene)


def holds(scene, study, name):
    outcome = evaluate(name, simulate(scene.market(name), study), study)
    assert np.isfinite(welfare_usd(outcome)), name
    assert outcome.imbalance_uusd == 0, name
    assert outcome.energy_balance_kwh <= 1e-9, name
    return outcome


@pytest.mark.parametrize("absent", KINDS)
def test_central_runs_without_any_kind_of_device_also_with_a_car_plugged_in_at_midnight(absent):
    """Two days: the second midnight meets cars that are plugged in, so kinds between houses and cars may have no rows."""
    assert 0 <= holds(*made(2, **{absent: NONE[absent]}), "central").plan_gap_share < 0.5


def test_every_design_runs_on_houses_alone():
    scene, study = made(1, **NONE)
    for name in names("market"):
        if name != "retailer":  # a retailer needs prosumers, and says so
            holds(scene, study, name)


@pytest.mark.long
@pytest.mark.parametrize("absent", KINDS)
@pytest.mark.parametrize("name", names("market"))
def test_every_design_runs_without_each_kind(name, absent):
    holds(*made(2, **{absent: NONE[absent]}), name)
