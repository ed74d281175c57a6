"""A made-up ensemble: paired draws of three designs, of which two are alike in the mean and one is riskier."""

import numpy as np
import pandas as pd
import pytest

from gridagora.core.rng import stream

DESIGNS = ("central", "flat", "layered")


def made_worlds(count=120, variations=(0,), seed=1):
    """Return the long table: `central` costs 40 $ less than `flat`, `layered` as much as `central` and more in bad worlds."""
    parts = []
    for variation in variations:
        draw = stream(seed, "made-up worlds", variation)
        heat, price = draw.standard_normal(count), draw.gamma(2.0, 1.0, count)
        base = 500.0 + 60.0 * heat + 20.0 * price
        own = {name: draw.normal(0.0, 5.0, count) for name in DESIGNS}
        bad = np.maximum(heat - 1.0, 0.0)
        cost = {
            "central": base - 40.0 + own["central"],
            "flat": base + own["flat"],
            "layered": base - 40.0 + own["layered"] + 80.0 * (bad - bad.mean()),
        }
        for name in DESIGNS:
            figures = {
                "E1": -cost[name],
                "cost.system": cost[name],
                "cost.homes": 0.9 * cost[name],
                "cost.operator": 0.1 * cost[name],
                "P5": np.maximum(heat - (name != "flat"), 0.0),
            }
            parts += [rows(variation, name, metric, values) for metric, values in figures.items()]
        parts.append(rows(variation, "", "driver.peak_temperature_degc", 35.0 + 2.0 * heat))
        parts.append(rows(variation, "", "driver.sun_kwh", draw.normal(size=count)))
    return pd.concat(parts, ignore_index=True)


def rows(variation, design, metric, values):
    return pd.DataFrame(
        {
            "seed": np.arange(len(values)),
            "variation": variation,
            "design": design,
            "metric": metric,
            "value": values,
        }
    )


@pytest.fixture(scope="session")
def worlds():
    return made_worlds()


@pytest.fixture(scope="session")
def make_worlds():
    return made_worlds


@pytest.fixture(scope="session")
def make_rows():
    return rows
