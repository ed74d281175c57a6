"""One page on the risk of designs over many worlds, without a network, and the same numbers as tables beside it."""

import os
import shutil
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from gridagora.core.currency import USD
from gridagora.report import risk_matrix, risk_table
from gridagora.report.embed import library, packed_library, payload
from gridagora.report.flip_figures import flips_html
from gridagora.report.fragments import origin
from gridagora.report.page import asset, fill, put, script_hash, scripts, unbroken
from gridagora.report.risk_drawing import RiskFigure
from gridagora.report.risk_figures import risk_figures
from gridagora.report.risk_names import READ, event_words
from gridagora.report.risk_view import RiskView, view_of
from gridagora.report.risk_words import (
    answer,
    effects,
    extent,
    in_words,
    question,
    stopping_words,
    tail_words,
)
from gridagora.run.result import Comparison
from gridagora.studies.flip_map import load_flips
from gridagora.studies.risk.assess import assess
from gridagora.studies.risk.question import RiskQuestion
from gridagora.studies.risk.worlds import read_worlds

TABLES = "risk"  # folder of the tables beside the page
PAGE = "report.html"
SECTIONS: Mapping[str, str] = {
    "words": "In words",
    "designs": "Designs on average",
    "distributions": "How far worlds lie apart",
    "tails": "Bad worlds, by who pays",
    "pairs": "Design against design",
    "beats": "How often one is better",
    "events": "What goes wrong",
    "drivers": "What makes worlds bad",
    "burdens": "Who bears the bad worlds",
    "draws": "Are there enough worlds",
    "variations": "Variations",
    "read": "How to read this page",
}
NAV: Mapping[str, str] = {
    "words": "In words",
    "designs": "Average",
    "distributions": "Spread",
    "tails": "Bad worlds",
    "pairs": "Pairs",
    "beats": "How often",
    "events": "Events",
    "drivers": "Causes",
    "burdens": "Who bears",
    "draws": "Enough?",
    "variations": "Variations",
    "read": "How to read",
}
LEADS: Mapping[str, str] = {
    "designs": "Mean over all worlds, and the difference to the best mean in the same worlds. A tie says that the interval of "
    "the difference holds zero. Better in: the share of worlds in which the design is better than the one on top.",
    "tails": "What the worst worlds cost. Each stakeholder has its own worst worlds.",
    "pairs": "The difference of two designs in the same worlds, so that what all suffer in a bad world drops out. Green: the "
    "row is better, red: worse, plain: a tie. A star: it may be chance among so many pairs (Holm).",
    "beats": "A design may be better on average and worse in most worlds, or the other way round. Equal figures count half.",
    "events": "None in these worlds does not mean that there is none: the upper end of the interval says what may be.",
    "burdens": "The worlds that are worst for the system, and what they cost each stakeholder.",
}


def write_risk(
    folder: str | os.PathLike[str],
    asked: RiskQuestion = RiskQuestion(),  # noqa: B008  # a value that nobody changes
    variation: int | None = None,
    *,
    needs_tail: bool = True,
) -> RiskView:
    """Assess the ensemble in a folder, write `report.html` and `risk/*.parquet` there, and return what was shown.

    Parameters
    ----------
    folder
        Of an ensemble.
    asked
        Level of the tail, metric that ranks, width of its differences.
    variation
        Which variation the page is about; the tables hold all.
    needs_tail
        Whether too few worlds for the tail are refused; else page and tables do without it and say so.

    Raises
    ------
    InputError
        No folder of an ensemble, too few worlds, an unknown metric or variation, a level outside 0..1.
    """
    place = Path(folder)
    table, manifest = read_worlds(place)
    found = assess(table, asked, manifest=manifest, needs_tail=needs_tail)
    scenario = place / "scenario.toml"
    text = scenario.read_text(encoding="utf-8") if scenario.is_file() else ""
    view = view_of(found, manifest, variation, text)
    page = html(view, flips_html(load_flips(place)))
    keep_tables(found.tables, place / TABLES)
    put(page, place / PAGE)
    return view


