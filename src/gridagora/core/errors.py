"""Faults are data first and exceptions second: a check collects every problem, then raises them together."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Made = TypeVar("Made")
SHOWN = 60  # letters of a value in a message


@dataclass(frozen=True)
class Problem:
    """One fault of an input, as the four parts of a sentence: where, what was got, what was expected, what to do."""

    where: str
    got: str
    expected: str
    hint: str = ""

    def __str__(self) -> str:
        """Return the problem as one line."""
        tail = f" {self.hint}" if self.hint else ""
        return f"{self.where}: got {self.got}, expected {self.expected}.{tail}"


class InputError(ValueError):
    """Raised with every problem of an input at once; `problems` keeps them as data."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type["InputError"], tuple[tuple[Problem, ...]]]:
        """Keep the problems where the error comes back from another process."""
        return type(self), (self.problems,)


class PartError(ValueError):
    """Raised when a part (kernel, device, market) is handed columns it cannot use; the sentence names the row."""


def attempt(make: Callable[[], Made], problems: list[Problem]) -> Made | None:
    """Return what is made, or None where it is refused: its problems join the list, so that the faults of others are told too."""
    try:
        return make()
    except InputError as fault:
        problems += fault.problems
        return None


def require(value: object, kind: type | tuple[type, ...], where: str, expected: str) -> None:
    """Refuse an argument of another kind.

    Raises
    ------
    InputError
        The argument by name, what was got and what was expected.
    """
    if not isinstance(value, kind):
        raise InputError([Problem(where, shown(value), expected)])


def require_call(value: object, where: str, expected: str) -> None:
    """Refuse what cannot be called and is not left out.

    Raises
    ------
    InputError
        The argument by name, what was got and what was expected.
    """
    if value is not None and not callable(value):
        raise InputError([Problem(where, shown(value), expected)])


def shown(value: object) -> str:
    """Return a value of another kind than expected as a message shows it: a plain one as it is, any other by its type."""
    is_plain = value is None or isinstance(value, bool | int | float | str)
    said = repr(value) if is_plain else f"an object of type {type(value).__name__}"
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}..."


# What a part that fails may raise. Code from outside has errors of its own kinds, of which no list can be made, so this is every
# error but those that end a program. It is caught where such code is called and nowhere else, each place names the part, and
# `describe_error` keeps kind, function, file and line (a test of the shape of the package holds the list of those places).
FAULTS = (Exception,)


def describe_error(fault: BaseException) -> str:
    """Return what a fault says: the sentence of a refusal, else the kind of error and the line of the program it comes from."""
    if isinstance(fault, InputError | PartError):
        return str(fault)
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    said = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
    if trace is None:
        return said
    code = trace.tb_frame.f_code
    file = code.co_filename.replace("\\", "/").rsplit("/", 1)[-1]
    return f"{said} (in {code.co_name}, line {trace.tb_lineno} of {file})"


def nearest(name: str, valid: Sequence[str]) -> str:
    """Return a hint naming the closest valid name, or the whole list where none is close."""
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    if close:
        return f"Did you mean '{close[0]}'?"
    return "Valid names: " + ", ".join(sorted(valid)) + "."
