"""What every key of a scenario may be: kind, unit, default, range and meaning, in the words of a scenario file.

The range of a number is found by asking the table or part that holds the key, with the other keys at their defaults: what it says
here is what it accepts. The meaning of a key of a part is the comment on its field.
"""

import ast
import inspect
import math
import re
import textwrap
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from datetime import date
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from gridagora.core import registry
from gridagora.core.errors import InputError, Problem, nearest
from gridagora.scenario.schema import RANGE, TABLES
from gridagora.scenario.table_model import Table

FAR = 1e12  # a number that no key takes unless it takes any
FINE = 1e-9
STEPS = 90  # of a search between two numbers, each half as far apart as the one before
DIGITS = 6
TRUTH = "true or false"
ANY_TEXT = "any text"
LEFT_OUT = "left out"  # the default of a key that has none
TEXTS = {
    "file": "path of a file",
    "files": "paths of files",
    "folder": "path of a folder",
    "table": "path of a file",
    "loads": "path of a file",
    "modules": "names of modules",
    "architectures": "names of designs",
    "timezone": "IANA name of a zone",
}  # of keys of text, by the last word of their names
UNIT = re.compile(r"\s+\[([^\[\]]+)[\])](?=$|;)")
SHARES = ("0..1", "share")
UNITS = {
    "per_kw_month": "$/kW and month",
    "per_kw_year": "$/kW and year",
    "per_kva": "$/kVA",
    "per_kvarh": "$/kvarh",
    "per_k2_h": "$/(K2 h)",
    "per_kwh": "$/kWh",
    "per_day": "1/day",
    "kwh": "kWh",
    "kw": "kW",
    "deg": "deg",
    "minutes": "min",
    "hours": "h",
    "h": "h",
    "k": "K",
    "l": "l",
    "share": "share",
    "efficiency": "share",
    "ratio": "ratio",
    "factor": "ratio",
    "days": "days",
}  # by the last words of a name, longer ones first


class KeyLine(NamedTuple):
    """One key in the words of a scenario file."""

    key: str
    kind: str
    unit: str  # of a number; empty of anything else
    default: str
    span: str  # values that are accepted
    meaning: str


def table_keys(table: str) -> list[KeyLine]:
    """Return the keys of a table of the scenario, as "homes"."""
    model = TABLES[table]
    found = []
    for key, field in model.model_fields.items():
        unit, meaning = split_unit(field.description or "")
        trial = KeyTrial(_accepted_by(model, key), field.default)
        line = _line(key, field.annotation, trial, unit, meaning)
        stated = field.json_schema_extra
        if isinstance(stated, dict) and RANGE in stated:
            line = line._replace(span=str(stated[RANGE]))
        found.append(_in_words(line, table))
    return found


def _in_words(line: KeyLine, table: str) -> KeyLine:
    """Return a line whose text is of a kind with that kind for its range."""
    if line.span != ANY_TEXT:
        return line
    if table == "homes.columns":
        return line._replace(span="name of a column")
    ends = (span for end, span in TEXTS.items() if line.key.rpartition("_")[2] == end)
    return line._replace(span=next(ends, ANY_TEXT))


def part_keys(kind: str, name: str) -> list[KeyLine]:
    """Return the keys of a design, `[market.NAME]`, or of a kind of device, `[homes.NAME]`; a part without keys has none.

    Raises
    ------
    InputError
        No such kind or part, with the nearest name.
    """
    part = registry.find(kind, name)
    keys = part.about.keys if kind == "device" else part
    if not hasattr(keys, "__dataclass_fields__") or kind not in {"device", "market"}:
        return []
    said, hints = field_comments(keys), typing.get_type_hints(keys)
    found = []
    for field in fields(keys):
        default = None if field.default is MISSING else field.default
        unit, meaning = split_unit(said.get(field.name, ""))
        trial = KeyTrial(_made_by(keys, field.name), default)
        if hints[field.name] is int and spell_range(trial, is_whole=True) == f"only {default}":
            trial = _beside(keys, field.name, default)
        line = _line(field.name, hints[field.name], trial, unit, meaning)
        if kind == "market" and field.name == "strategy":
            line = line._replace(span=_listed(registry.strategies(name)))
        found.append(line)
    return found


