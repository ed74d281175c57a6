"""Pieces of the page that are plain HTML: cards, the metric table, certificates, origin. Everything written is escaped."""

from collections.abc import Iterator, Mapping
from functools import partial
from html import escape
from itertools import groupby
from typing import Any

import numpy as np

from gridagora.core.currency import spell_money
from gridagora.report.facts import (
    FEEDER_NOTES,
    ComparisonView,
    MetricRow,
    as_number,
    baseline,
    currency,
    designs,
    failed,
    feeder_notes,
    metric_text,
    not_ranked,
    unranked,
    warned,
)
from gridagora.report.findings import Digest, digests
from gridagora.report.gains import in_words, usd
from gridagora.report.input_files import spell_inputs
from gridagora.report.rows import rows_of
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import change, colours, decimals, in_row, label, number
from gridagora.report.table import ARROWS, measured, shown, table
from gridagora.report.terms import card_term
from gridagora.report.voltage_band import band_of

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


SMALL = 1e-3  # what a proof leaves open below this, in its unit, says nothing more to a reader


def cards(result: ComparisonView) -> str:
    """Return one card a design: gain, captured value, bills, peak, comfort, voltage, each against the reference."""
    held, tones = digests(result), colours(designs(result))
    reference, off = baseline(result), band_of(result.tables.get("homes")).off
    return "".join(
        _card(row, held[reference], tones[name], off, is_reference=name == reference)
        for name, row in held.items()
    )


def _card(row: Digest, reference: Digest, tone: str, off: str, *, is_reference: bool) -> str:
    chip = "<small>reference</small>" if is_reference else ""
    big, told = _gain(row, is_reference=is_reference)
    stores = row.gain.left if not is_reference else np.nan
    line = partial(_line, by_key=is_reference)  # one card is enough for the tab key
    lines = [
        line("Left in stores", stores, np.nan, "{}", 0, versus=False, money=True),
        line("Mean bill", row.bill_usd, np.nan, "${}", 2, versus=False),
        line("Operator margin", row.margin_usd, np.nan, "{}", 2, versus=False, money=True),
        line("Bill, balanced", row.balanced_usd, reference.balanced_usd, "${}", 2),
        line("Pay less, balanced", 100 * row.better_off, np.nan, "{} %", 0, versus=False),
        line("Peak", row.peak_kw, reference.peak_kw, "{} kW", 0),
        line("Over limit", row.over_limit_h, reference.over_limit_h, "{} h", 1, versus=False),
        line("Discomfort", row.discomfort_k_h, reference.discomfort_k_h, "{} K h", 2),
        line(
            off,
            row.homes_outside_band,
            reference.homes_outside_band,
            "{} homes",
            0,
            versus=False,
        ),
    ]
    return (
        f'<article class="card" style="--tone:{tone}"><h3>{label(row.design)}{chip}</h3><p class="big">{big}</p>'
        f"<p>{told}</p><dl>{''.join(lines)}</dl></article>"
    )


def _gain(row: Digest, *, is_reference: bool) -> tuple[str, str]:
    """Return the figure of a card and what it is: the gain where there is one, else the share that is captured."""
    captured = f"{number(100 * row.captured, 0)}\u00a0%" if np.isfinite(row.captured) else ""
    if not np.isfinite(row.gain.gain):
        return captured or "–", "of the attainable value" if captured else "gain not reported"
    if is_reference and row.gain.gain == 0:
        return usd(0.0), "by definition"
    of_bound = f"; {captured} of the attainable" if captured else ""
    overload = f"; overload: {text}" if (text := in_words(row.gain)) else ""
    return usd(row.gain.gain), escape(f"gained a home and year{of_bound}{overload}")


def _line(
    name: str,
    value: float,
    against: float,
    pattern: str,
    places: int,
    *,
    versus: bool = True,
    money: bool = False,
    by_key: bool = False,
) -> str:
    if not np.isfinite(value):
        return ""
    moved = change(value, against) if versus and value != against else ""
    side = "down" if value < against else "up"
    told = f"<dt>{card_term(name, by_key=by_key)}</dt>"
    amount = usd(value) if money else pattern.format(number(value, places))
    return told + (
        f'<dd>{amount}</dd><dd class="{side}">{moved}</dd>'
        if moved
        else f'<dd class="both">{amount}</dd>'
    )


def _dot(tone: str) -> str:
    return f'<i class="dot" style="--tone:{tone}"></i>'


