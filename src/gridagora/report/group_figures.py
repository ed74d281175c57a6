"""Who wins and who loses by what homes own and by their class: the change of the balanced bill, group by group."""

from collections.abc import Iterator
from html import escape
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from gridagora.core.registry import find
from gridagora.core.registry import names as names_of
from gridagora.report.facts import ComparisonView, baseline, frame, of, present
from gridagora.report.panel import ACROSS
from gridagora.report.scroll_table import scroll_table
from gridagora.report.style import FIRM, calm, colours, decimals, figure, label, number

NOTHING, ALL = "None of these", "All homes"
ROW_PX, GROUP_PX, FRAME_PX = 15, 18, 130
BAND = 0.72  # of the height of a group that its designs take


class GroupChange(NamedTuple):
    """How the balanced bill of a group of homes changes under a design, against the reference, over the run."""

    group: str
    design: str
    homes: int
    mean_usd: float
    low_usd: float  # lower quartile of the homes
    high_usd: float  # upper quartile
    before_usd: float  # mean under the reference


def group_changes(result: ComparisonView) -> list[GroupChange]:
    """Return the change of every group under every design but the reference; a home with two devices is in two groups."""
    table = frame(result, "homes", "balanced_bill_usd", "home_id")
    reference = baseline(result)
    if table is None or reference not in present(result, table):
        return []
    before = of(table, reference).set_index("home_id")
    found = []
    for group, homes in _groups(before):
        for name in present(result, table):
            if name != reference:
                after = of(table, name).set_index("home_id")["balanced_bill_usd"]
                found.append(_change(group, name, before.loc[homes, "balanced_bill_usd"], after))
    return [each for each in found if each.homes]


def _change(group: str, design: str, before: pd.Series, after: pd.Series) -> GroupChange:
    delta = (after.reindex(before.index) - before).dropna().to_numpy(float)
    if not delta.size:
        return GroupChange(group, design, 0, *(float("nan"),) * 4)
    low, high = np.quantile(delta, (0.25, 0.75))
    return GroupChange(
        group,
        design,
        delta.size,
        float(delta.mean()),
        float(low),
        float(high),
        float(before.mean()),
    )


def _groups(homes: pd.DataFrame) -> Iterator[tuple[str, pd.Index]]:
    """Yield groups by name with their homes: all, owners of each kind of device, owners of none, and each class."""
    yield ALL, homes.index
    known = [name for name in names_of("device") if name in homes and homes[name].dtype == bool]
    mixed = [name for name in known if 0 < int(homes[name].sum()) < len(homes)]
    for name in mixed:
        yield f"With {_named(name)}", homes.index[homes[name]]
    none = ~homes[mixed].any(axis=1) if mixed else pd.Series(dtype=bool)
    if none.any():
        yield NOTHING, homes.index[none.to_numpy()]
    classes = homes["class"].astype(str) if "class" in homes else pd.Series(dtype=str)
    if classes.nunique() > 1:
        for name, rows in classes.groupby(classes, sort=True):
            yield f"Class {name}", rows.index


def _named(kind: str) -> str:
    about = find("device", kind).about
    label_of = str(about.noun or about.label)
    return label_of if label_of.isupper() else label_of.lower()


