"""Shared fixtures: the data folder, with a plain reason where it is absent."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real data: `GRIDAGORA_DATA`, else ../shared/data beside the checkout; skip where it is absent.

    With `GRIDAGORA_REQUIRE_DATA=1`, as in `.ci/run`, a missing folder fails the test instead.
    """
    folder = Path(os.environ.get("GRIDAGORA_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not (folder / "README.md").is_file():
        reason = f"real data absent: set GRIDAGORA_DATA to the data folder (looked at {folder}; see docs/how-to/data.md)"
        if os.environ.get("GRIDAGORA_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
