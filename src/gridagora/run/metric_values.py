"""The figures of one design: what each metric computes; one that fails loses its own figure and nothing else."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gridagora.core.errors import FAULTS, told
from gridagora.results.metric import Metric, Reference, place_in_table
from gridagora.results.outcome import Outcome


def metric_values(
    metrics: Sequence[Metric], outcome: Outcome, measure: Reference, faults: dict[str, str]
) -> dict[str, Any]:
    """Return name, value, unit and direction of each metric, by identifier.

    A value is None where the metric says nan, not measured here. A metric that raises, or returns what is no finite number, has
    no value either, and the reason joins `faults` under its name.
    """
    return {
        metric.id: _described(metric) | {"value": _value(metric, outcome, measure, faults)}
        for metric in metrics
    }


def measured_by(metrics: Sequence[Metric], flat: Outcome, faults: dict[str, str]) -> list[Metric]:
    """Return the metrics that say something in a run, in the order of the table.

    One whose `applies` raises, or answers otherwise than true or false, is left out, and the reason joins `faults`.
    """
    kept = []
    for metric in metrics:
        try:
            said: object = metric.applies(flat)
        except FAULTS as fault:
            faults[f"metric {metric.id}"] = f"applies: {told(fault)}"
            continue
        if not isinstance(said, bool | np.bool_):
            faults[f"metric {metric.id}"] = (
                f"applies: it returned {_shape(said)}, expected true or false"
            )
        elif said:
            kept.append(metric)
    return sorted(kept, key=place_in_table)


def _described(metric: Metric) -> dict[str, Any]:
    return {"name": metric.name, "value": None, "unit": metric.unit, "direction": metric.direction}


def _value(
    metric: Metric, outcome: Outcome, measure: Reference, faults: dict[str, str]
) -> float | None:
    try:
        value = metric.compute(outcome, measure)
    except FAULTS as fault:
        _blame(metric, outcome, told(fault), faults)
        return None
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if isinstance(value, bool) or not is_number or math.isinf(value):
        got = f"{value}" if isinstance(value, float | np.floating) else _shape(value)
        _blame(
            metric,
            outcome,
            f"it returned {got}, expected one finite number, or nan where it does not apply",
            faults,
        )
        return None
    return None if math.isnan(value) else float(value)


def _shape(value: object) -> str:
    """Return what an object is, with the shape of an array."""
    return (
        f"an array of shape {value.shape}"
        if isinstance(value, np.ndarray)
        else f"an object of type {type(value).__name__}"
    )


def _blame(metric: Metric, outcome: Outcome, reason: str, faults: dict[str, str]) -> None:
    name = f"metric {metric.id}"
    said = f"compute on design '{outcome.name}': {reason}"
    faults[name] = f"{faults[name]}; {said}" if name in faults else said
