"""Tables made in code: each column becomes an array of its kind, or the problem of it is told by name."""

from collections.abc import Collection, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple, TypeVar, cast, get_args, get_type_hints

import numpy as np

from gridagora.core.device import NoTable
from gridagora.core.errors import Problem, shown
from gridagora.core.feeder import Phasors
from gridagora.core.registry import find, names
from gridagora.core.tables import Col, Flag, Homes, Index, Quality

Made = TypeVar("Made", bound=NamedTuple)
KINDS = {
    Col: ("fiu", np.float64, "numbers"),
    Index: ("fiu", np.int64, "whole numbers"),
    Flag: ("b", np.bool_, "true or false"),
    Phasors: ("fiuc", np.complex128, "complex numbers"),
}


def convert_table(table: Any, kind: type[Made], where: str, problems: list[Problem]) -> Made | None:
    """Return a table whose columns are arrays of its kinds, None where that cannot be; numbers of another width are converted.

    Parameters
    ----------
    table
        What a caller gave.
    kind
        The `NamedTuple` that it must be.
    where
        The table by name.
    problems
        Grows by the problem of each column that is none.
    """
    if not isinstance(table, kind):
        problems.append(
            Problem(
                where,
                shown(table),
                f"a gridagora.{kind.__name__}" if kind is not Quality else "a Quality",
            )
        )
        return None
    before = len(problems)
    hints = get_type_hints(kind)
    made = {
        name: _column(value, hints[name], f"{where}.{name}", problems)
        for name, value in table._asdict().items()
    }
    if len(problems) > before:
        return None
    changed = {name: value for name, value in made.items() if value is not getattr(table, name)}
    return table._replace(**changed) if changed else table


def owning(
    homes: Homes,
    devices: Sequence[Any],
    drawn: Collection[str],
    where: str,
    problems: list[Problem],
) -> Homes:
    """Return the homes with tables of devices beside their own or in their place, all columns arrays of their kinds.

    `drawn` are the kinds whose owners the scenario draws: a table of one beside that is a problem.
    """
    tables, kinds = (
        dict(homes.owned),
        {find("device", kind).about.table: kind for kind in names("device")},
    )
    given: list[str] = []
    for table in devices:
        kind = kinds.get(type(table), "") if type(table) is not NoTable else ""
        if not kind:
            known = ", ".join(sorted(each.__name__ for each in kinds if each is not NoTable))
            problems.append(
                Problem(f"{where}: devices", type(table).__name__, f"a table of devices: {known}")
            )
        elif kind in given:
            hint = "Join them: a home may have several rows."
            problems.append(
                Problem(
                    f"{where}: devices",
                    f"two tables {type(table).__name__}",
                    "one of each kind",
                    hint,
                )
            )
        elif kind in drawn:
            got = f"a table {type(table).__name__} beside [homes.{kind}] of the scenario"
            problems.append(Problem(f"{where}: devices", got, "one of the two", "Leave one out."))
        given.append(kind)
        tables[kind] = table
    made = {
        kind: _device_table(table, kind, where, problems) for kind, table in tables.items() if kind
    }
    same = len(made) == len(homes.owned) and all(
        table is homes.owned[kind] for kind, table in made.items()
    )
    return homes if same else homes._replace(owned=made)


def _device_table(table: Any, kind: str, where: str, problems: list[Problem]) -> Any:
    """Return a table of devices whose columns are arrays of their kinds; one number stands for all rows."""
    known = names("device")
    wanted = find("device", kind).about.table if kind in known else None
    if (
        wanted is None
        or not is_dataclass(table)
        or (wanted is not NoTable and not isinstance(table, wanted))
    ):
        expected = (
            f"a kind of device: {', '.join(known)}"
            if wanted is None
            else f"a table {wanted.__name__}"
        )
        problems.append(Problem(f"{where}: homes.owned['{kind}']", type(table).__name__, expected))
        return table
    hints, changed = get_type_hints(type(table)), {}
    for field in fields(table):
        value = vars(table)[field.name]
        hint = next(
            (each for each in (hints[field.name], *get_args(hints[field.name])) if each in KINDS),
            None,
        )
        if hints[field.name] is float:
            _refuse_no_number(value, f"{where}: {kind}.{field.name}", problems)
        if hint is None or value is None:
            continue
        made = array(value, hint, f"{where}: {kind}.{field.name}", problems)
        if field.name != "home" and np.ndim(made) == 0 and isinstance(made, np.ndarray):
            made = np.full(np.shape(vars(table)["home"])[:1], made)
        if made is not value:
            changed[field.name] = made
    return replace(cast(Any, table), **changed) if changed else table


def _refuse_no_number(value: object, where: str, problems: list[Problem]) -> None:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not np.isfinite(np.asarray(value, np.float64)):
        problems.append(Problem(where, shown(value), "one finite number"))


def array(value: Any, kind: Any, where: str, problems: list[Problem]) -> Any:
    """Return an array of a kind of `core.tables`; one that is none is a problem."""
    letters, dtype, words = KINDS[kind]
    try:
        found = np.asarray(value)
    except ValueError:
        problems.append(
            Problem(where, f"a {type(value).__name__} of uneven rows", f"an array of {words}")
        )
        return value
    if found.dtype.kind not in letters:
        got = f"an array of {found.dtype.name}" if found.ndim else shown(value)
        problems.append(Problem(where, got, f"an array of {words}"))
        return value
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        problems.append(Problem(where, "an array with masked values", f"an array of {words}"))
        return value
    if (
        kind == Index
        and found.dtype.kind == "f"
        and not (np.isfinite(found) & (found == np.floor(found))).all()
    ):
        odd = found[~(np.isfinite(found) & (found == np.floor(found)))][0]
        problems.append(Problem(where, f"the number {odd:g}", f"an array of {words}"))
        return value
    return found.astype(dtype, copy=False)


def _column(value: Any, hint: Any, where: str, problems: list[Problem]) -> Any:
    if hint in KINDS:
        return array(value, hint, where, problems)
    if hint is Quality:
        return convert_table(value, Quality, where, problems)
    if hint is int:
        if isinstance(value, int | np.integer) and not isinstance(value, bool):
            return int(value)
        problems.append(Problem(where, f"{value!r}", "whole seconds since 1970, UTC"))
        return value
    return _names(value, where, problems) if hint == tuple[str, ...] else value


def _names(value: Any, where: str, problems: list[Problem]) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, list | tuple | np.ndarray):
        problems.append(Problem(where, f"{value!r}"[:40], "the names of all homes, a tuple"))
        return ()
    bad = [name for name in value if not isinstance(name, str) or not name.strip()]
    if bad:
        problems.append(
            Problem(where, f"{bad[0]!r}", "a name of letters or digits for each home, as text")
        )
    return value if isinstance(value, tuple) else tuple(str(name) for name in value)
