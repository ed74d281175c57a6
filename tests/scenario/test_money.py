"""A scenario has one currency: prices in another are refused, and defaults stated in dollars are named."""

import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.scenario import read
from gridagora.scenario.describe import scene_lines

PRICES = "time;price ({unit})\n" + "\n".join(
    f"{day:02}.07.2024 {hour:02}:00;{4 + hour / 10:.1f}"
    for day in (14, 15, 16)
    for hour in range(24)
)
SMALL = ["scenario.days=1", "homes.count=2", 'scenario.architectures=["flat","demand_charge"]']


def scene_of(tmp_path, *keys: str, unit: str | None = None):
    more = []
    if unit is not None:
        (tmp_path / "p.csv").write_text(PRICES.format(unit=unit), encoding="utf-8")
        more = ['prices.source="table"', f'prices.file="{tmp_path / "p.csv"}"']
    return gridagora.build(read.parse("", overrides=[*SMALL, *more, *keys]))


@pytest.mark.parametrize(
    ("unit", "currency"), [("ct/kWh", "EUR"), ("€ct/kWh", None), ("p/kWh", "GBP"), ("c/kWh", "USD")]
)
def test_hundredths_are_those_of_the_scenario(tmp_path, unit, currency):
    if currency is None:
        with pytest.raises(InputError, match="the unit"):
            scene_of(tmp_path, unit=unit)
        return
    scene = scene_of(tmp_path, f'scenario.currency="{currency}"', unit=unit)
    assert scene.prices.day_ahead_per_kwh.min() == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("unit", "names"), [("p/kWh", "GBP"), ("EUR/kWh", "EUR"), ("$/kWh", "USD")]
)
def test_prices_of_another_currency_are_refused_with_the_key_to_set(tmp_path, unit, names):
    with pytest.raises(InputError) as caught:
        scene_of(tmp_path, 'scenario.currency="CHF"', unit=unit)
    told = str(caught.value)
    assert f"prices in {names}" in told
    assert f'currency = "{names}"' in told


def test_prices_of_ercot_are_in_dollars():
    text = ['scenario.currency="EUR"', 'prices.source="ercot_hub_average"']
    with pytest.raises(InputError, match="in dollars"):
        read.parse("", overrides=text)


def test_a_currency_that_limits_of_belief_do_not_fit_is_refused():
    with pytest.raises(InputError, match=r"scenario.currency.*'JPY'.*'EUR'"):
        read.parse("", overrides=['scenario.currency="JPY"'])


def test_check_names_the_defaults_that_are_stated_in_dollars(tmp_path):
    told = scene_lines(scene_of(tmp_path, 'scenario.currency="EUR"', "comfort.value_per_k2_h=.04"))
    assert "market.demand_charge.charge_per_kw_month = 4.75" in told["currency"]
    assert "prices.delivery_per_kwh" in told["currency"]
    assert "value_per_k2_h" not in told["currency"]
    assert "$" not in "".join(told.values())
    assert "currency" not in scene_lines(scene_of(tmp_path))
