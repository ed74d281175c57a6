"""Where the limit of the substation and the price of what is beyond it come from, and what is said of both."""

from dataclasses import replace

import numpy as np
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.run.compare import prepare
from gridagora.scenario import build, read
from gridagora.scenario.describe import scene_lines
from gridagora.scenario.overload import limit_by_rating, price_overload
from gridagora.settlement.overload import price_by_ageing

HOMES = "[scenario]\ndays = 1\n[homes]\ncount = 4\nev_share = 0.0\n[substation]\n"


def parse(keys):
    return read.parse(HOMES + keys, "s.toml")


@pytest.mark.parametrize(
    ("keys", "price", "words"),
    [
        ("", 57.03 / 250, "an upgrade at 57.03"),
        ("upgrade_per_kw_year = 100\nupgrade_hours = 50", 2.0, "50 hours"),
        ("over_per_kwh = 0.5", 0.5, "stated"),
        ("over_per_kwh = 0.0", 0.0, "stated"),
        ("transformer_per_kva = 40", price_by_ageing(40.0), "C57.91"),
    ],
)
def test_the_price_has_a_source(keys, price, words):
    found = price_overload(parse(keys).substation)
    assert found.value == pytest.approx(price)
    assert words in found.source


@pytest.mark.parametrize(
    "keys",
    [
        "limit_kw = 9\nlimit_by_rating = true",
        "limit_by_rating = true\nlimit_share_of_flat_peak = 0.8",
        "limit_kw = 9\nover_per_kwh = 1.0\ntransformer_per_kva = 40",
        "limit_kw = 9\nover_per_kwh = 1.0\nupgrade_hours = 100",
        "limit_kw = 9\ntransformer_per_kva = 40\nupgrade_per_kw_year = 10",
    ],
)
def test_two_sources_of_one_figure_are_refused(keys):
    with pytest.raises(InputError, match="one of them"):
        parse(keys)


def test_a_feeder_limits_to_the_rating_of_its_head():
    scene = build.build(parse("limit_by_rating = true"))
    found = limit_by_rating(scene)
    assert prepare(scene).wholesale.limit_kw == found.value
    assert found.source.startswith("rating of transformer substation.1")
    said = scene_lines(scene)["substation"]
    assert "rating of transformer" in said
    assert "an upgrade at 57.03" in said


def test_a_feeder_without_a_rating_cannot_limit():
    scene = build.build(parse("limit_by_rating = true"))
    units = scene.feeder.transformers
    bare = replace(scene.feeder, transformers=units._replace(kva=np.full(len(units.name), np.nan)))
    with pytest.raises(InputError, match="states no rating"):
        prepare(replace(scene, feeder=bare))


def test_what_is_billed_is_where_the_price_says(tmp_path):
    scene = gridagora.build(parse("limit_share_of_flat_peak = 0.5\nover_per_kwh = 2.0"))
    found = gridagora.compare(scene, ["flat", "central"], out=tmp_path / "out")
    entries = found.tables["ledger"].query("item == 'overload'").set_index("architecture")
    assert set(entries.payer) == {"operator"}
    assert set(entries.payee) == {"wires"}
    assert entries.amount_uusd.flat / 1e6 == pytest.approx(2.0 * entries.quantity_kwh.flat)
    assert entries.amount_uusd.central < entries.amount_uusd.flat
    manifest = found.summary["manifest"]
    assert "stress case" in manifest["limit_source"]
    assert "2 $/kWh" in manifest["limit_source"]
