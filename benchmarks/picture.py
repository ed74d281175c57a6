"""The ratios as one figure: a bar from the least to the greatest of each row on a logarithmic axis, written as SVG."""

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.row import Row, ratios, times

LEFT, RIGHT, LINE, TOP, BOTTOM = 450, 90, 26, 44, 40
WIDTH, LABEL = 990, 80  # px, letters
INK, BAR, MARK, RULE = "#1f2933", "#2f6f9f", "#b4442a", "#d5dbe1"


def svg(rows: Sequence[Row], title: str) -> str:
    """Return the figure of the rows that have a ratio; a row whose peer was not there is named without a bar."""
    found = [(row, ratios(row) if row.pairs else []) for row in rows]
    reached = [value for _, values in found for value in values] + [
        row.asked for row, _ in found if row.asked
    ]
    decades = range(
        math.floor(math.log10(min([1.0, *reached]))),
        math.ceil(math.log10(max([10.0, *reached]))) + 1,
    )
    span = decades[-1] - decades[0]
    height = TOP + LINE * len(found) + BOTTOM

    def across(value: float) -> float:
        return LEFT + (math.log10(value) - decades[0]) / span * (WIDTH - LEFT - RIGHT)

    said = "; ".join(f"{row.case} against {row.peer}: {_middle(values)}" for row, values in found)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}">',
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(said)}</desc>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="10" y="20" font-size="14">{escape(title)}</text>',
    ]
    for decade in decades:
        at = across(10.0**decade)
        parts.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 10}" y2="{height - BOTTOM}" stroke="{RULE}"/>'
        )
        parts.append(
            f'<text x="{at:.1f}" y="{height - BOTTOM + 18}" text-anchor="middle">{10.0**decade:g}x</text>'
        )
    for place, (row, values) in enumerate(found):
        y = TOP + LINE * place
        name = f"{row.case.replace('`', '')}, {row.peer.split(',')[0]}"
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end" font-size="11">{escape(name[:LABEL])}</text>'
        )
        if values:
            low, high = across(values[0]), across(values[-1])
            parts.append(
                f'<rect x="{low - 2:.1f}" y="{y + 3}" width="{high - low + 4:.1f}" height="11" rx="2" fill="{BAR}"/>'
            )
        else:
            low = high = LEFT
        if row.asked:
            at = across(row.asked)
            parts.append(
                f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y}" y2="{y + 17}" stroke="{MARK}" stroke-width="2"/>'
            )
        parts.append(
            f'<text x="{max(high, across(row.asked) if row.asked else high) + 8:.1f}" y="{y + 12}">{_middle(values)}</text>'
        )
    parts.append(
        f'<text x="10" y="{height - 6}" font-size="11">Bars: least to greatest of the repeats; red: asked.</text>'
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _middle(values: Sequence[float]) -> str:
    return times(values[len(values) // 2]) if values else "not run"
