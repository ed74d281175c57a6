"""Elements by symmetrical components as blocks over the phases of their buses.

References
----------
C. L. Fortescue, Method of symmetrical co-ordinates applied to the solution of polyphase networks, Trans. AIEE 37, 1918,
doi 10.1109/T-AIEE.1918.4765570
"""

import numpy as np

from gridagora.core.components import Phasors

PHASES = 3
_TURN = np.exp(2j * np.pi / 3)
TO_PHASES = np.array([[1, 1, 1], [1, _TURN**2, _TURN], [1, _TURN, _TURN**2]])
TO_SEQUENCES = np.linalg.inv(TO_PHASES)


def phase_blocks(zero: Phasors, positive: Phasors, negative: Phasors) -> Phasors:
    """Return the admittance over the three phases of p ends, shape (k, 3 p, 3 p) [S], end by end.

    Parameters
    ----------
    zero, positive, negative
        Of each sequence over the p ends of k elements, shape (k, p, p) [S].
    """
    by_sequence = np.stack([zero, positive, negative])
    found = np.einsum("as,skij,sb->kiajb", TO_PHASES, by_sequence, TO_SEQUENCES)
    k, p = zero.shape[:2]
    return np.asarray(found.reshape(k, PHASES * p, PHASES * p), np.complex128)


def pi_ends(series_siemens: Phasors, from_siemens: Phasors, to_siemens: Phasors) -> Phasors:
    """Return the admittance over both ends of k elements, shape (k, 2, 2) [S]: one between them and one at each, (k,) [S]."""
    rows = [
        [series_siemens + from_siemens, -series_siemens],
        [-series_siemens, series_siemens + to_siemens],
    ]
    return np.moveaxis(np.array(rows, np.complex128), 2, 0)


def turn_ratio(y: Phasors, ratio: Phasors) -> Phasors:
    """Return the admittance (k, 2, 2) [S], given at the second end, with an ideal transformer before the first.

    `ratio` (k,) [1] is the voltage of the first end over that behind the ideal transformer, as a phasor.
    """
    turned = y.copy()
    turned[:, 0, 0] /= np.abs(ratio) ** 2
    turned[:, 0, 1] /= np.conj(ratio)
    turned[:, 1, 0] /= ratio
    return turned


def open_end(y: Phasors, end: int) -> Phasors:
    """Return what is left of (k, 2, 2) [S] at one end where the other, `end`, stands open, shape (k, 1, 1) [S]."""
    kept, gone = y[:, 1 - end, 1 - end], y[:, end, end]
    through = y[:, 1 - end, end] * y[:, end, 1 - end]
    part = np.divide(through, gone, out=np.zeros_like(gone), where=gone != 0)
    return np.asarray((kept - part)[:, None, None], np.complex128)
