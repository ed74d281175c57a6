"""Faults that lie between keys: each key is fine, the set of them is not."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast
from zoneinfo import ZoneInfoNotFoundError

from gridagora.core.errors import Problem
from gridagora.mechanisms import reactive
from gridagora.scenario import key_checks as faults
from gridagora.scenario import short_keys, unread
from gridagora.scenario.calendar import midnight_s, standard_offset_s
from gridagora.scenario.inverter_checks import check_inverters
from gridagora.scenario.inverter_keys import InverterKeys
from gridagora.scenario.key_checks import Got
from gridagora.scenario.money import check_currency
from gridagora.scenario.network_keys import NetworkKeys
from gridagora.scenario.price_clock import check_price_clock
from gridagora.scenario.schema import (
    SLACK,
    ComfortKeys,
    FeederKeys,
    HomesKeys,
    LayersKeys,
    PreferenceKeys,
    PricesKeys,
    QualityKeys,
    ReactiveKeys,
    ScenarioKeys,
    SubstationKeys,
    WeatherKeys,
)
from gridagora.scenario.table_model import Table

HOUR_S = 3600
UPGRADE = ("upgrade_per_kw_year", "upgrade_hours")  # keys of one price
READ_A_FILE = (
    ("feeder", "opendss", "file"),
    ("feeder", "gridlabd", "file"),
    ("feeder", "pandapower", "file"),
    ("weather", "epw", "file"),
    ("weather", "tmy3", "file"),
    ("weather", "nsrdb", "file"),
    ("weather", "table", "file"),
    ("prices", "ercot_files", "day_ahead_file"),
    ("prices", "ercot_files", "real_time_file"),
    ("prices", "table", "file"),
)


def check(
    tables: Mapping[str, Table],
    parts: Mapping[str, Any],
    devices: Mapping[str, Any],
    designs: Sequence[str],
    got: Got,
) -> list[Problem]:
    """Return the problems between the keys of a scenario whose keys are valid one by one; `designs` are names of its own."""
    case = cast(ScenarioKeys, tables["scenario"])
    homes = cast(HomesKeys, tables["homes"])
    return [
        *faults.architectures(case.architectures, designs, got.where("scenario", "architectures")),
        *_calendar(case, got),
        *check_currency(case, cast(PricesKeys, tables["prices"]), got),
        *check_price_clock(case, cast(PricesKeys, tables["prices"]), got),
        *_files(tables, got),
        *_engine(cast(FeederKeys, tables["feeder"]), got),
        *unread.check(tables, parts, got),
        *_substation(cast(SubstationKeys, tables["substation"]), got),
        *_network(cast(NetworkKeys, tables["network"]), got),
        *_reactive(cast(ReactiveKeys, tables["reactive"]), got),
        *check_inverters(cast(InverterKeys, tables["inverters"]), tables, parts, got),
        *_members(homes, got),
        *homes.shares.check(got.where("homes", "by_hand_share")),
        *_weather(homes, cast(WeatherKeys, tables["weather"]), got),
        *_sessions(homes, got),
        *_sliders(cast(ComfortKeys, tables["comfort"]), got),
        *_tiers(cast(QualityKeys, tables["quality"]), got),
        *_partners(cast(LayersKeys, tables["layers"]), parts, got),
        *_preference(cast(PreferenceKeys, tables["preference"]), parts, got),
        *_green(cast(PreferenceKeys, tables["preference"]), homes, devices, got),
    ]


def _engine(keys: FeederKeys, got: Got) -> list[Problem]:
    """Return the problem of a flow by OpenDSS of a feeder that no script describes, or by any other engine of none at all."""
    if keys.engine == "power_grid_model" and keys.source == "busbar":
        said = "power_grid_model beside source 'busbar'"
        expected, hint = "a feeder with voltages", "Leave engine out: a busbar has no flow."
        return [Problem(got.where("feeder", "engine"), said, expected, hint)]
    if keys.engine != "opendss" or keys.source == "opendss":
        return []
    said, expected = f"opendss beside source '{keys.source}'", "a feeder of the source 'opendss'"
    hint = "`gridagora convert MODEL FOLDER` writes a script of a model of another kind."
    return [Problem(got.where("feeder", "engine"), said, expected, hint)]


def _members(keys: HomesKeys, got: Got) -> list[Problem]:
    problems = []
    if (keys.table or keys.loads) and keys.count is not None:
        said = f"{keys.count} beside a {'table' if keys.table else 'file of loads'} of homes"
        hint = "It says how many there are; leave count out."
        problems.append(Problem(got.where("homes", "count"), said, "one of them", hint))
    if keys.loads and keys.source != "synthetic":
        said = f"a file beside source '{keys.source}', which has loads of its own"
        hint = "Leave source out, or read the file as source 'profiles'."
        problems.append(Problem(got.where("homes", "loads"), said, "one of them", hint))
    return problems


def _sessions(keys: HomesKeys, got: Got) -> list[Problem]:
    """Return what is wrong with the source of charging sessions: no file of one's own, shares beside sessions by home."""
    if keys.ev_source not in {"sessions", "by_home"} or keys.ev_share == 0:
        return []
    if not keys.ev_file:
        expected = f"the file that ev_source '{keys.ev_source}' reads"
        return [Problem(got.where("homes", "ev_file"), "nothing", expected)]
    written = keys.model_fields_set & {"ev_share", "ev_daily_share"}
    if keys.ev_source != "by_home":
        return []
    return [
        Problem(
            got.where("homes", key),
            f"{vars(keys)[key]} beside sessions by home, which say who has a car and when",
            "one of them",
            f"Leave {key} out.",
        )
        for key in sorted(written)
    ]