def keys_of(name: str) -> list[KeyLine]:
    """Return the keys of a table of the scenario by its name, as "homes", "tou", "market.tou" or "homes.battery".

    Raises
    ------
    InputError
        Nothing of that name has keys; with the nearest that has.
    """
    own = {f"market.{part}": ("market", part) for part in registry.names("market")}
    own |= {f"homes.{part}": ("device", part) for part in registry.names("device")}
    own |= {part: (kind, part) for kind, part in own.values() if part not in TABLES}
    plain = name.strip("[] ")
    if plain in TABLES:
        return table_keys(plain)
    if plain not in own:
        hint = nearest(plain, [*TABLES, *own])
        raise InputError(
            [Problem("keys", f"'{name}'", "a table of the scenario, a design or a device", hint)]
        )
    return part_keys(*own[plain])


def in_a_line(line: KeyLine) -> str:
    """Return what is said of a key as one line of text."""
    unit = f" [{line.unit}]" if line.unit else ""
    default = "may be left out" if line.default == LEFT_OUT else f"default {line.default}"
    return f"{line.meaning}{unit}; {default}; {line.span}".replace("`", "")


def field_comments(part: type) -> dict[str, str]:
    """Return the comment of every field of a class: on its line, or on the lines above it. None where its source is not there."""
    try:
        text = textwrap.dedent(inspect.getsource(part))
    except (OSError, TypeError):
        return {}
    lines = text.splitlines()
    (body,) = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    found = {}
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            own = lines[node.lineno - 1 : node.end_lineno]
            above = _above(lines, node.lineno - 1)
            found[node.target.id] = " ".join(
                [*above, *(said for line in own if (said := _comment(line)))]
            )
    return found


def _above(lines: list[str], at: int) -> list[str]:
    said: list[str] = []
    while at and lines[at - 1].lstrip().startswith("#"):
        at -= 1
        said.insert(0, _comment(lines[at]))
    return said


def _comment(line: str) -> str:
    return line.partition("# ")[2].strip()


def split_unit(text: str) -> tuple[str, str]:
    """Return the unit in brackets that ends a sentence, or nothing, and the sentence without it."""
    found = UNIT.search(text)
    if found is None:
        return "", text
    unit = "share" if found.group(1) in SHARES else found.group(1)
    return unit, text[: found.start()] + text[found.end() :]


class KeyTrial(NamedTuple):
    """A key that values are tried on."""

    takes: Callable[[Any], list[str] | None]  # None where it takes a value, else what it expected
    default: Any


def _accepted_by(model: type[Table], key: str) -> Callable[[Any], list[str] | None]:
    def take(value: Any) -> list[str] | None:
        try:
            model(**{key: value})
        except (ValidationError, InputError) as fault:
            return [str(fault)]
        return None

    return take


def _made_by(
    part: Callable[..., Any], key: str, **others: Any
) -> Callable[[Any], list[str] | None]:
    def take(value: Any) -> list[str] | None:
        try:
            part(**{key: value}, **others)
        except InputError as fault:
            own = [each for each in fault.problems if each.where.endswith(f".{key}")]
            return [each.expected for each in own or fault.problems]
        return None

    return take


def _beside(part: type, key: str, default: Any) -> KeyTrial:
    """Return a trial that takes what a part takes with any one other whole number at 1 or 2: for keys that are set together."""
    others = [field.name for field in fields(part) if field.type in {int, "int"}]

    def take(value: Any) -> list[str] | None:
        said = _made_by(part, key)(value)
        for other in others if said is not None else ():
            for given in (1, 2):
                if other != key and _made_by(part, key, **{other: given})(value) is None:
                    return None
        return said

    return KeyTrial(take, default)


def _line(key: str, annotation: Any, trial: KeyTrial, unit: str, meaning: str) -> KeyLine:
    inner, is_list = _inner(annotation)
    words = [word for word in typing.get_args(inner) if word != ""] if _is_words(inner) else None
    if words is not None:
        span = _listed(words)
    elif inner in {int, float}:
        each = _of_one(trial) if is_list else trial
        span = spell_range(each, is_whole=inner is int)
    elif inner is str and not is_list:
        span = _words_of(trial)
    else:
        span = {bool: TRUTH, date: "any day"}.get(inner, ANY_TEXT)
    kind = _kind(inner, words)
    is_number = kind in {"number", "whole number"}
    stated = unit or _unit_of(key, is_whole=kind == "whole number") if is_number else ""
    return KeyLine(
        key, f"list of {kind}s" if is_list else kind, stated, spell(trial.default), span, meaning
    )


