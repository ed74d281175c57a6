"""Rows on single worlds: in how many an event came about, and how many of them suffice."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from gridagora.studies.risk import distribution_free, intervals
from gridagora.studies.risk.events import EVENTS, happened
from gridagora.studies.risk.mean_rows import ends
from gridagora.studies.risk.question import RiskQuestion
from gridagora.studies.risk.stopping import LEAST, draws_for, find_stop
from gridagora.studies.risk.worlds import WorldSample


def event_rows(
    sample: WorldSample, days: float, question: RiskQuestion
) -> Iterator[dict[str, Any]]:
    """Yield every event by design: in how many worlds it came about, with the score and the exact interval."""
    for design in sample.designs:
        for event in EVENTS:
            hit = happened(sample, design, event, days)
            if hit is None:
                continue
            count, hits = len(hit), int(hit.sum())
            found = distribution_free.proportion_interval(hits, count, question.confidence)
            exact = distribution_free.exact_proportion_interval(hits, count, question.confidence)
            yield {
                "design": design,
                "event": event.name,
                "worlds": count,
                "hits": hits,
                "share": found.value,
                **ends("", found),
                **ends("exact_", exact),
            }


def draw_rows(sample: WorldSample, metric: str, question: RiskQuestion) -> Iterator[dict[str, Any]]:
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