def _calendar(case: ScenarioKeys, got: Got) -> list[Problem]:
    try:
        days = [case.start + timedelta(days=step) for step in range(case.days + 1)]
        starts = [midnight_s(day, case.timezone) for day in days]
    except (ZoneInfoNotFoundError, ValueError, OSError):
        where = got.where("scenario", "timezone")
        return [
            Problem(
                where,
                f"'{case.timezone}'",
                "an IANA time zone such as 'Etc/GMT+6' or 'America/Chicago'",
            )
        ]
    except OverflowError:
        return [
            Problem(
                got.where("scenario", "start"),
                str(case.start),
                "a date at least the run's length before the year 9999",
            )
        ]
    hours = [
        (day, (after - before) / 3600)
        for day, before, after in zip(days, starts, starts[1:], strict=False)
    ]
    west_h = -standard_offset_s(case.start.year, case.timezone) // HOUR_S
    hint = f'Use local standard time all year, as timezone = "Etc/GMT{west_h:+d}".'
    return [
        Problem(
            got.where("scenario", "timezone"),
            f"a day of {long:g} hours, {day} in {case.timezone}",
            "days of 24 hours",
            hint,
        )
        for day, long in hours
        if long != 24
    ]


def _files(tables: Mapping[str, Table], got: Got) -> list[Problem]:
    return [
        Problem(got.where(name, key), "nothing", f"the file that source '{source}' reads")
        for name, source, key in READ_A_FILE
        if vars(tables[name])["source"] == source and not vars(tables[name])[key]
    ]


def _network(keys: NetworkKeys, got: Got) -> list[Problem]:
    """Return what is wrong with the second tier of envelopes: one of the substation alone has none, nor has a whole firm one."""
    where = got.where("network", "firm_share")
    if keys.firm_share < 1 and keys.envelopes != "feeder":
        said = f"{keys.firm_share:g} with envelopes of the substation alone"
        hint = 'Set envelopes = "feeder", or leave firm_share out.'
        return [Problem(where, said, "envelopes of the feeder, which have tiers", hint)]
    if keys.firm_share == 1 and keys.tier_per_kwh > 0:
        said = f"{keys.tier_per_kwh:g} $/kWh for a second tier of nothing"
        expected = "a firm_share below 1, which leaves some to buy"
        return [Problem(got.where("network", "tier_per_kwh"), said, expected)]
    return []


def _substation(keys: SubstationKeys, got: Got) -> list[Problem]:
    limits = {
        "limit_kw": keys.limit_kw,
        "limit_by_rating": keys.limit_by_rating or None,
        "limit_by_load_cycle": keys.limit_by_load_cycle or None,
        "limit_share_of_flat_peak": keys.limit_share_of_flat_peak,
    }
    prices = {
        "over_per_kwh": keys.over_per_kwh,
        "transformer_per_kva": keys.transformer_per_kva,
    }
    upgrade = [name for name in UPGRADE if name in keys.model_fields_set]
    prices |= {name: vars(keys)[name] for name in upgrade[:1]}
    return [
        *_one_of(limits, "one of them, or none for no limit", got),
        *_one_of(prices, "one of them; with none an overload costs what an upgrade does", got),
    ]


def _one_of(values: Mapping[str, float | None], expected: str, got: Got) -> list[Problem]:
    """Return the problem of keys of `[substation]` that exclude each other, where more than one is set."""
    said = [name for name, value in values.items() if value is not None]
    if len(said) < 2:
        return []
    both = " and ".join(f"{name} = {_spell(values[name])}" for name in said)
    return [Problem(got.where("substation", said[0]), f"both {both}", expected)]


