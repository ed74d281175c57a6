"""Green Button files: energy of an interval by hour, what flows out less, and every fault by usage point."""

import re

import numpy as np
import pandas as pd
import pytest

import gridagora
from gridagora.core.errors import InputError
from gridagora.scenario.inputs import hash_inputs
from gridagora.sources.green_button import read_green_button

START_S = 1721001600  # 15 July 2024, 00:00 UTC
HEAD = '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">'
ESPI = 'xmlns="http://naesb.org/espi"'


def entry(own, holds, body="", title="", related=()):
    links = "".join(f'<link rel="related" href="{each}"/>' for each in related)
    up = own.rpartition("/")[0]
    return (
        f'<entry><link rel="self" href="{own}"/><link rel="up" href="{up}"/>{links}'
        f"<title>{title}</title><content><{holds} {ESPI}>{body}</{holds}></content></entry>"
    )


def block(meter, values, first_s=START_S, step_s=3600):
    readings = "".join(
        f"<IntervalReading><cost>15000</cost><timePeriod><duration>{step_s}</duration>"
        f"<start>{first_s + step_s * at}</start></timePeriod><value>{value}</value></IntervalReading>"
        for at, value in enumerate(values)
    )
    span = (
        f"<interval><duration>{step_s * len(values)}</duration><start>{first_s}</start></interval>"
    )
    return entry(f"{meter}/IntervalBlock/1", "IntervalBlock", span + readings)


def reading_type(number, **fields):
    own = {"uom": "72", "powerOfTenMultiplier": "0", "flowDirection": "1"} | fields
    body = "".join(f"<{name}>{value}</{name}>" for name, value in own.items())
    return entry(f"/ReadingType/{number}", "ReadingType", body)


def point(number, title, *streams):
    """Return a usage point; a stream is the number of its type and its blocks."""
    own = f"/UsagePoint/{number}"
    text = entry(own, "UsagePoint", title=title, related=[f"{own}/MeterReading"])
    for at, (kind, blocks) in enumerate(streams):
        meter = f"{own}/MeterReading/{at}"
        text += entry(meter, "MeterReading", related=[f"/ReadingType/{kind}"])
        text += "".join(block(meter, *each) for each in blocks)
    return text


def written(path, *entries):
    path.write_text(f"{HEAD}{''.join(entries)}</feed>", encoding="utf-8")
    return path


DAY_WH = 1000 * (1 + np.arange(24))


def test_energy_of_a_feed_is_load_by_home(tmp_path):
    path = written(
        tmp_path / "street.xml",
        reading_type(1),
        reading_type(2, powerOfTenMultiplier="-3"),
        point(1, "Ada", (1, [(DAY_WH,)])),
        point(2, "Bob", (2, [(np.repeat(DAY_WH, 4) * 500, START_S, 900)])),
    )
    found = read_green_button(path)
    assert found.home_id == ("Ada", "Bob")
    assert found.start_s == START_S
    assert found.load_kw == pytest.approx(np.outer([1, 2], 1 + np.arange(24)))
    assert "costs in the files are not read" in found.notes
    assert "usage points (Ada, Bob), readings of 15 and 60 minutes" in found.notes[0]


def test_what_flows_out_is_subtracted(tmp_path):
    out = reading_type(2, flowDirection="19")
    streams = ((1, [(DAY_WH,)]), (2, [(np.full(24, 400),)]))
    found = read_green_button(
        written(tmp_path / "a.xml", reading_type(1), out, point(1, "Ada", *streams))
    )
    assert found.load_kw[0] == pytest.approx(0.6 + np.arange(24))
    assert any("is subtracted" in note for note in found.notes)
    short = ((1, [(DAY_WH,)]), (2, [(np.full(20, 400),)]))
    path = written(tmp_path / "b.xml", reading_type(1), out, point(1, "Ada", *short))
    with pytest.raises(InputError, match=r"flows out at 2024-07-15T20:00:00 UTC.*So in 4 hours"):
        read_green_button(path)


def test_a_folder_is_a_home_a_file(tmp_path):
    for name, first_s in (("north", START_S), ("south", START_S - 7200)):
        values = np.resize(DAY_WH, 26)
        written(
            tmp_path / f"{name}.xml", reading_type(1), point(1, "My home", (1, [(values, first_s)]))
        )
    found = read_green_button(tmp_path)
    assert found.home_id == ("north", "south")
    assert found.load_kw.shape == (2, 24)
    assert found.load_kw[1] == pytest.approx(1 + (np.arange(24) + 2) % 24)
    assert any("those that all have are taken" in note for note in found.notes)


