"""Pieces of the page that are plain HTML: cards, the metric table, certificates, origin. Everything written is escaped."""

import re
from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Any

import numpy as np

from gridagora.report.facts import Metric, Outcome, as_number, baseline, designs, failed, metrics, not_ranked, unranked, warned
from gridagora.report.findings import Digest, digests
from gridagora.report.style import change, colours, decimals, label, number
from gridagora.report.table import ARROWS, group_of, measured, shown, table

MEANING = {
    "E1": "What all parties together gain: utility less resource cost. Payments between parties cancel out.",
    "E2": "Welfare gained over the reference as a share of the certified bound; 1 is perfect foresight and control.",
    "E2u": "The same share where the substation has no limit: what a design is worth for prices alone.",
    "E3": "What the feeder's energy costs at the wholesale price.",
    "E4": "Energy through all meters, export counted against it; losses of the wires apart.",
    "E5": "What homes pay under the tariff or market of the design.",
    "E6": "What homes are left with: minus the bill, discomfort, cold water, battery wear and charge missing, mean over homes.",
    "E5p": "All bills, credit for export taken off, over all energy that homes withdraw.",
    "E6m": "What the operator keeps after paying for energy and wires.",
    "E7": "Solar output, and energy through batteries and vehicles, both ways.",
    "E8": "Payments less receipts over all parties; must be zero to the micro-dollar.",
    "E10": "How much the price moves from one interval to the next.",
    "P1": "Largest power of all meters together, import or export, mean of 15 minutes.",
    "P1e": "Highest export of all meters together, mean of 15 minutes.",
    "P1r": "How far the peak lies below that of the flat rate.",
    "P2": "Mean power over the peak, import and export alike.",
    "P2r": "Fastest change of load at the substation.",
    "P3": "Energy lost in lines and transformers.",
    "P4": "Reactive energy at the substation.",
    "P3s": "Losses over the energy through the substation, either way.",
    "P4f": "Active over apparent power at the substation, mean of the intervals: each counts the same.",
    "P4w": "Active over apparent energy at the substation: an interval counts by its apparent power.",
    "P4h": "Reactive energy that inverters of homes gave for money, to keep the agreed power factor.",
    "P4p": "What homes were paid for it over what they gave.",
    "P4x": "Reactive energy beyond the agreed power factor that homes did not give; it is bought elsewhere at the cap.",
    "P5": "Energy beyond the limit of the substation, of import and of export.",
    "P6": "Share of solar output used behind the meter of its own home.",
    "P7": "Solar output that was available and not used.",
    "V1": "Lowest voltage at any home in the run.",
    "V1h": "Highest voltage at any home in the run.",
    "V4": "Time outside the ANSI C84.1 service range (114 to 126 V on a 120 V base).",
    "C1": "Degrees beyond the comfort band times hours.",
    "C1v": "What that discomfort is worth to the household, in dollars.",
    "C2": "Hot water below the temperature of use, times hours.",
    "C2e": "Energy missing in vehicles when they leave.",
    "C3": "Starts of heating and cooling units.",
    "D1": "Power that a home took beyond or below its award, on the mean of each hour; too much and too little within it cancel.",
    "D1i": "The same by the interval. A unit that is on or off misses a five-minute award of half its power whatever it does.",
    "D1s": "All these misses of single homes, over the energy of the homes.",
    "D1si": "The same by the interval.",
    "D1t": "Miss of the sum of all homes over their energy: what the feeder sees. Misses of different homes cancel.",
    "D1ti": "The same by the interval.",
    "D1u": "What a home pays for its misses, where the scenario prices them; it goes to the operator.",
    "I1": "Messages between homes and market, counted.",
    "I1b": "Bytes between homes and market, counted.",
    "I2": "Numbers about one home that leave the home.",
    "I1r": "How often parties wait for each other before an interval is settled, look-ahead included: the length of the chain.",
    "I3": "Time spent computing.",
}
PROOFS = {
    "below": "How far the welfare of this run stays below the bound; a negative figure would be a fault, and no report.",
    "mismatch": "Largest power that the exact power flow leaves unexplained at any node.",
    "failed": "Intervals whose power flow did not converge.",
    "revenue": "Revenue of the tariff on the baseline load less what that load costs; zero for a revenue-neutral tariff.",
    "bound": "Proven upper bound of welfare: no schedule of these devices on the same physics, prices and draws earns more.",
    "leader_gain": "What any prosumer of the retail game would gain by another offer or schedule, the others staying.",
    "leader_tried": "What it would have gained by price moves that were tried on end-users' own devices, of its mean profit.",
    "follower_gain": "What any end-user would gain by taking another quantity at the retail price.",
    "gap": "Distance between what the optimiser found and what it proved to be the limit.",
    "energy": "Energy in less energy out, at every step.",
    "money": "Payments less receipts over the whole ledger.",
    "voltage": "Residual of the exact power flow.",
    "rounds": "Rounds that the coordination took.",
    "unconverged": "Real-time sessions in which homes spent all rounds before they agreed.",
    "converged": "Whether every power flow and every clearing came to its end.",
    "balance": "What comes in less what goes out.",
}


