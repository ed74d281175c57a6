"""Scenes: built from files or from parts, and every fault of a table in a sentence."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from home_columns import changed

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import LEAD_H, TAIL_H
from gridagora.scenario import build, describe, dwellings, read
from gridagora.scenario.build import Scene
from gridagora.scenario.schema import HomesKeys, Scenario, TariffKeys

SMALL = "[scenario]\ndays = 2\n[homes]\ncount = 6\nev_share = 1.0\nbattery_share = 0.5\n"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Return a small synthetic scene."""
    return build.build(read.parse(SMALL, "small.toml"))


def faults(scene: Scene, **parts: Any) -> tuple[Problem, ...]:
    """Return the problems of a scene in which some parts are replaced."""
    names = ("feeder", "homes", "weather", "prices", "scenario", "home_meter")
    given = {name: getattr(scene, name) for name in names} | parts
    with pytest.raises(InputError) as caught:
        build.assemble(**given)
    return caught.value.problems


def only(scene: Scene, **parts: Any) -> Problem:
    """Return the one problem of such a scene."""
    found = faults(scene, **parts)
    assert len(found) == 1, [str(each) for each in found]
    return found[0]


def spoilt(column: np.ndarray, at: Any, value: float) -> np.ndarray:
    """Return a copy with one value replaced."""
    copy = column.copy()
    copy[at] = value
    return copy


def test_shapes_and_clock(scene: Scene) -> None:
    hours = 48 + TAIL_H
    assert scene.homes.load_kw.shape == (6, hours)
    assert scene.weather.t_out_degc.shape == (hours,)
    assert scene.prices.real_time_per_kwh.shape == (4 * (LEAD_H + hours),)
    assert scene.other_kw.shape == (hours, len(scene.feeder.meters.name))
    assert scene.utc_offset_s == -6 * 3600
    assert (scene.start_s + scene.utc_offset_s) % 86400 == 0


def test_homes_stand_on_meters_of_their_own_by_seed(scene: Scene) -> None:
    again = build.build(read.parse(SMALL, "small.toml"))
    other = build.build(read.parse(SMALL, "small.toml", overrides=["scenario.seed=2"]))
    assert sorted(scene.home_meter) == list(range(6))
    assert np.array_equal(scene.home_meter, again.home_meter)
    assert np.array_equal(scene.homes.load_kw, again.homes.load_kw)
    assert not np.array_equal(scene.homes.load_kw, other.homes.load_kw)


def test_a_scene_from_parts_is_the_scene_from_the_file(scene: Scene) -> None:
    made = build.assemble(scene.feeder, scene.homes, scene.weather, scene.prices, scene.scenario)
    assert np.array_equal(made.home_meter, scene.home_meter)
    assert made.text == SMALL


def test_a_scenario_made_in_code_has_a_text_that_reads_back(scene: Scene) -> None:
    made = Scenario(
        scenario=scene.scenario.scenario, homes=HomesKeys(count=6, ev_share=1.0, battery_share=0.5)
    )
    built = build.assemble(scene.feeder, scene.homes, scene.weather, scene.prices, made)
    assert read.parse(built.text).model_dump(exclude={"file", "text"}) == made.model_dump(
        exclude={"file", "text"}
    )


def test_the_design_gets_its_keys(scene: Scene) -> None:
    keyed = build.assemble(
        scene.feeder,
        scene.homes,
        scene.weather,
        scene.prices,
        read.parse(SMALL, overrides=["market.tou.peak_ratio=5.0"]),
    )
    assert keyed.market("tou").peak_ratio == 5.0
    with pytest.raises(InputError, match="Did you mean 'tou'"):
        keyed.market("tuo")


def test_the_designs_under_a_tariff_share_its_credit_and_may_have_their_own(scene: Scene) -> None:
    keys = read.parse(
        SMALL, overrides=["tariff.credit_per_kwh=0.03", "market.tou.credit_per_kwh=0.01"]
    )
    made = build.assemble(scene.feeder, scene.homes, scene.weather, scene.prices, keys)
    assert [made.market(name).credit_per_kwh for name in ("flat", "flat_optimised", "tou")] == [
        0.03,
        0.03,
        0.01,
    ]
    assert not hasattr(made.market("rtp"), "credit_per_kwh")
    assert scene.market("tou").credit_per_kwh == np.inf
    assert "a credit of 0.03 $/kWh" in describe.scene_lines(made)["export of homes"]
    assert "net metering" in describe.scene_lines(scene)["export of homes"]


