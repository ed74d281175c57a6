"""The page of the Python API: its examples run in their order, and every public name stands on it once."""

import re
from pathlib import Path

import gridagora

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_examples_run_in_order(capsys):
    scope = {}
    for body in BLOCK.findall(PAGE):
        exec(compile(body, "api.md", "exec"), scope)
    said = capsys.readouterr().out
    assert "Scene 'Four homes'" in said and "Did you mean 'bills'?" in said
    assert scope["bills"].shape == (4, 2) and 0 <= scope["cheaper"] <= 1
    assert len(scope["set_points"].columns) == 4
    assert len(scope["other"].homes.owned["battery"].home) == 2


def test_every_public_name_is_on_it_once():
    settings = (DOCS / "conf.py").read_text(encoding="utf-8")
    block = settings[settings.index("API = {") : settings.index("}  # every public name")]
    words = re.findall(r'"(\w+)"', re.sub(r'"\w+": \(', "", block))
    assert sorted(words) == sorted(gridagora.__all__)
    groups = re.findall(r'"(\w+)": \(', block)
    assert [name for name in groups if f"written/api-{name}.md" not in PAGE] == []
