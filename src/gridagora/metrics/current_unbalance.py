"""P8, unbalance of the currents of the phases at the substation (theory 8.2)."""

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome, has_three_phase_head
from gridagora.results.solved_flow import phase_spread, ratio


@metric(
    "P8",
    "current unbalance at the substation",
    "share",
    "down",
    explanation=(
        "How far the phase furthest from the mean of the three stands from it, over that mean, in currents at the substation: 0 "
        "where all are alike, 2 where one carries all. Conductors and transformers are rated for the phase that carries most."
    ),
    family=POWER,
    order=8,
    in_brief=False,
    applies=has_three_phase_head,
)
def current_unbalance(outcome: Outcome, _: Reference) -> float:
    """Departure over the mean, each summed over the run; nan where the source has not three phases or no power flow is there."""
    spread = phase_spread(outcome)
    return float("nan") if spread is None else ratio(spread.most_a.sum(), spread.mean_a.sum())
