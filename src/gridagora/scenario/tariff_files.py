"""Tariffs that designs of a scenario read from files: where they lie, whether they can be read, the design that bills by one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from gridagora.core.errors import InputError, Problem
from gridagora.core.ports import Market
from gridagora.core.registry import find, names
from gridagora.core.retail_tariff import describe_tariff
from gridagora.files.retail_tariff_file import read_tariff
from gridagora.scenario.key_checks import Got
from gridagora.scenario.paths import HOLDER, data_folder, locate
from gridagora.scenario.schema import Design, Scenario
from gridagora.settlement.retail_terms import TariffMarket

KEY = "file"
Keys = Mapping[str, Any]


class Start(NamedTuple):
    """Where relative paths start, and the currency of the scenario."""

    folder: Path
    currency: str


class Placed(NamedTuple):
    """Keys of markets and of designs with paths of tariffs made absolute, and these paths as written, by key."""

    parts: dict[str, dict[str, Any]]
    designs: tuple[Design, ...]
    written: dict[str, str]


def place_tariffs(
    parts: Mapping[str, dict[str, Any]],
    designs: Sequence[Design],
    start: Start,
    got: Got,
    problems: list[Problem],
) -> Placed:
    """Return the keys with absolute paths of tariffs; one that is not there or cannot be read is added to the problems."""
    written: dict[str, str] = {}
    found_parts = {name: dict(keys) for name, keys in parts.items()}
    for name, keys in found_parts.items():
        if _names_file(name, keys):
            written[f"market.{name}.{KEY}"] = keys[KEY]
            place = ("market", name)
            keys[KEY] = _place(name, keys, start, got, place, problems)
    found_designs = []
    for design in designs:
        own = dict(design.keys)
        if _names_file(design.market, own):
            written[f"design.{design.name}.{KEY}"] = own[KEY]
            every, place = {**parts.get(design.market, {}), **own}, ("design", design.name)
            own[KEY] = _place(design.market, every, start, got, place, problems)
        found_designs.append(design.model_copy(update={"keys": own}))
    return Placed(found_parts, tuple(found_designs), written)


def _names_file(market: str, keys: Keys) -> bool:
    """Return whether the keys of a market name a tariff; keys that are no text are told elsewhere."""
    return bool(_reads_tariff(market) and isinstance(keys.get(KEY), str) and keys[KEY])


def _reads_tariff(market: str) -> bool:
    return isinstance(find("market", market)(), TariffMarket)


def _place(
    market: str,
    keys: Keys,
    start: Start,
    got: Got,
    place: tuple[str, str],
    problems: list[Problem],
) -> str:
    """Return the absolute path of a tariff, once it was read and the design can bill by it."""
    text, where = str(keys[KEY]), got.where(*place, KEY)
    path = locate(text, start.folder)
    if HOLDER in text and not data_folder().is_dir():
        hint = "Set GRIDAGORA_DATA to that folder."
        got_folder = f"no data folder at {data_folder()}"
        problems.append(Problem(where, got_folder, "the folder of public data", hint))
    elif not path.is_file():
        problems.append(Problem(where, f"'{text}'", "a file that exists", f"Looked for {path}."))
    else:
        try:
            tariff = read_tariff(path)
            find("market", market)(**{**keys, KEY: str(path)}).bill_by(tariff)
            problems += _check_currency(tariff.currency, start.currency, where)
        except InputError as fault:
            problems += [_at(each, market, got, place) for each in fault.problems]
    return str(path)


def _check_currency(own: str, currency: str, where: str) -> list[Problem]:
    """Return the problem of a tariff that says another currency than the scenario's."""
    if own in {"", currency}:
        return []
    expected = f"one in {currency}, the currency of [scenario]; nothing is converted"
    return [Problem(where, f"a tariff in {own}", expected)]


def _at(problem: Problem, market: str, got: Got, place: tuple[str, str]) -> Problem:
    """Return the problem of a key of a market as one where it was written; those of the file name it themselves."""
    head, _, key = problem.where.rpartition(".")
    return replace(problem, where=got.where(*place, key)) if head == f"market.{market}" else problem


def refuse_no_file(
    listed: Collection[str],
    parts: Mapping[str, Keys],
    designs: Sequence[Design],
    got: Got,
) -> list[Problem]:
    """Return the designs that are a tariff of a file and name none: those that are listed, and all of `[[design]]`."""
    own = {design.name: design for design in designs}
    problems = []
    for name in dict.fromkeys([*listed, *own]):
        market = own[name].market if name in own else name
        if market not in names("market"):
            continue
        keys = {**parts.get(market, {}), **(own[name].keys if name in own else {})}
        if keys.get(KEY) or not _reads_tariff(market):
            continue
        where = got.where("design", name, KEY) if name in own else got.where("market", name, KEY)
        hint = "docs/how-to/own-tariff.md shows one."
        problems.append(Problem(where, "no tariff", "the file of a tariff", hint))
    return problems


def bill_by_file(made: Market[Any]) -> Market[Any]:
    """Return the design that bills by the tariff that its file holds; any other as it is.

    Raises
    ------
    InputError
        A file that cannot be read any more.
    """
    if not isinstance(made, TariffMarket) or not made.file:
        return made
    return made.bill_by(read_tariff(made.file))


def tariff_lines(scenario: Scenario) -> dict[str, str]:
    """Return what the tariffs of all designs that are compared charge, in words."""
    lines = {}
    for name in scenario.compared:
        market, keys = scenario.market_of(name), scenario.keys_of(name)
        if _names_file(market, keys):
            said = describe_tariff(read_tariff(keys[KEY]))
            lines[f"tariff of {name}"] = "; ".join(said)
    return lines
