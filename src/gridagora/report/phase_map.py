"""Phases of lines on the map of the feeder: a colour, a dash and a width for each set of phases, and their count as a table."""

from typing import Any, NamedTuple

import pandas as pd

from gridagora.report.scroll_table import scroll_table


class PhaseStroke(NamedTuple):
    """How lines of a set of phases are drawn: wider with more phases, dashed by which they are."""

    colour: str
    width: float
    dash: str  # as SVG has it


STROKES = {
    "ABC": PhaseStroke("#767d8a", 5.0, ""),
    "AB": PhaseStroke("#8f5db0", 3.5, "10 4"),
    "BC": PhaseStroke("#2a8fbd", 3.5, "10 3 2 3"),
    "AC": PhaseStroke("#a6761d", 3.5, "10 3 2 3 2 3"),
    "A": PhaseStroke("#d55e00", 2.5, "6 3"),
    "B": PhaseStroke("#1f7fc4", 2.5, "2 3"),
    "C": PhaseStroke("#009e73", 2.5, "12 3 2 3"),
}
UNKNOWN = PhaseStroke("#8a909b", 1.5, "1 4")
UNKNOWN_TEXT = "not known"
TEXT = "Phases of lines"
PHASES = "phases"  # what the script knows the measure by


def has_phases(lines: pd.DataFrame | None) -> bool:
    """Return whether any line or transformer of a table names its phases."""
    return lines is not None and PHASES in lines and bool((_named(lines) != "").any())


def phase_measure(lines: pd.DataFrame) -> dict[str, Any]:
    """Return the strokes of the sets of phases of some lines, and which each has, as the script of the map takes them."""
    named = _named(lines)
    known = [*(name for name in STROKES if (named == name).any())]
    known += sorted(set(named) - set(STROKES))
    strokes = [STROKES.get(name, UNKNOWN) for name in known]
    return {
        "text": TEXT,
        "of": PHASES,
        "unit": "",
        "note": "the same under every design; dots: buses with homes",
        "strokes": [
            [name or UNKNOWN_TEXT, each.colour, each.width, each.dash]
            for name, each in zip(known, strokes, strict=True)
        ],
        "at": [known.index(name) for name in named],
    }


def phase_words(lines: pd.DataFrame) -> str:
    """Return how many lines and transformers have each set of phases, in words."""
    told = [f"{name} {lines} and {units}" for name, lines, units in _counts(lines)]
    return f"{TEXT} and of transformers, how many: {', '.join(told)}"


def phase_table(lines: pd.DataFrame) -> str:
    """Return how many lines and transformers have each set of phases as HTML."""
    head = '<th scope="col">Phases</th>' + "".join(
        f'<th scope="col" class="n">{text}</th>' for text in ("Lines", "Transformers")
    )
    body = "".join(
        f'<tr><th scope="row">{name}</th><td class="n">{lines}</td><td class="n">{units}</td></tr>'
        for name, lines, units in _counts(lines)
    )
    told = "Phases of lines and transformers, by pairs of buses"
    return f"<p>{told}</p>{scroll_table(told, head, body)}"


def _named(lines: pd.DataFrame) -> pd.Series:
    return lines[PHASES].fillna("").astype(str)


def _counts(lines: pd.DataFrame) -> list[tuple[str, int, int]]:
    named, is_line = _named(lines), lines["kind"] == "line"
    order = [name for name in (*STROKES, "") if (named == name).any()]
    order += sorted(set(named) - set(order))
    return [
        (
            name or UNKNOWN_TEXT,
            int(((named == name) & is_line).sum()),
            int(((named == name) & ~is_line).sum()),
        )
        for name in order
    ]
