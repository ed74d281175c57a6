"""Homes are told from mills, shops and blocks by power, phases, voltage and customers; two legs of one home are one meter."""

from pathlib import Path

import numpy as np
import pytest

from gridagora.core.feeder import GROUND, Feeder
from gridagora.population import customers
from gridagora.sources import opendss

HEAD = (
    "Clear\nNew Circuit.small basekv=12.47 pu=1.02 phases=3 bus1=src mvasc3=500 mvasc1=500\n"
    "New Line.l1 bus1=src bus2=a phases=3 r1=0.3 x1=0.6 r0=0.7 x0=1.9 c1=0 c0=0 length=1\n"
)
SERVICE = (
    "New Transformer.t{0} phases=1 windings=3 xhl=2 xht=2 xlt=1.4 "
    "buses=[a.1 h{0}.1.0 h{0}.0.2] kvs=[7.2 .12 .12] kvas=[50 50 50]\n"
)
TAIL = "Set VoltageBases=[12.47 0.208 0.48]\nCalcVoltageBases\nSolve\n"
SHOP = "New Transformer.s phases=3 buses=[a shop] kvs=[12.47 .48] kvas=[500 500]\n"


def read(folder: Path, loads: str) -> Feeder:
    path = folder / "Master.dss"
    path.write_text(HEAD + SERVICE.format(1) + SERVICE.format(2) + SHOP + loads + TAIL)
    return opendss.read(path)


@pytest.mark.parametrize(
    ("load", "homes", "why"),
    [
        ("bus1=h1.1.2 phases=1 kv=.24 kw=6", 1, ""),
        ("bus1=h1.1 phases=1 kv=.12 kw=3", 1, ""),
        ("bus1=h1.1.2 phases=2 kv=.208 kw=6", 1, ""),
        ("bus1=h1.1.2 phases=1 kv=.24 kw=24.9", 1, ""),
        ("bus1=h1.1.2 phases=1 kv=.24 kw=25.1", 0, customers.POWER),
        ("bus1=h1.1.2 phases=1 kv=.24 kw=60 numcust=12", 12, ""),
        ("bus1=a phases=3 kv=12.47 kw=1200", 0, customers.POWER),
        ("bus1=a phases=3 kv=12.47 kw=300 numcust=80", 80, ""),
        ("bus1=a phases=3 kv=12.47 kw=300 numcust=8", 0, customers.POWER),
        ("bus1=a phases=3 kv=12.47 kw=20", 0, customers.PHASES),
        ("bus1=a.1 phases=1 kv=7.2 kw=20", 0, customers.VOLTS),
        ("bus1=shop.1 phases=1 kv=.277 kw=5", 0, customers.VOLTS),
        ("bus1=h1.1.2 phases=1 kv=.24 kw=-4", 0, customers.FEEDS),
        ("bus1=h1.1.2 phases=1 kv=.24 kw=0", 0, customers.NOTHING),
    ],
)
def test_what_a_load_is(tmp_path: Path, load: str, homes: int, why: str) -> None:
    feeder = read(tmp_path, f"New Load.nothing_said {load}\n")
    assert feeder.meters.customers.tolist() == [homes]
    assert feeder.meters.is_home.tolist() == [homes > 0]
    assert feeder.meters.stays == (why,)


def test_words_of_the_source_are_evidence(tmp_path: Path) -> None:
    shapes = "".join(
        f"New Loadshape.{name} npts=1 interval=1 mult=[1]\n" for name in ("res_kw_1", "com_kw_1")
    )
    at = "bus1=h1.1.2 phases=1 kv=.24"
    loads = f"New Load.a {at} kw=30 yearly=res_kw_1\nNew Load.b {at} kw=1 yearly=com_kw_1\nNew Load.industrial_c {at} kw=1\n"
    feeder = read(tmp_path, shapes + loads)
    assert feeder.meters.is_home.tolist() == [True, False, False]
    assert feeder.meters.stays[1:] == (customers.NAMED,) * 2


def test_two_loads_on_the_legs_of_one_bus_are_one_home_on_both(tmp_path: Path) -> None:
    legs = (
        "New Load.l1 bus1=h1.1 phases=1 kv=.12 kw=3\nNew Load.l2 bus1=h1.0.2 phases=1 kv=.12 kw=2\n"
    )
    alone = (
        "New Load.l3 bus1=h2.1 phases=1 kv=.12 kw=3\nNew Load.l4 bus1=h2.1 phases=1 kv=.12 kw=2\n"
    )
    feeder = read(tmp_path, legs + alone)
    assert feeder.leg_pairs.tolist() == [[0, 1]]
    once = customers.apply_pairs(feeder, "customers")
    assert once.meters.name == ("l1+l2", "l3", "l4")
    assert once.meters.p_kw.tolist() == [5.0, 3.0, 2.0]
    assert once.meters.customers.tolist() == [1, 1, 1]
    assert once.loads.meter.tolist() == [0, 0, 1, 2]
    assert {once.nodes.name[at] for at in once.loads.from_node[:2]} == {"h1.1", "h1.2"}
    assert (once.loads.to_node == GROUND).all()
    assert once.loads.p_kw.sum() == pytest.approx(feeder.loads.p_kw.sum())


def test_two_large_loads_on_two_legs_are_two(tmp_path: Path) -> None:
    legs = (
        "New Load.l1 bus1=h1.1 phases=1 kv=.12 kw=20\nNew Load.l2 bus1=h1.2 phases=1 kv=.12 kw=20\n"
    )
    assert not len(read(tmp_path, legs).leg_pairs)


@pytest.mark.parametrize(
    ("on", "homes"),
    [("customers", [80, 1, 0, 0]), ("meters", [0, 1, 0, 0]), ("all", [80, 1, 1, 0])],
)
def test_homes_stand_where_the_key_puts_them_and_settling_again_changes_nothing(
    tmp_path: Path, on: str, homes: list[int]
) -> None:
    loads = (
        "New Load.block bus1=a phases=3 kv=12.47 kw=300 numcust=80\nNew Load.home bus1=h1.1.2 phases=1 kv=.24 kw=6\n"
        "New Load.mill bus1=a phases=3 kv=12.47 kw=1200\nNew Load.roof bus1=h1.1.2 phases=1 kv=.24 kw=-4\n"
    )
    feeder = customers.apply_pairs(read(tmp_path, loads), on)
    assert feeder.meters.customers.tolist() == homes
    again = customers.apply_pairs(feeder, on)
    assert again.meters.customers.tolist() == homes
    assert again.meters.stays == feeder.meters.stays
    assert np.array_equal(again.loads.meter, feeder.loads.meter)
