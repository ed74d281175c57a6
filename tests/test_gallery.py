"""The gallery has a page for every market; each states a fact and checks it, and the build ends where a page fails."""

import re
from pathlib import Path

import pytest

from gridagora.core.registry import find, names

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {
    page.stem: page.read_text(encoding="utf-8") for page in sorted((DOCS / "gallery").glob("*.md"))
}
INDEX = PAGES.pop("index")
CELL = re.compile(r"^```\{code-cell\}\n(.*?)^```", re.MULTILINE | re.DOTALL)


def code(page: str) -> str:
    return "\n".join(CELL.findall(page))


def shows(page: str, market: str) -> bool:
    """A page shows a market where it is named in the title or heading of the page and run in a cell."""
    return f"`{market}`" in page.partition("```{code-cell}")[0] and f'"{market}"' in code(page)


def test_every_market_of_the_package_has_a_page() -> None:
    own = [
        name
        for name in names("market")
        if find("market", name).__module__.startswith("gridagora.markets.")
    ]
    without = [name for name in own if not any(shows(page, name) for page in PAGES.values())]
    assert own
    assert not without, f"no page of docs/gallery shows {', '.join(without)}"


def test_a_page_that_only_names_a_market_does_not_show_it() -> None:
    assert not shows("# About `rtp`\n\n```{code-cell}\n1 + 1\n```\n", "rtp")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_executed_checks_a_fact_and_points_to_the_theory(name: str) -> None:
    page = PAGES[name]
    assert page.startswith("---\njupytext:\n"), "without this head nothing executes the page"
    assert "\nkernelspec:\n" in page
    assert "\n## What holds\n" in page
    assert re.search(r"^assert ", code(page), re.MULTILINE)
    assert "](../theory/" in page
    assert f"]({name}.md)" in INDEX
    assert re.search(rf"^{name}$", INDEX, re.MULTILINE)


def test_an_example_that_fails_ends_the_build() -> None:
    settings = (DOCS / "conf.py").read_text(encoding="utf-8")
    assert 'nb_execution_mode = "force"' in settings
    assert "nb_execution_raise_on_error = True" in settings
