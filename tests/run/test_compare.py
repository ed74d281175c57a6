"""A comparison as a whole: what it leaves, what it keeps when a part fails, what it refuses."""

import io
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from gridagora.bound.relaxation import Bound
from gridagora.core import registry
from gridagora.core.errors import InputError, PartError
from gridagora.core.rules import POSTED_PRICE, Rulebook
from gridagora.report import page, table
from gridagora.run import compare as runs
from gridagora.run import folder as folders
from gridagora.scenario import build


@pytest.fixture(scope="module")
def found(scene, tmp_path_factory):
    folder = tmp_path_factory.mktemp("result")
    return runs.compare(scene, ["flat", "rtp"], out=folder), folder


def test_summary_has_the_promised_shape(found):
    summary = found[0].summary
    assert list(summary["architectures"]) == ["flat", "rtp"]
    for entry in summary["architectures"].values():
        assert set(entry) == {"market", "network", "metrics", "certificates", "warnings", "wall_s"}
        assert all(
            {"value", "unit", "direction"} <= set(metric) for metric in entry["metrics"].values()
        )
    assert {"seed", "versions", "scenario_sha256", "inputs_sha256"} <= set(summary["manifest"])


def test_captured_value_of_flat_is_zero_and_of_all_at_most_one(found):
    captured = {
        name: entry["metrics"]["E2"]["value"]
        for name, entry in found[0].summary["architectures"].items()
    }
    assert captured["flat"] == 0
    assert captured["rtp"] <= 1


def test_folder_reads_back_the_same(found):
    result, folder = found
    again = folders.load(folder)
    assert again.summary["architectures"] == result.summary["architectures"]
    assert again.scenario_text == result.scenario_text
    for name, frame in result.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], frame, check_dtype=False)


def test_voltages_and_losses_come_from_the_exact_flow(found):
    intervals = found[0].tables["intervals"]
    assert intervals["losses_kw"].gt(0).all()
    assert intervals["v_min_pu"].between(0.9, 1.1).all()


def test_bills_are_what_homes_pay_in_the_ledger(found):
    homes, ledger = found[0].tables["homes"], found[0].tables["ledger"]
    flat = homes[homes.architecture == "flat"].set_index("home_id").bill_usd
    paid = (
        ledger[(ledger.architecture == "flat") & ledger.payer.isin(flat.index)]
        .groupby("payer")
        .amount_uusd.sum()
        / 1e6
    )
    pd.testing.assert_series_equal(paid.sort_index(), flat.sort_index(), check_names=False)


