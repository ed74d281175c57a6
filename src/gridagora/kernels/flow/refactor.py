"""The factors of a matrix of which a few entries change: the same pattern and pivots, and only the rows that feel the change.

References
----------
T. A. Davis, Direct Methods for Sparse Linear Systems, SIAM 2006, chapter 6 (LU by rows in a known pattern).
S. M. Chan, V. Brandwajn, Partial matrix refactorization, IEEE Trans. Power Systems 1(1), 1986, doi 10.1109/TPWRS.1986.4334869.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from gridagora.kernels.flow.fixed_point import Col, Index, Rows, Triangles
from gridagora.kernels.stores.polyline import INLINE, JIT

Phasors = NDArray[np.complex128]


class Sites(NamedTuple):
    """The s nodes that controls change or measure."""

    place: Index  # (s,) among the permuted unknowns
    row: Index  # (s,) on the permuted right side
    v_no_load: Phasors  # (s,) of the matrix that was factored first [V]


class PrimitiveParts(NamedTuple):
    """The g components that controls change or measure, their c conductors and z entries, part after part."""

    start: Index  # (g + 1,) first conductor of each
    site: Index  # (c,)
    by: Index  # (c,) regulator that moves the tap of its winding, -1: none
    bank: Index  # (g,) row of the capacitor bank, -1: none
    y_start: Index  # (g + 1,) first entry of each
    held: Phasors  # (c,) part of the admittance of each to earth that no tap scales [S]
    y: Phasors  # (z,) primitive admittance, as in the matrix that was factored first [S]
    entry: Index  # (z,) where the matrix holds it, -1 where nothing changes it
    row: Index  # (z,) of the matrix that holds it


@njit(**JIT)
def fill_pattern(ptr: Index, col: Index) -> tuple[Index, Index, Index, Index]:
    """Return first entries and columns of L and U of a matrix, without their diagonals, for pivots on the diagonal.

    `ptr` (m + 1,) and `col` (z,) are its rows; so are the answers, for whatever numbers the entries have.
    """
    m = ptr.size - 1
    held = np.zeros(m, np.bool_)
    l_ptr, u_ptr = np.zeros(m + 1, np.int64), np.zeros(m + 1, np.int64)
    l_col, u_col = np.empty(4 * col.size, np.int64), np.empty(4 * col.size, np.int64)
    for i in range(m):
        first = i
        for z in range(ptr[i], ptr[i + 1]):
            held[col[z]] = True
            first = min(first, col[z])
        low, high = l_ptr[i], u_ptr[i]
        if high + m > u_col.size or low + m > l_col.size:
            l_col, u_col = _longer(l_col, m), _longer(u_col, m)
        for k in range(first, i):
            if held[k]:
                l_col[low] = k
                low += 1
                for z in range(u_ptr[k], u_ptr[k + 1]):
                    held[u_col[z]] = True
        for k in range(i + 1, m):
            if held[k]:
                u_col[high] = k
                high += 1
        held[:] = False
        l_ptr[i + 1], u_ptr[i + 1] = low, high
    return l_ptr, l_col[: l_ptr[m]].copy(), u_ptr, u_col[: u_ptr[m]].copy()


@register_jitable(**JIT)
def _longer(column: Index, least: int) -> Index:
    longer = np.empty(2 * column.size + least, np.int64)
    longer[: column.size] = column
    return longer


@njit(**JIT)
def factor_again(tri: Triangles, rows: Rows, stale: NDArray[np.bool_]) -> None:
    """Factor the rows again that are stale, (m,), or build on one that is; `tri` changes in place, `stale` grows."""
    l_ptr, l_col, l_re, l_im = tri.l_ptr, tri.l_col, tri.l_re, tri.l_im
    u_ptr, u_col, u_re, u_im = tri.u_ptr, tri.u_col, tri.u_re, tri.u_im
    inv_re, inv_im = tri.u_inv_re, tri.u_inv_im
    ptr, col, y_re, y_im = rows.ptr, rows.col, rows.re, rows.im
    m = inv_re.size
    x_re, x_im = np.zeros(m), np.zeros(m)
    for i in range(m):
        if not stale[i]:
            for z in range(l_ptr[i], l_ptr[i + 1]):
                if stale[l_col[z]]:
                    stale[i] = True
                    break
            if not stale[i]:
                continue
        for z in range(ptr[i], ptr[i + 1]):
            x_re[col[z]], x_im[col[z]] = y_re[z], y_im[z]
        for z in range(l_ptr[i], l_ptr[i + 1]):
            k = l_col[z]
            re = x_re[k] * inv_re[k] - x_im[k] * inv_im[k]
            im = x_re[k] * inv_im[k] + x_im[k] * inv_re[k]
            l_re[z], l_im[z] = re, im
            x_re[k], x_im[k] = 0.0, 0.0
            for y in range(u_ptr[k], u_ptr[k + 1]):
                c = u_col[y]
                x_re[c] -= re * u_re[y] - im * u_im[y]
                x_im[c] -= re * u_im[y] + im * u_re[y]
        size = x_re[i] * x_re[i] + x_im[i] * x_im[i]
        inv_re[i], inv_im[i] = x_re[i] / size, -x_im[i] / size
        x_re[i], x_im[i] = 0.0, 0.0
        for z in range(u_ptr[i], u_ptr[i + 1]):
            c = u_col[z]
            u_re[z], u_im[z] = x_re[c], x_im[c]
            x_re[c], x_im[c] = 0.0, 0.0


@register_jitable(**JIT)
def set_parts(
    tri: Triangles, rows: Rows, base: Rows, sites: Sites, parts: PrimitiveParts, scale: Col, share: Col,
    moved: NDArray[np.bool_], shift: Phasors,
) -> None:  # fmt: skip
    """Set matrix and factors to other taps and steps, and the current that the change draws at rest.

    `scale` (c,) are the turns that were factored first over those now, by conductor, and `share` (g,) the part of a bank that is
    on [1]; `moved` (g,) tells which parts differ from what the factors hold. `shift` (s,) is set [A].
    """
    shift[:] = 0.0
    stale = np.zeros(tri.u_inv_re.size, np.bool_)
    for z in range(parts.entry.size):
        if parts.entry[z] >= 0:
            rows.re[parts.entry[z]] = base.re[parts.entry[z]]
            rows.im[parts.entry[z]] = base.im[parts.entry[z]]
    for g in range(parts.bank.size):
        first, count = parts.start[g], parts.start[g + 1] - parts.start[g]
        for a in range(count):
            for b in range(count):
                z = parts.y_start[g] + a * count + b
                at = parts.entry[z]
                if at < 0:
                    continue
                scaled = scale[first + a] * scale[first + b] * share[g] - 1.0
                change = scaled * (parts.y[z] - parts.held[first + a] if a == b else parts.y[z])
                rows.re[at] += change.real
                rows.im[at] += change.imag
                shift[parts.site[first + a]] += change * sites.v_no_load[parts.site[first + b]]
                if moved[g]:
                    stale[parts.row[z]] = True
    factor_again(tri, rows, stale)


@register_jitable(**INLINE)
def size_of(phasor: complex) -> float:
    """Return the absolute value of a phasor, without the guard against overflow, which costs more than all the rest."""
    return float(np.sqrt(phasor.real * phasor.real + phasor.imag * phasor.imag))


@register_jitable(**INLINE)
def current_into(
    parts: PrimitiveParts, scale: Col, share: Col, g: int, a: int, v: Phasors
) -> complex:
    """Return the current into conductor a of part g at the voltages of sites (s,) [V], in A."""
    first, count = parts.start[g], parts.start[g + 1] - parts.start[g]
    total = complex(0.0)
    for b in range(count):
        y = parts.y[parts.y_start[g] + a * count + b]
        total += scale[first + b] * y * v[parts.site[first + b]]
    return complex(total * scale[first + a] * share[g])


@register_jitable(**INLINE)
def power_into(
    parts: PrimitiveParts, scale: Col, share: Col, g: int, ends: tuple[int, int], v: Phasors
) -> complex:
    """Return the power into conductors `ends[0]` to `ends[1]` of part g at the voltages of sites (s,) [V], in VA."""
    total = 0j
    for a in range(ends[0], ends[1]):
        current = current_into(parts, scale, share, g, a, v)
        total += v[parts.site[parts.start[g] + a]] * np.conj(current)
    return total
