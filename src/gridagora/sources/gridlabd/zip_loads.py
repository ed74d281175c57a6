"""`ZIPload` in the houses of a GridLAB-D model: what it draws at nominal voltage, by parts of constant power, current, impedance.

`base_power` is active power; each part draws reactive power beside it by its own power factor. Parts are not filled up to one.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from gridagora.files.glm import GlmObject
from gridagora.sources.gridlabd.model import Model
from gridagora.sources.gridlabd.quantities import NEVER, read_real

PLAIN_SHARE = MappingProxyType({"power": 1.0, "current": 0.0, "impedance": 0.0})
# of a load that holds its power, and what is not about power
READ = re.compile(
    r"name|parent|groupid|base_power|(?:power|current|impedance)_(?:fraction|pf)|heatgain_fraction|is_240|breaker_amps|schedule_skew"
)
RATED = "It counts in the rating of its house; in a run appliances and their heat come from the scenario."

Parts = tuple[complex, complex, complex]  # power, current, impedance at nominal voltage [VA]
NO_PARTS: Parts = (0j, 0j, 0j)


def read_zip_loads(model: Model) -> tuple[Mapping[str, Parts], frozenset[str]]:
    """Return what the loads in each house draw by its name, and the names of these loads; any other is left to be told."""
    found: dict[str, Parts] = {}
    carried = set[str]()
    for each in model.of("ZIPload"):
        house = model.by_name.get(model.text(each, "parent"))
        if house is None or house.kind != "house" or not all(map(READ.fullmatch, each.values)):
            continue
        parts = _parts(model, each)
        if parts is None:
            continue
        own = found.get(house.name, NO_PARTS)
        found[house.name] = own[0] + parts[0], own[1] + parts[1], own[2] + parts[2]
        carried.add(each.name)
        got = f"{1e-3 * sum(parts).real:g} kW at nominal voltage"
        model.tell(each, got, "appliances of a scenario", RATED)
    return found, frozenset(carried)


def _parts(model: Model, each: GlmObject) -> Parts | None:
    """Return the parts of a load [VA]; None where a figure is none, as one that follows a schedule, or a power factor of 9."""
    base = read_real(model.text(each, "base_power", "0"), "kW")
    made = []
    for kind, plain in PLAIN_SHARE.items():
        share = _figure(model, each, f"{kind}_fraction", plain)
        factor = _figure(model, each, f"{kind}_pf", 1.0)
        if base is None or share is None or factor is None or not 0 < abs(factor) <= 1:
            return None
        p_va = 1e3 * base * share
        made.append(complex(p_va, p_va * np.sign(factor) * np.tan(np.arccos(abs(factor)))))
    return made[0], made[1], made[2]


def _figure(model: Model, each: GlmObject, key: str, default: float) -> float | None:
    said = model.text(each, key)
    return default if said.lower() in NEVER else read_real(said, "pu")
