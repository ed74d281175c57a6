"""Words of the field on the first screen, explained where a reader points at them or comes by with the tab key."""

import re
from html import escape

# phrase on the page: what it means, as in the glossary of the documentation; longer phrases first where one holds another
TERMS = {
    "In one draw": (
        "One set of homes, habits, weather and prices, drawn by chance. Another draw gives other "
        "figures, and may give another order."
    ),
    "a home gains": (
        "Welfare of everybody together above that of the flat rate, by home, as if the whole year"
        " were like this run. It is more than the bill: comfort, wear and overload count too."
    ),
    "certified bound": (
        "No schedule of these devices, with these prices and draws, is worth more: this is "
        "proven, perfect foresight included. Whether it can be reached is not."
    ),
    "price of overload": (
        "What a kilowatt-hour above the limit of the substation is taken to cost. It is an "
        "assumption, so it is said at which price a design would be worth as much as the flat "
        "rate."
    ),
    "the mean bill, budget balanced": (
        "The bill after what is left with the operator goes back to all homes in equal parts, or "
        "what it lacks is taken from them. It makes designs comparable; nobody is billed it."
    ),
    "discomfort": "Degrees that a room is beyond what its household wishes, times the hours.",
    "miss their awards": (
        "A market tells each home how much it is to use: its award. What meters show differs, and"
        " the difference is settled at the real-time price."
    ),
    "dear ones": "Hours whose price is above the middle of their day.",
    "rebound": (
        "Load that comes back after it was held off, as houses that were let warm are cooled again."
    ),
}
CARD_TERMS = {
    "Left in stores": (
        "The part of the gain that batteries, tanks and houses hold at the end. It is energy that"
        " is not yet used, and fades where runs are longer."
    ),
    "Mean bill": "What a home pays over the run, mean of all homes.",
    "Operator margin": (
        "What is left with whoever runs the market or tariff after it paid for energy and wires. "
        "Below zero it lacks that money."
    ),
    "Bill, balanced": (
        "The mean bill if the margin of the operator went back to homes, or were taken from them,"
        " in equal parts."
    ),
    "Pay less, balanced": "Share of homes whose balanced bill is below that under the reference.",
    "Peak": "The highest mean load of fifteen minutes at the substation.",
    "Over limit": "Hours in which the load is above the limit of the substation.",
    "Discomfort": "Kelvin hours: degrees beyond what households wish, times hours, mean of all homes.",
    "Off range A": "Homes whose voltage leaves 114 to 126 V at any time (ANSI C84.1, range A).",
    "Off 230 V ±10 %": "Homes whose voltage leaves 207 to 253 V at any time; EN 50160 allows it in 5 % of a week.",
}


def explained(text: str) -> str:
    """Return HTML text in which the first use of every word of the field is explained; tags in it are left as they are."""
    for phrase, told in TERMS.items():
        text = re.sub(
            rf"(?<![\w>])({re.escape(phrase)})(?![\w<])", rf"{_tip(told)}\1</span>", text, count=1
        )
    return text


def card_term(name: str, *, by_key: bool) -> str:
    """Return the name of a line of a card with its meaning; `by_key` where the tab key is to come by."""
    told = CARD_TERMS.get(name)
    return escape(name) if told is None else f"{_tip(told, by_key=by_key)}{escape(name)}</span>"


def _tip(told: str, *, by_key: bool = True) -> str:
    at = ' tabindex="0"' if by_key else ""
    return f'<span class="tip"{at} data-tip="{escape(told)}">'
