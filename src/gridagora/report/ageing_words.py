"""How fast transformers aged, in words: the three of every design that age fastest."""

from html import escape, unescape

import pandas as pd

from gridagora.report.facts import ComparisonView, frame, of, present
from gridagora.report.style import label, number

TOLD = 3


def transformer_ageing(result: ComparisonView) -> str:
    """Return a paragraph of HTML on the transformers that age fastest by design; '' where no rating or no power flow is known."""
    table = frame(result, "transformers", "name", "ageing_ratio")
    if table is None:
        return ""
    parts = [
        f"{unescape(label(name))}: {_worst(of(table, name))}" for name in present(result, table)
    ]
    said = (
        "Ageing of each transformer by its own load, hours of life that an hour takes (IEEE C57.91; 1 is what it is rated for), "
        f"the fastest of each design. {'; '.join(parts)}. The table of transformers has all of them."
    )
    return f'<p class="lead">{escape(said)}</p>'


def _worst(rows: pd.DataFrame) -> str:
    known = rows[rows["ageing_ratio"].notna()]
    first = known.sort_values("ageing_ratio", ascending=False, kind="stable").head(TOLD)
    columns = [
        first[name].tolist() for name in ("name", "ageing_ratio", "rating_kva", "hot_spot_max_degc")
    ]
    told = [
        f"{name} {number(ratio, 2)} ({number(kva, 0)} kVA, up to {number(spot, 0)} °C)"
        for name, ratio, kva, spot in zip(*columns, strict=True)
    ]
    return ", ".join(told) or "no power flow"
