"""What each design gains over the flat one, and at which price of overload it would gain nothing, in numbers and in words."""

from typing import NamedTuple

import numpy as np

from gridagora.report.facts import BASELINE, ComparisonView, designs, feeder_notes, metric_value
from gridagora.report.style import decimals, number


class Gain(NamedTuple):
    """Of one design, nan where not measured; money in $ a home and year, `price` in $/kWh of overload."""

    design: str
    gain: float
    left: float  # the part of it that stores hold at the end
    price: float  # of overload, at which the gain is nothing
    more_kwh: float  # overload beyond that of the flat design, nan where that is none of the run


def gains(result: ComparisonView) -> dict[str, Gain]:
    """Return the gain of every design, in the order of the run."""
    # gains are over the flat design, whatever else is the reference
    base_kwh = metric_value(result, BASELINE, "P5") if _has_limit(result) else np.nan
    return {
        name: Gain(
            name,
            metric_value(result, name, "E1y"),
            metric_value(result, name, "E1s"),
            metric_value(result, name, "E1o"),
            metric_value(result, name, "P5") - base_kwh,
        )
        for name in designs(result)
    }


def _has_limit(result: ComparisonView) -> bool:
    """Return whether the substation has a limit, as far as is known: without one no price of overload means anything."""
    rows = result.tables.get("intervals")
    if rows is None or "limit_kw" not in rows:
        return True
    return bool(np.isfinite(rows["limit_kw"].to_numpy(np.float64)).any())


CENT = 0.005  # less is nothing


def usd(value: float) -> str:
    """Return an amount of money with its sign before the unit, whole dollars from ten on."""
    value = value if abs(value) >= CENT else 0.0
    places = 0 if abs(value) >= 10 else 2
    return f"{'−' if value < 0 else ''}${number(abs(value), places)}"


def in_words(row: Gain) -> str:
    """Return at which prices of overload a design is better than the flat one; '' where that is not known.

    A design that overloads more is better as long as overload is cheap, one that overloads less as soon as it is dear; where its
    gain without overload has the sign of what it saves of it, no price above zero changes anything.
    """
    if not np.isfinite(row.gain) or not np.isfinite(row.more_kwh):
        return ""
    if row.more_kwh == 0:
        side = "better" if row.gain > 0 else "worse"
        return f"{side} at any price" if row.gain else "equal at any price"
    if not np.isfinite(row.price):
        return ""
    if row.price <= 0:
        return f"{'worse' if row.more_kwh > 0 else 'better'} at any price"
    side = "below" if row.more_kwh > 0 else "above"
    return f"better {side} ${number(row.price, max(decimals([row.price]), 2))}/kWh"


def overload_words(result: ComparisonView) -> str:
    """Return at which prices of overload each design is better than the flat one, as one sentence; '' where none overloads."""
    found = gains(result)
    if not any(metric_value(result, name, "P5") > 0 for name in found):
        return ""
    told = [
        f"{name} {text}"
        for name, row in found.items()
        if name != BASELINE and (text := in_words(row))
    ]
    return (
        f"If overload cost another price and all did the same, against {BASELINE}: {', '.join(told)}."
        if told
        else ""
    )


def one_draw(result: ComparisonView) -> str:
    """Return that a comparison is one draw of homes, weather and prices, and what tells differences from chance."""
    seed = result.summary.get("manifest", {}).get("seed")
    which = "" if seed is None else f" (seed {seed})"
    return f"One draw{which}, so no design is marked as the best; gridagora compare SCENARIO --seeds 20 tells chance apart."


def shares_words(result: ComparisonView) -> str:
    """Return which homes take part and which act by hand, as one sentence; '' where all take part or nothing is known."""
    told = str(result.summary.get("manifest", {}).get("participation", ""))
    return f"Homes: {told}." if told else ""


def feeder_words(result: ComparisonView) -> str:
    """Return how much was assumed or left out where the feeder was read, and what names it; '' where nothing was."""
    count = len(feeder_notes(result))
    if not count:
        return ""
    notes = "1 note says" if count == 1 else f"{count} notes say"
    name = result.summary["manifest"].get("feeder", "")
    return (
        f"Feeder {name}: {notes} what of its model is assumed, converted or left out; gridagora check SCENARIO and the report "
        "list them."
    )


def limit_words(result: ComparisonView) -> str:
    """Return the limit of the substation, what is beyond it costs and where both come from, as one sentence; '' where unknown."""
    told = str(result.summary.get("manifest", {}).get("limit_source", ""))
    return f"Substation: {told}." if told else ""
