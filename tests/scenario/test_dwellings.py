"""Homes on the meters of a feeder: several on one, fewer than places, and what everybody else draws meanwhile."""

from pathlib import Path

import numpy as np
import pytest

from gridagora.core.errors import InputError
from gridagora.run import compare as runs
from gridagora.scenario import build, describe, dwellings, read

FEEDER = (
    "Clear\nNew Circuit.small basekv=12.47 pu=1.02 phases=3 bus1=src mvasc3=500 mvasc1=500\n"
    "New Line.l1 bus1=src bus2=a phases=3 r1=0.3 x1=0.6 r0=0.7 x0=1.9 c1=0 c0=0 length=1\n"
    "New Transformer.t phases=1 windings=3 xhl=2 xht=2 xlt=1.4 buses=[a.1 h.1.0 h.0.2] kvs=[7.2 .12 .12] kvas=[50 50 50]\n"
    "New Loadshape.day npts=96 minterval=15 mult=({})\n".format(
        " ".join(str(0.1 + 0.4 * (at // 4 == 7)) for at in range(96))
    )
    + "New Load.block bus1=h.1.2 phases=1 kv=.24 kw=12 numcust=4\nNew Load.x1 bus1=h.1 phases=1 kv=.12 kw=3\n"
    "New Load.x2 bus1=h.2 phases=1 kv=.12 kw=2\nNew Load.own bus1=h.1.2 phases=1 kv=.24 kw=5 daily=day\n"
    "New Load.mill bus1=a phases=3 kv=12.47 kw=100\nNew Load.roof bus1=h.1.2 phases=1 kv=.24 kw=-4\n"
    "Set VoltageBases=[12.47 0.208]\nCalcVoltageBases\nSolve\n"
)
SCENARIO = '[scenario]\ndays = 1\narchitectures = ["flat"]\n[feeder]\nsource = "opendss"\nfile = "Master.dss"\n[homes]\n{}\n'


def scene(folder: Path, homes: str = "") -> build.Scene:
    (folder / "Master.dss").write_text(FEEDER)
    (folder / "s.toml").write_text(SCENARIO.format(homes))
    return build.load(folder / "s.toml")


def test_several_homes_stand_on_one_meter_through_a_whole_run(tmp_path: Path) -> None:
    full = scene(tmp_path)
    assert full.feeder.meters.name == ("block", "x1+x2", "own", "mill", "roof")
    assert np.bincount(full.home_meter, minlength=5).tolist() == [4, 1, 1, 0, 0]
    lines = describe.scene_lines(full)
    assert lines["places for homes"].startswith(
        "6: 2 meters of one customer, 10 kW; 1 of several, 4 customers and 12 kW"
    )
    assert "1 pairs of loads joined" in lines["places for homes"]
    assert "6 on 3 meters" in lines["homes"]
    assert "mill" in lines["stay loads 1"]
    assert "loads without a home" not in lines
    found = runs.compare(full, ["flat"])
    homes = found.tables["homes"]
    assert len(homes) == 6
    assert homes["v_min_pu"].between(0.9, 1.1).all()
    assert found.summary["architectures"]["flat"]["certificates"]["flow_failed_intervals"] == 0


def test_homes_short_of_places_leave_the_rest_at_its_own_load(tmp_path: Path) -> None:
    few = scene(tmp_path, "count = 2")
    customers = np.array([4, 1, 1, 0, 0])
    left = customers - np.bincount(few.home_meter, minlength=5)
    at_7 = few.other_kw[7]
    assert at_7[0] == pytest.approx(left[0] / 4 * 12 * dwellings.HOME_DAY[7])
    assert at_7[1] == pytest.approx(left[1] * 5 * dwellings.HOME_DAY[7])
    assert at_7[2] == pytest.approx(left[2] * 5 * 0.5)
    assert few.other_kw[8, 2] == pytest.approx(left[2] * 5 * 0.1)
    assert at_7[3] == pytest.approx(0.6 * 100 * dwellings.CLOSED_SHARE)
    assert (few.other_kw[:, 4] == -4).all()
    assert "4 of 6 places have no home" in describe.scene_lines(few)["loads without a home"]


@pytest.mark.parametrize(
    ("key", "count"), [('on = "customers"', 6), ('on = "meters"', 2), ('on = "all"', 7)]
)
def test_the_key_says_what_becomes_a_home(tmp_path: Path, key: str, count: int) -> None:
    assert len(scene(tmp_path, key).homes.home_id) == count


def test_more_homes_than_places_are_refused_and_the_old_key_names_the_new_one(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match="at most 6"):
        scene(tmp_path, "count = 7")
    with pytest.raises(InputError, match=r"homes_on.*\[homes\]"):
        read.parse('[feeder]\nhomes_on = "residential"\n')


def test_a_home_of_a_meters_name_stands_there_and_others_fill_the_rest(tmp_path: Path) -> None:
    full = scene(tmp_path)
    places = np.array([0, 1, 0, 2, 0, 0])
    meters = dwellings.own_meters(places, ["a", "BLOCK", "own", "b", "c", "d"], full.feeder)
    assert meters.tolist() == [1, 0, 2, 0, 0, 0]
