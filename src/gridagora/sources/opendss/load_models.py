"""What the load models of OpenDSS, 1 to 8, make of a rating at a voltage, as columns of `VoltageDependence`.

Outside of vminpu to vmaxpu the manual is short; the rules here are what the engine draws when it is run on one load.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.voltage_dependence import ALL_POWER, Outside, VoltageDependence

ALL_IMPEDANCE, ALL_CURRENT = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
IMPEDANCE_LOAD, MOTOR, CVR, CURRENT_LOAD, FIXED_Q, FIXED_Q_IMPEDANCE, ZIP = range(2, 9)
Q_WITHOUT_MULTIPLIER = (FIXED_Q, FIXED_Q_IMPEDANCE)  # theirs follows neither LoadMult nor growth
NAMES = {
    1: "constant power",
    IMPEDANCE_LOAD: "constant impedance",
    MOTOR: "constant P, quadratic Q",
    CVR: "CVR exponents",
    CURRENT_LOAD: "constant current",
    FIXED_Q: "constant P, fixed Q",
    FIXED_Q_IMPEDANCE: "constant P, Q of a fixed impedance",
    ZIP: "ZIP",
}


class LoadModel(NamedTuple):
    """Model of one load element: its number and the properties that the number reads."""

    number: int
    base_v: float  # across one of its branches
    v_min_pu: float
    v_max_pu: float
    v_low_pu: float
    cvr_watts: float
    cvr_vars: float
    zipv: tuple[
        float, ...
    ]  # 3 shares of P, 3 of Q, the voltage below which it switches off; empty: not given


class _Follows(NamedTuple):
    """What one of P and Q follows."""

    share: tuple[float, float, float] = ALL_POWER
    exponent: float = 0.0
    outside: Outside = Outside.LINE


def dependence(models: Sequence[LoadModel]) -> VoltageDependence:
    """Return the columns of k rows."""
    pairs = [_follows(model) for model in models]
    shares, exponents, outside = (
        [np.array([getattr(pair[side], name) for pair in pairs]) for side in (0, 1)]
        for name in ("share", "exponent", "outside")
    )
    own = np.array(
        [(m.base_v, m.v_min_pu, m.v_max_pu or np.inf, m.v_low_pu, _off(m)) for m in models], float
    ).reshape(-1, 5)
    base_v, least, most, low, off = (own[:, at].copy() for at in range(5))
    (p_share, q_share), (p_exponent, q_exponent) = shares, exponents
    p_outside, q_outside = (np.asarray(each, np.int64) for each in outside)
    return VoltageDependence(
        base_v=base_v,
        p_share=p_share.reshape(-1, 3),
        q_share=q_share.reshape(-1, 3),
        p_exponent=p_exponent,
        q_exponent=q_exponent,
        v_min_pu=least,
        v_max_pu=most,
        v_low_pu=low,
        v_off_pu=off,
        p_outside=p_outside,
        q_outside=q_outside,
    )


def _off(model: LoadModel) -> float:
    return model.zipv[6] if model.number == ZIP and len(model.zipv) > 6 else 0.0


def _follows(model: LoadModel) -> tuple[_Follows, _Follows]:
    """Return what P and Q follow."""
    plain, impedance = _Follows(), _Follows(ALL_IMPEDANCE)
    matched = _Follows(outside=Outside.IMPEDANCE)
    if model.number == ZIP and len(model.zipv) >= 6:
        p, q = model.zipv[:3], model.zipv[3:6]
        return _Follows((p[0], p[1], p[2])), _Follows((q[0], q[1], q[2]))
    found = {
        IMPEDANCE_LOAD: (impedance, impedance),
        MOTOR: (plain, _Follows(exponent=2.0)),
        CVR: (_Follows(exponent=model.cvr_watts), _Follows(exponent=model.cvr_vars)),
        CURRENT_LOAD: (_Follows(ALL_CURRENT), _Follows(ALL_CURRENT)),
        FIXED_Q: (matched, _Follows(outside=Outside.RATED)),
        FIXED_Q_IMPEDANCE: (matched, impedance),
    }
    return found.get(model.number, (plain, plain))
