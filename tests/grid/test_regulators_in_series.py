"""Days of four regulators in series, with panels that turn the power round: taps, banks and voltages are those of OpenDSS."""

from pathlib import Path

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.flow import HUNTING
from gridagora.sources import opendss
from gridagora.sources.opendss.engine import fault_type
from tests.grid.controlled_days import engine_day, our_day
from tests.grid.series_feeder import make

TOLERANCE_PU, PHASE_V = 1e-6, 7200.0
SEEDS = (0, 1, 3, 5, 6, 7, 8, 10)  # of days in which no control hunts
QUARTER_HOURS, FIVE_MINUTES = 96, 288
DAY_MIN = 1440


def assert_same_day(folder: Path, seed: int, steps: int) -> None:
    """Controls stand as in the engine in every step, and voltages are equal."""
    series, minutes = make(seed, steps), DAY_MIN // steps
    path = folder / "series.dss"
    path.write_text(series.script)
    feeder = opendss.read(path)
    theirs = engine_day(series.script, series.p, series.q, minutes)
    ours = our_day(feeder, series.p, series.q, minutes)
    assert (ours.actions < HUNTING).all()
    assert np.array_equal(ours.tap, theirs.tap)
    assert np.array_equal(ours.steps_on, theirs.on.reshape(steps, -1))
    order = [theirs.nodes.index(name) for name in feeder.nodes.name]
    assert np.abs(ours.v - theirs.v[:, order]).max() < TOLERANCE_PU * PHASE_V
    assert (np.diff(theirs.tap, axis=0) != 0).sum() > 3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_of_quarter_hours_is_that_of_opendss(tmp_path: Path, seed: int) -> None:
    assert_same_day(tmp_path, seed, QUARTER_HOURS)


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_a_day_of_five_minutes_is_that_of_opendss(tmp_path: Path, seed: int) -> None:
    assert_same_day(tmp_path, seed, FIVE_MINUTES)


@pytest.mark.long
def test_many_days_are_those_of_opendss_where_its_controls_come_to_rest(tmp_path: Path) -> None:
    """Of settings drawn at random a quarter hunts without end: OpenDSS then stops with an error of its own."""
    compared = 0
    for seed in range(100, 200):
        try:
            assert_same_day(tmp_path, seed, QUARTER_HOURS)
        except (InputError, fault_type()) as fault:
            assert "Max Control Iterations" in str(fault)
        else:
            compared += 1
    assert compared > 50