def keep_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write tables as Parquet in place of those that were there; an empty one is left out."""
    draft = folder.with_name(f"{folder.name}.part-{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, table in tables.items():
        if len(table):
            table.to_parquet(draft / f"{name}.parquet", index=False)
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)


def html(view: RiskView, maps: str = "") -> str:
    """Return the page as the text of one HTML file, with maps below its answer; the same assessment gives the same bytes."""
    drawn = risk_figures(view)
    script = scripts()
    parts = {key: _section(view, key, drawn) for key in SECTIONS}
    links = {key: NAV[key] for key, text in parts.items() if text} | {"origin": "Origin"}
    code = str(view.manifest.get("currency", USD))
    return fill(
        "risk.html",
        code,
        title=escape(str(view.manifest.get("title") or "Risk of designs")),
        script_hashes=" ".join(script_hash(text) for text in (library(), script)),
        css=asset("page.css") + asset("risk.css"),
        nav="".join(f'<a href="#{key}">{escape(text)}</a>' for key, text in links.items()),
        question=escape(question(view)),
        answer=_unbroken(escape(answer(view))),
        effects=_unbroken(escape(effects(view))),
        extent=escape(extent(view)),
        maps=maps,
        sections="\n".join(parts.values()),
        origin=_origin(view),
        data="\n".join(payload(name, each.drawing, code) for name, each in drawn.items()),
        library=packed_library(),
        script=script,
    )


def _unbroken(text: str) -> str:
    """Return text whose dollars, too, stay with their numbers."""
    return unbroken(text).replace(" $", "\u00a0$")


def _section(view: RiskView, key: str, drawn: Mapping[str, RiskFigure]) -> str:
    body = _body(view, key) + _panels(key, drawn)
    if not body:
        return ""
    lead = f'<p class="lead">{_unbroken(escape(LEADS[key]))}</p>' if key in LEADS else ""
    return f'<section id="{key}" aria-labelledby="{key}-h"><h2 id="{key}-h">{escape(SECTIONS[key])}</h2>{lead}{body}</section>'


def _body(view: RiskView, key: str) -> str:
    return BODIES[key](view) if key in BODIES else ""


def _words(view: RiskView) -> str:
    return _list(in_words(view))


def _designs(view: RiskView) -> str:
    return risk_table.designs_html(view) if view.means() else ""


def _pairs(view: RiskView) -> str:
    return risk_matrix.matrix_html(view, of_shares=False) if view.pairs() else ""


def _beats(view: RiskView) -> str:
    shown = view.pairs() and view.is_ranked
    return risk_matrix.matrix_html(view, of_shares=True) if shown else ""


def _tail(view: RiskView) -> str:
    return _notice(tail_words(view))


def _events(view: RiskView) -> str:
    table = risk_matrix.events_html(view)
    return table and table + _terms(dict(event_words()))


def _draws(view: RiskView) -> str:
    return f'<p class="lead">{_unbroken(escape(stopping_words(view)))}</p>'


def _read(_: RiskView) -> str:
    return _terms(READ)


def _variations(view: RiskView) -> str:
    numbers = [sample.variation for sample in view.found.samples]
    if len(numbers) < 2:
        return ""
    every = [view_of(view.found, view.manifest, number) for number in numbers]
    return risk_matrix.variations_html(every)


def _panels(key: str, drawn: Mapping[str, RiskFigure]) -> str:
    panels = "".join(_panel(name, each) for name, each in drawn.items() if each.section == key)
    return f'<div class="grid">{panels}</div>' if panels else ""


def _panel(name: str, shown: RiskFigure) -> str:
    kind = ' class="wide"' if shown.wide else ""
    rows = [[(escape(text), "n") for text in row] for row in shown.rows]
    numbers = risk_table.html_table(f"{shown.heading}: numbers", shown.heads, rows)
    return (
        f'<figure{kind}><h3>{escape(shown.heading)}<button type="button" class="save" data-save="figure-{name}" '
        f'data-tip="Save this figure as SVG" aria-label="Save the figure {escape(shown.heading)} as SVG">↓</button></h3>'
        f"<figcaption>{_unbroken(escape(shown.caption))}</figcaption>{_key(shown)}"
        f'<div class="plot" id="figure-{name}" role="img" aria-label="{escape(shown.alternative)}" '
        f'style="height:{int(shown.drawing.layout.height or 400)}px"></div>'
        f"<details><summary>Numbers of this figure</summary>{numbers}</details></figure>"
    )


def _key(shown: RiskFigure) -> str:
    """Return which mark stands for which design, in lines that fold on a narrow screen."""
    told = "".join(
        f'<span><i style="color:{tone}" aria-hidden="true">{glyph}</i> {name}</span>'
        for glyph, tone, name in shown.key
    )
    return f'<p class="key">{told}</p>' if told else ""


def _list(sentences: list[str]) -> str:
    told = "".join(f"<li>{_unbroken(escape(text))}</li>" for text in sentences)
    return f'<ul class="said">{told}</ul>' if told else ""


def _terms(pairs: Mapping[str, str]) -> str:
    told = "".join(
        f"<dt>{escape(name)}</dt><dd>{_unbroken(escape(text))}</dd>" for name, text in pairs.items()
    )
    return f'<dl class="terms">{told}</dl>'


def _notice(text: str) -> str:
    return f'<div class="notes"><p>{_unbroken(escape(text))}</p></div>' if text else ""


def _origin(view: RiskView) -> str:
    told: dict[str, Any] = {
        key: value for key, value in view.manifest.items() if key not in ("metrics", "note")
    }
    shown = Comparison({"manifest": told}, {}, view.scenario_text)
    note = view.manifest.get("note")
    return origin(shown, (str(note),) if note else ())


BODIES: Mapping[str, Callable[[RiskView], str]] = {
    "words": _words,
    "designs": _designs,
    "tails": _tail,
    "pairs": _pairs,
    "beats": _beats,
    "events": _events,
    "burdens": risk_matrix.burdens_html,
    "draws": _draws,
    "variations": _variations,
    "read": _read,
}
