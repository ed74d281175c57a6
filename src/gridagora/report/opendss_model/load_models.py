"""What a load does with voltage as properties of an OpenDSS load: the number of its model, its figures and its bands.

The rules by which OpenDSS follows them are those of `gridagora.sources.opendss.load_models`, read the other way round.
"""

import numpy as np

from gridagora.core.voltage_dependence import ALL_POWER, Outside, VoltageDependence

ALL_IMPEDANCE, ALL_CURRENT = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
ANY_VOLTAGE_PU = 10.0  # the upper end of a band without one
HELD = "model=1 vminpu=0 vlowpu=0 vmaxpu=10"  # constant power at any voltage


def spell_model(of: VoltageDependence, row: int) -> str | None:
    """Return the properties of a load that draws as a row does; None where no model of OpenDSS is like it."""
    model = _model(of, row)
    if model is None:
        return None
    top = float(of.v_max_pu[row])
    bands = {
        "vminpu": float(of.v_min_pu[row]),
        "vlowpu": float(of.v_low_pu[row]),
        "vmaxpu": top if np.isfinite(top) else ANY_VOLTAGE_PU,
    }
    return " ".join([model, *(f"{key}={value!r}" for key, value in bands.items())])


def _model(of: VoltageDependence, row: int) -> str | None:
    """Return the number of the model and the figures that belong to it."""
    p, q = _part(of, row, "p"), _part(of, row, "q")
    shares = p[0], q[0]
    exponents = p[1], q[1]
    outside = p[2], q[2]
    off = float(of.v_off_pu[row])
    plain = off <= 0
    if plain and shares == (ALL_IMPEDANCE,) * 2:
        return "model=2"
    if plain and shares == (ALL_CURRENT,) * 2:
        return "model=5"
    if plain and exponents == (0.0, 0.0) and shares[0] == ALL_POWER:
        if shares[1] == ALL_POWER and outside == (Outside.IMPEDANCE, Outside.RATED):
            return "model=6"
        if shares[1] == ALL_IMPEDANCE and outside[0] == Outside.IMPEDANCE:
            return "model=7"
    if any(side != Outside.LINE and share[2] for side, share in zip(outside, shares, strict=True)):
        return None
    if exponents == (0.0, 0.0):
        if plain and shares == (ALL_POWER,) * 2:
            return "model=1"
        zipv = " ".join(repr(part) for part in (*shares[0], *shares[1], max(off, 0.0)))
        return f"model=8 zipv=[{zipv}]"
    if not plain or shares != (ALL_POWER,) * 2:
        return None
    return f"model=4 cvrwatts={exponents[0]!r} cvrvars={exponents[1]!r}"


def _part(of: VoltageDependence, row: int, letter: str) -> tuple[tuple[float, ...], float, Outside]:
    """Return shares, exponent and what is drawn outside of the band, of P or of Q."""
    share = getattr(of, f"{letter}_share")[row]
    exponent = float(getattr(of, f"{letter}_exponent")[row])
    outside = Outside(int(getattr(of, f"{letter}_outside")[row]))
    found = tuple(float(part) for part in share)
    return found, exponent if found[2] else 0.0, outside
