"""E1m, the part of the gain that the market adds to automation (theory 8.1)."""

from gridagora.results.gain import gain_usd, per_home_year
from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E1m",
    "of the gain, added by the market",
    "$/home/year",
    "up",
    explanation=(
        "Welfare less that of the same homes automated at a flat rate (flat_optimised): the rest is automation's and "
        "needs no market."
    ),
    family=VALUE,
    order=0.05,
)
def gain_of_market(outcome: Outcome, yardstick: Reference) -> float:
    """Welfare gained over automation at a flat rate by a mean home in a year of such days; nan where that was not run."""
    if yardstick.automated is None or yardstick.flat is None or outcome.name == yardstick.flat.name:
        return float("nan")
    return per_home_year(gain_usd(outcome, yardstick.automated), outcome)
