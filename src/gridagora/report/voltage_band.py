"""What voltages of homes are held to: ANSI C84.1 on a base of 120 V, or EN 50160 on 230 V where a scenario says so."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.tables import Col

NOMINAL = "v_nominal_pu"  # column of homes that are held to EN 50160
SAME = 1e-6  # of two bases


class VoltageBand(NamedTuple):
    """Limits in volts on a base, as figures draw them and words name them."""

    base_v: float
    inner_v: tuple[float, float]  # kept at all times
    outer_v: tuple[float, float]  # where a supply may be for a short time
    marks: tuple[tuple[str, float], ...]  # name and voltage of each edge [V]
    seen_v: tuple[float, float]  # what an axis shows at least
    axis: str
    off: str  # line of a card: homes that ever leave the inner one
    name: str  # of the inner one, in a sentence
    caption: str


ANSI = VoltageBand(
    base_v=120.0,
    inner_v=(114.0, 126.0),
    outer_v=(110.0, 127.0),
    marks=(("range A", 114.0), ("range A", 126.0), ("range B", 110.0), ("range B", 127.0)),
    seen_v=(113.0, 126.5),
    axis="Voltage on a 120 V base [V]",
    off="Off range A",
    name="range A",
    caption="Green is the ANSI C84.1 range A, amber range B.",
)
EN_50160 = VoltageBand(
    base_v=230.0,
    inner_v=(207.0, 253.0),
    outer_v=(195.5, 253.0),
    marks=(("−10 %", 207.0), ("+10 %", 253.0), ("−15 %", 195.5)),
    seen_v=(205.0, 254.0),
    axis="Voltage, line to neutral [V]",
    off="Off 230 V ±10 %",
    name="230 V ±10 %",
    caption=(
        "Green is 230 V ±10 %, which EN 50160 asks of 95 % of the ten-minute means of a week; amber, to −15 %, of the rest."
    ),
)


def band_of(homes: pd.DataFrame | None) -> VoltageBand:
    """Return the limits that the homes of a table are held to; those of ANSI where nothing is said."""
    return EN_50160 if homes is not None and NOMINAL in homes else ANSI


def base_of(homes: pd.DataFrame | None) -> float:
    """Return the volts of a unit of the model on the base of the limits [V]; nan where homes have several."""
    base_v = band_of(homes).base_v
    if homes is None or NOMINAL not in homes:
        return base_v
    nominal = homes[NOMINAL].to_numpy(float)
    return base_v / float(nominal[0]) if np.allclose(nominal, nominal[0], rtol=SAME) else np.nan


def volts(homes: pd.DataFrame, column: str) -> Col:
    """Return a voltage of every home on the base of its limits, shape (n,) [V], by column of the table in pu of the model."""
    held: Col = band_of(homes).base_v * homes[column].to_numpy(float)
    return held / homes[NOMINAL].to_numpy(float) if NOMINAL in homes else held
