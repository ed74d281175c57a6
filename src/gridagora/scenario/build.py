"""From a scenario to a scene: the feeder, the homes on it, the weather, the prices, checked and ready to run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from gridagora.core.brief import count_of, in_lines, spell_column
from gridagora.core.device import People
from gridagora.core.errors import InputError, Problem, attempt, require, require_call, shown
from gridagora.core.feeder import Feeder, hold_controls
from gridagora.core.ports import Market
from gridagora.core.registry import find, find_mismatch
from gridagora.core.tables import Col, Homes, Index, Prices, Weather
from gridagora.grid.nominal import check_supply
from gridagora.population.customers import apply_pairs, customers_of
from gridagora.scenario import (
    columns,
    device_probe,
    dwellings,
    feeder_columns,
    households,
    partners,
    plugins,
    read,
)
from gridagora.scenario import populate as draw
from gridagora.scenario import validate as sound
from gridagora.scenario.calendar import midnight_s, utc_offset_s
from gridagora.scenario.holdable import require_holdable
from gridagora.scenario.membership import BUSBAR, count_homes, find_meters, members_of, say_places
from gridagora.scenario.metered_loads import loads_of
from gridagora.scenario.scene_tables import SceneTables, tables_of
from gridagora.scenario.schema import Scenario
from gridagora.scenario.tariff_files import bill_by_file

OF_READING = {"parts", "devices", "designs", "outside", "file", "text", "folder", "written"}
MAKE = "gridagora.assemble makes a scene of tables, gridagora.load of a file."


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything a run needs. H = 24 days + 25 hours; n homes; j meters of the feeder.

    home_meter (n,) index of the meter of each home; other_kw (H, j) load of the meters that are no homes [kW].
    """

    scenario: Scenario
    feeder: Feeder
    homes: Homes
    weather: Weather
    prices: Prices
    home_meter: Index
    other_kw: Col
    partners: Index | None = None  # (e, 2) pairs of homes that may trade, where a file says so
    notes: tuple[str, ...] = ()  # what was taken of the homes, in words
    price_notes: tuple[str, ...] = ()  # what was taken of a table of prices, in words
    home_class: tuple[
        str, ...
    ] = ()  # (n,) of a table of members, '' where it has none; () without a table
    weather_note: str = ""  # which rows of a file the weather is, in words
    is_assembled: bool = False  # of tables made in code, of which the scenario says nothing

    def __post_init__(self) -> None:
        """Refuse what is no table; what tables hold is checked by `assemble`.

        Raises
        ------
        InputError
            Every field that holds something else.
        """
        kinds = {
            "scenario": Scenario,
            "feeder": Feeder,
            "homes": Homes,
            "weather": Weather,
            "prices": Prices,
        }
        wrong = [
            Problem(f"Scene: {name}", shown(vars(self)[name]), f"a gridagora.{kind.__name__}", MAKE)
            for name, kind in kinds.items()
            if not isinstance(vars(self)[name], kind)
        ]
        wrong += [
            Problem(f"Scene: {name}", shown(vars(self)[name]), "an array", MAKE)
            for name in ("home_meter", "other_kw")
            if not isinstance(vars(self)[name], np.ndarray)
        ]
        if wrong:
            raise InputError(wrong)

    @property
    def start_s(self) -> int:
        """Start of the run [s, UTC]."""
        return self.weather.start_s

    @property
    def days(self) -> int:
        """Length of the run [days]."""
        return self.scenario.scenario.days

    @property
    def seed(self) -> int:
        """Seed of every random draw."""
        return self.scenario.scenario.seed

    @property
    def utc_offset_s(self) -> int:
        """Local time minus UTC [s]."""
        case = self.scenario.scenario
        return utc_offset_s(case.start, case.timezone)

    @property
    def text(self) -> str:
        """The scenario as TOML text; a scene of parts made in code has its keys written out."""
        return self.scenario.text

    @property
    def file(self) -> str:
        """The file the scenario was read from; empty where it was made in code."""
        return self.scenario.file

    @property
    def tables(self) -> SceneTables:
        """Every table by name, as `tables.homes`: `frame()` is one of pandas, `xarray()` one with times and units."""
        return tables_of(self)

    def __repr__(self) -> str:
        """Return the scene in at most 15 lines."""
        case = self.scenario.scenario
        said = {
            "homes": f"{len(self.homes.home_id)}, with {spell_column(self.homes.owned)}",
            "feeder": f"'{self.feeder.name}', {len(self.feeder.buses.name)} buses",
            "time": f"{case.start} for {count_of(case.days, 'day')}, {case.timezone}; seed {case.seed}",
            "designs": ", ".join(self.scenario.compared),
            "tables": ", ".join(self.tables),
        }
        return in_lines(f"Scene '{case.title}'", said.items())

    def market(self, name: str) -> Market[Any]:
        """Return the design of that name, set by `[market.NAME]`, by `[[design]]` and, where it pays a credit, by `[tariff]`.

        Raises
        ------
        InputError
            No such design, with the nearest name, a strategy that does not fit it, with those that do, or a plugin that changed.
        """
        plugins.use(self.scenario.outside)
        market, credit = self.scenario.market_of(name), self.scenario.tariff.credit_per_kwh
        design = find("market", market)
        pays_credit = "credit_per_kwh" in {field.name for field in fields(design)}
        shared = {"credit_per_kwh": credit} if credit is not None and pays_credit else {}
        made: Market[Any] = design(**{**shared, **self.scenario.keys_of(name)})
        problems = find_mismatch(market, made.strategy, f"market.{name}.strategy")
        if problems:
            raise InputError(problems)
        return bill_by_file(made)


