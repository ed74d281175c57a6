"""Faults of single keys, told in sentences: unknown names, wrong types, values out of range."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, NamedTuple, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.registry import FACTS, find, find_mismatch, names
from gridagora.scenario.key_sentences import expected, sentence, shown
from gridagora.scenario.schema import TABLES


@dataclass(frozen=True)
class Got:
    """Where keys were written: in the file, or by an override."""

    name: str
    set_by: dict[tuple[str, ...], str] = field(default_factory=dict)

    def where(self, *path: str) -> str:
        """Return the place of a key, as messages show it."""
        path = tuple(".".join(path).split("."))
        if path in self.set_by:
            return f"--set {self.set_by[path]}"
        if path[0] == "design":
            return f"{self.name}: [[design]] {' '.join(path[1:])}"
        return (
            f"{self.name}: [{'.'.join(path[:-1])}] {path[-1]}"
            if path[:-1]
            else f"{self.name}: [{path[0]}]"
        )


def full_name(key: str) -> str:
    """Return a hint for a key written without its table."""
    every = {
        name: f"{table}.{name}" for table, model in TABLES.items() for name in model.model_fields
    }
    close = get_close_matches(key, list(every), n=1, cutoff=0.6)
    return f"Did you mean '{every[close[0]]}'?" if close else ""


def unknown_table(name: str, value: Any, got: Got) -> Problem:
    """Return the problem of a heading, or of a key above the first heading, that no scenario has."""
    if isinstance(value, dict):
        typed = next((item for path, item in got.set_by.items() if path[0] == name), None)
        where = got.name if typed is None else f"--set {typed}"
        return Problem(
            where,
            f"an unknown table [{name}]",
            "a table of a scenario",
            nearest(name, list(TABLES)),
        )
    return Problem(
        got.name,
        f"the key '{name}' outside any table",
        "keys under a heading such as [scenario]",
        full_name(name),
    )


def keys(table: str, values: Mapping[str, Any], got: Got) -> dict[str, Problem]:
    """Return the problem of each bad key of one table."""
    try:
        TABLES[table].model_validate(values)
    except ValidationError as fault:
        fields, bad = (
            TABLES[table].model_fields,
            {str(error["loc"][0]): error for error in fault.errors()},
        )
        return {
            key: sentence(table, key, error, fields, got.where(table, key))
            for key, error in bad.items()
        }
    return {}


def architectures(chosen: tuple[str, ...], own: Collection[str], where: str) -> list[Problem]:
    """Return the problems of a list of designs, given the names of `[[design]]`: unknown or repeated names."""
    known = [*names("market"), *own]
    found = [
        Problem(
            where,
            f"an unknown architecture '{name}'",
            "the name of a market or a [[design]]",
            nearest(name, known),
        )
        for name in chosen
        if name not in known
    ]
    twice = sorted({name for name in chosen if chosen.count(name) > 1})
    return found + [
        Problem(where, f"'{name}' more than once", "each architecture once") for name in twice
    ]


def parts(raw: Mapping[str, Any], got: Got, problems: list[Problem]) -> dict[str, dict[str, Any]]:
    """Return the checked keys of every `[market.NAME]`; problems are added to the list."""
    known = names("market")
    checked: dict[str, dict[str, Any]] = {}
    for name, values in raw.items():
        if name not in known:
            where = got.where("market", name)
            problems.append(
                Problem(
                    where,
                    f"an unknown design '{name}'",
                    "the name of a market",
                    nearest(name, known),
                )
            )
            continue
        types, whose = part_keys(name), Whose("market", name, f"the design '{name}'")
        before = len(problems)
        checked[name] = {
            key: _part_value(whose, key, value, types, got, problems)
            for key, value in values.items()
        }
        if len(problems) == before:
            strategy = got.where("market", name, "strategy")
            problems += _made(name, checked[name], lambda where: f"{got.name}: {where}", strategy)
    return checked


def design_keys(
    name: str,
    market: str,
    own: Mapping[str, Any],
    shared: Mapping[str, Any],
    got: Got,
    problems: list[Problem],
) -> dict[str, Any]:
    """Return the checked keys of one `[[design]]` over those of its market; problems are added to the list."""
    types, before = part_keys(market), len(problems)
    whose = Whose("design", name, f"the market '{market}'")
    checked = {
        key: _part_value(whose, key, value, types, got, problems) for key, value in own.items()
    }
    if len(problems) == before:

        def place(where: str) -> str:
            key = where.removeprefix(f"market.{market}").lstrip(".")
            return got.where("design", name, *([key] if key else []))

        strategy = got.where("design", name, "strategy")
        problems += _made(market, {**shared, **checked}, place, strategy)
    return checked


def devices(raw: Mapping[str, Any], got: Got, problems: list[Problem]) -> dict[str, dict[str, Any]]:
    """Return the checked keys of every `[homes.KIND]`; problems are added to the list."""
    known = [
        name for name in names("device") if dataclasses.fields(find("device", name).about.keys)
    ]
    checked: dict[str, dict[str, Any]] = {}
    for name, values in raw.items():
        if name not in known:
            got_name, expected = (
                f"an unknown table [homes.{name}]",
                f"a kind of device with keys: {', '.join(known)}",
            )
            problems.append(
                Problem(got.where("homes", name), got_name, expected, nearest(name, known))
            )
            continue
        keys = find("device", name).about.keys
        hints = get_type_hints(keys)
        types = {item.name: hints[item.name] for item in dataclasses.fields(keys)}
        before, whose = len(problems), Whose("homes", name, f"the device '{name}'")
        checked[name] = {
            key: _part_value(whose, key, value, types, got, problems)
            for key, value in values.items()
        }
        if len(problems) == before:
            problems += _refused(keys, checked[name], got)
    return checked


def _refused(keys: Any, values: Mapping[str, Any], got: Got) -> list[Problem]:
    """Return what the keys of a part refuse together."""
    try:
        keys(**values)
    except InputError as fault:
        return [
            dataclasses.replace(each, where=got.where(*each.where.split(".")))
            for each in fault.problems
        ]
    return []


class Whose(NamedTuple):
    """The part that a key belongs to: the table above it, its name, and what it is called in sentences."""

    table: str
    name: str
    words: str


def _made(
    market: str, values: Mapping[str, Any], place: Callable[[str], str], strategy_place: str
) -> list[Problem]:
    """Return what a market itself refuses: values that are fine one by one and not together, a strategy that does not fit.

    `place` says where a key was written, from where the market says it is; `strategy_place` the same of its strategy.
    """
    try:
        made = find("market", market)(**values)
    except InputError as fault:
        return [dataclasses.replace(each, where=place(each.where)) for each in fault.problems]
    return find_mismatch(market, made.strategy, strategy_place)


def part_keys(name: str) -> dict[str, Any]:
    """Return the keys of a design with their types: the fields of its dataclass that a caller may give."""
    part = find("market", name)
    if not dataclasses.is_dataclass(part):
        return {}
    hints = get_type_hints(part)
    return {
        item.name: hints[item.name]
        for item in dataclasses.fields(part)
        if item.init and item.name not in FACTS
    }


def _part_value(
    whose: Whose, key: str, value: Any, types: dict[str, Any], got: Got, problems: list[Problem]
) -> Any:
    where = got.where(whose.table, whose.name, key)
    if key in FACTS:
        said = "It says what the design is; the class sets it, no scenario."
        problems.append(
            Problem(where, f"'{key}', a fact of the class", f"a key of {whose.words}", said)
        )
        return value
    if key not in types:
        hint = nearest(key, list(types)) if types else f"'{whose.name}' has no keys."
        problems.append(Problem(where, f"an unknown key '{key}'", f"a key of {whose.words}", hint))
        return value
    plain = tuple(value) if isinstance(value, list) else value
    try:
        return TypeAdapter(
            types[key], config=ConfigDict(strict=True, allow_inf_nan=False)
        ).validate_python(plain)
    except ValidationError as fault:
        problems.append(
            Problem(
                where,
                shown(value),
                " or ".join(dict.fromkeys(expected(error) for error in fault.errors())),
            )
        )
        return value
