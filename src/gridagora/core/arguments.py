"""A call that fails on an argument of another kind says so by the name of the argument; a call that works costs nothing more."""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np

from gridagora.core.errors import InputError, PartError, Problem, shown

Given = ParamSpec("Given")
Made = TypeVar("Made")
NUMBERS = "biufc"  # kinds of numpy
ARRAY_LIKE = "_SupportsArray"  # in what numpy takes for an array
WORDS = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}


def explained(function: Callable[Given, Made], module: str, name: str) -> Callable[Given, Made]:
    """Return a function whose failure on an argument of another kind is a sentence; any other failure is its own.

    `module` and `name` are where users find it. Kinds are looked at after a call has failed, so that a run is not slowed down.
    """

    @functools.wraps(function)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        try:
            return function(*args, **kwargs)
        except (InputError, PartError):
            raise
        except (TypeError, AttributeError, ValueError, IndexError, KeyError) as fault:
            if problems := find_wrong(function, name, args, kwargs):
                raise InputError(problems) from fault
            raise

    call.__module__, call.__qualname__ = module, name  # by which other processes find it
    return call


def find_wrong(
    function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> list[Problem]:
    """Return what is wrong with the kinds of arguments: too many, too few, or of another kind than the function states."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as fault:
        asked = ", ".join(inspect.signature(function).parameters)
        return [Problem(f"{name}()", str(fault), f"the arguments {asked}")]
    hints = typing.get_type_hints(function)
    return [
        Problem(f"{name}: {each}", shown(value), spell(hints[stated]))
        for stated, each, value in _values(bound)
        if stated in hints and not is_of(value, hints[stated])
    ]


def _values(bound: inspect.BoundArguments) -> Iterator[tuple[str, str, Any]]:
    """Yield each value with the parameter that states its kind and its own name; those of `*` and `**` one by one."""
    kinds = {name: each.kind for name, each in bound.signature.parameters.items()}
    for name, value in bound.arguments.items():
        if kinds[name] is inspect.Parameter.VAR_KEYWORD:
            yield from ((name, own, each) for own, each in value.items())
        elif kinds[name] is inspect.Parameter.VAR_POSITIONAL:
            yield from ((name, name, each) for each in value)
        else:
            yield name, name, value


def is_of(value: Any, hint: Any) -> bool:
    """Return whether a value is of the kind that a hint states; where a hint states nothing that can be looked at, it is."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if _is_array_like(hint):
        return _is_numeric(value)
    if origin in {typing.Union, types.UnionType}:
        return any(is_of(value, each) for each in inside)
    if hint is None or hint is type(None):
        return value is None
    if origin is Literal:
        return value in inside
    if origin is Callable:
        return callable(value)
    kind = origin or hint
    if kind is Any or not isinstance(kind, type) or _is_protocol(kind):
        return True
    if kind is float:
        return isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int | np.integer) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is str or not isinstance(value, str))


def _is_array_like(hint: Any) -> bool:
    """Return whether a hint is the union of all that numpy takes for an array."""
    is_union = typing.get_origin(hint) in {typing.Union, types.UnionType}
    return is_union and ARRAY_LIKE in str(hint)


def _is_protocol(kind: type) -> bool:
    return bool(getattr(kind, "_is_protocol", False)) and kind.__module__ != "collections.abc"


def _is_numeric(value: Any) -> bool:
    return np.asarray(value).dtype.kind in NUMBERS


def spell(hint: Any) -> str:
    """Return the kind that a hint states, in words."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if _is_array_like(hint):
        return "numbers"
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(spell(each) for each in inside)
    if origin is Literal:
        return " or ".join(repr(each) for each in inside)
    if hint is None or hint is type(None):
        return "None"
    kind = origin or hint
    if kind is np.ndarray:
        return "an array of numpy"
    return WORDS.get(kind, f"a {getattr(kind, '__name__', str(kind))}")
