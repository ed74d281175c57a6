"""Shared fixtures: the data folder, with a plain reason where it is absent, and a small scene that many tests read."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gridagora.core.tables import Homes
from gridagora.run.compare import prepare
from gridagora.scenario import build, read

# A worker of pytest-xdist names the width of its terminal; output to a pipe is then wrapped as no user's is.
os.environ.pop("COLUMNS", None)

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
over_per_kwh = 1.0
"""


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real data: `GRIDAGORA_DATA`, else ../shared/data beside the checkout; skip where it is absent.

    With `GRIDAGORA_REQUIRE_DATA=1`, as in `.ci/run`, a missing folder fails the test instead.
    """
    folder = Path(
        os.environ.get("GRIDAGORA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
    )
    if not (folder / "README.md").is_file():
        reason = f"real data absent: set GRIDAGORA_DATA to the data folder (looked at {folder}; see docs/how-to/data.md)"
        if os.environ.get("GRIDAGORA_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def scene():
    """Return a synthetic scene of ten homes for a day."""
    return build.build(read.parse(SMALL, "small.toml"))


@pytest.fixture(scope="session")
def study(scene):
    """Return what all designs share."""
    return prepare(scene)


@pytest.fixture(scope="session")
def part_of():
    """Return a function that takes some homes, their devices with them."""
    return take_homes


def take_homes(homes, part):
    assert len(homes.quality.tier) == 1, "homes of unlike quality are not cut here"
    place = np.full(len(homes.home_id), -1)
    place[part] = np.arange(len(part))
    owned = {}
    for kind, table in homes.owned.items():
        rows = np.isin(table.home, part)
        few = {
            name: column[rows]
            for name, column in vars(table).items()
            if isinstance(column, np.ndarray)
        }
        owned[kind] = replace(table, **few | {"home": place[few["home"]]})
    names = tuple(homes.home_id[row] for row in part)
    return Homes(names, homes.load_kw[part], homes.quality, owned)
