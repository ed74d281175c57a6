"""Every market has a page that says how its defenders would run it: every key with its default and source, forms that build."""

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from gridagora.core.registry import find, names
from gridagora.scenario import build, read

FOLDER = Path(__file__).parents[1] / "docs" / "designs"
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in sorted(FOLDER.glob("*.md"))}
INDEX = PAGES.pop("index")
OWN = [
    name
    for name in names("market")
    if find("market", name).__module__.startswith("gridagora.markets.")
]
TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECTIONS = ("In practice", "At its best", "Told of the limit", "Pays for overload", "Against it")


def defaults(page: str) -> dict[str, str]:
    """Return the default of every key in the table of a page, as it is written."""
    found = {}
    for row in page.splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if row.startswith("| `") and len(cells) == 3:
            keys, values = (re.findall(r"`([^`]*)`", cell) for cell in cells[:2])
            assert len(keys) == len(values), f"{row}: as many defaults as keys"
            assert cells[2], f"{row}: a default has a source"
            found |= dict(zip(keys, values, strict=True))
    return found


def test_every_market_has_a_page_and_every_page_a_market():
    assert sorted(PAGES) == sorted(OWN)
    assert all(f"]({name}.md)" in INDEX for name in OWN)


@pytest.mark.parametrize("name", OWN)
def test_a_page_has_every_key_with_its_default(name):
    told = defaults(PAGES[name])
    fields = {field.name: field.default for field in dataclasses.fields(find("market", name))}
    assert told == {key: str(value) for key, value in fields.items()}


@pytest.mark.parametrize("name", OWN)
def test_a_page_says_what_a_referee_asks(name):
    assert [part for part in SECTIONS if f"**{part}**" not in PAGES[name]] == []


@pytest.mark.parametrize("name", OWN)
def test_the_forms_of_a_page_build(name):
    for text in TOML.findall(PAGES[name]):
        case = read.parse(f"{text}\n[scenario]\ndays = 1\n", f"{name}.md")
        scene = build.build(case)
        held = [design.name for design in case.designs]
        assert all(scene.market(design) for design in [*held, name])
        assert tomllib.loads(text)
