"""Tables of the page of risk: pairs of designs, events, who bears bad worlds, and the best of each variation."""

from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from gridagora.report.risk_names import amount, capital, share, short, span
from gridagora.report.risk_table import VERDICT_CLASSES, html_table, said, signed
from gridagora.report.risk_view import PairView, RiskView
from gridagora.report.risk_words import metric_name
from gridagora.report.rows import rows_of
from gridagora.report.style import decimals, label, number
from gridagora.studies.risk.names import stakeholder_name


def matrix_html(view: RiskView, *, of_shares: bool) -> str:
    """Return the matrix of pairs: difference of row less column, or how often the row is better, each with its interval."""
    pairs, names = view.pairs(), list(view.means())
    places = decimals(pair.difference for pair in pairs.values())
    show: Callable[[PairView], str] = (
        (lambda pair: f"<b>{share(pair.share)}</b><br>{_shares(pair)}")
        if of_shares
        else (
            lambda pair: (
                f"<b>{signed(pair.difference, places)}</b>{_star(pair)}<br>"
                f"{span(pair.low, pair.high, places)}"
            )
        )
    )
    rows = [
        [
            (label(one), ""),
            *(
                (show(pairs[(one, two)]), f"n cell {_tone(pairs[(one, two)], of_shares=of_shares)}")
                if (one, two) in pairs
                else ("·", "n self")
                for two in names
            ),
        ]
        for one in names
    ]
    caption = (
        "Share of worlds in which the design of the row is better than that of the column, with its 95 % interval"
        if of_shares
        else f"{capital(metric_name(view))} of the row less that of the column in the same worlds"
        f"{f' [{view.unit}]' if view.unit else ''}, with its 95 % interval"
    )
    return html_table(
        caption,
        ["row less column" if not of_shares else "row better", *map(short, names)],
        rows,
        "matrix",
    )


def _star(pair: PairView) -> str:
    return " *" if said(pair).endswith("*") else ""


def _shares(pair: PairView) -> str:
    return f"[{share(pair.share_low)}, {share(pair.share_high)}]".replace(" %,", ",")


def _tone(pair: PairView, *, of_shares: bool) -> str:
    if not of_shares:
        return VERDICT_CLASSES.get(pair.verdict, "")
    return "holds" if pair.share_low > 0.5 else "fails" if pair.share_high < 0.5 else ""


def events_html(view: RiskView) -> str:
    """Return how likely each event is under each design."""
    table, names = view.table("events"), list(view.means())
    if table.empty:
        return ""
    events = list(dict.fromkeys(table.event))
    held = {(row.design, row.event): row for row in rows_of(table)}
    rows = [
        [
            (label(name), ""),
            *(
                (f"<b>{share(row.share)}</b><br>[{share(row.low)}, {share(row.high)}]", "n")
                if (row := held.get((name, event))) is not None
                else ("–", "n")
                for event in events
            ),
        ]
        for name in names
    ]
    return html_table(
        "Share of worlds in which it happens, with its 95 % interval", ["design", *events], rows
    )


def burdens_html(view: RiskView) -> str:
    """Return what each stakeholder bears on average and in the worst worlds of the system."""
    table = view.table("burdens")
    if table.empty:
        return ""
    names, costs = list(view.means()), list(view.stakeholders())
    held = {(row.design, row.metric): row for row in rows_of(table)}
    places = decimals(np.abs(table.in_tail))
    rows = [
        [
            (label(name), ""),
            *(
                (
                    f"{number(round(row.mean, places), places)} → <b>{number(round(row.in_tail, places), places)}</b>",
                    "n",
                )
                if (row := held.get((name, cost))) is not None
                else ("–", "n")
                for cost in costs
            ),
        ]
        for name in names
    ]
    return html_table(
        f"Cost [$]: mean of all worlds → mean of the {view.percent} that are worst for the system",
        ["design", *(stakeholder_name(cost) for cost in costs)],
        rows,
    )


def variations_html(views: Sequence[RiskView]) -> str:
    """Return the best design of every variation, with what ties with it."""
    rows = []
    for view in views:
        means = view.means()
        best = next(iter(means.values()), None)
        if best is None:
            continue
        places = decimals([best.mean])
        rows.append(
            [
                (escape(_keys(view)), ""),
                (label(best.design), "left"),
                (
                    f"{amount(best.mean, escape(view.unit), places)} {span(best.low, best.high, places)}",
                    "left",
                ),
                (", ".join(label(name) for name in view.ties()[1:]) or "none", "left"),
            ]
        )
    return html_table(
        "The best design of each variation",
        ["variation", "best mean", "mean, 95 % interval", "ties"],
        rows,
        "plain",
    )


def _keys(view: RiskView) -> str:
    """Return what a variation changes: the overrides of the manifest, else its number."""
    told = view.manifest.get("variations", ())
    at = view.sample.variation
    keys = told[at] if isinstance(told, list) and at < len(told) else ()
    if isinstance(keys, dict):
        keys = [f"{key}={value}" for key, value in keys.items()]
    return f"{at}: {', '.join(map(str, keys)) or 'as the scenario is'}"
