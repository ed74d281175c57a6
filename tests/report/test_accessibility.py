"""A page is for everybody: laws on its text; those on what a browser makes of it stand in `tests/browser`.

W3C, Web Content Accessibility Guidelines 2.2, success criteria 1.1.1, 1.3.1, 1.4.3, 2.1.1, 2.4.1.
"""

import re
from html.parser import HTMLParser

import pytest

from gridagora.report import page
from gridagora.report.figures import figures
from gridagora.report.panel import alternative

AA = 4.5  # least contrast of text, success criterion 1.4.3
GROUNDS = ("paper", "card", "wash")
INKS = ("ink", "soft", "faint", "accent", "good", "warn", "bad")
OWN_GROUND = (("good", "good-wash"), ("bad", "bad-wash"))
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Spoken(HTMLParser):
    """Collects what a screen reader goes by: headings, buttons by name, pictures, tables and what can be reached."""

    def __init__(self):
        super().__init__()
        self.levels, self.names, self.pictures, self.plots = [], [], [], 0
        self.tables, self.captions, self.regions, self.links, self.ids = 0, 0, [], [], set()
        self.button = None

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        self.ids.add(held.get("id"))
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "button":
            self.button = held.get("aria-label", "")
        if held.get("role") == "img":
            self.pictures.append(held.get("aria-label", ""))
        self.plots += held.get("class") == "plot"
        self.tables += tag == "table"
        self.captions += tag == "caption"
        if held.get("class") == "scroll":
            self.regions.append(held)
        if tag == "a":
            self.links.append(held["href"])

    def handle_data(self, data):
        if self.button == "":
            self.button = data

    def handle_endtag(self, tag):
        if tag == "button":
            self.names.append(self.button)
            self.button = None


@pytest.fixture(scope="module")
def text(result):
    return page.html(result)


@pytest.fixture(scope="module")
def spoken(text):
    reader = Spoken()
    reader.feed(text)
    return reader


def colours_of(theme):
    """Return the colours of `page.css` by name, of its light or its dark theme."""
    head = {"light": ":root{", "dark": ":root[data-theme=dark]{"}[theme]
    rule = page.asset("page.css").split(head, 1)[1].split("}", 1)[0]
    held = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]+)", rule))
    return {
        name: tone if len(tone) == 7 else "#" + "".join(2 * letter for letter in tone[1:])
        for name, tone in held.items()
    }


def luminance(tone):
    """Return the relative luminance of '#rrggbb', as WCAG 2.2 defines it."""
    shares = [int(tone[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    """Return the contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_ink_is_read_on_every_ground(theme):
    tones = colours_of(theme)
    pairs = [(ink, ground) for ink in INKS for ground in GROUNDS] + list(OWN_GROUND)
    pairs.append(("paper", "ink"))  # of the tip
    faint = {pair: contrast(tones[pair[0]], tones[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in faint.items() if ratio < AA} == {}


def test_no_rule_brings_a_colour_of_text_that_is_no_ink():
    own = set(re.findall(r"[;{]color:([^;}]+)", page.asset("page.css")))
    assert own <= {f"var(--{ink})" for ink in (*INKS, "paper")}


def test_headings_start_at_one_and_skip_no_level(spoken):
    assert spoken.levels[0] == 1
    assert spoken.levels.count(1) == 1
    assert all(
        after <= before + 1 for before, after in zip(spoken.levels, spoken.levels[1:], strict=False)
    )


def test_every_button_has_a_name_of_its_own(spoken):
    names = [name for name in spoken.names if name.startswith(("Save", "Switch"))]
    assert len(names) == 2 * len(page.PANELS) + 1
    assert len(names) == len(set(names))
    assert all(spoken.names)


def test_every_figure_says_in_words_what_it_shows(spoken):
    assert len(spoken.pictures) == spoken.plots == len(page.PANELS)
    assert all(re.search(r"\d", said) for said in spoken.pictures)
    assert not any("nan" in said or "<" in said for said in spoken.pictures)


def test_words_of_a_figure_are_its_numbers(result):
    homes = result.tables["homes"]
    bill = homes.loc[homes["architecture"] == "rtp", "bill_usd"]
    said = alternative("Bills", figures(result)["bills"])
    low, high = re.search(r"Real-time price (\S+) to ([^;.]+\.\d+)", said).groups()
    assert float(low.replace("−", "-")) == pytest.approx(bill.min(), abs=0.06)
    assert float(high) == pytest.approx(bill.max(), abs=0.06)


def test_shares_of_homes_are_told_by_the_change_of_their_bills(result):
    said = alternative("Who pays less", figures(result)["bill_change"])
    assert said.startswith("Who pays less. Change of the balanced bill against flat rate [$]: ")
    assert "100" not in said


def test_tables_have_captions_and_scroll_by_keyboard(spoken):
    assert spoken.captions == spoken.tables == len(spoken.regions) == 3 + len(page.PANELS)
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in spoken.regions)
    assert len({each["aria-label"] for each in spoken.regions}) == len(spoken.regions)


def test_the_first_link_skips_to_the_results_and_every_link_has_its_place(spoken):
    assert spoken.links[0] == "#main"
    assert {link[1:] for link in spoken.links} <= spoken.ids


def test_menus_of_figures_have_names_for_the_select_beside_them(result):
    menus = {name: fig.layout.updatemenus for name, fig in figures(result).items()}
    named = [[menu.name for menu in held] for held in menus.values()]
    assert sum(map(len, named)) == 12
    assert all(all(held) and len(held) == len(set(held)) for held in named)
