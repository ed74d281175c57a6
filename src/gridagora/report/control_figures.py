"""How line regulators and capacitor banks moved: their positions over time, and how often each moved under each design."""

from html import escape
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gridagora.report.facts import ComparisonView, designs, frame, local_time, of, step_s, zone
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import calm, colours, figure, label, menu

KIND_WORDS = {"regulator": "regulator", "capacitor": "capacitor bank"}
COLUMNS = ("architecture", "start_s", "name", "kind", "position_before", "position_after")
MARKS = 8  # of the axis of positions
OFFERED = 60  # controls in the menu, those that moved most


class Movements(NamedTuple):
    """Controls that moved under any design, most first, and the designs whose controls move."""

    table: pd.DataFrame
    names: tuple[str, ...]
    kinds: dict[str, str]
    designs: tuple[str, ...]


def movements(result: ComparisonView) -> Movements | None:
    """Return what moved; None where nothing did."""
    table, intervals = frame(result, "controls", *COLUMNS), frame(result, "intervals", "start_s")
    if table is None or intervals is None:
        return None
    count = _steps(table).groupby(table["name"], sort=False).sum()
    order = count.sort_values(ascending=False, kind="stable").index
    kinds = table.drop_duplicates("name").set_index("name")["kind"]
    solved = frame(result, "intervals", "v_min_pu")
    held = set() if solved is None else set(solved.loc[solved["v_min_pu"].notna(), "architecture"])
    known = tuple(name for name in designs(result) if name in held | set(table["architecture"]))
    return Movements(
        table,
        tuple(str(name) for name in order[:OFFERED]),
        {str(name): KIND_WORDS.get(str(kind), str(kind)) for name, kind in kinds.items()},
        known,
    )


def _steps(table: pd.DataFrame) -> pd.Series:
    return (table["position_after"] - table["position_before"]).abs()


def controls(result: ComparisonView) -> go.Figure | None:
    """Positions of one regulator or capacitor bank over time, a line a design."""
    held = movements(result)
    if held is None:
        return None
    fig, owner, tones = figure(420), list[int](), colours(held.designs)
    for place, name in enumerate(held.names):
        rows = held.table[held.table["name"] == name]
        start = rows["position_before"].iloc[0]  # the same under every design
        for design in held.designs:
            times, positions = _line(result, of(rows, design), design, start)
            fig.add_scatter(
                x=times,
                y=positions,
                mode="lines",
                name=label(design),
                visible=place == 0,
                line={"color": tones[design], "width": 1.8, "shape": "hv"},
                hovertemplate="%{x|%a %d %b, %H:%M}: %{y}",
            )
            owner.append(place)
    buttons = [
        {
            "label": escape(f"{name}, {held.kinds[name]}"),
            "method": "restyle",
            "args": [{"visible": [at == place for at in owner]}, list(range(len(owner)))],
        }
        for place, name in enumerate(held.names)
    ]
    fig.update_layout(
        xaxis={"type": "date"},
        yaxis={
            "title": "Tap from the middle, or steps on",
            "tick0": 0,
            "dtick": max(1, -(-_reach(held) // MARKS)),
        },
        updatemenus=[menu("Control", buttons, pad={"b": 8})],
        margin={"t": 46},
        legend={"y": 0.0, "yanchor": "bottom", "yref": "container"},
    )
    return calm(fig)


def _reach(held: Movements) -> int:
    """Return how far apart the positions of any control are at most."""
    both = held.table[["position_before", "position_after"]]
    low, high = (side.groupby(held.table["name"]) for side in (both.min(axis=1), both.max(axis=1)))
    return int((high.max() - low.min()).max())


def _line(
    result: ComparisonView, rows: pd.DataFrame, design: str, start: float
) -> tuple[list[str], list[float]]:
    """Return the local times and positions of a control, from the start of the run to its end."""
    seconds = of(result.tables["intervals"], design)["start_s"]
    length = step_s(result.tables["intervals"])
    first, last = int(seconds.min()), int(seconds.max() + length)
    found = rows.sort_values("start_s", kind="stable")
    moved = found["position_after"].tolist()
    at = [first, *found["start_s"].tolist(), last]
    times = local_time(pd.Series(at), zone(result)[0]).strftime("%Y-%m-%d %H:%M")
    return list(times), [start, *moved, (moved or [start])[-1]]


def control_counts(result: ComparisonView) -> go.Figure | None:
    """Taps or steps that each regulator and bank moved in all, up and down, by design."""
    held = movements(result)
    if held is None:
        return None
    fig, tones = figure(400, barmode="group", bargap=0.3), colours(held.designs)
    for design in held.designs:
        fig.add_bar(
            x=[escape(name) for name in held.names],
            y=_counts(held, design),
            name=label(design),
            marker={"color": tones[design]},
            hovertemplate=f"%{{x}}: %{{y}}<extra>{label(design)}</extra>",
        )
    fig.update_layout(
        xaxis={"type": "category"}, yaxis={"title": "Taps or steps moved", "rangemode": "tozero"}
    )
    return calm(fig)


def _counts(held: Movements, design: str) -> list[int]:
    rows = of(held.table, design)
    total = _steps(rows).groupby(rows["name"]).sum()
    return [int(total.get(name, 0)) for name in held.names]


def control_table(result: ComparisonView) -> str:
    """Return movements, lowest, highest and last position of every control by design as a table of HTML."""
    held = movements(result)
    if held is None:
        return ""
    head = '<th scope="col">Control</th><th scope="col">Design</th>' + "".join(
        f'<th scope="col" class="n">{text}</th>'
        for text in ("Moved", "Times", "Lowest", "Highest", "Last")
    )
    body = []
    for name in held.names:
        rows = held.table[held.table["name"] == name]
        start = float(rows["position_before"].iloc[0])
        for design in held.designs:
            own = of(rows, design).sort_values("start_s", kind="stable")
            seen = [start, *own["position_after"].tolist()]
            told = int(_steps(own).sum()), len(own), min(seen), max(seen), seen[-1]
            cells = "".join(f'<td class="n">{_whole(value)}</td>' for value in told)
            words = escape(f"{name}, {held.kinds[name]}")
            body.append(f'<tr><th scope="row">{words}</th><td>{label(design)}</td>{cells}</tr>')
    caption = "Movements: taps or steps in all, times, and positions"
    return scroll_table(caption, head, "".join(body))


def _whole(value: float) -> str:
    return f"{'−' if value < 0 else ''}{abs(int(np.round(value)))}"
