"""What a study found, in sentences computed from its numbers."""

from collections.abc import Mapping
from typing import Any

from gridagora.report import claims_words
from gridagora.report.facts import ComparisonView
from gridagora.report.rows import rows_of
from gridagora.report.study_figures import CAUSE_WORDS
from gridagora.report.style import number

NAMES = {
    "layered": "the layered market",
    "central": "the central market",
    "rtp": "the real-time price",
    "flat": "the flat rate",
}


def question(result: ComparisonView) -> str:
    """Return the question that the study answers."""
    if "claims" in result.tables:
        return claims_words.QUESTION
    if "points" not in result.tables:
        return "What is between the value a design captures and the certified bound?"
    return "How much has to be said, by whom, and how well must it be heard, for this feeder to be run near its best?"


def answer(result: ComparisonView) -> str:
    """Return the answer in one sentence."""
    if "claims" in result.tables:
        return claims_words.answer(result.tables["claims"])
    lean, best = result.summary.get("near_optimal"), result.summary.get("best")
    if lean is None or best is None:
        return _losses(result)
    share = f"{number(100 * lean['captured_share'], 0)} % of the attainable gain"
    text = f"{_architecture(lean)} captures {share} with {_kb(lean)} a home a day"
    if lean["settings"] == best["settings"] and lean["design"] == best["design"]:
        return f"{text}, and nothing does better."
    return f"{text}; the best point, {_inner(best)}, captures {number(100 * best['captured_share'], 0)} % with {_kb(best)}."


def effects(result: ComparisonView) -> str:
    """Return what else the reader should know: how the references did, or what the largest cause is."""
    if "claims" in result.tables:
        return claims_words.effects(result.tables["claims"])
    table = result.tables.get("points")
    if table is None:
        return ""
    base = (
        table[(table.turned == "") & table.captured_share.notna()]
        .drop_duplicates("design")
        .set_index("design")
    )
    parts = [
        f"{NAMES[name]} {number(100 * base.captured_share[name], 0)} %"
        for name in ("central", "rtp")
        if name in base.index
    ]
    text = f"On the same forecast {' and '.join(parts)}." if parts else ""
    return f"{text} {_losses(result)}".strip()


def extent(result: ComparisonView) -> str:
    """Return what was run, and where."""
    told = result.summary.get("manifest", {})
    if "claims" in result.tables:
        return claims_words.extent(result.tables["claims"], told)
    limit = told.get("limit_kw")
    parts = [
        f"{told['homes']} homes over {told['days']} day{'s' * (told['days'] != 1)}"
        if "homes" in told
        else "",
        f"limit {number(limit, 0)} kW" if limit else "no limit",
        f"{len(result.tables['points'])} points" if "points" in result.tables else "",
    ]
    return " · ".join(part for part in parts if part)


def _losses(result: ComparisonView) -> str:
    table = result.tables.get("losses")
    if table is None or table.empty:
        return ""
    rest = table[table.cause != "captured"].sort_values("share", ascending=False)
    named = [
        f"{CAUSE_WORDS[row.cause].lower()} {number(round(100 * row.share), 0)} %"
        for row in rows_of(rest)
    ]
    got = number(100 * float(table.loc[table.cause == "captured", "share"].iloc[0]), 0)
    design = str(table.design.iloc[0])
    return f"{_cap(NAMES.get(design, design))} captures {got} % of what is attainable; of the rest, {', '.join(named)}."


def _architecture(point: Mapping[str, Any]) -> str:
    return _cap(_inner(point))


def _inner(point: Mapping[str, Any]) -> str:
    if point["design"] != "layered":
        return NAMES.get(point["design"], str(point["design"]))
    layers = {
        "none": "without layers between home and feeder",
        "transformers": "by way of transformers",
    }
    blocks = "exact curves" if not point["blocks"] else f"curves of {point['blocks']} blocks"
    return f"the layered market {layers.get(point['layers'], 'by way of transformers and zones')} with {blocks}"


def _kb(point: Mapping[str, Any]) -> str:
    return f"{number(point['bytes_home_day'] / 1000, 1)} kB"


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]
