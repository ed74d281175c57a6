"""Loads that a script opens wholly: OpenDSS solves them from memory that it never set, so they are switched off meanwhile.

Seen with its backend 0.14.5 in one of two to sixty solutions: voltages of 1e287 V that count as converged, and controls that
act on them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def switch_off_open(circuit: Any) -> list[str]:
    """Switch off the loads that stand wholly open, since they draw nothing, and return their names."""
    names = []
    for element in circuit.Loads:
        terminal = circuit.ActiveCktElement
        if terminal.Enabled and all(
            terminal.IsOpen(1, phase) for phase in range(1, int(element.Phases) + 1)
        ):
            terminal.Enabled = False
            names.append(element.Name)
    return names


@contextmanager
def without_open(engine: Any) -> Iterator[None]:
    """Keep loads that stand wholly open switched off for a while; nothing is done where there is no circuit yet."""
    circuit = engine.ActiveCircuit if engine.NumCircuits else None
    names = [] if circuit is None else switch_off_open(circuit)
    try:
        yield
    finally:
        if circuit is not None:
            for name in names:
                circuit.SetActiveElement(f"Load.{name}")
                circuit.ActiveCktElement.Enabled = True
