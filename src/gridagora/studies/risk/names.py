"""What a metric of an ensemble is called, its unit and its better direction; a loss is named after who bears it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gridagora.core.registry import find, names

COST = "cost."


class MeasureText(NamedTuple):
    """What is said of a metric: its name, its unit, and in which direction it is better: "up", "down" or "-"."""

    name: str
    unit: str
    direction: str


STAKEHOLDERS: Mapping[str, str] = {
    "cost.system": "the system",
    "cost.homes": "all homes",
    "cost.mean_home": "the mean home",
    "cost.worst_home": "the worst home",
    "cost.operator": "the operator",
    "cost.supplier": "the supplier",
}


def describe_metric(metric: str, said: Mapping[str, Any] | None = None) -> MeasureText:
    """Return what is said of a metric: by the manifest of its ensemble, else by the part that is registered."""
    if metric.startswith(COST):
        return MeasureText(f"cost of {stakeholder_name(metric)}", "$", "down")
    if said and metric in said:
        row = said[metric]
        return MeasureText(
            *(
                str(row.get(key, rest))
                for key, rest in zip(MeasureText._fields, (metric, "", "-"), strict=True)
            )
        )
    if metric in names("metric"):
        part = find("metric", metric)
        return MeasureText(part.name, part.unit, part.direction)
    return MeasureText(metric, "", "-")


def stakeholder_name(metric: str) -> str:
    """Return who bears a loss, in words: 'the mean home' for `cost.mean_home`."""
    return STAKEHOLDERS.get(metric, metric.removeprefix(COST).replace("_", " "))
