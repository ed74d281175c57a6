"""Houses of a GridLAB-D model as homes: each at its meter, with its walls, units, set points and tank.

A house is a place for a home, rated at what its units and its loads draw; the table of a conversion says what it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from gridagora.files.glm import GlmObject
from gridagora.kernels.physics.etp import KWH_PER_BTU, LEVELS, Shell
from gridagora.sources.gridlabd.buses import BusTable
from gridagora.sources.gridlabd.generators import give_generators
from gridagora.sources.gridlabd.home_rows import GlmHome, PlacedHome
from gridagora.sources.gridlabd.house_shell import (
    KW_K,
    Built,
    Form,
    UnitDesign,
    build_house,
    size_units,
)
from gridagora.sources.gridlabd.loads import CustomerLoad, RowPart
from gridagora.sources.gridlabd.model import LEFT, Model, spell_taken
from gridagora.sources.gridlabd.quantities import read_real
from gridagora.sources.gridlabd.zip_loads import NO_PARTS, Parts

SAID: Mapping[str, str] = MappingProxyType(
    {
        **{name.upper(): name for name in LEVELS},
        **{str(at): name for at, name in enumerate(LEVELS)},  # as GridLAB-D numbers them
        "UNKNOWN": "good",
        "7": "good",
    }
)
COOLING = ("HEAT_PUMP", "ELECTRIC", "NONE")
HEATING = ("HEAT_PUMP", "RESISTANCE", "GAS", "NONE")
AUXILIARY = ("ELECTRIC", "NONE")
RESISTANCES = "It heats by resistances, as in GridLAB-D."
SHGC, REACH = 0.67, 0.6  # of two layers of low-e glass, and what curtains and shade let through
COOL_COP, HEAT_COP = 3.5, 2.5
SET_DEGF = (35.0, 110.0)  # beyond it no thermostat is set
LITRE_PER_GALLON, M2_PER_FT2 = 3.785411784, 0.09290304
TANK_GALLON = 50.0
ELEMENTS = (
    (50.0, 4.5),
    (30.0, 3.5),
    (0.0, 3.2),
)  # kW of an element by the least gallons of its tank
LEAST_KW = 1.0  # at which a house without units is rated
LEG_V = 120.0
DRAWN = "It is drawn by the scenario."
PLACE = "It is a place for a home; `gridagora convert` writes what it is to homes.csv."
IMPLICIT = "WATERHEATER"


def read_houses(model: Model, buses: BusTable) -> tuple[list[PlacedHome], frozenset[str]]:
    """Return the houses that stand at a split phase, and the names of the generators that they have; others are told."""
    tanks: dict[str, list[GlmObject]] = {}
    for each in model.of("waterheater"):
        name = model.text(each, "parent")
        target = model.by_name.get(name)
        if target is None or target.kind != "house":
            got = f"parent '{name}'" if name else "no parent"
            model.tell(each, got, "a house as its parent", LEFT, "parent")
            continue
        tanks.setdefault(target.name, []).append(each)
    found = []
    for each in model.of("house"):
        name = model.text(each, "parent")
        bus = buses.of.get(name, "")
        if not bus or not buses.is_split[bus]:
            got = f"parent '{name}'" if name else "no parent"
            model.tell(each, got, "a meter or node of a split phase as its parent", LEFT, "parent")
            continue
        found.append(PlacedHome(_home(model, each, tanks.get(each.name, [])), bus))
        model.tell(each, "a house", "homes of a table", PLACE)
    return give_generators(model, buses, found)


def place_loads(
    homes: Sequence[PlacedHome], appliances: Mapping[str, Parts]
) -> Iterator[CustomerLoad]:
    """Yield the loads whose places the homes take, between both legs, rated at what units and appliances draw together.

    `appliances` are those in a house by its name: parts of constant power, current and impedance [VA].
    """
    for home, bus in homes:
        power, current, impedance = appliances.get(home.home, NO_PARTS)
        units_kw = max(home.cool_kw / home.cool_cop, home.heat_kw / home.heat_cop)
        power += 1e3 * (units_kw + (home.tank_kw or 0.0))
        if not (power + current + impedance).real > 0:
            power, current, impedance = complex(1e3 * LEAST_KW), 0j, 0j
        row = RowPart((1, 2), power, current, impedance, 2 * LEG_V)
        yield CustomerLoad(home.home, bus, True, "residential", (row,), ())


def _home(model: Model, each: GlmObject, tanks: Sequence[GlmObject]) -> GlmHome:
    """Return a house as a row."""
    form = _form(model, each)
    built = _built(model, each, form)
    reach = _above(model, each, "window_exterior_transmission_coefficient", "1", REACH)
    aperture_ft2 = built.window_ft2 * SHGC * reach
    cool_kw, heat_kw, heat_cop = _units(model, each, built, form, aperture_ft2)
    has_tank, tank_l, tank_kw = _tank(model, tanks)
    house = built.house
    return GlmHome(
        home=each.name,
        meter=each.name,
        floor_m2=form.floor_ft2 * M2_PER_FT2,
        ua_kw_k=house.ua_kw_k,
        hm_kw_k=house.hm_kw_k,
        air_kwh_k=house.ca_kwh_k,
        mass_kwh_k=house.cm_kwh_k,
        aperture_m2=aperture_ft2 * M2_PER_FT2,
        cool_kw=cool_kw,
        heat_kw=heat_kw,
        cool_cop=_above(model, each, "cooling_cop", "pu", COOL_COP),
        heat_cop=heat_cop,
        cool_set_degc=_set_degc(model, each, "cooling_setpoint"),
        heat_set_degc=_set_degc(model, each, "heating_setpoint"),
        water_heater="yes" if has_tank else "no",
        tank_l=tank_l,
        tank_kw=tank_kw,
        pv_kw=None,
        tilt_deg=None,
        azimuth_deg=None,
        battery_kwh=None,
        battery_kw=None,
    )


def _above(model: Model, each: GlmObject, key: str, unit: str, default: float) -> float:
    """Return a number above zero; another one is told, and the default is taken."""
    found = model.real(each, key, unit, default)
    if found > 0:
        return found
    model.tell(
        each, f"{key} {model.text(each, key)}", f"{key} above 0", spell_taken(default, unit), key
    )
    return default


def _form(model: Model, each: GlmObject) -> Form:
    plain = Form()
    keys = {
        "floor_ft2": ("floor_area", "sf"),
        "stories": ("number_of_stories", "1"),
        "aspect": ("aspect_ratio", "1"),
        "ceiling_ft": ("ceiling_height", "ft"),
        "window_per_wall": ("window_wall_ratio", "pu"),
        "doors": ("number_of_doors", "1"),
        "partition_per_wall": ("interior_exterior_wall_ratio", "1"),
        "outer_wall": ("exterior_wall_fraction", "pu"),
        "outer_ceiling": ("exterior_ceiling_fraction", "pu"),
        "outer_floor": ("exterior_floor_fraction", "pu"),
        "mass_btu_f_ft2": ("total_thermal_mass_per_floor_area", "Btu/degF.sf"),
        "film_btu_h_f_ft2": ("interior_surface_heat_transfer_coeff", "Btu/h.degF.sf"),
    }
    said = {
        name: _above(model, each, key, unit, getattr(plain, name))  # columns of the same names
        for name, (key, unit) in keys.items()
    }
    return Form(**said)


def _built(model: Model, each: GlmObject, form: Form) -> Built:
    """Return the house by its level, by what it states of its walls, and by what it states to lose."""
    level = model.text(each, "thermal_integrity_level", "UNKNOWN").upper()
    if level not in SAID:
        expected = f"one of {', '.join(name.upper() for name in LEVELS)}"
        got, done = f"thermal_integrity_level {level}", "It is taken as GOOD."
        model.tell(each, got, expected, done, "thermal_integrity_level")
    of = LEVELS[SAID.get(level, "good")]
    plain = {
        "rroof": of.r_roof,
        "rwall": of.r_wall,
        "rfloor": of.r_floor,
        "rdoors": of.r_door,
        "rwindows": 1 / of.u_window,
    }
    r = [_above(model, each, key, "degF.sf.h/Btu", value) for key, value in plain.items()]
    changes = _above(model, each, "airchange_per_hour", "1/h", of.air_changes_per_h)
    built = build_house(Shell(r[0], r[1], r[2], r[3], 1 / r[4], changes), form)
    envelope, whole = (
        KW_K * _above(model, each, key, "Btu/degF.h", value / KW_K)
        for key, value in (("envelope_ua", built.envelope_kw_k), ("ua", built.house.ua_kw_k))
    )
    ua = whole if "ua" in each.values else built.house.ua_kw_k + envelope - built.envelope_kw_k
    return built._replace(house=built.house._replace(ua_kw_k=ua))


def _units(
    model: Model, each: GlmObject, built: Built, form: Form, aperture_ft2: float
) -> tuple[float, float, float]:
    """Return the thermal capacity of cooling and of electric heating [kW], and the performance of the latter."""
    plain = UnitDesign()
    design = UnitDesign(
        model.real(each, "cooling_design_temperature", "degF", plain.cool_outdoor_degf),
        model.real(each, "heating_design_temperature", "degF", plain.heat_outdoor_degf),
        model.real(each, "design_cooling_setpoint", "degF", plain.cool_degf),
        model.real(each, "design_heating_setpoint", "degF", plain.heat_degf),
        model.real(each, "over_sizing_factor", "pu", plain.over),
        model.real(each, "latent_load_fraction", "pu", plain.latent),
        model.real(each, "design_internal_gains", "Btu/h", plain.gain_btu_h),
    )
    sized = size_units(built.house.ua_kw_k, form.floor_ft2, aperture_ft2, design)
    cooling = model.word(each, "cooling_system_type", COOLING, "HEAT_PUMP")
    heating = model.word(each, "heating_system_type", HEATING, "HEAT_PUMP")
    auxiliary = model.word(each, "auxiliary_system_type", AUXILIARY, "ELECTRIC")
    if heating == "NONE" and auxiliary != "NONE":
        expected = "auxiliary_system_type NONE beside it"
        model.tell(each, "heating_system_type NONE", expected, RESISTANCES, "heating_system_type")
        heating = "RESISTANCE"
    cool_kw = _capacity(model, each, "design_cooling_capacity", sized.cool_kw)
    cool_kw = cool_kw if cooling != "NONE" else 0.0
    heat_kw = cool_kw if heating == "HEAT_PUMP" else sized.heat_kw
    heat_kw = _capacity(model, each, "design_heating_capacity", heat_kw)
    is_electric = heating in {"HEAT_PUMP", "RESISTANCE"}
    cop = _above(model, each, "heating_cop", "pu", HEAT_COP) if heating == "HEAT_PUMP" else 1.0
    return cool_kw, heat_kw if is_electric else 0.0, cop


def _capacity(model: Model, each: GlmObject, key: str, sized_kw: float) -> float:
    """Return a thermal capacity as it is stated, else as it is sized [kW]."""
    if key not in each.values:
        return sized_kw
    return KWH_PER_BTU * _above(model, each, key, "Btu/h", sized_kw / KWH_PER_BTU)


def _set_degc(model: Model, each: GlmObject, key: str) -> float | None:
    """Return a set point that is one number; another is told and drawn by the scenario."""
    said = model.text(each, key)
    if not said:
        return None
    found = read_real(said, "degF")
    if found is None or not SET_DEGF[0] <= found <= SET_DEGF[1]:
        expected = f"one temperature of {SET_DEGF[0]:g} to {SET_DEGF[1]:g} degF"
        model.tell(each, f"{key} {said}", expected, DRAWN, key)
        return None
    return (found - 32.0) / 1.8


def _tank(model: Model, tanks: Sequence[GlmObject]) -> tuple[bool, float | None, float | None]:
    """Return whether a house has an electric tank, its volume [l] and the power of its element [kW]."""
    if not tanks:
        said = model.glm.modules.get("residential", {}).get("implicit_enduses")
        return said is None or IMPLICIT in said[0].upper(), None, None
    for each in tanks[1:]:
        model.tell(each, "a second tank of its house", "one a house", LEFT)
    first = tanks[0]
    if (
        model.word(first, "heat_mode", ("ELECTRIC", "GASHEAT", "HEAT_PUMP"), "ELECTRIC")
        == "GASHEAT"
    ):
        return False, None, None
    gallon = _above(model, first, "tank_volume", "gal", TANK_GALLON)
    element = next(kw for least, kw in ELEMENTS if gallon >= least)
    kw = _above(model, first, "heating_element_capacity", "kW", element)
    return True, gallon * LITRE_PER_GALLON, kw
