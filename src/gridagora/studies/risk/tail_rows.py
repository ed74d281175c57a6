"""Rows on tails: losses in the worst worlds, the drivers of those worlds, and who bears them."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from gridagora.core.currency import SIGNS
from gridagora.core.tables import Col
from gridagora.studies.risk import distribution_free, tail
from gridagora.studies.risk.drivers import driver_effect
from gridagora.studies.risk.mean_rows import ends, judge
from gridagora.studies.risk.names import COST, MeasureText
from gridagora.studies.risk.question import RiskQuestion
from gridagora.studies.risk.worlds import (
    WorldSample,
)

MONEY = tuple(SIGNS.values())  # with which a unit of money begins


def loss_of(sample: WorldSample, design: str, metric: str, direction: str) -> Col:
    """Return a metric of a design as a loss (n,) [its unit], in worlds where it applies: more is worse."""
    found = sample.column(design, metric)
    signed = -found if direction == "up" else found
    return signed[np.isfinite(signed)]


def tail_rows(
    sample: WorldSample, texts: Mapping[str, MeasureText], question: RiskQuestion
) -> Iterator[dict[str, Any]]:
    """Yield value at risk and expected shortfall of every loss in money: of stakeholders, and of metrics with a direction."""
    for design in sample.designs:
        for metric in sample.metrics:
            said = texts[metric]
            if not said.unit.startswith(MONEY) or said.direction not in ("up", "down"):
                continue
            loss = loss_of(sample, design, metric, said.direction)
            if len(loss) < distribution_free.least_draws(question.level, question.confidence):
                continue
            found = tail.tail_of(loss, question.level, question.confidence)
            yield {
                "design": design,
                "metric": metric,
                "name": said.name,
                "unit": said.unit,
                "is_stakeholder": metric.startswith(COST),
                "level": question.level,
                "worlds": len(loss),
                "tail_worlds": len(loss) * (1.0 - question.level),
                "mean": float(np.sort(loss).mean()),
                "at_risk": found.at_risk.value,
                **ends("at_risk_", found.at_risk),
                "shortfall": found.shortfall.value,
                **ends("shortfall_", found.shortfall),
            }


def tail_pair_rows(sample: WorldSample, question: RiskQuestion) -> Iterator[dict[str, Any]]:
    """Yield every pair of designs by stakeholder: how much more the worst worlds of the first cost."""
    for metric in sample.metrics:
        if not metric.startswith(COST):
            continue
        for first, second in combinations(sample.designs, 2):
            one, two = sample.column(first, metric), sample.column(second, metric)
            both = np.isfinite(one) & np.isfinite(two)
            if both.sum() < distribution_free.least_draws(question.level, question.confidence):
                continue
            found = tail.shortfall_difference(
                one[both], two[both], question.level, question.confidence
            )
            yield {
                "metric": metric,
                "first": first,
                "second": second,
                "difference": found.value,
                **ends("", found),
                "verdict": judge(found, "down"),
            }


def driver_rows(
    sample: WorldSample, metric: str, texts: Mapping[str, MeasureText], question: RiskQuestion
) -> Iterator[dict[str, Any]]:
    """Yield every driver by design: how it goes with the loss that ranks designs."""
    for design in sample.designs:
        held = sample.column(design, metric)
        sign = -1.0 if texts[metric].direction == "up" else 1.0
        for k, driver in enumerate(sample.drivers):
            both = np.isfinite(held) & np.isfinite(sample.driver[:, k])
            if both.sum() < distribution_free.least_draws(question.level, question.confidence):
                continue
            found = driver_effect(
                sign * held[both], sample.driver[both, k], question.level, question.confidence
            )
            yield {
                "design": design,
                "metric": metric,
                "driver": driver,
                "tail_mean": found.tail_mean,
                "rest_mean": found.rest_mean,
                "distance": found.distance,
                "chance": found.chance,
                "rank_correlation": found.rank_correlation.value,
                **ends("rank_correlation_", found.rank_correlation),
            }


def burden_rows(sample: WorldSample, question: RiskQuestion) -> Iterator[dict[str, Any]]:
    """Yield what each stakeholder bears on average and in the worlds that are worst for the system."""
    costs = [name for name in sample.metrics if name.startswith(COST)]
    if "cost.system" not in costs:
        return
    for design in sample.designs:
        held = np.stack([sample.column(design, name) for name in costs], axis=1)
        rows = held[np.isfinite(held).all(axis=1)]
        if len(rows) < distribution_free.least_draws(question.level, question.confidence):
            continue
        bad = tail.tail_contributions(rows[:, costs.index("cost.system")], rows, question.level)
        for name, mean, worst in zip(costs, np.sort(rows, axis=0).mean(axis=0), bad, strict=True):
            yield {"design": design, "metric": name, "mean": float(mean), "in_tail": float(worst)}
