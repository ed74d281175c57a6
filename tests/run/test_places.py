"""The table of places: what each place's own limit adds to its price, how long, and how near its load came to the limit."""

import re
from dataclasses import replace
from itertools import groupby
from types import SimpleNamespace

import numpy as np
import pytest

import gridagora
from gridagora.core.limits import bounds_of, limit_places
from gridagora.core.place import Level, lift_kw, places
from gridagora.core.registry import find, names
from gridagora.core.session import Topology
from gridagora.results.metric import place_in_table
from gridagora.run.compare import prepare
from gridagora.run.result import place_rows
from gridagora.scenario import read

SMALL = ["scenario.days=1", "homes.count=8", "homes.water_heaters=false", "layers.zones=2"]


def made(price, home_kw, high_kw, wholesale, limit_kw=np.inf):
    """Two transformers below a feeder, one home each, quarter-hour intervals."""
    tree = places(
        ["a", "b", "feeder"], [Level.TRANSFORMER, Level.TRANSFORMER, Level.FEEDER], [2, 2, -1]
    )
    outcome = SimpleNamespace(
        name="layered",
        place_per_kwh=np.array(price),
        wholesale_per_kwh=np.array(wholesale),
        delivery_per_kwh=0.05,
        home_kw=np.array(home_kw),
        other_kw=np.zeros(len(wholesale)),
        dt_h=0.25,
        limit_kw=limit_kw,
    )
    place, other_kw = np.array([0, 1]), np.zeros((3, 1))
    limits = limit_places(tree, place, np.array(high_kw), other_kw, 1.0)
    return place_rows(Topology(tree, place), limits, other_kw, outcome).set_index("place")


def test_a_limit_that_binds_is_told_from_the_price_above_it():
    rows = made(
        [[0.10, 0.30, 0.10, 0.15], [0.10, 0.10, 0.08, 0.15], [0.10, 0.10, 0.10, 0.15]],
        [[1.0, 2.0, 1.0, 1.0], [1.0, 3.0, -4.0, 1.0]],
        [2.0, np.inf, np.inf],
        [0.05, 0.05, 0.05, 0.06],
        limit_kw=5.0,
    )
    assert rows.bound_h.to_dict() == {"a": 0.25, "b": 0.0, "feeder": 0.25}
    assert rows.bound_export_h.to_dict() == {"a": 0.0, "b": 0.25, "feeder": 0.0}
    assert rows.added_mean_per_kwh.to_dict() == pytest.approx(
        {"a": 0.05, "b": -0.005, "feeder": 0.01}
    )
    assert rows.peak_kw.to_dict() == pytest.approx({"a": 2.0, "b": 4.0, "feeder": 5.0})
    assert rows.parent.to_dict() == {"a": "feeder", "b": "feeder", "feeder": ""}
    np.testing.assert_array_equal(rows.limit_kw, [2.0, np.nan, 5.0])


def test_a_price_below_wholesale_and_delivery_at_the_top_is_no_limit():
    rows = made([[0.02, 0.02]] * 3, [[-1.0, -1.0]] * 2, [np.inf] * 3, [0.05, 0.05])
    assert not rows[["bound_h", "bound_export_h", "added_mean_per_kwh"]].to_numpy().any()


def test_prices_of_a_run_are_those_of_the_parents_plus_what_limits_add():
    scene = gridagora.build(
        read.parse("", overrides=[*SMALL, "layers.zone_limit_share_of_flat_peak=0.7"])
    )
    result = gridagora.compare(scene, ["flat", "layered"])
    rows = result.tables["places"].set_index("place")
    above = rows.price_mean_per_kwh.reindex(rows.parent).to_numpy()
    inner = rows.parent.to_numpy() != ""
    np.testing.assert_allclose(
        (rows.price_mean_per_kwh - rows.added_mean_per_kwh)[inner], above[inner], atol=1e-12
    )
    zones = rows[rows.level == "zone"]
    assert (zones.bound_h > 0).any()
    assert rows.loc[(rows.level == "transformer"), "limit_kw"].isna().all()
    assert not rows.loc[rows.level == "transformer", ["bound_h", "bound_export_h"]].to_numpy().any()
    assert set(rows.architecture) == {"layered"}
    assert "places" in result.figures


def test_zones_count_every_meter_below_them():
    """The other load of the zones adds up to that of the substation, and a limit by share counts it in the zone's peak."""
    plain = gridagora.build(
        read.parse("", overrides=[*SMALL, "layers.zone_limit_share_of_flat_peak=1.0"])
    )
    other_kw = np.zeros_like(plain.other_kw)
    other_kw[:, ::3] = 2.0
    other_kw[:, 1] = -9.0
    study, alone = prepare(replace(plain, other_kw=other_kw)), prepare(plain)
    tree = study.site.tree
    zone = tree.level == Level.ZONE
    np.testing.assert_allclose(study.place_other_kw[zone].sum(0), study.other_kw, atol=1e-6)
    assert not study.place_other_kw[tree.parent < 0].any()
    homes_kw = lift_kw(tree, study.site.place, study.baseline_kw)[zone]
    for case in (study, alone):
        load_kw = homes_kw + case.place_other_kw[zone][:, :1]  # it is the same in every hour
        quarters = load_kw.reshape(zone.sum(), -1, round(0.25 / case.dt_h)).mean(2)
        np.testing.assert_allclose(
            bounds_of(case.limits, tree).high_kw[zone, 0], np.abs(quarters).max(1), rtol=1e-9
        )
    assert (study.limits.high != alone.limits.high).all()


def test_metrics_stand_by_family_number_and_kin():
    known = sorted((find("metric", name) for name in names("metric")), key=place_in_table)
    stem, number = re.compile(r"[A-Z]+\d+"), re.compile(r"\d+")
    by_family = ["EPVCDI".index(part.id[0]) for part in known]
    assert by_family == sorted(by_family)
    for _, family in groupby(known, key=lambda part: part.family):
        stems = [stem.match(part.id).group() for part in family]
        assert [key for key, _ in groupby(stems)] == sorted(
            set(stems), key=lambda key: int(number.search(key).group())
        )
    assert [part.id for part in known if part.id.startswith("P4")] == [
        "P4",
        "P4f",
        "P4w",
        "P4h",
        "P4p",
        "P4x",
    ]
    assert len({place_in_table(part)[:3] for part in known}) == len(known), (
        "two metrics claim one place"
    )
    new = replace(known[0], id="G1", family="Emissions")
    assert sorted([new, *known], key=place_in_table)[-1] == new
