"""Parts of a plugin in whole runs: from the command line, in other processes, and where they fail on the way."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridagora.core import registry
from gridagora.devices import load
from gridagora.run import compare as runs
from gridagora.scenario import build, plugins
from gridagora.studies.sweep import BOUND, SweepCase, fingerprint, run_cases

PARTS = '''
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from gridagora.extend import (
    LEAD_H, POSTED_PRICE, Bidder, Clearing, Disclosure, GateOpen, LookAhead, Metric, NoAgents, Prices, Pricing, Rulebook,
    Status, Transactions, plan_at, post, power_at_own, quote, register,
)


@register("market", "plus")
@dataclass(frozen=True)
class Plus:
    """The import price with a margin."""

    rules: ClassVar[Rulebook] = POSTED_PRICE._replace(strategies=("mine", "price_taker", "spoilt_rows", "spoilt_nan"))
    margin_per_kwh: float = 0.01
    spoilt: str = ""
    strategy: str = "mine"

    def start(self, baseline):
        return None

    def quotes(self, opening):
        return quote(opening.product, opening.party, opening.supply.import_per_kwh + self.margin_per_kwh)

    def plan(self, opening, state):
        found = yield from plan_at(self.quotes(opening), state)
        path = found.price_per_kwh
        spoilt = {"": path, "rows": path[..., 1:], "nan": path * np.nan}[self.spoilt]
        return found._replace(price_per_kwh=spoilt)

    def clear(self, opening, state):
        return post(self.quotes(opening))


@register("market", "spoilt")
@dataclass(frozen=True)
class Spoilt:
    """Clears with rows that no run can follow."""

    rules: ClassVar[Rulebook] = Rulebook(
        ("look_ahead",), Bidder.DEVICE, Disclosure.CURVES, LookAhead.POSTED, Pricing.UNIFORM
    )
    how: str = "rows"
    strategy: str = "look_ahead"

    def start(self, baseline):
        return None

    def plan(self, opening, state):
        return plan_at(quote(opening.product, opening.party, opening.supply.import_per_kwh), state)

    def clear(self, opening, state):
        tenders = yield GateOpen(opening.product)
        n = len(tenders.party) - (self.how == "rows")
        p_kw = np.full((n, 1), {"rows": 0.0, "nan": np.nan, "sign": -1e3}[self.how])
        party = np.arange(n)
        awards = Transactions(opening.product, party, party * 0 - 1, p_kw, np.full((n, 1), 0.05), party * 0 + Status.FILLED)
        return Clearing(awards)


def takes(name, spoil):
    @register("strategy", name)
    @dataclass(frozen=True)
    class Taker:
        """Answers a posted price, or spoils the answer."""

        plans: ClassVar[bool] = True
        bidder: ClassVar[Bidder] = Bidder.NOBODY

        def agents(self, believed):
            return NoAgents()

        def tender(self, opening, behind):
            return None

        def dispatch(self, behind, clearing):
            quotes = clearing.posted
            return spoil(power_at_own(behind.curves, quotes.buy_per_kwh[:, 0], quotes.share[:, 0]))


takes("mine", lambda power: power)
takes("spoilt_rows", lambda power: power[1:])
takes("spoilt_nan", lambda power: power * np.nan)


def metric(name, compute):
    register("metric", name)(Metric(name, f"figure {name}", "kWh", "up", compute, f"What {name} <counts>."))


metric("X1", lambda outcome, _: float(outcome.home_kw.clip(min=0).sum() * outcome.dt_h))
metric("X2", lambda outcome, _: outcome.home_kw)
metric("X3", lambda outcome, _: 1 / 0)
metric("X4", lambda outcome, _: float("inf"))
metric("X5", lambda outcome, _: float("nan"))


@register("source", "prices.source=even")
def even(request):
    """One price all day."""
    hours = LEAD_H + request.hours
    return Prices(request.start_s, np.full(hours, 0.03), np.full(4 * hours, 0.03))
'''
CASE = """
[scenario]
days = 1
architectures = ["flat", "plus"]
[plugins]
installed = false
files = ["mine.py"]
[homes]
count = 4
[prices]
source = "even"
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    (folder / "mine.py").write_text(PARTS, encoding="utf-8")
    (folder / "case.toml").write_text(CASE, encoding="utf-8")
    return folder / "case.toml"


@pytest.fixture(autouse=True)
def as_before():
    yield
    plugins.show(())
    assert not plugins.outside() or all(
        not each.module.startswith(plugins.PREFIX) for each in plugins.outside()
    )


@pytest.fixture(scope="module")
def compared(case):
    """Return the finished command and the folder of its result: five metrics, of which three fail."""
    command = [
        sys.executable,
        "-m",
        "gridagora",
        "compare",
        str(case),
        "--out",
        str(case.parent / "out"),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "200"}
    )
    return done, case.parent / "out"


def test_a_market_a_strategy_a_metric_and_a_source_from_the_command_line(compared, case):
    done, folder = compared
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary["architectures"]) == ["flat", "plus"], done.stderr
    assert f"Importing plugin {case.parent / 'mine.py'}" in done.stderr
    assert np.ptp(pd.read_parquet(folder / "tables" / "intervals.parquet").wholesale_per_kwh) == 0
    (entry,) = summary["manifest"]["plugins"]
    assert entry["file"] == str(case.parent / "mine.py") and len(entry["sha256"]) == 64
    assert {"market plus", "strategy mine", "metric X1", "source prices.source=even"} <= set(
        entry["parts"]
    )


