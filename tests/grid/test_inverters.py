"""Inverters that follow voltage inside the flow: as OpenDSS has them, as a bisection finds them, and laws that need neither."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.feeder import Feeder
from gridagora.core.flow import Flow
from gridagora.core.inverters import (
    STANDARDS,
    Infeed,
    InverterRule,
    InverterTable,
    VoltCurve,
    check_rule,
    given_kw_kvar,
)
from gridagora.grid.fixed_point import open_grid
from gridagora.sources import opendss, synthetic_feeder
from tests.grid.inverter_days import Panel, engine_day, our_day, with_meters

VAR_ONLY = STANDARDS["ieee1547_b"]._replace(volt_watt=None)
PHASE = 4.16 / np.sqrt(3.0)
IEEE = {
    "13Bus/IEEE13Nodeckt.dss": [
        Panel("611.3", 1, PHASE, 300.0),
        Panel("675", 3, 4.16, 1500.0),
        Panel("634", 3, 0.48, 400.0),
    ],
    "34Bus/ieee34Mod1.dss": [
        Panel("840", 3, 24.9, 900.0),
        Panel("890", 3, 4.16, 300.0),
        Panel("822.1", 1, 24.9 / np.sqrt(3.0), 300.0),
        Panel("848", 3, 24.9, 500.0),
    ],
    "123Bus/IEEE123Master.dss": [
        Panel("114.1", 1, PHASE, 250.0),
        Panel("66.3", 1, PHASE, 200.0),
        Panel("85.3", 1, PHASE, 150.0),
        Panel("95", 3, 4.16, 900.0),
        Panel("48", 3, 4.16, 600.0),
    ],
}
WEAK = """Clear
New Circuit.t basekv=12.47 pu=1.03 bus1=src mvasc3=60 mvasc1=50
New Line.l1 bus1=src bus2=a phases=3 r1=.4 x1=.6 r0=.7 x0=1.8 c1=3 c0=2 length=6 units=km
New Line.l2 bus1=a bus2=b phases=3 r1=.6 x1=.5 r0=.9 x0=1.6 c1=3 c0=2 length=5 units=km
New Load.one bus1=b.1 phases=1 kv=7.2 kw=200 kvar=60
New Load.all bus1=b phases=3 kv=12.47 kw=600 kvar=150
Set VoltageBases=[12.47]
"""
WEAK_PANELS = [
    Panel("a", 3, 12.47, 2000.0),
    Panel("b", 3, 12.47, 2500.0),
    Panel("b.1", 1, 12.47 / np.sqrt(3.0), 600.0),
]


def assert_same(path: Path, panels: list[Panel], rule: InverterRule, steps: int = 24) -> Flow:
    """Every step has the taps of OpenDSS, its voltages to 1e-6 pu and what its panels give."""
    theirs = engine_day(path.read_text(), panels, rule, 60, steps)
    feeder, ours = our_day(path, panels, rule, 60, steps)
    assert ours.converged.all()
    assert np.array_equal(ours.tap, theirs.tap.reshape(ours.tap.shape))
    order = [theirs.nodes.index(name) for name in feeder.nodes.name]
    off = np.abs(np.abs(ours.v) - np.abs(theirs.v[:, order])) / feeder.nodes.base_v
    assert off.max() < 1e-6
    rated = np.array([each.kw for each in panels])
    assert (np.abs(ours.given_kw - theirs.p_kw) / rated).max() < 1e-5
    assert (np.abs(ours.given_kvar - theirs.q_kvar) / rated).max() < 1e-5
    assert ours.mismatch_kva.max() < 1e-4
    return ours


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("name", IEEE)
def test_a_day_of_a_feeder_with_panels_is_that_of_opendss(
    name: str, standard: str, data_dir: Path, tmp_path: Path
) -> None:
    path = tmp_path / "day.dss"
    path.write_text(with_meters(f'Redirect "{data_dir / "feeders/ieee" / name}"', IEEE[name]))
    got = assert_same(path, IEEE[name], STANDARDS[standard])
    assert np.abs(got.given_kvar).max() > 5.0


@pytest.mark.parametrize("first", [True, False], ids=["var first", "watt first"])
@pytest.mark.parametrize("standard", STANDARDS)
def test_volt_watt_on_a_weak_feeder_is_that_of_opendss(
    standard: str, first: bool, tmp_path: Path
) -> None:
    path = tmp_path / "day.dss"
    path.write_text(with_meters(WEAK, WEAK_PANELS))
    rule = STANDARDS[standard]._replace(var_first=first)
    got = assert_same(path, WEAK_PANELS, rule, 12)
    _, plain = our_day(path, WEAK_PANELS, rule._replace(volt_watt=None), 60, 12)
    assert (plain.given_kw - got.given_kw).max() > 100.0


@pytest.fixture(scope="module")
def street() -> Feeder:
    return synthetic_feeder.make(5, 12)


def infeed(feeder: Feeder, kva: float, rule: InverterRule, steps: int = 24) -> Infeed:
    """An inverter at every meter, in steps from night to full sun and back."""
    j = len(feeder.meters.name)
    rated, sun = np.full(j, kva), np.sin(np.linspace(0.0, np.pi, steps)).clip(min=0.0)
    available = sun[:, None] * rated
    return Infeed(
        InverterTable(np.arange(j), rated, rated), rule, available, available > 0.05 * kva
    )


def draw(feeder: Feeder, steps: int = 24) -> tuple[np.ndarray, np.ndarray]:
    p = np.full((steps, len(feeder.meters.name)), 0.4)
    return p, 0.3 * p


def meter_pu(feeder: Feeder, flow: Flow) -> np.ndarray:
    """The mean voltage of the phases of every meter (t, j), found row by row."""
    size = np.abs(flow.v) / feeder.nodes.base_v
    found = np.zeros((len(size), len(feeder.meters.name)))
    for meter in range(found.shape[1]):
        rows = feeder.loads.meter == meter
        nodes = {*feeder.loads.from_node[rows].tolist(), *feeder.loads.to_node[rows].tolist()} - {
            -1
        }
        found[:, meter] = size[:, sorted(nodes)].mean(1)
    return found


@pytest.mark.parametrize("kva", [6.0, 30.0, 60.0, 100.0])
@pytest.mark.parametrize("standard", STANDARDS)
def test_what_is_given_is_what_the_curves_say_at_the_voltages_found(
    street: Feeder, standard: str, kva: float
) -> None:
    """Also where all inverters together would drive voltages many times as far back as they were off."""
    rule = STANDARDS[standard]
    own = infeed(street, kva, rule)
    got = open_grid(street).flow(*draw(street), infeed=own)
    assert got.converged.all()
    at = meter_pu(street, got)
    want = given_kw_kvar(own.inverters, rule, at, own.available_kw, own.gives_var)
    assert np.abs(np.array([got.given_kw, got.given_kvar]) - want).max() < 1e-6 * kva
    again = open_grid(street).flow(draw(street)[0] - got.given_kw, draw(street)[1] - got.given_kvar)
    assert np.abs(again.v_pu - got.v_pu).max() < 1e-7
    assert got.p_kw == pytest.approx(draw(street)[0] - got.given_kw)
    assert (np.hypot(got.given_kw, got.given_kvar) < kva * (1 + 1e-6)).all()


def test_one_inverter_is_where_a_bisection_finds_it(tmp_path: Path) -> None:
    """Two buses: |v| from P and Q is a quadratic equation in v^2, and the curves fall, so there is one crossing."""
    path = tmp_path / "two.dss"
    path.write_text(
        "Clear\nNew Circuit.t phases=1 basekv=.24 bus1=s.1 pu=1.03 r1=1e-9 x1=1e-9 r0=1e-9 x0=1e-9\n"
        "New Line.l phases=1 bus1=s.1 bus2=h.1 r1=.12 x1=.08 r0=.12 x0=.08 c1=0 c0=0 length=1\n"
        "New Load.panel0 bus1=h.1 phases=1 kv=.24 kw=0 kvar=0\nSet VoltageBases=[.4157]\nCalcVoltageBases\n"
        f"BatchEdit Load..* {'vminpu=.1 vmaxpu=9 vlowpu=.01'}\nSolve\n"
    )
    panel = [Panel("h.1", 1, 0.24, 60.0)]
    feeder, got = our_day(path, panel, STANDARDS["ieee1547_b"], 60, 13)
    base, own = float(feeder.nodes.base_v.max()), np.array([60.0])
    source = 1.03 * 240.0
    for step, sun in enumerate(np.sin(np.linspace(-0.6, np.pi + 0.6, 13)).clip(min=0)):
        low, high = 0.9, 1.3
        for _ in range(60):
            u = 0.5 * (low + high)
            p, q = given_kw_kvar(
                InverterTable(np.zeros(1, int), own, own),
                STANDARDS["ieee1547_b"],
                np.array([[u]]),
                np.array([[60.0 * sun]]),
                np.ones((1, 1), bool),
            )
            a, b = (
                0.12 * 1e3 * p[0, 0] + 0.08 * 1e3 * q[0, 0],
                0.12 * 1e3 * q[0, 0] - 0.08 * 1e3 * p[0, 0],
            )
            # v = source + z conj(s / v): v^4 - (source^2 + 2 a) v^2 + a^2 + b^2 = 0
            half = 0.5 * source**2 + a
            found = np.sqrt(half + np.sqrt(half**2 - a * a - b * b)) / base
            low, high = (u, high) if found > u else (low, u)
        assert meter_pu(feeder, got)[step, 0] == pytest.approx(low, abs=2e-7)
    assert (got.given_kw[6] < 59.0).all()


def test_without_inverters_no_bit_changes(street: Feeder) -> None:
    grid, none = open_grid(street), np.zeros((24, 0))
    empty = Infeed(
        InverterTable(np.zeros(0, int), np.zeros(0), np.zeros(0)), VAR_ONLY, none, none.astype(bool)
    )
    plain, with_none = grid.flow(*draw(street)), grid.flow(*draw(street), infeed=empty)
    for name in ("v", "p_kw", "q_kvar", "losses_kw", "rounds", "mismatch_kva"):
        assert np.array_equal(getattr(plain, name), getattr(with_none, name))


@pytest.mark.parametrize("standard", STANDARDS)
def test_a_batch_is_its_steps_and_threads_change_nothing(street: Feeder, standard: str) -> None:
    own = infeed(street, 30.0, STANDARDS[standard], 40)
    p, q = draw(street, 40)
    whole = open_grid(street, 1).flow(p, q, infeed=own)
    assert np.array_equal(whole.v, open_grid(street, 3).flow(p, q, infeed=own).v)
    for step in (0, 7, 20, 39):
        one = slice(step, step + 1)
        alone = open_grid(street).flow(
            p[one],
            q[one],
            infeed=own._replace(available_kw=own.available_kw[one], gives_var=own.gives_var[one]),
        )
        assert np.abs(alone.v_pu - whole.v_pu[one]).max() < 1e-7


@pytest.mark.parametrize("kva", [15.0, 30.0, 60.0])
@pytest.mark.parametrize("standard", STANDARDS)
def test_the_worst_bus_is_never_higher_than_at_unity(
    street: Feeder, standard: str, kva: float
) -> None:
    own = infeed(street, kva, STANDARDS[standard])
    p, q = draw(street)
    grid = open_grid(street)
    unity, with_var = grid.flow(p - own.available_kw, q), grid.flow(p, q, infeed=own)
    over = unity.v_pu.max(1) > 1.04
    assert over.any()
    assert (with_var.v_pu.max(1)[over] <= unity.v_pu.max(1)[over] + 1e-9).all()


def test_controls_of_a_regulator_are_asked_when_inverters_are_at_rest(data_dir: Path) -> None:
    """Steps one after another end as a batch of them, state and all."""
    feeder = opendss.read(data_dir / "feeders/ieee/13Bus/IEEE13Nodeckt.dss")
    plain = feeder.loads.dependence
    steady = replace(
        feeder, loads=feeder.loads._replace(dependence=type(plain)(*(c[:0] for c in plain)))
    )
    grid = open_grid(steady, moves_controls=True, step_s=900.0)
    own = infeed(steady, 400.0, STANDARDS["ieee1547_b"], 30)
    share = np.linspace(0.3, 1.0, 30)[:, None]
    p = share * steady.meters.p_kw
    whole, before = grid.flow(p, 0.3 * p, infeed=own), None
    for step in range(30):
        part = own._replace(
            available_kw=own.available_kw[step : step + 1], gives_var=own.gives_var[step : step + 1]
        )
        alone = grid.flow(p[step], 0.3 * p[step], before, part)
        before = alone.after
        assert np.array_equal(alone.tap[0], whole.tap[step])
        assert np.abs(alone.v_pu - whole.v_pu[step]).max() < 1e-6
    assert len(np.unique(whole.tap, axis=0)) > 2


def test_what_cannot_be_is_refused_all_at_once(street: Feeder, data_dir: Path) -> None:
    grid, own = open_grid(street), infeed(street, 5.0, VAR_ONLY)
    p, q = draw(street)
    bad = own._replace(
        inverters=own.inverters._replace(
            meter=np.full(12, 99), rated_kva=np.zeros(12), rated_kw=np.full(12, np.nan)
        ),
        available_kw=np.full((24, 12), -1.0),
    )
    with pytest.raises(InputError) as found:
        grid.flow(p, q, infeed=bad)
    for word in ("meter: got 99", "rated_kva: got 0", "rated_kw: got nan", "available_kw: got -1"):
        assert word in str(found.value)
    with pytest.raises(InputError, match=r"shape \(24, 12\), expected \(3, 12\)"):
        grid.flow(p[:3], q[:3], infeed=own)
    rising = InverterRule(VoltCurve((0.9, 1.1), (-0.4, 0.4)), VoltCurve((1.1, 1.0), (1.0, 1.2)))
    text = "\n".join(str(each) for each in check_rule(rising, "x"))
    assert "do not rise with voltage" in text
    assert "rising ones of 0.5 to 1.5 pu" in text
    assert "shares of 0 to 1" in text
    ieee = opendss.read(data_dir / "feeders/ieee/13Bus/IEEE13Nodeckt.dss")
    with pytest.raises(InputError, match="whose loads move with voltage"):
        open_grid(ieee).flow(
            np.zeros((24, len(ieee.meters.name))),
            np.zeros((24, len(ieee.meters.name))),
            infeed=infeed(ieee, 5.0, VAR_ONLY),
        )
