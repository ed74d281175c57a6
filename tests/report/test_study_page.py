"""The page, the figures and the table of a study: they show the numbers of its tables, and hold what they need."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from rich.console import Console

from gridagora.report import page, study_page, study_table
from gridagora.report.study_figures import CAUSE_WORDS, DRAWINGS, ceiling, dial, figures
from gridagora.report.study_words import answer

HOSTILE = "<script>alert(1)</script>"
POINTS = (
    ("layered", "zones", 0, 0.0, 0.0, 0, "", 0.64, 162e3, 4600),
    ("layered", "none", 0, 0.0, 0.0, 0, "layers", 0.64, 98e3, 4600),
    ("layered", "zones", 16, 0.0, 0.0, 0, "blocks", 0.63, 135e3, 4600),
    ("layered", "zones", 4, 0.0, 0.0, 0, "blocks", -0.98, 99e3, 4400),
    ("layered", "zones", 0, 0.02, 0.0, 0, "forecast", 0.3, 171e3, 4700),
    ("layered", "zones", 0, 0.0, 0.05, 0, "loss_share", 0.5, 163e3, 4600),
    ("layered", "zones", 0, 0.0, 0.0, 3, "delay", 0.13, 159e3, 4600),
    (
        "layered",
        "zones",
        4,
        0.02,
        0.05,
        3,
        "blocks, forecast, loss_share, delay",
        -2.0,
        101e3,
        4600,
    ),
    ("flat", "zones", 0, 0.0, 0.0, 0, "", 0.0, 14e3, 0),
    ("rtp", "zones", 0, 0.0, 0.0, 0, "", -5.3, 46e3, 0),
    ("rtp", "zones", 0, 0.02, 0.0, 0, "forecast", -6.7, 46e3, 0),
    ("central", "zones", 0, 0.0, 0.0, 0, "", 0.69, 150e3, 10_000),
    ("central", "zones", 0, 0.02, 0.0, 0, "forecast", 0.5, 151e3, 10_000),
)
GAIN_USD = 42.0


@dataclass(frozen=True)
class FakeStudy:
    """The three members that a report reads."""

    summary: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    scenario_text: str = field(default=f"title = '{HOSTILE}'\n")


def made_study():
    """Return a study of a few points and causes, as pages read it."""
    names = [
        "design",
        "layers",
        "blocks",
        "noise_per_kwh",
        "loss_share",
        "delay",
        "turned",
        "captured_share",
    ]
    table = pd.DataFrame(POINTS, columns=[*names, "bytes_home_day", "disclosed_home_day"])
    central = table[table.design == "central"].set_index("noise_per_kwh").captured_share
    table["forecast"] = "persistence"
    table["lost_share"] = central.loc[table.noise_per_kwh].to_numpy() - table.captured_share
    table["lost_usd"], table["welfare_usd"] = (
        GAIN_USD * table.lost_share,
        GAIN_USD * table.captured_share,
    )
    table = table.assign(over_limit_kwh=1.0, messages_home_day=840.0, stale=0, silent=0, wall_s=1.0)
    table["front_bytes"] = table["front_disclosed"] = [
        name == "flat" or layers == "none" for name, layers, *_ in POINTS
    ]
    share = np.array([0.64, 0.09, -0.01, 0.15, 0.01, 0.12])
    losses = pd.DataFrame(
        {
            "design": "layered",
            "cause": list(CAUSE_WORDS),
            "change_usd": GAIN_USD * share,
            "share": share,
        }
    )
    best, lean = (
        table.iloc[11].to_dict() | {"settings": "a"},
        table.iloc[1].to_dict() | {"settings": "b"},
    )
    manifest = {"title": HOSTILE, "homes": 40, "days": 2, "limit_kw": 92.0}
    return FakeStudy(
        {"study": "aggregation", "best": best, "near_optimal": lean, "manifest": manifest},
        {"points": table, "losses": losses},
    )


@pytest.fixture(scope="module")
def study():
    return made_study()


@pytest.fixture(scope="module")
def own(study):
    return study_page.html(study)


def test_every_figure_is_drawn(study):
    drawn = figures(study)
    assert set(drawn) == set(DRAWINGS)
    assert all(isinstance(fig, go.Figure) for fig in drawn.values())


def test_figures_stay_away_without_their_table(study):
    assert set(figures(FakeStudy({}, {"losses": study.tables["losses"]}))) == {"losses"}
    assert figures(FakeStudy({}, {})) == {}


def test_a_dial_shows_the_base_and_what_it_turns_alone(study):
    bars = dial(study, "blocks").data[0]
    assert list(bars.x) == ["exact", "16", "4"]
    assert bars.text[2] == "167.0 %"
    assert max(bars.y) == ceiling(study.tables["points"])


def test_bars_of_the_waterfall_follow_each_other(study):
    bars = figures(study)["losses"].data[0]
    start, share = (np.array(list(column), dtype=float) for column in (bars.base, bars.x))
    np.testing.assert_allclose((start + share)[:-1], start[1:], atol=1e-9)
    assert (start + share)[-1] == pytest.approx(100)


def test_page_asks_nothing_of_the_network_and_stays_escaped(own):
    assert not re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}", own)
    assert "<script>alert" not in own
    assert "default-src 'none'" in own


def test_figures_of_the_page_parse(own, unpacked):
    drawn = unpacked(own)
    assert set(drawn) == set(DRAWINGS)
    assert all(spec["data"] for spec in drawn.values())
    assert all(f'id="figure-{name}"' in own for name in drawn)


def test_same_result_same_bytes(study, own):
    assert study_page.html(study) == own


def test_page_of_losses_alone(study):
    got = study_page.html(FakeStudy({"study": "losses"}, {"losses": study.tables["losses"]}))
    assert 'id="figure-losses"' in got
    assert "Every point" not in got


def test_answer_names_the_leanest_near_the_best(study):
    assert answer(study) == (
        "The layered market without layers between home and feeder with exact curves captures 64 % of the attainable gain with "
        "98.0 kB a home a day; the best point, the central market, captures 69 % with 150.0 kB."
    )


def test_table_on_the_terminal(study):
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    study_table.render(study, console)
    console.file.close()
    text = console.export_text()
    assert text.count("layered") == 8
    assert "persistence, noise 2 ct" in text
    assert "…" not in text
    assert "all, to the certified bound" in text


def test_narrow_screens_hide_columns_of_the_metric_table_alone(study):
    """A heading hidden without its cells would put every number below the wrong heading."""
    rules = [
        rule
        for group in re.findall(r"([^{}]*)\{display:none\}", page.asset("page.css"))
        for rule in group.split(",")
    ]
    heads = [rule for rule in rules if ".sortable" in rule]
    assert heads
    assert all(":not(.points)" in rule for rule in heads)
    assert 'class="sortable points"' in study_page.html(study)