def test_a_design_that_fails_loses_nothing_of_the_others(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_parts", dict(registry._parts))

    @registry.register("market", "broken")
    @dataclass(frozen=True)
    class Broken:
        """Fails at once."""

        rules: ClassVar[Rulebook] = POSTED_PRICE
        strategy: str = "price_taker"

        def start(self, baseline):
            raise PartError(f"no price for {baseline.start_s}")

    result = runs.compare(scene, ["flat", "broken"], out=tmp_path / "out")
    assert "no price for" in result.summary["failed"]["broken"]
    assert list(result.summary["architectures"]) == ["flat"]
    assert (tmp_path / "out" / "finished" / "flat.parquet").is_file()


class Surprise(ArithmeticError):
    """A fault of numerics that nobody has heard of."""


RAISED = (
    IndexError("index 3 is out of bounds"),
    KeyError("peak_kw"),
    ZeroDivisionError("division by zero"),
    FloatingPointError("overflow"),
    Surprise("no convergence"),
    np.linalg.LinAlgError("singular matrix"),
    RuntimeError("a session did not end"),
    TypeError("unsupported operand"),
    AttributeError("no attribute"),
    MemoryError(),
)


def test_no_error_of_a_design_loses_what_another_found(scene, tmp_path, monkeypatch):
    """Each error that numerics or a home-made part may raise ends that design alone, with kind, text and line."""
    monkeypatch.setattr(registry, "_parts", dict(registry._parts))

    @registry.register("market", "faulty")
    @dataclass(frozen=True)
    class Faulty:
        """Raises one of the errors."""

        rules: ClassVar[Rulebook] = POSTED_PRICE
        row: int = 0
        strategy: str = "price_taker"

        def start(self, baseline):
            raise RAISED[self.row]

    named = {f"faulty{row}": Faulty(row) for row in range(len(RAISED))}
    plain = build.Scene.market
    monkeypatch.setattr(
        build.Scene, "market", lambda own, name: named[name] if name in named else plain(own, name)
    )
    result = runs.compare(scene, ["flat", *named], out=tmp_path)
    assert list(result.summary["architectures"]) == ["flat"]
    failed = result.summary["failed"]
    assert list(failed) == list(named)
    for fault, said in zip(RAISED, failed.values(), strict=True):
        assert (
            said.startswith(type(fault).__name__)
            and "in start, line" in said
            and str(fault) in said
        )
    assert (
        "IndexError" in terminal_text(result)
        and "IndexError" in page.write(result, tmp_path / "r.html").read_text()
    )
    assert "LinAlgError" in (tmp_path / "summary.json").read_text()


def terminal_text(result):
    screen = io.StringIO()
    table.render(result, Console(width=200, file=screen))
    return screen.getvalue()


def test_nothing_finished_is_said_with_the_reason(scene, monkeypatch):
    monkeypatch.setattr(runs, "simulate", failing(runs.simulate))
    with pytest.raises(InputError, match="rtp: got IndexError"):
        runs.compare(scene, ["rtp"])


def failing(simulate):
    def run(market, study, progress=None):
        if type(market).__name__ == "RealTimePrice":
            raise IndexError("no such row")
        return simulate(market, study, progress)

    return run


def test_a_design_that_fails_without_the_limit_keeps_what_it_did_with_it(scene, monkeypatch):
    keys = scene.scenario.model_copy(
        update={
            "substation": scene.scenario.substation.model_copy(update={"also_without_limit": True})
        }
    )

    def run(market, study, progress=None, simulate=runs.simulate):
        if type(market).__name__ == "Central" and not np.isfinite(study.wholesale.limit_kw):
            raise IndexError("no such row")
        return simulate(market, study, progress)

    monkeypatch.setattr(runs, "simulate", run)
    result = runs.compare(replace(scene, scenario=keys), ["central"])
    assert "IndexError" in result.summary["failed"]["central, no limit"]
    assert result.summary["architectures"]["central"]["metrics"]["E2"]["value"] <= 1


def test_a_run_above_the_bound_stops_the_report(scene, tmp_path, monkeypatch):
    low = Bound(-1e9, np.zeros(1), np.zeros(1), {}, 0.0, 1)
    monkeypatch.setattr(runs, "compute_bound", lambda *_: low)
    with pytest.raises(PartError, match="exceeds the certified bound"):
        runs.compare(scene, ["flat"], out=tmp_path)
    assert not (tmp_path / "summary.json").exists()


def test_without_limit_is_reported_beside_where_asked(scene):
    keys = scene.scenario.model_copy(
        update={
            "substation": scene.scenario.substation.model_copy(update={"also_without_limit": True})
        }
    )
    result = runs.compare(replace(scene, scenario=keys), ["rtp", "central"])
    captured = {
        name: entry["metrics"]["E2u"]["value"]
        for name, entry in result.summary["architectures"].items()
    }
    assert all(value is not None and value <= 1 for value in captured.values())
    assert captured["rtp"] > result.summary["architectures"]["rtp"]["metrics"]["E2"]["value"]


def test_austin_two_days(data_dir):
    """SMART-DS, ResStock, ERCOT: central stays under the limit, captures most of the value, the flow converges."""
    del data_dir
    scene = build.load(
        "examples/austin/scenario.toml", ["scenario.days=2", "substation.also_without_limit=false"]
    )
    result = runs.compare(scene, ["flat", "central"])
    central = result.summary["architectures"]["central"]
    assert 0.5 <= central["metrics"]["E2"]["value"] <= 1
    assert central["certificates"]["flow_failed_intervals"] == 0
    assert central["certificates"]["money_imbalance_uusd"] == 0
    assert len(scene.homes.home_id) == 186
