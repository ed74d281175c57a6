"""`[[design]]`: a comparison may hold one market several times, each under a name and with keys of its own."""

from dataclasses import fields

import numpy as np
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.core.registry import find, names
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from gridagora.run.step import Run
from gridagora.scenario import build, read
from gridagora.scenario.describe import scene_lines
from gridagora.scenario.schema import Scenario
from gridagora.studies.step_worlds import run_in_step

SMALL = """
[scenario]
days = 1
{listed}
[homes]
count = 4
ev_share = 0.0
[market.tou]
peak_ratio = 2.0
[[design]]
name = "mild windows"
market = "tou"
{mild}
[[design]]
name = "net metered"
market = "rtp"
export = "net_metering"
"""


def parse(listed="", mild="peak_ratio = 1.5", overrides=()):
    return read.parse(SMALL.format(listed=listed, mild=mild), "s.toml", overrides=overrides)


def told(**changed):
    with pytest.raises(InputError) as fault:
        parse(**changed)
    return [f"{each.where}: {each.got} | {each.hint}" for each in fault.value.problems]


def test_a_design_starts_from_the_keys_of_its_market_and_changes_its_own():
    made = parse()
    assert made.market_of("mild windows") == "tou"
    assert made.keys_of("mild windows") == {"peak_ratio": 1.5}
    assert parse(mild="").keys_of("mild windows") == {"peak_ratio": 2.0}
    assert made.keys_of("tou") == {"peak_ratio": 2.0}
    assert made.market_of("rtp") == "rtp"


def test_own_designs_are_compared_unless_a_list_says_what_is():
    usual = Scenario().scenario.architectures
    assert parse().compared == (*usual, "mild windows", "net metered")
    assert parse(listed='architectures = ["flat", "net metered"]').compared == (
        "flat",
        "net metered",
    )


def test_an_override_reaches_a_design_by_its_name():
    made = parse(overrides=["design.mild windows.peak_ratio=1.25"])
    assert made.keys_of("mild windows")["peak_ratio"] == 1.25
    again = read.parse(made.text)
    assert again.keys_of("mild windows")["peak_ratio"] == 1.25
    assert again.compared == made.compared


def test_designs_made_in_code_are_those_of_a_file():
    own = {"name": "mild windows", "market": "tou", "keys": {"peak_ratio": 1.5}}
    scene = gridagora.build(
        Scenario(scenario={"days": 1}, homes={"count": 4, "ev_share": 0.0}, designs=(own,))
    )
    assert scene.scenario.compared[-1] == "mild windows"
    assert scene.market("mild windows").peak_ratio == 1.5
    assert read.parse(scene.text).keys_of("mild windows") == {"peak_ratio": 1.5}


