"""Lines of a GridLAB-D model after its directives: comments, includes, macros and conditions, each line with its place."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from gridagora.files.text_table import read_text

COMMENT = re.compile(r'"[^"\n]*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
MACRO = re.compile(r"\$\{([^{}]*)\}")
DIRECTIVE = re.compile(r"\s*#\s*(\w+)\s*(.*?)\s*;?\s*$")
COMPARED = re.compile(r"(\S+?)\s*(==|!=|<=|>=|<|>)\s*(.+)")
SILENT = {"print", "warning", "option", "setenv", "insert", "verbose", "debug"}
DEPTH_MAX = 20  # includes within includes


class GlmLine(NamedTuple):
    """One line that is in force."""

    file: int  # row of its file
    number: int  # from 1
    text: str


class GlmFault(NamedTuple):
    """What a model says that is not understood, and what is done about it."""

    file: int
    line: int
    got: str
    expected: str
    consequence: str


class GlmText(NamedTuple):
    """The lines of a model and of all that it includes; `globals` are what it defines and sets."""

    files: tuple[Path, ...]
    lines: tuple[GlmLine, ...]
    globals: dict[str, str]
    faults: list[GlmFault]


def read_glm_lines(path: Path) -> GlmText:
    """Read a model with its includes; conditions are decided by what the model itself defines.

    Raises
    ------
    InputError
        A file that cannot be read as text.

    References
    ----------
    GridLAB-D, "GLM" and "GLM macros" of its manual, gridlab-d.shoutwiki.com/wiki/GLM_Macros
    """
    reader = _Reader(path)
    reader.read(path, 0)
    return GlmText(tuple(reader.files), tuple(reader.lines), reader.globals, reader.faults)


class _Reader:
    """Files, lines and what is defined while a model is read."""

    def __init__(self, path: Path) -> None:
        self.top = path
        self.files: list[Path] = []
        self.lines: list[GlmLine] = []
        self.globals: dict[str, str] = {}
        self.faults: list[GlmFault] = []
        self.known = {path.resolve()}

    def read(self, path: Path, depth: int) -> None:
        """Add the lines of a file and of what it includes."""
        row = len(self.files)
        self.files.append(path)
        text = COMMENT.sub(_without_comment, read_text(path))
        branches: list[tuple[int, bool]] = []  # the line of each condition that is open, its truth
        for number, line in enumerate(text.split("\n"), 1):
            if "#" in line and (found := DIRECTIVE.match(line)):
                self._direct(row, number, (found[1].lower(), found[2]), branches, depth)
            elif line.strip() and all(holds for _, holds in branches):
                self.lines.append(GlmLine(row, number, self._filled(row, number, line)))
        for number, _ in branches:
            self._tell(row, number, "a condition without #endif", "an #endif", "It ends here.")

    def _tell(self, row: int, line: int, got: str, expected: str, consequence: str) -> None:
        self.faults.append(GlmFault(row, line, got, expected, consequence))

    def _filled(self, row: int, number: int, line: str) -> str:
        """Return a line with the values of its macros; one that is not defined is 0 for GridLAB-D, and a fault here."""
        if "${" not in line:
            return line

        def value(found: re.Match[str]) -> str:
            name = found[1].strip()
            if name in self.globals:
                return self.globals[name]
            expected = "a name that the model defines or sets"
            self._tell(row, number, f"${{{name}}}", expected, "Its value is left out.")
            return ""

        return MACRO.sub(value, line)

    def _direct(
        self,
        row: int,
        number: int,
        said: tuple[str, str],
        branches: list[tuple[int, bool]],
        depth: int,
    ) -> None:
        """Follow one directive."""
        word, rest = said
        if word in {"ifdef", "ifndef", "if"}:
            branches.append((number, self._holds(row, number, word, rest)))
        elif word in {"else", "endif"}:
            if not branches:
                self._tell(row, number, f"#{word}", "a condition before it", "It has no effect.")
                return
            line, held = branches.pop()
            if word == "else":
                branches.append((line, not held))
        elif all(holds for _, holds in branches):
            self._act(row, number, (word, self._filled(row, number, rest)), depth)

    def _act(self, row: int, number: int, said: tuple[str, str], depth: int) -> None:
        word, rest = said
        if word in {"define", "set"}:
            name, _, value = rest.partition("=")
            self.globals[name.strip()] = value.strip().strip('"')
        elif word in {"undef", "undefine"}:
            self.globals.pop(rest, None)
        elif word == "include":
            self._include(row, number, rest.strip('"<>; '), depth)
        elif word == "error":
            self._tell(row, number, f"#error {rest}", "a model that is whole", "It is read on.")
        elif word not in SILENT:
            self._tell(row, number, f"#{word}", "a directive that is known", "It has no effect.")

    def _include(self, row: int, number: int, name: str, depth: int) -> None:
        expected = "a file beside the model"
        within = (self.files[row].parent, self.top.parent)
        target = next((at / name for at in within if (at / name).is_file()), None)
        if target is None:
            target = next((at / Path(name).name for at in within), Path(name))
            if not target.is_file():
                self._tell(row, number, f"#include {name}", expected, "It is left out.")
                return
            done = f"{target.name} beside the model is read."
            self._tell(row, number, f"#include {name}", expected, done)
        if target.resolve() in self.known or depth >= DEPTH_MAX:
            got = f"#include {name} once more"
            self._tell(row, number, got, "each file once", "It is left out.")
            return
        self.known.add(target.resolve())
        self.read(target, depth + 1)

    def _holds(self, row: int, number: int, word: str, rest: str) -> bool:
        if word != "if":
            return (rest.strip() in self.globals) == (word == "ifdef")
        found = COMPARED.fullmatch(rest.strip())
        if found is None:
            self._tell(row, number, f"#if {rest}", "NAME == VALUE", "It is taken as untrue.")
            return False
        left = self.globals.get(found[1], "")
        return COMPARISONS[found[2]](*_alike(left, found[3].strip('" ')))


def _without_comment(found: re.Match[str]) -> str:
    """Return quoted text as it is, and of a comment its line ends."""
    return found[0] if found[0][0] == '"' else "\n" * found[0].count("\n")


def _alike(left: str, right: str) -> tuple[float, float] | tuple[str, str]:
    """Return both as numbers where both are, else as text."""
    try:
        return float(left), float(right)
    except ValueError:
        return left, right


COMPARISONS: dict[str, Callable[..., bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def joined(lines: tuple[GlmLine, ...]) -> Iterator[tuple[GlmLine, str]]:
    """Yield pieces of the lines: quoted text, marks of statements, and what stands between them."""
    for line in lines:
        for piece in PIECE.findall(line.text):
            yield line, piece


PIECE = re.compile(r'"[^"]*"|[;{}]|[^;{}"]+|"')
