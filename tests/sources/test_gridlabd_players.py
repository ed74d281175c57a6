"""Players of GridLAB-D models: loads follow them by the hour of the year, the rest stands as at the start of the run."""

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.files.glm import list_glm_files
from gridagora.scenario import build
from gridagora.sources.gridlabd import describe_classes, read

HEAD = """clock { timezone PST+8PDT; starttime '2001-01-01 00:00:00'; stoptime '2001-01-03 00:00:00'; }
object node { name s; phases ABCN; bustype SWING; nominal_voltage 7200; }
"""
LOAD = "object load {{ name c; parent s; phases ABCN; nominal_voltage 7200; {} }}\n"
PLAYER = "object player {{ property {}; file p.player; {} }};"
YEAR_H = 8760


@pytest.fixture
def feeder(tmp_path):
    def made(inside, lines="", *, strict=False, after=""):
        path = tmp_path / "m.glm"
        path.write_text(HEAD + LOAD.format(inside) + after, encoding="utf-8")
        (tmp_path / "p.player").write_text(lines, encoding="utf-8")
        return read(path, strict=strict)

    return made


def by_hour(feeder, name="c"):
    at = feeder.meters.name.index(name)
    return feeder.meters.p_kw[at] * feeder.shape_share[feeder.meters.shape[at]]


def test_a_load_follows_its_player_by_the_hour_of_the_year(feeder):
    """Before the first line the model's own value, within an hour the mean, after the last line the last value."""
    lines = "2001-01-01 02:00:00,3000+600j\n+30m,5000+1000j\n2001-02-01 00:00:00,-2500-500j\n"
    found = feeder("constant_power_A 1000+200j; " + PLAYER.format("constant_power_A", ""), lines)
    expected = np.full(YEAR_H, 5.0)
    expected[:2], expected[2], expected[31 * 24 :] = 1.0, 4.0, -2.5
    assert np.allclose(by_hour(found), expected, rtol=1e-12)
    assert found.meters.p_kw[0] == 5.0  # its largest
    (row,) = found.loads.q_kvar
    assert row == pytest.approx(1.0)
    told = " ".join(found.notes)
    assert "moves within an hour" in told
    assert "from 2001-01-01 02:00:00 to 2001-02-01 00:00:00" in told
    assert "power factor" not in told


def test_a_year_by_the_hour_is_read_strictly(feeder):
    value = 1000 + np.arange(YEAR_H)
    rows = [f"2001-01-01 00:00:00,{value[0]}", *(f"+1h,{kw}" for kw in value[1:])]
    found = feeder(PLAYER.format("constant_power_A", ""), "\n".join(rows), strict=True)
    assert np.allclose(by_hour(found), 1e-3 * value)


def test_hours_of_another_year_than_that_of_the_clock_are_to_come(feeder):
    inside = "constant_power_A 500; " + PLAYER.format("constant_power_A", "")
    found = feeder(inside, "2004-01-01 00:00:00,9000\n2005-01-01 00:00:00,1\n")
    assert set(by_hour(found)) == {0.5}
    assert found.meters.p_kw[0] == 0.5


def test_a_leap_year_of_the_clock_has_no_29_february_here(tmp_path):
    path = tmp_path / "m.glm"
    head = HEAD.replace("2001", "2004")
    path.write_text(head + LOAD.format(PLAYER.format("constant_power_A", "")), encoding="utf-8")
    rows = "2004-01-01 00:00:00,1000\n2004-02-29 00:00:00,7000\n2004-03-01 00:00:00,2000\n"
    (tmp_path / "p.player").write_text(rows, encoding="utf-8")
    found = by_hour(read(path))
    assert set(found[: 59 * 24]) == {1.0} and set(found[59 * 24 :]) == {2.0}


def test_a_day_in_a_loop_fills_the_year(feeder):
    lines = "2001-01-01 00:00:00,1000\n+12h,3000\n+12h,1000\n"
    found = by_hour(feeder(PLAYER.format("constant_power_A", "loop 999"), lines))
    assert np.allclose(found.reshape(-1, 24), np.repeat([1.0, 3.0], 12))


def test_phases_that_play_apart_are_meters_of_their_own(feeder):
    inside = "constant_power_A 1; constant_power_B 1000; constant_power_C 1;"
    player = PLAYER.format("constant_power_A", "") + PLAYER.format("constant_power_C", "")
    found = feeder(inside + player, "2001-01-01 00:00:00,1000\n2001-01-02 00:00:00,2000\n")
    assert found.meters.name == ("c.1", "c.2", "c.3")
    assert found.meters.shape.tolist() == [0, -1, 0]
    assert np.allclose(by_hour(found, "c.3")[:48].reshape(2, 24), [[1.0], [2.0]])


def test_half_of_a_number_is_played(feeder):
    found = feeder(
        "constant_power_A 4000+3000j; " + PLAYER.format("constant_power_A.real", ""),
        "2001-01-01 00:00:00,5000\n",
    )
    assert by_hour(found)[0] == 5.0
    assert found.loads.q_kvar[0] == 3.0
    assert "at several power factors" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("said", "watts"),
    [
        ("base_power_A p.value*2; power_fraction_A 1; power_pf_A 0.9;", [0, 1800, 3600]),
        ("constant_power_A p.value*2+500;", [500, 2500, 4500]),
        ("constant_power_A p.value - 500;", [-500, 500, 1500]),
    ],
)
def test_a_load_follows_a_player_that_its_property_names(feeder, said, watts):
    """Of a player without parent; before its first line it plays nought."""
    after = "class player { double value; }\nobject player { name p; file p.player; }\n"
    found = feeder(said, "2001-01-01 01:00:00,1000\n2001-01-01 02:00:00,2000\n", after=after)
    assert np.allclose(by_hour(found)[:3], 1e-3 * np.array(watts))
    (note,) = found.notes
    assert "from 2001-01-01 01:00:00" in note