def _spell(value: float | None) -> str:
    return "true" if value is True else f"{value:g}"


def _reactive(keys: ReactiveKeys, got: Got) -> list[Problem]:
    agreed = 1.0 if keys.power_factor is None else keys.power_factor
    faulty = {
        "power_factor": reactive.check(agreed, 1.0),
        "cap_per_kvarh": reactive.check(1.0, keys.cap_per_kvarh),
    }
    found = [
        Problem(got.where("reactive", key), each.got, each.expected, each.hint)
        for key, problems in faulty.items()
        for each in problems
    ]
    if keys.market == "nodal" and keys.power_factor is not None:
        both = f"'nodal' beside power_factor = {keys.power_factor:g}"
        expected = "one of the two: prices at every meter hold no power factor of the substation"
        found.append(Problem(got.where("reactive", "market"), both, expected))
    return found


def _sliders(keys: ComfortKeys, got: Got) -> list[Problem]:
    if keys.slider_low <= keys.slider_high:
        return []
    got_both = f"{keys.slider_low:g} above slider_high = {keys.slider_high:g}"
    hint = "Sliders are drawn between the two; set both to 1 for homes that are all alike."
    return [Problem(got.where("comfort", "slider_low"), got_both, "at most slider_high", hint)]


def _tiers(keys: QualityKeys, got: Got) -> list[Problem]:
    if keys.firm_share + keys.flexible_share <= 1 + SLACK:
        return []
    both = f"firm_share = {keys.firm_share:g} and flexible_share = {keys.flexible_share:g}"
    return [
        Problem(
            got.where("quality", "firm_share"),
            both,
            "shares that add up to at most 1: the rest is standard",
        )
    ]


def _partners(keys: LayersKeys, parts: Mapping[str, Any], got: Got) -> list[Problem]:
    if keys.partners_file or parts.get("peer", {}).get("graph") != "file":
        return []
    hint = "Set partners_file in [layers]: a CSV file with the ids of two homes a line."
    return [
        Problem(
            got.where("market", "peer", "graph"), "'file' and no file", "a file of partners", hint
        )
    ]


def _green(
    keys: PreferenceKeys, homes: HomesKeys, devices: Mapping[str, Any], got: Got
) -> list[Problem]:
    if (
        not keys.green_share
        or homes.source == "profiles"
        or short_keys.own_renewables(homes, devices)
    ):
        return []
    expected = "homes with panels: nobody else sells green energy"
    return [
        Problem(
            got.where("preference", "green_share"),
            f"{keys.green_share:g} while no home makes any",
            expected,
        )
    ]


def _preference(keys: PreferenceKeys, parts: Mapping[str, Any], got: Got) -> list[Problem]:
    peer, cares = parts.get("peer", {}), keys.green_share > 0
    own = peer.get("local_per_kwh", 0.0)
    both = keys.local_per_kwh > 0 and isinstance(own, int | float) and own > 0
    shown = f"green_share = {keys.green_share:g} with green_per_kwh = {keys.green_per_kwh:g}"
    twice = f"{keys.local_per_kwh:g} and market.peer.local_per_kwh = {own}"
    rules = (
        (
            "green_share",
            cares != (keys.green_per_kwh > 0),
            shown,
            "both above 0, or neither: who cares pays, and who pays cares",
        ),
        (
            "green_share",
            cares and peer.get("community", False) is True,
            f"{keys.green_share:g} with market.peer.community = true",
            "no green homes in a pool: it has one price and does not tell whose energy it was",
        ),
        ("local_per_kwh", both, twice, "one of the two"),
    )
    return [
        Problem(got.where("preference", key), what, expected)
        for key, broken, what, expected in rules
        if broken
    ]


def _weather(homes: HomesKeys, weather: WeatherKeys, got: Got) -> list[Problem]:
    problems = [
        Problem(got.where("weather", key), "nothing", "the place of the table, for its sun [deg]")
        for key in ("latitude_deg", "longitude_deg")
        if weather.source == "table" and vars(weather)[key] is None
    ]
    if homes.source == "travis" and weather.source != "travis":
        hint = "These homes are simulated in the weather of their own year."
        expected = "'travis' with homes of source 'travis'"
        problems.append(
            Problem(got.where("weather", "source"), f"'{weather.source}'", expected, hint)
        )
    if homes.source != "profiles":
        return problems
    if homes.weather_source in {"epw", "tmy3", "nsrdb"} and not homes.weather_file:
        expected = f"the file that weather_source '{homes.weather_source}' reads"
        problems.append(Problem(got.where("homes", "weather_file"), "nothing", expected))
    return problems
