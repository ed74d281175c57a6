"""What the numbers say, as sentences: the question, the answer, a few figures a design, and how to read each drawing."""

from typing import NamedTuple

import numpy as np

from gridagora.report import dear_hours
from gridagora.report.facts import (
    BASELINE,
    ComparisonView,
    baseline,
    designs,
    frame,
    local_time,
    metric_value,
    of,
    step_s,
    title,
    zone,
)
from gridagora.report.gains import Gain, gains, in_words, limit_words, shares_words, usd
from gridagora.report.group_figures import NOTHING, losers, signed
from gridagora.report.home_figures import bill_delta_usd
from gridagora.report.style import change, number
from gridagora.report.value_figures import captured_share
from gridagora.report.voltage_band import band_of, volts

NAMED = 5  # designs that one line has room for
SEEN_SHARE = 5e-4  # less is shown as zero
SHARE = "In brackets is the share of what a certified bound allows at all."
SPOKEN = {
    "flat": "the flat rate",
    "flat_optimised": "the flat rate with optimised homes",
    "tou": "time-of-use pricing",
    "critical_peak": "critical-peak pricing",
    "demand_subscription": "demand subscription",
    "demand_charge": "the demand charge",
    "retail_tariff": "the retail tariff",
    "rtp": "real-time pricing",
    "central": "the central market",
    "layered": "the layered market",
    "peer": "peer-to-peer trade",
    "auction": "the double auction",
    "retailer": "the prosumer retailer",
}


class Digest(NamedTuple):
    """A few figures of one design, nan where not measured."""

    design: str
    gain: Gain
    captured: float  # share of the attainable value
    bill_usd: float  # mean over homes
    margin_usd: float  # of the operator, all homes
    balanced_usd: float  # mean bill if that went back to homes
    peak_kw: float
    over_limit_h: float
    discomfort_k_h: float  # mean over homes
    homes_outside_band: float  # count of homes whose voltage ever leaves the band they are held to
    better_off: float  # share of homes whose balanced bill is below that of the reference
    missed: float  # what all homes together deliver other than awarded, share of their energy


def digests(result: ComparisonView) -> dict[str, Digest]:
    """Return the digest of every design, in the order of the run."""
    return {name: _digest(result, name) for name in designs(result)}


def _digest(result: ComparisonView, name: str) -> Digest:
    peak_kw, over_h = _peak(result, name)
    return Digest(
        name,
        gains(result)[name],
        captured_share(result, name),
        _home_mean(result, name, "bill_usd"),
        metric_value(result, name, "E6m"),
        metric_value(result, name, "E5b"),
        peak_kw,
        over_h,
        _home_mean(result, name, "discomfort_k_h"),
        _outside_band(result, name),
        _better_off(result, name),
        metric_value(result, name, "D1t"),
    )


def _home_mean(result: ComparisonView, name: str, column: str) -> float:
    table = frame(result, "homes", column)
    rows = None if table is None else of(table, name)[column]
    return float(rows.mean()) if rows is not None and len(rows) else float("nan")


def _peak(result: ComparisonView, name: str) -> tuple[float, float]:
    table = frame(result, "intervals", "load_kw", "start_s")
    rows = None if table is None else of(table, name)
    if rows is None or rows.empty:
        return float("nan"), float("nan")
    over = float("nan")
    if "limit_kw" in rows and rows["limit_kw"].notna().any():
        over = float((rows["load_kw"].abs() > rows["limit_kw"]).sum()) * step_s(rows) / 3600
    told = metric_value(result, name, "P1")
    return told if np.isfinite(told) else float(rows["load_kw"].abs().max()), over


def _outside_band(result: ComparisonView, name: str) -> float:
    table = frame(result, "homes", "v_min_pu", "v_max_pu")
    if table is None:
        return float("nan")
    rows = of(table, name)
    low, high = band_of(rows).inner_v
    outside = (volts(rows, "v_min_pu") < low - 1e-9) | (volts(rows, "v_max_pu") > high + 1e-9)
    return float(outside.sum()) if len(rows) else float("nan")


def _better_off(result: ComparisonView, name: str) -> float:
    table = frame(result, "homes", "balanced_bill_usd", "home_id")
    if table is None or name == baseline(result):
        return float("nan")
    delta = bill_delta_usd(table, name, baseline(result))
    return float((delta < 0).mean()) if delta.size else float("nan")


