"""The keys of a scenario file: one frozen model per TOML table, each key with its meaning, unit and default."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from gridagora.core import registry
from gridagora.core.currency import USD, Currency
from gridagora.core.errors import InputError, Problem, shown
from gridagora.scenario.inverter_keys import InverterKeys
from gridagora.scenario.key_sentences import IN_CODE, in_code
from gridagora.scenario.network_keys import NetworkKeys
from gridagora.scenario.plugins import Plugin
from gridagora.scenario.table_model import Table
from gridagora.settlement.overload import UPGRADE_HOURS, UPGRADE_PER_KW_YEAR

RANGE = "range"  # of a key that is checked with others, in words
SLACK = 1e-9  # shares of .7 and .3 add up to one, whatever their last bit says
Share = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
# Twice the offer cap of ERCOT, 5 $/kWh: what is above was written in another unit.
Rate = Annotated[float, Field(ge=0.0, le=10.0)]
Ratio = Annotated[
    float, Field(gt=0.0, le=100.0)
]  # of what service is worth to a home, over a standard home


def from_outside(key: str, word: object) -> bool:
    """Return whether a word of a key, as of prices.source, names a source of a plugin."""
    return any(
        entry.outside and entry.name == f"{key}={word}" for entry in registry.entries("source")
    )


def _or_from_outside(key: str) -> WrapValidator:
    """Return a validator that lets the sources of plugins through beside the words that a key lists."""

    def check(value: Any, listed: ValidatorFunctionWrapHandler) -> Any:
        return value if from_outside(key, value) else listed(value)

    return WrapValidator(check)


PriceSource = Literal[
    "synthetic", "ercot_hub_average", "ercot_zone", "ercot_hb_south_2016", "ercot_files", "table"
]
PriceUnit = Literal[
    "",
    "$/MWh",
    "$/kWh",
    "ct/kWh",
    "EUR/MWh",
    "EUR/kWh",
    "GBP/MWh",
    "GBP/kWh",
    "p/kWh",
    "CHF/MWh",
    "CHF/kWh",
]
EnergyUnit = Literal["kW", "kWh", "W", "Wh"]
DAYS_MAX = 366
METER_MAX_KW = 96.0  # 400 A at 240 V, the largest meter of a home
PV_MAX_KW = 100.0  # what such a meter takes, and a little more on the roof
TRAVIS = "{data}/loads/travis_county_tx_100homes_amy2018"


class ScenarioKeys(Table):
    """`[scenario]`: what is run, when, and under which designs."""

    title: str = Field("A feeder in Texas", description="shown on the table and the report")
    note: str = Field("", description="what a reader must know of the case, shown under the title")
    seed: int = Field(1, ge=0, description="seed of every random draw; equal in all architectures")
    start: date = Field(date(2024, 7, 15), description="first local day of the run")
    days: int = Field(7, ge=1, le=DAYS_MAX, description="length of the run [days]")
    timezone: str = Field(
        "Etc/GMT+6",
        description="IANA name of the local time; the default is Central Standard Time all year",
    )
    currency: Currency = Field(
        USD,
        description="ISO 4217 code of the currency of all money; keys and defaults in $ are in its units, nothing is converted",
    )
    architectures: tuple[str, ...] = Field(
        ("flat", "flat_optimised", "tou", "rtp", "central"),
        min_length=1,
        strict=False,
        description="designs to compare, in the order shown",
    )
    per_home: bool = Field(False, description="the same as `bills` in `keep` of `[results]`")


class ResultsKeys(Table):
    """`[results]`: what is kept of each home, by interval, beside the tables that every result has."""

    keep: tuple[Literal["bills", "temperature", "device_power"], ...] = Field(
        (),
        strict=False,
        description="tables of each home by interval: what its bill is made of, temperature of its air, power of its devices",
    )


class PluginsKeys(Table):
    """`[plugins]`: parts from outside the package. Importing them runs the code of their author."""

    modules: tuple[str, ...] = Field(
        (),
        strict=False,
        description="modules that register parts, by name, as my_pkg.my_market; found as Python finds modules",
    )
    files: tuple[str, ...] = Field((), strict=False, description="Python files that register parts")
    installed: bool = Field(
        True,
        description="whether installed packages that offer parts (entry points gridagora.parts) are used",
    )


class FeederKeys(Table):
    """`[feeder]`: the network."""

    source: Annotated[
        Literal["synthetic", "opendss", "gridlabd", "pandapower", "busbar"],
        _or_from_outside("feeder.source"),
    ] = Field(
        "synthetic",
        description="where the network comes from; busbar: none is known, all meters stand on one bus without losses",
    )
    file: str = Field(
        "",
        description="model of the source 'opendss' (master script), 'gridlabd' (.glm) or 'pandapower' (.json)",
    )
    engine: Literal["own", "opendss", "power_grid_model"] = Field(
        "own",
        description="what solves the power flow: this program; OpenDSS with the script of the source 'opendss'; or "
        "power-grid-model where it can represent the feeder",
    )
    strict: bool = Field(
        False, description="whether a model is refused of which anything is left out or assumed"
    )
    load_models: Literal["source", "constant_power"] = Field(
        "source",
        description="what voltage does to loads that are no homes: as their file says, or nothing",
    )
    voltage_band: Literal["ansi_a", "en_50160"] = Field(
        "ansi_a",
        description="what voltages of homes are held to: range A of ANSI C84.1, or EN 50160, 230 V ±10 % in 95 % of a week",
    )
    controls: Literal["move", "hold"] = Field(
        "move",
        description="whether line regulators and capacitor banks move in every interval, or stay as the feeder leaves them",
    )
    seed: int | None = Field(
        None,
        ge=0,
        description="seed of the synthetic network alone; left out: that of `[scenario]`",
    )
    other_peak_share: Share = Field(
        0.6,
        description="what its other loads draw in office hours, of their rating; 0: left out [0..1]",
    )


PARTICIPATION = "share of homes whose devices follow prices and markets by themselves; others keep to their switches [0..1]"


BY_HAND = (
    "share of homes that take no part and act by hand where a design posts dear windows [0..1]"
)


class HomeShares(NamedTuple):
    """Shares of homes [0..1]: those whose devices follow prices and markets by themselves, and those that act by hand."""

    automated: float
    by_hand: float

    def check(self, where: str) -> list[Problem]:
        """Return the problem of shares of more than all homes, or nothing."""
        if sum(self) <= 1 + SLACK:
            return []
        got = f"participation_share = {self.automated:g} and by_hand_share = {self.by_hand:g}"
        hint = f"A home that takes part does not act by hand: set participation_share to at most {1 - self.by_hand:g}."
        return [Problem(where, got, "shares that add up to at most 1", hint)]


class HomesKeys(Table):
    """`[homes]`: who lives on it and what they own."""

    source: Annotated[
        Literal["synthetic", "travis", "profiles"], _or_from_outside("homes.source")
    ] = Field("synthetic", description="where houses and appliances come from")
    folder: str = Field(
        TRAVIS, description="folder with homes_hourly.parquet, for sources 'travis' and 'profiles'"
    )
    file: str = Field(
        "",
        description="file of homes by its own name, CSV or Parquet, for source 'profiles'; goes before folder",
    )
    first: date | None = Field(
        None,
        description="day of hour 0, where the file numbers its hours; left out: 1 January of the year of the weather",
    )
    time_names: Literal["start", "end"] = Field(
        "start", description="what a time stamp of the file names of its row"
    )
    step_minutes: Literal[1, 5, 10, 15, 20, 30, 60] | None = Field(
        None,
        description="length of a numbered row [min]; left out: an hour, or what makes the rows a year",
    )
    load_max_kw: float = Field(
        96.0,
        gt=0.0,
        le=10_000.0,
        description="largest hourly load of a home that is believed; 400 A at 240 V, the largest meter of a home [kW]",
    )
    weather_source: Literal["", "travis", "epw", "tmy3", "nsrdb"] = Field(
        "",
        description="weather that the homes were measured in, for source 'profiles'; left out: that of the run",
    )
    weather_file: str = Field(
        "", description="file of that weather, for weather_source 'epw', 'tmy3' and 'nsrdb'"
    )
    weather_folder: str = Field(
        TRAVIS, description="folder of that weather, for weather_source 'travis'"
    )
    fit_r2_least: float = Field(
        0.8,
        le=1.0,
        description="share of the variance of heating and cooling that the house of the median home must explain [share]",
    )
    ev_source: Annotated[
        Literal["evipro", "evwatts", "sessions", "by_home"], _or_from_outside("homes.ev_source")
    ] = Field(
        "evipro",
        description="layout of ev_file: NREL EVI-Pro, EV WATTS, columns arrive, depart, energy_kwh and, if known, kw to draw "
        "from, or sessions by home as they are, with the energy of the charger",
    )
    ev_file: str = Field(
        "",
        description="charging sessions, where ev_share is above 0; left out: of homes of a file that of ev_source in the data "
        "folder, of synthetic homes those that are drawn",
    )
    ev_daily_share: Share | None = Field(
        None,
        description="chance that a car plugs in on a day; left out: 0.24, as the Texas cars of EV WATTS, or 0.5 of synthetic",
    )
    on: Literal["customers", "meters", "all"] = Field(
        "customers",
        description="what becomes a home: each customer of a residential load, residential loads of one customer, every load",
    )
    count: int | None = Field(
        None,
        ge=1,
        description="number of homes; left out: one in every place for homes on the feeder",
    )
    start: date | None = Field(
        None,
        description="day of the home data that meets the first day of the run; left out: same weekday",
    )
    table: str = Field(
        "",
        description="table of the homes, CSV, XLSX or Parquet, a row a home: name, meter, class, what it owns; what it lacks is "
        "drawn",
    )
    loads: str = Field(
        "",
        description="metered loads, CSV, XLSX or Parquet: a column of time and one a home, or columns home, time, load; or Green "
        "Button files, one (.xml) or a folder of them",
    )
    loads_hold: Literal["all", "appliances"] = Field(
        "all",
        description="what metered loads hold: all that homes draw, or all but heating, cooling and hot water, which are drawn",
    )
    participation_share: Share = Field(1.0, description=PARTICIPATION)
    by_hand_share: Share = Field(0.0, description=BY_HAND)
    pv_share: Share = Field(0.4, description="share of homes with solar panels [0..1]")
    pv_kw: float = Field(
        5.0, gt=0.0, le=PV_MAX_KW, description="rating of the panels of such a home [kW DC]"
    )
    tilt_deg: float = Field(
        25.0, ge=0.0, le=90.0, description="tilt of the panels; 0 is flat, 90 a wall [deg]"
    )
    azimuth_deg: float | None = Field(
        None,
        ge=0.0,
        le=360.0,
        description="where they face, clockwise from north; left out: the equator [deg]",
    )
    ev_share: Share = Field(0.3, description="share of homes with an electric vehicle [0..1]")
    ev_kw: float = Field(
        7.2, gt=0.0, le=METER_MAX_KW, description="rating of its charger at the meter [kW]"
    )
    battery_share: Share = Field(0.15, description="share of homes with a battery [0..1]")
    battery_kwh: float = Field(
        13.5, ge=0.0, le=1000.0, description="usable energy of such a battery [kWh]"
    )
    battery_kw: float = Field(
        5.0, ge=0.0, le=METER_MAX_KW, description="rating of such a battery, both ways [kW]"
    )
    battery_efficiency: float = Field(
        0.95, ge=0.5, le=1.0, description="energy out over energy in, one way, of such a battery"
    )
    tank_l: float = Field(
        189.0,
        ge=10.0,
        le=2000.0,
        description="size of the tank of a home with an electric water heater; 50 gallons [l]",
    )
    tank_kw: float = Field(4.5, gt=0.0, le=METER_MAX_KW, description="rating of its element [kW]")
    water_heaters: bool = Field(True, description="whether homes heat water with electricity")

    @property
    def shares(self) -> HomeShares:
        """The shares of homes that take part in all designs that state none of their own."""
        return HomeShares(self.participation_share, self.by_hand_share)


class HomeColumns(Table):
    """`[homes.columns]`: names of columns of the file of homes; left out: known names, or none and so no such device."""

    home: str = Field("", description="name of the home; known: home, home_id")
    time: str = Field(
        "", description="time stamp, or hour counted from 0; known: time, timestamp, t, hour"
    )
    load: str = Field("", description="appliances; known: load, non_shiftable_load")
    t_in: str = Field(
        "", description="indoor temperature; known: t_in, indoor_dry_bulb_temperature"
    )
    cool: str = Field("", description="heat removed by cooling; known: cool, cooling_demand")
    heat: str = Field(
        "", description="heat added by an electric heat pump; known: heat, heating_demand"
    )
    occupants: str = Field("", description="people at home; known: occupants, occupant_count")
    hot_water: str = Field(
        "", description="heat drawn from an electric tank; known: hot_water, dhw_demand"
    )


class HomeUnits(Table):
    """`[homes.units]`: units of the file of homes; kWh and Wh are the energy of a row, kW and W its mean power."""

    load: EnergyUnit | None = Field(
        None,
        description="of the load; left out: kW, or kWh an hour, and refused where rows are finer",
    )
    heat: EnergyUnit | None = Field(None, description="of cooling and heating, likewise")
    hot_water: EnergyUnit | None = Field(None, description="of hot water, likewise")
    temperature: Literal["degC", "degF"] = Field("degC", description="of the indoor temperature")
    ev: Literal["kWh", "Wh"] = Field(
        "kWh", description="of the energy in ev_file; power there is in kW or W"
    )


class WeatherKeys(Table):
    """`[weather]`: the outdoors."""

    source: Annotated[
        Literal["synthetic", "travis", "epw", "tmy3", "nsrdb", "table"],
        _or_from_outside("weather.source"),
    ] = Field("synthetic", description="where the weather comes from")
    file: str = Field(
        "",
        description="weather file, for sources 'epw', 'tmy3' and 'nsrdb', or columns of time, temperature and light, for 'table'",
    )
    folder: str = Field(TRAVIS, description="folder with weather.csv.gz, for source 'travis'")
    latitude_deg: float | None = Field(
        None, ge=-90.0, le=90.0, description="place of a table, north above zero [deg]"
    )
    longitude_deg: float | None = Field(
        None, ge=-180.0, le=180.0, description="place of a table, east above zero [deg]"
    )


class PricesKeys(Table):
    """`[prices]`: the wholesale market behind the substation, and what it costs to bring energy to a home."""

    source: Annotated[PriceSource, _or_from_outside("prices.source")] = Field(
        "synthetic", description="where the prices come from"
    )
    folder: str = Field(
        "",
        description="folder of the price series; left out: that of the source in the data folder",
    )
    day_ahead_file: str = Field(
        "", description="ERCOT's own file of day-ahead prices, for source 'ercot_files'"
    )
    real_time_file: str = Field(
        "", description="ERCOT's own file of real-time prices, for source 'ercot_files'"
    )
    file: str = Field(
        "",
        description="file of hourly prices of one load zone, for source 'ercot_zone', or of columns time and price, for 'table'",
    )
    point: str = Field(
        "", description="settlement point in ERCOT's own files; left out where they hold one"
    )
    point_type: str = Field(
        "",
        description="its type in the real-time file, such as 'LZ' or 'LZEW'; left out: the one not weighted by energy",
    )
    unit: PriceUnit = Field(
        "",
        description="unit of the prices of these files; left out: $/MWh, and refused where they look like another; of a table "
        "that of its heading",
    )
    delivery_per_kwh: float = Field(
        0.045, ge=0.0, le=1.0, description="network cost added to every kWh imported [$/kWh]"
    )
    export_credit_per_kwh: float = Field(
        0.0,
        ge=-1.0,
        le=1.0,
        description="paid on top of the wholesale price for a kWh exported [$/kWh]",
    )


class TariffKeys(Table):
    """`[tariff]`: what tariffs, as `flat`, `tou`, `critical_peak` and `demand_charge`, have in common."""

    credit_per_kwh: NotNegative | None = Field(
        None,
        description="export credit: paid for a kWh that leaves a home; left out: net metering, the import price [$/kWh]",
    )


LIMIT_KEYS = ("limit_kw", "limit_by_rating", "limit_by_load_cycle", "limit_share_of_flat_peak")


class SubstationKeys(Table):
    """`[substation]`: what it can carry, and what more costs, which is billed in every design; no limit where none is stated."""

    limit_kw: float | None = Field(None, gt=0.0, description="limit, of a contract [kW]")
    limit_by_rating: bool = Field(
        False,
        description="whether the limit is the rating of what all power of the feeder passes, at the power factor of its loads",
    )
    limit_by_load_cycle: bool = Field(
        False,
        description="whether the limit is that rating, for a transformer the peak that the shape of the load under 'flat' may "
        "have in the air of the run at normal ageing, IEEE C57.91",
    )
    limit_share_of_flat_peak: float | None = Field(
        None,
        gt=0.0,
        le=2.0,
        description="limit as a share of the peak under 'flat': a stress case, no limit of a real grid",
    )
    also_without_limit: bool = Field(
        False, description="whether captured value is reported without the limit as well"
    )
    over_per_kwh: float | None = Field(
        None,
        ge=0.0,
        le=100.0,
        description="cost of energy above the limit, of a contract or a stress case; left out: that of an upgrade [$/kWh]",
    )
    transformer_per_kva: float | None = Field(
        None,
        gt=0.0,
        le=1000.0,
        description="to replace the transformer: energy above its rating costs the life it loses, IEEE C57.91 [$/kVA]",
    )
    upgrade_per_kw_year: float = Field(
        UPGRADE_PER_KW_YEAR,
        ge=0.0,
        le=2000.0,
        description="cost of a kW more; the default is what PG&E avoided in distribution, CPUC decision 10-12-024 [$/kW/year]",
    )
    upgrade_hours: float = Field(
        UPGRADE_HOURS,
        gt=0.0,
        le=8784.0,
        description="hours a year that cause an upgrade, on which its cost is laid [h]",
    )

    @property
    def is_limited(self) -> bool:
        """Whether any key states a limit."""
        return any(vars(self)[key] for key in LIMIT_KEYS)


class LayersKeys(Table):
    """`[layers]`: places between a home and the substation; a layered design clears at each of them."""

    transformers: bool = Field(
        True,
        description="whether service transformers clear; if not, homes stand below zone or feeder",
    )
    zones: int = Field(
        4, ge=0, le=1000, description="zones of neighbouring service transformers; 0: none"
    )
    zone_limit_share_of_flat_peak: float | None = Field(
        None,
        gt=0.0,
        le=2.0,
        description="limit of a zone with all meters as a share of its peak under 'flat'; left out: no limit",
    )
    transformer_limit_share: float | None = Field(
        None,
        gt=0.0,
        le=5.0,
        description="limit of a transformer with all meters as a share of its rating; left out: no limit",
    )
    partners_file: str = Field(
        "",
        description="CSV file of pairs of home ids that may trade with each other, for market.peer.graph 'file'",
    )


class PreferenceKeys(Table):
    """`[preference]`: what homes that trade with each other want beside a low price."""

    local_per_kwh: Rate = Field(
        0.0,
        description="what every home would pay more for a kWh of another home than for one of the supplier [$/kWh]",
    )
    green_per_kwh: Rate = Field(
        0.0,
        description="what a green home would pay more for a kWh of a home with sun to spare [$/kWh]",
    )
    green_share: Share = Field(
        0.0, description="share of homes that are green; the rest want a low price [0..1]"
    )


class LinksKeys(Table):
    """`[links]`: how messages between homes and a layered market fail, and how often agents of homes are offline."""

    loss_share: float = Field(
        0.0, ge=0.0, lt=1.0, description="share of messages that never arrive [0..1)"
    )
    duplicate_share: float = Field(
        0.0, ge=0.0, lt=1.0, description="share of tenders that arrive twice [0..1)"
    )
    delay_intervals: int = Field(
        0, ge=0, le=288, description="real-time intervals that a tender is late"
    )
    outages_per_day: float = Field(
        0.0, ge=0.0, le=24.0, description="how often a day the agent of a home goes offline [1/day]"
    )
    outage_hours: float = Field(
        2.0, gt=0.0, le=240.0, description="how long it stays offline in the mean [h]"
    )


class AreaKeys(Table):
    """`[area]`: an area of many feeders, whose homes are drawn from those of `[homes]` as archetypes; it runs `layered`."""

    homes: int | None = Field(
        None, ge=1, description="homes of the area; left out: the scenario is that of its own homes"
    )
    shards: int = Field(
        1, ge=1, description="parts that the homes are cut into; results are the same"
    )
    processes: bool = Field(
        False, description="every part in a process of its own, instead of one after the other"
    )
    blocks: int = Field(
        64, ge=0, description="blocks of the curve that a place passes up; 0: every breakpoint"
    )
    sample: int = Field(100, ge=0, description="homes that are kept in every interval")


class ForecastKeys(Table):
    """`[forecast]`: what plans get wrong of the hours to come; nothing of what is measured, and nothing in the mean."""

    load_error_share: float = Field(
        0.0,
        ge=0.0,
        le=2.0,
        description="standard deviation of the forecast of the load of a home, a day ahead, over the load [share]",
    )
    load_common_share: Share = Field(
        0.005,
        description="share of the variance of that error that all homes have in common [0..1]",
    )
    sun_error_share: float = Field(
        0.0, ge=0.0, le=2.0, description="the same of the power of solar panels [share]"
    )
    sun_common_share: Share = Field(
        0.9, description="share of the variance of that error that all panels have in common [0..1]"
    )
    temperature_error_k: float = Field(
        0.0,
        ge=0.0,
        le=20.0,
        description="standard deviation of the forecast of the outdoor temperature, a day ahead, for all homes alike [K]",
    )
    draws_error_share: float = Field(
        0.0,
        ge=0.0,
        le=2.0,
        description="the same as for loads of what plans know of hot water [share]",
    )
    correlation_hours: float = Field(
        6.0, gt=0.0, le=240.0, description="time in which an error loses its memory [h]"
    )


class ReactiveKeys(Table):
    """`[reactive]`: what is agreed of reactive power at the substation, and where it is bought."""

    power_factor: float | None = Field(
        None,
        json_schema_extra={
            RANGE: "above 0 to 1"
        },  # cross_checks holds it, and says what a value means
        description="agreed at the substation, above 0 and at most 1; left out: nobody asks for reactive power",
    )
    cap_per_kvarh: float = Field(
        0.003,
        json_schema_extra={RANGE: "above 0"},
        description="what reactive energy costs elsewhere, a capacitor bank or a power-factor charge [$/kvarh]",
    )
    market: Literal["substation", "nodal"] = Field(
        "substation",
        description="where inverters offer reactive power under a design that asks them: for the power factor agreed at the "
        "substation, at one price; or at every meter, at what a kvarh is worth there in losses, voltages and ratings",
    )
    against: Literal["unity", "volt_var"] = Field(
        "unity",
        description="what the market at every meter is shown against: inverters at unity power factor alone, or also panels that "
        "follow volt-var by the curve of `[inverters]`, on the same active power",
    )
    priority: Literal["active", "reactive"] = Field(
        "active",
        description="what panels offer at their meters: what their active power leaves of the rating, or all of their "
        "capability, at the price of the energy that they give up for it",
    )
    day_ahead: bool = Field(
        False,
        description="whether the market at every meter also clears at midnight, hour by hour, on what is forecast then; what is "
        "agreed is paid its price, and real time what differs",
    )


class ComfortKeys(Table):
    """`[comfort]`: what warmth and coolness are worth."""

    value_per_k2_h: float = Field(
        0.05,
        gt=0.0,
        le=100.0,
        description="cost of an hour one degree off the best temperature, squared, to a standard home [$/(K2 h)]",
    )
    reference_per_kwh: float = Field(
        0.072,
        ge=0.0,
        le=1.0,
        description="import price at which homes chose their set points: it fixes the temperature they like best [$/kWh]",
    )
    slider_low: Ratio = Field(
        1.0, description="least that comfort is worth to a home, over a standard home [ratio]"
    )
    slider_high: Ratio = Field(
        1.0, description="most that it is worth; each home draws its slider between the two [ratio]"
    )


class QualityKeys(Table):
    """`[quality]`: tiers of service that homes buy, and what they pay for delivering other than awarded."""

    firm_share: Share = Field(0.0, description="share of homes in the firm tier [0..1]")
    flexible_share: Share = Field(
        0.0, description="share of homes in the flexible tier; the rest are standard [0..1]"
    )
    firm_value: float = Field(
        4.0,
        ge=1.0,
        le=100.0,
        description="value of comfort, hot water and car charge to a firm home, over a standard home [ratio]",
    )
    flexible_value: float = Field(
        0.25, gt=0.0, le=1.0, description="the same to a flexible home [ratio]"
    )
    deviation_per_kwh: Rate = Field(
        0.0, description="what a home pays for a kWh delivered other than awarded [$/kWh]"
    )
    deviation_window: Literal["interval", "hour"] = Field(
        "hour", description="over which deviation is averaged"
    )


SPREAD_MAX_MIN = 120
SPREAD = "homes that follow a posted price wait up to so long before a device starts [min]"


class MarketKeys(Table):
    """`[market]`: what all designs share; `[market.NAME]` holds the keys of one."""

    interval_minutes: Literal[5, 15] = Field(5, description="length of a real-time interval [min]")
    horizon_hours: int = Field(24, ge=1, le=25, description="look-ahead of a plan [h]")
    forecast: Literal["persistence", "perfect_prices", "perfect"] = Field(
        "persistence",
        description="what plans know: 'persistence' neither prices nor hot-water draws to come, 'perfect_prices' no draws",
    )
    forecast_noise_per_kwh: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="noise on the price forecast of every hour but the present one, standard deviation; "
        "ERCOT's own prices of 2024 have one of 0.085 [$/kWh]",
    )
    dispatch: Literal["priority", "account", "continuous"] = Field(
        "priority",
        description="how on/off units follow a dispatch: 'priority' by turns among the homes of a service transformer, "
        "'account' each home by itself, 'continuous' as if they could take any power",
    )
    rest_minutes: int = Field(
        3, ge=1, le=30, description="least time between two switches of an on/off unit [min]"
    )
    start_spread_minutes: int = Field(0, ge=0, le=SPREAD_MAX_MIN, description=SPREAD)
    closes_stores: bool = Field(
        False,
        description="whether plans end the run with stores as 'flat' leaves them, so that little of a gain is what they hold",
    )


class Design(Table):
    """`[[design]]`: a design of the scenario's own, a market under another name and with keys that differ."""

    name: str = Field(description="what tables show, and lists of designs call it")
    market: str = Field(
        description="the market that it is; it starts from the keys of `[market.MARKET]`"
    )
    start_spread_minutes: int | None = Field(
        None, ge=0, le=SPREAD_MAX_MIN, description=f"{SPREAD}; left out: that of `[market]`"
    )
    participation_share: Share | None = Field(
        None, description=f"{PARTICIPATION}; left out: that of `[homes]`"
    )
    by_hand_share: Share | None = Field(None, description=f"{BY_HAND}; left out: that of `[homes]`")
    keys: Mapping[str, Any] = Field(
        default_factory=dict,
        description="keys of the market that differ; in a file beside name and market",
    )


