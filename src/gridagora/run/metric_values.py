"""The figures of one design: what each metric computes; one that fails loses its own figure and nothing else."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from gridagora.core.errors import FAULTS, describe_error
from gridagora.results.home_block import home_blocks
from gridagora.results.metric import HomeFold, Metric, Reference, place_in_table
from gridagora.results.outcome import Outcome


def metric_values(
    metrics: Sequence[Metric], outcome: Outcome, measure: Reference, faults: dict[str, str]
) -> dict[str, Any]:
    """Return name, value, unit and direction of each metric, by identifier.

    A value is None where the metric says nan, not measured here. A metric that raises, or returns what is no finite number, has
    no value either, and the reason joins `faults` under its name.
    """
    folds = _fold_homes(metrics, outcome, measure, faults)
    values = {}
    for metric in metrics:
        value = None
        if metric.start is None:
            value = _checked(metric, outcome, partial(metric.compute, outcome, measure), faults)
        elif metric.id in folds:
            value = _checked(metric, outcome, folds[metric.id].value, faults)
        values[metric.id] = _described(metric) | {"value": value}
    return values


def _fold_homes(
    metrics: Sequence[Metric], outcome: Outcome, measure: Reference, faults: dict[str, str]
) -> dict[str, HomeFold]:
    """Return the metrics of single homes by identifier, all homes taken in; one that fails is left out, with its reason."""
    folds: dict[str, HomeFold] = {}
    own = [metric for metric in metrics if metric.start is not None]
    for metric, start in ((metric, metric.start) for metric in own):
        try:
            if start is not None:
                folds[metric.id] = start(outcome, measure)
        except FAULTS as fault:
            _blame(metric, outcome, describe_error(fault), faults)
    for block in home_blocks(outcome) if folds else ():
        for metric in own:
            if metric.id not in folds:
                continue
            try:
                folds[metric.id].add(block)
            except FAULTS as fault:
                _blame(metric, outcome, describe_error(fault), faults)
                del folds[metric.id]
    return folds


def measured_by(metrics: Sequence[Metric], flat: Outcome, faults: dict[str, str]) -> list[Metric]:
    """Return the metrics that say something in a run, in the order of the table.

    One whose `applies` raises, or answers otherwise than true or false, is left out, and the reason joins `faults`.
    """
    kept = []
    for metric in metrics:
        try:
            said: object = metric.applies(flat)
        except FAULTS as fault:
            faults[f"metric {metric.id}"] = f"applies: {describe_error(fault)}"
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


def _checked(
    metric: Metric, outcome: Outcome, compute: Callable[[], Any], faults: dict[str, str]
) -> float | None:
    try:
        value = compute()
    except FAULTS as fault:
        _blame(metric, outcome, describe_error(fault), faults)
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
