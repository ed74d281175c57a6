"""Parts are found by kind and name: `@register("market", "central")` on a frozen dataclass or function."""

import importlib
import pkgutil
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, TypeVar

from gridagora.core.errors import InputError, Problem, nearest
from gridagora.core.rules import Rulebook

Part = TypeVar("Part", bound=Callable[..., Any])
ROOMS = MappingProxyType(
    {"device": "devices", "strategy": "strategies", "market": "markets", "metric": "metrics", "source": "sources"}
)
# What a class of market is, which no scenario can change: class variables, not fields.
FACTS = ("rules",)
_parts: dict[tuple[str, str], Any] = {}


def register(kind: str, name: str) -> Callable[[Part], Part]:
    """Return a decorator that files a part under its kind and name; the part itself is unchanged."""

    def file(part: Part) -> Part:
        _parts[kind, name] = part
        return part

    return file


def names(kind: str) -> list[str]:
    """Names of every part of a kind, sorted. Imports the room of that kind once."""
    room = importlib.import_module(f"gridagora.{ROOMS[kind]}")
    for module in pkgutil.iter_modules(room.__path__):
        importlib.import_module(f"{room.__name__}.{module.name}")
    return sorted(name for have, name in _parts if have == kind)


def find(kind: str, name: str) -> Any:
    """Return the part of that kind and name.

    Raises
    ------
    InputError
        No such part; the sentence gives the nearest name.
    """
    known = names(kind)
    if name not in known:
        raise InputError([Problem(kind, f"'{name}'", f"the name of a {kind}", nearest(name, known))])
    return _parts[kind, name]


def strategies(market: str) -> tuple[str, ...]:
    """Return the strategies that fit a market: those its rules name."""
    rules: Rulebook = find("market", market)().rules
    return rules.strategies


def misfit(market: str, strategy: str, where: str) -> list[Problem]:
    """Return the problem of a strategy that a market cannot run with, or nothing."""
    fit = [name for name in strategies(market) if name in names("strategy")]
    if strategy in fit:
        return []
    listed = " or ".join(f"'{name}'" for name in fit) or "a strategy that exists, named by its rules"
    hint = nearest(strategy, fit) if len(fit) > 1 else ""
    return [Problem(where, f"'{strategy}'", f"a strategy that fits the design '{market}': {listed}", hint)]
