"""Pointers hold: "theory 3.5" names a heading, and the pages name modules, tests and metrics that exist."""

import re
from pathlib import Path

import pytest

from gridagora.core.registry import find, names

TOP = Path(__file__).parents[1]
PAGES = sorted((TOP / "docs" / "theory").glob("*.md"))
TEXT = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
HEADING = re.compile(r"^#{1,3} (\d+(?:\.\d+)?) ", re.MULTILINE)
CITED = re.compile(r"\btheory (\d+(?:\.\d+)?(?:(?:, | and | to )\d+(?:\.\d+)?)*)", re.IGNORECASE)
WITHIN = re.compile(
    r"(?<![\w.])\d{1,2}\.\d{1,2}(?![\d.])"
)  # a number of the text stands in its mathematics
NO_TEXT = re.compile(r"```.*?```|`[^`]*`|(?:doi|arXiv|clause|theorem) \S+", re.DOTALL)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
LAWS = re.compile(
    r'(?:def test_|""")((?:t\d+_)+|T\d+(?:, T\d+)*(?=[:,. ]))'
)  # as names and docstrings of tests begin
ELSEWHERE = re.compile(r"\bmodelling(\.md)? (\d|Q\d|figure)|\bkernels\.md\b")
ROOMS = (
    "core|kernels|devices|strategies|markets|grid|metrics|sources|scenario|run|report|live|files"
)
FOLDERS = ("src", "tests", "benchmarks")


def headings() -> set[str]:
    return {number for text in TEXT.values() for number in HEADING.findall(text)}


def dangling(text: str) -> list[str]:
    """Sections that a text cites and no page has."""
    return [
        number
        for cited in CITED.findall(text)
        for number in NUMBER.findall(cited)
        if number not in headings()
    ]


def test_pages_count_their_sections_from_one() -> None:
    for name, text in TEXT.items():
        found = HEADING.findall(text)
        if name == "index.md":
            assert not found
            continue
        page = name.partition("-")[0]
        assert found == [page, *(f"{page}.{k}" for k in range(1, len(found)))], name


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_citation_of_the_theory_is_a_heading(folder: str) -> None:
    stray = [
        f"{file.relative_to(TOP)}: theory {number}"
        for file in sorted((TOP / folder).rglob("*.py"))
        if file != Path(__file__)
        for number in dangling(file.read_text(encoding="utf-8"))
    ]
    assert not stray, f"no such section in docs/theory: {', '.join(stray)}"


def test_a_citation_without_a_heading_is_noticed() -> None:
    assert dangling("as in theory 2.2 and 99.1, Theory 3") == ["99.1"]


def test_sections_named_on_the_pages_exist() -> None:
    stray = [
        f"{name}: {number}"
        for name, text in TEXT.items()
        for number in WITHIN.findall(NO_TEXT.sub("", text))
        if number not in headings()
    ]
    assert not stray, f"no such section in docs/theory: {', '.join(stray)}"


def test_no_other_text_is_cited() -> None:
    """Pages that are not part of the project cannot be read by who reads the code."""
    stray = [
        str(file.relative_to(TOP))
        for folder in FOLDERS
        for file in sorted((TOP / folder).rglob("*.py"))
        if file != Path(__file__) and ELSEWHERE.search(file.read_text(encoding="utf-8"))
    ]
    assert not stray, f"cite docs/theory instead: {', '.join(stray)}"


def test_modules_and_tests_named_on_the_pages_exist() -> None:
    stray = []
    for name, text in TEXT.items():
        stray += [
            f"{name}: {path}"
            for path in re.findall(r"`(tests/[\w/]+\.py)`", text)
            if not (TOP / path).is_file()
        ]
        for dotted in re.findall(rf"`((?:{ROOMS})\.\w+)", text):
            file = TOP / "src" / "gridagora" / Path(*dotted.split("."))
            stray += (
                [f"{name}: {dotted}"]
                if not (file.with_suffix(".py").is_file() or file.is_dir())
                else []
            )
    assert not stray, f"a page of docs/theory points to what is no more: {', '.join(stray)}"


def test_every_metric_is_defined_with_its_unit_and_direction() -> None:
    rows = dict(re.findall(r"^\| (\w+) \| (.*) \|$", TEXT["8-metrics.md"], re.MULTILINE))
    metrics = {metric_id: find("metric", metric_id) for metric_id in names("metric")}
    own = {
        metric_id: part
        for metric_id, part in metrics.items()
        if part.compute.__module__.startswith("gridagora.")
    }
    for metric_id, part in own.items():
        assert metric_id in rows, f"define {metric_id} ({part.name}) in docs/theory/8-metrics.md"
        assert rows[metric_id].split(" | ")[-2:] == [part.unit, part.direction], metric_id
    assert set(rows) - {"id"} == set(own)


def test_every_numbered_law_is_listed() -> None:
    listed = set(re.findall(r"^\| T(\d+) ", TEXT["11-laws.md"], re.MULTILINE))
    text = "\n".join(file.read_text(encoding="utf-8") for file in (TOP / "tests").rglob("*.py"))
    named = {number for cited in LAWS.findall(text) for number in NUMBER.findall(cited)}
    assert {"1", "10", "31"} <= named <= listed, (
        f"list in docs/theory/11-laws.md: {sorted(named - listed, key=int)}"
    )
