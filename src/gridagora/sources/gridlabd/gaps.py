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
    alike: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in dict.fromkeys(gaps):
        alike.setdefault((gap.item.partition(" ")[0], gap.expected, gap.consequence), []).append(
            gap
        )
    return [_sentence(kind, each) for (kind, _, _), each in alike.items()]


def _sentence(kind: str, gaps: Sequence[Gap]) -> str:
    first = gaps[0]
    if len(gaps) == 1:
        what = f"{first.where}, {first.item}" if first.item else first.where
        return f"{what}: got {first.got}, expected {first.expected}. {first.consequence}"
    named = [
        f"{gap.item.partition(' ')[2] or gap.got} (line {_line(gap)}: {gap.got})" for gap in gaps
    ]
    rest = len(named) - SHOWN
    tail = f" and {rest} more" if rest > 0 else ""
    what = f"{len(gaps)} {kind}".strip()
    return (
        f"{what}: expected {first.expected}, got otherwise in {', '.join(named[:SHOWN])}{tail}. "
        f"{first.consequence}"
    )


def _line(gap: Gap) -> str:
    return gap.where.rpartition(" ")[2]


def gap_problems(gaps: Sequence[Gap]) -> list[Problem]:
    """Return each gap as a problem, for a reading that is to refuse them."""
    return [
        Problem(f"{gap.where}, {gap.item}" if gap.item else gap.where, gap.got, gap.expected)
        for gap in dict.fromkeys(gaps)
    ]
