"""Parts are found by kind and name: `@register("market", "central")` on a frozen dataclass or function.

A part from outside the package registers itself likewise when its module is imported. A kind and a name stand for one part: two
modules that claim the same are refused. Parts of a plugin file are known only while the scenario at hand names the file.
"""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Collection, Iterable
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from gridagora.core.errors import InputError, Problem, nearest, require
from gridagora.core.rules import Rulebook

Part = TypeVar("Part")
ROOMS = MappingProxyType(
    {
        "device": "devices",
        "strategy": "strategies",
        "market": "markets",
        "metric": "metrics",
        "source": "sources",
    }
)
# What a class of market is, which no scenario can change: class variables, not fields.
FACTS = ("rules",)
_parts: dict[tuple[str, str, str], Any] = {}  # by kind, name and the module that registered it
_again: set[tuple[str, str, str]] = set()  # filed more than once
_set_aside: set[str] = set()  # modules of plugin files that the scenario at hand does not name


class Entry(NamedTuple):
    """A part, its kind and name, and the module that registered it."""

    kind: str
    name: str
    module: str
    part: Any

    @property
    def outside(self) -> bool:
        """Whether it is no part of the package."""
        return self.module.partition(".")[0] != "gridagora"


def register(kind: str, name: str, module: str = "") -> Callable[[Part], Part]:
    """Return a decorator that files a part under its kind and name; the part itself is unchanged.

    `module` is the module that it comes from: the one that calls, where left out.

    Raises
    ------
    InputError
        A kind that no part has.
    """
    require(kind, str, "register", f"a kind of part: {', '.join(ROOMS)}")
    require(name, str, f"register('{kind}')", "the name of the part, as text")
    if kind not in ROOMS:
        raise InputError(
            [
                Problem(
                    f"register('{kind}', '{name}')",
                    f"'{kind}'",
                    "a kind of part",
                    nearest(kind, list(ROOMS)),
                )
            ]
        )
    if not name.strip():
        raise InputError(
            [Problem(f"register('{kind}')", "a name without letters", "the name of the part")]
        )
    origin = module or sys._getframe(1).f_globals["__name__"]

    def file(part: Part) -> Part:
        if (
            kind,
            name,
            origin,
        ) in _parts:  # a cell of a notebook that runs again, or a slip of a plugin
            _again.add((kind, name, origin))
        _parts[kind, name, origin] = part
        return part

    return file


def entries(kind: str) -> list[Entry]:
    """Return every part of a kind that is known, by name. Imports the room of that kind once.

    Raises
    ------
    InputError
        No such kind.
    """
    require(kind, str, "kind of part", f"one of {', '.join(ROOMS)}")
    if kind not in ROOMS:
        raise InputError(
            [
                Problem(
                    "kind of part",
                    f"'{kind}'",
                    f"one of {', '.join(ROOMS)}",
                    nearest(str(kind), list(ROOMS)),
                )
            ]
        )
    room = importlib.import_module(f"gridagora.{ROOMS[kind]}")
    for module in pkgutil.iter_modules(room.__path__):
        importlib.import_module(f"{room.__name__}.{module.name}")
    known = [
        Entry(*key, part)
        for key, part in _parts.items()
        if key[0] == kind and key[2] not in _set_aside
    ]
    return sorted(known, key=lambda entry: entry.name)


def registered(module: str) -> list[Entry]:
    """Return what a module registered, or any module below it, known or set aside."""
    return [
        Entry(*key, part)
        for key, part in _parts.items()
        if key[2] == module or key[2].startswith(f"{module}.")
    ]


def registered_twice(module: str) -> list[tuple[str, str]]:
    """Return kind and name of what a module, or one below it, filed more than once."""
    return sorted(
        (kind, name)
        for kind, name, origin in _again
        if origin == module or origin.startswith(f"{module}.")
    )


def modules() -> set[str]:
    """Return the names of every module that registered a part."""
    return {module for _, _, module in _parts}


def forget(module: str) -> None:
    """Drop what a module registered before its import failed."""
    for entry in registered(module):
        del _parts[entry.kind, entry.name, entry.module]
        _again.discard((entry.kind, entry.name, entry.module))


def set_aside(modules: Collection[str]) -> None:
    """Forget the parts of these modules, and of no others, until the next call; nothing is imported or lost."""
    _set_aside.clear()
    _set_aside.update(modules)


def clashes(kind: str) -> list[Problem]:
    """Return the names of a kind that more than one module registers."""
    return _claimed_twice(entries(kind))


def _single(kind: str) -> list[Entry]:
    """Return every part of a kind by name, unless a name stands for two."""
    known = entries(kind)
    if problems := _claimed_twice(known):
        raise InputError(problems)
    return known


def _claimed_twice(known: Iterable[Entry]) -> list[Problem]:
    found: dict[str, list[str]] = {}
    for entry in known:
        found.setdefault(f"{entry.kind} '{entry.name}'", []).append(entry.module)
    hint = "Give one of them another name; where both are plugins, use one of them."
    return [
        Problem(
            part,
            f"a name registered by {' and '.join(sorted(modules))}",
            "a name that one module registers",
            hint,
        )
        for part, modules in found.items()
        if len(modules) > 1
    ]


def names(kind: str) -> list[str]:
    """Names of every part of a kind, sorted.

    Raises
    ------
    InputError
        A name that two modules registered.
    """
    return [entry.name for entry in _single(kind)]


def find(kind: str, name: str) -> Any:
    """Return the part of that kind and name.

    Raises
    ------
    InputError
        No such part, with the nearest name, or a name that two modules registered.
    """
    known = {entry.name: entry for entry in _single(kind)}
    require(name, str, kind, f"the name of a {kind}, as text")
    if name not in known:
        raise InputError(
            [Problem(kind, f"'{name}'", f"the name of a {kind}", nearest(name, list(known)))]
        )
    return known[name].part


def strategies(market: str) -> tuple[str, ...]:
    """Return the strategies that fit a market: those its rules name."""
    rules: Rulebook = find("market", market)().rules
    return rules.strategies


def find_mismatch(market: str, strategy: str, where: str) -> list[Problem]:
    """Return the problem of a strategy that a market cannot run with, or nothing."""
    fit = [name for name in strategies(market) if name in names("strategy")]
    if strategy in fit:
        bids, hears = find("strategy", strategy)().bidder, find("market", market)().rules.bidder
        if bids is hears:
            return []
        got = f"'{strategy}', whose bidder is {bids.name}"
        expected = f"a strategy whose bidder is {hears.name}, as the rules of the design say"
        return [Problem(where, got, expected)]
    listed = (
        " or ".join(f"'{name}'" for name in fit) or "a strategy that exists, named by its rules"
    )
    hint = nearest(strategy, fit) if len(fit) > 1 else ""
    return [
        Problem(
            where, f"'{strategy}'", f"a strategy that fits the design '{market}': {listed}", hint
        )
    ]
