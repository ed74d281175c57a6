"""One page of a sweep: the best design at each point, as a map of two keys or a list, and where it changes."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from gridagora.core.currency import USD, spell_money
from gridagora.report.page import asset
from gridagora.report.style import colours, label
from gridagora.report.sweep_map import PANELS, SweepMap, SweepScatter, map_of, words_of_changes
from gridagora.report.sweep_svg import as_file, draw

CSS = """
.map td{border-left:7px solid var(--tone);min-width:104px;vertical-align:top}
.map td small{display:block;color:var(--soft);font-size:12.5px}
.map th{white-space:nowrap}
.drawn{margin:0 0 18px;overflow-x:auto}
.drawn svg{max-width:100%;height:auto;min-width:520px}
.drawn figcaption{color:var(--soft);font-size:13.5px}
main{padding-top:8px}
@media print{.scroll{overflow:visible}}
"""
READ = (
    "Each field names the design that is best in the mean over all worlds, by how much it is better than the next, and the "
    "designs that cannot be told from it: the 95 % interval of their difference in the same worlds holds zero. The worlds are "
    "the same at every point. With many points some of these intervals miss the truth; one in twenty is expected to."
)


def write(
    path: Path,
    ranking: pd.DataFrame,
    variations: pd.DataFrame,
    manifest: Mapping[str, Any],
    metric: tuple[str, str],
) -> Path:
    """Write the page, and its map beside it as SVG, and return the path of the page.

    Parameters
    ----------
    path
        Where to write it.
    ranking
        As `studies.ranking.rank_designs` returns it.
    variations
        Columns variation, key and value.
    manifest
        Of the sweep.
    metric
        Name and unit of what designs are ranked by.
    """
    keys = list(dict.fromkeys(variations.key))
    points = variations.pivot(index="variation", columns="key", values="value")[keys]
    tones = colours(list(manifest["designs"]))
    shown = map_of(ranking, points, list(manifest["designs"]))
    drawing = draw(shown, tones, metric[0])
    path.with_suffix(".svg").write_text(as_file(drawing), encoding="utf-8")
    whole = isinstance(shown, SweepMap) and len(keys) == 2
    body = _drawn(shown, drawing, metric[0]) + (_map if whole else _list)(
        ranking, points, tones, metric[1]
    )
    body = spell_money(body, str(manifest.get("currency", USD)))
    title = escape(str(manifest["title"]))
    page = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title} · gridagora sweep</title><style>{asset("page.css")}{CSS}</style></head>
<body><header class="top"><div class="hero"><p class="kicker">{title}</p>
<h1>Which design is best where?</h1><p class="answer">{_answer(ranking)}</p>
<p class="extent">{_extent(manifest, metric)}</p></div></header>
<main><section><h2>The best design at each point</h2><p class="lead">{READ}</p>{body}</section>
<section><h2>What the worlds share and what they do not</h2>{_origin(manifest)}</section></main>
<footer>Made by gridagora. This page holds everything it shows and asks the network for nothing.</footer>
</body></html>
"""
    path.write_text(page, encoding="utf-8")
    return path


def _answer(ranking: pd.DataFrame) -> str:
    """Return in a sentence or two which designs are best at how many points, and at how many nobody can tell."""
    count = len(ranking)
    leads = Counter(ranking.best)
    said = [f"{label(name)} at {many} of {count}" for name, many in leads.most_common()]
    tied = int((ranking.ties != "").sum())
    first = f"Best by the mean: {', '.join(said)} points."
    if len(leads) == 1:
        first = f"{label(ranking.best.iloc[0])} is best by the mean at all {count} points."
    if not tied:
        return f"{first} At none of them does another design tie with it."
    return f"{first} At {tied} of them other designs tie with it."


def _extent(manifest: Mapping[str, Any], metric: tuple[str, str]) -> str:
    unit = f" [{escape(metric[1])}]" if metric[1] else ""
    worlds, days = int(manifest["seeds"]), int(manifest["days"])
    return (
        f"Ranked by {escape(metric[0])}{unit}; {worlds} worlds of {days} day{'s' if days > 1 else ''} at each point, "
        f"{int(manifest['homes'])} homes."
    )


