"""What a hostile or hasty user types of designs, shares, limits and seeds is refused in a sentence, before anything runs."""

import pytest

from gridagora.core.errors import InputError
from gridagora.scenario import build, read
from gridagora.scenario.overload import spell_limit
from gridagora.studies.break_even import find_break_even
from gridagora.studies.ensemble import lines_of, make_plan
from gridagora.studies.risk.intervals import widen_by
from gridagora.studies.variations import require_variations

BASE = """
[scenario]
seed = 3
days = 1
architectures = ["flat", "tou"]
[homes]
count = 4
"""
TOU = '[[design]]\nname = "x"\nmarket = "tou"\n'


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "case.toml"
    file.write_text(BASE + TOU)
    return file


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ('name = "x"\nmarket = "peer"\nvariant = "full"', "unknown key 'variant'"),
        ('name = "x"\nmarket = "tou"\nouter = "damped"', "a key of the market 'tou'"),
        ('name = "x"\nmarket = "retailer"\nouter = "dampd"', "one of price_signal, damped"),
        ('name = "x"\nmarket = "tou"\nstrategy = "greedy"', "'habit' or 'price_taker'"),
        ('name = "x"\nmarket = "x"', "unknown market 'x'"),
        ('name = "TOU"\nmarket = "tou"', "'TOU', the name of a market"),
        ('name = "Bound"\nmarket = "tou"', "which results use"),
        ('name = "a/b"\nmarket = "tou"', "up to 40 letters"),
        ('name = "x"\nmarket = "flat"\nparticipation_share = 0.5', "0.5 with strategy 'habit'"),
        ('name = "x"\nmarket = "tou"\nparticipation_share = 50', "at most 1"),
        ('name = "x"\nmarket = "tou"\nparticipation_share = nan', "a finite number"),
        ('name = "x"\nmarket = "tou"\nparticipation_share = true', "a number"),
    ],
)
def test_a_design_that_is_none_is_refused(own, said):
    with pytest.raises(InputError, match="design") as fault:
        read.parse(f"{BASE}[[design]]\n{own}\n", "case.toml")
    assert said in str(fault.value)


@pytest.mark.parametrize("second", ["a b", "A b", "a  b"])
def test_two_designs_of_one_name_are_refused_however_it_is_spelt(second):
    pair = "".join(f'[[design]]\nname = "{name}"\nmarket = "tou"\n' for name in ("a b", second))
    with pytest.raises(InputError, match="for two designs"):
        read.parse(BASE + pair, "case.toml")


def test_homes_that_plan_may_be_a_share_and_nobody_may_be_none():
    for own in (
        'market = "flat"\nstrategy = "price_taker"\nparticipation_share = 0.5',
        'market = "flat"\nparticipation_share = 0.0',
    ):
        read.parse(f'{BASE}[[design]]\nname = "x"\n{own}\n', "case.toml")


@pytest.mark.parametrize(
    "key", ["design.x.participation_share", "design.x.peak_ratio", "market.peer.far"]
)
def test_a_variation_that_no_design_compared_reads_is_refused(path, key):
    """It would vary nothing, and its points would look like a finding."""
    with pytest.raises(InputError, match="which no design compared reads"):
        require_variations(str(path), (), [(f"{key}=1",)], "--over")


@pytest.mark.parametrize("key", ["market.tou.peak_ratio", "market.flat.strategy"])
def test_a_variation_of_what_is_compared_is_taken(path, key):
    value = "price_taker" if key.endswith("strategy") else "2"
    require_variations(str(path), (), [(f"{key}={value}",)], "--over")
    both = ['scenario.architectures=["flat","x"]']
    require_variations(str(path), both, [("design.x.peak_ratio=2",)], "--over")


def test_a_price_without_a_limit_prices_nothing_and_says_so():
    def told(keys):
        return spell_limit(build.build(read.parse(f"{BASE}[substation]\n{keys}\n", "case.toml")))

    assert told("over_per_kwh = 1.0") == "no limit, so over_per_kwh prices nothing"
    assert told("") == "no limit"
    assert told("over_per_kwh = 1.0\nlimit_kw = 30.0").startswith("limit 30 kW")


def test_a_break_even_without_a_limit_is_refused(path):
    with pytest.raises(InputError, match="no limit"):
        find_break_even(build.load(path), "tou")


@pytest.mark.parametrize("seeds", [1, 0, -3])
def test_one_world_has_no_interval(path, seeds):
    with pytest.raises(InputError, match="2 or more: a spread between worlds needs them"):
        make_plan(path, (), ((),), "--seeds", seeds, 0)


@pytest.mark.parametrize(("seeds", "wide"), [(2, "6.5"), (3, "2.2"), (7, "1.2")])
def test_few_worlds_say_how_wide_their_intervals_are(path, seeds, wide):
    said = [
        line for line in lines_of(make_plan(path, (), ((),), "--seeds", seeds, 0)) if "Few" in line
    ]
    assert len(said) == 1
    assert f"from {seeds} is {wide} times as wide" in said[0]


def test_eight_worlds_are_not_few(path):
    assert not [
        line for line in lines_of(make_plan(path, (), ((),), "--seeds", 8, 0)) if "Few" in line
    ]


def test_intervals_narrow_to_those_of_a_known_spread():
    """Table of Student's t: 12.706 with one degree of freedom, 2.365 with seven; 1.960 of the normal."""
    assert widen_by(2) == pytest.approx(12.706 / 1.960, abs=2e-3)
    assert widen_by(8) == pytest.approx(2.3646 / 1.960, abs=2e-4)
    assert widen_by(1_000_000) == pytest.approx(1.0, abs=1e-5)
