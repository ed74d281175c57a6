"""What a model of keys refuses, in sentences: an unknown name, another type, a value out of range."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gridagora.core.errors import Problem, nearest
from gridagora.core.registry import entries

KINDS = MappingProxyType(
    {
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "bool_type": "true or false",
        "string_type": "text in quotes",
        "date_type": "a date such as 2024-07-15, without quotes",
        "tuple_type": "a list in brackets",
        "finite_number": "a finite number",
        "too_short": "at least one name",
    }
)
BOUNDS = MappingProxyType(
    {
        "greater_than": ("gt", "above"),
        "greater_than_equal": ("ge", "of at least"),
        "less_than": ("lt", "below"),
        "less_than_equal": ("le", "of at most"),
    }
)
MOVED = MappingProxyType(
    {
        (
            "feeder",
            "homes_on",
        ): 'It is now the key \'on\' of [homes]: "customers" (before: "residential"), "meters" or "all".'
    }
)
IN_CODE = "Scenario"  # where a key stands that was written in a program


def shown(value: Any) -> str:
    """Return a value as a message shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return f"'{value}'" if isinstance(value, str) else str(value)


def expected(error: ErrorDetails) -> str:
    """Return what a key holds, in words."""
    context = error.get("ctx", {})
    if error["type"] in BOUNDS:
        bound, words = BOUNDS[error["type"]]
        return f"a number {words} {context[bound]:g}"
    if error["type"] == "literal_error":
        return str(context["expected"])
    return KINDS.get(error["type"], error["msg"])


def sentence(
    table: str, key: str, error: ErrorDetails, fields: Mapping[str, FieldInfo], where: str
) -> Problem:
    """Return the problem of one key of a table, whose keys are `fields`."""
    if error["type"] == "extra_forbidden":
        hint = MOVED.get((table, key)) or nearest(key, list(fields))
        return Problem(where, f"an unknown key '{key}'", f"a key of [{table}]", hint)
    hint = ""
    if error["type"] == "literal_error" and isinstance(error["input"], str):
        words = (
            str(error.get("ctx", {})["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        )
        known = {word.lower(): word for word in words + _from_outside(table, key)}
        near = get_close_matches(error["input"].lower(), list(known), n=1, cutoff=0.5)
        close = [known[word] for word in near]
        hint = f"Did you mean '{close[0]}'?" if close else ""
    more = "".join(f" or '{word}'" for word in _from_outside(table, key))
    return Problem(
        where, shown(error["input"]), f"{expected(error)}{more} ({fields[key].description})", hint
    )


def in_code(fault: ValidationError, tables: Mapping[str, FieldInfo]) -> Iterator[Problem]:
    """Yield the problems of a scenario that a program made of tables, each a dictionary of keys."""
    names = {field.alias or name: field for name, field in tables.items()}
    for error in fault.errors():
        table, *rest = (str(word) for word in error["loc"])
        where = f"{IN_CODE}: {'.'.join([table, *rest[:1]])}"
        inner = getattr(names[table].annotation, "model_fields", None) if table in names else None
        if table not in names:
            yield Problem(
                IN_CODE,
                f"an unknown table '{table}'",
                "a table of a scenario",
                nearest(table, list(names)),
            )
        elif inner is None or not rest:
            expects = (
                names[table].description
                if isinstance(names[table].default, str | tuple)
                else "a dictionary of keys"
            )
            yield Problem(where, shown(error["input"]), str(expects))
        elif error["type"] == "date_type":
            yield Problem(where, shown(error["input"]), "a datetime.date, as date(2024, 7, 15)")
        else:
            yield sentence(table, rest[0], error, inner, where)


def _from_outside(table: str, key: str) -> list[str]:
    """Return the words of a key that plugins add."""
    named = [entry.name.partition("=") for entry in entries("source") if entry.outside]
    return [word for place, _, word in named if place == f"{table}.{key}"]
