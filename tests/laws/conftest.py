"""The small scene of the market laws: every registered design runs on it once."""

import pytest

from gridagora.core.registry import names
from gridagora.run.compare import prepare
from gridagora.run.score import score
from gridagora.run.simulate import simulate
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
    """Return what all designs share."""
    return prepare(scene)


@pytest.fixture(scope="session")
def outcomes(scene, study):
    """Return the outcome of every registered design."""
    return {name: score(name, simulate(scene.market(name), study), study) for name in names("market")}
