"""How to read each figure, with what it shows in this run where that can be computed."""

import numpy as np
import pandas as pd

from gridagora.report import dear_hours
from gridagora.report.facts import ComparisonView, baseline, bound_usd, frame, of
from gridagora.report.findings import Digest, digests, join, leader, plain
from gridagora.report.gains import usd
from gridagora.report.loading_figures import unrated_words
from gridagora.report.loss_figures import uncharged_losses
from gridagora.report.place_figures import LISTED, spoken, with_own_price
from gridagora.report.rows import rows_of
from gridagora.report.style import cost_label, number
from gridagora.report.voltage_band import band_of

SEEN_KWH, SEEN_USD = 0.5, 0.005  # less is not shown


def guide(result: ComparisonView, name: str, held: dict[str, Digest] | None = None) -> str:
    """Return one or two sentences on how to read a figure, with what it shows in this run where that can be computed.

    `held` are the digests of the result where they are at hand.
    """
    known = digests(result) if held is None else held
    extra = _EXTRA[name](result, known) if name in _EXTRA else ""
    return f"{GUIDES.get(name, '')} {extra}".strip()


GUIDES = {
    "captured_value": (
        "Zero is the reference and 100 % is a proven bound: no schedule of these devices, prices and draws earns more. "
        "Whether the bound itself can be reached is not proven; the certificates say how near a schedule comes."
    ),
    "costs": (
        "Resource cost without payments between parties, so a lower bar is a better design for everyone together. The "
        "menu shows the differences alone."
    ),
    "load": (
        "Choose a day in the menu or drag to zoom; double click returns. Below, what a home pays for the next kWh, with "
        "the wholesale price dotted."
    ),
    "average_day": (
        "A design that moves load shows where it took it from and where it puts it back: look for a new peak before an "
        "expensive spell, where homes heat and cool ahead, and after it, where they catch up."
    ),
    "devices": (
        "Above zero is consumption, below zero what homes generate and discharge; the line is the sum, without losses."
    ),
    "places": (
        "Every place has a price. It is that of the place above it, plus what the place's own limit adds while it binds. Upper "
        "part: what the limits on the way from the substation add to the mean price; lower part: the highest load over the limit."
    ),
    "bills": (
        "The wider the shape, the more homes have such a bill; box from the lower to the upper quartile, line at the "
        "median, dashes at the mean. A bill below cost is paid by somebody else."
    ),
    "bill_change": (
        "On balanced bills: what is left with the operator, or lacks there, goes back to homes in equal parts. Where a curve "
        "crosses zero is the share of homes that pay less; the further it leans left, the more they save."
    ),
    "group_change": (
        "The same change by what homes own: dot at the mean of the group, bar over the middle half of its homes, their number in "
        "brackets. A home with two kinds of device stands in both groups. Left of zero is a lower bill."
    ),
    "comfort": "Degrees beyond the comfort band times hours, home by home; the same wish for every design.",
    "temperature": "How far indoor air departs from what households would choose at the reference price, mean over homes.",
    "voltage": "Left half: the lowest voltage each home saw; right half: the highest.",
    "voltage_over_time": (
        "The shade goes from the lowest home to the highest, the line is the median of homes; dotted are the extremes under the "
        "reference. Long runs show the extremes of several intervals."
    ),
    "voltage_over_distance": (
        "Every bus with the lowest and the highest voltage that it saw, by the impedance of the way from the source; of a long "
        "feeder the extreme buses of each stretch. Limits are those of homes."
    ),
    "feeder": (
        "Choose a design, and whether to see voltages of buses, how unbalanced they are, how much of their ratings lines and "
        "transformers carry (above 100 % is overload), or the phases of lines. Point at a bus, a line or a square for numbers; "
        "drag to move."
    ),
    "loading_over_time": (
        "The ten lines and transformers of each design that came nearest to their rating, or above it, the fullest on top; each "
        "with its rating. Crosses mark times above it. Long runs show the largest loading of several intervals."
    ),
    "nodal_prices": (
        "What a kWh more costs at a home beyond its price at the substation, which the line on top shows: losses on the way, and "
        "limits that bind. Rows are homes, the nearest to the source on top; beyond 40 rows or 200 columns each shows a mean. "
        "The distance is the impedance of the way."
    ),
    "losses": (
        "Losses at the wholesale price of their time. Customers pay what [network] losses in the scenario lays on them, and what "
        "network fees leave with the wires, less what is returned; the wires pay the rest."
    ),
    "controls": (
        "Each step is a movement. A regulator counts taps from its middle, a capacitor bank the steps that are on."
    ),
    "control_counts": "Taps and steps moved in all, up and down alike: what wears contacts. Those that never moved are left out.",
    "information": "Counted where rows cross the seam between homes and market, not estimated.",
}