SMALL = 1e-2  # residuals below this are written in powers of ten


def cards(result: Outcome) -> str:
    """Return one card a design: captured value, bill, peak, comfort, voltage, each against the reference."""
    held, tones = digests(result), colours(designs(result))
    reference = baseline(result)
    return "".join(_card(row, held[reference], tones[name], is_reference=name == reference) for name, row in held.items())


def _card(row: Digest, reference: Digest, tone: str, *, is_reference: bool) -> str:
    captured = f"{number(100 * row.captured, 0)} %" if np.isfinite(row.captured) else "–"
    told = "by definition" if is_reference and row.captured == 0 else "of the attainable value captured"
    chip = "<small>reference</small>" if is_reference else ""
    lines = [
        _line("Mean bill", row.bill_usd, reference.bill_usd, "${}", 2),
        _line("Peak", row.peak_kw, reference.peak_kw, "{} kW", 0),
        _line("Over limit", row.over_limit_h, reference.over_limit_h, "{} h", 1, versus=False),
        _line("Discomfort", row.discomfort_k_h, reference.discomfort_k_h, "{} K h", 2),
        _line("Off range A", row.homes_outside_a, reference.homes_outside_a, "{} homes", 0, versus=False),
        _line("Pay less", 100 * row.better_off, np.nan, "{} % of homes", 0, versus=False),
    ]
    return (
        f'<article class="card" style="--tone:{tone}"><h3>{label(row.design)}{chip}</h3><p class="big">{captured}</p>'
        f"<p>{told if np.isfinite(row.captured) else 'captured value not reported'}</p><dl>{''.join(lines)}</dl></article>"
    )


def _line(name: str, value: float, against: float, pattern: str, places: int, *, versus: bool = True) -> str:
    if not np.isfinite(value):
        return ""
    moved = change(value, against) if versus and value != against else ""
    side = "down" if value < against else "up"
    told = f"<dt>{escape(name)}</dt>"
    amount = pattern.format(number(value, places))
    return told + (f'<dd>{amount}</dd><dd class="{side}">{moved}</dd>' if moved else f'<dd class="both">{amount}</dd>')


def _dot(tone: str) -> str:
    return f'<i class="dot" style="--tone:{tone}"></i>'


