"""Whether a table of stores can be, in one compiled pass that reads a number shared by rows or steps once."""

import numpy as np
from numba import njit
from numba.extending import register_jitable

from gridagora.kernels.stores.bellman import (
    C_P,
    C_X,
    DEAD,
    GAIN_IN,
    GAIN_OUT,
    K_C,
    K_X,
    LEAK,
    P_MAX,
    P_MIN,
    PROX,
    WEAR,
    X_MAX,
    X_MIN,
)
from gridagora.kernels.stores.polyline import JIT, LEAF

GAIN_ROUND_TRIP = 1 + 1e-12  # rounding of gain_in times gain_out


@register_jitable(**LEAF)
def _rows(column):  # type: ignore[no-untyped-def]
    """Return how many rows of a column differ: one where all share their numbers."""
    return min(1, column.shape[0]) if column.strides[0] == 0 else column.shape[0]


@register_jitable(**LEAF)
def _steps(column):  # type: ignore[no-untyped-def]
    return min(1, column.shape[1]) if column.strides[1] == 0 else column.shape[1]


@register_jitable(**LEAF)
def _is_finite(column):  # type: ignore[no-untyped-def]
    for i in range(_rows(column)):
        for t in range(_steps(column)):
            if not np.isfinite(column[i, t]):
                return False
    return True


@register_jitable(**LEAF)
def _is_at_least_zero(column):  # type: ignore[no-untyped-def]
    for i in range(_rows(column)):
        for t in range(_steps(column)):
            if column[i, t] < 0:
                return False
    return True


@register_jitable(**LEAF)
def _has_zero(column):  # type: ignore[no-untyped-def]
    for i in range(_rows(column)):
        for t in range(_steps(column)):
            if column[i, t] == 0:
                return True
    return False


@register_jitable(**LEAF)
def _is_at_most(low, high):  # type: ignore[no-untyped-def]
    for i in range(max(_rows(low), _rows(high))):
        for t in range(max(_steps(low), _steps(high))):
            if low[i, t] > high[i, t]:
                return False
    return True


@register_jitable(**LEAF)
def _can_gain(least, most, gain_in, gain_out):  # type: ignore[no-untyped-def]
    """Whether a round trip of a row whose power has both signs gives more than it took."""
    rows = max(_rows(least), _rows(most), _rows(gain_in), _rows(gain_out))
    steps = max(_steps(least), _steps(most), _steps(gain_in), _steps(gain_out))
    for i in range(rows):
        for t in range(steps):
            both = least[i, t] < 0 and most[i, t] > 0
            if both and gain_in[i, t] * gain_out[i, t] > GAIN_ROUND_TRIP:
                return True
    return False


@register_jitable(**LEAF)
def _feels(leak, least, k, of_state, of_power):  # type: ignore[no-untyped-def]
    """Whether comfort, where it counts, feels state and power in the sense that the recursion takes it to."""
    rows = max(_rows(leak), _rows(least), _rows(k), _rows(of_state), _rows(of_power))
    steps = max(_steps(leak), _steps(least), _steps(k), _steps(of_state), _steps(of_power))
    for i in range(rows):
        for t in range(steps):
            if k[i, t] > 0 and (of_state[i, t] * leak[i, t] < 0 or of_power[i, t] < 0):
                return False
            if least[i, t] < 0 and k[i, t] * of_power[i, t] > 0:
                return False
    return True


@register_jitable(**LEAF)
def _is_monotone(ends, sign):  # type: ignore[no-untyped-def]
    for i in range(_rows(ends)):
        for j in range(1, ends.shape[1]):
            if sign * (ends[i, j] - ends[i, j - 1]) < 0:
                return False
    return True


@register_jitable(**LEAF)
def _is_each_sound(columns):  # type: ignore[no-untyped-def]
    for column in columns:
        if not _is_finite(column):
            return False
    for field in (GAIN_IN, GAIN_OUT, WEAR, K_X, DEAD, K_C, PROX):
        if not _is_at_least_zero(columns[field]):
            return False
    has_zero = _has_zero(columns[GAIN_IN]) or _has_zero(columns[GAIN_OUT])
    return not (has_zero or _has_zero(columns[LEAK]))


@register_jitable(**LEAF)
def _are_sound_together(columns):  # type: ignore[no-untyped-def]
    least, most = columns[P_MIN], columns[P_MAX]
    gain_in, gain_out = columns[GAIN_IN], columns[GAIN_OUT]
    return (
        _is_at_most(least, most)
        and _is_at_most(columns[X_MIN], columns[X_MAX])
        and not _can_gain(least, most, gain_in, gain_out)
        and _feels(columns[LEAK], least, columns[K_C], columns[C_X], columns[C_P])
    )


@njit(**JIT)
def is_sound(columns, x0, end_x, end_mu):  # type: ignore[no-untyped-def]
    """Return whether the columns (n, h) of a table, its states x0 (n,) and its end values (n, J) keep the rules of `stores`."""
    return (
        np.isfinite(x0).all()
        and _is_each_sound(columns)
        and _is_finite(end_x)
        and _is_finite(end_mu)
        and _is_monotone(end_x, 1.0)
        and _is_monotone(end_mu, -1.0)
        and _are_sound_together(columns)
    )