def _of_one(trial: KeyTrial) -> KeyTrial:
    """Return the trial of a number that stands alone in a list."""
    return KeyTrial(lambda value: trial.takes((value,)), None)


def _inner(annotation: Any) -> tuple[Any, bool]:
    """Return the kind of one value, without what only says that it may be left out, and whether a key holds a list of them."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {typing.Union, types.UnionType}:
        return _inner(next(each for each in inside if each is not type(None)))
    if origin is typing.Annotated:
        return _inner(inside[0])
    if origin is tuple:
        return _inner(inside[0])[0], True
    return annotation, False


def _is_words(annotation: Any) -> bool:
    return typing.get_origin(annotation) is Literal


def _kind(inner: Any, words: list[Any] | None) -> str:
    if words is not None:
        return "whole number" if all(isinstance(word, int) for word in words) else "text"
    return {bool: TRUTH, int: "whole number", float: "number", date: "day"}.get(inner, "text")


def _words_of(trial: KeyTrial) -> str:
    """Return the words that a part takes where it takes no other: those that its refusal lists."""
    said = trial.takes("?")
    if said is None:
        return ANY_TEXT
    return _listed(
        re.split(r", | or ", said[0].removeprefix("one of ").rpartition(": ")[2].rstrip("."))
    )


def _listed(words: Iterable[object]) -> str:
    return ", ".join(f"`{spell_plain(word)}`" for word in words)


def _unit_of(name: str, *, is_whole: bool) -> str:
    ends = (unit for end, unit in UNITS.items() if name == end or name.endswith(f"_{end}"))
    usual = "share" if "share" in name.split("_") else "count" if is_whole else ""
    return next(ends, usual)


def spell(value: Any) -> str:
    """Return a default as a scenario file would have it; a key without one is "left out"."""
    if value is None or value in ("", (), math.inf):
        return LEFT_OUT
    return f"`{spell_plain(value)}`"


def spell_plain(value: object) -> str:
    """Return a value in TOML, but text inside a list of words alike."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(spell_plain(each) for each in value)}]"
    if isinstance(value, str):
        return f'"{value}"'
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


def spell_range(trial: KeyTrial, *, is_whole: bool) -> str:
    """Return the numbers around the default that a key takes, as "0 to 1", "above 0", "1 or more" or "any"."""
    start = _start(trial, is_whole=is_whole)
    low, high = (_end(trial, start, way, is_whole=is_whole) for way in (-1, 1))
    if low is None and high is None:
        return "any whole number" if is_whole else "any number"
    if low is not None and low == high:
        return f"only {_number(low[0])}"
    if high is None:
        return _from(low) if low else ANY_TEXT
    if low is None:
        return f"{_number(high[0])} or less" if high[1] else f"below {_number(high[0])}"
    if low[1] and high[1]:
        return f"{_number(low[0])} to {_number(high[0])}"
    first = f"from {_number(low[0])}" if low[1] else f"above {_number(low[0])}"
    return f"{first} {'to' if high[1] else 'to below'} {_number(high[0])}"


def _from(low: tuple[float, bool]) -> str:
    return f"{_number(low[0])} or more" if low[1] else f"above {_number(low[0])}"


def _start(trial: KeyTrial, *, is_whole: bool) -> float:
    """Return a number that a key takes: its default, or the first of a few where it has none."""
    known = isinstance(trial.default, int | float) and math.isfinite(trial.default)
    tries = (trial.default,) if known else (1, 0, 10) if is_whole else (0.5, 1.0, 0.0, 10.0)
    return next((value for value in tries if trial.takes(value) is None), tries[0])


def _end(trial: KeyTrial, start: float, way: int, *, is_whole: bool) -> tuple[float, bool] | None:
    """Return the last number that a key takes on one side of another and whether it takes itself; None where it takes any."""
    kind = int if is_whole else float

    def takes(value: float) -> bool:
        return trial.takes(kind(value)) is None

    good, bad = float(start), way * FAR
    if takes(bad):
        return None
    for _ in range(STEPS):
        middle = (good + bad) / 2
        middle = float(math.trunc(middle)) if is_whole else middle
        if middle in {good, bad}:
            break
        good, bad = (middle, bad) if takes(middle) else (good, middle)
    if is_whole:
        return good, True
    edge = float(f"{good:.{DIGITS}g}") if abs(good) > FINE else 0.0
    return edge, takes(edge)
