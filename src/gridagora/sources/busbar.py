"""No feeder at all: every meter on one busbar behind a stiff source, for a community of which no network is known."""

import numpy as np

from gridagora.core.components import (
    CONSTANT_POWER,
    GROUND,
    Buses,
    Lines,
    LoadRows,
    Meters,
    Nodes,
    Phasors,
    Sources,
    no_transformers,
    stack_blocks,
)
from gridagora.core.feeder import Feeder
from gridagora.core.registry import register

PHASE_V = 230.0  # line to neutral; nothing but the scale of currents depends on it
STIFF_OHM = 1e-6  # of each phase of the source: 100 kW lower the voltage by 1e-6 pu and lose .1 W
RATED_KW, RATED_KVAR = 5.0, 1.25  # of a home, as on the synthetic feeder
PHASES = 3


@register("source", "feeder.source=busbar")
def make_busbar(homes: int) -> Feeder:
    """Return a feeder of one bus: a meter for each of so many homes, on the three phases by turns.

    It loses nothing and holds its voltage, so that power, prices and bills are those of the community alone.
    """
    turn = np.exp(-2j * np.pi * np.arange(PHASES) / PHASES)
    at, meters = np.arange(PHASES), np.arange(homes)
    admittance: Phasors = np.divide(np.eye(PHASES), STIFF_OHM, dtype=complex)
    names = tuple(f"meter-{row + 1:04d}" for row in range(homes))
    rated, none = np.full(homes, RATED_KW), np.zeros(0, np.int64)
    return Feeder(
        name=f"busbar of {homes} homes",
        buses=Buses(("busbar",), np.zeros(1), np.zeros(1), np.full(1, PHASE_V)),
        nodes=Nodes(
            tuple(f"busbar.{phase + 1}" for phase in range(PHASES)),
            np.zeros(PHASES, np.int64),
            np.full(PHASES, PHASE_V),
            PHASE_V * turn,
        ),
        sources=Sources(
            ("grid",),
            np.zeros(1, np.int64),
            np.ones(1),
            stack_blocks([(at, np.zeros(PHASES, np.int64), admittance)]),
            admittance @ (PHASE_V * turn),
        ),
        lines=Lines(
            (),
            none,
            none,
            none,
            np.zeros(0),
            np.zeros(0),
            np.zeros(0),
            np.zeros(0, np.bool_),
            stack_blocks([]),
        ),
        loads=LoadRows(
            names,
            meters,
            meters % PHASES,
            np.full(homes, GROUND),
            rated,
            np.full(homes, RATED_KVAR),
            np.full(homes, CONSTANT_POWER),
        ),
        meters=Meters(
            names, np.zeros(homes, np.int64), rated, np.ones(homes, np.bool_), none, (), none
        ),
        transformers=no_transformers(),
    )
