"""A figure on a page: heading, caption, drawing, and what the drawing shows in words for who does not see it."""

from collections import defaultdict
from collections.abc import Iterator
from html import escape, unescape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from gridagora.report.style import decimals, number

SPOKEN = 40  # entries of an alternative text; more are counted, not read out
FIGURE_PX = 400
ACROSS = "across"  # the mark of a trace whose values lie on the axis below, not beside


def panel(
    name: str, heading: str, caption: str, fig: go.Figure, *, wide: bool, numbers: str = ""
) -> str:
    """Return a figure as HTML, drawn by the script of the page at `figure-{name}`; caption and numbers are HTML already."""
    height = int(fig.layout.height or FIGURE_PX)
    return frame_of(
        name, heading, caption, alternative(heading, fig), height, wide=wide, numbers=numbers
    )


def frame_of(
    name: str,
    heading: str,
    caption: str,
    words: str,
    height: int,
    *,
    wide: bool,
    numbers: str = "",
) -> str:
    """Return the place of a figure as HTML, `height` in pixels; `words` say what it shows to who does not see it."""
    told = escape(heading)
    return (
        f'<figure{_width(wide=wide)}><h3>{told}<span class="saves">{_save(name, told)}</span></h3>'
        f"<figcaption>{caption}</figcaption>"
        f'<div class="plot" id="figure-{name}" role="img" '
        f'aria-label="{escape(words)}" style="height:{height}px"></div>{_folded(numbers)}</figure>'
    )


def _save(name: str, heading: str) -> str:
    """Return a button for each kind of picture that a figure can be saved as."""
    return "".join(
        f'<button type="button" class="save" data-save="figure-{name}" data-kind="{kind.lower()}" '
        f'data-tip="Save this figure for a slide as {kind}" '
        f'aria-label="Save the figure {heading} as {kind}">{kind}</button>'
        for kind in ("SVG", "PNG")
    )


def _folded(numbers: str) -> str:
    if not numbers:
        return ""
    return f'<details class="numbers"><summary>The numbers as a table</summary>{numbers}</details>'


def absent_panel(heading: str, needs: str, *, wide: bool) -> str:
    """Return the place of a figure that has nothing to draw, with the reason."""
    return (
        f"<figure{_width(wide=wide)}><h3>{escape(heading)}</h3>"
        f'<p class="absent">{escape(needs)}</p></figure>'
    )


def alternative(heading: str, fig: go.Figure) -> str:
    """Return what a figure shows in words: its axis, and every series that is seen, from its lowest to its highest value."""
    told = [f"{name} {_span(values)}" for name, values in series_of(fig).items()]
    more = f"; and {len(told) - SPOKEN} more" if len(told) > SPOKEN else ""
    axis = axis_of(fig)
    return f"{heading}. {axis and axis + ': '}{'; '.join(told[:SPOKEN])}{more}."


def axis_of(fig: go.Figure) -> str:
    """Return the words of the axis that values lie on, with their unit; '' where it has none."""
    shades = [trace for trace in fig.data if trace.type == "heatmap"]
    if shades:
        return _plain(shades[0].colorbar.title.text)
    across = any(trace.meta == ACROSS for trace in fig.data)
    return _plain(("" if across else fig.layout.yaxis.title.text) or fig.layout.xaxis.title.text)


def series_of(fig: go.Figure) -> dict[str, np.ndarray]:
    """Return the known values (n,) [unit of the axis] of every series that is seen or offered, by name."""
    held: dict[str, list[np.ndarray]] = defaultdict(list)
    for trace in fig.data:
        if trace.visible is False or getattr(trace, "mode", None) == "text":
            continue
        for name, values in _series(fig, trace):
            held[name].append(values[np.isfinite(values)])
    joined = {name: np.concatenate(parts) for name, parts in held.items()}
    return {name: values for name, values in joined.items() if values.size}


def _width(*, wide: bool) -> str:
    return ' class="wide"' if wide else ""


def _series(fig: go.Figure, trace: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Return the values (n,) [unit of the axis] of a trace by name; bars across have one name each."""
    if trace.type == "bar" and trace.orientation == "h":
        axis = trace.xaxis or "x"
        title = _plain(fig.layout[f"xaxis{axis[1:]}"].title.text) + ", " if trace.xaxis else ""
        for name, value in zip(trace.y, _numbers(trace.x), strict=True):
            yield title + _plain(str(name)), np.array([value])
        return
    marker = getattr(trace, "marker", None)
    shade = None if marker is None else marker.color
    mapped = trace.type == "scatter" and isinstance(shade, tuple | list | np.ndarray)
    name = trace.name or (str(trace.x[0]) if trace.x is not None and len(trace.x) else "")
    if name and trace.hoverinfo != "skip":
        yield (
            _plain(name) + _other_axis(fig, trace),
            _numbers(shade if mapped else trace.x if trace.meta == ACROSS else whole(trace)),
        )


def whole(trace: Any) -> Any:
    """Return the values (n,) [unit of the axis] of a trace: those that `meta` holds where the drawing cuts what is too high."""
    if trace.type == "heatmap":
        return np.ravel(np.array(trace.z, dtype=float))
    return trace.meta if isinstance(trace.meta, tuple | list) else trace.y


def _other_axis(fig: go.Figure, trace: Any) -> str:
    """Return the words of an axis that is not the first of a drawing, as prices have below loads."""
    axis = getattr(trace, "yaxis", None) or "y"
    return "" if axis == "y" else ", " + _plain(fig.layout[f"yaxis{axis[1:]}"].title.text)


def _numbers(values: Any) -> np.ndarray:
    held = () if values is None else values
    return np.array([np.nan if value is None else value for value in held], dtype=float)


def _span(values: np.ndarray) -> str:
    ends = [float(values.min()), float(values.max())]
    places = max(0, decimals(ends) - 1)
    first, last = (number(round(value, places), places) for value in ends)
    return first if first == last else f"{first} to {last}"


def _plain(text: str | None) -> str:
    return unescape((text or "").replace("<br>", " "))
