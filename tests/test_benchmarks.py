"""Laws of the benchmark's own code, without any other program: ratios, JSON, table, figure, arguments, and the twin scene."""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import homes, peer, picture, row, twin
from benchmarks.setting import Site, absent
from benchmarks.sides import clearing, gridlabd, opendss, power_grid_model, solvers, whole_run
from gridagora.run.compare import prepare
from gridagora.sources.opendss import read

RACE = row.Row(
    "b",
    "a case",
    "Peer 1.0",
    "order",
    100.0,
    10.0,
    ((1.0, 2.0), (1.0, 4.0), (2.0, 2.0)),
    asked=15.0,
)
GONE = absent("b", "a case", "Peer", "order", "it is not in peers")


def test_a_ratio_is_work_over_cpu_seconds_on_both_sides_and_its_middle_is_the_median():
    assert row.ratios(RACE) == [10.0, 20.0, 40.0]
    assert row.ratio(RACE) == 20.0
    assert row.ratio(GONE) is None


def test_a_ratio_does_not_know_the_order_of_repeats_nor_the_unit_of_work():
    turned = RACE._replace(pairs=RACE.pairs[::-1], ours=1e3 * RACE.ours, theirs=1e3 * RACE.theirs)
    assert row.ratios(turned) == pytest.approx(row.ratios(RACE))


@pytest.mark.parametrize(
    "bad", [{"pairs": ((0.0, 1.0),)}, {"pairs": ((1.0, 0.0),)}, {"ours": 0.0}, {"theirs": -1.0}]
)
def test_no_time_or_no_work_gives_no_ratio(bad):
    with pytest.raises(ValueError, match="above zero"):
        row.ratios(RACE._replace(**bad))


def test_both_sides_are_measured_in_turn():
    seen = []
    pairs = row.alternate(
        lambda: seen.append("ours") or 1.0, lambda: seen.append("theirs") or 2.0, 2
    )
    assert pairs == ((1.0, 2.0), (1.0, 2.0))
    assert seen == ["ours", "theirs"] * 2


def test_json_holds_every_row_with_its_ratio_and_every_repeat():
    whole = json.loads(row.to_json([RACE, GONE], {"date": "today"}))
    assert whole["schema"] == row.SCHEMA
    assert whole["machine"] == {"date": "today"}
    first, second = whole["rows"]
    assert set(first) == set(second) == {*row.Row._fields, "ratio", "ratio_low", "ratio_high"}
    assert (first["ratio"], first["ratio_low"], first["ratio_high"]) == (20.0, 10.0, 40.0)
    assert first["pairs"] == [[1.0, 2.0], [1.0, 4.0], [2.0, 2.0]]
    assert second["ratio"] is None
    assert second["missing"] == "it is not in peers"


def test_the_table_has_a_line_for_each_row_and_says_why_one_did_not_run():
    lines = row.table([RACE._replace(accuracy="a|b", conditions="one thread"), GONE]).splitlines()
    assert {line.count("|") for line in lines[:4]} == {len(row.HEADS) + 1}
    assert "20x (10x to 40x)" in lines[2]
    assert "a/b" in lines[2]
    assert "not run: it is not in peers" in lines[3]
    assert lines[-1] == "- **b**, CPU of one order: one thread."


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.0, "2 s"), (0.0025, "2.5 ms"), (3.2e-6, "3.2 us"), (4e-9, "4 ns"), (5e-11, "0.05 ns")],
)
def test_seconds_are_told_in_a_unit_that_suits_them(value, text):
    assert row.seconds(value) == text


def test_the_figure_is_one_drawing_with_a_text_alternative_and_a_bar_for_each_ratio():
    drawn = ET.fromstring(picture.svg([RACE, GONE], "Title & more"))
    space = {"s": "http://www.w3.org/2000/svg"}
    assert drawn.find("s:title", space).text == "Title & more"
    assert "Peer 1.0: 20x" in drawn.find("s:desc", space).text
    bars = [bar for bar in drawn.findall("s:rect", space) if bar.get("fill") == picture.BAR]
    marks = [line for line in drawn.findall("s:line", space) if line.get("stroke") == picture.MARK]
    assert len(bars) == len(marks) == 1
    left, width = float(bars[0].get("x")), float(bars[0].get("width"))
    assert left < float(marks[0].get("x1")) < left + width  # 15x lies between 10x and 40x
    assert "not run" in "".join(drawn.itertext())