def metric_table(result: Outcome) -> str:
    """Return the metric table: grouped, best in row marked, explanations on hover or focus, sortable by any column."""
    rows, names = measured(table(result)), designs(result)
    if rows.empty:
        return '<p class="absent">No metric was reported by this run.</p>'
    tones = colours(names)
    head = "".join(f'<th scope="col"><button type="button">{text}</button></th>' for text in ("Id", "Metric", "Unit", "Better"))
    head += "".join(
        f'<th scope="col" class="n"><button type="button">{_dot(tones[name])}{label(name)}</button></th>' for name in names
    )
    said_of = {row.metric_id: row.explanation for row in metrics(result)}
    body = []
    for heading, members in groupby(rows.itertuples(), key=lambda row: group_of(str(row.Index))):
        body.append(f'<tr class="group"><th scope="rowgroup" colspan="{4 + len(names)}">{escape(heading)}</th></tr>')
        body.extend(
            _row(
                result,
                Metric(str(row.Index), str(row.metric), str(row.unit), str(row.better), said_of[str(row.Index)]),
                np.array(row[4:], dtype=float),
            )
            for row in members
        )
    lead = (
        "Green is the best of its row. Point at a name for its meaning, at a number for the change against the reference; "
        "click a heading to sort: by a design, its strongest metrics come first."
    )
    grid = f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
    said = "".join(f"<p>{escape(text)}</p>" for text in not_ranked(result))
    noted = f'<div class="notes">{said}</div>' if said else ""
    return f'<p class="lead">{lead}</p>{noted}<div class="scroll">{grid}</div>'


def _row(result: Outcome, metric: Metric, values: np.ndarray) -> str:
    metric_id, name, unit, better, explanation = metric
    ranked = metric_id not in unranked(result)
    better = better if ranked else ""
    values, places, marks = shown(values, better)
    names = designs(result)
    against = values[names.index(baseline(result))]
    cells = [
        _cell(value, against, places, is_best=bool(mark), rank=_rank(value, values, better))
        for value, mark in zip(values, marks, strict=True)
    ]
    told = explanation or MEANING.get(metric_id) or MEANING.get(_base(metric_id), "")
    told = told if ranked else f"{told} Not ranked in this run."
    tip = f' class="tip" tabindex="0" data-tip="{escape(told)}"' if told else ""
    unit_text = "" if unit in {"-", "–"} else unit
    way = {"higher": "more", "lower": "less"}.get(better, "")
    heading = escape(name[:1].upper() + name[1:])
    return (
        f'<tr><td class="id" data-key="{escape(metric_id)}">{escape(metric_id)}</td>'
        f'<th scope="row" data-key="{escape(name)}"><span{tip}>{heading}</span></th>'
        f'<td class="unit" data-key="{escape(unit)}">{escape(unit_text)}</td>'
        f'<td class="way" data-key="{way}">{ARROWS[better]} {way}</td>{"".join(cells)}</tr>'
    )


def _cell(value: float, against: float, places: int, *, is_best: bool, rank: float) -> str:
    moved = change(value, against)
    tip = f' data-tip="{escape(moved)} against the reference"' if moved and value != against else ""
    return f'<td class="n{" best" if is_best else ""}" data-key="{rank:.6g}"{tip}><span>{number(value, places)}</span></td>'


def _rank(value: float, values: np.ndarray, better: str) -> float:
    """Return 0 for the best and 1 for the worst of a row, 2 where there is no value or no direction."""
    held = values[np.isfinite(values)]
    if not np.isfinite(value) or not better or np.ptp(held) == 0:
        return 2.0
    place = float((value - held.min()) / np.ptp(held))
    return 1.0 - place if better == "higher" else place


def _base(metric_id: str) -> str:
    found = re.match(r"[A-Z]+\d+", metric_id)
    return found.group() if found else metric_id


