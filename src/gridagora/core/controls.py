"""Settings of the controls of a feeder: what a regulator does once power runs against it, and what switches a capacitor bank.

References
----------
W. H. Kersting, Distribution System Modeling and Analysis, 4th ed., CRC Press 2017, chapter 7 (regulators, line drop
compensation) and chapter 9 (switched capacitors).
R. C. Dugan, Reference Guide: The Open Distribution System Simulator, EPRI (RegControl, CapControl).
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from gridagora.core.brief import brief
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.flow.control_codes import (
    HIGHEST_PHASE,
    LOWEST_PHASE,
    MEAN_PHASE,
    ReverseMode,
    SwitchedBy,
)

__all__ = ["HIGHEST_PHASE", "LOWEST_PHASE", "MEAN_PHASE", "ReverseMode", "SwitchedBy"]

PHASES = 3  # that a control can measure
ALL_PHASES = -1  # of power: their sum


class Component(IntEnum):
    """The table of a feeder that a measured element stands in."""

    SOURCES = 0
    LINES = 1
    TRANSFORMERS = 2
    CAPACITORS = 3
    OTHERS = 4


class ReverseSettings(NamedTuple):
    """Settings of k regulators once power runs against them."""

    mode: Index  # (k,) of `ReverseMode`
    to_neutral: Flag  # (k,) goes to the middle tap instead
    power_kw: Col  # (k,) that must run against it, and again with it
    delay_s: Col  # (k,)
    set_v: Col  # (k,) on the secondary of its voltage transformer
    band_v: Col  # (k,)
    r_v: Col  # (k,)
    x_v: Col  # (k,)
    z_v: Col  # (k,)

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


class CapacitorControls(NamedTuple):
    """b controls of capacitor banks, and what they measure at one end of a component.

    A bank is closed, or a step more of it, where the measured figure passes `on_setting`, and opened where it passes
    `off_setting`: voltage, time and power factor in their own direction.
    """

    name: tuple[str, ...]  # (b,)
    bank: Index  # (b,) row of the capacitors
    kind: Index  # (b,) of `SwitchedBy`
    component: Index  # (b,) of `Component`: the table of what is measured
    row: Index  # (b,) in it
    terminal: Index  # (b,) end of it, from 0
    node: Index  # (b, 3) phases of that end, GROUND beyond them
    current_terminal: Index  # (b,) end at which currents are measured
    current_node: Index  # (b, 3) phases of it
    voltage_phase: Index  # (b,) phase from 0, or HIGHEST_PHASE, LOWEST_PHASE, MEAN_PHASE
    current_phase: Index  # (b,)
    phases: Index  # (b,) of the component
    voltage_ratio: Col  # (b,)
    current_ratio: Col  # (b,)
    on_setting: Col  # (b,) [A], [V], [kvar], [h] or [1]
    off_setting: Col  # (b,) likewise [A], [V], [kvar], [h] or [1]
    delay_s: Col  # (b,) before it closes
    off_delay_s: Col  # (b,) before it opens
    dead_s: Col  # (b,) that a bank stays open at least
    is_override: Flag  # (b,) whether voltage goes before the other figure
    low_v: Col  # (b,) below which it closes then, on the secondary
    high_v: Col  # (b,)
    override_node: Index  # (b, 3) phases where that voltage is measured
    least_share: Col  # (b,) of the rating of the bank that must flow before power factor closes it
    power_phase: Index  # (b,) phase of that end, from 0, whose power is measured, or ALL_PHASES

    def __repr__(self) -> str:
        """Return the columns in brief."""
        return brief(self)


def no_reverse(count: int) -> ReverseSettings:
    """Return the settings of so many regulators that look forward all the time."""
    none = np.zeros(count)
    return ReverseSettings(
        mode=np.zeros(count, np.int64),
        to_neutral=np.zeros(count, np.bool_),
        power_kw=none,
        delay_s=none,
        set_v=none,
        band_v=none,
        r_v=none,
        x_v=none,
        z_v=none,
    )


def no_capacitor_controls() -> CapacitorControls:
    """Return the table of a feeder whose banks nothing switches."""
    none, empty, three = np.zeros(0, np.int64), np.zeros(0), np.zeros((0, PHASES), np.int64)
    truth = np.zeros(0, np.bool_)
    return CapacitorControls(
        (), none, none, none, none, none, three, none, three, none, none, none,
        empty, empty, empty, empty, empty, empty, empty, truth, empty, empty, three, empty, none,
    )  # fmt: skip
