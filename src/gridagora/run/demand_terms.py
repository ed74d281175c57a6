"""What demand costs the homes of all runs, and in which hours it counts."""

import numpy as np

from gridagora.core.tables import Flag
from gridagora.run.demand_caps import DemandTerms
from gridagora.run.state import DemandSide


def counts_demand(demand: DemandSide, hour: int, hours: int = 1) -> Flag:
    """Return in which of so many hours from one of the run on the demand of each home counts, shape (n, h)."""
    counted = np.zeros((len(demand.metered_kw), hours), np.bool_)
    for run, desk in enumerate(demand.runs):
        if desk.capacity is not None and desk.capacity.demand_per_kw > 0:
            local_hour = (int(desk.study.local_hour[0]) + hour + np.arange(hours)) % 24
            counted[demand.homes_of_run(run)] = desk.capacity.counted[local_hour]
    return counted


def charge_demand(demand: DemandSide, hour: int, hours: int) -> DemandTerms | None:
    """Return what homes are charged for demand in the hours of a window; None where no design charges for it."""
    charge_per_kw = np.zeros(len(demand.metered_kw))
    for run, desk in enumerate(demand.runs):
        if desk.capacity is not None:
            charge_per_kw[demand.homes_of_run(run)] = desk.capacity.demand_per_kw
    if not charge_per_kw.any():
        return None
    return DemandTerms(charge_per_kw, counts_demand(demand, hour, hours), demand.meters.peak_kw)
