"""Inverters that follow the voltage at their meter: what they give there, and the curves of the standards (theory 7.5).

Volt-var sets reactive power, as a share of the rated apparent power; volt-watt is the most active power, as a share of the rated.
Both fall with voltage. What is given stays within the apparent power: reactive power first, as the standards have it, or active.

References
----------
IEEE 1547-2018, clause 5.3.3 and table 8 (volt-var of category B), clause 5.4.2 and table 10 (volt-watt), clause 5.2 (reactive
power from 5 % of the rated active power on). California Electric Rule 21, section Hh.2 (its default curves).
"""

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gridagora.core.brief import brief
from gridagora.core.errors import Problem
from gridagora.core.tables import Col, Flag, Index

ROUNDING = 1e-6  # of a rating that a power may be beyond it
LEAST_SHARE = 0.05  # of the rated active power: below it an inverter gives no reactive power


class VoltCurve(NamedTuple):
    """A share over voltage, on lines between points and level beyond them."""

    voltage_pu: tuple[float, ...]  # rising
    share: tuple[float, ...]  # not rising


class InverterRule(NamedTuple):
    """What inverters do with voltage."""

    volt_var: VoltCurve  # given, of the rated apparent power [1]
    volt_watt: VoltCurve | None = None  # most that is given, of the rated power [1]; None: all
    var_first: bool = True  # whether active power gives way where both are beyond the rating


class FollowedRule(NamedTuple):
    """What the inverters of panels follow, and their rating over the largest output of their panels.

    Batteries may follow volt-var as well, within what their active power leaves.
    """

    rule: InverterRule
    rating_ratio: float
    has_storage: bool = False


VOLT_WATT = VoltCurve((1.06, 1.10), (1.0, 0.0))
STANDARDS: Mapping[str, InverterRule] = MappingProxyType(
    {
        "ieee1547_b": InverterRule(
            VoltCurve((0.92, 0.98, 1.02, 1.08), (0.44, 0.0, 0.0, -0.44)), VOLT_WATT
        ),
        "rule21": InverterRule(
            VoltCurve((0.92, 0.967, 1.033, 1.07), (0.30, 0.0, 0.0, -0.30)), VOLT_WATT
        ),
    }
)


class InverterTable(NamedTuple):
    """i inverters, each at a meter whose loads draw constant power."""

    meter: Index  # (i,) row of the meter
    rated_kva: Col  # (i,)
    rated_kw: Col  # (i,) active power that volt-watt takes a share of
    keeps_kw: Flag | None = (
        None  # (i,) that give what they could, or draw it, whatever the voltage, as batteries do; None: none
    )

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class Infeed(NamedTuple):
    """What i inverters could give in t steps."""

    inverters: InverterTable
    rule: InverterRule
    available_kw: Col  # (t, i), below zero what one that keeps it draws
    gives_var: Flag  # (t, i) whether there is sun enough for reactive power

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


def given_kw_kvar(
    inverters: InverterTable, rule: InverterRule, v_pu: Col, available_kw: Col, gives_var: Flag
) -> tuple[Col, Col]:
    """Return what inverters give, active and reactive, shape (t, i) each [kW], [kvar].

    Parameters
    ----------
    v_pu
        Voltage at each, shape (t, i) [pu].
    available_kw, gives_var
        As in `Infeed`, shape (t, i) [kW].
    """
    rated = inverters.rated_kva
    q_kvar = np.where(gives_var, rated * np.interp(v_pu, *rule.volt_var), 0.0)
    could_kw = np.asarray(available_kw, np.float64)
    p_kw, keeps = could_kw, keeps_of(inverters)
    if rule.volt_watt is not None:
        p_kw = np.minimum(p_kw, inverters.rated_kw * np.interp(v_pu, *rule.volt_watt))
    p_kw = np.where(keeps, could_kw, p_kw)
    room = _room(rated, p_kw)
    first_kvar = np.clip(q_kvar, -rated, rated)
    first_kw = np.minimum(p_kw, np.sqrt(np.square(rated) - np.square(first_kvar)))
    var_first = rule.var_first & ~keeps
    last_kw = np.where(keeps, p_kw, np.minimum(p_kw, rated))
    return (
        np.where(var_first, first_kw, last_kw),
        np.where(var_first, first_kvar, np.clip(q_kvar, -room, room)),
    )


def keeps_of(inverters: InverterTable) -> Flag:
    """Return which inverters give what they could whatever the voltage, (i,)."""
    if inverters.keeps_kw is None:
        return np.zeros(len(inverters.meter), np.bool_)
    return inverters.keeps_kw


def _room(rated_kva: Col, p_kw: Col) -> Col:
    """Return what active power (t, i) [kW] leaves of ratings (i,) [kVA] to reactive power, (t, i) [kvar]."""
    return np.asarray(np.sqrt((np.square(rated_kva) - np.square(p_kw)).clip(min=0.0)))


