"""Components read from OpenDSS: their sum is its matrix, their columns its figures, a moved tap its matrix of that tap."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_matrix

from gridagora.core.components import block_of, series_ohm, tap_of, with_block
from gridagora.core.errors import InputError, PartError
from gridagora.core.feeder import Feeder, held_taps, hold_taps
from gridagora.grid import flow
from gridagora.grid.admittance import assemble
from gridagora.sources import opendss

network = import_module(
    "gridagora.sources.opendss.network"
)  # its own name is that of a function of the package
AUSTIN = "smartds_austin/substations/p1uhs23_1247/p1uhs23_1247--p1udt21301/Master.dss"
FEEDERS = (
    "ieee/13Bus/IEEE13Nodeckt.dss",
    "ieee/34Bus/ieee34Mod1.dss",
    "ieee/37Bus/ieee37.dss",
    "ieee/123Bus/IEEE123Master.dss",
    "ieee/4Bus-DY-Bal/4Bus-DY-Bal.DSS",
    "ieee/4Bus-YY-Bal/4Bus-YY-Bal.DSS",
    "epri_ckt5/Master_ckt5.dss",
    AUSTIN,
)
TAPS = {
    "ieee/13Bus/IEEE13Nodeckt.dss": {"reg1": 10, "reg2": -3, "reg3": 16},
    "ieee/123Bus/IEEE123Master.dss": {"creg1a": -7, "creg2a": 5, "creg4c": 0},
    "ieee/37Bus/ieee37.dss": {"creg1a": 14, "creg1c": 3},
}
SAME = 1e-9


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[tuple[str, ...], Any, Any]]:
    """The engine's own matrix and source currents of the feeder that was read last, as the oracle."""
    kept: dict[str, Any] = {}

    def spy(engine: Any) -> Any:
        found = network.network(engine)
        names = tuple(name.lower() for name in engine.ActiveCircuit.YNodeOrder)
        entry, row, start = engine.YMatrix.GetCompressedYMatrix()
        m = len(names)
        current = np.array(engine.YMatrix.getI(), float).view(complex)[1 : m + 1].copy()
        kept["last"] = names, csc_matrix((entry, row, start), shape=(m, m)), current
        return found

    monkeypatch.setattr(opendss, "network", spy)
    return lambda: kept["last"]


def off(feeder: Feeder, oracle: tuple[tuple[str, ...], Any, Any]) -> float:
    """Largest difference of the assembled matrix from the oracle's, over the geometric mean of the two diagonals' rows."""
    names, whole, current = oracle
    at = {name: row for row, name in enumerate(names)}
    rows = np.array([at[name] for name in feeder.nodes.name])
    exact = whole[rows][:, rows]
    built = assemble(feeder)
    scale = np.sqrt(abs(exact).max(axis=0).toarray().ravel())
    apart = abs(exact - built.y).tocoo()
    assert np.abs(built.source_i - current[rows]).max() <= SAME * np.abs(current).max()
    return float((apart.data / (scale[apart.row] * scale[apart.col])).max(initial=0.0))


@pytest.mark.parametrize("master", FEEDERS)
def test_components_add_up_to_the_matrix_of_opendss(
    data_dir: Path, frozen: Any, master: str
) -> None:
    feeder = opendss.read(data_dir / "feeders" / master)
    assert off(feeder, frozen()) < SAME
    assert (
        np.abs(assemble(feeder).v_no_load - feeder.nodes.v_no_load).max()
        < SAME * feeder.nodes.base_v.max()
    )


def test_the_sum_follows_the_script_to_the_last_bit(data_dir: Path, frozen: Any) -> None:
    """Sources are a million times what lines are: the last digit of a sum is 1e-8 of a voltage."""
    feeder = opendss.read(data_dir / "feeders" / AUSTIN)
    names, whole, _ = frozen()
    assert feeder.nodes.name == names
    built = assemble(feeder).y
    whole.sort_indices()
    assert np.array_equal(built.indices, whole.indices)
    assert np.array_equal(built.data, whole.data)


@pytest.mark.parametrize("master", TAPS)
def test_a_moved_tap_is_the_matrix_that_opendss_has_at_it(
    data_dir: Path, frozen: Any, master: str
) -> None:
    taps = TAPS[master]
    moved = hold_taps(opendss.read(data_dir / "feeders" / master), taps)
    theirs = opendss.read(data_dir / "feeders" / master, taps=taps)
    # of a winding that has an earth what stands against floating is not known, and moves with its turns here
    assert off(moved, frozen()) < 1e-8
    assert held_taps(moved) == held_taps(theirs)
    assert moved.transformers.windings.tap == pytest.approx(
        theirs.transformers.windings.tap, rel=1e-12
    )
    q_kvar = np.bincount(moved.loads.meter, moved.loads.q_kvar)
    got, want = (flow.solve(f, f.meters.p_kw[None], q_kvar[None], 1e-12) for f in (moved, theirs))
    assert np.abs(got.v_pu - want.v_pu).max() < 2e-8


def test_taps_are_refused_by_name(data_dir: Path) -> None:
    feeder = opendss.read(data_dir / "feeders" / FEEDERS[0])
    with pytest.raises(InputError) as caught:
        hold_taps(feeder, {"reg1": 17, "regg2": 1})
    assert [problem.where for problem in caught.value.problems] == ["taps.reg1", "taps.regg2"]
    assert "-16 to 16" in str(caught.value)


