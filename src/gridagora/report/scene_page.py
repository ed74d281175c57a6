"""One page that shows what was understood of a scenario, before anything is run: map, curves, homes, what was read and drawn."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from gridagora.core.feeder import source_bus
from gridagora.core.registry import find
from gridagora.population.charging import ChargingSessions
from gridagora.report.scene_svg import draw_map, draw_series
from gridagora.report.scene_view import (
    DAY_H,
    NONE,
    HourCurve,
    kind_of_homes,
    map_of,
    series_of,
    sources_of,
)
from gridagora.scenario.build import Scene

# Tol, Colour schemes (SRON/EPS/TN/09-002, 2021), scheme "bright"; grey for what owns nothing.
TONES = ("#4477aa", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#66ccee")
REST = "#8b929c"
HOMES_SHOWN = 500
HOURS_SHOWN = 24 * 14  # of the table of numbers; longer runs are told by day
CSS = """
main{padding-top:8px}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:18px}
.drawn{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:12px 14px}
.drawn svg{width:100%;height:auto;display:block}.drawn figcaption{font-size:13.5px;color:var(--soft)}
.drawn h3{margin:0 0 6px;font-size:15px}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;margin:8px 0 0;font-size:13.5px}
.key i{display:inline-block;width:11px;height:11px;border-radius:50%;margin-right:6px}
td.left,th.left{text-align:left}
@media print{.scroll{overflow:visible}.drawn{break-inside:avoid}}
"""
ALONE = "Before any design is run: {}are not among these loads, since they follow from weather, prices and design."
DEVICES = "heating, cooling, hot water and charging "


def write_scene_page(scene: Scene, lines: Mapping[str, str], path: Path) -> Path:
    """Write the page and return its path.

    Parameters
    ----------
    lines
        What was understood, a line of text for each subject, as `scenario.describe.scene_lines` returns it.
    path
        Where to write it; what stands there is replaced.
    """
    case = scene.scenario.scenario
    found = series_of(scene)
    title = escape(case.title)
    style = files("gridagora.report").joinpath("page.css").read_text(encoding="utf-8")
    homes, meters = len(scene.homes.home_id), len(np.unique(scene.home_meter))
    answer = f"{homes} homes on {meters} meters of {escape(scene.feeder.name)}, {case.days} days from {case.start:%A %d %B %Y}."
    note = f'<p class="extent">{escape(case.note)}</p>' if case.note else ""
    page = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title} · gridagora check</title><style>{style}{CSS}</style></head>
<body><header class="top"><div class="hero"><p class="kicker">{title}</p>
<h1>What was understood?</h1><p class="answer">{answer}</p>{note}</div></header>
<main>
<section><h2>The feeder and its homes</h2>{_map(scene)}</section>
<section><h2>The days of the run</h2><p class="lead">{_alone(scene)}</p>{_curves(found, scene)}</section>
<section><h2>What was read and what was drawn</h2>{_sources(scene)}</section>
<section><h2>The homes</h2>{_homes(scene)}</section>
<section><h2>All that was understood</h2>{_lines(lines)}</section>
</main>
<footer>Made by gridagora. This page holds everything it shows and asks the network for nothing.</footer>
</body></html>
"""
    path.write_text(page, encoding="utf-8")
    return path


def _alone(scene: Scene) -> str:
    """Say what the loads of homes do not hold."""
    keys = scene.scenario.homes
    whole = bool(keys.loads) and keys.loads_hold == "all"
    return ALONE.format("charging and batteries " if whole else DEVICES)


