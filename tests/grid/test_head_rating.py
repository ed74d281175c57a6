"""The rating of what all power of a feeder passes."""

from dataclasses import replace

import numpy as np
import pytest

from gridagora.grid.head_rating import find_head_rating
from gridagora.sources import opendss

SCRIPT = """Clear
New Circuit.c basekv=12.47 bus1=src phases=3
{head}
New Line.far bus1=b bus2=m phases=3 r1=.1 x1=.1 r0=.1 x0=.1 c1=0 c0=0 length=1 normamps=50
{fork}
New Load.l bus1=m phases=3 kv=12.47 kw=80 kvar=60
Set VoltageBases=[12.47]
CalcVoltageBases
Solve
"""
ONE = (
    "New Line.head bus1=src bus2=b phases=3 r1=.1 x1=.1 r0=.1 x0=.1 c1=0 c0=0 length=1 normamps={0}"
)
FORK = (
    "New Line.side bus1=b bus2=n phases=3 r1=.1 x1=.1 r0=.1 x0=.1 c1=0 c0=0 length=1 normamps=9\n"
)
FORK += "New Load.k bus1=n phases=3 kv=12.47 kw=1"


def read(tmp_path, head, fork=""):
    path = tmp_path / "Master.dss"
    path.write_text(SCRIPT.format(head=head, fork=fork))
    return opendss.read(path)


def kva(amps):
    return amps * 12.47 * np.sqrt(3)


def test_the_weakest_on_the_way_counts(tmp_path):
    found = find_head_rating(read(tmp_path, ONE.format(100)))
    assert found.name == "line far"
    assert found.kva == pytest.approx(kva(50), rel=1e-3)
    assert found.power_factor == pytest.approx(0.8)


def test_nothing_behind_a_fork_counts(tmp_path):
    found = find_head_rating(read(tmp_path, ONE.format(100), FORK))
    assert found.name == "line head"
    assert found.kva == pytest.approx(kva(100), rel=1e-3)


def test_lines_side_by_side_add_up(tmp_path):
    two = ONE.format(30) + "\n" + ONE.format(40).replace("Line.head", "Line.twin")
    found = find_head_rating(read(tmp_path, two, FORK))
    assert found.kva == pytest.approx(kva(70), rel=1e-3)


def test_an_unknown_rating_is_left_out_and_none_is_none(tmp_path):
    feeder = read(tmp_path, ONE.format(100))
    lines = feeder.lines
    unknown = np.where(np.array(lines.name) == "far", np.nan, lines.rating_a)
    found = find_head_rating(replace(feeder, lines=lines._replace(rating_a=unknown)))
    assert found.name == "line head"
    none = lines._replace(rating_a=np.full(len(lines.name), np.nan))
    assert find_head_rating(replace(feeder, lines=none)) is None


def test_a_meter_at_the_source_leaves_nothing_that_all_power_passes(tmp_path):
    feeder = read(tmp_path, ONE.format(100), "New Load.k bus1=src phases=3 kv=12.47 kw=1")
    assert find_head_rating(feeder) is None
