"""V5 in closed form: shares of ten-minute means of a week, limits that hold always, and supplies that it is about."""

import numpy as np
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.grid.nominal import nominal_pu
from gridagora.metrics.outside_en_50160 import breaks_limits
from gridagora.scenario import read

WEEK = 1008


def means_of(low: float, count: int, weeks: int = 1) -> np.ndarray:
    means = np.ones((1, WEEK * weeks))
    means[0, :count] = low
    return means


@pytest.mark.parametrize(
    ("low", "count", "broken"),
    [
        (0.91, WEEK, False),  # inside
        (0.89, 50, False),  # 95.04 % of the week lie inside
        (0.89, 51, True),
        (0.84, 1, True),  # below 85 % at no time
        (1.11, 1, True),  # above 110 % at no time
        (np.nan, WEEK // 2, False),  # what is not known breaks nothing
    ],
)
def test_a_week_is_judged_by_its_means(low, count, broken):
    assert bool(breaks_limits(means_of(low, count), WEEK)[0]) is broken


def test_a_week_does_not_make_up_for_another():
    assert not breaks_limits(means_of(0.89, 100, weeks=2), 2 * WEEK)[0]
    assert breaks_limits(means_of(0.89, 100, weeks=2), WEEK)[0]


def test_means_are_of_ten_minutes_and_of_230_volts(make, make_flow, metric_value):
    volts = np.full((3, 8), 1.0)
    volts[0, 0] = 0.80  # of 240 V: 192 V for a quarter of an hour
    volts[1, :4] = 0.88  # 211 V, inside
    told = make(network=make_flow(home_v_pu=volts, nominal_pu=np.full(3, 230 / 240)))
    assert metric_value("V5", told) == 1.0
    assert np.isnan(metric_value("V5", make(network=make_flow(home_v_pu=volts))))


def test_a_supply_of_120_volts_is_refused():
    with pytest.raises(InputError, match=r"voltage_band.*120 V.*ansi_a"):
        gridagora.build(
            read.parse(
                "", overrides=["homes.count=2", "scenario.days=1", 'feeder.voltage_band="en_50160"']
            )
        )


def test_a_european_feeder_names_its_base(data_dir):
    text = ["scenario.days=1", 'feeder.voltage_band="en_50160"', 'homes.on="all"', "homes.count=3"]
    path = "{data}/feeders/ieee/LVTestCase/Master.dss"
    scene = gridagora.build(
        read.parse("", overrides=[*text, 'feeder.source="opendss"', f'feeder.file="{path}"'])
    )
    told = nominal_pu(scene.feeder, scene.home_meter)
    assert told == pytest.approx(230 / (416 / np.sqrt(3)), rel=1e-3)
