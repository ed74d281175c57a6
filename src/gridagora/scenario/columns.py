"""Tables made in code: each column becomes an array of its kind, or the problem of it is told by name."""

from typing import Any, NamedTuple, TypeVar, get_type_hints

import numpy as np

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col, Flag, Index, Quality

Made = TypeVar("Made", bound=NamedTuple)
KINDS = {
    Col: ("fiu", np.float64, "numbers"),
    Index: ("fiu", np.int64, "whole numbers"),
    Flag: ("b", np.bool_, "true or false"),
}


def settled(table: Any, kind: type[Made], where: str, problems: list[Problem]) -> Made | None:
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
        got = f"{type(table).__name__}"
        problems.append(
            Problem(
                where, got, f"a gridagora.{kind.__name__}" if kind is not Quality else "a Quality"
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
        problems.append(Problem(where, f"an array of {found.dtype.name}", f"an array of {words}"))
        return value
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        problems.append(Problem(where, "an array with masked values", f"an array of {words}"))
        return value
    if (
        kind is Index
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
        return settled(value, Quality, where, problems)
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


def require(value: object, kind: type, where: str, expected: str) -> None:
    """Refuse an argument of another kind.

    Raises
    ------
    InputError
        The argument by name, what was got and what was expected.
    """
    if not isinstance(value, kind):
        raise InputError([Problem(where, f"{type(value).__name__}", expected)])
