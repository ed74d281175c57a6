"""What an ensemble says of risk, in sentences computed from its numbers, and how each part of the page is read."""

import numpy as np
import pandas as pd

from gridagora.report.findings import join, plain
from gridagora.report.risk_names import amount, capital, driver_name, share, span
from gridagora.report.risk_view import RiskView
from gridagora.report.rows import rows_of
from gridagora.report.style import decimals, number
from gridagora.studies.risk.names import stakeholder_name

FEW = 10  # worlds in a tail


def metric_name(view: RiskView) -> str:
    """Return the metric that ranks, in words."""
    return view.found.texts[view.metric].name


def question(view: RiskView) -> str:
    """Return the question that the page answers."""
    return "Which design is best on average, which in bad worlds, and how sure is that?"


def answer(view: RiskView) -> str:
    """Return the answer in one sentence."""
    means = view.means()
    if not means:
        return f"No design has a figure of {metric_name(view)} in this ensemble."
    best, places = next(iter(means.values())), decimals(row.mean for row in means.values())
    ties = [plain(name) for name in view.ties()[1:]]
    got = f"{amount(best.mean, view.unit, places)} {span(best.low, best.high, places)}"
    if not view.is_ranked:
        return f"{capital(metric_name(view))} is {got} under {plain(best.design)}; neither direction is better."
    way = "highest" if view.found.texts[view.metric].direction == "up" else "lowest"
    who = f"Over {best.worlds} worlds {plain(best.design)}"
    lead = f"{who} has the {way} mean {metric_name(view)}: {got}."
    if ties:
        return f"{lead} It is a tie with {join(ties)}."
    return f"{lead} No other design ties with it." if len(means) > 1 else lead


def effects(view: RiskView) -> str:
    """Return what else the reader should know: who is best in the tail, what makes bad worlds, what goes wrong, what limits."""
    told = (_tail(view), _causes(view), _events(view), _terms(view))
    return " ".join(text for text in told if text)


def _terms(view: RiskView) -> str:
    """Return the limit of the substation with what more costs, and which homes take part, where the ensemble says so."""
    limit, shares = (str(view.manifest.get(key, "")) for key in ("limit_source", "participation"))
    return " ".join(f"{text}." for text in (limit and f"Substation: {limit}", shares) if text)


def extent(view: RiskView) -> str:
    """Return what was run."""
    told = view.manifest
    days = told.get("days")
    parts = [
        f"{len(view.sample.seeds)} worlds",
        f"{len(view.sample.designs)} designs",
        f"{told['homes']} homes" if "homes" in told else "",
        f"{days} day{'s' * (days != 1)} each" if days else "",
        f"variation {view.sample.variation} of {len(view.found.samples)}"
        if len(view.found.samples) > 1
        else "",
    ]
    return " · ".join(part for part in parts if part)


def _tail(view: RiskView) -> str:
    rows = view.table("tails")
    own = rows[rows.metric == view.metric] if len(rows) else rows
    if len(own) < 2:
        return view.found.too_few and f"No tails: {view.found.too_few}"
    ordered = own.sort_values(["shortfall", "design"], kind="stable")
    best = next(rows_of(ordered))
    ties = [plain(name) for name in tail_ties(view, best.design)]
    tied = f", a tie with {join(ties)}" if ties else ""
    places = decimals(own.shortfall)
    return (
        f"In its worst {view.percent} of worlds {plain(best.design)} is best{tied}: "
        f"{amount(best.shortfall, best.unit, places)} on average there."
    )


def tail_ties(view: RiskView, design: str) -> list[str]:
    """Return the designs whose expected shortfall of the metric that ranks is not parted from that of a design."""
    rows = view.table("tail_pairs")
    if rows.empty:
        return []
    tied = rows[(rows.metric == view.metric) & (rows.verdict == "tie")]
    return [
        row.second if row.first == design else row.first
        for row in rows_of(tied)
        if design in (row.first, row.second)
    ]


def _causes(view: RiskView) -> str:
    means, rows = view.means(), view.table("drivers")
    if rows.empty or not means:
        return ""
    own = rows[(rows.design == next(iter(means))) & (rows.distance.abs() > rows.chance)]
    own = own.assign(far=own.distance.abs()).sort_values("far", ascending=False, kind="stable")
    named = [
        f"{'high' if row.distance > 0 else 'low'} {driver_name(row.driver).partition(' [')[0]}"
        for row in rows_of(own.head(3))
    ]
    return f"What its worst worlds have in common: {join(named)}." if named else ""


def _events(view: RiskView) -> str:
    means, rows = view.means(), view.table("events")
    if rows.empty or not means:
        return ""
    own = rows[(rows.design == next(iter(means))) & (rows.hits > 0)]
    told = [f"{row.event} in {share(row.share)}" for row in rows_of(own)]
    return f"Under it: {join(told)} of its worlds." if told else ""


