"""A community without a network: nothing is lost, the voltage holds, and designs are those of the homes alone."""

import numpy as np
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.grid.flow import solve
from gridagora.sources.busbar import make_busbar


def test_nothing_is_lost_and_the_voltage_holds():
    feeder = make_busbar(7)
    p_kw = np.linspace(-40.0, 100.0, 7)[None]
    flow = solve(feeder, p_kw, 0.3 * p_kw)
    assert flow.converged.all()
    assert np.abs(flow.v[0]) == pytest.approx(np.full(3, 230.0), rel=1e-5)


def scene(**keys):
    tables = {"feeder": {"source": "busbar"}, "homes": {"count": 6}, "scenario": {"days": 1}}
    return gridagora.build(gridagora.Scenario(**{**tables, **keys}))


def test_a_community_runs_every_design_without_a_feeder():
    designs = ["flat", "rtp", "central", "layered", "peer", "auction", "retailer"]
    found = gridagora.compare(scene(), designs).table()
    assert found.loc["P3", designs].abs().max() < 1e-3
    assert found.loc["V1", designs].min() == pytest.approx(1.0, abs=1e-6)
    assert found.loc["E2", "layered"] > 0


def test_homes_live_as_on_a_feeder():
    """Under a market they differ a little: on/off units are ranked behind a service transformer, and here one feeds all."""
    on_bus = gridagora.compare(scene(), ["flat"]).table()
    free = {"feeder": {"source": "synthetic"}, "network": {"losses": "none"}}
    on_feeder = gridagora.compare(scene(**free), ["flat"]).table()
    for metric in ("E3", "E5", "P1", "C1"):
        assert on_bus.loc[metric, "flat"] == pytest.approx(on_feeder.loc[metric, "flat"], rel=1e-9)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"feeder": {"source": "busbar", "file": "m.dss"}},
            "which source = 'busbar' does not read",
        ),
        ({"substation": {"limit_by_rating": True}}, "states no rating"),
    ],
)
def test_what_a_busbar_has_not_is_refused(keys, said):
    with pytest.raises(InputError, match=said):
        gridagora.compare(scene(**keys), ["flat"])
