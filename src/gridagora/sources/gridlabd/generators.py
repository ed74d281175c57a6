"""Panels and batteries behind inverters of a GridLAB-D model, given to the house at whose bus they stand."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gridagora.files.glm import GlmObject
from gridagora.sources.gridlabd.buses import BusTable
from gridagora.sources.gridlabd.home_rows import GlmHome, PlacedHome
from gridagora.sources.gridlabd.model import Model

INVERTERS = ("inverter", "inverter_dyn")
SUN_W_FT2 = 92.902  # at which panels are rated: 1 kW/m2
EFFICIENCY: Mapping[str, float] = MappingProxyType(
    {"SINGLE_CRYSTAL_SILICON": 0.2, "MULTI_CRYSTAL_SILICON": 0.15, "THIN_FILM_GA_AS": 0.3}
)
RATED = "Its rating and its control are those of the scenario."


def give_generators(
    model: Model, buses: BusTable, homes: Sequence[PlacedHome]
) -> tuple[list[PlacedHome], frozenset[str]]:
    """Return the houses with the panels and the battery at their bus, and what of a class of generators they have so.

    What stands at no house, at several, or second at one is none of it.
    """
    at_bus: dict[str, list[int]] = {}
    for row, placed in enumerate(homes):
        at_bus.setdefault(placed.bus, []).append(row)
    found, carried = list(homes), set[str]()
    for each in model.of("solar", "battery"):
        inverter = model.by_name.get(model.text(each, "parent"))
        if inverter is None or inverter.kind not in INVERTERS:
            continue
        rows = at_bus.get(buses.of.get(model.text(inverter, "parent"), ""), [])
        if len(rows) != 1:
            continue
        own = _panels(model, each) if each.kind == "solar" else _battery(model, each, inverter)
        home = found[rows[0]].home
        if not own or any(
            getattr(home, name) is not None for name in own
        ):  # columns by their names
            continue
        found[rows[0]] = found[rows[0]]._replace(home=GlmHome(**{**home._asdict(), **own}))
        if inverter.name not in carried:
            model.tell(inverter, "an inverter of its own", "that of the scenario", RATED)
        carried |= {each.name, inverter.name}
    return found, frozenset(carried)


def _panels(model: Model, each: GlmObject) -> dict[str, float]:
    """Return what the table says of panels: of their area, else as they are rated; of fixed ones where they look."""
    area_ft2 = model.real(each, "area", "sf")
    kind = model.text(each, "panel_type", "SINGLE_CRYSTAL_SILICON").upper()
    efficiency = model.real(each, "efficiency", "pu", EFFICIENCY.get(kind, 0.0))
    rated_w = (
        SUN_W_FT2 * area_ft2 * efficiency if area_ft2 else model.real(each, "rated_power", "VA")
    )
    if not rated_w > 0:
        got = "neither an area with its efficiency nor rated_power"
        model.tell(each, got, "one of them above 0")
        return {}
    own = {"pv_kw": 1e-3 * rated_w}
    if model.text(each, "orientation").upper() == "FIXED_AXIS":
        own |= {
            name: model.real(each, key, "deg")
            for name, key in (("tilt_deg", "tilt_angle"), ("azimuth_deg", "orientation_azimuth"))
            if key in each.values
        }
    return own


def _battery(model: Model, each: GlmObject, inverter: GlmObject) -> dict[str, float]:
    """Return what the table says of a battery, whose power is the most that its inverter discharges."""
    energy_kwh = 1e-3 * model.real(each, "battery_capacity", "Wh")
    power_w = model.real(inverter, "max_discharge_rate", "VA") or model.real(
        inverter, "rated_power", "VA"
    )
    if not energy_kwh > 0 or not power_w > 0:
        got = "no battery_capacity" if not energy_kwh > 0 else "no power of its inverter"
        model.tell(each, got, "both of them above 0")
        return {}
    return {"battery_kwh": energy_kwh, "battery_kw": 1e-3 * power_w}
