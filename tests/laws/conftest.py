"""Every registered design runs once on the small scene; the market laws read what it did."""

import pytest

from gridagora.core.registry import names
from gridagora.run.evaluate import evaluate
from gridagora.run.simulate import simulate
from tests.laws.variants import VARIANTS, market_of


@pytest.fixture(scope="session")
def outcomes(scene, study):
    """Return the outcome of every registered design and of every variant."""
    return {
        name: evaluate(name, simulate(market_of(scene, name), study), study)
        for name in (*names("market"), *VARIANTS)
    }
