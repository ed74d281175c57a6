"""One small comparison, run once and read by many tests."""

import pytest

from gridagora.run.compare import prepare
from gridagora.scenario import build, read

SMALL = """
[scenario]
title = "Ten homes, a day"
seed = 3
days = 1
[homes]
count = 10
pv_share = 0.5
ev_share = 0.5
battery_share = 0.4
[substation]
limit_share_of_flat_peak = 0.8
"""


@pytest.fixture(scope="session")
def scene():
    """Return a synthetic scene of ten homes for a day."""
    return build.build(read.parse(SMALL, "small.toml"))


@pytest.fixture(scope="session")
def study(scene):
    """Return what all designs share on that scene."""
    return prepare(scene)
