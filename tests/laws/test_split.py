"""Homes of whole service transformers run apart as they run together: no draw, sum or rank of a home crosses a transformer."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.feeder import TRANSFORMER, branches
from gridagora.run.compare import prepare
from gridagora.run.simulate import simulate
from gridagora.run.topology import service_transformers
from gridagora.scenario import build, read

STREET = """
[scenario]
seed = 5
days = 1
[homes]
count = 14
pv_share = 0.5
ev_share = 0.5
battery_share = 0.4
"""
RUNS = [
    ("flat", "priority"),
    ("tou", "priority"),
    ("rtp", "priority"),
    ("rtp", "account"),
    ("rtp", "continuous"),
]
CREDITS = {"one price": "", "two prices": "[tariff]\ncredit_per_kwh = 0.02\n"}


@pytest.fixture(scope="module", params=CREDITS)
def street(request):
    scene = build.build(read.parse(STREET + CREDITS[request.param], "street.toml"))
    return scene, prepare(scene)


def parts(group):
    """Return the homes of two parts, each of whole transformers that are no neighbours."""
    _, number = np.unique(group, return_inverse=True)
    assert number.max() >= 2, "the law needs three transformers"
    return np.flatnonzero(number % 2 == 0), np.flatnonzero(number % 2 == 1)


def power_kw(scene, study, name):
    """Return the power of every kind in every home, (t, n) each, and the temperature of the air."""
    ran = simulate(scene.market(name), study)
    kinds = [group.about.kind for group in ran.fleet.groups]
    air = np.asarray(ran.track.recorder.column("t_air_degc")).T
    return dict(zip(kinds, ran.track.kind_kw, strict=True)), air


@pytest.mark.parametrize(("name", "dispatch"), RUNS)
def test_homes_of_whole_transformers_run_alone_as_among_all(street, name, dispatch, part_of):
    """Under a price that no home moves a run is a sum of its parts, bit for bit, also where starts are staggered."""
    scene, study = street
    whole = study._replace(rule=dispatch, start_spread_min=40.0)
    kind_kw, t_air_degc = power_kw(scene, whole, name)
    for part in parts(study.group):
        few = whole._replace(homes=part_of(study.homes, part), group=study.group[part])
        own_kw, own_degc = power_kw(scene, few, name)
        assert set(own_kw) <= set(kind_kw)
        for kind, all_kw in kind_kw.items():
            alone = own_kw.get(kind, np.zeros((len(all_kw), len(part))))
            assert np.array_equal(alone, all_kw[:, part]), kind
        assert np.array_equal(own_degc, t_air_degc[:, part])


def test_ranking_across_transformers_would_break_the_law(street, part_of):
    """The law is no accident: with all homes on one transformer, halves differ from the whole."""
    scene, study = street
    one = study._replace(rule="priority", group=np.zeros_like(study.group))
    kind_kw, _ = power_kw(scene, one, "rtp")
    part, _ = parts(study.group)
    few = one._replace(homes=part_of(study.homes, part), group=one.group[part])
    assert not np.array_equal(power_kw(scene, few, "rtp")[0]["hvac"], kind_kw["hvac"][:, part])


def test_homes_are_grouped_by_the_service_transformer_of_their_meter(street):
    """Two homes are of one group just where the same service transformer feeds their meters, whatever layers a market has."""
    scene, study = street
    lines = branches(scene.feeder)
    pairs = list(zip(lines.from_bus.tolist(), lines.to_bus.tolist(), strict=True))
    above = {b: a for a, b in pairs}
    line = {b: a for (a, b), kind in zip(pairs, lines.kind, strict=True) if kind == TRANSFORMER}

    def fed_by(bus):
        while bus not in line:
            bus = above[bus]
        return bus

    found = [fed_by(int(scene.feeder.meters.bus[meter])) for meter in scene.home_meter]
    same = np.equal.outer(found, found)
    assert np.array_equal(same, np.equal.outer(study.group, study.group))
    layers = scene.scenario.layers.model_copy(update={"transformers": False})
    flat = replace(scene, scenario=scene.scenario.model_copy(update={"layers": layers}))
    assert np.array_equal(service_transformers(flat), study.group)
