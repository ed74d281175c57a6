"""The figures the house holds: files and functions that a reader takes in, no class name twice, no broad except, no changed
global, no hidden import of ours.
"""

import ast
import io
import statistics
import tokenize
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "gridagora"
FILES = sorted(SOURCE.rglob("*.py"))
# a reader takes in tokens, not lines: names, numbers, operators and brackets of code, without docstrings and comments
FILE_TOKENS_MAX, FUNCTION_TOKENS_MAX = 4000, 950
# median of the files; 95th percentile of the functions
HALF_FILES_MAX, MOST_FUNCTIONS_MAX = 850, 400
TOKENS_A_LINE_MAX = 9.5
SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
# what a verb does not need stays unloaded
LAZY = {
    "cli.py",
    "terminal.py",
    *(f"commands/{p.name}" for p in (SOURCE / "commands").glob("*.py")),
}


# where code from outside is called, and what is lost when it fails: any error is caught there, and nowhere else
CALLS_OUTSIDE = {
    "scenario/plugins.py": "a plugin that cannot be imported",
    "scenario/fit.py": "a part that its defaults cannot make",
    "scenario/plugin_sources.py": "the table of a source",
    "scenario/device_probe.py": "a device that fails its trial",
    "run/compare.py": "the run of one design",
    "run/metric_values.py": "one figure",
    "studies/step_worlds.py": "one design in one world",
    "studies/sweep.py": "one point of a study",
    "studies/worlds.py": "one world of an ensemble",
}


def name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def ours(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").startswith("gridagora")
    return isinstance(node, ast.Import) and any(
        each.name.startswith("gridagora") for each in node.names
    )


def docstring_lines(tree: ast.Module) -> set[int]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            lines |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return lines


@cache
def code_tokens(path: Path) -> list[tuple[int, int]]:
    """First and last line of every token of code."""
    text = path.read_text(encoding="utf-8")
    said = docstring_lines(ast.parse(text))
    found = tokenize.generate_tokens(io.StringIO(text).readline)
    return [
        (each.start[0], each.end[0])
        for each in found
        if each.type not in SILENT and each.start[0] not in said
    ]


@cache
def function_tokens(path: Path) -> dict[str, int]:
    tokens = code_tokens(path)
    return {
        f"{name(path)}: {node.name}": sum(
            node.lineno <= first <= node.end_lineno for first, _ in tokens
        )
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_and_its_functions_fit(path: Path) -> None:
    assert len(code_tokens(path)) <= FILE_TOKENS_MAX
    long = {
        who: count for who, count in function_tokens(path).items() if count > FUNCTION_TOKENS_MAX
    }
    assert not long


def test_most_files_and_functions_are_short() -> None:
    tokens = [code_tokens(path) for path in FILES]
    lines = [
        len({line for pair in each for line in range(pair[0], pair[1] + 1)}) for each in tokens
    ]
    assert sum(map(len, tokens)) / sum(lines) <= TOKENS_A_LINE_MAX
    assert statistics.median(len(each) for each in tokens if each) <= HALF_FILES_MAX
    functions = sorted(count for path in FILES for count in function_tokens(path).values())
    assert functions[int(0.95 * len(functions))] <= MOST_FUNCTIONS_MAX


def test_no_class_name_stands_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name(path))
    assert not {who: where for who, where in places.items() if len(where) > 1}


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


def test_any_error_is_caught_only_where_code_from_outside_is_called() -> None:
    found = {
        name(path)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and any(isinstance(each, ast.Name) and each.id == "FAULTS" for each in ast.walk(node.type))
    }
    assert found == set(CALLS_OUTSIDE)


def test_the_check_reads_the_package() -> None:
    assert len(FILES) > 40
    assert {"settlement/ledger.py", "cli.py"} <= {name(path) for path in FILES}
