"""A tariff of a file as a design: what homes plan on, what a run books, and what is refused before it starts."""

import numpy as np
import pytest

from gridagora.core.errors import InputError, PartError
from gridagora.core.retail_tariff import DemandRate, EnergyRate, RetailTariff, always
from gridagora.core.session import Baseline
from gridagora.markets.retail_tariff import FiledTariff, RetailTariffDesign
from gridagora.run.compare import prepare
from gridagora.run.dear_windows import find_windows
from gridagora.run.evaluate import evaluate
from gridagora.run.result import revenue_gap_usd
from gridagora.run.simulate import simulate
from gridagora.scenario import build, read
from gridagora.scenario.describe import scene_lines
from gridagora.scenario.inputs import hash_inputs
from gridagora.settlement.capacity import DEMAND
from gridagora.settlement.ledger import bill_usd, only
from gridagora.settlement.retail_bill import FIXED, first_block_prices, retail_usd

TEXT = """
name = "Two periods"
currency = "usd"
export_per_kwh = 0.02
fixed_per_month = 31.0
[[energy]]
name = "evening"
hours = "16-21"
per_kwh = [0.30, 0.40]
blocks_kwh = [300]
[[energy]]
name = "rest"
per_kwh = [0.10, 0.14]
blocks_kwh = [300]
[[demand]]
name = "evening"
hours = "16-21"
per_kw_month = 6.0
"""
STREET = """
[scenario]
seed = 6
start = 2024-07-31
days = 2
architectures = ["flat", "retail_tariff", "net metered"]
[homes]
count = 6
pv_share = 0.5
battery_share = 0.5
[market.retail_tariff]
file = "own.toml"
[[design]]
name = "net metered"
market = "retail_tariff"
export = "net_metering"
"""
ONE = RetailTariff("one", (EnergyRate("all", (0.1,)),), always(), always())


