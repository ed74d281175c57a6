"""Models of GridLAB-D as text: objects with their properties as they are written, each with its line.

The reader is laxer than GridLAB-D itself: a block may end in `;}` or `}`, a value may lack its blank, and what is not
understood is told by its line while the rest is read.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gridagora.files.glm_lines import GlmFault, GlmLine, joined, read_glm_lines

HEAD = re.compile(r"object\s+([\w.]+)\s*(?::\s*(\S*))?$")
RANGE = re.compile(r"(\d*)\.\.(\d+)$")
SCHEDULE = "schedule "  # a block of its own grammar
STATEMENT = re.compile(r"([\w.]+)\s*(.*)", re.DOTALL)
MANY = 10_000  # objects that one range makes
MOST = 1_000_000  # with those inside them


class GlmObject(NamedTuple):
    """One object: its class, its name or else `class:number`, and its properties by lower case with value and line."""

    kind: str
    name: str
    number: str  # `class:number` where the text has one, so that others may name it so
    file: int
    line: int
    values: Mapping[str, tuple[str, int]]


class Glm(NamedTuple):
    """A model: its objects in the order of the text, settings of modules, and how often what else was left out."""

    files: tuple[Path, ...]
    objects: tuple[GlmObject, ...]
    modules: Mapping[str, Mapping[str, tuple[str, int]]]
    clock: Mapping[str, tuple[str, int]]  # its properties, as those of an object
    left_out: Mapping[str, int]  # statements beside objects and modules, by their first word
    globals: Mapping[str, str]
    faults: tuple[GlmFault, ...]


class _Block(NamedTuple):
    """A block that is open: what it is, and what it holds so far."""

    head: str
    at: GlmLine
    values: dict[str, tuple[str, int]]
    reference_of: str  # the property of the block around it whose value is this object, "" where there is none
    first: int  # row of the first object inside it


def read_glm(path: Path) -> Glm:
    """Read a model with all that it includes.

    Raises
    ------
    InputError
        A file that cannot be read as text.

    References
    ----------
    GridLAB-D, "GLM" of its manual, gridlab-d.shoutwiki.com/wiki/GLM
    """
    text = read_glm_lines(path)
    parser = _Parser(text.faults)
    for line, piece in joined(text.lines):
        parser.take(line, piece)
    parser.end()
    return Glm(
        text.files,
        tuple(parser.objects),
        parser.modules,
        parser.clock,
        dict(parser.left_out),
        text.globals,
        tuple(parser.faults),
    )


def list_glm_files(path: Path) -> tuple[Path, ...]:
    """Return a model, every file that it includes and those of its players, by absolute path, each once.

    Raises
    ------
    InputError
        A file that cannot be read as text.
    """
    glm = read_glm(path)
    played = (
        find_beside(glm, each, each.values.get("file", ("", 0))[0])
        for each in glm.objects
        if each.kind == "player"
    )
    found = (*glm.files, *(each for each in played if each is not None))
    return tuple(dict.fromkeys(each.resolve() for each in found))


def find_beside(glm: Glm, each: GlmObject, name: str) -> Path | None:
    """Return the file that an object names, beside the text in which it stands or beside the model; None: there is none."""
    beside = (glm.files[each.file].parent / name, glm.files[0].parent / name)
    return next((path for path in beside if name and path.is_file()), None)


class _Parser:
    """Statements and blocks while pieces of text come in."""

    def __init__(self, faults: list[GlmFault]) -> None:
        self.objects: list[GlmObject] = []
        self.modules: dict[str, dict[str, tuple[str, int]]] = {}
        self.clock: dict[str, tuple[str, int]] = {}
        self.left_out: Counter[str] = Counter()
        self.faults = faults
        self.blocks: list[_Block] = []
        self.statement: list[str] = []
        self.at: GlmLine | None = None
        self.last: GlmLine | None = None
        self.numbers: Counter[str] = Counter()

    def take(self, line: GlmLine, piece: str) -> None:
        """Take one piece: a mark ends or opens, all else joins the statement."""
        if piece == ";":
            self._ended(line)
        elif piece == "{":
            self._open(line)
        elif piece == "}":
            if self.statement:
                self._ended(line)
            self._close(line)
        elif not piece.isspace():
            self._join(line, piece)
        self.last = line

    def end(self) -> None:
        """Tell of what is still open at the end of the text."""
        for block in self.blocks:
            got, expected = f"'{block.head}' without its end", "a '}' for each '{'"
            self._tell(block.at, got, expected, "It is left out with all after it.")
        self.blocks = []

    def _tell(self, line: GlmLine, got: str, expected: str, consequence: str) -> None:
        self.faults.append(GlmFault(line.file, line.number, got, expected, consequence))

    def _join(self, line: GlmLine, piece: str) -> None:
        """Add to the statement; a new line in a property is told as a missing semicolon and begins a new one."""
        at = self.at
        moved = at is not None and (at.number, at.file) != (line.number, line.file)
        if moved and at is not None and self._is_property() and " " in piece.strip():
            got = f"'{' '.join(self.statement)}' without its end"
            self._tell(at, got, "a ';' after each property", "It is taken to end with its line.")
            self._ended(at)
        if not self.statement:
            self.at = line
        self.statement.append(piece.strip())

    def _is_property(self) -> bool:
        said = " ".join(self.statement)
        inside = bool(self.blocks) and self.blocks[-1].head.split(" ")[0] in {"object", "module"}
        return inside and " " in said and not said.startswith("object ")

    def _ended(self, line: GlmLine) -> None:
        """Book a statement: a property of the block around it, or one that stands alone."""
        said = " ".join(self.statement)
        at = self.at or line
        self.statement, self.at = [], None
        if not said:
            return
        if any(block.head.startswith(SCHEDULE) for block in self.blocks):
            return
        if self.blocks:
            found = STATEMENT.fullmatch(said)
            if found is None:
                self._tell(at, f"'{said}'", "a property and its value", "It is left out.")
            else:
                self.blocks[-1].values[found[1].lower()] = found[2].strip().strip("\"'"), at.number
            return
        word, _, rest = said.partition(" ")
        if word == "module":
            self.modules.setdefault(rest.strip(), {})
        else:
            self.left_out[word] += 1

    def _open(self, line: GlmLine) -> None:
        said, at = " ".join(" ".join(self.statement).split()), self.at or line
        self.statement, self.at = [], None
        name, _, inner = said.partition(" object ")
        if inner and self.blocks and " " not in name:
            self.blocks.append(_Block(f"object {inner}", at, {}, name.lower(), len(self.objects)))
        else:
            self.blocks.append(_Block(said, at, {}, "", len(self.objects)))

    def _close(self, line: GlmLine) -> None:
        if not self.blocks:
            self._tell(line, "'}'", "a '{' before it", "It has no effect.")
            return
        block = self.blocks.pop()
        word, _, rest = block.head.partition(" ")
        if word == "object":
            self._object(block)
        elif word == "module":
            self.modules.setdefault(rest.strip(), {}).update(block.values)
        elif not self.blocks:
            if word == "clock":
                self.clock.update(block.values)
            else:
                self.left_out[word or "{"] += 1

    def _object(self, block: _Block) -> None:
        """Book an object, or as many as its range says; one inside another has that as its parent."""
        found = HEAD.fullmatch(block.head)
        if found is None:
            expected = "object CLASS:NAME"
            self._tell(block.at, f"'{block.head}'", expected, "It is left out.")
            return
        kind = found[1].rpartition(".")[2]
        around = next((each for each in reversed(self.blocks) if each.head[:7] == "object "), None)
        names = self._names(kind, found[2] or "", block)
        inside = self._inside(block, len(names)) if RANGE.match(found[2] or "") else []
        for number_of, name in enumerate(names):
            self._copy(inside, number_of, self._own_name(block) if inside else "", name)
            values = block.values
            if block.reference_of and around is not None:
                around.values[block.reference_of] = name, block.at.number
            elif around is not None and "parent" not in values:
                values["parent"] = self._own_name(around), around.at.number
            number = f"{kind}:{found[2]}" if found[2] else ""
            at = block.at
            self.objects.append(GlmObject(kind, name, number, at.file, at.number, values))

    def _inside(self, block: _Block, count: int) -> list[GlmObject]:
        """Take away the objects inside a range, of which each object of the range gets its own."""
        inside = self.objects[block.first :]
        del self.objects[block.first :]
        if len(inside) * count > MOST:
            got, expected = f"{len(inside)} objects in each of {count}", f"{MOST} in all"
            self._tell(block.at, got, expected, "They are left out.")
            return []
        return inside

    def _copy(self, inside: list[GlmObject], at: int, around: str, name: str) -> None:
        """Book the objects inside one of a range, whose name `around` was while it was open; the first keep their names."""
        renamed = {around: name}
        for each in inside:
            renamed[each.name] = f"{each.name}.{at + 1}" if at else each.name
        for each in inside:
            parent, line = each.values.get("parent", ("", 0))
            own = (
                {**each.values, "parent": (renamed.get(parent, parent), line)}
                if parent
                else each.values
            )
            self.objects.append(each._replace(name=renamed[each.name], values=own))

    def _own_name(self, block: _Block) -> str:
        """Return the name of an object that is still open; one without gets it now, and one of a range while it is open."""
        found = RANGE.search(block.head)
        if found is not None:
            return block.values.get("name", (block.head, 0))[0]
        if "name" not in block.values:
            found = HEAD.fullmatch(block.head)
            kind = found[1].rpartition(".")[2] if found else "object"
            own = found[2] if found and found[2] else ""
            block.values["name"] = self._numbered(kind, own), block.at.number
        return block.values["name"][0]

    def _numbered(self, kind: str, own: str) -> str:
        if own and not RANGE.match(own):
            return f"{kind}:{own}"
        self.numbers[kind] += 1
        return f"{kind}:{self.numbers[kind]}"

    def _names(self, kind: str, own: str, block: _Block) -> list[str]:
        given = block.values.get("name", ("", 0))[0]
        found = RANGE.match(own)
        if found is None:
            return [given or self._numbered(kind, own)]
        first, last = int(found[1] or 1), int(found[2])
        if not 0 <= last - first < MANY:
            got, expected = f"'{block.head}'", f"a range of 1 to {MANY} objects"
            self._tell(block.at, got, expected, "It is left out.")
            return []
        if not given and not found[1]:
            return [self._numbered(kind, "") for _ in range(last)]  # beside those of other ranges
        return [f"{given or kind}:{at}" for at in range(first, last + 1)]