class Scenario(Table):
    """A whole scenario. Every table and every key has a default, so `Scenario()` is the synthetic case.

    Made in code, tables are dictionaries of keys: `Scenario(homes={"count": 6}, parts={"tou": {"peak_ratio": 1.5}})`.

    Raises
    ------
    InputError
        Every unknown table, unknown key and value that no key can hold, at once.
    """

    model_config = ConfigDict(populate_by_name=True)

    scenario: ScenarioKeys = ScenarioKeys()
    results: ResultsKeys = ResultsKeys()
    plugins: PluginsKeys = PluginsKeys()
    feeder: FeederKeys = FeederKeys()
    homes: HomesKeys = HomesKeys()
    home_columns: HomeColumns = Field(HomeColumns(), alias="homes.columns")
    home_units: HomeUnits = Field(HomeUnits(), alias="homes.units")
    weather: WeatherKeys = WeatherKeys()
    prices: PricesKeys = PricesKeys()
    tariff: TariffKeys = TariffKeys()
    substation: SubstationKeys = SubstationKeys()
    layers: LayersKeys = LayersKeys()
    preference: PreferenceKeys = PreferenceKeys()
    links: LinksKeys = LinksKeys()
    forecast: ForecastKeys = ForecastKeys()
    area: AreaKeys = AreaKeys()
    network: NetworkKeys = NetworkKeys()
    inverters: InverterKeys = InverterKeys()
    reactive: ReactiveKeys = ReactiveKeys()
    comfort: ComfortKeys = ComfortKeys()
    quality: QualityKeys = QualityKeys()
    market: MarketKeys = MarketKeys()
    parts: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict, description="keys of `[market.NAME]`, by NAME"
    )
    designs: tuple[Design, ...] = Field((), strict=False, description="every `[[design]]`")
    outside: tuple[Plugin, ...] = Field((), description="the plugins that were imported for it")
    devices: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict, description="keys of `[homes.KIND]`, by KIND"
    )
    file: str = Field("", description="the file it was read from; empty where it was made in code")
    text: str = Field("", description="its TOML text, overrides included")
    folder: str = Field("", description="the folder at which its relative paths start")
    written: Mapping[str, str] = Field(
        default_factory=dict,
        description="the paths that its sources open, as written, by TABLE.KEY",
    )

    def __init__(self, *stray: object, **tables: Any) -> None:
        if stray:
            expected = "tables by name, as Scenario(homes={'count': 6})"
            raise InputError(
                [
                    Problem(IN_CODE, shown(each), expected, "gridagora.load reads a file.")
                    for each in stray
                ]
            )
        try:
            super().__init__(**tables)
        except ValidationError as fault:
            raise InputError(in_code(fault, type(self).model_fields)) from None

    @property
    def compared(self) -> tuple[str, ...]:
        """The designs to compare, in the order shown: those listed, or where no list is written the usual ones and its own."""
        listed = self.scenario.architectures
        if "architectures" in self.scenario.model_fields_set:
            return listed
        return listed + tuple(design.name for design in self.designs)

    def design_of(self, name: str) -> Design | None:
        """Return the `[[design]]` of that name; None of a market itself."""
        return next((each for each in self.designs if each.name == name), None)

    def market_of(self, design: str) -> str:
        """Return the market that a design is: that of `[[design]]`, or the market of that name."""
        own = self.design_of(design)
        return design if own is None else own.market

    def keys_of(self, design: str) -> Mapping[str, Any]:
        """Return the keys of a design: those of its market, and its own over them."""
        own = self.design_of(design)
        shared = self.parts.get(self.market_of(design), {})
        return shared if own is None else {**shared, **own.keys}

    def start_spread_of(self, design: str) -> int | None:
        """Return how long a design spreads starts by itself [min], None where it does as `[market]` says."""
        own = self.design_of(design)
        return None if own is None else own.start_spread_minutes

    def shares_of(self, design: str) -> HomeShares:
        """Return the shares of homes that take part in a design and that act by hand: its own, or those of `[homes]`."""
        own, every = self.design_of(design), self.homes.shares
        said = (None, None) if own is None else (own.participation_share, own.by_hand_share)
        pairs = zip(every, said, strict=True)
        return HomeShares(*(usual if share is None else share for usual, share in pairs))


TABLES: Mapping[str, type[Table]] = MappingProxyType(
    {
        "scenario": ScenarioKeys,
        "results": ResultsKeys,
        "plugins": PluginsKeys,
        "feeder": FeederKeys,
        "homes": HomesKeys,
        "homes.columns": HomeColumns,
        "homes.units": HomeUnits,
        "weather": WeatherKeys,
        "prices": PricesKeys,
        "tariff": TariffKeys,
        "substation": SubstationKeys,
        "layers": LayersKeys,
        "preference": PreferenceKeys,
        "links": LinksKeys,
        "forecast": ForecastKeys,
        "area": AreaKeys,
        "network": NetworkKeys,
        "inverters": InverterKeys,
        "reactive": ReactiveKeys,
        "comfort": ComfortKeys,
        "quality": QualityKeys,
        "market": MarketKeys,
    }
)
