"""The map of a sweep: the best design in each field, its ties, and where the best one changes."""

import pandas as pd
import pytest

from gridagora.core.errors import InputError
from gridagora.report import sweep_page
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
