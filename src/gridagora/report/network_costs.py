"""What keeping the feeder whole costs: designs that a comparison holds with and without a network operator, side by side."""

from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

from gridagora.report.facts import ComparisonView, designs, frame, metric_value, of, scenario
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import decimals, label, number

HEADING = "What keeping the feeder whole costs"
NOTHING = "none"
WORDS: Mapping[str, str] = {
    NOTHING: "nothing",
    "price": "a price of the substation",
    "envelope": "limits of homes",
    "fee": "nodal fees",
    "limits": "limits in the clearing",
}


class NetworkVariant(NamedTuple):
    """One design, and what it did to the feeder and to its users; nan where not measured."""

    design: str
    market: str
    network: str  # the key of that name
    cost: float  # gain of the market without an operator less its own [$/home and year]
    bill: float  # mean of homes [$]
    losses: float  # [kWh]
    curtailed: float  # [kWh]
    outside: float  # home-hours outside the band [h]
    over: float  # of all lines and transformers above their rating [h]
    rounds: float  # of an interval
    messages: float


COLUMNS: tuple[tuple[str, str], ...] = (
    ("cost", "Gain given up [$/home and year]"),
    ("bill", "Mean bill [$]"),
    ("losses", "Losses [kWh]"),
    ("curtailed", "Solar unused [kWh]"),
    ("outside", "Outside the band [home-hours]"),
    ("over", "Above a rating [hours of all lines and transformers]"),
    ("rounds", "Rounds an interval"),
    ("messages", "Messages"),
)


def network_variants(result: ComparisonView) -> list[NetworkVariant]:
    """Return the designs of markets that a comparison holds with several words of `network`, market by market."""
    held = {name: _market(result, name) for name in designs(result)}
    words = {name: _network(result, name, market) for name, market in held.items()}
    found = []
    for market in dict.fromkeys(held.values()):
        own = [name for name in held if held[name] == market]
        if len({words[name] for name in own}) > 1:
            alone = next((name for name in own if words[name] == NOTHING), None)
            found += [_measure(result, name, market, words[name], alone) for name in own]
    return found


def network_costs(result: ComparisonView) -> str:
    """Return the table of variants in HTML; '' where no market is run with several."""
    rows = network_variants(result)
    if not rows:
        return ""
    places = {key: decimals([getattr(row, key) for row in rows]) for key, _ in COLUMNS}
    head = '<th scope="col">Design</th><th scope="col">Kept by</th>' + "".join(
        f'<th scope="col" class="n">{escape(text)}</th>' for _, text in COLUMNS
    )
    body = "".join(_row(row, places) for row in rows)
    said = (
        "The same market with and without an operator of the network. Limits of homes keep what they are made to keep, whatever "
        "others do; fees and prices move what homes do, and keep what homes answer."
    )
    table = scroll_table(HEADING, head, body)
    return f'<h3>{HEADING}</h3><p class="lead">{escape(said)}</p>{table}'


def _market(result: ComparisonView, design: str) -> str:
    return str(result.summary.get("architectures", {}).get(design, {}).get("market", design))


def _network(result: ComparisonView, design: str, market: str) -> str:
    """Return the word of the key `network` of a design as it ran; of a result that does not say so, as its scenario has it."""
    entry = result.summary.get("architectures", {}).get(design, {})
    if "network" in entry:
        return str(entry["network"])
    keys = scenario(result)
    own = [each for each in _tables(keys.get("design")) if each.get("name") == design]
    shared = keys.get("market", {})
    of_market = shared.get(market, {}) if isinstance(shared, Mapping) else {}
    for table in (*own, *_tables([of_market])):
        if "network" in table:
            return str(table["network"])
    return NOTHING


def _tables(node: object) -> list[Mapping[str, Any]]:
    return [each for each in node if isinstance(each, Mapping)] if isinstance(node, list) else []


def _measure(
    result: ComparisonView, design: str, market: str, network: str, alone: str | None
) -> NetworkVariant:
    def value(metric_id: str) -> float:
        return metric_value(result, design, metric_id)

    before = float("nan") if alone is None else metric_value(result, alone, "E1y")
    outside = value("V4")
    return NetworkVariant(
        design,
        market,
        network,
        before - value("E1y"),
        value("E5"),
        value("P3"),
        value("P7"),
        outside,
        _over_h(result, design),
        value("I1r"),
        value("I1"),
    )


def _over_h(result: ComparisonView, design: str) -> float:
    table = frame(result, "loading", "over_rating_h")
    return float("nan") if table is None else float(of(table, design)["over_rating_h"].sum())


def _row(row: NetworkVariant, places: Mapping[str, int]) -> str:
    cells = "".join(
        f'<td class="n">{number(getattr(row, key), places[key])}</td>' for key, _ in COLUMNS
    )
    kept = escape(WORDS.get(row.network, row.network))
    return f'<tr><th scope="row">{label(row.design)}</th><td>{kept}</td>{cells}</tr>'
