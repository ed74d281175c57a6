"""Partners from a file and preferences from a table: what is read, what is drawn, and what is refused in words."""

from itertools import pairwise

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.scenario import build, describe, read
from gridagora.scenario import populate as draw
from gridagora.scenario.partners import read as pairs_of

HOMES = tuple(f"home-{number}" for number in range(6))
RING = "".join(f"home-{k},home-{(k + 1) % 6}\n" for k in range(6))


def read_text(tmp_path, text, homes=HOMES):
    path = tmp_path / "partners.csv"
    path.write_text(text, encoding="utf-8")
    return pairs_of(path, homes)


@pytest.mark.parametrize("head", ["", "home,partner\n", "\ufeffhome,partner\n", "\n"])
def test_pairs_are_rows_of_the_homes_with_a_header_or_none(tmp_path, head):
    found = read_text(tmp_path, head + RING)
    np.testing.assert_array_equal(found, [(k, (k + 1) % 6) for k in range(6)])


def test_every_bad_line_is_named_at_once(tmp_path):
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, RING + "home-1,hom-4\nhome-2,home-2\nhome-3\nvilla,home-1\n")
    first, same, short, far = (str(problem) for problem in caught.value.problems)
    assert first.endswith(
        "partners.csv, line 7: got a home 'hom-4' that does not exist, expected the id of one of 6 homes. Did you mean 'home-4'?"
    )
    assert "line 8: got home 'home-2' with itself, expected two different homes" in same
    assert "line 9: got 1 cells, expected two" in short
    assert "line 10: got a home 'villa'" in far
    assert "An id is, for example, 'home-0'" in far


def test_a_misspelt_first_line_is_no_header(tmp_path):
    with pytest.raises(InputError, match="line 1: got a home 'home-7'"):
        read_text(tmp_path, "home-7,home-9\n" + RING)


def test_many_bad_lines_are_counted(tmp_path):
    with pytest.raises(InputError, match="got 22 more faults"):
        read_text(tmp_path, "a1,b1\n" * 16)


def test_homes_that_cannot_reach_each_other_are_named(tmp_path):
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, "home-0,home-1\nhome-2,home-3\nhome-3,home-4\n")
    lonely, apart = (str(problem) for problem in caught.value.problems)
    assert (
        "got no partner of home 'home-5', expected one or more for every home. Add a line for each of them."
        in lonely
    )
    assert "got 2 parts that cannot reach each other" in apart
    assert (
        "among them homes 'home-0', 'home-1'; homes 'home-2', 'home-3', 'home-4', expected one graph"
        in apart
    )
    assert apart.endswith("Add the line home-0,home-2.")


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "partners.csv"
    path.write_bytes(b"\xff\xfe\x00,\x00")
    with pytest.raises(InputError, match="bytes that are no text"):
        pairs_of(path, HOMES)


def test_a_scenario_finds_its_file_beside_it(tmp_path):
    small = ("homes.count=6", "scenario.days=1")
    plain = build.build(read.parse("", overrides=small))
    ids = plain.homes.home_id
    (tmp_path / "who.csv").write_text(
        "".join(f"{a},{b}\n" for a, b in pairwise(ids)), encoding="utf-8"
    )
    keys = (*small, "layers.partners_file=who.csv", "market.peer.graph=file")
    scene = build.build(read.parse("", folder=tmp_path, overrides=keys))
    np.testing.assert_array_equal(scene.partners, np.column_stack([np.arange(5), np.arange(1, 6)]))
    assert plain.partners is None
    assert describe.scene_lines(scene)["partners"].startswith("5 pairs, ")
    with pytest.raises(
        InputError,
        match=r"\[layers\] partners_file|layers.partners_file.*expected a path that exists",
    ):
        read.parse("", folder=tmp_path, overrides=("layers.partners_file=whom.csv",))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            ("market.peer.graph=file",),
            "got 'file' and no file, expected a file of partners. Set partners_file",
        ),
        (
            ("preference.green_share=0.5",),
            "green_share = 0.5 with green_per_kwh = 0, expected both above 0, or neither",
        ),
        (("preference.green_per_kwh=0.02",), "expected both above 0, or neither: who cares pays"),
        (
            ("preference.green_share=0.5", "preference.green_per_kwh=0.02", "homes.pv_share=0.0"),
            r"0.5 while no home makes any, expected homes with panels",
        ),
        (
            (
                "preference.green_share=0.5",
                "preference.green_per_kwh=0.02",
                "market.peer.community=true",
            ),
            "market.peer.community = true, expected no green homes in a pool",
        ),
        (
            ("preference.local_per_kwh=0.01", "market.peer.local_per_kwh=0.02"),
            "got 0.01 and market.peer.local_per_kwh = 0.02",
        ),
        (("preference.local_per_kwh=-0.01",), "got -0.01, expected a number of at least 0"),
    ],
)
def test_what_contradicts_itself_is_refused_in_words(keys, words):
    with pytest.raises(InputError, match=words):
        read.parse("", overrides=keys)


def wants(scene, share, *overrides):
    keys = (f"preference.green_share={share}", "preference.green_per_kwh=0.02", *overrides)
    return draw.preference(read.parse("", overrides=keys), scene.homes)


def test_green_homes_are_counted_exactly_and_stay_when_the_share_grows(scene):
    count = len(scene.homes.home_id)
    few, many = wants(scene, 0.25), wants(scene, 0.75)
    assert (few.green.sum(), many.green.sum()) == (round(0.25 * count), round(0.75 * count))
    assert not (few.green & ~many.green).any()
    np.testing.assert_array_equal(
        few.renewable, np.isin(np.arange(count), scene.homes.owned["pv"].home)
    )
    assert draw.preference(read.parse(""), scene.homes) is None


def test_a_green_draw_knows_the_home_and_not_its_place(scene):
    turned = scene.homes._replace(home_id=scene.homes.home_id[::-1])
    keys = ("preference.green_share=0.5", "preference.green_per_kwh=0.02")
    scenario = read.parse("", overrides=keys)
    np.testing.assert_array_equal(
        draw.preference(scenario, scene.homes).green, draw.preference(scenario, turned).green[::-1]
    )


def test_preferences_are_said(scene):
    keys = (
        "preference.green_share=0.5",
        "preference.green_per_kwh=0.02",
        "preference.local_per_kwh=0.01",
    )
    green = build.assemble(
        scene.feeder,
        scene.homes,
        scene.weather,
        scene.prices,
        scene.scenario.model_copy(update={"preference": read.parse("", overrides=keys).preference}),
    )
    line = describe.scene_lines(green)["preferences"]
    assert line.startswith("every home would pay 0.01 $/kWh more for energy of another home; ")
    assert (
        f"{round(0.5 * len(scene.homes.home_id))} green homes 0.02 $/kWh more for solar energy"
        in line
    )
