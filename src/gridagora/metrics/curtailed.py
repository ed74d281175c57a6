"""P7, PV curtailed (theory 8.2)."""

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome

ROUNDING_KWH = 1e-6


@metric(
    "P7",
    "PV curtailed",
    "kWh",
    "down",
    explanation="Solar output that was available and not used.",
    family=POWER,
    order=7,
)
def curtailed(outcome: Outcome, _: Reference) -> float:
    """Energy that panels could have made and did not; what is below a milliwatt-hour in all is rounding."""
    kwh = float((outcome.home_pv_kw.sum(0) + outcome.device_kw["pv"]).sum() * outcome.dt_h)
    return kwh if abs(kwh) > ROUNDING_KWH else 0.0
