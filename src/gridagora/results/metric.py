"""A metric is one function of an outcome, with all that table and report say of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeVar

from gridagora.core.registry import register
from gridagora.results.home_block import HomeBlock, home_blocks
from gridagora.results.outcome import Outcome, welfare_before_losses_usd

VALUE = "Value and money"
POWER = "Power"
VOLTAGE = "Voltage"
COMFORT = "Comfort"
DELIVERY = "Delivery"
INFORMATION = "Information"
OTHER = "Other"  # of a metric that names none
FAMILIES = (
    VALUE,
    POWER,
    VOLTAGE,
    COMFORT,
    DELIVERY,
    INFORMATION,
)  # in the order of the table; any other comes after them
Direction = Literal["up", "down", "-"]
NOTHING = 1e-12  # of the bound: a gain that rounding makes


class Reference(NamedTuple):
    """What a metric may compare with: the flat design of the same scene and the certified bound of welfare [$].

    `unlimited` is the same design run where the substation has no limit, with the bound of that case; None where not asked for.
    `automated` is the design `flat_optimised`, whose homes look ahead at a flat rate; None where it is not compared.
    """

    flat: Outcome | None
    bound_usd: float | None
    unlimited: Outcome | None = None
    unlimited_bound_usd: float | None = None
    automated: Outcome | None = None


AUTOMATED = "flat_optimised"  # the design of automation without a market


Compute = Callable[[Outcome, Reference], float]


class HomeFold(Protocol):
    """A metric of single homes, while it is worked out: it is shown some homes at a time, in their order, and none twice."""

    def add(self, block: HomeBlock) -> None:
        """Take some homes in."""

    def value(self) -> float:
        """Return the metric of the homes that were taken in; nan where it does not apply."""


Start = Callable[[Outcome, Reference], HomeFold]
Fold = TypeVar("Fold", bound=HomeFold)


def always(_: Outcome) -> bool:
    """Return that a metric says something in every run."""
    return True


def measures(name: str) -> Callable[[Outcome], bool]:
    """Return whether a run has devices that count towards a measure of `core.device`."""
    return lambda outcome: name in outcome.measures


@dataclass(frozen=True)
class Metric:
    """One row of the comparison table and what is said of it. `compute` returns nan where the yardstick it needs is missing.

    What a plugin leaves out is named before a run (`scenario.fit`).
    """

    id: str
    name: str
    unit: str
    direction: Direction  # in which it is better; "-" where neither is
    compute: Compute
    explanation: str = ""  # a sentence for a reader of the report
    family: str = OTHER  # the heading under which it stands: one of FAMILIES, or a new one
    order: float = float("inf")  # its place within the family
    short_name: str = ""  # for the narrow table of the terminal; the name where left out
    in_brief: bool = (
        True  # whether the terminal shows it; the report and summary.json show every metric
    )
    applies: Callable[[Outcome], bool] = (
        always  # whether it says something in a run, by the outcome of the flat design
    )
    start: Start | None = (
        None  # of a metric of single homes, which may be too many to read at once; `compute` folds it alone
    )


def metric(
    metric_id: str,
    name: str,
    unit: str,
    direction: Direction,
    *,
    explanation: str,
    family: str,
    order: float,
    short_name: str = "",
    in_brief: bool = True,
    applies: Callable[[Outcome], bool] = always,
) -> Callable[[Compute], Compute]:
    """Return a decorator that registers a function as a metric; the function itself is unchanged."""

    def file(compute: Compute) -> Compute:
        part = Metric(
            metric_id,
            name,
            unit,
            direction,
            compute,
            explanation,
            family,
            order,
            short_name,
            in_brief,
            applies,
        )
        register("metric", metric_id, compute.__module__)(part)
        return compute

    return file


def home_metric(
    metric_id: str,
    name: str,
    unit: str,
    direction: Direction,
    *,
    explanation: str,
    family: str,
    order: float,
    short_name: str = "",
    in_brief: bool = True,
    applies: Callable[[Outcome], bool] = always,
) -> Callable[[type[Fold]], type[Fold]]:
    """Return a decorator that registers a class that folds homes as a metric; it is made with an outcome and the reference."""

    def file(start: type[Fold]) -> type[Fold]:
        def compute(outcome: Outcome, reference: Reference) -> float:
            found = start(outcome, reference)  # type: ignore[call-arg]  # a protocol says nothing of how it is made
            for block in home_blocks(outcome):
                found.add(block)
            return found.value()

        said = explanation, family, order, short_name, in_brief, applies
        part = Metric(metric_id, name, unit, direction, compute, *said, start)
        register("metric", metric_id, start.__module__)(part)
        return start

    return file


def place_in_table(part: Metric) -> tuple[int, str, float, str]:
    """Return the key by which metrics are sorted: family, place within it; new families come last, by name."""
    known = part.family in FAMILIES
    return FAMILIES.index(part.family) if known else len(FAMILIES), part.family, part.order, part.id


def captured_share(outcome: Outcome, flat: Outcome, bound_usd: float) -> float:
    """Share of the gain from flat to the bound, both before losses; nan where the bound leaves nothing to gain."""
    start = welfare_before_losses_usd(flat)
    gain = bound_usd - start
    return (
        (welfare_before_losses_usd(outcome) - start) / gain
        if gain > NOTHING * abs(bound_usd)
        else float("nan")
    )
