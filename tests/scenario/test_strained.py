"""Loads that no feeder carries are warned of by `check`, each subject by name; sound scenes are not."""

from dataclasses import replace

import numpy as np
import pytest

import gridagora
from gridagora.population.customers import SERVICE_KW
from gridagora.scenario import describe, read, strained


@pytest.fixture(scope="module")
def plain():
    return gridagora.build(
        read.parse("", overrides=["scenario.days=1", "homes.count=8", "homes.water_heaters=false"])
    )


def times(scene, factor):
    return replace(scene, homes=scene.homes._replace(load_kw=scene.homes.load_kw * factor))


def test_a_sound_scene_has_no_warning(plain):
    assert strained.lines(plain) == {}


def test_watts_read_as_kilowatts_are_warned_of_by_home_transformer_and_voltage(plain):
    told = describe.scene_lines(times(plain, 1000))
    assert "8 homes draw more than 48 kW" in told["warning services"]
    assert plain.homes.home_id[0] in told["warning services"]
    assert "kVA" in told["warning transformers"]
    assert "no solution" in told["warning voltages"]


def test_the_service_is_the_edge(plain):
    peak = plain.homes.load_kw[:, :24].max()
    assert "warning services" not in strained.lines(times(plain, 0.999 * SERVICE_KW / peak))
    assert (
        "1 homes draw"
        in strained.lines(times(plain, 1.001 * SERVICE_KW / peak))["warning services"]
    )


def test_a_voltage_below_half_is_warned_of(plain, monkeypatch):
    monkeypatch.setattr(strained, "COLLAPSED_PU", 1.0)
    assert "of its voltage without" in strained.lines(plain)["warning voltages"]
    assert np.isfinite(plain.homes.load_kw).all()