def load(
    path: str | Path, overrides: Sequence[str] = (), progress: Callable[[str], None] | None = None
) -> Scene:
    """Read a scenario file and build its scene; `overrides` as TABLE.KEY=VALUE; `progress` is told each stage.

    One override may stand alone, as text.

    Raises
    ------
    InputError
        Every problem found, each with file, key, what was got, what is expected and what to do.
    """
    require_call(progress, "progress", "a function of the stage")
    return build(read.load(path, overrides), progress)


def build(scenario: Scenario, progress: Callable[[str], None] | None = None) -> Scene:
    """Return the scene of a checked scenario: every source is read, homes are placed by the seed, all tables are checked.

    Raises
    ------
    InputError
        What the sources and the tables have wrong, all at once.
    """
    require(
        scenario, Scenario, "scenario", "a gridagora.Scenario; gridagora.load reads one from a file"
    )
    require_call(progress, "progress", "a function of the stage")
    tell = progress or _silent
    scenario = _checked(scenario)
    case = scenario.scenario
    start_s = midnight_s(case.start, case.timezone)
    problems: list[Problem] = []
    members = attempt(lambda: members_of(scenario), problems)
    loads = attempt(lambda: loads_of(scenario, start_s), problems)
    named = households.Named(members, loads)
    scenario = count_homes(scenario, named.home_id)
    tell("feeder")
    feeder = attempt(
        lambda: apply_pairs(draw.feeder(scenario, start_s), scenario.homes.on), problems
    )
    tell("prices")
    prices = attempt(lambda: draw.prices(scenario, start_s), problems)
    tell("weather")
    lived = attempt(lambda: households.measured(scenario, start_s), problems)
    sky = attempt(lambda: draw.sky(scenario, start_s, lived), problems)
    tell("homes")
    count = _count(scenario, feeder, problems)
    found = (
        attempt(lambda: households.homes(scenario, start_s, count, sky, lived, named), problems)
        if sky and not problems
        else None
    )
    if problems or feeder is None or prices is None or sky is None or found is None:
        raise InputError(
            dict.fromkeys(problems)
        )  # weather that homes and run share is at fault once
    is_bare = members is None or scenario.feeder.source == BUSBAR
    stand = None if is_bare or members is None else find_meters(members, feeder)
    scene = _joined(Parts(feeder, found.homes, sky.weather, prices.prices), scenario, stand, None)
    notes = (*found.notes, *say_places(members, scene.home_meter, scene.feeder, scenario))
    known = () if members is None else members.home_class
    return replace(
        scene, notes=notes, weather_note=sky.note, home_class=known, price_notes=prices.notes
    )


