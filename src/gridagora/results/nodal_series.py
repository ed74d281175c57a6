"""Nodal prices of a run as it keeps them: by home and hour, and what their loss part charges."""

from typing import NamedTuple

from gridagora.core.records import RunColumn
from gridagora.core.tables import Col


class NodalSeries(NamedTuple):
    """Means over each of H hours of the price at every home, n homes; nan in an hour without a power flow.

    Energy is one price for all, that of active power at the substation; reactive power costs nothing there.
    """

    energy_per_kwh: Col  # (H,)
    loss_per_kwh: RunColumn  # (n, H)
    congestion_per_kwh: RunColumn  # (n, H)
    voltage_per_kwh: RunColumn  # (n, H)
    loss_per_kvarh: RunColumn  # (n, H)
    congestion_per_kvarh: RunColumn  # (n, H)
    voltage_per_kvarh: RunColumn  # (n, H)


class MarginalLosses(NamedTuple):
    """What the loss part of nodal prices charges for net active power, below zero where it pays."""

    home_usd: Col  # (n,)
    other_usd: float  # of other customers together
    collected_usd: Col  # (t,) of all in every interval, 0 where there is no power flow
