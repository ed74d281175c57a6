"""One page that holds a whole study: fronts, loss by dial, where the rest goes, claims, and origin; without a network."""

import os
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

import plotly.graph_objects as go

from gridagora.report import claims_table, claims_words
from gridagora.report.embed import library, packed_library, payload
from gridagora.report.facts import ComparisonView, currency
from gridagora.report.fragments import origin
from gridagora.report.number_table import number_table
from gridagora.report.page import asset, fill, put, script_hash, scripts, unbroken
from gridagora.report.panel import panel
from gridagora.report.rows import Row, rows_of
from gridagora.report.scroll_table import scroll_table
from gridagora.report.study_figures import DIALS, figures
from gridagora.report.study_table import NOTES, cells, heads
from gridagora.report.study_words import answer, effects, extent, question


class StudyPanel(NamedTuple):
    """One figure on the page: where it stands, its heading, how to read it, and its width."""

    section: str
    name: str
    heading: str
    caption: str
    wide: bool = False


SECTIONS = {
    "front": "Which architecture",
    "dials": "What each dial costs",
    "losses": "Where the rest goes",
    "points": "Every point",
    "claims": "What changes",
    "cases": "Case by case",
    "words": "In words",
    "terms": "Who is compared",
}
LOST = "Welfare below that of the central market on the same forecast, as a share of the attainable gain; negative is better. "
DIAL_CAPTIONS = {
    "layers": "Where no layer has a limit of its own, more layers cost messages and change nothing else.",
    "blocks": "Every layer above the home passes its curve on in this many blocks.",
    "forecast": "Noise is normal and falls on every hour but the present one, drawn anew every hour.",
    "loss_share": "A lost tender is stood in for by the last one heard; a lost award by the last price heard.",
    "delay": "A tender is late by this many real-time intervals; the market clears on the one before.",
}
LEADS = {
    "claims": "Mean change over the draws from a design of today to prosumers as the retailer, with its 95 % interval. The "
    "shaded side is better. A hollow mark does not show the claim, an arrow lies beyond the edge.",
}
PANELS = (
    StudyPanel(
        "front",
        "front_bytes",
        "Loss against bytes",
        LOST
        + "The line joins what nothing under the same conditions beats; pale dots are the layered market with noise, "
        "lost or late messages, or a better forecast. Triangles on the upper edge lie beyond it: worse than the flat rate.",
    ),
    StudyPanel(
        "front",
        "front_disclosed",
        "Loss against numbers disclosed",
        LOST + "What a home says of itself: points of its curve, "
        "plans, or the whole specification of its devices.",
    ),
    *(
        StudyPanel("dials", f"dial_{name}", heading, LOST + DIAL_CAPTIONS[name])
        for name, heading in DIALS.items()
    ),
    StudyPanel(
        "dials",
        "noise",
        "Asked for curves, or told a price",
        "What noise in the price forecast costs each design against its own run without noise, in dollars.",
    ),
    StudyPanel(
        "losses",
        "losses",
        "From what is captured to the certified bound",
        "Each bar is a measured difference: the same design with one more thing known or relaxed. They sum to the whole, and the "
        "dashed line is the bound; another order of causes would give other bars.",
        wide=True,
    ),
    StudyPanel(
        "claims",
        "claims_price_per_kwh",
        "Does the retail price fall?",
        "What homes without panels, battery or car pay for a kilowatt-hour, on average.",
    ),
    StudyPanel(
        "claims",
        "claims_prosumer_usd_day",
        "Do prosumers earn more?",
        "Of one that sells: what it is paid, less wear, discomfort and charge missing.",
    ),
    StudyPanel(
        "claims",
        "claims_end_user_usd_day",
        "Are end-users better off?",
        "Of one home that does not sell: what is left after the bill, discomfort and cold water.",
    ),
    StudyPanel(
        "claims",
        "claims_peak_kw",
        "Does the peak fall?",
        "Of all homes. At a flat price without automation homes keep to their "
        "thermostats whoever sells, so those retailers have one peak.",
    ),
)


def write(result: ComparisonView, path: str | os.PathLike[str]) -> Path:
    """Write the report of a study as one self-contained HTML file and return its path.

    The same result gives the same bytes. A half-written file is never left under the name asked for.
    """
    return put(html(result), path)


