"""What is kept of each home by interval adds up to the tables of the whole, and is there only where asked for."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.run.compare import compare
from gridagora.scenario import read

DESIGNS = ("flat", "rtp")


@pytest.fixture(scope="module")
def kept(scene):
    """Return a comparison that keeps temperatures and powers."""
    asked = scene.scenario.results.model_copy(update={"keep": ("temperature", "device_power")})
    return compare(
        replace(scene, scenario=scene.scenario.model_copy(update={"results": asked})), DESIGNS
    )


def test_powers_of_homes_add_up_to_the_power_of_the_kind(kept):
    rows = kept.tables["device_power"]
    columns = [name for name in rows.columns if name.endswith("_kw")]
    assert {"hvac_kw", "battery_kw", "ev_kw", "pv_kw"} <= set(columns)
    total = rows.groupby(["architecture", "start_s"])[columns].sum()
    whole = kept.tables["intervals"].set_index(["architecture", "start_s"])[columns]
    assert (whole.abs().sum() > 0).sum() >= 3
    np.testing.assert_allclose(total.loc[whole.index], whole, atol=1e-9)


def test_each_home_has_its_own_temperature_in_every_interval(kept, scene):
    rows = kept.tables["temperature"]
    table = rows[rows.architecture == "rtp"].pivot_table(
        index="start_s", columns="home_id", values="t_air_degc"
    )
    assert table.shape == (len(kept.tables["intervals"].start_s.unique()), len(scene.homes.home_id))
    assert table.notna().all(axis=None)
    assert 5 < table.min(axis=None) < table.max(axis=None) < 45
    assert (table.std(axis=1) > 0).all()


def test_nothing_is_kept_unasked_and_figures_do_not_change(kept, scene):
    plain = compare(scene, DESIGNS)
    assert set(kept.tables) - set(plain.tables) == {"temperature", "device_power"}
    for name in ("intervals", "homes"):
        assert kept.tables[name].equals(plain.tables[name])


def test_a_word_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(InputError) as caught:
        read.parse('[results]\nkeep = ["temperatur"]\n', "s.toml")
    said = str(caught.value)
    assert said.startswith("s.toml: [results] keep: got 'temperatur'")
    assert all(word in said for word in ("bills", "temperature", "device_power"))
