"""Scenario files: TOML text to a checked `Scenario`, with every problem found in one reading."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, cast

from gridagora.core.errors import InputError, Problem, attempt, nearest
from gridagora.files.path import require_path
from gridagora.files.toml_text import BARE_POINT, parse_toml
from gridagora.scenario import cross_checks as together
from gridagora.scenario import key_checks as faults
from gridagora.scenario import paths as places
from gridagora.scenario import plugins, short_keys
from gridagora.scenario.designs import find_designs
from gridagora.scenario.key_checks import Got
from gridagora.scenario.key_sentences import shown
from gridagora.scenario.plugins import Plugin
from gridagora.scenario.schema import TABLES, HomesKeys, Scenario, ScenarioKeys
from gridagora.scenario.table_model import Table
from gridagora.scenario.tariff_files import Start, place_tariffs, refuse_no_file

INNER = tuple(name for name in TABLES if "." in name)
ZERO = r"\g<1>0."
LINES = "KEY = VALUE lines under [TABLE] headings"
TABLES_OF_HOMES = frozenset({".csv", ".xlsx", ".xlsm", ".parquet"})


class Raw(NamedTuple):
    """The tables of a scenario before any check, and where each key was written."""

    tables: dict[str, dict[str, Any]]
    parts: dict[str, dict[str, Any]]
    devices: dict[str, dict[str, Any]]
    designs: list[dict[str, Any]]
    got: Got


def load(path: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Read a scenario file, apply overrides, check it, and return it with its paths made absolute.

    Parameters
    ----------
    path
        TOML file; paths in that of a result start where those of the scenario did that was run.
    overrides
        Each `TABLE.KEY=VALUE` or `market.NAME.KEY=VALUE`; VALUE as TOML writes it, quotes of a word optional.

    Raises
    ------
    InputError
        Every problem of the file and of the overrides at once.
    """
    require_path(path, "scenario", "the path of a scenario file")
    file = Path(path)
    text, folder = _text(file), places.start_of_paths(file)
    found = parse(text, str(path), folder, _listed(overrides))
    own = file.name if folder == file.parent else str(file.resolve())
    origin = {"folder": str(folder.resolve()), "written": {"scenario": own, **found.written}}
    return found.model_copy(update=origin)


def _listed(overrides: Sequence[str]) -> Sequence[str]:
    """Return overrides as a list of texts; one alone may be given as it is."""
    if isinstance(overrides, str):
        return [overrides]
    if not isinstance(overrides, list | tuple) or not all(
        isinstance(item, str) for item in overrides
    ):
        raise InputError(
            [
                Problem(
                    "overrides", f"{overrides!r}"[:60], 'a list of texts, as ["homes.pv_share=0.5"]'
                )
            ]
        )
    return overrides


def parse(
    text: str, name: str = "scenario", folder: Path = Path(), overrides: Sequence[str] = ()
) -> Scenario:
    """Return the checked scenario of a TOML text; relative paths start at `folder`, `name` stands in messages.

    Raises
    ------
    InputError
        Every problem at once; those of plugins before any other.
    """
    values = parse_toml(text, name, LINES)
    got = Got(name)
    problems = [*_override(values, overrides, got)]
    raw = _sort(values, got, problems)
    outside = _plugins(raw, folder, problems)  # first: what follows asks for the parts by name
    tables = {table: _table(table, raw, problems) for table in TABLES}
    own = list(_named(raw.designs))
    problems += together.check(tables, raw.parts, raw.devices, own, got)
    problems += short_keys.check(cast(HomesKeys, tables["homes"]), raw.devices, got)
    written = {f"{each.table}.{each.key}": each.text for each in places.used_paths(tables)}
    tables = places.resolve(tables, folder, got, problems)
    parts = faults.parts(raw.parts, got, problems)
    designs = find_designs(raw.designs, parts, cast(HomesKeys, tables["homes"]), got, problems)
    case = cast(ScenarioKeys, tables["scenario"])
    start = Start(folder, case.currency)
    placed = place_tariffs(parts, designs, start, got, problems)
    problems += refuse_no_file(case.architectures, parts, designs, got)
    devices = faults.devices(raw.devices, got, problems)
    if problems:
        raise InputError(problems)
    full = write(values) if overrides else text
    return Scenario(
        **tables,
        parts=placed.parts,
        devices=devices,
        designs=placed.designs,
        outside=outside,
        file=name,
        text=full,
        folder=str(folder.resolve()) if written or placed.written or outside else "",
        written=written | placed.written,
    )


