"""Inverters of homes that follow voltage, as a flow takes them and as a run recorded them."""

from typing import NamedTuple

import numpy as np

from gridagora.core.inverters import LEAST_SHARE, FollowedRule, Infeed, InverterTable
from gridagora.core.records import RunColumn
from gridagora.core.tables import Col, Index


class FollowedRun(NamedTuple):
    """What inverters of n homes that follow voltage did in t intervals."""

    follows: FollowedRule
    rated_kw: Col  # (n,) largest output of panels
    offered_kw: RunColumn  # (n, t) what they could have given
    drawn_kvar: Col  # (n, t)


def make_infeed(
    follows: FollowedRule, home_meter: Index, rated_kw: Col, available_kw: Col
) -> Infeed | None:
    """Return the inverters of those of n homes that have panels, in t intervals; None where none has.

    Parameters
    ----------
    follows
        Their curves and rating.
    home_meter
        Meter of every home, shape (n,).
    rated_kw
        Largest output of the panels of every home, shape (n,) [kW].
    available_kw
        What they could give, shape (n, t) [kW].
    """
    home = np.flatnonzero(rated_kw > 0)
    if not len(home):
        return None
    rated = rated_kw[home]
    table = InverterTable(home_meter[home], follows.rating_ratio * rated, rated)
    sun = np.ascontiguousarray(available_kw[home].T)
    return Infeed(table, follows.rule, sun, sun >= LEAST_SHARE * rated)
