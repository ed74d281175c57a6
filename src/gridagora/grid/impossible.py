"""Lines, transformers, capacitors and loads whose figures nothing has: they would give power, or the voltages of another feeder.

A component without a source is passive: at no voltages does it give active power, so that the part of its admittance which is its
own conjugate transpose has no value below zero.

References
----------
C. Desoer, E. Kuh, Basic Circuit Theory, McGraw-Hill 1969, chapter 19: passivity.
"""

from collections.abc import Iterator

import numpy as np

from gridagora.core.components import PrimitiveBlocks
from gridagora.core.feeder import Feeder
from gridagora.core.tables import Col
from gridagora.grid.unsteady import TRANSFORMER, Doubt, find_unsteady

LINE, CAPACITOR, LOAD = "line", "capacitor", "load"
PARTS_SHARE = 1e-3  # of a rating: what rounding leaves of parts
OUTSIDE = "It is outside of its band at every voltage, and draws what its model draws there."
GIVEN_SHARE = (
    1e-3  # of the largest value of an admittance: below what rounded figures of a matrix may give
)
AS_IT_STANDS = "It is read as it stands, and voltages and losses are not those of any feeder."


def find_doubts(feeder: Feeder) -> list[Doubt]:
    """Return controls that cannot rest, transformers in which power circles, and components that cannot be."""
    return [*find_unsteady(feeder), *find_impossible(feeder)]


def say_doubts(feeder: Feeder) -> list[str]:
    """Return `find_doubts` as sentences."""
    return [
        f"{one.kind.capitalize()} {one.name}: got {one.got}, expected {one.expected}. {one.consequence}"
        for one in find_doubts(feeder)
    ]


def find_impossible(feeder: Feeder) -> list[Doubt]:
    """Return lines, transformers, capacitors and loads whose figures nothing has, once each."""
    return [*_lines(feeder), *_transformers(feeder), *_capacitors(feeder), *_loads(feeder)]


def _lines(feeder: Feeder) -> Iterator[Doubt]:
    given = given_shares(feeder.lines.blocks)
    for row, name in enumerate(feeder.lines.name):
        if feeder.lines.length_m[row] < 0:
            got = f"a length of {feeder.lines.length_m[row]:,.0f} m"
            yield Doubt(LINE, name, got, "a length above 0", AS_IT_STANDS)
        elif given[row] > GIVEN_SHARE:
            got = "an impedance that gives active power"
            yield Doubt(LINE, name, got, "resistances above 0", AS_IT_STANDS)


def _transformers(feeder: Feeder) -> Iterator[Doubt]:
    own = feeder.transformers
    given = given_shares(own.blocks)
    for row, name in enumerate(own.name):
        least = float(np.nanmin(own.x_share[row], initial=0.0))
        if not own.kva[row] > 0:
            got = f"a rating of {own.kva[row]:g} kVA"
            yield Doubt(TRANSFORMER, name, got, "a rating above 0", AS_IT_STANDS)
        elif least < 0 and own.x_share[row, 0] < 0:
            got = f"a reactance of {least:.1%} of its rating"
            yield Doubt(TRANSFORMER, name, got, "a reactance above 0", AS_IT_STANDS)
        elif given[row] > GIVEN_SHARE:
            got = "an impedance that gives active power"
            yield Doubt(TRANSFORMER, name, got, "resistances above 0", AS_IT_STANDS)


def _capacitors(feeder: Feeder) -> Iterator[Doubt]:
    for name, kvar in zip(feeder.capacitors.name, feeder.capacitors.kvar.tolist(), strict=True):
        if kvar < 0:
            yield Doubt(CAPACITOR, name, f"{kvar:g} kvar", "a rating above 0", AS_IT_STANDS)


def _loads(feeder: Feeder) -> Iterator[Doubt]:
    """Yield loads once, whose parts are more or less than their rating, or whose band of voltages is turned round."""
    own, told = feeder.loads.dependence, set[str]()
    for row, name in enumerate(feeder.loads.name if len(own.base_v) else ()):
        drawn, reactive = float(own.p_share[row].sum()), float(own.q_share[row].sum())
        if name in told:
            continue
        if max(abs(drawn - 1), abs(reactive - 1)) > PARTS_SHARE:
            got = f"parts that add up to {drawn:g} of its active and {reactive:g} of its reactive power"
            done = "It draws that many times its rating at nominal voltage."
            told.add(name)
            yield Doubt(
                LOAD, name, got, "parts of impedance, current and power that add up to 1", done
            )
        elif own.v_min_pu[row] > own.v_max_pu[row]:
            got = f"vminpu {own.v_min_pu[row]:g} above vmaxpu {own.v_max_pu[row]:g}"
            told.add(name)
            yield Doubt(LOAD, name, got, "a band whose lower end is below the upper", OUTSIDE)


def given_shares(blocks: PrimitiveBlocks) -> Col:
    """Return the most active power that each block gives for its apparent power at any voltages, 0 where none, (k,) [1]."""
    size = np.diff(blocks.start)
    first = np.cumsum(size**2) - size**2
    share = np.zeros(len(size))
    for count in np.unique(size[size > 0]).tolist():
        rows = np.flatnonzero(size == count)
        at = first[rows][:, None] + np.arange(count * count)
        y = blocks.y_siemens[at].reshape(len(rows), count, count)
        least = np.linalg.eigvalsh(0.5 * (y + y.conj().transpose(0, 2, 1)))[:, 0]
        most = np.abs(y).max((1, 2))
        share[rows] = np.divide(-least, most, out=np.zeros(len(rows)), where=most > 0)
    return share.clip(min=0)
