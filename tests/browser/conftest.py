"""A browser that tests open pages in: Debian's chromium with its chromedriver, selenium, and the rules of axe-core.

    apt-get install chromium chromium-driver; npm install axe-core
    GRIDAGORA_AXE=node_modules/axe-core/axe.min.js python -m pytest tests/browser

What is absent skips with the reason; with `GRIDAGORA_REQUIRE_AXE=1`, as in `.ci/run`, it fails.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests.browser.pages import PAGES
from tests.browser.window import open_window

TOP = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def absent(reason):
    """Skip for a reason, or fail where the browser is required."""
    if os.environ.get("GRIDAGORA_REQUIRE_AXE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def axe():
    """Return the script of axe-core."""
    at = Path(os.environ.get("GRIDAGORA_AXE", TOP / "node_modules" / "axe-core" / "axe.min.js"))
    if not at.is_file():
        absent(f"no axe-core at {at}: npm install axe-core, or set GRIDAGORA_AXE to axe.min.js")
    return at.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def chromium():
    """Return the path of the browser of this machine."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        absent("no chromium on the path: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def window(chromium, tmp_path_factory):
    """Yield a window of the browser, one for all tests of this process."""
    service = shutil.which("chromedriver")
    if service is None:
        absent("no chromedriver on the path: apt-get install chromium-driver")
    try:
        import selenium  # noqa: F401
    except ImportError:
        absent("no selenium: pip install 'gridagora[dev]'")
    with open_window(chromium, service, tmp_path_factory.mktemp("profile")) as held:
        yield held


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Return the address of a page by its kind; each is written once."""
    folder, held = tmp_path_factory.mktemp("pages"), {}

    def address(name):
        if name not in held:
            held[name] = PAGES[name](folder).as_uri()
        return held[name]

    return address