def assemble(
    feeder: Feeder | None = None,
    homes: Homes | None = None,
    weather: Weather | None = None,
    prices: Prices | None = None,
    scenario: Scenario | None = None,
    home_meter: Index | None = None,
    other_kw: Col | None = None,
    devices: Sequence[Any] = (),
) -> Scene:
    """Return a scene of parts made in code, checked as a file's would be.

    Left out, `scenario` has its defaults, `home_meter` places the homes by seed, `other_kw` follows office hours. A scenario
    that says something of comfort sliders, tiers or deviations draws the quality of the homes, any other leaves it as it is.

    Parameters
    ----------
    home_meter
        Meter of each home, shape (n,).
    other_kw
        Load that is no home's, by hour and meter, shape (h, j) [kW].
    devices
        Tables of devices, such as `gridagora.Batteries`, one of each kind: what homes own beside the tables of `homes.owned`, or
        in their place. A number stands for all rows of a column. A `[homes.KIND]` of the scenario draws its owners in addition.

    Raises
    ------
    InputError
        Every problem of the tables, and each that is missing.
    """
    scenario = Scenario() if scenario is None else scenario
    require(scenario, Scenario, "scenario", "a gridagora.Scenario")
    require(devices, (list, tuple), "devices", "a list of tables of devices")
    scenario = _checked(scenario)
    scene = _joined(
        Parts(feeder, homes, weather, prices),
        scenario,
        home_meter,
        other_kw,
        devices,
        scenario.devices,
    )
    return replace(scene, is_assembled=True)


class Parts(NamedTuple):
    """The tables of a scene."""

    feeder: Feeder | None
    homes: Homes | None
    weather: Weather | None
    prices: Prices | None


