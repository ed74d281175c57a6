"""What bad worlds have in common, and what more worlds would tell."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gridagora.core.tables import Col
from gridagora.report.findings import plain
from gridagora.report.risk_drawing import FRAME_PX, ROW_PX, RiskFigure, lie
from gridagora.report.risk_names import amount, driver_name, span
from gridagora.report.risk_view import RiskView, spread_points
from gridagora.report.rows import rows_of
from gridagora.report.style import (
    FIRM,
    LIMIT,
    calm,
    colours,
    decimals,
    figure,
    label,
    number,
)
from gridagora.studies.risk.stopping import LEAST, half_widths

DRAWS_PX = 340
POINTS = 120  # of a line
DRIVERS_SHOWN = 10
MARKS = ("circle", "square", "diamond", "triangle-up", "pentagon", "star", "cross", "x", "hexagon")
GLYPHS = "○□◇△⬠☆✛✕⬡"  # the same marks as letters


def drivers(view: RiskView) -> RiskFigure | None:
    """How far each driver of the worst worlds lies from that of the rest, a mark for each design."""
    table = view.table("drivers")
    table = table[table.distance.notna()] if len(table) else table
    if table.empty:
        return None
    reach = table.assign(far=table.distance.abs()).groupby("driver").far.max()
    shown = list(reach.sort_values(ascending=False, kind="stable").index[:DRIVERS_SHOWN])
    means, chance = view.means(), float(table.chance.max())
    tones = colours(list(means))
    fig = figure(FRAME_PX + ROW_PX * len(shown), showlegend=False)
    for at, name in enumerate(means):
        own = table[(table.design == name) & table.driver.isin(shown)].set_index("driver")
        own = own.reindex([each for each in shown if each in own.index])
        fig.add_scatter(
            x=own.distance,
            y=[_place(driver_name(driver)) for driver in own.index],
            mode="markers",
            name=label(name),
            marker={
                "size": 9,
                "symbol": f"{MARKS[at % len(MARKS)]}-open",  # what lies behind shows
                "color": tones[name],
                "line": {"width": 2, "color": tones[name]},
            },
            customdata=[
                f"{number(row.tail_mean, 3)} against {number(row.rest_mean, 3)}; rank correlation "
                f"{number(row.rank_correlation, 2)}"
                for row in rows_of(own)
            ],
            hovertemplate=f"<b>{label(name)}</b><br>%{{customdata}}<extra></extra>",
        )
    fig.add_vrect(
        x0=-chance, x1=chance, fillcolor="rgba(128,136,150,0.16)", line_width=0, layer="below"
    )
    fig = lie(fig, "Distance [standard deviations]")
    fig.update_xaxes(zeroline=True, zerolinecolor=FIRM)
    best = next(iter(means))
    rows = [
        [
            plain(row.design),
            driver_name(row.driver),
            number(row.tail_mean, 3),
            number(row.rest_mean, 3),
            number(row.distance, 2),
            f"{number(row.rank_correlation, 2)} "
            f"{span(row.rank_correlation_low, row.rank_correlation_high, 2)}",
        ]
        for row in rows_of(table[table.design == best])
    ]
    return RiskFigure(
        "drivers",
        "What the worst worlds have in common",
        "Right of zero: the driver is higher in the worst worlds than in the rest. Inside the grey band lies what drivers that "
        "have nothing to do with the cost show in 95 of 100 cases. Drivers that go together share what one of them causes.",
        fig,
        f"Distances of {len(shown)} drivers; the furthest is {driver_name(shown[0])}, "
        f"{number(float(reach[shown[0]]), 1)} standard deviations. Chance alone reaches {number(chance, 1)}.",
        (
            "design of the best mean",
            "driver",
            "worst worlds",
            "the rest",
            "distance",
            "rank correlation, interval",
        ),
        rows,
        wide=True,
        key=_key(list(means), tones),
    )


def draws(view: RiskView) -> RiskFigure | None:
    """Half the width of the interval of each design's difference to the best, by number of worlds."""
    means = view.means()
    best = next(iter(means), "")
    lines = {name: _narrowing(view, name, best) for name in means if name != best}
    lines = {name: line for name, line in lines.items() if len(line) > 2}
    if not lines:
        return None
    tones = colours(list(means))
    fig = figure(DRAWS_PX, showlegend=False)
    places, rows = decimals(line[-1] for line in lines.values()), []
    for name, half in lines.items():
        first = min(LEAST, len(half) - 1) - 1
        at = [first + place for place in spread_points(len(half) - first, POINTS)]
        fig.add_scatter(
            x=[place + 1 for place in at],
            y=half[at],
            mode="lines",
            name=label(name),
            line={"color": tones[name], "width": 2},
            hovertemplate=f"<b>{label(name)}</b> ±%{{y:.{places}f}} after %{{x}} worlds<extra></extra>",
        )
        quarter = half[max(len(half) // 4, 2) - 1]
        rows.append([plain(name), number(float(quarter), places), number(float(half[-1]), places)])
    width = view.found.question.width
    if width is not None:
        fig.add_hline(y=width, line={"color": LIMIT, "width": 1.6, "dash": "dash"})
    fig = calm(fig)
    fig.update_xaxes(title="Worlds", type="log", **_ticks(len(view.sample.seeds)))
    fig.update_yaxes(
        title=f"Half width of the interval [{view.unit or '–'}]",
        type="log",
        **_powers(lines.values()),
    )
    last = max(float(line[-1]) for line in lines.values())
    return RiskFigure(
        "draws",
        f"How well each difference to {plain(best)} is known",
        "Lines fall with the square root of the number of worlds: twice as narrow takes four times as many. "
        + ("" if width is None else "Dashed: the width that was asked for."),
        fig,
        f"Lines of the half width of {len(lines)} differences by number of worlds; all end at "
        f"{amount(last, view.unit, places)} or below.",
        ("design", "after a quarter of the worlds", "after all"),
        rows,
        wide=True,
        key=[("━", tones[name], label(name)) for name in lines],
    )


def _key(designs: Sequence[str], tones: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return the mark, the colour and the name of each design."""
    return [(GLYPHS[at % len(GLYPHS)], tones[name], label(name)) for at, name in enumerate(designs)]


def _narrowing(view: RiskView, design: str, best: str) -> Col:
    gap = view.sample.column(design, view.metric) - view.sample.column(best, view.metric)
    return half_widths(gap[np.isfinite(gap)], view.found.question.confidence)


def _ticks(count: int) -> Mapping[str, Any]:
    steps = [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000]
    return {
        "tickvals": [each for each in steps if each <= count],
        "range": [np.log10(min(LEAST, count - 1)), np.log10(max(count, 3))],
    }


def _powers(lines: Iterable[Col]) -> Mapping[str, Any]:
    """Return the marks of a logarithmic axis over some lines: 1, 2 and 5 of every power of ten."""
    shown = np.concatenate([line[min(LEAST, len(line) - 1) - 1 :] for line in lines])
    shown = shown[shown > 0]
    if not len(shown):
        return {}
    powers = range(int(np.floor(np.log10(shown.min()))), int(np.ceil(np.log10(shown.max()))) + 1)
    return {"tickvals": [step * 10.0**power for power in powers for step in (1, 2, 5)]}


def _place(text: str) -> str:
    """Return the name of a driver with its unit on a line of its own."""
    name, _, unit = text.partition(" [")
    return f"{name}<br>[{unit}" if unit else name
