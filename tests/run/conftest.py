"""A small area: feeders of twenty homes drawn from twelve archetypes."""

import numpy as np
import pytest

from gridagora.run.area import area_of
from gridagora.run.area_tree import AreaShape
from gridagora.scenario import build, read

STREETS = """
[scenario]
seed = 3
days = 1
[homes]
count = 12
pv_share = 0.5
ev_share = 0.5
battery_share = 0.5
"""


@pytest.fixture(scope="session")
def streets():
    """Return the scene whose homes are the archetypes of an area."""
    return build.build(read.parse(STREETS, "streets.toml"))


@pytest.fixture(scope="session")
def make_streets(streets):
    """Return a function that makes an area of so many homes, with keys of `area_of` or a limit of the whole [kW]."""

    def make(homes=150, limit_kw=np.inf, **keys):
        found = area_of(streets, AreaShape(homes, 5, 4, 3), sample=10, **keys)
        limited = found.terms.wholesale._replace(limit_kw=limit_kw, over_per_kwh=1.0)
        return found._replace(terms=found.terms._replace(wholesale=limited))

    return make