def _joined(
    parts: Parts,
    scenario: Scenario,
    home_meter: Index | None,
    other_kw: Col | None,
    devices: Sequence[Any] = (),
    drawn: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Scene:
    """Return a scene of checked tables; devices of the keys `drawn` are drawn for its homes."""
    feeder, homes, weather, prices = parts
    case, where = scenario.scenario, scenario.file or "scene"
    faulty: list[Problem] = []
    network = feeder_columns.feeder(feeder, f"{where}: feeder", faulty)
    population = columns.convert_table(homes, Homes, f"{where}: homes", faulty)
    sky = columns.convert_table(weather, Weather, f"{where}: weather", faulty)
    wholesale = columns.convert_table(prices, Prices, f"{where}: prices", faulty)
    if home_meter is not None:
        home_meter = columns.array(home_meter, Index, f"{where}: home_meter", faulty)
    if other_kw is not None:
        other_kw = columns.array(other_kw, Col, f"{where}: other_kw", faulty)
    if population is not None:
        population = columns.owning(population, devices, drawn, where, faulty)
    if faulty or network is None or population is None or sky is None or wholesale is None:
        raise InputError(faulty)
    feeder, homes, weather, prices = network, population, sky, wholesale
    start_s = midnight_s(case.start, case.timezone)
    problems = [
        *sound.feeder(feeder, where),
        *sound.prices(prices, start_s, case.days, where),
        *sound.credit(scenario, prices, where),
        *sound.weather(weather, start_s, case.days, where),
        *sound.homes(homes, case.days, where, scenario.homes.load_max_kw),
        *([] if other_kw is None else sound.other(other_kw, feeder, case.days, where)),
    ]
    feeder = feeder if home_meter is not None else apply_pairs(feeder, scenario.homes.on)
    standing = dwellings.places_by_seed(feeder, scenario)
    if home_meter is None and len(homes.home_id) <= standing.size:
        home_meter = dwellings.own_meters(standing, homes.home_id, feeder)
    if home_meter is None:
        problems.append(
            Problem(
                f"{where}: homes",
                f"{len(homes.home_id)} homes",
                f"at most {standing.size}, the places for homes",
            )
        )
    else:
        problems += sound.placing(home_meter, homes, feeder, where) or check_supply(
            scenario.feeder.voltage_band, feeder, home_meter, where
        )
    if problems or home_meter is None:
        raise InputError(problems)
    feeder = dwellings.keep_load_models(feeder, scenario, home_meter)
    feeder = hold_controls(feeder) if scenario.feeder.controls == "hold" else feeder
    sound.refuse_engine(scenario.feeder.engine, feeder, where)
    homes = draw.devices(drawn, People(homes, weather, case.seed))
    sound.refuse_bare(homes, where)
    _try_devices(homes, start_s, scenario)
    pairs = (
        partners.read(Path(scenario.layers.partners_file), homes.home_id)
        if scenario.layers.partners_file
        else None
    )
    if draw.draws_quality(scenario):
        homes = homes._replace(quality=draw.quality(scenario, homes.home_id))
    if other_kw is None:
        other_kw = dwellings.other_kw(feeder, scenario, home_meter, sound.hours(case.days))
    full = (
        scenario
        if scenario.text
        else scenario.model_copy(update={"text": read.write(_plain(scenario))})
    )
    stated_kw = scenario.substation.limit_kw or np.inf
    require_holdable(scenario, homes, other_kw, stated_kw, "limit_kw")
    return Scene(full, feeder, homes, weather, prices, home_meter, other_kw, pairs)


def _try_devices(homes: Homes, start_s: int, scenario: Scenario) -> None:
    """Refuse devices of plugins that do not hold what they say."""
    case = scenario.scenario
    first_h = (start_s + utc_offset_s(case.start, case.timezone)) // 3600
    local_hour = (first_h + np.arange(sound.hours(case.days))) % 24
    setting = device_probe.setting_of(homes, local_hour, scenario)
    if odd := device_probe.problems(setting, scenario.outside):
        raise InputError(odd)


def _checked(scenario: Scenario) -> Scenario:
    """Return a scenario whose keys were held against each other: one that was made in code is read as if it were a file."""
    if scenario.text:
        return scenario
    kept = {"file": scenario.file, "outside": scenario.outside}
    return read.parse(read.write(_plain(scenario)), scenario.file or "scene").model_copy(
        update=kept
    )


def _plain(scenario: Scenario) -> dict[str, Any]:
    """Return the keys that a program wrote, as a file would have them: a default that it left alone is no choice of its own."""
    values = scenario.model_dump(exclude=OF_READING, exclude_none=True, exclude_unset=True)
    values["design"] = [
        own.model_dump(exclude={"keys"}, exclude_none=True) | dict(own.keys)
        for own in scenario.designs
    ]
    for inner in ("home_columns", "home_units"):
        if inner in values:
            values.setdefault("homes", {})[inner.removeprefix("home_")] = values.pop(inner)
    parts = {name: dict(keys) for name, keys in scenario.parts.items()}
    devices = {kind: dict(keys) for kind, keys in scenario.devices.items()}
    values["market"] = values.get("market", {}) | parts
    values["homes"] = values.get("homes", {}) | devices
    return values


def _count(scenario: Scenario, feeder: Feeder | None, problems: list[Problem]) -> int:
    if feeder is None:
        return scenario.homes.count or 1
    free = int(customers_of(feeder).sum())
    asked = scenario.homes.count or free
    where = f"{scenario.file or 'scene'}: [homes] count"
    if not free:
        hint = 'Set on = "all" in [homes] to put a home on every load; gridagora check tells why each load stays one.'
        problems.append(
            Problem(
                where,
                f"a feeder '{feeder.name}' without a residential load",
                "at least one to put a home on",
                hint,
            )
        )
    elif asked > free:
        problems.append(
            Problem(
                where,
                str(asked),
                f"at most {free}, the places for homes on the feeder '{feeder.name}'",
            )
        )
    return asked


def _silent(stage: str) -> None:
    """Tell nobody."""
