"""A metric is one function of an outcome, with its name, unit and the direction in which it is better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from gridagora.core.outcome import Outcome


class Yardstick(NamedTuple):
    """What a metric may compare with: the flat design of the same scene and the certified bound of welfare [$].

    `unlimited` is the same design run where the substation has no limit, with the bound of that case; None where not asked for.
    """

    flat: Outcome | None
    bound_usd: float | None
    unlimited: Outcome | None = None
    unlimited_bound_usd: float | None = None


@dataclass(frozen=True)
class Metric:
    """One row of the comparison table. `compute` returns nan where the yardstick it needs is missing.

    `explanation` is the sentence that the report shows beside it.
    """

    id: str
    name: str
    unit: str
    direction: Literal["up", "down", "-"]
    compute: Callable[[Outcome, Yardstick], float]
    explanation: str = ""
