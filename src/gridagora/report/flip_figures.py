"""The small maps of where the ranking of designs flips, as they stand on the first screen of an ensemble."""

from collections.abc import Sequence
from html import escape, unescape

from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import colours
from gridagora.report.sweep_map import SweepMap, map_of, words_of_changes
from gridagora.report.sweep_svg import draw
from gridagora.studies.flip_map import FlipMap, cells_of

HEADINGS = {
    "limit": "Where the limit and its price change the best design",
    "homes": "Where panels and participation change the best design",
}
METRIC = "social welfare"
WIDTH = 520  # px, so that two stand side by side


def flips_html(maps: Sequence[FlipMap]) -> str:
    """Return the maps side by side, each with its words and the sample it was run on; '' where none was."""
    drawn = "".join(_figure(each) for each in maps)
    heading = '<h2 class="heard">Where the best design changes</h2>'
    return f'{heading}<div class="flips">{drawn}</div>' if drawn else ""


def _figure(each: FlipMap) -> str:
    tones = colours(list(each.designs))
    shown = map_of(each.ranking, each.points, list(each.designs))
    name = f"flip-{each.name}"
    drawing = draw(shown, tones, METRIC, name, WIDTH)
    for mark in ('id="', "url(#"):  # of hatches, which both maps have
        drawing = drawing.replace(f"{mark}tie-", f"{mark}{name}-tie-")
    told = f"{words_of_changes(shown)} " if isinstance(shown, SweepMap) else ""
    caption = f"{told}From {each.sample}. With so few worlds many designs tie."
    heading = escape(HEADINGS.get(each.name, each.name))
    return (
        f"<figure><h3>{heading}</h3>{drawing}<figcaption>{escape(caption)}</figcaption>"
        f"<details><summary>The map as a table</summary>{_table(each, heading)}</details></figure>"
    )


def _table(each: FlipMap, heading: str) -> str:
    """Return what each field of a map names, and what ties there."""
    shown = cells_of(each)
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in shown.columns)
    body = "".join(
        f'<tr><th scope="row">{escape(str(first))}</th>'
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
        + "</tr>"
        for first, *cells in shown.itertuples(index=False)
    )
    return scroll_table(unescape(heading), head, body)
