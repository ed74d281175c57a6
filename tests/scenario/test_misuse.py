"""Tables and arguments that a program hands over: converted where nothing is lost, refused by name where they are none."""

from datetime import date

import numpy as np
import pytest
from home_columns import changed

import gridagora
from gridagora.core.errors import InputError
from gridagora.core.tables import Weather
from gridagora.scenario.schema import Scenario

TEXT = ["scenario.days=1", "homes.count=3", "homes.ev_share=1", 'scenario.architectures=["flat"]']


@pytest.fixture(scope="module")
def scene():
    from gridagora.scenario import read

    return gridagora.build(read.parse("", overrides=TEXT))


def again(scene, **given):
    """Return the scene put together anew with some of its tables replaced."""
    tables = {
        name: given.pop(name, getattr(scene, name))
        for name in ("feeder", "homes", "weather", "prices")
    }
    return gridagora.assemble(**tables, scenario=given.pop("scenario", scene.scenario), **given)


def refused(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


LOSSLESS = {
    "lists": lambda column: column.tolist(),
    "other order": np.asfortranarray,
    "every other": lambda column: np.repeat(column, 2, axis=-1)[..., ::2],
    "masked, none masked": np.ma.masked_invalid,
}


@pytest.mark.parametrize("how", LOSSLESS)
def test_columns_that_say_the_same_are_the_same_to_the_bit(scene, how: str) -> None:
    homes = scene.homes._replace(load_kw=LOSSLESS[how](scene.homes.load_kw))
    for kind, table in scene.homes.owned.items():
        columns = {
            name: each
            for name, each in vars(table).items()
            if isinstance(each, np.ndarray) and name != "fit_error"
        }
        homes = changed(
            homes,
            kind,
            **{name: LOSSLESS[how](each) for name, each in columns.items() if each.dtype != bool},
        )
    found = again(scene, homes=homes).homes
    assert np.array_equal(found.load_kw, scene.homes.load_kw)
    for kind, table in scene.homes.owned.items():
        for name, before in vars(table).items():
            after = vars(found.owned[kind])[name]
            if isinstance(before, np.ndarray):
                assert after.dtype == before.dtype
                assert np.array_equal(after, before, equal_nan=before.dtype == float)


def test_whole_numbers_stand_for_figures_and_whole_figures_for_rows(scene) -> None:
    loads = again(
        scene, homes=scene.homes._replace(load_kw=np.ones(scene.homes.load_kw.shape, int))
    ).homes.load_kw
    assert loads.dtype == np.float64
    homes = changed(scene.homes, "ev", home=scene.homes.owned["ev"].home.astype(float))
    cars = again(scene, homes=homes).homes.owned["ev"].home
    assert cars.dtype == np.int64
    assert again(scene, home_meter=[2, 1, 0]).home_meter.tolist() == [2, 1, 0]


def spoilt(column: np.ndarray, value: float) -> np.ndarray:
    found = column.copy()
    found.flat[0] = value
    return found


COLUMNS = {
    "text": (lambda c: c.astype(str), "expected an array of numbers"),
    "objects": (lambda c: c.astype(object), "expected an array of numbers"),
    "complex": (lambda c: c + 0j, "expected an array of numbers"),
    "true and false": (lambda c: c > 0, "expected an array of numbers"),
    "masked": (lambda c: np.ma.masked_less(c, np.inf), "masked values"),
    "short": (lambda c: c[..., :-1], "expected shape"),
    "no number": (lambda c: spoilt(c, np.nan), "got nan"),
    "endless": (lambda c: spoilt(c, np.inf), "got inf"),
    "below zero": (lambda c: -1.0 - c, "of at least 0"),
    "nothing": (lambda c: None, "expected an array of numbers"),
}


@pytest.mark.parametrize("how", COLUMNS)
def test_a_column_of_homes_that_is_none_is_refused_by_name(scene, how: str) -> None:
    change, word = COLUMNS[how]
    said = refused(
        lambda: again(scene, homes=scene.homes._replace(load_kw=change(scene.homes.load_kw)))
    )
    assert "homes.load_kw" in said
    assert word in said


@pytest.mark.parametrize("how", [how for how in COLUMNS if how != "nothing"])
@pytest.mark.parametrize(("kind", "name"), [("pv", "available_kw"), ("water_heater", "draw_kwh")])
def test_a_column_of_devices_that_is_none_is_refused_by_name(
    scene, kind: str, name: str, how: str
) -> None:
    change, word = COLUMNS[how]
    own = vars(scene.homes.owned[kind])[name]
    said = refused(lambda: again(scene, homes=changed(scene.homes, kind, **{name: change(own)})))
    assert f"{kind}.{name}" in said
    assert word in said


UNITS = {
    "kelvin outdoors": ("weather", "t_out_degc", lambda c: c + 273.15),
    "light below zero": ("weather", "ghi_w_m2", lambda c: c - 50.0),
    "watts for kilowatts": ("homes", "load_kw", lambda c: 1000.0 * c),
    "prices a megawatt-hour, day ahead": ("prices", "day_ahead_per_kwh", lambda c: 1000.0 * c),
    "prices a megawatt-hour, real time": ("prices", "real_time_per_kwh", lambda c: 1000.0 * c),
}


@pytest.mark.parametrize("how", UNITS)
def test_figures_of_another_unit_are_refused(scene, how: str) -> None:
    table, name, change = UNITS[how]
    wrong = getattr(scene, table)._replace(**{name: change(getattr(getattr(scene, table), name))})
    assert f"{table}.{name}: got" in refused(lambda: again(scene, **{table: wrong}))


def test_a_set_point_in_kelvin_is_refused(scene) -> None:
    kelvin = changed(scene.homes, "hvac", t_set_degc=scene.homes.owned["hvac"].t_set_degc + 273.15)
    assert "hvac.t_set_degc: got" in refused(lambda: again(scene, homes=kelvin))


def test_faults_of_all_tables_are_told_together(scene) -> None:
    homes = scene.homes._replace(
        home_id="abc", load_kw=scene.homes.load_kw.astype(str), quality=None
    )
    said = refused(
        lambda: again(scene, homes=homes, weather=None, prices=scene.weather, other_kw=[["a"]])
    )
    for name in ("home_id", "load_kw", "quality", "weather", "prices", "other_kw"):
        assert name in said


@pytest.mark.parametrize(
    ("ids", "word"),
    [
        ((1, 2, 3), "as text"),
        (("a", "", "c"), "as text"),
        (("a", "a", "b"), "more than once"),
        (("wires", "a", "b"), "ledger"),
    ],
)
def test_names_of_homes_that_no_table_could_tell_apart_are_refused(
    scene, ids: tuple, word: str
) -> None:
    assert word in refused(lambda: again(scene, homes=scene.homes._replace(home_id=ids)))


@pytest.mark.parametrize(
    ("other", "word"),
    [(np.zeros((3, 2)), "expected shape"), (np.full((49, 3), np.nan), "got nan in hour 0")],
)
def test_other_loads_have_the_shape_of_the_feeder(scene, other: np.ndarray, word: str) -> None:
    assert word in refused(lambda: again(scene, other_kw=other))


MADE = {
    "a day of 23 hours": (
        {"scenario": {"days": 1, "start": date(2024, 3, 10), "timezone": "America/Chicago"}},
        "a day of 23 hours",
    ),
    "a zone that is none": ({"scenario": {"timezone": "Mars"}}, "an IANA time zone"),
    "two limits": (
        {"substation": {"limit_kw": 5.0, "limit_share_of_flat_peak": 0.5}},
        "both limit_kw",
    ),
    "an unread file": ({"weather": {"file": "x.epw"}}, "does not read"),
    "no file": ({"weather": {"source": "epw"}}, "the file that source 'epw' reads"),
    "an unknown design": ({"parts": {"flatt": {}}}, "Did you mean 'flat'?"),
    "an unknown key of a design": ({"parts": {"flat": {"x": 1}}}, "an unknown key 'x'"),
    "an unknown architecture": (
        {"scenario": {"architectures": ("flatt",)}},
        "Did you mean 'flat'?",
    ),
}


@pytest.mark.parametrize("how", MADE)
def test_a_scenario_made_in_code_is_checked_as_a_file_is(scene, how: str) -> None:
    values, word = MADE[how]
    made = Scenario(**values)
    assert word in refused(lambda: gridagora.build(made))
    assert word in refused(lambda: again(scene, scenario=made))


def test_a_scenario_made_in_code_builds_what_its_text_builds(scene) -> None:
    made = Scenario(
        scenario={"days": 1, "architectures": ("flat",)}, homes={"count": 3, "ev_share": 1.0}
    )
    found = gridagora.build(made)
    assert np.array_equal(found.homes.load_kw, scene.homes.load_kw)
    from gridagora.scenario import read

    assert read.parse(found.text).homes == scene.scenario.homes


@pytest.mark.parametrize("wrong", [None, 3, {}, "scenario.toml", Weather])
def test_an_argument_of_another_kind_is_a_sentence(wrong) -> None:
    assert "expected a gridagora.Scenario" in refused(lambda: gridagora.build(wrong))
    assert "expected a gridagora.Scene" in refused(lambda: gridagora.compare(wrong))
    if not isinstance(wrong, str):
        assert "the path of a scenario file" in refused(lambda: gridagora.load(wrong))
        assert "the path of a folder" in refused(lambda: gridagora.open_result(wrong))


def test_one_override_and_one_design_may_stand_alone(scene, tmp_path) -> None:
    (tmp_path / "s.toml").write_text("[homes]\ncount = 2\n", encoding="utf-8")
    assert gridagora.load(tmp_path / "s.toml", "scenario.days=1").days == 1
    assert "'homes.count': 4" in refused(
        lambda: gridagora.load(tmp_path / "s.toml", {"homes.count": 4})
    )
    assert "got 'flatt'" in refused(lambda: gridagora.compare(scene, "flatt"))
    assert "names of designs" in refused(lambda: gridagora.compare(scene, [1]))
    assert "one of device, strategy" in refused(lambda: gridagora.names("markets"))
