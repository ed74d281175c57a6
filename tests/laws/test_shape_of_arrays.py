"""Every public function or table of arrays says their shape, as (n,) or (n, h), and their unit, as [kW] or in a word.

Rows and truths, `Index` and `Flag`, have no unit but where their name ends in one. A port says it for every part that fits.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TOP = Path(__file__).parents[2]
SOURCE = TOP / "src" / "gridagora"
FILES = sorted(SOURCE.rglob("*.py"))
PORTS = SOURCE / "core" / "ports.py"
PAGE = (TOP / "docs" / "why" / "nomenclature.md").read_text(encoding="utf-8")
UNITS = {
    word.rpartition("_")[2]
    for word in re.findall(r"^\| `(\w+)`", PAGE.split("## ")[2], re.MULTILINE)
}
NUMBERS, ROWS = {"Col", "Phasors", "ndarray", "NDArray"}, {"Index", "Flag"}
BRACKETS = re.compile(r"\(((?:[^(),]|\([^()]*\))*,[^()]*)\)")  # (n,), (n, h), (4 (48 + H),)
ANY = re.compile(r"\b(?:any shape|broadcast)\b")
SIZES = {
    "count",
    "steps",
    "hours",
    "days",
    "kinds",
    "points",
    "rows",
    "levels",
    "orders",
}  # beside n, 2e and arguments
UNIT = re.compile(r"(?<!\w)\[[^\[\],]+\]")  # [kW], and [1] for what has none
UNITLESS = {"share", "efficiency", "cop", "ratio", "count"}


class Said(NamedTuple):
    """What is said of the arrays of a function or of a field."""

    where: str
    text: str
    sizes: set[str]  # words that may stand in a shape
    has_unit: bool  # whether any of them holds numbers of a unit


def name_of(node: ast.expr) -> str:
    return (
        node.id
        if isinstance(node, ast.Name)
        else node.attr
        if isinstance(node, ast.Attribute)
        else ""
    )


def kinds(annotation: ast.expr | None) -> set[str]:
    """Return which kinds of array an annotation names; those of a function that is handed over are not its own."""
    if annotation is None:
        return set()
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return kinds(ast.parse(annotation.value, mode="eval").body)
    if name_of(annotation) in NUMBERS | ROWS:
        return {name_of(annotation)}
    if isinstance(annotation, ast.Subscript) and name_of(annotation.value) == "NDArray":
        return (
            {"NDArray"}
            if "float" in ast.unparse(annotation) or "complex" in ast.unparse(annotation)
            else {"Index"}
        )
    if isinstance(annotation, ast.Subscript) and name_of(annotation.value) in {
        "Callable",
        "Literal",
        "Annotated",
    }:
        return set()
    return set().union(
        *(kinds(each) for each in ast.iter_child_nodes(annotation) if isinstance(each, ast.expr))
    )


def has_unit(name: str, found: set[str]) -> bool:
    return bool(found & NUMBERS) or (
        bool(found) and name.rpartition("_")[2] in UNITS - {"h"} and "_" in name
    )


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Return public functions and the public methods of public classes, by name."""
    for node in tree.body:
        inside = (
            node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else []
        )
        for each, of in [(node, ""), *((each, f"{node.name}.") for each in inside)]:
            if isinstance(each, ast.FunctionDef) and not each.name.startswith("_"):
                yield of + each.name, each


def of_functions(tree: ast.Module, ported: set[str]) -> Iterator[Said]:
    for name, node in functions(tree):
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        arrays = [(each.arg, kinds(each.annotation)) for each in given] + [
            (node.name, kinds(node.returns))
        ]
        if any(found for _, found in arrays) and name.partition(".")[2] not in ported:
            numbers = any(has_unit(*each) for each in arrays)
            yield Said(name, ast.get_docstring(node) or "", {each.arg for each in given}, numbers)


def of_fields(tree: ast.Module, lines: list[str]) -> Iterator[Said]:
    """Return what is said of every field: in the comment behind it, in the text of its class, and by its own name."""
    for node in tree.body:
        fields = (
            node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else []
        )
        for field in fields:
            if isinstance(field, ast.AnnAssign) and (found := kinds(field.annotation)):
                name = name_of(field.target)
                behind = lines[field.lineno - 1 : field.end_lineno]
                comment = " ".join(line.partition("#")[2] for line in behind)
                named = name.rpartition("_")[2] in UNITS
                text = f"{comment} {ast.get_docstring(node) or ''} {' '.join(name.split('_'))}"
                yield Said(f"{node.name}.{name}", text, set(), has_unit(name, found) and not named)


def lacking(said: Said) -> str:
    """Return what a text does not say of its arrays: shape, unit."""
    inside = (re.findall(r"\w+", found) for found in BRACKETS.findall(said.text))
    sizes = SIZES | said.sizes
    named = (
        all(re.fullmatch(r"\d*[A-Za-z]?", word) or word in sizes for word in words)
        for words in inside
    )
    shape = ANY.search(said.text) or any(named)
    unit = (
        not said.has_unit or UNIT.search(said.text) or UNITLESS & set(re.findall(r"\w+", said.text))
    )
    return ", ".join(word for word, there in (("shape", shape), ("unit", unit)) if not there)


def unsaid(text: str, ported: set[str]) -> list[str]:
    """Return every function and field of a module that does not say all of its arrays."""
    tree = ast.parse(text)
    found = [*of_functions(tree, ported), *of_fields(tree, text.splitlines())]
    return [f"{said.where} ({lacking(said)})" for said in found if lacking(said)]


def label(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.fixture(scope="module")
def ported() -> set[str]:
    return {
        name.partition(".")[2]
        for name, _ in functions(ast.parse(PORTS.read_text(encoding="utf-8")))
        if "." in name
    }


@pytest.mark.parametrize("path", FILES, ids=label)
def test_arrays_have_a_shape_and_a_unit(path: Path, ported: set[str]) -> None:
    stray = unsaid(path.read_text(encoding="utf-8"), set() if path == PORTS else ported)
    assert not stray, f"{label(path)}: say shape and [unit] of the arrays of {'; '.join(stray)}"


@pytest.mark.parametrize(
    ("said", "lacks"),
    [
        ("Return the load (n,) [kW].", ""),
        ("Return the load (n, h + 1) as a share.", ""),
        ("Return the load (4 (48 + H),) [kW].", ""),
        ("Return the load [kW] (import, export).", "shape"),
        ("Return the load (n,).", "unit"),
        ("Return the load.", "shape, unit"),
    ],
)
def test_a_silent_docstring_is_noticed(said: str, lacks: str) -> None:
    found = unsaid(f'def load(p_kw: Col) -> Flag:\n    """{said}"""\n', set())
    assert found == ([f"load ({lacks})"] if lacks else [])


def test_a_silent_field_is_noticed() -> None:
    text = 'class Load(NamedTuple):\n    """Loads."""\n\n    p_kw: Col\n    cost: Col  # (n,)\n    home: Index  # (n,)\n'
    assert unsaid(text, set()) == ["Load.p_kw (shape)", "Load.cost (unit)"]