def test_an_unknown_name_is_told_with_the_nearest_and_nothing_is_measured(capsys, monkeypatch):
    monkeypatch.setattr(command, "measure", lambda *_: pytest.fail("measured"))
    assert command.main(["--only", "opends,limits,abc"]) == command.WRONG
    told = capsys.readouterr().err
    assert "got 'opends', expected one of" in told
    assert "did you mean opendss?" in told
    assert "got 'abc'" in told
    assert command.main(["--only", ","]) == command.WRONG


def test_arguments_that_cannot_be_meant_are_told_all_at_once(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(command, "measure", lambda *_: pytest.fail("measured"))
    nowhere = tmp_path / "none"
    asked = ["--repeats", "0", "--json", str(nowhere / "rows.json"), "--peers", str(nowhere)]
    assert command.main(asked) == command.WRONG
    told = capsys.readouterr().err
    assert told.count("\n") == 3
    assert "--repeats: got 0" in told
    assert "make it first" in told
    assert f"install {nowhere}" in told


def test_a_run_writes_json_page_and_figure_and_ends_well_only_with_a_ratio(
    capsys, monkeypatch, tmp_path
):
    monkeypatch.setattr(command, "measure", lambda *_: [RACE, GONE])
    files = ["--json", str(tmp_path / "rows.json"), "--page", str(tmp_path / "page.md")]
    assert command.main(files) == 0
    assert "20x" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "rows.json").read_text())["rows"]) == 2
    assert (tmp_path / "page.md").read_text().startswith("Measured: date ")
    ET.parse(tmp_path / "page.svg")
    monkeypatch.setattr(command, "measure", lambda *_: [GONE])
    assert command.main([]) == command.EMPTY


def test_every_benchmark_has_its_file_and_every_peer_its_script():
    folder = Path(command.__file__).parent
    assert {path.stem for path in (folder / "sides").glob("*.py")} - {"__init__"} == set(
        command.SIDES
    )
    assert {path.stem for path in (folder / "peers").glob("*.py")} == {
        f"run_{name}" for name in peer.PEERS
    }


