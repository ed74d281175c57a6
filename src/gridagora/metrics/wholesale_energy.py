"""E4, wholesale energy (theory 8.1)."""

from gridagora.results.metric import VALUE, Reference, metric
from gridagora.results.outcome import Outcome


@metric(
    "E4",
    "wholesale energy",
    "MWh",
    "-",
    explanation="Energy through all meters, export counted against it; losses of the wires apart.",
    family=VALUE,
    order=4,
)
def wholesale_energy(outcome: Outcome, _: Reference) -> float:
    """Energy of all meters, import less export."""
    return float(outcome.load_kw.sum() * outcome.dt_h / 1000)
