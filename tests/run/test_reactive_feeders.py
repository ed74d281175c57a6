"""A day of IEEE 13 and 34 with regulators that move, three ways: the figures of the how-to page, made anew."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.core.inverters import STANDARDS
from gridagora.core.network_operator import NetworkRules, RowPrices
from gridagora.core.voltage_dependence import with_constant
from gridagora.grid.fixed_point import open_grid
from gridagora.mechanisms.reactive import join_inverters
from gridagora.results.control_moves import REGULATOR, count_moves
from gridagora.run.power_flow import Wiring, solve_run
from gridagora.run.reactive_against import Panels, follow_curve, saved_usd
from gridagora.run.reactive_nodal import NodalTerms, RunPower, by_home, clear_run
from gridagora.sources import opendss

PANEL_SHARE, RATING_RATIO, STEPS = 0.6, 1.1, 24
BAND = (0.95, 1.05)
RULE = STANDARDS["ieee1547_b"]._replace(volt_watt=None)
FIGURES = {
    "13Bus/IEEE13Nodeckt.dss": {
        "unity": (373.66, 0.0, 22, 0, 0.0),
        "volt-var": (372.44, 189.1, 22, 0, 0.061),
        "market": (362.44, 2638.6, 17, 0, 4.779),
    },
    "34Bus/ieee34Mod1.dss": {
        "unity": (1529.3, 0.0, 182, 58, 0.0),
        "volt-var": (1454.84, 1170.2, 180, 52, 5.985),
        "market": (1057.44, 8416.9, 165, 14, 28.132),
    },
}


def three_ways(path):
    """Return losses [kWh], reactive energy [kvarh], taps, home-hours outside and what is saved [$] of each way."""
    feeder = opendss.read(path)
    rows = np.ones(len(feeder.loads.meter), bool)
    loads = feeder.loads._replace(dependence=with_constant(feeder.loads.dependence, rows))
    grid = open_grid(replace(feeder, loads=loads), moves_controls=True, step_s=3600.0)
    hour, rated = np.arange(STEPS), feeder.meters.p_kw[:, None]
    sun = np.sin(np.pi * (hour - 5.5) / 13).clip(min=0) * ((hour >= 6) & (hour <= 18))
    load = 0.35 + 0.3 * np.sin(np.pi * hour / 23) ** 2 + 0.35 * np.exp(-(((hour - 19) / 2) ** 2))
    motor, given = rated * load, PANEL_SHARE * rated * sun
    drawn, n = RunPower(motor - given, motor), len(rated)
    own = np.flatnonzero(rated[:, 0] > 0)
    peak = PANEL_SHARE * rated[own, 0]
    wiring = Wiring(grid, np.arange(n), np.zeros((STEPS, n)))
    rules, ones = NetworkRules(BAND, RowPrices(100.0, 0.2)), np.ones(STEPS)
    terms = NodalTerms(rules, 0.06 * ones, 0.10 * ones, 0, 1.0)
    panels = Panels(own, peak, RATING_RATIO * peak, given[own])
    did = follow_curve(wiring, RULE, drawn, panels, 1.0)
    found = clear_run(wiring, drawn, join_inverters(own, RATING_RATIO * peak), -given[own], terms)

    def describe(q, lost, saved):
        net = solve_run(
            grid,
            wiring.home_meter,
            drawn.home_kw + by_home(own, lost, n),
            motor,
            wiring.other_kw,
            1.0,
            given_kvar=by_home(own, q, n),
        )
        v, taps = np.asarray(net.home_v_pu), count_moves(net.controls, REGULATOR).sum()
        outside = ((v < BAND[0]) | (v > BAND[1])).sum()
        return net.losses_kw.sum(), np.abs(q).sum(), taps, outside, saved

    nothing, lost = np.zeros_like(did.q_kvar), did.lost_kw + did.cut_kw
    return {
        "unity": describe(nothing, nothing, 0.0),
        "volt-var": describe(did.q_kvar, lost, saved_usd(wiring, drawn, panels, did, terms)),
        "market": describe(found.q_kvar, found.lost_kw, found.saved_usd_per_h.sum()),
    }


@pytest.mark.parametrize("name", FIGURES)
def test_the_how_to_page_says_what_a_day_of_the_feeder_does(data_dir, name):
    found = three_ways(data_dir / "feeders" / "ieee" / name)
    for way, figures in FIGURES[name].items():
        losses, kvarh, taps, outside, saved = found[way]
        assert losses == pytest.approx(figures[0], rel=2e-3)
        assert kvarh == pytest.approx(figures[1], rel=1e-2)
        assert abs(taps - figures[2]) <= 1
        assert abs(outside - figures[3]) <= 1
        assert saved == pytest.approx(figures[4], rel=1e-2, abs=2e-3)
    saved = [found[way][-1] for way in ("unity", "volt-var", "market")]
    assert saved == sorted(saved)
