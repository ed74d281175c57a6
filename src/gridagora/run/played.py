"""A schedule played through the true physics and scored as a run is: what is possible, beside the bound of what is not.

Theory 5.4.
"""

import numpy as np

from gridagora.bound.relaxation import Schedule
from gridagora.core.registry import find
from gridagora.population import fleet as homes_at
from gridagora.results.outcome import Outcome
from gridagora.run.evaluate import evaluate
from gridagora.run.realtime import cut_by_voltage, record_interval
from gridagora.run.simulate import finish_runs
from gridagora.run.state import DAY_H, Setup, start_run


def play_schedule(study: Setup, schedule: Schedule) -> Outcome:
    """Step every home through a schedule of any even steps with units that take any power, and score it.

    What a device cannot do is cut off by its physics: a full battery takes nothing, the limit switch of a tank opens. A car
    takes the mean power of a block while it is plugged in.
    """
    desk = start_run(find("market", "flat")(), study._replace(rule="continuous"))
    fleet, dt, per = desk.fleet, study.dt_h, round(1 / study.dt_h)
    t = DAY_H * study.days * per
    orders = [
        group.orders_kw(block_kw, t, dt)
        for group, block_kw in zip(fleet.groups, schedule, strict=True)
    ]
    for i in range(t):
        asked = [np.ascontiguousarray(power[:, i : i + 1]).ravel() for power in orders]
        load_kw = desk.load_kw[i // per]
        got = homes_at.step_groups(fleet, asked, i // per, 3600.0 * i * dt, load_kw)
        desk.demand.interval = i
        record_interval(desk.demand, i, cut_by_voltage(desk.demand, got, load_kw, i // per))
    return evaluate("bound", finish_runs(desk.demand, 0.0)[0], study)
