"""Who names a kind of device: its own file, the sources and physics of it, the keys of a scenario. Nobody else.

Code is read, not prose: identifiers, and texts without a blank, which are names of columns, keys and kinds.
"""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "gridagora"
WORDS = {
    "pv", "ev", "evs", "hvac", "battery", "batteries", "tank", "tanks", "heater", "heaters", "car", "cars", "vehicle", "vehicles",
}  # fmt: skip
PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
OWN = ("devices/", "sources/", "kernels/physics/")
# What else names one, and why.
NAMED = {
    "__init__.py": "tables of devices that users write in code",
    "population/charging.py": "sessions of cars: the table that their source fills and their device runs",
    "population/hot_water.py": "the same of water heaters",
    "mechanisms/aggregation.py": "a virtual battery is the shape of any fleet with a store",
    "mechanisms/forecast_noise.py": "a battery stands for any store in the case of its theory",
    "studies/claims.py": "the random communities of the theory of retail own batteries",
    "studies/retail_claims.py": "keys of [homes] that its cases vary",
    "studies/flip_map.py": "the same of its maps",
    "report/claims_words.py": "sentences of these keys",
    "scenario/schema.py": "keys of [homes], older than [homes.KIND], with their bounds and sentences",
    "scenario/short_keys.py": "which key of [homes] stands for which of [homes.KIND]",
    "scenario/unread.py": "which source reads [homes] ev_file and ev_source",
    "scenario/cars_by_home.py": "the file of sessions home by home, and the table that it fills",
    "scenario/paths.py": "the files of charging sessions that ev_file may leave out",
    "scenario/cross_checks.py": "ev_source beside ev_file",
    "scenario/households.py": "reads charging sessions by ev_source",
    "scenario/plugin_sources.py": "the same of a plugin",
    "scenario/fit.py": "a plugin may register homes.ev_source",
}


def named(path: Path) -> set[str]:
    """Return the names of a file that hold a word of a kind."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=text)
                | ast.Attribute(attr=text)
                | ast.arg(arg=text)
                | ast.keyword(arg=str(text))
            ):
                found.add(text)
            case ast.FunctionDef(name=text) | ast.ClassDef(name=text) | ast.alias(name=text):
                found.add(text)
            case ast.Constant(value=str(text)) if text and not re.search(r"\s", text):
                found.add(text)
    return {text for text in found if {word.lower() for word in PART.findall(text)} & WORDS}


def files() -> list[str]:
    return [path.relative_to(SOURCE).as_posix() for path in sorted(SOURCE.rglob("*.py"))]


@pytest.mark.parametrize(
    "name", [name for name in files() if not name.startswith(OWN) and name not in NAMED]
)
def test_no_other_file_names_a_kind(name):
    assert not named(SOURCE / name)


@pytest.mark.parametrize("name", NAMED)
def test_a_file_that_need_not_name_one_is_not_listed(name):
    assert named(SOURCE / name)