def test_a_credit_that_no_tariff_can_pay_is_found(scene: Scene) -> None:
    keys = scene.scenario.model_copy(update={"tariff": TariffKeys(credit_per_kwh=99.0)})
    problem = only(scene, scenario=keys)
    assert "[tariff] credit_per_kwh" in problem.where
    assert "dearest cost of the run" in problem.expected


def test_gas_water_heaters_draw_no_electricity() -> None:
    built = build.build(read.parse(SMALL, overrides=["homes.water_heaters=false"]))
    assert not built.homes.owned["water_heater"].home.size


def test_more_homes_than_meters_is_refused(scene: Scene) -> None:
    many = scene.scenario.model_copy(update={"homes": HomesKeys(count=6)})
    homes = build.build(read.parse(SMALL, overrides=["homes.count=8"])).homes
    problem = only(scene, scenario=many, homes=homes, home_meter=None)
    assert problem.got == "8 homes"
    assert "at most 6" in problem.expected


@pytest.mark.parametrize("table", ["prices", "weather", "homes"])
def test_a_nan_in_a_series_is_found(scene: Scene, table: str) -> None:
    name, at = {
        "prices": ("real_time_per_kwh", 7),
        "weather": ("ghi_w_m2", 7),
        "homes": ("load_kw", (2, 7)),
    }[table]
    whole = getattr(scene, table)
    problem = only(
        scene, **{table: whole._replace(**{name: spoilt(getattr(whole, name), at, np.nan)})}
    )
    assert name in problem.where
    assert "nan" in problem.got
    assert problem.expected == "a number"
    assert "2024-07-1" in problem.got or "hour 7" in problem.got


def test_a_gap_in_a_series_is_found(scene: Scene) -> None:
    problem = only(
        scene, prices=scene.prices._replace(day_ahead_per_kwh=scene.prices.day_ahead_per_kwh[:-3])
    )
    assert "gap" in problem.got
    assert f"{LEAD_H + 48 + TAIL_H} values" in problem.expected


def test_a_day_of_25_hours_is_found_in_parts(scene: Scene) -> None:
    longer = scene.weather._replace(t_out_degc=np.append(scene.weather.t_out_degc, 20.0))
    assert "too many" in only(scene, weather=longer).got


def test_a_start_that_is_not_the_run_s_is_found(scene: Scene) -> None:
    problem = only(scene, weather=scene.weather._replace(start_s=scene.start_s + 3600))
    assert "07:00 UTC" in problem.got
    assert "06:00 UTC" in problem.expected


def test_negative_prices_are_legal_and_said(scene: Scene) -> None:
    prices = scene.prices._replace(
        real_time_per_kwh=spoilt(
            scene.prices.real_time_per_kwh, slice(4 * LEAD_H, 4 * LEAD_H + 3), -0.05
        )
    )
    made = build.assemble(scene.feeder, scene.homes, scene.weather, prices, scene.scenario)
    assert "below zero, which is legal" in describe.scene_lines(made)["prices"]


def test_a_battery_without_capacity_is_found(scene: Scene) -> None:
    packs = scene.homes.owned["battery"]
    problem = only(
        scene, homes=changed(scene.homes, "battery", cap_kwh=spoilt(packs.cap_kwh, 0, 0.0))
    )
    assert "battery.cap_kwh" in problem.where
    assert problem.got == f"0 for home '{scene.homes.home_id[packs.home[0]]}'"
    assert problem.expected == "a number above 0"
    rating = changed(scene.homes, "battery", rated_kw=spoilt(packs.rated_kw, 0, 0.0))
    assert "battery.rated_kw" in only(scene, homes=rating).where
    assert (
        "above 0 to 1"
        in only(
            scene, homes=changed(scene.homes, "battery", efficiency=packs.efficiency + 1.0)
        ).expected
    )


def test_a_departure_that_cannot_be_met_is_found(scene: Scene) -> None:
    cars = scene.homes.owned["ev"]
    problem = only(
        scene, homes=changed(scene.homes, "ev", need_kwh=spoilt(cars.need_kwh, 0, 500.0))
    )
    assert "EV session 0" in problem.where
    assert "500.00 kWh" in problem.got
    assert "at most" in problem.expected
    assert "later departure" in problem.hint
    early = changed(scene.homes, "ev", depart_s=spoilt(cars.depart_s, 0, cars.arrive_s[0] - 60))
    assert any(
        "a departure after the arrival" in each.expected for each in faults(scene, homes=early)
    )


