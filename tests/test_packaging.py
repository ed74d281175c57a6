"""What installs the package says the same: the recipe, the container and the wheels, held against pyproject.toml."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).parents[1]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]
RECIPE = yaml.safe_load((TOP / "packaging/conda/recipe.yaml").read_text("utf-8"))
CONTAINER = (TOP / "packaging/Containerfile").read_text("utf-8")
OTHER_NAMES = {"pyarrow-core": "pyarrow", "msgspec-python": "msgspec"}


def test_the_recipe_needs_what_the_wheel_needs() -> None:
    needed = [OTHER_NAMES.get(each, each) for each in RECIPE["requirements"]["run"]]
    assert needed == [f"python {PROJECT['requires-python']}", *PROJECT["dependencies"]]
    assert RECIPE["requirements"]["host"][0] == needed[0]


def test_the_recipe_is_of_this_version() -> None:
    assert RECIPE["context"]["version"] == PROJECT["version"]
    assert RECIPE["about"]["license"] == PROJECT["license"]
    assert RECIPE["about"]["summary"] == PROJECT["description"]
    ((name, entry),) = PROJECT["scripts"].items()
    assert RECIPE["build"]["python"]["entry_points"] == [f"{name} = {entry}"]


def test_the_container_copies_what_is_there_and_is_run_by_a_user_without_rights() -> None:
    for line in re.findall(r"^COPY (.*) \S+$", CONTAINER, re.MULTILINE):
        assert all((TOP / name).exists() for name in line.split()), line
    extras = re.findall(r"'\.\[(\w+)\]'", CONTAINER)
    assert extras
    assert set(extras) <= set(PROJECT["optional-dependencies"])
    assert CONTAINER.index("USER user") < CONTAINER.index("ENTRYPOINT")
    base = re.search(r"^FROM python:(\d+)\.(\d+)-slim$", CONTAINER, re.MULTILINE)
    assert base is not None
    assert tuple(map(int, base.groups())) >= (3, 11)


def test_the_script_of_wheels_can_be_parsed_and_its_tests_are_there() -> None:
    path = TOP / ".ci/wheels"
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    subprocess.run([bash, "-n", str(path)], check=True)
    tests = re.findall(r"tests/\S+\.py", path.read_text("utf-8"))
    assert tests
    assert all((TOP / each).is_file() for each in tests)
