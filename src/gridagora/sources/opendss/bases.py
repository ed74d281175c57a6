"""Base voltages of buses: the engine's, but for those that it took from an open phase or that no level of the script fits."""

from collections.abc import Iterable

import numpy as np

from gridagora.core.errors import Problem
from gridagora.core.tables import Col, Flag
from gridagora.sources.opendss.state import some

FAR = 2.5  # a bus without load this many times off its base has the base of another level; a corner of a delta has 1.73
LEFT = 0.1  # less of its base is the voltage of a lower level, where it can serve anybody
SERVICE_V = 90.0


def mended(
    names: tuple[str, ...], base_v: Col, still_v: Col, levels_kv: Iterable[float]
) -> tuple[Col, list[str]]:
    """Return base voltages with those that are far off replaced by the level of the script that fits, and a note on these.

    `CalcVoltageBases` looks at the first node of a bus, which stands open where a conductor of its line does.

    Parameters
    ----------
    names
        Buses, shape (b,).
    base_v
        Base of each, line to neutral, shape (b,) [V]; 0 where there is none.
    still_v
        Highest voltage of each without load, shape (b,) [V].
    levels_kv
        Of the script, line to line [kV].
    """
    levels_v = np.array([1e3 * kv / np.sqrt(3.0) for kv in levels_kv if kv > 0])
    away = np.flatnonzero(far(base_v, still_v))
    if not away.size or not levels_v.size:
        return base_v, []
    best = levels_v[np.abs(np.log(still_v[away, None] / levels_v)).argmin(1)]
    fits = ~far(best, still_v[away])
    new = base_v.copy()
    new[away[fits]] = best[fits]
    changed = tuple(f"{names[at]} {new[at]:,.0f} V" for at in away[fits])
    note = f"Base voltages that OpenDSS took from an open phase are those of the other phases: {some(changed)}."
    return new, [note] if changed else []


def far(base_v: Col, still_v: Col, least: float = 1 / FAR) -> Flag:
    """Mask of the buses whose voltage without load is not that of their base, shape (b,) [V]; False where one of them is 0."""
    ratio = np.divide(
        still_v, base_v, out=np.ones_like(still_v), where=(base_v > 0) & (still_v > 0)
    )
    return np.asarray((ratio > FAR) | (ratio < least))


def problems(names: tuple[str, ...], base_v: Col, still_v: Col, loaded: set[str]) -> list[Problem]:
    """Return a problem where buses with load have a voltage that no base voltage fits, (b,) each [V]; one sentence for all.

    What stands behind an open phase has some voltage left and passes.
    """
    wrong = far(base_v, still_v, LEFT) & (still_v > SERVICE_V)
    rows = [at for at in np.flatnonzero(wrong) if names[at] in loaded]
    if not rows:
        return []
    at = rows[0]
    others = (
        f" ({len(rows)} buses with load are so: {some([names[row] for row in rows])})"
        if len(rows) > 1
        else ""
    )
    hint = "Look for kV typed as V in basekv and kvs, or name its level in 'Set VoltageBases=[...]' before 'CalcVoltageBases'."
    got = f"{still_v[at]:,.0f} V to earth without load at a base of {base_v[at]:,.0f} V{others}"
    return [Problem(f"bus {names[at]}", got, f"{LEFT:g} to {FAR:g} times its base", hint)]