def plugins_of(path: str | Path, overrides: Sequence[str] = ()) -> list[Plugin]:
    """Return the plugins that a scenario file would import, without importing any.

    Raises
    ------
    InputError
        Text that is not TOML, and whatever is wrong with `[plugins]`.
    """
    file = Path(path)
    values, got, problems = (
        parse_toml(_text(file), str(path), LINES),
        Got(str(path)),
        list[Problem](),
    )
    list(_override(values, overrides, got))
    found = _read_plugins(_sort(values, got, []), places.start_of_paths(file), problems)
    if problems:
        raise InputError(problems)
    return found


def _read_plugins(raw: Raw, folder: Path, problems: list[Problem]) -> list[Plugin]:
    keys = _table("plugins", raw, problems)
    return plugins.find_plugins(keys, folder, lambda key: raw.got.where("plugins", key), problems)


def _plugins(raw: Raw, folder: Path, problems: list[Problem]) -> tuple[Plugin, ...]:
    """Import the plugins of a scenario and return them; one that fails ends the reading, since no name of its is known."""
    faulty: list[Problem] = []
    found = _read_plugins(raw, folder, faulty)
    if not faulty:
        attempt(lambda: plugins.load(found), faulty)
    if faulty:
        raise InputError([*problems, *faulty])
    return tuple(found)


def write(values: Mapping[str, Any]) -> str:
    """Return nested tables of plain values as TOML text."""
    lines: list[str] = []
    _lines(values, "", lines)
    return "\n".join(lines).strip() + "\n"


def _lines(values: Mapping[str, Any], name: str, lines: list[str]) -> None:
    below = {key: value for key, value in values.items() if _is_table(value)}
    plain = {key: value for key, value in values.items() if key not in below}
    if name and (plain or not values):
        lines += ["", f"[{name}]"]
    lines += [f"{key} = {literal(value)}" for key, value in plain.items()]
    for key, value in below.items():
        path = f"{name}.{key}" if name else key
        if isinstance(value, Mapping):
            _lines(value, path, lines)
        else:
            for entry in value:
                lines += ["", f"[[{path}]]"]
                lines += [f"{inner} = {literal(each)}" for inner, each in entry.items()]


def _is_table(value: Any) -> bool:
    """Return whether a value is a table, or a list of tables."""
    if isinstance(value, Mapping):
        return True
    entries = isinstance(value, list | tuple) and bool(value)
    return entries and all(isinstance(entry, Mapping) for entry in value)


