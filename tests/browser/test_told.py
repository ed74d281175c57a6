"""Whoever does not see a figure is told what it shows: in words beside it, and by a table in it or on its page.

W3C, Web Content Accessibility Guidelines 2.2, success criterion 1.1.1; no browser is needed.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import plotly.graph_objects as go
import pytest

from gridagora.report.number_table import number_table
from gridagora.report.panel import alternative
from tests.browser.pages import PAGES

FIGURE = r"<figure.*?</figure>"
WORDS = r'role="img"[^>]*aria-label(?:ledby)?="[^"]{12,}'


@pytest.mark.parametrize("name", sorted(set(PAGES) - {"progress"}))
def test_every_figure_has_words_and_a_table(made, name):
    text = Path(unquote(urlsplit(made(name)).path)).read_text(encoding="utf-8")
    drawn = [
        figure for figure in re.findall(FIGURE, text, re.DOTALL) if 'class="absent"' not in figure
    ]
    assert drawn
    wordless = [figure[:120] for figure in drawn if not re.search(WORDS, figure)]
    # maps of a scene and of a sweep are drawn from a table of the page that every reader sees
    seen = "<table" in re.sub(FIGURE, "", text, flags=re.DOTALL)
    bare = [
        figure[:120]
        for figure in drawn
        if "<table" not in figure and ('class="plot"' in figure or not seen)
    ]
    assert (wordless, bare) == ([], [])


def test_a_table_holds_the_whole_of_a_bar_that_is_cut_and_adds_up_stacks_alone():
    cut = go.Figure(go.Bar(x=["a", "b"], y=[1.0, 5.0], meta=[1.0, 80.0]))
    assert ">80<" in number_table("Cut", cut)
    assert "80" in alternative("Cut", cut.update_traces(name="bars"))
    two = go.Figure([go.Bar(x=["a"], y=[1.0], name="one"), go.Bar(x=["a"], y=[2.0], name="two")])
    assert "Sum" not in number_table("Beside", two)
    assert "Sum" in number_table("Stacked", two.update_layout(barmode="relative"))