def parse(folder, text=STREET, tariff=TEXT):
    (folder / "own.toml").write_text(tariff, encoding="utf-8")
    (folder / "street.toml").write_text(text, encoding="utf-8")
    return read.load(folder / "street.toml")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Return the scene, what its designs share, and the outcome under the tariff."""
    scene = build.build(parse(tmp_path_factory.mktemp("tariff")))
    study = prepare(scene)
    made = evaluate("own", simulate(scene.market("retail_tariff"), study), study)
    return scene, study, made


def test_bills_are_those_of_the_tariff_to_the_micro_dollar(ran):
    """Two days, one of July and one of August: a thirty-first of each month, so 2 $ of the fixed charge."""
    _, study, o = ran
    terms, per = o.paid.billing, round(1 / o.dt_h)
    price, credit = (np.repeat(each, per) for each in first_block_prices(terms))
    power = np.asarray(o.home_kw)
    energy = (power.clip(min=0) * price - (-power).clip(min=0) * credit).sum(1) * o.dt_h
    owed = energy + sum(retail_usd(terms, power, per).values())
    np.testing.assert_allclose(o.bill_usd, owed, atol=4e-6)
    assert only(o.ledger, FIXED).amount_uusd.tolist() == [2_000_000] * 6
    assert o.imbalance_uusd == 0
    np.testing.assert_allclose(bill_usd(o.ledger, len(o.parties.id))[:6], o.bill_usd)
    assert revenue_gap_usd(o, study) > 0  # rates are not scaled to what energy costs


def test_homes_plan_on_the_rates_and_lower_their_demand(ran):
    _, study, o = ran
    free = ONE._replace(export="none")
    charged = free._replace(demand=(DemandRate("any", 60.0, always(1), always(1)),))
    without, dear = (
        evaluate("own", simulate(FiledTariff(each), study), study) for each in (free, charged)
    )
    per = round(1 / o.dt_h)

    def largest(outcome):
        """Return the sum of the largest hours of each home in either month."""
        return np.asarray(outcome.home_kw).reshape(6, 2, 24, per).mean(3).max(2).sum()

    assert largest(dear) < 0.85 * largest(without)
    assert only(o.ledger, DEMAND).amount_uusd.sum() > 0
    assert set(np.unique(o.price_per_kwh[: 16 * per])) <= {0.10, 0.14}


def test_check_tells_the_tariff_and_its_file_is_hashed(ran):
    scene = ran[0]
    said = scene_lines(scene)["tariff of retail_tariff"]
    assert said.startswith("Two periods: 0.1 to 0.4 $/kWh in 2 periods, 2 blocks a month")
    inputs = {each.key: each.path for each in hash_inputs(scene.scenario)}
    assert inputs["market.retail_tariff.file"] == "own.toml"
    assert scene.market("net metered").tariff.export == "net_metering"
    assert read.parse(scene.text, folder=scene_folder(scene)).parts == scene.scenario.parts


def scene_folder(scene):
    from pathlib import Path

    return Path(scene.scenario.folder)


WRONG = [
    ("seed = 6", 'seed = 6\ncurrency = "EUR"', "file: got a tariff in USD, expected one in EUR"),
    ('file = "own.toml"', 'file = "none.toml"', "[market.retail_tariff] file: got 'none.toml'"),
    ('file = "own.toml"', "", "[market.retail_tariff] file: got no tariff"),
    ('file = "own.toml"', 'file = "street.toml"', "an unknown key 'scenario'"),
    ("export = ", 'file = "gone.json"\nexport = ', "[[design]] net metered file: got 'gone.json'"),
    ('export = "net_metering"', 'export = "free"', "export: got 'free', expected one of file"),
    ('export = "net_metering"', "file = 3", "net metered file: got 3"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG)
def test_a_tariff_that_cannot_be_read_ends_the_reading_of_the_scenario(tmp_path, old, new, said):
    with pytest.raises(InputError) as caught:
        parse(tmp_path, STREET.replace(old, new, 1))
    assert said in str(caught.value)


def test_a_tariff_that_is_silent_on_export_asks_for_the_key(tmp_path):
    silent = TEXT.replace("export_per_kwh = 0.02\n", "")
    with pytest.raises(InputError, match=r"\[market.retail_tariff\] export: got a tariff 'Two per"):
        parse(tmp_path, tariff=silent)
    said = STREET.replace('file = "own.toml"', 'file = "own.toml"\nexport = "none"', 1)
    assert parse(tmp_path, said, silent).keys_of("retail_tariff")["export"] == "none"
    made = RetailTariffDesign(export="none").bill_by(ONE)
    assert made.tariff.export == "none"


def baseline(**changes) -> Baseline:
    hours = np.arange(48) % 24
    made = Baseline(0, 3600, hours, *(np.zeros(24),) * 3, home_kw=np.ones((2, 24)), first_day=0)
    return made._replace(**changes)


def test_what_a_tariff_needs_of_a_baseline_is_asked_for():
    own = FiledTariff(ONE)
    with pytest.raises(PartError, match="does not say its first day"):
        own.start(baseline(first_day=None))
    odd = ONE._replace(demand=(DemandRate("any", 1.0, always(1), always(1), 15),))
    with pytest.raises(InputError, match="a mean over 15 minutes"):
        FiledTariff(odd).start(
            baseline(duration_s=600, local_hour=np.repeat(np.arange(48) % 24, 6))
        )
    begun = own.start(baseline(fixed_per_kwh=0.2, home_kw=None, first_day=None))
    assert set(begun.tariff.import_per_kwh.ravel()) == {0.2}


def test_people_who_act_by_hand_know_the_dear_hours_of_their_day():
    """Friday 2 January 1970 has an evening rate, the Saturday after it has one rate all day; blocks do not matter."""
    evening = tuple(tuple(int(17 <= hour < 20) for hour in range(24)) for _ in range(12))
    rates = (EnergyRate("rest", (0.1, 0.2), (24.0,)), EnergyRate("evening", (0.3, 0.4), (24.0,)))
    own = FiledTariff(RetailTariff("evening", rates, evening, always(), export="none"))
    power = np.repeat([[0.01], [3.0]], 24, axis=1)
    begun = own.start(baseline(first_day=1, home_kw=power))
    assert begun.home_class.tolist() == [0, 1]
    found = find_windows(own, begun, np.arange(48) % 24, np.array([True, True]))
    assert found is not None
    assert found.end_of(np.arange(2), 18).tolist() == [20, 20]
    for hour in (12, 42):  # in no window
        assert found.end_of(np.arange(2), hour).tolist() == [hour, hour]