def _map(scene: Scene) -> str:
    feeder = scene.feeder
    kinds = kind_of_homes(scene)
    often = [kind for kind, _ in Counter(kinds).most_common()]
    spare = iter(TONES)
    tones = {kind: REST if kind == NONE else next(spare, REST) for kind in often}
    at = map_of(feeder)
    homes = feeder.meters.bus[scene.home_meter]
    key = "".join(
        f'<span><i style="background:{tones[kind]}"></i>{escape(kind)}: {kinds.count(kind)}</span>'
        for kind in often
    )
    if len(feeder.buses.name) < 2:
        return f'<p class="lead">No network is known: all homes stand on one bus.</p><div class="key">{key}</div>'
    drawing = draw_map(at, homes, kinds, tones, source_bus(feeder))
    said = (
        "By the coordinates of the model."
        if at.is_map
        else (
            "The model has no coordinates for every bus: from the substation at the left, each joint a step to the right."
        )
    )
    return (
        f'<figure class="drawn">{drawing}<div class="key">{key}</div><figcaption>{said} A triangle is the substation, squares '
        "are transformers, dots are homes; the table below says what each owns.</figcaption></figure>"
    )


def _curves(found: Sequence[HourCurve], scene: Scene) -> str:
    start = scene.scenario.scenario.start
    drawn = "".join(
        f'<figure class="drawn"><h3>{escape(each.label)} [{escape(each.unit)}]</h3>'
        f"{draw_series(each, start, f'series-{at}')}</figure>"
        for at, each in enumerate(found)
    )
    hours = DAY_H * scene.days
    by_day = hours > HOURS_SHOWN
    step = DAY_H if by_day else 1
    heads = ["day" if by_day else "hour", *(f"{each.label} [{each.unit}]" for each in found)]
    means = [each.values.reshape(-1, step).mean(1) for each in found]
    first = np.datetime64(start, "h")
    rows = (
        [f"{(first + at * step).item():%a %d %b %H:%M}", *(f"{each[at]:.4g}" for each in means)]
        for at in range(hours // step)
    )
    what = "mean of each day" if by_day else "each hour"
    return (
        f'<div class="grid">{drawn}</div><details><summary>The numbers of these curves, {what}</summary>'
        f"{_table('The curves in numbers', heads, rows)}</details>"
    )


def _sources(scene: Scene) -> str:
    return _table(
        "Where each part comes from", ["part", "source", "where from"], sources_of(scene), left=True
    )


def _homes(scene: Scene) -> str:
    """Return a row for each home: its meter, class, mean load, and how many devices of each kind it owns."""
    homes, count = scene.homes, len(scene.homes.home_id)
    kinds = {
        _spell_owned(kind, table): np.bincount(table.home, minlength=count)
        for kind, table in homes.owned.items()
        if len(table.home)
    }
    classes = bool(any(scene.home_class))
    heads = ["home", "meter", *(["class"] if classes else []), "load in the mean [kW]", *kinds]
    mean_kw = homes.load_kw[:, : DAY_H * scene.days].mean(1)

    def rows() -> Iterator[list[str]]:
        for at in range(min(count, HOMES_SHOWN)):
            meter = scene.feeder.meters.name[scene.home_meter[at]]
            known = [scene.home_class[at]] if classes else []
            owned = (str(each[at]) if each[at] else "" for each in kinds.values())
            yield [homes.home_id[at], meter, *known, f"{mean_kw[at]:.3g}", *owned]

    more = f"<p>{count - HOMES_SHOWN} homes more are not shown.</p>" if count > HOMES_SHOWN else ""
    return _table("Homes and what they own", heads, rows()) + more


def _spell_owned(kind: str, table: Any) -> str:
    """Return what a row of a table of devices is."""
    label = find("device", kind).about.label.lower()
    return f"sessions of {label}" if isinstance(table, ChargingSessions) else label


def _lines(lines: Mapping[str, str]) -> str:
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in lines.items()
    )
    return f'<dl class="kv">{items}</dl>'


def _table(caption: str, heads: Sequence[str], rows: Any, *, left: bool = False) -> str:
    """Return a table whose first column names its rows."""
    side = ' class="left"' if left else ""
    head = "".join(f'<th scope="col"{side}>{escape(name)}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td{side}>{escape(each)}</td>" for each in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table><caption class="heard">{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