def _field(row: Mapping[Any, Any] | None, tones: Mapping[str, str], unit: str) -> str:
    """Return the cell of a point."""
    if row is None:
        return "<td>not run</td>"
    ties = ", ".join(label(name) for name in row["ties"].split(", ") if name)
    known = math.isfinite(row["lead"])
    lead = f"<small>ahead by {row['lead']:.3g} {escape(unit)}</small>" if known else ""
    tied = f"ties: {ties}" if ties else "no tie"
    tone = tones[row["best"]]
    return f'<td style="--tone:{tone}">{label(row["best"])}{lead}<small>{tied}</small></td>'


def _drawn(shown: SweepMap | SweepScatter, drawing: str, metric: str) -> str:
    """Return the drawing with what it does not show of the points, and where the best design changes."""
    told = [f"Best design by {metric}."]
    if isinstance(shown, SweepMap):
        told = [words_of_changes(shown)]
        if any(field.points > 1 for panel in shown.panels for field in panel.fields):
            told.append(
                f"More than {PANELS} maps would be needed for the other keys: a field names the design that is best at most "
                "of its points, and at how many. These two keys tell most about the best design."
            )
        elif len(shown.panels) > 1:
            told.append("The keys on the axes are the two that tell most about the best design.")
    else:
        told.append("Of several keys, those are drawn that tell most about the best design.")
    # a map that is wider than the page scrolls, by keys too
    return (
        f'<figure class="drawn" tabindex="0" aria-label="Map of the best design">{drawing}'
        f"<figcaption>{escape(' '.join(told))}</figcaption></figure>"
    )


def _map(ranking: pd.DataFrame, points: pd.DataFrame, tones: Mapping[str, str], unit: str) -> str:
    """Return a table of two keys, the first down and the second across."""
    down, across = points.columns
    values = points.to_dict("index")
    at = {
        (values[row["variation"]][down], values[row["variation"]][across]): row
        for row in ranking.to_dict("records")
    }
    rows, columns = (list(dict.fromkeys(points[key])) for key in (down, across))
    head = "".join(f'<th scope="col">{escape(str(value))}</th>' for value in columns)
    lines = "".join(
        f'<tr><th scope="row">{escape(str(value))}</th>'
        + "".join(_field(at.get((value, other)), tones, unit) for other in columns)
        + "</tr>"
        for value in rows
    )
    corner = f"{escape(down)} down, {escape(across)} across"
    return _table(f"<th>{corner}</th>{head}", lines)


def _list(ranking: pd.DataFrame, points: pd.DataFrame, tones: Mapping[str, str], unit: str) -> str:
    """Return a table with a row for each point."""
    head = "".join(f'<th scope="col">{escape(key)}</th>' for key in points.columns)
    values = points.to_dict("index")
    lines = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{escape(str(value))}</th>'
            for value in values[row["variation"]].values()
        )
        + f"{_field(row, tones, unit)}</tr>"
        for row in ranking.to_dict("records")
    )
    return _table(f'{head}<th scope="col">best design</th>', lines)


def _table(head: str, lines: str) -> str:
    caption = "Best design at each point of the sweep"
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table class="map">'
        f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _origin(manifest: Mapping[str, Any]) -> str:
    rows: Sequence[tuple[str, str]] = [
        ("redrawn", "; ".join(manifest["redrawn"])),
        ("the same in all", "; ".join(manifest["kept"])),
        *((f"assumed {key}", text) for key, text in manifest["assumed"].items()),
        ("seeds", f"{manifest['first_seed']} and the {int(manifest['seeds']) - 1} after it"),
        ("feeder", str(manifest["feeder"])),
        ("version", str(manifest["versions"]["gridagora"])),
    ]
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows)
    return f'<dl class="kv">{items}</dl>'
