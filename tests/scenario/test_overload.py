"""Where the limit of the substation and the price of what is beyond it come from, and what is said of both."""

import math
from dataclasses import replace

import numpy as np
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.run.compare import prepare
from gridagora.scenario import build, read
from gridagora.scenario.describe import scene_lines
from gridagora.scenario.overload import (
    limit_by_load_cycle,
    limit_by_rating,
    price_overload,
    spell_limit,
)
from gridagora.settlement.overload import price_by_ageing
from gridagora.settlement.transformer_life import LOAD_MAX_PU

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
        "limit_by_rating = true\nlimit_by_load_cycle = true",
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


def test_a_load_cycle_limits_to_what_ages_the_head_as_rated():
    scene = build.build(parse("limit_by_load_cycle = true"))
    limit_kw = prepare(scene).wholesale.limit_kw
    rated_kw = limit_by_rating(scene).value
    assert rated_kw < limit_kw < LOAD_MAX_PU * rated_kw * (1 + 1e-9)
    assert scene_lines(scene)["substation"].startswith("limit the load cycle of IEEE C57.91")
    assert f"{limit_kw:,.0f} kW" in spell_limit(scene, limit_kw)


def test_a_transformer_is_aged_beside_the_limit_it_stands_for():
    def ageing(keys):
        return gridagora.compare(build.build(parse(keys)), ["flat"]).table().loc["P5a", "flat"]

    assert ageing("limit_share_of_flat_peak = 0.3") > 2.0
    assert ageing("limit_by_load_cycle = true") < 1.0
    assert math.isnan(ageing(""))


def test_air_that_no_transformer_bears_leaves_no_load_cycle():
    scene = build.build(parse("limit_by_load_cycle = true"))
    hot = scene.weather._replace(t_out_degc=scene.weather.t_out_degc + 150.0)
    with pytest.raises(InputError, match="air that cools"):
        limit_by_load_cycle(replace(scene, weather=hot), np.ones(288), 1 / 12)


@pytest.mark.parametrize("limited", ["limit_by_rating = true", "limit_by_load_cycle = true"])
def test_every_limit_may_be_left_out_beside_it(limited):
    keys = parse(f"{limited}\nalso_without_limit = true").substation
    assert keys.is_limited
    assert not parse("").substation.is_limited


@pytest.mark.parametrize("limited", ["limit_by_rating = true", "limit_by_load_cycle = true"])
def test_a_feeder_without_a_rating_cannot_limit(limited):
    scene = build.build(parse(limited))
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
