"""Words of the first screen: each is explained once, in words of the glossary, and what is explained stays as it was."""

import re

from gridagora.report import page
from gridagora.report.fragments import cards
from gridagora.report.terms import CARD_TERMS, TERMS, card_term, explained


def plain(html):
    return re.sub(r"<[^>]+>", "", html)


def test_a_word_is_explained_where_it_stands_first():
    told = explained("A certified bound; the certified bound again.")
    assert told.count("data-tip=") == 1
    assert told.startswith('A <span class="tip" tabindex="0" data-tip="')
    assert plain(told) == "A certified bound; the certified bound again."


def test_no_explanation_stands_in_another():
    whole = ". ".join(TERMS)
    told = explained(whole)
    assert plain(told) == whole
    assert told.count("data-tip=") == len(TERMS)
    assert not re.search(r'data-tip="[^"]*<', told)


def test_lines_of_cards_are_explained_and_the_tab_key_comes_by_one_card(result):
    html = cards(result)
    assert html.count('tabindex="0"') <= len(CARD_TERMS)
    assert 'tabindex="0"' not in card_term("Peak", by_key=False)
    assert card_term("<other>", by_key=True) == "&lt;other&gt;"
    told = set(re.findall(r"<dt><span[^>]*>([^<]+)</span></dt>", html))
    assert told >= {"Peak", "Discomfort", "Mean bill", "Operator margin"}


def test_numbers_of_the_page_have_no_powers_of_ten_of_a_program(result):
    html = page.html(result)
    visible = plain(re.sub(r"<(script|style|pre)[^>]*>.*?</\1>", "", html, flags=re.DOTALL))
    assert not re.search(r"\d\.?\d*e[-−+]\d", visible)
    assert not re.search(r"\d\.\d{9}", visible)
