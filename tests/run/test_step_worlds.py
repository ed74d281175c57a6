"""Worlds in step are measured as the comparison of each measures it, and a world that fails costs itself alone."""

import pytest

from gridagora.core.registry import find
from gridagora.run.compare import compare
from gridagora.scenario import build, read
from gridagora.studies.step_worlds import UNREPEATABLE, run_in_step

DESIGNS = ("flat", "rtp", "layered", "auction")
STREET = "[scenario]\nseed = {seed}\ndays = 1\n[homes]\ncount = 8\n"


def street(seed):
    return build.build(read.parse(STREET.format(seed=seed), "street.toml"))


@pytest.fixture(scope="module")
def streets():
    return [street(seed) for seed in (3, 4)]


@pytest.fixture(scope="module")
def compared(streets):
    return [compare(scene, DESIGNS) for scene in streets]


def test_every_metric_is_that_of_the_comparison(streets, compared):
    ran = run_in_step(streets, DESIGNS, with_bound=True)
    for world, whole in zip(ran, compared, strict=True):
        assert world.faults == whole.summary.get("failed", {})
        for design, said in whole.summary["architectures"].items():
            values = {name: m["value"] for name, m in said["metrics"].items()}
            own = {k: v for k, v in world.values[design].items() if not k.startswith("cost.")}
            assert own == {k: v for k, v in values.items() if k not in UNREPEATABLE}


def test_costs_are_those_of_the_tables(streets, compared):
    for world, whole in zip(run_in_step(streets, DESIGNS), compared, strict=True):
        for design, values in world.values.items():
            costs, homes, ledger = (whole.tables[name] for name in ("costs", "homes", "ledger"))
            cost_usd = costs.cost_usd[costs.architecture == design].sum()
            assert values["cost.system"] == pytest.approx(cost_usd, rel=1e-12)
            own = homes[homes.architecture == design]
            assert values["cost.worst_home"] == (own.bill_usd + own.comfort_usd).max()
            rows = ledger[ledger.architecture == design]
            paid = rows.amount_uusd[rows.payer == "wholesale"].sum()
            got = rows.amount_uusd[rows.payee == "wholesale"].sum()
            assert values["cost.supplier"] == (paid - got) / 1e6
            money = [v for k, v in values.items() if k.startswith("cost.")]
            assert len(money) >= 6


def test_without_the_bound_nothing_is_captured(streets):
    (world, _) = run_in_step(streets, ("rtp",))
    assert world.values["rtp"]["E2"] is None or "E2" not in world.values["rtp"]


def test_a_design_that_fails_in_one_world_runs_in_the_others(streets, monkeypatch):
    market = find("market", "rtp")
    quotes = market.quotes

    def refuse(self, opening):
        if len(opening.party) and opening.supply.base_kw[0] == marked:
            raise ValueError("no price today")
        return quotes(self, opening)

    marked = None
    seen = []

    def look(self, opening):
        seen.append(float(opening.supply.base_kw[0]))
        return quotes(self, opening)

    monkeypatch.setattr(market, "quotes", look)
    run_in_step(streets[:1], ("rtp",))
    marked = seen[0]
    monkeypatch.setattr(market, "quotes", refuse)
    bad, good = run_in_step(streets, ("flat", "rtp"))
    assert "no price today" in bad.faults["rtp"]
    assert "rtp" not in bad.values
    assert "flat" in bad.values
    assert not good.faults
    assert set(good.values) == {"flat", "rtp"}