def test_a_charger_that_is_no_number_and_a_home_that_is_none(scene: Scene) -> None:
    cars = scene.homes.owned["ev"]
    assert (
        "ev.rated_kw"
        in only(
            scene, homes=changed(scene.homes, "ev", rated_kw=spoilt(cars.rated_kw, 0, np.nan))
        ).where
    )
    problem = only(scene, homes=changed(scene.homes, "ev", home=spoilt(cars.home, 0, 99)))
    assert problem.where.endswith("ev, row 0")
    assert "home 99" in problem.got


def test_a_capacity_below_zero_is_found(scene: Scene) -> None:
    mass = spoilt(scene.homes.owned["hvac"].cm_kwh_k, 1, -1.0)
    problem = only(scene, homes=changed(scene.homes, "hvac", cm_kwh_k=mass))
    assert problem.got.startswith("-1")
    assert "above 0" in problem.expected


def test_names_come_once(scene: Scene) -> None:
    names = (scene.homes.home_id[1], *scene.homes.home_id[1:])
    assert "more than once" in only(scene, homes=scene.homes._replace(home_id=names)).got


def test_a_home_on_a_meter_that_does_not_exist(scene: Scene) -> None:
    problem = only(scene, home_meter=spoilt(scene.home_meter, 0, 77))
    assert "meter 77" in problem.got
    assert "0 to 5" in problem.expected
    assert (
        "2 homes on meter"
        in only(scene, home_meter=spoilt(scene.home_meter, 0, scene.home_meter[1])).got
    )


def test_a_load_on_a_bus_that_does_not_exist(scene: Scene) -> None:
    meters = scene.feeder.meters
    meters = meters._replace(bus=spoilt(meters.bus, 0, 10_000))
    feeder = dataclasses.replace(scene.feeder, meters=meters)
    problem = only(scene, feeder=feeder)
    assert f"load '{feeder.meters.name[0]}'" in problem.where
    assert "does not exist" in problem.got


def test_a_feeder_that_does_not_converge(scene: Scene) -> None:
    meters = scene.feeder.meters
    feeder = dataclasses.replace(scene.feeder, meters=meters._replace(p_kw=1e5 * meters.p_kw))
    problem = only(scene, feeder=feeder)
    assert "does not converge" in problem.got
    assert "rated loads" in problem.hint


def test_every_table_is_judged_in_one_go(scene: Scene) -> None:
    found = faults(
        scene,
        weather=scene.weather._replace(ghi_w_m2=scene.weather.ghi_w_m2[:-1]),
        prices=scene.prices._replace(start_s=0),
        homes=changed(
            scene.homes, "hvac", cop=spoilt(scene.homes.owned["hvac"].cop, (0, 0), np.nan)
        ),
    )
    assert len(found) == 3


def test_other_loads_follow_office_hours() -> None:
    load = dwellings.other_load_kw(np.array([0.0, 100.0]), 24 * 7, weekday=0)
    assert not load[:, 0].any()
    assert load[12, 1] == 100.0
    assert load[2, 1] == load[24 * 5 + 12, 1] == 100.0 * dwellings.CLOSED_SHARE


def test_the_austin_week(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDAGORA_DATA", str(data_dir))
    austin = build.build(read.load(EXAMPLES / "austin" / "scenario.toml"))
    assert len(austin.homes.home_id) == 186
    assert austin.feeder.meters.is_home[austin.home_meter].all()
    assert np.unique(austin.home_meter).size == 186
    assert not austin.other_kw.any()
    lines = describe.scene_lines(austin)
    assert "2018" in lines["note"]
    assert "2024" in lines["note"]
    assert "74 with solar" in lines["equipment"]


@pytest.mark.parametrize("week", ["scenario", "august_5", "august_19", "january"])
def test_every_example_is_read(week: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDAGORA_DATA", str(data_dir))
    scenario = read.load(EXAMPLES / "austin" / f"{week}.toml")
    assert scenario.scenario.start.weekday() == 0
    assert scenario.homes.start is not None
    assert scenario.homes.start.weekday() == 0


def test_a_home_day_outside_its_year_is_refused(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDAGORA_DATA", str(data_dir))
    with pytest.raises(
        InputError, match=r"\[homes\] start: got 2024-07-15 .*days of the file, 01 January 2018"
    ):
        build.load(EXAMPLES / "austin" / "scenario.toml", ["homes.start=2024-07-15"])


def test_prices_of_another_year_are_refused(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDAGORA_DATA", str(data_dir))
    with pytest.raises(InputError, match="prices"):
        build.load(EXAMPLES / "austin" / "scenario.toml", ["scenario.start=2026-07-13"])


def test_a_feeder_file_is_described(data_dir: Path) -> None:
    lines = describe.check(data_dir / "feeders" / "ieee" / "13Bus" / "IEEE13Nodeckt.dss")
    assert "15 meters" in lines["loads"]
