"""A schedule played through the true physics and scored as a run is: what is possible, beside the bound of what is not.

Theory 5.4.
"""

import numpy as np

from gridagora.core.outcome import Outcome
from gridagora.core.registry import find
from gridagora.core.tables import Col
from gridagora.devices.ev import plugged_share
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
    inside = np.flatnonzero(fleet.ev.arrive_s < 3600 * DAY_H * study.days)
    car_kw = _while_plugged(fleet, inside, schedule.car_kw, t, dt)
    panel_kw = _by_array(fleet, schedule.panel_kw, t, per)
    for i in range(t):
        power = [column[:, i * column.shape[1] // t] for column in (schedule.house_kw, schedule.tank_kw, schedule.battery_kw)]
        asked = np.concatenate([*power, car_kw[:, i], panel_kw[:, i]])
        record(desk, i, homes_at.step(fleet, asked, inside, i // per, 3600.0 * i * dt, desk.load_kw[i // per]))
    return score("bound", closed(desk, 0.0), study)


def _while_plugged(fleet: homes_at.Fleet, sessions: np.ndarray, block_kw: Col, t: int, dt_h: float) -> Col:
    """Return the power (m, t) of sessions in each interval whose mean over a block is block_kw (m, b)."""
    share = plugged_share(fleet.ev, 0.0, 3600.0 * dt_h, t)[sessions]
    in_block = t // block_kw.shape[1]
    whole = share.reshape(len(share), -1, in_block).mean(2) if len(share) else block_kw
    rate = np.divide(block_kw, whole, out=np.zeros_like(block_kw), where=whole > 0.0)
    return np.repeat(rate, in_block, axis=1) * share


def _by_array(fleet: homes_at.Fleet, block_kw: Col, t: int, per: int) -> Col:
    """Return the power (arrays, t) of every array in each interval: of all the same share of what it could give."""
    could = np.repeat(fleet.pv.available_kw[:, : t // per], per, axis=1)
    asked = np.repeat(block_kw.sum(0), t // block_kw.shape[1])
    total = could.sum(0)
    return could * np.divide(asked, total, out=np.zeros_like(total), where=total > 0.0)