def metric_table(result: ComparisonView) -> str:
    """Return the metric table: grouped, explanations on hover or focus, sortable by any column."""
    rows, names = measured(table(result)), designs(result)
    if rows.empty:
        return '<p class="absent">No metric was reported by this run.</p>'
    tones = colours(names)
    head = "".join(
        f'<th scope="col"><button type="button">{text}</button></th>'
        for text in ("Id", "Metric", "Unit", "Better")
    )
    head += "".join(
        f'<th scope="col" class="n"><button type="button">{_dot(tones[name])}{label(name)}</button>'
        f'<button type="button" class="pin" aria-pressed="false" aria-label="Pin {escape(label(name))}">pin</button></th>'
        for name in names
    )
    body = []
    for heading, members in groupby(
        rows_of(rows), key=lambda row: metric_text(result, str(row.Index)).family
    ):
        body.append(
            f'<tr class="group"><th scope="rowgroup" colspan="{4 + len(names)}"><span>{escape(heading)}</span></th></tr>'
        )
        body.extend(
            _row(
                result,
                MetricRow(str(row.Index), str(row.metric), str(row.unit), str(row.better)),
                np.array(row[4:], dtype=float),
            )
            for row in members
        )
    lead = (
        "One draw marks no best of a row. Point at a name for its meaning, at a number for the change against the reference; "
        "click a heading to sort: by a design, its strongest metrics come first; pin a design to keep it beside the names."
    )
    grid = scroll_table("All metrics of every design", head, "".join(body), "sortable")
    said = "".join(f"<p>{escape(text)}</p>" for text in not_ranked(result))
    noted = f'<div class="notes">{said}</div>' if said else ""
    return f'<p class="lead">{lead}</p>{noted}{grid}'


def _row(result: ComparisonView, metric: MetricRow, values: np.ndarray) -> str:
    metric_id, name, unit, better = metric
    ranked = metric_id not in unranked(result)
    better = better if ranked else ""
    values, places = shown(values)
    names = designs(result)
    against = values[names.index(baseline(result))]
    cells = [_cell(value, against, places, rank=_rank(value, values, better)) for value in values]
    told = metric_text(result, metric_id).explanation
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


def _cell(value: float, against: float, places: int, *, rank: float) -> str:
    moved = change(value, against)
    tip = f' data-tip="{escape(moved)} against the reference"' if moved and value != against else ""
    return f'<td class="n" data-key="{rank:.6g}"{tip}><span>{in_row(value, places)}</span></td>'


def _rank(value: float, values: np.ndarray, better: str) -> float:
    """Return 0 for the best and 1 for the worst of a row, 2 where there is no value or no direction."""
    held = values[np.isfinite(values)]
    if not np.isfinite(value) or not better or np.ptp(held) == 0:
        return 2.0
    place = float((value - held.min()) / np.ptp(held))
    return 1.0 - place if better == "higher" else place


def certificates(result: ComparisonView) -> tuple[str, str]:
    """Return a leading sentence and the table of proofs of every design."""
    names = designs(result)
    held = {
        name: dict(flat(result.summary["architectures"][name].get("certificates", {})))
        for name in names
    }
    keys = list(dict.fromkeys(key for entry in held.values() for key in entry))
    keys = [key for key in keys if any(_is_told(entry.get(key)) for entry in held.values())]
    if not keys:
        return "This run reports no certificate: read its figures as estimates.", ""
    tones = colours(names)
    head = '<th scope="col">Proof</th>' + "".join(
        f'<th scope="col" class="n">{_dot(tones[name])}{label(name)}</th>' for name in names
    )
    body = "".join(
        f"<tr>{_proof_name(key)}{''.join(_proof_cell(held[name].get(key)) for name in names)}</tr>"
        for key in keys
    )
    lead = (
        "Each run carries its proof: how far it is from a bound that no schedule of its devices can pass, and whether energy and "
        f"money balance. Residuals should be tiny, and money exactly zero.{_slack(result)}"
    )
    said = "".join(f"<p><b>{label(name)}</b>: {escape(text)}.</p>" for name, text in warned(result))
    noted = f'<div class="notes">{said}</div>' if said else ""
    return lead, f"{scroll_table('Proofs of every design', head, body)}{noted}"


def _is_told(value: object) -> bool:
    """Return whether a proof says anything: a figure that is known, a word, or yes or no."""
    return isinstance(value, bool | str) or bool(np.isfinite(as_number(value)))


