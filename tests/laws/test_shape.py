"""The figures the house holds: short files and functions, no broad except, no changed global, no hidden import of ours."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "gridagora"
FILES = sorted(SOURCE.rglob("*.py"))
LINES_MAX, FUNCTION_MAX = 400, 80
LONG = {"kernels/fleet.py": "the loops of one compiled fleet step stand together"}
LAZY = dict.fromkeys(
    ("cli.py", "cli_study.py", "terminal.py"), "what a verb does not need stays unloaded"
)


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def ours(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").startswith("gridagora")
    return isinstance(node, ast.Import) and any(
        each.name.startswith("gridagora") for each in node.names
    )


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_and_its_functions_fit(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES_MAX or name(path) in LONG
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < FUNCTION_MAX, f"{name(path)}: {node.name}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_nothing_is_caught_changed_or_loaded_in_secret(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Global), f"{name(path)}:{node.lineno} changes a global"
        if isinstance(node, ast.ExceptHandler):
            caught = getattr(node.type, "id", "")
            assert node.type is not None, f"{name(path)}:{node.lineno} catches everything"
            assert caught not in {"Exception", "BaseException"}, (
                f"{name(path)}:{node.lineno} catches {caught}"
            )
        if isinstance(node, ast.FunctionDef) and name(path) not in LAZY:
            inside = [each.lineno for each in ast.walk(node) if ours(each)]
            assert not inside, f"{name(path)}:{inside} imports ours inside {node.name}"


def test_the_check_reads_the_package() -> None:
    assert len(FILES) > 40
    assert {"core/ledger.py", "cli.py"} <= {name(path) for path in FILES}
