"""Lines of an OpenDSS model, each with its own matrices."""

import numpy as np

from gridagora.core.components import Lines, Phasors, pi_block
from gridagora.core.tables import Col
from gridagora.report.opendss_model.names import NodePlaces
from gridagora.report.opendss_model.rest import Block, WrittenElement

F_HZ = (
    60.0  # turns susceptance into capacitance and OpenDSS back: any frequency gives the same flow
)
NANO = 1e9


def write_line(
    lines: Lines, row: int, name: str, places: NodePlaces, block: Block
) -> WrittenElement | None:
    """Return a line over its closed conductors; None where it has none that go from end to end."""
    ends = [np.flatnonzero(block.terminal == end) for end in (0, 1)]
    if len(ends[0]) != len(ends[1]):
        return None
    across = -block.y_siemens[np.ix_(*ends)]
    closed = np.flatnonzero(np.diag(across) != 0)
    if not closed.size:
        return None
    first, last = ends[0][closed], ends[1][closed]
    through = across[np.ix_(closed, closed)]
    if np.linalg.matrix_rank(through) < len(closed):
        return None
    inverse = np.linalg.inv(through)
    ohm: Phasors = np.asarray((inverse + inverse.T) / 2, np.complex128)
    shunt = 2 * (block.y_siemens[np.ix_(first, first)] - np.linalg.inv(ohm)).imag
    shunt = (shunt + shunt.T) / 2
    shunt[np.abs(shunt) < 1e-12 * np.abs(through).max()] = 0.0
    whole: Phasors = np.zeros_like(block.y_siemens)
    at = np.concatenate([first, last])
    whole[np.ix_(at, at)] = pi_block(ohm, 1j * shunt)
    length = float(lines.length_m[row])
    unit = length if length > 0 else 1.0
    nanofarad = NANO * shunt / (2 * np.pi * F_HZ)
    said = [
        f"New Line.{name} phases={len(closed)}",
        f"bus1={places.spell(block.node[first].tolist())}",
        f"bus2={places.spell(block.node[last].tolist())}",
        f"length={unit!r} units={'m' if length > 0 else 'none'}",
        f"rmatrix={spell_matrix(ohm.real / unit)}",
        f"xmatrix={spell_matrix(ohm.imag / unit)}",
        f"cmatrix={spell_matrix(nanofarad / unit)}",
        *_ratings(float(lines.rating_a[row]), float(lines.emergency_a[row])),
        # the property of OpenDSS would put an impedance of its own in place of the matrices
        *(["! a switch"] if lines.is_switch[row] else []),
    ]
    return WrittenElement(" ".join(said), whole)


def spell_matrix(values: Col) -> str:
    """Return the lower half of a matrix as OpenDSS reads it, shape (c, c) [unit of a property]."""
    rows = (" ".join(repr(float(x)) for x in row[: at + 1]) for at, row in enumerate(values))
    return f"[{' | '.join(rows)}]"


def _ratings(normal_a: float, emergency_a: float) -> list[str]:
    found = {"normamps": normal_a, "emergamps": emergency_a}
    return [f"{key}={amps!r}" for key, amps in found.items() if np.isfinite(amps)]