WRONG = {
    "a market's name": ('"mild windows"', '"rtp"', "the name of a market"),
    "twice": ('"net metered"', '"Mild Windows"', "for two designs"),
    "a path": ('"net metered"', '"../out"', "'../out'"),
    "reserved": ('"net metered"', '"bound"', "which results use"),
    "no name": ('name = "net metered"', "", "no name"),
    "no market": ('market = "rtp"', "", "no market"),
    "unknown market": ('market = "rtp"', 'market = "rpt"', "an unknown market 'rpt'"),
    "key of another": ('export = "net_metering"', "peak_ratio = 2.0", "unknown key 'peak_ratio'"),
    "value": ('export = "net_metering"', 'export = "gift"', "'gift'"),
    "refused by the market": ("peak_ratio = 1.5", "peak_ratio = -1.0", "-1"),
    "strategy": ("peak_ratio = 1.5", 'strategy = "home"', "'home'"),
    "inner table": ("peak_ratio = 1.5", "keys = { peak_ratio = 1.5 }", "unknown key 'keys'"),
    "one bracket": ('[[design]]\nname = "net metered"', '[design]\nname = "net metered"', "TOML"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_design_is_named(case):
    before, after, words = WRONG[case]
    text = SMALL.format(listed="", mild="peak_ratio = 1.5").replace(before, after)
    with pytest.raises(InputError) as fault:
        read.parse(text, "s.toml")
    said = [f"{each.where}: {each.got}" for each in fault.value.problems]
    assert any(words in each for each in said), said


SPREAD = """
[market]
start_spread_minutes = 30
[[design]]
name = "own"
market = "tou"
start_spread_minutes = {own}
[[design]]
name = "shared"
market = "tou"
"""


def test_a_design_may_spread_starts_for_itself_and_no_other():
    made = read.parse(SPREAD.format(own=10))
    assert [made.start_spread_of(name) for name in ("own", "shared", "tou")] == [10, None, None]
    assert read.parse(SPREAD.format(own=0)).start_spread_of("own") == 0
    again = read.parse(SPREAD.format(own=10), overrides=["design.own.start_spread_minutes=15"])
    assert again.start_spread_of("own") == read.parse(again.text).start_spread_of("own") == 15
    entry = {"name": "own", "market": "rtp", "start_spread_minutes": 12}
    scene = gridagora.build(
        Scenario(scenario={"days": 1}, homes={"count": 2, "ev_share": 0.0}, designs=(entry,))
    )
    assert scene.scenario.start_spread_of("own") == 12
    assert "start_spread_minutes = 12" in scene_lines(scene)["designs"]


@pytest.mark.parametrize(
    ("own", "market", "words"),
    [
        ("121", "tou", "121"),
        ("-1", "tou", "-1"),
        ("2.5", "tou", "2.5"),
        ('"some"', "tou", "'some'"),
        ("10", "central", "10 with strategy 'look_ahead'"),
        ("10", "flat", "10 with strategy 'habit'"),
        ("0", "auction", "0 with strategy 'home'"),
    ],
)
def test_a_spread_that_is_none_or_that_nobody_follows_is_refused(own, market, words):
    text = SPREAD.format(own=own).replace('"own"\nmarket = "tou"', f'"own"\nmarket = "{market}"')
    with pytest.raises(InputError) as fault:
        read.parse(text, "s.toml")
    (problem,) = fault.value.problems
    assert problem.where == "s.toml: [[design]] own start_spread_minutes"
    assert words in problem.got


def test_a_spread_of_its_own_is_that_of_the_market_for_one_design():
    """In a comparison, step by step and in worlds in step, the design does what it would under the shared key."""
    case = "[scenario]\ndays = 1\nseed = 4\n[homes]\ncount = 6\n"
    own = build.build(read.parse(case + SPREAD.format(own=20).replace("= 30", "= 0")))
    every = build.build(read.parse(case + "[market]\nstart_spread_minutes = 20\n"))
    plain = build.build(read.parse(case))
    loads = {
        name: gridagora.compare(scene, [design]).tables["intervals"].load_kw.to_numpy()
        for name, scene, design in (
            ("own", own, "own"),
            ("shared", own, "shared"),
            ("every", every, "tou"),
            ("plain", plain, "tou"),
        )
    }
    np.testing.assert_array_equal(loads["own"], loads["every"])
    np.testing.assert_array_equal(loads["shared"], loads["plain"])
    assert not np.array_equal(loads["own"], loads["plain"])
    np.testing.assert_array_equal(Run(own, "own").finish().load_kw, loads["own"])
    world, _ = run_in_step([own, own], ["own", "shared"])
    (alone,) = run_in_step([every], ["tou"])
    assert world.values["own"] == alone.values["tou"]
    assert world.values["shared"] != alone.values["tou"]


def test_a_table_in_one_bracket_is_refused_with_the_form():
    with pytest.raises(InputError, match=r"\[\[design\]\]"):
        read.parse('[design]\nname = "x"\nmarket = "tou"\n')


def test_an_unknown_design_in_a_list_or_an_override_is_named():
    listed = told(listed='architectures = ["flat", "mild window"]')
    assert any("mild window" in each and "'mild windows'" in each for each in listed)
    assert any("'mild wind'" in each for each in told(overrides=["design.mild wind.x=1"]))


@pytest.mark.parametrize("market", [name for name in names("market") if name != "retail_tariff"])
def test_every_market_under_another_name_does_the_same(market):
    own = {"name": "another name", "market": market}
    scene = gridagora.build(
        Scenario(scenario={"days": 1}, homes={"count": 4, "ev_share": 0.0}, designs=(own,))
    )
    made, same = scene.market("another name"), scene.market(market)
    assert type(made) is find("market", market)
    for field in fields(same):
        assert getattr(made, field.name) == getattr(same, field.name)


def test_a_comparison_holds_one_market_twice_and_says_which_it_is(tmp_path):
    scene = gridagora.build(parse(listed='architectures = ["flat", "tou", "mild windows"]'))
    found = gridagora.compare(scene, out=tmp_path / "out")
    entries = found.summary["architectures"]
    assert list(entries) == ["flat", "tou", "mild windows"]
    assert entries["mild windows"]["market"] == entries["tou"]["market"] == "tou"
    assert entries["mild windows"]["certificates"]["revenue_gap_usd"] is not None
    table = found.tables["intervals"].set_index("architecture")
    ratio = {
        name: table.price_per_kwh[name].max() / table.price_per_kwh[name].min()
        for name in ("tou", "mild windows")
    }
    assert ratio == pytest.approx({"tou": 2.0, "mild windows": 1.5})
    page = tmp_path / "out.html"
    gridagora.open_result(tmp_path / "out").report(page)
    assert "Mild windows" in page.read_text(encoding="utf-8")


def test_a_design_alone_is_itself_in_a_comparison():
    scene = gridagora.build(parse(listed='architectures = ["flat", "mild windows"]'))
    study = gridagora.run.compare.prepare(scene)
    one = evaluate("mild windows", simulate(scene.market("mild windows"), study), study)
    assert one.name == "mild windows"
