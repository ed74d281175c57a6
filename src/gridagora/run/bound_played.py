"""A schedule played through the true physics and scored as a run is: what is possible, beside the bound of what is not.

Theory 5.4.
"""

from gridagora.core.outcome import Outcome
from gridagora.core.registry import find
from gridagora.run import fleet as homes_at
from gridagora.run.bound import Schedule
from gridagora.run.desk import DAY_H, Study, opened
from gridagora.run.interval import record
from gridagora.run.score import score
from gridagora.run.simulate import closed


def played(study: Study, schedule: Schedule) -> Outcome:
    """Step every home through a schedule of any even steps with units that take any power, and score it.

    What a device cannot do is cut off by its physics: a full battery takes nothing, the limit switch of a tank opens. A car
    takes the mean power of a block while it is plugged in.
    """
    desk = opened(find("market", "flat")(), study._replace(rule="continuous"))
    fleet, dt, per = desk.fleet, study.dt_h, round(1 / study.dt_h)
    t = DAY_H * study.days * per
    orders = [group.orders_kw(block_kw, t, dt) for group, block_kw in zip(fleet.groups, schedule, strict=True)]
    for i in range(t):
        asked = [power[:, i] for power in orders]
        record(desk, i, homes_at.step_groups(fleet, asked, i // per, 3600.0 * i * dt, desk.load_kw[i // per]))
    return score("bound", closed(desk, 0.0), study)
