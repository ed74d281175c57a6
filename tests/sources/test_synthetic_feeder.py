"""The synthetic feeder against OpenDSS on the same network, and the laws of its layout."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.core.feeder import branches
from gridagora.grid import flow, limits
from gridagora.grid.admittance import assemble
from gridagora.sources import opendss, synthetic_feeder
from gridagora.sources.synthetic_feeder import FeederPlan


def script(layout: FeederPlan, p_kw: np.ndarray, q_kvar: np.ndarray) -> str:
    """The plan in the words of OpenDSS."""
    name, z1, z0 = layout.bus_name, *synthetic_feeder.SOURCE_OHM
    out = [
        "Clear",
        f"New Circuit.plan bus1=grid.1.2.3 basekv=69 pu={synthetic_feeder.SOURCE_PU} "
        f"R1={z1.real} X1={z1.imag} R0={z0.real} X0={z0.imag}",
        f"New Transformer.sub phases=3 windings=2 buses=[grid substation] conns=[delta wye] kvs=[69 12.47] ppm=0 "
        f"kvas=[{layout.substation_kva} {layout.substation_kva}] %rs=[0.25 0.25] xhl=8 %noloadloss=0 %imag=0",
    ]
    for i, line in enumerate(layout.lines):
        phases = ".".join(map(str, line.phases))
        r, x = (
            " | ".join(" ".join(repr(float(v)) for v in row) for row in part)
            for part in (line.ohm.real, line.ohm.imag)
        )
        n = len(line.phases)
        out.append(
            f"New Line.l{i} phases={n} bus1={name[line.start]}.{phases} bus2={name[line.end]}.{phases} length=1 units=none "
            f"rmatrix=({r}) xmatrix=({x}) cmatrix=({' | '.join([' '.join(['0'] * n)] * n)})"
        )
    kv, hv = synthetic_feeder.LV_V / 1e3, repr(float(synthetic_feeder.MV_V / 1e3))
    for i, unit in enumerate(layout.transformers):
        low, kva = name[unit.end], unit.tap.kva
        rs = " ".join(repr(100 * r) for r in unit.tap.r)
        out.append(
            f"New Transformer.t{i} phases=1 windings=3 buses=[{name[unit.start]}.{unit.phase} {low}.1.0 {low}.0.2] "
            f"conns=[wye wye wye] kvs=[{hv} {kv} {kv}] kvas=[{kva} {kva} {kva}] %rs=[{rs}] xhl=2.4 xht=2.4 xlt=1.6 "
            f"%noloadloss={100 * unit.tap.core!r} %imag=0 ppm=0"
        )
    for bus, p, q in zip(layout.homes, p_kw, q_kvar, strict=True):
        out.append(
            f"New Load.{name[bus]} phases=1 bus1={name[bus]}.1.2 kv=0.24 kw={float(p)!r} kvar={float(q)!r} "
            "model=1 vminpu=.1 vmaxpu=2"
        )
    out += [
        "Set VoltageBases=[69 12.47 0.208]",
        "CalcVoltageBases",
        "Set Tolerance=1e-12",
        "Set MaxIterations=200",
        "Solve",
    ]
    return "\n".join(out)


@pytest.mark.parametrize(("seed", "homes"), [(1, 30), (2, 130)])
def test_voltages_are_those_of_opendss(tmp_path: Path, seed: int, homes: int) -> None:
    from dss import DSS

    layout, feeder = synthetic_feeder.plan(seed, homes), synthetic_feeder.make(seed, homes)
    p_kw = 1.0 + 4.0 * np.random.Generator(np.random.Philox(seed)).random(homes)
    path = tmp_path / "plan.dss"
    path.write_text(script(layout, p_kw, 0.25 * p_kw))
    engine = DSS.NewContext()
    engine.AllowChangeDir = False
    engine.Text.Command = f'Compile "{path}"'
    circuit = engine.ActiveCircuit
    theirs = dict(
        zip(
            (n.lower() for n in circuit.YNodeOrder),
            np.array(circuit.YNodeVarray).view(complex),
            strict=True,
        )
    )
    ours = flow.solve(feeder, p_kw[None], 0.25 * p_kw[None], 1e-11)
    off_pu = np.abs(ours.v[0] - [theirs[node] for node in feeder.nodes.name]) / feeder.nodes.base_v
    assert off_pu.max() < 1e-7
    assert -circuit.TotalPower[0] == pytest.approx(ours.substation_p_kw[0], rel=1e-6)
    assert circuit.Losses[0] / 1e3 == pytest.approx(ours.losses_kw[0], rel=1e-5)
    read = opendss.read(path)
    again = flow.solve(read, p_kw[None], 0.25 * p_kw[None], 1e-11)
    assert again.losses_kw == pytest.approx(ours.losses_kw, rel=1e-7)


def test_voltages_are_within_the_standard() -> None:
    feeder = synthetic_feeder.make(3, 400)
    rest = np.abs(feeder.nodes.v_no_load) / feeder.nodes.base_v
    assert 1.0 <= rest.min() <= rest.max() <= limits.RANGE_A_PU[1]
    p_kw = np.full((1, 400), 3.0)
    loaded = flow.solve(feeder, p_kw, 0.25 * p_kw)
    assert limits.RANGE_A_PU[0] <= loaded.v_pu.min() < rest.min() - 0.005


@pytest.mark.parametrize("homes", [1, 2, 47, 2600])
def test_the_network_is_one_tree_with_every_home_on_it(homes: int) -> None:
    feeder = synthetic_feeder.make(9, homes)
    assert len(feeder.meters.name) == len(set(feeder.meters.name)) == homes
    assert len(branches(feeder).kind) == len(feeder.buses.name) - 1
    reached = {0}
    for a, b in zip(*(side.tolist() for side in branches(feeder)[:2]), strict=True):
        assert a != b
    links = set(zip(*(side.tolist() for side in branches(feeder)[:2]), strict=True))
    while grown := {b for a, b in links if a in reached} - reached:
        reached |= grown
    assert len(reached) == len(feeder.buses.name)
    assert np.isfinite(feeder.buses.x_m).all()
    assert np.isfinite(feeder.buses.y_m).all()
    assert len(set(zip(feeder.buses.x_m.tolist(), feeder.buses.y_m.tolist(), strict=True))) == len(
        feeder.buses.name
    )


def test_phases_carry_equal_shares() -> None:
    feeder = synthetic_feeder.make(4, 600)
    layout = synthetic_feeder.plan(4, 600)
    fed = {unit.end: unit.phase for unit in layout.transformers}
    homes = np.bincount(
        [fed[line.start] for line in layout.lines if line.end in set(layout.homes)], minlength=4
    )[1:]
    assert homes.sum() == len(feeder.meters.name)
    assert homes.max() - homes.min() <= 6 * synthetic_feeder.POLES_PER_LATERAL


def test_a_seed_is_a_feeder() -> None:
    one, same, other = (
        synthetic_feeder.make(1, 50),
        synthetic_feeder.make(1, 50),
        synthetic_feeder.make(2, 50),
    )
    assert np.array_equal(assemble(one).y.data, assemble(same).y.data)
    assert one.nodes.name == same.nodes.name
    assert not np.array_equal(one.buses.x_m[:5], other.buses.x_m[:5])


@pytest.mark.parametrize("homes", [0, -3, 20_001])
def test_a_number_of_homes_out_of_range_is_a_sentence(homes: int) -> None:
    with pytest.raises(InputError, match="from 1 to 20000") as caught:
        synthetic_feeder.make(1, homes)
    assert caught.value.problems[0].where == "feeder.homes"


def test_clusters_hold_all_homes() -> None:
    for seed, homes in itertools.product(range(3), (1, 5, 33)):
        layout = synthetic_feeder.plan(seed, homes)
        per_unit = [
            sum(line.start == unit.end for line in layout.lines) for unit in layout.transformers
        ]
        assert sum(per_unit) == homes
        assert max(per_unit) <= 6