def test_a_metric_stands_in_table_and_report_with_what_it_says(compared):
    done, folder = compared
    assert "figure X1" in done.stdout and "kWh" in done.stdout
    page = (folder / "report.html").read_text()
    assert "What X1 &lt;counts&gt;." in page and "Figure X1" in page
    homes = (
        pd.read_parquet(folder / "tables" / "homes.parquet")
        .groupby("architecture")
        .energy_kwh.sum()
    )
    summary = json.loads((folder / "summary.json").read_text())["architectures"]
    for name, entry in summary.items():
        cell = entry["metrics"]["X1"]
        assert (cell["unit"], cell["direction"]) == ("kWh", "up")
        assert cell["value"] == pytest.approx(homes[name])


def test_a_metric_that_fails_loses_its_own_figure_alone(compared):
    done, folder = compared
    summary = json.loads((folder / "summary.json").read_text())
    failed = summary["failed"]
    assert done.returncode == 1 and set(failed) == {"metric X2", "metric X3", "metric X4"}
    assert (
        "compute on design 'plus': it returned an array of shape (4, 288), expected one finite number"
        in failed["metric X2"]
    )
    assert "ZeroDivisionError" in failed["metric X3"] and "of mine.py" in failed["metric X3"]
    assert "it returned inf" in failed["metric X4"]
    assert "metric X3 failed" in done.stderr
    for entry in summary["architectures"].values():
        assert [entry["metrics"][name]["value"] for name in ("X2", "X3", "X4", "X5")] == [None] * 4
        assert entry["metrics"]["E1"]["value"] is not None


@pytest.mark.parametrize(
    ("design", "keys", "words"),
    [
        ("plus", ['market.plus.spoilt="rows"'], ("plan of the market Plus", "shape")),
        ("plus", ['market.plus.spoilt="nan"'], ("plan of the market Plus", "finite")),
        (
            "plus",
            ['market.plus.strategy="spoilt_rows"'],
            ("dispatch of the strategy", "strategy 'spoilt_rows' of mine.py"),
        ),
        (
            "plus",
            ['market.plus.strategy="spoilt_nan"'],
            ("dispatch of the strategy", "finite", "strategy 'spoilt_nan' of mine.py"),
        ),
        (
            "spoilt",
            ['market.spoilt.how="rows"'],
            ("session of the market Spoilt", "transactions", "market 'spoilt' of mine.py"),
        ),
        (
            "spoilt",
            ['market.spoilt.how="nan"'],
            ("session of the market Spoilt", "finite", "market 'spoilt' of mine.py"),
        ),
    ],
)
def test_rows_that_no_run_can_follow_end_that_design_alone(case, design, keys, words):
    scene = build.load(case, [*keys, f'scenario.architectures=["flat", "{design}"]'])
    result = runs.compare(scene)
    assert list(result.summary["architectures"]) == ["flat"]
    for word in words:
        assert word in result.summary["failed"][design]


def test_other_processes_have_the_plugin(case, tmp_path):
    scene = build.load(case)
    found = run_cases(
        scene, [SweepCase(BOUND), SweepCase("flat"), SweepCase("plus")], tmp_path, None, processes=2
    )
    alone = run_cases(scene, [SweepCase(BOUND), SweepCase("plus")], None, None, processes=1)
    assert "fault" not in found[SweepCase("plus")]
    assert found[SweepCase("plus")]["welfare_usd"] == alone[SweepCase("plus")]["welfare_usd"]


def test_a_point_is_run_again_where_the_plugin_changed(case, tmp_path):
    before = fingerprint(build.load(case))
    assert fingerprint(build.load(case)) == before
    (tmp_path / "mine.py").write_text(PARTS.replace("0.01", "0.02"), encoding="utf-8")
    (tmp_path / "case.toml").write_text(CASE, encoding="utf-8")
    assert fingerprint(build.load(Path(tmp_path) / "case.toml")) != before
    assert registry.find("market", "plus")().margin_per_kwh == 0.02


def test_a_device_of_a_plugin_is_owned_planned_and_metered(tmp_path):
    """A copy of the elastic load under another name, owned by every home: 0.5 kW as usual, less where energy is dear."""
    text = Path(load.__file__).read_text(encoding="utf-8").replace('"appliances"', '"kettle"')
    owned = 'setting.homes.owned.get("kettle")'
    made = "Load(np.arange(n), np.full(setting.homes.load_kw.shape, 0.5), 0.2, 0.072)"
    assert owned in text
    text = text.replace(
        f"        table = {owned}\n",
        f"        n = len(setting.homes.home_id)\n        table = {made}\n",
    )
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    case = CASE.replace('"plus"', '"rtp"').replace('[prices]\nsource = "even"\n', "")
    (tmp_path / "case.toml").write_text(case, encoding="utf-8")
    with_it = runs.compare(build.load(tmp_path / "case.toml"))
    plain = runs.compare(build.load(tmp_path / "case.toml", ["plugins.files=[]"]), ["flat"])
    rows = with_it.tables["intervals"].set_index("architecture")
    assert "kettle_kw" in rows and "kettle_kw" not in plain.tables["intervals"]
    assert rows.loc["flat"].kettle_kw.to_numpy() == pytest.approx(2.0)
    more_kw = rows.loc["flat"].load_kw.to_numpy() - plain.tables["intervals"].load_kw.to_numpy()
    assert more_kw == pytest.approx(2.0)
    assert np.ptp(rows.loc["rtp"].kettle_kw) > 0.1
    assert with_it.summary["manifest"]["plugins"][0]["parts"] == ["device kettle"]
