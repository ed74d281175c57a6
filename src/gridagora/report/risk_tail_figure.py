"""Mean, value at risk and expected shortfall of one stakeholder under every design."""

from collections.abc import Mapping

import numpy as np

from gridagora.report.findings import plain
from gridagora.report.risk_drawing import FRAME_PX, ROW_PX, RiskFigure, lie
from gridagora.report.risk_names import amount, capital, span
from gridagora.report.risk_view import RiskView
from gridagora.report.rows import rows_of
from gridagora.report.style import (
    colours,
    decimals,
    figure,
    label,
    number,
    translucent,
)
from gridagora.studies.risk.names import stakeholder_name

BORNE: Mapping[str, str] = {
    "cost.system": "Resource cost of everybody together, without payments between parties.",
    "cost.homes": "Bills of all homes with what discomfort and wear cost them.",
    "cost.mean_home": "Bill of a home with what discomfort and wear cost it, mean over homes.",
    "cost.worst_home": "Bill and discomfort of the home that bears most in each world, not the same one in all.",
}


def tails(view: RiskView, metric: str) -> RiskFigure | None:
    """Mean, value at risk and expected shortfall of one stakeholder under every design, with the interval of the shortfall."""
    table = view.table("tails")
    held = {row.design: row for row in rows_of(table[table.metric == metric])}
    names = [name for name in view.means() if name in held]
    if not names:
        return None
    tones, who = colours(list(view.means())), stakeholder_name(metric)
    borne = BORNE.get(metric, f"What {who} pays less what it is paid.")
    places = decimals(held[name].shortfall for name in names)
    fig = figure(FRAME_PX + ROW_PX * len(names), showlegend=False, barmode="overlay", bargap=0.42)
    for name in names:
        row, tone = held[name], tones[name]
        fig.add_bar(
            x=[row.shortfall],
            y=[label(name)],
            orientation="h",
            marker={"color": translucent(tone, 0.45), "line": {"color": tone, "width": 1.2}},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [_reach(row.shortfall_high, row.shortfall)],
                "arrayminus": [_reach(row.shortfall, row.shortfall_low)],
                "color": "#454b57",
                "thickness": 1.6,
                "width": 4,
            },
            hovertemplate=f"<b>{label(name)}</b><br>mean {number(row.mean, places)} $<br>value at risk "
            f"{number(row.at_risk, places)} $<br>expected shortfall {number(row.shortfall, places)} $ "
            f"{span(row.shortfall_low, row.shortfall_high, places)}<extra></extra>",
        )
        fig.add_scatter(
            x=[row.mean, row.at_risk],
            y=[label(name)] * 2,
            mode="markers",
            marker={
                "symbol": ["diamond", "line-ns-open"],
                "size": [9, 15],
                "color": tone,
                "line": {"width": [1, 2.4], "color": tone},
            },
            hoverinfo="skip",
        )
    fig = lie(fig, "Cost in a world [$]")
    best = min(names, key=lambda name: float(held[name].shortfall))
    rows = [
        [
            plain(name),
            number(held[name].mean, places),
            number(held[name].at_risk, places),
            span(held[name].at_risk_low, held[name].at_risk_high, places),
            number(held[name].shortfall, places),
            span(held[name].shortfall_low, held[name].shortfall_high, places),
        ]
        for name in names
    ]
    return RiskFigure(
        "tails",
        f"{capital(who)}",
        f"{borne} Diamond: mean. Tick: value at risk, where the worst {view.percent} of worlds begin. "
        "Bar: expected shortfall, their mean, with its interval.",
        fig,
        f"Bars of the expected shortfall of {who} for {len(names)} designs; the least is "
        f"{amount(held[best].shortfall, '$', places)} under {plain(best)}.",
        (
            "design",
            "mean [$]",
            "value at risk [$]",
            "interval",
            "expected shortfall [$]",
            "interval",
        ),
        rows,
    )


def _reach(one: float, two: float) -> float:
    return one - two if np.isfinite(one - two) else 0.0
