"""Houses of other forms than the one of the levels, and the units that they are designed for, as GridLAB-D has them."""

import math
from typing import NamedTuple

from gridagora.kernels.physics.etp import (
    AIR_BTU_LB_F,
    AIR_LB_FT3,
    AIR_MASSES,
    ASPECT,
    CEILING_FT,
    FILM_BTU_H_F_FT2,
    KELVIN_PER_F,
    KWH_PER_BTU,
    MASS_BTU_F_FT2,
    PARTITION_PER_WALL,
    WINDOW_PER_WALL,
    House,
    Shell,
)

DOOR_FT2 = 19.5
SUN_BTU_H_FT2 = 195.0  # through windows in the hour that cooling is designed for
GAIN_BTU_H, GAIN_POWER = (
    167.09,
    0.442,
)  # of people and appliances, of the floor area [ft2] to that power
COOL_STEP_BTU_H, HEAT_STEP_BTU_H = 6000.0, 10_000.0  # in which units are made
KW_K = KWH_PER_BTU / KELVIN_PER_F  # of 1 Btu/(h F)


class Form(NamedTuple):
    """The form of a house: storeys, width over depth, and what share of it faces the outdoors."""

    floor_ft2: float = 2500.0  # of all storeys
    stories: float = 1.0
    aspect: float = ASPECT
    ceiling_ft: float = CEILING_FT
    window_per_wall: float = WINDOW_PER_WALL
    doors: float = 4.0
    partition_per_wall: float = PARTITION_PER_WALL
    outer_wall: float = 1.0
    outer_ceiling: float = 1.0
    outer_floor: float = 1.0
    mass_btu_f_ft2: float = MASS_BTU_F_FT2
    film_btu_h_f_ft2: float = FILM_BTU_H_F_FT2


class Built(NamedTuple):
    """A house, what its envelope loses without the air that comes in, and its windows."""

    house: House
    envelope_kw_k: float
    window_ft2: float  # that faces the outdoors


def build_house(shell: Shell, form: Form) -> Built:
    """Return the two-state house of a shell and a form.

    References
    ----------
    GridLAB-D residential module, house_e (D. Chassin et al., 2008, doi 10.1109/TDC.2008.4517254), and its user's guide,
    gridlab-d.shoutwiki.com/wiki/Residential_module_user's_guide.
    """
    depth_ft = math.sqrt(form.floor_ft2 / form.aspect / form.stories)
    wall = 2 * form.stories * (1 + form.aspect) * form.ceiling_ft * depth_ft
    window = form.window_per_wall * wall * form.outer_wall
    doors = form.doors * DOOR_FT2
    air = AIR_LB_FT3 * form.ceiling_ft * form.floor_ft2 * AIR_BTU_LB_F
    storey_ft2 = form.floor_ft2 / form.stories
    envelope = (
        storey_ft2 * form.outer_ceiling / shell.r_roof
        + storey_ft2 * form.outer_floor / shell.r_floor
        + (wall * form.outer_wall - window - doors) / shell.r_wall
        + window * shell.u_window
        + doors / shell.r_door
    )
    inside = wall - window - doors + wall * form.partition_per_wall + form.floor_ft2
    house = House(
        (envelope + shell.air_changes_per_h * air) * KW_K,
        form.film_btu_h_f_ft2 * inside * KW_K,
        AIR_MASSES * air * KW_K,
        (form.mass_btu_f_ft2 * form.floor_ft2 - 2 * air) * KW_K,
    )
    return Built(house, envelope * KW_K, window)


class UnitDesign(NamedTuple):
    """What units are designed for: temperatures [degF], what they have to spare and carry besides."""

    cool_outdoor_degf: float = 95.0
    heat_outdoor_degf: float = 0.0
    cool_degf: float = 75.0
    heat_degf: float = 70.0
    over: float = 0.0  # share to spare
    latent: float = 0.3  # share of moisture in cooling
    gain_btu_h: float = 0.0  # of people and appliances; 0: by the floor area


class Capacity(NamedTuple):
    """Thermal capacities of units."""

    cool_kw: float
    heat_kw: float  # of a furnace or of resistances; a heat pump heats with what it cools with


def size_units(
    ua_kw_k: float, floor_ft2: float, aperture_ft2: float, design: UnitDesign
) -> Capacity:
    """Return the units that GridLAB-D puts into a house of so many losses [kW/K], sun coming in through `aperture_ft2`.

    References
    ----------
    GridLAB-D residential module, house_e: its user's guide,
    gridlab-d.shoutwiki.com/wiki/Residential_module_user's_guide.
    """
    ua = ua_kw_k / KW_K
    gain = design.gain_btu_h or GAIN_BTU_H * floor_ft2**GAIN_POWER
    need = ua * (design.cool_outdoor_degf - design.cool_degf) + gain + SUN_BTU_H_FT2 * aperture_ft2
    cool = math.ceil((1 + design.over) * (1 + design.latent) * need / COOL_STEP_BTU_H)
    lost = ua * (design.heat_degf - design.heat_outdoor_degf)
    heat = math.ceil((1 + design.over) * lost / HEAT_STEP_BTU_H)
    return Capacity(cool * COOL_STEP_BTU_H * KWH_PER_BTU, heat * HEAT_STEP_BTU_H * KWH_PER_BTU)
