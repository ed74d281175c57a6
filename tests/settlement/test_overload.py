"""What a kWh beyond a limit costs: closed forms, and what is refused."""

import math

import pytest

from gridagora.core.errors import PartError
from gridagora.settlement.overload import (
    LIFE_H,
    UPGRADE_HOURS,
    UPGRADE_PER_KW_YEAR,
    price_by_ageing,
    price_by_upgrade,
)
from gridagora.settlement.transformer_life import ThermalDesign


def test_a_linear_transformer_loses_what_a_hand_computes():
    linear = ThermalDesign(oil_rise_k=0.0, spot_rise_k=80.0, spot_exponent=1.0)
    more = math.exp(15000 / 383 - 15000 / (273 + 30 + 80 * 1.5)) - 1
    price = price_by_ageing(40.0, 0.5, 30.0, linear)
    assert price == pytest.approx(40.0 * more / LIFE_H / 0.5)


def test_more_overload_costs_more_a_kwh_and_cold_air_less():
    assert price_by_ageing(50.0, 0.1) < price_by_ageing(50.0, 0.2) < price_by_ageing(50.0, 0.4)
    assert price_by_ageing(50.0, ambient_c=0.0) < 0.1 * price_by_ageing(50.0, ambient_c=40.0)
    assert price_by_ageing(100.0) == pytest.approx(2 * price_by_ageing(50.0))


def test_an_upgrade_is_laid_on_its_hours():
    assert price_by_upgrade(UPGRADE_PER_KW_YEAR, UPGRADE_HOURS) == pytest.approx(57.03 / 250)
    assert price_by_upgrade(0.0, 1.0) == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: price_by_upgrade(50.0, 0.0),
        lambda: price_by_upgrade(-1.0, 100.0),
        lambda: price_by_upgrade(math.nan, 100.0),
        lambda: price_by_ageing(-1.0),
        lambda: price_by_ageing(50.0, 0.0),
    ],
)
def test_what_is_no_price_is_refused(wrong):
    with pytest.raises(PartError, match="expected 0 or more"):
        wrong()
