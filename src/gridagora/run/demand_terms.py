"""What demand costs the homes of all runs, and in which hours it counts."""

import numpy as np

from gridagora.core.tables import Col, Flag
from gridagora.run.demand_caps import DemandTerms
from gridagora.run.state import DemandSide, RunState
from gridagora.settlement.retail_terms import begins_month, demand_ahead


def counts_demand(demand: DemandSide, hour: int, hours: int = 1) -> Flag:
    """Return in which of so many hours from one of the run on the demand of each home counts, shape (n, h)."""
    counted = np.zeros((len(demand.metered_kw), hours), np.bool_)
    for run, desk in enumerate(demand.runs):
        charge_per_kw, held = _charged_by(desk, hour, hours)
        if charge_per_kw > 0:
            counted[demand.homes_of_run(run)] = held
    return counted


def charge_demand(demand: DemandSide, hour: int, hours: int) -> DemandTerms | None:
    """Return what homes are charged for demand in the hours of a window; None where no design charges for it.

    Where an hour begins a month of a retail tariff, no demand of the month before counts any more.
    """
    charge_per_kw: Col = np.zeros(len(demand.metered_kw))
    for run, desk in enumerate(demand.runs):
        own = demand.homes_of_run(run)
        charge_per_kw[own] = _charged_by(desk, hour, hours)[0]
        if desk.billing is not None and begins_month(desk.billing, hour):
            demand.meters.peak_kw[own] = demand.meters.cap_kw[own] = 0.0
    if not charge_per_kw.any():
        return None
    return DemandTerms(charge_per_kw, counts_demand(demand, hour, hours), demand.meters.peak_kw)


def _charged_by(desk: RunState, hour: int, hours: int) -> tuple[float, Flag]:
    """Return what a kW of the homes of a run costs [$/kW], and in which hours it counts, (h,)."""
    if desk.billing is not None:
        return demand_ahead(desk.billing, hour, hours)
    if desk.capacity is None:
        return 0.0, np.zeros(hours, np.bool_)
    local_hour = (int(desk.study.local_hour[0]) + hour + np.arange(hours)) % 24
    return desk.capacity.demand_per_kw, desk.capacity.counted[local_hour]
