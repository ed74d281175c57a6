"""How a home keeps a limit of its export while units that are on or off do otherwise than they were asked.

What steps later makes up for what stepped before: panels give less, batteries charge. Power control systems of inverters hold
the export of a meter so (UL 1741; IEEE 1547-2018, clause 4.6.2, limit of active power).
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from gridagora.core.device import total_by_home
from gridagora.core.ports import DeviceGroup
from gridagora.core.tables import Col


class Turns(Protocol):
    """Groups of devices, and which of them step together."""

    @property
    def groups(self) -> tuple[DeviceGroup, ...]:
        """All groups."""
        ...

    @property
    def by_turn(self) -> tuple[tuple[int, ...], ...]:
        """Rows of the groups that step together, one turn after another."""
        ...


class ExportHold(NamedTuple):
    """Least power of every meter (n,) [kW], and what groups are asked for that step after each turn, (turns, n) [kW]."""

    floor_kw: Col
    later_kw: Col

    def least_kw(self, turn: int, meter_kw: Col) -> Col:
        """Return the least that groups of a turn may take together, (n,) [kW], at meters that read `meter_kw` (n,) so far."""
        return np.asarray(self.floor_kw - meter_kw - self.later_kw[turn])


def hold_export(
    fleet: Turns, asked_kw: Sequence[Col | None], load_kw: Col, export_kw: Col
) -> ExportHold:
    """Return how meters keep a limit of export `export_kw` (n,) [kW]; a home that is asked for more gives what it is asked for.

    Parameters
    ----------
    asked_kw
        Orders of all rows of every group [kW], nan or None where devices follow their own switch.
    load_kw
        Load of every home without its devices, shape (n,) [kW].
    """
    n, later = len(load_kw), np.zeros((len(fleet.by_turn) + 1, len(load_kw)))
    for turn in range(len(fleet.by_turn) - 1, -1, -1):
        later[turn] = later[turn + 1]
        for row in fleet.by_turn[turn]:
            orders = asked_kw[row]
            if orders is not None:
                later[turn] += total_by_home(np.nan_to_num(orders), fleet.groups[row].home, n)
    return ExportHold(np.minimum(-export_kw, load_kw + later[0]), later[1:])
