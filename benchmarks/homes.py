"""Three hundred homes that two simulators can both be given: shells, units, tanks and draws, from one seed."""

from typing import Any

import numpy as np

LEVELS = ("below_normal", "normal", "above_normal", "good")
LEVEL_NUMBER = {"below_normal": 2, "normal": 3, "above_normal": 4, "good": 5}  # of GridLAB-D
APPLIANCES = [0.6, 0.5, 0.45, 0.45, 0.45, 0.6, 0.9, 1.1, 1.0, 0.9, 0.9, 0.95]
APPLIANCES += [1.0, 1.0, 1.0, 1.05, 1.2, 1.5, 1.8, 1.8, 1.7, 1.5, 1.1, 0.8]
TAPS = [0.2, 0.1, 0.1, 0.1, 0.3, 1.0, 2.2, 2.4, 1.8, 1.2, 1.0, 0.9]
TAPS += [0.9, 0.8, 0.7, 0.7, 0.9, 1.2, 1.6, 1.7, 1.5, 1.3, 0.9, 0.5]


def draw(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Return the parameters of each home, in the units that GridLAB-D reads."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        floor = float(round(rng.uniform(1200, 2800)))
        level = str(rng.choice(LEVELS))
        set_degf = round(float(rng.uniform(72, 77)), 2)
        gallons = float(rng.choice([40, 50, 66]))
        found.append(
            {
                "floor_ft2": floor,
                "level_name": level,
                "level": LEVEL_NUMBER[level],
                "set_degf": set_degf,
                "mass_degf": round(set_degf + 0.9, 2),
                "cop": round(float(rng.uniform(3.0, 4.2)), 2),
                "cooling_btu_h": 6000.0 * np.ceil(floor * 25 / 6000),
                "load_kw": round(float(rng.uniform(0.4, 1.4)), 3),
                "gallons": gallons,
                "element_kw": 4.5 if gallons >= 50 else 3.5,
                "tank_ua": 2.0 * gallons / 50,
                "tap_gpm": round(float(rng.uniform(0.02, 0.06)), 4),
            }
        )
    return found
