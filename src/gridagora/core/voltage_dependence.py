"""What loads do with voltage: parts of constant impedance, current and power, exponents, and the bands of all that.

A load row of rating S draws S times its factor of u, the voltage across it over `base_v`. Between `v_min_pu` and `v_max_pu` that
is, for P and Q apart,

    impedance u^2 + current u + power u^exponent

Exponent 0 is constant power, others are those of conservation voltage reduction (CVR). Outside, the part of power goes on as its
`Outside` says. At `v_low_pu` and below every load is its rating as an impedance, u^2.

References
----------
IEEE Task Force on Load Representation for Dynamic Performance, Standard load models for power flow and dynamic performance
simulation, IEEE Trans. Power Systems 10, 1995, doi 10.1109/59.466523 (polynomial and exponential loads).
R. C. Dugan, Reference Guide: The Open Distribution System Simulator, EPRI (Vminpu, Vmaxpu and Vlowpu of a load; what each model
draws outside of them was found by running it).
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from gridagora.core.brief import brief
from gridagora.core.errors import Problem
from gridagora.core.tables import Col, Flag, Index

IMPEDANCE, CURRENT, POWER = range(3)  # columns of a share
ALL_POWER = (0.0, 0.0, 1.0)


class Outside(IntEnum):
    """What the part of power draws outside of the band.

    LINE: below, its current goes on a line from that of the rating at `v_min_pu` to that of the impedance at `v_low_pu`; above,
    an impedance that draws the rating at `v_max_pu`. IMPEDANCE: on both sides the impedance that draws the rating at the edge.
    RATED: on both sides the impedance that draws the rating at 1 pu, so the power jumps at the edge.
    """

    LINE = 0
    IMPEDANCE = 1
    RATED = 2


class VoltageDependence(NamedTuple):
    """k load rows, or none: then every row draws constant power at any voltage."""

    base_v: Col  # (k,) across the row, at which it draws its rating, above 0 [V]
    p_share: Col  # (k, 3) of impedance, current and power
    q_share: Col  # (k, 3)
    p_exponent: Col  # (k,) of the part of power, 0: constant [1]
    q_exponent: Col  # (k,) [1]
    v_min_pu: Col  # (k,)
    v_max_pu: Col  # (k,) inf: no upper end
    v_low_pu: Col  # (k,)
    v_off_pu: Col  # (k,) below it a ZIP load switches off, 0: never
    p_outside: Index  # (k,) of `Outside`
    q_outside: Index  # (k,)

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


def constant_power(base_v: Col) -> VoltageDependence:
    """Return rows that draw their rating at any voltage; `base_v` (k,) is the voltage across each [V]."""
    k = len(base_v)
    power, none = np.tile(ALL_POWER, (k, 1)), np.zeros(k)
    line = np.full(k, int(Outside.LINE))
    shares = base_v, power, power.copy(), none, none.copy()
    return VoltageDependence(
        *shares, none.copy(), np.full(k, np.inf), none.copy(), none.copy(), line, line.copy()
    )


def no_dependence() -> VoltageDependence:
    """Return the table of a feeder all of whose loads draw constant power."""
    return constant_power(np.zeros(0))


def is_constant(of: VoltageDependence) -> Flag:
    """Mask of the rows that draw their rating at any voltage, shape (k,)."""
    whole = [(share == ALL_POWER).all(1) for share in (of.p_share, of.q_share)]
    plain = (of.p_exponent == 0) & (of.q_exponent == 0) & (of.v_off_pu <= 0)
    flag: Flag = (
        whole[0]
        & whole[1]
        & plain
        & (of.v_min_pu <= 0)
        & (of.v_low_pu <= 0)
        & np.isinf(of.v_max_pu)
    )
    return flag


def check_dependence(of: VoltageDependence, rows: int, where: str) -> list[Problem]:
    """Return the problems of a table for so many load rows: another length, a voltage or band that cannot be; all at once."""
    count = len(of.base_v)
    if count not in {0, rows}:
        hint = "gridagora.core.voltage_dependence.constant_power makes rows that do not vary."
        return [Problem(where, f"{count} rows", f"{rows}, one for each load row, or none", hint)]
    bands = "0 <= v_min_pu <= v_max_pu"
    rules = (
        ("base_v", of.base_v <= 0, "a voltage above 0"),
        ("v_low_pu", of.v_low_pu < 0, "a voltage of 0 or more"),
        ("v_min_pu", of.v_min_pu < 0, bands),
        ("v_max_pu", ~(of.v_min_pu <= of.v_max_pu), bands),
        ("p_outside", ~np.isin(of.p_outside, list(Outside)), "a value of Outside, 0 to 2"),
        ("q_outside", ~np.isin(of.q_outside, list(Outside)), "a value of Outside, 0 to 2"),
    )
    found = []
    for name, bad, expected in rules:
        if bad.any():
            row = int(np.argmax(bad))
            got = f"{getattr(of, name)[row]:g} in row {row}"
            found.append(Problem(f"{where}.{name}", got, expected))
    return found


def with_constant(of: VoltageDependence, rows: Flag) -> VoltageDependence:
    """Return the table in which the rows of a mask (k,) draw constant power; empty where no other is left."""
    if not len(of.base_v) or (rows | is_constant(of)).all():
        return no_dependence()
    plain = constant_power(of.base_v)
    columns = [
        np.where(rows.reshape(-1, *[1] * (mine.ndim - 1)), other, mine)
        for mine, other in zip(of, plain, strict=True)
    ]
    return VoltageDependence(*columns)
