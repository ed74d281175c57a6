"""Rows on means: every design by metric, and every pair of designs in the same worlds."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from gridagora.core.tables import Col
from gridagora.studies.risk import distribution_free, intervals
from gridagora.studies.risk.names import MeasureText
from gridagora.studies.risk.question import RiskQuestion
from gridagora.studies.risk.worlds import (
    WorldSample,
)

TIE = "tie"


def ends(prefix: str, found: intervals.Estimate) -> dict[str, float]:
    """Return both ends of an interval by the names of their columns."""
    return {f"{prefix}low": found.low, f"{prefix}high": found.high}


def mean_rows(
    sample: WorldSample, texts: Mapping[str, MeasureText], question: RiskQuestion
) -> Iterator[dict[str, Any]]:
    """Yield every design by metric, with the interval of its mean and how far worlds lie apart."""
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
                **ends("", found),
                "std": float(np.sort(values).std(ddof=1)) if len(values) > 1 else np.nan,
                "least": float(values.min()),
                "median": float(np.median(values)),
                "most": float(values.max()),
            }


def pair_rows(
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
                **ends("", found),
                "bootstrap_low": boot[k][0],
                "bootstrap_high": boot[k][1],
                "p": raw[k],
                "p_holm": holm[k],
                "verdict": judge(found, texts[metric].direction),
                "first_better_share": wins.value,
                **ends("first_better_", wins),
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
    return distribution_free.proportion_interval(hits, len(gap), confidence)
