"""The parts that scenarios can name, each with what it is and where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gridagora.core import registry
from gridagora.core.errors import InputError, Problem
from gridagora.core.registry import ROOMS, Entry
from gridagora.scenario import plugins
from gridagora.scenario.plugins import Plugin


class Row(NamedTuple):
    """One part: its name, what it is in a line, and the plugin it comes from; empty for one of the package."""

    name: str
    text: str
    origin: str

    @property
    def shown(self) -> str:
        """What it is, and where it comes from."""
        return f"{self.text} [from {self.origin}]" if self.origin else self.text


@dataclass(frozen=True)
class Listed:
    """Every part by kind, what the plugins among them are, and what is wrong with plugins that are left out."""

    rows: dict[str, list[Row]]
    plugins: list[dict[str, Any]]
    problems: tuple[Problem, ...] = ()


def listed(found: Sequence[Plugin], *, strict: bool) -> Listed:
    """Import plugins and return every part that is known then.

    Parameters
    ----------
    found
        The plugins, from `plugins.installed` or `read.plugins_of`.
    strict
        Refuse where a plugin is faulty, instead of leaving it out.

    Raises
    ------
    InputError
        What is wrong with the plugins, if `strict`.
    """
    kept, problems = list(found), list[Problem]()
    if strict:
        plugins.load(kept)
    else:
        kept = [plugin for plugin in found if _loads(plugin, problems)]
        plugins.show(kept)
    rows = {
        kind: [
            Row(entry.name, _line(entry), plugins.origin(entry, kept))
            for entry in registry.entries(kind)
        ]
        for kind in ROOMS
    }
    return Listed(rows, plugins.described(kept), tuple(problems))


def _loads(plugin: Plugin, problems: list[Problem]) -> bool:
    try:
        plugins.load([plugin])
    except InputError as fault:
        problems += fault.problems
        return False
    return True


def _line(entry: Entry) -> str:
    """Return what a part is: the first lines of its docstring, name, unit and explanation of a metric."""
    if entry.kind == "metric":
        return f"{entry.part.name} [{entry.part.unit}]: {entry.part.explanation}"
    return " ".join((entry.part.__doc__ or "").split("\n\n")[0].split())
