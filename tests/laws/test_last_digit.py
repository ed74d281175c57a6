"""A result does not hang on the last digit: inputs that move by 1e-12 move what a design does by no more than 1e-6.

Other processors and other libraries of linear algebra round otherwise, so a run elsewhere is a run whose inputs moved in the last
digits. What is decided by ties, such as which of two homes is served that bid the same, must not be decided by those.
"""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.registry import names
from gridagora.run.compare import prepare
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from tests.laws.variants import VARIANTS, market_of

MOVE, NEAR = 1e-12, 1e-6
SERIES = ("price_per_kwh", "credit_per_kwh", "load_kw", "committed_kw", "home_kw", "bill_usd")


def moved(column, rng):
    return column * (1.0 + MOVE * rng.uniform(-1.0, 1.0, column.shape))


@pytest.fixture(scope="module")
def moved_scene(scene):
    """Return the small scene with every price and every load moved by up to 1e-12 of it."""
    rng = np.random.default_rng(5)
    prices, homes = scene.prices, scene.homes
    prices = prices._replace(
        day_ahead_per_kwh=moved(prices.day_ahead_per_kwh, rng),
        real_time_per_kwh=moved(prices.real_time_per_kwh, rng),
    )
    return replace(scene, prices=prices, homes=homes._replace(load_kw=moved(homes.load_kw, rng)))


@pytest.fixture(scope="module")
def moved_study(moved_scene):
    return prepare(moved_scene)


def as_columns(found):
    """Return what an outcome says by name, a column each."""
    columns = {name: np.asarray(getattr(found, name)) for name in SERIES}
    columns |= {f"{kind} power": column for kind, column in found.device_kw.items()}
    columns |= {f"{item} cost": column for item, column in found.device_usd.items()}
    return columns | {f"felt {name}": column for name, column in found.felt.items()}


@pytest.mark.parametrize("name", [*names("market"), *VARIANTS])
def test_the_last_digit_of_prices_and_loads_decides_nothing(
    name, outcomes, moved_scene, moved_study
):
    run = simulate(market_of(moved_scene, name), moved_study)
    as_it_was, now = outcomes[name], evaluate(name, run, moved_study)
    after = as_columns(now)
    for column, before in as_columns(as_it_was).items():
        size = max(1.0, float(np.abs(np.nan_to_num(before)).max(initial=0.0)))
        np.testing.assert_allclose(
            after[column], before, rtol=0.0, atol=NEAR * size, equal_nan=True, err_msg=column
        )
    assert now.exchange.messages == as_it_was.exchange.messages
    assert now.warnings == as_it_was.warnings
