"""D1, deviation of a home from its awards, by the hour (theory 8.5)."""

import numpy as np

from gridagora.core.tables import Col
from gridagora.population.quality import HOUR_H, deviation_kwh, mean_kw, mean_of_homes
from gridagora.results.home_block import HomeBlock
from gridagora.results.metric import DELIVERY, Reference, home_metric
from gridagora.results.outcome import Outcome


@home_metric(
    "D1",
    "deviation of a home from its awards, by the hour",
    "kW",
    "down",
    explanation=(
        "Power that a home took beyond or below its award, on the mean of each hour; too much and too little within it cancel."
    ),
    family=DELIVERY,
    order=1,
    in_brief=False,
)
class DeviationHour:
    """Mean deviation of a home, on the mean of each hour."""

    def __init__(self, outcome: Outcome, _: Reference) -> None:
        self._dt_h = outcome.dt_h
        self._each_kw: list[Col] = []

    def add(self, block: HomeBlock) -> None:
        """Note the deviation of each of some homes."""
        missed = deviation_kwh(block.home_kw, block.award_kw, self._dt_h, HOUR_H)
        self._each_kw.append(mean_kw(missed, block.award_kw, self._dt_h))

    def value(self) -> float:
        """Return the mean over homes with an award [kW]; nan without awards."""
        return mean_of_homes(np.concatenate(self._each_kw))
