"""No page breaks a rule of axe: in light and dark, and as narrow as a telephone.

Deque Systems, axe-core (rules of WCAG 2.0 to 2.2 at A and AA, and its best practices).
"""

import pytest

from tests.browser.pages import PAGES

# what other colours, and what another width, can break
OF_COLOURS = ["color-contrast", "link-in-text-block"]
OF_WIDTH = ["scrollable-region-focusable", "target-size", "label", "select-name", "region"]


# pages that share a style sheet with one of these are seen dark, or narrow, by it
DARK = {"comparison", "sweep map", "progress", "check"}
NARROW = {"claims", "sweep map", "progress", "check"}


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(window, axe, made, name):
    window.open(made(name))
    found = {"light": window.violations(axe)}
    if name in DARK:
        window.switch_theme()
        found["dark"] = window.violations(axe, OF_COLOURS)
    if name in NARROW:
        window.narrow()
        found["narrow"] = window.violations(axe, OF_WIDTH)
    assert {state: rules for state, rules in found.items() if rules} == {}


def test_axe_finds_what_is_wrong(window, axe, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text("<html lang=en><title>A</title><main><h1>A</h1><img src='data:,'></main>")
    window.open(bad.as_uri())
    assert [rule for rule, *_ in window.violations(axe)] == ["image-alt"]