def in_words(view: RiskView) -> list[str]:
    """Return what follows from the numbers, a sentence each: means, tails by stakeholder, what differs in the tail alone."""
    return [*_against_reference(view), *_by_stakeholder(view), *_missing(view), *_failed(view)]


def _against_reference(view: RiskView) -> list[str]:
    pairs, means = view.pairs(), view.means()
    if "flat" not in means or not view.is_ranked:
        return []
    held = {name: pairs[(name, "flat")] for name in means if (name, "flat") in pairs}
    by_verdict: dict[str, list[str]] = {}
    for name, pair in held.items():
        by_verdict.setdefault(pair.verdict, []).append(plain(name))
    said = {
        "better": "Better than flat rate",
        "worse": "Worse than flat rate",
        "tie": "Tied with it",
    }
    parts = [f"{text}: {join(by_verdict[key])}" for key, text in said.items() if key in by_verdict]
    return [f"By {metric_name(view)} on average. {'. '.join(parts)}."] if parts else []


def _by_stakeholder(view: RiskView) -> list[str]:
    rows, said = view.table("tails"), []
    for metric in view.stakeholders():
        own = rows[rows.metric == metric].sort_values(["shortfall", "design"], kind="stable")
        best, worst = own.iloc[0], own.iloc[-1]
        places = decimals(own.shortfall)
        if worst.shortfall < 0:  # who is paid even then
            verb, sign, first, last = "bring", -1.0, "most", "least"
        else:
            verb, sign, first, last = "cost", 1.0, "least", "most"
        text = (
            f"For {stakeholder_name(metric)} the worst {view.percent} of worlds {verb} "
            f"{amount(sign * best.shortfall, '$', places)} under {plain(best.design)}"
        )
        if len(own) > 1:
            text += (
                f", the {first}, and {amount(sign * worst.shortfall, '$', places)} under "
                f"{plain(worst.design)}, the {last}"
            )
        said.append(f"{text}.")
    return said


def _missing(view: RiskView) -> list[str]:
    return [
        f"{capital(plain(row.design))} has no figure in {row.missing} worlds, which its pairs leave out: if those are bad "
        "worlds, it looks better than it is."
        for row in view.means().values()
        if row.missing
    ]


def _failed(view: RiskView) -> list[str]:
    failed = view.manifest.get("failed", {})
    if not failed:
        return []
    name, reason = next(iter(failed.items()))
    more = f"{len(failed)} runs failed and have no figures" if len(failed) > 1 else "A run failed"
    return [f"{more}, {name}: {str(reason).rstrip('.')}."]


def tail_words(view: RiskView) -> str:
    """Return how many worlds the tail holds, or why there is none."""
    if view.found.too_few:
        return view.found.too_few
    count = len(view.sample.seeds)
    inside = count * (1.0 - view.found.question.level)
    few = " Intervals of so few are wide." if inside < FEW else ""
    return f"The worst {view.percent} are {inside:.3g} of {count} worlds.{few}"


def stopping_words(view: RiskView) -> str:
    """Return how well the best design is told from the others, and when drawing may stop."""
    rows, means = view.table("draws"), view.means()
    if rows.empty or len(means) < 2:
        return "One design: nothing to tell apart."
    best = next(iter(means))
    own = rows[(rows["first"] == best) | (rows.second == best)]
    worst = float(own.half_width.max())
    text = (
        f"After {len(view.sample.seeds)} worlds every difference to {plain(best)} is known to ±"
        f"{amount(worst, view.unit, fine(view))} or better; half of that takes four times as many worlds."
    )
    open_ = own[own.difference.abs() <= own.half_width]
    if len(open_):
        most = int(open_.worlds_to_part.max())
        text += f" If the ties are true differences, it takes about {number(most, 0)} worlds to see all of them."
    width = float(own.width.iloc[0])
    if np.isfinite(width):
        text += f" {_width(own, width, view)}"
    return text


def fine(view: RiskView) -> int:
    """Return the decimals of a width: one more than those of the means."""
    return decimals(row.mean for row in view.means().values()) + 1


def _width(own: pd.DataFrame, width: float, view: RiskView) -> str:
    rows = list(rows_of(own))
    met = all(row.stops_at for row in rows)
    asked = amount(width, view.unit, fine(view))
    if met:
        last = max(row.stops_at for row in rows)
        return f"The width asked for, ±{asked}, was reached after {last} worlds: drawing may stop."
    most = max(row.worlds_for_width for row in rows)
    return (
        f"The width asked for, ±{asked}, is not reached: it takes about {number(most, 0)} worlds."
    )
