"""Shared fixtures: the data folder, with a plain reason where it is absent, and a small scene that many tests read."""

import os
from pathlib import Path

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
