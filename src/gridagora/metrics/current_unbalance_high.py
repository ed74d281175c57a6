"""P8h, unbalance of the currents of the phases at the substation that is seldom exceeded (theory 8.2)."""

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome, has_three_phase_head
from gridagora.results.solved_flow import LOADED_SHARE, phase_spread
from gridagora.results.supply_quality import exceeded_by_few


@metric(
    "P8h",
    "current unbalance, exceeded in 5 % of time",
    "share",
    "down",
    explanation=(
        "Unbalance of currents at the substation that 95 % of the intervals do not exceed. Intervals with less than a hundredth "
        "of the largest mean current are left out: there nothing is loaded, and the share says nothing."
    ),
    family=POWER,
    order=8.1,
    in_brief=False,
    applies=has_three_phase_head,
)
def current_unbalance_high(outcome: Outcome, _: Reference) -> float:
    """Share of 95 % of the loaded intervals; nan where the source has not three phases or no power flow is there."""
    spread = phase_spread(outcome)
    if spread is None or not spread.mean_a.max() > 0:
        return float("nan")
    loaded = spread.mean_a >= LOADED_SHARE * spread.mean_a.max()
    share = spread.most_a[loaded] / spread.mean_a[loaded]
    return float(exceeded_by_few(share[:, None])[0])
