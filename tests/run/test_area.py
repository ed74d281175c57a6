"""An area run shard by shard: the same to the last bit in any split, the same as all homes in one run, and limits that hold."""

from dataclasses import fields

import numpy as np
import pytest

from gridagora.core.errors import InputError, PartError
from gridagora.core.limits import limit_places
from gridagora.core.place import Level, Places
from gridagora.core.session import Topology
from gridagora.devices.battery import BatteryGroup
from gridagora.markets.layered import Layered
from gridagora.population.archetypes import (
    at_hour,
    draw_homes,
    list_devices,
    list_patterns,
    make_homes,
    take_devices,
    trim_homes,
)
from gridagora.run import shard
from gridagora.run.area import area_of
from gridagora.run.area_run import quantiles, run_area
from gridagora.run.area_tree import AreaShape, cut_feeders, place_shard, upper_tree
from gridagora.run.shard import open_shard
from gridagora.run.simulate import advance
from gridagora.run.state import Setup, start_runs
from gridagora.studies.local_shards import open_local
from gridagora.studies.process_shards import open_processes

HOURS = 2


def summary(found):
    """Return all that a run of an area did, homes in one row."""
    cents, watt_hours = {}, {}
    for told in found.shards:
        for total, part in ((cents, told.bill_cents), (watt_hours, told.import_wh)):
            for value, homes in part.items():
                total[value] = total.get(value, 0) + homes
    return {
        "load": found.load_kw.tobytes(),
        "award": found.award_kw.tobytes(),
        "missed": found.missed_kw.tobytes(),
        "price": found.price_per_kwh.tobytes(),
        "kinds": {kind: kw.tobytes() for kind, kw in found.kind_kw.items()},
        "bills": sum(part.bill_uusd for part in found.shards),
        "cents": cents,
        "watt_hours": watt_hours,
        "sample": np.concatenate([part.sample_kw for part in found.shards]).tobytes(),
        "air": np.concatenate([part.sample_degc for part in found.shards]).tobytes(),
        "names": sum((part.sample for part in found.shards), ()),
        "traffic": found.traffic,
        "rounds": found.rounds,
    }


CASES = {
    "free": {},
    "limited": {"limit_kw": 200.0},
    "zones and transformers": {"limit_kw": 200.0, "zone_kw": 90.0, "transformer_kw": 12.0},
    "blocks": {"limit_kw": 200.0, "blocks": 16},
}


@pytest.mark.parametrize("case", CASES)
def test_any_number_of_shards_is_the_same_run(make_streets, case):
    area = make_streets(**CASES[case])
    assert area.shape.feeders == 8
    one, two, seven = (
        summary(run_area(area, open_local(area, shards), hours=HOURS)) for shards in (1, 2, 7)
    )
    assert one == two
    assert one == seven


def test_shards_in_processes_are_the_same_run(make_streets):
    area = make_streets(limit_kw=200.0)
    here = summary(run_area(area, open_local(area, 1), hours=1))
    with open_processes(area, 3) as host:
        assert host.feeders == (2, 3, 3)
        assert summary(run_area(area, host, hours=1)) == here


