"""P7, PV curtailed (theory 8.2)."""

from gridagora.core.records import sum_rows
from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome, has_renewables

ROUNDING_KWH = 1e-6


@metric(
    "P7",
    "PV curtailed",
    "kWh",
    "down",
    explanation="Solar output that was available and not used.",
    family=POWER,
    order=7,
    applies=has_renewables,
)
def curtailed(outcome: Outcome, _: Reference) -> float:
    """Energy that could have been made and was not; what is below a milliwatt-hour in all is rounding."""
    left_kw = (
        sum_rows(could_kw) + outcome.device_kw[kind]
        for kind, could_kw in outcome.available_kw.items()
    )
    kwh = float(sum(each.sum() for each in left_kw) * outcome.dt_h)
    return kwh if abs(kwh) > ROUNDING_KWH else 0.0
