"""Loading over time of the lines and transformers that carried most of their rating, design by design."""

from html import escape
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gridagora.core.feeder import TRANSFORMER
from gridagora.report.facts import ComparisonView, frame, local_time, of, present, step_s, zone
from gridagora.report.feeder_map import EMPTY_TO_FULL
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import below, calm, figure, first_shown, label, menu, number
from gridagora.report.time_figures import TICKS

PERCENT = 100.0
NAME = 14  # letters of a name on the axis; the table has all of them
ROW_PX, REST_PX = 30, 150
SCALE = "Loading [% of the rating]"
ABOVE = "Above the rating"


class LoadingStrip(NamedTuple):
    """Loading of the r most loaded branches of a design in s slots, most first."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    ratings: tuple[str, ...]  # with their unit
    over_h: np.ndarray  # (r,) above the rating [h]
    percent: np.ndarray  # (r, s) [% of the rating]
    starts: list[str]  # (s + 1,) local times, the end of the last slot behind them


def loading_strips(result: ComparisonView) -> dict[str, LoadingStrip]:
    """Return the strips of a comparison by design; none where a run kept no loading over time."""
    table = frame(result, "loading_series", "name", "start_s", "loading_share")
    loading = frame(result, "loading", "name", "over_rating_h")
    if table is None or loading is None:
        return {}
    return {name: _strip(result, name, table, loading) for name in present(result, table)}


def _strip(
    result: ComparisonView, design: str, table: pd.DataFrame, loading: pd.DataFrame
) -> LoadingStrip:
    rows = of(table, design)
    keys = rows[["name", "kind"]].drop_duplicates()
    start_s = np.unique(rows["start_s"].to_numpy())
    share = rows["loading_share"].to_numpy(float).reshape(len(keys), len(start_s))
    own = of(loading, design).drop_duplicates(["name", "kind"]).set_index(["name", "kind"])
    own = own.loc[pd.MultiIndex.from_frame(keys)]
    told = tuple(
        f"{number(a, 0)} A" if np.isfinite(a) else f"{number(kva, 0)} kVA"
        for a, kva in zip(own["rating_a"], own["rating_kva"], strict=True)
    )
    ends = [*start_s.tolist(), int(start_s[-1] + step_s(rows))]
    times = local_time(pd.Series(ends), zone(result)[0]).strftime("%Y-%m-%d %H:%M")
    names, kinds = (tuple(str(each) for each in keys[key]) for key in ("name", "kind"))
    over_h = own["over_rating_h"].to_numpy(float)
    return LoadingStrip(names, kinds, told, over_h, PERCENT * share, list(times))


def loading_over_time(result: ComparisonView) -> go.Figure | None:
    """Loading of the fullest branches over time, a row a branch, one design at a time; crosses where it is above the rating."""
    strips = loading_strips(result)
    if not strips:
        return None
    names = tuple(strips)
    start = first_shown(names)
    rows = max(len(strip.names) for strip in strips.values())
    fig, owner = figure(REST_PX + ROW_PX * rows, hovermode="closest"), list[int]()
    for place, (name, strip) in enumerate(strips.items()):
        _draw(fig, name, strip, visible=place == start)
        owner += [place, place]
    buttons = [
        {
            "label": label(name),
            "method": "update",
            "args": [
                {"visible": [at == place for at in owner]},
                {f"yaxis.{key}": value for key, value in _marks(strips[name]).items()},
                list(range(len(owner))),
            ],
        }
        for place, name in enumerate(names)
    ]
    fig.update_layout(
        xaxis={"type": "date", "tickformatstops": TICKS},
        yaxis=_marks(strips[names[start]]),
        updatemenus=[menu("Design", buttons, active=start, pad={"b": 8})],
        legend=below(),
        margin={"t": 46, "r": 60},
    )
    return calm(fig).update_yaxes(showgrid=False, zeroline=False)


def _draw(fig: go.Figure, name: str, strip: LoadingStrip, *, visible: bool) -> None:
    count = len(strip.starts) - 1
    hover = [[escape(f"{text}, {rating}")] * count for text, rating in _told(strip)]
    fig.add_heatmap(
        x=strip.starts,
        y=list(range(len(strip.names))),
        z=np.round(strip.percent, 1),
        text=hover,
        name=label(name),
        visible=visible,
        colorscale=EMPTY_TO_FULL,
        zmin=0.0,
        zmax=2 * PERCENT,
        ygap=2,
        colorbar={
            "title": {"text": SCALE, "side": "right"},
            "thickness": 12,
            "outlinewidth": 0,
        },
        hovertemplate="%{text}<br>%{x|%a %d %b, %H:%M}<extra>%{z:.0f} %</extra>",
    )
    row, slot = np.nonzero(np.nan_to_num(strip.percent) > PERCENT)
    times = pd.to_datetime(pd.Series(strip.starts))
    middle = (times + (times.shift(-1) - times) / 2).iloc[slot]
    fig.add_scatter(
        x=middle.dt.strftime("%Y-%m-%d %H:%M:%S").tolist(),
        y=row.tolist(),
        mode="markers",
        name=ABOVE,
        marker={
            "symbol": "x",
            "size": 6,
            "color": "#ffffff",
            "line": {"width": 0.8, "color": "#23272f"},
        },
        visible=visible,
        showlegend=False,
        hoverinfo="skip",
    )


def _told(strip: LoadingStrip) -> list[tuple[str, str]]:
    """Return each branch in words, with its rating."""
    return [
        (f"{'transformer' if kind == TRANSFORMER else 'line'} {name}", rating)
        for name, kind, rating in zip(strip.names, strip.kinds, strip.ratings, strict=True)
    ]


def _marks(strip: LoadingStrip) -> dict[str, object]:
    """Return the marks of the axis of branches: name and rating of each, the most loaded on top."""
    text = [
        f"{escape(_short(name))}<br>{rating}"
        for name, rating in zip(strip.names, strip.ratings, strict=True)
    ]
    count = len(text)
    return {"tickvals": list(range(count)), "ticktext": text, "range": [count - 0.5, -0.5]}


def _short(name: str) -> str:
    half = NAME // 2
    return name if len(name) <= NAME else f"{name[:half]}…{name[-half:]}"


def loading_table(result: ComparisonView) -> str:
    """Return the most loaded branches of every design as a table of HTML: rating, mean and highest loading, hours above it."""
    strips = loading_strips(result)
    if not strips:
        return ""
    head = '<th scope="col">Design</th><th scope="col">Line or transformer</th>' + "".join(
        f'<th scope="col" class="n">{text}</th>'
        for text in ("Rating", "Mean [%]", "Highest [%]", "Above the rating [h]")
    )
    body = ""
    for name, strip in strips.items():
        for at, (words, rating) in enumerate(_told(strip)):
            known = strip.percent[at][np.isfinite(strip.percent[at])]
            values = number(float(known.mean()), 0), number(float(known.max()), 0)
            cells = (rating, *values, number(float(strip.over_h[at]), 1))
            told = "".join(f'<td class="n">{each}</td>' for each in cells)
            body += f'<tr><th scope="row">{label(name)}</th><td>{escape(words)}</td>{told}</tr>'
    return scroll_table("Loading of the most loaded lines and transformers", head, body)


def unrated_words(result: ComparisonView) -> str:
    """Return how many neighbouring buses are joined by what has no known rating, in a sentence; '' where all have one."""
    lines, loading = frame(result, "lines", "from_bus"), frame(result, "loading", "from_bus")
    if lines is None or loading is None:
        return ""
    rated, joined = _pairs(loading), _pairs(lines)
    count = len(joined - rated)
    if not count:
        return ""
    return f"Of {len(joined)} pairs of buses, {count} are joined by what has no rating in the model; these are not shown."


def _pairs(table: pd.DataFrame) -> set[tuple[str, str]]:
    ends = zip(table["from_bus"].astype(str), table["to_bus"].astype(str), strict=True)
    return {(min(pair), max(pair)) for pair in ends}
