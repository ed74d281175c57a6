"""What users import: every public name stands where it is promised, and no page imports another."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import gridagora
from gridagora import extend

TOP = Path(__file__).parents[1]
PAGES = sorted([TOP / "README.md", *(TOP / "docs").rglob("*.md")])
EXAMPLES = sorted((TOP / "examples").rglob("*.py"))
BLOCK = re.compile(r"^```(?:python|\{code-cell\}[^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PUBLIC = ("gridagora", "gridagora.extend", "gridagora.env")


def strays(code: str) -> list[str]:
    """Return what a program imports of the package that is not public."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [
                a.name
                for a in node.names
                if a.name.partition(".")[0] == "gridagora" and a.name not in PUBLIC
            ]
        elif (
            isinstance(node, ast.ImportFrom)
            and (node.module or "").partition(".")[0] == "gridagora"
        ):
            if node.module not in PUBLIC:
                found.append(str(node.module))
                continue
            offered = importlib.import_module(node.module).__all__
            found += [f"{node.module}.{a.name}" for a in node.names if a.name not in offered]
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "gridagora"
        ):
            found += (
                []
                if node.attr in (*gridagora.__all__, "extend", "env")
                else [f"gridagora.{node.attr}"]
            )
    return found


@pytest.fixture(scope="module", autouse=True)
def _with_gymnasium():
    """Pages import the environment: without its extra they cannot be held to anything."""
    pytest.importorskip(
        "gymnasium", reason="Gymnasium is not installed: pip install 'gridagora[rl]'"
    )


@pytest.mark.parametrize(
    "path", [*PAGES, *EXAMPLES], ids=lambda path: path.relative_to(TOP).as_posix()
)
def test_a_page_imports_public_names_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    blocks = [text] if path.suffix == ".py" else BLOCK.findall(text)
    assert [stray for block in blocks for stray in strays(block)] == []


def test_a_private_name_is_noticed() -> None:
    code = "import gridagora.core\nfrom gridagora.core.rng import stream\nfrom gridagora.extend import public_names\n"
    assert (
        len(strays(code + "gridagora.run\nfrom gridagora.extend import stream\ngridagora.load"))
        == 4
    )


def test_pages_of_the_package_are_read() -> None:
    code = "".join(
        block for page in PAGES for block in BLOCK.findall(page.read_text(encoding="utf-8"))
    )
    assert "from gridagora.extend import" in code and "from gridagora.env import" in code


@pytest.mark.parametrize("module", PUBLIC)
def test_every_name_exists_is_listed_once_and_seen_by_type_checkers(module: str) -> None:
    loaded = importlib.import_module(module)
    assert len(set(loaded.__all__)) == len(loaded.__all__)
    assert set(dir(loaded)) >= set(loaded.__all__)
    for name in loaded.__all__:
        assert getattr(loaded, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = loaded.no_such_name


@pytest.mark.parametrize("module", ["gridagora", "gridagora.extend"])
def test_what_type_checkers_see_is_what_is_imported(module: str) -> None:
    loaded = importlib.import_module(module)
    (block,) = [
        node
        for node in ast.parse(Path(loaded.__file__).read_text()).body
        if isinstance(node, ast.If)
    ]
    seen = {a.asname or a.name: (node.module, a.name) for node in block.body for a in node.names}
    assert set(seen) == set(loaded.__all__)
    for name, (place, attribute) in seen.items():
        offered = inspect.unwrap(getattr(loaded, name))  # of what explains a wrong argument
        assert getattr(importlib.import_module(place), attribute) is offered


def test_names_for_parts_are_all_listed_by_purpose_once() -> None:
    listed = [name for names in extend.public_names().values() for name in names]
    assert sorted(listed) == sorted(extend.__all__)


def test_importing_the_module_loads_no_part_of_the_package() -> None:
    import subprocess
    import sys

    code = "import sys, gridagora.extend; print([m for m in sys.modules if m.startswith('gridagora.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['gridagora.extend']"