def given_slopes(
    inverters: InverterTable, rule: InverterRule, v_pu: Col, available_kw: Col, gives_var: Flag
) -> tuple[Col, Col]:
    """Return how what inverters give moves with voltage, active and reactive, shape (t, i) each [kW/pu], [kvar/pu].

    At a corner of a curve it is the slope on the side of lower voltages. Where two limits of active power meet, that holds which
    does not move; a rating that reactive power fills to its end leaves active power where it is.

    Parameters
    ----------
    v_pu
        Voltage at each, shape (t, i) [pu].
    available_kw, gives_var
        As in `Infeed`, shape (t, i) [kW].
    """
    rated, p_kw, keeps = (
        inverters.rated_kva,
        np.asarray(available_kw, np.float64),
        keeps_of(inverters),
    )
    q_kvar = np.where(gives_var, rated * np.interp(v_pu, *rule.volt_var), 0.0)
    by_q, by_p = np.where(gives_var, rated * _slope_at(v_pu, rule.volt_var), 0.0), 0.0 * p_kw
    if rule.volt_watt is not None:
        most = inverters.rated_kw * np.interp(v_pu, *rule.volt_watt)
        cut = (most < p_kw) & ~keeps
        by_p = np.where(cut, inverters.rated_kw * _slope_at(v_pu, rule.volt_watt), 0.0)
        p_kw = np.where(cut, most, p_kw)
    left = _room(rated, q_kvar)
    way = np.divide(-q_kvar * by_q, left, out=np.zeros_like(left), where=left > 0)
    first = np.where(left < p_kw, way, by_p), by_q
    by_p, p_kw = np.where(p_kw > rated, 0.0, by_p), np.where(keeps, p_kw, np.minimum(p_kw, rated))
    left = _room(rated, p_kw)
    way = np.divide(-p_kw * by_p, left, out=np.zeros_like(left), where=left > 0)
    last = by_p, np.where(np.abs(q_kvar) > left, np.sign(q_kvar) * way, by_q)
    var_first = rule.var_first & ~keeps
    by_p, by_q = (np.where(var_first, one, other) for one, other in zip(first, last, strict=True))
    return by_p, by_q


def _slope_at(v_pu: Col, curve: VoltCurve) -> Col:
    """Return the slopes of a curve at voltages (t, i) [pu], shape (t, i) [1/pu]; at a corner that of its left."""
    x, share = np.array(curve.voltage_pu), np.array(curve.share)
    each = np.concatenate([[0.0], np.diff(share) / np.diff(x), [0.0]])
    return np.asarray(each[np.searchsorted(x, v_pu, side="left")])


def check_curve(curve: VoltCurve, least: float, most: float, where: str) -> list[Problem]:
    """Return the problems of a curve whose shares are to be within bounds [1]: all at once."""
    v, share, found = curve.voltage_pu, curve.share, list[Problem]()
    if len(v) != len(share) or len(v) < 2:
        got = f"{len(v)} voltages and {len(share)} shares"
        return [Problem(where, got, "two points or more, as many shares as voltages")]
    if any(not 0.5 <= each <= 1.5 for each in v) or any(
        right <= left for left, right in pairwise(v)
    ):
        got = ", ".join(f"{each:g}" for each in v)
        found.append(Problem(where, f"voltages {got}", "rising ones of 0.5 to 1.5 pu"))
    if any(not least <= each <= most for each in share):
        got = ", ".join(f"{each:g}" for each in share)
        found.append(Problem(where, f"shares {got}", f"shares of {least:g} to {most:g}"))
    if any(right > left for left, right in pairwise(share)):
        got = ", ".join(f"{each:g}" for each in share)
        hint = "What rises with voltage drives it further up."
        found.append(Problem(where, f"shares {got}", "shares that do not rise with voltage", hint))
    return found


def check_rule(rule: InverterRule, where: str) -> list[Problem]:
    """Return the problems of a rule, all at once."""
    found = check_curve(rule.volt_var, -1.0, 1.0, f"{where}.volt_var")
    if rule.volt_watt is not None:
        found += check_curve(rule.volt_watt, 0.0, 1.0, f"{where}.volt_watt")
    return found


def check_infeed(infeed: Infeed, steps: int, meters: int, where: str) -> list[Problem]:
    """Return the problems of inverters at so many meters over so many steps, all at once."""
    own, found = infeed.inverters, check_rule(infeed.rule, where)
    count = len(own.meter)
    for name, shape in (
        ("rated_kva", own.rated_kva.shape),
        ("rated_kw", own.rated_kw.shape),
        ("keeps_kw", keeps_of(own).shape),
    ):
        if shape != (count,):
            found.append(Problem(f"{where}.{name}", f"shape {shape}", f"({count},), one each"))
    for name, shape in (
        ("available_kw", infeed.available_kw.shape),
        ("gives_var", infeed.gives_var.shape),
    ):
        if shape != (steps, count):
            found.append(
                Problem(f"{where}.{name}", f"shape {shape}", f"({steps}, {count}), steps, one each")
            )
    if found:
        return found
    rules = (
        ("meter", (own.meter < 0) | (own.meter >= meters), f"a row of 0 to {meters - 1}"),
        ("rated_kva", ~(own.rated_kva > 0) | np.isinf(own.rated_kva), "a rating above 0"),
        ("rated_kw", ~(own.rated_kw >= 0) | np.isinf(own.rated_kw), "a rating of 0 or more"),
    )
    for name, bad, expected in rules:
        if bad.any():
            row = int(np.argmax(bad))
            got = f"{getattr(own, name)[row]:g} in row {row}"
            found.append(Problem(f"{where}.{name}", got, expected))
    keeps = keeps_of(own)
    strange = ~((infeed.available_kw >= 0) | keeps) | ~np.isfinite(infeed.available_kw)
    if strange.any():
        step, row = np.argwhere(strange)[0]
        got = f"{infeed.available_kw[step, row]:g} in step {step}, row {row}"
        found.append(Problem(f"{where}.available_kw", got, "a power of 0 or more"))
    beyond = keeps & (np.abs(infeed.available_kw) > own.rated_kva * (1 + ROUNDING))
    if beyond.any():
        step, row = np.argwhere(beyond)[0]
        got = f"{infeed.available_kw[step, row]:g} in step {step}, row {row}"
        expected = f"{own.rated_kva[row]:g} either way at most, for it keeps its power"
        found.append(Problem(f"{where}.available_kw", got, expected))
    return found