def html(result: ComparisonView) -> str:
    """Return the report of a study as the text of one HTML page."""
    drawn = figures(result)
    script = scripts()
    parts = {key: _section(result, key, drawn) for key in SECTIONS}
    links = {key: SECTIONS[key] for key, text in parts.items() if text} | {"origin": "Origin"}
    code = currency(result)
    return fill(
        "study.html",
        code,
        title=escape(str(result.summary.get("manifest", {}).get("title", "Study"))),
        script_hashes=" ".join(script_hash(text) for text in (library(), script)),
        css=asset("page.css"),
        nav="".join(f'<a href="#{key}">{escape(text)}</a>' for key, text in links.items()),
        question=escape(question(result)),
        answer=unbroken(escape(answer(result))),
        effects=unbroken(escape(effects(result))),
        extent=escape(extent(result)),
        faults=_faults(result),
        sections="\n".join(parts.values()),
        origin=origin(result, ()),
        data="\n".join(payload(name, fig, code) for name, fig in drawn.items()),
        library=packed_library(),
        script=script,
    )


def _section(result: ComparisonView, key: str, drawn: dict[str, go.Figure]) -> str:
    if key in BODIES:
        body = BODIES[key](result)
    else:
        panels = "".join(
            panel(
                each.name,
                each.heading,
                escape(each.caption),
                drawn[each.name],
                wide=each.wide,
                numbers=number_table(each.heading, drawn[each.name]),
            )
            for each in PANELS
            if each.section == key and each.name in drawn
        )
        body = f'<div class="grid">{panels}</div>' if panels else ""
    lead = f'<p class="lead">{unbroken(escape(LEADS[key]))}</p>' if key in LEADS else ""
    return (
        f'<section id="{key}"><h2>{escape(SECTIONS[key])}</h2>{lead}{body}</section>'
        if body
        else ""
    )


def _points(result: ComparisonView) -> str:
    table = result.tables.get("points")
    if table is None or table.empty:
        return ""
    words = (escape(text).replace("kB/", "kB/<wbr>") for text in heads())
    head = "".join(
        f"<th{'' if at < 6 else ' class=n'}><button>{text}</button></th>"
        for at, text in enumerate(words)
    )
    rows = "".join(_row(row) for row in rows_of(table[table.welfare_usd.notna()]))
    told = "".join(f"<p>{escape(text)}</p>" for text in NOTES)
    return (
        f'<div class="notes">{told}</div>'
        f"{scroll_table('Every point of the study', head, rows, 'sortable points')}"
    )


def _row(row: Row) -> str:
    held = cells(row)
    return (
        "<tr>"
        + "".join(
            f'<td{"" if at < 6 else " class=n"} data-key="{key}">{escape(text)}</td>'
            for at, (text, key) in enumerate(held)
        )
        + "</tr>"
    )


def _faults(result: ComparisonView) -> str:
    """Return a notice of points that did not finish, '' where all did."""
    failed = result.summary.get("failed", {})
    told = "".join(
        f"<p><b>{escape(str(name))}</b> did not finish: {escape(str(why))}</p>"
        for name, why in failed.items()
    )
    return f'<div class="notes" role="alert">{told}</div>' if told else ""


def _cases(result: ComparisonView) -> str:
    return claims_table.html(result.tables["claims"]) if "claims" in result.tables else ""


def _words(result: ComparisonView) -> str:
    if "claims" not in result.tables:
        return ""
    said = "".join(
        f"<li>{unbroken(escape(text))}</li>"
        for text in claims_words.in_words(result.tables["claims"])
    )
    return f'<ul class="said">{said}</ul>'


def _terms(result: ComparisonView) -> str:
    if "claims" not in result.tables:
        return ""
    told = "".join(
        f"<dt>{escape(name)}</dt><dd>{unbroken(escape(text))}</dd>"
        for name, text in claims_words.terms(result)
    )
    return f'<dl class="terms">{told}</dl>'


BODIES: Mapping[str, Callable[[ComparisonView], str]] = {
    "points": _points,
    "cases": _cases,
    "words": _words,
    "terms": _terms,
}
