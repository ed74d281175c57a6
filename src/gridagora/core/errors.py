"""Faults are data first and exceptions second: a check collects every problem, then raises them together."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


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


def nearest(name: str, valid: Sequence[str]) -> str:
    """Return a hint naming the closest valid name, or the whole list where none is close."""
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    if close:
        return f"Did you mean '{close[0]}'?"
    return "Valid names: " + ", ".join(sorted(valid)) + "."
