"""How the page of risk names designs, drivers and figures, and the words that explain it."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from gridagora.core.registry import find, names
from gridagora.report.style import DESIGN_LABELS, number
from gridagora.studies.risk.events import EVENTS

MOST_PLACES = 6  # after the point
DRIVERS: Mapping[str, str] = {
    "air_max_degc": "highest temperature",
    "air_mean_degc": "mean temperature",
    "air_min_degc": "lowest temperature",
    "sun_kwh_m2": "sun",
    "price_mean_per_kwh": "mean price",
    "price_max_per_kwh": "highest price",
    "price_min_per_kwh": "lowest price",
    "spike_h": "hours of price spikes",
    "gap_mean_per_kwh": "real time less day ahead",
    "load_kwh": "load of appliances",
    "offline_h": "hours of agents offline",
}

UNITS: Mapping[str, str] = {
    "degc": "°C",
    "per_kwh": "$/kWh",
    "kwh_m2": "kWh/m²",
    "kwh": "kWh",
    "kw": "kW",
    "h": "h",
    "homes": "",
}

READ: Mapping[str, str] = {
    "World": "What one seed draws: homes, weather, prices, cars, outages. Every design lives in the same worlds, so that "
    "differences between designs are not those between worlds.",
    "Interval": "A range that covers the true figure in 95 of 100 ensembles like this one. It says how well the mean is known, "
    "not how far single worlds lie apart.",
    "Tie": "The interval of the difference holds zero: these worlds do not say which of the two is better. A tie is no proof "
    "that both are alike.",
    "Best mean": "The design that came first in these worlds. Chosen after the fact it may owe that to luck; what ties with it "
    "may be as good.",
    "Many comparisons": "Among many pairs some differ by chance. A star marks a difference that does not survive the correction "
    "for their number (Holm).",
    "Value at risk": "What the loss does not exceed but in the worst worlds. It says where the bad worlds begin.",
    "Expected shortfall": "The mean loss of these worst worlds, also called conditional value at risk. It says how bad they are.",
    "Distance": "How far the mean of a driver in the worst worlds lies from that of all others, in standard deviations.",
}


def short(design: str) -> str:
    """Return the name of a design as the head of a column, unescaped."""
    return DESIGN_LABELS.get(design, design.replace("_", " ").capitalize())


def driver_name(driver: str) -> str:
    """Return a driver in words: 'highest temperature [°C]'."""
    unit = next((text for end, text in UNITS.items() if driver.endswith(f"_{end}")), "")
    plain = DRIVERS.get(driver) or _without_unit(driver)
    return f"{plain} [{unit}]" if unit else plain


def _without_unit(driver: str) -> str:
    if driver.endswith("_homes"):
        kind = driver.removesuffix("_homes")
        known = kind in names("device")
        return f"homes with {find('device', kind).about.label.lower() if known else kind.replace('_', ' ')}"
    for end in UNITS:
        if driver.endswith(f"_{end}"):
            return driver.removesuffix(f"_{end}").replace("_", " ")
    return driver.replace("_", " ")


def amount(value: float, unit: str, places: int) -> str:
    """Return a figure with its unit: '854 $'; one without unit as it is."""
    return f"{number(value, places)} {unit}".strip()


def span(low: float, high: float, places: int) -> str:
    """Return an interval: '[844, 871]', with a dash for an end that too few worlds leave open.

    One whose ends are both below one of the last place has two digits of the larger: '[−0.38, 0.40]'.
    """
    most = max((abs(end) for end in (low, high) if np.isfinite(end)), default=0.0)
    if 0 < most < 10.0**-places:
        places = min(1 - math.floor(math.log10(most)), MOST_PLACES)
    ends = (number(round(end, places) if np.isfinite(end) else end, places) for end in (low, high))
    return f"[{', '.join(ends)}]"


def share(value: float) -> str:
    """Return a share in per cent, with decimals only where it is small: '30 %', '1.5 %'."""
    percent = 100.0 * value
    if not np.isfinite(percent):
        return "–"
    return (
        f"{percent:.0f} %" if percent >= 9.95 or percent == round(percent) else f"{percent:.1f} %"
    )


def event_words() -> Sequence[tuple[str, str]]:
    """Return each event and what counts as one."""
    return [(event.name, event.words) for event in EVENTS]


def capital(text: str) -> str:
    """Return a text with a capital at its start."""
    return text[:1].upper() + text[1:]
