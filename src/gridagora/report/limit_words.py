"""How tight the limits were that designs posted to homes, in words."""

from html import escape, unescape

import pandas as pd

from gridagora.report.facts import ComparisonView, frame, of, present
from gridagora.report.style import label, number


def home_limits(result: ComparisonView) -> str:
    """Return a paragraph of HTML on limits of import and export by design; '' where no design posted any."""
    table = frame(result, "home_limits", "import_limited_h", "beyond_kwh")
    if table is None:
        return ""
    parts = [
        f"{unescape(label(name))}: {_told(of(table, name))}" for name in present(result, table)
    ]
    said = f"Limits that designs posted to homes, hour by hour. {'; '.join(parts)}. The table home_limits has every home."
    return f'<p class="lead">{escape(said)}</p>'


def _told(rows: pd.DataFrame) -> str:
    sides = [text for side in ("import", "export") if (text := _side(rows, side))]
    return f"{', '.join(sides)}; {number(float(rows['beyond_kwh'].sum()), 1)} kWh went beyond"


def _side(rows: pd.DataFrame, side: str) -> str:
    hours = rows[f"{side}_limited_h"]
    if not hours.sum():
        return ""
    mean = float((rows[f"{side}_limit_mean_kw"].fillna(0.0) * hours).sum() / hours.sum())
    least = float(rows[f"{side}_limit_min_kw"].min())
    closed = float(rows[f"{side}_closed_h"].sum() / hours.sum())
    return f"{side} {number(mean, 1)} kW in the mean, {number(least, 1)} at least, none in {closed:.0%} of hours"
