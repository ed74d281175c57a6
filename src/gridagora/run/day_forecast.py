"""What midnight knows of the day to come: power of homes and of their devices by the plan, and the price they plan on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gridagora.core.device import DeviceKind
from gridagora.core.tables import Col, Flag, Index
from gridagora.kernels.stores.value import Stores, best_response


class DayForecast(NamedTuple):
    """The h hours that begin with a midnight, of n homes and the g groups of a run; withdrawal positive."""

    hour: int  # of the run
    home_kw: Col  # (n, h)
    kind_kw: Col  # (g, h, n)
    price_per_kwh: Col  # (h,) mean of what homes plan on
    is_heard: Flag  # (n,) homes whose devices are part of it


def plan_by_home(
    about: Sequence[DeviceKind],
    told: Sequence[Stores],
    home: Sequence[Index],
    path_per_kwh: Col,
    inside_kw: Sequence[Col],
    homes: int,
) -> Col:
    """Return what the devices of every group plan to take, shape (g, n, h) [kW].

    Parameters
    ----------
    about, told, home
        Groups, what their rows believe, and the home of each row, (k,) by group.
    path_per_kwh
        Price that homes plan on, (h,), or (n, h) each [$/kWh].
    inside_kw
        Plans of the groups that are valued, (k, h) each [kW], where they set the price inside homes; none: rows answer the path.
    homes
        How many there are.
    """
    path = np.broadcast_to(path_per_kwh, (homes, path_per_kwh.shape[-1]))
    found, known = np.zeros((len(told), *path.shape)), iter(inside_kw)
    for group, (kind, stores, own) in enumerate(zip(about, told, home, strict=True)):
        given = next(known, None) if kind.is_valued else None
        p_kw = best_response(stores, path, path, row=own).p_kw if given is None else given
        np.add.at(found[group], own, p_kw)
    return found
