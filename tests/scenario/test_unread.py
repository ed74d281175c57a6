"""A key that nothing reads is refused by name, a key that is read is not; figures of another unit are out of bounds."""

import pytest

from gridagora.core.errors import InputError
from gridagora.scenario import read
from gridagora.scenario.schema import TABLES
from gridagora.scenario.unread import READERS

BEFORE = {  # what the other keys of a scenario must be for the key `by` to have each value
    "homes.source": {"travis": "weather.source=travis", "profiles": ""},
    "homes.weather_source": dict.fromkeys(("epw", "tmy3", "nsrdb"), "homes.source=profiles"),
    "homes.ev_source": dict.fromkeys(("evipro", "sessions"), "homes.source=profiles"),
}
WORDS = {
    "feeder.seed": "3",
    "feeder.strict": "true",
    "feeder.load_models": "constant_power",
    "homes.on": "all",
    "homes.time_names": "end",
    "homes.step_minutes": "15",
    "homes.first": "2018-01-01",
    "homes.weather_source": "travis",
    "homes.ev_source": "evwatts",
    "homes.units.load": "kWh",
    "homes.units.heat": "kWh",
    "homes.units.hot_water": "kWh",
    "homes.units.temperature": "degF",
    "homes.units.ev": "Wh",
    "prices.unit": "ct/kWh",
    "weather.latitude_deg": "52.5",
    "weather.longitude_deg": "13.4",
    "homes.load_max_kw": "50",
    "homes.fit_r2_least": "0.5",
    "feeder.other_peak_share": "0.3",
}
CASES = [(f"{each.table}.{key}", each) for each in READERS for key in each.keys]


def told(*overrides: str) -> str:
    """Return the problems of a scenario; those of files that are not there are of no interest."""
    try:
        read.parse("", overrides=[item for item in overrides if item])
    except InputError as fault:
        return str(fault)
    return ""


@pytest.mark.parametrize(("key", "each"), CASES, ids=[f"{key} by {each.by}" for key, each in CASES])
def test_a_key_is_refused_where_nothing_reads_it_and_taken_where_something_does(
    key: str, each
) -> None:
    item = f"{key}={WORDS.get(key, 'x')}"
    table, _, name = each.by.rpartition(".")
    own = TABLES[table].model_fields[name].default
    if own not in each.values:
        said = told(item)
        assert f"--set {item}: got" in said
        assert f"= '{own}' does not read" in said
    for value in each.values:
        before = BEFORE.get(each.by, {}).get(value, "")
        if f"{each.by}={value}" != item:
            assert "does not read" not in told(before, f"{each.by}={value}", item)


def test_each_unread_key_is_told_once_and_all_together() -> None:
    said = told(
        "homes.columns.load=kw",
        "homes.units.ev=Wh",
        "prices.point=LZ_AEN",
        "homes.ev_source=evwatts",
    )
    assert len(said.splitlines()) == 4
    assert "[homes.columns]" not in said  # each is told as it was typed


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("homes.start", "2018-07-16", "homes and weather of no file"),
        ("layers.partners_file", "a.csv", "no design that reads it"),
        ("reactive.cap_per_kvarh", "0.01", "no power_factor agreed"),
        ("reactive.against", "volt_var", "no market at every meter"),
        ("reactive.day_ahead", "true", "no market at every meter"),
        ("reactive.priority", "reactive", "no market at every meter"),
        ("substation.also_without_limit", "true", "no limit"),
    ],
)
def test_a_key_that_another_must_give_a_use_is_refused_without_it(
    key: str, value: str, word: str
) -> None:
    assert word in told(f"{key}={value}")
    uses = {
        "homes.start": "weather.source=travis",
        "layers.partners_file": "market.peer.graph=file",
        "reactive.cap_per_kvarh": "reactive.power_factor=0.95",
        "reactive.against": "reactive.market=nodal",
        "reactive.day_ahead": "reactive.market=nodal",
        "reactive.priority": "reactive.market=nodal",
        "substation.also_without_limit": "substation.limit_kw=10",
    }
    assert word not in told(f"{key}={value}", uses[key])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("market.forecast_noise_per_kwh", "20"),
        ("comfort.reference_per_kwh", "7.2"),
        ("preference.local_per_kwh", "20"),
        ("preference.green_per_kwh", "20"),
        ("quality.deviation_per_kwh", "1e6"),
        ("quality.firm_value", "1e9"),
        ("comfort.slider_high", "1e9"),
        ("homes.load_max_kw", "1e9"),
    ],
)
def test_a_figure_of_another_unit_is_out_of_bounds(key: str, value: str) -> None:
    assert "expected a number of at most" in told(f"{key}={value}")


def test_defaults_are_read_or_harmless() -> None:
    assert told() == ""
