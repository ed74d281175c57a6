"""E1y, gain in dollars a home and year (theory 8.1)."""

from gridagora.results.gain import gain_usd, per_home_year
from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E1y",
    "gain over the flat rate",
    "$/home/year",
    "up",
    explanation="Welfare less that of the flat design, over homes and days, times 365: a year of days like these.",
    family=VALUE,
    order=0,
)
def gain(outcome: Outcome, yardstick: Reference) -> float:
    """Welfare gained over the flat design by a mean home in a year of such days."""
    if yardstick.flat is None:
        return float("nan")
    return per_home_year(gain_usd(outcome, yardstick.flat), outcome)
