"""Parts are found by kind and name: `@register("market", "central")` on a frozen dataclass or function."""

import importlib
import pkgutil
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, TypeVar

from gridagora.core.errors import InputError, Problem, nearest

Part = TypeVar("Part", bound=Callable[..., Any])
ROOMS = MappingProxyType(
    {"device": "devices", "strategy": "strategies", "market": "markets", "metric": "metrics", "source": "sources"}
)
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
