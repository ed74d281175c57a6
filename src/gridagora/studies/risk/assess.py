"""The risk of designs over many worlds, as tables: means, paired differences, tails, events, drivers, and how many draws do."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gridagora.core.errors import InputError, Problem
from gridagora.studies.risk import distribution_free
from gridagora.studies.risk.mean_rows import mean_rows, pair_rows
from gridagora.studies.risk.names import MeasureText, describe_metric
from gridagora.studies.risk.question import RiskQuestion
from gridagora.studies.risk.tail_rows import burden_rows, driver_rows, tail_pair_rows, tail_rows
from gridagora.studies.risk.world_rows import draw_rows, event_rows
from gridagora.studies.risk.worlds import (
    WorldSample,
    arrange,
    require_name,
    require_worlds,
    variations,
)

MAIN = ("cost.system", "E1", "E5b", "cost.homes")  # what designs are ranked by, the first there is

Rows = Iterable[dict[str, Any]]


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
    least = distribution_free.least_draws(question.level, question.confidence)
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
        "means": lambda sample: mean_rows(sample, texts, question),
        "pairs": lambda sample: pair_rows(sample, texts, question),
        "events": lambda sample: event_rows(sample, days, question),
        "draws": lambda sample: draw_rows(sample, metric, question),
        "tails": lambda sample: tail_rows(sample, texts, question),
        "tail_pairs": lambda sample: tail_pair_rows(sample, question),
        "drivers": lambda sample: driver_rows(sample, metric, texts, question),
        "burdens": lambda sample: burden_rows(sample, question),
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
