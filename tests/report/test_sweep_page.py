"""The map of a sweep: the best design in each field, its ties, and where the best one changes."""

from itertools import product
from xml.etree import ElementTree

import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.report import sweep_page
from gridagora.report.sweep_map import (
    SweepScatter,
    alternative,
    changes,
    keys_that_decide,
    map_of,
)
from gridagora.report.sweep_svg import draw
from gridagora.studies.ranking import rank_designs

MANIFEST = {
    "title": "A <street>",
    "designs": ["flat", "rtp", "layered"],
    "seeds": 3,
    "first_seed": 1,
    "days": 1,
    "homes": 6,
    "redrawn": ["weather"],
    "kept": ["the network"],
    "assumed": {},
    "feeder": "made",
    "versions": {"gridagora": "0.1.0"},
}


def table(tmp_path, values, metric="E1"):
    """Write worlds whose values are given by variation and design, seed by seed."""
    rows = [
        (seed, variation, design, metric, float(value))
        for (variation, design), column in values.items()
        for seed, value in enumerate(column)
    ]
    columns = ["seed", "variation", "design", "metric", "value"]
    pd.DataFrame(rows, columns=columns).to_parquet(tmp_path / "worlds.parquet")
    return tmp_path / "worlds.parquet"


VALUES = {
    (0, "flat"): [1.0, 2.0, 3.0],
    (0, "rtp"): [4.0, 5.1, 6.0],
    (1, "flat"): [9.0, 2.0, 3.0],
    (1, "rtp"): [4.0, 5.0, 4.9],
}


def test_the_best_is_by_the_mean_and_ties_by_the_paired_interval(tmp_path):
    found = rank_designs(table(tmp_path, VALUES))
    assert found.best.tolist() == ["rtp", "flat"]
    assert found.ties.tolist() == ["", "rtp"]
    assert found.lead.tolist() == pytest.approx([3.1 / 3 + 2, 0.1 / 3])
    assert found.lead_low[0] > 0 > found.lead_low[1]


def test_a_cost_is_better_the_lower_it_is(tmp_path):
    found = rank_designs(table(tmp_path, VALUES, "cost.system"), "cost.system")
    assert found.best.tolist() == ["flat", "rtp"]
    assert (found.lead > 0).all()


@pytest.mark.parametrize(
    ("metric", "said"), [("E9", "--metric"), ("E4", "the higher, or the lower")]
)
def test_what_ranks_nothing_is_refused(tmp_path, metric, said):
    values = {(0, "flat"): [1.0, 2.0]}
    with pytest.raises(InputError, match=said):
        rank_designs(table(tmp_path, values, "E4"), metric)


def page(tmp_path, points):
    rows = [(at, key, value) for at, point in enumerate(points) for key, value in point.items()]
    variations = pd.DataFrame(rows, columns=["variation", "key", "value"])
    found = rank_designs(table(tmp_path, VALUES))
    words = ("social welfare", "$")
    path = sweep_page.write(tmp_path / "sweep.html", found, variations, MANIFEST, words)
    return path.read_text(encoding="utf-8")


def test_two_keys_make_a_map_and_others_a_list(tmp_path):
    one = page(tmp_path, [{"homes.pv_share": "0"}, {"homes.pv_share": "1"}])
    assert "ties: Real-time price" in one
    assert "no tie" in one
    assert "best design" in one
    two = page(tmp_path, [{"a.x": "0", "a.y": "1"}, {"a.x": "1", "a.y": "1"}])
    assert "a.x down, a.y across" in two
    latin = page(tmp_path, [{"a.x": "0.1", "a.y": "1.7"}, {"a.x": "1.2", "a.y": "0.4"}])
    assert "down," not in latin


def test_the_page_says_where_the_best_design_changes_and_escapes_names(tmp_path):
    text = page(tmp_path, [{"a.x": "<0>"}, {"a.x": "1"}])
    assert "At 1 of them other designs tie" in text
    assert "at 1 of 2" in text
    assert "A &lt;street&gt;" in text
    assert "&lt;0&gt;" in text
    assert "http" not in text.replace("http-equiv", "")


def points_of(**keys):
    """Every combination of values of keys, and the ranking that `best` makes of them."""
    return pd.DataFrame([dict(zip(keys, point, strict=True)) for point in product(*keys.values())])


def ranked(points, best, ties=lambda point: ""):
    rows = [(at, best(point), ties(point)) for at, point in enumerate(points.to_dict("records"))]
    return pd.DataFrame(rows, columns=["variation", "best", "ties"])