def test_halves_that_name_a_player_stand_as_at_the_start(feeder):
    said = "constant_power_A_real p.value*2; constant_power_A_reac p.value*1;"
    found = feeder(
        said, "2001-01-01 00:00:00,1000\n", after="object player { name p; file p.player; }\n"
    )
    assert found.meters.p_kw[0] == 2.0
    assert found.loads.q_kvar[0] == 1.0
    assert any("as at the start of the run" in note for note in found.notes)


@pytest.mark.parametrize(
    ("inside", "key", "lines", "drawn"),
    [
        ("constant_current_A 1;", "constant_power_A", "2001-01-01 00:00:00,2800\n+1h,9\n", 10.0),
        ("", "constant_current_A", "2000-01-01 00:00:00,1\n2001-01-01 00:00:00,2\n+1h,3\n", 14.4),
        ("constant_impedance_A 5184+0j;", "constant_impedance_A", "2001-01-02 00:00:00,9\n", 10.0),
    ],
)
def test_what_no_table_holds_stands_as_at_the_start(feeder, inside, key, lines, drawn):
    found = feeder(f"{inside} {PLAYER.format(key, '')}", lines)
    assert found.meters.p_kw[0] == pytest.approx(drawn)
    assert not found.shape_share
    (note,) = found.notes
    assert f"m.glm line 3, player player:1: got {key} of c" in note
    with pytest.raises(InputError, match=f"got {key} of c"):
        feeder(f"{inside} {PLAYER.format(key, '')}", lines, strict=True)


def test_a_switch_stands_as_at_the_start(feeder):
    after = (
        "object switch { name w; phases ABCN; from s; to n; status OPEN; }\n"
        "object player { parent w; property status; file p.player; }\n"
        "object load { name d; phases ABCN; nominal_voltage 7200; constant_power_A 1; }\n"
    )
    lines = "2000-12-31 00:00:00,CLOSED\n2001-01-02 00:00:00,OPEN\n"
    found = feeder("constant_power_A 9;", lines, after=after.replace("to n", "to d"))
    assert "d" in found.meters.name
    assert any("It has CLOSED as at the start of the run" in note for note in found.notes)


@pytest.mark.parametrize(
    ("player", "lines", "told"),
    [
        (PLAYER.format("constant_power_A", ""), "+1h,5\n", r"got '\+1h' in the first line"),
        ("object player { property constant_power_A; file no.player; }", "", "file 'no.player'"),
        ("object player { file p.player; }", "", "got no property"),
        ("object player { property constant_power_A; flie p.player; }", "", "got flie p.player"),
        (PLAYER.format("constant_power_A", "") * 2, "2001-01-01 00:00:00,5\n", "which another one plays"),
    ],
)  # fmt: skip
def test_a_player_that_plays_nothing_is_told(feeder, player, lines, told):
    with pytest.raises(InputError, match=told):
        feeder("constant_power_A 1000;" + player, lines, strict=True)
    assert feeder("constant_power_A 1000;" + player, lines).meters.p_kw[0] in (1.0, 0.005, 1)


def test_a_player_of_a_class_that_is_left_out_is_left_out(feeder, tmp_path):
    after = "object auction { name m; object player { property bid; file p.player; }; }\n"
    found = feeder("constant_power_A 1000;", "2001-01-01 00:00:00,5\n", after=after)
    assert any("a auction that it plays to" in note for note in found.notes)
    assert describe_classes(tmp_path / "m.glm")["class player"].startswith("1 read, 0 converted")


def test_values_with_units_are_not_taken_for_their_number(feeder):
    """GridLAB-D takes '2 kVA' for 2 VA."""
    inside = "constant_power_A 1000; " + PLAYER.format("constant_power_A", "")
    with pytest.raises(InputError, match="numbers without unit"):
        feeder(inside, "2001-01-01 00:00:00,2 kVA\n", strict=True)


def test_a_load_that_is_no_home_follows_its_player_in_a_run(tmp_path):
    """A scenario of the second of January reads its hours; the file of the player is one of its inputs."""
    homes = "object load {{ name h{0}; parent s; phases ABCN; constant_power_{1} 3000; groupid residential; }}\n"
    inside = PLAYER.format("constant_power_A", "")
    text = HEAD.replace("7200", "120") + LOAD.replace("7200", "120").format(inside)
    text += homes.format(1, "B") + homes.format(2, "C")
    (tmp_path / "m.glm").write_text(text, encoding="utf-8")
    rows = [f"2001-01-0{day} 00:00:00,{100e3 * day}" for day in (1, 2, 3)]
    (tmp_path / "p.player").write_text("\n".join(rows), encoding="utf-8")
    scenario = tmp_path / "s.toml"
    scenario.write_text(
        "[scenario]\nstart = 2024-01-02\ndays = 1\n[feeder]\nsource = 'gridlabd'\nfile = 'm.glm'\n[homes]\ncount = 2\n"
    )
    scene = build.load(scenario)
    at = scene.feeder.meters.name.index("c")
    assert not scene.feeder.meters.is_home[at]
    assert np.allclose(scene.other_kw[:24, at], 200.0)
    assert (tmp_path / "p.player").resolve() in list_glm_files(tmp_path / "m.glm")


def test_a_line_that_goes_back_in_time_is_told(feeder):
    lines = "2001-01-02 12:00:00,20000\n2001-01-01 06:00:00,30000\n"
    (note,) = (
        one
        for one in feeder(PLAYER.format("constant_power_A", ""), lines).notes
        if "before that" in one
    )
    assert "line 2, expected lines in the order of time" in note