def literal(value: Any) -> str:
    """Return a plain value as TOML writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            escaped = (
                value.replace("\\", "\\\\")
                .replace('"', '\\"')
                .replace("\n", "\\n")
                .replace("\r", "\\r")
                .replace("\t", "\\t")
            )
            return f'"{escaped}"'
        case list() | tuple():
            return "[" + ", ".join(literal(item) for item in value) + "]"
        case _:
            return str(value)


def _text(file: Path) -> str:
    if file.suffix.lower() in TABLES_OF_HOMES and file.is_file():
        hint = f"Of a table of homes, `gridagora new FILE.toml --homes {file}` makes a scenario."
        raise InputError([Problem(str(file), "a table", "a scenario file, TOML", hint)])
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        beside = [item.name for item in file.parent.glob("*.toml")] if file.parent.is_dir() else []
        close = get_close_matches(file.name, beside, n=1)
        hint = (
            f"Did you mean '{file.with_name(close[0])}'?"
            if close
            else "`gridagora new FILE` writes one to start from."
        )
        raise InputError([Problem(str(file), "no such file", "a scenario file", hint)]) from None
    except (IsADirectoryError, PermissionError, UnicodeDecodeError) as fault:
        got = {"IsADirectoryError": "a folder", "PermissionError": "a file that may not be read"}
        word = got.get(type(fault).__name__, "bytes that are not UTF-8 text")
        raise InputError([Problem(str(file), word, "a scenario file, TOML in UTF-8")]) from None


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {BARE_POINT.sub(ZERO, text)}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _override(values: dict[str, Any], overrides: Iterable[str], got: Got) -> Iterable[Problem]:
    for item in overrides:
        key, sign, text = item.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not sign or not all(path) or not _is_key(path):
            expected = "TABLE.KEY=VALUE, as in homes.pv_share=0.5"
            hint = faults.full_name(path[-1])
            yield Problem(f"--set {item}", f"'{item}'", expected, hint)
            continue
        inner: dict[str, Any] = values
        if path[0] == "design":
            own = _named(values.get("design"))
            if path[1] not in own:
                hint = nearest(path[1], list(own)) if own else "It has none."
                expected = "the name of a [[design]] of the scenario"
                yield Problem(f"--set {item}", f"'{path[1]}'", expected, hint)
                continue
            inner = own[path[1]]
        for part in () if path[0] == "design" else path[:-1]:
            below = inner.setdefault(part, {})
            inner = below if isinstance(below, dict) else inner
        inner[path[-1]] = _value(text.strip())
        got.set_by[path] = item


def _is_key(path: tuple[str, ...]) -> bool:
    """Return whether a path has as many parts as its table has levels."""
    nested = path[0] in {"market", "homes"} or ".".join(path[:2]) in INNER
    return len(path) == 3 if path[0] == "design" else len(path) == 2 or (len(path) == 3 and nested)


def _named(designs: Any) -> dict[str, dict[str, Any]]:
    """Return the entries of `[[design]]` by name."""
    entries = designs if isinstance(designs, list) else []
    return {
        each["name"]: each
        for each in entries
        if isinstance(each, dict) and isinstance(each.get("name"), str)
    }


def _sort(values: dict[str, Any], got: Got, problems: list[Problem]) -> Raw:
    tables: dict[str, dict[str, Any]] = {}
    designs = _sort_designs(values.get("design", []), got, problems)
    for name, value in values.items():
        if name == "design":
            continue
        if name not in TABLES or name in INNER:
            problems.append(faults.unknown_table(name, value, got))
        elif not isinstance(value, dict):
            problems.append(
                Problem(got.where(name), shown(value), f"a table: keys under a heading [{name}]")
            )
        else:
            tables[name] = value
    for name in INNER:
        outer, _, key = name.partition(".")
        inner = tables.get(outer, {}).get(key, {})
        if isinstance(inner, dict):
            tables[name] = inner
            tables[outer] = {
                word: value for word, value in tables.get(outer, {}).items() if word != key
            }
        else:
            problems.append(
                Problem(
                    got.where(outer, key), shown(inner), f"a table: keys under a heading [{name}]"
                )
            )
            tables[outer] = {word: value for word, value in tables[outer].items() if word != key}
    market = tables.get("market", {})
    parts = {key: value for key, value in market.items() if isinstance(value, dict)}
    tables["market"] = {key: value for key, value in market.items() if key not in parts}
    homes = tables.get("homes", {})
    devices = {
        key: value
        for key, value in homes.items()
        if isinstance(value, dict) and key not in HomesKeys.model_fields
    }
    tables["homes"] = {key: value for key, value in homes.items() if key not in devices}
    return Raw(tables, parts, devices, designs, got)


def _sort_designs(value: Any, got: Got, problems: list[Problem]) -> list[dict[str, Any]]:
    """Return the entries of `[[design]]`; anything else under that name is a problem."""
    if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
        return value
    expected = "[[design]] in two brackets above each design, then its name and market"
    found = "a table [design]" if isinstance(value, dict) else shown(value)
    problems.append(Problem(got.name, found, expected))
    return []


def _table(name: str, raw: Raw, problems: list[Problem]) -> Table:
    """Return the table from its good keys; each bad one is a problem and keeps its default for the checks that follow."""
    values = raw.tables.get(name, {})
    bad = faults.keys(name, values, raw.got)
    problems += bad.values()
    return TABLES[name].model_validate(
        {key: value for key, value in values.items() if key not in bad}
    )
