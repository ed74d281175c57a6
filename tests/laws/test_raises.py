"""A public function that raises says so under Raises, by the name of the error."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "gridagora"
VERBS = {"cli.py"}  # their docstrings are the help that a user reads
FILES = sorted(path for path in SOURCE.rglob("*.py") if path.name not in VERBS)


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Return public functions, and the public methods of public classes, by name."""
    for node in tree.body:
        inside = node.body if isinstance(node, ast.ClassDef) and node.name[0] != "_" else []
        for each, of in [(node, ""), *((each, f"{node.name}.") for each in inside)]:
            if isinstance(each, ast.FunctionDef) and each.name[0] != "_":
                yield of + each.name, each


def raised(node: ast.FunctionDef) -> set[str]:
    """Return the errors that a function raises itself and lets out, those of functions inside it apart."""
    found: set[str] = set()
    todo: list[ast.AST] = list(node.body)
    while todo:
        each = todo.pop()
        if isinstance(each, ast.Raise) and isinstance(each.exc, ast.Call):
            found |= {each.exc.func.id} if isinstance(each.exc.func, ast.Name) else set()
        elif not isinstance(each, ast.FunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(each)
    return {name for name in found if name.endswith("Error")}


def unsaid(text: str) -> list[str]:
    """Return each function with the errors that it raises and does not tell."""
    stray = []
    for name, node in functions(ast.parse(text)):
        section = (ast.get_docstring(node) or "").partition("Raises\n------\n")[2]
        stray += [f"{name} ({error})" for error in sorted(raised(node)) if error not in section]
    return stray


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_function_tells_what_it_raises(path: Path) -> None:
    stray = unsaid(path.read_text(encoding="utf-8"))
    assert not stray, f"{path.name}: name under Raises what is raised by {', '.join(stray)}"


def test_an_error_that_is_not_told_is_noticed() -> None:
    text = 'def find():\n    """Find it."""\n    raise InputError([])\n'
    assert unsaid(text) == ["find (InputError)"]
    told = '    """Find it.\n\n    Raises\n    ------\n    InputError\n        It is not there.\n    """\n'
    assert not unsaid(f"def find():\n{told}    raise InputError([])\n")
