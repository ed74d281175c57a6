"""Every key that a scenario may set, written into its text: those that it leaves out stand as comments with their defaults."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from gridagora.scenario.key_reference import LEFT_OUT, KeyLine, part_keys, table_keys
from gridagora.scenario.schema import TABLES
from gridagora.scenario.unread import READERS, read_beside

SIDE = 34  # column of the comment behind a key
HEAD = "# Keys behind a # are at their defaults, or left out: take the # away to set one."
NO_CASE = ("plugins", "area")  # tables that no case of one's own begins with


def add_all_keys(text: str) -> str:
    """Return the text of a scenario with a comment for each key of its tables and designs that it does not set.

    Keys that the sources of the scenario do not read are left out. The scenario stays the same.
    """
    given = tomllib.loads(text)
    held = {name: _table(given, name) for name in TABLES}
    lines = [*text.rstrip().splitlines(), ""]
    done: list[str] = [HEAD]
    table = ""
    for line in lines:
        if line.startswith("["):
            table = line.split("#")[0].strip().strip("[]")
        ends = not line.strip() and table in TABLES
        if ends and table:
            done += _left(table_keys(table), held[table], _unread(held, table))
            table = ""
        done.append(line)
    written = {line.split("#")[0].strip() for line in lines if line.startswith("[")}
    for name in TABLES:
        if f"[{name}]" not in written and name not in NO_CASE:
            done += _section(name, _left(table_keys(name), {}, _unread(held, name)))
    for design in held["scenario"].get("architectures", ()):
        if f"[market.{design}]" not in written:
            done += _section(f"market.{design}", _left(part_keys("market", design), {}, set()))
    return "\n".join([*done, "# Of other designs and devices: gridagora list --keys NAME", ""])


def _table(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for part in name.split("."):
        given = given.get(part, {})
    return given


def _unread(held: Mapping[str, Mapping[str, Any]], table: str) -> set[str]:
    """Return the keys of a table that no source of the scenario reads."""
    found: set[str] = set()
    usual = {key: field.default for key, field in TABLES["homes"].model_fields.items()}
    kept = {key for of, key in read_beside({**usual, **held["homes"]}) if of == table}
    for each in READERS:
        outer, _, name = each.by.rpartition(".")
        value = held[outer].get(name, TABLES[outer].model_fields[name].default)
        if each.table == table and value not in each.values:
            found |= set(each.keys)
    return found - kept


def _left(lines: list[KeyLine], given: Mapping[str, Any], unread: set[str]) -> Iterator[str]:
    for line in lines:
        if line.key in given or line.key in unread:
            continue
        value = "" if line.default == LEFT_OUT else line.default.strip("`")
        unit = f" [{line.unit}]" if line.unit else ""
        said = f"{line.meaning}{unit}; {line.span}".replace("`", "")
        yield f"{f'# {line.key} = {value}'.rstrip():<{SIDE}} # {said}"


def _section(name: str, lines: Iterator[str]) -> list[str]:
    rows = list(lines)
    return [f"[{name}]", *rows, ""] if rows else []
