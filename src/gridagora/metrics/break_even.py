"""E1o, break-even price of overload (theory 8.1)."""

from gridagora.results.gain import break_even_per_kwh
from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E1o",
    "overload price at break-even",
    "$/kWh",
    "-",
    explanation=(
        "The price of energy beyond the limit at which the design would be worth what the flat one is, if it did there what it "
        "did here. A design that overloads more is better below it, one that overloads less is better above it. Exact for "
        "designs that do not read the price; a tariff that earns the cost of overload, and a design that is told the limit, do "
        "something else at another price, and 'gridagora study break-even' finds theirs by playing them there."
    ),
    family=VALUE,
    order=0.2,
)
def break_even(outcome: Outcome, yardstick: Reference) -> float:
    """Price of overload at which welfare equals that of the flat design, with what both did."""
    if yardstick.flat is None:
        return float("nan")
    return break_even_per_kwh(outcome, yardstick.flat)
