"""What loads draw at a voltage and how their currents move with it: the rules of `core.voltage_dependence`, compiled."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.flow.lanes import (
    LANES,
    LanesType,
    add_product,
    is_within,
    lane_of,
    load_lanes,
    root,
    spread,
    store_lanes,
    with_lane,
)
from gridagora.kernels.stores.polyline import INLINE, JIT, LEAF

Col = NDArray[np.float64]
Index = NDArray[np.int64]
Phasors = NDArray[np.complex128]

CONSTANT, CONSTANT_IN_BAND, BY_MODEL = 0, 1, 2  # power of a row
LINE, IMPEDANCE, RATED = 0.0, 1.0, 2.0  # what the part of power does outside of its band
# columns of `Loads.model`: what P and Q follow, one behind the other, then what both share
PER_POWER, EXPONENT = 5, 3
LOW, LEAST, MOST, OFF, BASE_V = range(2 * PER_POWER, 2 * PER_POWER + 5)
MODEL_COLUMNS = 2 * PER_POWER + 5
STEEP = 500.0  # of the switch of a ZIP load below its cut-off, per pu, as OpenDSS has it
SURE = 25.0  # from where on the hyperbolic tangent of that switch is 1 in floating point
# where exponents go by series, which then are exact to rounding: range of u, and largest exponent
SERIES_LOW, SERIES_HIGH, STEEPEST = 0.82, 1.22, 4.0
LOG_TERMS, EXPONENTIAL_TERMS = 12, 18


class Loads(NamedTuple):
    """k load rows, (k,) each: the two nodes (to = -1 is earth), the meter, the share of its power, what voltage does to it."""

    start: Index
    end: Index
    meter: Index
    share: Col
    varies: Index  # CONSTANT, CONSTANT_IN_BAND or BY_MODEL
    model: Col  # (k, MODEL_COLUMNS), or (0, MODEL_COLUMNS) where none varies
    band_v2: Col  # (k, 2), or (0, 2), squares of voltages between which all of `model` but its band and its cut-off holds [V2]


@register_jitable(**LEAF)
def factor_at(u: float, model: Col, first: int) -> tuple[float, float]:
    """Return what a row draws of its rating at u pu, and its derivative [1/pu].

    `model`, shape (c,), is a row of `Loads.model`; `first` is 0 for P and PER_POWER for Q.
    """
    low, least, most, off = model[LOW], model[LEAST], model[MOST], model[OFF]
    if u <= low:
        return u * u, 2.0 * u
    z, i, c, e, outside = (
        model[first], model[first + 1], model[first + 2], model[first + 3], model[first + 4],
    )  # fmt: skip
    f, d = z * u * u, 2.0 * z * u
    if u <= least:
        # currents on a line from that of the impedance at `low` to that of the rating at `least`
        slope = (1.0 - low) / (least - low)
        f += i * u * (low + slope * (u - low))
        d += i * (low + slope * (2.0 * u - low))
        if outside == LINE:
            slope = (1.0 / least - low) / (least - low)
            f += c * u * (low + slope * (u - low))
            d += c * (low + slope * (2.0 * u - low))
        else:
            edge = 1.0 if outside == RATED else least
            f += c * (u / edge) ** 2
            d += 2.0 * c * u / (edge * edge)
    elif u > most:
        edge = 1.0 if outside == RATED else most
        f += i * u * u / most + c * (u / edge) ** 2
        d += 2.0 * i * u / most + 2.0 * c * u / (edge * edge)
    else:
        f += i * u
        d += i
        if e == 0.0:
            f += c
        else:
            part = c * u**e
            f += part
            d += e * part / u
    if off > 0.0:
        turn = np.tanh(STEEP * (u - off))
        d = 0.5 * (1.0 + turn) * d + 0.5 * STEEP * (1.0 - turn * turn) * f
        f *= 0.5 * (1.0 + turn)
    return f, d


@njit(**LEAF)
def power_at(size_v: float, model: Col, p_w: float, q_var: float) -> tuple[float, float]:
    """Return what a row of rating p_w, q_var draws at a voltage across it [V]; `model` has shape (c,)."""
    u = size_v / model[BASE_V]
    return p_w * factor_at(u, model, 0)[0], q_var * factor_at(u, model, PER_POWER)[0]


def bands_of(model: Col) -> tuple[Index, Col]:
    """Return `varies` and `band_v2` of rows that follow their `model` (k, c), to [V2]."""
    p, q = model[:, :PER_POWER], model[:, PER_POWER : 2 * PER_POWER]
    low, least, off = model[:, LOW], model[:, LEAST], model[:, OFF]
    inner = np.maximum(np.maximum(low, least), np.where(off > 0.0, off + SURE / STEEP, 0.0))
    exponents = np.column_stack([p[:, EXPONENT], q[:, EXPONENT]])
    series = np.where((exponents == 1.0) | (exponents == 2.0), 0.0, np.abs(exponents)).max(axis=1)
    inner = np.where(series > 0.0, np.maximum(inner, SERIES_LOW), inner)
    outer = np.where(series > 0.0, np.minimum(model[:, MOST], SERIES_HIGH), model[:, MOST])
    outer = np.where(series > STEEPEST, inner, outer)
    plain = (0.0, 0.0, 1.0, 0.0)
    is_power = (p[:, :4] == plain).all(axis=1) & (q[:, :4] == plain).all(axis=1)
    band_v2 = (np.column_stack([inner, outer]) * model[:, BASE_V, None]) ** 2
    return np.where(is_power, CONSTANT_IN_BAND, BY_MODEL), np.ascontiguousarray(band_v2)


@register_jitable(**INLINE)
def powers_at(
    loads: Loads, k: int, square: LanesType, p_w: LanesType, q_var: LanesType
) -> tuple[LanesType, LanesType]:
    """Return what row k of ratings p_w, q_var draws in some steps, at squares of the voltages across it [V2]."""
    varies, model = loads.varies[k], loads.model
    if varies == CONSTANT:
        return p_w, q_var
    if is_within(square, loads.band_v2[k, 0], loads.band_v2[k, 1]):
        if varies == CONSTANT_IN_BAND:
            return p_w, q_var
        u2 = square * (1.0 / (model[k, BASE_V] * model[k, BASE_V]))
        return p_w * _inside(u2, model, k, 0), q_var * _inside(u2, model, k, PER_POWER)
    drawn: tuple[LanesType, LanesType] = _outside(loads, k, square, p_w, q_var)
    return drawn


@register_jitable(**LEAF)
def _outside(
    loads: Loads, k: int, square: LanesType, p_w: LanesType, q_var: LanesType
) -> tuple[LanesType, LanesType]:
    """Return what row k draws where some step is outside of its band."""
    model = loads.model
    base, low, least = model[k, BASE_V], model[k, LOW], model[k, LEAST]
    if model[k, OFF] <= 0.0 and low < least:
        u2 = square * (1.0 / (base * base))
        if is_within(u2, low * low, least * least):
            u = root(u2)
            return p_w * _below(u, u2, model, k, 0), q_var * _below(u, u2, model, k, PER_POWER)
    drawn: tuple[LanesType, LanesType] = _each_lane(root(square), model, k, p_w, q_var)
    return drawn


@register_jitable(**LEAF)
def _each_lane(
    size_v: LanesType, model: Col, k: int, p_w: LanesType, q_var: LanesType
) -> tuple[LanesType, LanesType]:
    """Return what row k draws where steps differ in what their voltages do to it."""
    for b in range(LANES):
        p, q = power_at(lane_of(size_v, b), model[k], lane_of(p_w, b), lane_of(q_var, b))
        p_w, q_var = with_lane(p_w, b, p), with_lane(q_var, b, q)
    return p_w, q_var


@register_jitable(**INLINE)
def _inside(u2: LanesType, model: Col, k: int, first: int) -> LanesType:
    """Return what row k draws of its rating inside of its band, at squares of u."""
    z, i, c, e = (
        model[k, first],
        model[k, first + 1],
        model[k, first + 2],
        model[k, first + EXPONENT],
    )
    f: LanesType = spread(c)
    if e == 1.0:
        i += c
        f = spread(0.0)
    elif e == 2.0:
        z += c
        f = spread(0.0)
    elif e != 0.0:
        f = c * _exponential(0.5 * e * _log_of(u2))
    if i != 0.0:
        f = f + i * root(u2)
    if z != 0.0:
        f = f + z * u2
    return f


@register_jitable(**INLINE)
def _below(u: LanesType, u2: LanesType, model: Col, k: int, first: int) -> LanesType:
    """Return what row k draws of its rating between the two lower edges of its band, as `factor_at`."""
    low, least = model[k, LOW], model[k, LEAST]
    z, i, c, outside = (
        model[k, first],
        model[k, first + 1],
        model[k, first + 2],
        model[k, first + 4],
    )
    slope = (1.0 - low) / (least - low)
    by_u, by_u2 = i * low * (1.0 - slope), z + i * slope
    if outside == LINE:
        slope = (1.0 / least - low) / (least - low)
        by_u, by_u2 = by_u + c * low * (1.0 - slope), by_u2 + c * slope
    else:
        edge = 1.0 if outside == RATED else least
        by_u2 += c / (edge * edge)
    f: LanesType = by_u * u + by_u2 * u2
    return f


@register_jitable(**INLINE)
def _log_of(x: LanesType) -> LanesType:
    """Return the logarithm by the series of atanh((x - 1) / (x + 1)), to rounding for squares of u in its range."""
    w = (x - 1.0) / (x + 1.0)
    w2 = w * w
    total = spread(1.0 / (2 * LOG_TERMS + 1))
    for n in range(LOG_TERMS - 1, -1, -1):
        total = add_product(spread(1.0 / (2 * n + 1)), total, w2)
    found: LanesType = 2.0 * w * total
    return found


@register_jitable(**INLINE)
def _exponential(x: LanesType) -> LanesType:
    """Return the exponential by its series, to rounding where |x| < 1."""
    total: LanesType = spread(1.0)
    for n in range(EXPONENTIAL_TERMS, 0, -1):
        total = add_product(spread(1.0), total, x * (1.0 / n))
    return total


@njit(**JIT)
def delivered(loads: Loads, v: Phasors, p_kw: Col, q_kvar: Col, into_p: Col, into_q: Col) -> None:
    """Write what meters with rows that vary draw at voltages (t, m) [V]; the others keep their column.

    `p_kw`, `q_kvar` (t, j) are ratings, `into_*` (t, j) hold a copy of them [kW], [kvar].
    """
    some = np.zeros(p_kw.shape[1], np.bool_)
    for k in range(loads.start.size):
        if loads.varies[k]:
            some[loads.meter[k]] = True
    meters, steps = np.flatnonzero(some), v.shape[0]
    drawn_p, drawn_q, held = (
        np.zeros((some.size, LANES)),
        np.zeros((some.size, LANES)),
        np.empty((3, LANES)),
    )
    for first in range(0, steps, LANES):
        wide = min(LANES, steps - first)
        for j in meters:
            drawn_p[j], drawn_q[j] = 0.0, 0.0
        for k in range(loads.start.size):
            j, share = loads.meter[k], loads.share[k]
            if some[j]:
                p, q = _drawn_by(loads, k, v, p_kw, q_kvar, first, wide, held)
                store_lanes(drawn_p, j, load_lanes(drawn_p, j) + share * p)
                store_lanes(drawn_q, j, load_lanes(drawn_q, j) + share * q)
        for j in meters:
            for b in range(wide):
                into_p[first + b, j], into_q[first + b, j] = drawn_p[j, b], drawn_q[j, b]


@register_jitable(**LEAF)
def _drawn_by(
    loads: Loads, k: int, v: Phasors, p_kw: Col, q_kvar: Col, first: int, wide: int, held: Col
) -> tuple[LanesType, LanesType]:
    """Return what row k would draw of the ratings of its meter alone, in steps from `first` on; `held` (3, w) is overwritten."""
    j = loads.meter[k]
    for b in range(LANES):
        step = first + min(b, wide - 1)
        across = across_at(loads, v, step, k)
        held[0, b] = across.real * across.real + across.imag * across.imag
        held[1, b], held[2, b] = p_kw[step, j], q_kvar[step, j]
    drawn: tuple[LanesType, LanesType] = powers_at(
        loads, k, load_lanes(held, 0), load_lanes(held, 1), load_lanes(held, 2)
    )
    return drawn


@register_jitable(**JIT)
def row_slopes(
    loads: Loads, k: int, across: complex, p_kw: float, q_kvar: float
) -> tuple[complex, complex, complex, complex]:
    """Return how the current of one row moves with the voltage across it [V] and the rating of its meter.

    The four of `load_current_slopes` [S], [S], [A/kW], [A/kvar].
    """
    share, back = 1e3 * loads.share[k], 1.0 / np.conj(across)
    if not loads.varies[k]:
        by_p = share * back
        return 0j, -by_p * complex(p_kw, -q_kvar) * back, by_p, -1j * by_p
    model, size = loads.model[k], abs(across)
    u = size / model[BASE_V]
    f, f_rise = factor_at(u, model, 0)
    g, g_rise = factor_at(u, model, PER_POWER)
    p, q = share * p_kw, share * q_kvar
    rise = complex(p * f_rise, -q * g_rise) / (2.0 * model[BASE_V] * size)
    by_conj = rise * across * back - complex(p * f, -q * g) * back * back
    return rise, by_conj, share * f * back, -1j * share * g * back


@njit(**JIT)
def load_current_slopes(
    loads: Loads, v: Phasors, p_kw: Col, q_kvar: Col
) -> tuple[Phasors, Phasors, Phasors, Phasors]:
    """Return how the current of every load row moves with the voltage across it and with the rating of its meter.

    A row draws i = (P f_p(u) - j Q f_q(u)) / conj(v) with u = |v| / base. It is no analytic function of v, so

        di = by_v dv + by_conj conj(dv) + by_p dP + by_q dQ

    At constant power by_v is zero and by_conj = -conj(S) / conj(v)^2. At a kink of a band it is the slope on the side of the rule
    that holds there.

    Parameters
    ----------
    loads
        k rows, as `grid.flow.factor` has them.
    v
        Voltages of nodes, shape (t, m) [V].
    p_kw, q_kvar
        Ratings of meters, what they would draw at constant power, shape (t, j) [kW], [kvar].

    Returns
    -------
    by_v, by_conj
        Shape (t, k) each [S]; currents are withdrawn.
    by_p, by_q
        Shape (t, k) each [A/kW], [A/kvar].
    """
    t, count = v.shape[0], loads.start.size
    by_v, by_conj = np.zeros((t, count), np.complex128), np.zeros((t, count), np.complex128)
    by_p, by_q = np.zeros((t, count), np.complex128), np.zeros((t, count), np.complex128)
    for step in range(t):
        for k in range(count):
            j, across = loads.meter[k], across_at(loads, v, step, k)
            by_v[step, k], by_conj[step, k], by_p[step, k], by_q[step, k] = row_slopes(
                loads, k, across, p_kw[step, j], q_kvar[step, j]
            )
    return by_v, by_conj, by_p, by_q


@register_jitable(**LEAF)
def across_at(loads: Loads, v: Phasors, step: int, k: int) -> complex:
    """Return the voltage across a row at a step of voltages of all nodes, shape (t, m) [V]."""
    across: complex = v[step, loads.start[k]]
    if loads.end[k] >= 0:
        across -= v[step, loads.end[k]]
    return across