def whole_run(area, hours):
    """Run the same homes as one table under one tree, as any run does; return power (t, n), price (t,)."""
    shape, terms, n = area.shape, area.terms, area.shape.homes
    homes = make_homes(area.archetypes, area.drawn, 0, n)
    units, feeders, zones = -(-n // shape.homes_per_transformer), shape.feeders, shape.zones
    unit = np.arange(n) // shape.homes_per_transformer
    above = units + np.arange(units) // shape.transformers_per_feeder
    zone = units + feeders + np.arange(feeders) // shape.feeders_per_zone
    top = units + feeders + zones
    parent = np.concatenate([above, zone, np.full(zones, top), [-1]])
    level = np.repeat(
        [Level.HOME, Level.TRANSFORMER, Level.ZONE, Level.AREA], [units, feeders, zones, 1]
    )
    tree = Places(tuple(map(str, parent)), level, parent)
    high = np.full(top + 1, np.inf)
    high[units + feeders : top] = terms.zone_kw
    nobody = np.zeros((top + 1, len(terms.local_hour)))
    limits = limit_places(tree, unit, high, nobody, terms.wholesale.over_per_kwh)
    setup = Setup(
        homes,
        terms.days,
        terms.start_s,
        terms.local_hour,
        terms.wholesale,
        terms.comfort_per_k2_h,
        0.07,
        terms.dt_h,
        terms.window_h,
        terms.rule,
        None,
        nobody[0],
        group=unit,
        site=Topology(tree, unit),
        limits=limits,
        rest_min=terms.rest_min,
        reference_per_kwh=terms.reference_per_kwh,
    )
    demand = start_runs([Layered()], [setup])
    steps = [advance(demand)[0] for _ in range(hours * round(1 / terms.dt_h))]
    price = demand.runs[0].track.price_per_kwh[: len(steps)]
    return np.array([step.home_kw for step in steps]), price


def test_without_a_limit_it_is_the_run_of_all_homes_in_one_table(make_streets):
    area = make_streets()
    home_kw, price = whole_run(area, HOURS)
    found = run_area(area, open_local(area, 3), hours=HOURS)
    assert np.array_equal(found.price_per_kwh, price)
    assert found.load_kw == pytest.approx(home_kw.sum(1), abs=1e-6)
    sample = np.concatenate([part.sample_kw for part in found.shards])[:, : len(home_kw)]
    assert np.array_equal(sample, home_kw[:, ::15].T)


@pytest.mark.parametrize("zone_kw", [np.inf, 90.0])
def test_with_limits_it_plans_as_all_homes_in_one_table(make_streets, zone_kw):
    """The sums that a search hears differ in their rounding; its prices, and the first interval, agree within that."""
    area = make_streets(limit_kw=200.0, zone_kw=zone_kw)
    home_kw, price = whole_run(area, 1)
    found = run_area(area, open_local(area, 3), hours=1)
    assert found.price_per_kwh[0] == pytest.approx(price[0], rel=1e-5)
    assert found.load_kw[0] == pytest.approx(home_kw[0].sum(), rel=1e-3)
    assert found.rounds > 1


def test_awards_keep_the_limit_of_the_area(make_streets):
    area = make_streets(limit_kw=100.0)
    found = run_area(area, open_local(area, 2), hours=1)
    free = run_area(make_streets(), open_local(make_streets(), 2), hours=1)
    assert free.award_kw.max() > 100.0
    assert found.award_kw.max() <= 100.0 + 1e-6


def test_tables_that_end_after_the_run_change_nothing(make_streets):
    """A run of some hours reads nothing beyond its last look-ahead."""
    area, few = make_streets(limit_kw=200.0), make_streets(limit_kw=200.0, hours=1)
    assert few.archetypes.load_kw.shape[1] == 26
    whole, part = (summary(run_area(each, open_local(each, 2), hours=1)) for each in (area, few))
    assert {key: value for key, value in whole.items() if key not in {"sample", "air"}} == {
        key: value for key, value in part.items() if key not in {"sample", "air"}
    }


def test_what_is_kept_of_single_homes_adds_up(make_streets):
    area = make_streets()
    found = run_area(area, open_local(area, 2), hours=1)
    assert sum(part.homes for part in found.shards) == area.shape.homes
    assert sum(sum(part.bill_cents.values()) for part in found.shards) == area.shape.homes
    cents = sum(cent * homes for part in found.shards for cent, homes in part.bill_cents.items())
    assert cents / 100 == pytest.approx(sum(s.bill_uusd for s in found.shards) / 1e6, abs=0.75)
    power = sum(found.kind_kw.values())
    assert (found.load_kw - power > 0).all()  # the rest is what homes draw without devices


def test_homes_of_a_part_are_those_of_the_whole(streets):
    drawn, more = draw_homes(1, 12, 100), draw_homes(1, 12, 70_000)
    for few, many in zip(drawn, more, strict=True):
        assert np.array_equal(few, many[:100])
    whole = make_homes(streets.homes, drawn, 0, 100)
    part = make_homes(streets.homes, drawn, 40, 60)
    assert np.array_equal(part.load_kw, whole.load_kw[40:60])
    assert part.home_id == whole.home_id[40:60]
    for kind, table in part.owned.items():
        other = whole.owned[kind]
        rows = (other.home >= 40) & (other.home < 60)
        assert np.array_equal(table.home + 40, other.home[rows])
        for field in fields(table):
            column = getattr(table, field.name)
            if field.name != "home" and isinstance(column, np.ndarray):
                assert column.tobytes() == getattr(other, field.name)[rows].tobytes(), field.name


def test_a_home_owns_what_its_archetype_owns(streets):
    drawn = draw_homes(5, 12, 60)
    found = make_homes(streets.homes, drawn, 0, 60)
    for kind, table in streets.homes.owned.items():
        each = np.bincount(table.home, minlength=12)
        assert np.array_equal(
            np.bincount(found.owned[kind].home, minlength=60), each[drawn.archetype]
        )


def test_homes_of_one_pattern_own_the_same(streets):
    drawn = draw_homes(5, 12, 200)
    assert np.array_equal(np.unique(drawn.set_offset_k), [-1.0, -0.5, 0.0, 0.5, 1.0])
    found, pattern = list_patterns(drawn)
    assert len(found.archetype) < len(pattern) == 200
    homes = make_homes(streets.homes, drawn, 0, 200)
    alike = make_homes(streets.homes, found, 0, len(found.archetype))
    for kind, table in homes.owned.items():
        device, home = list_devices(alike.owned[kind].home, pattern, len(found.archetype))
        assert np.array_equal(home, table.home)
        again = take_devices(alike.owned[kind], device, home)
        for field in fields(table):
            np.testing.assert_array_equal(getattr(again, field.name), getattr(table, field.name))


def test_homes_at_an_hour_are_those_of_a_run_that_begins_with_it(streets):
    now = at_hour(streets.homes, 5)
    assert now.load_kw.shape == (12, 1)
    for kind in ("hvac", "water_heater", "ev"):
        table, whole = now.owned[kind], streets.homes.owned[kind]
        if kind == "hvac":
            assert np.array_equal(table.t_set_degc[:, 0], whole.t_set_degc[:, 5])
        elif kind == "ev":
            assert np.array_equal(table.arrive_s, whole.arrive_s - 5 * 3600)
            assert np.array_equal(table.need_kwh, whole.need_kwh)
        else:
            assert np.array_equal(table.draw_kwh[:, 0], whole.draw_kwh[:, 5])
            assert table.draw_set_kwh[:, 0] == pytest.approx(whole.draw_set_kwh.mean(1))


def test_a_device_that_keeps_what_it_owns_elsewhere_is_refused(make_streets, monkeypatch):
    """What a group holds outside its table must be its state: the tables of an area are those of an hour."""
    area = make_streets()

    class Hidden:
        about = BatteryGroup.about

        def __init__(self, home):
            self.home = home

    monkeypatch.setattr(
        BatteryGroup, "of", lambda setting: Hidden(setting.homes.owned["battery"].home)
    )
    with pytest.raises(PartError, match=r"'battery' in an area: expected .* a field 'table'"):
        open_shard(area, (0, 1))


def test_feeders_of_a_shard_in_blocks_are_the_same_run(make_streets, monkeypatch):
    area = make_streets(limit_kw=200.0)
    monkeypatch.setattr(shard, "BLOCK_HOMES", 10**6)
    whole = summary(run_area(area, open_local(area, 1), hours=1))
    monkeypatch.setattr(shard, "BLOCK_HOMES", 40)
    assert len(open_local(area, 1).shards[0].blocks) == 4
    assert summary(run_area(area, open_local(area, 1), hours=1)) == whole


def test_trimmed_homes_hold_fewer_hours_and_draws(streets):
    few = trim_homes(streets.homes, 30, 7)
    assert few.load_kw.shape[1] == 30
    assert few.owned["hvac"].cop.shape[1] == 30
    assert few.owned["water_heater"].draw_set_kwh.shape[1:] == (7, 24)


def test_feeders_are_cut_into_even_parts():
    shape = AreaShape(150, 5, 4, 3)
    assert cut_feeders(shape, 1) == [(0, 8)]
    assert cut_feeders(shape, 3) == [(0, 2), (2, 5), (5, 8)]
    assert len(cut_feeders(shape, 50)) == 8
    with pytest.raises(InputError, match="at least 1"):
        cut_feeders(shape, 0)
    where = place_shard(shape, (6, 8))  # the last feeder has ten homes
    assert len(where.place) == 30
    assert where.tree.parent.tolist() == [6, 6, 6, 6, 7, 7, -1, -1]
    tree, above = upper_tree(shape)
    assert tree.parent.tolist() == [3, 3, 3, -1]
    assert above.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]


