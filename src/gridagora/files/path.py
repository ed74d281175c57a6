"""Paths that a program hands over."""

from pathlib import Path

from gridagora.core.errors import InputError, Problem, require


def require_path(value: object, where: str, expected: str) -> None:
    """Refuse what is no path: neither text that is not empty nor a `pathlib.Path`.

    Raises
    ------
    InputError
        The argument by name, what was got and what was expected.
    """
    require(value, (str, Path), where, expected)
    if not str(value).strip():
        raise InputError([Problem(where, "empty text", expected)])