def _slack(result: ComparisonView) -> str:
    """Return a sentence on how near a schedule that was played comes to the bound; nothing where none was."""
    bound = result.summary.get("manifest", {}).get("bound")
    top, played = (
        as_number(bound.get(key)) if isinstance(bound, dict) else np.nan
        for key in ("welfare_usd", "feasible_usd")
    )
    if not (np.isfinite(top) and np.isfinite(played)):
        return ""
    low, high, apart = (f"{number(each, 2)} $" for each in (played, top, top - played))
    return (
        f" The best possible welfare lies between {low}, which a schedule that knows everything earns with units of any "
        f"power, and the bound, {high}: they are {apart} apart."
    )


def _proof_name(key: str) -> str:
    told = next((text for word, text in PROOFS.items() if word in key.lower()), "")
    tip = f' class="tip" tabindex="0" data-tip="{escape(told)}"' if told else ""
    return f'<th scope="row"><span{tip}>{escape(_key_words(key))}</span></th>'


def _proof_cell(value: object) -> str:
    amount = as_number(value)
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif 0 < abs(amount) < SMALL:
        text = f"below {SMALL:g}"
    elif np.isfinite(amount):
        text = number(amount, decimals([amount]))
    else:
        text = "–" if value is None or isinstance(value, float) else str(value)
    return f'<td class="n">{escape(text)}</td>'


_UNITS = {
    "usd": "$",
    "uusd": "micro-$",
    "kwh": "kWh",
    "kw": "kW",
    "pu": "pu",
    "s": "s",
    "kvar": "kvar",
    "kva": "kVA",
}


_NAMED_AS_THEY_ARE = {"hashes", "inputs", "versions"}


def _key_words(key: str) -> str:
    """Return 'Energy balance [kWh]' for 'energy_balance_kwh'."""
    *parts, last = key.replace(".", "_").split("_")
    if parts and parts[-1] != "per" and last in _UNITS:
        return f"{' '.join(parts).capitalize()} [{_UNITS[last]}]"
    if parts[-1:] == ["per"] and last == "kwh":
        return f"{' '.join(parts[:-1]).capitalize()} [$/kWh]"
    return " ".join([*parts, last]).capitalize()


def _manifest_words(key: str) -> str:
    """Return 'Bound: welfare [$]' for 'bound.welfare_usd'; names of files and packages stay as they are."""
    group, _, own = key.partition(".")
    if not own:
        return _key_words(key)
    words = own if group in _NAMED_AS_THEY_ARE or "." in own else _key_words(own)
    return f"{_key_words(group)}: {words}"


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


def faults(result: ComparisonView) -> str:
    """Return a notice of designs that did not finish, '' where all did."""
    told = "".join(
        f"<p><b>{label(name)}</b> did not finish: {escape(reason)}</p>"
        for name, reason in failed(result).items()
    )
    return f'<div class="notes" role="alert">{told}</div>' if told else ""


def origin(result: ComparisonView, remarks: tuple[str, ...]) -> str:
    """Return remarks on the data, how the feeder was read, the manifest, and the scenario as it was written."""
    told = "".join(f"<p>{escape(text)}</p>" for text in remarks)
    code = currency(result)
    pairs = "".join(
        f"<dt>{escape(spell_money(_manifest_words(key), code))}</dt><dd>{escape(_plain(value))}</dd>"
        for key, value in flat(_told(result.summary.get("manifest", {})))
        if value != ""
    )
    read_as = "".join(f"<li>{escape(text)}</li>" for text in feeder_notes(result))
    feeder = f"<h3>How the feeder was read</h3><ul>{read_as}</ul>" if read_as else ""
    manifest = (
        f'<dl class="kv">{pairs}</dl>'
        if pairs
        else '<p class="absent">This run left no manifest.</p>'
    )
    text = result.scenario_text.strip()
    scenario = (
        f"<details><summary>The scenario as it was run</summary><pre>{escape(text)}</pre></details>"
        if text
        else ""
    )
    return (f'<div class="notes">{told}</div>' if told else "") + feeder + manifest + scenario


def _told(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a manifest with its inputs in words, a line each key, without what is told apart."""
    kept = {key: value for key, value in manifest.items() if key != FEEDER_NOTES}
    inputs = kept.get("inputs")
    return kept if inputs is None else {**kept, "inputs": spell_inputs(inputs)}


def _plain(value: object) -> str:
    """Return a value of the manifest as a reader sees it; `summary.json` has all digits."""
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value) or "none"
    if isinstance(value, float) and np.isfinite(value):
        return number(value, decimals([value]))
    return "yes" if value is True else "no" if value is False else str(value)
