"""One name, one meaning, one unit: every public field of core ends in a unit or is a word of the nomenclature page."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

from gridagora import core, mechanisms, population, results, settlement
from gridagora.mechanisms import retail

PAGE = Path(__file__).parents[1] / "docs" / "why" / "nomenclature.md"
WORD = re.compile(r"`([^`]+)`")
ROOMS = (core, mechanisms, retail, settlement, population, results)
FILES = [
    (room.__name__, module) for room in ROOMS for module in pkgutil.iter_modules(room.__path__)
]
MODULES = [f"{room}.{module.name}" for room, module in FILES if not module.ispkg]


def listed() -> set[str]:
    first = (
        line.split("|")[1]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    )
    return {word for cell in first for word in WORD.findall(cell)}


def fields(module: str) -> list[tuple[str, str]]:
    found = []
    loaded = importlib.import_module(module)
    for name, part in vars(loaded).items():
        if name.startswith("_") or not inspect.isclass(part) or part.__module__ != loaded.__name__:
            continue
        columns = (
            [field.name for field in dataclasses.fields(part)]
            if dataclasses.is_dataclass(part)
            else getattr(part, "_fields", ())
        )
        found += [(name, column) for column in columns]
    return found


def is_named(column: str, words: set[str]) -> bool:
    parts = column.split("_")
    return any("_".join(parts[first:]) in words for first in range(len(parts)))


def test_the_page_has_units_and_words() -> None:
    assert {"kw", "usd", "per_kwh", "party", "payer"} <= listed()


@pytest.mark.parametrize("module", MODULES)
def test_every_public_field_has_a_unit_or_a_word(module: str) -> None:
    words = listed()
    stray = [f"{name}.{column}" for name, column in fields(module) if not is_named(column, words)]
    assert not stray, f"neither a unit nor a word of {PAGE.name}: {', '.join(stray)}"


def test_a_name_without_unit_is_noticed() -> None:
    assert not is_named("temperature", listed())
    assert not is_named("kw_of_home_x", listed())
    assert is_named("outdoor_t_degc", listed())
