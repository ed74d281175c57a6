"""Whatever a program hands to a public name, it hears in a sentence what was wrong, and nothing runs."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import gridagora
from gridagora import InputError, extend

NEEDS_NOTHING = {
    "InputError": "an exception",
    "PartError": "an exception",
    "Problem": "four texts",
    "Feeder": "a table: assemble holds it against its columns",
    "Homes": "a table, likewise",
    "Prices": "a table, likewise",
    "Weather": "a table, likewise",
    **dict.fromkeys(
        ("Batteries", "ChargingSessions", "HeatPumps", "PvArrays", "WaterHeaters"),
        "a table, likewise",
    ),
}
NOT = (3, None, [], {}, 2.5, True, object(), pd.DataFrame())


@pytest.fixture(scope="module")
def given(scene, study):
    """Return what calls need beside the argument that is wrong."""
    return {"scene": scene, "study": study, "run": gridagora.Run(scene, "layered", study)}


def put(scene, **wrong):
    """Assemble the scene again with some tables replaced."""
    tables = {
        name: getattr(scene, name) for name in ("feeder", "homes", "weather", "prices", "scenario")
    }
    return gridagora.assemble(**tables | wrong)


def column(scene, table, name, change):
    """Assemble the scene again with one column changed."""
    old = getattr(scene, table)
    values = {name: change(getattr(old, name))}
    return put(
        scene,
        **{table: old._replace(**values)},
    )


def part(scene, table, name, change):
    """Assemble the scene again with one column of one table of the feeder changed."""
    old = getattr(scene.feeder, table)
    new = old._replace(**{name: change(getattr(old, name))})
    return put(scene, feeder=dataclasses.replace(scene.feeder, **{table: new}))


def text_blocks(blocks):
    return blocks._replace(y_siemens=blocks.y_siemens.astype(str))


def nan_blocks(blocks):
    return blocks._replace(y_siemens=blocks.y_siemens * np.nan)


def short_blocks(blocks):
    return blocks._replace(node=blocks.node[:-1])


def batteries(**wrong):
    """Return two batteries of which something is wrong."""
    return gridagora.Batteries(
        **{"home": np.array([0, 1]), "cap_kwh": 10.0, "rated_kw": 5.0, "efficiency": 0.95} | wrong
    )


def cars(**wrong):
    """Return one charging session of which something is wrong."""
    right = {
        "arrive_s": np.array([3600]),
        "depart_s": np.array([36000]),
        "need_kwh": np.ones(1),
        "rated_kw": np.full(1, 7.2),
    }
    return gridagora.ChargingSessions(**{"home": np.array([0])} | right | wrong)


CALLS = {
    "Result": {
        "numbers": lambda g: gridagora.Result(3, 4, 5),
        "a party": lambda g: gridagora.Result({}, {}, "").statement("flat", 3),
        "a study": lambda g: gridagora.Result({"study": {}}, {}, "").table(),
        "no path": lambda g: gridagora.Result({"architectures": {}}, {}, "").report(3),
    },
    "Run": {
        "no scene": lambda g: gridagora.Run("x.toml", "flat"),
        "no design": lambda g: gridagora.Run(g["scene"], "nope"),
        "a number": lambda g: gridagora.Run(g["scene"], 3),
        "no study": lambda g: gridagora.Run(g["scene"], "flat", 3),
        "another study": lambda g: gridagora.Run(
            dataclasses.replace(
                g["scene"], homes=g["scene"].homes._replace(quality=g["scene"].homes.quality)
            ),
            "flat",
            g["study"],
        ),
        "home": lambda g: g["run"].observe("home-0001"),
        "home 99": lambda g: g["run"].observe(99),
        "powers": lambda g: g["run"].step(power_kw=3),
        "powers of a kind": lambda g: g["run"].step(power_kw={"hvac": np.zeros(10)}),
        "a name": lambda g: g["run"].step(power_kw={"hvac": {"home-0001": 1.0}}),
        "text": lambda g: g["run"].step(power_kw={"hvac": {0: "1.0"}}),
        "rows": lambda g: g["run"].step(power_kw={"hvac": {0: np.zeros(3)}}),
        "nan": lambda g: g["run"].step(power_kw={"hvac": {0: np.nan}}),
        "kind": lambda g: g["run"].step(power_kw={"havc": {0: 1.0}}),
        "a kind that is none": lambda g: g["run"].step(power_kw={3: {0: 1.0}}),
        "row": lambda g: g["run"].step(power_kw={"hvac": {99: 1.0}}),
        "bids": lambda g: g["run"].step(bids=3),
        "bid": lambda g: g["run"].step(bids={"hvac": {0: 3}}),
        "uneven": lambda g: g["run"].step(bids={"hvac": {0: ((0.0, 1.0), (0.1,))}}),
        "rising price": lambda g: g["run"].step(bids={"hvac": {0: ((0.0, 1.0), (0.1, 0.2))}}),
        "nan bid": lambda g: g["run"].step(bids={"hvac": {0: ((0.0, np.nan), (0.2, 0.1))}}),
        "words": lambda g: g["run"].step(bids={"hvac": {0: (("a", "b"), (0.2, 0.1))}}),
        "both": lambda g: g["run"].step(
            power_kw={"hvac": {0: 1.0}}, bids={"hvac": {0: ((0.0,), (0.1,))}}
        ),
    },
    "Scenario": {
        "a file": lambda g: gridagora.Scenario("x.toml"),
        "table": lambda g: gridagora.Scenario(home={"count": 3}),
        "key": lambda g: gridagora.Scenario(homes={"cuont": 3}),
        "value": lambda g: gridagora.Scenario(homes={"count": "three"}),
        "range": lambda g: gridagora.Scenario(homes={"count": -1}),
        "nan": lambda g: gridagora.Scenario(homes={"pv_share": float("nan")}),
        "no table": lambda g: gridagora.Scenario(homes=3),
        "date": lambda g: gridagora.Scenario(scenario={"start": "2024-07-15"}),
        "parts": lambda g: gridagora.Scenario(parts={"flat": 3}),
        "word": lambda g: gridagora.Scenario(prices={"source": "synthtic"}),
    },
    "Scene": {
        "numbers": lambda g: gridagora.Scene(1, 2, 3, 4, 5, 6, 7),
        "design": lambda g: g["scene"].market("nope"),
        "no design": lambda g: g["scene"].market(3),
    },
    "assemble": {
        "nothing": lambda g: gridagora.assemble(),
        "numbers": lambda g: gridagora.assemble(1, 2, 3, 4),
        "order": lambda g: gridagora.assemble(
            g["scene"].homes, g["scene"].feeder, g["scene"].prices, g["scene"].weather
        ),
        "one missing": lambda g: put(g["scene"], weather=None),
        "scenario": lambda g: put(g["scene"], scenario="x.toml"),
        "home_meter": lambda g: put(g["scene"], home_meter="all"),
        "meters": lambda g: put(g["scene"], home_meter=[0, 1]),
        "other_kw": lambda g: put(g["scene"], other_kw=3),
        "text": lambda g: column(g["scene"], "homes", "load_kw", lambda c: c.astype(str)),
        "nan": lambda g: column(g["scene"], "homes", "load_kw", lambda c: c * np.nan),
        "short": lambda g: column(g["scene"], "homes", "load_kw", lambda c: c[:, :-1]),
        "rows": lambda g: column(g["scene"], "homes", "load_kw", lambda c: c[:-1]),
        "names": lambda g: column(g["scene"], "homes", "home_id", lambda c: c[:-1]),
        "sign": lambda g: column(g["scene"], "homes", "load_kw", lambda c: -1.0 - c),
        "owned": lambda g: put(g["scene"], homes=g["scene"].homes._replace(owned={"battery": 3})),
        "owned kind": lambda g: put(
            g["scene"], homes=g["scene"].homes._replace(owned={"batery": batteries()})
        ),
        "devices": lambda g: put(g["scene"], devices=3),
        "no devices": lambda g: put(g["scene"], devices=[3]),
        "a class": lambda g: put(g["scene"], devices=[gridagora.Batteries]),
        "two tables": lambda g: put(g["scene"], devices=[batteries(), batteries()]),
        "battery": lambda g: put(g["scene"], devices=[batteries(cap_kwh=-1.0)]),
        "battery nan": lambda g: put(g["scene"], devices=[batteries(rated_kw=np.nan)]),
        "battery text": lambda g: put(g["scene"], devices=[batteries(cap_kwh=["a", "b"])]),
        "battery rows": lambda g: put(g["scene"], devices=[batteries(cap_kwh=np.ones(5))]),
        "battery word": lambda g: put(g["scene"], devices=[batteries(wear_per_kwh="dear")]),
        "battery wear": lambda g: put(g["scene"], devices=[batteries(wear_per_kwh=np.nan)]),
        "efficiency": lambda g: put(g["scene"], devices=[batteries(efficiency=1.95)]),
        "battery home": lambda g: put(g["scene"], devices=[batteries(home=np.array([0, 99]))]),
        "battery of half a home": lambda g: put(
            g["scene"], devices=[batteries(home=np.array([0.5, 1.0]))]
        ),
        "cars": lambda g: put(g["scene"], devices=[cars(home=np.array([99]))]),
        "need": lambda g: put(g["scene"], devices=[cars(need_kwh=np.array([np.nan]))]),
        "stay": lambda g: put(g["scene"], devices=[cars(depart_s=np.array([0]))]),
        "panels": lambda g: put(
            g["scene"], devices=[gridagora.PvArrays(np.array([0]), np.full((1, 49), -1.0))]
        ),
        "panel hours": lambda g: put(
            g["scene"], devices=[gridagora.PvArrays(np.array([0]), np.ones((1, 5)))]
        ),
        "panel nan": lambda g: put(
            g["scene"], devices=[gridagora.PvArrays(np.array([0]), np.full((1, 49), np.nan))]
        ),
        "price nan": lambda g: column(
            g["scene"], "prices", "real_time_per_kwh", lambda c: c * np.nan
        ),
        "price rows": lambda g: column(g["scene"], "prices", "day_ahead_per_kwh", lambda c: c[1:]),
        "price start": lambda g: column(g["scene"], "prices", "start_s", lambda c: c + 60),
        "price word": lambda g: column(g["scene"], "prices", "start_s", lambda c: "monday"),
        "kelvin": lambda g: column(g["scene"], "weather", "t_out_degc", lambda c: c + 273.15),
        "zenith": lambda g: column(g["scene"], "weather", "zenith_deg", lambda c: c * np.nan),
        "feeder meters": lambda g: part(g["scene"], "meters", "p_kw", lambda c: c[:-1]),
        "feeder nan": lambda g: part(g["scene"], "meters", "p_kw", lambda c: c * np.nan),
        "feeder node": lambda g: part(g["scene"], "loads", "from_node", lambda c: c + 10_000),
        "feeder bus": lambda g: part(g["scene"], "lines", "to_bus", lambda c: c - 10_000),
        "feeder text": lambda g: part(g["scene"], "lines", "blocks", text_blocks),
        "feeder matrix": lambda g: part(g["scene"], "lines", "blocks", nan_blocks),
        "feeder conductors": lambda g: part(g["scene"], "lines", "blocks", short_blocks),
        "feeder table": lambda g: part(g["scene"], "transformers", "windings", lambda c: None),
        "feeder names": lambda g: part(g["scene"], "buses", "name", list),
    },
    "build": {
        "a path": lambda g: gridagora.build("x.toml"),
        "tables": lambda g: gridagora.build({"homes": {"count": 3}}),
        "progress": lambda g: gridagora.build(gridagora.Scenario(), 3),
        "design": lambda g: gridagora.build(gridagora.Scenario(parts={"falt": {}})),
    },
    "check": {
        "nowhere": lambda g: gridagora.check("nowhere.toml"),
        "no feeder": lambda g: gridagora.check("nowhere.dss"),
        "overrides": lambda g: gridagora.check("nowhere.toml", 3),
    },
    "compare": {
        "design": lambda g: gridagora.compare(g["scene"], ["nope"]),
        "numbers": lambda g: gridagora.compare(g["scene"], [3]),
        "a number": lambda g: gridagora.compare(g["scene"], 3),
        "twice": lambda g: gridagora.compare(g["scene"], ["flat", "flat"]),
        "out": lambda g: gridagora.compare(g["scene"], ["flat"], out=3),
        "empty out": lambda g: gridagora.compare(g["scene"], ["flat"], out=""),
        "progress": lambda g: gridagora.compare(g["scene"], ["flat"], progress=3),
    },
    "find": {
        "kind": lambda g: gridagora.find("markets", "flat"),
        "kinds": lambda g: gridagora.find([], "flat"),
        "name": lambda g: gridagora.find("market", "flatt"),
        "number": lambda g: gridagora.find("market", 3),
    },
    "names": {"kind": lambda g: gridagora.names("markets"), "list": lambda g: gridagora.names([])},
    "register": {
        "kind": lambda g: gridagora.register("markets", "mine"),
        "number": lambda g: gridagora.register("market", 3),
        "numbers": lambda g: gridagora.register(3, 3),
        "blank": lambda g: gridagora.register("market", " "),
    },
    "lift_space": {
        "numbers": lambda g: gridagora.lift_space(1, 2, 3),
        "no tree": lambda g: gridagora.lift_space(
            extend.curves([((0.0,), (0.1,))]), np.array([0]), "tree"
        ),
    },
    "lift_time": {
        "numbers": lambda g: gridagora.lift_time(3, 4),
        "no stores": lambda g: gridagora.lift_time([3], [np.zeros(2)]),
    },
    "load": {
        "nowhere": lambda g: gridagora.load("nowhere.toml"),
        "overrides": lambda g: gridagora.load("nowhere.toml", 3),
        "progress": lambda g: gridagora.load("nowhere.toml", (), 3),
        "folder": lambda g: gridagora.load("."),
    },
    "open_ensemble": {
        "nowhere": lambda g: gridagora.open_ensemble("nowhere"),
        "empty": lambda g: gridagora.open_ensemble(""),
        "none": lambda g: gridagora.open_ensemble(__file__),
    },
    "open_result": {
        "nowhere": lambda g: gridagora.open_result("nowhere"),
        "empty": lambda g: gridagora.open_result(""),
    },
    "read_feeder": {
        "nowhere": lambda g: gridagora.read_feeder("nowhere.dss"),
        "taps": lambda g: gridagora.read_feeder("nowhere.dss", taps=3),
        "tap": lambda g: gridagora.read_feeder("nowhere.dss", taps={"reg1": "high"}),
        "folder": lambda g: gridagora.read_feeder("."),
    },
    "table": {"study": lambda g: gridagora.table(gridagora.Result({"study": {}}, {}, ""))},
    "figures": {"study": lambda g: gridagora.figures(gridagora.Result({"study": {}}, {}, ""))},
}
ONE_ARGUMENT = (
    "build",
    "check",
    "compare",
    "figures",
    "load",
    "open_ensemble",
    "open_result",
    "read_feeder",
    "table",
)


def refused(call) -> InputError:
    with pytest.raises(InputError) as caught:
        call()
    assert type(caught.value) is InputError
    for problem in caught.value.problems:
        assert problem.where and problem.got and problem.expected
        assert "Traceback" not in str(problem) and "object at 0x" not in str(problem)
    return caught.value


@pytest.mark.parametrize(
    ("name", "case"), [(name, case) for name, cases in CALLS.items() for case in cases]
)
def test_misuse_is_a_sentence(name: str, case: str, given) -> None:
    assert refused(lambda: CALLS[name][case](given)).problems


@pytest.mark.parametrize("wrong", NOT, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_an_argument_of_another_kind_is_a_sentence(name: str, wrong: object) -> None:
    assert refused(lambda: getattr(gridagora, name)(wrong)).problems


def test_every_public_name_is_misused_here() -> None:
    assert set(CALLS) | set(NEEDS_NOTHING) == set(gridagora.__all__)


def test_a_run_that_refused_goes_on_as_if_it_had_not_been_asked(scene, study) -> None:
    asked, plain = gridagora.Run(scene, "layered", study), gridagora.Run(scene, "layered", study)
    refused(lambda: asked.step(power_kw={"hvac": {0: np.nan}}))
    assert np.array_equal(asked.step().meter_kw, plain.step().meter_kw)