def test_without_links_what_stands_once_belongs_to_all(tmp_path):
    text = point(1, "Ada", (1, [(DAY_WH,), (DAY_WH, START_S + 86400)])) + reading_type(1)
    bare = re.sub("<link [^>]*/>", "", text)
    plain = read_green_button(written(tmp_path / "a.xml", text))
    assert read_green_button(written(tmp_path / "b.xml", bare)).load_kw.tolist() == (
        plain.load_kw.tolist()
    )


@pytest.mark.parametrize(
    ("kind", "blocks", "said"),
    [
        ({"uom": "119"}, [(DAY_WH,)], r"cubic feet \(uom 119\), expected watt hours"),
        ({"uom": "38"}, [(DAY_WH,)], "readings in watts"),
        ({"accumulationBehaviour": "3"}, [(DAY_WH,)], "accumulationBehaviour 3"),
        ({"flowDirection": "19"}, [(DAY_WH,)], "flows out alone"),
        ({"flowDirection": "20"}, [(DAY_WH,)], "flowDirection 20"),
        ({"powerOfTenMultiplier": "x"}, [(DAY_WH,)], "powerOfTenMultiplier 'x'"),
        ({"powerOfTenMultiplier": "3"}, [(DAY_WH,)], "a load above 96 kW"),
        ({}, [], "usage points without a reading"),
        ({}, [(DAY_WH,), (DAY_WH, START_S + 90000)], "a gap of 1 hours behind 2024-07-15T23"),
        ({}, [(DAY_WH,), (DAY_WH + 1, START_S + 82800)], "overlap at 2024-07-15T23"),
        ({}, [(DAY_WH,), (DAY_WH, START_S + 86400, 1800)], "a reading of .* among others"),
        ({}, [(DAY_WH, START_S, 86400)], "readings of 1440 minutes"),
        ({}, [(DAY_WH[:20],)], "share 20 hours"),
        ({}, [(["x"] * 24,)], "no whole number as its value"),
        ({}, [(-DAY_WH,)], "a load below 0"),
    ],
)
def test_what_is_no_energy_of_an_interval_is_refused(tmp_path, kind, blocks, said):
    path = written(tmp_path / "a.xml", reading_type(1, **kind), point(1, "Ada", (1, blocks)))
    with pytest.raises(InputError, match=said):
        read_green_button(path)


def test_a_reading_that_comes_twice_counts_once(tmp_path):
    path = written(
        tmp_path / "a.xml",
        reading_type(1),
        point(1, "Ada", (1, [(DAY_WH,), (DAY_WH[12:], START_S + 43200)])),
    )
    found = read_green_button(path)
    assert found.load_kw[0] == pytest.approx(1 + np.arange(24))
    assert any("come twice" in note for note in found.notes)


def test_what_is_no_feed_is_refused(tmp_path):
    (tmp_path / "a.xml").write_text("time,load\n")
    (tmp_path / "b.xml").write_text("<html><body/></html>")
    with pytest.raises(InputError, match="no XML") as caught:
        read_green_button(tmp_path)
    assert "no usage point" in str(caught.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"without \.xml files"):
        read_green_button(tmp_path / "empty")
    twice = [point(at, "Ada", (1, [(DAY_WH,)])) for at in (1, 2)]
    with pytest.raises(InputError, match="two homes 'ada'"):
        read_green_button(written(tmp_path / "c.xml", reading_type(1), *twice))


def test_a_scenario_reads_epoch_seconds_in_its_own_zone(tmp_path):
    first_s = int(pd.Timestamp("2024-07-15", tz="Europe/Berlin").timestamp())
    (tmp_path / "meters").mkdir()
    for name in ("Ada", "Bob"):
        written(
            tmp_path / "meters" / f"{name}.xml",
            reading_type(1),
            point(1, name, (1, [(np.resize(DAY_WH, 48), first_s)])),
        )
    keys = '[scenario]\ndays = 1\ntimezone = "Europe/Berlin"\n[feeder]\nsource = "busbar"\n'
    (tmp_path / "s.toml").write_text(f'{keys}[homes]\nloads = "meters"\n')
    scene = gridagora.load(tmp_path / "s.toml")
    assert scene.homes.home_id == ("Ada", "Bob")
    assert (scene.homes.load_kw[1, :24] == 1 + np.arange(24)).all()
    read = [each.path for each in hash_inputs(scene.scenario)]
    assert [each for each in read if each.endswith(".xml")] == ["meters/Ada.xml", "meters/Bob.xml"]
    (tmp_path / "s.toml").write_text(f'{keys}[homes]\nloads = "meters"\n[homes.units]\nload = "W"')
    with pytest.raises(InputError, match="which say their own"):
        gridagora.load(tmp_path / "s.toml")
