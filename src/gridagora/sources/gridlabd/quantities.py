"""Numbers of a GridLAB-D model: with units behind them, complex as 1+2j or 7200-120d, phases, and words of a choice."""

import cmath
import math
import re
from types import MappingProxyType

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
REAL = re.compile(rf"({NUMBER})\s*(.*)")
COMPLEX = re.compile(rf"({NUMBER})\s*(?:({NUMBER})\s*([ijdr])|([dr])\s*({NUMBER})|([ij]))?\s*(.*)")
NEVER = {"", "none", "null"}
TRUE, FALSE = {"true", "yes", "1"}, {"false", "no", "0"}

# factor to the first unit of each row; a value without a unit is in that unit
UNITS = MappingProxyType(
    {
        "ft": {"ft": 1.0, "kft": 1e3, "mile": 5280.0, "miles": 5280.0, "mi": 5280.0, "yd": 3.0, "in": 1 / 12,
               "m": 1 / 0.3048, "km": 1000 / 0.3048, "cm": 0.01 / 0.3048, "mm": 0.001 / 0.3048},
        "in": {"in": 1.0, "ft": 12.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "m": 1 / 0.0254},
        "Ohm/mile": {"Ohm/mile": 1.0, "Ohm/km": 1.609344, "Ohm/m": 1609.344, "Ohm/ft": 5280.0,
                     "Ohm/kft": 5.28},
        "nF/mile": {"nF/mile": 1.0, "nF/km": 1.609344, "uF/mile": 1e3, "pF/mile": 1e-3,
                    "uF/km": 1609.344},
        "Ohm": {"Ohm": 1.0, "kOhm": 1e3, "mOhm": 1e-3},
        "S": {"S": 1.0, "mS": 1e-3},
        "VA": {"VA": 1.0, "kVA": 1e3, "MVA": 1e6, "W": 1.0, "kW": 1e3, "MW": 1e6, "VAr": 1.0,
               "kVAr": 1e3, "MVAr": 1e6},
        "kVA": {"kVA": 1.0, "MVA": 1e3, "VA": 1e-3, "kW": 1.0, "W": 1e-3, "MW": 1e3},
        "V": {"V": 1.0, "kV": 1e3},
        "A": {"A": 1.0, "kA": 1e3},
        "s": {"s": 1.0, "min": 60.0, "h": 3600.0},
        "pu": {"pu": 1.0, "%": 0.01},
        "1": {},
        "sf": {"sf": 1.0, "ft^2": 1.0, "m^2": 10.7639104167},
        "degF": {"degF": 1.0},
        "gal": {"gal": 1.0, "l": 1 / 3.785411784, "L": 1 / 3.785411784},
        "degF.sf.h/Btu": {"degF.sf.h/Btu": 1.0, "degF*sf*h/Btu": 1.0},
        "Btu/degF.h": {"Btu/degF.h": 1.0, "Btu/degF*h": 1.0, "Btu/h.degF": 1.0},
        "Btu/degF.sf": {"Btu/degF.sf": 1.0, "Btu/degF*sf": 1.0},
        "Btu/h.degF.sf": {"Btu/h.degF.sf": 1.0, "Btu/h*degF*sf": 1.0},
        "Btu/h": {"Btu/h": 1.0, "kBtu/h": 1e3, "kW": 3412.141633, "W": 3.412141633},
        "kW": {"kW": 1.0, "W": 1e-3},
        "Wh": {"Wh": 1.0, "kWh": 1e3, "MWh": 1e6},
        "deg": {"deg": 1.0},
        "1/h": {"1/h": 1.0},
    }
)  # fmt: skip
LOWER = MappingProxyType(
    {kind: {name.lower(): factor for name, factor in row.items()} for kind, row in UNITS.items()}
)


def read_real(text: str, unit: str) -> float | None:
    """Return a number in a unit, or None where the text is no number or its own unit is another kind."""
    found = REAL.fullmatch(text.strip())
    if found is None:
        return None
    factor = _factor(found[2], unit)
    return None if factor is None else float(found[1]) * factor


def read_complex(text: str, unit: str) -> complex | None:
    """Return a complex number in a unit, or None where the text is none; `d` and `r` are polar, in degrees and radians."""
    found = COMPLEX.fullmatch(text.strip())
    if found is None:
        return None
    first = float(found[1])
    factor = _factor(found[7], unit)
    if factor is None:
        return None
    if found[6]:
        return factor * complex(0.0, first)
    mark, second = found[3] or found[4], float(found[2] or found[5] or 0.0)
    if mark in {"d", "r"}:
        angle = math.radians(second) if mark == "d" else second
        return factor * cmath.rect(first, angle)
    return factor * complex(first, second)


def _factor(name: str, unit: str) -> float | None:
    name = name.strip()
    if not name:
        return 1.0
    own = UNITS[unit].get(name)
    return LOWER[unit].get(name.lower().replace(" ", "")) if own is None else own


def read_phases(text: str) -> frozenset[str] | None:
    """Return the letters of a set of phases such as "ABCN" or "A|B", or None where one is unknown."""
    letters = frozenset(text.upper().replace("|", "").replace(" ", "").strip("\"'"))
    return letters if letters <= set("ABCNDSG12") else None


def read_truth(text: str) -> bool | None:
    """Return a truth value, None where the word is neither."""
    word = text.strip().lower()
    return True if word in TRUE else False if word in FALSE else None