def _extra_load(result: ComparisonView, held: dict[str, Digest]) -> str:
    over = [
        f"{plain(row.design)} {number(row.over_limit_h, 1)} h"
        for row in held.values()
        if row.over_limit_h > 0
    ]
    apart = (
        "Where places have prices of their own, the price is that at the substation."
        if with_own_price(result) is not None
        else ""
    )
    if over:
        return f"{apart} Time above the limit: {join(over)}.".strip()
    known = any(np.isfinite(row.over_limit_h) for row in held.values())
    return f"{apart} {'No design goes above the limit.' if known else ''}".strip()


def _extra_average_day(result: ComparisonView, held: dict[str, Digest]) -> str:
    found = {name: dear_hours.moved(result, name) for name in held if name != baseline(result)}
    told = [
        f"{plain(name)} {number(each.before_kwh, 0)} kWh before and {number(each.after_kwh, 0)} kWh after"
        for name, each in found.items()
        if each is not None and each.kwh >= SEEN_KWH
    ]
    above = (
        "the limit"
        if any(each is not None and each.limited for each in found.values())
        else plain(baseline(result))
    )
    return (
        f"Energy above {above} within three hours of dear ones: {'; '.join(told)}." if told else ""
    )


def _extra_bills(result: ComparisonView, held: dict[str, Digest]) -> str:
    better = [
        f"{number(100 * row.better_off, 0)} % under {plain(row.design)}"
        for row in held.values()
        if np.isfinite(row.better_off)
    ]
    return (
        f"Homes that pay less than under {plain(baseline(result))}, budgets balanced: {join(better)}."
        if better
        else ""
    )


def _extra_voltage(result: ComparisonView, held: dict[str, Digest]) -> str:
    outside = [
        f"{number(row.homes_outside_band, 0)} under {plain(row.design)}"
        for row in held.values()
        if row.homes_outside_band > 0
    ]
    band = band_of(frame(result, "homes", "v_min_pu"))
    told = (
        f"Homes that ever leave {band.name}: {join(outside)}."
        if outside
        else f"No home leaves {band.name} in any design."
    )
    return f"{band.caption} {told}"


def _extra_value(result: ComparisonView, held: dict[str, Digest]) -> str:
    bound = bound_usd(result)
    return "" if np.isfinite(bound) else "The dollar value of the bound was not reported."


def _extra_costs(result: ComparisonView, held: dict[str, Digest]) -> str:
    table = frame(result, "costs", "item", "cost_usd", "architecture")
    reference = baseline(result)
    best = leader(held)
    if table is None or best is None or best.design == reference:
        return ""
    gap: pd.Series = (
        of(table, best.design).groupby("item")["cost_usd"].sum()
        - of(table, reference).groupby("item")["cost_usd"].sum()
    )
    if gap.empty or not gap.min() < 0:
        return ""
    item, saved = str(gap.idxmin()), number(-float(gap.min()), 0)
    return f"Most of what {plain(best.design)} saves comes from “{cost_label(item)}” (${saved})."


def _extra_places(result: ComparisonView, held: dict[str, Digest]) -> str:
    table = with_own_price(result)
    if table is None:
        return ""
    bound = table[(table["bound_h"] > 0) | (table["bound_export_h"] > 0)]
    if bound.empty:
        return "No limit ever bound: one price everywhere, at all times."
    top = next(rows_of(bound.sort_values("bound_h", ascending=False)))
    name = "the substation" if top.level == "feeder" else spoken(top)
    told = f"Limits bound at {len(bound)} of {len(table)} places, longest at {name} ({number(top.bound_h, 1)} h)."
    more = len(table) - LISTED
    return (
        f"{told} Shown are the {LISTED} dearest; {more} more stand in the table places."
        if more > 0
        else told
    )


def _extra_margins(result: ComparisonView, held: dict[str, Digest]) -> str:
    told = [
        f"{usd(row.margin_usd)} under {plain(row.design)}"
        for row in held.values()
        if abs(row.margin_usd) >= SEEN_USD
    ]
    return f"Left with the operator: {join(told)}." if told else ""


_EXTRA = {
    "loading_over_time": lambda result, _: unrated_words(result),
    "losses": lambda result, _: uncharged_losses(result),
    "bills": _extra_margins,
    "places": _extra_places,
    "load": _extra_load,
    "average_day": _extra_average_day,
    "bill_change": _extra_bills,
    "voltage": _extra_voltage,
    "captured_value": _extra_value,
    "costs": _extra_costs,
}
