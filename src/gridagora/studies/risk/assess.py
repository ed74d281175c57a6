"""The risk of designs over many worlds, as tables: means, paired differences, tails, events, drivers, and how many draws do."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.core.tables import Col
from gridagora.studies.risk import intervals, tail
from gridagora.studies.risk.drivers import driver_effect
from gridagora.studies.risk.events import EVENTS, happened
from gridagora.studies.risk.stopping import LEAST, draws_for, find_stop
from gridagora.studies.risk.worlds import (
    COST,
    MeasureText,
    WorldSample,
    arrange,
    describe_metric,
    require_name,
    require_worlds,
    variations,
)

MAIN = ("cost.system", "E1", "cost.homes", "E5")  # what designs are ranked by, the first there is
TIE = "tie"
Rows = Iterable[dict[str, Any]]


class RiskQuestion(NamedTuple):
    """What is asked of an ensemble: the level of the tail, the metric that ranks, and how narrow its differences should be."""

    level: float = tail.LEVEL
    metric: str | None = None
    width: float | None = None  # half of the interval of a paired difference [unit of the metric]
    confidence: float = intervals.CONFIDENCE


class RiskAssessment(NamedTuple):
    """What an ensemble says of risk. `tables` by name; each has a column `variation`.

    means, pairs, tails, tail_pairs, events, drivers, burdens, draws. Tables of tails are empty where `too_few` says so.
    """

    question: RiskQuestion
    metric: str
    texts: Mapping[str, MeasureText]
    samples: tuple[WorldSample, ...]
    tables: Mapping[str, pd.DataFrame]
    too_few: str  # why there are no tails; '' where there are


def assess(
    table: pd.DataFrame,
    question: RiskQuestion = RiskQuestion(),  # noqa: B008  # a value that nobody changes
    *,
    manifest: Mapping[str, Any] | None = None,
    needs_tail: bool = True,
) -> RiskAssessment:
    """Assess the risk of every design of an ensemble, each variation by itself.

    Parameters
    ----------
    table
        Columns seed, variation, design, metric and value, as `studies.risk.worlds` says.
    question
        What is asked.
    manifest
        Of the ensemble: `metrics` may say name, unit and direction of its metrics, `days` its length.
    needs_tail
        Whether too few worlds for the level are refused; else their tables are left empty.

    Raises
    ------
    InputError
        A table of another kind, a level outside 0..1, an unknown metric, a width that is not positive, too few worlds: all that
        can be told at once.
    """
    require_worlds(table, "worlds")
    samples = tuple(arrange(table, number) for number in variations(table))
    metrics = sorted({name for sample in samples for name in sample.metrics})
    metric = _require_question(question, metrics)
    least = intervals.least_draws(question.level, question.confidence)
    fewest = min(len(sample.seeds) for sample in samples)
    too_few = "" if fewest >= least else _say_too_few(question.level, fewest, least)
    if too_few and needs_tail:
        got = f"{fewest} worlds"
        expected = f"{least} or more for a tail at level {question.level:g}"
        hint = "Run more seeds (`gridagora ensemble --seeds N` goes on), or ask for a lower level."
        raise InputError([Problem("worlds", got, expected, hint)])
    said = (manifest or {}).get("metrics", {})
    texts = {name: describe_metric(name, said) for name in metrics}
    days = float((manifest or {}).get("days", 1) or 1)
    parts: dict[str, Callable[[WorldSample], Rows]] = {
        "means": lambda sample: _means(sample, texts, question),
        "pairs": lambda sample: _pairs(sample, texts, question),
        "events": lambda sample: _events(sample, days, question),
        "draws": lambda sample: _draws(sample, metric, question),
        "tails": lambda sample: _tails(sample, texts, question),
        "tail_pairs": lambda sample: _tail_pairs(sample, question),
        "drivers": lambda sample: _drivers(sample, metric, texts, question),
        "burdens": lambda sample: _burdens(sample, question),
    }
    ended = {"tails", "tail_pairs", "drivers", "burdens"} if too_few else set()
    tables = {
        name: pd.DataFrame(
            [
                {"variation": sample.variation} | row
                for sample in samples
                for row in (() if name in ended else make(sample))
            ]
        )
        for name, make in parts.items()
    }
    return RiskAssessment(question, metric, texts, samples, tables, too_few)


def _say_too_few(level: float, fewest: int, least: int) -> str:
    return (
        f"{fewest} worlds are too few for the worst {100 * (1 - level):g} %: {least} are the least "
        "with which an interval of that quantile has two ends."
    )


def _require_question(question: RiskQuestion, metrics: list[str]) -> str:
    """Return the metric that ranks."""
    problems = [
        Problem(where, f"{value:g}", "a share above 0 and below 1", "The worst 5 % are .95.")
        for where, value in (("level", question.level), ("confidence", question.confidence))
        if not 0.0 < value < 1.0
    ]
    if question.width is not None and not (0.0 < question.width < np.inf):
        problems.append(Problem("width", f"{question.width:g}", "a width above 0"))
    if problems:
        raise InputError(problems)
    if question.metric is not None:
        require_name(question.metric, metrics, "metric", "a metric of the ensemble")
        return question.metric
    return next((name for name in MAIN if name in metrics), metrics[0])


def loss_of(sample: WorldSample, design: str, metric: str, direction: str) -> Col:
    """Return a metric of a design as a loss (n,) [its unit], in worlds where it applies: more is worse."""
    found = sample.column(design, metric)
    signed = -found if direction == "up" else found
    return signed[np.isfinite(signed)]


def _ends(prefix: str, found: intervals.Estimate) -> dict[str, float]:
    return {f"{prefix}low": found.low, f"{prefix}high": found.high}


def _means(
    sample: WorldSample, texts: Mapping[str, MeasureText], question: RiskQuestion
) -> Iterator[dict[str, Any]]:
    for design in sample.designs:
        for metric in sample.metrics:
            held = sample.column(design, metric)
            values = held[np.isfinite(held)]
            if not len(values):
                continue
            found = intervals.mean_interval(values, question.confidence)
            yield {
                "design": design,
                "metric": metric,
                **texts[metric]._asdict(),
                "worlds": len(values),
                "missing": len(held) - len(values),
                "mean": found.value,
                **_ends("", found),
                "std": float(np.sort(values).std(ddof=1)) if len(values) > 1 else np.nan,
                "least": float(values.min()),
                "median": float(np.median(values)),
                "most": float(values.max()),
            }


def _pairs(
    sample: WorldSample, texts: Mapping[str, MeasureText], question: RiskQuestion
) -> Iterator[dict[str, Any]]:
    """Yield every pair of designs by metric: `first` less `second` in the same worlds, and how often the first is better."""
    pairs = list(combinations(range(len(sample.designs)), 2))
    for at, metric in enumerate(sample.metrics):
        gaps = [sample.value[:, a, at] - sample.value[:, b, at] for a, b in pairs]
        whole = [gap[np.isfinite(gap)] for gap in gaps]
        if not any(len(gap) > 1 for gap in whole):
            continue
        boot = _bootstrap(whole, len(sample.seeds), question.confidence)
        raw = np.array([intervals.p_value(gap) for gap in whole])
        holm = intervals.adjust_holm(raw)
        for k, (a, b) in enumerate(pairs):
            if len(whole[k]) < 2:
                continue
            found = intervals.mean_interval(whole[k], question.confidence)
            wins = _wins(whole[k], texts[metric].direction, question.confidence)
            yield {
                "metric": metric,
                "unit": texts[metric].unit,
                "first": sample.designs[a],
                "second": sample.designs[b],
                "worlds": len(whole[k]),
                "difference": found.value,
                **_ends("", found),
                "bootstrap_low": boot[k][0],
                "bootstrap_high": boot[k][1],
                "p": raw[k],
                "p_holm": holm[k],
                "verdict": judge(found, texts[metric].direction),
                "first_better_share": wins.value,
                **_ends("first_better_", wins),
            }


def judge(found: intervals.Estimate, direction: str) -> str:
    """Return what the interval of a difference says of the first of two designs: 'tie' where it holds zero, and if not, which."""
    if not (found.low > 0.0 or found.high < 0.0):
        return TIE
    if direction not in ("up", "down"):
        return "higher" if found.low > 0.0 else "lower"
    return "better" if (found.low > 0.0) == (direction == "up") else "worse"


def _bootstrap(gaps: list[Col], worlds: int, confidence: float) -> list[tuple[float, float]]:
    """Return the ends of every column: those without gaps are resampled together, by the same worlds."""
    found = [(np.nan, np.nan)] * len(gaps)
    whole = [k for k, gap in enumerate(gaps) if len(gap) == worlds]
    groups = [whole, *([k] for k, gap in enumerate(gaps) if 1 < len(gap) < worlds)]
    for group in filter(None, groups):
        ends = intervals.bootstrap_mean_intervals(
            np.stack([gaps[k] for k in group], axis=1), confidence
        )
        for k, (low, high) in zip(group, ends.T, strict=True):
            found[k] = (float(low), float(high))
    return found


def _wins(gap: Col, direction: str, confidence: float) -> intervals.Estimate:
    """Return the share of worlds in which the first is better; where both are the same, half a world counts."""
    if direction not in ("up", "down"):
        return intervals.Estimate(np.nan, np.nan, np.nan)
    better = gap > 0 if direction == "up" else gap < 0
    hits = float(better.sum()) + 0.5 * float((gap == 0).sum())
    return intervals.proportion_interval(hits, len(gap), confidence)


def _tails(
    sample: WorldSample, texts: Mapping[str, MeasureText], question: RiskQuestion
) -> Iterator[dict[str, Any]]:
    """Yield value at risk and expected shortfall of every loss in money: of stakeholders, and of metrics with a direction."""
    for design in sample.designs:
        for metric in sample.metrics:
            said = texts[metric]
            if not said.unit.startswith("$") or said.direction not in ("up", "down"):
                continue
            loss = loss_of(sample, design, metric, said.direction)
            if len(loss) < intervals.least_draws(question.level, question.confidence):
                continue
            found = tail.tail_of(loss, question.level, question.confidence)
            yield {
                "design": design,
                "metric": metric,
                "name": said.name,
                "unit": said.unit,
                "is_stakeholder": metric.startswith(COST),
                "level": question.level,
                "worlds": len(loss),
                "tail_worlds": len(loss) * (1.0 - question.level),
                "mean": float(np.sort(loss).mean()),
                "at_risk": found.at_risk.value,
                **_ends("at_risk_", found.at_risk),
                "shortfall": found.shortfall.value,
                **_ends("shortfall_", found.shortfall),
            }


def _tail_pairs(sample: WorldSample, question: RiskQuestion) -> Iterator[dict[str, Any]]:
    for metric in sample.metrics:
        if not metric.startswith(COST):
            continue
        for first, second in combinations(sample.designs, 2):
            one, two = sample.column(first, metric), sample.column(second, metric)
            both = np.isfinite(one) & np.isfinite(two)
            if both.sum() < intervals.least_draws(question.level, question.confidence):
                continue
            found = tail.shortfall_difference(
                one[both], two[both], question.level, question.confidence
            )
            yield {
                "metric": metric,
                "first": first,
                "second": second,
                "difference": found.value,
                **_ends("", found),
                "verdict": judge(found, "down"),
            }


def _events(sample: WorldSample, days: float, question: RiskQuestion) -> Iterator[dict[str, Any]]:
    for design in sample.designs:
        for event in EVENTS:
            hit = happened(sample, design, event, days)
            if hit is None:
                continue
            count, hits = len(hit), int(hit.sum())
            found = intervals.proportion_interval(hits, count, question.confidence)
            exact = intervals.exact_proportion_interval(hits, count, question.confidence)
            yield {
                "design": design,
                "event": event.name,
                "worlds": count,
                "hits": hits,
                "share": found.value,
                **_ends("", found),
                **_ends("exact_", exact),
            }


def _drivers(
    sample: WorldSample, metric: str, texts: Mapping[str, MeasureText], question: RiskQuestion
) -> Iterator[dict[str, Any]]:
    for design in sample.designs:
        held = sample.column(design, metric)
        sign = -1.0 if texts[metric].direction == "up" else 1.0
        for k, driver in enumerate(sample.drivers):
            both = np.isfinite(held) & np.isfinite(sample.driver[:, k])
            if both.sum() < intervals.least_draws(question.level, question.confidence):
                continue
            found = driver_effect(
                sign * held[both], sample.driver[both, k], question.level, question.confidence
            )
            yield {
                "design": design,
                "metric": metric,
                "driver": driver,
                "tail_mean": found.tail_mean,
                "rest_mean": found.rest_mean,
                "distance": found.distance,
                "chance": found.chance,
                "rank_correlation": found.rank_correlation.value,
                **_ends("rank_correlation_", found.rank_correlation),
            }


def _burdens(sample: WorldSample, question: RiskQuestion) -> Iterator[dict[str, Any]]:
    """Yield what each stakeholder bears on average and in the worlds that are worst for the system."""
    costs = [name for name in sample.metrics if name.startswith(COST)]
    if "cost.system" not in costs:
        return
    for design in sample.designs:
        held = np.stack([sample.column(design, name) for name in costs], axis=1)
        rows = held[np.isfinite(held).all(axis=1)]
        if len(rows) < intervals.least_draws(question.level, question.confidence):
            continue
        bad = tail.tail_contributions(rows[:, costs.index("cost.system")], rows, question.level)
        for name, mean, worst in zip(costs, np.sort(rows, axis=0).mean(axis=0), bad, strict=True):
            yield {"design": design, "metric": name, "mean": float(mean), "in_tail": float(worst)}


def _draws(sample: WorldSample, metric: str, question: RiskQuestion) -> Iterator[dict[str, Any]]:
    """Yield, for each pair of designs, how narrow the interval is and how many worlds would part them or meet the width."""
    for first, second in combinations(sample.designs, 2):
        gap = sample.column(first, metric) - sample.column(second, metric)
        gap = gap[np.isfinite(gap)]
        if len(gap) < 2:
            continue
        found = intervals.mean_interval(gap, question.confidence)
        width = question.width
        stop = None if width is None else find_stop(gap, width, question.confidence)
        yield {
            "metric": metric,
            "first": first,
            "second": second,
            "worlds": len(gap),
            "difference": found.value,
            "half_width": found.half_width,
            "worlds_to_part": draws_for(found.half_width, abs(found.value), len(gap))
            if found.value
            else 0,
            "width": np.nan if width is None else width,
            "stops_at": (stop.draws or 0) if stop else 0,
            "worlds_for_width": stop.expected_draws if stop else LEAST,
        }
