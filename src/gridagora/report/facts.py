"""What a report reads from a finished comparison, with every absent part answered by nothing rather than by a fault."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from typing import Any, NamedTuple, Protocol, runtime_checkable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from gridagora.core.currency import USD, spell_money
from gridagora.core.errors import InputError, Problem, shown

BASELINE = "flat"
ORDER = (
    "flat",
    "flat_optimised",
    "tou",
    "critical_peak",
    "demand_subscription",
    "demand_charge",
    "retail_tariff",
    "rtp",
    "central",
    "layered",
    "peer",
    "auction",
    "retailer",
)  # as a reader meets them
ZONE_KEYS = ("time_zone", "timezone", "tz")
NOTE_KEYS = ("note", "notes", "description", "provenance", "about", "caveat", "caveats")
FEEDER_NOTES = "feeder_notes"
TITLE_KEYS = ("title", "name")


@runtime_checkable
class ComparisonView(Protocol):
    """The part of `gridagora.run.result.Comparison` that a report needs."""

    @property
    def summary(self) -> Mapping[str, Any]:
        """Metrics and certificates of each design, and the manifest."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Result tables by name."""

    @property
    def scenario_text(self) -> str:
        """The scenario as it was written (TOML)."""


class MetricRow(NamedTuple):
    """One row of the metric table: what is measured, its unit, and which direction is better ('higher', 'lower' or '').

    `explanation` is the sentence that the metric came with, if any.
    """

    metric_id: str
    name: str
    unit: str
    better: str


class MetricText(NamedTuple):
    """What is said of a metric beside its figures: heading, place in the table, meaning, and how the terminal shows it."""

    family: str = "Other"
    order: float = float("inf")
    explanation: str = ""
    short_name: str = ""
    in_brief: bool = True


def require_comparison(result: object, where: str) -> None:
    """Refuse what is no comparison of designs.

    Raises
    ------
    InputError
        What was got, by the name of the function that wanted it.
    """
    expected = "a gridagora.Result of a comparison, from gridagora.compare or gridagora.open_result"
    if isinstance(result, type) or not isinstance(result, ComparisonView):
        raise InputError([Problem(where, shown(result), expected)])
    if "study" in result.summary:
        hint = "A study has figures and a report of its own: its `figures`, its `report(path)`."
        raise InputError([Problem(where, "a study", expected, hint)])


def currency(result: ComparisonView) -> str:
    """Return the code of the currency that all money of a result is in, ISO 4217."""
    return str(result.summary.get("manifest", {}).get("currency", USD))


def designs(result: ComparisonView) -> tuple[str, ...]:
    """Return the names of the compared designs: from tariffs to markets, each before its variants, then others as they came."""
    entries = result.summary.get("architectures", {})
    markets = {name: str(entry.get("market", name)) for name, entry in entries.items()}
    return tuple(sorted(markets, key=lambda name: (_place(markets[name]), name != markets[name])))


def _place(market: str) -> int:
    return ORDER.index(market) if market in ORDER else len(ORDER)


def failed(result: ComparisonView) -> dict[str, str]:
    """Return the designs that did not finish, with the reason of each."""
    return {str(name): str(reason) for name, reason in result.summary.get("failed", {}).items()}


def warned(result: ComparisonView) -> list[tuple[str, str]]:
    """Return what designs warn of in words: conditions of a proof that did not hold."""
    return [
        (name, str(text))
        for name in designs(result)
        for text in result.summary["architectures"][name].get("warnings", ())
    ]


def unranked(result: ComparisonView) -> dict[str, str]:
    """Return the metrics whose figures are shown and not ranked, with the reason of each."""
    return {str(name): str(reason) for name, reason in result.summary.get("unranked", {}).items()}


def not_ranked(result: ComparisonView) -> list[str]:
    """Return one sentence for each reason why metrics are not ranked, with all metrics it holds for."""
    by_reason: dict[str, list[str]] = {}
    for metric_id, reason in unranked(result).items():
        by_reason.setdefault(reason, []).append(metric_id)
    return [f"Not ranked: {', '.join(names)}; {reason}." for reason, names in by_reason.items()]


def baseline(result: ComparisonView) -> str:
    """Return the design that the others are held against: `flat`, or the first one where there is no flat design."""
    names = designs(result)
    return BASELINE if BASELINE in names or not names else names[0]


def direction(word: object) -> str:
    """Return 'higher', 'lower' or '' for the several ways of writing which direction of a metric is better."""
    text = str(word or "").strip().lower()
    if text in {"higher", "up", "max", "maximise", "maximize", "more", "greater", "high"}:
        return "higher"
    if text in {"lower", "down", "min", "minimise", "minimize", "less", "smaller", "low"}:
        return "lower"
    return ""


def metrics(result: ComparisonView) -> tuple[MetricRow, ...]:
    """Return every metric that at least one design reports, in the order of the table whatever that of the summary.

    Units of money are those of the currency of the result.
    """
    code = currency(result)
    seen: dict[str, MetricRow] = {}
    for entry in result.summary.get("architectures", {}).values():
        for metric_id, cell in entry.get("metrics", {}).items():
            name, unit = (
                str(cell.get("name", metric_id)),
                spell_money(str(cell.get("unit", "")), code),
            )
            seen.setdefault(
                metric_id, MetricRow(metric_id, name, unit, direction(cell.get("direction")))
            )
    return tuple(sorted(seen.values(), key=lambda row: metric_text(result, row.metric_id).order))


