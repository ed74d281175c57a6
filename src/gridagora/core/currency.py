"""The currency of a scenario: all money is in its units, and what a reader sees names it.

Names of columns and keys end in `usd` or stand in `$` whatever the currency is: they are names. Texts are written with `$` and
are spelled in the currency where they leave for a reader. Codes are those of ISO 4217.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

USD: Literal["USD"] = "USD"
Currency = Literal["USD", "AUD", "BGN", "CAD", "CHF", "EUR", "GBP", "NZD", "SGD"]
# Each has a unit worth .5 to 2 dollars: defaults that are stated in dollars, and limits of what is believed, carry over.
SIGNS: Mapping[str, str] = MappingProxyType(
    {
        USD: "$",
        "AUD": "AUD",
        "BGN": "BGN",
        "CAD": "CAD",
        "CHF": "CHF",
        "EUR": "€",
        "GBP": "£",
        "NZD": "NZD",
        "SGD": "SGD",
    }
)
# Units of prices name a hundredth of a currency by these; of no one currency where the code is empty.
HUNDREDTHS: Mapping[str, str] = MappingProxyType(
    {"ct": "", "c": "", "cent": "", "cents": "", "¢": "", "rp": "CHF", "p": "GBP", "pence": "GBP"}
)
WORDS = re.compile(r"\bdollars?\b")
CENTS = re.compile(r"\bct(?=/kWh)")
BEFORE_NUMBER = re.compile(r"\$(?=[\d.%{])")
IN_NAME = re.compile(r"(?<![a-z])usd(?![a-z])")


def spell_money(text: str, currency: str) -> str:
    """Return a text about money, written with `$`, with the sign of a currency, or with its code where it has none."""
    if currency == USD:
        return text
    sign = SIGNS.get(currency, currency)
    apart = f"{sign}\u00a0" if sign == currency else sign
    hundredth = next((word for word, code in HUNDREDTHS.items() if code == currency), "ct")
    told = CENTS.sub(hundredth, WORDS.sub(currency, text))
    return BEFORE_NUMBER.sub(apart, told).replace("$", sign)


def spell_name(name: str, currency: str) -> str:
    """Return the name of a column for a reader: `bill_usd` is `bill_eur` in euros."""
    return name if currency == USD else IN_NAME.sub(currency.lower(), name)


def name_currency(money: str) -> str | None:
    """Return the code of the money of a unit, as of 'eur', '€' or '$'; '' of cents that say none, None of what is no money."""
    word = money.strip()
    by_sign = {sign: code for code, sign in SIGNS.items()}
    if word in by_sign:
        return by_sign[word]
    if word.upper() in SIGNS:
        return word.upper()
    return HUNDREDTHS.get(word.lower())
