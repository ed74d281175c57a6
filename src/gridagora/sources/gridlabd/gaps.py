"""What of a GridLAB-D model is not converted as it stands: by name and line, with the consequence."""

from collections.abc import Sequence
from typing import NamedTuple

from gridagora.core.errors import Problem

SHOWN = 4  # objects that a sentence names


class Gap(NamedTuple):
    """One thing that is left out or assumed."""

    where: str  # "feeder.glm line 12"
    item: str  # class and name
    got: str
    expected: str
    consequence: str  # a sentence


def gap_notes(gaps: Sequence[Gap]) -> list[str]:
    """Return one sentence for gaps alike, with the first of them by name and line."""
    return [_sentence(each) for each in _alike(gaps)]


def _alike(gaps: Sequence[Gap]) -> list[list[Gap]]:
    """Return gaps by class, by what is expected and by the consequence."""
    alike: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in dict.fromkeys(gaps):
        alike.setdefault((_kind(gap), gap.expected, gap.consequence), []).append(gap)
    return list(alike.values())


def _kind(gap: Gap) -> str:
    return gap.item.partition(" ")[0]


def _sentence(gaps: Sequence[Gap]) -> str:
    first = gaps[0]
    if len(gaps) == 1:
        what = f"{first.where}, {first.item}" if first.item else first.where
        return f"{what}: got {first.got}, expected {first.expected}. {first.consequence}"
    named = [
        f"{gap.item.partition(' ')[2] or gap.got} (line {_line(gap)}: {gap.got})" for gap in gaps
    ]
    rest = len(named) - SHOWN
    tail = f" and {rest} more" if rest > 0 else ""
    what = f"{len(gaps)} {_kind(first) or 'statements'}"
    return (
        f"{what}: expected {first.expected}, got otherwise in {', '.join(named[:SHOWN])}{tail}. "
        f"{first.consequence}"
    )


def _line(gap: Gap) -> str:
    return gap.where.rpartition(" ")[2]


def gap_causes(gaps: Sequence[Gap]) -> list[Problem]:
    """Return the first of gaps alike as a problem with how many follow, for a model of which nothing is left."""
    found = []
    for each in _alike(gaps):
        rest = len(each) - 1
        (first,) = gap_problems(each[:1])
        got = f"{first.got} (and {rest} more such)" if rest else first.got
        found.append(Problem(first.where, got, first.expected, each[0].consequence))
    return found


def gap_problems(gaps: Sequence[Gap]) -> list[Problem]:
    """Return each gap as a problem with the consequence of leaving it, for a reading that is to refuse them."""
    return [
        Problem(
            f"{gap.where}, {gap.item}" if gap.item else gap.where,
            gap.got,
            gap.expected,
            f"Not read strictly: {gap.consequence}",
        )
        for gap in dict.fromkeys(gaps)
    ]