def certificates(result: Outcome) -> tuple[str, str]:
    """Return a leading sentence and the table of proofs of every design."""
    names = designs(result)
    held = {name: dict(flat(result.summary["architectures"][name].get("certificates", {}))) for name in names}
    keys = list(dict.fromkeys(key for entry in held.values() for key in entry))
    if not keys:
        return "This run reports no certificate: read its figures as estimates.", ""
    tones = colours(names)
    head = '<th scope="col">Proof</th>' + "".join(
        f'<th scope="col" class="n">{_dot(tones[name])}{label(name)}</th>' for name in names
    )
    body = "".join(f"<tr>{_proof_name(key)}{''.join(_proof_cell(held[name].get(key)) for name in names)}</tr>" for key in keys)
    lead = (
        "Each run carries its proof: how far it is from a bound that no schedule of its devices can pass, and whether energy and "
        f"money balance. Residuals should be tiny, and money exactly zero.{_slack(result)}"
    )
    said = "".join(f"<p><b>{label(name)}</b>: {escape(text)}.</p>" for name, text in warned(result))
    noted = f'<div class="notes">{said}</div>' if said else ""
    return lead, f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{noted}'


def _slack(result: Outcome) -> str:
    """Return a sentence on how near a schedule that was played comes to the bound; nothing where none was."""
    bound = result.summary.get("manifest", {}).get("bound")
    top, played = (as_number(bound.get(key)) if isinstance(bound, dict) else np.nan for key in ("welfare_usd", "feasible_usd"))
    if not (np.isfinite(top) and np.isfinite(played)):
        return ""
    return (
        f" The best possible welfare lies between {played:.2f} $, which a schedule that knows everything earns with units of any "
        f"power, and the bound, {top:.2f} $: they are {top - played:.2f} $ apart."
    )


def _proof_name(key: str) -> str:
    told = next((text for word, text in PROOFS.items() if word in key.lower()), "")
    tip = f' class="tip" tabindex="0" data-tip="{escape(told)}"' if told else ""
    return f'<th scope="row"><span{tip}>{escape(_words(key))}</span></th>'


def _proof_cell(value: object) -> str:
    amount = as_number(value)
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif np.isfinite(amount):
        text = number(amount, 0 if 0 < abs(amount) < SMALL else decimals([amount]))
    else:
        text = "–" if value is None or isinstance(value, float) else str(value)
    return f'<td class="n">{escape(text)}</td>'


_UNITS = {"usd": "$", "uusd": "micro-$", "kwh": "kWh", "kw": "kW", "pu": "pu", "s": "s", "kvar": "kvar", "kva": "kVA"}


def _words(key: str) -> str:
    """Return 'Energy balance [kWh]' for 'energy_balance_kwh'."""
    *parts, last = key.replace(".", "_").split("_")
    if parts and last in _UNITS:
        return f"{' '.join(parts).capitalize()} [{_UNITS[last]}]"
    return " ".join([*parts, last]).capitalize()


def flat(node: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    """Return nested mappings as pairs of a dotted key and a plain value; a {'value': ...} entry counts as its value."""
    for key, value in node.items():
        name = f"{before}.{key}" if before else str(key)
        if isinstance(value, Mapping) and "value" in value:
            yield name, value["value"]
        elif isinstance(value, Mapping):
            yield from flat(value, name)
        else:
            yield name, value


def faults(result: Outcome) -> str:
    """Return a notice of designs that did not finish, '' where all did."""
    told = "".join(f"<p><b>{label(name)}</b> did not finish: {escape(reason)}</p>" for name, reason in failed(result).items())
    return f'<div class="notes" role="alert">{told}</div>' if told else ""


def origin(result: Outcome, remarks: tuple[str, ...]) -> str:
    """Return remarks on the data, the manifest, and the scenario as it was written."""
    told = "".join(f"<p>{escape(text)}</p>" for text in remarks)
    pairs = "".join(
        f"<dt>{escape(key if '.' in key else _words(key))}</dt><dd>{escape(_plain(value))}</dd>"
        for key, value in flat(result.summary.get("manifest", {}))
    )
    manifest = f'<dl class="kv">{pairs}</dl>' if pairs else '<p class="absent">This run left no manifest.</p>'
    text = result.scenario_text.strip()
    scenario = f"<details><summary>The scenario as it was run</summary><pre>{escape(text)}</pre></details>" if text else ""
    return (f'<div class="notes">{told}</div>' if told else "") + manifest + scenario


def _plain(value: object) -> str:
    return " ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
