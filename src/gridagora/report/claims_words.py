"""What a study of claims found, in sentences computed from its numbers, and what its designs and cases are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from gridagora.report.facts import ComparisonView
from gridagora.report.style import number
from gridagora.studies.claims import NOT_SHOWN, VERDICT_DRAWS
from gridagora.studies.retail_claims import CAP_RATIO, CASES, CLAIMS, MARGIN, OUTSIDE

QUESTION = "When do prosumers as the retailer keep what is promised?"
AFTER = (
    "Prosumers as the retailer",
    "Homes with solar panels, a battery or a car sell to the homes without, at a retail price agreed for the day, and share one "
    "access to the wholesale market. What selling leaves over goes to them in equal parts. Who takes no part buys, too.",
)
BALANCED = " What the operator would be left with goes back to all homes in equal parts."
RETAILERS: Mapping[str, tuple[str, str]] = {
    "flat": ("a flat rate", "One price that earns what homes with thermostats cost." + BALANCED),
    "flat_optimised": (
        "a flat rate with automated homes",
        "The same price; homes that take part plan against it." + BALANCED,
    ),
    "tou": (
        "a time-of-use tariff",
        "A price by hour of day that earns the same; homes that take part plan against it."
        + BALANCED,
    ),
    "rtp": (
        "a real-time price",
        "The wholesale price and delivery; homes that take part plan against its forecast."
        + BALANCED,
    ),
    "incumbent with market power": (
        "an incumbent with market power",
        f"A flat price {CAP_RATIO:g} times that at cost: homes do not answer the level of a flat price, so it asks as much "
        "as it may. Export is credited at the wholesale price.",
    ),
    "cost plus 20 %": (
        "a retailer at cost plus 20 %",
        f"A flat price that earns the cost of energy and delivery and {100 * MARGIN:g} % on it. Export is credited at the "
        "wholesale price.",
    ),
    "regulated, feed-in": (
        "a regulated tariff with feed-in",
        "A flat price that earns the cost of energy and delivery and no more. Export is credited at the wholesale price.",
    ),
}
PHRASES: Mapping[str, str] = {
    "outside tariff at cost": "an outside tariff at cost",
    "outside tariff a fifth dearer": "an outside tariff a fifth dearer",
    "outside tariff twice as dear": "an outside tariff twice as dear",
    "three homes in five take part": "three homes in five taking part",
    "three homes in ten take part": "three homes in ten taking part",
    "few prosumers, tariff twice as dear": "few prosumers and a tariff twice as dear",
    "substation limit, tariff at cost": "a substation limit and a tariff at cost",
}
KEYS: Mapping[str, str] = {
    "homes.participation_share": "{:.0%} of the homes take part, in every design; the others keep to their switches and buy.",
    "homes.pv_share": "Solar panels on {:.0%} of the homes.",
    "homes.ev_share": "Cars at {:.0%}.",
    "homes.battery_share": "Batteries in {:.0%}.",
    "substation.limit_share_of_flat_peak": "The substation carries {:.0%} of the peak under the flat tariff.",
}


def answer(found: pd.DataFrame) -> str:
    """Return in which cases and against what all promises hold together, in one sentence."""
    draws = int(found.draws.max()) if "draws" in found else VERDICT_DRAWS
    if draws < VERDICT_DRAWS:
        return f"{draws} draws are too few to judge a promise by; {VERDICT_DRAWS} or more give a verdict."
    kept = (
        found.assign(kept=found.verdict == "holds")
        .groupby(["case", "baseline"], sort=False)
        .kept.all()
    )
    pairs = kept[kept].reset_index()
    if pairs.empty:
        return "In no case, and against no design of today, are all promises kept together."
    if len(pairs) == len(kept):
        return "All promises are kept together in every case, against every design of today."
    retailers = found.baseline.nunique()
    told = [
        _against(str(case), list(part.baseline), retailers)
        for case, part in pairs.groupby("case", sort=False)
    ]
    return f"All promises are kept together {'; '.join(told)}. Elsewhere at least one is not."


def in_words(found: pd.DataFrame) -> list[str]:
    """Return for each claim and design in which cases it holds, fails or is not shown, one sentence each."""
    sentences = []
    for quantity, name in CLAIMS.items():
        for baseline, part in found[found.quantity == quantity].groupby("baseline", sort=False):
            told = []
            for verdict, word in (("holds", "yes"), ("fails", "no"), (NOT_SHOWN, NOT_SHOWN)):
                cases = [PHRASES.get(case, case) for case in part.case[part.verdict == verdict]]
                if cases:
                    told.append(
                        f"{word} in every case"
                        if len(cases) == len(part)
                        else f"{word} with {', '.join(cases)}"
                    )
            sentences.append(
                f"{name} against {RETAILERS.get(str(baseline), (str(baseline),))[0]}: {'; '.join(told)}."
            )
    return sentences


def effects(found: pd.DataFrame) -> str:
    """Return how often each promise is kept by itself, how often it is broken, and how often the draws do not show it."""
    count = (
        found.groupby(["quantity", "verdict"])
        .size()
        .unstack(fill_value=0)
        .reindex(columns=["holds", "fails", NOT_SHOWN])
    )
    pairs = found.groupby(["case", "baseline"]).ngroups
    parts = [
        f"{_uncapped(CLAIMS[str(name)])} in {row.holds:.0f}"
        for name, row in _ordered(count).iterrows()
    ]
    left = int(count[NOT_SHOWN].fillna(0).sum())
    told = f"One by one, of {pairs} pairings of a case and a design of today, {_joined(parts)}"
    return told + (
        f"; {left} of {len(found)} claims {'is' if left == 1 else 'are'} not shown."
        if left
        else "."
    )


def extent(found: pd.DataFrame, manifest: Mapping[str, Any]) -> str:
    """Return what was run, and how often."""
    days, seeds = manifest.get("days"), manifest.get("seeds")
    parts = [
        f"{manifest['homes']} homes over {days} day{'s' * (days != 1)}"
        if "homes" in manifest
        else "",
        f"{seeds} draws of homes and days" if seeds else "",
        _many(found.case.nunique(), "case"),
        f"{_many(found.baseline.nunique(), 'design')} of today",
    ]
    return " · ".join(part for part in parts if part)


def terms(result: ComparisonView) -> list[tuple[str, str]]:
    """Return name and definition of the arrangement, of each design of today and of each case in the table."""
    found = result.tables["claims"]
    retailers = [
        (_cap(str(name)), RETAILERS[name][1])
        for name in found.baseline.unique()
        if name in RETAILERS
    ]
    cases = [(_cap(str(name)), _case(CASES[name])) for name in found.case.unique() if name in CASES]
    return [AFTER, *retailers, *cases]


def _case(keys: Iterable[tuple[str, Any]]) -> str:
    return " ".join(_key(name, value) for name, value in keys)


def _key(name: str, value: Any) -> str:
    if name == OUTSIDE:
        dear = "" if value == 1 else f"{value:g} times as dear as one "
        return f"End-users may turn to an outside tariff {dear}that recovers its cost."
    return KEYS.get(name, f"{name} = {{}}").format(value).replace("%", "\u00a0%")


def _against(case: str, retailers: Sequence[str], every: int) -> str:
    named = [RETAILERS[name][0] if name in RETAILERS else name for name in retailers]
    whom = "every design of today" if len(retailers) == every else _joined(named)
    return f"with {PHRASES.get(case, case)} against {whom}"


def _ordered(count: pd.DataFrame) -> pd.DataFrame:
    return count.reindex([name for name in CLAIMS if name in count.index])


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _many(count: int, word: str) -> str:
    return f"{number(count, 0)} {word}{'s' * (count != 1)}"


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]


def _uncapped(text: str) -> str:
    return text[:1].lower() + text[1:]