DESIGNS = ["flat", "rtp", "layered"]
HALF = ["0", "0.5", "1"]


def drawn(points, ranking):
    tones = {name: f"#00000{at}" for at, name in enumerate(DESIGNS)}
    return ElementTree.fromstring(draw(map_of(ranking, points, DESIGNS), tones, "welfare"))


def test_a_map_has_a_field_for_every_point_that_ran_and_a_line_where_the_best_changes():
    points = points_of(x=HALF, y=HALF)
    ranking = ranked(points, lambda point: "rtp" if point["y"] == "1" else "flat")
    shown = map_of(ranking, points, DESIGNS)
    (panel,) = shown.panels
    assert len(panel.fields) == 9
    assert changes(shown) == ["y from 0.5 to 1 (at 3 of 3)"]
    lines = list(drawn(points, ranking).iter("path"))
    assert [each.get("d").count("M") for each in lines] == [3]
    some = map_of(ranking.drop(4), points, DESIGNS)
    assert len(some.panels[0].fields) == 8
    assert changes(some) == ["y from 0.5 to 1 (at 2 of 2)"]


def test_nothing_changes_where_one_design_is_best():
    points = points_of(x=HALF, y=HALF)
    ranking = ranked(points, lambda point: "flat")
    assert changes(map_of(ranking, points, DESIGNS)) == []
    assert not list(drawn(points, ranking).iter("path"))
    assert "the same in all" in alternative(map_of(ranking, points, DESIGNS), "welfare")


def test_ties_are_hatched_in_the_colour_of_the_first_that_ties():
    points = points_of(x=HALF)
    ranking = ranked(
        points, lambda point: "flat", lambda point: "layered, rtp" if point["x"] == "1" else ""
    )
    fills = [each.get("fill") for each in drawn(points, ranking).iter("rect")]
    assert fills.count("url(#tie-2)") == 1
    assert not any(fill.startswith("url(#tie-1") for fill in fills)
    assert map_of(ranking, points, DESIGNS).designs == ("flat", "layered")


def test_the_two_keys_that_decide_are_the_axes_and_others_make_panels():
    points = points_of(noise=["a", "b"], x=HALF, y=HALF)
    ranking = ranked(points, lambda point: "rtp" if point["x"] == point["y"] == "1" else "flat")
    assert keys_that_decide(ranking.best, points) == ["x", "y"]
    shown = map_of(ranking, points, DESIGNS)
    assert [panel.heading for panel in shown.panels] == ["noise = a", "noise = b"]
    assert {(field.leads, field.points) for panel in shown.panels for field in panel.fields} == {
        (1, 1)
    }


def test_of_more_panels_than_fit_fields_say_for_how_many_points_they_stand():
    many = [str(value) for value in range(10)]
    points = points_of(z=many, x=HALF, y=HALF)
    ranking = ranked(
        points,
        lambda point: "rtp" if point["x"] == point["y"] == "1" and point["z"] < "7" else "flat",
    )
    (panel,) = map_of(ranking, points, DESIGNS).panels
    corner = {(field.column, field.row): field for field in panel.fields}[(2, 2)]
    assert (corner.best, corner.leads, corner.points) == ("rtp", 7, 10)


def test_a_latin_hypercube_is_a_scatter_with_open_marks_for_ties():
    places = [f"{value / 40:.3f}" for value in range(40)]
    points = pd.DataFrame({"noise": places[::-3] * 3, "x": (places * 3)[:42]})[:40]
    points["y"] = [places[(7 * at) % 40] for at in range(40)]
    ranking = ranked(
        points,
        lambda point: "rtp" if float(point["x"]) > 0.5 else "flat",
        lambda point: "layered" if point["y"] == "0.000" else "",
    )
    shown = map_of(ranking, points, DESIGNS)
    assert isinstance(shown, SweepScatter)
    assert "x" in (shown.across, shown.up)
    assert len(shown.dots) == 40
    assert all(0 <= dot.x <= 1 and 0 <= dot.y <= 1 for dot in shown.dots)
    marks = [
        each
        for each in drawn(points, ranking).iter()
        if each.tag in ("circle", "polygon") and each.get("fill-opacity") == "0"
    ]
    assert len(marks) == 1


def test_the_map_lies_in_the_folder_too_with_its_text(tmp_path):
    page(tmp_path, [{"a.x": "<0>"}, {"a.x": "1"}])
    root = ElementTree.parse(tmp_path / "sweep.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    told = [each.text for each in root if each.tag.endswith(("title", "desc"))]
    assert "social welfare" in told[0]
    assert "from <0> to 1" in told[1]