@pytest.mark.parametrize(
    "side", [gridlabd, opendss, power_grid_model, solvers, clearing, whole_run]
)
def test_a_peer_that_is_not_there_gives_rows_that_say_so(side, tmp_path):
    for site in (Site(None, None), Site(tmp_path, None)):
        found = side.run(site)
        assert found
        for each in found:
            assert not each.pairs
            assert "FOLDER" in each.missing or "installs it" in each.missing


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Return a peer whose interpreter is ours, and a way to give it a script."""
    (tmp_path / "gridlabd" / "bin").mkdir(parents=True)
    (tmp_path / "gridlabd" / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(peer, "SCRIPTS", tmp_path)

    def run(text, **work):
        (tmp_path / "script.py").write_text(
            f"import json, os, sys\nwork = json.load(open(sys.argv[1]))\n{text}\n"
        )
        return peer.run(tmp_path, "gridlabd", "script.py", work)

    return run


def test_a_peer_gets_its_work_and_answers_with_its_last_line_on_one_thread_without_our_path(fake):
    text = (
        "print('noise')\n"
        "print(json.dumps({'a': [work['n'], os.environ['OMP_NUM_THREADS'], 'PYTHONPATH' in os.environ]}))"
    )
    assert fake(text, n=3) == {"a": [3, "1", False]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raise SystemExit('the engine stopped')", "ended with 1: the engine stopped"),
        ("print('hello')", "answered no JSON: 'hello'"),
    ],
)
def test_a_peer_that_fails_is_told_in_a_sentence(fake, text, told):
    with pytest.raises(peer.PeerError, match=told):
        fake(text)


def test_a_failed_install_is_told_by_name(monkeypatch, tmp_path):
    class Done:
        returncode, stderr = 1, "noise\nERROR: no such version\n"

    monkeypatch.setattr(peer.subprocess, "run", lambda *_, **__: Done)
    assert peer.install(tmp_path, ["tesp"]) == {"tesp": "ERROR: no such version"}


def test_orders_clear_where_two_of_them_meet():
    """One buys 2 kW at up to 0.2, one sells 1 kW from 0.1, one sells 3 kW from 0.3: 1 kW is traded between 0.1 and 0.2."""
    price, taken = clearing.uniform(
        clearing.as_curves(np.array([-2.0, 1.0, 3.0]), np.array([0.2, 0.1, 0.3]))
    )
    assert 0.1 <= price <= 0.2
    assert taken == pytest.approx([1.0, -1.0, 0.0])


def test_the_drops_have_the_impedance_of_carsons_equations():
    """Kron's reduction of equal conductors: z11 - z12 is the loop of two wires, r + j 0.12134 ln(D12 / GMR) ohm/mile, less the
    difference of their couplings with the neutral, nil by symmetry.
    """
    z = twin.triplex_ohm_mile()
    apart_ft = (0.368 + 2 * 0.08) / 12
    assert z == pytest.approx(z.T)
    assert z[0, 0] - z[0, 1] == pytest.approx(
        0.57 + 0.1213422j * np.log(apart_ft / 0.0111), rel=1e-6
    )


def test_the_twin_scene_gives_every_home_a_meter_and_its_heat(tmp_path):
    drawn = homes.draw(7)
    sky = np.column_stack(
        [np.linspace(70, 100, 49), *np.random.default_rng(1).uniform(0, 20, (4, 49))]
    )
    scene = twin.scene(drawn, sky, tmp_path, 1)
    assert len(set(scene.home_meter.tolist())) == 7
    unit = scene.homes.owned["hvac"]
    ua, t_out = unit.ua_kw_k[:, None], (sky[:, 0] - 32) / 1.8
    assert unit.q_air_kw - unit.q_mass_kw == pytest.approx(
        ua * t_out
    )  # gains are halved, the wall meets the air alone
    assert unit.ua_kw_k == pytest.approx(twin.shells(drawn)[:, 0])


def test_the_same_seed_draws_the_same_homes():
    assert homes.draw(5) == homes.draw(9)[:5]
    assert homes.draw(5) != homes.draw(5, seed=2)


def test_the_tree_has_a_meter_on_every_phase_of_every_node_but_the_source(tmp_path):
    parent, ohm = power_grid_model.tree(12, 3)
    assert all(0 <= above < i for i, above in enumerate(parent) if i)
    (tmp_path / "tree.dss").write_text(power_grid_model.script(parent, ohm))
    assert len(read(tmp_path / "tree.dss").meters.name) == 3 * 11


def test_a_ratio_below_one_is_drawn_inside_the_figure():
    slow = RACE._replace(ours=1.0, theirs=100.0, asked=None)  # 0.001x to 0.004x
    drawn = ET.fromstring(picture.svg([slow], "Slow"))
    bars = [
        bar
        for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")
        if bar.get("fill") == picture.BAR
    ]
    assert picture.LEFT - 2 <= float(bars[0].get("x")) < picture.WIDTH - picture.RIGHT


def test_a_simulator_that_did_what_ours_does_is_nowhere_apart_and_a_kelvin_is_told_as_one(tmp_path):
    drawn = homes.draw(5)
    sky = np.column_stack([np.full(49, 95.0), np.full((49, 4), 10.0)])
    scene = twin.scene(drawn, sky, tmp_path, 1)
    ran, seen = gridlabd.settle([(scene, prepare(scene))], "flat")[0]
    column = ran.track.recorder.column
    warmer_k = 1.0
    told = {
        "air": ((np.asarray(column("t_air_degc")) - warmer_k) * 1.8 + 32).T,
        "hvac": np.repeat(np.asarray(column("hvac_kw")).T, 5, 0),
        "heater": np.repeat(np.asarray(column("water_heater_kw")).T, 5, 0) / 1.02,
        "head": 1e3 * np.repeat(np.asarray(seen.network.source_kw)[:, None], 5, 0),
        "volt": 240 * np.asarray(seen.network.home_v_pu).T,
    }
    apart = gridlabd.compare(told, ran, seen)
    assert apart["air_fleet_k"] == pytest.approx(warmer_k)
    assert apart["air_home_k"] == pytest.approx(warmer_k)
    assert apart["tank_share"] == pytest.approx(0.02)
    rest = {
        name: value
        for name, value in apart.items()
        if name in ("hvac_share", "head_share", "volt_mean_pu")
    }
    assert rest == pytest.approx(dict.fromkeys(rest, 0.0), abs=1e-12)
    assert "indoor air of the fleet 1.000 K rms" in gridlabd.describe(apart)