def test_quantiles_are_those_of_all_homes():
    assert quantiles([{1: 2, 5: 1}, {5: 1, 9: 6}], [0.1, 0.2, 0.35, 0.4, 0.5, 1.0]) == [
        1,
        1,
        5,
        5,
        9,
        9,
    ]


def test_what_cannot_be_is_refused(streets):
    with pytest.raises(InputError) as found:
        area_of(streets, AreaShape(0, 5, 0, 3))
    assert [problem.where for problem in found.value.problems] == [
        "area: homes",
        "area: transformers_per_feeder",
    ]


def test_a_shard_refuses_calls_out_of_turn(make_streets):
    part = open_shard(make_streets(), (0, 1))
    with pytest.raises(PartError, match="before its hour was opened"):
        part.answer(np.zeros((1, 24)), keep=False)
    with pytest.raises(PartError, match="before its hour was planned"):
        part.tender(0, -1.0, 1.0)


def test_a_process_that_ends_is_told_in_a_sentence(make_streets):
    area = make_streets()

    def end_one(done, total):
        host.workers[1].kill()
        host.workers[1].join()

    with (
        open_processes(area, 2) as host,
        pytest.raises(PartError, match="ended from outside"),
    ):
        run_area(area, host, hours=2, progress=end_one)
    assert not any(worker.is_alive() for worker in host.workers)