def metric_text(result: ComparisonView, metric_id: str) -> MetricText:
    """Return what the run says of a metric; one of which it says nothing stands last, under "Other"."""
    said = result.summary.get("metrics", {}).get(metric_id, {})
    return MetricText(**{key: said[key] for key in MetricText._fields if key in said})


def metric_value(result: ComparisonView, design: str, metric_id: str) -> float:
    """Return one metric of one design, or nan where it was not measured."""
    cell = (
        result.summary.get("architectures", {})
        .get(design, {})
        .get("metrics", {})
        .get(metric_id, {})
    )
    return as_number(cell.get("value"))


def as_number(value: object) -> float:
    """Return a plain float, or nan for anything that is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return float("nan")
    return float(value) if np.isfinite(value) else float("nan")


def frame(result: ComparisonView, name: str, *columns: str) -> pd.DataFrame | None:
    """Return a result table, or None where it is absent, empty, lacks a column, or holds nothing but nan in one."""
    table = result.tables.get(name)
    if table is None or table.empty or any(column not in table for column in columns):
        return None
    if any(table[column].isna().all() for column in columns):
        return None
    return table


def of(table: pd.DataFrame, design: str) -> pd.DataFrame:
    """Return the rows of one design; a table without the column `architecture` belongs to all of them."""
    return table[table["architecture"] == design] if "architecture" in table else table


def present(result: ComparisonView, table: pd.DataFrame) -> tuple[str, ...]:
    """Return the designs that have rows in a table, in the order of the run."""
    held = set(table["architecture"]) if "architecture" in table else set(designs(result))
    return tuple(name for name in designs(result) if name in held)


def scenario(result: ComparisonView) -> dict[str, Any]:
    """Return the parsed scenario, empty where its text is not TOML."""
    try:
        return tomllib.loads(result.scenario_text)
    except tomllib.TOMLDecodeError:
        return {}


def title(result: ComparisonView) -> str:
    """Return the title of the scenario."""
    manifest = result.summary.get("manifest", {})
    for source in (scenario(result), scenario(result).get("scenario", {}), manifest):
        for key in TITLE_KEYS:
            if (
                isinstance(source, Mapping)
                and isinstance(source.get(key), str)
                and source[key].strip()
            ):
                return str(source[key]).strip()
    return "Comparison of market designs"


def notes(result: ComparisonView) -> tuple[str, ...]:
    """Return the remarks on origin that the scenario and the manifest carry (years of homes and prices, caveats)."""
    found = [
        *_strings(scenario(result), NOTE_KEYS),
        *_strings(result.summary.get("manifest", {}), NOTE_KEYS),
    ]
    return tuple(dict.fromkeys(text.strip() for text in found if text.strip()))


def feeder_notes(result: ComparisonView) -> tuple[str, ...]:
    """Return what was assumed, converted or left out where the feeder was read, a sentence each."""
    return tuple(map(str, result.summary.get("manifest", {}).get(FEEDER_NOTES, ())))


def zone(result: ComparisonView) -> tuple[tzinfo, str]:
    """Return the time zone of the scenario and its name; UTC where none is given or known."""
    for source in (result.summary.get("manifest", {}), scenario(result)):
        for name in _strings(source, ZONE_KEYS):
            try:
                return ZoneInfo(name), name
            except (ZoneInfoNotFoundError, ValueError):
                continue
    return UTC, "UTC"


def _strings(node: object, keys: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if str(key).lower() in keys:
                yield from _texts(value)
            else:
                yield from _strings(value, keys)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        yield from (item for item in value if isinstance(item, str))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)


def local_time(start_s: pd.Series, place: tzinfo) -> pd.DatetimeIndex:
    """Return wall-clock times of UTC seconds, shape (n,), without a zone so that figures show them as they are."""
    return (
        pd.DatetimeIndex(pd.to_datetime(start_s.to_numpy(), unit="s", utc=True))
        .tz_convert(place)
        .tz_localize(None)
    )


def step_s(table: pd.DataFrame) -> float:
    """Return the length of one interval [s] of the table `intervals`."""
    start = np.unique(table["start_s"].to_numpy())
    return float(np.median(np.diff(start))) if start.size > 1 else 300.0


def bound_usd(result: ComparisonView) -> float:
    """Return the certified upper bound of welfare [$], from the certificates of any design or the manifest; nan if none."""
    sources = [
        entry.get("certificates", {}) for entry in result.summary.get("architectures", {}).values()
    ]
    sources += [result.summary.get("certificates", {}), result.summary.get("manifest", {})]
    for source in sources:
        for key, value in source.items() if isinstance(source, Mapping) else ():
            number = (
                as_number(value.get("value")) if isinstance(value, Mapping) else as_number(value)
            )
            if (
                np.isfinite(number)
                and re.search(r"bound", str(key))
                and not re.search(r"gap|wall|_s$|below|above|margin", str(key))
            ):
                return number
    return float("nan")
