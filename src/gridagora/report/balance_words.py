"""How unbalanced a run was, in words: voltages at the worst bus of three phases and currents at the substation, by design."""

from html import escape, unescape

import numpy as np
import pandas as pd

from gridagora.report.facts import ComparisonView, frame, metric_value, of, present
from gridagora.report.style import label, number

SHARE, LIMIT = "unbalance_share", 0.02  # of negative over positive sequence, EN 50160:2010, 4.2.4
NARROW = "\u00a0%"  # stays with its number at the end of a line
CURRENT = "current_unbalance_share"
ONE_PHASE = "The source of this feeder has not three phases, so there is no unbalance of currents at the substation to tell."
NONE = "No bus of this feeder has three phases, so there is no unbalance of voltage to tell."


def phase_balance(result: ComparisonView) -> str:
    """Return a paragraph of HTML on the worst bus of every design; '' where no power flow was solved."""
    table = frame(result, "buses", "bus", "v_min_pu")
    if table is None or SHARE not in table:
        return ""
    worst = {name: row for name in present(result, table) if (row := _worst(of(table, name)))}
    if not worst:
        return f'<p class="lead">{NONE}</p>' if table[SHARE].isna().all() else ""
    parts = [
        f"{number(100 * share, 2)} % at bus {bus} ({unescape(label(name))})"
        for name, (bus, share) in worst.items()
    ]
    over = [unescape(label(name)) for name, (_, share) in worst.items() if share > LIMIT]
    kept = f"more under {', '.join(over)}" if over else "no design exceeds it"
    said = (
        f"Voltage unbalance, negative over positive sequence, at the worst bus of three phases: {', '.join(parts)}. 95 % of the "
        f"ten-minute means of a week do not exceed this; EN 50160 allows 2 %: {kept}."
    )
    return f'<p class="lead">{escape(said).replace(" %", NARROW)}</p>'


def current_balance(result: ComparisonView) -> str:
    """Return a paragraph of HTML on the currents at the substation under every design; '' where no power flow was solved."""
    table = frame(result, "intervals", "losses_kw")
    if table is None or CURRENT not in table:
        return ""
    if table[CURRENT].isna().all():
        return f'<p class="lead">{ONE_PHASE}</p>'
    parts = [
        f"{number(100 * mean, 1)} %, in 5 % of the time more than {number(100 * high, 1)} % ({unescape(label(name))})"
        for name in present(result, table)
        if np.isfinite(mean := metric_value(result, name, "P8"))
        and np.isfinite(high := metric_value(result, name, "P8h"))
    ]
    if not parts:
        return ""
    said = (
        "Currents at the substation, departure of the phase furthest from the mean of the three over that mean: "
        f"{'; '.join(parts)}. What carries them is rated for the phase that carries most."
    )
    return f'<p class="lead">{escape(said).replace(" %", NARROW)}</p>'


def _worst(rows: pd.DataFrame) -> tuple[str, float] | None:
    known = rows[rows[SHARE].notna()]
    if known.empty:
        return None
    row = int(known[SHARE].to_numpy(float).argmax())
    return str(known["bus"].iloc[row]), float(known[SHARE].iloc[row])
