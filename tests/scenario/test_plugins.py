"""Parts from outside the package: found by a scenario or an entry point, and refused in a sentence where they do not fit."""

import json
import pickle
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gridagora import cli
from gridagora.core import registry
from gridagora.core.errors import InputError
from gridagora.devices import load
from gridagora.scenario import build, plugins, read

HEAD = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from gridagora.extend import Bidder, Metric, NoAgents, POSTED_PRICE, Prices, Rulebook, plan_at, post, quote, register
"""
MARKET = '''
@register("market", "{name}")
@dataclass(frozen=True)
class Plus:
    """The import price with a margin."""

    rules: ClassVar[Rulebook] = POSTED_PRICE
    margin_per_kwh: float = {margin}
    strategy: str = "price_taker"

    def start(self, baseline):
        return None

    def plan(self, opening, state):
        return plan_at(self.quotes(opening), state)

    def quotes(self, opening):
        return quote(opening.product, opening.party, opening.supply.import_per_kwh + self.margin_per_kwh)

    def clear(self, opening, state):
        return post(self.quotes(opening))
'''
GOOD = MARKET.format(name="plus", margin=0.01)
STRATEGY = '''
@register("strategy", "mine")
@dataclass(frozen=True)
class Mine:
    """Does nothing."""

    plans: bool = False
    bidder: ClassVar[Bidder] = Bidder.NOBODY

    def agents(self, believed):
        return NoAgents()

    def tender(self, opening, behind):
        return None

    def dispatch(self, behind, clearing):
        return None
'''
METRIC = """
register("metric", "X1")(Metric({fields}))
"""
# A device of the package under another name stands for one of a user's own.
DEVICE = (
    (Path(load.__file__).read_text(encoding="utf-8"))
    .replace('"appliances"', '"kettle"')
    .replace("Loads of", "Kettles of")
)
PRICES = '''
@register("source", "prices.source=even")
def even(request):
    """One price all day."""
    hours = 48 + request.hours
    return {found}
'''
EVEN = "Prices(request.start_s, np.full(hours, 0.03), np.full(4 * hours, 0.03))"
CASE = '[scenario]\ndays = 1\narchitectures = ["flat"]\n[homes]\ncount = 3\n[plugins]\ninstalled = false\nfiles = ["mine.py"]\n'


@pytest.fixture(autouse=True)
def as_before():
    """Leave the registry and the loaded modules as they were."""
    for kind in registry.ROOMS:
        registry.entries(kind)
    parts, modules = dict(registry._parts), set(sys.modules)
    yield
    registry._parts.clear()
    registry._parts.update(parts)
    for name in set(sys.modules) - modules:
        if name.startswith((plugins.PREFIX, "outside_")):
            del sys.modules[name]
    plugins.show(())


def put(folder: Path, text: str, case: str = CASE, name: str = "mine.py") -> Path:
    """Write a plugin and a scenario that names it; return the scenario."""
    (folder / name).write_text(HEAD + text, encoding="utf-8")
    (folder / "case.toml").write_text(case, encoding="utf-8")
    return folder / "case.toml"


def call(*arguments: object):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def test_a_file_beside_the_scenario_gives_it_parts_of_every_kind(tmp_path):
    metric = METRIC.format(
        fields='"X1", "own figure", "kWh", "up", lambda o, y: 1.0, "What I count."'
    )
    case = put(tmp_path, DEVICE + GOOD + STRATEGY + metric + PRICES.format(found=EVEN))
    listed = call("list", case)
    assert listed.exit_code == 0, listed.stderr
    assert f"Importing plugin {tmp_path / 'mine.py'}" in listed.stderr
    rows = [line for line in listed.stdout.splitlines() if "[from mine.py]" in line]
    assert [row.split()[0] for row in rows] == [
        "kettle",
        "mine",
        "plus",
        "X1",
        "prices.source=even",
    ]
    told = json.loads(call("list", case, "--json").stdout)
    assert told["market"]["plus"] == "The import price with a margin."
    (entry,) = told["plugins"].values()
    assert entry["file"] == str(tmp_path / "mine.py") and len(entry["sha256"]) == 64
    checked = call(
        "check", case, "--set", "prices.source=even", "--set", 'scenario.architectures=["plus"]'
    )
    assert checked.exit_code == 0, checked.stderr
    told = " ".join(checked.stdout.split())  # the width of a line depends on the folder's name
    assert "even: day-ahead 0.030" in told and "market plus" in told


def test_what_is_imported_is_named_before_it_runs(tmp_path):
    case = put(tmp_path, 'raise RuntimeError("I ran")\n')
    done = call("check", case)
    assert done.exit_code == 2
    first, *rest = done.stderr.splitlines()
    assert first.startswith("Importing plugin") and "I ran" in "".join(rest)
    off = call("check", case, "--set", "plugins.files=[]")
    assert off.exit_code == 0 and "Importing" not in off.stderr


def test_what_a_plugin_prints_is_no_result(tmp_path):
    done = call("check", put(tmp_path, 'print("hello")\n' + GOOD), "--json")
    assert json.loads(done.stdout)["understood"]["designs"] == "flat"


def test_a_module_by_name_and_its_version(tmp_path, monkeypatch):
    package = tmp_path / "outside_pkg"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "market.py").write_text(HEAD + GOOD, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    case = put(
        tmp_path, "", CASE.replace('files = ["mine.py"]', 'modules = ["outside_pkg.market"]')
    )
    listed = json.loads(call("list", case, "--json").stdout)["plugins"].values()
    assert [(each["module"], each["version"], each["parts"]) for each in listed] == [
        ("outside_pkg.market", None, ["market plus"])
    ]
    before = next(iter(listed))["sha256"]
    (package / "sibling.py").write_text("x = 1\n", encoding="utf-8")
    assert (
        json.loads(call("list", case, "--json").stdout)["plugins"]["outside_pkg.market"]["sha256"]
        != before
    )


def entry_point(folder: Path, value: str) -> None:
    """Lay down what an installed package leaves: its metadata with an entry point."""
    told = folder / "outside_pkg-2.5.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: outside-pkg\nVersion: 2.5\n", encoding="utf-8"
    )
    (told / "entry_points.txt").write_text(f"[gridagora.parts]\nmine = {value}\n", encoding="utf-8")


def test_an_installed_package_offers_parts_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "outside_mod.py").write_text(HEAD + GOOD, encoding="utf-8")
    entry_point(tmp_path, "outside_mod")
    monkeypatch.syspath_prepend(str(tmp_path))
    done = call("list")
    assert "[from outside_mod (outside-pkg 2.5)]" in " ".join(done.stdout.split())
    scenario = read.parse('[scenario]\narchitectures = ["plus"]\n')
    assert plugins.described(scenario.outside)[0]["version"] == "2.5"
    with pytest.raises(InputError, match="unknown architecture 'plus'"):
        registry.forget("outside_mod")
        read.parse('[scenario]\narchitectures = ["plus"]\n[plugins]\ninstalled = false\n')


def test_a_broken_installed_package_is_left_out_of_the_list_and_refused_by_a_scenario(
    tmp_path, monkeypatch
):
    (tmp_path / "outside_mod.py").write_text("import a_package_that_nobody_has\n", encoding="utf-8")
    entry_point(tmp_path, "outside_mod")
    monkeypatch.syspath_prepend(str(tmp_path))
    done = call("list")
    assert done.exit_code == 0 and "central" in done.stdout
    assert (
        "Left out: entry point 'mine' of outside-pkg 2.5" in done.stderr
        and "installed = false" in done.stderr
    )
    with pytest.raises(InputError, match="a_package_that_nobody_has"):
        read.parse("")
    assert read.parse("[plugins]\ninstalled = false\n").outside == ()


def test_parts_of_a_file_are_known_to_scenarios_that_name_it_and_to_no_other(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    first = build.load(put(one, MARKET.format(name="plus", margin=0.01)))
    second = build.load(put(two, MARKET.format(name="plus", margin=0.02)))
    assert [each.market("plus").margin_per_kwh for each in (first, second, first)] == [
        0.01,
        0.02,
        0.01,
    ]
    plain = build.build(read.parse("[homes]\ncount = 3\n[plugins]\ninstalled = false\n"))
    with pytest.raises(InputError, match="'plus'"):
        plain.market("plus")
    assert registry.names("market").count("plus") == 0


def test_a_file_that_was_edited_is_read_anew(tmp_path):
    old = build.load(put(tmp_path, MARKET.format(name="plus", margin=0.01)))
    new = build.load(put(tmp_path, MARKET.format(name="plus", margin=0.05)))
    assert (old.market("plus").margin_per_kwh, new.market("plus").margin_per_kwh) == (0.01, 0.05)
    assert old.scenario.outside[0].digest != new.scenario.outside[0].digest


def test_a_scene_brings_its_plugins_to_another_process(tmp_path):
    scene = build.load(put(tmp_path, GOOD))
    sent = pickle.dumps(scene)
    del sys.modules[scene.scenario.outside[0].module]
    registry.forget(scene.scenario.outside[0].module)
    assert pickle.loads(sent).market("plus").margin_per_kwh == 0.01
    del sys.modules[scene.scenario.outside[0].module]
    put(tmp_path, MARKET.format(name="plus", margin=0.05))
    with pytest.raises(InputError, match="changed since"):
        pickle.loads(sent).market("plus")


SESSION = GOOD[: GOOD.index("    def clear")]
BAD = {
    "syntax": ("def (:\n", ["import ends in SyntaxError", "mine.py, line"]),
    "missing": (
        "import nobody_has_this\n",
        ["No module named 'nobody_has_this'", "A plugin file stands alone"],
    ),
    "raises": ("1 / 0\n", ["ZeroDivisionError: division by zero", "of mine.py"]),
    "own error": ("class Odd(Exception): ...\nraise Odd('mine')\n", ["Odd: mine"]),
    "leaves": ("raise SystemExit(3)\n", ["SystemExit: 3"]),
    "nothing": ("x = 1\n", ["registers no part", "@register(kind, name)"]),
    "kind": (GOOD.replace('"market"', '"markt"'), ["'markt'", "Did you mean 'market'?"]),
    "no method": (SESSION, ["market 'plus' of mine.py: got no method clear(opening, state)"]),
    "parameters": (
        GOOD.replace("clear(self, opening, state)", "clear(self, opening)"),
        ["market 'plus' of mine.py", "clear(opening)", "clear(opening, state)"],
    ),
    "no dispatch": (
        STRATEGY.replace("def dispatch", "def despatch"),
        ["strategy 'mine' of mine.py: got no method dispatch"],
    ),
    "no plans": (
        STRATEGY.replace("plans: bool = False", "x: int = 0"),
        ["strategy 'mine' of mine.py: got no attribute 'plans'"],
    ),
    "thawed": (
        GOOD.replace("(frozen=True)", ""),
        ["market 'plus' of mine.py", "can be changed", "a frozen dataclass"],
    ),
    "plain class": (GOOD.replace("@dataclass(frozen=True)\n", ""), ["no dataclass"]),
    "no default": (
        GOOD.replace("float = 0.01", "float"),
        ["the key 'margin_per_kwh' without a default"],
    ),
    "a fact as key": (
        GOOD.replace("margin_per_kwh: float", "rules: bool = False\n    margin_per_kwh: float"),
        ["the key 'rules'"],
    ),
    "defaults": (
        GOOD + "    def __post_init__(self):\n        raise ValueError('no margin')\n",
        ["ValueError: no margin"],
    ),
    "built-in": (
        GOOD.replace('"plus"', '"flat"'),
        ["market 'flat': got a name registered by", "mine.py", "gridagora.markets.flat"],
    ),
    "id": (
        METRIC.format(fields='"X2", "a", "kWh", "up", lambda o, y: 1.0, "b"'),
        ["metric 'X1' of mine.py: got the id 'X2'"],
    ),
    "direction": (
        METRIC.format(fields='"X1", "a", "kWh", "best", lambda o, y: 1.0, "b"'),
        ["the direction 'best'"],
    ),
    "explanation": (
        METRIC.format(fields='"X1", "a", "kWh", "up", lambda o, y: 1.0'),
        ["no explanation"],
    ),
    "compute": (
        METRIC.format(fields='"X1", "a", "kWh", "up", lambda o: 1.0, "b"'),
        ["compute(outcome, yardstick)"],
    ),
    "no metric": (
        "register('metric', 'X1')(lambda o, y: 1.0)\n",
        ["metric 'X1' of mine.py", "expected a Metric"],
    ),
    "no step": (
        DEVICE.replace("    def step(self", "    def stop(self"),
        ["device 'kettle' of mine.py: got no method step"],
    ),
    "steps": (
        DEVICE.replace("now: Moment, beside: Beside)", "now: Moment)"),
        ["device 'kettle'", "step(p_target_kw, now, beside)"],
    ),
    "own kind": (
        DEVICE.replace('"kettle",\n        "Responsive', '"pot",\n        "Responsive'),
        ["a DeviceKind", "whose kind is 'kettle'"],
    ),
    "key of source": (
        PRICES.format(found=EVEN).replace("prices.source=", "price.source="),
        ["TABLE.KEY=WORD", "prices.source"],
    ),
    "source": (
        PRICES.format(found=EVEN).replace("even(request)", "even()"),
        ["even()", "a function of one parameter"],
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_plugin_is_a_sentence_before_anything_runs(case, tmp_path):
    text, words = BAD[case]
    known = set(sys.modules)
    done = call("check", put(tmp_path, text))
    assert done.exit_code == 2, done.stdout
    said = " ".join(done.stderr.split())
    assert "nothing was run or written" in said and "Traceback" not in said
    for word in words:
        assert word in said, said
    assert not [name for name in set(sys.modules) - known if name.startswith(plugins.PREFIX)]
    assert not [
        entry
        for entry in plugins.outside()
        if entry.module.startswith(plugins.PREFIX) and entry.module not in known
    ]


def test_every_fault_of_every_plugin_is_told_at_once(tmp_path):
    case = CASE.replace(
        '["mine.py"]', '["mine.py", "other.py", "absent.py", "text.txt"]\nmodules = ["no/module"]'
    )
    done = call("check", put(tmp_path, SESSION, case))
    assert done.exit_code == 2 and "4 problems" in done.stderr
    for word in ("other.py", "absent.py", "ending in .py", "'no/module'", "A file goes into files"):
        assert word in done.stderr
    put(tmp_path, "1 / 0\n", name="other.py")
    twice = put(tmp_path, SESSION, CASE.replace('["mine.py"]', '["mine.py", "other.py"]'))
    said = call("check", twice).stderr
    assert "2 problems" in said and "no method clear" in said and "ZeroDivisionError" in said


def test_a_name_that_two_plugins_register_is_refused_with_both(tmp_path):
    put(tmp_path, GOOD, name="other.py")
    done = call(
        "check", put(tmp_path, GOOD, CASE.replace('["mine.py"]', '["mine.py", "other.py"]'))
    )
    assert done.exit_code == 2
    assert f"{tmp_path / 'mine.py'}" in done.stderr and f"{tmp_path / 'other.py'}" in done.stderr
    assert "market 'plus'" in done.stderr


def test_a_module_that_nobody_has_is_told_with_what_to_do(tmp_path):
    done = call(
        "check",
        put(tmp_path, "", CASE.replace('files = ["mine.py"]', 'modules = ["nobody_pkg.market"]')),
    )
    assert done.exit_code == 2
    assert "no module of that name" in done.stderr and "PYTHONPATH" in done.stderr


TABLES = {
    "type": ("[0.03] * hours", ["source 'prices.source=even': got list, expected a table Prices"]),
    "short": (
        EVEN.replace("np.full(hours", "np.full(hours - 1"),
        ["source 'prices.source=even'", "day_ahead_per_kwh"],
    ),
    "nan": (
        EVEN.replace("0.03)", "np.nan)", 1),
        ["source 'prices.source=even'", "day_ahead_per_kwh"],
    ),
    "raises": (
        "request.no_such_key",
        ["source 'prices.source=even': got an error, AttributeError", "in even, line"],
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_source_that_gives_a_bad_table_is_named(case, tmp_path):
    found, words = TABLES[case]
    done = call("check", put(tmp_path, PRICES.format(found=found)), "--set", "prices.source=even")
    assert done.exit_code == 2
    for word in words:
        assert word in " ".join(done.stderr.split()), done.stderr


def test_every_table_can_come_from_a_plugin(tmp_path):
    """The tables that the package itself would make, handed over by sources of a plugin, give the same scene."""
    text = '''
from pathlib import Path
from gridagora.extend import Sky, make_feeder
from gridagora.sources import synthetic

@register("source", "feeder.source=mine")
def feeder(request):
    """A feeder."""
    return make_feeder(request.seed, request.home_count)

@register("source", "weather.source=mine")
def weather(request):
    """A sky."""
    assert Path(request.file).read_text() == "sun"
    return Sky(synthetic.weather(request.seed, request.start_s, request.days), 30.27)

@register("source", "homes.source=mine")
def homes(request):
    """Homes."""
    return synthetic.homes(request.seed, request.weather, request.days, request.home_count)
'''
    (tmp_path / "sky.txt").write_text("sun")
    named = '[feeder]\nsource = "mine"\n[weather]\nsource = "mine"\nfile = "sky.txt"\n'
    case = CASE.replace("[homes]\n", named + '[homes]\nsource = "mine"\n')
    scene = build.load(put(tmp_path, text, case))
    plain = build.build(
        read.parse("[scenario]\ndays = 1\n[homes]\ncount = 3\n[plugins]\ninstalled = false\n")
    )
    assert scene.feeder.name == plain.feeder.name
    for mine, own in zip(
        (*scene.weather, *scene.prices), (*plain.weather, *plain.prices), strict=True
    ):
        assert np.array_equal(mine, own)
    assert scene.homes.home_id == plain.homes.home_id and np.array_equal(
        scene.homes.load_kw, plain.homes.load_kw
    )


def test_a_word_that_no_source_has_is_told_with_those_of_plugins(tmp_path):
    done = call("check", put(tmp_path, PRICES.format(found=EVEN)), "--set", "prices.source=evn")
    assert (
        done.exit_code == 2 and "or 'even'" in done.stderr and "Did you mean 'even'?" in done.stderr
    )


def test_installed_packages_are_looked_up_only_when_a_scenario_is_read(monkeypatch):
    asked = []
    monkeypatch.setattr(metadata, "entry_points", lambda **group: asked.append(group) or ())
    registry.names("market")
    assert call("--help").exit_code == 0
    assert asked == []
    read.parse("")
    assert asked == [{"group": plugins.GROUP}]
