"""E1s, the part of the gain that is left in stores (theory 8.1)."""

from gridagora.results.gain import left_gain_usd, per_home_year
from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E1s",
    "of the gain, left in stores",
    "$/home/year",
    "-",
    explanation=(
        "What stores hold at the end more than under the flat design: a part of the gain that is a guess of its worth later."
    ),
    family=VALUE,
    order=0.1,
)
def gain_in_stores(outcome: Outcome, yardstick: Reference) -> float:
    """Value of stores at the end less that of the flat design, as the gain is stated."""
    if yardstick.flat is None:
        return float("nan")
    return per_home_year(left_gain_usd(outcome, yardstick.flat), outcome)
