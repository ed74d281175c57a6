"""The public result: what was run, what its folder gives back, and a study beside a comparison."""

import pandas as pd
import pytest

import gridagora
from gridagora.scenario import read

KEYS = ["homes.count=4", "scenario.days=1", 'scenario.architectures=["flat", "rtp"]']


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api") / "out"
    scene = gridagora.build(read.parse("", overrides=KEYS))
    return gridagora.compare(scene, out=folder), folder


def test_a_result_reads_back_as_it_was(kept):
    made, folder = kept
    again = gridagora.open_result(folder)
    assert type(again) is type(made) is gridagora.Result
    pd.testing.assert_frame_equal(again.table(), made.table())
    assert again.scenario_text == made.scenario_text
    assert set(again.tables) == set(made.tables)
    for name, frame in made.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], frame)


def test_its_figures_and_report_are_the_same_again(kept, tmp_path):
    made, folder = kept
    again = gridagora.open_result(folder)
    assert list(again.figures) == list(made.figures)
    pages = [each.report(tmp_path / f"{row}.html") for row, each in enumerate((made, again))]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_a_comparison_is_no_study(kept):
    assert not kept[0].is_study
    assert list(kept[0].table().columns) == ["metric", "unit", "better", "flat", "rtp"]


def test_a_statement_adds_up_to_the_bill(kept):
    made = kept[0]
    bills = made.tables["homes"].set_index(["architecture", "home_id"]).bill_usd
    for (design, home), bill in bills.items():
        parties = made.parties(design)
        assert home in parties.id
        lines = made.statement(design, home)
        assert lines.amount_usd.iloc[-1] == pytest.approx(bill, abs=5e-7), (design, home)


def test_figures_and_report_of_a_study_are_its_own(tmp_path):
    summary = {"study": "aggregation", "points": [], "manifest": {"title": "Dials", "seed": 1}}
    study = gridagora.Result(summary, {}, "[scenario]\n")
    assert study.is_study
    assert not study.figures, "nothing was swept"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ((3, {}, ""), "summary"),
        (({}, [], ""), "tables"),
        (({}, {}, None), "scenario_text"),
    ],
)
def test_what_is_no_result_is_refused(fields, said):
    with pytest.raises(gridagora.InputError, match=said):
        gridagora.Result(*fields)