def group_change(result: ComparisonView) -> go.Figure | None:
    """Mean change of the balanced bill by group and design, with the middle half of the homes of the group."""
    held = group_changes(result)
    if not held:
        return None
    groups = list(dict.fromkeys(each.group for each in held))
    names = list(dict.fromkeys(each.design for each in held))
    tones = colours([baseline(result), *names])
    size = {each.group: each.homes for each in held}
    fig = figure(FRAME_PX + len(groups) * (GROUP_PX + ROW_PX * len(names)), hovermode="closest")
    for place, name in enumerate(names):
        rows = [each for each in held if each.design == name]
        shift = BAND * ((place + 0.5) / len(names) - 0.5)
        mean = np.array([each.mean_usd for each in rows])
        fig.add_scatter(
            x=mean,
            y=[groups.index(each.group) + shift for each in rows],
            mode="markers",
            name=label(name),
            meta=ACROSS,
            marker={"color": tones[name], "size": 9},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [each.high_usd - each.mean_usd for each in rows],
                "arrayminus": [each.mean_usd - each.low_usd for each in rows],
                "color": tones[name],
                "thickness": 2,
                "width": 0,
            },
            text=[_told(each) for each in rows],
            hovertemplate="%{text}<extra></extra>",
        )
    line = {"color": FIRM, "width": 1.2, "dash": "dot"}
    fig.add_shape(type="line", x0=0, x1=0, yref="paper", y0=0, y1=1, line=line)
    fig.update_layout(
        xaxis={
            "title": f"Change of the balanced bill against {label(baseline(result)).lower()} [$]"
        },
        yaxis={
            "tickvals": list(range(len(groups))),
            "ticktext": [f"{escape(each)} ({size[each]:,})" for each in groups],
            "range": [len(groups) - 0.5, -0.5],
        },
    )
    fig = calm(fig)
    fig.update_yaxes(showgrid=False, zeroline=False)
    fig.update_xaxes(showgrid=True)
    return fig


def _told(each: GroupChange) -> str:
    group, homes = escape(each.group), f"{each.homes:,} home{'s' * (each.homes != 1)}"
    return (
        f"<b>{label(each.design)}</b> · {group}, {homes}<br>mean {signed(each.mean_usd)} of "
        f"${number(each.before_usd, 2)}<br>middle half {signed(each.low_usd)} to {signed(each.high_usd)}"
    )


def signed(amount_usd: float) -> str:
    """Return a change of money with its sign, such as '+$1.20'."""
    places = min(2, decimals([amount_usd]))
    text = f"${number(abs(amount_usd), places)}"
    if float(f"{abs(amount_usd):.{places}f}") == 0:
        return text
    return f"{'−' if amount_usd < 0 else '+'}{text}"


def group_table(result: ComparisonView) -> str:
    """Return the means by group as a table of HTML, '' where there are none."""
    held = group_changes(result)
    if not held:
        return ""
    names = list(dict.fromkeys(each.design for each in held))
    by_group: dict[str, dict[str, GroupChange]] = {}
    for each in held:
        by_group.setdefault(each.group, {})[each.design] = each
    reference = label(baseline(result))
    head = f'<th scope="col">Homes</th><th scope="col" class="n">Number</th><th scope="col" class="n">{reference} [$]</th>'
    head += "".join(f'<th scope="col" class="n">{label(name)} [$]</th>' for name in names)
    body = "".join(_row(group, row, names) for group, row in by_group.items())
    return scroll_table("Change of the mean balanced bill by what homes own", head, body)


def _row(group: str, row: dict[str, GroupChange], names: list[str]) -> str:
    first = next(iter(row.values()))
    told = (signed(row[name].mean_usd).replace("$", "") if name in row else "–" for name in names)
    cells = "".join(f'<td class="n">{text}</td>' for text in told)
    return (
        f'<tr><th scope="row">{escape(group)}</th><td class="n">{first.homes:,}</td>'
        f'<td class="n">{number(first.before_usd, 2)}</td>{cells}</tr>'
    )


LEAST_USD, LEAST_SHARE = 0.005, 0.005  # of the run, and of the bill: less is no loss


def losers(result: ComparisonView, design: str) -> list[GroupChange]:
    """Return the groups whose mean balanced bill rises under a design while that of all homes falls, the worst first."""
    held = [each for each in group_changes(result) if each.design == design]
    whole = next((each for each in held if each.group == ALL), None)
    if whole is None or not whole.mean_usd < 0:
        return []
    lost = [
        each for each in held if each.mean_usd > max(LEAST_USD, LEAST_SHARE * abs(each.before_usd))
    ]
    return sorted(lost, key=lambda each: -each.mean_usd)
