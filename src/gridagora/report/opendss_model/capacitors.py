"""Capacitor banks of an OpenDSS model, with the steps that are on."""

import numpy as np

from gridagora.core.components import Capacitors, Phasors
from gridagora.report.opendss_model.names import NodePlaces
from gridagora.report.opendss_model.rest import Block, WrittenElement


def write_capacitor(
    banks: Capacitors, row: int, name: str, places: NodePlaces, block: Block
) -> WrittenElement | None:
    """Return a bank from its phases to earth or in delta between them; None for one that is connected otherwise."""
    phases, count = int(banks.phases[row]), len(block.node)
    is_delta = bool(banks.is_delta[row])
    across = is_delta and phases == 1 and count == 2
    if count != phases and not across:
        return None
    star = 1.0 if is_delta or phases == 1 else np.sqrt(3.0)
    volts = 1e3 * float(banks.kv[row]) / star
    steps, on = int(banks.steps[row]), int(banks.steps_on[row])
    share = banks.step_share[row, :steps]
    siemens = 1e3 * float(banks.kvar[row] * share[:on].sum()) / phases / volts**2
    y: Phasors = np.zeros((count, count), np.complex128)
    for phase in range(phases):
        ends = (phase, (phase + 1) % count) if is_delta and count > 1 else (phase,)
        incidence = np.zeros(count)
        incidence[list(ends)] = (1.0, -1.0)[: len(ends)]
        y += 1j * siemens * np.outer(incidence, incidence)
    states = " ".join("1" if step < on else "0" for step in range(steps))
    line = (
        f"New Capacitor.{name} phases={phases} bus1={places.spell(block.node.tolist())} "
        f"conn={'delta' if is_delta else 'wye'} kv={float(banks.kv[row])!r} "
        f"numsteps={steps} kvar=[{' '.join(repr(float(x)) for x in banks.kvar[row] * share)}] "
        f"states=[{states}]"
    )
    return WrittenElement(line, y)
