"""Runs in step are rows of the same tables: each ends as it would alone, to the last bit."""

import numpy as np
import pytest

from gridagora.core.errors import PartError
from gridagora.core.registry import names
from gridagora.run.compare import prepare, study_of
from gridagora.run.evaluate import evaluate
from gridagora.run.forecast import real_time_per_kwh
from gridagora.run.simulate import simulate, simulate_runs
from gridagora.run.state import baseline
from gridagora.scenario import build, read
from tests.laws.variants import market_of

SEEDS = (3, 4, 5)
# Variants that have kernels or states of their own between runs in step; the others differ from these by a number.
IN_STEP = (
    "demand_charge, in the window",
    "peer, pools without delivery",
    "peer, network price",
    "peer, envelopes",
    "peer, binding, network price",
    "auction, network price, learned prices",
    "auction, envelopes",
)
STREET = """
[scenario]
seed = {seed}
days = 1
[homes]
count = 12
{homes}
"""
PANELS = "pv_share = 0.9\n[tariff]\ncredit_per_kwh = 0.02\n"


def street(seed, homes=""):
    """A street of twelve homes for a day; the seed draws homes, weather, cars and prices."""
    scene = build.build(read.parse(STREET.format(seed=seed, homes=homes), "street.toml"))
    return scene, prepare(scene)


@pytest.fixture(scope="module")
def worlds():
    return [street(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def kinked():
    return [street(seed, PANELS) for seed in SEEDS]


def same(one, other, where):
    """Hold two values to each other bit for bit, in tuples, tables and arrays."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            same(one[key], other[key], f"{where}.{key}")
    elif hasattr(one, "_fields"):
        for name in one._fields:
            same(getattr(one, name), getattr(other, name), f"{where}.{name}")
    elif isinstance(one, tuple):
        assert len(one) == len(other), where
        for at, (first, second) in enumerate(zip(one, other, strict=True)):
            same(first, second, f"{where}[{at}]")
    elif hasattr(one, "shape"):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=where)
    elif isinstance(one, float):
        assert one == other or (np.isnan(one) and np.isnan(other)), where
    else:
        assert one == other, where


def hold_alike(name, worlds):
    scenes, studies = zip(*worlds, strict=True)
    together = simulate_runs([market_of(scene, name) for scene in scenes], studies)
    for scene, study, ran in zip(scenes, studies, together, strict=True):
        alone = evaluate(name, simulate(market_of(scene, name), study), study)
        among = evaluate(name, ran, study)
        same(alone._replace(wall_s=0.0), among._replace(wall_s=0.0), name)


@pytest.mark.parametrize("name", [*sorted(names("market")), *IN_STEP])
def test_a_run_among_others_ends_as_alone(name, worlds):
    hold_alike(name, worlds)


@pytest.mark.parametrize(
    "name",
    [
        "tou",
        "flat_optimised",
        "demand_subscription",
        "demand_charge",
        "retail_tariff, blocks and demand",
        "rtp",
        "layered",
        "retailer",
        "peer",
        "peer, network price",
    ],
)
def test_also_where_export_earns_less_than_import_costs(name, kinked):
    hold_alike(name, kinked)


ERRORS = """
[forecast]
load_error_share = 0.4
sun_error_share = 0.3
temperature_error_k = 2.0
draws_error_share = 0.2
"""


@pytest.mark.parametrize("name", ["rtp", "central", "layered"])
def test_also_where_plans_err_each_in_its_own_way(name):
    hold_alike(name, [street(seed, PANELS + ERRORS) for seed in SEEDS])


def test_errors_of_two_sizes_are_not_stepped_together():
    one, two = (street(3, ERRORS), street(4, ERRORS.replace("2.0", "1.0")))
    with pytest.raises(PartError, match="differ in size"):
        simulate_runs([one[0].market("rtp")] * 2, [one[1], two[1]])


@pytest.mark.parametrize("name", ["rtp", "central", "layered"])
def test_also_where_agents_are_offline_each_in_its_own_hours(name):
    outages = PANELS + "[links]\noutages_per_day = 6\n"
    hold_alike(name, [street(seed, outages) for seed in SEEDS])


OWN = """
[market.tou]
groups = 3
stagger_hours = 4
[[design]]
name = "spread"
market = "tou"
start_spread_minutes = 30
"""


@pytest.mark.parametrize("homes", ["", PANELS], ids=["net metering", "credit"])
def test_also_where_each_group_of_homes_has_a_window_of_its_own(homes):
    hold_alike("tou", [street(seed, homes + OWN) for seed in SEEDS])


def test_also_where_a_design_spreads_starts_for_itself():
    made = [street(seed, OWN) for seed in SEEDS]
    hold_alike("spread", [(scene, study_of(scene, study, "spread")) for scene, study in made])


HALF = "participation_share = 0.5\n" + PANELS


@pytest.mark.parametrize("name", ["rtp", "central", "layered", "peer", "retailer"])
def test_also_where_some_homes_take_no_part_and_in_one_world_all_do(name):
    some = [street(seed, HALF) for seed in SEEDS[:2]]
    hold_alike(name, [*some, street(SEEDS[2], PANELS)])


CRITICAL = """
[substation]
limit_share_of_flat_peak = 0.6
[[design]]
name = "premium"
market = "critical_peak"
base = "wholesale"
"""


@pytest.mark.parametrize("name", ["critical_peak", "premium"])
def test_also_where_each_operator_names_its_own_critical_hours(name):
    made = [street(seed, CRITICAL) for seed in SEEDS]
    hours = [scene.market(name).start(baseline_of(study)).import_per_kwh for scene, study in made]
    assert all(np.ptp(prices) > 0 for prices in hours)
    hold_alike(name, made)


def baseline_of(study):
    return baseline(study, real_time_per_kwh(study.wholesale, 48, study.dt_h))