def plain(design: str) -> str:
    """Return the name of a design inside a sentence (not escaped)."""
    return SPOKEN.get(design, design.replace("_", " "))


def span(result: ComparisonView) -> str:
    """Return how many homes and days were compared, such as '186 homes over 7 days'; '' where the tables are absent."""
    homes, intervals = frame(result, "homes", "home_id"), frame(result, "intervals", "start_s")
    parts = []
    if homes is not None:
        count = homes["home_id"].nunique()
        parts.append(f"{count:,} home{'s' * (count != 1)}")
    if intervals is not None:
        start = intervals["start_s"]
        days = (float(start.max() - start.min()) + step_s(intervals)) / 86_400
        parts.append(
            f"{days:g} day{'s' * (days != 1)}"
            if abs(days - round(days)) < 1e-6
            else f"{days * 24:,.1f} hours"
        )
    return " over ".join(parts)


def source_line(result: ComparisonView) -> str:
    """Return where the numbers of a picture come from: case, designs, dates and version."""
    manifest = result.summary.get("manifest", {})
    version = manifest.get("versions", {}).get("gridagora", "")
    names = [plain(name) for name in designs(result)]
    told = join(names) if len(names) <= NAMED else f"{len(names)} designs"
    made = f"gridagora {version}".strip()
    return " · ".join(filter(None, (title(result), _dates(result), span(result), made, told)))


def _dates(result: ComparisonView) -> str:
    table = frame(result, "intervals", "start_s")
    if table is None:
        return ""
    times = local_time(table["start_s"].iloc[[0, -1]], zone(result)[0])
    first, last = (f"{each.day} {each:%B %Y}" for each in times)
    return first if first == last else f"{first} to {last}"


def question(result: ComparisonView) -> str:
    """Return the question that the run answers, and under which limit."""
    count = len(designs(result))
    extent = span(result)
    across = f" for {extent}" if extent else ""
    same = f"Same feeder, homes, weather and wholesale prices{across}"
    who = "what does one market design" if count == 1 else f"what do {count} market designs"
    asked = f"{same}: {who} do to value, bills, peak, comfort and voltage?"
    return " ".join(filter(None, (asked, limit_words(result), shares_words(result))))


def answer(result: ComparisonView) -> str:
    """Return the answer in one sentence, computed from the numbers: what each design gains a home and year."""
    held = digests(result)
    if not held:
        return "The run compared no design."
    rest = [row for name, row in held.items() if name != BASELINE]
    known = sorted(
        (row for row in rest if np.isfinite(row.gain.gain)), key=lambda row: -row.gain.gain
    )
    if not known:
        return "This run reports no gain over the flat rate; table and figures show where the designs differ."
    ahead, behind = (
        [f"{plain(row.design)} {_gained(row)}" for row in known if (row.gain.gain > 0) == more]
        for more in (True, False)
    )
    parts = [f"{_cap(plain(BASELINE))} is not beaten"] if not ahead else []
    if ahead:
        parts.append(
            f"In one draw, over {plain(BASELINE)} and in a year of such days, a home gains: {join(ahead)}"
        )
    if behind:
        parts.append(f"it loses: {join(behind)}")
    return "; ".join(parts) + "."


def _gained(row: Digest) -> str:
    """Return what a design gains or loses a home and year, and the share of the bound that this is."""
    amount = usd(abs(row.gain.gain))
    return f"{amount} ({number(100 * row.captured, 0)} %)" if np.isfinite(row.captured) else amount


def effects(result: ComparisonView) -> str:
    """Return at which price of overload designs gain nothing, what the first does to bills, peak and comfort, which one harms."""
    held = digests(result)
    first = leader(held)
    if first is None:
        return ""
    reference = held[baseline(result)]
    told = _effects(first, reference) if first.design != reference.design else []
    moved = (
        [f"Against {plain(reference.design)}, {join(told)} under {plain(first.design)}."]
        if told
        else []
    )
    share = [SHARE] if np.isfinite(first.captured) else []
    return " ".join(
        [
            *share,
            *_overload(held),
            *moved,
            *_lost(result, first),
            *_delivery(first),
            *_warnings(result, held, reference),
        ]
    )


def _lost(result: ComparisonView, first: Digest) -> list[str]:
    """Return which groups of homes pay more where homes on average pay less; nothing where none does."""
    told = [
        f"{_low(each.group, each.homes)} {signed(each.mean_usd)[1:]} more "
        f"({signed(each.before_usd).removeprefix('+')} before)"
        for each in losers(result, first.design)
    ]
    return [f"Not all win: on average {join(told)}."] if told else []