def test_columns_are_the_figures_of_the_script(data_dir: Path) -> None:
    feeder = opendss.read(data_dir / "feeders" / FEEDERS[0])
    lines, units, banks = feeder.lines, feeder.transformers, feeder.capacitors
    assert lines.phases[lines.name.index("650632")] == 3
    assert lines.length_m[lines.name.index("650632")] == pytest.approx(2000 * 0.3048)
    assert units.kva[units.name.index("sub")] == 5000.0
    assert units.phases[units.name.index("xfm1")] == 3
    assert units.x_share[units.name.index("sub"), 0] == pytest.approx(
        8e-5
    )  # "XHL=(8 1000 /)", per cent
    assert banks.kvar.tolist() == [600.0, 100.0]
    assert banks.steps_on.tolist() == [1, 1]
    regulators = feeder.regulators
    assert regulators.set_v.tolist() == [122.0] * 3
    assert regulators.voltage_ratio.tolist() == [20.0] * 3
    for row in range(3):
        own = np.flatnonzero(units.windings.transformer == regulators.transformer[row])
        at = int(own[regulators.winding[row]])
        assert units.windings.tap[at] == pytest.approx(
            tap_of(units.windings, at, int(regulators.tap_number[row]))
        )
    assert set(feeder.loads.model.tolist()) == {1, 2, 5}


def test_the_impedance_of_a_line_is_that_of_its_code(data_dir: Path) -> None:
    """Configuration 601 of the IEEE 13 node feeder, in ohms a mile, over 2000 feet."""
    feeder = opendss.read(data_dir / "feeders" / FEEDERS[0])
    ohm = series_ohm(feeder.lines, feeder.lines.name.index("650632")) / (2000 / 5280)
    assert ohm[0, 0] == pytest.approx(0.3465 + 1.0179j, abs=1e-3)
    assert ohm[0, 1] == pytest.approx(0.1560 + 0.5017j, abs=1e-3)


def test_austin_has_ratings(data_dir: Path) -> None:
    feeder = opendss.read(data_dir / "feeders" / AUSTIN)
    assert np.isfinite(feeder.lines.rating_a).all()
    assert set(feeder.transformers.kva.tolist()) >= {25.0, 50.0}
    assert len(feeder.lines.name) == 421
    assert len(feeder.transformers.name) == 54


def test_a_line_made_stronger_holds_the_voltage_up(data_dir: Path) -> None:
    feeder = opendss.read(data_dir / "feeders" / FEEDERS[0])
    row = feeder.lines.name.index("650632")
    _, y = block_of(feeder.lines.blocks, row)
    blocks = with_block(feeder.lines.blocks, row, 10 * y)
    strong = replace(feeder, lines=feeder.lines._replace(blocks=blocks))
    p_kw, q_kvar = (
        feeder.meters.p_kw[None],
        np.bincount(feeder.loads.meter, feeder.loads.q_kvar)[None],
    )
    far = feeder.nodes.name.index("671.1")
    assert (
        flow.solve(strong, p_kw, q_kvar).v_pu[0, far]
        > flow.solve(feeder, p_kw, q_kvar).v_pu[0, far]
    )
    with pytest.raises(PartError, match="expected finite entries of"):
        with_block(feeder.lines.blocks, row, y[:2, :2])


def test_what_does_not_add_up_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "master.dss"
    path.write_text(
        "Clear\nNew Circuit.small bus1=src basekv=12.47 pu=1.0\n"
        "New Line.a bus1=src bus2=mid phases=3 r1=.1 x1=.2 r0=.3 x0=.6 c1=0 c0=0 length=1\n"
        "New Reactor.r bus1=mid phases=3 R=100 X=100\nNew Load.x bus1=mid kv=12.47 kw=10\n"
        "Set VoltageBases=[12.47]\nCalcVoltageBases\n"
    )
    assert opendss.read(path).others.kind == ("reactor",)
    monkeypatch.setattr(network, "NO_NETWORK", (*network.NO_NETWORK, "reactor"))
    with pytest.raises(InputError, match="elements that do not add up to OpenDSS' own matrix"):
        opendss.read(path)


@pytest.mark.parametrize("connection", ["wye", "delta"])
@pytest.mark.parametrize("states", ["1 0 0", "0 1 1", "1 1 1"])
def test_steps_of_a_bank_give_their_rating(tmp_path: Path, connection: str, states: str) -> None:
    """OpenDSS counts steps of a delta more than once: 200 kvar for 2 of 3 steps of 100 kvar, and it gives 300."""
    path = tmp_path / "bank.dss"
    path.write_text(
        "Clear\nNew Circuit.t basekv=12.47 bus1=s\nNew Load.l bus1=s kv=12.47 kw=10\n"
        f"New Capacitor.k bus1=s phases=3 kv=12.47 conn={connection} numsteps=3 kvar=[100 150 200] states=[{states}]\n"
        "Set VoltageBases=[12.47]\nCalcVoltageBases\nSolve\n"
    )
    feeder = opendss.read(path)
    want = states.count("1") * 100
    v = 12470 / np.sqrt(3) * np.exp(-2j * np.pi / 3 * np.arange(3))
    for blocks, kvar in ((feeder.capacitors.blocks, want), (feeder.capacitors.full, 300)):
        y = block_of(blocks, 0)[1][:3, :3]
        assert (v @ np.conj(y @ v)).imag / 1e3 == pytest.approx(-kvar, rel=1e-9)
    assert any("delta of 3 steps" in note for note in feeder.notes) == (connection == "delta")
