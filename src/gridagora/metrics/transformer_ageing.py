"""P5a, ageing of the transformer that the limit stands for (theory 8.2)."""

from gridagora.results.metric import POWER, Reference, metric
from gridagora.results.outcome import Outcome
from gridagora.settlement.transformer_life import trace_heat


@metric(
    "P5a",
    "ageing of the transformer",
    "h/h",
    "down",
    explanation=(
        "Hours of life that an hour takes of a transformer whose rating is the limit, in the mean of the run and in its air: 1 "
        "is what it is rated for (IEEE C57.91). Its oil warms over hours: a short overload costs less than its energy says."
    ),
    family=POWER,
    order=5.1,
    in_brief=False,
)
def transformer_ageing(outcome: Outcome, _: Reference) -> float:
    """Mean ageing of the transformer behind the limit under the load of all meters; nan without a limit."""
    unit = outcome.transformer
    if unit is None:
        return float("nan")
    heat = trace_heat(outcome.load_kw / unit.rated_kw, unit.outdoor_c, outcome.dt_h)
    return float(heat.ageing_pu.mean())
