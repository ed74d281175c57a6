"""Things by name: one that is not there is refused in a sentence, with the nearest that is."""

from collections.abc import Mapping
from typing import TypeVar

from gridagora.core.errors import InputError, Problem, nearest, shown

Thing = TypeVar("Thing")


class ByName(dict[str, Thing]):
    """A dictionary whose `[name]` says in a sentence what it has not; `in` and `get` are those of any other."""

    def __init__(self, things: Mapping[str, Thing], where: str, kind: str) -> None:
        """Keep the things; `where` is how a program reads one, as `figures`, and `kind` what one is, as "a figure"."""
        super().__init__(things)
        self.where = where
        self.kind = kind

    def __missing__(self, name: object) -> Thing:
        """Refuse a name that is not there.

        Raises
        ------
        InputError
            Always: what was asked for, what there is, and the nearest name.
        """
        said = f"{self.where}[{shown(name)}]"
        if not self:
            raise InputError([Problem(said, shown(name), f"{self.kind}, of which there is none")])
        hint = nearest(name if isinstance(name, str) else "", list(self))
        raise InputError([Problem(said, shown(name), f"the name of {self.kind}", hint)])

    def __reduce__(self) -> tuple[type, tuple[dict[str, Thing], str, str]]:
        """Keep the words where it goes to another process."""
        return type(self), (dict(self), self.where, self.kind)