def _low(group: str, count: int) -> str:
    """Return the homes of a group as who pays: "the 12 homes with solar pay"."""
    homes, pays = ("the home", "pays") if count == 1 else (f"the {count:,} homes", "pay")
    if group == NOTHING:
        return f"{homes} with none of these devices {pays}"
    of = f"of c{group[1:]}" if group.startswith("Class ") else f"{group[:1].lower()}{group[1:]}"
    return f"{homes} {of} {pays}"


def _overload(held: dict[str, Digest]) -> list[str]:
    """Return at which prices of overload designs are better than the reference, all of one answer together."""
    by_answer: dict[str, list[str]] = {}
    for row in held.values():
        if row.gain.gain and (text := in_words(row.gain)):
            by_answer.setdefault(text, []).append(plain(row.design))
    known = any(row.over_limit_h > 0 for row in held.values())
    if not by_answer or not known:
        return []
    told = [
        f"{join(names)} {'is' if len(names) == 1 else 'are'} {text}"
        for text, names in by_answer.items()
    ]
    return [f"At another price of overload: {'; '.join(told)}."]


def _delivery(best: Digest) -> list[str]:
    """Return how well the awards were kept; nothing where nothing is awarded, or nothing is missed."""
    if not best.missed >= SEEN_SHARE:
        return []
    return [
        f"Hour by hour all homes together miss their awards by {number(100 * best.missed, 1)} % of their energy."
    ]


def leader(held: dict[str, Digest]) -> Digest | None:
    """Return the design that gains most in this draw, or captures most where no gain is told; None where neither is."""
    gained = [row for row in held.values() if np.isfinite(row.gain.gain)]
    if gained:
        return max(gained, key=lambda row: row.gain.gain)
    known = [row for row in held.values() if np.isfinite(row.captured)]
    return max(known, key=lambda row: row.captured) if known else None


def _effects(best: Digest, reference: Digest) -> list[str]:
    told = []
    if moved := change(best.balanced_usd, reference.balanced_usd):
        verb, before, after = (
            _verb(best.balanced_usd, reference.balanced_usd),
            number(reference.balanced_usd, 2),
            number(best.balanced_usd, 2),
        )
        told.append(f"the mean bill, budget balanced, {verb} from ${before} to ${after} ({moved})")
    if moved := change(best.peak_kw, reference.peak_kw):
        verb, before, after = (
            _verb(best.peak_kw, reference.peak_kw),
            number(reference.peak_kw, 0),
            number(best.peak_kw, 0),
        )
        told.append(f"the peak {verb} from {before} to {after} kW ({moved})")
    if moved := change(best.discomfort_k_h, reference.discomfort_k_h):
        by = f"to {moved[1:]} times" if moved.startswith("×") else f"by {moved.lstrip('+−±')}"
        told.append(f"discomfort {_verb(best.discomfort_k_h, reference.discomfort_k_h)} {by}")
    return told


def _verb(value: float, against: float) -> str:
    return "falls" if value < against else "rises"


def _warnings(result: ComparisonView, held: dict[str, Digest], reference: Digest) -> list[str]:
    told = []
    known = [row for row in held.values() if np.isfinite(row.peak_kw)]
    worst = max(known, key=lambda row: row.peak_kw, default=reference)
    if worst.peak_kw > 1.02 * reference.peak_kw:
        moved = change(worst.peak_kw, reference.peak_kw)
        told.append(
            f"{_cap(plain(worst.design))} makes the highest peak, {number(worst.peak_kw, 0)} kW ({moved})."
        )
        told += _around(result, worst.design)
    return told


def _around(result: ComparisonView, name: str) -> list[str]:
    """Return whether the load that a design moved lies before dear hours or after them; nothing where nothing moved."""
    found = dear_hours.moved(result, name)
    if found is None or not found.kwh > 0:
        return []
    above = "the limit" if found.limited else plain(baseline(result))
    return [
        f"Of its energy above {above} within three hours of dear ones, {dear_hours.in_words(found)}."
    ]


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]


def join(parts: list[str]) -> str:
    """Return parts as a list in a sentence: 'a, b and c'."""
    return (
        parts[0]
        if len(parts) == 1
        else ", ".join(parts[:-1]) + " and " + parts[-1]
        if parts
        else ""
    )
