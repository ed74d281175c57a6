"""Money is spelled in the currency of a scenario where it leaves for a reader, and nothing changes in dollars."""

import pytest

from gridagora.core.currency import SIGNS, name_currency, spell_money, spell_name

TEXTS = {
    "$/home/year": ("€/home/year", "CHF/home/year"),
    "gains $12.50, 3.1 $ apart": (
        "gains €12.50, 3.1 € apart",
        "gains CHF\u00a012.50, 3.1 CHF apart",
    ),
    "−$5": ("−€5", "−CHF\u00a05"),
    "$%{y:,.2f}": ("€%{y:,.2f}", "CHF\u00a0%{y:,.2f}"),
    "Added [ct/kWh]": ("Added [ct/kWh]", "Added [rp/kWh]"),
    "zero to the micro-dollar": ("zero to the micro-EUR", "zero to the micro-CHF"),
    "direct load": ("direct load", "direct load"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_spelled_in_a_currency_and_stays_in_dollars(text):
    assert spell_money(text, "USD") == text
    assert (spell_money(text, "EUR"), spell_money(text, "CHF")) == TEXTS[text]
    assert all("$" not in spell_money(text, code) for code in SIGNS if code != "USD")


def test_a_text_is_spelled_once():
    told = spell_money("$3 a $/kWh", "GBP")
    assert told == "£3 a £/kWh" == spell_money(told, "GBP")


def test_headings_name_the_currency():
    names = ["bill_usd flat", "paid_usd", "amount_uusd", "housed_kwh", "usd"]
    assert [spell_name(name, "EUR") for name in names] == [
        "bill_eur flat",
        "paid_eur",
        "amount_uusd",
        "housed_kwh",
        "eur",
    ]
    assert [spell_name(name, "USD") for name in names] == names


def test_the_money_of_a_unit_is_known_by_sign_code_and_hundredth():
    known = {"$": "USD", "€": "EUR", "chf": "CHF", "p": "GBP", "ct": "", "kW": None, "": None}
    assert {word: name_currency(word) for word in known} == known
